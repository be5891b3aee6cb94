#include "broker/core/peers/links.h"

#include "common/err.h"
#include "common/mem.h"
#include "common/rate.h"
#include "tests/lib/tap.h"

#define S UINT64_C(1000000)

static struct wf_link_row row_of(uint8_t peer, uint64_t rtt_us)
{
    struct wf_link_row row = {
        .rtt_us = rtt_us, .jitter_us = 10, .loss_pm = 5, .samples = 3};

    memset(row.peer.b, peer, sizeof row.peer.b);
    return row;
}

static void keeps(void)
{
    struct links l = {0};
    struct wf_link_row row = row_of(0, 5000);
    const struct link_seen *x = NULL;

    ok(links_broker(&l) == NULL, "nothing was told");
    row.age_ms = 2000;
    is_int(links_put(&l, &row, 10 * S, &x), 0, "the link to the broker");
    ok(links_broker(&l) == x && x->rtt_us == 5000 && x->jitter_us == 10 &&
           x->loss_pm == 5 && x->at_us == 8 * S,
       "as it was told, measured when it was");
    row = row_of(0, 6000);
    row.age_ms = UINT64_MAX;
    is_int(links_put(&l, &row, 10 * S, &x), 0, "told again");
    ok(l.n == 1 && x->rtt_us == 6000 && x->at_us == 0, "the newest word wins");
    row = row_of(3, 0);
    row.down = UINT64_MAX;
    ok(links_put(&l, &row, 10 * S, &x) == 0 && x->down == WF_RATE_MAX,
       "a rate alone is a link, and bounded");
    links_fini(&l);
    is_int(l.n, 0, "all gone");
}

static void refuses(void)
{
    struct links l = {0};
    struct wf_link_row row = row_of(1, 0);
    const struct link_seen *x = NULL;

    is_int(links_put(&l, &row, S, &x), WEFT_EPROTO, "a row without a measure");
    row = row_of(1, 10000001);
    is_int(links_put(&l, &row, S, &x), WEFT_EPROTO, "more than ten seconds");
    row = row_of(1, 5);
    row.jitter_us = UINT64_MAX;
    is_int(links_put(&l, &row, S, &x), WEFT_EPROTO, "or of jitter");
    ok(l.n == 0 && x == NULL, "nothing is kept of them");
    row = row_of(1, 5);
    (void) wf_mem_fail_after(0);
    is_int(links_put(&l, &row, S, &x), WEFT_ENOMEM, "no memory");
    (void) wf_mem_fail_after(-1);
    is_int(l.n, 0, "nothing changed");
    links_fini(&l);
}

static void is_bounded(void)
{
    struct links l = {0};
    const struct link_seen *x = NULL;
    int good = 1;

    for (unsigned i = 0; i < 200; i++) {
        struct wf_link_row row = row_of((uint8_t) i, 100 + i);

        good = good && links_put(&l, &row, (i + 1) * S, &x) == 0 &&
               x->rtt_us == 100 + i && l.n <= LINKS_MAX;
    }
    ok(good, "each new one finds room");
    ok(links_broker(&l) != NULL, "the link to the broker is never the one that goes");
    good = 1;
    for (unsigned i = 0; i < l.n; i++) {
        good = good && (l.v[i].rtt_us == 100 || l.v[i].rtt_us > 100 + 200 - LINKS_MAX);
    }
    ok(good && l.n == LINKS_MAX, "the oldest of the others are");
    links_fini(&l);
}

int main(void)
{
    keeps();
    refuses();
    is_bounded();
    return done();
}
