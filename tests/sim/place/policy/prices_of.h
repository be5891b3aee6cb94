/* prices_of.h - the price book that an operator would have written for a scenario */
#ifndef TESTS_SIM_PLACE_POLICY_PRICES_OF_H
#define TESTS_SIM_PLACE_POLICY_PRICES_OF_H

#include "tests/sim/place/scenario/scenario.h"

struct prices;

/* What it calls a node's tier (enum wf_tier, or a number of its own) and site. */
struct prices_of {
    struct prices *book; /* owned */
    uint8_t *tiers;      /* owned; of each tier of the scenario */
};

/* WEFT_ENOMEM; to be freed in any case. */
int prices_of(struct prices_of *p, const struct scenario *sc);
void prices_of_fini(struct prices_of *p);

/* 0 for the empty name. */
uint32_t prices_of_site(const struct scenario *sc, uint32_t site);

#endif
