/* procs.h - the table of what the runner has: processes of jobs, and workers
 *
 * Its number for the runner is a place in the table with a generation, so that news of
 * one that is over finds nothing.
 */
#ifndef AGENT_EXEC_PROCS_H
#define AGENT_EXEC_PROCS_H

#include "agent/exec.h"

struct worker;

struct proc {
    bool used;
    uint32_t gen;
    uint64_t run;     /* the caller's number; of no meaning for a worker */
    struct worker *w; /* NULL: a job of its own */
    uint8_t result_stream;
    size_t inline_max; /* what is past it the runner keeps; 0: nothing */
    struct wf_buf result;
};

struct procs {
    unsigned n; /* used */
    struct proc v[EXEC_RUNS_MAX];
};

/* `gen`: where generations begin. */
void procs_init(struct procs *t, uint32_t gen);
void procs_fini(struct procs *t);

uint64_t procs_id(const struct procs *t, const struct proc *r);

/* Or NULL. */
struct proc *procs_find(struct procs *t, uint64_t id);
struct proc *procs_find_run(struct procs *t, uint64_t run);

/* A place with a number of its own, to be taken, or NULL. */
struct proc *procs_next(struct procs *t);

void procs_take(struct procs *t, struct proc *r);
void procs_drop(struct procs *t, struct proc *r);

#endif
