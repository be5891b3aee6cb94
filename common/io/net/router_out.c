#include "common/io/net/frame.h"
#include "common/io/net/router_impl.h"

#include <errno.h>

/* Without MANDATORY and DONTWAIT ZeroMQ would drop or block in silence. */
static int send_part(void *sock, const void *p, size_t len, int flags)
{
    int rc;

    do {
        rc = zmq_send(sock, p, len, flags | ZMQ_DONTWAIT);
    } while (rc < 0 && errno == EINTR);
    return rc < 0 ? -errno : 0;
}

static int send_frame(struct router *r, const struct session *s, const uint8_t *p,
                      size_t len)
{
    void *sock = zsock_raw(r->sock);
    uint8_t id[5] = {0, (uint8_t) (s->rid >> 24), (uint8_t) (s->rid >> 16),
                     (uint8_t) (s->rid >> 8), (uint8_t) s->rid};
    int rc = send_part(sock, id, sizeof id, ZMQ_SNDMORE);

    /* Once the id was taken, so is the payload. */
    return rc != 0 ? rc : send_part(sock, p, len, 0);
}

void router_out_drop(struct router *r, struct session *s)
{
    r->stats.pending_bytes -= s->out.bytes;
    outq_clear(&s->out, &r->pool);
    wf_list_remove(&s->node);
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

void router_out_session(struct router *r, struct session *s)
{
    while (s->out.head != NULL) {
        size_t len = s->out.head->len;

        if (note(r, s, send_frame(r, s, s->out.head->p, len), len) != 0) {
            return;
        }
        s->probe = false;
        r->stats.pending_bytes -= len;
        outq_pop(&s->out, &r->pool);
    }
    if (s->probe) {
        uint8_t empty[WF_FRAME_HEADER];

        s->probe = false;
        frame_header(empty);
        (void) note(r, s, send_frame(r, s, empty, sizeof empty), sizeof empty);
    }
}

void router_out_all(struct router *r)
{
    struct wf_list_node *node = wf_list_first(&r->out);

    while (node != NULL) {
        struct session *s = CONTAINER_OF(node, struct session, node);

        node = wf_list_next(&r->out, node);
        router_out_session(r, s);
        if (s->out.head == NULL) {
            wf_list_remove(&s->node);
        }
    }
}

void router_out_probe(struct router *r, struct session *s)
{
    if (s->lost) {
        return;
    }
    s->probe = true;
    if (wf_list_empty(&s->node)) {
        wf_list_push_back(&r->out, &s->node);
    }
    zsock_kick(r->sock);
}
