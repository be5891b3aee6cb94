/* run.h - one run from START to DONE
 *
 *     START --> starting --> running --> ending --> killing --> draining --> DONE
 *                   |           |           |          ^            ^
 *                   +-----------+-----------+----------+------------+
 *
 *     starting   init was cloned and has not said how the handler's start went
 *     running    the handler runs; the wall limit ticks
 *     ending     SIGTERM went to the whole run; the grace time ticks
 *     killing    init was told to end everything; a watchdog ticks
 *     draining   nothing is left alive; output and result still go to the agent
 *
 * Every started run produces exactly one DONE, and nothing of it is alive by then.
 * Times are the runner's monotonic clock in microseconds.
 */
#ifndef AGENT_RUNNER_RUN_H
#define AGENT_RUNNER_RUN_H

#include "agent/runner/host.h"
#include "agent/runner/launch.h"
#include "agent/runner/outbox.h"
#include "agent/runner/result.h"

enum run_state {
    RUN_STARTING,
    RUN_RUNNING,
    RUN_ENDING,
    RUN_KILLING,
    RUN_DRAINING,
};

struct run {
    uint64_t id;
    enum run_state state;
    uint8_t kind;
    uint32_t flags;
    struct wire_limits limits;
    struct launch sp; /* descriptors are -1 once closed */
    struct scratch dir;
    struct wire_done done; /* filled as things become known */
    char text[WIRE_TEXT_MAX];
    uint64_t begun_us;
    uint64_t due_us; /* when run_on_time wants to be called; UINT64_MAX: never */
    bool reported;   /* init said how it ended */
    bool started;    /* STARTED was sent */
    bool decided;    /* done.reason was set by us, not by how the handler ended */
    bool sampled;    /* its memory or processes are limited by looking at it */
    uint64_t last_mem, last_procs; /* as last seen */
    int status;                    /* wait status of the handler */
    struct result result;
    unsigned slot; /* for the runner's tables */
    uint32_t serial;
};

/* Everything a run reaches outside itself. */
struct run_env {
    const struct host *host;
    struct outbox *outbox;
    uint64_t now_us;
};

/* Start; on failure a DONE is queued and *ret_run is NULL.  WEFT_ENOMEM when even that
 * could not be done. */
int run_new(struct run_env *e, const struct wire_start *s, struct run **ret_run);
void run_free(struct run *r);

/* A report of init is there to be read. */
void run_on_ctl(struct run *r, struct run_env *e);

/* Something was printed. */
void run_on_output(struct run *r, struct run_env *e, unsigned stream);

/* The root of its tree is gone and was reaped. */
void run_on_reaped(struct run *r, struct run_env *e);

void run_on_time(struct run *r, struct run_env *e);

/* Weigh and count it now.  True when that changed since the last time. */
bool run_sample(struct run *r, struct run_env *e);

/* End it for the given reason, with SIGTERM first when grace_ms is not 0. */
void run_end(struct run *r, struct run_env *e, enum wire_reason why, uint32_t grace_ms);

/* While draining: pass on what is left as far as there is room.  True once DONE is
 * queued and the run can be freed. */
bool run_drain(struct run *r, struct run_env *e);

#endif
