#include "tests/sim/place/tally.h"

#include "client/include/weft/error.h"
#include "common/mem.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

int tally_init(struct tally *t, size_t max)
{
    *t = (struct tally){.max = max};
    t->took_s = wf_calloc(max + 1, sizeof *t->took_s);
    t->error = wf_calloc(max + 1, sizeof *t->error);
    t->decided_ns = wf_calloc(max + 1, sizeof *t->decided_ns);
    return t->took_s != NULL && t->error != NULL && t->decided_ns != NULL ? 0
                                                                          : WEFT_ENOMEM;
}

void tally_fini(struct tally *t)
{
    wf_free(t->took_s);
    wf_free(t->error);
    wf_free(t->decided_ns);
    *t = (struct tally){0};
}

void tally_finished(struct tally *t, double took_s, double expected_s)
{
    if (expected_s > 0 && took_s > 0) {
        t->bias_s += took_s - expected_s;
        t->error[t->nexpected++] = (float) (fabs(took_s - expected_s) / took_s);
    }
    t->sum_s += took_s;
    t->took_s[t->nfinished++] = (float) took_s;
}

void tally_decided(struct tally *t, uint64_t ns)
{
    if (t->ndecided < t->max) {
        t->decided_ns[t->ndecided++] = (uint32_t) wf_min_u64(ns, UINT32_MAX);
    }
}

static int by_value(const void *a, const void *b)
{
    const float x = *(const float *) a, y = *(const float *) b;

    return (x > y) - (x < y);
}

static int by_ns(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

    return (x > y) - (x < y);
}

/* Between two samples in proportion, as numpy's percentile(). */
static double quantile_s(const struct tally *t, double q)
{
    double at = q * (double) (t->nfinished - 1);
    size_t i = (size_t) at;
    double low = (double) t->took_s[i];
    double high = (double) t->took_s[i + 1 < t->nfinished ? i + 1 : i];

    return low + (at - (double) i) * (high - low);
}

/* A mean of nothing is null. */
static void put(FILE *out, const char *key, int known, double v, int digits)
{
    if (known) {
        (void) fprintf(out, "\"%s\":%.*f,", key, digits, v);
    } else {
        (void) fprintf(out, "\"%s\":null,", key);
    }
}

void tally_print(struct tally *t, const char *policy, FILE *out)
{
    const int any = t->nfinished != 0;
    const double n = (double) t->nfinished;

    qsort(t->took_s, t->nfinished, sizeof *t->took_s, by_value);
    qsort(t->error, t->nexpected, sizeof *t->error, by_value);
    qsort(t->decided_ns, t->ndecided, sizeof *t->decided_ns, by_ns);
    (void) fprintf(out, "{\"policy\":\"%s\",", policy);
    put(out, "mean_s", any, t->sum_s / n, 6);
    put(out, "p50_s", any, any ? quantile_s(t, 0.5) : 0, 6);
    put(out, "p99_s", any, any ? quantile_s(t, 0.99) : 0, 6);
    put(out, "mb_per_job", any, t->bytes / n / 1e6, 6);
    put(out, "usd_per_1000", any, t->usd / n * 1e3, 6);
    put(out, "deadline_miss", 1,
        t->due != 0 ? (double) t->due_missed / (double) t->due : 0, 6);
    (void) fprintf(out, "\"unfinished\":%" PRIu64 ",",
                   t->counted - t->refused - t->nfinished);
    put(out, "decision_us", t->ndecided != 0,
        t->ndecided != 0 ? t->decided_ns[t->ndecided / 2] / 1e3 : 0, 3);
    (void) fprintf(out,
                   "\"jobs\":%" PRIu64 ",\"finished\":%zu,\"refused\":%" PRIu64
                   ",\"refused_rightly\":%" PRIu64 ",\"refused_expected\":%" PRIu64
                   ",\"deadline_jobs\":%" PRIu64 ",\"deadline_missed\":%" PRIu64 ",",
                   t->counted, t->nfinished, t->refused, t->refused_rightly,
                   t->refused_expected, t->due, t->due_missed);
    put(out, "local", 1,
        t->with_data != 0 ? (double) t->local / (double) t->with_data : 0, 4);
    put(out, "error_p50", t->nexpected != 0, (double) t->error[t->nexpected / 2], 4);
    put(out, "bias_s", t->nexpected != 0, t->bias_s / (double) t->nexpected, 6);
    (void) fprintf(out, "\"made_way\":%" PRIu64 ",", t->made_way);
    put(out, "lost_s", 1, t->lost_s, 3);
    (void) fprintf(out, "\"reports\":%" PRIu64 ",\"promised\":%" PRId64 "}\n", t->reports,
                   t->promised);
}
