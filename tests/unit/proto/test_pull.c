#include "tests/unit/proto/pull_bed.h"

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
    is_int(pr.stands, WF_STAND_NOWHERE, "also while it asks");
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
        ok(pr.stands == WF_STAND_DAY && pr.resume_us > b.now &&
               pr.resume_us <= b.now + 86400 * SECOND,
           "and until when");
    }
    fini(&b);
}

int main(void)
{
    test_one();
    test_empty();
    test_nobody();
    test_leaves();
    test_wrong_leaves();
    test_parts();
    test_store();
    test_limits();
    return done();
}
