#include "broker/core/router/cells.h"
#include "common/err.h"
#include "common/mem.h"
#include "tests/lib/tap.h"

static struct cell_key key_of(uint32_t i)
{
    return (struct cell_key){
        .capability = i % 7, .version = i, .class_ = i / 3, .kind = CELL_KEY};
}

static void test_find(void)
{
    struct cells t;
    struct cell_key k = key_of(1), other = k;
    struct cell *c;

    must(cells_init(&t, 100, 3) == 0);
    ok(cells_find(&t, &k) == NULL, "nothing is there");
    c = cells_need(&t, &k, 5);
    ok(c != NULL && c->n == 0 && c->used_us == 5, "made empty");
    ok(cells_find(&t, &k) == c && cells_need(&t, &k, 6) == c, "and found");
    other.bucket = 1;
    ok(cells_find(&t, &other) == NULL, "another bucket is another cell");
    other = k;
    other.kind = CELL_OCTAVE;
    ok(cells_find(&t, &other) == NULL, "so is another kind");
    cells_remove(&t, c);
    ok(cells_find(&t, &k) == NULL && t.n == 0, "and gone");
    cells_fini(&t);
}

/* Against an array of what must be there, through many removals. */
static void test_removal(void)
{
    static uint8_t in[400];
    struct wf_rng r = {11};
    struct cells t;
    int good = 1;

    must(cells_init(&t, 400, 9) == 0);
    for (unsigned step = 0; step < 20000; step++) {
        const uint32_t i = (uint32_t) wf_rng_below(&r, 400);
        const struct cell_key k = key_of(i);
        struct cell *c = cells_find(&t, &k);

        good = good && (c != NULL) == in[i] && (c == NULL || c->mean_x16 == 16 * i);
        if (c != NULL) {
            good = good && (i == 0 || sketch_quantile(cells_sketch(&t, c), 500) != 0);
            cells_remove(&t, c);
        } else {
            c = cells_need(&t, &k, step);
            cells_add(&t, c, i, step);
        }
        in[i] = !in[i];
    }
    for (uint32_t capability = 0; capability < 7; capability++) {
        uint32_t at = 0, n = 0;
        const struct cell *c;

        while ((c = cells_next(&t, capability, &at)) != NULL) {
            good = good && c->key.capability == capability;
            n++;
        }
        for (uint32_t i = capability; i < 400; i += 7) {
            n -= in[i];
        }
        good = good && n == 0;
    }
    ok(good, "what was put in is found, with its own sketch, until it is taken out");
    cells_fini(&t);
}

static void test_full(void)
{
    const struct cell_key declared = {.capability = 99, .kind = CELL_DECLARED};
    struct cells t;
    struct cell_key k;
    unsigned recent = 0;

    must(cells_init(&t, 100, 4) == 0);
    (void) cells_need(&t, &declared, 0);
    for (uint32_t i = 0; i < 5000; i++) {
        k = key_of(i);
        (void) cells_need(&t, &k, i);
    }
    is_int(t.n, 100, "never more than its limit");
    ok(cells_find(&t, &k) != NULL, "the newest is in");
    for (uint32_t i = 4900; i < 5000; i++) {
        k = key_of(i);
        recent += cells_find(&t, &k) != NULL;
    }
    ok(recent >= 60, "mostly those used last: %u of 100", recent);
    ok(cells_find(&t, &declared) != NULL, "what was declared stays");
    cells_fini(&t);
}

static void test_mean(void)
{
    const struct cell_key k = {.capability = 1};
    struct cells t;
    struct cell *c;

    must(cells_init(&t, 1, 1) == 0);
    c = cells_need(&t, &k, 0);
    for (uint64_t i = 1; i <= 9; i++) {
        cells_add(&t, c, i * 1000, i);
    }
    ok(c->mean_x16 / 16 >= 4999 && c->mean_x16 / 16 <= 5001, "of a few: the mean");
    is_int(c->n, 9, "counted");
    is_int(c->used_us, 9, "dated");
    cells_add(&t, c, UINT64_MAX, 10);
    ok(c->mean_x16 <= CELL_MEAN_MAX * 16, "huge samples are clamped");
    cells_halve(&t, c);
    is_int(c->n, 5, "halved");
    cells_fini(&t);
}

static void test_memory(void)
{
    struct cells t;
    int failed = 0;

    for (long n = 0; n < 4; n++) {
        (void) wf_mem_fail_after(n);
        failed += cells_init(&t, 100, 1) == WEFT_ENOMEM;
        (void) wf_mem_fail_after(-1);
    }
    is_int(failed, 4, "out of memory at each allocation");
}

int main(void)
{
    test_find();
    test_removal();
    test_full();
    test_mean();
    test_memory();
    return done();
}
