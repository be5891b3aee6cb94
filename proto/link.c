#include "proto/link.h"

#include "common/err.h"
#include "common/sm.h"
#include "common/str.h"

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
    *l = (struct wf_link){.state = WF_LINK_IDLE, .cfg = *cfg, .due_us = UINT64_MAX};
    wf_backoff_init(&l->backoff, cfg->retry_min_ms, cfg->retry_max_ms);
    l->rng.s = cfg->seed;
    l->lease_us = LEASE_DEFAULT_MS * MS;
}

static void dial(struct wf_link *l, uint64_t now_us, struct wf_effects *out)
{
    move(l, WF_LINK_DIALLING);
    l->endpoint = (unsigned) (l->dials++ % l->cfg.nendpoints);
    l->due_us = now_us + l->cfg.dial_ms * MS;
    wf_effects_add(out, WF_EFFECT_CONNECT, 0, l->endpoint, NULL, 0, NULL);
}

/* End what there is and wait for another try. */
static void give_up(struct wf_link *l, uint64_t now_us, int error, const char *text,
                    struct wf_effects *out)
{
    uint64_t wait_ms;

    if (l->state == WF_LINK_IDLE || l->state == WF_LINK_WAITING) {
        return;
    }
    wait_ms = wf_backoff_next(&l->backoff, &l->rng);
    if (error == WEFT_EAUTH || error == WEFT_EREVOKED) {
        wait_ms = wf_max_u64(wait_ms, REFUSED_MIN_MS);
    }
    l->error = error;
    (void) wf_str_copy(l->error_text, sizeof l->error_text, text);
    move(l, WF_LINK_WAITING);
    l->due_us = now_us + wait_ms * MS;
    wf_effects_add(out, WF_EFFECT_DISCONNECT, 0, 0, NULL, 0, NULL);
}

void wf_link_start(struct wf_link *l, uint64_t now_us, struct wf_effects *out)
{
    if (l->state == WF_LINK_IDLE) {
        dial(l, now_us, out);
    }
}

void wf_link_stop(struct wf_link *l, struct wf_effects *out)
{
    if (l->state == WF_LINK_READY) {
        const struct wf_bye bye = {0};

        wf_effects_send(out, 0, WF_MSG_bye, &bye);
    }
    if (l->state != WF_LINK_IDLE && l->state != WF_LINK_WAITING) {
        wf_effects_add(out, WF_EFFECT_DISCONNECT, 0, 0, NULL, 0, NULL);
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
                             .store = l->welcome.store,
                             .store_lsn = l->welcome.store_lsn};

    if (l->state != WF_LINK_DIALLING) {
        return;
    }
    move(l, WF_LINK_GREETING);
    l->heard_us = now_us;
    wf_effects_send(out, 0, WF_MSG_hello, &hello);
}

void wf_link_down(struct wf_link *l, uint64_t now_us, struct wf_effects *out)
{
    give_up(l, now_us, WEFT_EUNREACH, "the connection broke", out);
}

void wf_link_refused(struct wf_link *l, uint64_t now_us, struct wf_effects *out)
{
    give_up(l, now_us, WEFT_EAUTH, "the broker does not know this key, or it was revoked",
            out);
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
                              .arrived = l->load.arrived};

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
        l->due_us = wf_min_u64(ping_due_us(l), l->heard_us + l->lease_us);
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
    to->bulk_port = (unsigned) w->bulk_port;
    to->probe_port = w->probe.len == sizeof to->probe ? (unsigned) w->probe_port : 0;
    if (to->probe_port != 0) {
        memcpy(to->probe, w->probe.p, sizeof to->probe);
    }
    l->heartbeat_us = wf_max_u64(wf_min_u64(w->heartbeat_ms, 3600000), 10) * MS;
    l->lease_us = wf_max_u64(wf_min_u64(w->lease_ms, 3 * 3600000), 30) * MS;
    l->error = 0;
    wf_backoff_reset(&l->backoff);
    l->quick_pings = RTT_QUICK;
    l->ponged_seq = l->ping_seq;
    l->untold_rtt_us = l->probed_us = 0; /* they were another connection's */
    l->load.covered = 0;                 /* assignments are counted anew */
    ping(l, now_us, out);
    plan(l);
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
    l->last_rtt_us = l->untold_rtt_us = wf_max_u64(rtt_us, 1);
    wf_ewma_add(&l->rtt_us, l->last_rtt_us, RTT_SHIFT);
    /* A new session is measured, and the broker told, without waiting for heartbeats. */
    if (l->quick_pings > 0) {
        l->quick_pings--;
        ping(l, now_us, out);
    }
}

static void refused_by_error(struct wf_link *l, uint64_t now_us, int code,
                             struct wf_slice text, struct wf_effects *out)
{
    char line[WF_TEXT_MAX + 1];

    wf_slice_str(text, line, sizeof line);
    give_up(l, now_us, code, line[0] != '\0' ? line : wf_err_sentence(code), out);
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
                        out);
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
                         msg->u.bye.text, out);
        /* Whoever says bye is busy ending: dialling at once would meet the same end. */
        l->due_us = wf_max_u64(l->due_us, now_us + BYE_MIN_MS * MS);
        return WF_LINK_HANDLED;
    case WF_MSG_error:
        if (l->state == WF_LINK_GREETING) {
            refused_by_error(l, now_us,
                             msg->u.error.code != 0 ? -(int) msg->u.error.code
                                                    : WEFT_EPROTO,
                             msg->u.error.text, out);
            return WF_LINK_HANDLED;
        }
        return WF_LINK_PASS;
    default:
        return l->state == WF_LINK_READY ? WF_LINK_PASS : WF_LINK_HANDLED;
    }
}

void wf_link_tick(struct wf_link *l, uint64_t now_us, struct wf_effects *out)
{
    switch (l->state) {
    case WF_LINK_WAITING:
        if (now_us >= l->due_us) {
            dial(l, now_us, out);
        }
        break;
    case WF_LINK_DIALLING:
    case WF_LINK_GREETING:
        if (now_us >= l->due_us) {
            give_up(l, now_us, WEFT_EUNREACH, "no answer from the broker", out);
        }
        break;
    case WF_LINK_READY:
        if (now_us >= l->heard_us + l->lease_us) {
            give_up(l, now_us, WEFT_EUNREACH, "the broker fell silent", out);
        } else if (now_us >= ping_due_us(l)) {
            ping(l, now_us, out);
        }
        plan(l);
        break;
    default:
        break;
    }
}
