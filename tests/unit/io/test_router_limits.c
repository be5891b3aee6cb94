#include "tests/unit/io/mesh.h"
#include "tests/unit/io/rawpeer.h"

#include <pthread.h>

#define SILENT 500

struct flood {
    const struct mesh *m;
    bool hello_first;
    struct raw raw;
    bool opened;
    unsigned long frames;
};

/* A message without an end, until the connection is cut. */
static void *flood_run(void *arg)
{
    static uint8_t chunk[60000];
    struct flood *f = arg;

    f->opened = raw_open(&f->raw, f->m->endpoint, &f->m->client, f->m->server.pub);
    if (f->opened && f->hello_first) {
        f->opened = raw_send(&f->raw, "w\1hi", 4, false);
    }
    while (f->opened && f->frames < 100000 &&
           raw_send(&f->raw, chunk, sizeof chunk, true)) {
        f->frames++;
    }
    return NULL;
}

static void test_endless_message(bool hello_first)
{
    struct mesh m;
    struct flood f = {.hello_first = hello_first};
    pthread_t thread;
    void *good;

    mesh_init(&m, (struct router_opts){.flood_cap = 4 << 20});
    m.echo = true;
    good = mesh_dealer(&m, NULL, 0);
    must(zmq_send(good, "w\1good", 6, 0) == 6);
    run_until(&m, m.frames == 1);
    f.m = &m;
    must(pthread_create(&thread, NULL, flood_run, &f) == 0);
    run_until(&m, router_stats(m.router)->floods == 1);
    run_until(&m, router_stats(m.router)->conns == 1);
    /* The kernel may leave a sender whose window is closed waiting for a while. */
    (void) shutdown(f.raw.fd, SHUT_RDWR);
    must(pthread_join(thread, NULL) == 0);
    close(f.raw.fd);
    ok(f.opened, "the flooding peer had been let in");
    ok(f.frames < 100000, "it got to %lu frames", f.frames);
    if (hello_first) {
        run_until(&m, m.gone == 1);
    }
    must(zmq_send(good, "w\1still", 7, 0) == 7);
    run_until(&m, strcmp(m.last, "still") == 0);
    zmq_close(good);
    mesh_fini(&m);
}

static void silent_open(struct mesh *m, int *fds, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        fds[i] = raw_tcp(m->endpoint);
        must(fds[i] >= 0);
        (void) uv_run(&m->loop.uv, UV_RUN_NOWAIT);
    }
}

static void silent_close(int *fds, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        close(fds[i]);
    }
}

static void test_silent_connections(void)
{
    static int fds[SILENT];
    struct mesh m;
    void *before, *after;

    mesh_init(&m, (struct router_opts){.max_unready = 100});
    before = mesh_dealer(&m, NULL, 0);
    must(zmq_send(before, "w\1one", 5, 0) == 5);
    run_until(&m, m.frames == 1);
    silent_open(&m, fds, SILENT);
    run_until(&m, router_stats(m.router)->accepted == SILENT + 1);
    is_int(router_stats(m.router)->crowded, SILENT - 100, "the oldest are cut");
    is_int(router_stats(m.router)->unready, 100, "so many may wait");
    after = mesh_dealer(&m, NULL, 0);
    must(zmq_send(after, "w\1two", 5, 0) == 5);
    run_until(&m, m.peers == 2);
    must(zmq_send(before, "w\1three", 7, 0) == 7);
    run_until(&m, m.frames == 3);
    is_int(m.gone, 0, "no peer was touched");
    silent_close(fds, SILENT);
    run_until(&m, router_stats(m.router)->conns == 2);
    zmq_close(before);
    zmq_close(after);
    mesh_fini(&m);
}

static void test_too_many_connections(void)
{
    static int fds[64];
    struct mesh m;
    void *peers[10];

    mesh_init(&m, (struct router_opts){.max_conns = 10});
    for (unsigned i = 0; i < 9; i++) {
        peers[i] = mesh_dealer(&m, NULL, 0);
        must(zmq_send(peers[i], "w\1hi", 4, 0) == 4);
    }
    run_until(&m, m.peers == 9);
    silent_open(&m, fds, 64);
    run_until(&m, router_stats(m.router)->accepted >= 9 + 64);
    ok(router_stats(m.router)->crowded >= 63, "no more than the limit");
    is_int(router_stats(m.router)->peers, 9, "peers are not touched");
    peers[9] = mesh_dealer(&m, NULL, 0);
    must(zmq_send(peers[9], "w\1hi", 4, 0) == 4);
    run_until(&m, m.peers == 10);
    silent_close(fds, 64);
    for (unsigned i = 0; i < 10; i++) {
        zmq_close(peers[i]);
    }
    run_until(&m, m.gone == 10);
    mesh_fini(&m);
}

static void test_silent_after_handshake(void)
{
    struct mesh m;
    void *d;

    mesh_init(&m, (struct router_opts){.unready_ms = 200});
    d = mesh_dealer(&m, NULL, 0);
    run_until(&m, router_stats(m.router)->silent == 1);
    is_int(router_stats(m.router)->handshakes, 1, "it had got through the handshake");
    zmq_close(d);
    mesh_fini(&m);
}

int main(void)
{
    test_silent_connections();
    test_too_many_connections();
    test_silent_after_handshake();
    test_endless_message(false);
    test_endless_message(true);
    return done();
}
