#include "agent/exec/peer.h"

#include "agent/exec/work.h"
#include "common/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_CHUNK  (256u << 10)
#define READ_ROUNDS 4 /* reads in one callback, so that others get their turn */

struct peer {
    struct peer_callbacks cb;
    void *arg;
    int fd; /* -1 once broken or freed */
    uv_poll_t poll;
    bool open; /* the handle is not closed yet */
    bool freed;
    int events; /* what `poll` waits for */
    struct wf_buf in;
    struct wf_buf out; /* bounded by the slots of the pool and their payloads */
    size_t sent;
    bool got; /* the last read brought something */
};

static void release(struct peer *p)
{
    if (p->freed && !p->open) {
        wf_buf_fini(&p->in);
        wf_buf_fini(&p->out);
        wf_free(p);
    }
}

static void on_closed(uv_handle_t *h)
{
    struct peer *p = h->data;

    p->open = false;
    release(p);
}

static void close_fd(struct peer *p)
{
    if (p->fd >= 0) {
        uv_close((uv_handle_t *) &p->poll, on_closed);
        (void) close(p->fd);
        p->fd = -1;
    }
}

/* 0: there may be more; WEFT_EAGAIN: not now; else it broke. */
static int read_some(struct peer *p)
{
    uint8_t *at = wf_buf_extend(&p->in, READ_CHUNK);
    size_t off = 0;
    size_t total;
    ssize_t n;
    int rc;

    if (at == NULL) {
        return p->in.err;
    }
    n = recv(p->fd, at, READ_CHUNK, MSG_DONTWAIT);
    rc = n >= 0                              ? 0
         : errno == EAGAIN || errno == EINTR ? WEFT_EAGAIN
         : errno == ECONNRESET               ? WEFT_ECLOSED /* it left something unread */
                                             : WEFT_EIO;
    wf_buf_truncate(&p->in, p->in.len - READ_CHUNK + (n > 0 ? (size_t) n : 0));
    p->got = n > 0;
    if (n <= 0) {
        return n == 0 ? WEFT_ECLOSED : rc;
    }
    while ((rc = work_peek(p->in.p + off, p->in.len - off, &total)) == 0) {
        rc = p->cb.on_frame(p->arg, p->in.p + off, total);
        if (rc != 0) {
            return rc;
        }
        if (p->fd < 0) {
            return WEFT_EAGAIN;
        }
        off += total;
    }
    memmove(p->in.p, p->in.p + off, p->in.len - off);
    wf_buf_truncate(&p->in, p->in.len - off);
    if (rc != WEFT_EAGAIN) {
        return rc;
    }
    /* A short read emptied the socket: the call that would say so can be saved. */
    return (size_t) n < READ_CHUNK ? WEFT_EAGAIN : 0;
}

static void on_poll(uv_poll_t *h, int status, int events)
{
    struct peer *p = h->data;
    int rc = 0;

    if ((events & UV_WRITABLE) != 0) {
        /* The owner flushes: it must know what was sent before an answer is read. */
        p->cb.on_batch(p->arg);
    }
    /* Also when uv says that something is wrong: reading tells what, after what was
     * said before it. */
    for (unsigned i = 0; i < READ_ROUNDS && rc == 0 && p->fd >= 0; i++) {
        rc = read_some(p);
    }
    if (p->fd < 0) {
        return;
    }
    if (status < 0 && rc == WEFT_EAGAIN) {
        rc = WEFT_EIO;
    }
    if (rc != 0 && rc != WEFT_EAGAIN) {
        close_fd(p);
        p->cb.on_broken(p->arg, rc);
    } else {
        p->cb.on_batch(p->arg);
    }
}

static void want(struct peer *p, int events)
{
    if (events != p->events && p->fd >= 0) {
        p->events = events;
        (void) uv_poll_start(&p->poll, events, on_poll);
    }
}

void peer_flush(struct peer *p)
{
    while (p->fd >= 0 && p->sent < p->out.len) {
        ssize_t n = send(p->fd, p->out.p + p->sent, p->out.len - p->sent,
                         MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n > 0) {
            p->sent += (size_t) n;
        } else if (n < 0 && errno == EAGAIN) {
            want(p, UV_READABLE | UV_WRITABLE);
            return;
        } else if (n < 0 && errno != EINTR) {
            break; /* reading tells */
        }
    }
    p->sent = 0;
    wf_buf_clear(&p->out);
    if (p->out.cap > READ_CHUNK) {
        wf_buf_fini(&p->out);
    }
    want(p, UV_READABLE);
}

struct wf_buf *peer_out(struct peer *p)
{
    if (p->sent > p->out.len / 2) {
        memmove(p->out.p, p->out.p + p->sent, p->out.len - p->sent);
        wf_buf_truncate(&p->out, p->out.len - p->sent);
        p->sent = 0;
    }
    return &p->out;
}

void peer_drain(struct peer *p)
{
    int rc;

    do {
        p->got = false;
        rc = p->fd >= 0 ? read_some(p) : WEFT_ECLOSED;
    } while (p->got && (rc == 0 || rc == WEFT_EAGAIN));
}

int peer_new(uv_loop_t *loop, int fd, const struct peer_callbacks *cb, void *arg,
             struct peer **ret_peer)
{
    struct peer *p = wf_calloc(1, sizeof *p);

    if (p == NULL) {
        return WEFT_ENOMEM;
    }
    p->cb = *cb;
    p->arg = arg;
    p->fd = fd;
    p->poll.data = p;
    wf_buf_init(&p->in, WORK_FRAME_MAX + 4 + READ_CHUNK);
    wf_buf_init(&p->out, SIZE_MAX / 4);
    if (uv_poll_init(loop, &p->poll, fd) != 0) {
        wf_free(p);
        return WEFT_EIO;
    }
    p->open = true;
    want(p, UV_READABLE);
    *ret_peer = p;
    return 0;
}

void peer_free(struct peer *p)
{
    if (p != NULL) {
        p->freed = true;
        close_fd(p);
        release(p);
    }
}
