#include "common/io/zsock.h"
#include "tests/lib/tap.h"

#include <dirent.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>

/* Bursts of random size over several DEALERs into a ROUTER that echoes: the sockets'
 * edge-triggered signal must not be lost, whoever sends when.  `late` makes the ROUTER
 * answer from a timer, which is where naive loops stall. */

#define DEALERS 4
#define TOTAL   80000

struct burst {
    struct wf_loop loop;
    struct wf_timer *pump, *answer;
    struct zsock *router, *dealers[DEALERS];
    uint8_t ids[TOTAL][5]; /* of messages to echo */
    unsigned to_echo, echoed;
    unsigned sent, back;
    uint32_t rng;
    bool late;
    uint64_t end_us;
};

static uint32_t next(struct burst *b)
{
    b->rng = b->rng * 1664525 + 1013904223;
    return b->rng >> 16;
}

static void echo(struct burst *b)
{
    while (b->echoed < b->to_echo) {
        void *sock = zsock_raw(b->router);

        if (zmq_send(sock, b->ids[b->echoed], 5, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
            break;
        }
        must(zmq_send(sock, "echo", 4, ZMQ_DONTWAIT) == 4);
        b->echoed++;
    }
    zsock_kick(b->router);
}

static void on_request(void *arg, zmq_msg_t *frames, size_t n)
{
    struct burst *b = arg;

    must(n == 2 && zmq_msg_size(&frames[0]) == 5 && b->to_echo < TOTAL);
    memcpy(b->ids[b->to_echo++], zmq_msg_data(&frames[0]), 5);
}

static void on_turn(void *arg, bool drained)
{
    struct burst *b = arg;

    (void) drained;
    if (!b->late && b->echoed < b->to_echo) {
        echo(b);
    }
}

static void on_answer(void *arg)
{
    struct burst *b = arg;

    echo(b);
    wf_timer_start_at(b->answer, wf_now_us() + 1000);
}

static void on_reply(void *arg, zmq_msg_t *frames, size_t n)
{
    struct burst *b = arg;

    must(n == 1 && zmq_msg_size(&frames[0]) == 4);
    if (++b->back == TOTAL) {
        wf_loop_stop(&b->loop);
    }
}

static void on_pump(void *arg)
{
    struct burst *b = arg;
    unsigned burst = next(b) % 200;
    struct zsock *d = b->dealers[next(b) % DEALERS];

    while (burst-- != 0 && b->sent < TOTAL &&
           zmq_send(zsock_raw(d), "request", 7, ZMQ_DONTWAIT) == 7) {
        b->sent++;
    }
    zsock_kick(d);
    if (wf_now_us() > b->end_us) {
        wf_loop_stop(&b->loop);
    }
    wf_timer_start_at(b->pump, next(b) % 4 == 0 ? wf_now_us() + 1000 : 0);
}

static void run(const char *endpoint, bool late)
{
    static const struct zsock_cbs router_cbs = {on_request, on_turn};
    static const struct zsock_cbs dealer_cbs = {on_reply, NULL};
    static const struct zsock_opts opts = {.hwm = 100000};
    static struct burst b;
    char bound[128];
    void *ctx;

    memset(&b, 0, sizeof b);
    b.late = late;
    b.rng = 7;
    b.end_us = wf_now_us() + 100000000;
    must(zctx_new(0, &ctx) == 0);
    must(wf_loop_init(&b.loop, NULL) == 0);
    must(zsock_new(&b.loop, ctx, ZMQ_ROUTER, &opts, &router_cbs, &b, &b.router, NULL) ==
         0);
    must(zsock_bind(b.router, endpoint, NULL) == 0);
    must(zsock_endpoint(b.router, bound, sizeof bound) == 0);
    for (int i = 0; i < DEALERS; i++) {
        must(zsock_new(&b.loop, ctx, ZMQ_DEALER, &opts, &dealer_cbs, &b, &b.dealers[i],
                       NULL) == 0);
        must(zsock_connect(b.dealers[i], bound, NULL) == 0);
    }
    must(wf_timer_new(&b.loop, on_pump, &b, &b.pump) == 0);
    must(wf_timer_new(&b.loop, on_answer, &b, &b.answer) == 0);
    wf_timer_start_at(b.pump, 0);
    if (late) {
        wf_timer_start_at(b.answer, 0);
    }
    wf_loop_run(&b.loop);
    is_int(b.back, TOTAL, "every message came back");
    for (int i = 0; i < DEALERS; i++) {
        zsock_free(b.dealers[i], NULL);
    }
    zsock_free(b.router, NULL);
    wf_timer_free(b.pump);
    wf_timer_free(b.answer);
    wf_loop_fini(&b.loop);
    zctx_free(&ctx);
    ok(ctx == NULL, "%s, answers from %s", endpoint, late ? "a timer" : "the same turn");
}

/* -- driven by poll() --------------------------------------------------------------- */

struct pair {
    struct wf_loop loop;
    struct zsock *ours;
    unsigned got, sent;
};

static void on_ping(void *arg, zmq_msg_t *frames, size_t n)
{
    struct pair *p = arg;

    must(n == 1 && zmq_msg_size(&frames[0]) == 4);
    p->got++;
}

static void on_pair_turn(void *arg, bool drained)
{
    struct pair *p = arg;

    (void) drained;
    while (p->sent < p->got) {
        must(zmq_send(zsock_raw(p->ours), "pong", 4, ZMQ_DONTWAIT) == 4);
        p->sent++;
    }
}

/* What the descriptor tells is read and answered in one turn, however many came. */
static void test_foreign_poll(void)
{
    static const struct zsock_cbs cbs = {on_ping, on_pair_turn};
    static const struct zsock_opts opts;
    struct pair p = {0};
    void *ctx, *theirs;
    unsigned turns = 0, want = 0, whole = 0;
    char pong[8];

    must(zctx_new(0, &ctx) == 0);
    must(wf_loop_init(&p.loop, NULL) == 0);
    must(zsock_new(&p.loop, ctx, ZMQ_PAIR, &opts, &cbs, &p, &p.ours, NULL) == 0);
    must(zsock_bind(p.ours, "inproc://pair", NULL) == 0);
    theirs = zmq_socket(ctx, ZMQ_PAIR);
    must(theirs != NULL && zmq_connect(theirs, "inproc://pair") == 0);
    while (wf_loop_timeout_ms(&p.loop) == 0) {
        wf_loop_turn(&p.loop);
    }
    for (unsigned i = 0; i < 100; i++) {
        struct pollfd fd = {.fd = wf_loop_fd(&p.loop), .events = POLLIN};
        unsigned burst = i % 3 == 0 ? 4 : 1;

        for (unsigned k = 0; k < burst; k++) {
            must(zmq_send(theirs, "ping", 4, 0) == 4);
        }
        want += burst;
        must(poll(&fd, 1, 10000) == 1);
        wf_loop_turn(&p.loop);
        turns++;
        whole += p.got == want && p.sent == want;
        for (unsigned k = 0; k < burst; k++) {
            must(zmq_recv(theirs, pong, sizeof pong, 0) == 4);
        }
    }
    is_int(whole, turns, "each wake-up takes one turn");
    zsock_free(p.ours, NULL);
    must(zmq_close(theirs) == 0);
    wf_loop_fini(&p.loop);
    zctx_free(&ctx);
}

/* Threads of this process that are nicer than the first one. */
static unsigned nicer(void)
{
    const int own = getpriority(PRIO_PROCESS, 0);
    DIR *d = opendir("/proc/self/task");
    const struct dirent *e;
    unsigned n = 0;

    must(d != NULL);
    while ((e = readdir(d)) != NULL) {
        int tid = atoi(e->d_name);

        n += tid > 0 && getpriority(PRIO_PROCESS, (id_t) tid) > own;
    }
    (void) closedir(d);
    return n;
}

static void test_bulk_context(void)
{
    void *small, *bulk, *sock;

    must(zctx_new(0, &small) == 0);
    sock = zmq_socket(small, ZMQ_PAIR);
    must(sock != NULL);
    is_int(nicer(), 0, "the threads of a context are as others");
    must(zctx_new(ZCTX_BULK, &bulk) == 0);
    is_int(nicer(), getpriority(PRIO_PROCESS, 0) < 19 ? 2 : 0,
           "those of the bulk lane let others go first: I/O and reaper");
    (void) zmq_close(sock);
    zctx_free(&small);
    zctx_free(&bulk);
    is_int(nicer(), 0, "and end with it");
}

int main(void)
{
    test_bulk_context();
    test_foreign_poll();
    run("tcp://127.0.0.1:*", false);
    run("tcp://127.0.0.1:*", true);
    run("inproc://burst", false);
    run("inproc://burst", true);
    return done();
}
