#include "agent/runner/run.h"

#include "agent/runner/init.h"
#include "agent/runner/tree.h"
#include "common/check.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Init has this long to end everything before we do, by means that a tree which forks all
 * the time may outrun: with the usual grace of 300 ms it stays within a second. */
#define WATCHDOG_US 400000u

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void) close(*fd);
        *fd = -1;
    }
}

static void move(struct run *r, enum run_state to)
{
    static const uint8_t allowed[] = {
        [RUN_STARTING] = 1 << RUN_RUNNING | 1 << RUN_KILLING | 1 << RUN_DRAINING,
        [RUN_RUNNING] = 1 << RUN_ENDING | 1 << RUN_KILLING | 1 << RUN_DRAINING,
        [RUN_ENDING] = 1 << RUN_KILLING | 1 << RUN_DRAINING,
        [RUN_KILLING] = 1 << RUN_DRAINING,
        [RUN_DRAINING] = 0,
    };

    WF_CHECK((allowed[r->state] & 1 << to) != 0);
    r->state = to;
}

static bool alive(const struct run *r)
{
    return r->state != RUN_DRAINING;
}

static void put_done(struct run_env *e, const struct wire_done *d)
{
    static struct wire_msg m;

    m.type = WIRE_DONE;
    m.u.done = *d;
    /* The outbox keeps room for one of these for each run. */
    (void) outbox_put(e->outbox, &m, -1);
}

static void refuse(struct run_env *e, uint64_t id, const char *text)
{
    put_done(e, &(struct wire_done){
                    .run = id, .reason = WIRE_R_SPAWN, .code = -1, .text = text});
}

int run_new(struct run_env *e, const struct wire_start *s, struct run **ret_run)
{
    struct run *r = wf_calloc(1, sizeof *r);
    const struct cgroup_base *cg = &e->host->cg;
    struct wf_err err = {0};
    bool exact;

    *ret_run = NULL;
    if (r == NULL) {
        refuse(e, s->run, "out of memory in the runner");
        return WEFT_ENOMEM;
    }
    r->dir.fd = -1;
    result_init(&r->result, e->host->base, s->run);
    if (scratch_make(&r->dir, e->host->base, s->run) != 0) {
        (void) snprintf(r->text, sizeof r->text, "scratch folder: %s", strerror(errno));
        refuse(e, s->run, r->text);
        wf_free(r);
        return 0;
    }
    if (launch_run(e->host, s, &r->dir, &r->sp, &err) != 0) {
        refuse(e, s->run, err.text);
        scratch_remove(&r->dir);
        wf_free(r);
        return 0;
    }
    r->id = s->run;
    r->kind = s->kind;
    r->flags = s->flags;
    r->limits = s->limits;
    r->begun_us = e->now_us;
    r->due_us = s->limits.wall_ms == 0
                    ? UINT64_MAX
                    : wf_add_sat(e->now_us, wf_us_of_ms(s->limits.wall_ms));
    r->done = (struct wire_done){.run = s->run, .code = -1};
    exact = cg->pids || (!e->host->root && (r->sp.sandboxed || e->host->userns));
    r->sampled =
        (s->limits.mem_bytes != 0 && !cg->memory) || (s->limits.procs != 0 && !exact);
    *ret_run = r;
    return 0;
}

void run_free(struct run *r)
{
    if (r == NULL) {
        return;
    }
    close_fd(&r->sp.ctl);
    close_fd(&r->sp.out);
    close_fd(&r->sp.err);
    close_fd(&r->sp.worker);
    result_fini(&r->result);
    scratch_remove(&r->dir);
    wf_free(r);
}

static void tell_init(struct run *r, char what)
{
    (void) send(r->sp.ctl, &what, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void kill_now(struct run *r, struct run_env *e)
{
    if (r->state != RUN_KILLING) {
        move(r, RUN_KILLING);
    }
    tell_init(r, INIT_KILL);
    r->due_us = wf_add_sat(e->now_us, WATCHDOG_US);
}

void run_end(struct run *r, struct run_env *e, enum wire_reason why, uint32_t grace_ms)
{
    if (!alive(r) || r->state == RUN_KILLING) {
        return;
    }
    if (r->state == RUN_ENDING && grace_ms != 0) {
        /* It was asked; another order may only hurry it. */
        r->due_us =
            wf_min_u64(r->due_us, wf_add_sat(e->now_us, (uint64_t) grace_ms * 1000));
        return;
    }
    if (!r->decided) {
        r->decided = true;
        r->done.reason = why;
    }
    if (grace_ms != 0 && r->state == RUN_RUNNING) {
        move(r, RUN_ENDING);
        tell_init(r, INIT_TERM);
        r->due_us = wf_add_sat(e->now_us, (uint64_t) grace_ms * 1000);
    } else {
        kill_now(r, e);
    }
}

void run_on_time(struct run *r, struct run_env *e)
{
    switch (r->state) {
    case RUN_STARTING:
    case RUN_RUNNING:
        run_end(r, e, WIRE_R_WALL, r->limits.grace_ms);
        break;
    case RUN_ENDING:
        kill_now(r, e);
        break;
    case RUN_KILLING:
        /* Init is stuck or gone astray: its death ends a namespace, the cgroup the
         * rest, and what is left comes to the runner as an orphan. */
        cgroup_kill(&e->host->cg, r->id);
        if (!r->sp.sandboxed && !e->host->pidns) {
            tree_kill(r->sp.pid);
        }
        (void) kill(r->sp.pid, SIGKILL);
        r->due_us = wf_add_sat(e->now_us, WATCHDOG_US);
        break;
    case RUN_DRAINING:
        break;
    }
}

bool run_sample(struct run *r, struct run_env *e)
{
    struct tree_use use;
    bool moved;

    if (!r->sampled || (r->state != RUN_RUNNING && r->state != RUN_ENDING)) {
        return false;
    }
    tree_measure(r->sp.pid, r->sp.sandboxed ? 1 : 0, &use);
    moved = use.mem_bytes != r->last_mem || use.procs != r->last_procs;
    r->last_mem = use.mem_bytes;
    r->last_procs = use.procs;
    if (r->limits.mem_bytes != 0 && use.mem_bytes > r->limits.mem_bytes) {
        run_end(r, e, WIRE_R_MEMORY, 0);
    } else if (r->limits.procs != 0 && use.procs > r->limits.procs) {
        run_end(r, e, WIRE_R_PROCS, 0);
    }
    return moved;
}

static void send_started(struct run *r, struct run_env *e)
{
    static struct wire_msg m;

    m.type = WIRE_STARTED;
    m.u.started = (struct wire_started){
        .run = r->id, .pid = (uint32_t) r->sp.pid, .has_fd = r->sp.worker >= 0};
    if (outbox_put(e->outbox, &m, r->sp.worker) != 0) {
        (void) snprintf(r->text, sizeof r->text, "no room for the worker's socket");
        run_end(r, e, WIRE_R_SPAWN, 0);
        return;
    }
    r->sp.worker = -1;
    r->started = true;
}

void run_on_ctl(struct run *r, struct run_env *e)
{
    struct init_report rep;

    while (r->sp.ctl >= 0) {
        ssize_t n = recv(r->sp.ctl, &rep, sizeof rep, MSG_DONTWAIT);

        if (n != (ssize_t) sizeof rep) {
            if (n >= 0 || (errno != EAGAIN && errno != EINTR)) {
                close_fd(&r->sp.ctl);
            }
            return;
        }
        rep.what[sizeof rep.what - 1] = '\0';
        if (rep.event == INIT_STARTED && !r->started) {
            if (r->state == RUN_STARTING) {
                move(r, RUN_RUNNING);
            }
            send_started(r, e);
        } else if (rep.event == INIT_FAILED && !r->started) {
            r->decided = true;
            r->reported = true;
            r->done.reason = WIRE_R_SPAWN;
            (void) snprintf(r->text, sizeof r->text, "%s: %s", rep.what,
                            strerror(rep.error));
        } else if (rep.event == INIT_ENDED) {
            r->reported = true;
            r->status = rep.status;
            r->done.user_us = rep.user_us;
            r->done.sys_us = rep.sys_us;
            r->done.maxrss_bytes = rep.maxrss_bytes;
        }
    }
}

static void send_output(struct run *r, struct run_env *e, unsigned stream,
                        const uint8_t *p, size_t len)
{
    static struct wire_msg m;

    m.type = WIRE_OUTPUT;
    m.u.output = (struct wire_output){r->id, (uint8_t) stream, p, len};
    (void) outbox_put(e->outbox, &m, -1);
}

/* The result as it is printed: all of it goes to a file but its beginning, and to the
 * submitter no more than of a log. */
static int keep_result(struct run *r, uint64_t at, const uint8_t *p, size_t len,
                       size_t *ret_show)
{
    uint64_t head = r->limits.inline_bytes;
    uint64_t show =
        r->limits.err_bytes == 0 ? UINT64_MAX : wf_max_u64(head, r->limits.err_bytes);
    size_t skip = (size_t) wf_min_u64(head - wf_min_u64(head, at), len);

    *ret_show = (size_t) wf_min_u64(show - wf_min_u64(show, at), len);
    return skip < len ? result_write(&r->result, at + skip, p + skip, len - skip) : 0;
}

static void end_printing(struct run *r, struct run_env *e, enum wire_reason why)
{
    if (alive(r)) {
        run_end(r, e, why, 0);
    } else if (r->done.reason == WIRE_R_EXIT) {
        r->done.reason = why;
    }
}

/* Count and pass on what was printed; what is over the limit is cut, and ends the run
 * when it belongs to the result. */
static void account(struct run *r, struct run_env *e, unsigned stream, const uint8_t *p,
                    size_t len)
{
    bool is_out = stream == WIRE_STDOUT;
    bool is_log = !is_out || r->kind == WIRE_WORKER || (r->flags & WIRE_RESULT_FILE) != 0;
    uint64_t max = is_log ? r->limits.err_bytes : r->limits.out_bytes;
    uint64_t *seen = is_out ? &r->done.out_bytes : &r->done.err_bytes;
    uint64_t *cut = is_out ? &r->done.out_cut : &r->done.err_cut;
    uint64_t room = max == 0 ? UINT64_MAX : max - wf_min_u64(max, *seen);
    size_t keep = (size_t) wf_min_u64(room, len);
    size_t show = keep;

    if (!is_log && r->limits.inline_bytes != 0 && r->text[0] == '\0' &&
        keep_result(r, *seen, p, keep, &show) != 0) {
        (void) snprintf(r->text, sizeof r->text, "the result could not be kept: %s",
                        strerror(errno));
        end_printing(r, e, WIRE_R_LOST);
    }
    *seen += len;
    *cut += len - keep;
    if (show > 0) {
        send_output(r, e, stream, p, show);
    }
    if (keep < len && !is_log) {
        end_printing(r, e, WIRE_R_OUTPUT);
    }
}

/* Whether there was something. */
static bool read_pipe(struct run *r, struct run_env *e, unsigned stream)
{
    static uint8_t buf[WIRE_OUTPUT_MAX];
    int *fd = stream == WIRE_STDOUT ? &r->sp.out : &r->sp.err;
    ssize_t n = *fd >= 0 ? read(*fd, buf, sizeof buf) : 0;

    if (n > 0) {
        account(r, e, stream, buf, (size_t) n);
        return true;
    }
    if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        close_fd(fd);
    }
    return false;
}

void run_on_output(struct run *r, struct run_env *e, unsigned stream)
{
    /* STARTED goes first; a handler may print before init has reported it. */
    if (!r->started) {
        run_on_ctl(r, e);
    }
    if (r->started) {
        (void) read_pipe(r, e, stream);
    }
}

/* A handler that failed after it ran into a limit failed because of it. */
static enum wire_reason explain(struct run *r, struct run_env *e, bool by_signal)
{
    const struct wire_limits *l = &r->limits;
    uint64_t cpu_us = r->done.user_us + r->done.sys_us;

    if (by_signal && r->done.signal == SIGXCPU) {
        return WIRE_R_CPU;
    }
    if (cgroup_hit_memory(&e->host->cg, r->id) ||
        (l->mem_bytes != 0 && r->done.maxrss_bytes >= l->mem_bytes)) {
        return WIRE_R_MEMORY;
    }
    if (l->cpu_ms != 0 && cpu_us / 1000 >= l->cpu_ms) {
        return WIRE_R_CPU;
    }
    if (cgroup_hit_pids(&e->host->cg, r->id)) {
        return WIRE_R_PROCS;
    }
    return by_signal ? WIRE_R_SIGNAL : WIRE_R_EXIT;
}

static void conclude(struct run *r, struct run_env *e)
{
    bool by_signal = WIFSIGNALED(r->status);

    if (!r->reported) {
        if (!r->decided) {
            r->decided = true;
            r->done.reason = r->started ? WIRE_R_SIGNAL : WIRE_R_SPAWN;
            r->done.signal = r->started ? SIGKILL : 0;
            (void) snprintf(r->text, sizeof r->text, "%s",
                            !r->started && r->sp.sandboxed
                                ? "the sandbox could not be made"
                                : "the supervisor of the run was killed");
        }
        return;
    }
    if (r->done.reason == WIRE_R_SPAWN && r->decided) {
        return;
    }
    r->done.code = by_signal ? -1 : WEXITSTATUS(r->status);
    r->done.signal = by_signal ? WTERMSIG(r->status) : 0;
    if (!r->decided) {
        bool failed = by_signal || r->done.code != 0;

        r->decided = true;
        r->done.reason = failed ? explain(r, e, by_signal) : WIRE_R_EXIT;
    }
}

static void take_result(struct run *r)
{
    uint64_t size = 0;
    int rc;

    if ((r->flags & WIRE_RESULT_FILE) == 0 || r->kind == WIRE_WORKER) {
        return;
    }
    rc = result_take(&r->result, &r->dir, &r->limits, &size);
    if (rc == 0) {
        return;
    }
    if (rc == WEFT_ETOOBIG) {
        r->done.out_cut += size;
    } else if (r->text[0] == '\0') {
        (void) snprintf(r->text, sizeof r->text, "the result could not be taken: %s",
                        strerror(errno));
    }
    if (r->done.reason == WIRE_R_EXIT) {
        r->done.reason = rc == WEFT_ETOOBIG ? WIRE_R_OUTPUT : WIRE_R_LOST;
    }
}

void run_on_reaped(struct run *r, struct run_env *e)
{
    run_on_ctl(r, e);
    if (!r->reported) {
        /* Init died: in a namespace nothing outlives it. */
        cgroup_kill(&e->host->cg, r->id);
    }
    conclude(r, e);
    move(r, RUN_DRAINING);
    r->due_us = UINT64_MAX;
    r->done.wall_us = e->now_us - r->begun_us;
    close_fd(&r->sp.ctl);
    close_fd(&r->sp.worker);
    take_result(r);
}

static bool pass_result(struct run *r, struct run_env *e)
{
    static uint8_t buf[WIRE_OUTPUT_MAX];

    /* One that is kept stays where it is. */
    while (r->result.fd >= 0 && !r->result.kept) {
        ssize_t n;

        if (!outbox_ready(e->outbox)) {
            return false;
        }
        n = read(r->result.fd, buf, sizeof buf);
        if (n > 0) {
            send_output(r, e, WIRE_RESULT, buf, (size_t) n);
        } else {
            close_fd(&r->result.fd);
        }
    }
    return true;
}

/* What bwrap complained about becomes the reason why there was no start. */
static void take_complaint(struct run *r)
{
    char buf[WIRE_TEXT_MAX / 2];
    ssize_t n = r->sp.err >= 0 ? read(r->sp.err, buf, sizeof buf - 1) : -1;

    if (n > 0 && !r->reported) {
        buf[n] = '\0';
        buf[strcspn(buf, "\r\n")] = '\0';
        (void) snprintf(r->text, sizeof r->text, "sandbox: %s", buf);
    }
    close_fd(&r->sp.out);
    close_fd(&r->sp.err);
    close_fd(&r->result.fd);
}

/* Only what ended well has a result that is worth a file. */
static void hand_over(struct run *r)
{
    if (r->result.kept && r->done.reason == WIRE_R_EXIT && r->done.code == 0) {
        r->done.has_file = 1;
        r->done.file_bytes = r->result.bytes;
        result_hand_over(&r->result);
    }
}

bool run_drain(struct run *r, struct run_env *e)
{
    if (!r->started) {
        take_complaint(r);
    }
    for (unsigned s = WIRE_STDOUT; s <= WIRE_STDERR; s++) {
        do {
            if (!outbox_ready(e->outbox)) {
                return false;
            }
        } while (read_pipe(r, e, s));
    }
    if (!pass_result(r, e)) {
        return false;
    }
    scratch_remove(&r->dir);
    cgroup_remove(&e->host->cg, r->id);
    hand_over(r);
    r->done.text = r->text;
    put_done(e, &r->done);
    return true;
}
