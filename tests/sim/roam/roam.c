#include "tests/sim/roam/roam.h"

#include "tests/sim/mesh.h"
#include "tests/sim/sim.h"

#include <string.h>

#define ROAM_SALT UINT64_C(0x726f616d)
#define FAR_US    (60 * MS)
#define STAY_MS   5000u /* between moves: in a short world there are to be some */
#define CROSSINGS 8u    /* of the way, for the handshakes of TCP and CURVE */

enum { TRIAL_REACHES, TRIAL_ANSWERED, TRIAL_REFUSED };

int roam_wanted(unsigned long long seed)
{
    struct wf_rng rng = {seed ^ ROAM_SALT << 32};

    return wf_rng_below(&rng, 2) == 0;
}

void roam_swarm(struct swarm *w, struct clock *c)
{
    w->policy_pct += percent(c, 50) ? 30 : 0;
    w->down_us += percent(c, 50) ? below(c, 6 * SECOND) : 0;
}

static uint64_t draw_way(struct sim *s)
{
    return percent(&s->clock, 40) ? 0 : below(&s->clock, FAR_US);
}

void roam_draw(struct sim *s, struct actor *a)
{
    int known_to_all = percent(&s->clock, 60);

    if (!percent(&s->clock, 70) && !s->shares) {
        return;
    }
    a->roam = (struct roam){.on = 1, .known = 1u << a->home->index};
    if (s->shares) {
        /* What one of them leaves is to be had at the other alone. */
        a->roam.known |= (1u << JOINT_BROKERS) - 1;
    }
    for (unsigned i = 0; i < s->nhosts; i++) {
        a->roam.far_us[i] = draw_way(s);
        if (percent(&s->clock, 70)) {
            a->roam.known |= 1u << i;
        }
        if (known_to_all && a->enrolled && &s->hosts[i] != a->home) {
            /* Else a broker hears of it from the others. */
            mesh_enrol(&s->hosts[i], a);
        }
    }
}

void roam_equip(struct sim *s, struct actor *a, struct wf_link_config *cfg,
                struct wf_broker_table *table)
{
    unsigned first = a->home->index;

    cfg->brokers = NULL;
    if (!a->roam.on) {
        return;
    }
    *table = (struct wf_broker_table){0};
    a->roam.left_us = 0;
    for (unsigned i = 0; i < s->nhosts; i++) {
        const struct host *h = &s->hosts[(first + i) % s->nhosts];

        if (((a->roam.known | a->roam.awaited) >> h->index & 1) != 0) {
            (void) wf_brokers_give(table, &h->key, h->cfg.endpoints[0]);
            wf_brokers_await(table, &h->key, a->roam.awaited >> h->index & 1);
        }
    }
    cfg->brokers = table;
    cfg->try_ms = 300 + below(&s->clock, 3000);
    cfg->stay_ms = STAY_MS;
}

void roam_keep(struct sim *s, struct actor *a)
{
    const struct wf_link *l =
        a->roam.on && a->ops->link_of != NULL ? a->ops->link_of(a) : NULL;

    for (unsigned i = 0; l != NULL && i < l->ways.brokers.n; i++) {
        const struct wf_broker *row = &l->ways.brokers.v[i];
        const struct host *h = roam_host(s, &row->key);

        if (h != NULL && wf_ways_is(&l->ways, i)) {
            a->roam.awaited &= ~(1u << h->index);
            a->roam.awaited |= (unsigned) row->awaited << h->index;
        }
    }
}

struct host *roam_host(struct sim *s, const struct wf_key *key)
{
    for (unsigned i = 0; i < s->nhosts; i++) {
        if (wf_key_eq(&s->hosts[i].key, key)) {
            return &s->hosts[i];
        }
    }
    return NULL;
}

struct host *roam_to(struct sim *s, const struct actor *a, uint64_t way)
{
    const struct wf_link *l =
        a->roam.on && a->ops->link_of != NULL ? a->ops->link_of(a) : NULL;

    return l != NULL ? roam_host(s, &l->ways.brokers.v[way].key) : a->home;
}

/* -- trials ----------------------------------------------------------------------------
 */

static void plan(struct sim *s, struct actor *a, struct host *to, uint64_t in_us,
                 unsigned what)
{
    a->roam.trial = actor_at(s, a, s->clock.now_us + in_us, EV_TRIAL);
    a->roam.trial->host = to;
    a->roam.trial->arg = what;
}

void roam_try(struct sim *s, struct actor *a, uint64_t way)
{
    struct host *to = roam_to(s, a, way);

    roam_untry(s, a);
    if (to != NULL) {
        plan(s, a, to, net_latency(s, a, to), TRIAL_REACHES);
    }
}

void roam_untry(struct sim *s, struct actor *a)
{
    if (a->roam.trial != NULL) {
        clock_drop(&s->clock, a->roam.trial);
        a->roam.trial = NULL;
    }
}

/* It arrives at the broker, which answers when it can. */
static void reach(struct sim *s, struct actor *a, struct host *to)
{
    uint64_t in_us = 0;

    if (!net_reaches(s, a, to)) {
        plan(s, a, to, around(&s->clock, 200 * MS), TRIAL_REACHES);
        return;
    }
    for (unsigned i = 1; i < CROSSINGS; i++) {
        in_us += net_latency(s, a, to);
    }
    plan(s, a, to, in_us,
         core_admits(to->core, &a->key) ? TRIAL_ANSWERED : TRIAL_REFUSED);
}

void roam_take(struct sim *s, struct actor *a, const struct event *e)
{
    a->roam.trial = NULL;
    if (e->arg == TRIAL_REACHES) {
        reach(s, a, e->host);
    } else if (!net_reaches(s, a, e->host)) {
        plan(s, a, e->host, around(&s->clock, 200 * MS), TRIAL_REACHES);
    } else {
        a->ops->tried(s, a, e->arg == TRIAL_ANSWERED);
    }
}

/* Something waits there that is not here. */
static int has_reason(const struct wf_link *l, uint64_t way)
{
    const struct wf_home there = wf_ways_home(&l->ways, (unsigned) way);

    return l->cfg.holds(l->cfg.owner, &there) != 0;
}

void roam_left(struct sim *s, struct actor *a, uint64_t way)
{
    const uint64_t now_us = actor_us(s, a);
    int has = has_reason(a->ops->link_of(a), way);

    sim_log(s, a->name, "leaves for a %s broker", has ? "needed" : "better");
    if (!has && a->roam.left_us != 0 && now_us < a->roam.left_us + STAY_MS * MS) {
        sim_fail(s, "%s goes to and fro between brokers", a->name);
    }
    a->roam.left_us = now_us;
}

/* -- faults ----------------------------------------------------------------------------
 */

uint64_t roam_apart_us(const struct actor *a, const struct host *h)
{
    return a->roam.apart_until_us[h->index];
}

int roam_part(struct sim *s, struct actor *a, uint64_t mean_us)
{
    uint64_t *until_us = &a->roam.apart_until_us[a->at->index];

    if (!a->roam.on || percent(&s->clock, 30)) {
        return 0;
    }
    *until_us = wf_max_u64(*until_us, s->clock.now_us + around(&s->clock, mean_us));
    return 1;
}

int roam_shift(struct sim *s, struct actor *a)
{
    if (!a->roam.on || percent(&s->clock, 30)) {
        return 0;
    }
    for (unsigned i = 0; i < s->nhosts; i++) {
        a->roam.far_us[i] = draw_way(s);
    }
    return 1;
}
