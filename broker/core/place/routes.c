#include "broker/core/place/routes.h"

#include "broker/core/data/inputs.h"
#include "broker/core/place/wishes.h"
#include "common/check.h"
#include "common/err.h"
#include "common/plant.h"

#define ERROR_SHIFT  6
#define ERROR_PM_MAX 100000u

int routes_add(struct core *c, struct agent *a)
{
    int rc = a->node == ROUTE_NONE ? routing_add(c->routing, &a->node) : 0;

    if (rc == 0) {
        c->by_node[a->node] = a;
    }
    return rc;
}

struct agent *routes_agent(const struct core *c, uint32_t node)
{
    return node < c->cfg.max_nodes ? c->by_node[node] : NULL;
}

int routes_is_open(const struct agent *a)
{
    return agent_closed(a) == PLACE_PASSED;
}

void routes_open(struct core *c, const struct agent *a)
{
    mesh_offers_changed(&c->mesh);
    if (a->node != ROUTE_NONE) {
        routing_open(c->routing, a->node, routes_is_open(a));
    }
}

void routes_info_before(struct core *c, const struct agent *a)
{
    for (unsigned i = 0; i < a->noffers; i++) {
        routing_withdraw(c->routing, a->node, a->offers[i].capability->number);
    }
}

/* Of two prices, 0 being none. */
static uint64_t least(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* Versions of a capability share a place: what is asked of them differs, where they run
 * does not. */
static void offer_all(struct core *c, struct agent *a)
{
    for (unsigned i = 0; i < a->noffers; i++) {
        struct route_offer o = {.ref = a};

        for (unsigned k = 0; k < a->noffers; k++) {
            const struct offer *x = &a->offers[k];

            if (x->capability == a->offers[i].capability) {
                o.slots += (uint32_t) x->slots;
                o.queue += (uint32_t) x->queue;
                o.assigned += (uint32_t) x->assigned;
                o.warm |= x->warm;
                if (a->neighbour != NULL) {
                    o.price_pusd_s = least(o.price_pusd_s, x->price_pusd);
                }
            }
        }
        if (routing_offer(c->routing, a->node, a->offers[i].capability->number, &o) !=
            0) {
            c->count.out_of_memory++;
        }
    }
}

/* A name as a number.  What agents say fills at most half of a table, so that prices find
 * room in it; without a number it is priced like any other. */
static uint32_t number_of(struct wf_intern *names, const char *name, uint32_t max)
{
    uint32_t number = wf_intern_find(names, name);

    if (number == 0 && name[0] != '\0' && wf_intern_len(names) < max / 2) {
        (void) wf_intern_put(names, name, &number);
    }
    return number;
}

/* Of a slot-second: what another site costs it knows itself. */
static uint64_t price_of(const struct core *c, const struct agent *a)
{
    return a->neighbour != NULL ? a->price_pusd
                                : prices_node(c->pricing.book, a->class_no);
}

static void describe(struct core *c, struct agent *a)
{
    struct route_about about = {.tier = (uint8_t) a->principal->tier,
                                .spot = a->spot != 0,
                                .whole = a->neighbour != NULL,
                                .slots = (uint32_t) wf_min_u64(a->slots, UINT32_MAX),
                                .speed_pm = a->speed_pm};

    a->site_no = number_of(c->pricing.sites, a->principal->site, PRICES_NAMED_MAX);
    a->class_no = number_of(c->pricing.classes, a->class_, PRICES_CLASSES_MAX);
    about.site = a->site_no;
    about.class_ = a->class_no;
    about.price_pusd_s = price_of(c, a);
    routing_describe(c->routing, a->node, &about);
}

void routes_info(struct core *c, struct agent *a)
{
    describe(c, a);
    offer_all(c, a);
    if (a->neighbour != NULL) {
        routes_measured(c, a);
    }
    routes_open(c, a);
}

void routes_priced(struct core *c)
{
    for (struct wf_list_node *n = wf_list_first(&c->agents.all); n != NULL;
         n = wf_list_next(&c->agents.all, n)) {
        struct agent *a = CONTAINER_OF(n, struct agent, in_all);

        if (a->node != ROUTE_NONE) {
            describe(c, a);
        }
    }
    mesh_offers_changed(&c->mesh); /* neighbours go by our prices, too */
}

uint32_t routes_rtt(const struct core *c, const struct agent *a, uint32_t *ret_dev_us)
{
    const struct link_seen *told = links_broker(&a->links);

    if (a->neighbour != NULL) {
        return mesh_rtt_us(c, a, ret_dev_us);
    }
    if (told != NULL && told->rtt_us != 0 && a->session != NULL &&
        told->at_us >= a->session->began_us) {
        *ret_dev_us = (uint32_t) told->jitter_us;
        return (uint32_t) told->rtt_us;
    }
    *ret_dev_us = (uint32_t) wf_ewma_dev(&a->rtt_us);
    return (uint32_t) wf_ewma_mean(&a->rtt_us);
}

/* What its link carries, as seen from it: another site's is the one that we share with
 * it, whose other end we are. */
static void rates_of(const struct core *c, const struct agent *a, struct route_links *l)
{
    const struct link_seen *told = links_broker(&a->links);
    struct link_seen link;

    l->up = wf_rate_get(&a->up, c->now_us);
    l->down = a->fetch_rate.n != 0 ? wf_ewma_mean(&a->fetch_rate) : 0;
    if (told != NULL) {
        l->down = wf_max_u64(l->down, told->down);
    }
    if (a->neighbour != NULL) {
        mesh_link_seen(c, a, &link);
        l->up = link.down;
        l->down = wf_max_u64(l->down, link.up);
    }
}

void routes_measured(struct core *c, const struct agent *a)
{
    struct route_links l = {0};

    l.rtt_us = routes_rtt(c, a, &l.dev_us);
    /* What is sent to another site goes on from there. */
    if (!WF_PLANT(NO_HOP)) {
        l.rtt_us += a->neighbour != NULL && l.rtt_us != 0 ? a->hop_us : 0;
    }
    l.to_broker[0] = distance_entry(l.rtt_us);
    rates_of(c, a, &l);
    routing_measured(c->routing, a->node, &l);
}

/* What was sent and is not in the report: at the end of the list, which is in the order
 * of sending. */
static void count_own(const struct agent *a, struct route_report *r)
{
    const struct wf_list_node *head = &a->attempts;

    for (const struct wf_list_node *n = head->prev; n != head; n = n->prev) {
        const struct job *j = CONTAINER_OF(n, struct job, in_agent);

        if (j->sent_seq <= a->covered_seq) {
            return;
        }
        r->own_jobs++;
        r->own_work_us = wf_add_sat(r->own_work_us, j->work_us);
        r->yielding -= j->deadline_us != 0 && r->yielding != 0;
    }
}

void routes_load(struct core *c, struct agent *a, const struct wf_ping *m)
{
    struct route_report r = {0};

    if (m == NULL) {
        a->covered_seq = 0;
        for (struct wf_list_node *n = wf_list_first(&a->attempts); n != NULL;
             n = wf_list_next(&a->attempts, n)) {
            struct job *j = CONTAINER_OF(n, struct job, in_agent);

            /* Reports of this session have it. */
            j->sent_seq = 0;
            r.jobs++;
            r.work_us = wf_add_sat(r.work_us, j->work_us);
        }
    } else if (m->arrived == 0 && m->jobs == 0 && a->assigned != 0) {
        return; /* it is of a version that does not tell */
    } else {
        a->covered_seq = wf_max_u64(a->covered_seq, m->covered);
        r.jobs = (uint32_t) wf_min_u64(m->jobs, UINT32_MAX);
        r.work_us = m->work_us;
        r.arrived = m->arrived;
        r.yielding = (uint32_t) wf_min_u64(m->yielding, UINT32_MAX);
    }
    count_own(a, &r);
    routing_report(c->routing, a->node, &r, c->now_us);
}

void routes_sent(struct core *c, struct job *j, const struct route_row *row, int offered)
{
    const uint32_t number = offered ? j->capability->number : ROUTE_NONE;

    j->sent_seq = UINT64_MAX;
    j->work_us =
        row != NULL ? score_mul_div(row->score.run_us, j->agent->speed_pm, 1000) : 0;
    j->flow_from = NULL;
    if (j->agent->node == ROUTE_NONE) {
        return; /* counted when it comes */
    }
    routing_sent(c->routing, j->agent->node, number, j->work_us);
    if (j->deadline_us != 0) {
        routing_sent_due(c->routing, j->agent->node);
    }
    if (row != NULL && row->from != ROUTE_NONE) {
        j->flow_from = routes_agent(c, row->from);
        routing_flow(c->routing, row->from, j->agent->node, 1);
    }
}

void routes_fetched(struct core *c, struct job *j)
{
    if (j->flow_from != NULL) {
        routing_flow(c->routing, j->flow_from->node, j->agent->node, -1);
        j->flow_from = NULL;
    }
}

uint64_t routes_cost(struct core *c, const struct agent *a, uint64_t us)
{
    return score_mul_div(price_of(c, a), us, 1000000);
}

void routes_ended(struct core *c, struct job *j, int offered)
{
    const uint32_t number = offered ? j->capability->number : ROUTE_NONE;

    routes_fetched(c, j);
    if (j->agent->node != ROUTE_NONE) {
        routing_ended(c->routing, j->agent->node, number, j->work_us,
                      j->sent_seq <= j->agent->covered_seq);
    }
}

/* What may explain how long it runs.  A plan tells the size of a payload, and has none.
 */
static uint64_t job_size(const struct job *j)
{
    const uint64_t told = wf_digest_is_zero(&j->payload_blob) ? j->payload_size : 0;

    return wf_add_sat(wf_max_u64(j->payload_len, told), j->data_bytes);
}

static struct runtime_key key_of(const struct job *j)
{
    return (struct runtime_key){.capability = j->capability->number,
                                .version = j->ran_version,
                                .class_ = j->agent->class_no,
                                .size = job_size(j)};
}

/* How far off the run times are that placement goes by: a metric of its own. */
static void judge(struct core *c, const struct job *j, uint64_t work_us)
{
    const uint64_t off_us =
        j->work_us > work_us ? j->work_us - work_us : work_us - j->work_us;

    if (j->work_us != 0) {
        wf_ewma_add(&c->run_error_pm,
                    wf_min_u64(score_mul_div(off_us, 1000, work_us + 1), ERROR_PM_MAX),
                    ERROR_SHIFT);
    }
}

void routes_learn(struct core *c, const struct job *j, const struct wf_result *m, int cut)
{
    const struct runtime_key key = key_of(j);
    const uint64_t run_us = m->run_us - wf_min_u64(m->warm_us, m->run_us);
    const uint64_t work_us = score_mul_div(run_us, j->agent->speed_pm, 1000);

    if (m->warm_us != 0) {
        runtimes_warm_add(c->runtimes, key.capability, key.class_, m->warm_us, c->now_us);
    }
    if (!cut) {
        judge(c, j, work_us);
    }
    if (run_us != 0 && j->agent->neighbour == NULL) {
        wf_ewma_add(&c->mesh.run_us, run_us, ERROR_SHIFT);
    }
    if (run_us != 0) {
        runtimes_add(c->runtimes, &key, work_us, cut, c->now_us);
    }
}

uint64_t routes_run_us(struct core *c, const struct job *j, unsigned pm)
{
    const struct runtime_key key = key_of(j);
    struct run_guess guess;

    runtimes_guess(c->runtimes, &key, &guess);
    return guess.known < RUN_SAMPLES || guess.level >= RUN_DECLARED
               ? 0
               : score_run(runtimes_quantile(c->runtimes, &key, pm), j->agent->speed_pm);
}

uint64_t routes_rho(const struct core *c, const struct job *j)
{
    return j->wishes != NULL && j->wishes->rho_pusd != 0 ? j->wishes->rho_pusd
                                                         : c->cfg.rho_pusd[j->goal];
}

void routes_pay(struct core *c, struct job *j, const struct wf_result *m)
{
    const struct agent *from = j->flow_from;
    const struct agent *to = j->agent;
    uint64_t byte_pusd = 0;

    if (from == NULL && j->fetch_from != NULL) {
        from = j->fetch_from->agent;
    }
    if (from != NULL) {
        byte_pusd = prices_egress(c->pricing.book, from->site_no, from->principal->tier,
                                  to->site_no, to->principal->tier);
    }
    j->cost_pusd = wf_add_sat(j->cost_pusd, score_mul_div(m->fetched, byte_pusd, 1));
    /* Another site tells what the run cost there. */
    if (to->neighbour == NULL) {
        j->cost_pusd = wf_add_sat(j->cost_pusd, routes_cost(c, to, m->run_us));
    }
}

void routes_job(const struct core *c, const struct job *j, struct route_input *inputs,
                struct route_job *ret)
{
    *ret = (struct route_job){.capability = j->capability->number,
                              .version = j->version,
                              .size = job_size(j),
                              .goal = j->goal,
                              .priority = j->priority,
                              .rho_pusd_s = routes_rho(c, j),
                              .client_rtt_us = j->client_rtt_us,
                              .inputs = inputs,
                              .avoid = j->avoid != NULL ? j->avoid->node : ROUTE_NONE,
                              .sure = ROUTE_NONE};
    if (j->wishes != NULL) {
        ret->max_pusd = j->wishes->max_cost_pusd;
    }
    if (j->deadline_us != 0) {
        ret->left_us = wf_max_u64(1, wf_max_u64(j->deadline_us, c->now_us) - c->now_us);
    }
    if (j->data_bytes != 0) {
        ret->ninputs = inputs_route(c, j, inputs);
    }
}

void routes_check(const struct core *c, const struct agent *a)
{
    if (a->node == ROUTE_NONE) {
        return; /* it never came since this broker's start */
    }
    WF_CHECK(c->by_node[a->node] == a);
    WF_CHECK(routing_is_open(c->routing, a->node) == routes_is_open(a));
    for (unsigned i = 0; i < a->noffers; i++) {
        uint64_t assigned = 0;

        for (unsigned k = 0; k < a->noffers; k++) {
            if (a->offers[k].capability == a->offers[i].capability) {
                assigned += a->offers[k].assigned;
            }
        }
        WF_CHECK(routing_assigned(c->routing, a->node, a->offers[i].capability->number) ==
                 assigned);
    }
}
