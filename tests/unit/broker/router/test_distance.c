#include "broker/core/router/distance.h"

#include "common/rng.h"
#include "tests/lib/tap.h"

static void entries(void)
{
    is_int(distance_entry(0), 0, "not known stays so");
    is_int(distance_entry(1), 1, "the least that is known");
    is_int(distance_entry(149), 1, "rounded down");
    is_int(distance_entry(150), 2, "and up");
    is_int(distance_entry(6553500), 65535, "the largest");
    is_int(distance_entry(UINT64_MAX), 65535, "and what is beyond it");
}

static void bounds(void)
{
    static const uint16_t a[] = {100, 0, 30, 500}, h[] = {90, 10, 0, 40};
    static const uint16_t none[4] = {0};
    uint32_t u, lo;

    is_int(distance_bounds(a, h, 4, &u, &lo), 2, "two brokers that both know");
    is_int(u, 190, "the shortest way over one");
    is_int(lo, 460, "the largest difference");
    is_int(distance_bounds(h, a, 4, &u, &lo), 2, "the same from the other end");
    is_int(u, 190, "the same way");
    is_int(lo, 460, "the same difference");
    is_int(distance_bounds(a, none, 4, &u, &lo), 0, "no broker in common");
    is_int(u + lo, 0, "says nothing");
    is_int(distance_bounds(a, h, 0, &u, &lo), 0, "nor do no brokers");
}

/* U of eight or more, which is what decisions ask for. */
static void least(void)
{
    struct wf_rng rng = {9};
    int good = 1;

    for (int i = 0; i < 20000; i++) {
        uint16_t a[DISTANCE_BROKERS_MAX], h[DISTANCE_BROKERS_MAX];
        unsigned n = 8 + 8 * (unsigned) wf_rng_below(&rng, 4);
        uint32_t u, lo;

        for (unsigned k = 0; k < n; k++) {
            a[k] = (uint16_t) (wf_rng_next(&rng) >> 48 >> wf_rng_below(&rng, 17));
            h[k] = (uint16_t) (wf_rng_next(&rng) >> 48 >> wf_rng_below(&rng, 17));
        }
        if (distance_bounds(a, h, n, &u, &lo) == 0 || u > UINT16_MAX) {
            u = UINT16_MAX;
        }
        good = good && distance_least(a, h, n) == u;
    }
    ok(good, "the least way of any vectors");
}

/* Against the definition, with entries of all sizes. */
static void like_the_definition(void)
{
    struct wf_rng rng = {7};
    int good = 1;

    for (int i = 0; i < 20000; i++) {
        uint16_t a[DISTANCE_BROKERS_MAX], h[DISTANCE_BROKERS_MAX];
        unsigned n = (unsigned) wf_rng_below(&rng, DISTANCE_BROKERS_MAX + 1), known = 0;
        uint32_t u, lo, want_u = 0, want_lo = 0;

        for (unsigned k = 0; k < n; k++) {
            a[k] = (uint16_t) (wf_rng_next(&rng) >> 48 >> wf_rng_below(&rng, 17));
            h[k] = (uint16_t) (wf_rng_next(&rng) >> 48 >> wf_rng_below(&rng, 17));
            if (a[k] != 0 && h[k] != 0) {
                uint32_t sum = (uint32_t) a[k] + h[k];
                uint32_t diff = (uint32_t) abs(a[k] - h[k]);

                want_u = known == 0 || sum < want_u ? sum : want_u;
                want_lo = diff > want_lo ? diff : want_lo;
                known++;
            }
        }
        good = good && distance_bounds(a, h, n, &u, &lo) == known && u == want_u &&
               lo == want_lo;
    }
    ok(good, "any vectors");
}

static void sources(void)
{
    static const uint16_t va[] = {100, 300}, vh[] = {100, 300}, vx[] = {300, 100};
    static const uint16_t none[2] = {0};
    struct distance_end a = {va, 1, 0}, h = {vh, 2, 0}, x = {vx, 3, 0}, n = {none, 0, 0};
    struct distance d = distance_between(&a, &h, 2, 0);

    is_int(d.source, DISTANCE_VECTOR, "by their vectors");
    is_int(d.rtt_us, 20000, "the size is U");
    ok(d.rank < distance_between(&a, &x, 2, 0).rank,
       "side by side is nearer than equally far on another side");
    h.site = 1;
    d = distance_between(&a, &h, 2, 0);
    is_int(d.source, DISTANCE_SITE, "the same site overrides");
    is_int(d.rtt_us, DISTANCE_SITE_US, "it is near");
    d = distance_between(&a, &h, 2, 7000);
    is_int(d.source, DISTANCE_MEASURED, "what was measured overrides everything");
    is_int(d.rtt_us, 7000, "as it was measured");
    is_int(distance_rank_us(d.rank), 7000, "also as a rank");
    d = distance_between(&a, &n, 2, 0);
    is_int(d.source, DISTANCE_NONE, "nothing in common");
    is_int(d.rtt_us, DISTANCE_FAR_US, "is as far as most are");
    ok(d.rank > distance_between(&a, &h, 2, 0).rank, "and ranks so");
    n.site = 0;
    a.site = 0;
    is_int(distance_between(&a, &n, 2, 0).source, DISTANCE_NONE, "no site is no site");
}

static void ranks(void)
{
    static const uint16_t va[] = {100, 5000}, vh[] = {100, 1000};
    struct distance_end a = {va, 0, 0}, h = {vh, 0, 0};
    uint64_t rank = distance_between(&a, &h, 2, 0).rank;
    static const uint16_t top[] = {UINT16_MAX}, bottom[] = {1};
    struct distance_end far_a = {top, 0, 0}, far_h = {top, 0, 0}, low = {bottom, 0, 0};

    /* U = 20 ms, Lo = 400 ms: sqrt(U Lo) = 89.4 ms; U^3/4 Lo^1/4 = 42.3 ms. */
    is_int(distance_rank_us(rank) / 100, 894, "the geometric mean of both bounds");
    a.few = 1;
    rank = distance_between(&a, &h, 2, 0).rank;
    is_int(distance_rank_us(rank) / 100, 422, "with few brokers known U counts more");
    ok(distance_between(&far_a, &far_h, 1, 0).rank > 0, "the farthest");
    ok(distance_between(&far_a, &low, 1, 0).rank >
           distance_between(&low, &low, 1, 0).rank,
       "does not wrap");
    far_a.few = 1;
    ok(distance_between(&far_a, &low, 1, 0).rank >
           distance_between(&low, &low, 1, 0).rank,
       "in the other form too");
    is_int(distance_rank_us(distance_between(&a, &h, 2, 6553500).rank), 6553500,
           "the largest measured one");
    is_int(distance_between(&a, &h, 2, UINT32_MAX).rtt_us, UINT32_MAX, "or beyond");
}

static void fills(void)
{
    /* Between three brokers: 0-1 10 ms, 1-2 20 ms, 0-2 not known. */
    static const uint16_t between[] = {0, 100, 0, 100, 0, 200, 0, 200, 0};
    static const uint16_t far[] = {0, 65535, 65535, 0};
    uint16_t v[] = {30, 0, 0}, w[] = {0, 0, 40}, none[3] = {0}, big[] = {65535, 0};

    is_int(distance_fill(v, between, 3), 1, "one is measured");
    is_int(v[0], 30, "it stays");
    is_int(v[1], 130, "its neighbour is filled in");
    is_int(v[2], 0, "one without a way is not");
    (void) distance_fill(w, between, 3);
    is_int(w[1], 240, "over the other broker");
    is_int(w[0], 0, "one hop only");
    is_int(distance_fill(none, between, 3), 0, "out of nothing");
    is_int(none[0] + none[1] + none[2], 0, "nothing comes");
    (void) distance_fill(big, far, 2);
    is_int(big[1], 65535, "what is too far is as far as can be");
}

int main(void)
{
    entries();
    bounds();
    like_the_definition();
    least();
    sources();
    ranks();
    fills();
    return done();
}
