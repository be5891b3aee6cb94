#include "tests/sim/data/goods.h"

#include "common/check.h"
#include "common/mem.h"
#include "common/rng.h"
#include "common/str.h"

#include <string.h>

#define SALT UINT64_C(0x676f6f6473)

static const uint64_t sizes[GOODS] = {1,      5000,  WF_CHUNK_MIN, WF_CHUNK_MIN + 1,
                                      200000, 500000};

static void make(struct good *x, uint64_t size, struct wf_rng *rng)
{
    x->size = size;
    x->chunks = (unsigned) wf_chunk_count(size);
    x->bytes = wf_calloc(1, size + 8);
    WF_CHECK(x->bytes != NULL && x->chunks <= GOODS_CHUNKS);
    for (uint64_t i = 0; i < size; i += 8) {
        uint64_t word = wf_rng_next(rng);

        memcpy(x->bytes + i, &word, sizeof word);
    }
    for (unsigned i = 0; i < x->chunks; i++) {
        wf_leaf(x->bytes + (size_t) i * WF_CHUNK_MIN, wf_chunk_len(size, i),
                &x->leaves[i]);
    }
    wf_blob_digest(size, x->leaves, &x->digest);
    wf_hex(x->hex, x->digest.b, sizeof x->digest);
}

void goods_init(struct goods *g)
{
    struct wf_rng rng = {SALT};

    for (unsigned i = 0; i < GOODS; i++) {
        make(&g->v[i], sizes[i], &rng);
    }
}

void goods_fini(struct goods *g)
{
    for (unsigned i = 0; i < GOODS; i++) {
        wf_free(g->v[i].bytes);
        g->v[i].bytes = NULL;
    }
}

int goods_wanted(unsigned long long seed)
{
    struct wf_rng rng = {seed ^ SALT};

    return wf_rng_below(&rng, 3) == 0;
}

const struct good *goods_find(const struct goods *g, const struct wf_digest *digest)
{
    for (unsigned i = 0; i < GOODS; i++) {
        if (memcmp(g->v[i].digest.b, digest->b, sizeof digest->b) == 0) {
            return &g->v[i];
        }
    }
    return NULL;
}
