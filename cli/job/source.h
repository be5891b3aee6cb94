/* source.h - where a batch's payloads come from, one at a time
 *
 * One payload; the numbers of an array; the lines of a file or of standard input, which
 * may come slowly; or files.  A piece's name is its number or its file's name: results
 * are stored under it.
 */
#ifndef CLI_JOB_SOURCE_H
#define CLI_JOB_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "cli/cli.h"
#include "cli/tool/lines.h"

enum source_kind { SOURCE_ONE, SOURCE_ARRAY, SOURCE_LINES, SOURCE_FILES };

struct piece {
    char *data; /* owned by who took it */
    size_t len;
    const char *file; /* borrowed: the payload is this file, and `data` NULL */
    char name[80];
};

struct source {
    enum source_kind kind;
    uint64_t next, total; /* total 0: not known */
    const char *text;     /* ONE and ARRAY: the payload, or NULL */
    size_t len;
    const char *file; /* the same in a file; NULL: it is `text` */
    int substitute;   /* ARRAY: {} in it becomes the number */
    struct lines lines;
    char **files;
    size_t max_line;
};

/* 1 and a piece; 0: read the descriptor of source_fd() when it is readable, then call
 * source_fill(); -1 at the end; -2 after an error, printed, whose exit code is
 * *ret_exit. */
int source_next(struct source *source, struct cli *cli, struct piece *ret_piece,
                int *ret_exit);
int source_fd(const struct source *source);
int source_fill(struct source *source, struct cli *cli);
void source_fini(struct source *source);

/* `text` with each {} replaced by the number; to be freed. */
char *source_numbered(const char *text, size_t len, uint64_t number, size_t *ret_len);

#endif
