/* verdict.h - were the promises to those who submit kept?
 *
 * Fed with what clients and handlers saw of each job, by the simulator from memory and by
 * weft-check from the histories of real processes; then asked for the verdict:
 *
 *     accepted N outcomes N lost 0 divergent 0 duplicate 0 superseded N
 *
 *   accepted    jobs that somebody was told are durable, or saw the outcome of
 *   outcomes    of these, how many have one
 *   lost        accepted, and without an outcome when all is healed; or denied to exist
 *   divergent   two readers saw different outcomes, or one that no attempt produced
 *   duplicate   one attempt ran twice, or one handle fired twice
 *   superseded  results of fenced attempts, as the brokers counted them: no fault
 *
 * The order of what is fed does not matter, so histories are read one after the other.
 * No I/O.  Each job is complained of once for each kind.  Functions that return int give
 * 0, WEFT_ENOMEM, or WEFT_EFULL when a job has more attempts or handles than is sane.
 */
#ifndef TESTS_LIB_VERDICT_H
#define TESTS_LIB_VERDICT_H

#include "proto/msg.h"

struct verdict;

/* How a job ended, for one reader. */
struct verdict_end {
    unsigned state, code, attempt;
    uint64_t hash; /* of the result; 0: not known */
    uint64_t rest; /* hash of all else that readers must agree on; 0: not known */
    int ran;       /* `attempt` of this very job made the result */
};

struct verdict_counts {
    uint64_t accepted, outcomes, lost, divergent, duplicate, superseded;
};

/* One line about a job, without a newline. */
typedef void verdict_tell_fn(void *arg, const char *line);

/* For at most `max` jobs.  `tell` may be NULL.  NULL when out of memory. */
struct verdict *verdict_new(size_t max, verdict_tell_fn *tell, void *arg);
void verdict_free(struct verdict *v);

/* Every start of a handler is fed: an outcome with `ran` set needs one. */
void verdict_expect_runs(struct verdict *v);

/* The submitter was told that the job is the broker's.  One that is not durable may be
 * lost, and its attempts may begin anew. */
int verdict_accepted(struct verdict *v, const struct wf_id *id, int durable);

/* The submitter was told that the job is not taken, and that trying again is of no use:
 * the job owes nothing to anyone, unless somebody was told that it is accepted. */
int verdict_refused(struct verdict *v, const struct wf_id *id);

/* A reader who may see the job was told that there is none. */
int verdict_denied(struct verdict *v, const struct wf_id *id);

/* The handler was started.  `hash` is that of the result it is going to give; 0: not
 * known. */
int verdict_started(struct verdict *v, const struct wf_id *id, unsigned attempt,
                    uint64_t hash);

/* A reader saw the outcome. */
int verdict_outcome(struct verdict *v, const struct wf_id *id,
                    const struct verdict_end *end);

/* The handle, a number unique among those of this job, came to its end. */
int verdict_fired(struct verdict *v, const struct wf_id *id, uint64_t handle);

void verdict_superseded(struct verdict *v, uint64_t n);

/* Judge what was fed up to now, once. */
void verdict_judge(struct verdict *v, struct verdict_counts *ret_counts);

/* 1 when nothing was lost, divergent or duplicate. */
int verdict_is_good(const struct verdict_counts *c);

/* Walk over accepted durable jobs without an outcome: NULL at the end.  `it` starts at 0.
 */
const struct wf_id *verdict_next_open(const struct verdict *v, size_t *it);

/* The line above. */
void verdict_line(const struct verdict_counts *c, char *dst, size_t cap);

/* A hash of bytes for the above, never 0.  `seed` 0, or the hash of what stands before.
 */
uint64_t verdict_hash(uint64_t seed, const void *p, size_t len);

#endif
