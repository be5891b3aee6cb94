/* exec.h - running handlers: the agent's side of weft-runner and of workers
 *
 * Two ways to run a job.  exec_start() has the runner start a process for it.
 * exec_pool_start() gives it to a worker of a pool: long-lived processes, started on
 * demand, that take jobs over a socket of their own (docs/spec/worker.md); many jobs for
 * one worker that are started in one loop turn travel in one write.
 *
 * `run` is the caller's number of an attempt, unique among those under way.  A start
 * that returned 0 gives exactly one on_done, never from inside the call, with at most one
 * on_started and any number of on_output before it.  Callbacks may start and kill, but
 * not exec_free().  Bytes in callbacks are borrowed until they return.
 *
 * What is large goes as files, by path: inputs and payloads in, results out.  A job's
 * inputs are files and folders that the caller has prepared and keeps until on_done; in a
 * sandbox they are shown read-only, without one nothing but their permissions protects
 * them.  A result above `inline_max` comes as a file that belongs to the receiver.
 *
 * The runner is started again with back-off when it dies; its runs end with the reason
 * WIRE_R_LOST.  One thread.  Needs SIGPIPE to be ignored or not to matter: nothing here
 * raises it.
 */
#ifndef AGENT_EXEC_H
#define AGENT_EXEC_H

#include "agent/runner/wire.h"
#include "common/err.h"

#include <uv.h>

#define EXEC_RUNS_MAX   1024
#define EXEC_POOLS_MAX  64
#define EXEC_RESULT_MAX (16u << 20) /* where the handler sets no limit of its own */
#define EXEC_INPUTS_MAX 16
#define EXEC_NAME_MAX   63 /* of an input: a-z A-Z 0-9 . _ -, not beginning with a dot */

struct exec;
struct exec_pool;

/* Strings are copied; NULL for a default. */
struct exec_opts {
    const char *runner;  /* path of weft-runner: required */
    const char *scratch; /* folder that the runner owns: required */
    const char *inputs;  /* folder for what jobs are given by path: `inputs` in scratch.
                          * What an earlier process left there and its results go. */
    const char *sandbox; /* "auto" (default) or "none" */
    const char *isolate; /* "auto" (default) or "subreaper" */
    const char *cgroup;  /* "auto" (default), "off" or a path */
    size_t inline_max;   /* larger results are files; 0: none is */
};

struct exec_info {
    bool up;           /* the runner is there */
    bool sandbox;      /* bwrap works */
    uint8_t isolation; /* enum wire_isolation */
    uint8_t cgroup;    /* as in WIRE_HELLO */
    uint32_t restarts;
    uint32_t runner_pid;
    char text[WIRE_TEXT_MAX]; /* one line for people */
};

/* A file or a folder that a job reads. */
struct exec_input {
    const char *name;
    const char *path; /* absolute; of a pool's job: below exec_pool_inputs() */
};

/* What is the same in all jobs of a capability is a `struct wire_start` (run, payload
 * and payload_path are ignored); this is the rest.  Borrowed during the call. */
struct exec_job {
    const char *id; /* text, at most 64 bytes */
    uint32_t attempt;
    uint64_t deadline_ms; /* since 1970; 0: none */
    size_t inline_max;    /* of its result, where larger ones are files; 0: that of all */
    const uint8_t *payload;
    size_t payload_len;       /* at most WIRE_PAYLOAD_MAX */
    const char *payload_path; /* a file instead of bytes; NULL: none.  As an input's */
    const struct exec_input *inputs;
    size_t n_inputs;
};

struct exec_done {
    enum wire_reason reason; /* WIRE_R_EXIT with code 0: success */
    int code;                /* exit status, or the worker's code */
    int signal;
    uint64_t wall_us;
    uint64_t user_us; /* of a process; 0 for a job of a worker */
    uint64_t sys_us;
    uint64_t maxrss_bytes;
    uint64_t out_cut; /* bytes that were not passed on */
    uint64_t err_cut;
    uint64_t warm_us;      /* of wall_us: a worker's start that the job waited for */
    const uint8_t *result; /* stdout, $WEFT_RESULT or a worker's result */
    size_t result_len;
    /* Instead of the two: a file of `result_size` bytes in the scratch folder, which is
     * the receiver's, to move or to unlink; of a worker's it is to believe no more than
     * what it copies, as the worker may still write there.  NULL: none. */
    const char *result_path;
    uint64_t result_size;
    const char *text; /* for people: what went wrong; "" when nothing did */
};

struct exec_callbacks {
    void (*on_started)(void *arg, uint64_t run);
    void (*on_output)(void *arg, uint64_t run, int stream, const uint8_t *p, size_t len);
    void (*on_done)(void *arg, uint64_t run, const struct exec_done *done);
    /* The runner came up or went away; may be NULL. */
    void (*on_info)(void *arg, const struct exec_info *info);
    /* A pool's first worker is ready, or its last one is not any more; may be NULL. */
    void (*on_warm)(void *arg, struct exec_pool *p, bool warm);
};

/* 0, WEFT_ENOMEM, WEFT_ESPAWN (the runner cannot be started at all). */
int exec_new(uv_loop_t *loop, const struct exec_opts *opts,
             const struct exec_callbacks *cb, void *arg, struct exec **ret_exec,
             struct wf_err *err);

/* End everything.  No callback runs any more; memory goes in uv's close callbacks.  NULL
 * is allowed. */
void exec_free(struct exec *x);

const struct exec_info *exec_info(const struct exec *x);

/* Results larger than this are files from now on; 0: none is. */
void exec_set_inline(struct exec *x, size_t max);

/* A folder for what jobs are given by path, of no other use: of those that get a process
 * each, and of a pool, whose workers see it for as long as they live. */
const char *exec_inputs(const struct exec *x);
const char *exec_pool_inputs(const struct exec_pool *p);

/* Start a process for a job.  0, WEFT_EBUSY (the runner is down or full), WEFT_EEXIST,
 * WEFT_ETOOBIG, WEFT_ENOMEM, WEFT_EINVAL (an input's name or path), WEFT_ENOENT (the
 * command names an input that the job does not have). */
int exec_start(struct exec *x, uint64_t run, const struct wire_start *spec,
               const struct exec_job *job);

/* End a run or a worker's job: SIGTERM or CANCEL, and after `grace_ms` SIGKILL.  A
 * worker that has to be killed takes its other jobs with it (WIRE_R_LOST).  0 or
 * WEFT_ENOENT; on_done comes later. */
int exec_kill(struct exec *x, uint64_t run, uint32_t grace_ms);

/* Make a pool of at most `procs` workers with at most `slots` jobs under way in all.
 * spec->limits.wall_ms counts for each job, from when it was started here.  The spec is
 * copied.  0, WEFT_EINVAL, WEFT_EFULL, WEFT_ENOMEM. */
int exec_pool_new(struct exec *x, const struct wire_start *spec, unsigned procs,
                  unsigned slots, struct exec_pool **ret_pool);

/* Start `procs` workers ahead of the first job. */
void exec_pool_warm(struct exec_pool *p);

/* Give a job to the pool.  0, WEFT_EBUSY (no free slot, or the runner is down),
 * WEFT_ETOOBIG, WEFT_ENOMEM, WEFT_EINVAL (an input's name, or a path outside of the
 * pool's folder).  One with files ends as WIRE_R_SPAWN when the workers speak version 1
 * of the protocol. */
int exec_pool_start(struct exec_pool *p, uint64_t run, const struct exec_job *job);

/* Write what was started now; otherwise it happens at the end of the loop's turn. */
void exec_flush(struct exec *x);

#endif
