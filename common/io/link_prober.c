#include "common/io/link_prober.h"

#include "common/err.h"
#include "common/io/keys.h"
#include "common/io/udp.h"
#include "common/mem.h"
#include "proto/prober.h"

#include <string.h>

struct link_prober {
    struct wf_loop *loop;
    const struct link_prober_cbs *cbs;
    void *arg;
    struct wf_prober core;
    struct wf_timer *timer;
    struct udp *udp;  /* NULL: there is no session, or no way to probe in it */
    uint64_t session; /* number of the dial that it belongs to */
};

static void arm(struct link_prober *p)
{
    wf_timer_start_at(p->timer, p->core.due_us);
}

static void on_datagram(void *arg, const uint8_t *bytes, size_t len,
                        const union udp_addr *from)
{
    struct link_prober *p = arg;
    uint64_t now_us = wf_now_us(), rtt_us;
    struct wf_probe probe;

    (void) from;
    if (wf_probe_parse(bytes, len, &probe) == 0 &&
        wf_prober_heard(&p->core, now_us, &probe, &rtt_us)) {
        if (p->cbs->on_sample(p->arg, rtt_us)) {
            wf_prober_hurry(&p->core, now_us);
        }
        arm(p);
    }
}

static void on_time(void *arg)
{
    struct link_prober *p = arg;
    uint8_t bytes[WF_PROBE_MAX];
    struct wf_probe probe;
    unsigned said = wf_prober_tick(&p->core, wf_now_us(), &probe);

    if ((said & WF_PROBER_SEND) != 0) {
        udp_send(p->udp, NULL, bytes, wf_probe_pack(&probe, WF_PROBER_ASK_BYTES, bytes));
    }
    if ((said & WF_PROBER_LOST) != 0) {
        (void) p->cbs->on_sample(p->arg, 0);
    }
    if ((said & WF_PROBER_MUTE) != 0) {
        p->cbs->on_mute(p->arg);
    }
    arm(p);
}

int link_prober_new(struct wf_loop *l, int metered, const struct link_prober_cbs *cbs,
                    void *arg, struct link_prober **ret_prober)
{
    struct link_prober *p = wf_calloc(1, sizeof *p);
    uint64_t seed;

    if (p == NULL || wf_timer_new(l, on_time, p, &p->timer) != 0) {
        wf_free(p);
        return WEFT_ENOMEM;
    }
    p->loop = l;
    p->cbs = cbs;
    p->arg = arg;
    keys_random(&seed, sizeof seed);
    wf_prober_init(&p->core, metered, seed);
    *ret_prober = p;
    return 0;
}

void link_prober_free(struct link_prober *p)
{
    if (p != NULL) {
        udp_free(p->udp);
        wf_timer_free(p->timer);
        wf_free(p);
    }
}

static void end(struct link_prober *p)
{
    udp_free(p->udp);
    p->udp = NULL;
    p->session = 0;
    wf_prober_end(&p->core);
    wf_timer_stop(p->timer);
}

/* Without a socket the link is not probed in this session: heartbeats are measured. */
static void begin(struct link_prober *p, const struct wf_link *link, union udp_addr *to)
{
    p->session = link->dials;
    udp_set_port(to, link->welcome.probe_port);
    if (udp_connect(p->loop, to, on_datagram, p, &p->udp, NULL) == 0) {
        wf_prober_begin(&p->core, wf_now_us(), link->welcome.probe);
        arm(p);
    }
}

void link_prober_look(struct link_prober *p, const struct wf_link *link,
                      const struct uplink *uplink)
{
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
