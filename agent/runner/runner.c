#include "agent/runner/runner.h"

#include "agent/runner/outbox.h"
#include "agent/runner/run.h"
#include "agent/runner/tree.h"
#include "common/err.h"
#include "common/mem.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SAMPLE_US 50000u
/* Handlers that do not grow or spawn, such as idle workers, are looked at less often. */
#define SAMPLE_MAX_US 1000000u
#define EVENTS        64
#define READ_CHUNK    (64u << 10)

/* What an epoll event belongs to: slot, serial of the run in it, and which part. */
enum part {
    PART_SOCK,
    PART_SIGNAL,
    PART_PIPES,
    PART_CTL,
    PART_OUT,
    PART_ERR,
};

struct runner {
    struct run_env env;
    struct outbox outbox;
    int sock;
    int ep;
    int pipes; /* epoll set of the handlers' output */
    int signal;
    bool paused;  /* `pipes` is out of the loop */
    bool writing; /* the loop waits for room in the socket */
    bool ending;  /* no agent any more: end everything and leave */
    bool strays;  /* processes of a run whose supervisor was killed may be alive */
    uint32_t serial;
    unsigned n_runs;
    unsigned n_draining;
    uint64_t sample_at;
    uint64_t sample_every;
    struct wf_buf in;
    struct run *runs[RUNNER_MAX_RUNS];
};

static uint64_t now_us(void)
{
    struct timespec t;

    (void) clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000000u + (uint64_t) t.tv_nsec / 1000u;
}

static int watch(int ep, int fd, unsigned slot, uint32_t serial, enum part part)
{
    struct epoll_event ev = {.events = EPOLLIN};

    ev.data.u64 = (uint64_t) serial << 32 | (uint64_t) slot << 8 | (uint64_t) part;
    return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
}

/* A descriptor that was closed left its set by itself; one that reached its end without
 * being closed does not exist here, so closing is all there is to unwatching. */
static void forget(struct runner *rn, struct run *r)
{
    rn->runs[r->slot] = NULL;
    rn->n_runs--;
    run_free(r);
}

static void adopt(struct runner *rn, struct run *r)
{
    unsigned slot = 0;

    while (rn->runs[slot] != NULL) {
        slot++;
    }
    rn->runs[slot] = r;
    rn->n_runs++;
    r->slot = slot;
    r->serial = ++rn->serial;
    if (watch(rn->ep, r->sp.ctl, slot, r->serial, PART_CTL) != 0 ||
        watch(rn->pipes, r->sp.out, slot, r->serial, PART_OUT) != 0 ||
        watch(rn->pipes, r->sp.err, slot, r->serial, PART_ERR) != 0) {
        run_end(r, &rn->env, WIRE_R_SPAWN, 0);
    }
    if (r->sampled) {
        rn->sample_every = SAMPLE_US;
        rn->sample_at = wf_min_u64(rn->sample_at, rn->env.now_us + SAMPLE_US);
    }
}

static struct run *find(struct runner *rn, uint64_t id)
{
    for (unsigned i = 0; i < RUNNER_MAX_RUNS; i++) {
        if (rn->runs[i] != NULL && rn->runs[i]->id == id) {
            return rn->runs[i];
        }
    }
    return NULL;
}

static void refuse(struct runner *rn, uint64_t id, const char *text)
{
    static struct wire_msg m;

    m.type = WIRE_DONE;
    m.u.done =
        (struct wire_done){.run = id, .reason = WIRE_R_SPAWN, .code = -1, .text = text};
    (void) outbox_put(&rn->outbox, &m, -1);
}

static void on_start(struct runner *rn, const struct wire_start *s)
{
    struct run *r;

    if (rn->n_runs == RUNNER_MAX_RUNS) {
        refuse(rn, s->run, "the runner's table is full");
    } else if (find(rn, s->run) != NULL) {
        refuse(rn, s->run, "a run with this id is there already");
    } else if (run_new(&rn->env, s, &r) == 0 && r != NULL) {
        adopt(rn, r);
    }
}

static int on_frame(struct runner *rn, const uint8_t *p, size_t len)
{
    static struct wire_msg m;
    struct run *r;
    int rc = wire_decode(p, len, &m);

    if (rc != 0) {
        return rc;
    }
    switch (m.type) {
    case WIRE_START:
        on_start(rn, &m.u.start);
        return 0;
    case WIRE_KILL:
        r = find(rn, m.u.kill.run);
        if (r != NULL) {
            run_end(r, &rn->env, WIRE_R_KILLED, m.u.kill.grace_ms);
        }
        return 0;
    case WIRE_QUIT:
        return WEFT_ECLOSED;
    default:
        return WEFT_EPROTO;
    }
}

static int on_frames(struct runner *rn)
{
    size_t off = 0;
    size_t total;
    int rc;

    while ((rc = wire_peek(rn->in.p + off, rn->in.len - off, &total)) == 0) {
        rc = on_frame(rn, rn->in.p + off, total);
        if (rc != 0) {
            return rc;
        }
        off += total;
    }
    if (off > 0) {
        memmove(rn->in.p, rn->in.p + off, rn->in.len - off);
        wf_buf_truncate(&rn->in, rn->in.len - off);
    }
    if (rn->in.len == 0 && rn->in.cap > READ_CHUNK) {
        wf_buf_fini(&rn->in);
    }
    return rc == WEFT_EAGAIN ? 0 : rc;
}

/* Anything but 0: there is no agent any more, or none that makes sense. */
static int on_sock(struct runner *rn)
{
    uint8_t *p = wf_buf_extend(&rn->in, READ_CHUNK);
    ssize_t n;

    if (p == NULL) {
        return rn->in.err;
    }
    n = recv(rn->sock, p, READ_CHUNK, MSG_DONTWAIT);
    wf_buf_truncate(&rn->in, rn->in.len - READ_CHUNK + (n > 0 ? (size_t) n : 0));
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        return WEFT_ECLOSED;
    }
    return n > 0 ? on_frames(rn) : 0;
}

static struct run *find_root(struct runner *rn, pid_t pid)
{
    for (unsigned i = 0; i < RUNNER_MAX_RUNS; i++) {
        if (rn->runs[i] != NULL && rn->runs[i]->sp.pid == pid &&
            rn->runs[i]->state != RUN_DRAINING) {
            return rn->runs[i];
        }
    }
    return NULL;
}

/* A supervisor was killed where there is no namespace: its run's processes are our
 * children now, next to supervisors that are not to be touched.  They may fork between
 * the look and the signal, so this is repeated until there is none. */
static void end_strays(struct runner *rn)
{
    pid_t child[256];
    unsigned n = tree_children(getpid(), child, ARRAY_LEN(child));

    rn->strays = false;
    for (unsigned i = 0; i < n; i++) {
        if (find_root(rn, child[i]) == NULL) {
            rn->strays = true;
            tree_kill(child[i]);
        }
    }
}

static void on_signal(struct runner *rn)
{
    struct signalfd_siginfo si;
    pid_t pid;

    (void) !read(rn->signal, &si, sizeof si);
    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
        struct run *r = find_root(rn, pid);

        if (r != NULL) {
            run_on_reaped(r, &rn->env);
            rn->strays = rn->strays || (!r->reported && !rn->env.host->pidns);
            rn->n_draining++;
        }
    }
}

static void on_part(struct runner *rn, uint64_t data)
{
    unsigned slot = (unsigned) (data >> 8 & 0xffff);
    struct run *r = slot < RUNNER_MAX_RUNS ? rn->runs[slot] : NULL;

    if (r == NULL || r->serial != (uint32_t) (data >> 32)) {
        return;
    }
    switch ((enum part)(data & 0xff)) {
    case PART_CTL:
        run_on_ctl(r, &rn->env);
        break;
    case PART_OUT:
        run_on_output(r, &rn->env, WIRE_STDOUT);
        break;
    case PART_ERR:
        run_on_output(r, &rn->env, WIRE_STDERR);
        break;
    default:
        break;
    }
}

static void on_pipes(struct runner *rn)
{
    struct epoll_event ev[EVENTS];
    int n = epoll_wait(rn->pipes, ev, EVENTS, 0);

    for (int i = 0; i < n && outbox_ready(&rn->outbox); i++) {
        on_part(rn, ev[i].data.u64);
    }
}

static void on_time(struct runner *rn)
{
    bool wanted = false, moved = false;

    for (unsigned i = 0; i < RUNNER_MAX_RUNS && rn->n_runs > 0; i++) {
        struct run *r = rn->runs[i];

        if (r != NULL && r->due_us <= rn->env.now_us) {
            run_on_time(r, &rn->env);
        }
        if (r != NULL && rn->sample_at <= rn->env.now_us) {
            moved |= run_sample(r, &rn->env);
        }
        wanted = wanted || (r != NULL && r->sampled);
    }
    if (rn->sample_at <= rn->env.now_us) {
        /* Looking may take at most a twentieth of our time. */
        uint64_t cost = now_us() - rn->env.now_us;

        rn->sample_every =
            moved ? SAMPLE_US : wf_min_u64(2 * rn->sample_every, SAMPLE_MAX_US);
        rn->sample_at = wanted ? rn->env.now_us + wf_max_u64(rn->sample_every, 20 * cost)
                               : UINT64_MAX;
    }
}

static void drain(struct runner *rn)
{
    for (unsigned i = 0; i < RUNNER_MAX_RUNS && rn->n_draining > 0; i++) {
        struct run *r = rn->runs[i];

        if (r == NULL || r->state != RUN_DRAINING || (rn->strays && !r->reported)) {
            continue;
        }
        if (run_drain(r, &rn->env)) {
            rn->n_draining--;
            forget(rn, r);
        }
    }
}

static void end_all(struct runner *rn)
{
    rn->ending = true;
    (void) epoll_ctl(rn->ep, EPOLL_CTL_DEL, rn->sock, NULL);
    for (unsigned i = 0; i < RUNNER_MAX_RUNS; i++) {
        if (rn->runs[i] != NULL) {
            run_end(rn->runs[i], &rn->env, WIRE_R_KILLED, 0);
        }
    }
}

/* Send, and take the handlers' output in or out of the loop as there is room. */
static void settle(struct runner *rn)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = PART_SOCK};
    bool blocked;

    if (rn->ending) {
        outbox_fini(&rn->outbox);
        return;
    }
    if (outbox_flush(&rn->outbox, rn->sock) != 0) {
        end_all(rn);
        return;
    }
    blocked = outbox_len(&rn->outbox) > 0;
    if (blocked != rn->writing) {
        rn->writing = blocked;
        ev.events = blocked ? EPOLLIN | EPOLLOUT : EPOLLIN;
        (void) epoll_ctl(rn->ep, EPOLL_CTL_MOD, rn->sock, &ev);
    }
    if (outbox_ready(&rn->outbox) == rn->paused) {
        rn->paused = !rn->paused;
        if (rn->paused) {
            (void) epoll_ctl(rn->ep, EPOLL_CTL_DEL, rn->pipes, NULL);
        } else {
            (void) watch(rn->ep, rn->pipes, 0, 0, PART_PIPES);
        }
    }
}

static int timeout_ms(struct runner *rn)
{
    uint64_t due = rn->sample_at;

    for (unsigned i = 0; i < RUNNER_MAX_RUNS && rn->n_runs > 0; i++) {
        if (rn->runs[i] != NULL) {
            due = wf_min_u64(due, rn->runs[i]->due_us);
        }
    }
    if (rn->strays) {
        return 1;
    }
    if (due == UINT64_MAX) {
        return -1;
    }
    return due <= rn->env.now_us
               ? 0
               : (int) wf_min_u64((due - rn->env.now_us) / 1000 + 1, 3600 * 1000);
}

static void turn(struct runner *rn)
{
    struct epoll_event ev[EVENTS];
    int n = epoll_wait(rn->ep, ev, EVENTS, timeout_ms(rn));

    rn->env.now_us = now_us();
    for (int i = 0; i < n; i++) {
        switch ((enum part)(ev[i].data.u64 & 0xff)) {
        case PART_SOCK:
            if ((ev[i].events & ~(uint32_t) EPOLLOUT) != 0 && on_sock(rn) != 0) {
                end_all(rn);
            }
            break;
        case PART_SIGNAL:
            on_signal(rn);
            break;
        case PART_PIPES:
            on_pipes(rn);
            break;
        default:
            on_part(rn, ev[i].data.u64);
            break;
        }
    }
    on_time(rn);
    if (rn->strays) {
        end_strays(rn);
    }
    drain(rn);
    settle(rn);
}

static void say_hello(struct runner *rn)
{
    static struct wire_msg m;
    const struct host *h = rn->env.host;

    m.type = WIRE_HELLO;
    m.u.hello = (struct wire_hello){
        .protocol = WIRE_PROTOCOL,
        .bwrap = h->bwrap != NULL,
        .isolation = h->pidns ? WIRE_ISO_PIDNS : WIRE_ISO_SUBREAPER,
        .cgroup = h->cg.path[0] == '\0'        ? 0
                  : h->cg.memory && h->cg.pids ? 2
                                               : 1,
        .max_runs = RUNNER_MAX_RUNS,
        .pid = (uint32_t) getpid(),
        .text = h->text,
    };
    (void) outbox_put(&rn->outbox, &m, -1);
}

static int set_up(struct runner *rn)
{
    sigset_t chld;

    (void) prctl(PR_SET_CHILD_SUBREAPER, 1);
    (void) sigemptyset(&chld);
    (void) sigaddset(&chld, SIGCHLD);
    (void) sigprocmask(SIG_BLOCK, &chld, NULL);
    rn->ep = epoll_create1(EPOLL_CLOEXEC);
    rn->pipes = epoll_create1(EPOLL_CLOEXEC);
    rn->signal = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
    if (rn->ep < 0 || rn->pipes < 0 || rn->signal < 0 ||
        watch(rn->ep, rn->sock, 0, 0, PART_SOCK) != 0 ||
        watch(rn->ep, rn->signal, 0, 0, PART_SIGNAL) != 0 ||
        watch(rn->ep, rn->pipes, 0, 0, PART_PIPES) != 0) {
        return WEFT_EIO;
    }
    return 0;
}

int runner_main(const struct host *host, int sock)
{
    struct runner *rn = wf_calloc(1, sizeof *rn);

    if (rn == NULL) {
        return WEFT_ENOMEM;
    }
    rn->env = (struct run_env){host, &rn->outbox, now_us()};
    rn->sock = sock;
    rn->sample_at = UINT64_MAX;
    wf_buf_init(&rn->in, WIRE_FRAME_MAX + READ_CHUNK);
    outbox_init(&rn->outbox);
    if (set_up(rn) != 0) {
        wf_free(rn);
        return WEFT_EIO;
    }
    say_hello(rn);
    settle(rn);
    while (!rn->ending || rn->n_runs > 0) {
        turn(rn);
    }
    outbox_fini(&rn->outbox);
    wf_buf_fini(&rn->in);
    wf_free(rn);
    return 0;
}
