/* whose.h - which broker has a job of the history
 *
 * A job is of the broker that its owner's submit was sent to.  An owner that roams may
 * turn to another one with a job that the first refused or lost for good; never while the
 * first has it, or it would be done twice.
 */
#ifndef TESTS_SIM_ROAM_WHOSE_H
#define TESTS_SIM_ROAM_WHOSE_H

#include "tests/sim/history.h"

struct client;

/* A submit leaves its owner, who roams, for that broker. */
void whose_sent(struct sim *s, const struct actor *a, struct host *to,
                const struct wf_id *id);

/* It reaches that broker. */
void whose_reached(struct sim *s, struct host *at, const struct actor *a,
                   const struct wf_submit *m);

/* Whether that broker has it, in memory or on its disk. */
int whose_is_at(const struct host *h, const struct hjob *j);

/* Is it that broker's?  One that is stored is of all that share the store; one of class
 * fast is in the memory of its own. */
int whose_is_one(const struct hjob *j, const struct host *at);

/* May its owner submit it, or submit it again, where it is now?  A sensible one does not
 * where that could be a second broker. */
int whose_may_submit(const struct client *c, const struct hjob *j);

#endif
