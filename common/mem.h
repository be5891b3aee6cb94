/* mem.h - allocation with a fault-injection point
 *
 * Every allocation of the tree goes through here, so that a test can fail the Nth one.
 * Thread-safe, but for wf_mem_fail_after(), which is for single-threaded tests.
 */
#ifndef COMMON_MEM_H
#define COMMON_MEM_H

#include "common/defs.h"

/* Zeroed memory of n * size bytes; NULL when there is none or the product overflows. */
void *wf_calloc(size_t n, size_t size) WF_MUST_USE;

/* As realloc(); on NULL the old block is untouched. */
void *wf_realloc(void *p, size_t size) WF_MUST_USE;

/* Copy of `len` bytes plus a terminating zero; NULL when out of memory. */
void *wf_memdup(const void *p, size_t len) WF_MUST_USE;
char *wf_strdup(const char *s) WF_MUST_USE;

/* NULL is allowed. */
void wf_free(void *p);

/* Let the next `n` allocations succeed and fail the one after them; -1 switches it off.
 * Returns how many allocations were made since the last call. */
unsigned long wf_mem_fail_after(long n);

#endif
