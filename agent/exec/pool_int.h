/* pool_int.h - what the parts of a pool share
 *
 * pool.c is what others call, pool_job.c what happens to a job, pool_worker.c what
 * happens to a worker.
 */
#ifndef AGENT_EXEC_POOL_INT_H
#define AGENT_EXEC_POOL_INT_H

#include "agent/exec/peer.h"
#include "agent/exec/pool.h"
#include "agent/exec/slots.h"

enum worker_state {
    WORKER_ASKED,
    WORKER_WARM,
    WORKER_READY,
    WORKER_ENDING,
};

struct worker {
    struct exec_pool *pool;
    enum worker_state state;
    uint64_t id;                 /* of its process */
    uint64_t due_us;             /* it must have said HELLO or be gone by then */
    uint64_t asked_us, ready_us; /* when it was; ready_us: 0 before its HELLO */
    struct peer *peer;           /* NULL before its socket came */
    unsigned protocol;           /* 1 or 2; 0 before its HELLO */
    unsigned concurrency;
    unsigned busy; /* jobs given to it */
    bool alone;    /* has one job and gets no other; at its end: had one */
    bool killed;   /* ended by us, for a reason that its jobs did not give */
    unsigned n_fresh;
    struct job **fresh; /* whose on_started is due; room for all slots */
};

struct exec_pool {
    struct pool_env env;
    struct wire_msg *spec; /* a START without payload; its strings are in `text` */
    struct wf_buf text;
    char *inputs;
    unsigned procs;
    unsigned n_workers;
    struct worker *workers[POOL_PROCS_MAX];
    struct slots slots;
    uint64_t retry_us;   /* no new worker before */
    uint64_t backoff_us; /* 0: the last one came up */
    bool warm;           /* as on_warm was told */
};

/* -- jobs ---------------------------------------------------------------------------- */

/* on_done of a job that is not on a list.  Its slot is free before the callback runs, so
 * that it may start the next job. */
void pool_finish(struct exec_pool *p, struct job *j, struct exec_done *d);

/* Begin with a job: it is nobody's yet. */
void pool_fill_in(struct exec_pool *p, struct job *j, uint64_t run,
                  const struct exec_job *job);

/* Put it into a worker's queue; of `what` only payload and files count.  WEFT_ETOOBIG,
 * WEFT_ENOMEM. */
int pool_give(struct exec_pool *p, struct worker *w, struct job *j,
              const struct work_job *what);

/* Keep that until a worker has room.  WEFT_ENOMEM. */
int pool_park(struct exec_pool *p, struct job *j, const struct work_job *what);

/* Give what waits to who has room. */
void pool_serve_waiting(struct exec_pool *p);

void pool_end_job(struct exec_pool *p, struct job *j, enum wire_reason why,
                  uint32_t grace_ms);

/* A job that waits is over; on_done comes with the next flush.  `text`: a constant. */
void pool_end_later(struct exec_pool *p, struct job *j, enum wire_reason why,
                    const char *text);

/* RESULT and RESULT_FILE. */
void pool_on_result(struct exec_pool *p, struct job *j, const struct work_msg *m);

/* One that nobody waits for: its file, if it is one, goes. */
void pool_drop_file(const struct worker *w, const struct work_msg *m);

void pool_pass_output(struct exec_pool *p, struct job *j, int stream, const uint8_t *b,
                      size_t len);

/* -- workers ------------------------------------------------------------------------- */

uint64_t pool_now_us(void);

/* Tell when the first worker is ready, or the last one that was is not any more. */
void pool_note_warm(struct exec_pool *p);

/* Who is to have a job that waits, or NULL. */
struct worker *pool_pick(struct exec_pool *p, unsigned attempt);

/* WEFT_EBUSY: none may be started now; WEFT_ENOMEM. */
int pool_add_worker(struct exec_pool *p);

/* Whether one is on its way. */
bool pool_enough_coming(const struct exec_pool *p);

/* No more jobs for it, and its process is ended now. */
void pool_end_worker(struct worker *w);

void pool_flush_worker(struct worker *w);
void pool_free_worker(struct worker *w);

#endif
