#include "cli/job/source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/job/spec.h"
#include "cli/tool/mem.h"

char *source_numbered(const char *text, size_t len, uint64_t number, size_t *ret_len)
{
    char digits[24], *out = NULL;
    size_t n = (size_t) snprintf(digits, sizeof(digits), "%" PRIu64, number);
    size_t used = 0, cap = 0, i = 0;

    while (i < len) {
        int hit = len - i >= 2 && text[i] == '{' && text[i + 1] == '}';
        const char *from = hit ? digits : text + i;
        size_t add = hit ? n : 1;

        out = mem_grow(out, &cap, used + add + 1, 1);
        memcpy(out + used, from, add);
        used += add;
        i += hit ? 2 : 1;
    }
    *ret_len = used;
    return out != NULL ? out : mem_strdup("");
}

static void number_piece(struct source *source, struct piece *piece)
{
    snprintf(piece->name, sizeof(piece->name), "%" PRIu64, source->next);
    if (source->file != NULL) {
        piece->file = source->file;
        piece->len = source->len;
    } else if (source->text == NULL) {
        piece->data = mem_strdup(piece->name);
        piece->len = strlen(piece->name);
    } else if (source->substitute) {
        piece->data =
            source_numbered(source->text, source->len, source->next, &piece->len);
    } else {
        piece->data = mem_dup(source->text, source->len);
        piece->len = source->len;
    }
}

static int next_line(struct source *source, struct cli *cli, struct piece *piece,
                     int *ret_exit)
{
    const char *line;
    size_t len;
    int rc = lines_next(&source->lines, &line, &len);

    if (rc == -2) {
        *ret_exit = cli_fail(cli, WEFT_ETOOBIG, "line %" PRIu64, source->next + 1);
        return -2;
    }
    if (rc == 1) {
        snprintf(piece->name, sizeof(piece->name), "%" PRIu64, source->next);
        piece->data = mem_dup(line, len);
        piece->len = len;
    }
    return rc;
}

static int next_file(struct source *source, struct cli *cli, struct piece *piece,
                     int *ret_exit)
{
    const char *path = source->files[source->next], *base = strrchr(path, '/');
    struct spec_payload payload = {NULL, 0, NULL};

    *ret_exit = spec_open(cli, path, &payload);
    piece->data = payload.data;
    piece->len = payload.len;
    piece->file = payload.file;
    snprintf(piece->name, sizeof(piece->name), "%s", base != NULL ? base + 1 : path);
    return *ret_exit == CLI_OK ? 1 : -2;
}

int source_next(struct source *source, struct cli *cli, struct piece *ret_piece,
                int *ret_exit)
{
    struct piece piece = {.data = NULL};
    int rc = 1;

    if (source->total > 0 && source->next >= source->total) {
        return -1;
    }
    switch (source->kind) {
    case SOURCE_ONE:
    case SOURCE_ARRAY:
        number_piece(source, &piece);
        break;
    case SOURCE_LINES:
        rc = next_line(source, cli, &piece, ret_exit);
        break;
    case SOURCE_FILES:
        rc = next_file(source, cli, &piece, ret_exit);
        break;
    }
    if (rc != 1) {
        return rc;
    }
    source->next++;
    *ret_piece = piece;
    return 1;
}

int source_fd(const struct source *source)
{
    return source->kind == SOURCE_LINES ? source->lines.fd : -1;
}

int source_fill(struct source *source, struct cli *cli)
{
    if (lines_fill(&source->lines) < 0) {
        return cli_fail_next(cli, WEFT_EIO, "check the file and its permissions",
                             "cannot read the lines: %s", strerror(errno));
    }
    return CLI_OK;
}

void source_fini(struct source *source)
{
    if (source->kind == SOURCE_LINES) {
        if (source->lines.fd > STDERR_FILENO) {
            close(source->lines.fd);
        }
        lines_fini(&source->lines);
    }
}
