/* weft-links: how well the router's guesses of distances do on a measured network
 *
 * Reads a matrix of median round trips and one of slices of time (matrix.h), lives in it
 * (world.h), and prints one JSON object.  Means over a few seeds.  Exit: 0 when every bar
 * holds, 1 when not, 77 when the data is not there.
 */
#include "tests/sim/links/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AGENTS     50u
#define BEST       3u
#define TRIALS     1500u
#define ROUNDS     1000u
#define MANY       32u /* brokers, of which only the nearest are pinged */
#define NEAREST    4u
#define COST_PAIRS 2000000u
#define ABSENT     77

struct options {
    const char *rtt, *slices;
    unsigned brokers, pings, repeat;
    uint64_t seed;
};

struct figures {
    struct accuracy size, rank, few, coords;
    struct choice ranked, ranked_few, by_coords;
    double ns;
};

static int usage(void)
{
    fprintf(stderr,
            "usage: weft-links --rtt FILE --slices FILE [--brokers N] [--pings N]\n"
            "                  [--seed S] [--repeat N]\n"
            "  FILE      upper triangles of round trips in us, .gz or not\n"
            "  --repeat  means over so many seeds, from S on; 3\n");
    return 2;
}

static void add_accuracy(struct accuracy *to, struct accuracy a, unsigned repeat)
{
    to->median += a.median / repeat;
    to->p90 += a.p90 / repeat;
}

static void add_choice(struct choice *to, struct choice c, unsigned repeat)
{
    to->mean_ms += c.mean_ms / repeat;
    to->p90_ms += c.p90_ms / repeat;
}

/* Nanoseconds of one guess, over vectors that the cache mostly holds. */
static double cost(const struct world *w)
{
    struct timespec from, to;
    volatile uint64_t sink = 0;

    clock_gettime(CLOCK_MONOTONIC, &from);
    for (unsigned i = 0; i < COST_PAIRS; i++) {
        const struct distance_end a = {w->vec[i % w->n], 0, 0};
        const struct distance_end h = {w->vec[i * 7u % w->n], 0, 0};

        sink += distance_between(&a, &h, w->nbrokers, 0).rank;
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    (void) sink;
    return ((double) (to.tv_sec - from.tv_sec) * 1e9 +
            (double) (to.tv_nsec - from.tv_nsec)) /
           COST_PAIRS;
}

static void live(const struct options *o, const struct matrix *truth,
                 const struct matrix *slices, struct figures *f)
{
    for (unsigned r = 0; r < o->repeat; r++) {
        struct world w;

        world_new(&w, truth, slices, o->brokers, o->pings, o->seed + r);
        add_accuracy(&f->size, world_accuracy(&w, GUESS_VECTOR), o->repeat);
        add_accuracy(&f->rank, world_accuracy(&w, GUESS_RANK), o->repeat);
        add_choice(&f->ranked, world_choice(&w, GUESS_VECTOR, AGENTS, BEST, TRIALS),
                   o->repeat);
        world_rounds(&w, ROUNDS);
        add_accuracy(&f->coords, world_accuracy(&w, GUESS_COORDS), o->repeat);
        add_choice(&f->by_coords, world_choice(&w, GUESS_COORDS, AGENTS, BEST, TRIALS),
                   o->repeat);
        f->ns = cost(&w);
        world_free(&w);

        world_new(&w, truth, slices, MANY, o->pings, o->seed + r);
        world_cut(&w, NEAREST);
        add_accuracy(&f->few, world_accuracy(&w, GUESS_VECTOR), o->repeat);
        add_choice(&f->ranked_few, world_choice(&w, GUESS_VECTOR, AGENTS, BEST, TRIALS),
                   o->repeat);
        world_free(&w);
    }
}

static int bar(const char *name, double value, double most, const char *end)
{
    printf("    {\"name\":\"%s\",\"value\":%.4f,\"bar\":%.4f,\"held\":%s}%s\n", name,
           value, most, value <= most ? "true" : "false", end);
    return value <= most;
}

static void print_accuracy(const char *name, struct accuracy a)
{
    printf("  \"%s\":{\"median\":%.4f,\"p90\":%.4f},\n", name, a.median, a.p90);
}

static void print_choice(const char *name, struct choice c)
{
    printf("  \"%s\":{\"extra_mean_ms\":%.2f,\"extra_p90_ms\":%.2f},\n", name, c.mean_ms,
           c.p90_ms);
}

static int report(const struct options *o, const struct matrix *truth,
                  const struct figures *f)
{
    int held;

    printf("{\n  \"schema\":\"weft.eval_links.v1\",\n"
           "  \"hosts\":%u,\"brokers\":%u,\"pings\":%u,\"seed\":%" PRIu64
           ",\"repeat\":%u,\n",
           truth->n, o->brokers, o->pings, o->seed, o->repeat);
    print_accuracy("size", f->size);
    print_accuracy("rank_as_size", f->rank);
    print_choice("nearest_of_50_best_3", f->ranked);
    print_accuracy("size_nearest_4_of_32", f->few);
    print_choice("nearest_of_50_best_3_nearest_4_of_32", f->ranked_few);
    print_accuracy("coords_1000_rounds", f->coords);
    print_choice("nearest_of_50_best_3_coords", f->by_coords);
    printf("  \"distance_ns\":%.1f,\n  \"bars\":[\n", f->ns);
    held = bar("size_median", f->size.median, 0.07, ",");
    held &= bar("size_p90", f->size.p90, 0.30, ",");
    held &= bar("nearest_extra_mean_ms", f->ranked.mean_ms, 3.5, ",");
    held &= bar("nearest_extra_p90_ms", f->ranked.p90_ms, 12, ",");
    held &= bar("coords_median", f->coords.median, 0.085, ",");
    held &= bar("coords_p90", f->coords.p90, 0.40, "");
    printf("  ],\n  \"held\":%s\n}\n", held ? "true" : "false");
    return held ? 0 : 1;
}

/* 1 when the argument is a number in the range. */
static int number(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
    char *end;
    unsigned long long v = strtoull(text, &end, 10);

    *ret = v;
    return end != text && *end == '\0' && v >= min && v <= max;
}

static int parse(int argc, char **argv, struct options *o)
{
    for (int i = 1; i < argc; i += 2) {
        uint64_t v = 0;

        if (i + 1 == argc) {
            return -1;
        }
        if (strcmp(argv[i], "--rtt") == 0) {
            o->rtt = argv[i + 1];
        } else if (strcmp(argv[i], "--slices") == 0) {
            o->slices = argv[i + 1];
        } else if (strcmp(argv[i], "--brokers") == 0 &&
                   number(argv[i + 1], 1, DISTANCE_BROKERS_MAX, &v)) {
            o->brokers = (unsigned) v;
        } else if (strcmp(argv[i], "--pings") == 0 && number(argv[i + 1], 1, 1000, &v)) {
            o->pings = (unsigned) v;
        } else if (strcmp(argv[i], "--repeat") == 0 && number(argv[i + 1], 1, 100, &v)) {
            o->repeat = (unsigned) v;
        } else if (strcmp(argv[i], "--seed") == 0 &&
                   number(argv[i + 1], 0, UINT64_MAX, &v)) {
            o->seed = v;
        } else {
            return -1;
        }
    }
    return o->rtt != NULL && o->slices != NULL ? 0 : -1;
}

static int load(const char *path, struct matrix *ret)
{
    int rc = matrix_read(path, ret);

    if (rc == -1) {
        fprintf(stderr, "weft-links: the data is not here: %s\n", path);
        return ABSENT;
    }
    return rc == 0 ? 0 : 2;
}

int main(int argc, char **argv)
{
    struct options o = {.brokers = 16, .pings = 5, .repeat = 3, .seed = 1};
    struct matrix truth = {0}, slices = {0};
    struct figures f = {0};
    int rc;

    if (parse(argc, argv, &o) != 0) {
        return usage();
    }
    rc = load(o.rtt, &truth);
    if (rc == 0) {
        rc = load(o.slices, &slices);
    }
    if (rc == 0 && (truth.n != slices.n || truth.n < MANY + AGENTS + 1)) {
        fprintf(stderr, "weft-links: the files are of different hosts, or too few\n");
        rc = 2;
    }
    if (rc == 0) {
        live(&o, &truth, &slices, &f);
        rc = report(&o, &truth, &f);
    }
    matrix_free(&truth);
    matrix_free(&slices);
    return rc;
}
