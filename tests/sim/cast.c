#include "tests/sim/cast.h"

#include "tests/sim/mesh.h"
#include "tests/sim/sim.h"

#include <stdio.h>
#include <string.h>

void sim_add_actor(struct sim *s, struct actor *a, const struct actor_ops *ops,
                   unsigned role, const char *kind, unsigned number)
{
    struct wf_effects fx = a->fx;
    struct wf_buf frame = a->frame;

    *a = (struct actor){.ops = ops,
                        .index = s->nactors,
                        .identity = s->nactors,
                        .role = role,
                        .home = &s->hosts[0],
                        .at = &s->hosts[0],
                        .tier = 1 + (unsigned) below(&s->clock, 3),
                        .enrolled = 1,
                        .fx = fx,
                        .frame = frame};
    wf_effects_init(&a->fx);
    wf_buf_init(&a->frame, 4u << 20);
    (void) snprintf(a->name, sizeof a->name, "%s%u", kind, number);
    memset(&a->key, (int) (0x10 + s->nactors), sizeof a->key);
    local_boot(&a->own, &s->clock);
    if (s->swarm.skewed) {
        local_set_ppm(&a->own, &s->clock, (int) below(&s->clock, 1001) - 500);
    }
    if (s->swarm.slow && percent(&s->clock, 30)) {
        a->read_us = 1 + below(&s->clock, 100 * MS);
    }
    s->actors[s->nactors++] = a;
}

static void new_device(struct sim *s, struct device *d, unsigned number)
{
    struct actor keep = d->a;
    struct spool spool = d->spool;

    memset(d, 0, sizeof *d);
    d->a = keep;
    d->spool = spool;
    spool_reset(&d->spool);
    sim_add_actor(s, &d->a, &device_ops, WF_ROLE_AGENT, "agent", number);
    actor_settle(&d->a, mesh_home(s));
    d->own_key = d->a.key;
    device_draw(s, d, number == 0);
}

/* A second device with the disk of a first one, as it happens with memory cards. */
static void add_clone(struct sim *s, const struct device *of)
{
    struct device *d = &s->devices[s->ndevices++];

    new_device(s, d, of->a.index - s->devices[0].a.index);
    actor_settle(&d->a, of->a.home);
    d->a.identity = of->a.identity;
    d->a.enrolled = of->a.enrolled;
    d->a.key = d->own_key = of->own_key;
    memcpy(d->a.name, of->a.name, sizeof d->a.name);
}

/* The first of each broker, so that all data is everywhere to be had in the end. */
static int is_keeper(const struct sim *s, const struct device *d)
{
    for (const struct device *other = s->devices; other < d; other++) {
        if (other->shelf.keeper && other->a.home == d->a.home) {
            return 0;
        }
    }
    return d->a.enrolled;
}

static void add_devices(struct sim *s)
{
    s->ndevices = s->swarm.nagents;
    for (unsigned i = 0; i < s->ndevices; i++) {
        struct device *d = &s->devices[i];

        new_device(s, d, i);
        d->a.enrolled = i == 0 || !s->swarm.late_agents || percent(&s->clock, 50);
        if (d->a.enrolled) {
            mesh_enrol(d->a.home, &d->a);
        }
        shelf_draw(s, d, is_keeper(s, d));
        if (s->roams && !d->shelf.keeper) {
            roam_draw(s, &d->a); /* who keeps the data of a broker stays there */
        }
        device_stock(s, d);
    }
    if (s->swarm.clones && s->ndevices < SIM_DEVICES) {
        add_clone(s, &s->devices[below(&s->clock, s->ndevices)]);
    }
}

static void add_clients(struct sim *s)
{
    s->nclients = s->swarm.nclients;
    for (unsigned i = 0; i < s->nclients + s->nhosts; i++) {
        struct client *c = &s->clients[i];
        int is_op = i >= s->nclients;

        sim_add_actor(s, &c->a, &client_ops, is_op ? WF_ROLE_OPERATOR : WF_ROLE_CLIENT,
                      is_op ? "oper" : "client", i);
        c->made = is_op ? UINT32_MAX : 0;
        c->audited = 0;
        c->done = 0;
        actor_settle(&c->a, is_op ? &s->hosts[i - s->nclients] : mesh_home(s));
        mesh_enrol(c->a.home, &c->a);
        if (s->roams && !is_op) {
            roam_draw(s, &c->a);
        }
    }
}

static void add_rogues(struct sim *s)
{
    const struct {
        int wanted;
        unsigned role;
    } kinds[SIM_ROGUES] = {{s->swarm.rogue_client, WF_ROLE_CLIENT},
                           {s->swarm.rogue_agent, WF_ROLE_AGENT},
                           {s->swarm.rogue_broker, WF_ROLE_BROKER}};

    s->nrogues = 0;
    for (unsigned i = 0; i < SIM_ROGUES; i++) {
        struct rogue *r = &s->rogues[s->nrogues];

        if (kinds[i].wanted) {
            rogue_reset(r);
            sim_add_actor(s, &r->a, &rogue_ops, kinds[i].role, "rogue", i);
            actor_settle(&r->a, mesh_home(s));
            mesh_enrol(r->a.home, &r->a);
            s->nrogues++;
        }
    }
}

void cast_all(struct sim *s)
{
    add_devices(s);
    add_clients(s);
    add_rogues(s);
}
