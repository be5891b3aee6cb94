#include "tests/sim/links/world.h"

#include "common/rtt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGENTS_MAX 512u

static void *room(size_t n, size_t size)
{
    void *p = calloc(n, size);

    if (p == NULL) {
        fprintf(stderr, "weft-links: out of memory\n");
        exit(1);
    }
    return p;
}

static uint32_t ping(struct world *w, unsigned i, unsigned j)
{
    return matrix_us(w->slices, (unsigned) wf_rng_below(&w->rng, w->slices->slices), i,
                     j);
}

static void place_brokers(struct world *w, unsigned nbrokers)
{
    uint32_t *near = room(w->n, sizeof *near);

    memset(near, 0xff, w->n * sizeof *near);
    for (unsigned b = 0; b < nbrokers; b++) {
        uint64_t least = UINT64_MAX;
        unsigned at = 0;

        for (unsigned c = 0; c < w->n; c++) {
            uint64_t sum = 0;

            for (unsigned i = 0; i < w->n; i++) {
                sum += wf_min_u64(near[i], matrix_us(w->truth, 0, c, i));
            }
            if (!w->is_broker[c] && sum < least) {
                least = sum;
                at = c;
            }
        }
        w->broker[b] = at;
        w->is_broker[at] = 1;
        for (unsigned i = 0; i < w->n; i++) {
            near[i] = (uint32_t) wf_min_u64(near[i], matrix_us(w->truth, 0, at, i));
        }
    }
    w->nbrokers = nbrokers;
    free(near);
}

static uint32_t measure(struct world *w, unsigned i, unsigned j, unsigned pings)
{
    struct wf_rtt r = {0};

    /* A broker's way to itself is the shortest that is known. */
    for (unsigned p = 0; p < pings; p++) {
        (void) wf_rtt_add(&r, i == j ? 1 : ping(w, i, j), p);
    }
    return wf_rtt_us(&r);
}

void world_new(struct world *w, const struct matrix *truth, const struct matrix *slices,
               unsigned nbrokers, unsigned pings, uint64_t seed)
{
    *w = (struct world){.truth = truth, .slices = slices, .rng.s = seed, .n = truth->n};
    w->is_broker = room(w->n, 1);
    w->vec = room(w->n, sizeof w->vec[0]);
    w->coords = room(w->n, sizeof w->coords[0]);
    place_brokers(w, nbrokers);
    for (unsigned i = 0; i < w->n; i++) {
        wf_coords_init(&w->coords[i]);
        for (unsigned b = 0; b < nbrokers; b++) {
            w->vec[i][b] = distance_entry(measure(w, i, w->broker[b], pings));
        }
    }
    for (unsigned b = 0; b < nbrokers; b++) {
        for (unsigned c = 0; c < nbrokers; c++) {
            w->between[b * nbrokers + c] = b == c ? 0 : w->vec[w->broker[b]][c];
        }
    }
}

void world_free(struct world *w)
{
    free(w->is_broker);
    free(w->vec);
    free(w->coords);
}

void world_cut(struct world *w, unsigned nearest)
{
    for (unsigned i = 0; i < w->n; i++) {
        uint16_t cut[DISTANCE_BROKERS_MAX] = {0};

        for (unsigned k = 0; k < nearest; k++) {
            unsigned best = 0;

            for (unsigned b = 1; b < w->nbrokers; b++) {
                best = w->vec[i][b] < w->vec[i][best] ? b : best;
            }
            cut[best] = w->vec[i][best];
            w->vec[i][best] = UINT16_MAX;
        }
        memcpy(w->vec[i], cut, sizeof cut);
        (void) distance_fill(w->vec[i], w->between, w->nbrokers);
    }
    w->few = 1;
}

void world_rounds(struct world *w, unsigned rounds)
{
    struct wf_coords *was = room(w->n, sizeof *was);

    for (unsigned r = 0; r < rounds; r++) {
        memcpy(was, w->coords, w->n * sizeof *was);
        for (unsigned i = 0; i < w->n; i++) {
            unsigned j = (unsigned) wf_rng_below(&w->rng, w->n - 1);

            j += j >= i;
            (void) wf_coords_update(&w->coords[i], &was[j], ping(w, i, j), &w->rng);
        }
    }
    free(was);
}

static struct distance between(const struct world *w, enum guess by, unsigned i,
                               unsigned j)
{
    const struct distance_end a = {w->vec[i], 0, (uint8_t) w->few};
    const struct distance_end h = {w->vec[j], 0, (uint8_t) w->few};
    struct distance d;

    if (by == GUESS_COORDS) {
        d.rtt_us = wf_coords_rtt_us(&w->coords[i], &w->coords[j]);
        d.rank = d.rtt_us;
        return d;
    }
    d = distance_between(&a, &h, w->nbrokers, 0);
    if (by == GUESS_RANK) {
        d.rtt_us = distance_rank_us(d.rank);
    }
    return d;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;

    return x < y ? -1 : x > y;
}

static double quantile(double *v, size_t n, double q)
{
    qsort(v, n, sizeof *v, by_value);
    return v[(size_t) (q * (double) (n - 1))];
}

struct accuracy world_accuracy(const struct world *w, enum guess by)
{
    size_t pairs = (size_t) w->n * (w->n - 1) / 2, at = 0;
    double *off = room(pairs, sizeof *off);
    struct accuracy a;

    for (unsigned i = 0; i < w->n; i++) {
        for (unsigned j = i + 1; j < w->n; j++) {
            double truth = matrix_us(w->truth, 0, i, j);
            double e = (double) between(w, by, i, j).rtt_us - truth;

            off[at++] = (e < 0 ? -e : e) / truth;
        }
    }
    a.median = quantile(off, pairs, 0.5);
    a.p90 = quantile(off, pairs, 0.9);
    free(off);
    return a;
}

/* A node that is neither a broker nor among those drawn. */
static unsigned draw(struct world *w, uint8_t *drawn)
{
    unsigned i;

    do {
        i = (unsigned) wf_rng_below(&w->rng, w->n);
    } while (w->is_broker[i] || drawn[i]);
    drawn[i] = 1;
    return i;
}

/* Ping the best by guess, each once; return how much farther the one that answered first
 * is than the nearest, in ms. */
static double trial(struct world *w, enum guess by, unsigned agents, unsigned best)
{
    uint8_t *drawn = room(w->n, 1);
    unsigned client = draw(w, drawn), chosen = 0, agent[AGENTS_MAX];
    uint64_t rank[AGENTS_MAX];
    uint32_t nearest = UINT32_MAX, first = UINT32_MAX;

    for (unsigned k = 0; k < agents; k++) {
        agent[k] = draw(w, drawn);
        rank[k] = between(w, by, client, agent[k]).rank;
        nearest =
            (uint32_t) wf_min_u64(nearest, matrix_us(w->truth, 0, client, agent[k]));
    }
    for (unsigned b = 0; b < best; b++) {
        unsigned at = 0;
        uint32_t us;

        for (unsigned k = 1; k < agents; k++) {
            at = rank[k] < rank[at] ? k : at;
        }
        rank[at] = UINT64_MAX;
        us = ping(w, client, agent[at]);
        if (us < first) {
            first = us;
            chosen = agent[at];
        }
    }
    free(drawn);
    return ((double) matrix_us(w->truth, 0, client, chosen) - nearest) / 1000;
}

struct choice world_choice(struct world *w, enum guess by, unsigned agents, unsigned best,
                           unsigned trials)
{
    double *extra = room(trials, sizeof *extra);
    struct choice c = {0};

    for (unsigned t = 0; t < trials; t++) {
        extra[t] = trial(w, by, agents, best);
        c.mean_ms += extra[t] / trials;
    }
    c.p90_ms = quantile(extra, trials, 0.9);
    free(extra);
    return c;
}
