/* intern.h - small numbers for names
 *
 * A name gets the next number, from 1, when it is first put, and keeps it: tables are
 * then indexed by number instead of searched by text.  0 is the number of no name.  Names
 * never leave, so the table is bounded, and whoever lets peers name things decides what
 * may be put.
 */
#ifndef COMMON_INTERN_H
#define COMMON_INTERN_H

#include "common/defs.h"

#define WF_INTERN_NAME 63 /* bytes of a name, at most */

struct wf_intern;

/* At most `max` (1 to 2^20) names.  NULL when out of memory. */
struct wf_intern *wf_intern_new(uint32_t max, uint64_t seed);
void wf_intern_free(struct wf_intern *t); /* NULL is allowed */

/* The number of a name, which is copied when it is new; an empty name has the number 0.
 * WEFT_ETOOBIG, WEFT_EFULL, WEFT_ENOMEM. */
int wf_intern_put(struct wf_intern *t, const char *name, uint32_t *ret_number);

/* The number, or 0. */
uint32_t wf_intern_find(const struct wf_intern *t, const char *name);

/* The name (borrowed until the table is freed); "" for 0 and for what was never given. */
const char *wf_intern_name(const struct wf_intern *t, uint32_t number);

/* Names so far: the highest number. */
uint32_t wf_intern_len(const struct wf_intern *t);

#endif
