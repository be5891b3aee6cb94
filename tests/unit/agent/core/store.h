/* store.h - a node with a blob store, of a world with eight blobs
 *
 * What the node asked for gathers until it is answered (world.h); what it said is kept
 * until forget().  The store keeps what verifies.
 */
#ifndef TESTS_UNIT_AGENT_CORE_STORE_H
#define TESTS_UNIT_AGENT_CORE_STORE_H

#include "common/log.h"
#include "tests/unit/agent/bed.h"

#define WORLD_BLOBS      8
#define WORLD_CHUNK      WF_CHUNK_MIN
#define WORLD_CHUNKS_MAX 8

struct world_blob {
    struct wf_digest digest;
    uint64_t size;
    uint8_t map; /* chunks in the store */
    int listed;  /* the holder has it */
    int held, pinned;
    unsigned begins;
};

struct world {
    struct bed b;
    struct world_blob blobs[WORLD_BLOBS];
    struct wf_buf queue; /* effects not answered: struct wf_effect, then bytes */
    size_t at;
    struct wf_buf said; /* u32 length, then an encoded message */
    unsigned opens, closes, reads, locates;
    int deaf;            /* the broker does not locate */
    const char *forbids; /* it does not let anything be fetched, and says this */
    int mute;            /* the holder does not answer */
    int stingy;          /* it gives `left` more chunks */
    unsigned left;
    int full;       /* the store has no room */
    unsigned wrong; /* so many chunks are given wrong */
    uint8_t *bytes; /* of a chunk */
    /* The dataset "maps@2": file i is blob i % WORLD_BLOBS. */
    uint64_t files;
    unsigned page;
    const char *folder; /* "x/": path of each file, before its number */
    int unlisted;       /* code of the broker's refusal to list */
    unsigned queries;
    uint64_t asked_after;
    unsigned begun[WORLD_BLOBS], nbegun; /* blobs, in the order of their first BEGIN */
};

/* Byte `i` of blob `n`. */
WF_UNUSED static uint8_t world_byte(unsigned n, uint64_t i)
{
    return (uint8_t) (n * 31 + i * 7 + (i >> 8));
}

WF_UNUSED static void world_fill(struct world *w, unsigned n, uint64_t chunk)
{
    for (uint64_t i = 0; i < WORLD_CHUNK; i++) {
        w->bytes[i] = world_byte(n, chunk * WORLD_CHUNK + i);
    }
}

WF_UNUSED static void world_leaves(struct world *w, unsigned n, struct wf_digest *leaves)
{
    uint64_t size = w->blobs[n].size;

    for (uint64_t i = 0; i < wf_chunk_count(size); i++) {
        world_fill(w, n, i);
        wf_leaf(w->bytes, wf_chunk_len(size, i), &leaves[i]);
    }
}

WF_UNUSED static uint8_t world_all(const struct world_blob *x)
{
    return (uint8_t) ((1u << wf_chunk_count(x->size)) - 1);
}

WF_UNUSED static uint64_t world_have(const struct world_blob *x)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < wf_chunk_count(x->size); i++) {
        sum += (x->map >> i & 1) != 0 ? wf_chunk_len(x->size, i) : 0;
    }
    return sum;
}

/* Blobs 0 to 5 are small, 6 and 7 have several chunks. */
WF_UNUSED static void init_world(struct world *w, uint64_t slots, uint64_t queue)
{
    memset(w, 0, sizeof *w);
    init_bed(&w->b, slots, queue);
    w->b.cfg.data_cap = 1u << 30;
    w->b.cfg.nlabels = 1;
    strcpy(w->b.cfg.labels[0], "residency=eu");
    w->page = 100;
    w->folder = "";
    wf_buf_init(&w->queue, 64u << 20);
    wf_buf_init(&w->said, 64u << 20);
    w->bytes = calloc(1, WORLD_CHUNK);
    must(w->bytes != NULL);
    for (unsigned i = 0; i < WORLD_BLOBS; i++) {
        struct wf_digest leaves[WORLD_CHUNKS_MAX];

        w->blobs[i].size = i < 6 ? 1000 + i : WORLD_CHUNK * (i - 3) + 5;
        w->blobs[i].listed = 1;
        world_leaves(w, i, leaves);
        wf_blob_digest(w->blobs[i].size, leaves, &w->blobs[i].digest);
    }
}

WF_UNUSED static void close_world(struct world *w)
{
    close_bed(&w->b);
    wf_buf_fini(&w->queue);
    wf_buf_fini(&w->said);
    free(w->bytes);
}

/* -- what the node asked for -----------------------------------------------------------
 */

WF_UNUSED static void forget(struct world *w)
{
    wf_buf_clear(&w->said);
}

/* The n-th message of a type since forget(). */
WF_UNUSED static int heard(const struct world *w, enum wf_type type, unsigned n,
                           struct wf_msg *ret)
{
    for (size_t at = 0; at < w->said.len;) {
        uint32_t len;
        struct wf_cursor cur;

        memcpy(&len, w->said.p + at, sizeof len);
        wf_cur_init(&cur, w->said.p + at + sizeof len, len);
        at += sizeof len + len;
        if (wf_msg_decode(&cur, ret) == 0 && ret->type == type && n-- == 0) {
            return 1;
        }
    }
    return 0;
}

WF_UNUSED static unsigned times(const struct world *w, enum wf_type type)
{
    struct wf_msg m;
    unsigned n = 0;

    while (heard(w, type, n, &m)) {
        n++;
    }
    return n;
}

/* Keep what the last step asked for. */
WF_UNUSED static void gather(struct world *w)
{
    for (size_t i = 0; i < w->b.fx.n; i++) {
        const struct wf_effect *x = &w->b.fx.v[i];
        const uint8_t *p = wf_effect_bytes(&w->b.fx, x);
        uint32_t len = (uint32_t) x->len;

        if (x->kind == WF_EFFECT_SEND) {
            must(wf_buf_put(&w->said, &len, sizeof len) == 0);
            must(wf_buf_put(&w->said, p, len) == 0);
        }
        must(wf_buf_put(&w->queue, x, sizeof *x) == 0);
        if (x->kind == WF_EFFECT_BLOB_WRITE) {
            /* The effect owns its chunk. */
            must(wf_buf_put(&w->queue, p, sizeof(struct wf_blob_ref)) == 0);
            must(wf_buf_put(&w->queue, x->obj, len - sizeof(struct wf_blob_ref)) == 0);
        } else {
            must(wf_buf_put(&w->queue, p, len) == 0);
        }
    }
}

WF_UNUSED static void act(struct world *w, struct node_event *ev)
{
    step(&w->b, ev);
    gather(w);
}

WF_UNUSED static void say(struct world *w, enum wf_type type, const void *body)
{
    hears(&w->b, type, body);
    gather(w);
}

/* -- the store -------------------------------------------------------------------------
 */

WF_UNUSED static struct world_blob *blob_of(struct world *w, const struct wf_digest *d)
{
    for (unsigned i = 0; i < WORLD_BLOBS; i++) {
        if (wf_digest_eq(&w->blobs[i].digest, d)) {
            return &w->blobs[i];
        }
    }
    must(!"a blob of this world");
    return NULL;
}

/* What the store has of blob `n` is told. */
WF_UNUSED static void tell_held(struct world *w, unsigned n)
{
    const struct world_blob *x = &w->blobs[n];
    const struct node_hold h = {.digest = x->digest,
                                .size = x->size,
                                .have = world_have(x),
                                .flags = x->pinned ? WF_HOLD_PINNED : 0,
                                .gone = x->map == 0};
    struct node_event ev = {.kind = NODE_BLOB_HELD, .hold = &h};

    act(w, &ev);
}

WF_UNUSED static void put(struct world *w, unsigned n)
{
    w->blobs[n].map = world_all(&w->blobs[n]);
    tell_held(w, n);
}

WF_UNUSED static void lose(struct world *w, unsigned n)
{
    w->blobs[n].map = 0;
    w->blobs[n].held = 0;
    tell_held(w, n);
}

WF_UNUSED static void list_store(struct world *w)
{
    struct node_event ev = {.kind = NODE_BLOBS_LISTED, .used = 5, .room = 100};

    for (unsigned i = 0; i < WORLD_BLOBS; i++) {
        if (w->blobs[i].map != 0) {
            tell_held(w, i);
        }
    }
    act(w, &ev);
}

WF_UNUSED static void begin_blob(struct world *w, const struct wf_blob_ref *ref)
{
    struct world_blob *x = blob_of(w, &ref->digest);
    struct node_event ev = {.kind = NODE_BLOB_BEGUN, .ref = ref};

    if (x->begins++ == 0) {
        w->begun[w->nbegun++] = (unsigned) (x - w->blobs);
    }
    if (w->full) {
        ev.code = WEFT_EFULL;
    } else if (x->map == world_all(x)) {
        ev.code = WEFT_EEXIST;
    } else {
        ev.map = &x->map;
    }
    act(w, &ev);
}

WF_UNUSED static void write_blob(struct world *w, const struct wf_blob_ref *ref,
                                 uint64_t chunk, const uint8_t *p, size_t len)
{
    struct world_blob *x = blob_of(w, &ref->digest);
    struct node_event ev = {.kind = NODE_BLOB_WRITTEN, .ref = ref, .chunk = chunk};

    world_fill(w, (unsigned) (x - w->blobs), chunk);
    if (len != wf_chunk_len(x->size, chunk) || memcmp(w->bytes, p, len) != 0) {
        ev.code = WEFT_EPROTO;
    } else {
        x->map |= (uint8_t) (1u << chunk);
    }
    act(w, &ev);
    if (x->map == world_all(x)) {
        tell_held(w, (unsigned) (x - w->blobs));
    }
}

WF_UNUSED static void keep_blob(struct world *w, const struct wf_effect *x,
                                const struct wf_digest *d)
{
    struct world_blob *b = blob_of(w, d);

    if (x->kind == WF_EFFECT_BLOB_HOLD || x->kind == WF_EFFECT_BLOB_RELEASE) {
        must(b->held == (x->kind == WF_EFFECT_BLOB_RELEASE));
        b->held = x->kind == WF_EFFECT_BLOB_HOLD;
        return;
    }
    if (x->arg == WF_KEEP_DROP) {
        must(!b->held);
        b->map = 0;
    }
    b->pinned = x->arg == WF_KEEP_PIN;
    tell_held(w, (unsigned) (b - w->blobs));
}

#endif
