#include "broker/core/router/distance.h"

#include "common/root.h"

#define ENTRY_MAX UINT16_MAX

uint16_t distance_entry(uint64_t rtt_us)
{
    uint64_t entry = rtt_us / DISTANCE_UNIT_US;

    if (rtt_us == 0) {
        return 0;
    }
    entry += rtt_us % DISTANCE_UNIT_US >= DISTANCE_UNIT_US / 2;
    return (uint16_t) wf_min_u64(wf_max_u64(entry, 1), ENTRY_MAX);
}

/* Without branches: this is where a decision spends its time. */
unsigned distance_bounds(const uint16_t *a, const uint16_t *h, unsigned n,
                         uint32_t *ret_u, uint32_t *ret_lo)
{
    uint32_t u = UINT32_MAX, lo = 0;
    unsigned known = 0;

    for (unsigned k = 0; k < n; k++) {
        uint32_t x = a[k], y = h[k];
        /* All ones when one of them is not known. */
        uint32_t hole = 0 - (uint32_t) (x == 0 || y == 0);
        uint32_t sum = (x + y) | hole;
        uint32_t diff = (x > y ? x - y : y - x) & ~hole;

        u = sum < u ? sum : u;
        lo = diff > lo ? diff : lo;
        known += 1 + hole;
    }
    *ret_u = known != 0 ? u : 0;
    *ret_lo = lo;
    return known;
}

static uint64_t fourth(uint32_t entry)
{
    uint64_t e = wf_min_u64(entry, ENTRY_MAX);

    return e * e * e * e;
}

/* The fourth power of sqrt(U Lo), or of U^3/4 Lo^1/4.  Equal entries may be half a unit
 * apart each, so Lo is at least 1; and for few of them it must not outweigh U. */
static uint64_t rank_of(uint32_t u, uint32_t lo, int few)
{
    uint64_t a = wf_min_u64(u, ENTRY_MAX);
    uint64_t b = wf_max_u64(lo, 1);

    return few ? a * a * a * b : a * a * b * b;
}

struct distance distance_between(const struct distance_end *a,
                                 const struct distance_end *h, unsigned n,
                                 uint32_t measured_us)
{
    struct distance d = {measured_us, fourth(distance_entry(measured_us)),
                         DISTANCE_MEASURED};
    uint32_t u, lo;

    if (measured_us != 0) {
        return d;
    }
    if (distance_bounds(a->to_broker, h->to_broker, n, &u, &lo) != 0) {
        d.rtt_us = u * DISTANCE_UNIT_US;
        d.rank = rank_of(u, lo, a->few || h->few);
        d.source = DISTANCE_VECTOR;
    } else {
        d.rtt_us = DISTANCE_FAR_US;
        d.rank = fourth(DISTANCE_FAR_US / DISTANCE_UNIT_US);
        d.source = DISTANCE_NONE;
    }
    if (a->site != 0 && a->site == h->site) {
        d.rtt_us = (uint32_t) wf_min_u64(d.rtt_us, DISTANCE_SITE_US);
        d.rank = wf_min_u64(d.rank, fourth(DISTANCE_SITE_US / DISTANCE_UNIT_US));
        d.source = DISTANCE_SITE;
    }
    return d;
}

uint32_t distance_rank_us(uint64_t rank)
{
    /* Two roots, each of a value scaled up, so that 0.1 ms does not swallow the near. */
    uint64_t squared = wf_root(rank); /* 0.1 ms squared */

    return wf_root(squared * DISTANCE_UNIT_US * DISTANCE_UNIT_US);
}

unsigned distance_fill(uint16_t *to_broker, const uint16_t *between, unsigned n)
{
    uint16_t known[DISTANCE_BROKERS_MAX];
    unsigned nknown = 0, at[DISTANCE_BROKERS_MAX];

    if (n > DISTANCE_BROKERS_MAX) {
        n = DISTANCE_BROKERS_MAX;
    }
    for (unsigned k = 0; k < n; k++) {
        if (to_broker[k] != 0) {
            known[nknown] = to_broker[k];
            at[nknown++] = k;
        }
    }
    for (unsigned k = 0; k < n; k++) {
        uint32_t best = UINT32_MAX;

        for (unsigned i = 0; to_broker[k] == 0 && i < nknown; i++) {
            uint32_t hop = between[at[i] * n + k];
            uint32_t way = hop == 0 ? UINT32_MAX : known[i] + hop;

            best = way < best ? way : best;
        }
        if (best != UINT32_MAX) {
            to_broker[k] = (uint16_t) wf_min_u64(best, ENTRY_MAX);
        }
    }
    return nknown;
}
