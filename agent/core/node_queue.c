/* What waits for a slot, and which of it goes first.
 *
 * By priority, then the earliest deadline, then as they came.  An attempt rises by one
 * level of priority each time that it has waited for ten times its expected run, without
 * an end to it, so that nothing waits for ever behind a stream of what is more urgent.
 */
#include "agent/core/node_int.h"

#define AGE_RUNS       10u
#define AGE_WORK_US    1000u    /* the least that counts as an expected run */
#define AGE_UNKNOWN_US 1000000u /* where none is told */

static uint64_t level(const struct node *n, const struct run *r)
{
    uint64_t work_us =
        r->work_us != 0 ? wf_max_u64(r->work_us, AGE_WORK_US) : AGE_UNKNOWN_US;

    return r->priority + (n->now_us - r->received_us) / (AGE_RUNS * work_us);
}

static uint64_t deadline(const struct run *r)
{
    return r->deadline_ms != 0 ? r->deadline_ms : UINT64_MAX;
}

/* Whether `a`, which came later, goes before `b` all the same. */
static int goes_before(const struct node *n, const struct run *a, const struct run *b)
{
    uint64_t la = level(n, a), lb = level(n, b);

    return la != lb ? la > lb : deadline(a) < deadline(b);
}

static void start(struct node *n, struct run *r, struct wf_effects *out)
{
    r->started_us = n->now_us;
    n->running_of[r->cap]++;
    run_move(&n->runs, r, RUN_RUNNING);
    node_inputs_started(n, r, out);
    node_plan(n, r);
    wf_effects_add(out, WF_EFFECT_START, 0, r->number, NULL, 0, r);
}

void node_fill(struct node *n, struct wf_effects *out)
{
    while (n->runs.nwaiting != 0 && n->runs.nrunning < n->cfg.slots) {
        struct run *best = NULL;

        for (struct wf_list_node *x = wf_list_first(&n->runs.waiting); x != NULL;
             x = wf_list_next(&n->runs.waiting, x)) {
            struct run *r = CONTAINER_OF(x, struct run, node);

            if (n->running_of[r->cap] >= n->cfg.caps[r->cap].slots) {
                continue;
            }
            if (!node_inputs_ready(r)) {
                node_inputs_starved(n, r);
            } else if (best == NULL || goes_before(n, r, best)) {
                best = r;
            }
        }
        if (best == NULL) {
            return;
        }
        start(n, best, out);
    }
}

/* So much changes what the broker should know of our load before the next heartbeat. */
uint64_t node_load_step(const struct node *n)
{
    return wf_max_u64(n->cfg.slots / 2, 1);
}

void node_note_load(struct node *n)
{
    n->link.load.jobs = n->runs.nwaiting + n->runs.nrunning;
    n->link.load.work_us = n->runs.work_us;
    wf_link_loaded(&n->link);
}
