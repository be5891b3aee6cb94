/* Names of datasets at other brokers: kept in order, by one rule, within bounds. */
#include "broker/core/mesh/gossip/names.h"

#include "common/err.h"
#include "common/rng.h"
#include "tests/lib/tap.h"

#include <stdio.h>
#include <string.h>

static struct wf_key key(uint8_t i)
{
    struct wf_key k;

    memset(k.b, i, sizeof k.b);
    return k;
}

/* A place for each name of the tests. */
static struct wf_key place_of(const char *name, uint32_t version)
{
    return names_place((unsigned) (uint8_t) name[0] * 256 + (unsigned) (uint8_t) name[1] +
                       version % 16 * 128);
}

static int take(struct names *t, uint8_t home, const char *name, uint32_t version,
                uint64_t created_ms)
{
    const struct wf_key from = key(home), id = place_of(name, version);
    const struct wf_dataset_fact m = {.name = wf_slice_of(name),
                                      .version = version,
                                      .owner = key(99),
                                      .created_ms = created_ms};
    int rc = names_take(t, &from, wf_slice_make(id.b, sizeof id.b), &m);

    names_check(t);
    return rc;
}

static void drop(struct names *t, uint8_t home, const char *name, uint32_t version)
{
    const struct wf_key from = key(home), id = place_of(name, version);

    names_drop(t, &from, wf_slice_make(id.b, sizeof id.b));
    names_check(t);
}

static void keeps_order(void)
{
    struct names t;
    size_t i;

    must(names_init(&t, 1) == 0);
    is_int(names_first(&t, wf_slice_of("set")), 0, "nothing is known at first");
    must(take(&t, 3, "set", 1, 50) == 0 && take(&t, 2, "set", 1, 40) == 0);
    must(take(&t, 4, "set", 2, 90) == 0 && take(&t, 2, "a", 7, 1) == 0);
    must(take(&t, 2, "zoo", 1, 1) == 0 && take(&t, 1, "set", 1, 40) == 0);
    i = names_first(&t, wf_slice_of("set"));
    ok(i == 1 && t.v[i]->version == 2, "the newest version stands first");
    ok(t.v[i + 1]->home.b[0] == 1 && t.v[i + 2]->home.b[0] == 2,
       "of one version what was made first, then the lower key");
    is_int(t.v[i + 3]->home.b[0], 3, "what was made later comes last");
    ok(names_rule(40, &t.v[i]->home, 50, &t.v[i]->home) < 0 &&
           names_rule(50, &t.v[i]->home, 40, &t.v[i]->home) > 0,
       "the rule is the same from either side");
    is_int(take(&t, 3, "set", 1, 10), 0, "a home corrects itself");
    i = names_first(&t, wf_slice_of("set"));
    ok(t.n == 6 && t.v[i + 1]->home.b[0] == 3, "which moves its place");
    drop(&t, 3, "set", 1);
    ok(t.n == 5 && t.v[i + 1]->home.b[0] == 1, "what is taken back is gone");
    drop(&t, 3, "set", 1);
    drop(&t, 1, "nothing", 1);
    is_int(t.n, 5, "once");
    is_int(names_first(&t, wf_slice_of("se")), t.n, "half a name is none");
    names_fini(&t);
}

static void refuses(void)
{
    const struct wf_key from = key(1), id = names_place(0);
    const struct wf_slice at = {id.b, sizeof id.b};
    struct wf_dataset_fact m = {.name = wf_slice_of("good"), .version = 1};
    struct names t;

    must(names_init(&t, 1) == 0);
    is_int(names_take(&t, &from, at, &m), 0, "a name");
    m.version = 0;
    is_int(names_take(&t, &from, at, &m), WEFT_EPROTO, "of no version");
    is_int(t.n, 0, "what stood there is gone then");
    m.version = 1;
    m.name = wf_slice_of("../x");
    is_int(names_take(&t, &from, at, &m), WEFT_EPROTO, "that is none");
    m.name = wf_slice_of("good");
    is_int(names_take(&t, &from, wf_slice_of("short"), &m), WEFT_EPROTO,
           "about something else");
    names_check(&t);
    names_fini(&t);
}

static void is_bounded(void)
{
    struct names t;
    unsigned taken = 0;

    must(names_init(&t, 1) == 0);
    for (unsigned i = 0; i < NAMES_OF_ONE + 10; i++) {
        const struct wf_key from = key(1), id = names_place(i);
        const struct wf_dataset_fact m = {.name = wf_slice_of("many"), .version = i + 1};

        taken += names_take(&t, &from, wf_slice_make(id.b, sizeof id.b), &m) == 0;
    }
    is_int(taken, NAMES_OF_ONE, "one home has its share");
    names_check(&t);
    is_int(take(&t, 2, "other", 1, 1), 0, "and takes none from others");
    {
        const struct wf_key from = key(1), id = names_place(5);

        names_drop(&t, &from, wf_slice_make(id.b, sizeof id.b));
    }
    is_int(take(&t, 1, "more", 1, 1), 0, "what went makes room");
    is_int(take(&t, 1, "more", 2, 1), WEFT_EFULL, "for one");
    names_fini(&t);
}

static void writes_homes(void)
{
    const struct wf_key k = {{0x0a, 0x1b, 0x2c, 0x3d, 0xff}};
    char room[WF_DATASET_MAX + 1], most[WF_DATASET_MAX + 1];
    uint8_t home[NAMES_DIGITS];
    struct wf_slice name;

    is_int(names_by_home("set", &k, room), 0, "a name with its home");
    is_str(room, "set.0a1b2c3d", "as people write it");
    ok(names_split(wf_slice_of(room), &name, home) && wf_slice_is(name, "set") &&
           memcmp(home, k.b, sizeof home) == 0,
       "and as it is read");
    ok(!names_split(wf_slice_of("set"), &name, home) &&
           !names_split(wf_slice_of("set.0A1b2c3d"), &name, home) &&
           !names_split(wf_slice_of(".0a1b2c3d"), &name, home) &&
           !names_split(wf_slice_of("set-0a1b2c3d"), &name, home),
       "others are plain names");
    memset(most, 'a', sizeof most - 1);
    most[sizeof most - 1] = '\0';
    is_int(names_by_home(most, &k, room), WEFT_ETOOBIG, "the longest has no room for it");
}

/* In whatever order they are heard, what is known is the same. */
static void same_everywhere(void)
{
    struct wf_rng rng = {7};
    struct names a, b;
    int same = 1;

    must(names_init(&a, 1) == 0 && names_init(&b, 2) == 0);
    for (unsigned i = 0; i < 400; i++) {
        unsigned n = (unsigned) wf_rng_below(&rng, 64);
        char name[8];

        (void) snprintf(name, sizeof name, "n%u", n % 4);
        must(take(&b, (uint8_t) (1 + n / 16), name, 1 + n / 4 % 4, n % 3) == 0);
    }
    for (unsigned i = 0; i < 64; i++) {
        char name[8];

        for (unsigned k = 0; k < 2; k++) {
            unsigned n = k == 0 ? i : 63 - i;

            (void) snprintf(name, sizeof name, "n%u", n % 4);
            must(take(k == 0 ? &a : &b, (uint8_t) (1 + n / 16), name, 1 + n / 4 % 4,
                      n % 3) == 0);
        }
    }
    for (size_t i = 0; i < a.n && i < b.n; i++) {
        same &= memcmp(a.v[i], b.v[i], sizeof *a.v[i]) == 0;
    }
    ok(a.n == 64 && b.n == 64 && same, "all brokers come to the same order");
    names_fini(&a);
    names_fini(&b);
}

static void drops_a_home(void)
{
    const struct wf_key two = key(2), nobody = key(9);
    struct names t;

    must(names_init(&t, 1) == 0);
    must(take(&t, 2, "a", 1, 1) == 0 && take(&t, 3, "a", 1, 2) == 0);
    must(take(&t, 2, "b", 1, 1) == 0 && take(&t, 3, "c", 1, 1) == 0);
    names_drop_home(&t, &nobody);
    is_int(t.n, 4, "who named nothing takes nothing along");
    names_drop_home(&t, &two);
    names_check(&t);
    ok(t.n == 2 && names_first(&t, wf_slice_of("b")) == t.n &&
           names_first(&t, wf_slice_of("a")) == 0 && t.v[0]->home.b[0] == 3,
       "all names of a home go, and no others");
    ok(take(&t, 2, "b", 1, 1) == 0 && t.n == 3, "it may name anew");
    names_fini(&t);
}

int main(void)
{
    keeps_order();
    refuses();
    is_bounded();
    writes_homes();
    same_everywhere();
    drops_a_home();
    return done();
}
