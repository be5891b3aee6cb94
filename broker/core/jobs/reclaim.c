#include "broker/core/jobs/reclaim.h"

#include "broker/core/place/routes.h"

#include "broker/core/jobs/ledger.h"
#include "broker/core/jobs/reuse.h"
#include "broker/core/jobs/work.h"
#include "broker/core/mesh/guests.h"
#include "broker/core/mesh/numbers.h"
#include "common/err.h"
#include "common/mem.h"
#include "common/plant.h"

#include <stdlib.h>

/* The agent that has it was cut off from us, as far as we know: its job said for how long
 * that may be. */
static int may_keep(const struct job *j)
{
    return j->agent != NULL && (job_has_policy(j) || agent_is_site(j->agent)) &&
           !j->agent->synced && j->agent->principal->state == WF_KEY_ACTIVE;
}

static void wait_for_keeper(struct core *c, struct job *j)
{
    uint64_t ms = job_has_policy(j) ? wf_min_u64(j->disconnect_ms, UINT64_MAX / 4000)
                                    : c->cfg.site_grace_ms;

    ms += c->cfg.lease_ms;
    j->unclaimed = 0;
    job_move(&c->jobs, j, WF_JOB_ASSIGNED);
    j->cut_us = j->disconnect == WF_KEEP ? UINT64_MAX : c->now_us + ms * 1000;
    work_occupy(c, j, agent_offer(j->agent, j->capability, j->version), NULL);
    (void) job_plan(&c->jobs, j);
}

static void wake(struct core *c, struct job *j, struct wf_effects *out)
{
    if (j->agent != NULL && wf_key_eq(&j->agent->principal->key, &c->cfg.key)) {
        j->agent =
            NULL; /* it was a guest here, of the broker that we took it over from */
    }
    if (j->state == WF_JOB_ACCEPTED && j->unclaimed) {
        job_move(&c->jobs, j, WF_JOB_QUEUED);
    }
    (void) job_plan(&c->jobs, j);
    if (reuse_enter(c, j, out)) {
        return;
    }
    if (!wf_job_is_final(j->state) && j->unclaimed && may_keep(j)) {
        wait_for_keeper(c, j);
    }
}

/* Nobody who was waited for is still to come: what was not claimed goes on here. */
static void reclaim_end(struct core *c, struct wf_effects *out)
{
    c->reclaim_us = 0;
    guests_orphaned(c, NULL, out);
    for (struct wf_list_node *n = wf_list_first(&c->jobs.all), *next; n != NULL;
         n = next) {
        struct job *j = CONTAINER_OF(n, struct job, in_all);

        next = wf_list_next(&c->jobs.all, n);
        if (j->unclaimed && j->state == WF_JOB_ACCEPTED) {
            wake(c, j, out); /* it came while we run */
        }
        if (!j->unclaimed || wf_job_is_final(j->state)) {
            continue;
        }
        j->unclaimed = 0;
        if (WF_PLANT(RESTART_REASSIGN)) {
            j->attempt = j->reserved - 1;
            work_place(c, j, out);
            continue;
        }
        if (j->agent != NULL && j->state == WF_JOB_QUEUED) {
            /* It ran there, and is gone with it, or with this broker. */
            job_move(&c->jobs, j, WF_JOB_ASSIGNED);
            work_retry(c, j, WEFT_ELOST, "the broker and the agent were restarted",
                       BLAME_PLACE, out);
            continue;
        }
        /* The attempt that its records allowed may be out there for ever. */
        j->reserved = numbers_next(j);
        ledger_write(c, j, LEDGER_ATTEMPT);
    }
}

static unsigned expected_agents(const struct core *c)
{
    unsigned n = 0;

    for (const struct wf_list_node *x = wf_list_first(&c->agents.all); x != NULL;
         x = wf_list_next(&c->agents.all, x)) {
        n += CONTAINER_OF(x, struct agent, in_all)->expected;
    }
    return n;
}

static int by_end(const void *left, const void *right)
{
    const struct job *a = *(const struct job *const *) left;
    const struct job *b = *(const struct job *const *) right;

    return a->finished_us != b->finished_us ? (a->finished_us > b->finished_us ? 1 : -1)
                                            : (a->seq > b->seq) - (a->seq < b->seq);
}

/* Jobs came in by acceptance; those that finished are retained by their end. */
static void sort_done(struct core *c)
{
    struct job **all = wf_calloc(c->jobs.retained, sizeof *all);
    struct wf_list_node *n;
    size_t count = 0;

    if (all == NULL) {
        return; /* they may go in another order, that is all */
    }
    while ((n = wf_list_first(&c->jobs.done)) != NULL) {
        wf_list_remove(n);
        all[count++] = CONTAINER_OF(n, struct job, in_done);
    }
    if (count != 0) {
        qsort(all, count, sizeof *all, by_end);
    }
    for (size_t i = 0; i < count; i++) {
        wf_list_push_back(&c->jobs.done, &all[i]->in_done);
    }
    wf_free(all);
}

void reclaim_begin(struct core *c, struct wf_effects *out)
{
    c->loaded = 1;
    c->jobs.next_seq = wf_max_u64(c->jobs.next_seq, c->cfg.boot << 40);
    datasets_loaded(c, out);
    sort_done(c);
    for (struct wf_list_node *n = wf_list_first(&c->jobs.all), *next; n != NULL;
         n = next) {
        next = wf_list_next(&c->jobs.all, n);
        wake(c, CONTAINER_OF(n, struct job, in_all), out);
    }
    guests_orphaned(c, NULL, out);
    if (c->jobs.live == 0) {
        return;
    }
    if (expected_agents(c) == 0) {
        reclaim_end(c, out);
    } else {
        c->reclaim_us = c->now_us + c->cfg.lease_ms * 1000;
    }
}

void reclaim_agent_synced(struct core *c, struct agent *a, struct wf_effects *out)
{
    if (!a->expected) {
        return;
    }
    a->expected = 0;
    if (c->reclaim_us != 0 && expected_agents(c) == 0) {
        reclaim_end(c, out);
    }
}

int reclaim_attempt(struct core *c, struct agent *a, struct job *j, unsigned run_state)
{
    if (!j->unclaimed || wf_job_is_final(j->state)) {
        return 0;
    }
    j->unclaimed = 0;
    wf_list_remove(&j->in_followers);
    j->leader = NULL;
    j->reused = (struct wf_id){{0}};
    if (j->state == WF_JOB_ACCEPTED) {
        job_move(&c->jobs, j, WF_JOB_QUEUED);
    }
    job_move(&c->jobs, j, WF_JOB_ASSIGNED);
    j->agent = a;
    j->started_us = 0;
    work_occupy(c, j, agent_offer(a, j->capability, j->version), NULL);
    if (run_state != WF_RUN_WAITING) {
        work_started(c, j);
    }
    (void) job_plan(&c->jobs, j);
    return 1;
}

void reclaim_tick(struct core *c, struct wf_effects *out)
{
    if (c->reclaim_us == 0 || c->now_us < c->reclaim_us) {
        return;
    }
    for (struct wf_list_node *x = wf_list_first(&c->agents.all); x != NULL;
         x = wf_list_next(&c->agents.all, x)) {
        struct agent *a = CONTAINER_OF(x, struct agent, in_all);

        if (a->expected) {
            /* The next start need not wait for it again. */
            a->expected = 0;
            a->principal->up = 0;
            (void) core_persist(c, REGISTRY_KEYS, a->principal, out);
        }
    }
    reclaim_end(c, out);
}
