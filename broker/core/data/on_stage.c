/* Bringing data to agents: what clients give, and datasets ahead of need. */
#include "broker/core/data/inputs.h"
#include "broker/core/need.h"

#include "common/err.h"
#include "common/log.h"
#include "common/str.h"
#include "proto/name.h"

#include <stdio.h>
#include <string.h>

#define TRIES_MAX 3u /* orders of one stage that may fail */
#define TELL_US   300000u

/* -- telling ---------------------------------------------------------------------------
 */

static void tell(struct core *c, struct stage *g, int over, const char *node,
                 const char *text, struct wf_effects *out)
{
    struct wf_stage_info m = {.req = g->req,
                              .over = over != 0,
                              .code = over ? (uint64_t) -g->code : 0,
                              .text = wf_slice_of(text),
                              .bytes = g->done_bytes,
                              .moved = g->moved,
                              .nodes = g->done,
                              .total = g->total * wf_max_u64(g->copies, 1),
                              .node = wf_slice_of(node)};

    for (struct wf_list_node *n = wf_list_first(&g->orders); n != NULL;
         n = wf_list_next(&g->orders, n)) {
        const struct order *o = CONTAINER_OF(n, struct order, of_stage);

        m.bytes += o->bytes;
        m.moved += o->moved;
    }
    g->told_us = c->now_us;
    if (g->session != NULL) {
        wf_effects_send(out, g->session->peer, WF_MSG_stage_info, &m);
    }
}

static void end(struct core *c, struct stage *g, int code, const char *node,
                const char *text, struct wf_effects *out)
{
    g->code = code;
    tell(c, g, 1, node, text, out);
    stage_free(&c->data.stages, &c->data.catalogue, g);
}

/* -- choosing --------------------------------------------------------------------------
 */

static uint64_t held_by(const struct stage *g, const struct agent *a)
{
    uint64_t have = 0;

    for (struct wf_list_node *n = wf_list_first(&a->shares); n != NULL;
         n = wf_list_next(&a->shares, n)) {
        const struct share *s = CONTAINER_OF(n, struct share, of_agent);

        have += stage_has(g, &s->blob->digest) ? s->have : 0;
    }
    return have;
}

static int needs_met(const struct stage *g, const struct agent *a)
{
    struct wf_rows rows = g->needs;
    struct wf_label_row row;
    char room[32];

    while (wf_rows_next(&rows, wf_desc_label_row(), &row)) {
        struct need need;

        if (need_parse(row.text, &need) != 0 ||
            !need_met(&need, agent_attribute(a, need.key, room, sizeof room))) {
            return 0;
        }
    }
    return 1;
}

/* Residency of what is staged: what the submitter says, and what the datasets that have
 * the blobs say. */
static int may_be_at(const struct stage *g, const struct agent *a)
{
    struct wf_slice region = wf_slice_of(agent_region(a));

    if (!wf_residency_ok(wf_slice_of(g->residency), region)) {
        return 0;
    }
    for (size_t i = 0; i < g->n; i++) {
        if (!wf_residency_ok(wf_slice_of(blob_residency(g->blobs[i])), region)) {
            return 0;
        }
    }
    return 1;
}

static int has_order(const struct stage *g, const struct agent *a)
{
    for (struct wf_list_node *n = wf_list_first(&g->orders); n != NULL;
         n = wf_list_next(&g->orders, n)) {
        if (CONTAINER_OF(n, struct order, of_stage)->agent == a) {
            return 1;
        }
    }
    return 0;
}

static int offers(const struct agent *a, const char *capability)
{
    for (unsigned i = 0; i < a->noffers; i++) {
        if (strcmp(a->offers[i].capability->name, capability) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Why no agent will do, for the submitter. */
struct lack {
    unsigned known, elsewhere, outside, full, away;
};

/* Fewer bytes to move is better, then what the submitter would rather have, then near. */
struct rank {
    uint64_t missing, other, rtt_us;
};

static int is_better(const struct rank *a, const struct rank *b)
{
    return a->other != b->other       ? a->other < b->other
           : a->missing != b->missing ? a->missing < b->missing
                                      : a->rtt_us < b->rtt_us;
}

static int is_possible(const struct stage *g, const struct agent *a, struct lack *lack,
                       struct rank *ret_rank)
{
    uint64_t have;

    lack->known++;
    if ((g->node[0] != '\0' && strcmp(g->node, a->principal->name) != 0) ||
        !needs_met(g, a)) {
        lack->elsewhere++;
        return 0;
    }
    if (a->session != NULL && a->data_cap == 0) {
        lack->full++;
        return 0;
    }
    if (a->session == NULL || a->state != AGENT_UP || !a->holdings_known) {
        lack->away++;
        return 0;
    }
    if (!may_be_at(g, a)) {
        lack->outside++;
        return 0;
    }
    have = held_by(g, a);
    ret_rank->missing = g->total - wf_min_u64(g->total, have);
    if (ret_rank->missing > a->data_room) {
        lack->full++;
        return 0;
    }
    ret_rank->other = g->capability[0] != '\0' && !offers(a, g->capability);
    ret_rank->rtt_us = wf_ewma_mean(&a->rtt_us);
    return 1;
}

static struct agent *choose(const struct core *c, const struct stage *g,
                            struct lack *ret_lack)
{
    struct agent *best = NULL;
    struct rank rank, best_rank = {0};

    *ret_lack = (struct lack){0};
    for (struct wf_list_node *n = wf_list_first(&c->agents.all); n != NULL;
         n = wf_list_next(&c->agents.all, n)) {
        struct agent *a = CONTAINER_OF(n, struct agent, in_all);

        if (a->principal->state != WF_KEY_ACTIVE || has_order(g, a) || g->tried == a ||
            !is_possible(g, a, ret_lack, &rank)) {
            continue;
        }
        if (best == NULL || is_better(&rank, &best_rank)) {
            best = a;
            best_rank = rank;
        }
    }
    return best;
}

static const char *why_nobody(const struct stage *g, const struct lack *lack)
{
    if (lack->known == 0) {
        return "no further agent is enrolled; `weft nodes` lists them";
    }
    if (lack->elsewhere == lack->known) {
        return g->node[0] != '\0' ? "no such node, or it is not an agent"
                                  : "no agent meets these needs; see `weft nodes`";
    }
    if (lack->outside != 0 && lack->full == 0) {
        return "the residency of the data forbids every agent that would do";
    }
    return "no agent has room for it: raise data_cap, unpin or remove data there";
}

/* -- ordering --------------------------------------------------------------------------
 */

static void send_fetch(struct core *c, const struct order *o, struct wf_effects *out)
{
    const struct stage *g = o->stage;
    size_t i = 0;

    do {
        struct wf_buf *store = core_rows(c, 3);
        struct wf_fetch m = {.req = o->number,
                             .pin = g->pin != 0,
                             .residency = wf_slice_of(g->residency),
                             .what = wf_slice_of(g->what)};

        for (; i < g->n && m.rows.count < WF_PAGE_MAX; i++) {
            const struct wf_digest_row row = {g->blobs[i]->digest, g->blobs[i]->size};

            (void) wf_rows_add(store, &m.rows, wf_desc_digest_row(), &row);
        }
        m.more = i < g->n;
        wf_effects_send(out, o->agent->session->peer, WF_MSG_fetch, &m);
    } while (i < g->n);
}

static void cancel(const struct order *o, struct wf_effects *out)
{
    const struct wf_fetch m = {.req = o->number, .end = 1};

    if (o->agent->session != NULL) {
        wf_effects_send(out, o->agent->session->peer, WF_MSG_fetch, &m);
    }
}

static void cancel_all(const struct stage *g, struct wf_effects *out)
{
    for (struct wf_list_node *n = wf_list_first(&g->orders); n != NULL;
         n = wf_list_next(&g->orders, n)) {
        cancel(CONTAINER_OF(n, struct order, of_stage), out);
    }
}

static unsigned count_orders(const struct stage *g)
{
    unsigned count = 0;

    for (struct wf_list_node *n = wf_list_first(&g->orders); n != NULL;
         n = wf_list_next(&g->orders, n)) {
        count++;
    }
    return count;
}

void stage_go_on(struct core *c, struct stage *g, struct wf_effects *out)
{
    unsigned wanted = (unsigned) wf_max_u64(g->copies, 1);

    if (!g->running) {
        return;
    }
    while (count_orders(g) + g->done < wanted) {
        struct lack lack;
        struct agent *a = choose(c, g, &lack);
        struct order *o;

        if (a == NULL && lack.away != 0) {
            tell(c, g, 0, g->node, "waits for an agent that is away", out);
            return;
        }
        if (a == NULL) {
            if (count_orders(g) + g->done != 0 && g->copies == WF_NODES_ALL) {
                break; /* all that there are */
            }
            cancel_all(g, out);
            end(c, g, g->failed != 0 ? g->code : WEFT_EFULL, g->node,
                g->failed != 0 ? g->text : why_nobody(g, &lack), out);
            return;
        }
        if (order_new(&c->data.stages, g, a, &o) != 0) {
            return; /* the next report of an agent tries again */
        }
        send_fetch(c, o, out);
    }
    if (wf_list_empty(&g->orders)) {
        end(c, g, 0, g->node, "", out);
    }
}

void stages_go_on(struct core *c, struct wf_effects *out)
{
    struct wf_list_node *n, *next;

    for (n = wf_list_first(&c->data.stages.all); n != NULL; n = next) {
        next = wf_list_next(&c->data.stages.all, n);
        stage_go_on(c, CONTAINER_OF(n, struct stage, in_all), out);
    }
}

/* -- messages --------------------------------------------------------------------------
 */

static int take_dataset(struct turn *t, struct stage *g, const struct wf_stage *m)
{
    struct core *c = t->c;
    struct wf_data_ref ref;
    const struct dataset *d;
    int rc = 0;

    if (wf_data_ref_parse(m->dataset, &ref) != 0 || ref.path.len != 0) {
        return WEFT_EINVAL;
    }
    d = dataset_get(&c->data.datasets, ref.name, ref.version);
    if (d == NULL || !dataset_may_see(t->s, d)) {
        return WEFT_ENOENT;
    }
    for (size_t i = 0; rc == 0 && i < d->nfiles; i++) {
        rc = stage_add(g, &c->data.catalogue, &d->files[i].blob->digest,
                       d->files[i].blob->size);
    }
    if (g->residency[0] == '\0') {
        (void) wf_str_copy(g->residency, sizeof g->residency, d->residency);
    }
    return rc;
}

static int take_rows(struct turn *t, struct stage *g, const struct wf_stage *m)
{
    struct core *c = t->c;
    struct wf_rows rows = m->rows;
    struct wf_digest_row row;
    int rc = 0;

    while (rc == 0 && wf_rows_next(&rows, wf_desc_digest_row(), &row)) {
        const struct blob *b = catalogue_get(&c->data.catalogue, &row.digest);

        if (!m->mine && (b == NULL || !blob_may_see(t->s, b))) {
            return WEFT_ENOENT;
        }
        rc = stage_add(g, &c->data.catalogue, &row.digest, row.size);
    }
    return rc;
}

static int take_terms(struct stage *g, const struct wf_stage *m)
{
    struct wf_rows rows = m->needs;
    struct wf_label_row row;
    struct need need;

    while (wf_rows_next(&rows, wf_desc_label_row(), &row)) {
        if (need_parse(row.text, &need) != 0) {
            return WEFT_EINVAL;
        }
    }
    g->mine = m->mine != 0;
    g->pin = m->pin != 0;
    g->copies = (unsigned) m->copies;
    wf_slice_str(m->node, g->node, sizeof g->node);
    wf_slice_str(m->capability, g->capability, sizeof g->capability);
    wf_slice_str(m->residency, g->residency, sizeof g->residency);
    wf_slice_str(m->dataset, g->what, sizeof g->what);
    if (wf_buf_put(&g->needs_store, m->needs.p, m->needs.len) != 0) {
        return WEFT_ENOMEM;
    }
    g->needs = (struct wf_rows){g->needs_store.p, m->needs.len, m->needs.count};
    return 0;
}

static const char *why_not(int code)
{
    switch (code) {
    case WEFT_ENOENT:
        return "no such dataset or blob; `weft data ls` lists what there is";
    case WEFT_EINVAL:
        return "not a dataset, or a need that is none";
    case WEFT_EPROTO:
        return "a blob is known here with another size";
    case WEFT_EFULL:
        return "the broker's tables of data are full";
    default:
        return wf_err_sentence(code);
    }
}

void on_stage(struct turn *t)
{
    struct core *c = t->c;
    const struct wf_stage *m = &t->msg->u.stage;
    struct stage *g = stage_of(t->s, m->req);
    int rc = 0;

    if (m->end) {
        if (g != NULL) {
            cancel_all(g, t->out);
            stage_free(&c->data.stages, &c->data.catalogue, g);
        }
        return;
    }
    if (g == NULL) {
        rc = stage_new(&c->data.stages, t->s, m->req, &g);
        if (rc != 0) {
            refuse(t, WEFT_EBUSY, m->req, NULL, 1000, "too much is being staged already");
            return;
        }
        rc = take_terms(g, m);
    } else if (g->running) {
        return; /* said twice */
    }
    if (rc == 0) {
        rc = m->dataset.len != 0 && m->rows.count == 0 ? take_dataset(t, g, m)
                                                       : take_rows(t, g, m);
    }
    if (rc != 0) {
        end(c, g, rc, "", why_not(rc), t->out);
        return;
    }
    if (!m->more) {
        g->running = 1;
        stage_go_on(c, g, t->out);
    }
}

/* The agent found a holder that gives wrong bytes. */
static void report_bad(struct turn *t, const struct wf_fetched *m)
{
    char text[WF_TEXT_MAX + 1], from[WF_NAME_MAX + 1];

    t->c->count.corrupt_chunks++;
    core_news(t->c, t->out, WF_LOG_ERROR, "corrupt-data",
              wf_slice_str(m->from, from, sizeof from), NULL, "%s: %s",
              t->s->principal->name, wf_slice_str(m->text, text, sizeof text));
}

static void order_over(struct core *c, struct order *o, const struct wf_fetched *m,
                       struct wf_effects *out)
{
    struct stage *g = o->stage;
    struct agent *a = o->agent;
    const char *node = a->principal->name;

    g->moved += m->moved;
    order_free(&c->data.stages, o);
    if (m->code == 0) {
        g->done++;
        g->done_bytes += g->total;
        tell(c, g, 0, node, "", out);
    } else {
        g->failed++;
        g->code = -(int) m->code;
        g->tried = a;
        wf_slice_str(m->text, g->text, sizeof g->text);
        if (g->failed >= TRIES_MAX || g->node[0] != '\0') {
            cancel_all(g, out);
            end(c, g, g->code, node, g->text, out);
            return;
        }
    }
    stage_go_on(c, g, out);
}

void on_fetched(struct turn *t)
{
    struct core *c = t->c;
    const struct wf_fetched *m = &t->msg->u.fetched;
    struct order *o = order_numbered(&c->data.stages, m->req);

    if (m->req == 0) {
        report_bad(t, m);
        return;
    }
    if (o == NULL || o->agent != t->s->principal->agent) {
        return;
    }
    o->bytes = wf_min_u64(m->bytes, o->stage->total);
    o->moved = m->moved;
    if (m->over) {
        order_over(c, o, m, t->out);
    } else if (c->now_us - o->stage->told_us >= TELL_US) {
        char from[WF_NAME_MAX + 1];

        tell(c, o->stage, 0, o->agent->principal->name,
             wf_slice_str(m->text, from, sizeof from), t->out);
    }
}
