#include "tests/unit/io/mesh.h"

/* Ask as libzmq does, through a socket of the same context. */
static void ask(void *sock, const char *version, const char *mechanism, const void *key,
                size_t key_len)
{
    const int more = ZMQ_SNDMORE;

    (void) zmq_send(sock, "", 0, more);
    (void) zmq_send(sock, version, strlen(version), more);
    (void) zmq_send(sock, "42", 2, more);
    (void) zmq_send(sock, "weft", 4, more);
    (void) zmq_send(sock, "192.0.2.1", 9, more);
    (void) zmq_send(sock, "id", 2, more);
    (void) zmq_send(sock, mechanism, strlen(mechanism), more);
    (void) zmq_send(sock, key, key_len, 0);
}

struct answer {
    unsigned frames;
    char code[64], request[64], user[64];
};

static bool take(void *sock, struct answer *a)
{
    char text[64];
    int more = 1, n;
    size_t len = sizeof more;

    a->frames = 0;
    while (more && (n = zmq_recv(sock, text, sizeof text - 1, ZMQ_DONTWAIT)) >= 0) {
        text[n] = '\0';
        switch (a->frames++) {
        case 2:
            (void) snprintf(a->request, sizeof a->request, "%s", text);
            break;
        case 3:
            (void) snprintf(a->code, sizeof a->code, "%s", text);
            break;
        case 5:
            (void) snprintf(a->user, sizeof a->user, "%s", text);
            break;
        default:
            break;
        }
        must(zmq_getsockopt(sock, ZMQ_RCVMORE, &more, &len) == 0);
    }
    return a->frames != 0;
}

int main(void)
{
    struct mesh m;
    struct wf_err err = {0, ""};
    struct answer a;
    struct zap *second;
    char text[KEY_TEXT];
    void *sock;

    mesh_init(&m, (struct router_opts){0});
    is_int(zap_new(&m.loop, m.ctx, mesh_allow, &m, &second, &err), WEFT_EIO,
           "one handler a context");
    sock = zmq_socket(m.ctx, ZMQ_DEALER);
    must(sock != NULL && zmq_connect(sock, "inproc://zeromq.zap.01") == 0);

    ask(sock, "1.0", "CURVE", m.client.pub, 32);
    run_until(&m, take(sock, &a));
    is_str(a.code, "200", "allowed");
    is_str(a.request, "42", "the request's number comes back");
    is_int(a.frames, 7, "with seven frames");
    keys_text(m.client.pub, text);
    is_str(a.user, text, "the user is the key");

    m.deny = true;
    ask(sock, "1.0", "CURVE", m.client.pub, 32);
    run_until(&m, take(sock, &a));
    is_str(a.code, "400", "refused");
    is_str(a.user, "", "nobody");
    m.deny = false;

    ask(sock, "2.0", "CURVE", m.client.pub, 32);
    run_until(&m, take(sock, &a));
    is_str(a.code, "400", "another version");
    ask(sock, "1.0", "PLAIN", "user", 4);
    run_until(&m, take(sock, &a));
    is_str(a.code, "400", "another mechanism");
    ask(sock, "1.0", "CURVE", m.client.pub, 31);
    run_until(&m, take(sock, &a));
    is_str(a.code, "400", "a short key");
    (void) zmq_send(sock, "x", 1, 0);
    run_until(&m, zap_stats(m.zap)->malformed == 4);
    is_int(zap_stats(m.zap)->allowed, 1, "one was allowed");
    is_int(zap_stats(m.zap)->refused, 1, "one was refused");
    zmq_close(sock);
    mesh_fini(&m);
    return done();
}
