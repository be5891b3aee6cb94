#include "broker/core/router/pairs.h"

#include "common/mem.h"
#include "common/rng.h"
#include "tests/lib/tap.h"

#define S   UINT64_C(1000000)
#define KIB 1024u

static void keeps(void)
{
    struct pairs *p = pairs_new(64);

    must(p != NULL);
    is_int(pairs_rtt_us(p, 1, 2, S), 0, "nothing was measured");
    is_int(pairs_rate(p, 1, 2, S), 0, "no rate either");
    pairs_set(p, 7, 2, 5000, 0, S);
    is_int(pairs_rtt_us(p, 7, 2, S), 5000, "a round trip");
    is_int(pairs_rtt_us(p, 2, 7, S), 5000, "belongs to both ends");
    is_int(pairs_rate(p, 7, 2, S), 0, "no rate comes with it");
    pairs_set(p, 7, 2, 0, 100 * KIB, 2 * S);
    is_int(pairs_rate(p, 7, 2, 2 * S), 100 * KIB, "a rate");
    is_int(pairs_rate(p, 2, 7, 2 * S), 0, "belongs to one direction");
    is_int(pairs_rtt_us(p, 7, 2, 2 * S), 5000, "and leaves the round trip");
    pairs_set(p, 2, 7, 4000, 1, 3 * S);
    is_int(pairs_rtt_us(p, 7, 2, 3 * S), 4000, "the newest wins");
    is_int(pairs_rate(p, 2, 7, 3 * S), KIB, "a slow link is not unknown");
    pairs_set(p, 5, 5, 1, 1, S);
    is_int(pairs_rtt_us(p, 5, 5, S), 0, "a node and itself are no pair");
    pairs_set(p, 0, UINT32_MAX, 9, UINT64_MAX, S);
    is_int(pairs_rtt_us(p, UINT32_MAX, 0, S), 9, "any number is a node");
    is_int(pairs_rate(p, 0, UINT32_MAX, S), (int64_t) UINT32_MAX * KIB, "rates end");
    pairs_free(p);
}

static void forgets(void)
{
    struct pairs *p = pairs_new(64);

    must(p != NULL);
    pairs_set(p, 1, 2, 10, KIB, 0);
    pairs_set(p, 1, 2, 11, 0, 300 * S);
    is_int(pairs_rate(p, 1, 2, 599 * S), KIB, "known for ten minutes");
    is_int(pairs_rate(p, 1, 2, 600 * S), 0, "then forgotten");
    is_int(pairs_rtt_us(p, 1, 2, 899 * S), 11, "each sample by its own age");
    is_int(pairs_rtt_us(p, 1, 2, 900 * S), 0, "all of them in the end");
    is_int(pairs_rtt_us(p, 1, 2, 0), 11, "a clock that went back finds it new");
    pairs_set(p, 3, 1, 12, 0, S);
    pairs_set(p, 3, 4, 13, 0, S);
    pairs_forget(p, 1);
    is_int(pairs_rtt_us(p, 1, 2, S), 0, "a node's pairs go with it");
    is_int(pairs_rtt_us(p, 3, 1, S), 0, "on whichever side it stood");
    is_int(pairs_rtt_us(p, 3, 4, S), 13, "others stay");
    pairs_free(p);
}

static void is_bounded(void)
{
    struct pairs *p = pairs_new(1000);
    size_t bytes = pairs_bytes(p);
    struct wf_rng rng = {3};
    unsigned newest = 0, found = 0;

    must(p != NULL);
    ok(bytes >= 1000 * 32 && bytes <= 3 * 1000 * 52, "the room that was asked for");
    (void) wf_mem_fail_after(0);
    for (uint32_t i = 1; i <= 100000; i++) {
        uint32_t a = (uint32_t) wf_rng_below(&rng, 5000) + 1;

        pairs_set(p, a, i + 10000, i, 0, i * 1000);
        newest += pairs_rtt_us(p, a, i + 10000, i * 1000) == i;
    }
    (void) wf_mem_fail_after(-1);
    is_int(newest, 100000, "the newest is always there, without allocation");
    rng.s = 3;
    for (uint32_t i = 1; i <= 100000; i++) {
        uint32_t a = (uint32_t) wf_rng_below(&rng, 5000) + 1;

        found += pairs_rtt_us(p, a, i + 10000, 100 * S) != 0 && i > 99000;
    }
    ok(found > 800, "and most of the thousand newest: %u", found);
    is_int(pairs_bytes(p), (int64_t) bytes, "it never grew");
    pairs_free(p);
}

/* Four share a set of the smallest table. */
static void evicts_the_oldest(void)
{
    struct pairs *p = pairs_new(0);

    must(p != NULL);
    for (uint32_t i = 1; i <= 4; i++) {
        pairs_set(p, 100, i, i, 0, i * S);
    }
    pairs_set(p, 100, 1, 50, 0, 5 * S);
    pairs_set(p, 100, 9, 60, 0, 6 * S);
    is_int(pairs_rtt_us(p, 100, 2, 6 * S), 0, "the one touched longest ago made way");
    is_int(pairs_rtt_us(p, 100, 1, 6 * S), 50, "not the first that came");
    is_int(pairs_rtt_us(p, 100, 9, 6 * S), 60, "the new one is in");
    is_int(pairs_rate(p, 9, 100, 6 * S), 0, "with nothing of the old");
    pairs_free(p);
}

static void without_memory(void)
{
    (void) wf_mem_fail_after(0);
    ok(pairs_new(10) == NULL, "out of memory");
    (void) wf_mem_fail_after(-1);
    pairs_free(NULL);
}

/* All words in one. */
static uint64_t folded(const struct pairs *p, uint32_t node)
{
    const struct pair_company c = pairs_with(p, node);

    return c.bits[0] | c.bits[1] | c.bits[2] | c.bits[3];
}

static int may(const struct pairs *p, uint32_t a, uint32_t b)
{
    const struct pair_company c = pairs_with(p, a);

    return (int) pairs_may(&c, b);
}

/* Who was never measured with whom is told without a look at the table. */
static void company(void)
{
    struct pairs *p = pairs_new(1024);

    must(p != NULL);
    is_int((int64_t) folded(p, 1), 0, "nobody was measured");
    pairs_set(p, 1, 2, 10, 0, S);
    pairs_set(p, 70, 1, 0, KIB, S);
    is_int((int64_t) folded(p, 1), 1 << 2 | 1 << 6, "with two others");
    ok(may(p, 1, 70) && !may(p, 1, 6) && !may(p, 1, 134), "of these and no like ones");
    is_int((int64_t) folded(p, 2), 1 << 1, "each of them with it");
    is_int((int64_t) folded(p, 70), 1 << 1, "in either direction");
    pairs_set(p, 1, 3, 10, 0, 599 * S);
    pairs_set(p, 8, 9, 10, 0, 601 * S);
    is_int((int64_t) folded(p, 1), 1 << 2 | 1 << 3 | 1 << 6,
           "who was measured in the last ten minutes stays");
    pairs_set(p, 8, 9, 10, 0, 1300 * S);
    pairs_set(p, 8, 9, 10, 0, 1900 * S);
    is_int((int64_t) folded(p, 1), 0, "and is forgotten in twenty");
    is_int((int64_t) folded(p, 8), 1 << 9, "unless it was measured again");
    pairs_free(p);
}

int main(void)
{
    keeps();
    forgets();
    is_bounded();
    evicts_the_oldest();
    without_memory();
    company();
    return done();
}
