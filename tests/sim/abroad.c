#include "tests/sim/abroad.h"

#include "broker/core/mesh/guests.h"
#include "tests/sim/sim.h"

struct hguest *history_find_guest(struct sim *s, const struct wf_id *id)
{
    struct history *h = &s->history;

    for (unsigned i = 0; i < h->nguests; i++) {
        if (wf_id_eq(&h->guests[i].id, id)) {
            return &h->guests[i];
        }
    }
    return NULL;
}

struct hjob *history_known_at(struct sim *s, const struct host *at,
                              const struct wf_id *id, struct hguest **ret_guest)
{
    *ret_guest = history_find_guest(s, id);
    return *ret_guest != NULL ? (*ret_guest)->job : history_find(s, at, id);
}

void history_guest(struct sim *s, const struct host *at, const struct wf_key *from,
                   const struct wf_assign *m)
{
    struct history *h = &s->history;
    const struct wf_id id = guest_id(from, &m->job, m->attempt);
    struct hguest *g = NULL;
    struct hjob *j = NULL;
    unsigned through = 0;

    for (unsigned i = 0; i < s->nhosts; i++) {
        if (wf_key_eq(&s->hosts[i].key, from)) {
            j = history_known_at(s, &s->hosts[i], &m->job, &g);
            through = (g != NULL ? g->through : 0) | 1u << i;
        }
    }
    if (j == NULL || history_find_guest(s, &id) != NULL || h->nguests == HISTORY_GUESTS) {
        return;
    }
    if ((through >> at->index & 1) != 0) {
        sim_fail(s, "job %u comes back to %s, which it came through", j->index, at->name);
    }
    h->guests[h->nguests++] =
        (struct hguest){.id = id,
                        .at = at,
                        .from = *from,
                        .job = j,
                        .through = through,
                        .attempt = g != NULL ? g->attempt : (unsigned) m->attempt};
}
