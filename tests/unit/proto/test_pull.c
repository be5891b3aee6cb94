#include "common/err.h"
#include "common/mem.h"
#include "proto/transfer/pull_int.h"
#include "tests/lib/tap.h"

#define MS     UINT64_C(1000)
#define SECOND UINT64_C(1000000)
#define MIB    (UINT64_C(1) << 20)

/* Who fetches, its clock, and what it asked for in the last step. */
struct bed {
    struct wf_pull *p;
    struct wf_effects fx;
    uint64_t now;
    long memory; /* allocations that succeed from now on; -1: all */
};

/* Around what may run out of memory. */
static void arm(const struct bed *b)
{
    (void) wf_mem_fail_after(b->memory);
}

static void disarm(struct bed *b)
{
    long used = (long) wf_mem_fail_after(-1);

    if (b->memory >= 0) {
        b->memory = used < b->memory ? b->memory - used : 0;
    }
}

static void init(struct bed *b, const struct wf_pull_config *cfg)
{
    *b = (struct bed){.now = 50 * SECOND, .memory = -1};
    wf_effects_init(&b->fx);
    must(wf_pull_new(cfg, &b->p) == 0);
    wf_pull_session(b->p, b->now, 1, &b->fx);
}

static void fini(struct bed *b)
{
    wf_pull_free(b->p);
    wf_effects_fini(&b->fx);
}

/* Time passes, and all that was told has its effects. */
static void tick(struct bed *b, uint64_t later_us)
{
    b->now += later_us;
    wf_effects_clear(&b->fx);
    arm(b);
    wf_pull_tick(b->p, b->now, &b->fx);
    disarm(b);
}

static struct wf_digest digest(unsigned i)
{
    struct wf_digest d = {{(uint8_t) i, (uint8_t) (i >> 8), (uint8_t) (i >> 16), 9}};

    return d;
}

static int add(struct bed *b, unsigned i, uint64_t size, unsigned priority, int waits)
{
    const struct wf_pull_want w = {
        .digest = digest(i), .size = size, .priority = priority, .waits = waits};

    return wf_pull_add(b->p, b->now, &w, &b->fx);
}

static unsigned count(const struct bed *b, enum wf_effect_kind kind)
{
    unsigned n = 0;

    for (size_t i = 0; i < b->fx.n; i++) {
        n += b->fx.v[i].kind == kind;
    }
    return n;
}

static const struct wf_effect *effect(const struct bed *b, enum wf_effect_kind kind,
                                      unsigned i)
{
    for (size_t k = 0; k < b->fx.n; k++) {
        if (b->fx.v[k].kind == kind && i-- == 0) {
            return &b->fx.v[k];
        }
    }
    return NULL;
}

static int msg_of(const struct bed *b, const struct wf_effect *x, struct wf_msg *ret)
{
    struct wf_cursor c;

    if (x == NULL) {
        return 0;
    }
    wf_cur_init(&c, wf_effect_bytes(&b->fx, x), x->len);
    return wf_msg_decode(&c, ret) == 0;
}

/* The i-th want of the last step, and the lane that it goes over. */
static int want_at(const struct bed *b, unsigned i, struct wf_want *ret,
                   uint32_t *ret_lane)
{
    const struct wf_effect *x = effect(b, WF_EFFECT_LANE_SEND, i);
    struct wf_msg m;

    if (!msg_of(b, x, &m) || m.type != WF_MSG_want) {
        return 0;
    }
    *ret = m.u.want;
    *ret_lane = x->peer;
    return 1;
}

struct who {
    unsigned key;
    const char *site, *endpoint;
    uint64_t have; /* UINT64_MAX: all */
};

/* Answer the locate of the last step: all of it is at these. */
static void locate(struct bed *b, const struct who *who, unsigned n, uint64_t ttl_ms)
{
    struct wf_buf hs = WF_BUF_INIT(1 << 20), rows = WF_BUF_INIT(1 << 20);
    struct wf_located out = {0};
    struct wf_msg m;
    struct wf_digest_row row;

    must(msg_of(b, effect(b, WF_EFFECT_SEND, 0), &m) && m.type == WF_MSG_locate);
    out.req = m.u.locate.req;
    for (unsigned i = 0; i < n; i++) {
        const struct wf_holder_row h = {.key = {{(uint8_t) who[i].key}},
                                        .name =
                                            wf_slice_of(who[i].key == 1 ? "one" : "two"),
                                        .site = wf_slice_of(who[i].site),
                                        .endpoint = wf_slice_of(who[i].endpoint),
                                        .ticket = 100 + who[i].key,
                                        .ttl_ms = ttl_ms};
        struct wf_rows in = m.u.locate.rows;

        must(wf_rows_add(&hs, &out.holders, wf_desc_holder_row(), &h) == 0);
        while (wf_rows_next(&in, wf_desc_digest_row(), &row)) {
            const struct wf_at_row at = {row.digest, row.size, i,
                                         wf_min_u64(who[i].have, row.size)};

            must(wf_rows_add(&rows, &out.rows, wf_desc_at_row(), &at) == 0);
        }
    }
    arm(b);
    wf_pull_located(b->p, b->now, &out, &b->fx);
    disarm(b);
    wf_buf_fini(&hs);
    wf_buf_fini(&rows);
}

/* Every lane and every blob that the last step asked for is there at once. */
static void grant_all(struct bed *b)
{
    struct wf_effects fx = b->fx;
    struct wf_blob_ref ref;
    size_t len;

    wf_effects_init(&b->fx);
    for (size_t i = 0; i < fx.n; i++) {
        if (fx.v[i].kind == WF_EFFECT_LANE_OPEN) {
            arm(b);
            wf_pull_lane_up(b->p, b->now, fx.v[i].peer, &b->fx);
            disarm(b);
        } else if (fx.v[i].kind == WF_EFFECT_BLOB_BEGIN) {
            (void) wf_blob_ref_of(&fx, &fx.v[i], &ref, &len);
            arm(b);
            wf_pull_begun(b->p, b->now, &ref, 0, NULL, 0, &b->fx);
            disarm(b);
        }
    }
    wf_effects_fini(&fx);
}

static void piece(struct bed *b, uint32_t lane, const struct wf_want *w, uint64_t chunk,
                  uint64_t offset, uint64_t total, size_t len)
{
    static uint8_t bytes[WF_PIECE_MAX];
    const struct wf_msg m = {.type = WF_MSG_piece,
                             .u.piece = {.ticket = w->ticket,
                                         .digest = w->digest,
                                         .kind = w->kind,
                                         .chunk = chunk,
                                         .offset = offset,
                                         .total = total,
                                         .data = wf_slice_make(bytes, len)}};

    wf_effects_clear(&b->fx);
    arm(b);
    wf_pull_msg(b->p, b->now, lane, &m, &b->fx);
    disarm(b);
}

static void nope(struct bed *b, uint32_t lane, const struct wf_want *w, int code,
                 uint64_t retry_ms)
{
    const struct wf_msg m = {.type = WF_MSG_nope,
                             .u.nope = {.ticket = w->ticket,
                                        .digest = w->digest,
                                        .kind = w->kind,
                                        .first = w->first,
                                        .count = w->count,
                                        .code = (uint64_t) -code,
                                        .retry_ms = retry_ms}};

    wf_effects_clear(&b->fx);
    wf_pull_msg(b->p, b->now, lane, &m, &b->fx);
}

/* The store's word on the write of the last step. */
static int written(struct bed *b, int code)
{
    const struct wf_effect *x = effect(b, WF_EFFECT_BLOB_WRITE, 0);
    struct wf_blob_ref ref;
    size_t len;

    if (x == NULL) {
        return 0;
    }
    (void) wf_blob_ref_of(&b->fx, x, &ref, &len);
    wf_pull_written(b->p, b->now, &ref, x->arg, code, &b->fx);
    return 1;
}

static const struct who one = {1, "here", "tcp://one:1", UINT64_MAX};
static const struct who far = {2, "there", "", UINT64_MAX};

/* A blob, located at `who`, begun, its lanes up; then the first wants go out. */
static void start(struct bed *b, unsigned i, uint64_t size, const struct who *who,
                  unsigned n)
{
    must(add(b, i, size, 4, 1) == 0);
    tick(b, 0);
    locate(b, who, n, 600000);
    tick(b, 0);
    grant_all(b); /* the blob is begun */
    tick(b, 0);
    grant_all(b); /* lanes are up */
    tick(b, 0);
}

static void test_one(void)
{
    struct bed b;
    struct wf_pull_end end;
    struct wf_pull_progress pr;
    struct wf_want w;
    uint32_t lane;
    struct wf_digest d = digest(1);

    init(&b, &(struct wf_pull_config){.site = "here", .seed = 1});
    start(&b, 1, 5000, &one, 1);
    ok(want_at(&b, 0, &w, &lane) && lane == 1 && w.ticket == 101 && w.first == 0 &&
           w.count == 1 && w.zstd == 0,
       "one chunk is asked for, directly");
    is_int(add(&b, 1, 5000, 9, 1), 0, "the same once more is no second fetch");
    is_int(add(&b, 1, 5001, 9, 1), WEFT_ECONFLICT, "but not with another size");
    piece(&b, lane, &w, 0, 0, 5000, 5000);
    ok(written(&b, 0), "it goes to the store");
    ok(wf_pull_next_end(b.p, &end) && end.code == 0 && end.moved == 5000 &&
           strcmp(end.from, "one") == 0 && !wf_pull_next_end(b.p, &end),
       "and that is the end of it");
    is_int(wf_pull_progress(b.p, &d, &pr), WEFT_ENOENT, "it is not known any more");
    tick(&b, 0);
    tick(&b, 31 * SECOND);
    is_int(count(&b, WF_EFFECT_LANE_CLOSE), 1, "an idle lane is closed");
    tick(&b, 0);
    is_int(wf_pull_due_us(b.p), UINT64_MAX, "and nothing is left to do");
    fini(&b);
}

static void test_empty(void)
{
    struct bed b;
    struct wf_pull_want w = {.size = 0};
    struct wf_pull_end end;

    init(&b, &(struct wf_pull_config){.seed = 1});
    is_int(wf_pull_add(b.p, b.now, &w, &b.fx), WEFT_ECONFLICT, "there is one empty blob");
    wf_blob_of(NULL, 0, &w.digest);
    is_int(wf_pull_add(b.p, b.now, &w, &b.fx), 0, "this one");
    tick(&b, 0);
    is_int(count(&b, WF_EFFECT_SEND), 0, "nobody need be asked");
    grant_all(&b);
    ok(wf_pull_next_end(b.p, &end) && end.code == 0, "it is there when it is begun");
    w.size = WF_BLOB_MAX + 1;
    is_int(wf_pull_add(b.p, b.now, &w, &b.fx), WEFT_ETOOBIG, "no blob is so large");
    fini(&b);
}

static void test_nobody(void)
{
    struct bed b;
    struct wf_pull_progress pr;
    struct wf_digest d = digest(1);
    unsigned asked = 0;

    init(&b, &(struct wf_pull_config){.seed = 1});
    must(add(&b, 1, 5000, 0, 0) == 0);
    for (unsigned i = 0; i < 100; i++) {
        b.now = wf_max_u64(b.now, wf_pull_due_us(b.p));
        tick(&b, 0);
        if (count(&b, WF_EFFECT_SEND) != 0) {
            asked++;
            locate(&b, NULL, 0, 0);
        }
        must(wf_pull_progress(b.p, &d, &pr) == 0);
    }
    ok(asked > 10 && asked <= 100 && b.now > 50 * SECOND + asked * SECOND,
       "it asks again and again, and less and less");
    is_str(pr.text, "nobody who can be reached has it at present", "and says so");
    wf_pull_session(b.p, b.now, 0, &b.fx);
    tick(&b, 60 * SECOND);
    is_int(count(&b, WF_EFFECT_SEND), 0, "not without a session");
    must(wf_pull_progress(b.p, &d, &pr) == 0);
    is_str(pr.text, "the broker cannot be reached", "and says so, too");
    is_int(wf_pull_drop(b.p, b.now, &d, &b.fx), 0, "dropped");
    is_int(wf_pull_drop(b.p, b.now, &d, &b.fx), WEFT_ENOENT, "once");
    fini(&b);
}

/* Digests that hash to a name: what is in the chunks is the store's business. */
static void test_leaves(void)
{
    const uint64_t size = 600 * MIB, n = 2400;
    struct wf_digest *leaves = calloc(n, sizeof *leaves);
    struct bed b;
    struct wf_pull_want w = {.size = size};
    struct wf_pull_bad bad;
    struct wf_blob_ref ref;
    struct wf_want at;
    uint32_t lane;
    size_t len;

    must(leaves != NULL && wf_chunk_count(size) == n);
    wf_blob_digest(size, leaves, &w.digest);
    init(&b, &(struct wf_pull_config){.site = "here", .seed = 1});
    must(wf_pull_add(b.p, b.now, &w, &b.fx) == 0);
    tick(&b, 0);
    locate(&b, (const struct who[]){one, far}, 2, 600000);
    tick(&b, 0);
    grant_all(&b);
    tick(&b, 0);
    grant_all(&b);
    tick(&b, 0);
    ok(want_at(&b, 0, &at, &lane) && at.kind == WF_WANT_LEAVES && at.count == 2048,
       "leaves come first");
    ok(want_at(&b, 1, &at, &lane) && at.first == 2048 && at.count == 352,
       "as pieces of 2048");
    piece(&b, lane, &at, 2048, 0, 352 * 32, 352 * 32);
    at.first = 0;
    piece(&b, lane, &at, 0, 0, 65536, 65536);
    ok(count(&b, WF_EFFECT_BLOB_LEAVES) == 1 &&
           wf_blob_ref_of(&b.fx, effect(&b, WF_EFFECT_BLOB_LEAVES, 0), &ref, &len) !=
               NULL &&
           len == n * 32,
       "they are the blob's, and go to the store");
    tick(&b, 0);
    ok(want_at(&b, 0, &at, &lane) && at.kind == WF_WANT_CHUNKS && at.count == 2,
       "then chunks: two at first");
    piece(&b, lane, &at, 0, 0, 256 << 10, 65536);
    is_int(count(&b, WF_EFFECT_BLOB_WRITE), 0, "a part is not written");
    piece(&b, lane, &at, 0, 65536, 256 << 10, 65536);
    piece(&b, lane, &at, 0, 65536, 256 << 10, 65536);
    piece(&b, lane, &at, 0, 131072, 256 << 10, 65536);
    piece(&b, lane, &at, 0, 196608, 256 << 10, 65536);
    is_int(count(&b, WF_EFFECT_BLOB_WRITE), 1, "the whole is, a repeated part is not");
    must(written(&b, WEFT_EPROTO));
    ok(wf_pull_next_bad(b.p, &bad) && bad.key.b[0] == 1 && bad.chunk == 0 &&
           !wf_pull_next_bad(b.p, &bad),
       "a wrong one is reported");
    piece(&b, lane, &at, 1, 0, 256 << 10, 65536);
    is_int(b.p->stats.unwanted, 1, "who sent it is not listened to any more");
    tick(&b, 250 * MS);
    grant_all(&b);
    tick(&b, 0);
    ok(want_at(&b, 0, &at, &lane) && at.ticket == 102 && lane == 0 && at.first == 0,
       "another one is asked, through the broker");
    free(leaves);
    fini(&b);
}

static void test_wrong_leaves(void)
{
    struct bed b;
    struct wf_pull_bad bad;
    struct wf_want at;
    uint32_t lane;

    init(&b, &(struct wf_pull_config){.site = "here", .seed = 1});
    start(&b, 1, 2 * 65536, &one, 1);
    must(want_at(&b, 0, &at, &lane) && at.kind == WF_WANT_LEAVES);
    piece(&b, lane, &at, 0, 0, 64, 64);
    is_int(count(&b, WF_EFFECT_BLOB_LEAVES), 0, "wrong leaves are not kept");
    ok(wf_pull_next_bad(b.p, &bad) && bad.chunk == UINT64_MAX, "but reported");
    tick(&b, 250 * MS);
    is_int(count(&b, WF_EFFECT_SEND), 1, "and the broker is asked for others");
    locate(&b, &one, 1, 600000);
    tick(&b, 250 * MS);
    is_int(count(&b, WF_EFFECT_LANE_SEND), 0, "who lied is not asked again");
    is_int(b.p->leaf_bytes, 0, "nothing is kept of it");
    fini(&b);
}

static void test_refusals(void)
{
    struct bed b;
    struct wf_want w;
    uint32_t lane;

    init(&b, &(struct wf_pull_config){.site = "here", .seed = 1});
    start(&b, 1, 5000, &one, 1);
    must(want_at(&b, 0, &w, &lane));
    nope(&b, lane, &w, WEFT_EBUSY, 300);
    tick(&b, 0);
    is_int(count(&b, WF_EFFECT_LANE_SEND), 0, "who is busy is left alone");
    ok(wf_pull_due_us(b.p) <= b.now + 250 * MS, "not for ever");
    tick(&b, 999 * MS);
    must(want_at(&b, 0, &w, &lane));
    nope(&b, lane, &w, WEFT_EPERM, 0);
    tick(&b, 250 * MS);
    is_int(count(&b, WF_EFFECT_SEND), 1, "without a ticket the broker is asked");
    locate(&b, &one, 1, 4000);
    tick(&b, 0);
    grant_all(&b);
    tick(&b, 0);
    must(want_at(&b, 0, &w, &lane));
    nope(&b, lane, &w, WEFT_ENOENT, 0);
    nope(&b, lane, &w, WEFT_ENOENT, 0);
    is_int(b.p->stats.unwanted, 1, "a nope to nothing is counted");
    tick(&b, 250 * MS);
    tick(&b, SECOND);
    is_int(count(&b, WF_EFFECT_SEND), 1, "nor without a holder");
    fini(&b);
}

/* Who does not answer is asked less, others instead; what comes late counts. */
static void test_silence(void)
{
    const struct who other = {2, "here", "tcp://two:1", UINT64_MAX};
    struct bed b;
    struct wf_pull_stats st;
    struct wf_want w, again;
    uint32_t lane, to;
    unsigned n = 0;

    init(&b, &(struct wf_pull_config){.site = "here", .seed = 1});
    start(&b, 1, 5000, (const struct who[]){one, other}, 2);
    must(want_at(&b, 0, &w, &lane));
    do {
        tick(&b, 250 * MS);
        if (count(&b, WF_EFFECT_LANE_OPEN) != 0) {
            grant_all(&b);
            tick(&b, 0);
        }
    } while (n++ < 40 && !want_at(&b, 0, &again, &to));
    ok(n >= 3 && n <= 5 && to != lane && again.ticket != w.ticket,
       "after a second without an answer another one is asked, too");
    piece(&b, lane, &w, 0, 0, 5000, 5000);
    is_int(count(&b, WF_EFFECT_BLOB_WRITE), 1, "the first one's answer is still welcome");
    must(written(&b, 0));
    piece(&b, to, &again, 0, 0, 5000, 5000);
    is_int(count(&b, WF_EFFECT_BLOB_WRITE), 0, "the second one's is not needed");
    wf_pull_stats(b.p, &st);
    ok(st.timeouts == 0 && st.wasted == 5000 && st.inflight == 0 && st.blobs == 0,
       "all that is counted");
    fini(&b);
}

/* With nobody else to ask it is asked again, later and later. */
static void test_late(void)
{
    struct bed b;
    struct wf_want w, again;
    uint32_t lane, to;
    unsigned asked = 0, turns = 0;

    init(&b, &(struct wf_pull_config){.site = "here", .seed = 1});
    start(&b, 1, 5000, &far, 1);
    must(want_at(&b, 0, &w, &lane));
    while (b.p->stats.timeouts == 0 && turns++ < 100) {
        tick(&b, 250 * MS);
        asked += want_at(&b, 0, &again, &to);
    }
    ok(turns >= 7 && turns <= 10 && asked == 0, "two seconds are waited for an answer");
    is_int(b.p->inflight, 0, "then nothing is expected");
    piece(&b, lane, &w, 0, 0, 5000, 5000);
    ok(written(&b, 0) && b.p->stats.blobs == 0 && b.p->stats.wasted == 0,
       "but what comes late is taken");
    fini(&b);

    init(&b, &(struct wf_pull_config){.site = "here", .seed = 1});
    start(&b, 1, 5000, &far, 1);
    for (turns = 0; turns < 240; turns++) {
        tick(&b, 250 * MS);
        asked += want_at(&b, 0, &again, &to);
        if (count(&b, WF_EFFECT_SEND) != 0) {
            locate(&b, &far, 1, 600000);
        }
        grant_all(&b);
    }
    ok(asked >= 2 && asked <= 12, "a dead one is asked %u times in a minute", asked);
    fini(&b);
}

static void test_lanes(void)
{
    struct bed b;
    struct wf_want w;
    struct wf_lane_to to;
    uint32_t lane;

    init(&b, &(struct wf_pull_config){.site = "here", .seed = 1});
    must(add(&b, 1, 5000, 4, 1) == 0);
    tick(&b, 0);
    locate(&b, &one, 1, 600000);
    tick(&b, 0);
    grant_all(&b);
    tick(&b, 0);
    must(count(&b, WF_EFFECT_LANE_OPEN) == 1);
    wf_lane_to_of(&b.fx, effect(&b, WF_EFFECT_LANE_OPEN, 0), &to);
    ok(strcmp(to.endpoint, "tcp://one:1") == 0 && to.key.b[0] == 1, "a lane to it");
    tick(&b, 500 * MS);
    ok(count(&b, WF_EFFECT_LANE_OPEN) == 1 &&
           effect(&b, WF_EFFECT_LANE_OPEN, 0)->peer == WF_LANE_BROKER,
       "while that does not open, one to the broker");
    grant_all(&b);
    tick(&b, 0);
    ok(want_at(&b, 0, &w, &lane) && lane == WF_LANE_BROKER, "which will do");
    tick(&b, 2600 * MS);
    ok(count(&b, WF_EFFECT_LANE_CLOSE) == 1 &&
           effect(&b, WF_EFFECT_LANE_CLOSE, 0)->peer == 1,
       "the other is given up");
    wf_pull_lane_down(b.p, b.now, WF_LANE_BROKER, &b.fx);
    is_int(b.p->inflight, 0, "with a lane goes what was asked over it");
    tick(&b, 250 * MS);
    tick(&b, 250 * MS);
    tick(&b, 5 * SECOND);
    ok(count(&b, WF_EFFECT_LANE_OPEN) >= 1, "and it is opened again");
    fini(&b);
}

static void test_parts(void)
{
    const struct who part = {1, "here", "", 65536};
    struct bed b;
    struct wf_msg m = {.type = WF_MSG_piece};
    struct wf_want w;
    struct wf_blob_ref ref;
    uint8_t map = 0x04;
    uint32_t lane;
    size_t len;

    init(&b, &(struct wf_pull_config){.site = "here", .seed = 1});
    must(add(&b, 1, 5 * 65536, 4, 1) == 0);
    tick(&b, 0);
    locate(&b, &part, 1, 600000);
    tick(&b, 0);
    (void) wf_blob_ref_of(&b.fx, effect(&b, WF_EFFECT_BLOB_BEGIN, 0), &ref, &len);
    {
        uint8_t have = 0x11;
        struct wf_pull_progress pr;

        ref.id++;
        wf_pull_begun(b.p, b.now, &ref, 0, &have, 1, &b.fx);
        must(wf_pull_progress(b.p, &ref.digest, &pr) == 0);
        is_int(pr.done, 0, "an answer to another fetch is ignored");
        ref.id--;
        wf_pull_begun(b.p, b.now, &ref, 0, &have, 1, &b.fx);
        must(wf_pull_progress(b.p, &ref.digest, &pr) == 0);
        ok(pr.done == 2 * 65536 && pr.total == 5 * 65536, "two of five are there");
    }
    tick(&b, 0);
    grant_all(&b);
    tick(&b, 0);
    ok(want_at(&b, 0, &w, &lane) && w.kind == WF_WANT_MAP, "which has it?");
    m.u.piece = (struct wf_piece){.ticket = w.ticket,
                                  .digest = w.digest,
                                  .kind = WF_WANT_MAP,
                                  .total = 1,
                                  .data = wf_slice_make(&map, 1)};
    wf_pull_msg(b.p, b.now, lane, &m, &b.fx);
    tick(&b, 0);
    ok(want_at(&b, 0, &w, &lane) && w.kind == WF_WANT_CHUNKS && w.first == 2 &&
           w.count == 1 && !want_at(&b, 1, &w, &lane),
       "only what it has, and what is missing, is asked for");
    piece(&b, lane, &w, 2, 0, 65536, 65536);
    must(written(&b, 0));
    tick(&b, 250 * MS);
    ok(count(&b, WF_EFFECT_BLOB_END) == 1 && effect(&b, WF_EFFECT_BLOB_END, 0)->arg == 0,
       "nothing more is to be had: it rests");
    fini(&b);
}

static void test_store(void)
{
    struct bed b;
    struct wf_pull_end end;
    struct wf_want w;
    uint32_t lane;

    init(&b, &(struct wf_pull_config){.site = "here", .seed = 1});
    start(&b, 1, 5000, &one, 1);
    must(want_at(&b, 0, &w, &lane));
    piece(&b, lane, &w, 0, 0, 5000, 5000);
    must(written(&b, WEFT_EBUSY));
    tick(&b, 0);
    is_int(count(&b, WF_EFFECT_LANE_SEND), 0, "a busy store is left alone");
    tick(&b, 60 * MS);
    ok(want_at(&b, 0, &w, &lane), "for a moment");
    piece(&b, lane, &w, 0, 0, 5000, 5000);
    must(written(&b, WEFT_EFULL));
    ok(wf_pull_next_end(b.p, &end) && end.code == WEFT_EFULL && end.text[0] != '\0',
       "a full one ends it");
    is_int(b.p->inflight, 0, "with all that was under way");
    fini(&b);
}

static void test_limits(void)
{
    struct bed b;
    struct wf_want w;
    uint32_t lane;
    struct wf_pull_limits metered = {.metered = 1}, open = {0};

    init(&b, &(struct wf_pull_config){.site = "here", .seed = 1, .limits = metered});
    must(add(&b, 1, 5000, 9, 0) == 0);
    tick(&b, 0);
    is_int(count(&b, WF_EFFECT_SEND), 0, "a metered link is for what is waited for");
    must(add(&b, 1, 5000, 0, 1) == 0);
    tick(&b, 0);
    is_int(count(&b, WF_EFFECT_SEND), 1, "as now");
    must(add(&b, 2, 5000, 9, 0) == 0);
    wf_pull_set_limits(b.p, b.now, &open, &b.fx);
    tick(&b, 0);
    is_int(count(&b, WF_EFFECT_SEND), 1, "an open one is for all");
    fini(&b);

    init(&b, &(struct wf_pull_config){.site = "here", .seed = 1, .limits.day = 5000});
    start(&b, 1, 5000, &one, 1);
    must(want_at(&b, 0, &w, &lane));
    start(&b, 2, 5000, &one, 1);
    is_int(count(&b, WF_EFFECT_LANE_SEND), 0, "a day's budget is used up");
    {
        struct wf_pull_progress pr;
        struct wf_digest d = digest(2);

        must(wf_pull_progress(b.p, &d, &pr) == 0);
        is_str(pr.text, "the budget of the day is used up", "which is said");
    }
    fini(&b);
}

/* 100,000 small blobs: many at a time, a few messages with the broker, no more memory at
 * the end than at the start. */
static void test_many(void)
{
    const unsigned n = 100000;
    struct bed b;
    struct wf_effects fx;
    struct wf_pull_end end;
    struct wf_pull_stats st;
    unsigned added = 0, ended = 0, turns = 0, locates = 0;
    uint64_t begun;

    init(&b, &(struct wf_pull_config){.site = "here", .seed = 1});
    begun = b.now;
    for (; added < n; added++) {
        must(add(&b, added, 1000, 4, 1) == 0);
    }
    while (ended < n && turns++ < 20000) {
        wf_effects_init(&fx);
        wf_pull_tick(b.p, b.now, &fx);
        b.now += 5 * MS; /* all that was asked for is answered a round trip later */
        b.fx = fx;
        while (effect(&b, WF_EFFECT_SEND, 0) != NULL) {
            struct wf_effect *x = &b.fx.v[effect(&b, WF_EFFECT_SEND, 0) - b.fx.v];

            locate(&b, &one, 1, 600000);
            x->kind = WF_EFFECT_TRACE;
            locates++;
        }
        fx = b.fx;
        wf_effects_init(&b.fx);
        for (size_t i = 0; i < fx.n; i++) {
            const struct wf_effect *x = &fx.v[i];
            struct wf_blob_ref ref;
            struct wf_msg m;
            size_t len;

            if (x->kind == WF_EFFECT_LANE_OPEN) {
                wf_pull_lane_up(b.p, b.now, x->peer, &b.fx);
            } else if (x->kind == WF_EFFECT_BLOB_BEGIN) {
                (void) wf_blob_ref_of(&fx, x, &ref, &len);
                wf_pull_begun(b.p, b.now, &ref, 0, NULL, 0, &b.fx);
            } else if (x->kind == WF_EFFECT_LANE_SEND) {
                struct wf_cursor c;

                wf_cur_init(&c, wf_effect_bytes(&fx, x), x->len);
                must(wf_msg_decode(&c, &m) == 0);
                piece(&b, x->peer, &m.u.want, 0, 0, 1000, 1000);
                must(written(&b, 0));
            }
        }
        wf_effects_fini(&fx);
        wf_effects_fini(&b.fx);
        while (wf_pull_next_end(b.p, &end)) {
            ended += end.code == 0;
        }
    }
    wf_pull_stats(b.p, &st);
    ok(ended == n && st.blobs == 0 && st.inflight == 0, "100,000 small blobs come");
    ok(locates <= n / 256 + 8, "%u locates", locates);
    ok(b.now - begun < 5 * SECOND, "in %" PRIu64 " ms, 5 ms away", (b.now - begun) / MS);
    fini(&b);
}

/* Whatever allocation fails, and all after it for five seconds, the blob comes. */
static void test_memory(void)
{
    int good = 1;

    for (long n = 0; n < 60 && good; n++) {
        struct bed b;
        struct wf_pull_end end = {0};
        struct wf_want w;
        uint32_t lane;
        int added = 0;

        init(&b, &(struct wf_pull_config){.seed = 1});
        b.memory = n;
        for (unsigned turns = 0; turns < 400 && !wf_pull_next_end(b.p, &end); turns++) {
            if (turns == 20) {
                b.memory = -1;
            }
            if (!added) {
                arm(&b);
                added = add(&b, 1, 5000, 4, 1) == 0;
                disarm(&b);
            }
            tick(&b, 250 * MS);
            if (count(&b, WF_EFFECT_SEND) != 0) {
                locate(&b, &far, 1, 600000);
            }
            if (want_at(&b, 0, &w, &lane)) {
                piece(&b, lane, &w, 0, 0, 5000, 5000);
                (void) written(&b, 0);
            } else {
                grant_all(&b);
            }
        }
        good = end.size == 5000 && end.code == 0 && b.p->inflight == 0;
        fini(&b);
    }
    ok(good, "no allocation that fails stops it for good");
}

int main(void)
{
    test_one();
    test_empty();
    test_nobody();
    test_leaves();
    test_wrong_leaves();
    test_refusals();
    test_silence();
    test_late();
    test_lanes();
    test_parts();
    test_store();
    test_limits();
    test_many();
    test_memory();
    return done();
}
