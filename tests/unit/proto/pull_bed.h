/* pull_bed.h - who fetches, on a clock of its own, with holders played by the test */
#ifndef TESTS_UNIT_PROTO_PULL_BED_H
#define TESTS_UNIT_PROTO_PULL_BED_H

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
WF_UNUSED static void arm(const struct bed *b)
{
    (void) wf_mem_fail_after(b->memory);
}

WF_UNUSED static void disarm(struct bed *b)
{
    long used = (long) wf_mem_fail_after(-1);

    if (b->memory >= 0) {
        b->memory = used < b->memory ? b->memory - used : 0;
    }
}

WF_UNUSED static void init(struct bed *b, const struct wf_pull_config *cfg)
{
    *b = (struct bed){.now = 50 * SECOND, .memory = -1};
    wf_effects_init(&b->fx);
    must(wf_pull_new(cfg, &b->p) == 0);
    wf_pull_session(b->p, b->now, 1, &b->fx);
}

WF_UNUSED static void fini(struct bed *b)
{
    wf_pull_free(b->p);
    wf_effects_fini(&b->fx);
}

/* Time passes, and all that was told has its effects. */
WF_UNUSED static void tick(struct bed *b, uint64_t later_us)
{
    b->now += later_us;
    wf_effects_clear(&b->fx);
    arm(b);
    wf_pull_tick(b->p, b->now, &b->fx);
    disarm(b);
}

WF_UNUSED static struct wf_digest digest(unsigned i)
{
    struct wf_digest d = {{(uint8_t) i, (uint8_t) (i >> 8), (uint8_t) (i >> 16), 9}};

    return d;
}

WF_UNUSED static int add(struct bed *b, unsigned i, uint64_t size, unsigned priority,
                         int waits)
{
    const struct wf_pull_want w = {
        .digest = digest(i), .size = size, .priority = priority, .waits = waits};

    return wf_pull_add(b->p, b->now, &w, &b->fx);
}

WF_UNUSED static unsigned count(const struct bed *b, enum wf_effect_kind kind)
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

WF_UNUSED static int msg_of(const struct bed *b, const struct wf_effect *x,
                            struct wf_msg *ret)
{
    struct wf_cursor c;

    if (x == NULL) {
        return 0;
    }
    wf_cur_init(&c, wf_effect_bytes(&b->fx, x), x->len);
    return wf_msg_decode(&c, ret) == 0;
}

/* The i-th want of the last step, and the lane that it goes over. */
WF_UNUSED static int want_at(const struct bed *b, unsigned i, struct wf_want *ret,
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
WF_UNUSED static void locate(struct bed *b, const struct who *who, unsigned n,
                             uint64_t ttl_ms)
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
WF_UNUSED static void grant_all(struct bed *b)
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

WF_UNUSED static void piece(struct bed *b, uint32_t lane, const struct wf_want *w,
                            uint64_t chunk, uint64_t offset, uint64_t total, size_t len)
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

WF_UNUSED static void nope(struct bed *b, uint32_t lane, const struct wf_want *w,
                           int code, uint64_t retry_ms)
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
WF_UNUSED static int written(struct bed *b, int code)
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
WF_UNUSED static void start(struct bed *b, unsigned i, uint64_t size,
                            const struct who *who, unsigned n)
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

#endif
