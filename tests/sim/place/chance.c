#include "tests/sim/place/chance.h"

#include <math.h>

#define TRIES 64u /* draws of one that was taken already */

double chance_unit(struct wf_rng *r)
{
    return (double) (wf_rng_next(r) >> 11) * 0x1p-53;
}

double chance_exp(struct wf_rng *r)
{
    return -log(1 - chance_unit(r));
}

/* Box and Muller, Annals of Mathematical Statistics 29 (1958); the second one is left. */
double chance_normal(struct wf_rng *r)
{
    double radius = sqrt(2 * chance_exp(r));

    return radius * cos(2 * 3.14159265358979323846 * chance_unit(r));
}

uint32_t chance_weighted(struct wf_rng *r, const double *sums, uint32_t n)
{
    double at = chance_unit(r) * sums[n - 1];
    uint32_t low = 0, high = n - 1;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (sums[mid] > at) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }
    return low;
}

uint32_t chance_some(struct wf_rng *r, const double *sums, uint32_t n, uint32_t want,
                     uint32_t *ret)
{
    uint32_t have = 0;

    for (unsigned missed = 0; have < want && have < n && missed < TRIES;) {
        uint32_t at = chance_weighted(r, sums, n);
        uint32_t i = 0;

        while (i < have && ret[i] != at) {
            i++;
        }
        if (i < have) {
            missed++;
        } else {
            ret[have++] = at;
        }
    }
    return have;
}
