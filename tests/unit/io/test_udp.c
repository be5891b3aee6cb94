#include "common/io/udp.h"

#include "tests/unit/io/mesh.h"

struct end {
    struct udp *udp;
    unsigned heard;
    size_t len;
    char last[64];
    union udp_addr from;
    bool answers;
};

static void on_datagram(void *arg, const uint8_t *bytes, size_t len,
                        const union udp_addr *from)
{
    struct end *e = arg;

    e->heard++;
    e->len = len;
    e->from = *from;
    (void) snprintf(e->last, sizeof e->last, "%.*s", (int) (len < 60 ? len : 60),
                    (const char *) bytes);
    if (e->answers) {
        udp_send(e->udp, from, (const uint8_t *) "pong", 4);
    }
}

/* A port that was free a moment ago. */
static unsigned free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    must(fd >= 0 && bind(fd, (struct sockaddr *) &a, sizeof a) == 0 &&
         getsockname(fd, (struct sockaddr *) &a, &len) == 0);
    (void) close(fd);
    return ntohs(a.sin_port);
}

static void resolves(void)
{
    union udp_addr a;

    ok(udp_resolve("127.0.0.2", 80, &a) == 0 && a.sa.sa_family == AF_INET &&
           a.in.sin_addr.s_addr == htonl(0x7f000002) && ntohs(a.in.sin_port) == 80,
       "a number");
    ok(udp_resolve("::1", 81, &a) == 0 && a.sa.sa_family == AF_INET6 &&
           ntohs(a.in6.sin6_port) == 81,
       "one of IPv6");
    ok(udp_resolve("*", 82, &a) == 0 && a.in.sin_addr.s_addr == INADDR_ANY, "every host");
    ok(udp_resolve("localhost", 83, &a) == 0 &&
           ntohs(a.sa.sa_family == AF_INET ? a.in.sin_port : a.in6.sin6_port) == 83,
       "a name");
    is_int(udp_resolve("no such host", 84, &a), WEFT_ENOENT, "what is none");
    udp_set_port(&a, 85);
}

static void talks(struct mesh *m)
{
    static const uint8_t big[UDP_BYTES_MAX + 1];
    struct end server = {.answers = true}, client = {0}, stranger = {0};
    union udp_addr at, other;
    struct wf_err err = {0, ""};
    struct udp *taken;

    must(udp_resolve("127.0.0.1", free_port(), &at) == 0);
    is_int(udp_bind(&m->loop, &at, on_datagram, &server, &server.udp, &err), 0, "bound");
    is_int(udp_bind(&m->loop, &at, on_datagram, &server, &taken, &err), WEFT_EIO,
           "a port that is taken");
    ok(err.text[0] != '\0', "is told why: %s", err.text);
    is_int(udp_connect(&m->loop, &at, on_datagram, &client, &client.udp, &err), 0,
           "connected");
    udp_send(client.udp, NULL, (const uint8_t *) "ping", 4);
    run_until(m, client.heard == 1);
    is_str(server.last, "ping", "there");
    is_str(client.last, "pong", "and back");
    is_int(ntohs(client.from.in.sin_port), ntohs(at.in.sin_port), "from where it went");
    /* Another's datagrams do not reach a connected socket. */
    must(udp_resolve("127.0.0.1", 0, &other) == 0);
    must(udp_bind(&m->loop, &other, on_datagram, &stranger, &stranger.udp, NULL) == 0);
    udp_send(stranger.udp, &server.from, (const uint8_t *) "psst", 4);
    udp_send(client.udp, NULL, big, sizeof big);
    udp_send(client.udp, NULL, big, UDP_BYTES_MAX);
    run_until(m, client.heard == 2);
    is_int(server.len, UDP_BYTES_MAX, "the largest");
    is_int(server.heard, 2, "a larger one is not even sent");
    is_str(client.last, "pong", "and nobody else is heard");
    udp_free(client.udp);
    udp_free(stranger.udp);
    udp_free(server.udp);
    udp_free(NULL);
}

/* The kernel may tell that nobody listens: the next datagram goes out all the same. */
static void to_nobody(struct mesh *m)
{
    struct end server = {.answers = true}, client = {0};
    union udp_addr at;

    must(udp_resolve("127.0.0.1", free_port(), &at) == 0);
    must(udp_connect(&m->loop, &at, on_datagram, &client, &client.udp, NULL) == 0);
    for (int i = 0; i < 3; i++) {
        udp_send(client.udp, NULL, (const uint8_t *) "ping", 4);
        (void) uv_run(&m->loop.uv, UV_RUN_ONCE);
    }
    is_int(client.heard, 0, "nobody answers");
    must(udp_bind(&m->loop, &at, on_datagram, &server, &server.udp, NULL) == 0);
    udp_send(client.udp, NULL, (const uint8_t *) "ping", 4);
    udp_send(client.udp, NULL, (const uint8_t *) "ping", 4);
    run_until(m, client.heard >= 1);
    udp_free(client.udp);
    udp_free(server.udp);
}

int main(void)
{
    struct mesh m;

    mesh_init(&m, (struct router_opts){0});
    resolves();
    talks(&m);
    to_nobody(&m);
    mesh_fini(&m);
    return done();
}
