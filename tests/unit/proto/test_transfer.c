/* Pull and give against each other on a virtual clock: one who fetches, holders of all
 * sorts, a broker that locates and relays.  Whatever an honest holder that can be reached
 * has must arrive and verify, whatever the others do. */
#include "common/err.h"
#include "common/rng.h"
#include "proto/transfer/give.h"
#include "proto/transfer/pull_int.h"
#include "tests/lib/tap.h"

#define MS      UINT64_C(1000)
#define SECOND  UINT64_C(1000000)
#define BLOBS   48u
#define HOLDERS 8u
#define SEEDS   150u

enum manner {
    HONEST,
    CORRUPT,  /* flips a bit in some chunks */
    LIAR,     /* sends wrong leaves */
    DEAD,     /* never answers, never opens */
    MUTE,     /* answers some wants only */
    CHATTY,   /* sends what was not wanted */
    REFUSING, /* says no */
    LEAVING,  /* falls silent after a while */
    MANNERS
};

struct blob {
    struct wf_digest digest;
    uint64_t size, chunks, seed;
    struct wf_digest *leaves;
    uint8_t *have; /* in the store of who fetches */
    uint64_t begun;
    int leaves_kept, ended, code;
};

struct holder {
    enum manner manner;
    struct wf_give *give;
    struct wf_key key;
    int has[BLOBS]; /* 0: not, 1: some chunks, 2: all */
    int direct;     /* its endpoint can be reached */
    int local;
    uint64_t rate, latency_us, busy_us, ticket, until_us, dies_us;
    uint64_t queued[WF_PULL_LANES];
};

struct lane {
    int state; /* 0 closed, 1 opening, 2 up */
    unsigned gen;
    int holder; /* -1: the relay */
};

enum what { TO_HOLDER, TO_PULL, SENT, LANE_UP, LANE_DOWN, BEGUN, WRITTEN, READ, LOCATED };

struct event {
    struct wf_heap_node node;
    enum what what;
    uint32_t lane, holder;
    unsigned gen;
    uint64_t a, b;
    int code;
    struct wf_blob_ref ref;
    size_t len;
    uint8_t bytes[];
};

struct world {
    struct wf_rng rng;
    uint64_t now;
    struct wf_heap events;
    struct wf_pull *pull;
    struct wf_pull_config cfg;
    struct wf_effects fx;
    struct blob blobs[BLOBS];
    struct holder holders[HOLDERS];
    struct lane lanes[WF_PULL_LANES];
    unsigned nblobs, nholders;
    uint64_t tickets, room, relay_busy_us, blamed_honest, most_owed;
    int rough; /* lanes break, memory runs out, the session goes */
    int session;
};

static uint64_t draw(struct world *w, uint64_t n)
{
    return wf_rng_below(&w->rng, n);
}

/* Half of the chunks end in zeros: the "compression" of this test is to leave them out.
 */
static size_t content(const struct blob *b, uint64_t chunk, uint8_t *to)
{
    struct wf_rng r = {b->seed + chunk * 977};
    size_t len = wf_chunk_len(b->size, chunk);
    size_t full = (b->seed + chunk) % 2 != 0 ? len / 2 : len;

    memset(to, 0, len);
    for (size_t i = 0; i + 8 <= full; i += 8) {
        uint64_t v = wf_rng_next(&r);

        memcpy(to + i, &v, 8);
    }
    if (full > 0) {
        to[0] = (uint8_t) (b->seed + chunk);
    }
    return full;
}

static void make_blob(struct world *w, struct blob *b, uint64_t size)
{
    static uint8_t bytes[WF_CHUNK_MAX];

    b->size = size;
    b->seed = wf_rng_next(&w->rng);
    b->chunks = wf_chunk_count(size);
    b->leaves = calloc(b->chunks + 1, sizeof *b->leaves);
    b->have = calloc(1, b->chunks / 8 + 1);
    must(b->leaves != NULL && b->have != NULL);
    for (uint64_t i = 0; i < b->chunks; i++) {
        (void) content(b, i, bytes);
        wf_leaf(bytes, wf_chunk_len(size, i), &b->leaves[i]);
    }
    wf_blob_digest(size, b->leaves, &b->digest);
}

static struct blob *find(struct world *w, const struct wf_digest *d)
{
    for (unsigned i = 0; i < w->nblobs; i++) {
        if (wf_digest_eq(&w->blobs[i].digest, d)) {
            return &w->blobs[i];
        }
    }
    return NULL;
}

static struct event *post(struct world *w, enum what what, uint64_t at_us,
                          const void *bytes, size_t len)
{
    struct event *e = calloc(1, sizeof *e + len);

    must(e != NULL);
    e->what = what;
    e->len = len;
    if (len != 0) {
        memcpy(e->bytes, bytes, len);
    }
    must(wf_heap_push(&w->events, &e->node, at_us) == 0);
    return e;
}

/* Which chunks a partial holder has: the others are somewhere else. */
static int part_has(const struct holder *h, const struct blob *b, uint64_t chunk)
{
    return (b->seed + chunk + (uint64_t) h->key.b[0]) % 3 != 0;
}

/* -- the holders ------------------------------------------------------------------------
 */

static int holder_of_ticket(const struct world *w, uint64_t ticket)
{
    for (unsigned i = 0; i < w->nholders; i++) {
        if (w->holders[i].ticket == ticket) {
            return (int) i;
        }
    }
    return -1;
}

/* From a holder to pull: over its line, and the relay's. */
static void to_pull(struct world *w, unsigned hi, uint32_t lane, unsigned gen,
                    const uint8_t *bytes, size_t len)
{
    struct holder *h = &w->holders[hi];
    uint64_t at = wf_max_u64(w->now, h->busy_us) + len * SECOND / h->rate;
    struct event *e;

    h->busy_us = at;
    h->queued[lane] += len;
    e = post(w, SENT, at, NULL, 0);
    e->holder = hi;
    e->lane = lane;
    e->gen = gen;
    e->a = len;
    if (lane == 0) {
        w->relay_busy_us = wf_max_u64(w->relay_busy_us, at) + len * SECOND / (20u << 20);
        at = w->relay_busy_us;
    }
    e = post(w, TO_PULL, at + h->latency_us, bytes, len);
    e->lane = lane;
    e->gen = gen;
}

static void do_read(struct world *w, unsigned hi, const struct wf_blob_read *r)
{
    static uint8_t out[WF_CHUNK_MAX];
    struct holder *h = &w->holders[hi];
    struct blob *b = find(w, &r->digest);
    size_t len = 0, full;
    struct event *e;
    int code = 0, coding = 0, has = h->has[b - w->blobs];

    if (r->kind == WF_WANT_CHUNKS) {
        len = wf_chunk_len(b->size, r->first);
        full = content(b, r->first, out);
        if (r->zstd && full < len) {
            len = full;
            coding = 1;
        }
        if (has == 0 || (has == 1 && !part_has(h, b, r->first))) {
            code = WEFT_ENOENT;
        }
        if (h->manner == CORRUPT && draw(w, 4) == 0 && len != 0) {
            out[draw(w, len)] ^= 4;
        }
    } else if (r->kind == WF_WANT_LEAVES) {
        len = (size_t) r->count * WF_DIGEST_SIZE;
        memcpy(out, &b->leaves[r->first], len);
        out[0] ^= h->manner == LIAR;
    } else {
        len = (size_t) (b->chunks + 7) / 8;
        memset(out, 0, len);
        for (uint64_t i = 0; i < b->chunks; i++) {
            if (has == 2 || part_has(h, b, i)) {
                pull_bit_set(out, i);
            }
        }
    }
    if (h->manner == REFUSING && draw(w, 2) == 0) {
        code = WEFT_EPERM;
    }
    e = post(w, READ, w->now + 100 + draw(w, 2000), out, len);
    e->holder = hi;
    e->a = r->tag;
    e->b = (uint64_t) coding;
    e->code = code;
}

static void holder_effects(struct world *w, unsigned hi, struct wf_effects *fx)
{
    for (size_t i = 0; i < fx->n; i++) {
        const struct wf_effect *x = &fx->v[i];

        if (x->kind == WF_EFFECT_BLOB_READ) {
            struct wf_blob_read r;

            wf_blob_read_of(fx, x, &r);
            do_read(w, hi, &r);
        } else if (x->kind == WF_EFFECT_LANE_SEND) {
            uint32_t lane = x->peer % WF_PULL_LANES;
            unsigned gen =
                x->peer == 0 ? w->lanes[0].gen : (x->peer - WF_LANE_GIVE) / WF_PULL_LANES;

            to_pull(w, hi, lane, gen, wf_effect_bytes(fx, x), x->len);
        }
    }
    wf_effects_fini(fx);
}

static uint32_t give_lane(const struct world *w, uint32_t lane)
{
    return lane == 0 ? 0 : WF_LANE_GIVE + w->lanes[lane].gen * WF_PULL_LANES + lane;
}

static void on_want(struct world *w, unsigned hi, uint32_t lane, const struct wf_want *m)
{
    static const struct wf_key fetcher = {{7}};
    struct holder *h = &w->holders[hi];
    struct wf_effects fx;

    if (h->manner == DEAD || w->now >= h->dies_us ||
        (h->manner == MUTE && draw(w, 3) == 0)) {
        return;
    }
    wf_effects_init(&fx);
    if (h->manner == CHATTY) {
        static uint8_t junk[1000];
        struct wf_piece p = {.ticket = m->ticket,
                             .digest = m->digest,
                             .kind = draw(w, 3),
                             .chunk = m->first + draw(w, 3),
                             .offset = draw(w, 2) * 500,
                             .total = 1000 + draw(w, 3),
                             .data = wf_slice_make(junk, draw(w, sizeof junk))};

        p.digest.b[0] ^= (uint8_t) draw(w, 2);
        p.chunk += 1000000;
        wf_lane_send(&fx, give_lane(w, lane), WF_MSG_piece, &p);
    }
    wf_give_want(h->give, w->now, give_lane(w, lane), lane != 0 ? &fetcher : NULL, m,
                 &fx);
    holder_effects(w, hi, &fx);
}

static void on_holder_msg(struct world *w, const struct event *e)
{
    struct wf_cursor c;
    struct wf_msg msg;
    int hi;

    wf_cur_init(&c, e->bytes, e->len);
    must(wf_msg_decode(&c, &msg) == 0 && msg.type == WF_MSG_want);
    hi = e->lane == 0 ? holder_of_ticket(w, msg.u.want.ticket) : w->lanes[e->lane].holder;
    if (hi >= 0 && w->lanes[e->lane].gen == e->gen) {
        on_want(w, (unsigned) hi, e->lane, &msg.u.want);
    }
}

/* -- the broker -------------------------------------------------------------------------
 */

static void grant(struct world *w, unsigned hi, struct wf_rows rows, uint64_t ttl_ms)
{
    struct holder *h = &w->holders[hi];
    struct wf_grant g = {.to = {{7}}, .name = wf_slice_of("fetcher"), .ttl_ms = ttl_ms};
    struct wf_effects fx;

    if (w->now + SECOND >= h->until_us) {
        h->ticket = ++w->tickets;
        h->until_us = w->now + ttl_ms * MS;
    }
    g.ticket = h->ticket;
    g.ttl_ms = (h->until_us - w->now) / MS;
    g.rows = rows;
    wf_effects_init(&fx);
    must(wf_give_grant(h->give, w->now, &g, &fx) == 0);
    holder_effects(w, hi, &fx);
}

static void on_locate(struct world *w, const uint8_t *bytes, size_t len)
{
    struct wf_located out = {0};
    struct wf_buf holders = WF_BUF_INIT(1 << 20), rows = WF_BUF_INIT(1 << 20),
                  msg = WF_BUF_INIT(1 << 20);
    struct wf_cursor c;
    struct wf_msg m;

    wf_cur_init(&c, bytes, len);
    must(wf_msg_decode(&c, &m) == 0 && m.type == WF_MSG_locate);
    out.req = m.u.locate.req;
    for (unsigned i = 0; i < w->nholders; i++) {
        struct holder *h = &w->holders[i];
        struct wf_rows in = m.u.locate.rows;
        struct wf_digest_row row;
        struct wf_holder_row hr = {.key = h->key,
                                   .name =
                                       wf_slice_of(h->manner == HONEST ? "good" : "x"),
                                   .site = wf_slice_of(h->local ? "here" : "there")};

        grant(w, i, in, 8000 + draw(w, 30000));
        hr.endpoint = wf_slice_of(h->direct >= 0 ? "tcp://somewhere:1" : "");
        hr.ticket = h->ticket;
        hr.ttl_ms = (h->until_us - w->now) / MS;
        must(wf_rows_add(&holders, &out.holders, wf_desc_holder_row(), &hr) == 0);
        while (wf_rows_next(&in, wf_desc_digest_row(), &row)) {
            const struct blob *b = find(w, &row.digest);
            int has = h->has[b - w->blobs];
            struct wf_at_row ar = {.digest = row.digest, .size = row.size, .holder = i};

            ar.have = has == 2 ? row.size : row.size / 2;
            if (has != 0) {
                must(wf_rows_add(&rows, &out.rows, wf_desc_at_row(), &ar) == 0);
            }
        }
    }
    must(wf_msg_encode(&msg, WF_MSG_located, &out) == 0);
    (void) post(w, LOCATED, w->now + 5 * MS, msg.p, msg.len);
    wf_buf_fini(&holders);
    wf_buf_fini(&rows);
    wf_buf_fini(&msg);
}

/* -- who fetches ------------------------------------------------------------------------
 */

static void open_lane(struct world *w, uint32_t lane, const struct wf_lane_to *to)
{
    struct lane *l = &w->lanes[lane];

    must(l->state == 0);
    l->state = 1;
    l->gen++;
    l->holder = -1;
    for (unsigned i = 0; i < w->nholders && lane != 0; i++) {
        if (wf_key_eq(&w->holders[i].key, &to->key)) {
            l->holder = (int) i;
        }
    }
    if (lane == 0 ||
        (w->holders[l->holder].direct > 0 && w->holders[l->holder].manner != DEAD)) {
        struct event *e = post(w, LANE_UP, w->now + 2 * MS + draw(w, 30 * MS), NULL, 0);

        e->lane = lane;
        e->gen = l->gen;
    }
}

static void close_lane(struct world *w, uint32_t lane)
{
    struct lane *l = &w->lanes[lane];
    uint32_t number = give_lane(w, lane);

    l->state = 0;
    l->gen++;
    for (unsigned i = 0; i < w->nholders; i++) {
        struct wf_effects fx;

        if (lane == 0 || (int) i == l->holder) {
            wf_effects_init(&fx);
            w->holders[i].queued[lane] = 0;
            wf_give_lane_down(w->holders[i].give, w->now, number, &fx);
            holder_effects(w, i, &fx);
        }
    }
}

static void do_begin(struct world *w, const struct wf_blob_ref *ref)
{
    struct event *e = post(w, BEGUN, w->now + 50 + draw(w, 5 * MS), NULL, 0);
    struct blob *b = find(w, &ref->digest);

    b->begun++;
    e->ref = *ref;
    e->code = w->rough && draw(w, 50) == 0 ? WEFT_EBUSY : 0;
}

/* As the store of an agent: decode, verify, keep. */
static void do_write(struct world *w, const struct wf_blob_ref *ref, uint64_t chunk,
                     unsigned coding, const uint8_t *bytes, size_t len)
{
    static uint8_t raw[WF_CHUNK_MAX];
    struct event *e = post(w, WRITTEN, w->now + 50 + draw(w, 5 * MS), NULL, 0);
    struct blob *b = find(w, &ref->digest);
    size_t want = wf_chunk_len(b->size, chunk);
    struct wf_digest leaf;

    must(len <= want && (coding == 1 || len == want));
    memset(raw, 0, want);
    memcpy(raw, bytes, len);
    wf_leaf(raw, want, &leaf);
    e->ref = *ref;
    e->a = chunk;
    if (!wf_digest_eq(&leaf, &b->leaves[chunk])) {
        e->code = WEFT_EPROTO;
    } else if (w->room < want) {
        e->code = WEFT_EFULL;
        w->room += 8u << 20; /* the owner makes room, and adds it again */
    } else if (w->rough && draw(w, 100) == 0) {
        e->code = WEFT_EBUSY;
    } else if (!pull_bit(b->have, chunk)) {
        w->room -= want;
        pull_bit_set(b->have, chunk);
    }
}

static void pull_effect(struct world *w, const struct wf_effect *x)
{
    const uint8_t *bytes = wf_effect_bytes(&w->fx, x);
    struct wf_blob_ref ref;
    struct wf_lane_to to;
    struct event *e;
    size_t len;

    switch (x->kind) {
    case WF_EFFECT_SEND:
        if (w->session) {
            on_locate(w, bytes, x->len);
        }
        break;
    case WF_EFFECT_LANE_OPEN:
        wf_lane_to_of(&w->fx, x, &to);
        open_lane(w, x->peer, &to);
        break;
    case WF_EFFECT_LANE_CLOSE:
        close_lane(w, x->peer);
        break;
    case WF_EFFECT_LANE_SEND:
        e = post(w, TO_HOLDER, w->now + 3 * MS, bytes, x->len);
        e->lane = x->peer;
        e->gen = w->lanes[x->peer].gen;
        break;
    case WF_EFFECT_BLOB_BEGIN:
        (void) wf_blob_ref_of(&w->fx, x, &ref, &len);
        do_begin(w, &ref);
        break;
    case WF_EFFECT_BLOB_LEAVES:
        bytes = wf_blob_ref_of(&w->fx, x, &ref, &len);
        must(len == find(w, &ref.digest)->chunks * WF_DIGEST_SIZE);
        must(memcmp(bytes, find(w, &ref.digest)->leaves, len) == 0);
        find(w, &ref.digest)->leaves_kept = 1;
        break;
    case WF_EFFECT_BLOB_WRITE:
        bytes = wf_blob_ref_of(&w->fx, x, &ref, &len);
        do_write(w, &ref, x->arg, x->peer, bytes, len);
        break;
    default:
        break;
    }
}

static void add(struct world *w, struct blob *b)
{
    const struct wf_pull_want want = {.digest = b->digest,
                                      .size = b->size,
                                      .priority = (unsigned) draw(w, 4),
                                      .waits = draw(w, 2) == 0};

    b->ended = 0;
    while (wf_pull_add(w->pull, w->now, &want, &w->fx) != 0) {
    }
}

static void check(struct world *w)
{
    struct wf_list_node *n;
    struct wf_pull_stats st;

    wf_pull_stats(w->pull, &st);
    must(st.inflight <= w->cfg.max_inflight + WF_CHUNK_MAX);
    for (n = wf_list_first(&w->pull->holders); n != NULL;
         n = wf_list_next(&w->pull->holders, n)) {
        const struct pull_holder *h = CONTAINER_OF(n, struct pull_holder, in_holders);

        w->most_owed = wf_max_u64(w->most_owed, h->owed);
        must(h->owed < UINT64_MAX / 2 && (h->owed == 0) == (h->nasks == 0));
    }
}

/* Tick, carry out, look at ends: what an owner does after each batch. */
static void settle(struct world *w)
{
    struct wf_pull_end end;
    struct wf_pull_bad bad;

    if (wf_pull_due_us(w->pull) <= w->now) {
        if (w->rough && draw(w, 400) == 0) {
            (void) wf_mem_fail_after((long) draw(w, 12));
        }
        wf_pull_tick(w->pull, w->now, &w->fx);
        (void) wf_mem_fail_after(-1);
    }
    for (size_t i = 0; i < w->fx.n; i++) {
        pull_effect(w, &w->fx.v[i]);
    }
    wf_effects_clear(&w->fx);
    check(w);
    while (wf_pull_next_end(w->pull, &end)) {
        struct blob *b = find(w, &end.digest);

        must(!b->ended);
        b->ended = 1;
        b->code = end.code;
        if (end.code == WEFT_EFULL) {
            add(w, b);
        }
    }
    while (wf_pull_next_bad(w->pull, &bad)) {
        for (unsigned i = 0; i < w->nholders; i++) {
            w->blamed_honest += wf_key_eq(&w->holders[i].key, &bad.key) &&
                                w->holders[i].manner != CORRUPT &&
                                w->holders[i].manner != LIAR;
        }
    }
}

static void on_event(struct world *w, struct event *e)
{
    struct wf_effects fx;
    struct wf_cursor c;
    struct wf_msg msg;
    struct blob *b;

    wf_effects_init(&fx);
    switch (e->what) {
    case TO_HOLDER:
        on_holder_msg(w, e);
        break;
    case TO_PULL:
        wf_cur_init(&c, e->bytes, e->len);
        must(wf_msg_decode(&c, &msg) == 0);
        if (w->lanes[e->lane].gen == e->gen && w->lanes[e->lane].state == 2) {
            wf_pull_msg(w->pull, w->now, e->lane, &msg, &w->fx);
        }
        break;
    case SENT:
        if (w->lanes[e->lane].gen == e->gen) {
            w->holders[e->holder].queued[e->lane] -= e->a;
            wf_give_room(w->holders[e->holder].give, w->now, give_lane(w, e->lane),
                         w->holders[e->holder].queued[e->lane], &fx);
            holder_effects(w, e->holder, &fx);
        }
        break;
    case LANE_UP:
        if (w->lanes[e->lane].gen == e->gen && w->lanes[e->lane].state == 1) {
            w->lanes[e->lane].state = 2;
            wf_pull_lane_up(w->pull, w->now, e->lane, &w->fx);
        }
        break;
    case LANE_DOWN:
        if (w->lanes[e->lane].state == 2) {
            close_lane(w, e->lane);
            wf_pull_lane_down(w->pull, w->now, e->lane, &w->fx);
        }
        break;
    case BEGUN:
        b = find(w, &e->ref.digest);
        wf_pull_begun(w->pull, w->now, &e->ref, e->code, b->have, b->leaves_kept, &w->fx);
        break;
    case WRITTEN:
        wf_pull_written(w->pull, w->now, &e->ref, e->a, e->code, &w->fx);
        break;
    case READ:
        wf_give_read(w->holders[e->holder].give, w->now, e->a, e->code, (unsigned) e->b,
                     e->bytes, e->len, &fx);
        holder_effects(w, e->holder, &fx);
        break;
    case LOCATED:
        wf_cur_init(&c, e->bytes, e->len);
        must(wf_msg_decode(&c, &msg) == 0);
        wf_pull_located(w->pull, w->now, &msg.u.located, &w->fx);
        break;
    }
}

/* Lanes break, and the session does. */
static void trouble(struct world *w)
{
    if (!w->rough || draw(w, 300) != 0) {
        return;
    }
    if (draw(w, 4) == 0) {
        w->session = !w->session;
        wf_pull_session(w->pull, w->now, w->session, &w->fx);
    } else {
        struct event *e = post(w, LANE_DOWN, w->now, NULL, 0);

        e->lane = (uint32_t) draw(w, w->nholders + 1);
    }
}

/* One event, or the next tick of somebody.  0 when nothing is left to happen. */
static int step(struct world *w)
{
    struct wf_heap_node *n = wf_heap_min(&w->events);
    uint64_t at = n != NULL ? n->key : UINT64_MAX;
    uint64_t due = wf_pull_due_us(w->pull);

    for (unsigned i = 0; i < w->nholders; i++) {
        due = wf_min_u64(due, wf_give_due_us(w->holders[i].give));
    }
    if (at == UINT64_MAX && due == UINT64_MAX) {
        return 0;
    }
    w->now = wf_max_u64(w->now, wf_min_u64(at, due));
    for (unsigned i = 0; i < w->nholders; i++) {
        struct wf_effects fx;

        if (wf_give_due_us(w->holders[i].give) <= w->now) {
            wf_effects_init(&fx);
            wf_give_tick(w->holders[i].give, w->now, &fx);
            holder_effects(w, i, &fx);
        }
    }
    if (n != NULL && at <= w->now) {
        struct event *e = CONTAINER_OF(n, struct event, node);

        wf_heap_remove(&w->events, n);
        on_event(w, e);
        free(e);
    }
    trouble(w);
    settle(w);
    return 1;
}

/* -- worlds -----------------------------------------------------------------------------
 */

static void make_holders(struct world *w)
{
    unsigned halves = draw(w, 4) == 0;

    w->nholders = 1 + halves + (unsigned) draw(w, HOLDERS - halves);
    for (unsigned i = 0; i < w->nholders; i++) {
        struct holder *h = &w->holders[i];
        struct wf_give_config cfg = {.seed = i,
                                     .ticket_bytes = draw(w, 3) == 0 ? 256u << 10 : 0,
                                     .max_reads = 1 + draw(w, 16),
                                     .rate = draw(w, 4) == 0 ? 1u << 20 : 0};

        h->manner = i < 1 + halves ? HONEST : (enum manner) draw(w, MANNERS);
        h->key.b[0] = (uint8_t) (i + 1);
        h->direct = (int) draw(w, 3) - 1; /* no endpoint, a useless one, a good one */
        h->local = draw(w, 2) == 0;
        h->rate = (64u << 10) << draw(w, 10);
        h->latency_us = 200 + draw(w, 80 * MS);
        h->dies_us = h->manner == LEAVING ? w->now + draw(w, 3 * SECOND) : UINT64_MAX;
        must(wf_give_new(&cfg, &h->give) == 0);
        for (unsigned k = 0; k < w->nblobs; k++) {
            /* The first, who is honest, has all, or the first two together: whatever the
             * others do, it arrives. */
            h->has[k] = i > halves                              ? (int) draw(w, 3)
                        : halves != 0 && w->blobs[k].chunks > 1 ? 1
                                                                : 2;
        }
    }
}

static void make_world(struct world *w, uint64_t seed)
{
    *w = (struct world){.rng = {seed}, .now = 1000 * SECOND, .session = 1};
    wf_heap_init(&w->events, 1u << 20);
    wf_effects_init(&w->fx);
    w->rough = seed % 3 != 0;
    w->room = seed % 5 == 0 ? 1u << 20 : UINT64_MAX / 2;
    w->nblobs = 1 + (unsigned) draw(w, BLOBS);
    for (unsigned i = 0; i < w->nblobs; i++) {
        static const uint64_t sizes[] = {1, 5000, 65536, 65537, 1000000, 4000000};
        uint64_t size = i == 0 ? 0 : 64 + draw(w, sizes[draw(w, ARRAY_LEN(sizes))]);

        make_blob(w, &w->blobs[i], size);
    }
    make_holders(w);
    w->cfg = (struct wf_pull_config){.site = "here",
                                     .seed = seed,
                                     .max_active = 1 + draw(w, 8),
                                     .max_small = 1 + draw(w, 64),
                                     .max_inflight = (256u << 10) << draw(w, 8),
                                     .zstd = (int) draw(w, 2),
                                     .limits.rate = draw(w, 4) == 0 ? 2u << 20 : 0};
    must(wf_pull_new(&w->cfg, &w->pull) == 0);
}

static void free_world(struct world *w)
{
    struct wf_heap_node *n;

    while ((n = wf_heap_min(&w->events)) != NULL) {
        wf_heap_remove(&w->events, n);
        free(CONTAINER_OF(n, struct event, node));
    }
    wf_heap_fini(&w->events);
    for (unsigned i = 0; i < w->nholders; i++) {
        wf_give_free(w->holders[i].give);
    }
    for (unsigned i = 0; i < w->nblobs; i++) {
        free(w->blobs[i].leaves);
        free(w->blobs[i].have);
    }
    wf_pull_free(w->pull);
    wf_effects_fini(&w->fx);
}

static unsigned open_blobs(const struct world *w)
{
    unsigned n = 0;

    for (unsigned i = 0; i < w->nblobs; i++) {
        n += !w->blobs[i].ended;
    }
    return n;
}

static int all_there(const struct world *w)
{
    for (unsigned i = 0; i < w->nblobs; i++) {
        const struct blob *b = &w->blobs[i];

        for (uint64_t k = 0; k < b->chunks; k++) {
            if (!pull_bit(b->have, k)) {
                return 0;
            }
        }
        if (b->code != 0) {
            return 0;
        }
    }
    return 1;
}

/* 1 when all went as promised. */
static int run(uint64_t seed)
{
    struct world *w = calloc(1, sizeof *w);
    struct wf_pull_stats st;
    uint64_t total = 0, start;
    int good;

    must(w != NULL);
    make_world(w, seed);
    start = w->now;
    wf_pull_session(w->pull, w->now, 1, &w->fx);
    for (unsigned i = 0; i < w->nblobs; i++) {
        add(w, &w->blobs[i]);
        total += w->blobs[i].size;
    }
    settle(w);
    while (open_blobs(w) != 0 && w->now < start + 3600 * SECOND) {
        if ((!step(w) || draw(w, 50) == 0) && !w->session) {
            w->session = 1;
            wf_pull_session(w->pull, w->now, 1, &w->fx);
        }
    }
    wf_pull_stats(w->pull, &st);
    good = open_blobs(w) == 0 && all_there(w) && w->blamed_honest == 0 &&
           st.inflight == 0 && st.blobs == 0 && w->pull->leaf_bytes == 0 &&
           w->pull->map_bytes == 0 && w->most_owed <= WF_TICKET_BYTES &&
           st.moved <= 4 * total + (4u << 20);
    if (!good || getenv("V") != NULL) {
        printf("# seed %" PRIu64 ": %u of %u open after %" PRIu64 " s, %" PRIu64
               " bytes, moved %" PRIu64 ", wasted %" PRIu64 ", unwanted %" PRIu64
               ", timeouts %" PRIu64 ", bad %" PRIu64 ", blamed %" PRIu64
               ", inflight %" PRIu64 ", owed %" PRIu64 "\n",
               seed, open_blobs(w), w->nblobs, (w->now - start) / SECOND, total, st.moved,
               st.wasted, st.unwanted, st.timeouts, st.bad, w->blamed_honest, st.inflight,
               w->most_owed);
        for (unsigned i = 0; i < w->nblobs; i++) {
            struct wf_pull_progress p;

            if (wf_pull_progress(w->pull, &w->blobs[i].digest, &p) == 0) {
                printf("#   blob %u: %" PRIu64 " of %" PRIu64 ", begun %" PRIu64 ": %s\n",
                       i, p.done, p.total, w->blobs[i].begun, p.text);
            }
        }
    }
    free_world(w);
    free(w);
    return good;
}

/* One holder at the far end of a fat pipe: the window must grow to fill it. */
static void test_speed(uint64_t rate, uint64_t latency_us, int direct, uint64_t most_ms)
{
    struct world *w = calloc(1, sizeof *w);
    uint64_t start;

    must(w != NULL);
    make_world(w, 3);
    while (w->nblobs > 0) {
        w->nblobs--;
        free(w->blobs[w->nblobs].leaves);
        free(w->blobs[w->nblobs].have);
    }
    w->nblobs = 1;
    make_blob(w, &w->blobs[0], 60u << 20);
    w->blobs[0].ended = 0;
    for (unsigned i = 0; i < w->nholders; i++) {
        wf_give_free(w->holders[i].give);
    }
    w->nholders = 1;
    w->holders[0] = (struct holder){.key = {{1}},
                                    .has = {2},
                                    .direct = direct,
                                    .rate = rate,
                                    .latency_us = latency_us,
                                    .dies_us = UINT64_MAX};
    must(wf_give_new(&(struct wf_give_config){.seed = 1}, &w->holders[0].give) == 0);
    wf_pull_free(w->pull);
    must(wf_pull_new(&(struct wf_pull_config){.seed = 1}, &w->pull) == 0);
    w->cfg.max_inflight = 64u << 20;
    w->rough = 0;
    start = w->now;
    wf_pull_session(w->pull, w->now, 1, &w->fx);
    add(w, &w->blobs[0]);
    settle(w);
    while (open_blobs(w) != 0 && step(w)) {
    }
    ok(all_there(w) && w->now - start <= most_ms * MS,
       "60 MiB at %" PRIu64 " MiB/s, %" PRIu64 " ms away: %" PRIu64
       " ms, at most %" PRIu64,
       rate >> 20, latency_us / 1000, (w->now - start) / MS, most_ms);
    is_int(w->pull->stats.wasted, 0, "nothing twice");
    free_world(w);
    free(w);
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : argc > 1 ? 1 : SEEDS;

    for (uint64_t seed = first; seed < first + n; seed++) {
        ok(run(seed), "what an honest holder has arrives: seed %" PRIu64, seed);
    }
    if (argc == 1) {
        test_speed(100u << 20, 1 * MS, 1, 900);
        test_speed(50u << 20, 50 * MS, 1, 2500);
        test_speed(10u << 20, 20 * MS, -1, 7500);
        test_speed(200u << 10, 5 * MS, 1, 330000);
    }
    return done();
}
