/* meter.h - how many bytes may move: a rate, and a budget for each day
 *
 * A token bucket that may run into debt by one chunk: whoever finds it above zero takes
 * what he needs.  A day is 24 hours from the first use on, by the caller's clock.
 * Integers only.  Pure.
 */
#ifndef PROTO_TRANSFER_METER_H
#define PROTO_TRANSFER_METER_H

#include "common/defs.h"

struct wf_meter {
    uint64_t rate;     /* bytes a second; 0: no limit */
    uint64_t day;      /* bytes a day; 0: no limit */
    uint64_t day_used; /* bytes taken today */
    uint64_t day_end_us;
    int64_t tokens; /* bytes */
    uint64_t at_us; /* when `tokens` was true */
};

/* `day_used` is what was used of the first day already. */
void wf_meter_init(struct wf_meter *m, uint64_t rate, uint64_t day, uint64_t day_used);

/* Other limits from now on. */
void wf_meter_set(struct wf_meter *m, uint64_t now_us, uint64_t rate, uint64_t day);

/* When something may be taken: `now_us` or earlier means now. */
uint64_t wf_meter_free_us(struct wf_meter *m, uint64_t now_us);

/* Take bytes; give back what was taken and did not move after all. */
void wf_meter_take(struct wf_meter *m, uint64_t now_us, uint64_t bytes);
void wf_meter_refund(struct wf_meter *m, uint64_t bytes);

/* 1 when it is the day's budget that is used up. */
int wf_meter_day_over(struct wf_meter *m, uint64_t now_us);

#endif
