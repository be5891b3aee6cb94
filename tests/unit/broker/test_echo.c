/* Probes on a real socket. */
#include "broker/echo.h"
#include "common/io/udp.h"
#include "proto/probe.h"
#include "tests/unit/io/mesh.h"

struct asker {
    struct udp *udp;
    unsigned heard;
    size_t len;
    struct wf_probe last;
};

static void on_datagram(void *arg, const uint8_t *bytes, size_t len,
                        const union udp_addr *from)
{
    struct asker *a = arg;

    (void) from;
    a->heard++;
    a->len = len;
    must(wf_probe_parse(bytes, len, &a->last) == 0);
}

/* Cookies that begin with 7 are known. */
static int knows(void *arg, const uint8_t *cookie)
{
    (void) arg;
    return cookie[0] == 7;
}

static void ask(struct asker *a, uint8_t cookie, uint64_t seq, size_t size)
{
    const struct wf_probe p = {
        .kind = WF_PROBE_ASK, .cookie = {cookie}, .seq = seq, .time_us = 99};
    uint8_t bytes[WF_PROBE_MAX];

    udp_send(a->udp, NULL, bytes, wf_probe_pack(&p, size, bytes));
}

static void answers(struct mesh *m)
{
    static const struct log_sink log = {2, WF_LOG_ERROR, false};
    struct wf_conf_list control = {0};
    const struct echo_where where = {&control, m->endpoint, ""};
    struct asker a = {0};
    uint64_t answered, unknown;
    union udp_addr to;
    struct echo *e;

    (void) snprintf(control.item[control.n++], sizeof control.item[0], "%s", m->endpoint);
    (void) snprintf(control.item[control.n++], sizeof control.item[0], "%s", m->endpoint);
    must(echo_new(&m->loop, &log, &where, knows, NULL, &e, NULL) == 0 && e != NULL);
    is_int(echo_port(e), strtol(strrchr(m->endpoint, ':') + 1, NULL, 10),
           "the port of the control lane");
    must(udp_resolve("127.0.0.1", echo_port(e), &to) == 0);
    must(udp_connect(&m->loop, &to, on_datagram, &a, &a.udp, NULL) == 0);
    ask(&a, 8, 1, 64);
    udp_send(a.udp, NULL, (const uint8_t *) "what?", 5);
    ask(&a, 7, 2, 500);
    run_until(m, a.heard == 1);
    ok(a.last.seq == 2 && a.last.time_us == 99 && a.last.kind == WF_PROBE_ANSWER,
       "the first answer is that to the cookie that is known");
    is_int(a.len, WF_PROBE_BYTES, "smaller than the ask");
    echo_count(e, &answered, &unknown);
    ok(answered == 1 && unknown == 2, "the others are counted, and get nothing");
    /* An answer sent to the broker is not answered: two brokers cannot be set on each
     * other. */
    {
        const struct wf_probe p = {.kind = WF_PROBE_ANSWER, .cookie = {7}};
        uint8_t bytes[WF_PROBE_MAX];

        udp_send(a.udp, NULL, bytes, wf_probe_pack(&p, 0, bytes));
    }
    ask(&a, 7, 3, 0);
    run_until(m, a.heard == 2);
    is_int(a.last.seq, 3, "answers are not answered");
    udp_free(a.udp);
    echo_free(e);
}

static void goes_without(struct mesh *m)
{
    static const struct log_sink log = {2, WF_LOG_ERROR, false};
    struct wf_conf_list control = {0};
    struct echo_where where = {&control, m->endpoint, "0"};
    struct wf_err err = {0, ""};
    uint64_t answered, unknown;
    struct echo *e, *second;
    char port[8];

    (void) snprintf(control.item[control.n++], sizeof control.item[0], "tcp://[::1]:*");
    (void) snprintf(control.item[control.n++], sizeof control.item[0], "tcp://*:7");
    ok(echo_new(&m->loop, &log, &where, knows, NULL, &e, &err) == 0 && e == NULL,
       "0: none are answered");
    is_int(echo_port(e), 0, "and there is no port");
    echo_count(e, &answered, &unknown);
    echo_free(e);
    where.port = "";
    must(echo_new(&m->loop, &log, &where, knows, NULL, &e, &err) == 0 && e != NULL);
    ok(echo_new(&m->loop, &log, &where, knows, NULL, &second, &err) == 0 &&
           second == NULL,
       "a port that is taken: it goes without");
    (void) snprintf(port, sizeof port, "%u", echo_port(e));
    where.port = port;
    is_int(echo_new(&m->loop, &log, &where, knows, NULL, &second, &err), WEFT_EIO,
           "unless this very port was asked for");
    echo_free(e);
}

int main(void)
{
    struct mesh m;

    mesh_init(&m, (struct router_opts){0});
    answers(&m);
    goes_without(&m);
    mesh_fini(&m);
    return done();
}
