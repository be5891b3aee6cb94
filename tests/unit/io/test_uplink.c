#include "common/mem.h"
#include "tests/unit/io/mesh.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* A client over the mesh's router. */
struct client {
    struct uplink *up;
    unsigned ups, downs, refusals, frames;
    size_t bytes;
    int why;
    char last[256];
    bool hello; /* say so when up */
    bool free_in_down;
    unsigned rooms;
    size_t pending; /* as told last */
};

static void on_up(void *arg)
{
    struct client *c = arg;

    c->ups++;
    if (c->hello) {
        is_int(uplink_send(c->up, "hello", 5), 0, "sending in on_up");
    }
}

static void on_down(void *arg, int why)
{
    struct client *c = arg;

    c->downs++;
    c->why = why;
    if (c->free_in_down) {
        uplink_free(c->up);
        c->up = NULL;
    }
}

static void on_refused(void *arg)
{
    struct client *c = arg;

    c->refusals++;
}

static void on_frame(void *arg, const uint8_t *p, size_t len)
{
    struct client *c = arg;
    size_t n = len < sizeof c->last - 1 ? len : sizeof c->last - 1;

    c->frames++;
    c->bytes += len;
    memcpy(c->last, p, n);
    c->last[n] = '\0';
}

static void on_room(void *arg, size_t pending)
{
    struct client *c = arg;

    must(pending == uplink_stats(c->up)->pending_bytes);
    c->rooms++;
    c->pending = pending;
}

static void client_init(struct client *c, struct mesh *m, struct uplink_opts opts)
{
    static const struct uplink_cbs cbs = {on_up,    on_down, on_refused,
                                          on_frame, NULL,    on_room};
    struct wf_err err;

    *c = (struct client){.hello = true};
    opts.keys = &m->client;
    must(uplink_new(&m->loop, m->ctx, &opts, &cbs, c, &c->up, &err) == 0);
}

static void test_conversation(void)
{
    union udp_addr peer;
    struct mesh m;
    struct client c;

    mesh_init(&m, (struct router_opts){0});
    m.echo = true;
    client_init(&c, &m, (struct uplink_opts){0});
    is_int(uplink_send(c.up, "x", 1), WEFT_EUNREACH, "nothing is sent before it is up");
    must(uplink_connect(c.up, m.endpoint, m.server.pub, NULL) == 0);
    run_until(&m, c.frames == 1);
    is_int(c.ups, 1, "up once");
    ok(uplink_is_up(c.up), "and up now");
    is_str(c.last, "hello", "the echo");
    ok(memcmp(m.key, m.client.pub, KEY_BYTES) == 0, "the broker knows the key");
    is_int(zap_stats(m.zap)->allowed, 1, "ZAP was asked once");
    run_until(&m, uplink_peer(c.up, &peer) == 0);
    ok(peer.in.sin_addr.s_addr == htonl(INADDR_LOOPBACK) &&
           ntohs(peer.in.sin_port) == strtoul(strrchr(m.endpoint, ':') + 1, NULL, 10),
       "the address that it is connected to");
    uplink_disconnect(c.up);
    is_int(uplink_peer(c.up, &peer), WEFT_ENOENT, "it has none any more");
    run_until(&m, m.gone == 1);
    is_int(c.downs, 0, "the owner knows that it disconnected");
    must(uplink_connect(c.up, m.endpoint, m.server.pub, NULL) == 0);
    run_until(&m, c.frames == 2);
    is_int(m.peers, 2, "a new connection is a new session");
    uplink_free(c.up);
    mesh_fini(&m);
}

static void test_refused_then_allowed(void)
{
    struct mesh m;
    struct client c;

    mesh_init(&m, (struct router_opts){0});
    client_init(&c, &m, (struct uplink_opts){0});
    m.deny = true;
    must(uplink_connect(c.up, m.endpoint, m.server.pub, NULL) == 0);
    run_until(&m, c.refusals == 1);
    is_int(c.downs, 0, "a refusal is no on_down");
    is_int(zap_stats(m.zap)->refused, 1, "refused by ZAP");
    run_until(&m, router_stats(m.router)->refused >= 1);
    m.deny = false;
    must(uplink_connect(c.up, m.endpoint, m.server.pub, NULL) == 0);
    run_until(&m, m.frames == 1);
    is_int(c.refusals, 1, "refused once");
    uplink_free(c.up);
    mesh_fini(&m);
}

static void test_wrong_server_key(void)
{
    struct mesh m;
    struct client c;
    struct keys other;

    mesh_init(&m, (struct router_opts){0});
    client_init(&c, &m, (struct uplink_opts){.sock = {.handshake_ms = 1000}});
    keys_make(&other);
    must(uplink_connect(c.up, m.endpoint, other.pub, NULL) == 0);
    run_until(&m, c.downs == 1);
    is_int(c.why, WEFT_EPROTO, "something is there, but not that broker");
    is_int(m.peers, 0, "the broker has no peer");
    uplink_free(c.up);
    mesh_fini(&m);
}

static void test_nobody_there(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof at;
    struct mesh m;
    struct client c;
    struct wf_err err = {0, ""};
    char endpoint[128];
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    mesh_init(&m, (struct router_opts){0});
    client_init(&c, &m, (struct uplink_opts){0});
    is_int(uplink_connect(c.up, "nonsense", m.server.pub, &err), WEFT_ECONF,
           "not an endpoint");
    /* A port that is taken, but not listened to. */
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(bind(fd, (const struct sockaddr *) &at, sizeof at) == 0);
    must(getsockname(fd, (struct sockaddr *) &at, &len) == 0);
    (void) snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%u", ntohs(at.sin_port));
    must(uplink_connect(c.up, endpoint, m.server.pub, NULL) == 0);
    run_until(&m, c.downs == 1);
    is_int(c.why, WEFT_EUNREACH, "nobody answers");
    is_int(c.ups, 0, "never up");
    uplink_free(c.up);
    mesh_fini(&m);
    close(fd);
}

static void test_silent_server(void)
{
    struct mesh m;
    struct client c;
    struct zsock *mute;
    static const struct zsock_cbs cbs = {NULL, NULL};
    struct zsock_opts opts = {0};
    char endpoint[128];

    mesh_init(&m, (struct router_opts){0});
    /* A socket that speaks ZeroMQ, but another mechanism. */
    must(zsock_new(&m.loop, m.ctx, ZMQ_ROUTER, &opts, &cbs, NULL, &mute, NULL) == 0);
    must(zsock_bind(mute, "tcp://127.0.0.1:*", NULL) == 0);
    must(zsock_endpoint(mute, endpoint, sizeof endpoint) == 0);
    client_init(&c, &m, (struct uplink_opts){.dial_ms = 2000});
    must(uplink_connect(c.up, endpoint, m.server.pub, NULL) == 0);
    run_until(&m, c.downs == 1);
    is_int(c.why, WEFT_EPROTO, "no broker of ours");
    uplink_free(c.up);
    zsock_free(mute, NULL);
    mesh_fini(&m);
}

static void test_broker_gone(void)
{
    struct mesh m;
    struct client c;

    mesh_init(&m, (struct router_opts){0});
    client_init(&c, &m, (struct uplink_opts){0});
    must(uplink_connect(c.up, m.endpoint, m.server.pub, NULL) == 0);
    run_until(&m, m.frames == 1);
    router_free(m.router);
    m.router = NULL;
    c.free_in_down = true;
    run_until(&m, c.downs == 1);
    is_int(c.why, WEFT_ECLOSED, "an established connection ended");
    ok(c.up == NULL, "freed in its own callback");
    mesh_fini(&m);
}

static void test_refusal_message_is_read(void)
{
    struct mesh m;
    struct client c;

    mesh_init(&m, (struct router_opts){0});
    m.close_in_peer = true;
    client_init(&c, &m, (struct uplink_opts){0});
    must(uplink_connect(c.up, m.endpoint, m.server.pub, NULL) == 0);
    run_until(&m, c.downs == 1);
    is_str(c.last, "refused", "what the broker said before it closed");
    uplink_free(c.up);
    mesh_fini(&m);
}

static void test_no_stale_messages(void)
{
    struct mesh m;
    struct client c;
    static uint8_t chunk[60000];

    mesh_init(&m, (struct router_opts){0});
    client_init(&c, &m, (struct uplink_opts){0});
    must(uplink_connect(c.up, m.endpoint, m.server.pub, NULL) == 0);
    run_until(&m, m.frames == 1);
    for (int i = 0; i < 100; i++) {
        must(uplink_send(c.up, chunk, sizeof chunk) == 0);
    }
    m.frames = 0;
    uplink_disconnect(c.up);
    is_int(uplink_stats(c.up)->dropped_bytes, 100 * 60002, "what was queued is dropped");
    must(uplink_connect(c.up, m.endpoint, m.server.pub, NULL) == 0);
    run_until(&m, m.frames == 1);
    is_str(m.last, "hello", "the first message of the next session");
    uplink_free(c.up);
    mesh_fini(&m);
}

static void test_caps_and_batches(void)
{
    struct mesh m;
    struct client c;
    static uint8_t chunk[60000];
    unsigned sent = 0;

    mesh_init(&m, (struct router_opts){.sock = {.hwm = 2, .rcvbuf = 16384}});
    client_init(&c, &m,
                (struct uplink_opts){.sock = {.hwm = 2, .sndbuf = 16384},
                                     .pending_cap = 10 * 60002});
    must(uplink_connect(c.up, m.endpoint, m.server.pub, NULL) == 0);
    run_until(&m, m.frames == 1);
    while (uplink_send(c.up, chunk, sizeof chunk) == 0) {
        sent++;
    }
    is_int(sent, 10, "as much as the cap");
    is_int(uplink_send(c.up, chunk, sizeof chunk), WEFT_EFULL, "then full");
    is_int(uplink_send(c.up, chunk, ZSOCK_MAX_FRAME), WEFT_ETOOBIG, "never that big");
    run_until(&m, m.bytes == 5 + 10 * sizeof chunk);
    is_int(uplink_stats(c.up)->pending_bytes, 0, "all sent in the end");
    for (int i = 0; i < 1000; i++) {
        must(uplink_send(c.up, "0123456789", 10) == 0);
    }
    m.frames = 0;
    run_until(&m, m.bytes == 5 + 10 * sizeof chunk + 10000);
    is_int(m.frames, 1, "1000 messages of one turn are one frame");
    uplink_free(c.up);
    mesh_fini(&m);
}

/* The SDK's way: the loop is driven by a poll() of someone else. */
static void test_foreign_loop(void)
{
    struct mesh m;
    struct client c;
    uint64_t end_us = wf_now_us() + WATCHDOG_US;

    mesh_init(&m, (struct router_opts){0});
    m.echo = true;
    client_init(&c, &m, (struct uplink_opts){0});
    must(uplink_connect(c.up, m.endpoint, m.server.pub, NULL) == 0);
    wf_loop_turn(&m.loop);
    while (c.frames < 200 && wf_now_us() < end_us) {
        struct pollfd p = {.fd = wf_loop_fd(&m.loop), .events = POLLIN};
        unsigned was = c.frames;

        (void) poll(&p, 1, wf_loop_timeout_ms(&m.loop));
        wf_loop_turn(&m.loop);
        if (c.frames != was) {
            /* Outside of any callback. */
            must(uplink_send(c.up, "again", 5) == 0);
            if (wf_loop_timeout_ms(&m.loop) != 0) {
                ok(false, "a send makes the timeout 0");
            }
        }
    }
    is_int(c.frames, 200, "200 round trips");
    uplink_free(c.up);
    mesh_fini(&m);
}

static void test_out_of_memory(void)
{
    struct mesh m;
    struct client c;
    int n = 0, rc = WEFT_ENOMEM;

    mesh_init(&m, (struct router_opts){0});
    client_init(&c, &m, (struct uplink_opts){0});
    while (rc == WEFT_ENOMEM) {
        (void) wf_mem_fail_after(n++);
        rc = uplink_connect(c.up, m.endpoint, m.server.pub, NULL);
        (void) wf_mem_fail_after(-1);
    }
    is_int(rc, 0, "dialled when there is enough");
    ok(n > 3, "after %d failures", n - 1);
    run_until(&m, m.frames == 1);
    uplink_free(c.up);
    mesh_fini(&m);
}

/* Both ends queue more than ZeroMQ takes, and read a little at a time. */
static void test_room(void)
{
    static const uint8_t piece[60000];
    struct uplink_opts opts = {.sock = {.hwm = 4, .budget = 2}};
    struct mesh m;
    struct client c;

    mesh_init(&m, (struct router_opts){.sock = {.hwm = 4, .budget = 3}});
    m.echo = true;
    client_init(&c, &m, opts);
    must(uplink_connect(c.up, m.endpoint, m.server.pub, NULL) == 0);
    run_until(&m, c.frames == 1);
    c.pending = m.pending = SIZE_MAX;
    for (unsigned i = 0; i < 100; i++) {
        must(uplink_send(c.up, piece, sizeof piece) == 0);
    }
    run_until(&m, c.frames == 101);
    run_until(&m, c.pending == 0 && m.pending == 0);
    ok(c.rooms > 1, "the client heard %u times that there is room", c.rooms);
    ok(m.rooms > 1, "the router's owner %u times", m.rooms);
    uplink_free(c.up);
    mesh_fini(&m);
}

int main(void)
{
    test_conversation();
    test_room();
    test_refused_then_allowed();
    test_wrong_server_key();
    test_nobody_there();
    test_silent_server();
    test_broker_gone();
    test_refusal_message_is_read();
    test_no_stale_messages();
    test_caps_and_batches();
    test_foreign_loop();
    test_out_of_memory();
    return done();
}
