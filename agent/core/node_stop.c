/* What ends a run from outside: an order, a limit, the end of the machine.
 *
 * One that was not started is over at once, or given back, so that the broker runs it
 * elsewhere.  One that was is asked to end, and killed when its grace is over; a later
 * order may shorten that, and the reason stays the first one.
 */
#include "agent/core/node_int.h"

#include "common/err.h"
#include "common/mem.h"
#include "common/plant.h"

#include <stdio.h>

#define MS 1000u

/* In milliseconds that can be told in microseconds; 0: no limit. */
static uint64_t wall_of(const struct node *n, const struct run *r)
{
    uint64_t own = n->cfg.caps[r->cap].wall_ms;
    uint64_t wall_ms = own == 0          ? r->wall_ms
                       : r->wall_ms == 0 ? own
                                         : wf_min_u64(own, r->wall_ms);

    return wf_min_u64(wall_ms, UINT64_MAX / MS);
}

/* When being cut off ends a run, which counts from when its broker was last heard. */
static uint64_t cut_due_us(const struct node *n, const struct run *r)
{
    if (WF_PLANT(STOP_AFTER_IGNORED)) {
        return UINT64_MAX;
    }
    if (WF_PLANT(ANY_BROKER_COUNTS) && node_is_open(n)) {
        return UINT64_MAX;
    }
    return r->stop_after_ms == 0 || (node_is_open(n) && node_is_ours(n, r))
               ? UINT64_MAX
               : wf_add_sat(r->cut_us, wf_us_of_ms(r->stop_after_ms));
}

void node_plan(struct node *n, struct run *r)
{
    uint64_t wall_ms = wall_of(n, r);
    uint64_t due_us = cut_due_us(n, r);

    if (r->phase == RUN_RUNNING && wall_ms != 0) {
        due_us = wf_min_u64(due_us, wf_add_sat(r->started_us, wall_ms * MS));
    }
    if (r->phase == RUN_RUNNING && !r->told_started) {
        due_us = wf_min_u64(due_us, r->started_us + n->cfg.stream_after_ms * MS);
    }
    if (r->phase == RUN_WAITING && r->begin_us > n->now_us) {
        due_us = wf_min_u64(due_us, r->begin_us);
    }
    if (run_plan(&n->runs, r, due_us) != 0) {
        n->failed++;
    }
}

/* -- orders ----------------------------------------------------------------------------
 */

static void kill_in(struct node *n, struct run *r, uint64_t grace_ms,
                    struct wf_effects *out)
{
    r->kill_us = wf_add_sat(n->now_us, grace_ms * MS);
    wf_effects_add(out, WF_EFFECT_KILL, (uint32_t) grace_ms, r->number, NULL, 0, NULL);
}

/* A grace does not outlast the run's own limit. */
static uint64_t grace_of(const struct node *n, const struct run *r, uint64_t grace_ms)
{
    uint64_t wall_ms = wall_of(n, r);
    uint64_t ran_ms = (n->now_us - r->started_us) / MS;
    uint64_t left_ms = wall_ms == 0       ? UINT32_MAX
                       : wall_ms > ran_ms ? wall_ms - ran_ms
                                          : 0;

    return wf_min_u64(grace_ms,
                      wf_min_u64(wf_max_u64(left_ms, n->cfg.grace_ms), UINT32_MAX));
}

static void stop(struct node *n, struct run *r, int code, const char *reason,
                 uint64_t grace_ms, struct wf_effects *out)
{
    grace_ms = grace_of(n, r, grace_ms);
    if (r->phase == RUN_STOPPING && n->now_us + grace_ms * MS < r->kill_us) {
        kill_in(n, r, grace_ms, out);
    }
    if (r->phase == RUN_FINISHED || r->stop_code != 0) {
        return;
    }
    r->stop_code = code;
    if (r->reason == NULL && reason != NULL) {
        r->reason = wf_strdup(reason);
    }
    if (r->phase == RUN_WAITING) {
        r->end.code = code;
        node_finish(n, r, out);
        return;
    }
    run_move(&n->runs, r, RUN_STOPPING);
    (void) run_plan(&n->runs, r, UINT64_MAX);
    kill_in(n, r, grace_ms, out);
}

void node_stop_run(struct node *n, struct run *r, int code, const char *reason,
                   struct wf_effects *out)
{
    stop(n, r, code, reason, n->cfg.grace_ms, out);
}

void node_on_stop(struct node *n, const struct wf_stop *m, struct wf_effects *out)
{
    struct run *r = runs_get(&n->runs, &m->job, m->attempt);

    if (r == NULL || !node_is_ours(n, r)) {
        return;
    }
    if (!m->waiting) {
        stop(n, r, -(int) m->code, NULL, m->grace_ms != 0 ? m->grace_ms : n->cfg.grace_ms,
             out);
        node_fill(n, out);
    } else if (r->phase == RUN_WAITING) {
        node_refuse_run(n, r, WEFT_ERECALLED, "given back unstarted", out);
    }
}

/* -- limits ----------------------------------------------------------------------------
 */

static void stop_for(struct node *n, struct run *r, int code, const char *what,
                     uint64_t limit_ms, struct wf_effects *out)
{
    char text[64];

    (void) snprintf(text, sizeof text, "%s %llu ms", what, (unsigned long long) limit_ms);
    node_stop_run(n, r, code, text, out);
}

void node_check_limits(struct node *n, struct run *r, struct wf_effects *out)
{
    uint64_t wall_ms = wall_of(n, r);

    if (n->now_us >= cut_due_us(n, r)) {
        stop_for(n, r, WEFT_ELOST, "was cut off for more than", r->stop_after_ms, out);
    } else if (r->phase == RUN_RUNNING && wall_ms != 0 &&
               n->now_us >= wf_add_sat(r->started_us, wall_ms * MS)) {
        stop_for(n, r, WEFT_EWALL, "ran longer than", wall_ms, out);
    } else {
        node_plan(n, r);
    }
}

/* -- draining --------------------------------------------------------------------------
 */

int node_is_draining(const struct node *n)
{
    return n->drained_by_broker || n->drained_by_owner || n->gone_us != 0 || n->moving;
}

uint64_t node_left_ms(const struct node *n)
{
    uint64_t left_us = n->gone_us > n->now_us ? n->gone_us - n->now_us : 0;

    return n->gone_us != 0 ? wf_max_u64(left_us / MS, 1) : 0;
}

void node_noticed(struct node *n, uint64_t left_ms, struct wf_effects *out)
{
    struct wf_list_node *x, *next;

    n->gone_us = wf_add_sat(n->now_us, wf_us_of_ms(wf_max_u64(left_ms, 1)));
    node_tell_info(n, out);
    /* What is another broker's cannot be given back to this one. */
    for (x = wf_list_first(&n->runs.waiting); x != NULL; x = next) {
        struct run *r = CONTAINER_OF(x, struct run, node);

        next = wf_list_next(&n->runs.waiting, x);
        if (node_is_ours(n, r)) {
            node_refuse_run(n, r, WEFT_EDRAIN,
                            "given back unstarted: the machine is to be taken away", out);
        }
    }
}
