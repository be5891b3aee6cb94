#include "agent/exec/rlink.h"

#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_CHUNK  (128u << 10)
#define READ_ROUNDS 4  /* reads in one callback, so that others get their turn */
#define FDS_MAX     64 /* descriptors received before their frames */

struct rlink {
    struct rlink_callbacks cb;
    void *arg;
    int sock;
    pid_t pid;
    int pidfd;
    uv_poll_t poll;
    uv_poll_t exit;
    unsigned handles; /* open uv handles; the memory goes with the last */
    bool down;        /* nothing is sent or reported any more */
    bool freed;
    int events; /* what `poll` waits for */
    struct wf_buf in;
    struct wf_buf out;
    size_t sent;
    int fds[FDS_MAX];
    unsigned n_fds;
};

static void drop_fds(struct rlink *l)
{
    for (unsigned i = 0; i < l->n_fds; i++) {
        (void) close(l->fds[i]);
    }
    l->n_fds = 0;
}

static void on_closed(uv_handle_t *h)
{
    struct rlink *l = h->data;

    if (--l->handles == 0 && l->freed) {
        drop_fds(l);
        wf_buf_fini(&l->in);
        wf_buf_fini(&l->out);
        wf_free(l);
    }
}

static void close_sock(struct rlink *l)
{
    if (l->sock >= 0) {
        uv_close((uv_handle_t *) &l->poll, on_closed);
        (void) close(l->sock);
        l->sock = -1;
    }
}

static void take_all(struct rlink *l);
static void want(struct rlink *l, int events);

/* Nothing is sent or read any more.  A runner that closed its socket or makes no sense is
 * made to end, and its end is what is reported. */
static void go_down(struct rlink *l)
{
    l->down = true;
    close_sock(l);
    if (l->pidfd >= 0) {
        (void) kill(l->pid, SIGKILL);
    }
}

static void on_exit_fd(uv_poll_t *h, int status, int events)
{
    struct rlink *l = h->data;

    (void) status;
    (void) events;
    if (!l->down) {
        /* What it said last is in the socket. */
        take_all(l);
    }
    (void) waitpid(l->pid, NULL, 0);
    (void) close(l->pidfd);
    l->pidfd = -1;
    uv_close((uv_handle_t *) &l->exit, on_closed);
    go_down(l);
    l->cb.on_down(l->arg);
}

static int take_frames(struct rlink *l)
{
    static struct wire_msg m;
    size_t off = 0;
    size_t total;
    int rc;

    while (!l->down && (rc = wire_peek(l->in.p + off, l->in.len - off, &total)) == 0) {
        int fd = -1;

        rc = wire_decode(l->in.p + off, total, &m);
        if (rc != 0) {
            return rc;
        }
        off += total;
        if (m.type == WIRE_STARTED && m.u.started.has_fd) {
            if (l->n_fds == 0) {
                return WEFT_EPROTO;
            }
            fd = l->fds[0];
            l->n_fds--;
            memmove(&l->fds[0], &l->fds[1], l->n_fds * sizeof l->fds[0]);
        }
        l->cb.on_frame(l->arg, &m, &fd);
        if (fd >= 0) {
            (void) close(fd);
        }
    }
    if (l->down) {
        return 0;
    }
    if (off > 0) {
        memmove(l->in.p, l->in.p + off, l->in.len - off);
        wf_buf_truncate(&l->in, l->in.len - off);
    }
    return rc == WEFT_EAGAIN ? 0 : rc;
}

/* Bytes read, 0 at the end, WEFT_EAGAIN, or another error. */
static ssize_t receive(struct rlink *l)
{
    union {
        char buf[CMSG_SPACE(4 * sizeof(int))];
        struct cmsghdr align;
    } ctl;
    uint8_t *p = wf_buf_extend(&l->in, READ_CHUNK);
    struct iovec iov = {p, READ_CHUNK};
    struct msghdr h = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = ctl.buf,
                       .msg_controllen = sizeof ctl.buf};
    ssize_t n;

    if (p == NULL) {
        return l->in.err;
    }
    n = recvmsg(l->sock, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    wf_buf_truncate(&l->in, l->in.len - READ_CHUNK + (n > 0 ? (size_t) n : 0));
    for (struct cmsghdr *c = n >= 0 ? CMSG_FIRSTHDR(&h) : NULL; c != NULL;
         c = CMSG_NXTHDR(&h, c)) {
        size_t k = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        for (size_t i = 0; c->cmsg_type == SCM_RIGHTS && i < k; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (l->n_fds < FDS_MAX) {
                l->fds[l->n_fds++] = fd;
            } else {
                (void) close(fd);
            }
        }
    }
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? WEFT_EAGAIN : WEFT_EIO;
    }
    return n;
}

/* Read up to `rounds` times.  0: go on; else there is no more to come. */
static int take(struct rlink *l, unsigned rounds)
{
    for (unsigned i = 0; i < rounds && !l->down; i++) {
        ssize_t n = receive(l);

        if (n == WEFT_EAGAIN) {
            return 0;
        }
        if (n <= 0 || take_frames(l) != 0) {
            return WEFT_ECLOSED;
        }
    }
    return 0;
}

static void take_all(struct rlink *l)
{
    (void) take(l, UINT_MAX);
}

static void on_poll(uv_poll_t *h, int status, int events)
{
    struct rlink *l = h->data;

    if (status < 0) {
        take_all(l); /* what it said before it went wrong */
        go_down(l);
        return;
    }
    if ((events & UV_WRITABLE) != 0) {
        rlink_flush(l);
    }
    if ((events & UV_READABLE) != 0 && take(l, READ_ROUNDS) != 0) {
        go_down(l);
    }
}

static void want(struct rlink *l, int events)
{
    if (events != l->events && !l->down) {
        l->events = events;
        (void) uv_poll_start(&l->poll, events, on_poll);
    }
}

void rlink_flush(struct rlink *l)
{
    while (!l->down && l->sent < l->out.len) {
        ssize_t n = send(l->sock, l->out.p + l->sent, l->out.len - l->sent,
                         MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n > 0) {
            l->sent += (size_t) n;
        } else if (n < 0 && errno == EAGAIN) {
            want(l, UV_READABLE | UV_WRITABLE);
            return;
        } else if (n < 0 && errno != EINTR) {
            /* The end is reported from the loop, where the last words are read too. */
            break;
        }
    }
    l->sent = 0;
    wf_buf_clear(&l->out);
    if (l->out.cap > READ_CHUNK) {
        wf_buf_fini(&l->out);
    }
    want(l, UV_READABLE);
}

int rlink_put(struct rlink *l, const struct wire_msg *m)
{
    if (l->sent > l->out.len / 2) {
        memmove(l->out.p, l->out.p + l->sent, l->out.len - l->sent);
        wf_buf_truncate(&l->out, l->out.len - l->sent);
        l->sent = 0;
    }
    /* The rest is for KILL. */
    if (m->type == WIRE_START && l->out.len > RLINK_OUT_MAX - 2 * WIRE_FRAME_MAX) {
        return WEFT_EBUSY;
    }
    return wire_encode(&l->out, m);
}

static int spawn(struct rlink *l, const char *const *argv, int theirs)
{
    /* Handlers may look at the environment of who started them. */
    char *const env[] = {NULL};
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t at;
    sigset_t all, none;
    int rc;

    (void) sigfillset(&all);
    (void) sigdelset(&all, SIGKILL);
    (void) sigdelset(&all, SIGSTOP);
    (void) sigemptyset(&none);
    (void) posix_spawn_file_actions_init(&fa);
    (void) posix_spawnattr_init(&at);
    (void) posix_spawnattr_setsigdefault(&at, &all);
    (void) posix_spawnattr_setsigmask(&at, &none);
    (void) posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    rc = posix_spawn_file_actions_adddup2(&fa, theirs, 0);
    if (rc == 0) {
        rc = posix_spawn(&l->pid, argv[0], &fa, &at, (char **) (uintptr_t) argv, env);
    }
    (void) posix_spawnattr_destroy(&at);
    (void) posix_spawn_file_actions_destroy(&fa);
    return rc;
}

static int watch(struct rlink *l, uv_loop_t *loop)
{
    l->pidfd = (int) syscall(SYS_pidfd_open, l->pid, 0);
    if (l->pidfd < 0) {
        return WEFT_ESPAWN;
    }
    (void) fcntl(l->pidfd, F_SETFD, FD_CLOEXEC);
    l->poll.data = l;
    l->exit.data = l;
    if (uv_poll_init(loop, &l->exit, l->pidfd) != 0) {
        return WEFT_ESPAWN;
    }
    l->handles++;
    if (uv_poll_init(loop, &l->poll, l->sock) != 0) {
        uv_close((uv_handle_t *) &l->exit, on_closed);
        return WEFT_ESPAWN;
    }
    l->handles++;
    (void) uv_poll_start(&l->exit, UV_READABLE, on_exit_fd);
    want(l, UV_READABLE);
    return 0;
}

int rlink_new(uv_loop_t *loop, const char *const *argv, const struct rlink_callbacks *cb,
              void *arg, struct rlink **ret_link, struct wf_err *err)
{
    struct rlink *l = wf_calloc(1, sizeof *l);
    int sv[2];
    int rc;

    if (l == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for the runner's link");
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) != 0) {
        wf_free(l);
        return wf_err_set(err, WEFT_ESPAWN, "socketpair: %s", strerror(errno));
    }
    l->cb = *cb;
    l->arg = arg;
    l->sock = sv[0];
    wf_buf_init(&l->in, WIRE_FRAME_MAX + READ_CHUNK);
    wf_buf_init(&l->out, RLINK_OUT_MAX);
    rc = spawn(l, argv, sv[1]);
    (void) close(sv[1]);
    if (rc != 0) {
        (void) close(sv[0]);
        wf_free(l);
        return wf_err_set(err, WEFT_ESPAWN, "%s: %s", argv[0], strerror(rc));
    }
    if (watch(l, loop) != 0) {
        (void) kill(l->pid, SIGKILL);
        (void) waitpid(l->pid, NULL, 0);
        (void) close(sv[0]);
        l->sock = -1;
        l->freed = true;
        if (l->handles == 0) {
            wf_free(l);
        }
        return wf_err_set(err, WEFT_ESPAWN, "cannot watch the runner");
    }
    *ret_link = l;
    return 0;
}

void rlink_free(struct rlink *l)
{
    if (l == NULL) {
        return;
    }
    l->freed = true;
    l->down = true;
    close_sock(l);
    if (l->pidfd >= 0) {
        (void) waitpid(l->pid, NULL, WNOHANG);
        (void) close(l->pidfd);
        l->pidfd = -1;
        uv_close((uv_handle_t *) &l->exit, on_closed);
    }
    if (l->handles == 0) {
        drop_fds(l);
        wf_buf_fini(&l->in);
        wf_buf_fini(&l->out);
        wf_free(l);
    }
}
