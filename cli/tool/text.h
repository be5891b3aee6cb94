/* text.h - UTF-8 on a terminal: columns, clipping, and text from peers made harmless
 *
 * One code point counts as one column; colours (CSI ... m) count as none.  Pure.
 */
#ifndef CLI_TOOL_TEXT_H
#define CLI_TOOL_TEXT_H

#include <stddef.h>

/* Bytes of the UTF-8 character at `s` (1-4), or 0 when it is none. */
size_t text_char(const char *s, size_t len);

int text_is_utf8(const void *data, size_t len);

/* Columns that `s` takes. */
size_t text_width(const char *s);

/* How many bytes of the line at `s` fit into `columns`; stops at its end or newline. */
size_t text_fit(const char *s, size_t columns);

/* Copy of `s` without what could steer a terminal: control characters and bytes that are
 * not UTF-8 become '?', tab and newline become a space.  To be freed. */
char *text_clean(const char *s);

/* Cut `s` in place to `columns`, marking the cut with "~". */
void text_shorten(char *s, size_t columns);

#endif
