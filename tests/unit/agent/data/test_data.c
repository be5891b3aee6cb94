/* data: effects of the core, carried out on a real store. */
#include "agent/data/data.h"
#include "common/mem.h"
#include "proto/transfer/transfer.h"
#include "tests/unit/agent/data/disk.h"

#define CHUNK WF_CHUNK_MIN
#define SIZE  (5u * CHUNK + 100)

struct bed {
    struct disk d;
    struct data *data;
    struct wf_effects fx;
    uint8_t bytes[SIZE];
    struct wf_digest leaves[6], digest;
    unsigned begun, written, read, held, listed, stats;
    struct wf_blob_ref ref; /* of the last BEGUN or WRITTEN */
    int code, leaves_known;
    uint8_t map;
    uint64_t chunk, tag, used, room;
    size_t len; /* of what was read */
    unsigned coding;
    uint8_t *got;
    struct node_hold hold;
};

static void on_event(void *arg, struct node_event *ev)
{
    struct bed *t = arg;

    switch (ev->kind) {
    case NODE_BLOB_BEGUN:
        t->begun++;
        t->ref = *ev->ref;
        t->code = ev->code;
        t->leaves_known = ev->leaves;
        t->map = ev->map != NULL ? ev->map[0] : 0;
        break;
    case NODE_BLOB_WRITTEN:
        t->written++;
        t->ref = *ev->ref;
        t->code = ev->code;
        t->chunk = ev->chunk;
        break;
    case NODE_BLOB_READ:
        t->read++;
        t->tag = ev->tag;
        t->code = ev->code;
        t->coding = ev->coding;
        t->len = ev->data.len;
        if (t->len != 0) {
            memcpy(t->got, ev->data.p, t->len);
        }
        break;
    case NODE_BLOB_HELD:
        t->held++;
        t->hold = *ev->hold;
        break;
    default:
        t->listed += ev->kind == NODE_BLOBS_LISTED;
        t->stats += ev->kind == NODE_BLOB_STATS;
        t->used = ev->used;
        t->room = ev->room;
        break;
    }
}

static void carry_out(struct bed *t)
{
    unsigned was = t->begun + t->written + t->read + t->held;

    for (size_t i = 0; i < t->fx.n; i++) {
        data_effect(t->data, &t->fx, &t->fx.v[i]);
    }
    wf_effects_clear(&t->fx);
    must(t->begun + t->written + t->read + t->held == was); /* nothing from inside */
}

static void open_data(struct bed *t)
{
    must(data_new(&t->d.loop, t->d.config, &t->d.log, on_event, t, &t->data, NULL) == 0);
}

static void bed_init(struct bed *t, const struct config_set *sets)
{
    memset(t, 0, sizeof *t);
    disk_init(&t->d, sets);
    wf_effects_init(&t->fx);
    t->got = calloc(1, WF_CHUNK_MAX);
    must(t->got != NULL);
    for (size_t i = 0; i < SIZE; i++) {
        t->bytes[i] = (uint8_t) (i * 7 + i / 251);
    }
    for (size_t i = 0; i < 6; i++) {
        wf_leaf(t->bytes + i * CHUNK, i < 5 ? CHUNK : 100, &t->leaves[i]);
    }
    wf_blob_digest(SIZE, t->leaves, &t->digest);
    open_data(t);
}

static void bed_fini(struct bed *t)
{
    data_free(t->data);
    wf_effects_fini(&t->fx);
    free(t->got);
    disk_fini(&t->d);
}

static void ref_effect(struct bed *t, enum wf_effect_kind kind, uint64_t chunk,
                       const void *p, size_t len)
{
    const struct wf_blob_ref ref = {t->digest, SIZE, 42};

    if (kind == WF_EFFECT_BLOB_WRITE) {
        uint8_t *own = wf_memdup(p, len);

        wf_blob_write(&t->fx, 0, chunk, &ref, &own, len);
    } else {
        wf_blob_effect(&t->fx, kind, 0, chunk, &ref, p, len);
    }
}

static void write_chunk(struct bed *t, unsigned i)
{
    ref_effect(t, WF_EFFECT_BLOB_WRITE, i, t->bytes + i * CHUNK, i < 5 ? CHUNK : 100);
}

static void read_effect(struct bed *t, unsigned kind, uint64_t first, uint64_t count,
                        int zstd)
{
    const struct wf_blob_read r = {.tag = 77,
                                   .digest = t->digest,
                                   .size = SIZE,
                                   .kind = kind,
                                   .first = first,
                                   .count = count,
                                   .zstd = zstd};

    wf_effects_add(&t->fx, WF_EFFECT_BLOB_READ, 0, 0, &r, sizeof r, NULL);
    carry_out(t);
}

static void digest_effect(struct bed *t, enum wf_effect_kind kind, uint64_t arg)
{
    wf_effects_add(&t->fx, kind, 0, arg, t->digest.b, sizeof t->digest.b, NULL);
    carry_out(t);
}

static void bring_in(struct bed *t)
{
    ref_effect(t, WF_EFFECT_BLOB_BEGIN, 0, NULL, 0);
    ref_effect(t, WF_EFFECT_BLOB_LEAVES, 0, t->leaves, sizeof t->leaves);
    for (unsigned i = 0; i < 6; i++) {
        write_chunk(t, i);
    }
    ref_effect(t, WF_EFFECT_BLOB_END, 1, NULL, 0);
    carry_out(t);
    run_until(&t->d, t->written == 6);
}

static void test_nothing(void)
{
    struct bed t;

    bed_init(&t, NULL);
    data_list(t.data);
    is_int(t.listed, 1, "without a folder there is nothing to wait for");
    ok(t.used == 0 && t.room == 1u << 30, "and all the room that there may be");
    ok(access(t.d.config->data, F_OK) != 0, "no folder is made");
    bed_fini(&t);
}

static void test_whole(void)
{
    struct bed t;

    bed_init(&t, NULL);
    data_list(t.data);
    ref_effect(&t, WF_EFFECT_BLOB_BEGIN, 0, NULL, 0);
    carry_out(&t);
    run_until(&t.d, t.begun == 1);
    ok(t.code == 0 && t.map == 0 && !t.leaves_known, "a blob is begun");
    ok(t.ref.id == 42 && t.ref.size == SIZE &&
           memcmp(&t.ref.digest, &t.digest, sizeof t.digest) == 0,
       "which answers with its ref");
    bring_in(&t);
    is_int(t.code, 0, "its chunks are in");
    ok(t.held == 1 && t.hold.have == SIZE && t.hold.size == SIZE && !t.hold.gone,
       "the core hears that it is whole");
    ref_effect(&t, WF_EFFECT_BLOB_BEGIN, 0, NULL, 0);
    carry_out(&t);
    run_until(&t.d, t.begun == 3);
    is_int(t.code, WEFT_EEXIST, "it need not be fetched again");
    run_until(&t.d, t.stats == 1);
    ok(t.used >= SIZE && t.room == 1u << 30, "it is used, and could make room");
    bed_fini(&t);
}

static void test_part(void)
{
    struct bed t;
    uint8_t wrong[CHUNK] = {1};

    bed_init(&t, NULL);
    data_list(t.data);
    ref_effect(&t, WF_EFFECT_BLOB_BEGIN, 0, NULL, 0);
    ref_effect(&t, WF_EFFECT_BLOB_LEAVES, 0, t.leaves, sizeof t.leaves);
    write_chunk(&t, 1);
    write_chunk(&t, 4);
    ref_effect(&t, WF_EFFECT_BLOB_WRITE, 2, wrong, sizeof wrong);
    carry_out(&t);
    run_until(&t.d, t.written == 3);
    ok(t.code == WEFT_EPROTO && t.chunk == 2, "a wrong chunk is told");
    is_int(t.held, 0, "it is not whole");
    read_effect(&t, WF_WANT_MAP, 0, 0, 0);
    run_until(&t.d, t.read == 1);
    ok(t.code == 0 && t.len == 1 && t.got[0] == 0x12, "the map of what is there");
    read_effect(&t, WF_WANT_CHUNKS, 3, 1, 0);
    run_until(&t.d, t.read == 2);
    is_int(t.code, WEFT_ENOENT, "a chunk that is not");
    data_free(t.data);
    t.listed = 0;
    open_data(&t);
    data_list(t.data);
    run_until(&t.d, t.listed == 1);
    ok(t.held == 1 && t.hold.have == 2 * CHUNK && t.hold.size == SIZE,
       "the next process knows of it");
    ref_effect(&t, WF_EFFECT_BLOB_BEGIN, 0, NULL, 0);
    carry_out(&t);
    run_until(&t.d, t.begun == 2);
    ok(t.code == 0 && t.map == 0x12 && t.leaves_known, "and goes on where it stopped");
    bed_fini(&t);
}

/* A part may be pinned: so is what it becomes. */
static void test_pinned_part(void)
{
    struct bed t;

    bed_init(&t, NULL);
    data_list(t.data);
    ref_effect(&t, WF_EFFECT_BLOB_BEGIN, 0, NULL, 0);
    ref_effect(&t, WF_EFFECT_BLOB_LEAVES, 0, t.leaves, sizeof t.leaves);
    write_chunk(&t, 0);
    carry_out(&t);
    run_until(&t.d, t.written == 1);
    digest_effect(&t, WF_EFFECT_BLOB_KEEP, WF_KEEP_PIN);
    run_until(&t.d, t.held == 1);
    is_int(t.hold.flags, WF_HOLD_PINNED, "a part is pinned");
    for (unsigned i = 1; i < 6; i++) {
        write_chunk(&t, i);
    }
    carry_out(&t);
    run_until(&t.d, t.written == 6);
    ok(t.hold.have == SIZE && t.hold.flags == WF_HOLD_PINNED, "so is the whole");
    bed_fini(&t);
}

static void test_reading(void)
{
    struct bed t;

    bed_init(&t, NULL);
    data_list(t.data);
    read_effect(&t, WF_WANT_CHUNKS, 0, 1, 0);
    run_until(&t.d, t.read == 1);
    ok(t.code == WEFT_ENOENT && t.tag == 77, "what is not there");
    bring_in(&t);
    read_effect(&t, WF_WANT_CHUNKS, 5, 1, 0);
    run_until(&t.d, t.read == 2);
    ok(t.code == 0 && t.len == 100 && t.coding == 0 &&
           memcmp(t.got, t.bytes + 5 * CHUNK, 100) == 0,
       "the last chunk");
    read_effect(&t, WF_WANT_CHUNKS, 0, 1, 1);
    run_until(&t.d, t.read == 3);
    ok(t.code == 0 && t.len < CHUNK && t.coding == 1, "one that packs well");
    read_effect(&t, WF_WANT_LEAVES, 1, 3, 0);
    run_until(&t.d, t.read == 4);
    ok(t.code == 0 && t.len == 96 && memcmp(t.got, &t.leaves[1], 96) == 0, "leaves");
    read_effect(&t, WF_WANT_MAP, 0, 0, 0);
    run_until(&t.d, t.read == 5);
    ok(t.code == 0 && t.len == 1 && t.got[0] == 0x3f, "the map of what is whole");
    read_effect(&t, WF_WANT_CHUNKS, 6, 1, 0);
    run_until(&t.d, t.read == 6);
    is_int(t.code, WEFT_ENOENT, "a chunk past the end");
    bed_fini(&t);
}

static void test_keeping(void)
{
    struct bed t;

    bed_init(&t, NULL);
    data_list(t.data);
    digest_effect(&t, WF_EFFECT_BLOB_HOLD, 0);
    run_until(&t.d, t.held == 1);
    ok(t.hold.gone, "what is not there cannot be held, and the core hears of it");
    bring_in(&t);
    digest_effect(&t, WF_EFFECT_BLOB_KEEP, WF_KEEP_PIN);
    run_until(&t.d, t.held == 3);
    ok(t.hold.flags == WF_HOLD_PINNED && t.hold.have == SIZE, "pinned");
    run_until(&t.d, t.stats != 0 && t.room < 1u << 30); /* it makes no room now */
    digest_effect(&t, WF_EFFECT_BLOB_HOLD, 0);
    digest_effect(&t, WF_EFFECT_BLOB_KEEP, WF_KEEP_DROP);
    run_until(&t.d, t.held == 4);
    ok(!t.hold.gone && t.hold.flags == 0, "what is in use is not dropped but unpinned");
    digest_effect(&t, WF_EFFECT_BLOB_RELEASE, 0);
    digest_effect(&t, WF_EFFECT_BLOB_KEEP, WF_KEEP_DROP);
    run_until(&t.d, t.held == 5);
    ok(t.hold.gone, "then it is");
    bed_fini(&t);
}

/* Those that there is no room for are asked for later, in order. */
static void test_many(void)
{
    struct bed t;

    bed_init(&t, NULL);
    data_list(t.data);
    bring_in(&t);
    for (unsigned i = 0; i < 2000; i++) {
        read_effect(&t, WF_WANT_CHUNKS, i % 6, 1, 0);
    }
    ok(desk_open(data_desk(t.data)) >= 2000, "all wait");
    run_until(&t.d, t.read == 2000);
    is_int(desk_open(data_desk(t.data)), 0, "none is left");
    ok(!data_fatal(t.data), "and none was lost");
    bed_fini(&t);
}

static void test_no_memory(void)
{
    struct bed t;
    struct node_event ev;
    unsigned n = 0;

    bed_init(&t, NULL);
    ref_effect(&t, WF_EFFECT_BLOB_BEGIN, 0, NULL, 0);
    ref_effect(&t, WF_EFFECT_BLOB_LEAVES, 0, t.leaves, sizeof t.leaves);
    write_chunk(&t, 3);
    (void) wf_mem_fail_after(0);
    for (size_t i = 0; i < t.fx.n; i++) {
        data_effect(t.data, &t.fx, &t.fx.v[i]);
        (void) wf_mem_fail_after(0);
    }
    (void) wf_mem_fail_after(-1);
    while (data_failure(t.data, &ev)) {
        ok(ev.code == WEFT_ENOMEM && ev.ref->id == 42, "what failed is answered");
        n++;
    }
    is_int(n, 2, "but leaves, which nobody waits for");
    bed_fini(&t);
}

static void test_unusable(void)
{
    struct bed t;

    bed_init(&t, NULL);
    t.d.log.level = WF_LOG_ERROR;
    data_list(t.data);
    bring_in(&t);
    data_free(t.data);
    must(unlink(disk_path(&t.d, "blobs/key")) == 0);
    t.listed = 0;
    open_data(&t);
    data_list(t.data);
    run_until(&t.d, t.listed == 1);
    ok(t.room == 0 && t.used == 0, "a store that cannot be read has no room");
    bed_fini(&t);
}

int main(void)
{
    test_nothing();
    test_whole();
    test_part();
    test_pinned_part();
    test_reading();
    test_keeping();
    test_many();
    test_no_memory();
    test_unusable();
    return done();
}
