#include "common/rate.h"

#include "common/rng.h"
#include "tests/lib/tap.h"

#define MIB    (1024u * 1024)
#define SECOND UINT64_C(1000000)
#define MINUTE (60 * SECOND)

static void measures(void)
{
    struct wf_rate r = {0};

    is_int(wf_rate_get(&r, 0), 0, "nothing is known at first");
    is_int(wf_rate_news(&r, 0), 0, "nor news");
    is_int(wf_rate_add(&r, 10 * MIB, SECOND, 1, 0), 1, "a transfer counts");
    is_int(wf_rate_get(&r, 0), 10 * MIB, "alone it had the whole link");
    is_int(wf_rate_add(&r, 4 * MIB, SECOND / 2, 3, 0), 1, "one of three");
    is_int(wf_rate_get(&r, 0), 24 * MIB, "had a third of it");
    is_int(wf_rate_add(&r, MIB, SECOND, 0, 0), 1, "a slow one");
    is_int(wf_rate_get(&r, 0), 24 * MIB, "was held back by something else");
}

static void ignores(void)
{
    struct wf_rate r = {0};

    is_int(wf_rate_add(&r, WF_RATE_MIN_BYTES - 1, 1, 1, 0), 0, "too small to tell");
    is_int(wf_rate_add(&r, MIB, 0, 1, 0), 0, "no time at all");
    is_int(wf_rate_add(&r, MIB, UINT64_MAX, 1, 0), 0, "too slow to be a number");
    is_int(wf_rate_get(&r, 0), 0, "none of them counts");
    (void) wf_rate_add(&r, UINT64_MAX, 1, UINT64_MAX, 0);
    ok(wf_rate_get(&r, 0) == WF_RATE_MAX, "absurd rates are bounded");
    r = (struct wf_rate){0};
    (void) wf_rate_add(&r, MIB, SECOND, 1000000, 0);
    is_int(wf_rate_get(&r, 0), WF_RATE_FLOWS_MAX * MIB, "and so is the number of flows");
}

static void ages(void)
{
    struct wf_rate r = {0};
    uint64_t t = 1000 * MINUTE;

    (void) wf_rate_add(&r, 50 * MIB, SECOND, 1, t);
    wf_rate_told(&r, t);
    (void) wf_rate_add(&r, 5 * MIB, SECOND, 1, t + 5 * MINUTE);
    is_int(wf_rate_get(&r, t + 9 * MINUTE), 50 * MIB, "remembered for nine minutes");
    is_int(wf_rate_news(&r, t + 9 * MINUTE), 0, "no news");
    is_int(wf_rate_get(&r, t + 10 * MINUTE), 5 * MIB, "after ten the next best");
    is_int(wf_rate_news(&r, t + 10 * MINUTE), 1, "which is news");
    is_int(wf_rate_get(&r, t + 15 * MINUTE), 0, "then nothing");
    is_int(wf_rate_news(&r, t + 15 * MINUTE), 1, "that too");
    wf_rate_told(&r, t + 15 * MINUTE);
    is_int(wf_rate_news(&r, t + 15 * MINUTE), 0, "once");
    (void) wf_rate_add(&r, 2 * MIB, SECOND, 1, t + 100 * MINUTE);
    is_int(wf_rate_get(&r, t + 100 * MINUTE), 2 * MIB, "what was long ago never counts");
}

static void clock_goes_back(void)
{
    struct wf_rate r = {0};

    (void) wf_rate_add(&r, 2 * MIB, SECOND, 1, 50 * MINUTE);
    (void) wf_rate_add(&r, 3 * MIB, SECOND, 1, 20 * MINUTE);
    is_int(wf_rate_get(&r, 20 * MINUTE), 3 * MIB, "asked in the past");
    is_int(wf_rate_get(&r, 50 * MINUTE), 3 * MIB, "and in the present");
    is_int(wf_rate_get(&r, 60 * MINUTE), 0, "both age");
    (void) wf_rate_add(&r, 4 * MIB, SECOND, 1, UINT64_MAX);
    is_int(wf_rate_get(&r, UINT64_MAX), 4 * MIB, "the end of time");
}

/* Against the plain form of the same: all samples, and their minutes. */
static void like_a_list(void)
{
    static struct {
        uint64_t minute, rate;
    } all[3000];
    struct wf_rate r = {0};
    struct wf_rng rng = {2};
    uint64_t now = 0;
    int good = 1;

    for (unsigned i = 0; i < 3000; i++) {
        uint64_t best = 0;

        now += wf_rng_below(&rng, wf_rng_chance(&rng, 1, 20) ? 20 * MINUTE : MINUTE);
        all[i].rate = MIB + wf_rng_below(&rng, MIB);
        all[i].minute = now / MINUTE;
        (void) wf_rate_add(&r, all[i].rate, SECOND, 1, now);
        for (unsigned k = 0; k <= i; k++) {
            if (now / MINUTE - all[k].minute < 10 && all[k].rate > best) {
                best = all[k].rate;
            }
        }
        good = good && wf_rate_get(&r, now) == best;
    }
    ok(good, "the maximum of the last ten minutes, whatever came when");
}

int main(void)
{
    measures();
    ignores();
    ages();
    clock_goes_back();
    like_a_list();
    return done();
}
