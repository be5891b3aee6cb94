/* holdings.h - which node has which blob, now */
#ifndef TESTS_SIM_PLACE_HOLDINGS_H
#define TESTS_SIM_PLACE_HOLDINGS_H

#include "tests/sim/place/scenario/scenario.h"

struct holding {
    uint32_t *nodes; /* owned */
    uint32_t n;
    size_t cap;
};

struct holdings {
    const struct scenario *sc;
    struct holding *of; /* owned; of each blob */
    uint64_t *has;      /* owned; a bit for each blob, of each node */
    size_t words;       /* of one node */
};

/* As the scenario begins.  WEFT_ENOMEM; to be freed in any case. */
int holdings_init(struct holdings *h, const struct scenario *sc);
void holdings_fini(struct holdings *h);

/* WEFT_ENOMEM. */
int holdings_add(struct holdings *h, uint32_t node, uint32_t blob);

static inline int holdings_has(const struct holdings *h, uint32_t node, uint32_t blob)
{
    return (int) (h->has[node * h->words + blob / 64] >> blob % 64 & 1);
}

#endif
