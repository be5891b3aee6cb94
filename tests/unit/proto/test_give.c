#include "common/err.h"
#include "common/mem.h"
#include "proto/transfer/give_int.h"
#include "tests/lib/tap.h"

#define SECOND UINT64_C(1000000)
#define LANE   (WF_LANE_GIVE + 3)

static const struct wf_key alice = {{1}}, bob = {{2}};

/* A giver, its clock, and what it asked for last. */
struct bed {
    struct wf_give *g;
    struct wf_effects fx;
    uint64_t now;
};

static void init(struct bed *b, const struct wf_give_config *cfg)
{
    *b = (struct bed){.now = 50 * SECOND};
    wf_effects_init(&b->fx);
    must(wf_give_new(cfg, &b->g) == 0);
}

static void fini(struct bed *b)
{
    wf_give_free(b->g);
    wf_effects_fini(&b->fx);
}

static struct wf_digest digest(unsigned i)
{
    struct wf_digest d = {{(uint8_t) i, (uint8_t) (i >> 8), (uint8_t) (i >> 16), 9}};

    return d;
}

/* Blobs `from` to `from + n - 1`, of one size, under a ticket. */
static int grant(struct bed *b, uint64_t ticket, const struct wf_key *to, unsigned from,
                 unsigned n, uint64_t size, uint64_t ttl_ms)
{
    struct wf_buf store = WF_BUF_INIT(1 << 20);
    struct wf_grant m = {
        .ticket = ticket, .to = *to, .region = wf_slice_of("eu"), .ttl_ms = ttl_ms};
    int rc;

    for (unsigned i = from; i < from + n; i++) {
        const struct wf_digest_row row = {digest(i), size};

        must(wf_rows_add(&store, &m.rows, wf_desc_digest_row(), &row) == 0);
    }
    wf_effects_clear(&b->fx);
    rc = wf_give_grant(b->g, b->now, &m, &b->fx);
    wf_buf_fini(&store);
    return rc;
}

static void want(struct bed *b, uint32_t lane, const struct wf_key *key, uint64_t ticket,
                 unsigned blob, unsigned kind, uint64_t first, uint64_t count)
{
    const struct wf_want m = {.ticket = ticket,
                              .digest = digest(blob),
                              .kind = kind,
                              .first = first,
                              .count = count,
                              .zstd = 1};

    wf_effects_clear(&b->fx);
    wf_give_want(b->g, b->now, lane, key, &m, &b->fx);
}

static unsigned count(const struct bed *b, enum wf_effect_kind kind)
{
    unsigned n = 0;

    for (size_t i = 0; i < b->fx.n; i++) {
        n += b->fx.v[i].kind == kind;
    }
    return n;
}

/* The i-th read that was asked for. */
static int read_at(const struct bed *b, unsigned i, struct wf_blob_read *ret)
{
    for (size_t k = 0; k < b->fx.n; k++) {
        if (b->fx.v[k].kind == WF_EFFECT_BLOB_READ && i-- == 0) {
            wf_blob_read_of(&b->fx, &b->fx.v[k], ret);
            return 1;
        }
    }
    return 0;
}

static int msg_at(const struct bed *b, unsigned i, struct wf_msg *ret)
{
    struct wf_cursor c;

    for (size_t k = 0; k < b->fx.n; k++) {
        if (b->fx.v[k].kind == WF_EFFECT_LANE_SEND && i-- == 0) {
            wf_cur_init(&c, wf_effect_bytes(&b->fx, &b->fx.v[k]), b->fx.v[k].len);
            return wf_msg_decode(&c, ret) == 0;
        }
    }
    return 0;
}

/* The code of the only nope, 0: there is none. */
static int nope(const struct bed *b)
{
    struct wf_msg m;

    return msg_at(b, 0, &m) && m.type == WF_MSG_nope ? -(int) m.u.nope.code : 0;
}

static void answer(struct bed *b, uint64_t tag, int code, unsigned coding, size_t len)
{
    static uint8_t bytes[WF_CHUNK_MAX];

    wf_effects_clear(&b->fx);
    wf_give_read(b->g, b->now, tag, code, coding, bytes, len, &b->fx);
}

static struct wf_give_stats stats(const struct bed *b)
{
    struct wf_give_stats st;

    wf_give_stats(b->g, &st);
    return st;
}

static void test_rights(void)
{
    struct bed b;
    struct wf_blob_read r;

    init(&b, &(struct wf_give_config){.seed = 1});
    want(&b, LANE, &alice, 5, 0, WF_WANT_CHUNKS, 0, 1);
    is_int(nope(&b), WEFT_EPERM, "no ticket, no chunk");
    is_int(grant(&b, 5, &alice, 0, 3, 200000, 10000), 0, "a grant");
    ok(wf_give_knows(b.g, &alice) && !wf_give_knows(b.g, &bob), "whose key is known");
    want(&b, LANE, &bob, 5, 0, WF_WANT_CHUNKS, 0, 1);
    is_int(nope(&b), WEFT_EPERM, "another key");
    want(&b, LANE, &alice, 5, 3, WF_WANT_CHUNKS, 0, 1);
    is_int(nope(&b), WEFT_EPERM, "a blob that is not covered");
    want(&b, LANE, &alice, 5, 0, WF_WANT_CHUNKS, 4, 1);
    is_int(nope(&b), WEFT_EINVAL, "a chunk that does not exist");
    want(&b, LANE, &alice, 5, 0, WF_WANT_CHUNKS, 1, UINT64_MAX);
    is_int(nope(&b), WEFT_EINVAL, "more than there are");
    want(&b, LANE, &alice, 5, 0, WF_WANT_CHUNKS, 0, 0);
    is_int(nope(&b), WEFT_EINVAL, "none");
    is_int(stats(&b).refused, 6, "all counted");
    want(&b, WF_LANE_BROKER, NULL, 5, 2, WF_WANT_CHUNKS, 1, 1);
    ok(count(&b, WF_EFFECT_BLOB_READ) == 1 && read_at(&b, 0, &r) && r.first == 1 &&
           r.zstd && r.size == 200000 && strcmp(r.region, "eu") == 0,
       "through the broker, who looked at the key");
    answer(&b, r.tag, WEFT_EPERM, 0, 0);
    is_int(nope(&b), WEFT_EPERM, "its residency forbids it");
    is_int(grant(&b, 5, &bob, 0, 1, 1, 1000), WEFT_ECONFLICT, "not another's ticket");
    b.now += 10 * SECOND;
    want(&b, LANE, &alice, 5, 0, WF_WANT_CHUNKS, 0, 1);
    is_int(nope(&b), WEFT_EPERM, "its time is over, though nobody ticked");
    ok(wf_give_due_us(b.g) <= b.now, "the end is due");
    wf_give_tick(b.g, b.now, &b.fx);
    ok(wf_give_tickets(b.g) == 0 && stats(&b).covered == 0 &&
           wf_give_due_us(b.g) == UINT64_MAX,
       "nothing is left of it");
    fini(&b);
}

static void test_pieces(void)
{
    struct bed b;
    struct wf_blob_read r;
    struct wf_msg m;
    int good = 1;

    init(&b, &(struct wf_give_config){.seed = 1});
    must(grant(&b, 5, &alice, 0, 1, UINT64_C(300) << 20, 10000) == 0);
    want(&b, LANE, &alice, 5, 0, WF_WANT_CHUNKS, 7, 1);
    must(read_at(&b, 0, &r));
    answer(&b, r.tag, 0, 0, 256 << 10);
    is_int(count(&b, WF_EFFECT_LANE_SEND), 4, "256 KiB are four pieces");
    for (unsigned i = 0; i < 4; i++) {
        good = good && msg_at(&b, i, &m) && m.type == WF_MSG_piece &&
               m.u.piece.chunk == 7 && m.u.piece.offset == i * (64u << 10) &&
               m.u.piece.total == 256 << 10 && m.u.piece.ticket == 5 &&
               m.u.piece.data.len == 64 << 10;
    }
    ok(good, "in order");
    want(&b, LANE, &alice, 5, 0, WF_WANT_CHUNKS, 8, 1);
    must(read_at(&b, 0, &r));
    answer(&b, r.tag, 0, 1, 1000);
    ok(msg_at(&b, 0, &m) && m.u.piece.coding == 1 && m.u.piece.total == 1000,
       "a compressed one says so");
    want(&b, LANE, &alice, 5, 0, WF_WANT_CHUNKS, 8, 1);
    must(read_at(&b, 0, &r));
    answer(&b, r.tag, 0, 0, 1000);
    is_int(nope(&b), WEFT_EIO, "what is not a whole chunk is not sent");
    want(&b, LANE, &alice, 5, 0, WF_WANT_MAP, 0, 0);
    must(read_at(&b, 0, &r));
    is_int(r.kind, WF_WANT_MAP, "a map");
    answer(&b, r.tag, 0, 0, 150);
    ok(msg_at(&b, 0, &m) && m.u.piece.kind == WF_WANT_MAP && m.u.piece.total == 150,
       "a bit for each of 1200 chunks");
    answer(&b, r.tag, 0, 0, 150);
    answer(&b, 0, 0, 0, 150);
    answer(&b, 12345, 0, 0, 150);
    is_int(b.fx.n, 0, "an answer to nothing is ignored");
    fini(&b);

    init(&b, &(struct wf_give_config){.seed = 1});
    must(grant(&b, 5, &alice, 0, 1, UINT64_C(2) << 30, 10000) == 0);
    want(&b, LANE, &alice, 5, 0, WF_WANT_LEAVES, 0, 2048);
    ok(read_at(&b, 0, &r) && r.count == 2048, "leaves are read 2048 at a time");
    fini(&b);
}

static void test_bounds(void)
{
    struct bed b;
    struct wf_blob_read r;
    struct wf_msg m;

    init(&b, &(struct wf_give_config){.seed = 1, .max_reads = 2, .max_wants = 3});
    must(grant(&b, 5, &alice, 0, 1, UINT64_C(64) << 20, 60000) == 0);
    want(&b, LANE, &alice, 5, 0, WF_WANT_CHUNKS, 0, 129);
    ok(nope(&b) == WEFT_EBUSY && msg_at(&b, 0, &m) && m.u.nope.retry_ms > 0 &&
           m.u.nope.count == 129,
       "more than 8 MiB are too much, and later may be better");
    want(&b, LANE, &alice, 5, 0, WF_WANT_CHUNKS, 0, 128);
    is_int(count(&b, WF_EFFECT_BLOB_READ), 2, "8 MiB are fine, two chunks at a time");
    must(read_at(&b, 0, &r));
    want(&b, LANE, &alice, 5, 0, WF_WANT_CHUNKS, 200, 1);
    is_int(nope(&b), WEFT_EBUSY, "one more is not");
    answer(&b, r.tag, 0, 0, 64 << 10);
    is_int(count(&b, WF_EFFECT_BLOB_READ), 1, "when one is sent another is read");
    want(&b, LANE, &alice, 5, 0, WF_WANT_CHUNKS, 200, 1);
    is_int(nope(&b), 0, "and there is room for one more");
    is_int(stats(&b).busy, 2, "counted");
    wf_give_lane_down(b.g, b.now, LANE, &b.fx);
    is_int(stats(&b).waiting, 0, "with the lane goes what was wanted over it");
    answer(&b, r.tag + 1, 0, 0, 64 << 10);
    must(read_at(&b, 0, &r) == 0);
    fini(&b);

    init(&b, &(struct wf_give_config){.seed = 1, .max_wants = 3, .max_reads = 1});
    must(grant(&b, 5, &alice, 0, 10, 1000, 60000) == 0);
    for (unsigned i = 0; i < 4; i++) {
        want(&b, LANE, &alice, 5, i, WF_WANT_CHUNKS, 0, 1);
        is_int(nope(&b), 0, "a few wants may wait");
    }
    want(&b, LANE, &alice, 5, 4, WF_WANT_CHUNKS, 0, 1);
    is_int(nope(&b), WEFT_EBUSY, "not any number of them");
    fini(&b);

    init(&b, &(struct wf_give_config){
                 .seed = 1, .max_tickets = 2, .max_digests = 300, .max_covered = 400});
    must(grant(&b, 1, &alice, 0, 250, 10, 60000) == 0);
    is_int(grant(&b, 1, &alice, 250, 100, 10, 60000), WEFT_EFULL, "digests of a ticket");
    is_int(grant(&b, 1, &alice, 0, 300, 10, 60000), 0, "those that it has are no matter");
    is_int(grant(&b, 2, &bob, 0, 150, 10, 60000), WEFT_EFULL, "digests of all");
    is_int(grant(&b, 3, &bob, 0, 1, 10, 60000), WEFT_EFULL, "tickets");
    wf_give_end_all(b.g, b.now, &b.fx);
    ok(stats(&b).covered == 0 && stats(&b).tickets == 0, "all end with the session");
    fini(&b);
}

static void test_room(void)
{
    struct bed b;
    struct wf_blob_read r;

    init(&b, &(struct wf_give_config){.seed = 1, .lane_bytes = 200 << 10});
    must(grant(&b, 5, &alice, 0, 1, UINT64_C(6) << 20, 60000) == 0);
    must(grant(&b, 6, &bob, 0, 1, UINT64_C(6) << 20, 60000) == 0);
    want(&b, LANE, &alice, 5, 0, WF_WANT_CHUNKS, 0, 90);
    is_int(count(&b, WF_EFFECT_BLOB_READ), 4,
           "reads up to what the lane may have queued");
    for (unsigned i = 0; i < 4; i++) {
        answer(&b, (i + 1) * GIVE_READS_MAX + i, 0, 0, 64 << 10);
        is_int(count(&b, WF_EFFECT_BLOB_READ), 0, "then no more");
    }
    want(&b, LANE + 1, &bob, 6, 0, WF_WANT_CHUNKS, 0, 1);
    is_int(count(&b, WF_EFFECT_BLOB_READ), 1, "another lane is not held up");
    wf_effects_clear(&b.fx);
    wf_give_room(b.g, b.now, LANE, 100 << 10, &b.fx);
    is_int(count(&b, WF_EFFECT_BLOB_READ), 2, "as much as there is room again");
    must(read_at(&b, 0, &r));
    wf_give_lane_down(b.g, b.now, LANE, &b.fx);
    answer(&b, r.tag, 0, 0, 64 << 10);
    is_int(count(&b, WF_EFFECT_LANE_SEND), 0, "nothing is sent on a lane that is gone");
    want(&b, LANE, &alice, 5, 0, WF_WANT_CHUNKS, 0, 90);
    is_int(nope(&b), 0, "and nothing of it is still counted");
    fini(&b);
}

/* A ticket with many large wants does not hold up one with a small one. */
static void test_turns(void)
{
    struct bed b;
    struct wf_blob_read r;
    unsigned of_alice = 0, of_bob = 0;
    uint64_t tag;

    init(&b,
         &(struct wf_give_config){.seed = 1, .max_reads = 1, .lane_bytes = UINT32_MAX});
    must(grant(&b, 5, &alice, 0, 1, UINT64_C(64) << 20, 60000) == 0);
    must(grant(&b, 6, &bob, 1, 1, UINT64_C(5) << 30, 60000) == 0);
    want(&b, LANE, &alice, 5, 0, WF_WANT_CHUNKS, 0, 120);
    must(read_at(&b, 0, &r));
    want(&b, LANE + 1, &bob, 6, 1, WF_WANT_CHUNKS, 0, 7);
    tag = r.tag;
    for (unsigned i = 0; i < 40; i++) {
        size_t len = wf_chunk_size(r.size);

        answer(&b, tag, 0, 0, len);
        must(read_at(&b, 0, &r));
        tag = r.tag;
        of_alice += r.size == UINT64_C(64) << 20;
        of_bob += r.size == UINT64_C(5) << 30;
    }
    ok(of_alice >= 28 && of_bob >= 2 && of_bob * 16 <= of_alice + 32,
       "turns go by bytes: %u chunks of 64 KiB, %u of 1 MiB", of_alice, of_bob);
    wf_effects_clear(&b.fx);
    {
        const struct wf_grant end = {.ticket = 6, .end = 1};

        is_int(wf_give_grant(b.g, b.now, &end, &b.fx), 0, "a ticket is ended");
        is_int(nope(&b), WEFT_EPERM, "who waits for it hears");
        is_int(wf_give_tickets(b.g), 1, "the other one lives");
    }
    fini(&b);
}

static void test_meter(void)
{
    struct bed b;
    struct wf_blob_read r;
    uint64_t sent = 0, start;

    init(&b, &(struct wf_give_config){.seed = 1, .rate = 1 << 20, .max_reads = 1});
    must(grant(&b, 5, &alice, 0, 1, UINT64_C(7) << 20, 600000) == 0);
    start = b.now;
    want(&b, LANE, &alice, 5, 0, WF_WANT_CHUNKS, 0, 112);
    while (stats(&b).waiting + stats(&b).reading != 0 && sent < 1000) {
        if (read_at(&b, 0, &r)) {
            answer(&b, r.tag, 0, 0, 64 << 10);
            wf_give_room(b.g, b.now, LANE, 0, &b.fx);
        } else {
            must(wf_give_due_us(b.g) != UINT64_MAX);
            b.now = wf_max_u64(b.now, wf_give_due_us(b.g));
            wf_effects_clear(&b.fx);
            wf_give_tick(b.g, b.now, &b.fx);
        }
        sent++;
    }
    ok(b.now - start > 6 * SECOND && b.now - start < 8 * SECOND,
       "7 MiB at 1 MiB a second");
    wf_give_set_limits(b.g, b.now, 0, 1 << 20, &b.fx);
    want(&b, LANE, &alice, 5, 0, WF_WANT_CHUNKS, 0, 1);
    is_int(count(&b, WF_EFFECT_BLOB_READ), 0, "the day's budget is used up");
    ok(wf_give_due_us(b.g) > b.now, "it waits for the next day");
    fini(&b);
}

/* Many under one ticket, and no allocation that fails does harm. */
static void test_many(void)
{
    struct bed b;
    struct wf_blob_read r;

    init(&b, &(struct wf_give_config){.seed = 1});
    for (unsigned i = 0; i < 100000; i += 250) {
        must(grant(&b, 5, &alice, i, 250, 100, 60000) == 0);
    }
    is_int(stats(&b).covered, 100000, "100,000 under one ticket");
    want(&b, LANE, &alice, 5, 99999, WF_WANT_CHUNKS, 0, 1);
    ok(read_at(&b, 0, &r) && r.size == 100, "the last of them");
    fini(&b);
    for (long n = 0; n < 60; n++) {
        struct wf_give *g = NULL;

        (void) wf_mem_fail_after(n);
        if (wf_give_new(&(struct wf_give_config){.seed = 1}, &g) == 0) {
            b = (struct bed){.g = g, .now = SECOND};
            wf_effects_init(&b.fx);
            {
                const struct wf_grant m = {.ticket = 5, .to = alice, .ttl_ms = 1000};

                (void) wf_give_grant(g, b.now, &m, &b.fx);
            }
            want(&b, LANE, &alice, 5, 0, WF_WANT_CHUNKS, 0, 1);
            (void) wf_mem_fail_after(-1);
            must(grant(&b, 5, &alice, 0, 20, 100, 60000) == 0);
            (void) wf_mem_fail_after(n);
            (void) wf_give_want(
                g, b.now, LANE, &alice,
                &(struct wf_want){.ticket = 5, .digest = digest(1), .count = 1}, &b.fx);
            (void) wf_mem_fail_after(-1);
            wf_effects_fini(&b.fx);
            wf_give_tick(g, b.now, &b.fx);
            wf_effects_clear(&b.fx);
            want(&b, LANE, &alice, 5, 2, WF_WANT_CHUNKS, 0, 1);
            must(count(&b, WF_EFFECT_BLOB_READ) == 1);
            fini(&b);
        }
        (void) wf_mem_fail_after(-1);
    }
    ok(1, "out of memory, it refuses and goes on");
}

/* The broker says where the blobs may be and where the fetcher is: we look again. */
static void test_residency(void)
{
    struct wf_buf store = WF_BUF_INIT(1 << 20);
    struct wf_key to = {{7}};
    const struct wf_digest_row row = {digest(1), 100};
    struct wf_grant m = {.ticket = 5,
                         .to = to,
                         .region = wf_slice_of("us"),
                         .residency = wf_slice_of("eu+ch"),
                         .ttl_ms = 1000};
    struct bed b;

    init(&b, &(struct wf_give_config){0});
    must(wf_rows_add(&store, &m.rows, wf_desc_digest_row(), &row) == 0);
    is_int(wf_give_grant(b.g, b.now, &m, &b.fx), WEFT_EPERM,
           "blobs that must not be there are not granted");
    is_int((int64_t) wf_give_tickets(b.g), 0, "there is no ticket for them");
    m.region = wf_slice_of("ch");
    is_int(wf_give_grant(b.g, b.now, &m, &b.fx), 0, "where they may be they are");
    m.ticket = 6;
    m.region = wf_slice_of("*");
    is_int(wf_give_grant(b.g, b.now, &m, &b.fx), 0, "their owner is no place");
    wf_buf_fini(&store);
    fini(&b);
}

int main(void)
{
    test_residency();
    test_rights();
    test_pieces();
    test_bounds();
    test_room();
    test_turns();
    test_meter();
    test_many();
    return done();
}
