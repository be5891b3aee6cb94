#include "common/mem.h"
#include "tests/unit/io/mesh.h"

#include <errno.h>

static void test_peer_comes_and_goes(void)
{
    struct mesh m;
    void *d;
    char text[256];

    mesh_init(&m, (struct router_opts){0});
    m.echo = true;
    d = mesh_dealer(&m, NULL, 0);
    must(zmq_send(d, "w\1hello", 7, 0) == 7);
    run_until(&m, m.frames == 1);
    is_int(m.peers, 1, "one peer");
    is_str(m.last, "hello", "the header is stripped");
    ok(memcmp(m.key, m.client.pub, KEY_BYTES) == 0, "the key is the client's");
    ok(m.handle != 0, "a handle is not 0");
    router_address(m.router, m.handle, text, sizeof text);
    ok(strncmp(text, "127.0.0.1:", 10) == 0, "its address: %s", text);
    text[0] = '\0';
    run_until(&m, mesh_take(d, text, sizeof text) > 0);
    is_str(text, "hello", "the echo comes back with a header");
    is_int(router_stats(m.router)->peers, 1, "counted");
    zmq_close(d);
    run_until(&m, m.gone == 1);
    is_int(router_stats(m.router)->peers, 0, "no peers");
    is_int(router_send(m.router, m.handle, "x", 1), WEFT_ENOENT, "its handle is dead");
    run_until(&m, router_stats(m.router)->conns == 0);
    mesh_fini(&m);
}

static void test_gone_after_the_last_frame(void)
{
    struct mesh m;
    void *d;
    int linger = 5000;

    mesh_init(&m, (struct router_opts){0});
    d = mesh_dealer(&m, NULL, 0);
    (void) zmq_setsockopt(d, ZMQ_LINGER, &linger, sizeof linger);
    for (int i = 0; i < 500; i++) {
        must(zmq_send(d, "w\1bye", 5, 0) == 5);
    }
    zmq_close(d);
    run_until(&m, m.gone == 1);
    is_int(m.frames, 500, "all frames came before on_gone");
    is_int(m.peers, 1, "and were no second peer");
    mesh_fini(&m);
}

static void expect_cut(const char *what, const char *id, size_t id_len, const char *bytes,
                       size_t len, bool multi, size_t counter_offset)
{
    struct mesh m;
    void *bad, *good;
    const uint64_t *counter;

    mesh_init(&m, (struct router_opts){0});
    good = mesh_dealer(&m, NULL, 0);
    must(zmq_send(good, "w\1ok", 4, 0) == 4);
    run_until(&m, m.frames == 1);
    bad = mesh_dealer(&m, id, id_len);
    if (multi) {
        must(zmq_send(bad, "w\1", 2, ZMQ_SNDMORE) == 2);
    }
    must(zmq_send(bad, bytes, len, 0) == (int) len);
    counter = (const uint64_t *) (const void *) ((const char *) router_stats(m.router) +
                                                 counter_offset);
    ok(true, "%s", what);
    run_until(&m, *counter >= 1);
    is_int(m.peers, 1, "it is never announced");
    /* It stays cut: its library reconnects, but says nothing more. */
    run_until(&m, router_stats(m.router)->conns >= 2 ||
                      router_stats(m.router)->accepted >= 3);
    must(zmq_send(good, "w\1still", 7, 0) == 7);
    run_until(&m, m.frames == 2);
    is_str(m.last, "still", "others do not notice");
    zmq_close(bad);
    zmq_close(good);
    mesh_fini(&m);
}

#define COUNTER(x) offsetof(struct router_stats, x)

static void test_hostile_peers(void)
{
    expect_cut("own routing id", "me", 2, "w\1hi", 4, false, COUNTER(bad_ids));
    expect_cut("no header", NULL, 0, "garbage", 7, false, COUNTER(bad_frames));
    expect_cut("another version", NULL, 0, "w\2hi", 4, false, COUNTER(bad_frames));
    expect_cut("an empty frame", NULL, 0, "", 0, false, COUNTER(bad_frames));
    expect_cut("two payload frames", NULL, 0, "w\1hi", 4, true, COUNTER(bad_frames));
}

static void test_garbage_later_ends_a_session(void)
{
    struct mesh m;
    void *d;

    mesh_init(&m, (struct router_opts){0});
    d = mesh_dealer(&m, NULL, 0);
    must(zmq_send(d, "w\1hi", 4, 0) == 4);
    must(zmq_send(d, "xxxx", 4, 0) == 4);
    must(zmq_send(d, "w\1hi", 4, 0) == 4);
    run_until(&m, m.gone == 1);
    is_int(m.frames, 1, "nothing after the garbage is handed over");
    is_int(router_stats(m.router)->bad_frames, 1, "counted once");
    zmq_close(d);
    mesh_fini(&m);
}

static void test_close(void)
{
    struct mesh m;
    void *d;

    mesh_init(&m, (struct router_opts){0});
    d = mesh_dealer(&m, NULL, 0);
    must(zmq_send(d, "w\1hi", 4, 0) == 4);
    run_until(&m, m.frames == 1);
    router_close(m.router, m.handle);
    is_int(router_send(m.router, m.handle, "x", 1), WEFT_ENOENT, "closed at once");
    (void) zmq_send(d, "w\1more", 6, 0);
    run_until(&m, router_stats(m.router)->accepted == 2);
    is_int(m.gone, 0, "the owner knows it by itself");
    zmq_close(d);
    mesh_fini(&m);
}

static void test_refusal_is_read(void)
{
    struct mesh m;
    void *d;
    char text[64];

    mesh_init(&m, (struct router_opts){0});
    m.close_in_peer = true;
    d = mesh_dealer(&m, NULL, 0);
    must(zmq_send(d, "w\1hi", 4, 0) == 4);
    run_until(&m, mesh_take(d, text, sizeof text) > 0);
    is_str(text, "refused", "the peer reads why");
    is_int(m.frames, 0, "a closed peer's frame is not handed over");
    run_until(&m, router_stats(m.router)->accepted == 2);
    is_int(m.gone, 0, "no on_gone");
    zmq_close(d);
    mesh_fini(&m);
}

static void test_batching(void)
{
    struct mesh m;
    void *d;
    char text[256];
    uint8_t big[3000];
    size_t got = 0;

    mesh_init(&m, (struct router_opts){0});
    d = mesh_dealer(&m, NULL, 0);
    must(zmq_send(d, "w\1hi", 4, 0) == 4);
    run_until(&m, m.frames == 1);
    for (int i = 0; i < 20; i++) {
        must(router_send(m.router, m.handle, "0123456789", 10) == 0);
    }
    is_int(router_pending(m.router, m.handle), 202, "queued with one header");
    run_until(&m, mesh_take(d, text, sizeof text) == 200);
    is_int(router_stats(m.router)->frames_out, 1, "20 messages, one frame");
    is_int(router_stats(m.router)->pending_bytes, 0, "nothing is left");
    memset(big, 'b', sizeof big);
    for (int i = 0; i < 100; i++) {
        must(router_send(m.router, m.handle, big, sizeof big) == 0);
    }
    run_until(&m, (got += zmq_recv(d, NULL, 0, ZMQ_DONTWAIT) > 0) == 5);
    is_int(router_stats(m.router)->frames_out, 6, "300 kB leave in five frames");
    is_int(router_send(m.router, m.handle, big, ZSOCK_MAX_FRAME), WEFT_ETOOBIG,
           "a message larger than a frame");
    zmq_close(d);
    mesh_fini(&m);
}

static void test_slow_peer(void)
{
    struct router_opts opts = {.sock = {.hwm = 4, .sndbuf = 16384},
                               .pending_cap = 1 << 20};
    struct mesh m;
    void *slow, *fast;
    uint32_t slow_handle;
    static uint8_t chunk[60000];
    int small = 2;
    unsigned sent = 0;

    mesh_init(&m, opts);
    slow = mesh_dealer(&m, NULL, 0);
    (void) zmq_setsockopt(slow, ZMQ_RCVHWM, &small, sizeof small);
    must(zmq_send(slow, "w\1slow", 6, 0) == 6);
    run_until(&m, m.peers == 1);
    slow_handle = m.handle;
    fast = mesh_dealer(&m, NULL, 0);
    must(zmq_send(fast, "w\1fast", 6, 0) == 6);
    run_until(&m, m.peers == 2);
    /* The slow one has room for so many in its own queue of 1000; it reads nothing. */
    while (router_send(m.router, slow_handle, chunk, sizeof chunk) == 0 && sent < 5000) {
        (void) uv_run(&m.loop.uv, UV_RUN_NOWAIT);
        sent++;
    }
    is_int(router_stats(m.router)->slow_peers, 1, "cut at the cap");
    ok(router_stats(m.router)->stalls > 0, "after it had stalled");
    run_until(&m, m.gone == 1);
    is_int(router_stats(m.router)->pending_bytes, 0, "its queue is dropped");
    m.echo = true;
    must(zmq_send(fast, "w\1echo", 6, 0) == 6);
    run_until(&m, zmq_recv(fast, chunk, sizeof chunk, ZMQ_DONTWAIT) == 6);
    zmq_close(slow);
    zmq_close(fast);
    mesh_fini(&m);
}

static void test_pending_is_delivered(void)
{
    struct router_opts opts = {.sock = {.hwm = 4, .sndbuf = 16384}};
    struct mesh m;
    void *d;
    static uint8_t chunk[60000];
    unsigned got = 0;

    mesh_init(&m, opts);
    d = mesh_dealer(&m, NULL, 0);
    must(zmq_send(d, "w\1hi", 4, 0) == 4);
    run_until(&m, m.frames == 1);
    for (unsigned i = 0; i < 130; i++) {
        must(router_send(m.router, m.handle, chunk, sizeof chunk) == 0);
    }
    ok(router_stats(m.router)->pending_bytes > 0, "not all is taken at once");
    run_until(&m, (got += zmq_recv(d, chunk, sizeof chunk, ZMQ_DONTWAIT) > 0) == 130);
    is_int(router_stats(m.router)->pending_bytes, 0, "all is sent");
    zmq_close(d);
    mesh_fini(&m);
}

static void test_port_in_use(void)
{
    struct mesh m;
    struct wf_err err = {0, ""};

    mesh_init(&m, (struct router_opts){0});
    is_int(router_bind(m.router, m.endpoint, &err), WEFT_ECONF, "the port is taken");
    ok(strstr(err.text, m.endpoint) != NULL && strstr(err.text, "in use") != NULL,
       "and the text says so: %s", err.text);
    is_int(router_bind(m.router, "nonsense", &err), WEFT_ECONF, "not an endpoint");
    mesh_fini(&m);
}

static void test_freed_with_peers(void)
{
    struct mesh m;
    void *d;

    mesh_init(&m, (struct router_opts){0});
    d = mesh_dealer(&m, NULL, 0);
    must(zmq_send(d, "w\1hi", 4, 0) == 4);
    run_until(&m, m.frames == 1);
    must(router_send(m.router, m.handle, "unsent", 6) == 0);
    zmq_close(d);
    mesh_fini(&m);
    is_int(m.gone, 0, "no callback after the end");
}

/* One allocation after the other fails: the peer is served or refused, never half. */
static void test_out_of_memory(void)
{
    unsigned refused = 0, served = 0;

    for (int n = 0; n < 16; n++) {
        struct mesh m;
        void *d;
        uint64_t end_us = wf_now_us() + WATCHDOG_US;

        mesh_init(&m, (struct router_opts){0});
        m.echo = true;
        (void) wf_mem_fail_after(n);
        d = mesh_dealer(&m, NULL, 0);
        must(zmq_send(d, "w\1hi", 4, 0) == 4);
        while (router_stats(m.router)->no_memory == 0 &&
               router_stats(m.router)->frames_out == 0 && wf_now_us() < end_us) {
            (void) uv_run(&m.loop.uv, UV_RUN_ONCE);
        }
        (void) wf_mem_fail_after(-1);
        refused += router_stats(m.router)->no_memory != 0;
        served += router_stats(m.router)->frames_out != 0;
        zmq_close(d);
        mesh_fini(&m);
    }
    ok(refused >= 3 && served >= 3, "%u times refused, %u served", refused, served);
}

static void test_no_memory_for_a_router(void)
{
    static const struct router_cbs cbs = {mesh_on_peer, mesh_on_frame, mesh_on_gone,
                                          NULL};
    struct mesh m;
    struct router_opts opts = {0};
    struct router *r;
    int n = 0, rc = WEFT_ENOMEM;

    mesh_init(&m, opts);
    opts.keys = &m.server;
    while (rc == WEFT_ENOMEM) {
        (void) wf_mem_fail_after(n++);
        rc = router_new(&m.loop, m.ctx, &opts, &cbs, &m, &r, NULL);
        (void) wf_mem_fail_after(-1);
    }
    is_int(rc, 0, "made when there is enough");
    ok(n > 5, "after %d failures", n - 1);
    router_free(r);
    mesh_fini(&m);
}

int main(void)
{
    test_peer_comes_and_goes();
    test_gone_after_the_last_frame();
    test_hostile_peers();
    test_garbage_later_ends_a_session();
    test_close();
    test_refusal_is_read();
    test_batching();
    test_slow_peer();
    test_pending_is_delivered();
    test_port_in_use();
    test_freed_with_peers();
    test_out_of_memory();
    test_no_memory_for_a_router();
    return done();
}
