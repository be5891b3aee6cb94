#include "client/core/homes.h"

#include "proto/words.h"

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

/* The place of the present broker; 0: there is none. */
static unsigned place(struct wf_homes *h, int alone)
{
    unsigned empty = 0;

    for (unsigned i = WF_HOMES_MAX; i-- > 0;) {
        if (h->v[i].n == 0) {
            empty = i + 1;
        } else if (h->v[i].alone == alone && is_of(h, i, &h->here)) {
            return i + 1;
        }
    }
    if (empty != 0) {
        h->v[empty - 1].home = h->here;
        h->v[empty - 1].alone = alone;
    }
    return empty;
}

int wf_homes_take(struct wf_homes *h, struct wf_call *call, const struct wf_call *twin)
{
    if (call->home == 0) {
        int alone = is_alone(call);

        /* Beside one that is here already it need not be as free to go as that. */
        call->home = twin == NULL || (alone && wf_homes_here(h, twin)) ? place(h, alone)
                                                                       : twin->home;
        if (call->home == 0) {
            return 0;
        }
        h->v[call->home - 1].n++;
    }
    return wf_homes_here(h, call);
}

void wf_homes_drop(struct wf_homes *h, struct wf_call *call)
{
    if (call->home != 0) {
        h->v[call->home - 1].n--;
        call->home = 0;
    }
}

void wf_homes_accepted(struct wf_homes *h, struct wf_call *call)
{
    unsigned to = 0;

    if (call->kind == WF_CALL_SUBMIT && call->home != 0) {
        to = place(h, is_alone(call));
    }
    if (to != 0) {
        h->v[to - 1].n++;
        wf_homes_drop(h, call);
        call->home = to;
    }
}

int wf_homes_hold(const struct wf_homes *h, const struct wf_home *home)
{
    int held = 0;

    for (unsigned i = 0; i < WF_HOMES_MAX; i++) {
        if (h->v[i].n != 0 && is_of(h, i, home)) {
            held |= h->v[i].alone ? WF_HOLDS_ALONE : WF_HOLDS;
        }
    }
    return held;
}
