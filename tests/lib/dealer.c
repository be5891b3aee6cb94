#include "tests/lib/dealer.h"

#include "tests/lib/raw.h"

#include <errno.h>
#include <zmq.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

_Noreturn void die(const char *what, const char *detail)
{
    (void) fflush(stdout);
    (void) fprintf(stderr, "%s %s\n", what, detail);
    exit(1);
}

uint64_t now_ms(void)
{
    struct timespec t;

    (void) clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

void dealer_hang_up(struct dealer *d)
{
    if (d->sock != NULL) {
        (void) zmq_socket_monitor(d->sock, NULL, 0);
        (void) zmq_close(d->sock);
        (void) zmq_close(d->events);
        d->sock = d->events = NULL;
    }
}

static void set(void *sock, int option, const void *value, size_t len)
{
    if (zmq_setsockopt(sock, option, value, len) != 0) {
        die("option", zmq_strerror(errno));
    }
}

void dealer_dial(struct dealer *d, void *ctx, const struct keys *own,
                 const uint8_t *server, const char *endpoint, const char *id)
{
    static unsigned dials;
    const int none = -1, zero = 0, patience = PATIENCE_MS;
    char address[64];

    dealer_hang_up(d);
    d->closed = 0;
    d->sock = zmq_socket(ctx, ZMQ_DEALER);
    set(d->sock, ZMQ_CURVE_SERVERKEY, server, KEY_BYTES);
    set(d->sock, ZMQ_CURVE_PUBLICKEY, own->pub, KEY_BYTES);
    set(d->sock, ZMQ_CURVE_SECRETKEY, own->sec, KEY_BYTES);
    set(d->sock, ZMQ_RECONNECT_IVL, &none, sizeof none);
    set(d->sock, ZMQ_LINGER, &zero, sizeof zero);
    set(d->sock, ZMQ_SNDTIMEO, &patience, sizeof patience);
    if (id != NULL) {
        set(d->sock, ZMQ_ROUTING_ID, id, strlen(id));
    }
    (void) snprintf(address, sizeof address, "inproc://events-%u", dials++);
    d->events = zmq_socket(ctx, ZMQ_PAIR);
    if (zmq_socket_monitor(d->sock, address, ZMQ_EVENT_ALL) != 0 ||
        zmq_connect(d->events, address) != 0 || zmq_connect(d->sock, endpoint) != 0) {
        die("connect", zmq_strerror(errno));
    }
}

static void take_event(struct dealer *d)
{
    uint8_t first[6];
    char second[256];
    uint16_t event;

    if (zmq_recv(d->events, first, sizeof first, 0) != sizeof first) {
        die("monitor", zmq_strerror(errno));
    }
    (void) zmq_recv(d->events, second, sizeof second, 0);
    memcpy(&event, first, sizeof event);
    d->closed |= event == ZMQ_EVENT_DISCONNECTED || event == ZMQ_EVENT_CLOSED ||
                 event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
}

int dealer_turn(struct dealer *d, int timeout_ms)
{
    zmq_pollitem_t items[] = {{d->events, 0, ZMQ_POLLIN, 0}, {d->sock, 0, ZMQ_POLLIN, 0}};

    (void) zmq_poll(items, 2, timeout_ms);
    if (items[1].revents == 0 && items[0].revents != 0) {
        take_event(d);
    }
    return items[1].revents != 0;
}

void dealer_await_closed(struct dealer *d)
{
    uint64_t end_ms = now_ms() + PATIENCE_MS;
    char byte;

    while (!d->closed) {
        if (now_ms() > end_ms) {
            die("still open", "");
        }
        if (dealer_turn(d, 50)) {
            (void) zmq_recv(d->sock, &byte, 1, 0);
        }
    }
}

void dealer_begin(struct wf_buf *frame)
{
    wf_buf_clear(frame);
    raw_hex(frame, "7701");
}

void dealer_send(struct dealer *d, const struct wf_buf *frame, int flags)
{
    if (zmq_send(d->sock, frame->p, frame->len, flags) < 0) {
        die("send", zmq_strerror(errno));
    }
}
