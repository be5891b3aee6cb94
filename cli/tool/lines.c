#include "cli/tool/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/tool/mem.h"

#define LINES_READ (64u << 10)

void lines_init(struct lines *lines, int fd)
{
    memset(lines, 0, sizeof(*lines));
    lines->fd = fd;
}

void lines_fini(struct lines *lines)
{
    free(lines->buf);
    lines->buf = NULL;
}

int lines_fill(struct lines *lines)
{
    ssize_t n;

    if (lines->start > 0) {
        memmove(lines->buf, lines->buf + lines->start, lines->end - lines->start);
        lines->end -= lines->start;
        lines->start = 0;
    }
    lines->buf = mem_grow(lines->buf, &lines->cap, lines->end + LINES_READ, 1);
    n = read(lines->fd, lines->buf + lines->end, LINES_READ);
    if (n < 0) {
        return errno == EINTR || errno == EAGAIN ? 0 : -1;
    }
    lines->eof = n == 0;
    lines->end += (size_t) n;
    return 0;
}

int lines_next(struct lines *lines, const char **ret_line, size_t *ret_len)
{
    size_t left = lines->end - lines->start, len;
    char *line, *nl;

    /* Before the first line there is no buffer yet. */
    if (left == 0) {
        return lines->eof ? -1 : 0;
    }
    line = lines->buf + lines->start;
    nl = memchr(line, '\n', left);
    len = nl != NULL ? (size_t) (nl - line) : left;
    if (len > LINES_MAX) {
        return -2;
    }
    if (nl == NULL && !lines->eof) {
        return 0;
    }
    *ret_line = line;
    *ret_len = len;
    lines->start += len + (nl != NULL);
    return 1;
}
