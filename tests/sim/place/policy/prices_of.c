#include "tests/sim/place/policy/prices_of.h"

#include "broker/core/router/prices.h"
#include "common/mem.h"
#include "proto/words.h"

#define PUSD 1e12

uint32_t prices_of_site(const struct scenario *sc, uint32_t site)
{
    return names_text(&sc->sites, site)[0] != '\0' ? site + 1 : 0;
}

static uint64_t pusd_byte(const struct scenario *sc, uint32_t from, uint32_t to)
{
    double usd = sc->usd_byte[(size_t) from * sc->tiers.n + to];

    return wf_min_u64((uint64_t) (usd * PUSD + 0.5), PRICES_BYTE_MAX);
}

/* The book knows three tiers.  A scenario may call its own otherwise; 1 when all got a
 * number. */
static int number_tiers(struct prices_of *p, const struct scenario *sc)
{
    int taken[WF_TIER_CLOUD + 1] = {1};
    int all = 1;

    for (uint32_t t = 0; t < sc->tiers.n; t++) {
        int known = wf_tier_parse(names_text(&sc->tiers, t));

        if (known > 0) {
            p->tiers[t] = (uint8_t) known;
            taken[known] = 1;
        }
    }
    for (uint32_t t = 0; t < sc->tiers.n; t++) {
        uint8_t free_one = 1;

        if (p->tiers[t] != 0) {
            continue;
        }
        while (free_one <= WF_TIER_CLOUD && taken[free_one]) {
            free_one++;
        }
        if (free_one > WF_TIER_CLOUD) {
            all = 0;
            continue;
        }
        p->tiers[t] = free_one;
        taken[free_one] = 1;
    }
    return all;
}

static int price_tiers(struct prices_of *p, const struct scenario *sc)
{
    int rc = 0;

    for (uint32_t i = 0; i < sc->tiers.n && rc == 0; i++) {
        for (uint32_t k = 0; k < sc->tiers.n && rc == 0; k++) {
            if (p->tiers[i] != 0 && p->tiers[k] != 0) {
                rc = prices_set_tiers(p->book, p->tiers[i], p->tiers[k],
                                      pusd_byte(sc, i, k));
            }
        }
    }
    return rc;
}

/* A line for a pair of sites, as the tiers of their nodes have it.  Of more sites than
 * the book takes the rest goes by tier. */
static int price_site(struct prices_of *p, const struct scenario *sc, uint32_t x,
                      uint32_t y)
{
    const struct sc_node *from = &sc->nodes[x], *to = &sc->nodes[y];
    const uint32_t a = prices_of_site(sc, from->site), b = prices_of_site(sc, to->site);
    int rc = a == 0 || b == 0
                 ? 0
                 : prices_set_sites(p->book, a, b, pusd_byte(sc, from->tier, to->tier));

    return rc == WEFT_EFULL || rc == WEFT_EINVAL ? 0 : rc;
}

/* A book has what stays within a site for nothing, scenarios go by tier alone; and of
 * more than three tiers only sites tell them apart. */
static int price_sites(struct prices_of *p, const struct scenario *sc, int by_tier)
{
    int rc = 0;

    for (uint32_t x = 0; x < sc->nnodes && rc == 0; x++) {
        if (sc->nodes[x].role != SC_AGENT) {
            continue;
        }
        if (by_tier) {
            rc = price_site(p, sc, x, x);
            continue;
        }
        for (uint32_t y = 0; y < sc->nnodes && rc == 0; y++) {
            if (sc->nodes[y].role == SC_AGENT) {
                rc = price_site(p, sc, x, y);
            }
        }
    }
    return rc;
}

/* The book keeps lines for a few hundred sites.  Where every node has a site of its own,
 * nothing stays within one. */
static int sites_are_shared(const struct scenario *sc)
{
    return sc->sites.n < sc->nnodes;
}

int prices_of(struct prices_of *p, const struct scenario *sc)
{
    int by_tier, rc;

    *p = (struct prices_of){.book = prices_new()};
    p->tiers = wf_calloc(sc->tiers.n + 1u, sizeof *p->tiers);
    if (p->book == NULL || p->tiers == NULL) {
        return WEFT_ENOMEM;
    }
    by_tier = number_tiers(p, sc);
    rc = price_tiers(p, sc);
    if (rc == 0 && (!by_tier || sites_are_shared(sc))) {
        rc = price_sites(p, sc, by_tier);
    }
    return rc;
}

void prices_of_fini(struct prices_of *p)
{
    prices_free(p->book);
    wf_free(p->tiers);
    *p = (struct prices_of){0};
}
