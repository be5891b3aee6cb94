#include "common/coords.h"

#include "common/root.h"
#include "tests/lib/tap.h"

#define NODES 48u

struct world {
    struct wf_coords c[NODES];
    int64_t x[NODES], y[NODES], up[NODES]; /* where they really are */
    struct wf_rng rng;
};

static void world_new(struct world *w, uint64_t seed)
{
    w->rng.s = seed;
    for (unsigned i = 0; i < NODES; i++) {
        wf_coords_init(&w->c[i]);
        w->x[i] = (int64_t) wf_rng_below(&w->rng, 100000);
        w->y[i] = (int64_t) wf_rng_below(&w->rng, 100000);
        w->up[i] = 500 + (int64_t) wf_rng_below(&w->rng, 10000);
    }
}

static uint64_t truth(const struct world *w, unsigned i, unsigned j)
{
    int64_t dx = w->x[i] - w->x[j], dy = w->y[i] - w->y[j];

    return wf_root((uint64_t) (dx * dx + dy * dy)) + (uint64_t) (w->up[i] + w->up[j]);
}

static void rounds(struct world *w, unsigned n)
{
    for (unsigned r = 0; r < n * NODES; r++) {
        unsigned i = r % NODES, j = (unsigned) wf_rng_below(&w->rng, NODES);

        if (i != j) {
            (void) wf_coords_update(&w->c[i], &w->c[j], truth(w, i, j), &w->rng);
        }
    }
}

/* Mean relative error over all pairs, per mille. */
static int64_t error_pm(const struct world *w)
{
    int64_t sum = 0, n = 0;

    for (unsigned i = 0; i < NODES; i++) {
        for (unsigned j = 0; j < i; j++) {
            int64_t t = (int64_t) truth(w, i, j);
            int64_t off = (int64_t) wf_coords_rtt_us(&w->c[i], &w->c[j]) - t;

            sum += (off < 0 ? -off : off) * 1000 / t;
            n++;
        }
    }
    return sum / n;
}

static void learns(void)
{
    struct world w, twin;
    int64_t pm;

    world_new(&w, 4);
    world_new(&twin, 4);
    pm = error_pm(&w);
    ok(pm > 900, "at first nothing is known: %d per mille", (int) pm);
    rounds(&w, 400);
    rounds(&twin, 400);
    pm = error_pm(&w);
    ok(pm < 25, "a plane with access links is learned: %d per mille", (int) pm);
    ok(w.c[0].error < WF_COORDS_ONE / 5, "and the nodes know that they know");
    ok(memcmp(w.c, twin.c, sizeof w.c) == 0, "the same samples, the same coordinates");
}

static void stays(void)
{
    struct world w;
    int64_t mean[WF_COORDS_DIMS] = {0};
    int good = 1;

    world_new(&w, 6);
    rounds(&w, 3000);
    for (unsigned d = 0; d < WF_COORDS_DIMS; d++) {
        for (unsigned i = 0; i < NODES; i++) {
            mean[d] += w.c[i].at_us[d];
        }
        mean[d] /= (int) NODES;
        good = good && mean[d] < 60000 && mean[d] > -60000;
    }
    ok(good, "gravity keeps the whole about the middle");
}

static void refuses(void)
{
    struct wf_coords c, bad, was;
    struct wf_rng rng = {1};

    wf_coords_init(&c);
    wf_coords_init(&bad);
    was = c;
    is_int(wf_coords_update(&c, &bad, 0, &rng), 0, "no time at all is refused");
    is_int(wf_coords_update(&c, &bad, 10000001, &rng), 0, "more than ten seconds too");
    bad.at_us[2] = WF_COORDS_MAX_US + 1;
    is_int(wf_coords_update(&c, &bad, 1000, &rng), 0, "a peer that is too far out");
    bad.at_us[2] = INT32_MIN;
    is_int(wf_coords_update(&c, &bad, 1000, &rng), 0, "on the other side");
    wf_coords_init(&bad);
    bad.height_us = -1;
    is_int(wf_coords_update(&c, &bad, 1000, &rng), 0, "a peer below the ground");
    wf_coords_init(&bad);
    bad.error = UINT32_MAX;
    is_int(wf_coords_update(&c, &bad, 1000, &rng), 0, "a peer with an absurd error");
    ok(memcmp(&c, &was, sizeof c) == 0, "none of them moves it");
}

/* One peer lies about everything that it may, and is asked as often as all the others. */
static void withstands_a_liar(void)
{
    struct world w;
    int valid = 1;

    world_new(&w, 8);
    rounds(&w, 400);
    for (unsigned r = 0; r < 100 * NODES; r++) {
        unsigned i = r % NODES, j = (unsigned) wf_rng_below(&w.rng, NODES);
        struct wf_coords lie = {.height_us = WF_COORDS_MAX_US, .error = 0};

        for (unsigned d = 0; d < WF_COORDS_DIMS; d++) {
            lie.at_us[d] =
                wf_rng_chance(&w.rng, 1, 2) ? WF_COORDS_MAX_US : -WF_COORDS_MAX_US;
        }
        if (j == 0) {
            (void) wf_coords_update(&w.c[i], &lie, 1 + wf_rng_below(&w.rng, 10000000),
                                    &w.rng);
        } else if (i != j) {
            (void) wf_coords_update(&w.c[i], &w.c[j], truth(&w, i, j), &w.rng);
        }
        valid = valid && wf_coords_valid(&w.c[i]);
    }
    ok(valid, "every value stays in its range");
    rounds(&w, 400);
    ok(error_pm(&w) < 25, "and once the liar is gone all is as before: %d per mille",
       (int) error_pm(&w));
}

static void extremes(void)
{
    struct wf_coords a, b;
    struct wf_rng rng = {3};

    wf_coords_init(&a);
    wf_coords_init(&b);
    a.error = b.error = 0;
    is_int(wf_coords_update(&a, &b, 10000000, &rng), 1, "nodes without a doubt");
    for (unsigned d = 0; d < WF_COORDS_DIMS; d++) {
        a.at_us[d] = WF_COORDS_MAX_US;
        b.at_us[d] = -WF_COORDS_MAX_US;
    }
    a.height_us = b.height_us = WF_COORDS_MAX_US;
    ok(wf_coords_rtt_us(&a, &b) == 60000000, "the farthest two can be");
    ok(wf_coords_update(&a, &b, 1, &rng) && wf_coords_valid(&a), "and the nearest");
}

int main(void)
{
    learns();
    stays();
    refuses();
    withstands_a_liar();
    extremes();
    return done();
}
