#include "proto/trials.h"

#include "common/err.h"
#include "common/plant.h"
#include "proto/words.h"

#define MS           1000u
#define TRY_MS       30000u
#define AGAIN_US     1000000u /* after one that spoke for where work waits */
#define STALE_US     600000000u
#define SILENT_BEATS (WF_PLANT(WAITS_FOR_LEASE) ? 1000u : 2u)
#define TWICE        2u
/* To connect takes round trips for TCP, the greeting and two of CURVE. */
#define ROUND_TRIPS 4u

enum worth { WORK, AWAITED, UNKNOWN, NEARER, STALE, WORTHLESS };

static int has_others(const struct wf_link *l)
{
    return l->learns && wf_ways_count(&l->ways) > 1;
}

/* What is held at `a` and cannot be had at `b`. */
static int only_at(const struct wf_link *l, const struct wf_home *a,
                   const struct wf_home *b)
{
    int held = l->cfg.holds != NULL ? l->cfg.holds(l->cfg.owner, a) : 0;

    if (wf_home_same_broker(a, b)) {
        return 0;
    }
    return wf_home_same_store(a, b) ? held & WF_HOLDS_ALONE : held;
}

/* Work waits at a broker that cannot be had here and failed, and this may be one that
 * shares its store. */
static int may_have(const struct wf_link *l, unsigned i, const struct wf_home *here)
{
    for (unsigned k = 0; k < l->ways.brokers.n; k++) {
        const struct wf_home there = wf_ways_home(&l->ways, k);

        if (wf_ways_is(&l->ways, k) && l->ways.v[k].error != 0 && there.shared != 0 &&
            there.shared != here->shared && only_at(l, &there, here) != 0) {
            return wf_ways_may_have(&l->ways, i, l->cfg.holds, l->cfg.owner);
        }
    }
    return 0;
}

/* What waits at `i` this session does not serve; or may wait there, which only a session
 * shows: it is visited once. */
static int has_work(const struct wf_link *l, unsigned i)
{
    const struct wf_home there = wf_ways_home(&l->ways, i);
    const struct wf_home here = wf_link_home(l);

    return only_at(l, &there, &here) != 0 || may_have(l, i, &here);
}

/* An agent left without a word, and may be waited for. */
static int is_awaited(const struct wf_link *l, unsigned i)
{
    const struct wf_broker *there = &l->ways.brokers.v[i];

    return there->awaited && !wf_key_eq(&there->key, &l->ways.brokers.v[l->endpoint].key);
}

/* A reason to go there that is not the distance. */
int wf_trials_due(const struct wf_link *l, unsigned i)
{
    return has_work(l, i) || is_awaited(l, i);
}

/* An agent finishes what it has from here before it leaves; who waits for the outcomes of
 * jobs waits here. */
int wf_trials_bound(const struct wf_link *l, unsigned to)
{
    const struct wf_home there = wf_ways_home(&l->ways, to);
    const struct wf_home here = wf_link_home(l);

    return l->cfg.role != WF_ROLE_AGENT && only_at(l, &here, &there) != 0;
}

/* When it may go there, if there is a reason.  Work elsewhere need not wait unless there
 * is work here as well; but who answers trials may still refuse every session. */
static uint64_t go_us(const struct wf_link *l, unsigned i)
{
    uint64_t us = !has_work(l, i)                                         ? l->stay_us
                  : l->cfg.role == WF_ROLE_AGENT || wf_trials_bound(l, i) ? l->visit_us
                                                                          : 0;

    return wf_max_u64(us, l->ways.v[i].visit_us);
}

static enum worth worth_of(const struct wf_link *l, uint64_t now_us, unsigned i)
{
    const struct wf_way *v = &l->ways.v[i];

    /* One that is gone must not keep us from seeing the others. */
    return has_work(l, i)                                          ? WORK
           : v->error != 0 && (v->rtt_us == 0 || is_awaited(l, i)) ? STALE
           : is_awaited(l, i)                                      ? AWAITED
           : v->rtt_us == 0                                        ? UNKNOWN
           : wf_ways_nearer(&l->ways, i, l->endpoint)              ? NEARER
           : now_us >= wf_add_sat(v->rtt_at_us, STALE_US)          ? STALE
                                                                   : WORTHLESS;
}

/* The one to try now, or none; and when the next is due. */
static unsigned choose(struct wf_link *l, uint64_t now_us)
{
    uint64_t try_ms = l->cfg.try_ms != 0 ? l->cfg.try_ms : TRY_MS;
    unsigned best = WF_BROKERS_NONE;
    enum worth most = WORTHLESS;

    l->try_us = now_us + (try_ms - try_ms / 4 + wf_rng_below(&l->rng, try_ms / 2)) * MS;
    for (unsigned i = 0; i < l->ways.brokers.n; i++) {
        enum worth worth;

        if (!wf_ways_is(&l->ways, i) || i == l->endpoint) {
            continue;
        }
        worth = worth_of(l, now_us, i);
        if (l->ways.v[i].ready_us > now_us) {
            l->try_us =
                worth == WORK ? wf_min_u64(l->try_us, l->ways.v[i].ready_us) : l->try_us;
        } else if (worth <= AWAITED && l->ways.v[i].good >= TWICE &&
                   now_us < go_us(l, i)) {
            /* What keeps us may end any time; that needs no trial to be seen. */
            l->try_us = wf_min_u64(l->try_us, now_us + AGAIN_US);
        } else if (worth < most || (best != WF_BROKERS_NONE && worth == most &&
                                    l->ways.v[i].tried_us < l->ways.v[best].tried_us)) {
            best = i;
            most = worth;
        }
    }
    return best;
}

static void begin_trial(struct wf_link *l, uint64_t now_us, unsigned i,
                        struct wf_effects *out)
{
    l->trying = i;
    l->tried_us = l->ways.v[i].tried_us = now_us;
    wf_effects_add(out, WF_EFFECT_TRY, 0, i, NULL, 0, NULL);
}

void wf_trials_begin(struct wf_link *l, uint64_t now_us)
{
    if (!has_others(l)) {
        l->try_us = UINT64_MAX;
        return;
    }
    (void) choose(l, now_us);
    for (unsigned i = 0; i < l->ways.brokers.n; i++) {
        if (wf_ways_is(&l->ways, i) && i != l->endpoint && has_work(l, i)) {
            l->try_us = wf_min_u64(l->try_us, now_us + AGAIN_US);
        }
    }
}

void wf_trials_end(struct wf_link *l, struct wf_effects *out)
{
    if (l->trying != WF_BROKERS_NONE) {
        wf_effects_add(out, WF_EFFECT_UNTRY, 0, 0, NULL, 0, NULL);
    }
    l->trying = l->better = WF_BROKERS_NONE;
    l->try_us = UINT64_MAX;
}

int wf_trials_silent(const struct wf_link *l, uint64_t now_us)
{
    return now_us >= wf_add_sat(l->heard_us, SILENT_BEATS * l->heartbeat_us);
}

/* Any that is ready may say whether it is the broker that is gone, or we. */
static unsigned any_other(const struct wf_link *l, uint64_t now_us)
{
    unsigned i =
        wf_ways_pick_other(&l->ways, now_us, l->endpoint, l->cfg.holds, l->cfg.owner);

    return i != WF_BROKERS_NONE && l->ways.v[i].ready_us <= now_us ? i : WF_BROKERS_NONE;
}

void wf_trials_tick(struct wf_link *l, uint64_t now_us, struct wf_effects *out)
{
    unsigned i = WF_BROKERS_NONE;

    if (l->trying != WF_BROKERS_NONE && now_us >= l->tried_us + l->cfg.dial_ms * MS) {
        wf_effects_add(out, WF_EFFECT_UNTRY, 0, 0, NULL, 0, NULL);
        wf_trials_told(l, now_us, 0);
    }
    if (l->trying != WF_BROKERS_NONE || !has_others(l)) {
        return;
    }
    if (wf_trials_silent(l, now_us)) {
        l->try_us = wf_max_u64(l->try_us, now_us + AGAIN_US);
        i = any_other(l, now_us);
    } else if (now_us >= l->try_us) {
        i = choose(l, now_us);
    }
    if (i != WF_BROKERS_NONE) {
        begin_trial(l, now_us, i, out);
    }
}

uint64_t wf_trials_due_us(const struct wf_link *l)
{
    uint64_t silent_us = wf_add_sat(l->heard_us, SILENT_BEATS * l->heartbeat_us);
    unsigned other;

    if (!has_others(l)) {
        return UINT64_MAX;
    }
    if (l->trying != WF_BROKERS_NONE) {
        return l->tried_us + l->cfg.dial_ms * MS;
    }
    other = wf_ways_pick_other(&l->ways, silent_us, l->endpoint, NULL, NULL);
    return wf_min_u64(l->try_us, wf_max_u64(silent_us, l->ways.v[other].ready_us));
}

/* There is a reason to be there rather than here, though it may not be time yet. */
static int stands(const struct wf_link *l, unsigned i)
{
    return wf_trials_due(l, i) ||
           (!wf_trials_bound(l, i) && wf_ways_nearer(&l->ways, i, l->endpoint));
}

int wf_trials_stands(const struct wf_link *l, uint64_t now_us, unsigned i)
{
    return now_us >= go_us(l, i) && stands(l, i);
}

/* Is it time to move there, as far as one answer says? */
static int speaks_for(const struct wf_link *l, uint64_t now_us, unsigned i)
{
    return wf_trials_due(l, i) || (now_us >= l->stay_us && stands(l, i));
}

void wf_trials_told(struct wf_link *l, uint64_t now_us, int answered)
{
    unsigned i = l->trying;
    struct wf_way *v = &l->ways.v[i];

    l->trying = WF_BROKERS_NONE;
    if (answered <= 0) {
        wf_ways_missed(&l->ways, i, 0);
        wf_ways_failed(&l->ways, i, now_us, answered < 0 ? answered : WEFT_EUNREACH, 0,
                       &l->rng);
        l->better = l->better == i ? WF_BROKERS_NONE : l->better;
        l->try_us = has_work(l, i) ? wf_min_u64(l->try_us, v->ready_us) : l->try_us;
        return;
    }
    wf_ways_answered(&l->ways, i);
    wf_ways_measured(&l->ways, i, now_us, (now_us - l->tried_us) / ROUND_TRIPS);
    v->good = speaks_for(l, now_us, i) ? v->good + 1 : 0;
    if (v->good >= TWICE && now_us >= go_us(l, i)) {
        l->better = i;
    } else if (v->good != 0 && wf_trials_due(l, i)) {
        v->ready_us = now_us + AGAIN_US;
        l->try_us = wf_min_u64(l->try_us, v->ready_us);
    }
}
