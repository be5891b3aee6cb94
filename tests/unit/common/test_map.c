#include "common/err.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/rng.h"
#include "tests/lib/tap.h"

#define N 600

struct thing {
    char key[24];
    size_t len;
    uint64_t born; /* 0: not in; else the rank of its insertion */
};

static void test_basics(void)
{
    struct wf_map *m = wf_map_new(3, 1);
    int v[4];

    must(m != NULL);
    wf_map_expect(m, "a", 1);
    ok(wf_map_get(m, "a", 1) == NULL && wf_map_take(m, "a", 1) == NULL, "empty");
    is_int(wf_map_put(m, "a", 1, &v[0]), 0, "put");
    is_int(wf_map_put(m, "a", 1, &v[1]), WEFT_EEXIST, "once only");
    is_int(wf_map_put(m, "a\0", 2, &v[1]), 0, "keys are bytes");
    is_int(wf_map_put(m, "", 0, &v[2]), 0, "none too");
    is_int(wf_map_put(m, "d", 1, &v[3]), WEFT_EFULL, "full");
    wf_map_expect(m, "a\0", 2);
    wf_map_expect(m, "b", 1);
    ok(wf_map_get(m, "a", 1) == &v[0] && wf_map_get(m, "a\0", 2) == &v[1] &&
           wf_map_get(m, "", 0) == &v[2] && wf_map_get(m, "a\0\0", 3) == NULL,
       "get");
    ok(wf_map_take(m, "a", 1) == &v[0] && wf_map_take(m, "a", 1) == NULL, "take once");
    is_int(wf_map_len(m), 2, "length");
    wf_map_free(m);
    wf_map_free(NULL);
}

static void test_walk(void)
{
    struct wf_map *m = wf_map_new(100, 2);
    static struct thing things[100];
    struct thing *t;
    size_t it = 0;
    size_t n = 0;
    int good = 1;

    must(m != NULL);
    for (size_t i = 0; i < 100; i++) {
        things[i].len = (size_t) snprintf(things[i].key, sizeof things[i].key, "k%zu", i);
        must(wf_map_put(m, things[i].key, things[i].len, &things[i]) == 0);
    }
    while ((t = wf_map_next(m, &it)) != NULL) {
        good = good && t == &things[n];
        if (n % 3 != 0) {
            good = good && wf_map_take(m, t->key, t->len) == t;
        }
        n++;
    }
    ok(good && n == 100, "the walk meets all in order while some are taken");
    it = 0;
    n = 0;
    while ((t = wf_map_next(m, &it)) != NULL) {
        good = good && t == &things[n];
        n += 3;
        good = good && wf_map_take(m, t->key, t->len) == t;
    }
    ok(good && wf_map_len(m) == 0, "then the rest, which are taken too");
    ok(wf_map_next(m, &it) == NULL, "the end stays the end");
    wf_map_free(m);
}

/* Compare with the things themselves, oldest first. */
static int agrees(const struct wf_map *m, const struct thing *things)
{
    size_t it = 0;
    size_t n = 0;
    uint64_t last = 0;
    const struct thing *t;

    for (size_t i = 0; i < N; i++) {
        const struct thing *want = things[i].born != 0 ? &things[i] : NULL;

        n += want != NULL;
        if (wf_map_get(m, things[i].key, things[i].len) != want) {
            return 0;
        }
    }
    if (n != wf_map_len(m)) {
        return 0;
    }
    while ((t = wf_map_next(m, &it)) != NULL) {
        if (t->born <= last) {
            return 0;
        }
        last = t->born;
        n--;
    }
    return n == 0;
}

static void test_random(uint64_t seed, uint64_t puts_of_10)
{
    static struct thing things[N];
    struct wf_map *m = wf_map_new(N - 200, seed);
    struct wf_rng r = {seed};
    uint64_t now = 0;
    int good = 1;

    must(m != NULL);
    for (size_t i = 0; i < N; i++) {
        things[i].born = 0;
        things[i].len = wf_rng_below(&r, 16);
        memset(things[i].key, 'x', sizeof things[i].key);
        things[i].len += (size_t) snprintf(things[i].key + things[i].len, 8, "%zu", i);
    }
    for (int i = 0; i < 60000 && good; i++) {
        struct thing *t = &things[wf_rng_below(&r, N)];
        struct thing *was = t->born != 0 ? t : NULL;

        if (wf_rng_chance(&r, puts_of_10, 10)) {
            int rc = wf_map_put(m, t->key, t->len, t);

            good = rc == (was != NULL                           ? WEFT_EEXIST
                          : wf_map_len(m) == N - 200 && rc != 0 ? WEFT_EFULL
                                                                : 0);
            t->born = rc == 0 ? ++now : t->born;
        } else {
            good = wf_map_take(m, t->key, t->len) == was;
            t->born = 0;
        }
        if (i % 500 == 0) {
            good = good && agrees(m, things);
        }
    }
    ok(good && agrees(m, things), "agrees with a plain model, %d puts of 10",
       (int) puts_of_10);
    wf_map_free(m);
}

/* A queue of jobs: in at the end, out at the front, for ever. */
static void test_queue(void)
{
    static struct thing things[4000];
    struct wf_map *m = wf_map_new(64, 3);
    int good = 1;
    unsigned long allocations;

    must(m != NULL);
    wf_mem_fail_after(1000000);
    for (size_t i = 0; i < ARRAY_LEN(things); i++) {
        size_t it = 0;

        things[i].len = (size_t) snprintf(things[i].key, sizeof things[i].key, "%zu", i);
        good = good && wf_map_put(m, things[i].key, things[i].len, &things[i]) == 0;
        if (i >= 40) {
            good = good && wf_map_next(m, &it) == &things[i - 40];
            good = good && wf_map_take(m, things[i - 40].key, things[i - 40].len) ==
                               &things[i - 40];
        }
    }
    allocations = wf_mem_fail_after(-1);
    ok(good, "a queue keeps its order");
    ok(allocations <= 10, "and its memory: %lu allocations", allocations);
    wf_map_free(m);
}

static void test_memory(void)
{
    static struct thing things[N];

    for (size_t i = 0; i < N; i++) {
        things[i].len = (size_t) snprintf(things[i].key, sizeof things[i].key, "%zu", i);
    }
    wf_mem_fail_after(0);
    ok(wf_map_new(N, 1) == NULL, "no map without memory");
    for (long n = 1;; n++) {
        struct wf_map *m;
        size_t put = 0;
        int good = 1;
        int rc = 0;

        wf_mem_fail_after(n);
        m = wf_map_new(N, 1);
        while (put < N && rc == 0) {
            rc = wf_map_put(m, things[put].key, things[put].len, &things[put]);
            put += rc == 0;
        }
        wf_mem_fail_after(-1);
        for (size_t i = 0; i < N; i++) {
            good = good && wf_map_get(m, things[i].key, things[i].len) ==
                               (i < put ? &things[i] : NULL);
        }
        ok(good && (put == N || rc == WEFT_ENOMEM), "all %zu put before stay", put);
        for (; put < N; put++) {
            must(wf_map_put(m, things[put].key, things[put].len, &things[put]) == 0);
        }
        wf_map_free(m);
        if (rc == 0) {
            break;
        }
    }
}

static void test_reuse_without_memory(void)
{
    static struct thing things[20];
    struct wf_map *m = wf_map_new(100, 1);

    must(m != NULL);
    for (size_t i = 0; i < 20; i++) {
        things[i].len = (size_t) snprintf(things[i].key, sizeof things[i].key, "%zu", i);
    }
    for (size_t i = 0; i < 16; i++) {
        must(wf_map_put(m, things[i].key, things[i].len, &things[i]) == 0);
    }
    must(wf_map_take(m, things[5].key, things[5].len) != NULL);
    wf_mem_fail_after(0);
    is_int(wf_map_put(m, things[16].key, things[16].len, &things[16]), 0,
           "without memory a hole is used again");
    is_int(wf_map_put(m, things[17].key, things[17].len, &things[17]), WEFT_ENOMEM,
           "as long as there is one");
    wf_mem_fail_after(-1);
    ok(wf_map_get(m, "16", 2) == &things[16] && wf_map_get(m, "15", 2) == &things[15] &&
           wf_map_len(m) == 16,
       "nothing is lost");
    wf_map_free(m);
}

int main(void)
{
    test_basics();
    test_walk();
    for (uint64_t puts = 3; puts <= 8; puts++) {
        test_random(puts, puts);
    }
    test_queue();
    test_memory();
    test_reuse_without_memory();
    return done();
}
