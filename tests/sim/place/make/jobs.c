/* The jobs of a scenario: when they come, what they need, when they are due. */
#include "common/mem.h"
#include "tests/sim/place/chance.h"
#include "tests/sim/place/make/make.h"

#include <math.h>

#define SIGMA     0.6 /* of the logarithm of run times */
#define WITH_DATA 0.8
#define GPU_LOAD  0.5 /* of the load of the others: they move gigabytes */

static const double medians_s[MAKE_KINDS] = {.05, .1, .2, .3, .5, .8, 1.5, 3};
static const double gpu_medians_s[2] = {4, 8};
static const char *const classes[] = {"latency", "balanced", "throughput", "cost"};

struct draws {
    struct made *m;
    struct wf_rng rng;
    double *popular;  /* owned; sums of 1 / sqrt(rank) */
    double gpu_share; /* of jobs */
    double rate;      /* jobs a second */
};

static double mean_of(const double *medians, unsigned n)
{
    double sum = 0;

    for (unsigned i = 0; i < n; i++) {
        sum += medians[i] * exp(SIGMA * SIGMA / 2);
    }
    return sum / n;
}

static int prepare(struct draws *d)
{
    const struct make_options *opt = d->m->opt;
    double sum = 0, gpu_rate;

    d->popular = wf_calloc(d->m->nblobs + 1u, sizeof *d->popular);
    if (d->popular == NULL) {
        return WEFT_ENOMEM;
    }
    for (uint32_t i = 0; i < d->m->nblobs; i++) {
        sum += 1 / sqrt(i + 1.0);
        d->popular[i] = sum;
    }
    d->rate = opt->load * make_capacity(d->m, 0) / mean_of(medians_s, MAKE_KINDS);
    gpu_rate = opt->load * GPU_LOAD * make_capacity(d->m, 1) / mean_of(gpu_medians_s, 2);
    gpu_rate = opt->gpu ? gpu_rate : 0;
    d->rate += gpu_rate;
    d->gpu_share = gpu_rate / d->rate;
    return 0;
}

/* Distinct ones by popularity; a GPU's are all alike. */
static void put_inputs(struct draws *d, FILE *f, int gpu)
{
    const struct made *m = d->m;
    const uint32_t most = (uint32_t) wf_min_u64(m->opt->inputs, gpu ? m->ngpu_blobs : 64);
    const uint32_t n = 1 + (uint32_t) wf_rng_below(&d->rng, most);
    uint32_t drawn[64];
    uint32_t have;

    if (gpu) {
        uint32_t first = (uint32_t) wf_rng_below(&d->rng, m->ngpu_blobs);

        for (uint32_t i = 0; i < n; i++) {
            (void) fprintf(f, "%sd%u", i != 0 ? ";" : "",
                           m->nblobs + (first + i) % m->ngpu_blobs);
        }
        return;
    }
    have = chance_some(&d->rng, d->popular, m->nblobs, n, drawn);
    for (uint32_t i = 0; i < have; i++) {
        (void) fprintf(f, "%sd%u", i != 0 ? ";" : "", drawn[i]);
    }
}

/* Half of them leave time to queue; three in ten are tight, met by a good choice and some
 * luck; the rest cannot be met by anyone. */
static double draw_deadline_s(struct draws *d, double mean_s)
{
    double kind, u;

    if (d->m->opt->deadlines == 0 || wf_rng_below(&d->rng, 100) >= d->m->opt->deadlines) {
        return 0;
    }
    kind = chance_unit(&d->rng);
    u = chance_unit(&d->rng);
    if (kind < 0.5) {
        return 5 + 20 * mean_s;
    }
    return kind < 0.8 ? 0.2 + mean_s * (1 + 2 * u) : 0.001 + mean_s * 0.1 * u;
}

static const char *class_of(const struct draws *d, uint64_t number)
{
    const char *c = d->m->opt->class_;

    return c != NULL ? c : classes[number % ARRAY_LEN(classes)];
}

static void put_job(struct draws *d, FILE *f, double at_s, uint64_t number)
{
    const int gpu = chance_unit(&d->rng) < d->gpu_share;
    const unsigned k = (unsigned) wf_rng_below(&d->rng, gpu ? 2 : MAKE_KINDS);
    const double median_s = gpu ? gpu_medians_s[k] : medians_s[k];
    const double run_s = median_s * exp(SIGMA * chance_normal(&d->rng));
    const double mean_s = median_s * exp(SIGMA * SIGMA / 2);

    (void) fprintf(f, "%.3f,c%u,%c%u@1,%.3f,", at_s * 1e3,
                   (unsigned) wf_rng_below(&d->rng, d->m->opt->clients), gpu ? 'g' : 'k',
                   k, run_s * 1e3);
    if (gpu || (d->m->nblobs != 0 && chance_unit(&d->rng) < WITH_DATA)) {
        put_inputs(d, f, gpu);
    }
    (void) fprintf(f, ",256,256,%s,%.0f\n", class_of(d, number),
                   draw_deadline_s(d, mean_s) * 1e3);
}

int make_jobs(struct made *m, FILE *f)
{
    struct draws d = {.m = m, .rng = {m->opt->seed + 77}};
    double at_s = 0;
    int rc = prepare(&d);

    if (rc != 0) {
        return rc;
    }
    (void) fprintf(f, "t_ms,client,capability,run_ms,blobs,payload_bytes,result_bytes,"
                      "class,deadline_ms\n");
    for (uint64_t i = 0; (at_s += chance_exp(&d.rng) / d.rate) < m->opt->seconds; i++) {
        put_job(&d, f, at_s, i);
    }
    wf_free(d.popular);
    return 0;
}
