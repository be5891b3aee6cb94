#include "broker/core/mesh/neighbours.h"

#include "broker/core/mesh/guests.h"
#include "broker/core/mesh/hop.h"
#include "broker/core/place/routes.h"
#include "common/check.h"
#include "common/err.h"
#include "common/fnv.h"
#include "common/mem.h"

#include <string.h>

#define OFFERS_US    200000u  /* between looks at what is offered */
#define HOPS_US      5000000u /* the same, for how far agents are now */
#define OWES_US      200000u  /* between outcomes that are told again, by the load */
#define REPORT_US    100000u  /* between reports of a load that changed */
#define LOOKS_MAX    64u      /* at offers of one capability, for its load */
#define ROWS_BYTES   (64u << 10)
#define KNOWN_BYTES  (8u << 10)
#define SPEED_MAX_PM 1000000u /* that agent_info takes */

void mesh_init(struct mesh *m)
{
    wf_list_init(&m->neighbours);
    wf_list_init(&m->over);
    imports_init(&m->imports);
    beyond_init(&m->beyond);
    wf_buf_init(&m->rows, ROWS_BYTES);
}

void mesh_fini(struct mesh *m)
{
    struct wf_list_node *n;

    while (m->neighbours.next != NULL && (n = wf_list_first(&m->neighbours)) != NULL) {
        struct neighbour *x = CONTAINER_OF(n, struct neighbour, node);

        wf_list_remove(n);
        wf_buf_fini(&x->known);
        wf_buf_fini(&x->holds.bits);
        wf_free(x);
    }
    atlas_fini(&m->atlas);
    beyond_fini(&m->beyond);
    wf_buf_fini(&m->rows);
}

/* -- what is told ----------------------------------------------------------------------
 */

int mesh_neighbour(struct core *c, struct agent *a)
{
    if (a->neighbour == NULL) {
        a->neighbour = wf_calloc(1, sizeof *a->neighbour);
        if (a->neighbour == NULL) {
            return WEFT_ENOMEM;
        }
        a->neighbour->agent = a;
        wf_buf_init(&a->neighbour->known, KNOWN_BYTES);
        wf_buf_init(&a->neighbour->holds.bits, WF_HOLDS_MAX);
        wf_list_push_back(&c->mesh.neighbours, &a->neighbour->node);
    }
    return 0;
}

void mesh_greet(struct core *c, struct session *s, struct wf_effects *out)
{
    struct agent *a = s->principal->agent;

    if (a == NULL || a->session != s) {
        return;
    }
    if (mesh_neighbour(c, a) != 0) {
        c->count.out_of_memory++;
        session_end(c, s, WEFT_ENOMEM, "out of memory", out);
        return;
    }
    meter_begin(&a->neighbour->meter);
    a->neighbour->told_offers = 0;
    a->neighbour->covered = 0;
    a->neighbour->reported_us = 0;
    a->neighbour->greeted_us = c->now_us;
    c->mesh.offers_changed = 1;
    c->mesh.offers_us = c->now_us;
    guests_resync(c, a, out);
}

/* Of a slot-second there: another site tells it, of our own agents the book. */
static uint64_t price_of(const struct core *c, const struct offer *o)
{
    const struct agent *a = o->agent;

    return a->neighbour == NULL ? prices_node(c->pricing.book, a->class_no)
           : o->price_pusd != 0 ? o->price_pusd
                                : a->price_pusd;
}

/* What may run of a capability for that neighbour: at our own agents; where none of them
 * offers it, at those of other neighbours, one broker further.  What these have from
 * others is not told: it could be that neighbour's own, come back in a circle, and work
 * would be sent around for it and refused for ever. */
static void add_up(const struct core *c, const struct capability *cap,
                   const struct agent *to, int ours, struct wf_cap_row *row)
{
    for (const struct wf_list_node *n = wf_list_first(&cap->offers); n != NULL;
         n = wf_list_next(&cap->offers, n)) {
        const struct offer *o = CONTAINER_OF(n, struct offer, peers);

        if (o->agent == to || (o->agent->neighbour == NULL) != ours ||
            (o->version != row->version && row->version != 0) || o->hops != 0 ||
            agent_closed(o->agent) != PLACE_PASSED) {
            continue;
        }
        row->version = o->version;
        row->price_pusd = row->slots == 0 ? price_of(c, o)
                                          : wf_min_u64(row->price_pusd, price_of(c, o));
        row->slots = wf_min_u64(row->slots + o->slots, WF_RUNS_MAX);
        row->queue = wf_min_u64(row->queue + o->queue, WF_RUNS_MAX);
        row->wall_ms =
            o->wall_ms == 0 || row->wall_ms > o->wall_ms ? row->wall_ms : o->wall_ms;
        row->net |= (uint64_t) o->net;
        row->warm |= (uint64_t) o->warm;
        row->hops = !ours;
    }
}

/* Each version that somebody offers, once. */
static void offer_versions(struct core *c, const struct capability *cap,
                           const struct agent *to, struct wf_rows *rows)
{
    uint32_t done[8];
    unsigned ndone = 0;

    for (const struct wf_list_node *n = wf_list_first(&cap->offers);
         n != NULL && ndone < ARRAY_LEN(done) && rows->count < WF_CAPS_MAX;
         n = wf_list_next(&cap->offers, n)) {
        const uint32_t version = CONTAINER_OF(n, struct offer, peers)->version;
        struct wf_cap_row row = {.name = wf_slice_of(cap->name), .version = version};
        int seen = 0;

        for (unsigned i = 0; i < ndone; i++) {
            seen |= done[i] == version;
        }
        if (seen) {
            continue;
        }
        done[ndone++] = version;
        add_up(c, cap, to, 1, &row);
        if (row.slots == 0) {
            add_up(c, cap, to, 0, &row);
        }
        if (row.slots != 0) {
            (void) wf_rows_add(&c->mesh.rows, rows, wf_desc_cap_row(), &row);
        }
    }
}

/* What runs there take and cost: of one class when all agents are; the speed in the mean
 * of all slots; the price of the cheapest.  So a neighbour's run times are those of the
 * nodes that it has, and a job that has to be cheap finds the cheap site. */
static void describe(const struct core *c, const struct agent *a, uint64_t slots,
                     struct wf_agent_info *m)
{
    const uint64_t price_pusd = prices_node(c->pricing.book, a->class_no);

    if (slots == 0) {
        m->class_ = wf_slice_of(a->class_);
        m->price_pusd = price_pusd;
    } else if (!wf_slice_is(m->class_, a->class_)) {
        m->class_ = wf_slice_make(NULL, 0);
    }
    m->price_pusd = wf_min_u64(m->price_pusd, price_pusd);
    m->speed_pm += a->slots * a->speed_pm;
}

static void sum_up(const struct core *c, struct wf_agent_info *m)
{
    struct hops hops = {0};
    uint64_t slots = 0;
    uint32_t dev_us;

    for (const struct wf_list_node *n = wf_list_first(&c->agents.all); n != NULL;
         n = wf_list_next(&c->agents.all, n)) {
        const struct agent *a = CONTAINER_OF(n, struct agent, in_all);

        if (a->neighbour == NULL && agent_closed(a) == PLACE_PASSED && a->slots != 0) {
            describe(c, a, slots, m);
            hops_add(&hops, routes_rtt(c, a, &dev_us));
            slots += a->slots;
            m->data_cap = wf_max_u64(m->data_cap, a->data_cap);
            m->cpus += a->cpus;
            m->mem += a->mem;
            m->slots = wf_min_u64(m->slots + a->slots, WF_RUNS_MAX);
        }
    }
    m->speed_pm = slots != 0 ? wf_min_u64(m->speed_pm / slots, SPEED_MAX_PM) : 0;
    m->hop_us = hops_median(&hops);
}

/* All of it is further away: at the nearest of the others, as far as is known. */
static void sum_up_others(const struct core *c, const struct neighbour *to,
                          struct wf_agent_info *m)
{
    struct wf_rows rows = m->caps;
    struct wf_cap_row row;
    uint32_t dev_us;

    while (wf_rows_next(&rows, wf_desc_cap_row(), &row)) {
        m->slots = wf_max_u64(m->slots, row.slots);
    }
    for (const struct wf_list_node *n = wf_list_first(&c->mesh.neighbours); n != NULL;
         n = wf_list_next(&c->mesh.neighbours, n)) {
        const struct agent *a = CONTAINER_OF(n, struct neighbour, node)->agent;

        const uint64_t rtt_us =
            a != to->agent && a->session != NULL ? mesh_rtt_us(c, a, &dev_us) : 0;

        if (rtt_us != 0 && (m->hop_us == 0 || rtt_us + a->hop_us < m->hop_us)) {
            m->hop_us = rtt_us + a->hop_us;
        }
    }
}

void mesh_offers(struct core *c, const struct agent *to, struct wf_rows *ret_rows)
{
    const struct capability *cap;
    size_t it = 0;

    wf_buf_clear(&c->mesh.rows);
    *ret_rows = (struct wf_rows){0};
    while (ret_rows->count < WF_CAPS_MAX &&
           (cap = wf_map_next(c->capabilities.by_name, &it)) != NULL) {
        offer_versions(c, cap, to, ret_rows);
    }
}

static void tell_offers(struct core *c, struct neighbour *x, struct wf_effects *out)
{
    struct wf_agent_info m = {.seq = c->now_us, .draining = (uint64_t) c->stopping};
    uint64_t hash;

    mesh_offers(c, x->agent, &m.caps);
    sum_up(c, &m);
    if (m.slots == 0) {
        sum_up_others(c, x, &m);
    }
    hash = wf_fnv_bytes(wf_fnv_u64(WF_FNV_START, m.slots), m.caps.p, m.caps.len);
    hash = wf_fnv_u64(wf_fnv_u64(hash, m.data_cap), m.draining);
    hash = wf_fnv_bytes(hash, m.class_.p, m.class_.len);
    hash = wf_fnv_u64(wf_fnv_u64(hash, m.speed_pm), m.price_pusd);
    hash = wf_fnv_u64(hash, m.hop_us) | 1;
    if (hash != x->told_offers) {
        x->told_offers = hash;
        wf_effects_send(out, x->agent->session->peer, WF_MSG_agent_info, &m);
    }
}

/* Has none of ours that offers it a free slot?  Then what waits for it waits for them. */
static int keeps_busy(const struct capability *cap)
{
    unsigned looks = 0, ours = 0;

    for (const struct wf_list_node *n = wf_list_first(&cap->offers);
         n != NULL && looks < LOOKS_MAX; n = wf_list_next(&cap->offers, n), looks++) {
        const struct offer *o = CONTAINER_OF(n, struct offer, peers);

        if (o->agent->neighbour != NULL || agent_closed(o->agent) != PLACE_PASSED) {
            continue;
        }
        if (o->assigned < o->slots && o->agent->assigned < o->agent->slots) {
            return 0;
        }
        ours = 1;
    }
    return ours;
}

/* Jobs that wait for what nobody here has, or for another site: they take nobody's turn,
 * however many they are. */
static void count_idle(struct core *c)
{
    const struct capability *cap;
    size_t it = 0;

    if (c->mesh.idle_us > c->now_us) {
        return;
    }
    c->mesh.idle_us = c->now_us + REPORT_US;
    c->mesh.idle = 0;
    while ((cap = wf_map_next(c->capabilities.by_name, &it)) != NULL) {
        c->mesh.idle += cap->nready != 0 && !keeps_busy(cap) ? cap->nready : 0;
    }
}

/* Jobs that wait or run here, as against those that other brokers have of us. */
static uint64_t own_jobs(const struct core *c)
{
    uint64_t away = c->mesh.idle;

    for (const struct wf_list_node *n = wf_list_first(&c->mesh.neighbours); n != NULL;
         n = wf_list_next(&c->mesh.neighbours, n)) {
        away += CONTAINER_OF(n, struct neighbour, node)->agent->assigned;
    }
    return c->jobs.live - wf_min_u64(away, c->jobs.live);
}

static uint64_t load_step(const struct neighbour *x)
{
    return wf_max_u64(1, x->told_jobs / 4);
}

static int is_load_news(const struct neighbour *x, uint64_t jobs)
{
    const uint64_t by = jobs > x->told_jobs ? jobs - x->told_jobs : x->told_jobs - jobs;

    return by >= load_step(x);
}

static uint64_t report_due_us(const struct core *c, const struct neighbour *x,
                              uint64_t jobs)
{
    return x->reported_us +
           (is_load_news(x, jobs) ? REPORT_US : c->cfg.heartbeat_ms * 1000);
}

static void report_load(struct core *c, struct neighbour *x, uint64_t jobs,
                        struct wf_effects *out)
{
    const struct wf_ping m = {.seq = 0,
                              .time_us = c->now_us,
                              .covered = x->covered,
                              .jobs = jobs,
                              .work_us = jobs * wf_ewma_mean(&c->mesh.run_us),
                              .arrived = c->count.assigned};

    struct dial *d = mesh_dial_of(c, x->agent->session->peer);

    if (d != NULL) {
        /* Its own heartbeats say the same. */
        d->link.load = (struct wf_link_load){.covered = m.covered,
                                             .jobs = jobs,
                                             .work_us = m.work_us,
                                             .arrived = m.arrived};
    }
    if (report_due_us(c, x, jobs) > c->now_us) {
        return;
    }
    x->reported_us = c->now_us;
    x->told_jobs = jobs;
    wf_effects_send(out, x->agent->session->peer, WF_MSG_ping, &m);
}

/* -- the link --------------------------------------------------------------------------
 */

void mesh_on_links(struct turn *t)
{
    static const struct wf_key self;
    struct agent *a = t->s->principal->agent;
    struct wf_rows rows = t->msg->u.links.rows;
    struct wf_link_row row;

    while (wf_rows_next(&rows, wf_desc_link_row(), &row)) {
        if (!wf_key_eq(&row.peer, &self) ||
            meter_heard(&a->neighbour->meter, &row, t->c->now_us) != 0) {
            t->c->count.links_refused++;
        }
    }
    routes_measured(t->c, a);
}

void mesh_came(struct core *c, uint32_t lane, uint64_t bytes)
{
    const struct wf_key *key = relay_key(&c->data.relay, lane);
    const struct principal *p = key != NULL ? registry_key(&c->registry, key) : NULL;

    if (p != NULL && p->agent != NULL && p->agent->neighbour != NULL) {
        meter_came(&p->agent->neighbour->meter, bytes, c->now_us);
    }
}

void mesh_link_seen(const struct core *c, const struct agent *a,
                    struct link_seen *ret_link)
{
    meter_view(&a->neighbour->meter, c->now_us, ret_link);
    if (ret_link->rtt_us == 0) {
        ret_link->rtt_us = wf_ewma_mean(&a->rtt_us);
        ret_link->jitter_us = wf_ewma_dev(&a->rtt_us);
        ret_link->samples = a->rtt_us.n;
    }
}

uint32_t mesh_rtt_us(const struct core *c, const struct agent *a, uint32_t *ret_dev_us)
{
    struct link_seen link;

    mesh_link_seen(c, a, &link);
    *ret_dev_us = (uint32_t) link.jitter_us;
    return (uint32_t) (link.rtt_us != 0 ? link.rtt_us
                                        : where_to_us(c, &a->principal->key));
}

static void tell_link(struct core *c, struct neighbour *x, struct wf_effects *out)
{
    struct wf_links m = {{0}};
    struct wf_link_row row;

    if (meter_news(&x->meter, c->now_us, &row)) {
        (void) wf_rows_add(core_rows(c, 0), &m.rows, wf_desc_link_row(), &row);
        wf_effects_send(out, x->agent->session->peer, WF_MSG_links, &m);
        routes_measured(c, x->agent);
        figures_measured(&c->word.figures);
    }
}

void mesh_step(struct core *c, struct wf_effects *out)
{
    uint64_t jobs;
    int tell;

    if (c->mesh.hops_us <= c->now_us) {
        c->mesh.hops_us = c->now_us + HOPS_US;
        mesh_offers_changed(&c->mesh);
    }
    tell = c->mesh.offers_changed && c->mesh.offers_us <= c->now_us;
    guests_drop(c, out);
    mesh_tick_dials(c, out);
    mesh_lanes_step(c, out);
    seek_step(c, out);
    strays_step(c, out);
    imports_step(c, out);
    sweep_step(c, out);
    beyond_step(c);
    if (wf_list_empty(&c->mesh.neighbours)) {
        c->mesh.offers_changed = 0;
        return;
    }
    count_idle(c);
    jobs = own_jobs(c);
    for (struct wf_list_node *n = wf_list_first(&c->mesh.neighbours); n != NULL;
         n = wf_list_next(&c->mesh.neighbours, n)) {
        struct neighbour *x = CONTAINER_OF(n, struct neighbour, node);

        if (x->agent->session == NULL) {
            continue;
        }
        if (tell) {
            tell_offers(c, x, out);
        }
        if (x->owes && x->owes_us <= c->now_us) {
            x->owes_us = c->now_us + OWES_US;
            guests_tell(c, x->agent, out);
        }
        report_load(c, x, jobs, out);
        tell_link(c, x, out);
    }
    if (tell) {
        c->mesh.offers_changed = 0;
        c->mesh.offers_us = c->now_us + OFFERS_US;
    }
}

uint64_t mesh_due_us(const struct core *c)
{
    uint64_t due_us = wf_min_u64(wf_min_u64(mesh_lanes_due_us(c), strays_due_us(c)),
                                 wf_min_u64(seek_due_us(c), imports_due_us(c)));
    uint64_t jobs = 0;

    due_us = sweep_due(c) ? wf_min_u64(due_us, c->now_us + DATA_TICK_US) : due_us;
    for (unsigned i = 0; i < c->mesh.ndials; i++) {
        due_us = wf_min_u64(due_us, c->mesh.dials[i].link.due_us);
    }
    if (wf_list_empty(&c->mesh.neighbours)) {
        return due_us;
    }
    jobs = own_jobs(c);
    for (const struct wf_list_node *n = wf_list_first(&c->mesh.neighbours); n != NULL;
         n = wf_list_next(&c->mesh.neighbours, n)) {
        const struct neighbour *x = CONTAINER_OF(n, struct neighbour, node);

        if (x->agent->session != NULL) {
            due_us = wf_min_u64(due_us, report_due_us(c, x, jobs));
            due_us = x->owes ? wf_min_u64(due_us, x->owes_us) : due_us;
        }
    }
    return c->mesh.offers_changed ? wf_min_u64(due_us, c->mesh.offers_us) : due_us;
}

void mesh_check(const struct core *c)
{
    for (const struct wf_list_node *n = wf_list_first(&c->mesh.neighbours); n != NULL;
         n = wf_list_next(&c->mesh.neighbours, n)) {
        const struct neighbour *x = CONTAINER_OF(n, struct neighbour, node);

        WF_CHECK(x->agent->neighbour == x);
        WF_CHECK(x->agent->principal->role == WF_ROLE_BROKER);
    }
}
