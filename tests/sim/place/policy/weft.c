/* The router of the broker, one for each broker of the scenario.
 *
 * What a router is told is what messages would carry: joins (what a node is, its round
 * trips to the brokers and the rates that it probed), reports, the end of a job and of
 * the transfers for it, and who holds what.  Results and reports of an agent come over
 * one session: with a report a broker has heard of all that ended before it.
 */
#include "broker/core/router/distance.h"
#include "broker/core/router/filters.h"
#include "broker/core/router/prices.h"
#include "broker/core/router/router.h"
#include "broker/core/router/runtimes.h"
#include "common/mem.h"
#include "proto/words.h"
#include "tests/sim/place/policy/policy.h"
#include "tests/sim/place/policy/prices_of.h"

#include <math.h>

#define RUN_KEYS  4096u
#define QUEUE_MAX (1u << 24) /* an agent takes all that it is sent */
/* As in broker/core/jobs/recall.h: what waits at one agent may move to another. */
#define RECALL_GAIN_US   50000u
#define RECALL_PAUSE_NS  (100 * EV_MS)
#define RECALL_MOVES_MAX 3u
/* As in broker/core/jobs/preempt.h. */
#define PREEMPT_TIMES      2u
#define PREEMPT_BEGIN_RUNS 2u
#define PREEMPT_BEGIN_US   300000u
#define AGENTS_LOOKED      8u
#define JOBS_LOOKED        8u

struct weft {
    uint32_t nbrokers, nnodes;
    struct routing **routers;    /* owned; of each broker */
    struct runtimes **runtimes;  /* owned; of each broker */
    struct prices_of prices;     /* the same for all */
    uint32_t *numbers;           /* owned; of each node of the scenario, at the routers */
    unsigned *goals;             /* owned; of each class of jobs */
    struct route_decision *last; /* owned */
    struct post *posts;          /* owned; brokers x agents */
};

/* What one broker knows of one agent besides. */
struct post {
    struct wf_list_node sent; /* jobs that it has not heard the end of */
    uint64_t recalled_ns;
    uint32_t turn; /* of the capability that is asked for there, and of who offers it */
};

static uint64_t now_us(const struct world *w)
{
    return w->ev.now_ns / 1000;
}

/* -- joining --------------------------------------------------------------------------
 */

static struct route_about about(const struct world *w, const struct weft *self,
                                const struct sc_node *node)
{
    const struct scenario *sc = w->sc;
    const int classless = names_text(&sc->node_classes, node->class_)[0] == '\0';

    return (struct route_about){.site = prices_of_site(sc, node->site),
                                .class_ = classless ? 0 : node->class_ + 1,
                                .tier = self->prices.tiers[node->tier],
                                .slots = node->slots,
                                .speed_pm = (uint32_t) fmax(1, node->speed * 1000 + 0.5),
                                .price_pusd_s =
                                    (uint64_t) (node->usd_slot_s * 1e12 + 0.5)};
}

static struct route_links links(const struct world *w, uint32_t broker, uint32_t node)
{
    const struct scenario *sc = w->sc;
    struct route_links l = {.rtt_us = (uint32_t) wf_max_u64(
                                1, scenario_rtt_us(sc, sc->brokers[broker], node)),
                            .up = (uint64_t) sc->nodes[node].up,
                            .down = (uint64_t) sc->nodes[node].down};

    for (uint32_t b = 0; b < sc->nbrokers && b < ROUTE_BROKERS_MAX; b++) {
        l.to_broker[b] =
            distance_entry(wf_max_u64(1, scenario_rtt_us(sc, node, sc->brokers[b])));
    }
    return l;
}

static int join(struct world *w, struct weft *self, uint32_t broker, uint32_t node)
{
    const struct sc_node *n = &w->sc->nodes[node];
    struct routing *r = self->routers[broker];
    const struct route_about a = about(w, self, n);
    const struct route_links l = links(w, broker, node);
    const struct route_offer offer = {.slots = n->slots, .queue = QUEUE_MAX, .warm = 1};
    uint32_t number;
    int rc = routing_add(r, &number);

    if (rc != 0) {
        return rc;
    }
    self->numbers[node] = number;
    routing_describe(r, number, &a);
    routing_measured(r, number, &l);
    for (uint32_t i = 0; i < n->ncaps && n->role == SC_AGENT && rc == 0; i++) {
        rc = routing_offer(r, number, n->caps[i], &offer);
    }
    routing_open(r, number, n->role == SC_AGENT);
    return rc;
}

static int holds_data(const struct world *w, uint32_t node)
{
    const struct holdings *h = &w->holdings;

    for (size_t i = 0; i < h->words; i++) {
        if (h->has[node * h->words + i] != 0) {
            return 1;
        }
    }
    return 0;
}

/* Agents come first, so that their number at the router is that of the scenario; others
 * are there for what they hold. */
static int start_broker(struct world *w, struct weft *self, uint32_t b)
{
    const struct scenario *sc = w->sc;
    const struct routing_config cfg = {.max_nodes = sc->nnodes,
                                       .max_capabilities = sc->capabilities.n + 1,
                                       .brokers = sc->nbrokers,
                                       .seed = w->opt.seed * 1000 + b};
    int rc = runtimes_new(RUN_KEYS, cfg.seed, &self->runtimes[b]);

    rc = rc != 0
             ? rc
             : routing_new(&cfg, self->prices.book, self->runtimes[b], &self->routers[b]);
    for (uint32_t a = 0; a < sc->nagents && rc == 0; a++) {
        rc = join(w, self, b, sc->agents[a]);
    }
    for (uint32_t i = 0; i < sc->nnodes && rc == 0; i++) {
        if (sc->nodes[i].role != SC_AGENT && holds_data(w, i)) {
            rc = join(w, self, b, i);
        }
    }
    return rc;
}

static int start(struct world *w, void **ret_self)
{
    const uint32_t nbrokers = w->sc->nbrokers;
    struct weft *self = wf_calloc(1, sizeof *self);
    int rc;

    *ret_self = self;
    if (self == NULL) {
        return WEFT_ENOMEM;
    }
    self->nbrokers = nbrokers;
    self->routers = wf_calloc(nbrokers, sizeof *self->routers);
    self->runtimes = wf_calloc(nbrokers, sizeof *self->runtimes);
    self->numbers = wf_calloc(w->sc->nnodes, sizeof *self->numbers);
    self->goals = wf_calloc(w->sc->job_classes.n + 1u, sizeof *self->goals);
    self->last = wf_calloc(1, sizeof *self->last);
    self->posts = wf_calloc((size_t) nbrokers * w->sc->nagents + 1, sizeof *self->posts);
    if (self->routers == NULL || self->runtimes == NULL || self->numbers == NULL ||
        self->goals == NULL || self->last == NULL || self->posts == NULL) {
        self->nbrokers = self->routers != NULL && self->runtimes != NULL ? nbrokers : 0;
        return WEFT_ENOMEM;
    }
    for (size_t i = 0; i < (size_t) nbrokers * w->sc->nagents; i++) {
        wf_list_init(&self->posts[i].sent);
    }
    for (uint32_t c = 0; c < w->sc->job_classes.n; c++) {
        int goal = wf_goal_parse(names_text(&w->sc->job_classes, c));

        self->goals[c] = goal > 0 ? (unsigned) goal : WF_GOAL_BALANCED;
    }
    rc = prices_of(&self->prices, w->sc);
    for (uint32_t b = 0; b < nbrokers && rc == 0; b++) {
        rc = start_broker(w, self, b);
    }
    return rc;
}

static void stop(void *arg)
{
    struct weft *self = arg;

    for (uint32_t b = 0; b < self->nbrokers; b++) {
        routing_free(self->routers[b]);
        runtimes_free(self->runtimes[b]);
    }
    prices_of_fini(&self->prices);
    wf_free(self->routers);
    wf_free(self->runtimes);
    wf_free(self->numbers);
    wf_free(self->goals);
    wf_free(self->last);
    wf_free(self->posts);
    wf_free(self);
}

/* -- deciding -------------------------------------------------------------------------
 */

/* Of more holders than a decision looks at, those that had it first. */
static struct route_input input(const struct world *w, const struct weft *self,
                                uint32_t blob)
{
    const struct holding *of = &w->holdings.of[blob];
    struct route_input in = {.bytes = w->sc->blobs[blob].bytes};

    for (uint32_t i = 0; i < of->n && in.nholders < ROUTE_HOLDERS_MAX; i++) {
        in.holders[in.nholders++] =
            (struct route_holder){self->numbers[of->nodes[i]], in.bytes};
    }
    return in;
}

static uint64_t size_of(const struct world *w, const struct sc_job *spec)
{
    uint64_t bytes = spec->payload;

    for (uint32_t i = 0; i < spec->nblobs; i++) {
        bytes += w->sc->blobs[w->sc->refs[spec->first + i]].bytes;
    }
    return bytes;
}

static void describe(const struct world *w, const struct weft *self,
                     const struct sc_job *spec, struct route_job *ret)
{
    const uint64_t gone_ns = w->ev.now_ns - spec->at_ns -
                             world_half_ns(w, spec->client, w->sc->brokers[spec->broker]);
    const uint64_t back_ns = world_half_ns(w, w->sc->brokers[spec->broker], spec->client);

    *ret = (struct route_job){
        .capability = spec->capability,
        .size = size_of(w, spec),
        .goal = self->goals[spec->class_],
        .priority = WF_WAY_PRIORITY,
        .rho_pusd_s = (uint64_t) (w->opt.rho * 1e12),
        .client_rtt_us =
            scenario_rtt_us(w->sc, w->sc->brokers[spec->broker], spec->client),
        .late_pm = ROUTE_SURE_PM,
        .try_pm = w->opt.admit_pm != 0 ? w->opt.admit_pm : ROUTE_ADMIT_PM,
        .avoid = ROUTE_NONE,
        .sure = ROUTE_NONE};
    if (spec->deadline_ns != 0) {
        ret->left_us = spec->deadline_ns > gone_ns + back_ns + 1000
                           ? (spec->deadline_ns - gone_ns - back_ns) / 1000
                           : 1;
    }
}

/* T of the score: what it is expected to take, without what that is worth. */
static uint64_t expected_us(const struct score *s)
{
    return s->link_us + wf_max_u64(s->wait_us, wf_max_u64(s->fetch_us, s->warm_us)) +
           s->run_us;
}

static struct post *post_of(const struct world *w, const struct weft *self,
                            uint32_t broker, uint32_t agent)
{
    return &self->posts[(size_t) broker * w->sc->nagents + agent];
}

/* With its inputs, of which there is room in `inputs`. */
static void describe_all(const struct world *w, const struct weft *self,
                         const struct sc_job *spec, struct route_input *inputs,
                         struct route_job *ret)
{
    describe(w, self, spec, ret);
    ret->inputs = inputs;
    for (uint32_t i = 0; i < spec->nblobs && i < ROUTE_INPUTS_MAX; i++) {
        inputs[ret->ninputs++] = input(w, self, w->sc->refs[spec->first + i]);
    }
}

/* As in an assignment: when it has to begin, or that it makes way for such a one. */
static void hurry(const struct world *w, const struct route_job *job,
                  const struct route_row *row, struct job *j)
{
    const uint64_t need_us = row->score.run_us * PREEMPT_BEGIN_RUNS + PREEMPT_BEGIN_US;

    j->yields = job->left_us == 0 && j->gave_way < PREEMPT_TIMES;
    j->begin_ns = 0;
    if (job->left_us != 0) {
        j->begin_ns =
            w->ev.now_ns + (job->left_us - wf_min_u64(job->left_us, need_us)) * 1000;
        j->due_ns = w->ev.now_ns + job->left_us * 1000;
    }
}

static uint32_t decide(struct world *w, struct weft *self, struct job *j,
                       const struct route_job *job)
{
    struct routing *r = self->routers[j->spec->broker];
    const struct route_row *row;

    routing_decide(r, job, now_us(w), self->last);
    if (self->last->best < 0) {
        return POLICY_REFUSE;
    }
    row = &self->last->rows[self->last->best];
    j->work_us = routing_work(r, row->node, job);
    j->took_us = expected_us(&row->score);
    j->note = row->from;
    hurry(w, job, row, j);
    return row->node;
}

static uint32_t choose(struct world *w, void *arg, struct job *j)
{
    struct route_input inputs[ROUTE_INPUTS_MAX];
    struct route_job job;

    describe_all(w, arg, j->spec, inputs, &job);
    return decide(w, arg, j, &job);
}

/* -- recalling -------------------------------------------------------------------------
 */

/* As far as its broker has heard. */
static int waits(const struct world *w, const struct job *j)
{
    const uint64_t half_ns =
        world_half_ns(w, w->sc->brokers[j->spec->broker], w->sc->agents[j->agent]);
    const int began = j->started_ns != 0 && w->ev.now_ns >= j->started_ns + half_ns;
    const int ready = j->ready_ns != 0 && w->ev.now_ns >= j->ready_ns + half_ns;

    return !began && (ready || j->spec->nblobs == 0) && !j->heard && !j->asked;
}

static int is_sooner(struct world *w, const struct weft *self, const struct job *j,
                     uint32_t here)
{
    struct route_input inputs[ROUTE_INPUTS_MAX];
    const struct route_waiting there = {j->agent, j->work_us, 1};
    struct route_job job;

    describe_all(w, self, j->spec, inputs, &job);
    job.client_rtt_us = 0;
    job.try_pm = ROUTE_POSSIBLE_PM;
    return routing_is_sooner(self->routers[j->spec->broker], &job, &there, here,
                             RECALL_GAIN_US +
                                 scenario_rtt_us(w->sc, w->sc->brokers[j->spec->broker],
                                                 w->sc->agents[j->agent]),
                             now_us(w));
}

/* The last sent of what waits at an agent that would be done sooner at another. */
static struct job *movable(struct world *w, const struct weft *self, uint32_t broker,
                           uint32_t there, uint32_t here, uint32_t capability)
{
    const struct wf_list_node *head = &post_of(w, self, broker, there)->sent;
    const struct wf_list_node *n = head->prev;

    for (unsigned i = 0; i < JOBS_LOOKED && n != head; i++, n = n->prev) {
        struct job *j = CONTAINER_OF(n, struct job, sent);

        if (j->spec->capability == capability && waits(w, j) &&
            j->moves < RECALL_MOVES_MAX && (j->moves == 0 || j->was_at != here)) {
            return is_sooner(w, self, j, here) ? j : NULL;
        }
    }
    return NULL;
}

/* Of the next few agents that offer it, the one that makes its work wait longest. */
static uint32_t busiest(const struct world *w, const struct routing *r, uint32_t here,
                        uint32_t capability, uint32_t turn)
{
    const struct sc_capability *cap = &w->sc->caps[capability];
    uint32_t best = UINT32_MAX;
    uint64_t most = 0;

    for (uint32_t i = 0; i < AGENTS_LOOKED && i < cap->nagents; i++) {
        const uint32_t a = cap->agents[(turn * AGENTS_LOOKED + i) % cap->nagents];
        const struct sc_node *n = scenario_agent(w->sc, a);
        const struct route_load l = routing_load(r, a);
        const uint64_t wait =
            l.jobs > n->slots ? (uint64_t) ((double) l.work_us / n->slots / n->speed) : 0;

        if (a != here && wait > most) {
            best = a;
            most = wait;
        }
    }
    return best;
}

/* An agent has a free slot: what waits elsewhere that it would end sooner? */
static void recall(struct world *w, const struct weft *self, uint32_t broker,
                   uint32_t agent)
{
    const struct sc_node *node = scenario_agent(w->sc, agent);
    const struct routing *r = self->routers[broker];
    struct post *p = post_of(w, self, broker, agent);

    if (w->ev.now_ns < p->recalled_ns + RECALL_PAUSE_NS ||
        routing_load(r, agent).jobs >= node->slots) {
        return;
    }
    p->turn++;
    for (uint32_t i = 0; i < node->ncaps; i++) {
        const uint32_t capability = node->caps[(p->turn + i) % node->ncaps];
        const uint32_t there = busiest(w, r, agent, capability, p->turn);
        struct job *j = there == UINT32_MAX
                            ? NULL
                            : movable(w, self, broker, there, agent, capability);

        if (j != NULL) {
            p->recalled_ns = w->ev.now_ns;
            j->asked = 1;
            world_ask_back(w, j);
            return;
        }
    }
}

/* -- hearing --------------------------------------------------------------------------
 */

static void sent(struct world *w, void *arg, struct job *j)
{
    const struct weft *self = arg;
    struct routing *r = self->routers[j->spec->broker];

    wf_list_push_back(&post_of(w, self, j->spec->broker, j->agent)->sent, &j->sent);
    routing_sent(r, j->agent, j->spec->capability, j->work_us);
    if (j->spec->deadline_ns != 0) {
        routing_sent_due(r, j->agent);
    }
    if (j->note != ROUTE_NONE) {
        routing_flow(r, j->note, j->agent, 1);
        w->tally.promised++;
    }
}

/* Its broker hears of the end: with the result, or with a report that comes before. */
static void hear_end(const struct weft *self, struct job *j, int covered)
{
    if (!j->heard) {
        j->heard = 1;
        routing_ended(self->routers[j->spec->broker], j->agent, j->spec->capability,
                      j->work_us, covered);
    }
}

/* That the last report of the agent does not cover. */
static uint32_t due_under_way(const struct world *w, const struct weft *self,
                              uint32_t broker, uint32_t agent)
{
    const struct wf_list_node *head = &post_of(w, self, broker, agent)->sent;
    uint32_t n = 0;

    for (const struct wf_list_node *x = head->prev; x != head; x = x->prev) {
        const struct job *j = CONTAINER_OF(x, struct job, sent);

        if (j->arrived_ns != 0 && (int64_t) j->arrived_ns <= w->reports[agent].at_ns) {
            break;
        }
        n += j->spec->deadline_ns != 0;
    }
    return n;
}

static void reported(struct world *w, void *arg, uint32_t agent)
{
    const struct weft *self = arg;
    const struct report *r = &w->reports[agent];
    struct wf_list_node *head = &w->hosts[agent].replies;

    for (struct wf_list_node *n = wf_list_first(head); n != NULL;
         n = wf_list_next(head, n)) {
        hear_end(self, CONTAINER_OF(n, struct job, queued), 1);
    }
    for (uint32_t b = 0; b < self->nbrokers; b++) {
        const struct pair *p = world_pair(w, b, agent);
        const uint32_t due = due_under_way(w, self, b, agent);
        const struct route_report report = {
            .jobs = r->jobs,
            .work_us = r->work_us,
            .arrived = r->arrived,
            .own_jobs = p->sent - p->came,
            .own_work_us = p->sent_work_us - p->came_work_us,
            .yielding = r->yielding - (uint32_t) wf_min_u64(r->yielding, due),
            .up_flows = r->up_flows,
            .down_flows = r->down_flows};

        routing_report(self->routers[b], agent, &report, now_us(w));
        recall(w, self, b, agent);
    }
}

/* Nobody counts it where it was any more. */
static void leave(struct world *w, const struct weft *self, struct job *j)
{
    hear_end(self, j, (int64_t) j->arrived_ns <= w->reports[j->agent].at_ns);
    wf_list_remove(&j->sent);
}

/* It goes on to where it would go if it came now, or back. */
static void back(struct world *w, void *arg, struct job *j)
{
    struct weft *self = arg;
    struct route_input inputs[ROUTE_INPUTS_MAX];
    struct route_job job;
    uint32_t agent;

    leave(w, self, j);
    describe_all(w, self, j->spec, inputs, &job);
    job.try_pm = ROUTE_POSSIBLE_PM;
    agent = decide(w, self, j, &job);
    agent = agent == POLICY_REFUSE ? j->agent : agent;
    j->moves++;
    j->was_at = j->agent;
    j->heard = j->asked = 0;
    j->missing = 0;
    world_send(w, j, agent);
}

static void ended(struct world *w, void *arg, struct job *j)
{
    const struct weft *self = arg;
    const double run_us = (double) (j->ended_ns - j->started_ns) / 1e3;
    struct route_job job;
    struct runtime_key key;

    leave(w, self, j);
    describe(w, self, j->spec, &job);
    key = (struct runtime_key){.capability = j->spec->capability,
                               .class_ =
                                   about(w, self, scenario_agent(w->sc, j->agent)).class_,
                               .size = job.size};
    runtimes_add(self->runtimes[j->spec->broker], &key,
                 (uint64_t) (run_us * scenario_agent(w->sc, j->agent)->speed), 0,
                 now_us(w));
    recall(w, self, j->spec->broker, j->agent);
}

/* Its inputs are there: what was promised of the links is free again. */
static void fetched(struct world *w, void *arg, struct job *j)
{
    const struct weft *self = arg;

    if (j->note != ROUTE_NONE) {
        routing_flow(self->routers[j->spec->broker], j->note, j->agent, -1);
        w->tally.promised--;
    }
}

static void moved(struct world *w, void *arg, const struct flow *f)
{
    const struct weft *self = arg;
    const double s = (double) (w->ev.now_ns - f->began_ns) / 1e9;
    const uint64_t rate = s > 0 ? (uint64_t) fmin(f->bytes / s, 1e15) : 0;

    for (uint32_t b = 0; b < self->nbrokers; b++) {
        routing_pair(self->routers[b], self->numbers[f->from], self->numbers[f->to],
                     scenario_rtt_us(w->sc, f->from, f->to), rate, now_us(w));
    }
}

static void tick(struct world *w, void *arg)
{
    const struct weft *self = arg;

    for (uint32_t b = 0; b < self->nbrokers; b++) {
        runtimes_tick(self->runtimes[b], now_us(w));
    }
}

const struct policy policy_weft = {.name = "weft",
                                   .eager = 1,
                                   .start = start,
                                   .stop = stop,
                                   .choose = choose,
                                   .reported = reported,
                                   .sent = sent,
                                   .fetched = fetched,
                                   .ended = ended,
                                   .tick = tick,
                                   .moved = moved,
                                   .back = back};
