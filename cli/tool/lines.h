/* lines.h - lines of a descriptor that must not block the program
 *
 * The caller polls the descriptor and calls lines_fill() when it is readable;
 * lines_next() hands out what is complete.  A line is at most LINES_MAX bytes.
 */
#ifndef CLI_TOOL_LINES_H
#define CLI_TOOL_LINES_H

#include <stddef.h>

#define LINES_MAX (1u << 20)

struct lines {
    int fd;
    char *buf;
    size_t start, end, cap;
    int eof;
};

void lines_init(struct lines *lines, int fd);
void lines_fini(struct lines *lines);

/* One read().  0, or -1 with errno. */
int lines_fill(struct lines *lines);

/* 1 and the next line without its newline (borrowed until the next call), 0 when more
 * must be read first, -1 at the end, -2 when a line is too long. */
int lines_next(struct lines *lines, const char **ret_line, size_t *ret_len);

#endif
