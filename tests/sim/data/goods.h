/* goods.h - the blobs of a world: what they are made of, known to everybody who judges
 *
 * A third of the worlds have them.  Made once for all worlds.
 */
#ifndef TESTS_SIM_DATA_GOODS_H
#define TESTS_SIM_DATA_GOODS_H

#include "proto/blob.h"

#define GOODS        6u
#define GOODS_CHUNKS 8u /* that one has at most */

struct good {
    uint64_t size;
    unsigned chunks;
    struct wf_digest digest;
    struct wf_digest leaves[GOODS_CHUNKS];
    char hex[2 * sizeof(struct wf_digest) + 1];
    uint8_t *bytes; /* owned */
};

struct goods {
    struct good v[GOODS];
};

void goods_init(struct goods *g);
void goods_fini(struct goods *g);

/* Has this seed's world any? */
int goods_wanted(unsigned long long seed);

/* NULL: it is none of them. */
const struct good *goods_find(const struct goods *g, const struct wf_digest *digest);

static inline unsigned good_index(const struct goods *g, const struct good *x)
{
    return (unsigned) (x - g->v);
}

/* A bit for each chunk. */
static inline uint8_t good_all(const struct good *x)
{
    return (uint8_t) ((1u << x->chunks) - 1);
}

#endif
