/* table.h - rows in columns
 *
 * On a terminal: a header, aligned columns, fitted to its width: optional columns are
 * left out, the last one first, then those that may shrink are cut, then others go, too.
 * Else: one line a row, all columns, tabs between the cells, no header.
 */
#ifndef CLI_TOOL_TABLE_H
#define CLI_TOOL_TABLE_H

#include "cli/tool/out.h"

enum col_flag { COL_RIGHT = 1, COL_SHRINK = 2, COL_OPTIONAL = 4 };

struct col {
    const char *head;
    unsigned flags;
};

struct table;

/* `cols` is borrowed until table_free(). */
struct table *table_new(const struct col *cols, size_t ncols);
void table_free(struct table *table);

/* The next cell, row by row, each with all columns.  The text is cleaned and copied. */
__attribute__((format(printf, 3, 4))) void table_cell(struct table *table, enum tint tint,
                                                      const char *fmt, ...);

size_t table_rows(const struct table *table);

/* Print at most `max` rows (0: all), with `indent` spaces before each on a terminal. */
void table_print(const struct table *table, struct out *out, unsigned indent, size_t max);

#endif
