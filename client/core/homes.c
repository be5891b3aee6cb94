#include "client/core/homes.h"

int wf_homes_here(const struct wf_homes *h, const struct wf_call *call)
{
    return call->home != 0 && wf_home_same_store(&h->v[call->home - 1].home, &h->here);
}

/* The place of the present broker; 0: there is none. */
static unsigned place(struct wf_homes *h)
{
    unsigned empty = 0;

    for (unsigned i = WF_HOMES_MAX; i-- > 0;) {
        if (h->v[i].n == 0) {
            empty = i + 1;
        } else if (wf_home_same_store(&h->v[i].home, &h->here)) {
            return i + 1;
        }
    }
    if (empty != 0) {
        h->v[empty - 1].home = h->here;
    }
    return empty;
}

int wf_homes_take(struct wf_homes *h, struct wf_call *call, const struct wf_call *twin)
{
    if (call->home == 0) {
        call->home = twin != NULL ? twin->home : place(h);
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

int wf_homes_hold(const struct wf_homes *h, const struct wf_home *home)
{
    for (unsigned i = 0; i < WF_HOMES_MAX; i++) {
        if (h->v[i].n != 0 && wf_home_same_store(&h->v[i].home, home)) {
            return 1;
        }
    }
    return 0;
}
