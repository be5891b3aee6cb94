/* mem.h - memory for a program that runs one command
 *
 * Without memory a command cannot end well: these calls print one line and exit with 1
 * instead of returning NULL.  Release with free().
 */
#ifndef CLI_TOOL_MEM_H
#define CLI_TOOL_MEM_H

#include <stddef.h>

/* Zeroed memory for n things of `size` bytes. */
void *mem_calloc(size_t n, size_t size);

/* Grow `p` so that *cap things of `size` bytes become at least `want`.  *cap is changed.
 */
void *mem_grow(void *p, size_t *cap, size_t want, size_t size);

/* Copy of `len` bytes with a zero byte behind it. */
void *mem_dup(const void *p, size_t len);
char *mem_strdup(const char *s);

__attribute__((format(printf, 1, 2))) char *mem_printf(const char *fmt, ...);

#endif
