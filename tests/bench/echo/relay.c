/* The floor: a relay of two ROUTER sockets that does nothing but pass messages on,
 * without and with CURVE.  What weft costs above this is what its jobs cost. */
#include "tests/bench/echo/echo.h"
#include "tests/bench/proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#define KEY_TEXT     41
#define ENDPOINT_MAX 64

struct keys {
    char public[KEY_TEXT];
    char secret[KEY_TEXT];
};

struct relay {
    int curve;
    int ready; /* the broker's end of a pipe */
    struct keys broker;
    struct keys worker;
    struct keys client;
    struct endpoints {
        char front[ENDPOINT_MAX];
        char back[ENDPOINT_MAX];
    } at;
};

static void must(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "bench: %s: %s\n", what, zmq_strerror(zmq_errno()));
        exit(1);
    }
}

static void *make_socket(void *ctx, int type)
{
    void *s = zmq_socket(ctx, type);
    int zero = 0;

    must(s != NULL, "zmq_socket");
    zmq_setsockopt(s, ZMQ_SNDHWM, &zero, sizeof(zero));
    zmq_setsockopt(s, ZMQ_RCVHWM, &zero, sizeof(zero));
    zmq_setsockopt(s, ZMQ_LINGER, &zero, sizeof(zero));
    return s;
}

static void set_keys(void *s, const struct keys *own)
{
    must(zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, own->public, KEY_TEXT) == 0 &&
             zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, own->secret, KEY_TEXT) == 0,
         "CURVE keys");
}

static void *dealer(const struct relay *r, void *ctx, const struct keys *own,
                    const char *to)
{
    void *s = make_socket(ctx, ZMQ_DEALER);

    if (r->curve) {
        set_keys(s, own);
        must(zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, r->broker.public, KEY_TEXT) == 0,
             "CURVE server key");
    }
    must(zmq_connect(s, to) == 0, "zmq_connect");
    return s;
}

static void *router(const struct relay *r, void *ctx, char *ret_endpoint)
{
    void *s = make_socket(ctx, ZMQ_ROUTER);
    size_t len = ENDPOINT_MAX;
    int one = 1;

    if (r->curve) {
        must(zmq_setsockopt(s, ZMQ_CURVE_SERVER, &one, sizeof(one)) == 0, "CURVE server");
        set_keys(s, &r->broker);
    }
    must(zmq_bind(s, "tcp://127.0.0.1:*") == 0, "zmq_bind");
    must(zmq_getsockopt(s, ZMQ_LAST_ENDPOINT, ret_endpoint, &len) == 0, "last endpoint");
    return s;
}

struct zap {
    void *socket;
    uint8_t allowed[2][32];
};

/* Answers the library's question who may connect: our worker and our client. */
static void zap_loop(void *arg)
{
    struct zap *z = arg;

    for (;;) {
        char part[8][256];
        int len[8] = {0};
        int n = 0;
        int more = 1;
        size_t size = sizeof(more);
        const char *code;

        while (more && n < 8) {
            len[n] = zmq_recv(z->socket, part[n], sizeof(part[n]), 0);
            if (len[n] < 0) {
                return;
            }
            n++;
            zmq_getsockopt(z->socket, ZMQ_RCVMORE, &more, &size);
        }
        code = n == 7 && len[6] == 32 &&
                       (memcmp(part[6], z->allowed[0], 32) == 0 ||
                        memcmp(part[6], z->allowed[1], 32) == 0)
                   ? "200"
                   : "400";
        zmq_send(z->socket, "1.0", 3, ZMQ_SNDMORE);
        zmq_send(z->socket, part[1], n > 1 ? (size_t) len[1] : 0, ZMQ_SNDMORE);
        zmq_send(z->socket, code, 3, ZMQ_SNDMORE);
        zmq_send(z->socket, "", 0, ZMQ_SNDMORE);
        zmq_send(z->socket, "user", 4, ZMQ_SNDMORE);
        zmq_send(z->socket, "", 0, 0);
    }
}

static void start_zap(const struct relay *r, void *ctx)
{
    static struct zap z;

    z.socket = zmq_socket(ctx, ZMQ_REP);
    zmq_z85_decode(z.allowed[0], r->worker.public);
    zmq_z85_decode(z.allowed[1], r->client.public);
    must(zmq_bind(z.socket, "inproc://zeromq.zap.01") == 0, "bind ZAP");
    must(zmq_threadstart(zap_loop, &z) != NULL, "ZAP thread");
}

/* Client to worker: [client][payload] becomes [worker][client][payload]. */
static int forward(void *front, void *back, const char *worker, size_t worker_len)
{
    zmq_msg_t client;
    zmq_msg_t payload;

    zmq_msg_init(&client);
    if (zmq_msg_recv(&client, front, ZMQ_DONTWAIT) < 0) {
        return 0;
    }
    zmq_msg_init(&payload);
    zmq_msg_recv(&payload, front, 0);
    zmq_send(back, worker, worker_len, ZMQ_SNDMORE);
    zmq_msg_send(&client, back, ZMQ_SNDMORE);
    zmq_msg_send(&payload, back, 0);
    return 1;
}

/* Worker to client: [worker][client][payload] becomes [client][payload]. */
static int backward(void *front, void *back)
{
    char worker[256];
    zmq_msg_t client;
    zmq_msg_t payload;

    if (zmq_recv(back, worker, sizeof(worker), ZMQ_DONTWAIT) < 0) {
        return 0;
    }
    zmq_msg_init(&client);
    zmq_msg_recv(&client, back, 0);
    zmq_msg_init(&payload);
    zmq_msg_recv(&payload, back, 0);
    zmq_msg_send(&client, front, ZMQ_SNDMORE);
    zmq_msg_send(&payload, front, 0);
    return 1;
}

static void broker(void *arg)
{
    struct relay *r = arg;
    void *ctx = zmq_ctx_new();
    void *front;
    void *back;
    char worker[256];
    char hello[8];
    int worker_len;
    struct endpoints at;

    if (r->curve) {
        start_zap(r, ctx);
    }
    front = router(r, ctx, at.front);
    back = router(r, ctx, at.back);
    must(write(r->ready, &at, sizeof(at)) == (ssize_t) sizeof(at), "pipe");
    worker_len = zmq_recv(back, worker, sizeof(worker), 0);
    must(worker_len > 0 && zmq_recv(back, hello, sizeof(hello), 0) >= 0,
         "worker's hello");
    for (;;) {
        zmq_pollitem_t items[] = {{front, 0, ZMQ_POLLIN, 0}, {back, 0, ZMQ_POLLIN, 0}};
        int moved;

        zmq_poll(items, 2, -1);
        do {
            moved = forward(front, back, worker, (size_t) worker_len);
            moved += backward(front, back);
        } while (moved != 0);
    }
}

static void worker(void *arg)
{
    struct relay *r = arg;
    void *s = dealer(r, zmq_ctx_new(), &r->worker, r->at.back);

    zmq_send(s, "hello", 5, 0);
    for (;;) {
        zmq_msg_t client;
        zmq_msg_t payload;

        zmq_msg_init(&client);
        zmq_msg_init(&payload);
        zmq_msg_recv(&client, s, 0);
        zmq_msg_recv(&payload, s, 0);
        zmq_msg_send(&client, s, ZMQ_SNDMORE);
        zmq_msg_send(&payload, s, 0);
    }
}

static void client(struct bench_run *e, const struct relay *r)
{
    void *s = dealer(r, zmq_ctx_new(), &r->client, r->at.front);
    uint8_t payload[LOAD_PAYLOAD];
    uint32_t i;
    int n;

    load_start(&e->load, e->window, e->seconds);
    for (i = 0; i < e->window; i++) {
        load_stamp(payload);
        zmq_send(s, payload, sizeof(payload), 0);
    }
    for (;;) {
        n = zmq_recv(s, payload, sizeof(payload), 0);
        must(n >= 0, "zmq_recv");
        if (!load_reply(&e->load, payload, (size_t) n)) {
            return;
        }
        load_stamp(payload);
        zmq_send(s, payload, sizeof(payload), 0);
    }
}

static int run(struct bench_run *e, int curve)
{
    static struct relay r;
    int fds[2];

    r.curve = curve;
    if (curve) {
        must(zmq_curve_keypair(r.broker.public, r.broker.secret) == 0 &&
                 zmq_curve_keypair(r.worker.public, r.worker.secret) == 0 &&
                 zmq_curve_keypair(r.client.public, r.client.secret) == 0,
             "zmq_curve_keypair");
    }
    must(pipe(fds) == 0, "pipe");
    r.ready = fds[1];
    proc_fork(broker, &r);
    must(read(fds[0], &r.at, sizeof(r.at)) == (ssize_t) sizeof(r.at),
         "broker's endpoints");
    proc_fork(worker, &r);
    client(e, &r);
    return 0;
}

int echo_relay(struct bench_run *e)
{
    return run(e, 0);
}

int echo_relay_curve(struct bench_run *e)
{
    return run(e, 1);
}
