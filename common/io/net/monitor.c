#include "common/io/net/monitor.h"

#include "common/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct monitor {
    struct zsock *watched, *pair;
    void (*on_event)(void *arg, unsigned event, uint32_t value);
    void (*on_freed)(void *arg);
    void *arg;
    bool dead;
};

/* Frames: u16 event and u32 value in the host's byte order; then the endpoint. */
static void on_frames(void *arg, zmq_msg_t *frames, size_t n)
{
    struct monitor *m = arg;
    const uint8_t *p = zmq_msg_data(&frames[0]);
    uint16_t event;
    uint32_t value;

    if (n != 2 || zmq_msg_size(&frames[0]) != sizeof event + sizeof value || m->dead) {
        return;
    }
    memcpy(&event, p, sizeof event);
    memcpy(&value, p + sizeof event, sizeof value);
    m->on_event(m->arg, event, value);
}

int monitor_new(struct wf_loop *l, void *ctx, struct zsock *z, int events,
                void (*on_event)(void *arg, unsigned event, uint32_t value), void *arg,
                struct monitor **ret_monitor, struct wf_err *err)
{
    static const struct zsock_opts opts = {.hwm = 4096};
    static const struct zsock_cbs cbs = {.on_frames = on_frames};
    struct monitor *m = wf_calloc(1, sizeof *m);
    char endpoint[64];
    int rc;

    if (m == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for a socket monitor");
    }
    m->watched = z;
    m->on_event = on_event;
    m->arg = arg;
    (void) snprintf(endpoint, sizeof endpoint, "inproc://monitor-%p-%u", (void *) l,
                    l->next_id++);
    rc = zsock_new(l, ctx, ZMQ_PAIR, &opts, &cbs, m, &m->pair, err);
    if (rc != 0) {
        wf_free(m);
        return rc;
    }
    if (zmq_socket_monitor(zsock_raw(z), endpoint, events) != 0 ||
        zmq_connect(zsock_raw(m->pair), endpoint) != 0) {
        rc =
            wf_err_set(err, WEFT_EIO, "cannot monitor a socket: %s", zmq_strerror(errno));
        monitor_free(m, NULL);
        return rc;
    }
    zsock_kick(z);
    zsock_kick(m->pair);
    *ret_monitor = m;
    return 0;
}

static void pair_freed(void *arg)
{
    struct monitor *m = arg;

    if (m->on_freed != NULL) {
        m->on_freed(m->arg);
    }
    wf_free(m);
}

void monitor_free(struct monitor *m, void (*on_freed)(void *arg))
{
    if (m == NULL) {
        return;
    }
    m->dead = true;
    m->on_freed = on_freed;
    /* Stopped before its reader goes, or the I/O thread would wait for a reader. */
    (void) zmq_socket_monitor(zsock_raw(m->watched), NULL, 0);
    zsock_free(m->pair, pair_freed);
}
