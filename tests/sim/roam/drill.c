#include "tests/sim/roam/drill.h"

#include "tests/sim/sim.h"

#define BEATS   3u
#define REST_US SECOND
#define CROSSINGS                                                                        \
    8u /* of a trial; and of a dial with the welcome, and some time to spare */

/* Where it has a session. */
static struct host *session_of(const struct actor *a)
{
    const struct wf_link *l =
        a->roam.on && a->up && a->ops->link_of != NULL ? a->ops->link_of(a) : NULL;

    return l != NULL && l->state == WF_LINK_READY && a->conn != NULL ? a->conn->to : NULL;
}

/* It knows another one, that lets it in. */
static int can_leave(struct sim *s, const struct actor *a, const struct host *from)
{
    const struct wf_link *l = a->ops->link_of(a);

    for (unsigned i = 0; i < l->ways.brokers.n; i++) {
        const struct host *h = roam_host(s, &l->ways.brokers.v[i].key);

        if (wf_ways_is(&l->ways, i) && h != NULL && h != from && h->up &&
            core_admits(h->core, &a->key)) {
            return 1;
        }
    }
    return 0;
}

/* The longest way of any actor to any broker. */
static uint64_t farthest_us(const struct sim *s)
{
    uint64_t far_us = 0;

    for (unsigned i = 0; i < s->nactors; i++) {
        for (unsigned k = 0; k < s->nhosts; k++) {
            far_us = wf_max_u64(far_us, s->actors[i]->roam.far_us[k]);
        }
    }
    return s->swarm.latency_us + s->swarm.jitter_us + far_us;
}

_Static_assert(SIM_ACTORS <= DRILL_ACTORS, "a bit each");

int drill_begin(struct sim *s, struct drill *d)
{
    unsigned most = 0, n[SIM_HOSTS] = {0};

    *d = (struct drill){0};
    for (unsigned i = 0; i < s->nactors; i++) {
        const struct host *h = session_of(s->actors[i]);

        n[h != NULL ? h->index : 0] += h != NULL;
    }
    for (unsigned i = 1; i < s->nhosts; i++) {
        most = n[i] > n[most] ? i : most;
    }
    d->dead = &s->hosts[most];
    for (unsigned i = 0; i < s->nactors; i++) {
        const struct actor *a = s->actors[i];

        if (session_of(a) == d->dead && !a->revoked && can_leave(s, a, d->dead)) {
            d->moves |= UINT32_C(1) << i;
        }
    }
    if (d->moves == 0) {
        return 0;
    }
    d->until_us = s->clock.now_us + BEATS * d->dead->cfg.heartbeat_ms * MS + REST_US +
                  s->nhosts * CROSSINGS * farthest_us(s);
    host_crash(s, d->dead, 0);
    return 1;
}

void drill_watch(const struct sim *s, struct drill *d)
{
    for (unsigned i = 0; i < s->nactors; i++) {
        const struct actor *a = s->actors[i];
        const uint32_t bit = UINT32_C(1) << i;
        const struct host *h = (d->moves & ~d->moved & bit) != 0 ? session_of(a) : NULL;

        if (h != NULL && h != d->dead) {
            d->moved |= bit;
            d->left_us[i] = a->roam.left_us;
        }
    }
}

/* It was elsewhere, and left that one for a better one. */
static int is_on_its_way(const struct drill *d, unsigned i, const struct actor *a)
{
    return (d->moved >> i & 1) != 0 && a->roam.left_us != d->left_us[i];
}

void drill_end(struct sim *s, const struct drill *d)
{
    for (unsigned i = 0; i < s->nactors; i++) {
        const struct actor *a = s->actors[i];
        const struct host *h = session_of(a);

        if ((d->moves >> i & 1) != 0 && !a->revoked && (h == NULL || h == d->dead) &&
            !is_on_its_way(d, i, a)) {
            sim_fail(s, "%s died, and %s is at no other broker", d->dead->name, a->name);
        }
    }
    host_start(s, d->dead);
}
