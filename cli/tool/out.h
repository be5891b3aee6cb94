/* out.h - where a command writes: a terminal or not, how wide, in colour or not
 *
 * Colours are used only on a terminal, without NO_COLOR, --no-color and TERM=dumb.
 */
#ifndef CLI_TOOL_OUT_H
#define CLI_TOOL_OUT_H

#include <stdio.h>

enum tint { TINT_NONE, TINT_GOOD, TINT_WARN, TINT_BAD, TINT_DIM, TINT_BOLD, TINT_NOTE };

struct out {
    FILE *f;
    int tty;
    int color;
    int utf8; /* the locale can show box drawings */
    int width, height;
};

void out_init(struct out *out, FILE *f, int no_color);

/* Ask the terminal for its size again. */
void out_resize(struct out *out);

/* Escape sequences that start and end a tint; "" without colours. */
const char *out_on(const struct out *out, enum tint tint);
const char *out_off(const struct out *out, enum tint tint);

/* Print in a tint.  Text from peers must have been cleaned (tool/text.h). */
__attribute__((format(printf, 3, 4))) void out_print(struct out *out, enum tint tint,
                                                     const char *fmt, ...);

/* "key   value" on a terminal, "key<TAB>value" else.  The value is cleaned. */
__attribute__((format(printf, 4, 5))) void out_pair(struct out *out, const char *key,
                                                    enum tint tint, const char *fmt, ...);

/* A sentence and a newline: on a terminal broken between words, the lines after the first
 * indented.  The text is cleaned. */
__attribute__((format(printf, 2, 3))) void out_line(struct out *out, const char *fmt,
                                                    ...);

#endif
