/* get.c - weft data get */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/data/move.h"
#include "cli/tool/fmt.h"
#include "cli/tool/mem.h"
#include "cli/view/data.h"

struct get_args {
    const char *out;
    int force;
};

static const struct opt opts[] = {
    {"out", 'o', OPT_TEXT, "PATH | -", offsetof(struct get_args, out), 0, 0,
     "write it there; - is standard output (default: under its own name, here)"},
    {"force", 'f', OPT_FLAG, NULL, offsetof(struct get_args, force), 0, 0,
     "replace files that are there and differ"},
};

struct getting {
    struct move move; /* first: it is the argument of its own function, too */
    FILE *f;
    int force;
};

static int write_out(uint64_t offset, const void *data, size_t len, void *arg)
{
    const struct getting *g = arg;

    (void) offset;
    return fwrite(data, 1, len, g->f) == len ? 0 : -1;
}

/* "b" of "maps@3/a/b", "maps" of "maps@3"; to be freed. */
static char *name_of(const char *ref)
{
    const char *slash = strrchr(ref, '/');

    if (slash != NULL) {
        return mem_strdup(slash + 1);
    }
    return mem_dup(ref, strcspn(ref, "@"));
}

static void print(struct cli *cli, const struct weft_moved *m, const char *to,
                  uint64_t ms)
{
    struct json json;

    if (cli->json) {
        json_begin(&json, cli->out.f, "get");
        json_text(&json, "path", to);
        json_digest(&json, "digest", &m->digest);
        json_uint(&json, "files", m->files);
        json_uint(&json, "bytes", m->bytes);
        json_uint(&json, "moved", m->moved);
        json_text(&json, "node", m->node);
        json_uint(&json, "took_ms", ms);
        json_end(&json);
    } else if (cli->err.tty) {
        cli_note(cli, "%s: %" PRIu64 " file%s, %s%s%s in %s", to, m->files,
                 m->files == 1 ? "" : "s", fmt_size(m->bytes).s,
                 *m->node != '\0' ? " from " : "", m->node, fmt_ms(ms).s);
    }
}

static int get(struct cli *cli, struct getting *g, const char *ref, const char *to)
{
    struct weft_get what = WEFT_GET_INIT;
    weft_future *future = NULL;
    int rc;

    what.ref = ref;
    what.path = g->f == NULL ? to : NULL;
    what.keep = !g->force;
    what.write = g->f != NULL ? write_out : NULL;
    what.on_progress = move_on_progress;
    what.arg = g;
    if (cli->timeout_ms > 0) {
        what.patience_ms = cli->timeout_ms;
    }
    rc = weft_data_get(cli->client, &what, &future);
    if (rc == WEFT_EINVAL) {
        return cli_usage(cli, "`%s` is neither DATASET[@VERSION][/PATH] nor a digest",
                         ref);
    }
    if (rc < 0) {
        return cli_fail(cli, rc, "%s", ref);
    }
    rc = move_wait(&g->move, future, ref);
    if (rc == 0 && g->f != NULL && fflush(g->f) != 0) {
        rc = cli_fail_next(cli, WEFT_EIO, "look at what reads it",
                           "cannot write to standard output");
    }
    if (rc == 0) {
        print(cli, weft_future_moved(future), to, move_ms(&g->move));
    }
    weft_future_free(future);
    return rc;
}

static int run(struct cli *cli, const void *args_, int n, char **operands)
{
    const struct get_args *args = args_;
    struct getting g = {.f = NULL, .force = args->force};
    char *own = NULL;
    int rc;

    (void) n;
    if (args->out != NULL && strcmp(args->out, "-") == 0) {
        if (cli->json) {
            return cli_usage(cli, "--json and the data cannot both be standard output");
        }
        g.f = cli->out.f;
    }
    rc = cli_connect(cli);
    if (rc == CLI_OK) {
        own = name_of(operands[0]);
        move_init(&g.move, cli, g.f != NULL && cli->out.tty);
        g.move.exists =
            "move it away, get it elsewhere with -o, or replace it with --force";
        rc = get(cli, &g, operands[0], args->out != NULL ? args->out : own);
    }
    free(own);
    return rc;
}

const struct cmd cmd_data_get = {
    .name = "data get",
    .group = "Data",
    .operands = "DATASET[@VERSION][/PATH] | DIGEST",
    .summary = "Get a dataset, a folder or a file of it, or a blob",
    .details =
        "  weft data get maps                       # all files, into ./maps\n"
        "  weft data get maps@3/lyon.pbf -o /tmp/\n"
        "  weft data get db/db.sql -o - | psql\n"
        "\n"
        "Every chunk is verified.  A get that was broken off goes on with what is in\n"
        "FILE.part.  A file that is there and differs stays, and ends the get, unless\n"
        "--force is given.  --timeout is how long to wait while nobody who has it is\n"
        "there (default 30s).\n",
    CMD_OPTS(opts),
    .args_size = sizeof(struct get_args),
    .min = 1,
    .max = 1,
    .operand = CMD_DATASET,
    .run = run,
};
