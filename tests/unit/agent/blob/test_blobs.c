/* The store behind its thread. */
#include "agent/blob/blobs.h"
#include "tests/unit/agent/blob/bed.h"

#include <zstd.h>

#define DONE_MAX 4096

struct loop_bed {
    struct bed b;
    struct wf_loop loop;
    struct blobs *s;
    struct wf_timer *giving_up;
    unsigned asked, heard, want, changes;
    struct blobs_done last; /* its bytes are taken; NULL: none */
    struct {
        uint64_t tag;
        int code;
    } done[DONE_MAX];
    char path[PATH_MAX], names[64];
    int free_in_call;
};

static void on_done(void *arg, struct blobs_done *d)
{
    struct loop_bed *l = arg;

    must(l->heard < DONE_MAX);
    l->done[l->heard].tag = d->tag;
    l->done[l->heard++].code = d->code;
    wf_free(l->last.bytes);
    l->last = *d;
    d->bytes = NULL;
    snprintf(l->path, sizeof l->path, "%s", d->path != NULL ? d->path : "");
    if (d->more) {
        size_t n = strlen(l->names);

        l->names[n] = d->path[strlen(d->path) - 1];
        l->names[n + 1] = '\0';
    }
    if (l->free_in_call) {
        blobs_free(l->s);
        l->s = NULL;
    }
    if (l->free_in_call || (l->heard >= l->want && !d->more)) {
        wf_loop_stop(&l->loop);
    }
}

static void on_change(void *arg, const struct blob_change *c)
{
    struct loop_bed *l = arg;

    l->changes++;
}

static void on_stuck(void *arg)
{
    printf("Bail out! nothing comes back\n");
    exit(99);
}

static void up(struct loop_bed *l, size_t queue_bytes)
{
    const struct blobs_cbs cbs = {.on_done = on_done, .on_change = on_change};

    must(wf_loop_init(&l->loop, NULL) == 0);
    must(wf_timer_new(&l->loop, on_stuck, NULL, &l->giving_up) == 0);
    wf_timer_start_at(l->giving_up, wf_now_us() + 60000000);
    must(blobs_new(&l->loop, &l->b.o, queue_bytes, &cbs, l, &l->s, &l->b.err) == 0);
}

static void down(struct loop_bed *l)
{
    blobs_free(l->s);
    l->s = NULL;
    wf_free(l->last.bytes);
    l->last.bytes = NULL;
    wf_timer_free(l->giving_up);
    wf_loop_fini(&l->loop);
}

static int ask(struct loop_bed *l, struct blobs_ask q, const void *bytes, size_t len)
{
    uint8_t *p = bytes != NULL ? wf_memdup(bytes, len) : NULL;
    int rc;

    q.tag = q.tag != 0 ? q.tag : ++l->asked;
    rc = blobs_ask(l->s, &q, &p, len);
    wf_free(p);
    return rc;
}

/* Until `n` more were heard. */
static void hear(struct loop_bed *l, unsigned n)
{
    l->want = l->heard + n;
    wf_loop_run(&l->loop);
}

/* Ask one thing; its code. */
static int one(struct loop_bed *l, struct blobs_ask q, const void *bytes, size_t len)
{
    must(ask(l, q, bytes, len) == 0);
    hear(l, 1);
    return l->last.code;
}

/* The whole blob, until it is dropped. */
static void kept(struct loop_bed *l, const struct sample *x)
{
    const struct wf_digest d = x->d;

    is_int(one(l, (struct blobs_ask){.op = BLOBS_READ_LEAVES, .digest = d, .count = 5},
               NULL, 0),
           0, "leaves");
    ok(l->last.len == 160 && memcmp(l->last.bytes, x->leaves, 160) == 0, "are these");
    is_int(one(l, (struct blobs_ask){.op = BLOBS_LIST}, NULL, 0), 0, "list");
    ok(l->last.total == 1 && l->last.at == 0, "one blob");
    is_int(one(l, (struct blobs_ask){.op = BLOBS_HOLD, .digest = d}, NULL, 0), 0, "hold");
    is_int(one(l, (struct blobs_ask){.op = BLOBS_DROP, .digest = d}, NULL, 0), WEFT_EBUSY,
           "held: not dropped");
    is_int(one(l, (struct blobs_ask){.op = BLOBS_PATH, .digest = d}, NULL, 0), 0, "path");
    ok(same_file(l->path, x->p, x->len), "has the bytes");
    is_int(one(l, (struct blobs_ask){.op = BLOBS_SCRUB}, NULL, 0), 0, "scrub");
    must(one(l, (struct blobs_ask){.op = BLOBS_RELEASE, .digest = d}, NULL, 0) == 0);
    must(one(l, (struct blobs_ask){.op = BLOBS_PIN, .digest = d, .on = 1}, NULL, 0) == 0);
    must(one(l, (struct blobs_ask){.op = BLOBS_STATS}, NULL, 0) == 0);
    ok(l->last.stats.whole == 1 && l->last.stats.pinned == 1, "stats");
    is_int(one(l, (struct blobs_ask){.op = BLOBS_DROP, .digest = d}, NULL, 0), 0, "drop");
    is_int(one(l, (struct blobs_ask){.op = BLOBS_INFO, .digest = d}, NULL, 0),
           WEFT_ENOENT, "gone");
    is_int(ask(l, (struct blobs_ask){.op = BLOBS_WRITE, .digest = d}, NULL, 0),
           WEFT_EINVAL, "a write without bytes");
}

static void all_ways(struct loop_bed *l)
{
    struct sample x = sample_of(1, 300 * KIB);
    const struct wf_digest d = x.d;
    uint8_t coded[70 * KIB];
    size_t n;

    up(l, 0);
    is_int(one(l, (struct blobs_ask){.op = BLOBS_BEGIN, .digest = d, .size = x.len}, NULL,
               0),
           0, "begin");
    ok(l->last.len == 1 && l->last.bytes[0] == 0 && l->last.flags == 0, "an empty map");
    is_int(one(l, (struct blobs_ask){.op = BLOBS_LEAVES, .digest = d}, x.leaves,
               x.n * sizeof *x.leaves),
           0, "leaves");
    ok(l->last.flags == BLOB_LEAVES, "are known now");
    n = ZSTD_compress(coded, sizeof coded, x.p, 64 * KIB, 1);
    must(!ZSTD_isError(n));
    is_int(one(l,
               (struct blobs_ask){.op = BLOBS_WRITE, .digest = d, .coding = BLOBS_ZSTD},
               coded, n),
           0, "a coded chunk");
    is_int(one(l,
               (struct blobs_ask){
                   .op = BLOBS_WRITE, .digest = d, .chunk = 1, .coding = BLOBS_ZSTD},
               coded, n / 2),
           WEFT_EPROTO, "half of one");
    n = ZSTD_compress(coded, sizeof coded, (char[200]){0}, 200, 1);
    is_int(one(l,
               (struct blobs_ask){
                   .op = BLOBS_WRITE, .digest = d, .chunk = 1, .coding = BLOBS_ZSTD},
               coded, n),
           WEFT_EPROTO, "one that is too short");
    is_int(one(l, (struct blobs_ask){.op = BLOBS_MAP, .digest = d}, NULL, 0), 0, "map");
    is_int(l->last.bytes[0], 1, "one chunk");
    is_int(one(l, (struct blobs_ask){.op = BLOBS_READ, .digest = d, .chunk = 2}, NULL, 0),
           WEFT_ENOENT, "a chunk that is not there");
    for (size_t i = 1; i < x.n; i++) {
        must(ask(l, (struct blobs_ask){.op = BLOBS_WRITE, .digest = d, .chunk = i},
                 x.p + i * 64 * KIB, wf_chunk_len(x.len, i)) == 0);
    }
    hear(l, (unsigned) x.n - 1);
    ok(l->last.code == 0 && l->last.flags == BLOB_WHOLE, "the last chunk publishes");
    is_int(one(l,
               (struct blobs_ask){
                   .op = BLOBS_READ, .digest = d, .chunk = 1, .coding = BLOBS_ZSTD},
               NULL, 0),
           0, "read a chunk");
    ok(l->last.len == 64 * KIB && memcmp(l->last.bytes, x.p + 64 * KIB, 64 * KIB) == 0 &&
           l->last.coding == BLOBS_PLAIN,
       "plain, since coding does not pay");
    kept(l, &x);
    down(l);
    sample_free(&x);
}

/* The store lets go of small blobs that were begun when it has too many of them, or
 * rests; after that it is as if they had never been. */
static void let_go(struct loop_bed *l)
{
    struct blobs_ask q = {.op = BLOBS_WRITE, .coding = BLOBS_ZSTD};
    struct sample x = sample_of(1, 100), y = sample_of(2, 200);
    uint8_t coded[200];
    size_t n = ZSTD_compress(coded, sizeof coded, x.p, x.len, 1);

    must(!ZSTD_isError(n));
    up(l, 0);
    q.digest = x.d;
    is_int(one(l, q, coded, n), WEFT_ENOENT, "a chunk of what was not begun");
    q.size = x.len;
    is_int(one(l, q, coded, n), 0, "where its size is known it is begun again");
    is_int(l->last.flags, BLOB_WHOLE, "and whole");
    q = (struct blobs_ask){.op = BLOBS_WRITE, .digest = y.d};
    is_int(one(l, q, y.p, y.len), WEFT_ESTATE, "a plain one that was not begun");
    q.size = y.len;
    is_int(one(l, q, y.p, y.len), 0, "too");
    ok(l->last.flags == BLOB_WHOLE, "is begun again");
    down(l);
    sample_free(&x);
    sample_free(&y);
}

static void packed(struct loop_bed *l)
{
    static char text[100 * KIB], back[64 * KIB];
    struct wf_digest d;

    memset(text, 'x', sizeof text);
    up(l, 0);
    must(one(l, (struct blobs_ask){.op = BLOBS_IMPORT}, text, sizeof text) == 0);
    wf_blob_of(text, sizeof text, &d);
    ok(wf_digest_eq(&l->last.digest, &d) && l->last.size == sizeof text, "import");
    must(one(l, (struct blobs_ask){.op = BLOBS_READ, .digest = d, .coding = BLOBS_ZSTD},
             NULL, 0) == 0);
    ok(l->last.coding == BLOBS_ZSTD && l->last.len < KIB && l->last.total == 64 * KIB,
       "a chunk that shrinks comes coded");
    ok(ZSTD_decompress(back, sizeof back, l->last.bytes, l->last.len) == sizeof back &&
           memcmp(back, text, sizeof back) == 0,
       "and is what it was");
    down(l);
}

static void many(struct loop_bed *l)
{
    enum { MANY = 1000 };
    unsigned bad = 0;
    char text[32];

    up(l, 0);
    l->heard = 0;
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "small %u", i);
        bad += ask(l, (struct blobs_ask){.op = BLOBS_IMPORT, .tag = i + 1}, text,
                   strlen(text)) != 0;
    }
    hear(l, MANY);
    for (unsigned i = 0; i < MANY; i++) {
        bad += l->done[i].code != 0 || l->done[i].tag != i + 1;
    }
    is_int(bad, 0, "many are told in order");
    must(one(l, (struct blobs_ask){.op = BLOBS_STATS}, NULL, 0) == 0);
    ok(l->last.stats.whole >= MANY, "and are all there");
    down(l);
}

static void bounded(struct loop_bed *l)
{
    struct sample x = sample_of(4, 64 * KIB);
    unsigned taken = 0;
    int rc = 0;

    up(l, 512 * KIB);
    while (rc == 0 && taken < 1000000) {
        rc = ask(l, (struct blobs_ask){.op = BLOBS_IMPORT}, x.p, x.len);
        taken += rc == 0;
    }
    is_int(rc, WEFT_EBUSY, "what is not heard counts: at last it is refused");
    is_int(taken < 200, 1, "soon");
    is_int(ask(l, (struct blobs_ask){.op = BLOBS_RELEASE, .digest = x.d}, NULL, 0), 0,
           "but what ends something is not");
    hear(l, taken + 1);
    is_int(one(l, (struct blobs_ask){.op = BLOBS_IMPORT}, x.p, x.len), 0,
           "it goes on when that was heard");
    down(l);
    sample_free(&x);
}

static void steps(struct loop_bed *l)
{
    struct sample x = sample_of(5, 50u << 20), y = sample_of(6, 500);
    char dir[128], path[200], out[128];

    snprintf(dir, sizeof dir, "%s/d", l->b.root);
    must(mkdir(dir, 0755) == 0);
    snprintf(path, sizeof path, "%s/x", dir);
    write_file(path, x.p, x.len);
    snprintf(path, sizeof path, "%s/y", dir);
    write_file(path, y.p, y.len);
    snprintf(out, sizeof out, "%s/out", l->b.root);
    up(l, 0);
    l->names[0] = '\0';
    must(ask(l, (struct blobs_ask){.op = BLOBS_ADD, .path = dir, .in_place = 1}, NULL,
             0) == 0);
    hear(l, 3);
    ok(l->last.op == BLOBS_ADD && l->last.code == 0 && l->last.total == 2 &&
           strlen(l->names) == 2,
       "a folder in place: %s", l->names);
    ok(one(l, (struct blobs_ask){.op = BLOBS_EXPORT, .digest = x.d, .path = out}, NULL,
           0) == 0 &&
           same_file(out, x.p, x.len),
       "an export in steps");
    snprintf(path, sizeof path, "%s/x", dir);
    harm(path, 5);
    l->changes = 0;
    is_int(one(l, (struct blobs_ask){.op = BLOBS_READ, .digest = x.d, .size = x.len},
               NULL, 0),
           WEFT_ESTATE, "a file that changed");
    is_int(l->changes, 1, "is told as a change");
    is_int(one(l, (struct blobs_ask){.op = BLOBS_ADD, .path = "/none/such"}, NULL, 0),
           WEFT_ENOENT, "no folder");
    down(l);
    sample_free(&x);
    sample_free(&y);
}

/* The end, with work under way; and out of a callback. */
static void ended(struct loop_bed *l)
{
    struct sample x = sample_of(7, 64 * KIB);

    up(l, 0);
    for (int i = 0; i < 20; i++) {
        must(ask(l, (struct blobs_ask){.op = BLOBS_IMPORT}, x.p, x.len) == 0);
    }
    must(ask(l, (struct blobs_ask){.op = BLOBS_ADD, .path = l->b.root}, NULL, 0) == 0);
    l->heard = 0;
    down(l);
    is_int(l->heard, 0, "given up: nothing is told");
    up(l, 0);
    l->heard = 0;
    must(ask(l, (struct blobs_ask){.op = BLOBS_INFO, .digest = x.d}, NULL, 0) == 0);
    must(ask(l, (struct blobs_ask){.op = BLOBS_STATS}, NULL, 0) == 0);
    l->free_in_call = 1;
    hear(l, 100);
    is_int(l->heard, 1, "given up in a callback: that was the last one");
    ok(l->done[0].code == 0, "what was asked for before was finished");
    down(l);
    sample_free(&x);
}

int main(void)
{
    static struct loop_bed l;

    bed_init(&l.b);
    up(&l, 0);
    down(&l);
    ok(access(l.b.dir, F_OK) != 0, "nobody asked: nothing is written");
    all_ways(&l);
    let_go(&l);
    packed(&l);
    many(&l);
    bounded(&l);
    steps(&l);
    ended(&l);
    bed_fini(&l.b);
    return done();
}
