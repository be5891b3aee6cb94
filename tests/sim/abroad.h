/* abroad.h - jobs of the history at brokers that are not their home
 *
 * There an attempt is a job of its own with an id of its own, and its attempts count from
 * 1; through two brokers even more so.  All lead back to the attempt at home.
 */
#ifndef TESTS_SIM_ABROAD_H
#define TESTS_SIM_ABROAD_H

#include "tests/sim/history.h"

/* A broker is sent an assignment by the one with that key. */
void history_guest(struct sim *s, const struct host *at, const struct wf_key *from,
                   const struct wf_assign *m);
struct hguest *history_find_guest(struct sim *s, const struct wf_id *id);

/* The job that has that id at that broker, its own or a guest (else NULL in *ret_guest).
 */
struct hjob *history_known_at(struct sim *s, const struct host *at,
                              const struct wf_id *id, struct hguest **ret_guest);

#endif
