#include "tests/sim/runtimes/judge.h"

#include "broker/core/router/runtimes.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#define CELLS   16384u
#define GUESSES 8u /* in a row, or the clock would be measured */

/* One mean per capability, of all that was seen so far. */
struct mean {
    double sum;
    size_t n;
};

struct bench {
    const struct trace *trace;
    struct runtimes *weft;
    struct mean *means, *all;                                       /* by capability */
    double *error, *of_mean, *of_base, *of_all, *guess_s, *learn_s; /* by run */
    double predicted, real;                                         /* sums */
    size_t in_p90, in_p95;
};

struct step {
    uint64_t at_us;
    size_t run;
    int ends;
};

static double now_s(void)
{
    struct timespec ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double) ts.tv_sec + 1e-9 * (double) ts.tv_nsec;
}

static double error_of(double predicted, uint64_t real_us)
{
    return fabs(predicted - (double) real_us) / (double) real_us;
}

static double mean_of(const struct mean *m)
{
    return m->n == 0 ? (double) RUN_GUESS_US : m->sum / (double) m->n;
}

static void mean_add(struct mean *m, uint64_t us)
{
    m->sum += (double) us;
    m->n++;
}

static struct runtime_key key_of(const struct trace_run *run)
{
    return (struct runtime_key){
        .capability = run->capability, .version = 1, .class_ = 1, .size = run->size};
}

static void predict(struct bench *b, size_t i)
{
    const struct trace_run *run = &b->trace->runs[i];
    const struct runtime_key key = key_of(run);
    const double began_s = now_s();
    struct run_guess guess;

    for (unsigned n = 0; n < GUESSES; n++) {
        runtimes_guess(b->weft, &key, &guess);
    }
    b->guess_s[i] = (now_s() - began_s) / GUESSES;
    b->error[i] = error_of((double) runtimes_quantile(b->weft, &key, 500), run->work_us);
    b->of_mean[i] = error_of((double) guess.mean_us, run->work_us);
    b->of_base[i] = error_of(mean_of(&b->means[run->capability]), run->work_us);
    b->of_all[i] = error_of(mean_of(&b->all[run->capability]), run->work_us);
    b->predicted += (double) guess.mean_us;
    b->real += (double) run->work_us;
    b->in_p90 += runtimes_quantile(b->weft, &key, 900) >= run->work_us;
    b->in_p95 += runtimes_quantile(b->weft, &key, 950) >= run->work_us;
}

static void learn(struct bench *b, size_t i, uint64_t now_us)
{
    const struct trace_run *run = &b->trace->runs[i];
    const struct runtime_key key = key_of(run);
    const double began_s = now_s();

    runtimes_add(b->weft, &key, run->work_us, 0, now_us);
    b->learn_s[i] = now_s() - began_s;
    mean_add(&b->means[run->capability], run->work_us);
}

/* -- the order of things ---------------------------------------------------------------
 */

static int by_time(const void *a, const void *b)
{
    const struct step *x = a, *y = b;

    if (x->at_us != y->at_us) {
        return x->at_us < y->at_us ? -1 : 1;
    }
    if (x->ends != y->ends) {
        return y->ends - x->ends;
    }
    return x->run < y->run ? -1 : x->run > y->run;
}

static struct step *order(const struct trace *t, int late)
{
    struct step *steps = calloc(2 * t->n, sizeof *steps);

    for (size_t i = 0; steps != NULL && i < t->n; i++) {
        const struct trace_run *run = &t->runs[i];

        steps[2 * i] = (struct step){run->start_us, i, 0};
        steps[2 * i + 1] = (struct step){run->start_us + run->work_us, i, 1};
    }
    if (steps != NULL && late) {
        qsort(steps, 2 * t->n, sizeof *steps, by_time);
    }
    return steps;
}

/* -- the sum of it ---------------------------------------------------------------------
 */

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *) a, y = *(const double *) b;

    return x < y ? -1 : x > y;
}

static double quantile(double *v, size_t n, double q)
{
    qsort(v, n, sizeof *v, by_size);
    return v[(size_t) (q * (double) (n - 1))];
}

static void summarise(struct bench *b, struct judgement *ret)
{
    const size_t n = b->trace->n;

    *ret = (struct judgement){.median = quantile(b->error, n, 0.5),
                              .p90 = quantile(b->error, n, 0.9),
                              .mean_median = quantile(b->of_mean, n, 0.5),
                              .mean_ratio = b->predicted / b->real,
                              .in_p90 = (double) b->in_p90 / (double) n,
                              .in_p95 = (double) b->in_p95 / (double) n,
                              .base_median = quantile(b->of_base, n, 0.5),
                              .base_p90 = quantile(b->of_base, n, 0.9),
                              .hindsight = quantile(b->of_all, n, 0.5),
                              .guess_ns = quantile(b->guess_s, n, 0.5) * 1e9,
                              .learn_ns = quantile(b->learn_s, n, 0.5) * 1e9};
}

static int bench_init(struct bench *b, const struct trace *t, uint64_t seed)
{
    *b = (struct bench){.trace = t,
                        .means = calloc(t->capabilities, sizeof *b->means),
                        .all = calloc(t->capabilities, sizeof *b->all),
                        .error = calloc(t->n, sizeof *b->error),
                        .of_mean = calloc(t->n, sizeof *b->of_mean),
                        .of_base = calloc(t->n, sizeof *b->of_base),
                        .of_all = calloc(t->n, sizeof *b->of_all),
                        .guess_s = calloc(t->n, sizeof *b->guess_s),
                        .learn_s = calloc(t->n, sizeof *b->learn_s)};
    if (runtimes_new(CELLS, seed, &b->weft) != 0 || b->means == NULL || b->all == NULL ||
        b->error == NULL || b->of_mean == NULL || b->of_base == NULL ||
        b->of_all == NULL || b->guess_s == NULL || b->learn_s == NULL) {
        return -1;
    }
    for (size_t i = 0; i < t->n; i++) {
        mean_add(&b->all[t->runs[i].capability], t->runs[i].work_us);
    }
    return 0;
}

static void bench_fini(struct bench *b)
{
    runtimes_free(b->weft);
    free(b->means);
    free(b->all);
    free(b->error);
    free(b->of_mean);
    free(b->of_base);
    free(b->of_all);
    free(b->guess_s);
    free(b->learn_s);
}

int judge(const struct trace *t, int late, uint64_t seed, struct judgement *ret)
{
    struct step *steps = order(t, late);
    struct bench b;
    int rc = bench_init(&b, t, seed);

    rc = steps == NULL ? -1 : rc;
    for (size_t i = 0; rc == 0 && i < 2 * t->n; i++) {
        if (steps[i].ends) {
            learn(&b, steps[i].run, steps[i].at_us);
        } else {
            predict(&b, steps[i].run);
        }
    }
    if (rc == 0) {
        summarise(&b, ret);
    }
    bench_fini(&b);
    free(steps);
    return rc;
}
