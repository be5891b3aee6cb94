#include "broker/core/router/prices.h"
#include "common/err.h"
#include "common/mem.h"
#include "common/rng.h"
#include "tests/lib/tap.h"

enum { NONE, EDGE, ONPREM, CLOUD };

static struct prices *book(void)
{
    struct prices *p = prices_new();

    must(p != NULL);
    return p;
}

static void test_nodes(void)
{
    struct prices *p = book();

    is_int(prices_node(p, 0), 0, "an empty book: nothing costs");
    is_int(prices_node(p, 77), 0, "whatever the class");
    is_int(prices_set_node(p, 3, PRICE_ON_DEMAND, 22222222, 0), 0, "0.08 $/h on demand");
    is_int(prices_set_node(p, 5, PRICE_SPOT, 8333333, 2 * PRICES_EVENT), 0, "spot");
    is_int(prices_set_node(p, 4, PRICE_OWNED, 2777778, 0), 0, "owned");
    is_int(prices_set_node(p, 40, PRICE_RESERVED, 5555556, 0), 0, "reserved");
    is_int(prices_node(p, 3), 22222222, "on demand costs its list price");
    is_int(prices_node(p, 5), 8333333, "so does spot");
    is_int(prices_node(p, 4), 0, "what is owned costs nothing more");
    is_int(prices_list(p, 4), 2777778, "than it does anyway");
    is_int(prices_node(p, 40), 0, "nor what is reserved");
    is_int(prices_paid(p, 40), PRICE_RESERVED, "told how it is paid");
    is_int(prices_hazard(p, 5), 23148148, "twice a day, in 10^12 seconds");
    is_int(prices_hazard(p, 3), 0, "never");
    is_int(prices_node(p, 6), 0, "a class without a line");
    is_int(prices_set_node(p, 0, PRICE_SPOT, 7, PRICES_EVENT), 0, "a line for any class");
    is_int(prices_node(p, 6), 7, "is for those without one");
    is_int(prices_node(p, 4000000), 7, "whatever the number");
    is_int(prices_hazard(p, 6), 11574074, "with its interruptions");
    is_int(prices_node(p, 3), 22222222, "and not for others");
    is_int(prices_set_node(p, 3, PRICE_OWNED, 22222222, 0), 0, "a class anew");
    is_int(prices_node(p, 3), 0, "replaces the line");
    prices_free(p);
    prices_free(NULL);
}

static void test_egress(void)
{
    struct prices *p = book();

    must(prices_set_tiers(p, CLOUD, NONE, 90) == 0);
    must(prices_set_tiers(p, CLOUD, ONPREM, 50) == 0);
    must(prices_set_tiers(p, NONE, EDGE, 3) == 0);
    is_int(prices_egress(p, 1, CLOUD, 2, CLOUD), 90, "from a tier to any");
    is_int(prices_egress(p, 1, CLOUD, 2, ONPREM), 50, "the pair of tiers comes first");
    is_int(prices_egress(p, 1, CLOUD, 2, EDGE), 90, "from comes before to");
    is_int(prices_egress(p, 1, ONPREM, 2, EDGE), 3, "from any to a tier");
    is_int(prices_egress(p, 1, ONPREM, 2, CLOUD), 0, "what has no line is free");
    is_int(prices_egress(p, 1, NONE, 2, EDGE), 3, "a node without a tier");
    is_int(prices_egress(p, 1, CLOUD, 1, EDGE), 0, "within a site nothing is paid");
    is_int(prices_egress(p, 0, CLOUD, 0, EDGE), 90, "two without a site are not of one");

    must(prices_set_sites(p, 1, 2, 20) == 0);
    must(prices_set_sites(p, 0, 2, 12) == 0);
    must(prices_set_sites(p, 1, 0, 11) == 0);
    is_int(prices_egress(p, 1, CLOUD, 2, CLOUD), 20, "sites come before tiers");
    is_int(prices_egress(p, 1, CLOUD, 9, CLOUD), 11, "a site to any other");
    is_int(prices_egress(p, 9, CLOUD, 2, CLOUD), 12, "any other to a site");
    is_int(prices_egress(p, 8, CLOUD, 9, CLOUD), 90, "sites without lines: by tiers");
    is_int(prices_egress(p, 2, CLOUD, 1, ONPREM), 50, "one way is not the other");
    is_int(prices_egress(p, 1, CLOUD, 1, CLOUD), 0, "still nothing within a site");
    must(prices_set_sites(p, 1, 1, 10) == 0 && prices_set_sites(p, 0, 0, 5) == 0);
    is_int(prices_egress(p, 1, CLOUD, 1, CLOUD), 10, "unless a line says so");
    is_int(prices_egress(p, 2, CLOUD, 2, CLOUD), 0, "of that site");
    is_int(prices_egress(p, 0, CLOUD, 0, EDGE), 5, "any two sites");
    is_int(prices_egress(p, 70000, CLOUD, 4000000000u, 9), 5, "numbers out of the table");
    prices_clear(p);
    is_int(prices_egress(p, 1, CLOUD, 2, ONPREM), 0, "cleared");
    prices_free(p);
}

static void test_limits(void)
{
    struct prices *p = book();
    int rc = 0;
    uint32_t n = 0;

    is_int(prices_set_node(p, PRICES_CLASSES_MAX + 1, PRICE_SPOT, 1, 0), WEFT_EINVAL,
           "a class beyond the table");
    is_int(prices_set_node(p, 1, PRICE_PAIDS, 1, 0), WEFT_EINVAL,
           "an unknown way to pay");
    is_int(prices_set_node(p, 1, PRICE_SPOT, PRICES_NODE_MAX + 1, 0), WEFT_EINVAL,
           "a price beyond all");
    is_int(prices_set_node(p, 1, PRICE_SPOT, 1, PRICES_EVENT_MAX + 1), WEFT_EINVAL,
           "taken away more than once a second");
    is_int(prices_set_node(p, 1, PRICE_SPOT, 1, PRICES_EVENT_MAX), 0, "once a second");
    is_int(prices_hazard(p, 1), 1000000000000, "is its unit");
    is_int(prices_set_tiers(p, 4, 1, 1), WEFT_EINVAL, "no such tier");
    is_int(prices_set_tiers(p, 1, 1, PRICES_BYTE_MAX + 1), WEFT_EINVAL, "too dear");
    is_int(prices_set_sites(p, 1, PRICES_NAMED_MAX + 1, 1), WEFT_EINVAL, "no such site");
    while (rc == 0 && n <= PRICES_SITES_MAX) {
        rc = prices_set_sites(p, PRICES_NAMED_MAX - n, 0, n + 1);
        n += rc == 0;
    }
    is_int(rc, WEFT_EFULL, "sites with lines of their own are bounded");
    is_int(n, PRICES_SITES_MAX, "by the limit");
    is_int(prices_set_sites(p, PRICES_NAMED_MAX, PRICES_NAMED_MAX - 1, 9), 0,
           "lines of those there are may follow");
    is_int(prices_egress(p, PRICES_NAMED_MAX - 7, 0, 1, 0), 8, "and all stand");
    prices_free(p);
}

/* The same lines as a list, searched as the header says. */
struct line {
    uint32_t from, to;
    uint64_t price;
};

static const struct line *line_of(const struct line *lines, size_t n, uint32_t from,
                                  uint32_t to)
{
    while (n-- > 0) {
        if (lines[n].from == from && lines[n].to == to) {
            return &lines[n];
        }
    }
    return NULL;
}

static uint64_t searched(const struct line *sites, size_t nsites,
                         const struct line *tiers, size_t ntiers, const uint32_t at[4])
{
    const struct line *l = line_of(sites, nsites, at[0], at[2]);

    if (at[0] == at[2] && at[0] != 0) {
        return l != NULL ? l->price : 0;
    }
    l = l != NULL ? l : line_of(sites, nsites, at[0], 0);
    l = l != NULL ? l : line_of(sites, nsites, 0, at[2]);
    l = l != NULL ? l : line_of(sites, nsites, 0, 0);
    l = l != NULL ? l : line_of(tiers, ntiers, at[1], at[3]);
    l = l != NULL ? l : line_of(tiers, ntiers, at[1], 0);
    l = l != NULL ? l : line_of(tiers, ntiers, 0, at[3]);
    l = l != NULL ? l : line_of(tiers, ntiers, 0, 0);
    return l != NULL ? l->price : 0;
}

static void test_any(void)
{
    struct wf_rng rng = {5};
    int good = 1;

    for (int round = 0; round < 60; round++) {
        struct line sites[40], tiers[6];
        size_t nsites = wf_rng_below(&rng, 40), ntiers = wf_rng_below(&rng, 6);
        struct prices *p = book();

        for (size_t i = 0; i < nsites; i++) {
            sites[i] = (struct line){(uint32_t) wf_rng_below(&rng, 24),
                                     (uint32_t) wf_rng_below(&rng, 24), i + 1};
            good = good && prices_set_sites(p, sites[i].from, sites[i].to, i + 1) == 0;
        }
        for (size_t i = 0; i < ntiers; i++) {
            tiers[i] = (struct line){(uint32_t) wf_rng_below(&rng, 4),
                                     (uint32_t) wf_rng_below(&rng, 4), 100 + i};
            good = good && prices_set_tiers(p, tiers[i].from, tiers[i].to, 100 + i) == 0;
        }
        for (int i = 0; i < 2000; i++) {
            uint32_t at[4] = {
                (uint32_t) wf_rng_below(&rng, 26), (uint32_t) wf_rng_below(&rng, 4),
                (uint32_t) wf_rng_below(&rng, 26), (uint32_t) wf_rng_below(&rng, 4)};

            good = good && prices_egress(p, at[0], at[1], at[2], at[3]) ==
                               searched(sites, nsites, tiers, ntiers, at);
        }
        prices_free(p);
    }
    ok(good, "any book is searched as its lines say");
}

static void test_swap(void)
{
    struct prices *a = book(), *b = book();

    must(prices_set_tiers(a, CLOUD, NONE, 90) == 0);
    must(prices_set_node(b, 1, PRICE_SPOT, 4, 0) == 0);
    must(prices_set_sites(b, 1, 2, 6) == 0);
    prices_swap(a, b);
    ok(prices_egress(a, 3, CLOUD, 4, CLOUD) == 0 && prices_node(a, 1) == 4 &&
           prices_egress(a, 1, CLOUD, 2, CLOUD) == 6,
       "the new book is in the place of the old");
    ok(prices_egress(b, 1, CLOUD, 2, CLOUD) == 90 && prices_node(b, 1) == 0,
       "which may go");
    prices_free(b);
    is_int(prices_node(a, 1), 4, "alone");
    prices_free(a);
}

static void test_memory(void)
{
    wf_mem_fail_after(0);
    ok(prices_new() == NULL, "no book without memory");
    for (long n = 0;; n++) {
        struct prices *p;
        int nodes, sites, more;

        wf_mem_fail_after(-1);
        p = book();
        must(prices_set_sites(p, 1, 2, 5) == 0);
        wf_mem_fail_after(n);
        nodes = prices_set_node(p, 9, PRICE_SPOT, 7, 0);
        sites = prices_set_sites(p, 40, 50, 8);
        more = 0;
        for (uint32_t i = 3; i < 20 && more == 0; i++) {
            more = prices_set_sites(p, i, 0, i);
        }
        wf_mem_fail_after(-1);
        ok(prices_node(p, 9) == (nodes == 0 ? 7u : 0) &&
               prices_egress(p, 40, 0, 50, 0) == (sites == 0 ? 8u : 0) &&
               prices_egress(p, 1, 0, 2, 0) == 5,
           "a line is in the book or not, after %ld allocations", n);
        prices_free(p);
        if (nodes == 0 && sites == 0 && more == 0) {
            break;
        }
        must(nodes == WEFT_ENOMEM || sites == WEFT_ENOMEM || more == WEFT_ENOMEM);
    }
}

static void test_names(void)
{
    int good = 1;

    for (int i = 0; i < PRICE_PAIDS; i++) {
        good = good && price_paid_parse(price_paid_name((enum price_paid) i)) == i;
    }
    ok(good, "each way to pay has a name");
    is_int(price_paid_parse("free"), -1, "and no other");
    is_str(price_paid_name(PRICE_PAIDS), "?", "no name");
}

int main(void)
{
    test_nodes();
    test_egress();
    test_limits();
    test_any();
    test_swap();
    test_memory();
    test_names();
    return done();
}
