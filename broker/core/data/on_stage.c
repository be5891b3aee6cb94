/* Bringing data to agents: what clients give, and datasets ahead of need. */
#include "broker/core/data/choose.h"
#include "broker/core/data/inputs.h"
#include "broker/core/mesh/lead.h"
#include "broker/core/place/need.h"

#include "common/err.h"
#include "common/log.h"
#include "common/str.h"
#include "proto/name.h"

#include <stdio.h>
#include <string.h>

#define TRIES_MAX  3u /* orders of one stage that may fail, unless it goes everywhere */
#define TELL_US    300000u
#define NOTE_MAX   4096u /* blobs of one order */
#define SAY_FIRST  16u   /* messages of an order at once, */
#define SAY_ORDERS 64u   /* then one each of so many orders, tick by tick */

/* -- telling ---------------------------------------------------------------------------
 */

static int is_everywhere(const struct stage *g)
{
    return g->copies == WF_NODES_ALL;
}

/* To how many agents it goes, at most; and as far as that is known. */
static unsigned most_of(const struct stage *g)
{
    return is_everywhere(g) ? UINT32_MAX : (unsigned) wf_max_u64(g->copies, 1);
}

static unsigned wanted_of(const struct stage *g)
{
    return is_everywhere(g) ? (unsigned) wf_max_u64(g->sent + g->done, 1) : most_of(g);
}

static void tell(struct core *c, struct stage *g, int over, const char *node,
                 const char *text, struct wf_effects *out)
{
    unsigned wanted = wanted_of(g);
    struct wf_stage_info m = {.req = g->req,
                              .over = over != 0,
                              .code = over ? (uint64_t) -g->code : 0,
                              .text = wf_slice_of(text),
                              .moved = g->moved,
                              .nodes = g->done,
                              .total = g->total > UINT64_MAX / wanted ? UINT64_MAX
                                                                      : g->total * wanted,
                              .node = wf_slice_of(node)};

    for (struct wf_list_node *n = wf_list_first(&g->orders); n != NULL;
         n = wf_list_next(&g->orders, n)) {
        const struct order *o = CONTAINER_OF(n, struct order, of_stage);

        m.bytes = wf_add_sat(m.bytes, o->state != ORDER_FAILED ? o->bytes : 0);
        m.moved = wf_add_sat(m.moved, o->moved);
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

static void stop_orders(const struct stage *g, struct wf_effects *out)
{
    for (struct wf_list_node *n = wf_list_first(&g->orders); n != NULL;
         n = wf_list_next(&g->orders, n)) {
        const struct order *o = CONTAINER_OF(n, struct order, of_stage);
        const struct wf_fetch m = {.req = o->number, .end = 1};

        if (o->state == ORDER_SENT && o->agent->session != NULL) {
            wf_effects_send(out, o->agent->session->peer, WF_MSG_fetch, &m);
        }
    }
}

void stage_cancel(struct core *c, struct stage *g, struct wf_effects *out)
{
    stop_orders(g, out);
    stage_free(&c->data.stages, &c->data.catalogue, g);
}

/* -- ordering --------------------------------------------------------------------------
 */

/* One message with the blobs that come next. */
static void say(struct core *c, struct order *o, struct wf_effects *out)
{
    const struct stage *g = o->stage;
    struct wf_buf *store = core_rows(c, 3);
    struct wf_fetch m = {.req = o->number,
                         .pin = g->pin != 0,
                         .residency = wf_slice_of(g->residency),
                         .what = wf_slice_of(g->what)};

    for (; o->said < g->n && m.rows.count < WF_PAGE_MAX; o->said++) {
        const struct blob *b = g->blobs[o->said];
        const struct wf_digest_row row = {b->digest, b->size};

        if (wf_rows_add(store, &m.rows, wf_desc_digest_row(), &row) != 0) {
            out->err = WEFT_ENOMEM; /* an order with a hole is worse than none */
            return;
        }
    }
    m.more = o->said < g->n;
    wf_effects_send(out, o->agent->session->peer, WF_MSG_fetch, &m);
    if (!m.more) {
        wf_list_remove(&o->in_saying);
    }
}

void stages_say(struct core *c, struct wf_effects *out)
{
    struct wf_list_node *const head = &c->data.stages.saying;
    const struct wf_list_node *last = head->prev;
    struct wf_list_node *n = NULL;

    for (unsigned i = 0; i < SAY_ORDERS && n != last && (n = wf_list_first(head)) != NULL;
         i++) {
        wf_list_remove(n);
        wf_list_push_back(head, n);
        say(c, CONTAINER_OF(n, struct order, in_saying), out);
    }
}

static int order(struct core *c, struct stage *g, struct agent *a, struct wf_effects *out)
{
    struct order *o;
    int rc = order_new(&c->data.stages, g, a, &o);

    if (rc != 0) {
        return rc;
    }
    wf_list_push_back(&c->data.stages.saying, &o->in_saying);
    for (unsigned i = 0; i < SAY_FIRST && !wf_list_empty(&o->in_saying); i++) {
        say(c, o, out);
        if (out->err != 0) {
            break;
        }
    }
    return 0;
}

/* Order as many as there are agents for.  0, or why one could not be made. */
static int order_more(struct core *c, struct stage *g, struct lack *ret_lack,
                      struct wf_effects *out)
{
    struct agent *a;
    int rc = 0;

    while (rc == 0 && g->sent + g->done < most_of(g) &&
           (a = stage_choose(&c->agents, g, ret_lack)) != NULL) {
        rc = order(c, g, a, out);
    }
    return rc;
}

/* For an agent that is away, which is told by its name. */
static void wait(struct core *c, struct stage *g, const struct lack *lack,
                 struct wf_effects *out)
{
    const char *name = lack->waited->principal->name;
    char text[WF_TEXT_MAX + 1];

    wf_list_push_back(&c->data.stages.waiting, &g->in_waiting);
    if (g->sent != 0) {
        return;
    }
    if (lack->away == 1) {
        (void) snprintf(text, sizeof text, "waits for %s, which is away", name);
    } else {
        (void) snprintf(text, sizeof text, "waits for %s or %u more, which are away",
                        name, lack->away - 1);
    }
    tell(c, g, 0, g->node, text, out);
}

static int lack_code(const struct lack *lack)
{
    return lack->known != 0 && lack->known == lack->elsewhere ? WEFT_ENOENT
           : lack->full != 0                                  ? WEFT_EFULL
                                                              : WEFT_ENOAGENT;
}

/* No order is under way, and no further agent will do. */
static void conclude(struct core *c, struct stage *g, const struct lack *lack, int rc,
                     struct wf_effects *out)
{
    int enough =
        is_everywhere(g) ? g->done != 0 && g->failed == 0 : g->done >= most_of(g);

    if (enough) {
        end(c, g, 0, g->node, "", out);
    } else if (g->failed != 0) {
        end(c, g, g->code, g->node, g->text, out);
    } else {
        end(c, g, rc != 0 ? rc : lack_code(lack), g->node,
            rc != 0 ? wf_err_sentence(rc) : stage_lacks(g, lack), out);
    }
}

void stage_go_on(struct core *c, struct stage *g, struct wf_effects *out)
{
    struct lack lack = {0};
    int rc, may_wait;

    if (!g->running) {
        return;
    }
    wf_list_remove(&g->in_waiting);
    if (!is_everywhere(g) && g->failed >= TRIES_MAX) {
        stop_orders(g, out);
        end(c, g, g->code, g->node, g->text, out);
        return;
    }
    rc = order_more(c, g, &lack, out);
    /* What goes everywhere goes to those that are there; nobody waits for what its
     * submitter left. */
    may_wait = lack.away != 0 && g->sent + g->done < most_of(g) &&
               !(is_everywhere(g) && g->sent + g->done != 0) &&
               (g->session != NULL || g->sent != 0);
    if (may_wait) {
        wait(c, g, &lack, out);
    } else if (g->sent == 0) {
        conclude(c, g, &lack, rc, out);
    }
}

void stages_offer(struct core *c, const struct agent *a, struct wf_effects *out)
{
    struct wf_list_node *n, *next;

    for (n = wf_list_first(&c->data.stages.waiting); n != NULL; n = next) {
        struct stage *g = CONTAINER_OF(n, struct stage, in_waiting);

        next = wf_list_next(&c->data.stages.waiting, n);
        if (stage_fits(g, a)) {
            stage_go_on(c, g, out);
        }
    }
}

/* -- messages --------------------------------------------------------------------------
 */

/* 0; 1: its list is on the way, and this turn will be had again; else a refusal, with a
 * text of its own unless that is NULL. */
static int take_dataset(struct turn *t, struct stage *g, const struct wf_stage *m,
                        const char **ret_text)
{
    struct core *c = t->c;
    struct wf_data_ref ref;
    struct dataset *d;
    int rc;

    if (wf_data_ref_parse(m->dataset, &ref) != 0 || ref.path.len != 0) {
        return WEFT_EINVAL;
    }
    rc = import_get(t, ref.name, ref.version, &d, ret_text);
    if (rc != 0) {
        return rc;
    }
    (void) wf_str_copy(g->dataset, sizeof g->dataset, d->key);
    for (size_t i = 0; rc == 0 && i < d->nmembers; i++) {
        const struct blob *b = d->members[i].blob;

        rc = stage_add(&c->data.stages, g, &c->data.catalogue, &b->digest, b->size);
    }
    residency_narrow(g->residency, wf_slice_of(d->residency));
    return rc;
}

static int take_rows(struct turn *t, struct stage *g, const struct wf_stage *m)
{
    struct core *c = t->c;
    struct wf_rows rows = m->rows;
    struct wf_digest_row row;
    unsigned looks = BLOB_LOOKS;
    int rc = 0;

    while (rc == 0 && wf_rows_next(&rows, wf_desc_digest_row(), &row)) {
        const struct blob *b = catalogue_get(&c->data.catalogue, &row.digest);

        if (!g->mine && (b == NULL || !blob_may_see(t->s, b, &looks))) {
            return WEFT_ENOENT;
        }
        rc = stage_add(&c->data.stages, g, &c->data.catalogue, &row.digest, row.size);
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

/* A new stage, with the terms of its first page; NULL after a refusal. */
static struct stage *begin(struct turn *t, const struct wf_stage *m, int *ret_rc)
{
    struct stage *g;

    if (stage_new(&t->c->data.stages, t->s, m->req, &g) != 0) {
        data_refuse_pages(t->s, m->req, m->more != 0);
        refuse(t, WEFT_EBUSY, m->req, NULL, 1000, "too much is being staged already");
        return NULL;
    }
    g->reader = t->s->principal->key;
    *ret_rc = take_terms(g, m);
    return g;
}

void on_stage(struct turn *t)
{
    struct core *c = t->c;
    const struct wf_stage *m = &t->msg->u.stage;
    struct stage *g = stage_of(t->s, m->req);
    const char *text = NULL;
    int rc = 0;

    if (m->end || data_skip_page(t->s, m->req, m->more != 0)) {
        if (m->end && g != NULL) {
            stage_cancel(c, g, t->out);
        }
        return;
    }
    if (g != NULL && g->running) {
        return; /* said twice */
    }
    if (g == NULL && !m->mine &&
        (lead_to_node(t, m->req, m->node) ||
         (m->node.len == 0 && lead_to_needs(t, m->req, m->needs)))) {
        data_refuse_pages(t->s, m->req, m->more != 0);
        return;
    }
    if (g == NULL) {
        g = begin(t, m, &rc);
        if (g == NULL) {
            return;
        }
    }
    if (rc == 0) {
        rc = m->dataset.len != 0 && m->rows.count == 0 ? take_dataset(t, g, m, &text)
                                                       : take_rows(t, g, m);
    }
    if (rc > 0) {
        return;
    }
    if (rc != 0) {
        data_refuse_pages(t->s, m->req, m->more != 0);
        end(c, g, rc, "", text != NULL ? text : why_not(rc), t->out);
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
    if (data_may_alarm(t->c, t->s)) {
        core_news(t->c, t->out, WF_LOG_ERROR, "corrupt-data",
                  wf_slice_str(m->from, from, sizeof from), NULL, "%s: %s",
                  t->s->principal->name, wf_slice_str(m->text, text, sizeof text));
    }
}

/* What was fetched is there, also before the agent's next report: whoever gave it may use
 * it at once. */
static void note_held(struct core *c, const struct order *o)
{
    const struct stage *g = o->stage;

    for (size_t i = 0; i < g->n && i < NOTE_MAX; i++) {
        const struct wf_hold_row row = {.digest = g->blobs[i]->digest,
                                        .size = g->blobs[i]->size,
                                        .have = g->blobs[i]->size,
                                        .flags = g->pin ? WF_HOLD_PINNED : 0};

        (void) catalogue_hold(&c->data.catalogue, o->agent, &row);
    }
}

static void order_over(struct core *c, struct order *o, const struct wf_fetched *m,
                       struct wf_effects *out)
{
    struct stage *g = o->stage;

    if (m->code == 0) {
        order_end(o, ORDER_DONE);
        o->bytes = g->total;
        note_held(c, o);
        tell(c, g, 0, o->agent->principal->name, "", out);
    } else {
        order_end(o, ORDER_FAILED);
        g->code = -(int) m->code;
        wf_slice_str(m->text, g->text, sizeof g->text);
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
    if (o == NULL || o->state != ORDER_SENT || o->agent != t->s->principal->agent) {
        return;
    }
    o->bytes = wf_min_u64(m->bytes, o->stage->total);
    o->moved = m->moved;
    if (m->over) {
        order_over(c, o, m, t->out);
    } else if (c->now_us - o->stage->told_us >= TELL_US) {
        char text[WF_TEXT_MAX + 1];

        tell(c, o->stage, 0, o->agent->principal->name,
             wf_slice_str(m->text, text, sizeof text), t->out);
    }
}
