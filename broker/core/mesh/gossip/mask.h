/* mask.h - a set of links, by number
 *
 * A bit for each of GOSSIP_LINKS_MAX links, for "who is owed this".  Plain values.
 */
#ifndef BROKER_CORE_MESH_GOSSIP_MASK_H
#define BROKER_CORE_MESH_GOSSIP_MASK_H

#include "common/defs.h"

#define GOSSIP_LINKS_MAX 256u

struct mask {
    uint64_t w[GOSSIP_LINKS_MAX / 64];
};

static inline void mask_set(struct mask *m, unsigned i)
{
    m->w[i / 64] |= UINT64_C(1) << (i % 64);
}

static inline void mask_clear(struct mask *m, unsigned i)
{
    m->w[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

static inline int mask_has(const struct mask *m, unsigned i)
{
    return (m->w[i / 64] >> (i % 64) & 1) != 0;
}

/* Clear a bit; 1 when it was set. */
static inline int mask_take(struct mask *m, unsigned i)
{
    int had = mask_has(m, i);

    mask_clear(m, i);
    return had;
}

static inline int mask_empty(const struct mask *m)
{
    uint64_t any = 0;

    for (unsigned i = 0; i < ARRAY_LEN(m->w); i++) {
        any |= m->w[i];
    }
    return any == 0;
}

#endif
