#include "broker/core/mesh/gossip/gossip_int.h"

#include "common/check.h"
#include "common/plant.h"

/* Of a frame: rows are added while they fit. */
#define MESSAGE_MAX (WF_FRAME_TARGET - 256u)
#define ROW_MAX     (WF_KEY_SIZE * 2 + WF_SIGN_SIZE + 48u) /* without its body */

int link_of(const struct gossip *g, uint32_t peer)
{
    for (unsigned i = 0; i < g->nlinks; i++) {
        if (g->links[i].up && g->links[i].peer == peer) {
            return (int) i;
        }
    }
    return -1;
}

static void busy(struct gossip *g, struct origin *o)
{
    if (wf_list_empty(&o->busy)) {
        wf_list_push_back(&g->busy, &o->busy);
    }
}

static void owe(struct gossip *g, struct fact *f, unsigned link)
{
    struct origin *o = f->of;

    mask_set(&f->owed, link);
    mask_set(&o->owes, link);
    o->owed_low = wf_min_u64(o->owed_low, f->seq);
    busy(g, o);
}

void spread_tell(struct gossip *g, struct origin *o, struct mask *which, unsigned link)
{
    mask_set(which, link);
    busy(g, o);
}

void spread_news(struct gossip *g, struct fact *f, int from)
{
    int about_key = fact_kind(f) == WF_FACT_KEY;

    for (unsigned i = 0; i < g->nlinks; i++) {
        if (g->links[i].up && (int) i != from &&
            (about_key || !mask_has(&f->of->quiet, i))) {
            owe(g, f, i);
        }
    }
    g->urgent |= about_key;
}

/* Whether a link that has not got the fact by now is to get it from here. */
static int overdue(const struct gossip *g, const struct fact *f, const struct glink *l,
                   enum spread_why why, uint64_t now_us)
{
    return why == SPREAD_ASKED || (why == SPREAD_FIRST && f->at_us <= l->up_us) ||
           now_us - wf_max_u64(f->at_us, l->up_us) >= g->cfg.interval_us;
}

void spread_lacking(struct gossip *g, struct origin *o, unsigned link, uint64_t after,
                    enum spread_why why, uint64_t now_us)
{
    for (unsigned i = facts_after(o, after); i < o->n; i++) {
        struct fact *f = o->facts[i];

        if (overdue(g, f, &g->links[link], why, now_us)) {
            owe(g, f, link);
            mask_clear(&o->quiet, link);
        }
    }
}

void spread_ask(struct gossip *g, struct origin *o, int but)
{
    for (unsigned i = 0; i < g->nlinks; i++) {
        if (g->links[i].up && (int) i != but) {
            mask_clear(&o->silent, i);
            mask_clear(&o->tell_stop, i);
            spread_tell(g, o, &o->tell_push, i);
        }
    }
}

void spread_send(struct gossip *g, unsigned link, enum wf_type type, const void *m,
                 struct wf_effects *out)
{
    size_t before = out->bytes.len;

    wf_effects_send(out, g->links[link].peer, type, m);
    g->stats.bytes_out += out->bytes.len - before;
    g->stats.messages_out++;
}

/* Rows on their way into one message. */
struct batch {
    struct gossip *g;
    unsigned link;
    struct wf_effects *out;
    struct wf_rows rows;
    enum wf_seen_kind kind; /* of a list of seen */
};

static void send_facts(struct batch *b)
{
    const struct wf_facts m = {.rows = b->rows};

    if (b->rows.count != 0) {
        b->g->links[b->link].unheard += b->rows.len;
        b->g->stats.facts_out += b->rows.count;
        spread_send(b->g, b->link, WF_MSG_facts, &m, b->out);
    }
    b->rows = (struct wf_rows){0};
    wf_buf_clear(&b->g->rows);
}

static void send_seen(struct batch *b)
{
    const struct wf_seen m = {.rows = b->rows, .kind = b->kind};

    if (b->rows.count != 0) {
        spread_send(b->g, b->link, WF_MSG_seen, &m, b->out);
    }
    b->rows = (struct wf_rows){0};
    wf_buf_clear(&b->g->rows);
}

/* 0: there was no memory, and the message goes without the row. */
static int add_fact(struct batch *b, unsigned at, const struct origin *o)
{
    const struct fact *f = o->facts[at];
    const struct wf_fact_row row = {.origin = o->key,
                                    .seq = f->seq,
                                    .kind = fact_kind(f),
                                    .key = fact_key(f),
                                    .body = wf_slice_make(f->body, f->body_len),
                                    .sign = wf_slice_make(f->sign, WF_SIGN_SIZE),
                                    .skips = f->seq - 1 - facts_base(o, at)};

    if (b->rows.count == WF_FACTS_MAX ||
        (b->rows.count != 0 && f->body_len + ROW_MAX > MESSAGE_MAX - b->rows.len)) {
        send_facts(b);
    }
    return wf_rows_add(&b->g->rows, &b->rows, wf_desc_fact_row(), &row) == 0;
}

/* Facts of an origin that are owed to the link: those about keys, or the others.  0 when
 * the window of the link is full. */
static int pay_origin(struct batch *b, struct origin *o, int about_keys)
{
    struct glink *l = &b->g->links[b->link];

    for (unsigned i = facts_after(o, o->owed_low - 1); i < o->n; i++) {
        struct fact *f = o->facts[i];

        if (!mask_has(&f->owed, b->link) ||
            (fact_kind(f) == WF_FACT_KEY) != (about_keys != 0)) {
            continue;
        }
        if (l->unheard + b->rows.len + f->body_len > b->g->cfg.window) {
            return 0;
        }
        /* What memory was short for is asked for by its receiver. */
        (void) add_fact(b, i, o);
        mask_clear(&f->owed, b->link);
    }
    return 1;
}

/* Keys first: they tell whose facts count, and who is revoked. */
static void pay(struct batch *b)
{
    struct gossip *g = b->g;
    struct glink *l = &g->links[b->link];
    const struct wf_seen probe = {.kind = WF_SEEN_LACK, .answer = 1};
    int room = 1;

    if (l->stalled) {
        return;
    }
    for (int about_keys = 1; about_keys >= 0 && room; about_keys--) {
        for (struct wf_list_node *n = wf_list_first(&g->busy); n != NULL && room;
             n = wf_list_next(&g->busy, n)) {
            struct origin *o = CONTAINER_OF(n, struct origin, busy);

            if (mask_has(&o->owes, b->link)) {
                room = pay_origin(b, o, about_keys);
            }
        }
    }
    send_facts(b);
    if (!room) {
        l->stalled = 1;
        g->stats.stalls++;
        spread_send(g, b->link, WF_MSG_seen, &probe, b->out);
        return;
    }
    for (struct wf_list_node *n = wf_list_first(&g->busy); n != NULL;
         n = wf_list_next(&g->busy, n)) {
        mask_clear(&CONTAINER_OF(n, struct origin, busy)->owes, b->link);
    }
}

static struct mask *told_by(struct origin *o, enum wf_seen_kind kind)
{
    return kind == WF_SEEN_LACK   ? &o->tell_lack
           : kind == WF_SEEN_STOP ? &o->tell_stop
                                  : &o->tell_push;
}

static int has_gap(const struct origin *o)
{
    return o->n != 0 && o->facts[o->n - 1]->seq > o->seen;
}

static void tell(struct batch *b, enum wf_seen_kind kind)
{
    struct gossip *g = b->g;

    b->kind = kind;
    for (struct wf_list_node *n = wf_list_first(&g->busy); n != NULL;
         n = wf_list_next(&g->busy, n)) {
        struct origin *o = CONTAINER_OF(n, struct origin, busy);
        const struct wf_seen_row row = {.origin = o->key, .seq = table_seen(o)};

        if (!mask_take(told_by(o, kind), b->link) || o->revoked ||
            (kind == WF_SEEN_LACK && !has_gap(o))) {
            continue;
        }
        if (b->rows.count == WF_PAGE_MAX) {
            send_seen(b);
        }
        (void) wf_rows_add(&g->rows, &b->rows, wf_desc_seen_row(), &row);
        g->stats.stops += kind == WF_SEEN_STOP;
        g->stats.pushes += kind == WF_SEEN_PUSH;
    }
    send_seen(b);
}

static int idle(const struct origin *o)
{
    return mask_empty(&o->owes) && mask_empty(&o->tell_lack) &&
           mask_empty(&o->tell_stop) && mask_empty(&o->tell_push);
}

static void flush(struct gossip *g, struct wf_effects *out)
{
    struct wf_list_node *next;

    for (unsigned i = 0; i < g->nlinks; i++) {
        struct batch b = {.g = g, .link = i, .out = out};

        if (g->links[i].up) {
            tell(&b, WF_SEEN_STOP);
            tell(&b, WF_SEEN_LACK);
            tell(&b, WF_SEEN_PUSH);
            pay(&b);
        }
    }
    for (struct wf_list_node *n = wf_list_first(&g->busy); n != NULL; n = next) {
        struct origin *o = CONTAINER_OF(n, struct origin, busy);

        next = wf_list_next(&g->busy, n);
        if (mask_empty(&o->owes)) {
            o->owed_low = UINT64_MAX;
        }
        if (idle(o)) {
            wf_list_remove(n);
        }
    }
}

void spread_settle(struct gossip *g, uint64_t now_us, struct wf_effects *out)
{
    if (!wf_list_empty(&g->busy) && (g->urgent || now_us >= g->flush_us)) {
        g->urgent = 0;
        g->flush_us = wf_add_sat(now_us, g->cfg.batch_us);
        flush(g, out);
    }
}

void spread_forget(struct gossip *g, unsigned link)
{
    for (unsigned i = 0; i < g->facts.n; i++) {
        struct origin *o = g->facts.order[i];

        if (mask_take(&o->owes, link)) {
            for (unsigned k = 0; k < o->n; k++) {
                mask_clear(&o->facts[k]->owed, link);
            }
        }
        mask_clear(&o->quiet, link);
        mask_clear(&o->silent, link);
        mask_clear(&o->tell_lack, link);
        mask_clear(&o->tell_stop, link);
        mask_clear(&o->tell_push, link);
        if (o->parent == (int) link) {
            o->parent = -1;
            if (!WF_PLANT(GOSSIP_ORPHANS)) {
                spread_ask(g, o, (int) link);
            }
        }
    }
}
