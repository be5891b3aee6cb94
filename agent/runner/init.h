/* init.h - the small process at the root of each run
 *
 * It starts the handler, waits for it, ends whatever the handler leaves behind and tells
 * the runner how it went.  Where the system allows it is pid 1 of a PID namespace (made
 * by the runner or by bwrap): then nothing can escape it and its death ends them all.
 * Elsewhere it is the subreaper of the run: orphans come back to it, and it hunts down
 * its descendants until there are none.
 *
 *     fd 0 payload, 1 and 2 the output pipes, 3 a worker's socket,
 *     fd 4 control socket (SOCK_SEQPACKET), fd 5 the spec when it was exec'ed by bwrap,
 *     fd 6 and 7 cgroup.procs and cgroup.kill of the run's cgroup where there is one
 *
 * The runner sends one byte: INIT_TERM or INIT_KILL; end of file is INIT_KILL.  Init
 * sends one INIT_STARTED or INIT_FAILED, and after INIT_STARTED one INIT_ENDED when no
 * other process of the run is left.
 */
#ifndef AGENT_RUNNER_INIT_H
#define AGENT_RUNNER_INIT_H

#include "agent/runner/wire.h"

#include <sys/types.h>

#define INIT_FD_WORKER 3
#define INIT_FD_CTL    4
#define INIT_FD_SPEC   5
#define INIT_FD_PROCS  6
#define INIT_FD_KILL   7

#define INIT_TERM 'T'
#define INIT_KILL 'K'

enum init_event {
    INIT_STARTED = 1,
    INIT_FAILED = 2,
    INIT_ENDED = 3,
};

struct init_report {
    uint32_t event;   /* enum init_event */
    int32_t error;    /* INIT_FAILED: errno */
    int32_t status;   /* INIT_ENDED: wait status of the handler */
    uint64_t user_us; /* of all processes of the run that were waited for */
    uint64_t sys_us;
    uint64_t maxrss_bytes; /* of the largest of them */
    char what[64];         /* INIT_FAILED: what could not be done */
};

struct init_opts {
    const struct wire_start *spec; /* argv, limits; env is complete; binds unused */
    const char *dir;               /* scratch folder as the handler sees it */
    bool pidns;                    /* this process is pid 1 of its own namespace */
    bool nproc_exact;              /* RLIMIT_NPROC counts this run only */
};

/* Never returns; exits 0 after the report.  The descriptors above are in place and
 * nothing else is open. */
void init_main(const struct init_opts *o) __attribute__((noreturn));

/* The same for a process that bwrap started as `weft-runner --init`: pid 1, in the
 * scratch folder, spec on INIT_FD_SPEC; a payload_path there takes the place of fd 0. */
void init_main_exec(bool nproc_exact) __attribute__((noreturn));

#endif
