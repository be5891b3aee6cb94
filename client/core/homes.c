#include "client/core/homes.h"

#include "common/plant.h"
#include "proto/words.h"

/* How long who has the store may not know a job, before it is believed.  A broker that is
 * cut off from us, but not dead, is not taken over. */
#define DOUBT_US (UINT64_C(3600) * 1000000)

/* A fast job is in the memory of one broker; another one that shares its store would run
 * it again. */
static int is_alone(const struct wf_call *call)
{
    return call->kind == WF_CALL_SUBMIT &&
           (call->state == WF_CALL_ACCEPTED ? call->class_ : call->submit.class_) ==
               WF_CLASS_FAST;
}

static int is_of(const struct wf_homes *h, unsigned i, const struct wf_home *home)
{
    return h->v[i].alone ? wf_home_same_broker(&h->v[i].home, home)
                         : wf_home_same_store(&h->v[i].home, home);
}

int wf_homes_here(const struct wf_homes *h, const struct wf_call *call)
{
    return call->home != 0 && is_of(h, call->home - 1, &h->here);
}

/* The place of a broker; 0: there is none.  Those with its store have others: one of them
 * may not know a job yet. */
static unsigned place(struct wf_homes *h, const struct wf_home *home, int alone)
{
    unsigned empty = 0;

    for (unsigned i = WF_HOMES_MAX; i-- > 0;) {
        if (h->v[i].n == 0) {
            empty = i + 1;
        } else if (h->v[i].alone == alone && wf_home_same_broker(&h->v[i].home, home)) {
            return i + 1;
        }
    }
    if (empty != 0) {
        h->v[empty - 1].home = *home;
        h->v[empty - 1].alone = alone;
    }
    return empty;
}

static void settle_at(struct wf_homes *h, struct wf_call *call, unsigned to)
{
    h->v[to - 1].n++;
    wf_homes_drop(h, call);
    call->home = to;
}

int wf_homes_take(struct wf_homes *h, struct wf_call *call, const struct wf_call *twin)
{
    if (call->home == 0) {
        int alone = is_alone(call);

        /* Beside one that is here already it need not be as free to go as that. */
        call->home = twin == NULL || (alone && wf_homes_here(h, twin))
                         ? place(h, &h->here, alone)
                         : twin->home;
        if (call->home == 0) {
            return 0;
        }
        h->v[call->home - 1].n++;
    }
    if (WF_PLANT(SENT_ANYWHERE)) {
        return 1;
    }
    return wf_homes_here(h, call);
}

void wf_homes_drop(struct wf_homes *h, struct wf_call *call)
{
    if (call->home != 0) {
        h->v[call->home - 1].n--;
        h->v[call->home - 1].doubted -= call->doubt_us != 0;
        call->home = 0;
        call->doubt_us = 0;
    }
}

void wf_homes_accepted(struct wf_homes *h, struct wf_call *call)
{
    unsigned to = 0;

    if (call->kind == WF_CALL_SUBMIT && call->home != 0) {
        to = place(h, &h->here, is_alone(call));
    }
    if (to != 0) {
        settle_at(h, call, to);
    }
}

int wf_homes_led(struct wf_homes *h, struct wf_call *call, const struct wf_key *key)
{
    const struct wf_home home = {.key = *key};
    unsigned to = place(h, &home, 1);

    if (to != 0) {
        settle_at(h, call, to);
    }
    return to != 0;
}

int wf_homes_away_at(const struct wf_homes *h, const struct wf_call *call,
                     const struct wf_key *key)
{
    return call->home != 0 && h->v[call->home - 1].alone &&
           wf_key_eq(&h->v[call->home - 1].home.key, key) && !wf_homes_here(h, call);
}

int wf_homes_doubt(struct wf_homes *h, struct wf_call *call, uint64_t now_us)
{
    if (!wf_homes_here(h, call) ||
        wf_home_same_broker(&h->v[call->home - 1].home, &h->here)) {
        return 0; /* who says so must know */
    }
    if (call->doubt_us == 0) {
        call->doubt_us = now_us + DOUBT_US;
        h->v[call->home - 1].doubted++;
    }
    return now_us < call->doubt_us;
}

int wf_homes_hold(const struct wf_homes *h, const struct wf_home *home)
{
    int held = 0;

    if (WF_PLANT(CALLS_LEFT_BEHIND)) {
        return 0;
    }
    for (unsigned i = 0; i < WF_HOMES_MAX; i++) {
        if (h->v[i].n == 0 || !is_of(h, i, home)) {
            continue;
        }
        held |= h->v[i].alone ? WF_HOLDS_ALONE : WF_HOLDS;
        if (h->v[i].doubted != 0 && wf_home_same_broker(&h->v[i].home, home)) {
            held |= WF_HOLDS_ALONE;
        }
    }
    return held;
}
