#include "proto/link.h"

#include "common/err.h"
#include "common/plant.h"
#include "common/sm.h"
#include "common/str.h"
#include "proto/trials.h"
#include "proto/words.h"

#include <string.h>

#define MS 1000u
/* Until the welcome says otherwise. */
#define LEASE_DEFAULT_MS 15000u
/* A refused key is for an operator to mend: try again, but rarely. */
#define REFUSED_MIN_MS 2000u
#define BYE_MIN_MS     1000u
#define RTT_SHIFT      3 /* alpha 1/8 */
#define RTT_MAX_US     10000000u
#define RTT_QUICK      3       /* samples taken back to back at first */
#define REPORT_US      100000u /* between pings that tell a change of the load */
#define LEAST_OF       8u      /* samples */
#define SILENT_TEXT    "the broker fell silent"
#define STAY_MS        60000u
#define VISIT_US       2000000u /* the first time, when work is left behind */
#define VAIN_STAYS     8u       /* at most so many of stay_ms between visits in vain */

static const struct wf_sm_state states[WF_LINK_STATES] = {
    [WF_LINK_IDLE] = {"idle", WF_SM_TO(WF_LINK_DIALLING) | WF_SM_TO(WF_LINK_IDLE)},
    [WF_LINK_DIALLING] = {"dialling", WF_SM_TO(WF_LINK_GREETING) |
                                          WF_SM_TO(WF_LINK_WAITING) |
                                          WF_SM_TO(WF_LINK_IDLE)},
    [WF_LINK_GREETING] = {"greeting", WF_SM_TO(WF_LINK_READY) |
                                          WF_SM_TO(WF_LINK_WAITING) |
                                          WF_SM_TO(WF_LINK_IDLE)},
    [WF_LINK_READY] = {"ready", WF_SM_TO(WF_LINK_WAITING) | WF_SM_TO(WF_LINK_IDLE)},
    [WF_LINK_WAITING] = {"waiting", WF_SM_TO(WF_LINK_DIALLING) | WF_SM_TO(WF_LINK_IDLE)},
};

static void move(struct wf_link *l, unsigned to)
{
    wf_sm_move(states, WF_LINK_STATES, &l->state, to);
}

void wf_link_init(struct wf_link *l, const struct wf_link_config *cfg)
{
    *l = (struct wf_link){.state = WF_LINK_IDLE,
                          .cfg = *cfg,
                          .trying = WF_BROKERS_NONE,
                          .better = WF_BROKERS_NONE,
                          .try_us = UINT64_MAX,
                          .due_us = UINT64_MAX};
    wf_ways_init(&l->ways, cfg->brokers, cfg->nendpoints, cfg->retry_min_ms,
                 cfg->retry_max_ms);
    l->learns = cfg->brokers != NULL;
    l->cfg.brokers = NULL;
    l->endpoint = l->ways.brokers.n - 1; /* the first one's turn is next */
    l->rng.s = cfg->seed;
    l->lease_us = LEASE_DEFAULT_MS * MS;
}

static void dial(struct wf_link *l, uint64_t now_us, unsigned way, struct wf_effects *out)
{
    move(l, WF_LINK_DIALLING);
    if (way != l->endpoint) {
        l->rtt_us = (struct wf_ewma){0};
    }
    l->endpoint = way;
    l->dials++;
    l->due_us = now_us + l->cfg.dial_ms * MS;
    wf_effects_add(out, WF_EFFECT_CONNECT, 0, way, NULL, 0, NULL);
}

static unsigned next_way(const struct wf_link *l, uint64_t now_us)
{
    return wf_ways_pick(&l->ways, now_us, l->endpoint, l->cfg.holds, l->cfg.owner);
}

/* Peers of a broker that is gone do not all come to the next one in the same moment. */
static uint64_t redial_us(struct wf_link *l, uint64_t now_us)
{
    uint64_t ready_us = l->ways.v[next_way(l, now_us)].ready_us;

    return ready_us > now_us ? ready_us
                             : now_us + wf_rng_below(&l->rng, l->cfg.retry_min_ms * MS);
}

static void hang_up(struct wf_link *l, struct wf_effects *out)
{
    wf_effects_add(out, WF_EFFECT_DISCONNECT, 0, 0, NULL, 0, NULL);
    wf_trials_end(l, out);
}

/* End what there is and wait for another try, here at least for `min_ms`. */
static void give_up(struct wf_link *l, uint64_t now_us, int error, const char *text,
                    uint64_t min_ms, struct wf_effects *out)
{
    if (l->state == WF_LINK_IDLE || l->state == WF_LINK_WAITING) {
        return;
    }
    if (error == WEFT_EAUTH || error == WEFT_EREVOKED) {
        min_ms = wf_max_u64(min_ms, REFUSED_MIN_MS);
    }
    if (l->state != WF_LINK_READY) {
        wf_ways_missed(&l->ways, l->endpoint, l->ways.v[l->endpoint].vain != 0);
    }
    wf_ways_failed(&l->ways, l->endpoint, now_us, error, min_ms, &l->rng);
    l->error = error;
    (void) wf_str_copy(l->error_text, sizeof l->error_text, text);
    move(l, WF_LINK_WAITING);
    hang_up(l, out);
    l->due_us = redial_us(l, now_us);
}

/* Until an agent has said bye to a broker, that may wait for what it gave it: for ever if
 * the job's policy says so, also for the next process.  With one broker there is nowhere
 * else to be. */
static void await(struct wf_link *l, int on)
{
    if (l->learns && l->cfg.role == WF_ROLE_AGENT && l->state == WF_LINK_READY &&
        (!on || wf_ways_count(&l->ways) > 1)) {
        wf_brokers_await(&l->ways.brokers, &l->ways.brokers.v[l->endpoint].key, on);
    }
}

void wf_link_start(struct wf_link *l, uint64_t now_us, struct wf_effects *out)
{
    if (l->state == WF_LINK_IDLE) {
        dial(l, now_us, next_way(l, now_us), out);
    }
}

void wf_link_stop(struct wf_link *l, struct wf_effects *out)
{
    if (l->state == WF_LINK_READY) {
        const struct wf_bye bye = {0};

        wf_effects_send(out, 0, WF_MSG_bye, &bye);
        await(l, 0);
    }
    if (l->state != WF_LINK_IDLE && l->state != WF_LINK_WAITING) {
        hang_up(l, out);
    }
    move(l, WF_LINK_IDLE);
    l->due_us = UINT64_MAX;
}

void wf_link_up(struct wf_link *l, uint64_t now_us, struct wf_effects *out)
{
    struct wf_hello hello = {.proto_min = WF_PROTO_MIN,
                             .proto_max = WF_PROTO_MAX,
                             .role = l->cfg.role,
                             .epoch = l->cfg.epoch,
                             .software = wf_slice_of(l->cfg.software),
                             .sign = l->cfg.sign};

    if (l->state != WF_LINK_DIALLING) {
        return;
    }
    wf_ways_store(&l->ways, l->endpoint, &hello.store, &hello.store_lsn);
    move(l, WF_LINK_GREETING);
    l->heard_us = now_us;
    wf_effects_send(out, 0, WF_MSG_hello, &hello);
}

void wf_link_down(struct wf_link *l, uint64_t now_us, struct wf_effects *out)
{
    give_up(l, now_us, WEFT_EUNREACH, "the connection broke", 0, out);
}

void wf_link_refused(struct wf_link *l, uint64_t now_us, struct wf_effects *out)
{
    give_up(l, now_us, WEFT_EAUTH, "the broker does not know this key, or it was revoked",
            0, out);
}

/* A heartbeat's own sample is told once, what probes say each time. */
static uint64_t told_rtt_us(const struct wf_link *l)
{
    return l->probed_us != 0 ? l->probed_us : l->untold_rtt_us;
}

static void ping(struct wf_link *l, uint64_t now_us, struct wf_effects *out)
{
    const struct wf_ping p = {.seq = ++l->ping_seq,
                              .time_us = now_us,
                              .rtt_us = told_rtt_us(l),
                              .covered = l->load.covered,
                              .jobs = l->load.jobs,
                              .work_us = l->load.work_us,
                              .arrived = l->load.arrived,
                              .yielding = l->load.yielding};

    l->pinged_us = now_us;
    l->untold_rtt_us = 0;
    l->told_jobs = l->load.jobs;
    wf_effects_send(out, 0, WF_MSG_ping, &p);
}

/* A change that was undone before it could be told needs no ping. */
static uint64_t ping_due_us(const struct wf_link *l)
{
    uint64_t by = l->load.jobs > l->told_jobs ? l->load.jobs - l->told_jobs
                                              : l->told_jobs - l->load.jobs;
    int early = l->load.step != 0 && by >= l->load.step;

    return l->pinged_us +
           (early ? wf_min_u64(REPORT_US, l->heartbeat_us) : l->heartbeat_us);
}

static void plan(struct wf_link *l)
{
    if (l->state == WF_LINK_READY) {
        l->due_us = wf_min_u64(wf_min_u64(ping_due_us(l), l->heard_us + l->lease_us),
                               wf_trials_due_us(l));
    }
}

void wf_link_loaded(struct wf_link *l)
{
    plan(l);
}

static void opened(struct wf_link *l, uint64_t now_us, const struct wf_welcome *w,
                   struct wf_effects *out)
{
    struct wf_link_welcome *to = &l->welcome;

    move(l, WF_LINK_READY);
    wf_slice_str(w->broker, to->broker, sizeof to->broker);
    wf_slice_str(w->site, to->site, sizeof to->site);
    wf_slice_str(w->name, to->name, sizeof to->name);
    to->role = (unsigned) w->role;
    to->tier = (unsigned) w->tier;
    to->epoch = w->epoch;
    to->max_payload = w->max_payload;
    to->store = w->store;
    to->store_lsn = w->store_lsn;
    to->shared = w->shared;
    to->bulk_port = (unsigned) w->bulk_port;
    to->probe_port = w->probe.len == sizeof to->probe ? (unsigned) w->probe_port : 0;
    if (to->probe_port != 0) {
        memcpy(to->probe, w->probe.p, sizeof to->probe);
    }
    l->heartbeat_us = wf_max_u64(wf_min_u64(w->heartbeat_ms, 3600000), 10) * MS;
    l->lease_us = wf_max_u64(wf_min_u64(w->lease_ms, 3 * 3600000), 30) * MS;
    l->error = 0;
    wf_ways_opened(&l->ways, l->endpoint, w);
    await(l, 1);
    l->opened_us = now_us;
    l->least_us[0] = l->least_us[1] = 0;
    l->nleast = 0;
    wf_trials_begin(l, now_us);
    l->quick_pings = RTT_QUICK;
    l->ponged_seq = l->ping_seq;
    l->untold_rtt_us = l->probed_us = 0; /* they were another connection's */
    l->load.covered = 0;                 /* assignments are counted anew */
    ping(l, now_us, out);
    plan(l);
}

static uint64_t least_of(uint64_t a, uint64_t b)
{
    return a == 0 || b == 0 ? a + b : wf_min_u64(a, b);
}

/* What a heartbeat waits for in our own loop is no distance: the least of 8 to 16 samples
 * is what ways are compared by. */
static void note_least(struct wf_link *l, uint64_t now_us)
{
    if (l->nleast++ == LEAST_OF) {
        l->nleast = 1;
        l->least_us[1] = l->least_us[0];
        l->least_us[0] = 0;
    }
    l->least_us[0] = least_of(l->least_us[0], l->last_rtt_us);
    wf_ways_measured(&l->ways, l->endpoint, now_us,
                     least_of(l->least_us[0], l->least_us[1]));
}

static uint64_t stay_us(const struct wf_link *l)
{
    return (l->cfg.stay_ms != 0 ? l->cfg.stay_ms : STAY_MS) * MS;
}

/* To have come here was of use: nothing of ours waits here (any more) and the broker has
 * heard that, or the session is one that lasts. */
static int is_served(const struct wf_link *l, uint64_t now_us)
{
    const struct wf_home here = wf_link_home(l);

    return now_us >= l->opened_us + stay_us(l) ||
           (l->quick_pings == 0 &&
            (l->cfg.holds == NULL || !l->cfg.holds(l->cfg.owner, &here)));
}

/* Or it said something of it. */
static int is_word(const struct wf_link *l, enum wf_type type)
{
    return l->cfg.role != WF_ROLE_AGENT || type == WF_MSG_result_ack ||
           type == WF_MSG_claimed;
}

static void pong(struct wf_link *l, uint64_t now_us, const struct wf_pong *p,
                 struct wf_effects *out)
{
    uint64_t rtt_us = now_us - p->time_us;

    /* A sample from an older session, or an echo of what was never sent, is no sample.
     * More than one ping may be under way. */
    if (p->seq <= l->ponged_seq || p->seq > l->ping_seq || p->time_us > now_us ||
        rtt_us > RTT_MAX_US) {
        return;
    }
    l->ponged_seq = p->seq;
    l->welcome.store_lsn = wf_max_u64(l->welcome.store_lsn, p->store_lsn);
    l->ways.v[l->endpoint].store_lsn = l->welcome.store_lsn;
    l->last_rtt_us = l->untold_rtt_us = wf_max_u64(rtt_us, 1);
    wf_ewma_add(&l->rtt_us, l->last_rtt_us, RTT_SHIFT);
    note_least(l, now_us);
    if (l->ways.v[l->endpoint].vain != 0 && is_served(l, now_us)) {
        wf_ways_served(&l->ways, l->endpoint);
    }
    /* A new session is measured, and the broker told, without waiting for heartbeats. */
    if (l->quick_pings > 0) {
        l->quick_pings--;
        ping(l, now_us, out);
    }
}

static void refused_by_error(struct wf_link *l, uint64_t now_us, int code,
                             struct wf_slice text, uint64_t min_ms,
                             struct wf_effects *out)
{
    char line[WF_TEXT_MAX + 1];

    wf_slice_str(text, line, sizeof line);
    give_up(l, now_us, code, line[0] != '\0' ? line : wf_err_sentence(code), min_ms, out);
}

/* -- moving --------------------------------------------------------------------------
 */

void wf_link_tried(struct wf_link *l, uint64_t now_us, int answered,
                   struct wf_effects *out)
{
    unsigned way = l->trying;

    if (l->state != WF_LINK_READY || way == WF_BROKERS_NONE) {
        return;
    }
    wf_trials_told(l, now_us, answered);
    if (answered > 0 && wf_trials_silent(l, now_us)) {
        give_up(l, now_us, WEFT_EUNREACH, SILENT_TEXT, 0, out);
        dial(l, now_us, way, out);
        return;
    }
    /* Of a silent one the next is asked at once. */
    wf_trials_tick(l, now_us, out);
    plan(l);
}

int wf_link_is_due(const struct wf_link *l)
{
    return l->better != WF_BROKERS_NONE && wf_trials_due(l, l->better);
}

int wf_link_is_bound(const struct wf_link *l)
{
    return l->better != WF_BROKERS_NONE && wf_trials_bound(l, l->better);
}

/* With work at several brokers it goes to and fro, more and more slowly; with none here
 * any more nothing keeps it. */
static void count_visit(struct wf_link *l, uint64_t now_us, unsigned to)
{
    const int leaves_work = wf_trials_bound(l, to);

    l->visit_us =
        leaves_work ? now_us + wf_min_u64((uint64_t) VISIT_US << wf_min_u64(l->visits, 6),
                                          stay_us(l))
                    : 0;
    l->visits = leaves_work ? l->visits + 1 : 0;
    if (!WF_PLANT(NO_HYSTERESIS)) {
        l->stay_us = now_us + stay_us(l);
        wf_ways_visit(&l->ways, to, now_us, VAIN_STAYS * stay_us(l));
    }
}

void wf_link_move(struct wf_link *l, uint64_t now_us, struct wf_effects *out)
{
    const struct wf_bye bye = {0};
    unsigned way = l->better;

    if (l->state != WF_LINK_READY || way == WF_BROKERS_NONE) {
        return;
    }
    /* Since it was found better, work may have ended there or come up here; what else
     * there is to go for may have to wait. */
    if (!wf_trials_stands(l, now_us, way)) {
        l->better = WF_BROKERS_NONE;
        return;
    }
    count_visit(l, now_us, way);
    wf_ways_served(&l->ways, l->endpoint);
    wf_effects_send(out, 0, WF_MSG_bye, &bye);
    await(l, 0);
    move(l, WF_LINK_WAITING);
    hang_up(l, out);
    dial(l, now_us, way, out);
}

void wf_link_stay(struct wf_link *l, uint64_t now_us, uint64_t stay_ms)
{
    l->better = WF_BROKERS_NONE;
    l->stay_us = wf_max_u64(l->stay_us, now_us + stay_ms * MS);
    l->visit_us = wf_max_u64(l->visit_us, now_us + stay_ms * MS);
}

struct wf_home wf_link_home(const struct wf_link *l)
{
    return (struct wf_home){l->ways.brokers.v[l->endpoint].key, l->welcome.store,
                            l->welcome.shared};
}

int wf_link_named(struct wf_link *l, uint64_t now_us, const struct wf_broker_row *row)
{
    if (!l->learns || l->state != WF_LINK_READY ||
        !wf_ways_named(&l->ways, row, l->endpoint, l->cfg.holds, l->cfg.owner)) {
        return 0;
    }
    l->better = wf_ways_is(&l->ways, l->better) ? l->better : WF_BROKERS_NONE;
    l->try_us = now_us;
    plan(l);
    return 1;
}

enum wf_link_verdict wf_link_msg(struct wf_link *l, uint64_t now_us,
                                 const struct wf_msg *msg, struct wf_effects *out)
{
    if (l->state != WF_LINK_GREETING && l->state != WF_LINK_READY) {
        return WF_LINK_HANDLED;
    }
    l->heard_us = now_us;
    switch (msg->type) {
    case WF_MSG_welcome:
        if (l->state == WF_LINK_GREETING) {
            if (msg->u.welcome.proto < WF_PROTO_MIN ||
                msg->u.welcome.proto > WF_PROTO_MAX) {
                give_up(l, now_us, WEFT_EVERSION,
                        "the broker speaks no protocol version that this program knows",
                        0, out);
                return WF_LINK_HANDLED;
            }
            opened(l, now_us, &msg->u.welcome, out);
            return WF_LINK_OPENED;
        }
        return WF_LINK_HANDLED;
    case WF_MSG_ping: {
        const struct wf_pong p = {msg->u.ping.seq, msg->u.ping.time_us, 0};

        wf_effects_send(out, 0, WF_MSG_pong, &p);
        return WF_LINK_HANDLED;
    }
    case WF_MSG_pong:
        pong(l, now_us, &msg->u.pong, out);
        return WF_LINK_HANDLED;
    case WF_MSG_bye:
        refused_by_error(l, now_us,
                         msg->u.bye.code != 0 ? -(int) msg->u.bye.code : WEFT_EUNREACH,
                         msg->u.bye.text, BYE_MIN_MS, out);
        return WF_LINK_HANDLED;
    case WF_MSG_error:
        if (l->state == WF_LINK_GREETING) {
            refused_by_error(l, now_us,
                             msg->u.error.code != 0 ? -(int) msg->u.error.code
                                                    : WEFT_EPROTO,
                             msg->u.error.text, 0, out);
            return WF_LINK_HANDLED;
        }
        return WF_LINK_PASS;
    case WF_MSG_brokers:
        if (l->state == WF_LINK_READY && l->learns &&
            wf_ways_learn(&l->ways, msg->u.brokers.rows, l->endpoint, l->cfg.holds,
                          l->cfg.owner)) {
            l->better = wf_ways_is(&l->ways, l->better) ? l->better : WF_BROKERS_NONE;
            await(l, 1);
            wf_trials_begin(l, now_us);
            plan(l);
        }
        return WF_LINK_HANDLED;
    default:
        if (l->ways.v[l->endpoint].vain != 0 && l->state == WF_LINK_READY &&
            is_word(l, msg->type)) {
            wf_ways_served(&l->ways, l->endpoint);
        }
        return l->state == WF_LINK_READY ? WF_LINK_PASS : WF_LINK_HANDLED;
    }
}

void wf_link_tick(struct wf_link *l, uint64_t now_us, struct wf_effects *out)
{
    switch (l->state) {
    case WF_LINK_WAITING:
        if (now_us >= l->due_us) {
            dial(l, now_us, next_way(l, now_us), out);
        }
        break;
    case WF_LINK_DIALLING:
    case WF_LINK_GREETING:
        if (now_us >= l->due_us) {
            give_up(l, now_us, WEFT_EUNREACH, "no answer from the broker", 0, out);
        }
        break;
    case WF_LINK_READY:
        if (now_us >= l->heard_us + l->lease_us) {
            give_up(l, now_us, WEFT_EUNREACH, SILENT_TEXT, 0, out);
            break;
        }
        if (now_us >= ping_due_us(l)) {
            ping(l, now_us, out);
        }
        wf_trials_tick(l, now_us, out);
        plan(l);
        break;
    default:
        break;
    }
}
