#include "agent/prober.h"

#include "common/io/keys.h"
#include "common/io/udp.h"
#include "common/mem.h"
#include "proto/prober.h"

#include <string.h>

struct prober {
    struct wf_loop *loop;
    const struct log_sink *log;
    const struct node *node;
    prober_event_fn *fn;
    void *arg;
    struct wf_prober core;
    struct wf_timer *timer;
    struct udp *udp;  /* NULL: there is no session, or no way to probe in it */
    uint64_t session; /* number of the dial that it belongs to */
    int told_mute;
};

static void arm(struct prober *p)
{
    wf_timer_start_at(p->timer, p->core.due_us);
}

static void tell(struct prober *p, enum node_event_kind kind, uint64_t rtt_us)
{
    struct node_event ev = {.kind = kind, .rtt_us = rtt_us};

    p->fn(p->arg, &ev);
}

static void mute(struct prober *p)
{
    if (!p->told_mute) {
        p->told_mute = 1;
        log_info(p->log, "agent", "no-probes",
                 "text=\"the broker's UDP port does not answer: heartbeats are measured "
                 "instead; let UDP through for better placement\"");
    }
    tell(p, NODE_UNPROBED, 0);
}

static void on_datagram(void *arg, const uint8_t *bytes, size_t len,
                        const union udp_addr *from)
{
    struct prober *p = arg;
    uint64_t now_us = wf_now_us(), rtt_us;
    struct wf_probe probe;

    (void) from;
    if (wf_probe_parse(bytes, len, &probe) == 0 &&
        wf_prober_heard(&p->core, now_us, &probe, &rtt_us)) {
        tell(p, NODE_PROBED, rtt_us);
        if (node_link_unsure(p->node)) {
            wf_prober_hurry(&p->core, now_us);
        }
        arm(p);
    }
}

static void on_time(void *arg)
{
    struct prober *p = arg;
    uint8_t bytes[WF_PROBE_MAX];
    struct wf_probe probe;
    unsigned said = wf_prober_tick(&p->core, wf_now_us(), &probe);

    if ((said & WF_PROBER_SEND) != 0) {
        udp_send(p->udp, NULL, bytes, wf_probe_pack(&probe, WF_PROBER_ASK_BYTES, bytes));
    }
    if ((said & WF_PROBER_LOST) != 0) {
        tell(p, NODE_PROBED, 0);
    }
    if ((said & WF_PROBER_MUTE) != 0) {
        mute(p);
    }
    arm(p);
}

int prober_new(struct wf_loop *l, const struct log_sink *log, const struct node *node,
               prober_event_fn *fn, void *arg, struct prober **ret_prober,
               struct wf_err *err)
{
    struct prober *p = wf_calloc(1, sizeof *p);
    uint64_t seed;

    if (p == NULL || wf_timer_new(l, on_time, p, &p->timer) != 0) {
        wf_free(p);
        return wf_err_set(err, WEFT_ENOMEM, "no memory for probes");
    }
    p->loop = l;
    p->log = log;
    p->node = node;
    p->fn = fn;
    p->arg = arg;
    keys_random(&seed, sizeof seed);
    wf_prober_init(&p->core, node_config_of(node)->metered, seed);
    *ret_prober = p;
    return 0;
}

void prober_free(struct prober *p)
{
    if (p != NULL) {
        udp_free(p->udp);
        wf_timer_free(p->timer);
        wf_free(p);
    }
}

static void end(struct prober *p)
{
    udp_free(p->udp);
    p->udp = NULL;
    p->session = 0;
    wf_prober_end(&p->core);
    wf_timer_stop(p->timer);
}

/* Without a socket the link is not probed in this session: heartbeats are measured. */
static void begin(struct prober *p, const struct wf_link *link, union udp_addr *to)
{
    p->session = link->dials;
    udp_set_port(to, link->welcome.probe_port);
    if (udp_connect(p->loop, to, on_datagram, p, &p->udp, NULL) == 0) {
        wf_prober_begin(&p->core, wf_now_us(), link->welcome.probe);
        arm(p);
    }
}

void prober_look(struct prober *p, const struct uplink *uplink)
{
    const struct wf_link *link = node_link(p->node);
    union udp_addr to;
    int open = link->state == WF_LINK_READY;

    if (p->session != 0 && (!open || p->session != link->dials)) {
        end(p);
    }
    /* The address may become known a moment after the session is open. */
    if (open && p->session == 0 && link->welcome.probe_port != 0 &&
        uplink_peer(uplink, &to) == 0) {
        begin(p, link, &to);
    }
}
