#include "broker/core/mesh/gossip/gossip_int.h"

#include <string.h>

#define RECHECK 8u /* slices between two origins that are asked for anew */
#define RECALLS 8u /* links that are asked for facts of ours, after a start */

static const struct wf_key first_key = {{0}};

static struct wf_key last_key(void)
{
    struct wf_key k;

    memset(k.b, 0xff, sizeof k.b);
    return k;
}

uint64_t table_seen(const struct origin *o)
{
    return o->revoked ? FACT_SEQ_MAX : o->seen;
}

/* Rows of a message under way. */
struct page {
    struct gossip *g;
    struct wf_rows rows;
};

static void add(struct page *p, const struct wf_key *key, uint64_t seq)
{
    const struct wf_seen_row row = {.origin = *key, .seq = seq};

    /* A row that memory is short for: its origin is sent once too often. */
    (void) wf_rows_add(&p->g->rows, &p->rows, wf_desc_seen_row(), &row);
}

static void send(struct page *p, unsigned link, enum wf_seen_kind kind, int answer,
                 int more, struct wf_effects *out)
{
    const struct wf_seen m = {.rows = p->rows,
                              .kind = kind,
                              .answer = (uint64_t) answer,
                              .more = (uint64_t) more};

    spread_send(p->g, link, WF_MSG_seen, &m, out);
    wf_buf_clear(&p->g->rows);
    p->rows = (struct wf_rows){0};
}

/* The origins from number `at` on, at most `most`, between two that frame them.  Returns
 * where to go on; facts.n at the end. */
static unsigned add_range(struct page *p, unsigned at, unsigned most)
{
    const struct facts *s = &p->g->facts;
    const struct wf_key end = last_key();

    if (at == 0) {
        add(p, &first_key, 0);
    } else {
        add(p, &s->order[at - 1]->key, table_seen(s->order[at - 1]));
    }
    for (; at < s->n && most > 0; at++, most--) {
        add(p, &s->order[at]->key, table_seen(s->order[at]));
    }
    if (at == s->n) {
        add(p, &end, 0);
    }
    return at;
}

static void recall(struct gossip *g, unsigned link, struct wf_effects *out)
{
    struct page p = {.g = g};

    if (g->recalls < RECALLS) {
        g->recalls++;
        add(&p, &g->self->key, 0);
        send(&p, link, WF_SEEN_PUSH, 0, 0, out);
    }
}

void table_all(struct gossip *g, unsigned link, struct wf_effects *out)
{
    struct page p = {.g = g};
    unsigned at = 0;

    do {
        at = add_range(&p, at, WF_PAGE_MAX - 2);
        send(&p, link, WF_SEEN_TABLE, 0, at < g->facts.n, out);
    } while (at < g->facts.n);
    recall(g, link, out);
}

/* One origin, as known only up to one of its facts: what is behind it comes again, and
 * with it what may have been hidden.  Every other time ourselves: what others have of an
 * earlier life of ours only we can take back. */
static void recheck(struct gossip *g, unsigned link, struct wf_effects *out)
{
    uint64_t any = wf_rng_below(&g->rng, 2 * (uint64_t) g->facts.n);
    const struct origin *o = any < g->facts.n ? g->facts.order[any] : g->self;
    struct page p = {.g = g};

    if (!o->revoked) {
        uint64_t at = o->n != 0 ? wf_rng_below(&g->rng, o->n) : 0;

        add(&p, &o->key, at != 0 ? o->facts[at - 1]->seq : 0);
        send(&p, link, WF_SEEN_LACK, 0, 0, out);
    }
}

void table_slice(struct gossip *g, unsigned link, struct wf_effects *out)
{
    struct page p = {.g = g};
    unsigned at = facts_place(&g->facts, &g->slice_from);

    at = add_range(&p, at, g->cfg.slice);
    g->slice_from = at < g->facts.n ? g->facts.order[at]->key : first_key;
    send(&p, link, WF_SEEN_TABLE, 1, at < g->facts.n, out);
    if (++g->slices % RECHECK == 0) {
        recheck(g, link, out);
    }
}

/* -- what others tell */

/* The other side has an origin up to seq. */
static void compare(struct gossip *g, unsigned link, struct origin *o, uint64_t seq,
                    enum spread_why why, uint64_t now_us)
{
    spread_lacking(g, o, link, seq, why, now_us);
    if (o == g->self && seq > o->seen) {
        spread_tell(g, o, &o->tell_push, link);
    }
}

/* The table of a link that has just come up is told without being asked for an answer:
 * both sides tell theirs. */
static void on_table(struct gossip *g, unsigned link, const struct wf_seen *m,
                     uint64_t now_us)
{
    enum spread_why why = m->answer ? SPREAD_COMPARED : SPREAD_FIRST;
    struct wf_rows rows = m->rows;
    const struct facts *s = &g->facts;
    struct wf_seen_row row;
    struct wf_key before;
    unsigned at = 0, n = 0;

    while (wf_rows_next(&rows, wf_desc_seen_row(), &row)) {
        if (n++ == 0) {
            at = facts_place(s, &row.origin);
        } else if (memcmp(before.b, row.origin.b, sizeof before.b) >= 0) {
            g->stats.refused[GOSSIP_MALFORMED]++;
            return;
        }
        for (; at < s->n && memcmp(s->order[at]->key.b, row.origin.b, WF_KEY_SIZE) < 0;
             at++) {
            spread_lacking(g, s->order[at], link, 0, why, now_us);
        }
        if (at < s->n && wf_key_eq(&s->order[at]->key, &row.origin)) {
            compare(g, link, s->order[at++], row.seq, why, now_us);
        }
        before = row.origin;
    }
}

static void on_stop(struct origin *o, unsigned link)
{
    mask_set(&o->quiet, link);
}

/* When the link is our own way to the origin, whoever is there lost it: so did we. */
static void on_push(struct gossip *g, struct origin *o, unsigned link, uint64_t seq,
                    uint64_t now_us)
{
    mask_clear(&o->quiet, link);
    spread_lacking(g, o, link, seq, SPREAD_ASKED, now_us);
    if (o->parent == (int) link) {
        o->parent = -1;
        spread_ask(g, o, (int) link);
    }
}

static void on_rows(struct gossip *g, unsigned link, const struct wf_seen *m,
                    uint64_t now_us)
{
    struct wf_rows rows = m->rows;
    struct wf_seen_row row;

    while (wf_rows_next(&rows, wf_desc_seen_row(), &row)) {
        struct origin *o = facts_origin(&g->facts, &row.origin);

        if (o == NULL) {
            continue;
        }
        switch ((enum wf_seen_kind) m->kind) {
        case WF_SEEN_STOP:
            on_stop(o, link);
            break;
        case WF_SEEN_PUSH:
            on_push(g, o, link, row.seq, now_us);
            break;
        case WF_SEEN_LACK:
        case WF_SEEN_TABLE:
            compare(g, link, o, row.seq, SPREAD_COMPARED, now_us);
            break;
        }
    }
}

/* Of what was told, what is known less far here. */
static void answer(struct gossip *g, unsigned link, struct wf_rows rows,
                   struct wf_effects *out)
{
    struct page p = {.g = g};
    struct wf_seen_row row;

    while (wf_rows_next(&rows, wf_desc_seen_row(), &row)) {
        const struct origin *o = facts_origin(&g->facts, &row.origin);

        if (o != NULL && !o->revoked && o->seen < row.seq) {
            add(&p, &row.origin, o->seen);
        }
    }
    send(&p, link, WF_SEEN_LACK, 0, 0, out);
}

void gossip_on_seen(struct gossip *g, uint32_t peer, const struct wf_seen *m,
                    uint64_t now_us, struct wf_effects *out)
{
    int link = link_of(g, peer);

    if (link < 0 || trust_gone(g, &g->links[link])) {
        return;
    }
    g->stats.messages_in++;
    g->stats.bytes_in += m->rows.len;
    g->links[link].unheard = 0;
    g->links[link].stalled = 0;
    if (m->kind == WF_SEEN_TABLE) {
        on_table(g, (unsigned) link, m, now_us);
    } else {
        on_rows(g, (unsigned) link, m, now_us);
    }
    if (m->answer) {
        answer(g, (unsigned) link, m->rows, out);
    }
    spread_settle(g, now_us, out);
}
