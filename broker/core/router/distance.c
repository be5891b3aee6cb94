#include "broker/core/router/distance.h"

#include "common/root.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

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

static unsigned bounds_of_each(const uint16_t *a, const uint16_t *h, unsigned n,
                               uint32_t *ret_u, uint32_t *ret_lo)
{
    uint32_t u = UINT32_MAX, lo = 0;
    unsigned known = 0;

    for (unsigned k = 0; k < n; k++) {
        uint32_t x = a[k], y = h[k];

        if (x != 0 && y != 0) {
            u = (uint32_t) wf_min_u64(u, x + y);
            lo = (uint32_t) wf_max_u64(lo, x > y ? x - y : y - x);
            known++;
        }
    }
    *ret_u = known != 0 ? u : 0;
    *ret_lo = lo;
    return known;
}

/* This is where a decision spends its time: eight brokers at once. */
#define LANES 8u
typedef uint16_t lanes __attribute__((vector_size(LANES * sizeof(uint16_t))));

/* Signed numbers compare in one step where others take two. */
#define TURN ((lanes){0} + 0x8000)

static lanes load(const uint16_t *v)
{
    lanes x;

    memcpy(&x, v, sizeof x);
    return x;
}

#ifdef __SSE2__
/* Compilers do not find these two, of which the plainest of machines is capable. */
static lanes add_sat(lanes a, lanes b)
{
    return (lanes) _mm_adds_epu16((__m128i) a, (__m128i) b);
}

static lanes least(lanes a, lanes b)
{
    return a - (lanes) _mm_subs_epu16((__m128i) a, (__m128i) b);
}

/* Of lanes with the highest bit turned. */
static lanes least_turned(lanes a, lanes b)
{
    return (lanes) _mm_min_epi16((__m128i) a, (__m128i) b);
}
#else
static lanes add_sat(lanes a, lanes b)
{
    const lanes s = a + b;

    return s | (lanes) (s < a);
}

static lanes least(lanes a, lanes b)
{
    const lanes less = (lanes) (a <= b);

    return (a & less) | (b & ~less);
}

static lanes least_turned(lanes a, lanes b)
{
    return least(a ^ TURN, b ^ TURN) ^ TURN;
}
#endif

static lanes most(lanes a, lanes b)
{
    const lanes less = (lanes) (a <= b);

    return (b & less) | (a & ~less);
}

/* All ones where one of them is not known. */
static lanes hole(lanes x, lanes y)
{
    return (lanes) (x == 0) | (lanes) (y == 0);
}

/* All ones where it is not known or does not fit. */
static lanes sum(lanes x, lanes y)
{
    const lanes s = x + y;

    return s | (lanes) (s < x) | hole(x, y);
}

/* The other half, quarter and eighth beside this one. */
#define HALF(v)    __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3)
#define QUARTER(v) __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5)
#define EIGHTH(v)  __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6)

static uint32_t least_of(lanes v)
{
    v = least(v, HALF(v));
    v = least(v, QUARTER(v));
    return least(v, EIGHTH(v))[0];
}

static uint32_t most_of(lanes v)
{
    v = most(v, HALF(v));
    v = most(v, QUARTER(v));
    return most(v, EIGHTH(v))[0];
}

static unsigned sum_of(lanes v)
{
    v += HALF(v);
    v += QUARTER(v);
    return (v + EIGHTH(v))[0];
}

/* The same for n that LANES divides; 0: a sum does not fit a lane. */
static int bounds_of_lanes(const uint16_t *a, const uint16_t *h, unsigned n,
                           unsigned *ret_known, uint32_t *ret_u, uint32_t *ret_lo)
{
    lanes u = ~(lanes){0}, lo = {0}, holes = {0};

    for (unsigned k = 0; k < n; k += LANES) {
        const lanes x = load(a + k), y = load(h + k), none = hole(x, y);

        u = least(u, sum(x, y));
        lo = most(lo, (most(x, y) - least(x, y)) & ~none);
        holes -= none;
    }
    *ret_known = n - sum_of(holes);
    *ret_u = least_of(u);
    *ret_lo = most_of(lo);
    return *ret_u < UINT16_MAX;
}

unsigned distance_bounds(const uint16_t *a, const uint16_t *h, unsigned n,
                         uint32_t *ret_u, uint32_t *ret_lo)
{
    unsigned known;

    if (n % LANES == 0 && bounds_of_lanes(a, h, n, &known, ret_u, ret_lo)) {
        return known;
    }
    return bounds_of_each(a, h, n, ret_u, ret_lo);
}

/* One less of each: what is not known is then beyond all that is, and stays there. */
static lanes way_over(const uint16_t *a, const uint16_t *h)
{
    const lanes one = (lanes){0} + 1;

    return add_sat(load(a) - one, load(h) - one) ^ TURN;
}

uint32_t distance_least(const uint16_t *a, const uint16_t *h, unsigned n)
{
    lanes v = way_over(a, h);

    for (unsigned k = LANES; k < n; k += LANES) {
        v = least_turned(v, way_over(a + k, h + k));
    }
    v = least_turned(v, HALF(v));
    v = least_turned(v, QUARTER(v));
    v = least_turned(v, EIGHTH(v)) ^ TURN;
    return (uint32_t) wf_min_u64(v[0] + 2u, UINT16_MAX);
}

uint32_t distance_guess_us(const struct distance_end *a, const struct distance_end *h,
                           unsigned n)
{
    uint32_t u =
        n % LANES == 0 ? distance_least(a->to_broker, h->to_broker, n) : UINT16_MAX;

    if (u == UINT16_MAX) {
        return distance_between(a, h, n, 0).rtt_us;
    }
    u *= DISTANCE_UNIT_US;
    return a->site != 0 && a->site == h->site ? (uint32_t) wf_min_u64(u, DISTANCE_SITE_US)
                                              : u;
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
