#include "broker/core/router/runtimes.h"
#include "common/err.h"
#include "common/mem.h"
#include "common/rng.h"
#include "tests/lib/tap.h"

#define CAP 3u
#define NOW UINT64_C(1000000000000)

/* Names of numbers: "c" or "k" and the number plus an offset that differs between two
 * processes. */
struct world {
    uint32_t offset;
    unsigned refused; /* classes from this number on have no name; 0: all have */
    char text[32];
};

static const char *name_of(void *arg, enum run_noun noun, uint32_t number)
{
    struct world *w = arg;

    if (noun == RUN_CLASS && w->refused != 0 && number >= w->refused) {
        return NULL;
    }
    (void) snprintf(w->text, sizeof w->text, "%c%" PRIu32,
                    noun == RUN_CAPABILITY ? 'c' : 'k', number - w->offset);
    return w->text;
}

static int number_of(void *arg, enum run_noun noun, const char *name,
                     uint32_t *ret_number)
{
    const struct world *w = arg;
    const char *letter = noun == RUN_CAPABILITY ? "c" : "k";
    uint32_t n;

    if (name[0] != letter[0] || sscanf(name + 1, "%" SCNu32, &n) != 1) {
        return WEFT_ENOENT;
    }
    n += w->offset;
    if (noun == RUN_CLASS && w->refused != 0 && n >= w->refused) {
        return WEFT_EFULL;
    }
    *ret_number = n;
    return 0;
}

static struct run_names names_of(struct world *w)
{
    return (struct run_names){w, name_of, number_of};
}

static struct runtimes *fresh(void)
{
    struct runtimes *t;

    must(runtimes_new(8192, 42, &t) == 0);
    return t;
}

/* Sizes matter, two versions, so many classes, cold starts. */
static struct runtimes *learned(uint32_t classes)
{
    struct runtimes *t = fresh();
    struct wf_rng r = {4};

    for (unsigned i = 0; i < 400 * classes; i++) {
        const uint64_t size = UINT64_C(1000) << wf_rng_below(&r, 8);
        const struct runtime_key key = {CAP, 1 + i % 2, 1 + (i / 2) % classes, size};

        runtimes_add(t, &key, size * 10 + wf_rng_below(&r, size), 0, NOW + i);
    }
    for (uint32_t i = 1; i <= classes; i++) {
        runtimes_warm_add(t, CAP, i, 1000000 * i, NOW);
    }
    return t;
}

static int same(const struct runtimes *a, const struct runtimes *b, uint32_t classes,
                uint32_t offset)
{
    int good = 1;

    for (uint32_t class_ = 0; class_ <= classes + 1; class_++) {
        for (uint64_t size = 0; size < 200000; size = 3 * size + 500) {
            const struct runtime_key ka = {CAP, 1, class_, size};
            const struct runtime_key kb = {CAP + offset, 1,
                                           class_ == 0 ? 0 : class_ + offset, size};
            struct run_guess ga, gb;

            runtimes_guess(a, &ka, &ga);
            runtimes_guess(b, &kb, &gb);
            good = good && ga.mean_us == gb.mean_us && ga.dev_us == gb.dev_us &&
                   ga.samples == gb.samples && ga.level == gb.level &&
                   runtimes_quantile(a, &ka, 900) == runtimes_quantile(b, &kb, 900) &&
                   runtimes_warm_guess(a, ka.capability, ka.class_) ==
                       runtimes_warm_guess(b, kb.capability, kb.class_);
        }
    }
    return good;
}

static void test_round_trip(void)
{
    struct world then = {0}, now = {.offset = 100};
    struct run_names tell = names_of(&then), take = names_of(&now);
    struct runtimes *a = learned(3), *b = fresh();
    struct wf_buf bytes = WF_BUF_INIT(1u << 20), again = WF_BUF_INIT(1u << 20);

    is_int(runtimes_encode(a, CAP, &tell, NOW, 1u << 18, &bytes), 0, "encoded");
    is_int(runtimes_decode(b, &take, bytes.p, bytes.len, NOW), 0, "decoded");
    ok(same(a, b, 3, 100), "all is as it was, under other numbers, in %zu bytes",
       bytes.len);
    is_int(runtimes_cells(b), runtimes_cells(a), "every cell");
    is_int(runtimes_decode(b, &take, bytes.p, bytes.len, NOW), 0, "decoded twice");
    is_int(runtimes_encode(b, CAP + 100, &take, NOW, 1u << 18, &again), 0, "told again");
    ok(again.len == bytes.len && memcmp(again.p, bytes.p, bytes.len) == 0,
       "the same bytes");
    is_int(runtimes_encode(a, CAP + 1, &tell, NOW, 1u << 18, &again), WEFT_ENOENT,
           "nothing is known of another");
    ok(again.len == bytes.len, "and nothing was written");
    wf_buf_fini(&bytes);
    wf_buf_fini(&again);
    runtimes_free(a);
    runtimes_free(b);
}

static void test_limits(void)
{
    struct world w = {0};
    struct run_names names = names_of(&w);
    struct runtimes *a = learned(70), *b = fresh();
    struct wf_buf bytes = WF_BUF_INIT(1u << 20), small = WF_BUF_INIT(100);
    const struct runtime_key key = {CAP, 9, 500, 0};
    struct run_guess ga, gb;
    int good = 1;

    for (size_t cap = 8192; cap < 200000; cap += cap / 2) {
        wf_buf_clear(&bytes);
        good = good && runtimes_encode(a, CAP, &names, NOW, cap, &bytes) == 0 &&
               bytes.len <= cap;
    }
    ok(good, "never more bytes than asked for");
    wf_buf_clear(&bytes);
    must(runtimes_encode(a, CAP, &names, NOW, 8192, &bytes) == 0);
    is_int(runtimes_decode(b, &names, bytes.p, bytes.len, NOW), 0, "a part is a record");
    runtimes_guess(a, &key, &ga);
    runtimes_guess(b, &key, &gb);
    ok(ga.mean_us == gb.mean_us, "the coarse levels come first");
    is_int(runtimes_encode(a, CAP, &names, NOW, 8192, &small), WEFT_ETOOBIG, "no room");
    (void) wf_mem_fail_after(0);
    wf_buf_fini(&bytes);
    wf_buf_init(&bytes, 1u << 20);
    is_int(runtimes_encode(a, CAP, &names, NOW, 8192, &bytes), WEFT_ENOMEM, "no memory");
    (void) wf_mem_fail_after(-1);
    wf_buf_fini(&bytes);
    wf_buf_fini(&small);
    runtimes_free(a);
    runtimes_free(b);
}

static void test_names(void)
{
    struct world w = {0}, less = {.refused = 2}, none = {0};
    struct run_names names = names_of(&w), fewer = names_of(&less);
    struct run_names strange = names_of(&none);
    const struct runtime_key first = {CAP, 1, 1, 0}, second = {CAP, 1, 2, 0};
    struct runtimes *a = learned(2), *b = fresh(), *c = fresh();
    struct wf_buf bytes = WF_BUF_INIT(1u << 20), part = WF_BUF_INIT(1u << 20);
    struct run_guess g;

    must(runtimes_encode(a, CAP, &names, NOW, 1u << 18, &bytes) == 0);
    is_int(runtimes_decode(b, &fewer, bytes.p, bytes.len, NOW), 0,
           "a class that is not known here");
    runtimes_guess(b, &first, &g);
    is_int(g.level, RUN_BY_KEY, "the other one is taken");
    runtimes_guess(b, &second, &g);
    is_int(g.level, RUN_BY_CAPABILITY, "that one is not");
    must(runtimes_encode(a, CAP, &fewer, NOW, 1u << 18, &part) == 0);
    ok(part.len < bytes.len, "a class without a name is left out");
    is_int(runtimes_decode(c, &names, part.p, part.len, NOW), 0, "and the rest reads");
    bytes.p[2] = 'x';
    is_int(runtimes_decode(c, &strange, bytes.p, bytes.len, NOW), WEFT_ENOENT,
           "a capability that is not known");
    wf_buf_fini(&bytes);
    wf_buf_fini(&part);
    runtimes_free(a);
    runtimes_free(b);
    runtimes_free(c);
}

/* What is live is newer than what was written. */
static void test_keeps(void)
{
    struct world w = {0};
    struct run_names names = names_of(&w);
    struct runtimes *a = learned(1), *b = fresh();
    struct wf_buf bytes = WF_BUF_INIT(1u << 20);
    const struct runtime_key key = {CAP, 1, 1, 0};
    struct run_guess g;

    must(runtimes_encode(a, CAP, &names, NOW, 1u << 18, &bytes) == 0);
    for (unsigned i = 0; i < 10; i++) {
        runtimes_add(b, &key, 77000000, 0, NOW);
    }
    is_int(runtimes_decode(b, &names, bytes.p, bytes.len, NOW), 0, "decoded");
    runtimes_guess(b, &key, &g);
    is_int(g.mean_us, 77000000, "what was known stays");
    wf_buf_fini(&bytes);
    runtimes_free(a);
    runtimes_free(b);
}

static void test_hostile(void)
{
    struct world w = {0};
    struct run_names names = names_of(&w);
    struct runtimes *a = learned(2), *b = fresh();
    struct wf_buf bytes = WF_BUF_INIT(1u << 20);
    struct wf_rng r = {12};
    unsigned taken = 0, refused = 0;
    int good = 1;

    must(runtimes_encode(a, CAP, &names, NOW, 1u << 18, &bytes) == 0);
    for (size_t len = 0; len < bytes.len; len++) {
        good = good && runtimes_decode(b, &names, bytes.p, len, NOW) == WEFT_EPROTO;
    }
    ok(good && runtimes_cells(b) == 0, "cut short anywhere: refused, nothing taken");
    must(wf_buf_put(&bytes, "", 1) == 0);
    is_int(runtimes_decode(b, &names, bytes.p, bytes.len, NOW), WEFT_EPROTO,
           "a byte too many");
    wf_buf_truncate(&bytes, bytes.len - 1);
    bytes.p[0] = 2;
    is_int(runtimes_decode(b, &names, bytes.p, bytes.len, NOW), WEFT_EPROTO,
           "another format");
    bytes.p[0] = 1;
    for (unsigned i = 0; i < 20000; i++) {
        const size_t at = wf_rng_below(&r, bytes.len);
        const uint8_t was = bytes.p[at];
        int rc;

        bytes.p[at] = (uint8_t) wf_rng_next(&r);
        rc = runtimes_decode(b, &names, bytes.p, bytes.len, NOW);
        taken += rc == 0;
        refused += rc == WEFT_EPROTO;
        good = good && (rc == 0 || rc == WEFT_EPROTO || rc == WEFT_ENOENT);
        bytes.p[at] = was;
        if (i % 100 == 0) {
            const struct runtime_key key = {CAP, 1, 1, 1000};
            struct run_guess g;

            runtimes_guess(b, &key, &g);
            good = good && g.mean_us < UINT64_C(1) << 48;
            runtimes_free(b);
            b = fresh();
        }
    }
    ok(good && refused > 5000, "damaged: %u refused, %u within bounds", refused, taken);
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t noise[64];

        for (size_t k = 0; k < sizeof noise; k++) {
            noise[k] = (uint8_t) (wf_rng_next(&r) >> wf_rng_below(&r, 8));
        }
        noise[0] = 1;
        good = good && runtimes_decode(b, &names, noise, sizeof noise, NOW) != 0;
    }
    ok(good, "noise is refused");
    wf_buf_fini(&bytes);
    runtimes_free(a);
    runtimes_free(b);
}

int main(void)
{
    test_round_trip();
    test_limits();
    test_names();
    test_keeps();
    test_hostile();
    return done();
}
