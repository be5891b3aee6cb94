#include "tests/sim/place/make/make.h"

#include "common/mem.h"
#include "tests/sim/place/chance.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#define USUAL        200u /* agents; of more, more hold data, and there is more of it */
#define BLOBS        300u
#define POPULAR      3u /* one in so many, which the edge does not hold */
#define BLOB_SIGMA   1.2
#define BLOB_MAX     200e6
#define GPU_BLOBS    24u
#define GPU_MEDIAN   2e9
#define GPU_BLOB_MAX 12e9

const struct made_tier make_tiers[3] = {
    {"edge", 1, 0.5, 0.01, 50, 200, 0.25e6, 40},
    {"onprem", 4, 1, 0.03, 1000, 1000, 2e6, 20},
    {"cloud", 8, 1.5, 0.08, 10000, 10000, 4e6, 8},
};

double make_capacity(const struct made *m, int gpu)
{
    double sum = 0;

    for (uint32_t a = 0; a < m->opt->agents; a++) {
        const struct made_node *n = &m->nodes[m->opt->brokers + a];

        if (!gpu || n->gpu) {
            sum += make_tiers[n->tier].slots * make_tiers[n->tier].speed;
        }
    }
    return sum;
}

/* -- the world ------------------------------------------------------------------------
 */

static void shuffle(uint32_t *v, uint32_t n, struct wf_rng *rng)
{
    for (uint32_t i = n; i > 1; i--) {
        uint32_t k = (uint32_t) wf_rng_below(rng, i), was = v[i - 1];

        v[i - 1] = v[k];
        v[k] = was;
    }
}

/* Brokers stand at centres, all others anywhere else. */
static int settle(struct made *m)
{
    const uint32_t nplaces = m->matrix.n, nbrokers = (uint32_t) m->opt->brokers;
    uint32_t *order = wf_calloc(nplaces, sizeof *order);
    uint32_t *centres = wf_calloc(nbrokers, sizeof *centres);
    uint32_t n = 0;

    if (order == NULL || centres == NULL ||
        matrix_centres(&m->matrix, nbrokers, centres) != 0) {
        wf_free(order);
        wf_free(centres);
        return WEFT_ENOMEM;
    }
    for (uint32_t i = 0; i < nplaces; i++) {
        uint32_t b = 0;

        while (b < nbrokers && centres[b] != i) {
            b++;
        }
        if (b == nbrokers) {
            order[n++] = i;
        }
    }
    shuffle(order, n, &m->rng);
    for (uint32_t i = 0; i < m->nnodes; i++) {
        m->nodes[i].place = i < nbrokers ? centres[i] : order[i - nbrokers];
    }
    wf_free(order);
    wf_free(centres);
    return 0;
}

/* 60 % edge, 25 % on-prem, the rest cloud: at least one that can do everything. */
static int share_tiers(struct made *m)
{
    const uint32_t n = (uint32_t) m->opt->agents;
    const uint32_t edge = (uint32_t) wf_min_u64((n * 60 + 50) / 100, n - 1);
    const uint32_t onprem = (uint32_t) wf_min_u64((n * 25 + 50) / 100, n - 1 - edge);
    uint32_t gpus = m->opt->gpu ? (uint32_t) wf_max_u64(2, n / 25) : 0;
    uint32_t *tiers = wf_calloc(n, sizeof *tiers);

    if (tiers == NULL) {
        return WEFT_ENOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        tiers[i] = m->opt->equal ? 1 : i < edge ? 0 : i < edge + onprem ? 1 : 2;
    }
    shuffle(tiers, n, &m->rng);
    for (uint32_t i = 0; i < n; i++) {
        struct made_node *node = &m->nodes[m->opt->brokers + i];

        node->tier = tiers[i];
        node->gpu = gpus != 0 && tiers[i] != 0;
        gpus -= (uint32_t) node->gpu;
    }
    wf_free(tiers);
    return 0;
}

static int place_nodes(struct made *m, struct wf_err *err)
{
    const struct make_options *opt = m->opt;
    int rc;

    m->nnodes = (uint32_t) (opt->brokers + opt->agents + opt->clients);
    m->nodes = wf_calloc(m->nnodes, sizeof *m->nodes);
    if (m->nodes == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "too many nodes");
    }
    /* Brokers choose their places among more than are needed. */
    rc = opt->rtt != NULL ? matrix_read(&m->matrix, opt->rtt, err)
                          : matrix_make(&m->matrix, m->nnodes + m->nnodes / 4, &m->rng);
    if (rc == 0 && m->matrix.n < m->nnodes) {
        return wf_err_set(err, WEFT_EINVAL,
                          "%s: %u places for %u nodes: ask for fewer agents or clients",
                          opt->rtt, m->matrix.n, m->nnodes);
    }
    rc = rc != 0 ? rc : settle(m);
    rc = rc != 0 ? rc : share_tiers(m);
    return rc != WEFT_ENOMEM ? rc : wf_err_set(err, rc, "too many nodes");
}

/* -- files ----------------------------------------------------------------------------
 */

static void put_agent(FILE *f, const struct made_node *n, uint32_t i)
{
    const struct made_tier *t = &make_tiers[n->tier];

    (void) fprintf(f, "a%u,agent,x%u,%s,%s%s,%u,%g,%g,%u,%u,", i, i, t->name, t->name,
                   n->gpu ? "-gpu" : "", t->slots, t->speed, t->usd_slot_h * t->slots,
                   t->up_mbps, t->down_mbps);
    for (unsigned k = 0; k < (n->tier != 0 ? MAKE_KINDS : MAKE_HEAVY); k++) {
        (void) fprintf(f, "%sk%u@1", k != 0 ? ";" : "", k);
    }
    (void) fprintf(f, "%s\n", n->gpu ? ";g0@1;g1@1" : "");
}

static int put_nodes(struct made *m, FILE *f)
{
    const struct make_options *opt = m->opt;

    (void) fprintf(f, "id,role,site,tier,class,slots,speed,price_usd_h,up_mbps,down_mbps,"
                      "capabilities\n");
    for (uint32_t i = 0; i < opt->brokers; i++) {
        (void) fprintf(f, "b%u,broker,s%u,onprem,m,0,1,0,10000,10000,\n", i, i);
    }
    for (uint32_t i = 0; i < opt->agents; i++) {
        put_agent(f, &m->nodes[opt->brokers + i], i);
    }
    for (uint32_t i = 0; i < opt->clients; i++) {
        (void) fprintf(f, "c%u,client,y%u,edge,,0,1,0,100,100,\n", i, i);
    }
    return 0;
}

static void put_id(const struct made *m, FILE *f, uint32_t i)
{
    const uint32_t b = (uint32_t) m->opt->brokers, a = (uint32_t) m->opt->agents;

    if (i < b) {
        (void) fprintf(f, "b%u", i);
    } else {
        (void) fprintf(f, "%c%u", i < b + a ? 'a' : 'c', i < b + a ? i - b : i - b - a);
    }
}

static int put_rtt(struct made *m, FILE *f)
{
    for (uint32_t i = 0; i < m->nnodes; i++) {
        put_id(m, f, i);
        (void) fputc(i + 1 < m->nnodes ? ',' : '\n', f);
    }
    for (uint32_t i = 0; i < m->nnodes; i++) {
        for (uint32_t k = 0; k < m->nnodes; k++) {
            uint32_t us = matrix_us(&m->matrix, m->nodes[i].place, m->nodes[k].place);

            (void) fprintf(f, "%u.%03u%c", us / 1000, us % 1000,
                           k + 1 < m->nnodes ? ',' : '\n');
        }
    }
    return 0;
}

static int put_egress(struct made *m, FILE *f)
{
    (void) m;
    (void) fprintf(f, "from_tier,to_tier,usd_per_gb\n");
    for (unsigned to = 0; to < 3; to++) {
        (void) fprintf(f, "cloud,%s,0.09\n", make_tiers[to].name);
    }
    return 0;
}

static double blob_bytes(struct made *m, double median, double most)
{
    return fmin(most, median * exp(BLOB_SIGMA * chance_normal(&m->rng)));
}

static uint32_t growth(const struct made *m)
{
    return (uint32_t) wf_max_u64(1, m->opt->agents / USUAL);
}

/* One of the tier's first agents, or of those with a GPU; of all when there are none. */
static uint32_t draw_holder(struct made *m, unsigned tier, int gpu)
{
    uint32_t seen = 0, drawn = UINT32_MAX;

    for (uint32_t a = 0; a < m->opt->agents; a++) {
        const struct made_node *n = &m->nodes[m->opt->brokers + a];

        if ((gpu ? n->gpu : n->tier == tier) &&
            (gpu || seen < make_tiers[tier].holders * growth(m))) {
            seen++;
            drawn = wf_rng_below(&m->rng, seen) == 0 ? a : drawn;
        }
    }
    return drawn != UINT32_MAX ? drawn : (uint32_t) wf_rng_below(&m->rng, m->opt->agents);
}

static unsigned draw_tier(struct made *m, uint32_t blob)
{
    const double u = chance_unit(&m->rng);

    if (m->opt->equal) {
        return 1;
    }
    if (blob < m->nblobs / POPULAR) {
        return u < 0.7 ? 1 : 2;
    }
    return u < 0.4 ? 0 : u < 0.8 ? 1 : 2;
}

/* One copy, two or three, at 60, 30 and 10 %. */
static void put_copies(struct made *m, FILE *holdings, uint32_t blob, unsigned tier,
                       int gpu)
{
    const double u = chance_unit(&m->rng);
    const unsigned copies = u < 0.6 ? 1 : u < 0.9 ? 2 : 3;

    for (unsigned i = 0; i < copies; i++) {
        (void) fprintf(holdings, "a%u,d%u\n", draw_holder(m, tier, gpu), blob);
    }
}

static void put_blobs(struct made *m, FILE *blobs, FILE *holdings)
{
    (void) fprintf(blobs, "id,bytes\n");
    (void) fprintf(holdings, "node,blob\n");
    m->nblobs = m->opt->equal ? 0 : BLOBS * growth(m);
    m->ngpu_blobs = m->opt->gpu ? GPU_BLOBS : 0;
    for (uint32_t i = 0; i < m->nblobs + m->ngpu_blobs; i++) {
        const int gpu = i >= m->nblobs;
        const unsigned tier = gpu ? 2 : draw_tier(m, i);
        double bytes = gpu ? blob_bytes(m, GPU_MEDIAN, GPU_BLOB_MAX)
                           : blob_bytes(m, make_tiers[tier].blob_median, BLOB_MAX);

        (void) fprintf(blobs, "d%u,%.0f\n", i, bytes);
        /* Half of what GPUs need is with one already. */
        put_copies(m, holdings, i, tier, gpu && i % 2 == 0);
    }
}

static FILE *begin(const struct make_options *opt, const char *name, struct wf_err *err)
{
    char path[4096];
    FILE *f;

    if ((size_t) snprintf(path, sizeof path, "%s/%s", opt->out, name) >= sizeof path) {
        (void) wf_err_set(err, WEFT_ETOOBIG, "the path is too long");
        return NULL;
    }
    f = fopen(path, "we");
    if (f == NULL) {
        (void) wf_err_set(err, WEFT_EIO, "%s: %s", name, strerror(errno));
    }
    return f;
}

static int end(FILE *f, struct wf_err *err)
{
    const int bad = ferror(f);

    return fclose(f) == 0 && !bad ? 0 : wf_err_set(err, WEFT_EIO, "%s", strerror(errno));
}

static int put(struct made *m, const char *name, int (*write)(struct made *m, FILE *f),
               struct wf_err *err)
{
    FILE *f = begin(m->opt, name, err);
    int rc;

    if (f == NULL) {
        return WEFT_EIO;
    }
    rc = write(m, f);
    if (rc != 0) {
        (void) fclose(f);
        return wf_err_set(err, rc, "%s: too much of it", name);
    }
    return end(f, err);
}

static int put_data(struct made *m, struct wf_err *err)
{
    FILE *blobs = begin(m->opt, "blobs.csv", err);
    FILE *holdings = begin(m->opt, "holdings.csv", err);
    int rc = WEFT_EIO;

    if (blobs != NULL && holdings != NULL) {
        put_blobs(m, blobs, holdings);
        rc = 0;
    }
    if (blobs != NULL && end(blobs, err) != 0) {
        rc = WEFT_EIO;
    }
    if (holdings != NULL && end(holdings, err) != 0) {
        rc = WEFT_EIO;
    }
    return rc;
}

int make_scenario(const struct make_options *opt, struct wf_err *err)
{
    struct made m = {.opt = opt, .rng = {opt->world}};
    int rc;

    if (mkdir(opt->out, 0777) != 0 && errno != EEXIST) {
        return wf_err_set(err, WEFT_EIO, "%s: %s", opt->out, strerror(errno));
    }
    rc = place_nodes(&m, err);
    rc = rc != 0 ? rc : put(&m, "nodes.csv", put_nodes, err);
    rc = rc != 0 ? rc : put(&m, "rtt_ms.csv", put_rtt, err);
    rc = rc != 0 ? rc : put(&m, "egress.csv", put_egress, err);
    rc = rc != 0 ? rc : put_data(&m, err);
    rc = rc != 0 ? rc : put(&m, "jobs.csv", make_jobs, err);
    matrix_fini(&m.matrix);
    wf_free(m.nodes);
    return rc;
}
