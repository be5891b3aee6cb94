#include "broker/core/place.h"

#include "broker/core/data/inputs.h"
#include "broker/core/need.h"

/* Nothing measured yet: a guess that loses against any measured near agent. */
#define RTT_GUESS_US     50000u
#define FETCH_RATE_GUESS UINT64_C(50000000) /* bytes a second */
/* An agent that comes to a long queue may be sent all that it holds at once: no more than
 * the bus queues for one peer, which would be cut as too slow, again and again. */
#define AGENT_FEW   128u
#define AGENT_BYTES (16u << 20)

static int needs_met(const struct job *j, const struct agent *a)
{
    struct wf_rows rows = j->needs;
    struct wf_label_row row;
    char room[32];

    while (wf_rows_next(&rows, wf_desc_label_row(), &row)) {
        struct need need;

        if (need_parse(row.text, &need) != 0 ||
            !need_met(&need, agent_attribute(a, need.key, room, sizeof room))) {
            return 0;
        }
    }
    return 1;
}

static int has_room(const struct job *j, const struct offer *o)
{
    const struct agent *a = o->agent;

    return o->assigned < o->slots + o->queue && a->assigned < a->slots + o->queue &&
           (a->assigned < AGENT_FEW || a->bytes + job_weight(j) <= AGENT_BYTES);
}

unsigned place_filter(const struct job *j, const struct offer *o)
{
    const struct agent *a = o->agent;

    if (j->version != 0 && o->version != j->version) {
        return PLACE_VERSION;
    }
    if (j->residency[0] != '\0' && !residency_allows(j->residency, a)) {
        return PLACE_RESIDENCY;
    }
    if (j->data_bytes > a->data_cap) {
        return PLACE_DATA;
    }
    if (a->principal->state == WF_KEY_REVOKED) {
        return PLACE_REVOKED;
    }
    /* What is assigned before the resync comes would look lost when it does. */
    if (a->state == AGENT_OFFLINE || a->state == AGENT_LOST || !a->synced) {
        return PLACE_OFFLINE;
    }
    if (a->state == AGENT_TORPID) {
        return PLACE_SILENT;
    }
    if (a->draining || a->principal->drained) {
        return PLACE_DRAINING;
    }
    if (j->pin[0] != '\0' && !wf_slice_is(wf_slice_of(j->pin), a->principal->name)) {
        return PLACE_PINNED;
    }
    if (j->needs.count != 0 && !needs_met(j, a)) {
        return PLACE_NEEDS;
    }
    if (!has_room(j, o)) {
        return PLACE_FULL;
    }
    return PLACE_FILTER_COUNT;
}

/* X: the missing bytes, at the rate at which data came to this agent lately. */
static uint64_t fetch_us(const struct inputs_at *data, const struct agent *a)
{
    uint64_t rate = a->fetch_rate.n != 0 ? wf_ewma_mean(&a->fetch_rate) : 0;
    uint64_t missing = data != NULL ? inputs_missing(data, a) : 0;

    rate = rate != 0 ? rate : FETCH_RATE_GUESS;
    return missing > UINT64_MAX / 1000000 ? UINT64_MAX : missing * 1000000 / rate;
}

static struct decision_row score_offer(const struct job *j, const struct inputs_at *data,
                                       const struct offer *o, uint64_t now_us, int full)
{
    struct agent *a = o->agent;
    const uint64_t run_us = offer_run_us(o);
    /* The agent's slots serve all its capabilities: what is ahead is the worse of the
     * two. */
    const uint64_t over_agent = a->assigned >= a->slots ? a->assigned - a->slots + 1 : 0;
    const uint64_t over_offer = o->assigned >= o->slots ? o->assigned - o->slots + 1 : 0;
    const struct score_in in = {
        .client_rtt_us = j->client_rtt_us,
        .agent_rtt_us = a->rtt_us.n != 0 ? wf_ewma_mean(&a->rtt_us) : RTT_GUESS_US,
        .slots = o->slots,
        .ahead = over_agent > over_offer ? o->slots - 1 + over_agent : o->assigned,
        .queued_run_us = run_us,
        .run_us = run_us,
        .fetch_us = fetch_us(data, a),
    };

    return (struct decision_row){.agent = a,
                                 .score = score_agent(&in),
                                 .ahead = in.ahead,
                                 .report_ms = (now_us - a->heard_us) / 1000,
                                 .full = full};
}

static void consider(const struct job *j, const struct inputs_at *data, struct offer *o,
                     uint64_t now_us, struct decision *d)
{
    unsigned f = place_filter(j, o);
    struct decision_row row;

    if (f != PLACE_FILTER_COUNT) {
        d->filtered[f]++;
    } else {
        d->passed++;
    }
    if (f == PLACE_FILTER_COUNT || f == PLACE_FULL) {
        row = score_offer(j, data, o, now_us, f == PLACE_FULL);
        decision_add(d, &row);
    }
}

/* The sample had no room.  What is full or filtered further on is not counted. */
static void look_further(const struct job *j, const struct inputs_at *data,
                         uint64_t now_us, struct decision *d)
{
    const struct wf_list_node *head = &j->capability->offers;
    size_t left = PLACE_FURTHER;

    for (struct wf_list_node *n = wf_list_first(head); n != NULL && left > 0;
         n = wf_list_next(head, n), left--) {
        struct offer *o = CONTAINER_OF(n, struct offer, peers);

        if (place_filter(j, o) == PLACE_FILTER_COUNT) {
            consider(j, data, o, now_us, d);
            return;
        }
    }
}

static int is_holder(const struct inputs_at *data, const struct agent *a)
{
    for (unsigned i = 0; data != NULL && i < data->n; i++) {
        if (data->holders[i] == a) {
            return 1;
        }
    }
    return 0;
}

/* Those that have some of the data are looked at in any case. */
static void consider_holders(const struct job *j, const struct inputs_at *data,
                             const struct offer *sure, uint64_t now_us,
                             struct decision *d)
{
    for (unsigned i = 0; data != NULL && i < data->n; i++) {
        struct offer *o = agent_offer(data->holders[i], j->capability, j->version);

        if (o != NULL && o != sure) {
            consider(j, data, o, now_us, d);
        }
    }
}

static void consider_all(const struct job *j, const struct inputs_at *data,
                         struct offer *sure, uint64_t now_us, struct wf_rng *rng,
                         struct decision *d)
{
    const struct wf_list_node *head = &j->capability->offers;
    size_t left = j->capability->noffers;
    size_t wanted = PLACE_SAMPLE;

    if (sure != NULL) {
        consider(j, data, sure, now_us, d);
    }
    consider_holders(j, data, sure, now_us, d);
    /* Selection sampling: each of those left is taken with probability wanted / left, so
     * that exactly `wanted` of more than that are looked at. */
    for (struct wf_list_node *n = wf_list_first(head); n != NULL && wanted > 0;
         n = wf_list_next(head, n), left--) {
        struct offer *o = CONTAINER_OF(n, struct offer, peers);

        if (left > wanted && !wf_rng_chance(rng, wanted, left)) {
            continue;
        }
        wanted--;
        if (o != sure && !is_holder(data, o->agent)) {
            consider(j, data, o, now_us, d);
        }
    }
    if (d->passed == 0 && j->capability->noffers > PLACE_SAMPLE) {
        look_further(j, data, now_us, d);
    }
}

struct offer *place_choose(const struct job *j, const struct inputs_at *data,
                           struct offer *sure, const struct agents *agents,
                           uint64_t now_us, struct wf_rng *rng, struct decision *ret)
{
    struct agent *best;

    ret->job = j->id;
    ret->at_us = now_us;
    ret->known = agents->n;
    /* An agent may offer several versions. */
    ret->filtered[PLACE_CAPABILITY] =
        (uint32_t) (agents->n - wf_min_u64(agents->n, j->capability->noffers));
    consider_all(j, data, sure, now_us, rng, ret);
    if (ret->nrows == 0 || ret->rows[0].full) {
        return NULL;
    }
    /* Where it failed last comes after every other that has room. */
    best = ret->rows[0].agent;
    if (best == j->avoid && ret->nrows > 1 && !ret->rows[1].full) {
        struct decision_row first = ret->rows[0];

        ret->filtered[PLACE_AVOIDED]++;
        for (unsigned i = 1; i < ret->nrows; i++) {
            ret->rows[i - 1] = ret->rows[i];
        }
        ret->rows[--ret->nrows] = first;
        best = ret->rows[0].agent;
    }
    for (unsigned i = 0; i < best->noffers; i++) {
        struct offer *o = &best->offers[i];

        if (o->capability == j->capability &&
            (j->version == 0 || o->version == j->version) &&
            place_filter(j, o) == PLACE_FILTER_COUNT) {
            return o;
        }
    }
    return NULL;
}
