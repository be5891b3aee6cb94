/* wishes.h - what a job would like of its place beside what it needs
 *
 * Needs filter, wishes weigh: each one that a node does not meet makes its score worse by
 * what it is worth, in time.  Only affinity may be a must.  Most jobs wish for nothing
 * and have none of this.
 */
#ifndef BROKER_CORE_WISHES_H
#define BROKER_CORE_WISHES_H

#include "proto/msg.h"

struct agent;
struct core;
struct job;

/* Of a job that may be copied: see hedge.h. */
struct hedge {
    struct job *copy;      /* owned; NULL: none is out */
    uint64_t due_us;       /* when one is; 0: not now */
    uint32_t last, copies; /* number of the last one; how many there were */
    int wanted;            /* one starts when the records reserve its number */
};

struct wishes {
    size_t size;                      /* bytes of all of this */
    uint64_t rho_pusd, max_cost_pusd; /* 0: as the goal; no limit */
    unsigned spread;                  /* enum wf_spread */
    int hedge;
    struct hedge hedged;
    struct wf_rows prefers, nears; /* weight_row, near_row; in `bytes` */
    const char *group;             /* in `bytes` */
    uint8_t bytes[];
};

/* The wishes of a submit, copied; NULL in *ret when it has none.  WEFT_ENOMEM. */
int wishes_new(const struct wf_submit *m, struct wishes **ret);

/* Bytes that they will take; 0: it has none. */
size_t wishes_size(const struct wf_submit *m);

/* 1 when what the rows say can be understood. */
int wishes_are_sound(const struct wf_submit *m);

/* Say them in a submit again, which borrows. */
void wishes_put(const struct wishes *w, struct wf_submit *m);

/* Is the agent where the job must be?  And what it does not meet of the rest is worth. */
int wishes_allow(const struct core *c, const struct job *j, const struct agent *a);
uint64_t wishes_unmet_us(const struct core *c, const struct job *j,
                         const struct agent *a);

#endif
