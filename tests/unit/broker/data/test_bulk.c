/* The broker's bulk lane on a real socket. */
#include "broker/bulk.h"
#include "tests/unit/io/mesh.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the lane told. */
struct ear {
    unsigned up, down, msgs, rooms;
    uint32_t peer;
    struct wf_key key;
    enum wf_type type;
    size_t len;
    uint64_t queued;
};

static void on_event(void *arg, struct broker_event *ev)
{
    struct ear *e = arg;

    e->peer = ev->peer;
    switch (ev->kind) {
    case BROKER_LANE_UP:
        e->up++;
        e->key = ev->key;
        break;
    case BROKER_LANE_DOWN:
        e->down++;
        break;
    case BROKER_LANE_MSG:
        e->msgs++;
        e->type = ev->msg->type;
        e->len = ev->record.len;
        break;
    case BROKER_LANE_ROOM:
        e->rooms++;
        e->queued = ev->queued;
        break;
    default:
        must(0);
    }
}

static void add(struct wf_conf_list *l, const char *item)
{
    (void) snprintf(l->item[l->n++], sizeof l->item[0], "%s", item);
}

static int open_bulk(struct mesh *m, const struct wf_conf_list *listen,
                     const struct wf_conf_list *control, struct ear *e,
                     struct bulk **ret_bulk)
{
    const struct bulk_where where = {listen, control, m->endpoint};
    struct wf_err err = {0, ""};

    return bulk_new(&m->loop, m->ctx, &m->server, &where, on_event, e, ret_bulk, &err);
}

/* 1 when something listens there. */
static int answers(const char *host, unsigned port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t) port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), rc;

    must(fd >= 0 && inet_pton(AF_INET, host, &a.sin_addr) == 1);
    rc = connect(fd, (struct sockaddr *) &a, sizeof a);
    (void) close(fd);
    return rc == 0;
}

static unsigned port_of(const char *endpoint)
{
    return (unsigned) strtoul(strrchr(endpoint, ':') + 1, NULL, 10);
}

static void listens(void)
{
    struct wf_conf_list none = {0}, two = {0}, all = {0}, own = {0};
    struct bulk *first, *second;
    struct ear e = {0};
    struct mesh m;

    mesh_init(&m, (struct router_opts){0});
    add(&two, m.endpoint);
    add(&two, "tcp://127.0.0.2:*");
    add(&two, "tcp://127.0.0.2:9");
    must(open_bulk(&m, &none, &two, &e, &first) == 0);
    ok(bulk_port(first) != 0 && bulk_port(first) != port_of(m.endpoint), "a port");
    ok(answers("127.0.0.1", bulk_port(first)) && answers("127.0.0.2", bulk_port(first)),
       "on every host of the control lane the same one");
    must(open_bulk(&m, &none, &two, &e, &second) == 0);
    ok(bulk_port(second) != bulk_port(first) && answers("127.0.0.2", bulk_port(second)),
       "another one when that is taken");
    bulk_free(second);
    add(&all, m.endpoint);
    add(&all, "tcp://0.0.0.0:*");
    must(open_bulk(&m, &none, &all, &e, &second) == 0);
    ok(answers("127.0.0.3", bulk_port(second)), "every host is all of them");
    bulk_free(second);
    add(&own, "tcp://127.0.0.4:*");
    must(open_bulk(&m, &own, &two, &e, &second) == 0);
    ok(answers("127.0.0.4", bulk_port(second)) &&
           !answers("127.0.0.1", bulk_port(second)),
       "or where it is told to");
    bulk_free(second);
    bulk_free(first);
    bulk_free(NULL);
    mesh_fini(&m);
}

static void talks(void)
{
    const struct wf_lane lane = {77};
    struct wf_conf_list none = {0}, control = {0};
    struct wf_buf raw = WF_BUF_INIT(1024);
    uint8_t frame[64] = {WF_FRAME_MAGIC, WF_FRAME_VERSION};
    static uint8_t big[200000];
    char got[128];
    struct ear e = {0};
    struct bulk *b;
    struct mesh m;
    void *d;

    mesh_init(&m, (struct router_opts){0});
    add(&control, m.endpoint);
    must(open_bulk(&m, &none, &control, &e, &b) == 0);
    (void) snprintf(m.endpoint, sizeof m.endpoint, "%s", bulk_endpoint(b));
    d = mesh_dealer(&m, NULL, 0);
    must(wf_msg_encode(&raw, WF_MSG_lane, &lane) == 0);
    memcpy(frame + 2, raw.p, raw.len);
    memcpy(frame + 2 + raw.len, raw.p, raw.len);
    must(zmq_send(d, frame, 2 + 2 * raw.len, 0) >= 0);
    run_until(&m, e.msgs == 2);
    ok(e.up == 1 && memcmp(e.key.b, m.client.pub, sizeof e.key.b) == 0, "who it is");
    ok(e.type == WF_MSG_lane && e.len == raw.len, "what it says, with its bytes");
    bulk_send(b, e.peer, raw.p, raw.len);
    run_until(&m, mesh_take(d, got, sizeof got) == (int) raw.len);
    ok(memcmp(got, raw.p, raw.len) == 0, "what it is sent");
    for (unsigned i = 0; i < 20; i++) {
        bulk_send(b, e.peer, big, sizeof big);
    }
    run_until(&m, (zmq_recv(d, got, 1, ZMQ_DONTWAIT), e.rooms > 1 && e.queued == 0));
    frame[2] = 0xc1;
    must(zmq_send(d, frame, 3, 0) >= 0);
    run_until(&m, e.down == 1);
    is_int(e.msgs, 2, "what is no message ends the lane");
    zmq_close(d);
    wf_buf_fini(&raw);
    bulk_free(b);
    mesh_fini(&m);
}

int main(void)
{
    listens();
    talks();
    return done();
}
