/* world.h - holders of all sorts, and a broker that locates and relays, on a virtual
 * clock
 *
 * What happens is an event in a heap; lines have a rate and a latency.  Where the world
 * is `rough` lanes break, memory runs out and the session goes.  Who fetches is played by
 * test_transfer.c.
 */
#ifndef TESTS_UNIT_PROTO_WORLD_H
#define TESTS_UNIT_PROTO_WORLD_H

#include "common/err.h"
#include "common/rng.h"
#include "proto/transfer/give.h"
#include "proto/transfer/pull_int.h"
#include "tests/lib/tap.h"

#define MS      UINT64_C(1000)
#define SECOND  UINT64_C(1000000)
#define BLOBS   48u
#define HOLDERS 8u

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

#endif
