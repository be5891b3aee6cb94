#include "tests/sim/sim.h"

#include <stdio.h>
#include <string.h>

#define REVOKE_BIT UINT64_C(0x100)

static struct device *some_device(struct sim *s)
{
    return &s->devices[below(&s->clock, s->ndevices)];
}

static void set_node(struct sim *s, struct client *c, struct device *d, unsigned action,
                     const char *text)
{
    struct wf_node_set m = {
        .node = wf_slice_of(d->a.name), .action = action, .text = wf_slice_of(text)};
    struct client_call *x = client_ask(s, c, WF_MSG_node_set, &m);

    if (x != NULL) {
        x->arg = d->a.index;
    }
}

/* A device that joins uses its token's key for the time being. */
static const struct wf_key *own_key(struct actor *a)
{
    return a->ops == &device_ops ? &CONTAINER_OF(a, struct device, a)->own_key : &a->key;
}

/* It, or one with the same key, has all the data. */
static int is_kept(const struct sim *s, const struct device *d)
{
    for (unsigned i = 0; i < s->ndevices; i++) {
        if (s->devices[i].shelf.keeper && s->devices[i].a.identity == d->a.identity) {
            return 1;
        }
    }
    return 0;
}

/* By name, as people do. */
static void revoke(struct sim *s, struct client *c, struct actor *a)
{
    struct wf_key_revoke m = {.key = wf_slice_of(a->name)};
    struct client_call *x = client_ask(s, c, WF_MSG_key_revoke, &m);

    if (x != NULL) {
        x->arg = a->index | REVOKE_BIT;
        for (unsigned i = 0; i < s->nactors; i++) {
            s->actors[i]->revoked |= s->actors[i]->identity == a->identity;
        }
        history_key(s, a->home, own_key(a))->doomed = 1;
    }
}

static void make_token(struct sim *s, struct client *c, struct device *d)
{
    struct wf_token_put m = {.role = WF_ROLE_AGENT,
                             .tier = WF_TIER_EDGE,
                             .name = wf_slice_of(d->a.name),
                             .ttl_ms = 60000};
    struct client_call *x;
    uint64_t noise = wf_rng_next(&s->clock.rng);

    memset(&m.key, 0x77, sizeof m.key);
    memcpy(m.key.b, &noise, sizeof noise);
    m.key.b[31] = (uint8_t) d->tokens++;
    x = client_ask(s, c, WF_MSG_token_put, &m);
    if (x != NULL) {
        x->arg = d->a.index;
        d->token = m.key;
        d->asks = 0;
    }
}

static struct device *asking_device(struct sim *s, const struct host *home)
{
    for (unsigned i = 0; i < s->ndevices; i++) {
        if (s->devices[i].a.home == home && s->devices[i].asks && s->devices[i].a.up) {
            return &s->devices[i];
        }
    }
    return NULL;
}

static void act_on_nodes(struct sim *s, struct client *c)
{
    struct device *d = some_device(s);
    struct client *other = &s->clients[1];
    struct rogue *broker = &s->rogues[s->nrogues != 0 ? s->nrogues - 1 : 0];

    switch (below(&s->clock, 6)) {
    case 0:
    case 1:
        set_node(s, c, d, WF_NODE_ACT_DRAIN, "");
        break;
    case 2:
    case 3:
        set_node(s, c, d, WF_NODE_ACT_UNDRAIN, "");
        break;
    case 4:
        set_node(s, c, d, WF_NODE_ACT_LABEL, percent(&s->clock, 50) ? "zone=a" : "zone=");
        break;
    default:
        /* Never the first, nor who keeps the data: the work has to be done in the end. */
        if (s->swarm.rogue_broker && broker->a.home == c->a.home &&
            percent(&s->clock, 10)) {
            revoke(s, c, &broker->a);
        } else if (s->swarm.revokes && d->a.identity != 0 && !is_kept(s, d) &&
                   d->a.enrolled && d->a.home == c->a.home && percent(&s->clock, 30)) {
            revoke(s, c, &d->a);
        } else if (s->swarm.revokes && s->nclients > 1 && other->a.home == c->a.home &&
                   percent(&s->clock, 10)) {
            revoke(s, c, &other->a);
        }
        break;
    }
}

void operator_act(struct sim *s, struct client *c)
{
    struct device *d = asking_device(s, c->a.home);

    if (d != NULL) {
        make_token(s, c, d);
    } else if (s->swarm.operator_acts && percent(&s->clock, 15)) {
        act_on_nodes(s, c);
    }
    if (percent(&s->clock, s->swarm.query_pct)) {
        struct wf_query q = {
            .kind = WF_QUERY_EVENTS, .key = wf_slice_of("follow"), .limit = 10};

        (void) client_ask(s, c, WF_MSG_query, &q);
    }
}

static void token_told(struct sim *s, struct device *d, const struct client_call *x)
{
    struct wf_cursor cur;
    struct wf_label_row row;
    struct wf_msg m;

    if (x->call.error == WEFT_EEXIST) {
        /* It had joined, and crashed before it knew. */
        d->a.enrolled = 1;
        return;
    }
    if (x->call.error != 0) {
        d->asks = !d->a.enrolled && !d->has_token && !d->joining;
        return;
    }
    d->has_token = 1;
    wf_cur_init(&cur, x->call.bytes.p, x->call.bytes.len);
    if (wf_msg_decode(&cur, &m) != 0 || m.type != WF_MSG_done ||
        m.u.done.endpoints.count != 1 ||
        !wf_rows_next(&m.u.done.endpoints, wf_desc_label_row(), &row) ||
        !wf_slice_is(row.text, "tcp://broker:7070")) {
        sim_fail(s, "the answer to token_put does not say where to connect");
    }
}

void operator_told(struct sim *s, struct client *c, const struct client_call *x)
{
    struct actor *a = s->actors[(x->arg & ~REVOKE_BIT) % s->nactors];

    (void) c;
    if (x->asked == WF_MSG_token_put) {
        token_told(s, CONTAINER_OF(a, struct device, a), x);
    } else if (x->asked == WF_MSG_key_revoke && x->call.error == 0) {
        history_key(s, a->home, own_key(a))->revoked = 1;
    }
}

/* -- after the faults ------------------------------------------------------------------
 */

/* Is there a job that waits for it, for as long as it takes? */
static int is_waited_for(const struct device *d, const struct host *at)
{
    const struct principal *p = registry_key(&at->core->registry, &d->own_key);
    const struct wf_list_node *head =
        p != NULL && p->agent != NULL ? &p->agent->attempts : NULL;

    for (const struct wf_list_node *n = head != NULL ? head->next : head; n != head;
         n = n->next) {
        if (CONTAINER_OF(n, struct job, in_agent)->disconnect == WF_KEEP) {
            return 1;
        }
    }
    return 0;
}

/* One that roams may be anywhere. */
static int is_at(const struct device *d, const struct host *h)
{
    return d->a.roam.on || d->a.home == h;
}

/* Devices that an operator left drained; those who are hostile. */
static int restore(struct sim *s, struct client *c)
{
    struct host *home = c->a.home;
    int busy = 0;

    for (unsigned i = 0; i < s->ndevices; i++) {
        struct device *d = &s->devices[i];
        const struct principal *p = registry_key(&home->core->registry, &d->own_key);

        if (is_at(d, home) && p != NULL && p->state == WF_KEY_ACTIVE && p->drained &&
            p->agent != NULL) {
            set_node(s, c, d, WF_NODE_ACT_UNDRAIN, "");
            busy = 1;
        }
    }
    for (unsigned i = 0; i < s->ndevices; i++) {
        struct device *d = &s->devices[i];

        if (is_at(d, home) && is_waited_for(d, home) && d->a.dead &&
            d->a.identity == d->a.index && d->a.enrolled &&
            core_admits(home->core, &d->own_key)) {
            revoke(s, c, &d->a);
            busy = 1;
        }
    }
    for (unsigned i = 0; i < s->nrogues; i++) {
        if (s->rogues[i].a.home == home && core_admits(home->core, &s->rogues[i].a.key)) {
            revoke(s, c, &s->rogues[i].a);
            busy = 1;
        }
    }
    return busy;
}

/* Every reader gets the same outcome: history compares. */
static int audit(struct sim *s, struct client *c)
{
    if (c->audited < s->history.njobs) {
        struct hjob *j = &s->history.jobs[c->audited];

        if (j->home == NULL || joint_owner(s, j->home, &j->id) != c->a.home ||
            !history_knows(s, j) || j->disputed || j->damaged || history_evicts(s)) {
            c->audited++;
        } else if (client_watch(s, c, j, 0) != NULL) {
            s->history.fetched++;
            c->audited++;
        }
    }
    return c->audited < s->history.njobs;
}

/* For more than an answer to idle questions, of which there may always be one. */
static int is_waiting(const struct client *c)
{
    for (unsigned i = 0; i < CLIENT_CALLS; i++) {
        if (c->slots[i].used && c->slots[i].asked != WF_MSG_query) {
            return 1;
        }
    }
    return 0;
}

int operator_mend(struct sim *s, struct client *c)
{
    struct device *d = asking_device(s, c->a.home);
    int busy = 0;

    if (!c->a.home->up || !wf_calls_ready(&c->calls)) {
        return 0;
    }
    if (d != NULL) {
        make_token(s, c, d);
        return 0;
    }
    busy = restore(s, c);
    for (unsigned i = 0; i < s->nclients; i++) {
        busy |= !s->clients[i].done && !s->clients[i].a.dead;
    }
    return !busy && !audit(s, c) && !is_waiting(c);
}
