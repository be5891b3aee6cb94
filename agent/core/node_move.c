/* Whose attempts are whose, and going from one broker to another.
 *
 * An attempt is of the broker that assigned it.  Others hear nothing of it, and what they
 * say of it counts nothing, but for one case: a broker that shares its store may take the
 * dead one's jobs over.  Until it has, it does not know them; so what is held from the
 * other is *claimed* from it, again and again, and is its own once it says so.
 *
 * An agent that leaves because another broker is better takes no new work, ends what it
 * has, and says bye.  What the broker assigned before it heard of that is refused: the
 * pong of a later ping comes after all of it, and is waited for, and after a refusal once
 * more, which a connection that is hung up might take with it.  When that takes too
 * long it stays; but where something waits for it, a result that it has or its word that
 * it has none, it gives its runs more time whenever it tries again, up to 16 minutes.
 */
#include "agent/core/node_int.h"

#include "common/plant.h"

/* A broker that died is taken over within two; then each heartbeat counts. */
#define CLAIM_LEASES 4u
#define CLAIM_MAX_US 30000000u /* between two */
#define DRAIN_US     UINT64_C(30000000)
#define DRAIN_BEATS  2u      /* at least: it takes a ping */
#define DRAIN_STEPS  5u      /* of doubling: 16 minutes */
#define STAY_MS      600000u /* when it could not leave */
#define STAY_BUSY_MS 60000u
#define AGAIN_MS     300000u /* after that, while the reason is still there */

/* -- whose ------------------------------------------------------------------------------
 */

int node_is_ours(const struct node *n, const struct run *r)
{
    if (WF_PLANT(RUNS_OF_ANYBODY)) {
        return 1;
    }
    return wf_home_same_broker(&r->home, &n->home);
}

void node_send_of(const struct node *n, const struct run *r, struct wf_effects *out,
                  enum wf_type type, const void *body)
{
    if (node_is_ours(n, r)) {
        node_send(n, out, type, body);
    }
}

/* Another broker with the store may come to have what is one's. */
int node_holds(const void *owner, const struct wf_home *home)
{
    const struct node *n = owner;
    const struct run *r;
    size_t it = 0;
    int held = 0;

    while ((r = wf_map_next(n->runs.by_key, &it)) != NULL) {
        if (wf_home_same_broker(&r->home, home)) {
            return WF_HOLDS | WF_HOLDS_ALONE;
        }
        held |= wf_home_same_store(&r->home, home) ? WF_HOLDS : 0;
    }
    return held;
}

static int has_runs(const struct node *n, const struct wf_home *home)
{
    if (WF_PLANT(LEAVES_WITH_RUNS)) {
        return 0;
    }
    return (node_holds(n, home) & WF_HOLDS_ALONE) != 0;
}

/* -- claims -----------------------------------------------------------------------------
 */

static int may_claim(const struct node *n, const struct run *r)
{
    return !node_is_ours(n, r) && wf_home_same_store(&r->home, &n->home);
}

static void claim(struct node *n, struct wf_effects *out)
{
    struct wf_claim m = {{0}};
    const struct run *r;
    size_t it = 0;

    wf_buf_clear(&n->rows[0]);
    while ((r = wf_map_next(n->runs.by_key, &it)) != NULL) {
        const struct wf_run_row row = {r->key.job, r->key.attempt, node_told_phase(r)};

        if (may_claim(n, r)) {
            (void) wf_rows_add(&n->rows[0], &m.runs, wf_desc_run_row(), &row);
        }
    }
    n->claim_us = UINT64_MAX;
    if (m.runs.count != 0) {
        node_send(n, out, WF_MSG_claim, &m);
        n->claim_us = wf_add_sat(n->now_us, n->claim_wait_us);
        if (n->now_us >= n->claim_slow_us) {
            n->claim_wait_us = wf_min_u64(2 * n->claim_wait_us, CLAIM_MAX_US);
        }
    }
}

/* It is this broker's from now on: who heard nothing of it meanwhile hears it all. */
static void adopt(struct node *n, struct run *r, struct wf_effects *out)
{
    r->home = n->home;
    if (r->phase == RUN_FINISHED) {
        node_tell_result(n, r, out);
        return;
    }
    if (r->told_started) {
        node_tell_started(n, r, out);
    }
    node_plan(n, r);
}

void node_on_claimed(struct node *n, const struct wf_claimed *m, struct wf_effects *out)
{
    struct wf_rows rows = m->runs;
    struct wf_run_row row;

    while (wf_rows_next(&rows, wf_desc_run_row(), &row)) {
        struct run *r = runs_get(&n->runs, &row.job, row.attempt);

        if (r != NULL && may_claim(n, r)) {
            adopt(n, r, out);
        }
    }
}

/* Another broker misses us, and asks which of these we do not have: those it need not
 * wait for.  The others it gets when we can go there. */
void node_on_seek(struct node *n, const struct wf_seek *m, struct wf_effects *out)
{
    struct wf_sought a = {.req = m->req, .found = 1};
    struct wf_rows rows = m->runs;
    struct wf_run_row row;

    wf_buf_clear(&n->rows[0]);
    while (wf_rows_next(&rows, wf_desc_run_row(), &row)) {
        if (runs_get(&n->runs, &row.job, row.attempt) == NULL) {
            (void) wf_rows_add(&n->rows[0], &a.runs, wf_desc_run_row(), &row);
        }
    }
    node_send(n, out, WF_MSG_sought, &a);
}

/* -- going ------------------------------------------------------------------------------
 */

static void drop_others(struct node *n, struct wf_effects *out)
{
    struct run *r;
    size_t it = 0;

    while ((r = wf_map_next(n->runs.by_key, &it)) != NULL) {
        if (!node_is_ours(n, r)) {
            node_stop_run(n, r, WEFT_ELOST, NULL, out);
        }
    }
}

void node_move_opened(struct node *n, struct wf_effects *out)
{
    if (WF_PLANT(RUNS_DROPPED)) {
        drop_others(n, out);
    }
    n->moving = 0;
    n->move_fails = 0;
    n->claim_wait_us = n->link.heartbeat_us;
    n->claim_slow_us = wf_add_sat(n->now_us, CLAIM_LEASES * n->link.lease_us);
    claim(n, out);
}

void node_move_cut(struct node *n)
{
    n->moving = 0;
    n->claim_us = UINT64_MAX;
}

/* How long runs may take to end. */
static uint64_t patience_us(const struct node *n)
{
    return wf_link_is_due(&n->link) ? DRAIN_US << wf_min_u64(n->move_fails, DRAIN_STEPS)
                                    : DRAIN_US;
}

static void begin(struct node *n, struct wf_effects *out)
{
    const struct wf_drain m = {1};

    if (node_is_draining(n)) {
        /* Its owner or its broker has other plans. */
        wf_link_stay(&n->link, n->now_us, STAY_BUSY_MS);
        return;
    }
    /* Patience is of one reason, and begins anew with the next. */
    if (n->link.better != n->move_way || n->now_us >= n->move_again_us) {
        n->move_fails = 0;
    }
    n->moving = 1;
    n->move_way = n->link.better;
    n->move_us = wf_add_sat(
        n->now_us, wf_max_u64(patience_us(n), DRAIN_BEATS * n->link.heartbeat_us));
    n->move_seq = n->link.ping_seq + 1;
    node_send(n, out, WF_MSG_drain, &m);
}

void node_move_refused(struct node *n)
{
    if (n->moving) {
        n->move_seq = n->link.ping_seq + 1;
    }
}

/* Take work again. */
static void stay(struct node *n, struct wf_effects *out)
{
    const struct wf_drain m = {n->drained_by_owner || n->gone_us != 0};

    n->moving = 0;
    node_send(n, out, WF_MSG_drain, &m);
}

void node_move_after(struct node *n, struct wf_effects *out)
{
    if (!node_is_open(n)) {
        return;
    }
    if (n->now_us >= n->claim_us) {
        claim(n, out);
    }
    if (n->link.better == WF_BROKERS_NONE) {
        if (n->moving) {
            n->move_fails = 0;
            stay(n, out); /* it went away again */
        }
        return;
    }
    if (!n->moving) {
        begin(n, out);
    }
    if (n->moving && n->link.ponged_seq >= n->move_seq && !has_runs(n, &n->home)) {
        wf_link_move(&n->link, n->now_us, out);
    } else if (n->moving && n->now_us >= n->move_us) {
        n->move_fails += wf_link_is_due(&n->link) != 0;
        n->move_again_us = wf_add_sat(n->now_us, (STAY_MS + AGAIN_MS) * UINT64_C(1000));
        wf_link_stay(&n->link, n->now_us, STAY_MS);
        stay(n, out);
    }
}

uint64_t node_move_due_us(const struct node *n)
{
    return node_is_open(n) ? wf_min_u64(n->claim_us, n->moving ? n->move_us : UINT64_MAX)
                           : UINT64_MAX;
}
