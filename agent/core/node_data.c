/* The data of an agent: its beginning and end, what happens to it, what is due. */
#include "agent/core/node_data.h"

#include "common/check.h"
#include "common/err.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>

#define PAUSE_MIN_MS 500u
#define PAUSE_MAX_MS 30000u

/* -- the beginning and the end ---------------------------------------------------------
 */

static int init(struct node *n, struct node_data *d)
{
    struct wf_pull_config pull = n->cfg.pull;
    struct wf_give_config give = n->cfg.give;
    int rc;

    d->rng.s = n->cfg.seed;
    pull.seed = wf_rng_next(&d->rng);
    give.seed = wf_rng_next(&d->rng);
    wf_backoff_init(&d->lane_pause, PAUSE_MIN_MS, PAUSE_MAX_MS);
    wf_buf_init(&d->rows, WF_FRAME_MAX / 2);
    wf_list_init(&d->touched);
    wf_list_init(&d->todo);
    wf_list_init(&d->changed);
    wf_list_init(&d->orders);
    wf_list_init(&d->stale);
    wf_list_init(&d->listing);
    wf_list_init(&d->fetching);
    d->orders_us = d->runs_us = d->stale_us = UINT64_MAX;
    d->blobs = wf_map_new(NODE_BLOBS_MAX, wf_rng_next(&d->rng));
    d->inputs =
        wf_map_new((size_t) WF_RUNS_MAX * (WF_INPUTS_MAX + 1), wf_rng_next(&d->rng));
    if (d->blobs == NULL || d->inputs == NULL) {
        return WEFT_ENOMEM;
    }
    rc = wf_pull_new(&pull, &d->pull);
    return rc != 0 ? rc : wf_give_new(&give, &d->give);
}

int node_data_new(struct node *n)
{
    static const char residency[] = "residency=";

    for (unsigned i = 0; i < n->cfg.nlabels; i++) {
        if (strncmp(n->cfg.labels[i], residency, sizeof residency - 1) == 0) {
            (void) snprintf(n->region, sizeof n->region, "%s",
                            n->cfg.labels[i] + sizeof residency - 1);
        }
    }
    if (n->cfg.data_cap == 0) {
        return 0;
    }
    n->data = wf_calloc(1, sizeof *n->data);
    return n->data != NULL ? init(n, n->data) : WEFT_ENOMEM;
}

void node_data_free(struct node *n)
{
    struct node_data *d = n->data;

    if (d == NULL) {
        return;
    }
    node_inputs_free(n);
    node_orders_free(d);
    node_blobs_free(d);
    wf_pull_free(d->pull);
    wf_give_free(d->give);
    wf_buf_fini(&d->rows);
    wf_free(d);
    n->data = NULL;
}

void node_data_opened(struct node *n, struct wf_effects *out)
{
    if (n->data != NULL) {
        node_holdings_opened(n);
        node_orders_opened(n);
        wf_pull_session(n->data->pull, n->now_us, 1, out);
    }
}

void node_data_cut(struct node *n, struct wf_effects *out)
{
    if (n->data != NULL) {
        wf_pull_session(n->data->pull, n->now_us, 0, out);
        wf_give_end_all(n->data->give, n->now_us, out);
        node_lists_cut(n);
        node_orders_cut(n, out);
        node_holdings_cut(n);
    }
}

/* -- what happens ----------------------------------------------------------------------
 */

void node_data_event(struct node *n, const struct node_event *ev, struct wf_effects *out)
{
    struct node_data *d = n->data;

    if (d == NULL) {
        return;
    }
    switch (ev->kind) {
    case NODE_BLOB_BEGUN:
        wf_pull_begun(d->pull, n->now_us, ev->ref, ev->code, ev->map, ev->leaves, out);
        node_on_kept(n, ev, out);
        break;
    case NODE_BLOB_WRITTEN:
        wf_pull_written(d->pull, n->now_us, ev->ref, ev->chunk, ev->code, out);
        node_on_kept(n, ev, out);
        break;
    case NODE_BLOB_READ:
        wf_give_read(d->give, n->now_us, ev->tag, ev->code, ev->coding, ev->data.p,
                     ev->data.len, out);
        break;
    case NODE_BLOB_HELD:
        node_on_held(n, ev->hold, out);
        break;
    case NODE_BLOBS_LISTED:
        d->listed = 1;
        node_holdings_stats(n, ev->used, ev->room);
        break;
    case NODE_BLOB_STATS:
        node_holdings_stats(n, ev->used, ev->room);
        break;
    case NODE_LIMITS:
        wf_pull_set_limits(d->pull, n->now_us, &ev->limits->pull, out);
        wf_give_set_limits(d->give, n->now_us, ev->limits->give_rate,
                           ev->limits->give_day, out);
        break;
    default:
        node_on_lane(n, ev, out);
        break;
    }
}

void node_data_msg(struct node *n, const struct wf_msg *msg, struct wf_effects *out)
{
    if (msg->type == WF_MSG_fetch) {
        node_on_fetch(n, &msg->u.fetch, out);
    }
    if (n->data == NULL) {
        return;
    }
    switch (msg->type) {
    case WF_MSG_located:
        wf_pull_located(n->data->pull, n->now_us, &msg->u.located, out);
        break;
    case WF_MSG_grant:
        /* What could not be taken is refused when it is wanted. */
        (void) wf_give_grant(n->data->give, n->now_us, &msg->u.grant, out);
        break;
    case WF_MSG_keep:
        node_on_keep(n, &msg->u.keep, out);
        break;
    case WF_MSG_dataset_info:
        node_on_dataset(n, &msg->u.dataset_info, out);
        break;
    case WF_MSG_error:
        node_on_unlisted(n, &msg->u.error);
        break;
    default:
        break;
    }
}

void node_data_tick(struct node *n, struct wf_effects *out)
{
    struct node_data *d = n->data;

    if (d == NULL) {
        return;
    }
    if (n->now_us >= wf_pull_due_us(d->pull)) {
        wf_pull_tick(d->pull, n->now_us, out);
    }
    if (n->now_us >= wf_give_due_us(d->give)) {
        wf_give_tick(d->give, n->now_us, out);
    }
}

int node_data_after(struct node *n, struct wf_effects *out)
{
    int ready;

    if (n->data == NULL) {
        return 0;
    }
    node_blobs_after(n, out);
    node_lists_after(n, out);
    node_orders_after(n, out);
    node_inputs_after(n, out);
    ready = n->data->ready;
    n->data->ready = 0;
    return ready;
}

void node_data_done(struct node *n, size_t first, struct wf_effects *out)
{
    if (n->data != NULL) {
        node_holdings_after(n, out);
        node_lanes_after(n, first, out);
    }
}

uint64_t node_data_due_us(const struct node *n)
{
    const struct node_data *d = n->data;
    uint64_t due_us;

    if (d == NULL) {
        return UINT64_MAX;
    }
    if (!wf_list_empty(&d->touched)) {
        return n->now_us;
    }
    due_us = wf_min_u64(wf_pull_due_us(d->pull), wf_give_due_us(d->give));
    due_us = wf_min_u64(due_us, wf_list_empty(&d->todo) ? UINT64_MAX : d->todo_us);
    due_us = wf_min_u64(due_us, node_holdings_due_us(n));
    due_us = wf_min_u64(due_us, node_orders_due_us(n));
    due_us = wf_min_u64(due_us, node_lists_due_us(n));
    due_us = wf_min_u64(due_us, node_lanes_due_us(n));
    return wf_min_u64(due_us, d->runs_us);
}

/* -- what there is ---------------------------------------------------------------------
 */

struct node_data_counts node_data_counts(const struct node *n)
{
    struct node_data_counts c = {.blobs = 0};
    const struct node_data *d = n->data;

    if (d == NULL) {
        return c;
    }
    c.blobs = wf_map_len(d->blobs);
    c.orders = d->norders;
    c.lists = wf_map_len(d->inputs);
    c.untold = d->untold;
    c.refused = d->refused;
    for (struct wf_list_node *x = wf_list_first(&d->fetching); x != NULL;
         x = wf_list_next(&d->fetching, x)) {
        c.fetching += !node_inputs_ready(CONTAINER_OF(x, struct run_data, node)->run);
    }
    wf_pull_stats(d->pull, &c.pull);
    wf_give_stats(d->give, &c.give);
    return c;
}

int node_data_peer(struct node *n, struct wf_pull_peer *ret_peer)
{
    return n->data != NULL && wf_pull_next_peer(n->data->pull, n->now_us, ret_peer);
}

uint64_t node_data_down(const struct node *n)
{
    return n->data != NULL ? wf_pull_down(n->data->pull, n->now_us) : 0;
}

int node_lets_in(const struct node *n, const struct wf_key *key)
{
    return n->data != NULL && wf_give_knows(n->data->give, key);
}

static void check_set(const struct node_set *s)
{
    size_t some = 0, missing = 0;
    uint64_t total = 0, have = 0;

    for (struct wf_list_node *x = wf_list_first(&s->uses); x != NULL;
         x = wf_list_next(&s->uses, x)) {
        const struct node_blob *b = CONTAINER_OF(x, struct node_use, of_set)->blob;

        some++;
        missing += !node_blob_whole(b);
        total += b->size;
        have += b->have;
    }
    WF_CHECK(some == s->n && missing == s->missing);
    WF_CHECK(total == s->total && have == s->have);
}

static void check_input(const struct node_input *in)
{
    int reason = in->reason == NULL;

    check_set(&in->set);
    WF_CHECK(!wf_list_empty(&in->ties));
    for (struct wf_list_node *x = wf_list_first(&in->ties); x != NULL;
         x = wf_list_next(&in->ties, x)) {
        const struct node_tie *t = CONTAINER_OF(x, struct node_tie, of_input);

        WF_CHECK(t->input == in && t->run->phase != RUN_FINISHED);
        WF_CHECK(in->reason != NULL || t->run->phase != RUN_WAITING);
        reason |= t == in->reason && t->run->phase == RUN_WAITING;
    }
    WF_CHECK(reason);
}

void node_data_check(const struct node *n)
{
    const struct node_data *d = n->data;
    const struct node_input *in;
    struct node_blob *b;
    size_t it = 0, uses = 0;

    if (d == NULL) {
        return;
    }
    while ((b = wf_map_next(d->blobs, &it)) != NULL) {
        int used = !wf_list_empty(&b->uses);

        WF_CHECK(b->have <= b->size && (b->here || b->have == 0));
        WF_CHECK(b->held == (b->here && used));
        WF_CHECK(b->here || b->told || used || b->pulled);
        WF_CHECK(!b->pulled || (used && !node_blob_whole(b)));
        for (struct wf_list_node *x = wf_list_first(&b->uses); x != NULL;
             x = wf_list_next(&b->uses, x)) {
            uses++;
        }
    }
    WF_CHECK(uses == d->nuses);
    it = 0;
    while ((in = wf_map_next(d->inputs, &it)) != NULL) {
        check_input(in);
    }
    for (struct wf_list_node *x = wf_list_first(&d->orders); x != NULL;
         x = wf_list_next(&d->orders, x)) {
        check_set(&CONTAINER_OF(x, struct node_order, node)->set);
    }
}
