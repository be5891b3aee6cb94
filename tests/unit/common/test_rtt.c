#include "common/rtt.h"

#include "common/rng.h"
#include "tests/lib/tap.h"

static void feed(struct wf_rtt *r, uint64_t rtt_us, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        (void) wf_rtt_add(r, rtt_us, 0);
    }
}

static void refuses(void)
{
    struct wf_rtt r = {0};

    is_int(wf_rtt_us(&r), 0, "nothing is known at first");
    is_int(wf_rtt_news(&r), 0, "and there is nothing to tell");
    is_int(wf_rtt_add(&r, 0, 1), 0, "no time at all is refused");
    is_int(wf_rtt_add(&r, WF_RTT_MAX_US + 1, 1), 0, "more than ten seconds too");
    is_int(wf_rtt_add(&r, UINT64_MAX, 1), 0, "and a negative number");
    is_int(r.refused, 3, "each is counted");
    is_int(wf_rtt_us(&r), 0, "and changes nothing");
    is_int(wf_rtt_add(&r, WF_RTT_MAX_US, 7), 1, "ten seconds are believed");
    is_int(wf_rtt_us(&r), WF_RTT_MAX_US, "the first sample is the level");
    is_int(r.at_us, 7, "its time is kept");
    r.refused = UINT32_MAX;
    (void) wf_rtt_add(&r, 0, 1);
    ok(r.refused == UINT32_MAX, "the count stays at its maximum");
}

static void follows(void)
{
    struct wf_rtt r = {0};

    feed(&r, 20000, 20);
    is_int(wf_rtt_us(&r), 20000, "a steady link");
    ok(wf_rtt_jitter_us(&r) < 250, "has little jitter");
    feed(&r, 60000, 2);
    is_int(wf_rtt_us(&r), 20000, "two strays change nothing");
    ok(wf_rtt_unsure(&r), "but ask for another sample");
    feed(&r, 60000, 1);
    is_int(wf_rtt_us(&r), 60000, "the third is a new level");
    ok(!wf_rtt_unsure(&r), "which is sure");
    is_int(wf_rtt_jitter_us(&r), 0, "and as steady as the old one");
    feed(&r, 21000, 3);
    is_int(wf_rtt_us(&r), 21000, "down it goes as fast");
}

/* From and to all kinds of levels, with a little jitter. */
static void adopts_within_three(void)
{
    struct wf_rng rng = {5};
    int good = 1;

    for (int i = 0; i < 2000; i++) {
        struct wf_rtt r = {0};
        uint64_t from = 200 + wf_rng_below(&rng, 300000);
        uint64_t to = from * 3 / 2 + 2000 + wf_rng_below(&rng, 1000000);

        if (wf_rng_chance(&rng, 1, 2)) {
            uint64_t swap = from;

            from = to;
            to = swap;
        }
        for (unsigned n = 5 + (unsigned) wf_rng_below(&rng, 30); n > 0; n--) {
            feed(&r, from + wf_rng_below(&rng, from / 50 + 1), 1);
        }
        wf_rtt_told(&r);
        for (int n = 0; n < 3; n++) {
            feed(&r, to + wf_rng_below(&rng, to / 50 + 1), 1);
        }
        good = good && wf_rtt_us(&r) >= to && wf_rtt_us(&r) <= to + to / 50 &&
               wf_rtt_news(&r);
    }
    ok(good, "any real change is adopted, and news, with the third sample");
}

/* How often it would tell others over 5000 samples. */
static unsigned tells(uint64_t base, uint64_t spread, unsigned stray_pct)
{
    struct wf_rtt r = {0};
    struct wf_rng rng = {base + spread};
    unsigned told = 0;
    int after_stray = 0;

    for (int i = 0; i < 5000; i++) {
        uint64_t s = base + wf_rng_below(&rng, spread + 1);

        /* Strays come alone. */
        after_stray = !after_stray && wf_rng_chance(&rng, stray_pct, 100);
        feed(&r, after_stray ? s * (2 + wf_rng_below(&rng, 50)) : s, 1);
        if (wf_rtt_news(&r)) {
            told++;
            wf_rtt_told(&r);
        }
    }
    return told;
}

static void does_not_flap(void)
{
    is_int(tells(300, 300, 0), 1, "a LAN with jitter is told once");
    is_int(tells(20000, 2000, 0), 1, "a link with a tenth of jitter too");
    is_int(tells(20000, 0, 3), 1, "strays are not told");
    ok(tells(20000, 2000, 3) <= 2, "nor on top of jitter");
    ok(tells(50000, 40000, 0) <= 200, "wild jitter is told now and then: %u",
       tells(50000, 40000, 0));
}

static void jitters(void)
{
    struct wf_rtt r = {0};
    int64_t was;

    for (int i = 0; i < 200; i++) {
        feed(&r, i % 2 ? 11000 : 9000, 1);
    }
    ok(wf_rtt_jitter_us(&r) > 500 && wf_rtt_jitter_us(&r) < 2000,
       "the deviation of a link that swings by 1 ms: %u us", wf_rtt_jitter_us(&r));
    was = wf_rtt_jitter_us(&r);
    feed(&r, WF_RTT_MAX_US, 1);
    ok(wf_rtt_jitter_us(&r) < was + 2500, "a stray of ten seconds is bounded: %u us",
       wf_rtt_jitter_us(&r));
}

static void loses(void)
{
    struct wf_rtt r = {0};

    feed(&r, 5000, 1);
    wf_rtt_told(&r);
    wf_rtt_lost(&r);
    is_int(wf_rtt_loss_pm(&r), 62, "the first one lost is one of sixteen");
    is_int(wf_rtt_news(&r), 0, "which is no news");
    wf_rtt_lost(&r);
    is_int(wf_rtt_news(&r), 1, "two of them are");
    feed(&r, 5000, 62);
    is_int(wf_rtt_loss_pm(&r), 31, "two of the newest 64");
    feed(&r, 5000, 2);
    is_int(wf_rtt_loss_pm(&r), 0, "the old are forgotten");
    for (int i = 0; i < 1000; i++) {
        wf_rtt_lost(&r);
    }
    is_int(wf_rtt_loss_pm(&r), 1000, "all lost");
    is_int(wf_rtt_us(&r), 5000, "the level stays what it was");
}

static void survives_anything(void)
{
    struct wf_rtt r = {0}, twin = {0};
    struct wf_rng rng = {9};
    int good = 1;

    r.n = twin.n = UINT32_MAX - 20;
    for (int i = 0; i < 200000; i++) {
        uint64_t s = wf_rng_next(&rng) >> wf_rng_below(&rng, 64);

        (void) wf_rtt_add(&r, s, (uint64_t) i);
        (void) wf_rtt_add(&twin, s, (uint64_t) i);
        good = good && wf_rtt_us(&r) <= WF_RTT_MAX_US &&
               wf_rtt_jitter_us(&r) <= WF_RTT_MAX_US && wf_rtt_loss_pm(&r) <= 1000;
    }
    ok(good, "no samples lead out of the range");
    ok(memcmp(&r, &twin, sizeof r) == 0, "the same samples give the same link");
}

int main(void)
{
    refuses();
    follows();
    adopts_within_three();
    does_not_flap();
    jitters();
    loses();
    survives_anything();
    return done();
}
