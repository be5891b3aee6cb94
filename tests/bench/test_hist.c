/* The histogram's buckets and quantiles. */
#include "tests/bench/hist.h"

#include "tests/lib/tap.h"

int main(void)
{
    static struct hist h;
    uint64_t v;
    int good = 1;
    size_t i;

    is_int(hist_quantile(&h, 500), 0, "without samples a quantile is 0");
    for (i = 1; i < HIST_BUCKETS; i++) {
        good = good && hist_bucket(hist_floor(i)) == i &&
               hist_bucket(hist_floor(i) - 1) == i - 1;
    }
    ok(good, "buckets follow each other without a gap");
    is_int(hist_bucket(UINT64_MAX), HIST_BUCKETS - 1,
           "the largest value has the last bucket");
    for (v = 1; v <= 100000; v++) {
        hist_add(&h, v);
    }
    is_int(h.n, 100000, "samples are counted");
    v = hist_quantile(&h, 500);
    ok(v >= 49000 && v <= 50000, "the median is near: %" PRIu64, v);
    v = hist_quantile(&h, 990);
    ok(v >= 97000 && v <= 99000, "so is the 99th percentile: %" PRIu64, v);
    is_int(hist_bucket(hist_quantile(&h, 1000)), hist_bucket(100000), "and the maximum");
    is_int(hist_quantile(&h, 0), 1, "and the minimum");
    return done();
}
