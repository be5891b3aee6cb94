/* What waits for a slot, which of it goes first, and what makes way for it.
 *
 * By priority, then the earliest deadline, then as they came.  An attempt rises by one
 * level of priority each time that it has waited for ten times its expected run, without
 * an end to it, so that nothing waits for ever behind a stream of what is more urgent.
 *
 * One that has to begin, as its broker said, and waits for nothing but a slot, gets that
 * of one that yields, of the same priority or a lower one: of those the one that was
 * started last, which loses least.  The broker tries that one again.  What is lost is
 * bounded: one is stopped for one, which then goes before all others; only if it may
 * still be in time; none that has run for long; and not more than one for each slot in
 * PRESS_PAUSE_US, of at most all slots at once.
 */
#include "agent/core/node_int.h"

#include "common/err.h"

#define AGE_RUNS       10u
#define AGE_WORK_US    1000u    /* the least that counts as an expected run */
#define AGE_UNKNOWN_US 1000000u /* where none is told */

/* What has run for less than the longer of these may be stopped: so many times what the
 * other is expected to run, and so long. */
#define PRESS_RUNS     4u
#define PRESS_LEAST_US UINT64_C(2000000)
#define PRESS_PAUSE_US UINT64_C(3000000)

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

/* Whether `a`, which came later, goes before `b` all the same.  A slot that another gave
 * up for it is nobody else's. */
static int goes_before(const struct node *n, const struct run *a, const struct run *b)
{
    uint64_t la = level(n, a), lb = level(n, b);

    if (a->helped != b->helped) {
        return a->helped;
    }
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

/* -- making way -----------------------------------------------------------------------
 */

int node_may_yield(const struct node_capability *cap)
{
    /* A worker that does not let go of a run is ended with all that it has; and what runs
     * within a process is not sure to end. */
    return cap->kind == WF_HANDLER_EXEC ||
           (cap->kind == WF_HANDLER_WORKER && cap->slots == 1);
}

/* What it is expected to run here. */
static uint64_t expected_us(const struct node *n, const struct run *r)
{
    const uint64_t speed_pm = n->cfg.speed_pm != 0 ? n->cfg.speed_pm : 1000;
    const uint64_t work_us = r->work_us != 0 ? r->work_us : AGE_UNKNOWN_US;

    return wf_min_u64(work_us, UINT64_MAX / 1000) * 1000 / speed_pm;
}

/* With less than half of that left it is given up. */
static int is_pressed(const struct node *n, const struct run *r)
{
    return run_presses(r) && n->now_us >= r->begin_us && node_inputs_ready(r) &&
           wf_add_sat(n->now_us, expected_us(n, r) / 2) <= r->due_us;
}

/* Of what gives `r` a slot by its end. */
static struct run *last_started(const struct node *n, const struct run *r)
{
    const int of_its_own =
        n->running_of[r->cap] + n->runs.helped_of[r->cap] >= n->cfg.caps[r->cap].slots;
    struct run *last = NULL;

    for (struct wf_list_node *x = wf_list_first(&n->runs.running); x != NULL;
         x = wf_list_next(&n->runs.running, x)) {
        struct run *v = CONTAINER_OF(x, struct run, node);

        if (run_yields(v) && v->priority <= r->priority &&
            (v->cap == r->cap || !of_its_own) && node_is_ours(n, v) &&
            (last == NULL || v->started_us >= last->started_us)) {
            last = v;
        }
    }
    return last;
}

static int ran_for_long(const struct node *n, const struct run *v, const struct run *r)
{
    const uint64_t run_us = wf_min_u64(expected_us(n, r), UINT64_MAX / PRESS_RUNS);

    return n->now_us - v->started_us >= wf_max_u64(PRESS_RUNS * run_us, PRESS_LEAST_US);
}

/* One more may be stopped then: press_us grows by a slot's share of the pause each time,
 * and is not further ahead than all of it. */
static uint64_t share_us(const struct node *n)
{
    return PRESS_PAUSE_US / wf_max_u64(n->cfg.slots, 1);
}

static uint64_t next_us(const struct node *n)
{
    const uint64_t us = n->press_us + share_us(n);

    return us - wf_min_u64(us, PRESS_PAUSE_US);
}

uint64_t node_press_due_us(const struct node *n)
{
    const int may = n->runs.npressing != 0 && n->runs.nyielding != 0 && node_is_open(n);

    return may && next_us(n) > n->now_us ? next_us(n) : UINT64_MAX;
}

void node_press(struct node *n, struct wf_effects *out)
{
    struct wf_list_node *x = wf_list_first(&n->runs.waiting);

    if (n->runs.npressing == 0 || !node_is_open(n)) {
        return;
    }
    for (; x != NULL && n->runs.nyielding != 0 && n->now_us >= next_us(n);
         x = wf_list_next(&n->runs.waiting, x)) {
        struct run *r = CONTAINER_OF(x, struct run, node);
        struct run *v = is_pressed(n, r) ? last_started(n, r) : NULL;

        if (v != NULL && !ran_for_long(n, v, r)) {
            run_help(&n->runs, r);
            n->press_us = wf_max_u64(n->press_us, n->now_us) + share_us(n);
            node_stop_run(n, v, WEFT_EPREEMPTED, "made way for work that was due", out);
        }
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
    n->link.load.yielding = n->runs.nways - wf_min_u64(n->runs.nways, n->runs.npressing);
    wf_link_loaded(&n->link);
}
