/* drive.h - a weft-runner under test and the frames that go to and fro
 *
 * Everything waits on descriptors; a watchdog ends the program when nothing comes for
 * DRIVE_WATCHDOG_MS.
 */
#ifndef TESTS_DRIVE_H
#define TESTS_DRIVE_H

#include "agent/runner/wire.h"
#include "common/err.h"
#include "tests/lib/tap.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define DRIVE_WATCHDOG_MS 30000
#define DRIVE_KEEP        (1u << 20)

struct drive {
    pid_t pid;
    int sock;
    char dir[64];     /* of this test program */
    char scratch[96]; /* the runner's base */
    struct wf_buf in;
    size_t used; /* of `in` by the frame returned last */
    struct wire_hello hello;
    char text[WIRE_TEXT_MAX];
};

/* What became of one run. */
struct outcome {
    struct wire_done d;
    char text[WIRE_TEXT_MAX];
    unsigned started, done;
    int fd;
    size_t len[4]; /* bytes of each stream, kept up to DRIVE_KEEP */
    char *buf[4];
};

static void drive_stop(struct drive *v)
{
    int status = 0;
    pid_t rm;

    (void) close(v->sock);
    must(waitpid(v->pid, &status, 0) == v->pid);
    wf_buf_fini(&v->in);
    rm = fork();
    if (rm == 0) {
        (void) execlp("rm", "rm", "-rf", v->dir, (char *) NULL);
        _exit(127);
    }
    (void) waitpid(rm, NULL, 0);
}

/* Next frame in *ret; false at the end of the stream. */
static bool drive_next(struct drive *v, struct wire_msg *ret, int *ret_fd)
{
    size_t total;

    if (v->used > 0) {
        memmove(v->in.p, v->in.p + v->used, v->in.len - v->used);
        wf_buf_truncate(&v->in, v->in.len - v->used);
        v->used = 0;
    }
    while (wire_peek(v->in.p, v->in.len, &total) != 0) {
        struct pollfd p = {v->sock, POLLIN, 0};
        union {
            char buf[CMSG_SPACE(sizeof(int))];
            struct cmsghdr align;
        } ctl;
        uint8_t chunk[65536];
        struct iovec iov = {chunk, sizeof chunk};
        struct msghdr h = {.msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = ctl.buf,
                           .msg_controllen = sizeof ctl.buf};
        ssize_t n;

        must(poll(&p, 1, DRIVE_WATCHDOG_MS) == 1);
        n = recvmsg(v->sock, &h, MSG_CMSG_CLOEXEC);
        if (n <= 0) {
            return false;
        }
        if (CMSG_FIRSTHDR(&h) != NULL && ret_fd != NULL) {
            memcpy(ret_fd, CMSG_DATA(CMSG_FIRSTHDR(&h)), sizeof(int));
        }
        must(wf_buf_put(&v->in, chunk, (size_t) n) == 0);
    }
    must(wire_decode(v->in.p, total, ret) == 0);
    v->used = total;
    return true;
}

__attribute__((unused)) static bool drive_start(struct drive *v, const char *runner,
                                                const char *isolate, const char *sandbox,
                                                const char *cgroup)
{
    static struct wire_msg m;
    int sv[2];

    memset(v, 0, sizeof *v);
    wf_buf_init(&v->in, 8u << 20);
    (void) snprintf(v->dir, sizeof v->dir, "/tmp/weft-test-XXXXXX");
    must(mkdtemp(v->dir) != NULL);
    (void) snprintf(v->scratch, sizeof v->scratch, "%s/scratch", v->dir);
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == 0);
    v->pid = fork();
    must(v->pid >= 0);
    if (v->pid == 0) {
        (void) dup2(sv[1], 0);
        (void) setenv("SECRET", "leak", 1);
        (void) execl(runner, runner, "--scratch", v->scratch, "--isolate", isolate,
                     "--sandbox", sandbox, "--cgroup", cgroup, (char *) NULL);
        _exit(127);
    }
    (void) close(sv[1]);
    v->sock = sv[0];
    if (!drive_next(v, &m, NULL) || m.type != WIRE_HELLO) {
        return false;
    }
    v->hello = m.u.hello;
    (void) snprintf(v->text, sizeof v->text, "%s", m.u.hello.text);
    v->hello.text = v->text;
    return true;
}

static void drive_send(struct drive *v, const struct wire_msg *m)
{
    struct wf_buf b = WF_BUF_INIT(WIRE_FRAME_MAX);
    size_t done = 0;

    must(wire_encode(&b, m) == 0);
    while (done < b.len) {
        ssize_t n = send(v->sock, b.p + done, b.len - done, MSG_NOSIGNAL);

        must(n > 0);
        done += (size_t) n;
    }
    wf_buf_fini(&b);
}

__attribute__((unused)) static void drive_kill(struct drive *v, uint64_t run,
                                               uint32_t grace_ms)
{
    static struct wire_msg m;

    m.type = WIRE_KILL;
    m.u.kill = (struct wire_kill){run, grace_ms};
    drive_send(v, &m);
}

/* A START to be filled in: argv from the arguments, up to NULL. */
__attribute__((unused, sentinel)) static struct wire_start *drive_spec(struct wire_msg *m,
                                                                       uint64_t run, ...)
{
    va_list ap;
    const char *s;

    memset(m, 0, sizeof *m);
    m->type = WIRE_START;
    m->u.start.run = run;
    m->u.start.payload_path = "";
    m->u.start.limits.grace_ms = 100;
    va_start(ap, run);
    while ((s = va_arg(ap, const char *)) != NULL) {
        must(wire_list_add(&m->u.start.argv, s) == 0);
    }
    va_end(ap);
    return &m->u.start;
}

static void outcome_add(struct outcome *o, const struct wire_msg *m)
{
    switch (m->type) {
    case WIRE_STARTED:
        o->started++;
        break;
    case WIRE_OUTPUT: {
        unsigned s = m->u.output.stream;
        size_t keep = m->u.output.len;

        if (o->buf[s] == NULL) {
            o->buf[s] = calloc(1, DRIVE_KEEP + 1);
            must(o->buf[s] != NULL);
        }
        if (keep > DRIVE_KEEP - (o->len[s] < DRIVE_KEEP ? o->len[s] : DRIVE_KEEP)) {
            keep = 0;
        }
        memcpy(o->buf[s] + (keep != 0 ? o->len[s] : 0), m->u.output.p, keep);
        o->len[s] += m->u.output.len;
        break;
    }
    case WIRE_DONE:
        o->done++;
        o->d = m->u.done;
        (void) snprintf(o->text, sizeof o->text, "%s", m->u.done.text);
        o->d.text = o->text;
        break;
    default:
        break;
    }
}

__attribute__((unused)) static void outcome_fini(struct outcome *o)
{
    for (int i = 0; i < 4; i++) {
        free(o->buf[i]);
    }
    memset(o, 0, sizeof *o);
}

__attribute__((unused)) static const char *outcome_text(const struct outcome *o,
                                                        unsigned stream)
{
    return o->buf[stream] != NULL ? o->buf[stream] : "";
}

/* Read until the run is STARTED or, with `done`, DONE. */
static void drive_wait(struct drive *v, uint64_t run, struct outcome *o, bool until_done)
{
    static struct wire_msg m;

    while (o->done == 0 && (until_done || o->started == 0)) {
        must(drive_next(v, &m, &o->fd));
        if ((m.type == WIRE_STARTED && m.u.started.run == run) ||
            (m.type == WIRE_OUTPUT && m.u.output.run == run) ||
            (m.type == WIRE_DONE && m.u.done.run == run)) {
            outcome_add(o, &m);
        }
    }
}

__attribute__((unused)) static void drive_run(struct drive *v, const struct wire_msg *m,
                                              struct outcome *o)
{
    memset(o, 0, sizeof *o);
    o->fd = -1;
    drive_send(v, m);
    drive_wait(v, m->u.start.run, o, true);
}

/* A socket on which hostile processes say that they live. */
struct roll {
    int listener;
    char path[128];
    int fd[64];
    unsigned n;
};

__attribute__((unused)) static void roll_open(struct roll *r, const char *dir)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    memset(r, 0, sizeof *r);
    (void) snprintf(r->path, sizeof r->path, "%s/roll", dir);
    (void) snprintf(a.sun_path, sizeof a.sun_path, "%.100s", r->path);
    (void) unlink(r->path);
    r->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(r->listener >= 0 && bind(r->listener, (struct sockaddr *) &a, sizeof a) == 0 &&
         listen(r->listener, 64) == 0);
}

/* Wait until `n` processes are there. */
__attribute__((unused)) static void roll_wait(struct roll *r, unsigned n)
{
    while (r->n < n) {
        struct pollfd p = {r->listener, POLLIN, 0};

        must(poll(&p, 1, DRIVE_WATCHDOG_MS) == 1);
        r->fd[r->n] = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);
        must(r->fd[r->n] >= 0);
        r->n++;
    }
}

/* How many of them are alive this moment. */
__attribute__((unused)) static unsigned roll_alive(const struct roll *r)
{
    unsigned alive = 0;
    char c;

    for (unsigned i = 0; i < r->n; i++) {
        alive += recv(r->fd[i], &c, 1, MSG_DONTWAIT) != 0;
    }
    return alive;
}

/* Wait until all are gone. */
__attribute__((unused)) static void roll_gone(const struct roll *r)
{
    char c;

    for (unsigned i = 0; i < r->n; i++) {
        struct pollfd p = {r->fd[i], POLLIN, 0};

        must(poll(&p, 1, DRIVE_WATCHDOG_MS) == 1 && recv(r->fd[i], &c, 1, 0) == 0);
    }
}

__attribute__((unused)) static void roll_close(struct roll *r)
{
    for (unsigned i = 0; i < r->n; i++) {
        (void) close(r->fd[i]);
    }
    (void) close(r->listener);
    (void) unlink(r->path);
}

#endif
