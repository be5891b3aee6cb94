#include "tests/sim/roam/held.h"

#include "agent/core/node_int.h"
#include "common/fnv.h"
#include "tests/sim/sim.h"

/* An attempt that waits may begin. */
static unsigned phase_of(const struct run *r)
{
    return r->phase == RUN_FINISHED ? 2 : r->phase == RUN_STOPPING;
}

/* The news of a link, or a message that opens a session. */
static int changes_link(const struct node_event *ev)
{
    return ev->kind == NODE_LINK_UP || ev->kind == NODE_LINK_DOWN ||
           ev->kind == NODE_LINK_REFUSED || ev->kind == NODE_LINK_TRIED ||
           (ev->kind == NODE_MSG && ev->msg->type == WF_MSG_welcome);
}

/* `but`: not those of this broker; NULL: all. */
static uint64_t sum(const struct device *d, const struct host *but)
{
    const struct run *r;
    size_t it = 0;
    uint64_t all = 0;

    while ((r = wf_map_next(d->node->runs.by_key, &it)) != NULL) {
        uint64_t h = wf_fnv_bytes(0, r->key.job.b, sizeof r->key.job.b);

        if (but == NULL || !wf_key_eq(&r->home.key, &but->key)) {
            h = wf_fnv_bytes(h, r->home.key.b, sizeof r->home.key.b);
            all += wf_fnv_u64(wf_fnv_u64(h, r->key.attempt), phase_of(r));
        }
    }
    return all;
}

static uint64_t look(const struct device *d, const struct node_event *ev)
{
    if (changes_link(ev)) {
        return sum(d, NULL);
    }
    return ev->kind == NODE_MSG && ev->msg->type != WF_MSG_claimed && d->a.conn != NULL
               ? sum(d, d->a.conn->to)
               : 0;
}

/* Without memory it does what it can. */
static int is_judged(const struct sim *s, const struct device *d)
{
    return d->a.roam.on && !s->swarm.on[FAULT_AGENT_MEMORY];
}

uint64_t held_before(const struct sim *s, const struct device *d,
                     const struct node_event *ev)
{
    return is_judged(s, d) ? look(d, ev) : 0;
}

void held_after(struct sim *s, const struct device *d, const struct node_event *ev,
                uint64_t before)
{
    if (is_judged(s, d) && look(d, ev) != before) {
        sim_fail(s, "%s: what it holds of a broker changes without that one's word",
                 d->a.name);
    }
}
