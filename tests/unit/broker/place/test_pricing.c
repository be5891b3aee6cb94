#include "tests/unit/broker/bed.h"

static const struct price_line lines[] = {
    {WF_PRICE_NODE, "c6", "", 22222222, PRICE_ON_DEMAND, 0},
    {WF_PRICE_NODE, "c6-spot", "", 8333333, PRICE_SPOT, PRICES_EVENT},
    {WF_PRICE_TIERS, "cloud", "*", 90, PRICE_OWNED, 0},
    {WF_PRICE_SITES, "lyon", "paris", 20, PRICE_OWNED, 0},
    {WF_PRICE_SITES, "*", "paris", 30, PRICE_OWNED, 0},
};

/* What a byte costs between the tiers `cloud` of two sites. */
static uint64_t byte_between(const struct pricing *p, const char *from, const char *to)
{
    return prices_egress(p->book, wf_intern_find(p->sites, from), WF_TIER_CLOUD,
                         wf_intern_find(p->sites, to), WF_TIER_CLOUD);
}

static void takes_lines(void)
{
    const struct prices *book;
    struct pricing p;

    must(pricing_init(&p, 1) == 0);
    book = p.book;
    is_int(pricing_put(&p, lines, ARRAY_LEN(lines)), 0, "a book of names");
    is_int(prices_node(p.book, wf_intern_find(p.classes, "c6")), 22222222, "a class");
    is_int(prices_hazard(p.book, wf_intern_find(p.classes, "c6-spot")), 11574074,
           "its interruptions");
    is_int(byte_between(&p, "lyon", "paris"), 20, "a pair of sites");
    is_int(byte_between(&p, "nice", "paris"), 30, "any site to one");
    is_int(byte_between(&p, "paris", "lyon"), 90, "else by tier");
    is_int(pricing_put(&p, lines, 1), 0, "a new book");
    is_int(byte_between(&p, "lyon", "paris"), 0, "has nothing of the old one");
    is_int(prices_node(p.book, wf_intern_find(p.classes, "c6")), 22222222,
           "names keep their numbers");
    is_int(pricing_put(&p, NULL, 0), 0, "no lines");
    is_int(prices_node(p.book, wf_intern_find(p.classes, "c6")), 0, "cost nothing");
    ok(p.book == book, "who borrowed the book reads the new one");
    pricing_fini(&p);
}

static void refuses_lines(void)
{
    static const struct price_line bad[] = {
        {WF_PRICE_TIERS, "moon", "*", 90, PRICE_OWNED, 0},
        {WF_PRICE_TIERS, "none", "*", 90, PRICE_OWNED, 0},
        {WF_PRICE_TIERS, "*", "", 90, PRICE_OWNED, 0},
        {WF_PRICE_SITES, "", "lyon", 90, PRICE_OWNED, 0},
        {WF_PRICE_SITES, "lyon", "*", PRICES_BYTE_MAX + 1, PRICE_OWNED, 0},
        {WF_PRICE_NODE, "", "", 1, PRICE_OWNED, 0},
        {WF_PRICE_NODE, "x", "", PRICES_NODE_MAX + 1, PRICE_OWNED, 0},
        {WF_PRICE_NONE, "x", "y", 1, PRICE_OWNED, 0},
    };
    struct pricing p;

    must(pricing_init(&p, 1) == 0);
    must(pricing_put(&p, lines, ARRAY_LEN(lines)) == 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct price_line two[] = {lines[0], bad[i]};

        two[0].pusd = 1;
        ok(pricing_put(&p, two, 2) == WEFT_EINVAL &&
               prices_node(p.book, wf_intern_find(p.classes, "c6")) == 22222222 &&
               byte_between(&p, "lyon", "paris") == 20 && p.nlines == ARRAY_LEN(lines),
           "line %zu is refused, and the old book holds", i);
    }
    is_int(pricing_put(&p, lines, PRICE_LINES_MAX + 1), WEFT_EFULL, "too many");
    pricing_fini(&p);
}

static void lacks_memory(void)
{
    for (long n = 0;; n++) {
        struct pricing p;
        int rc;

        wf_mem_fail_after(n);
        rc = pricing_init(&p, 1);
        if (rc == 0) {
            rc = pricing_put(&p, lines, ARRAY_LEN(lines));
            ok(byte_between(&p, "lyon", "paris") == (rc == 0 ? 20u : 0) &&
                   p.nlines == (rc == 0 ? ARRAY_LEN(lines) : 0),
               "all lines or none, after %ld allocations", n);
            pricing_fini(&p);
        }
        wf_mem_fail_after(-1);
        must(rc == 0 || rc == WEFT_ENOMEM);
        if (rc == 0) {
            break;
        }
    }
}

/* -- the core -- */

static void give(struct bed *b, const struct price_line *v, size_t n)
{
    struct broker_event ev = {.kind = BROKER_PRICES, .prices = v, .nprices = n};

    bed_step(b, &ev);
}

static struct wf_prices_page ask(struct bed *b, uint32_t peer, uint64_t after)
{
    const struct wf_query q = {
        .req = 5, .kind = WF_QUERY_PRICES, .after = after, .limit = 2};
    struct wf_msg m;

    bed_say(b, peer, WF_MSG_query, &q);
    must(bed_told(b, peer, WF_MSG_prices_page, 0, &m));
    return m.u.prices_page;
}

static void shows_the_book(void)
{
    struct wf_prices_page page;
    struct wf_price_row row;
    unsigned n = 0;
    struct bed b;
    uint32_t app;

    bed_init(&b);
    bed_start(&b);
    app = bed_client(&b, 2, "app");
    page = ask(&b, app, 0);
    ok(page.rows.count == 0 && page.more == 0, "no book, no rows");
    give(&b, lines, ARRAY_LEN(lines));
    page = ask(&b, app, 0);
    ok(page.req == 5 && page.rows.count == 2 && page.more == 2, "in pages");
    must(wf_rows_next(&page.rows, wf_desc_price_row(), &row) &&
         wf_rows_next(&page.rows, wf_desc_price_row(), &row));
    ok(row.kind == WF_PRICE_NODE && wf_slice_is(row.from, "c6-spot") &&
           wf_slice_is(row.to, "spot") && row.pusd == 8333333 &&
           row.events_day == PRICES_EVENT,
       "a class, and how it is paid");
    for (uint64_t at = 2; at != 0; at = page.more) {
        page = ask(&b, app, at);
        while (wf_rows_next(&page.rows, wf_desc_price_row(), &row)) {
            n++;
        }
    }
    is_int(n, 3, "to the last");
    ok(row.kind == WF_PRICE_SITES && wf_slice_is(row.from, "*") &&
           wf_slice_is(row.to, "paris") && row.pusd == 30,
       "which is that of two sites");
    give(&b, (const struct price_line[]){{WF_PRICE_NONE, "", "", 0, PRICE_OWNED, 0}}, 1);
    is_int(ask(&b, app, 4).rows.count, 1, "a book that cannot be leaves the old one");
    give(&b, NULL, 0);
    is_int(ask(&b, app, 0).rows.count, 0, "an empty one does not");
    bed_fini(&b);
}

int main(void)
{
    takes_lines();
    refuses_lines();
    lacks_memory();
    shows_the_book();
    return done();
}
