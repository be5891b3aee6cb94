#include "common/failpoint.h"
#include "common/io/net/frame.h"
#include "common/io/net/router_impl.h"
#include "common/mem.h"

#include <errno.h>

#define RETRY_MIN_US 1000
#define RETRY_MAX_US 64000

/* Without MANDATORY and DONTWAIT ZeroMQ would drop or block in silence. */
static int send_part(void *sock, const void *p, size_t len, int flags)
{
    int rc;

    do {
        rc = zmq_send(sock, p, len, flags | ZMQ_DONTWAIT);
    } while (rc < 0 && errno == EINTR);
    return rc < 0 ? -errno : 0;
}

static void release(void *p, void *hint)
{
    (void) hint;
    wf_free(p);
}

/* A frame that the pool would not keep is ZeroMQ's from here on, instead of a copy. */
static int send_payload(void *sock, struct outq_frame *f)
{
    zmq_msg_t m;
    int rc;

    if (f->len <= WF_FRAME_TARGET ||
        zmq_msg_init_data(&m, f->p, f->len, release, NULL) != 0) {
        return send_part(sock, f->p, f->len, 0);
    }
    f->p = NULL;
    f->cap = 0;
    do {
        rc = zmq_msg_send(&m, sock, ZMQ_DONTWAIT);
    } while (rc < 0 && errno == EINTR);
    if (rc < 0) {
        rc = -errno;
        (void) zmq_msg_close(&m);
    }
    return rc < 0 ? rc : 0;
}

static int send_frame(struct router *r, const struct session *s, struct outq_frame *f)
{
    void *sock = zsock_raw(r->sock);
    uint8_t id[5] = {0, (uint8_t) (s->rid >> 24), (uint8_t) (s->rid >> 16),
                     (uint8_t) (s->rid >> 8), (uint8_t) s->rid};
    int rc;

    WF_FAILPOINT("router.frame.before");
    rc = send_part(sock, id, sizeof id, ZMQ_SNDMORE);
    /* Once the id was taken, so is the payload. */
    rc = rc != 0 ? rc : send_payload(sock, f);
    WF_FAILPOINT("router.frame.after");
    return rc;
}

void router_out_drop(struct router *r, struct session *s)
{
    r->stats.pending_bytes -= s->out.bytes;
    outq_clear(&s->out, &r->pool);
    wf_list_remove(&s->node);
    wf_list_remove(&s->room);
}

/* What became of one frame: 0, or what ended the try. */
static int note(struct router *r, struct session *s, int rc, size_t len)
{
    if (rc == 0) {
        r->stats.frames_out++;
        r->stats.bytes_out += len;
        s->blocked = false;
    } else if (rc == -EAGAIN) {
        r->stats.stalls += !s->blocked;
        s->blocked = true;
    } else {
        s->lost = true;
        router_out_drop(r, s);
        if (wf_list_empty(&s->end)) {
            wf_list_push_back(&r->ends, &s->end);
        }
        zsock_kick(r->sock);
    }
    return rc;
}

/* Send the first frame that is queued.  0, or what ended the try. */
static int send_first(struct router *r, struct session *s)
{
    size_t len = s->out.head->len;
    int rc = note(r, s, send_frame(r, s, s->out.head), len);

    if (rc == 0) {
        r->stats.pending_bytes -= len;
        outq_pop(&s->out, &r->pool);
        if (r->cbs.on_room != NULL && s->known && wf_list_empty(&s->room)) {
            wf_list_push_back(&r->room, &s->room);
        }
    }
    return rc;
}

void router_out_full(struct router *r, struct session *s)
{
    while (s->out.head != s->out.tail && send_first(r, s) == 0) {
    }
}

static void send_all(struct router *r, struct session *s)
{
    while (s->out.head != NULL) {
        if (send_first(r, s) != 0) {
            return;
        }
    }
    if (s->probes != 0) {
        uint8_t header[WF_FRAME_HEADER];
        struct outq_frame empty = {.p = header, .len = sizeof header};

        s->probes--;
        frame_header(header);
        (void) note(r, s, send_frame(r, s, &empty), sizeof header);
    }
}

/* Try everybody once.  The number of sessions that are blocked. */
static unsigned try_all(struct router *r)
{
    struct wf_list_node *node = wf_list_first(&r->out);
    unsigned blocked = 0;

    while (node != NULL) {
        struct session *s = CONTAINER_OF(node, struct session, node);

        node = wf_list_next(&r->out, node);
        send_all(r, s);
        if (s->out.head == NULL && s->probes == 0) {
            wf_list_remove(&s->node);
        }
        blocked += s->blocked && !s->lost;
    }
    return blocked;
}

/* The signal that a peer takes more may be swallowed by any call on the socket, also by
 * asking for ZMQ_EVENTS, and cannot be asked for.  So blocked sessions are also tried by
 * time: soon while they move, then less and less often. */
void router_out_all(struct router *r)
{
    uint64_t was = r->stats.frames_out;
    unsigned blocked = try_all(r);

    if (blocked == 0) {
        if (r->retry_us != 0) {
            r->retry_us = 0;
            wf_timer_stop(r->retry);
        }
        return;
    }
    if (r->retry_us == 0 || r->stats.frames_out != was) {
        r->retry_us = RETRY_MIN_US;
    } else if (r->retry_us < RETRY_MAX_US) {
        r->retry_us *= 2;
    }
    wf_timer_start_at(r->retry, wf_now_us() + r->retry_us);
}

void router_out_tell(struct router *r)
{
    struct wf_list_node *node;

    while (!r->closing && (node = wf_list_first(&r->room)) != NULL) {
        const struct session *s = CONTAINER_OF(node, struct session, room);

        wf_list_remove(node);
        if (s->known) {
            r->cbs.on_room(r->arg, s->handle, s->out.bytes);
        }
    }
}

static void on_retry(void *arg)
{
    struct router *r = arg;

    zsock_kick(r->sock);
}

void router_out_now(struct router *r, struct session *s)
{
    if (wf_list_empty(&s->node) || s->lazy) {
        wf_list_remove(&s->node);
        wf_list_push_back(&r->out, &s->node);
        s->lazy = false;
        zsock_kick(r->sock);
    }
}

void router_out_later(struct router *r, struct session *s)
{
    if (!wf_list_empty(&s->node)) {
        return;
    }
    wf_list_push_back(&r->lazy, &s->node);
    s->lazy = true;
    if (!r->lingers) {
        r->lingers = true;
        wf_timer_start_at(r->linger, wf_now_us() + ROUTER_LINGER_US);
    }
}

static void on_linger(void *arg)
{
    struct router *r = arg;
    struct wf_list_node *node;

    r->lingers = false;
    while ((node = wf_list_first(&r->lazy)) != NULL) {
        router_out_now(r, CONTAINER_OF(node, struct session, node));
    }
}

int router_out_new(struct router *r, struct wf_loop *l, struct wf_err *err)
{
    if (wf_timer_new(l, on_retry, r, &r->retry) != 0 ||
        wf_timer_new(l, on_linger, r, &r->linger) != 0) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for a timer");
    }
    return 0;
}

void router_out_probe(struct router *r, struct session *s, unsigned times)
{
    if (s->lost) {
        return;
    }
    s->probes = (uint8_t) times;
    router_out_now(r, s);
    zsock_kick(r->sock);
}
