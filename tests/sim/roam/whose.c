#include "tests/sim/roam/whose.h"

#include "tests/sim/sim.h"

int whose_is_at(const struct host *h, const struct hjob *j)
{
    if (h->joint.base != NULL && j->class_ != WF_CLASS_FAST && disk_has_job(h, &j->id)) {
        return 1; /* there, or where it was taken over */
    }
    return h->up ? jobs_get(&h->core->jobs, &j->id) != NULL : disk_has_job(h, &j->id);
}

int whose_is_one(const struct hjob *j, const struct host *at)
{
    return j->home == at || (j->class_ != WF_CLASS_FAST && joint_is_one(j->home, at));
}

/* It asks another broker for it: what it submits goes there as well. */
static int asks_elsewhere(const struct client *c, const struct hjob *j)
{
    for (unsigned i = 0; i < CLIENT_CALLS; i++) {
        const struct client_call *x = &c->slots[i];

        if (x->used && x->job == j && x->call.home != 0 &&
            !wf_homes_here(&c->calls.homes, &x->call)) {
            return 1;
        }
    }
    return 0;
}

int whose_may_submit(const struct client *c, const struct hjob *j)
{
    const struct host *here =
        wf_calls_ready(&c->calls) && !c->calls.leaving && c->a.conn != NULL
            ? c->a.conn->to
            : NULL;

    return !c->a.roam.on || j->home == NULL ||
           (whose_is_one(j, here) && !asks_elsewhere(c, j)) || !whose_is_at(j->home, j);
}

/* What was known of it was of the broker before. */
static void move(struct sim *s, struct hjob *j, struct host *to)
{
    if (j->home != NULL && (s->swarm.on[FAULT_ROT] || s->swarm.on[FAULT_BACKUP])) {
        j->damaged = 1; /* the one before may have it again, or the other way round */
    }
    j->home = to;
    j->unkept = 0;
    j->accepted_inc = 0;
    j->assigned = (struct hassigned){0};
    if (j->class_ == WF_CLASS_FAST) {
        j->outcome = (struct seen_outcome){0};
    }
}

/* Somebody else was faster with its id. */
static int is_taken(struct host *at, const struct actor *a, const struct hjob *j)
{
    const struct job *b = at->up ? jobs_get(&at->core->jobs, &j->id) : NULL;

    return b != NULL && !wf_key_eq(&b->owner->key, &a->key);
}

void whose_sent(struct sim *s, const struct actor *a, struct host *to,
                const struct wf_id *id)
{
    struct hjob *j = history_by_id(s, id);

    if (j == NULL || j->owner != a || j->home == to) {
        return;
    }
    if (whose_is_one(j, to)) {
        j->home = to;
        return;
    }
    if (j->home != NULL && j->unkept && whose_is_at(j->home, j)) {
        /* A power cut came before it was written that it is not to be there.  That run
         * and this one know nothing of each other. */
        j->disputed = 1;
    } else if (j->home != NULL && whose_is_at(j->home, j) && !j->damaged &&
               !j->disputed) {
        sim_fail(s, "job %u is sent to %s while %s has it", j->index, to->name,
                 j->home->name);
    }
    move(s, j, to);
    j->disputed |= is_taken(to, a, j);
}

void whose_reached(struct sim *s, struct host *at, const struct actor *a,
                   const struct wf_submit *m)
{
    struct hjob *j = history_by_id(s, &m->job);
    int is_other;

    if (j == NULL || jobs_get(&at->core->jobs, &m->job) != NULL ||
        (at->joint.base != NULL && disk_has_job(at, &m->job))) {
        return; /* where the store is shared the id is not free, whoever has it */
    }
    is_other = a != j->owner || m->payload.len < 6 || m->payload.p[5] != 0;
    if (is_other && !whose_is_one(j, at)) {
        j->stolen = 1;
    }
    if (whose_is_one(j, at)) {
        /* Whoever comes first owns an id: nothing can be said of this job from here on.
         */
        j->disputed |= is_other;
        j->damaged |= at->disk.is_old;
        /* Of two that share a store it may be either that takes it. */
        j->left_ms = at->joint.base == NULL || j->taken_us == 0 ? m->deadline_ms : 0;
        j->taken_us = s->clock.now_us;
    }
}
