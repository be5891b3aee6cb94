/* day.h - what of a day's budget of bytes is used, over a restart
 *
 * One line in STATE/data-day: the day (of the wall clock), bytes pulled, bytes given.  A
 * file of another day, or one that cannot be read, counts as nothing used.
 */
#ifndef AGENT_DATA_DAY_H
#define AGENT_DATA_DAY_H

#include "common/err.h"

struct day {
    uint64_t day, pulled, given; /* as they are in the file */
};

void day_load(struct day *d, const char *state, uint64_t wall_ms);

/* Write, if something changed.  WEFT_EIO. */
int day_save(struct day *d, const char *state, uint64_t wall_ms, uint64_t pulled,
             uint64_t given, struct wf_err *err);

#endif
