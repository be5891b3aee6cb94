#include "broker/dial_probes.h"

#include "broker/core/mesh/dial.h"
#include "common/err.h"
#include "common/io/link_prober.h"
#include "common/mem.h"

struct probed {
    struct dial_probes *all;
    struct link_prober *link; /* NULL: not needed yet, or there was no memory */
    int told_mute;
};

struct dial_probes {
    struct wf_loop *loop;
    const struct log_sink *log;
    struct core *core;
    const struct dials *dials;
    dial_probes_event_fn *fn;
    void *arg;
    struct probed v[MESH_DIALS_MAX];
};

static uint32_t peer_of(const struct probed *x)
{
    return MESH_DIALLED | (uint32_t) (x - x->all->v);
}

static void tell(struct probed *x, enum broker_event_kind kind, uint64_t rtt_us)
{
    struct broker_event ev = {.kind = kind, .peer = peer_of(x), .rtt_us = rtt_us};

    x->all->fn(x->all->arg, &ev);
}

static int on_sample(void *arg, uint64_t rtt_us)
{
    struct probed *x = arg;

    tell(x, BROKER_PROBED, rtt_us);
    return mesh_dial_unsure(x->all->core, peer_of(x));
}

static void on_mute(void *arg)
{
    struct probed *x = arg;

    if (!x->told_mute) {
        x->told_mute = 1;
        log_info(x->all->log, "broker", "no-probes",
                 "neighbour=%s text=\"its UDP port does not answer: heartbeats are "
                 "measured instead, and no loss; let UDP through\"",
                 dials_name(x->all->dials, peer_of(x)));
    }
    tell(x, BROKER_UNPROBED, 0);
}

int dial_probes_new(struct wf_loop *l, const struct log_sink *log, struct core *core,
                    const struct dials *dials, dial_probes_event_fn *fn, void *arg,
                    struct dial_probes **ret_probes)
{
    struct dial_probes *p = wf_calloc(1, sizeof *p);

    if (p == NULL) {
        return WEFT_ENOMEM;
    }
    p->loop = l;
    p->log = log;
    p->core = core;
    p->dials = dials;
    p->fn = fn;
    p->arg = arg;
    for (unsigned i = 0; i < MESH_DIALS_MAX; i++) {
        p->v[i].all = p;
    }
    *ret_probes = p;
    return 0;
}

void dial_probes_free(struct dial_probes *p)
{
    for (unsigned i = 0; p != NULL && i < MESH_DIALS_MAX; i++) {
        link_prober_free(p->v[i].link);
    }
    wf_free(p);
}

void dial_probes_look(struct dial_probes *p)
{
    static const struct link_prober_cbs cbs = {on_sample, on_mute};
    const struct wf_link *link;

    for (unsigned i = 0; (link = mesh_dial_link(p->core, MESH_DIALLED | i)) != NULL;
         i++) {
        struct probed *x = &p->v[i];

        if (x->link != NULL || link_prober_new(p->loop, 0, &cbs, x, &x->link) == 0) {
            link_prober_look(x->link, link, dials_uplink(p->dials, peer_of(x)));
        }
    }
}
