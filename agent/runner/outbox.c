#include "agent/runner/outbox.h"

#include "common/err.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void outbox_init(struct outbox *o)
{
    *o = (struct outbox){0};
    wf_buf_init(&o->buf, OUTBOX_MAX);
}

void outbox_fini(struct outbox *o)
{
    for (unsigned i = 0; i < o->fds; i++) {
        (void) close(o->fd[i].fd);
    }
    wf_buf_fini(&o->buf);
    o->sent = 0;
    o->fds = 0;
}

size_t outbox_len(const struct outbox *o)
{
    return o->buf.len - o->sent;
}

bool outbox_ready(const struct outbox *o)
{
    return outbox_len(o) < OUTBOX_HIGH;
}

static void compact(struct outbox *o)
{
    if (o->sent > 0) {
        memmove(o->buf.p, o->buf.p + o->sent, o->buf.len - o->sent);
        wf_buf_truncate(&o->buf, o->buf.len - o->sent);
        o->base += o->sent;
        o->sent = 0;
    }
}

int outbox_put(struct outbox *o, const struct wire_msg *m, int fd)
{
    uint64_t at;
    int rc;

    if (fd >= 0 && o->fds == OUTBOX_FDS) {
        return WEFT_EFULL;
    }
    if (o->sent > o->buf.len / 2) {
        compact(o);
    }
    at = o->base + o->buf.len;
    rc = wire_encode(&o->buf, m);
    if (rc == 0 && fd >= 0) {
        o->fd[o->fds].at = at;
        o->fd[o->fds].fd = fd;
        o->fds++;
    }
    return rc;
}

/* Send bytes up to the next one that carries a descriptor, and that one with it. */
static ssize_t send_some(struct outbox *o, int sock)
{
    union {
        char buf[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } ctl;
    struct iovec iov = {o->buf.p + o->sent, o->buf.len - o->sent};
    struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
    uint64_t here = o->base + o->sent;
    bool carries = o->fds > 0 && o->fd[0].at == here;
    unsigned next = carries ? 1 : 0;
    ssize_t n;

    if (carries) {
        struct cmsghdr *c;

        memset(&ctl, 0, sizeof ctl);
        h.msg_control = ctl.buf;
        h.msg_controllen = sizeof ctl.buf;
        c = CMSG_FIRSTHDR(&h);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &o->fd[0].fd, sizeof(int));
    }
    if (next < o->fds && o->fd[next].at - here < iov.iov_len) {
        iov.iov_len = (size_t) (o->fd[next].at - here);
    }
    n = sendmsg(sock, &h, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0 && carries) {
        (void) close(o->fd[0].fd);
        o->fds--;
        memmove(&o->fd[0], &o->fd[1], o->fds * sizeof o->fd[0]);
    }
    return n;
}

int outbox_flush(struct outbox *o, int sock)
{
    while (outbox_len(o) > 0) {
        ssize_t n = send_some(o, sock);

        if (n > 0) {
            o->sent += (size_t) n;
        } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return 0;
        } else if (n < 0 && errno != EINTR) {
            return WEFT_ECLOSED;
        }
    }
    o->base += o->buf.len;
    o->sent = 0;
    wf_buf_clear(&o->buf);
    if (o->buf.cap > OUTBOX_HIGH) {
        wf_buf_fini(&o->buf);
    }
    return 0;
}
