/* pool.h - the workers of one capability and the jobs they have
 *
 *     job      free --> waiting --> fresh --> sent --> ending --> (on_done) --> free
 *                          |                    |                    ^
 *                          +----> finished -----+--------------------+
 *
 *     waiting   no worker had room
 *     fresh     given to a worker, in its queue of bytes; on_started comes with the write
 *     sent      the worker has it
 *     ending    CANCEL was sent; a grace time ticks, then the worker is ended
 *     finished  on_done comes with the next flush, not from inside the caller's call
 *
 *     worker   asked --> warm --> ready --> ending --> (its process is gone) --> free
 *
 *     asked     the runner was told to start it
 *     warm      its socket is here, its HELLO is not
 *     ending    it gets no more jobs; it closed its socket, made no sense or was ended
 *
 * A job goes to the ready worker with the fewest jobs; as long as that one has any and
 * there may be more workers, another is started.  Jobs of a worker that ends finish when
 * the runner has said how it ended, after all that it had answered was read.
 */
#ifndef AGENT_EXEC_POOL_H
#define AGENT_EXEC_POOL_H

#include "agent/exec.h"

#define POOL_PROCS_MAX 64
#define POOL_TICK_MS   20 /* how finely wall limits and grace times of jobs are kept */

struct worker;
struct results;

/* What a pool reaches outside itself. */
struct pool_env {
    uv_loop_t *loop;
    void *arg;
    /* Ask the runner for a worker's process; *ret_id names it in the calls below. */
    int (*start)(void *arg, struct worker *w, const struct wire_start *spec,
                 uint64_t *ret_id);
    void (*kill)(void *arg, uint64_t id, uint32_t grace_ms);
    /* Call pool_flush soon, and pool_tick every POOL_TICK_MS while that returns true. */
    void (*wake)(void *arg);
    struct results *results; /* borrowed for the pool's life */
    const char *inputs;      /* folder of what jobs are given by path; copied */
    struct exec_callbacks cb;
    void *cb_arg;
};

int pool_new(const struct pool_env *env, const struct wire_start *spec, unsigned procs,
             unsigned slots, struct exec_pool **ret_pool);
void pool_free(struct exec_pool *p);

void pool_warm(struct exec_pool *p);
int pool_start(struct exec_pool *p, uint64_t run, const struct exec_job *job);

const char *pool_inputs(const struct exec_pool *p);

/* Whether the job was here. */
bool pool_kill(struct exec_pool *p, uint64_t run, uint32_t grace_ms);

void pool_flush(struct exec_pool *p);
bool pool_tick(struct exec_pool *p, uint64_t now_us);

/* News of a worker's process: its socket (taken), what it printed, its end. */
void pool_worker_started(struct worker *w, int fd);
void pool_worker_printed(struct worker *w, int stream, const uint8_t *p, size_t len);
void pool_worker_done(struct worker *w, const struct wire_done *d);

#endif
