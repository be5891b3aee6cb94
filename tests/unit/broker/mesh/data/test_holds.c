/* The filter of the large blobs of a site: what is in it, and where jobs go for it. */
#include "broker/core/mesh/data/holds.h"

#include "common/bloom.h"
#include "common/fnv.h"
#include "tests/unit/broker/data/stock.h"
#include "tests/unit/broker/mesh/far.h"

#define ANN 10

static const struct wf_slice none = {NULL, 0};

/* Filters go by digests that are spread as real ones are. */
static struct wf_digest digest_of(unsigned n)
{
    uint64_t h = wf_fnv_u64(WF_FNV_START, n);
    struct wf_digest d;

    for (unsigned i = 0; i < sizeof d.b; i++) {
        h = wf_fnv_u64(h, i);
        d.b[i] = (uint8_t) (h >> 40);
    }
    return d;
}

static void add_hold(struct list *l, unsigned n, uint64_t size, uint64_t have)
{
    const struct wf_hold_row row = {digest_of(n), size, have, 0};

    must(wf_rows_add(&l->store, &l->rows, wf_desc_hold_row(), &row) == 0);
}

static void add_file(struct list *l, const char *path, unsigned n, uint64_t size)
{
    const struct wf_file_row row = {wf_slice_of(path), digest_of(n), size};

    must(wf_rows_add(&l->store, &l->rows, wf_desc_file_row(), &row) == 0);
}

static void start(struct bed *b)
{
    bed_init(b);
    b->cfg.key = bed_key(200);
    b->cfg.boot = 1;
    b->cfg.lease_ms = b->cfg.heartbeat_ms = 3600000;
    bed_start(b);
}

static void hold(struct bed *b, uint32_t peer, unsigned n, uint64_t size, uint64_t have)
{
    struct list l = LIST;

    add_hold(&l, n, size, have);
    stock_holds(b, peer, 0, &l, 1000 * MIB);
    list_fini(&l);
}

/* What the other broker knows of ours: 1, or 0. */
static int said(const struct bed *b, const struct far *f, struct wf_holds_fact *ret)
{
    struct gossip_fact fact;
    struct wf_cursor cur;
    struct wf_msg m;

    if (gossip_get(f->g, &b->cfg.key, WF_FACT_HOLDS, none, &fact) != 0) {
        return 0;
    }
    wf_cur_init(&cur, fact.body.p, fact.body.len);
    must(wf_msg_decode(&cur, &m) == 0 && m.type == WF_MSG_holds_fact);
    *ret = m.u.holds_fact;
    return 1;
}

static int has(const struct wf_holds_fact *m, unsigned n)
{
    const struct wf_digest d = digest_of(n);

    return wf_bloom_has(m->bits.p, m->bits.len, (unsigned) m->hashes, d.b);
}

static void later(struct bed *b, struct far *f)
{
    for (unsigned i = 0; i < 4; i++) {
        carry(b, f);
    }
}

static void says_what_is_here(void)
{
    struct wf_holds_fact m;
    uint32_t one, two;
    struct far f;
    struct bed b;

    start(&b);
    far_init(&b, &f);
    one = stock_agent(&b, 1, "one", NULL);
    two = stock_agent(&b, 2, "two", NULL);
    later(&b, &f);
    ok(!said(&b, &f, &m), "a site without data says nothing");
    hold(&b, one, 1, 100 * MIB, 100 * MIB);
    hold(&b, one, 2, KIB, KIB);
    hold(&b, two, 3, 9 * MIB, 8 * MIB);
    hold(&b, two, 4, MIB, MIB);
    later(&b, &f);
    must(said(&b, &f, &m));
    ok(has(&m, 1) && has(&m, 4), "the large ones that are here are in it");
    ok(!has(&m, 2), "small ones are not");
    ok(!has(&m, 3), "nor those of which a part is missing");
    is_int(m.bits.len, 64, "for few blobs it is small");
    is_int(m.least, MIB, "and tells which sizes count");
    bed_down(&b, two);
    later(&b, &f);
    ok(said(&b, &f, &m) && has(&m, 1) && !has(&m, 4), "who is gone takes them along");
    hold(&b, one, 1, 100 * MIB, 0);
    later(&b, &f);
    ok(!said(&b, &f, &m), "with the last one the fact is taken back");
    far_fini(&f);
    bed_fini(&b);
}

static void is_bounded(void)
{
    struct wf_holds_fact m;
    struct list l = LIST;
    unsigned large = 0, small = 0;
    uint32_t one;
    struct far f;
    struct bed b;

    start(&b);
    far_init(&b, &f);
    one = stock_agent(&b, 1, "one", NULL);
    for (unsigned n = 1; n <= 2500; n++) {
        const uint64_t size = n <= 1000 ? 8 * MIB : MIB;

        add_hold(&l, n, size, size);
        if (n % 100 == 0) {
            stock_holds(&b, one, 0, &l, 1000 * MIB);
            list_fini(&l);
            l = (struct list) LIST;
        }
    }
    later(&b, &f);
    must(said(&b, &f, &m));
    for (unsigned n = 1; n <= 2500; n++) {
        large += n <= 1000 && has(&m, n);
        small += n > 1000 && has(&m, n);
    }
    is_int(large, 1000, "the largest are in it");
    ok(small < 300, "others are left out when there is no room for all: %u", small);
    ok(m.bits.len <= WF_HOLDS_MAX && m.least == 2 * MIB, "which is told");
    list_fini(&l);
    far_fini(&f);
    bed_fini(&b);
}

/* -- of others -------------------------------------------------------------------------
 */

static void far_holds(struct bed *b, struct far *f, unsigned n, uint8_t fill)
{
    struct wf_buf body = WF_BUF_INIT(4096);
    const struct wf_digest d = digest_of(n);
    uint8_t bits[128] = {0};
    const struct wf_holds_fact m = {.least = MIB,
                                    .hashes = WF_BLOOM_HASHES,
                                    .bits = wf_slice_make(bits, sizeof bits)};

    memset(bits, fill, sizeof bits);
    wf_bloom_add(bits, sizeof bits, d.b);
    must(wf_msg_encode(&body, WF_MSG_holds_fact, &m) == 0);
    must(gossip_say(f->g, WF_FACT_HOLDS, none, wf_slice_make(body.p, body.len), b->now_us,
                    &f->fx) == 0);
    wf_buf_fini(&body);
    carry(b, f);
}

static const char *node_of(const struct bed *b, uint8_t id)
{
    const struct job *j = bed_job(b, id);

    return j != NULL && j->agent != NULL ? j->agent->principal->name : "-";
}

/* What a node of the last decision would fetch, as `weft why` shows it. */
static uint64_t fetch_bytes(struct bed *b, uint32_t peer, const char *id,
                            const char *node)
{
    const struct wf_query q = {.req = 1, .kind = WF_QUERY_WHY, .key = wf_slice_of(id)};
    struct wf_scored_row row;
    struct wf_msg m;

    bed_say(b, peer, WF_MSG_query, &q);
    must(bed_told(b, peer, WF_MSG_why_info, 0, &m));
    while (wf_rows_next(&m.u.why_info.rows, wf_desc_scored_row(), &row)) {
        if (wf_slice_is(row.node, node)) {
            return row.fetch_bytes;
        }
    }
    return UINT64_MAX;
}

/* An idle agent at 1 ms, another site at 9 ms, and a dataset: blob 1 of 100 MiB, blob 2
 * of 1 MiB in a folder. */
static uint32_t two_places(struct bed *b, struct far *f)
{
    uint32_t ann, near;
    struct list files = LIST;

    start(b);
    far_init(b, f);
    ann = bed_client(b, ANN, "ann");
    near = stock_agent(b, 1, "near", NULL);
    stock_info(b, f->peer, NULL, 4, 1000 * MIB);
    bed_resync(b, f->peer);
    bed_say(b, near, WF_MSG_ping, &(struct wf_ping){.seq = 1, .rtt_us = 1000});
    bed_say(b, f->peer, WF_MSG_ping, &(struct wf_ping){.seq = 1, .rtt_us = 9000});
    add_file(&files, "a", 1, 100 * MIB);
    add_file(&files, "b/x", 2, MIB);
    stock_put(b, ann, "pics", UINT32_MAX, NULL, &files);
    must(bed_refusal(b, ann) == 0);
    list_fini(&files);
    return ann;
}

static void goes_to_the_data(void)
{
    uint32_t ann;
    struct far f;
    struct bed b;

    ann = two_places(&b, &f);
    stock_submit(&b, ann, 1, "in", "pics/a");
    is_str(node_of(&b, 1), "near", "as long as nobody has it the nearest");
    far_holds(&b, &f, 1, 0);
    stock_submit(&b, ann, 2, "in", "pics/a");
    is_str(node_of(&b, 2), "far",
           "then the site that has it, though the nearest is idle");
    is_int(fetch_bytes(&b, ann, "02020202", "far"), 0, "nothing is to be moved there");
    is_int(fetch_bytes(&b, ann, "02020202", "near"), 100 * MIB, "and all of it here");
    stock_submit(&b, ann, 3, "in", "pics");
    is_str(node_of(&b, 3), "far", "or most of it");
    is_int(fetch_bytes(&b, ann, "03030303", "far"), MIB, "but for what it lacks");
    stock_submit(&b, ann, 4, "in", "pics/b");
    is_str(node_of(&b, 4), "near", "of another folder it has nothing");
    far_holds(&b, &f, 9, 0);
    stock_submit(&b, ann, 5, "in", "pics/a");
    is_str(node_of(&b, 5), "near", "until it says that it has it no more");
    far_fini(&f);
    bed_fini(&b);
}

static void doubts(void)
{
    uint32_t ann;
    struct far f;
    struct bed b;

    ann = two_places(&b, &f);
    far_holds(&b, &f, 1, 0xff);
    stock_submit(&b, ann, 1, "in", "pics/a");
    is_str(node_of(&b, 1), "near", "who says to have everything has nothing");
    far_holds(&b, &f, 1, 0x11);
    stock_submit(&b, ann, 2, "in", "pics/a");
    is_str(node_of(&b, 2), "far", "a filter that is half full counts");
    bed_down(&b, f.peer);
    stock_submit(&b, ann, 3, "in", "pics/a");
    is_str(node_of(&b, 3), "near", "not that of a site which is cut off");
    far_fini(&f);
    bed_fini(&b);
}

int main(void)
{
    says_what_is_here();
    is_bounded();
    goes_to_the_data();
    doubts();
    return done();
}
