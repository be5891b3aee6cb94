#include "agent/prober.h"

#include "common/io/link_prober.h"
#include "common/mem.h"

struct prober {
    const struct log_sink *log;
    const struct node *node;
    prober_event_fn *fn;
    void *arg;
    struct link_prober *link;
    int told_mute;
};

static void tell(struct prober *p, enum node_event_kind kind, uint64_t rtt_us)
{
    struct node_event ev = {.kind = kind, .rtt_us = rtt_us};

    p->fn(p->arg, &ev);
}

static int on_sample(void *arg, uint64_t rtt_us)
{
    struct prober *p = arg;

    tell(p, NODE_PROBED, rtt_us);
    return node_link_unsure(p->node);
}

static void on_mute(void *arg)
{
    struct prober *p = arg;

    if (!p->told_mute) {
        p->told_mute = 1;
        log_info(p->log, "agent", "no-probes",
                 "text=\"the broker's UDP port does not answer: heartbeats are measured "
                 "instead; let UDP through for better placement\"");
    }
    tell(p, NODE_UNPROBED, 0);
}

int prober_new(struct wf_loop *l, const struct log_sink *log, const struct node *node,
               prober_event_fn *fn, void *arg, struct prober **ret_prober,
               struct wf_err *err)
{
    static const struct link_prober_cbs cbs = {on_sample, on_mute};
    struct prober *p = wf_calloc(1, sizeof *p);

    if (p == NULL ||
        link_prober_new(l, node_config_of(node)->metered, &cbs, p, &p->link) != 0) {
        wf_free(p);
        return wf_err_set(err, WEFT_ENOMEM, "no memory for probes");
    }
    p->log = log;
    p->node = node;
    p->fn = fn;
    p->arg = arg;
    *ret_prober = p;
    return 0;
}

void prober_free(struct prober *p)
{
    if (p != NULL) {
        link_prober_free(p->link);
        wf_free(p);
    }
}

void prober_look(struct prober *p, const struct uplink *uplink)
{
    link_prober_look(p->link, node_link(p->node), uplink);
}
