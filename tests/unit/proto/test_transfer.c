/* Whatever an honest holder that can be reached has must arrive and verify, whatever the
 * others do. */
#include "tests/unit/proto/world.h"

#define SEEDS 150u

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

/* -- worlds ----------------------------------------------------------------------------
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
