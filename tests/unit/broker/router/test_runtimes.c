#include "broker/core/router/runtimes.h"
#include "common/err.h"
#include "common/mem.h"
#include "common/rng.h"
#include "tests/lib/tap.h"

#include <math.h>

#define CAP   7u
#define CELLS 4096u
#define WEEK  (UINT64_C(7) * 24 * 3600 * 1000000)

static struct runtimes *fresh(void)
{
    struct runtimes *t;

    must(runtimes_new(CELLS, 42, &t) == 0);
    return t;
}

static struct runtime_key key_of(uint32_t class_, uint64_t size)
{
    return (struct runtime_key){
        .capability = CAP, .version = 1, .class_ = class_, .size = size};
}

static struct run_guess guess_of(const struct runtimes *t, const struct runtime_key *key)
{
    struct run_guess g;

    runtimes_guess(t, key, &g);
    return g;
}

static void add_many(struct runtimes *t, const struct runtime_key *key, uint64_t us,
                     unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        runtimes_add(t, key, us, 0, i);
    }
}

/* Normal, by twelve uniform ones. */
static double normal(struct wf_rng *r)
{
    double sum = -6;

    for (unsigned i = 0; i < 12; i++) {
        sum += (double) wf_rng_below(r, 1000000) / 1e6;
    }
    return sum;
}

static int within(uint64_t got, uint64_t want, unsigned percent)
{
    return got * 100 >= want * (100 - percent) && got * 100 <= want * (100 + percent);
}

static void test_limits(void)
{
    struct runtimes *t = NULL;

    is_int(runtimes_new(63, 1, &t), WEFT_EINVAL, "too few cells");
    is_int(runtimes_new((1u << 20) + 1, 1, &t), WEFT_EINVAL, "too many");
    for (long n = 0; n < 5; n++) {
        (void) wf_mem_fail_after(n);
        is_int(runtimes_new(64, 1, &t), WEFT_ENOMEM, "out of memory");
        (void) wf_mem_fail_after(-1);
    }
    runtimes_free(NULL);
    t = fresh();
    ok(runtimes_bytes(t) < CELLS * 600u, "%zu bytes for %u cells", runtimes_bytes(t),
       CELLS);
    runtimes_free(t);
}

/* From the last resort up. */
static void test_order(void)
{
    struct runtimes *t = fresh();
    const struct runtime_key here = key_of(1, 0), there = key_of(2, 0);
    struct runtime_key newer = here;

    newer.version = 2;
    is_int(guess_of(t, &here).level, RUN_GUESSED, "of nothing: a guess");
    is_int(guess_of(t, &here).mean_us, RUN_GUESS_US, "of half a second");
    is_int(runtimes_quantile(t, &here, 500), RUN_GUESS_US, "its median");
    ok(runtimes_quantile(t, &here, 900) > RUN_GUESS_US, "and more to be sure");
    runtimes_declare(t, CAP, 30000000, 0);
    is_int(guess_of(t, &here).level, RUN_DECLARED, "then what is declared");
    is_int(guess_of(t, &here).mean_us, 30000000, "as it is");
    add_many(t, &there, 2000000, 20);
    is_int(guess_of(t, &here).level, RUN_BY_CAPABILITY, "then what others took");
    ok(within(guess_of(t, &here).mean_us, 2000000, 1), "as it was there");
    add_many(t, &here, 8000000, 20);
    is_int(guess_of(t, &newer).level, RUN_BY_CLASS, "then another version here");
    ok(within(guess_of(t, &newer).mean_us, 8000000, 1), "as it was here");
    is_int(guess_of(t, &here).level, RUN_BY_KEY, "its own at last");
    is_int(guess_of(t, &here).samples, 20, "all of them");
    ok(within(guess_of(t, &there).mean_us, 2000000, 1), "each class its own");
    runtimes_declare(t, CAP, 0, 0);
    runtimes_forget_capability(t, CAP);
    is_int(guess_of(t, &here).level, RUN_GUESSED, "forgotten");
    is_int(runtimes_cells(t), 0, "without a trace");
    runtimes_free(t);
}

/* A few samples are mixed with what was believed before. */
static void test_few(void)
{
    struct runtimes *t = fresh();
    const struct runtime_key here = key_of(1, 0), there = key_of(2, 0);
    uint64_t last = 1000000;
    uint32_t known = 0;

    runtimes_add(t, &here, 9000000, 0, 0);
    ok(within(guess_of(t, &here).mean_us, 9000000, 1), "one sample beats the guess");
    is_int(guess_of(t, &here).samples, 1, "and says so");
    is_int(guess_of(t, &here).known, 1, "nor is more known of its like");
    runtimes_free(t);
    t = fresh();
    add_many(t, &there, 1000000, 100);
    for (unsigned i = 1; i <= RUN_SAMPLES; i++) {
        uint64_t mean;

        runtimes_add(t, &here, 3000000, 0, i);
        mean = guess_of(t, &here).mean_us;
        ok(mean > last, "%u samples: %" PRIu64 " us", i, mean);
        last = mean;
        known = i + 1 < RUN_SAMPLES ? guess_of(t, &here).known : known;
    }
    ok(known > 100, "of the few and their like %u were known", known);
    ok(within(last, 3000000, 1), "its own from %u samples on", RUN_SAMPLES);
    runtimes_free(t);
}

static void test_lognormal(void)
{
    static const struct {
        unsigned pm;
        double z;
    } q[] = {{500, 0}, {900, 1.2816}, {950, 1.6449}, {990, 2.3263}};
    struct runtimes *t = fresh();
    const struct runtime_key key = key_of(1, 0);
    double sum[ARRAY_LEN(q)] = {0}, mean = 0;
    struct wf_rng r = {5};
    unsigned n = 0;

    for (unsigned i = 0; i < 20000; i++) {
        runtimes_add(t, &key, (uint64_t) (1e6 * exp(0.5 * normal(&r))), 0, i);
        if (i > 1000 && i % 50 == 0) {
            for (size_t k = 0; k < ARRAY_LEN(q); k++) {
                sum[k] += log((double) runtimes_quantile(t, &key, q[k].pm) / 1e6);
            }
            mean += (double) guess_of(t, &key).mean_us / 1e6;
            n++;
        }
    }
    for (size_t k = 0; k < ARRAY_LEN(q); k++) {
        ok(fabs(sum[k] / n - 0.5 * q[k].z) < 0.12, "the %u/1000-quantile: %.3f of %.3f s",
           q[k].pm, exp(sum[k] / n), exp(0.5 * q[k].z));
    }
    ok(fabs(mean / n - exp(0.125)) < 0.05, "the mean: %.3f of %.3f s", mean / n,
       exp(0.125));
    runtimes_free(t);
}

/* -- sizes -----------------------------------------------------------------------------
 */

static void test_size_helps(void)
{
    struct runtimes *t = fresh();
    const struct runtime_key small = key_of(1, 1000), large = key_of(1, 1000000);
    const struct runtime_key between = key_of(1, 500000), other = key_of(9, 1000000);
    const struct runtime_key unknown = key_of(1, 0);
    struct wf_rng r = {8};

    for (unsigned i = 0; i < 2000; i++) {
        const uint64_t size = UINT64_C(1000) << wf_rng_below(&r, 11);
        const struct runtime_key key = key_of(1 + i % 2, size);

        runtimes_add(t, &key, (uint64_t) ((double) size * 10 * exp(0.1 * normal(&r))), 0,
                     i);
    }
    is_int(guess_of(t, &small).level, RUN_BY_SIZE, "the size is found to matter");
    ok(within(guess_of(t, &small).mean_us, 10000, 10), "small: %" PRIu64 " us",
       guess_of(t, &small).mean_us);
    ok(within(guess_of(t, &large).mean_us, 10240000, 10), "large: %" PRIu64 " us",
       guess_of(t, &large).mean_us);
    ok(within(runtimes_quantile(t, &between, 500), 5120000, 10),
       "between: %" PRIu64 " us", runtimes_quantile(t, &between, 500));
    is_int(guess_of(t, &other).level, RUN_BY_CAPABILITY_SIZE,
           "for a class that is new as well");
    ok(within(guess_of(t, &other).mean_us, 10240000, 15), "new class: %" PRIu64 " us",
       guess_of(t, &other).mean_us);
    is_int(guess_of(t, &unknown).level, RUN_BY_KEY, "without a size: over all");
    runtimes_free(t);
}

/* A job that asks for no version is like those of any. */
static void test_any_version(void)
{
    struct runtimes *t = fresh();
    struct runtime_key any = key_of(1, 8000), next = any;

    any.version = 0;
    next.version = 3;
    for (unsigned i = 0; i < 600; i++) {
        struct runtime_key key = key_of(1, i % 3 == 0 ? 8000 : 1000);

        key.version = 1 + i % 2;
        runtimes_add(t, &key, key.size * 100, 0, i);
    }
    is_int(guess_of(t, &any).level, RUN_BY_SIZE, "any version: by its size");
    ok(within(guess_of(t, &any).mean_us, 800000, 5), "as it was");
    is_int(guess_of(t, &next).level, RUN_BY_CLASS, "a new version: as any");
    ok(within(guess_of(t, &next).mean_us, 800000, 5), "of that size");
    is_int(runtimes_count(t), 600, "all were counted");
    is_int(runtimes_learned_us(t, CAP), 599, "and dated");
    is_int(runtimes_learned_us(t, CAP + 1), 0, "nothing of another capability");
    runtimes_free(t);
}

static void test_near_size(void)
{
    struct runtimes *t = fresh();
    const struct runtime_key larger = key_of(1, 4000000), huge = key_of(1, UINT64_MAX);

    for (unsigned i = 0; i < 300; i++) {
        const struct runtime_key key = key_of(1, i % 2 == 0 ? 1000 : 1000000);

        runtimes_add(t, &key, i % 2 == 0 ? 10000 : 10000000, 0, i);
    }
    ok(within(guess_of(t, &larger).mean_us, 10000000, 5),
       "a size that is new is like the nearest");
    is_int(guess_of(t, &huge).level, RUN_BY_KEY, "unless that is far away");
    runtimes_free(t);
}

static void test_size_does_not_help(void)
{
    struct runtimes *t = fresh();
    struct wf_rng r = {9};
    unsigned by_size = 0, n = 0;

    for (unsigned i = 0; i < 4000; i++) {
        const struct runtime_key key = key_of(1, UINT64_C(1) << wf_rng_below(&r, 30));

        if (i > 200) {
            by_size += guess_of(t, &key).level == RUN_BY_SIZE;
            n++;
        }
        runtimes_add(t, &key, (uint64_t) (1e6 * exp(0.5 * normal(&r))), 0, i);
    }
    ok(by_size * 10 < n, "believed for %u of %u", by_size, n);
    runtimes_free(t);
}

/* -- the world changes -----------------------------------------------------------------
 */

static unsigned follow(uint64_t from_us, uint64_t to_us)
{
    struct runtimes *t = fresh();
    const struct runtime_key key = key_of(1, 0);
    struct wf_rng r = {3};
    unsigned n = 0;

    for (unsigned i = 0; i < 1000; i++) {
        runtimes_add(t, &key, (uint64_t) ((double) from_us * exp(0.3 * normal(&r))), 0,
                     i);
    }
    while (n < 1000 && !(within(runtimes_quantile(t, &key, 500), to_us, 20) &&
                         within(guess_of(t, &key).mean_us, to_us, 20))) {
        runtimes_add(t, &key, (uint64_t) ((double) to_us * exp(0.3 * normal(&r))), 0, n);
        n++;
    }
    runtimes_free(t);
    return n;
}

static void test_change(void)
{
    const unsigned slower = follow(1000000, 5000000);
    const unsigned faster = follow(5000000, 1000000);

    ok(slower <= 30, "five times slower: seen after %u", slower);
    ok(faster <= 30, "five times faster: seen after %u", faster);
}

static void test_ages(void)
{
    struct runtimes *t = fresh();
    const struct runtime_key key = key_of(1, 0);

    runtimes_declare(t, CAP, 1000, 0);
    add_many(t, &key, 1000000, 100);
    runtimes_tick(t, WEEK / 2);
    is_int(guess_of(t, &key).samples, 100, "half a week is nothing");
    runtimes_tick(t, WEEK + 100);
    is_int(guess_of(t, &key).samples, 50, "a week halves it");
    runtimes_tick(t, WEEK + 200);
    is_int(guess_of(t, &key).samples, 50, "once");
    for (uint64_t i = 2; i < 10; i++) {
        runtimes_tick(t, i * (WEEK + 1000));
    }
    is_int(guess_of(t, &key).level, RUN_DECLARED,
           "at last only what was declared is left");
    is_int(runtimes_cells(t), 1, "and nothing else");
    runtimes_free(t);
}

/* Its distribution may fade before its count does. */
static void test_faded(void)
{
    struct runtimes *t = fresh();
    const struct runtime_key key = key_of(1, 0);

    add_many(t, &key, 1000, 4000);
    add_many(t, &key, 1000000, 12);
    for (uint64_t i = 1; i < 8; i++) {
        runtimes_tick(t, i * (WEEK + 1000));
    }
    ok(guess_of(t, &key).samples > 0, "something is left");
    ok(runtimes_quantile(t, &key, 500) > 0, "and its median");
    ok(runtimes_quantile(t, &key, 950) > runtimes_quantile(t, &key, 500), "and spread");
    runtimes_free(t);
}

/* -- runs that were cut off ------------------------------------------------------------
 */

static void test_cut(void)
{
    struct runtimes *t = fresh();
    const struct runtime_key key = key_of(1, 0), new_ = key_of(5, 0);
    struct run_guess before, after;

    runtimes_add(t, &new_, 60000000, 1, 0);
    ok(within(guess_of(t, &new_).mean_us, 120000000, 1), "the first: twice as long");
    runtimes_forget_capability(t, CAP);
    for (unsigned i = 0; i < 50; i++) {
        runtimes_add(t, &key, i % 5 == 0 ? 8000000 : 1000000, 0, i);
    }
    before = guess_of(t, &key);
    runtimes_add(t, &key, 500000, 1, 60);
    after = guess_of(t, &key);
    ok(after.mean_us == before.mean_us && after.samples == before.samples,
       "cut off before half of the runs end: nothing learned");
    runtimes_add(t, &key, 2000000, 1, 61);
    after = guess_of(t, &key);
    ok(after.mean_us > before.mean_us + (8000000 - before.mean_us) / 40,
       "later: as those that lasted longer");
    for (unsigned i = 0; i < 20; i++) {
        runtimes_add(t, &key, 20000000, 1, 70 + i);
    }
    ok(guess_of(t, &key).mean_us > 20000000, "when all are cut off, above that: %" PRIu64,
       guess_of(t, &key).mean_us);
    runtimes_add(t, &key, UINT64_MAX, 1, 99);
    ok(guess_of(t, &key).mean_us < UINT64_C(1) << 48, "without end: clamped");
    runtimes_free(t);
}

/* -- the rest --------------------------------------------------------------------------
 */

static void test_warm(void)
{
    struct runtimes *t = fresh();

    is_int(runtimes_warm_guess(t, CAP, 1), 0, "nothing known");
    for (unsigned i = 0; i < 20; i++) {
        runtimes_warm_add(t, CAP, 1, 4000000, i);
        runtimes_warm_add(t, CAP, 2, 1000000, i);
    }
    ok(within(runtimes_warm_guess(t, CAP, 1), 4000000, 1), "of one class");
    ok(within(runtimes_warm_guess(t, CAP, 2), 1000000, 1), "of another");
    ok(runtimes_warm_guess(t, CAP, 3) > 1000000 &&
           runtimes_warm_guess(t, CAP, 3) < 4000000,
       "of one not seen: over all");
    is_int(runtimes_warm_guess(t, CAP + 1, 1), 0, "of another capability: nothing");
    runtimes_free(t);
}

/* More keys than there is room for. */
static void test_bounded(void)
{
    struct runtimes *t;
    struct wf_rng r = {2};
    struct runtime_key key = key_of(1, 0);
    size_t bytes;

    must(runtimes_new(64, 1, &t) == 0);
    bytes = runtimes_bytes(t);
    (void) wf_mem_fail_after(-1);
    for (unsigned i = 0; i < 20000; i++) {
        key = (struct runtime_key){.capability = (uint32_t) wf_rng_below(&r, 500),
                                   .version = (uint32_t) wf_rng_below(&r, 3),
                                   .class_ = (uint32_t) wf_rng_below(&r, 30),
                                   .size = wf_rng_next(&r) >> wf_rng_below(&r, 64)};
        runtimes_add(t, &key, 1000000, i % 7 == 0, i);
        (void) guess_of(t, &key);
        runtimes_tick(t, i * UINT64_C(1000000));
    }
    is_int(wf_mem_fail_after(-1), 0, "nothing is allocated by learning and asking");
    ok(runtimes_cells(t) <= 64, "%zu cells of 64", runtimes_cells(t));
    ok(runtimes_bytes(t) == bytes, "the same memory");
    ok(guess_of(t, &key).level <= RUN_BY_CAPABILITY, "the last is known");
    runtimes_free(t);
}

static void test_extremes(void)
{
    struct runtimes *t = fresh();
    const struct runtime_key key = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT64_MAX};
    struct wf_rng r = {6};
    int good = 1;

    for (unsigned i = 0; i < 20000; i++) {
        const uint64_t us = wf_rng_next(&r) >> wf_rng_below(&r, 64);

        runtimes_add(t, &key, us, i % 3 == 0, i);
        good = good && guess_of(t, &key).mean_us < UINT64_C(1) << 48 &&
               runtimes_quantile(t, &key, 1) <= runtimes_quantile(t, &key, 999);
    }
    ok(good, "any value leaves a sane estimate");
    runtimes_free(t);
}

int main(void)
{
    test_limits();
    test_order();
    test_few();
    test_lognormal();
    test_size_helps();
    test_any_version();
    test_near_size();
    test_size_does_not_help();
    test_change();
    test_ages();
    test_faded();
    test_cut();
    test_warm();
    test_bounded();
    test_extremes();
    return done();
}
