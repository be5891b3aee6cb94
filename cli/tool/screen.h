/* screen.h - a view that refreshes in place
 *
 * On a terminal: the alternate screen and single keys, restored by screen_close() (also
 * after Ctrl-C, when the caller uses tool/intr.h).  A frame is drawn into memory through
 * an ordinary FILE and shown at once, clipped to the terminal, so nothing flickers.
 * Piped: frames go to the output as they are, one after the other.
 */
#ifndef CLI_TOOL_SCREEN_H
#define CLI_TOOL_SCREEN_H

#include <stddef.h>

#include "cli/tool/out.h"

struct screen;

/* `out` is borrowed; its FILE is replaced between screen_begin() and screen_end(). */
struct screen *screen_open(struct out *out);
void screen_close(struct screen *screen);

void screen_begin(struct screen *screen);
void screen_end(struct screen *screen);

/* Descriptor of the keyboard, -1 when there is none; and the key waiting, 0 for none. */
int screen_fd(const struct screen *screen);
int screen_key(struct screen *screen);

#endif
