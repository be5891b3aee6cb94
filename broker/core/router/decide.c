/* One decision: filters, scores, the best. */
#include "broker/core/router/router_int.h"

#include "common/plant.h"
#include "proto/words.h"

#define RTT_GUESS_US 50000u /* nothing measured: it loses against any near one */
#define FEW          3u /* runs that tell what is likely; RUN_SAMPLES tell the worst */
#define WAY_US       20000u /* until what has to begin has a slot that another gives up */
/* What a job is worth that is in time, as a wait. */
#define LATE_US     UINT64_C(1000000000)
#define FURTHER_MAX 512u /* looked at when nobody of the sample may have it */

uint64_t route_rho(unsigned goal)
{
    switch (goal) {
    case WF_GOAL_LATENCY:
        return UINT64_C(10000000000); /* 1e-2 $ a second */
    case WF_GOAL_COST:
        return UINT64_C(30000000); /* 3e-5 */
    default:
        return UINT64_C(100000000); /* 1e-4 */
    }
}

static struct runtime_key key_of(uint32_t class_, const struct route_job *job)
{
    return (struct runtime_key){job->capability, job->version, class_, job->size};
}

/* What is known of runs on one node class, found out when it is first asked for. */
struct known {
    uint32_t class_;
    struct run_guess guess;
    uint64_t warm_us, late_us; /* UNKNOWN: not asked for yet, as */
    struct tail tail;          /* is this then */
};

#define CLASSES_KEPT 8u
#define UNKNOWN      UINT64_MAX

/* Nobody can predict which row is the best: the place of each stands below its total, and
 * keys are compared without a branch.  Totals that do not fit count as equal. */
#define KEY_BITS 5u
#define KEY_NONE UINT64_MAX
#define KEY_MAX  (UINT64_MAX >> KEY_BITS)

static uint64_t key_at(uint64_t total_us, unsigned i)
{
    return wf_min_u64(total_us, KEY_MAX - 1) << KEY_BITS | i;
}

static int place_of(uint64_t key)
{
    return key == KEY_NONE ? -1 : (int) (key & ((1u << KEY_BITS) - 1));
}

_Static_assert(ROUTE_ROWS_MAX <= 1u << KEY_BITS, "all places fit a key");

/* The best and the next best, the first of equal ones.  Where it failed last comes after
 * every other that has room. */
struct weighing {
    uint64_t best, next, last;
};

static inline void weigh(struct weighing *w, struct route_decision *d, uint32_t avoid,
                         unsigned i)
{
    const int passed = d->rows[i].filter == PLACE_PASSED;
    const int avoided = d->rows[i].node == avoid;
    const uint64_t key = key_at(d->rows[i].score.total_us, i);
    const uint64_t counts = key | (0 - (uint64_t) ((passed ^ 1) | avoided));

    d->passed += (uint32_t) passed;
    w->next = wf_min_u64(w->next, wf_max_u64(w->best, counts));
    w->best = wf_min_u64(w->best, counts);
    w->last = passed & avoided ? key : w->last;
}

static void choose(struct weighing *w, struct route_decision *d)
{
    if (w->best == KEY_NONE) {
        w->best = w->last;
    } else if (w->next == KEY_NONE) {
        w->next = w->last;
    }
    d->best = place_of(w->best);
    d->runner_up = place_of(w->next);
}

struct deciding {
    const struct routing *r;
    const struct route_job *job;
    uint64_t now_us, rho_pusd_s;
    uint32_t pressure;
    int occupies;
    struct fetching fetch;
    struct fetch_plan plans[ROUTE_ROWS_MAX]; /* of the rows, */
    struct weighing weighing;                /* which were scored so far */
    unsigned filled;                  /* bit k: there is something in the place k */
    struct known known[CLASSES_KEPT]; /* by the low bits of the class */
};

static void learn(struct deciding *x, struct known *k, uint32_t class_)
{
    const struct runtime_key key = key_of(class_, x->job);

    x->filled |= 1u << class_ % CLASSES_KEPT;
    k->class_ = class_;
    k->warm_us = k->late_us = UNKNOWN;
    runtimes_guess(x->r->runtimes, &key, &k->guess);
}

static struct known *known_of(struct deciding *x, uint32_t class_)
{
    const unsigned at = class_ % CLASSES_KEPT;
    struct known *k = &x->known[at];

    if ((x->filled >> at & 1) == 0 || k->class_ != class_) {
        learn(x, k, class_);
    }
    return k;
}

static uint64_t warm_us(const struct deciding *x, struct known *k)
{
    if (k->warm_us == UNKNOWN) {
        k->warm_us = runtimes_warm_guess(x->r->runtimes, x->job->capability, k->class_);
    }
    return k->warm_us;
}

uint64_t routing_work(const struct routing *r, uint32_t node, const struct route_job *job)
{
    const struct runtime_key key = key_of(r->nodes[node].class_, job);
    struct run_guess guess;

    runtimes_guess(r->runtimes, &key, &guess);
    return guess.mean_us;
}

/* The node's slots serve all its capabilities, the offer has some of its own: the longer
 * of the two queues is the one to wait for. */
static uint64_t wait_us(const struct routing *r, const struct entry *e, uint64_t work_us)
{
    const struct rnode *n = &r->nodes[e->node];

    if (e->assigned >= e->slots) {
        const uint64_t all_us = routing_load(r, e->node).work_us;

        return wf_max_u64(
            n->wait_us, score_wait(e->assigned, wf_min_u64(e->assigned * work_us, all_us),
                                   e->slots, n->speed_pm));
    }
    return n->wait_us;
}

static int is_full(const struct rnode *n, const struct entry *e)
{
    return (e->assigned >= (uint64_t) e->slots + e->queue) |
           (n->jobs >= (uint64_t) n->slots + e->queue);
}

/* What nearly all such runs do not exceed, and the distribution. */
static void learn_late(const struct deciding *x, struct known *k)
{
    const struct runtime_key key = key_of(k->class_, x->job);

    if (k->late_us == UNKNOWN) {
        k->late_us = runtimes_quantile(x->r->runtimes, &key, x->job->late_pm);
        runtimes_tail(x->r->runtimes, &key, &k->tail);
    }
}

/* All but its run, there and back to this broker.  What has to begin does not wait long
 * where something makes way for it. */
static struct score due_score(const struct deciding *x, const struct rnode *n,
                              const struct score *s)
{
    const int has_way = n->yielding != 0 && x->job->priority >= WF_WAY_PRIORITY;
    struct score due = *s;

    due.money_us = due.soft_us = due.others_us = due.run_us = 0;
    due.link_us -= wf_min_u64(due.link_us, x->job->client_rtt_us);
    due.wait_us = has_way ? wf_min_u64(due.wait_us, WAY_US) : due.wait_us;
    return due;
}

/* How likely it is late, of which its run decides. */
static uint64_t late_ppm(const struct route_job *job, const struct known *k,
                         const struct rnode *n, uint64_t rest_us, uint64_t late_us)
{
    if (rest_us >= job->left_us) {
        return TAIL_ONE;
    }
    if (k->tail.of == NULL) {
        return late_us > job->left_us ? TAIL_ONE : 0;
    }
    return tail_above(&k->tail, score_mul_div(job->left_us - rest_us, n->speed_pm, 1000));
}

/* By how likely it is late there, what it is worth to be in time is at risk. */
static unsigned due(const struct deciding *x, struct known *k, const struct rnode *n,
                    struct route_row *row)
{
    const struct route_job *job = x->job;
    const unsigned least_pm = job->try_pm != 0 ? job->try_pm : job->late_pm;
    struct score s = due_score(x, n, &row->score);
    uint64_t rest_us, ppm;

    if (k->guess.level >= RUN_DECLARED || k->guess.known < FEW) {
        row->late_us = s.link_us; /* hardly anything is known of it yet: it may try */
        return row->late_us <= job->left_us ? row->filter : PLACE_DEADLINE;
    }
    if (k->guess.known < RUN_SAMPLES) {
        row->late_us = score_total(&s, 0) + row->score.run_us;
        return row->late_us <= job->left_us ? row->filter : PLACE_DEADLINE;
    }
    learn_late(x, k);
    s.link_us += 2 * (uint64_t) n->dev_us;
    rest_us = score_total(&s, 0);
    row->late_us = wf_add_sat(rest_us, score_run(k->late_us, n->speed_pm));
    ppm = late_ppm(job, k, n, rest_us, row->late_us);
    if (ppm > (1000 - least_pm) * UINT64_C(1000)) {
        return PLACE_DEADLINE;
    }
    row->score.risk_us = wf_add_sat(row->score.risk_us, LATE_US / TAIL_ONE * ppm);
    return row->filter;
}

static unsigned filter_of(const struct rnode *n, const struct route_job *job,
                          const struct entry *e, struct route_row *row)
{
    unsigned f = PLACE_PASSED;

    if (!WF_PLANT(SKIP_FILTER) && job->filter != NULL) {
        f = job->filter(job->arg, e->node, e->ref, &row->score.soft_us);
    }
    if (f != PLACE_PASSED) {
        return f;
    }
    if (!n->open) {
        return PLACE_OFFLINE;
    }
    if (job->max_pusd != 0 && row->cost_pusd > job->max_pusd) {
        return PLACE_COST;
    }
    return is_full(n, e) ? PLACE_FULL : PLACE_PASSED;
}

static inline uint64_t price_of(const struct rnode *n, const struct entry *e)
{
    return e->price != 0 ? e->price * PRICE_UNIT : n->price_pusd_s;
}

/* Field by field: all are written, none of them twice. */
static inline void score_row(struct deciding *x, const struct entry *e,
                             const struct fetch_plan *fetch, struct route_row *row)
{
    const struct routing *r = x->r;
    const struct route_job *job = x->job;
    const struct rnode *n = &r->nodes[e->node];
    struct known *known = known_of(x, n->class_);
    const uint64_t work_us = known->guess.mean_us;
    struct score *s = &row->score;

    row->node = e->node;
    row->from = fetch->from;
    row->report_ms =
        (uint32_t) wf_min_u64((x->now_us - n->reported_us) / 1000, UINT32_MAX);
    row->ahead = n->jobs;
    row->fetch_bytes = fetch->bytes;
    row->late_us = 0;
    row->ref = e->ref;
    s->link_us =
        wf_add_sat(job->client_rtt_us, (n->rtt_us != 0 ? n->rtt_us : RTT_GUESS_US) +
                                           (uint64_t) fetch->way_us);
    s->wait_us = wait_us(r, e, work_us);
    s->fetch_us = fetch->us;
    s->warm_us = e->warm ? 0 : warm_us(x, known);
    s->run_us = score_run(work_us, n->speed_pm);
    s->others_us =
        score_others(wf_max_u64(s->wait_us, score_pressed(s->fetch_us, x->pressure)),
                     score_pressed(s->run_us, x->pressure), work_us, n->crowd);
    row->cost_pusd =
        wf_add_sat(score_mul_div(price_of(n, e), s->run_us, 1000000), fetch->pusd);
    s->money_us = score_money(row->cost_pusd, x->rho_pusd_s);
    s->soft_us = s->risk_us = 0;
    if (n->spot) {
        s->risk_us = score_risk(prices_hazard(r->prices, n->class_),
                                s->run_us + wf_max_u64(s->wait_us, s->fetch_us));
    }
    row->filter = (uint8_t) filter_of(n, job, e, row);
    if (job->left_us != 0 && (row->filter == PLACE_PASSED || row->filter == PLACE_FULL)) {
        row->filter = (uint8_t) due(x, known, n, row);
    }
    s->total_us = score_total(s, x->occupies);
}

static void score_one(struct deciding *x, const struct entry *e, struct route_row *row)
{
    struct fetch_plan fetch;

    fetch_plan(&x->fetch, e->node, &fetch);
    score_row(x, e, &fetch, row);
}

/* None of the sample will do: the first of some more that does. */
static void look_further(struct routing *r, struct deciding *x, struct route_decision *d)
{
    const struct rcap *c = &r->caps[x->job->capability];
    struct route_row *row = &d->rows[d->nrows - 1];
    const struct route_row last = *row;
    uint32_t at = (uint32_t) wf_rng_below(&r->rng, c->n);

    for (uint32_t i = 0; i < FURTHER_MAX && i < c->n; i++) {
        score_one(x, &c->v[(at + i) % c->n], row);
        if (row->filter == PLACE_PASSED) {
            weigh(&x->weighing, d, x->job->avoid, d->nrows - 1);
            choose(&x->weighing, d);
            return;
        }
    }
    *row = last;
}

static void begin(struct deciding *x, const struct routing *r,
                  const struct route_job *job, uint64_t now_us)
{
    x->r = r;
    x->job = job;
    x->now_us = now_us;
    x->rho_pusd_s = job->rho_pusd_s != 0 ? job->rho_pusd_s : route_rho(job->goal);
    x->occupies = job->goal == WF_GOAL_THROUGHPUT;
    x->pressure = score_pressure(x->r->taken, x->r->slots);
    x->filled = 0;
    x->weighing = (struct weighing){KEY_NONE, KEY_NONE, KEY_NONE};
}

static void begin_record(const struct deciding *x, struct route_decision *ret)
{
    ret->at_us = x->now_us;
    ret->rho_pusd_s = x->rho_pusd_s;
    ret->occupies = x->occupies;
    ret->offers = x->r->caps[x->job->capability].n;
    ret->passed = 0;
    ret->best = ret->runner_up = -1;
}

uint64_t decide_scan(const struct routing *r, const struct route_job *job,
                     uint64_t now_us, struct route_decision *ret)
{
    const struct rcap *c = &r->caps[job->capability];
    struct route_row *row = &ret->rows[0];
    uint64_t least = UINT64_MAX;
    struct deciding x;

    begin(&x, r, job, now_us);
    fetching_begin(&x.fetch, r, job, now_us);
    for (uint32_t i = 0; i < c->n; i++) {
        score_one(&x, &c->v[i], row);
        if (row->filter == PLACE_PASSED) {
            least = wf_min_u64(least, row->score.total_us);
        }
    }
    return least;
}

int routing_score(const struct routing *r, const struct route_job *job, uint32_t node,
                  uint64_t now_us, struct route_row *ret)
{
    const struct entry *e = routing_entry(r, node, job->capability);
    struct deciding x;

    if (e == NULL) {
        return 0;
    }
    begin(&x, r, job, now_us);
    fetching_begin(&x.fetch, r, job, now_us);
    score_one(&x, e, ret);
    return 1;
}

/* Candidates will most likely be of the classes that others were lately. */
static void seek_all(const struct deciding *x, struct run_seek *ret)
{
    for (unsigned i = 0; i < CLASSES_LATELY; i++) {
        const struct runtime_key key = key_of(x->r->classes[i], x->job);

        runtimes_seek(x->r->runtimes, &key, &ret[i]);
    }
}

static void prefetch_all(const struct deciding *x, const struct run_seek *seeks)
{
    for (unsigned i = 0; i < CLASSES_LATELY; i++) {
        runtimes_prefetch(x->r->runtimes, &seeks[i]);
    }
}

static void note_classes(struct routing *r, const struct deciding *x)
{
    for (unsigned i = 0; i < CLASSES_KEPT; i++) {
        unsigned k = 0;

        if ((x->filled >> i & 1) == 0) {
            continue;
        }
        while (k < CLASSES_LATELY && r->classes[k] != x->known[i].class_) {
            k++;
        }
        if (k == CLASSES_LATELY) {
            r->class_at = (r->class_at + 1) % CLASSES_LATELY;
            r->classes[r->class_at] = x->known[i].class_;
        }
    }
}

static void score_rows(struct deciding *x, const struct picking *p, unsigned from,
                       unsigned to, struct route_decision *ret)
{
    for (unsigned i = from; i < to; i++) {
        score_row(x, p->v[i], &x->plans[i], &ret->rows[i]);
        weigh(&x->weighing, ret, x->job->avoid, i);
    }
}

void routing_decide(struct routing *r, const struct route_job *job, uint64_t now_us,
                    struct route_decision *ret)
{
    struct run_seek seeks[CLASSES_LATELY];
    struct picking p;
    struct deciding x;
    unsigned n;

    begin(&x, r, job, now_us);
    begin_record(&x, ret);
    seek_all(&x, seeks);
    picking_begin(&p, r, job, now_us);
    prefetch_all(&x, seeks);
    picking_near(&p);
    for (unsigned i = 0; i < CLASSES_LATELY; i++) {
        (void) known_of(&x, r->classes[i]);
    }
    n = picking_random(&p);
    fetching_begin(&x.fetch, r, job, now_us);
    fetch_plan_all(&x.fetch, p.nodes, n, x.plans);
    ret->nrows = picking_data(&p);
    score_rows(&x, &p, 0, n, ret);
    fetch_plan_all(&x.fetch, p.nodes + n, ret->nrows - n, x.plans + n);
    score_rows(&x, &p, n, ret->nrows, ret);
    choose(&x.weighing, ret);
    if (ret->passed == 0 && ret->offers > ret->nrows && ret->nrows != 0) {
        look_further(r, &x, ret);
    }
    note_classes(r, &x);
    picking_ahead(r, job->capability);
}
