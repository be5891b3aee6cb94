#include "broker/core/mesh/strays.h"

#include "broker/core/core_int.h"
#include "broker/core/jobs/work.h"
#include "broker/core/mesh/seek.h"
#include "common/err.h"

#define LEASES 2u /* after one its present broker knows that it is there */

static uint64_t wait_us(const struct core *c)
{
    return LEASES * c->cfg.lease_ms * 1000;
}

static int is_missed(const struct core *c, const struct agent *a)
{
    return a->session == NULL && !agent_is_site(a) &&
           a->principal->state == WF_KEY_ACTIVE && !wf_list_empty(&a->attempts) &&
           c->now_us - a->heard_us >= wait_us(c);
}

/* Is it an attempt that this agent, and nobody else, is waited for with? */
static int is_waited_for(const struct agent *a, const struct job *j)
{
    return j->agent == a && j->occupies && j->original == NULL &&
           !wf_job_is_final(j->state);
}

/* 1: somebody was asked, or there was nothing to ask about.  Those that were asked about
 * stand behind the others then: of more than fit each has its turn. */
static int ask_for(struct core *c, struct agent *a, struct wf_effects *out)
{
    struct wf_buf *store = core_rows(c, 0);
    struct job *asked[WF_STRAYS_MAX];
    struct wf_rows runs = {0};

    for (const struct wf_list_node *n = wf_list_first(&a->attempts);
         n != NULL && runs.count < WF_STRAYS_MAX; n = wf_list_next(&a->attempts, n)) {
        struct job *j = CONTAINER_OF(n, struct job, in_agent);
        const struct wf_run_row row = {.job = j->id, .attempt = j->attempt};

        if (is_waited_for(a, j)) {
            asked[runs.count] = j;
            if (wf_rows_add(store, &runs, wf_desc_run_row(), &row) != 0) {
                break;
            }
        }
    }
    if (runs.count == 0) {
        return 1;
    }
    if (seek_agent(c, &a->principal->key, runs, out) != 1) {
        return 0;
    }
    for (unsigned i = 0; i < runs.count; i++) {
        wf_list_remove(&asked[i]->in_agent);
        wf_list_push_back(&a->attempts, &asked[i]->in_agent);
    }
    return 1;
}

/* It does not hold it.  An assignment that never reached it is nobody's fault, as when it
 * says so itself; and by hearsay no more is concluded of one that ran than that it went
 * with its agent. */
static void lost(struct core *c, struct job *j, struct wf_effects *out)
{
    const int ran = j->started_us != 0;

    work_release(c, j);
    c->count.lost_attempts++;
    work_retry(c, j, WEFT_ELOST,
               ran ? "its agent is at another broker, without it"
                   : "the assignment was lost on the way to an agent that moved",
               ran ? BLAME_PLACE : BLAME_NOBODY, out);
}

void strays_lost(struct core *c, const struct wf_key *agent, struct wf_rows runs,
                 struct wf_effects *out)
{
    const struct principal *p = registry_key(&c->registry, agent);
    const struct agent *a = p != NULL ? p->agent : NULL;
    struct wf_run_row row;

    /* Who came back meanwhile has told it himself. */
    if (a == NULL || !is_missed(c, a) || c->rolled_back) {
        return;
    }
    while (wf_rows_next(&runs, wf_desc_run_row(), &row)) {
        struct job *j = jobs_get(&c->jobs, &row.job);

        if (j != NULL && is_waited_for(a, j) && j->attempt == row.attempt) {
            lost(c, j, out);
        }
    }
}

void strays_step(struct core *c, struct wf_effects *out)
{
    struct strays *k = &c->mesh.strays;
    size_t away = 0;
    unsigned asked = 0;

    if (k->due_us == 0 || c->now_us < k->due_us || wf_list_empty(&c->mesh.neighbours)) {
        k->due_us = k->due_us == 0 ? c->now_us + wait_us(c) : k->due_us;
        return;
    }
    k->due_us = c->now_us + wait_us(c);
    for (const struct wf_list_node *n = wf_list_first(&c->agents.all); n != NULL;
         n = wf_list_next(&c->agents.all, n)) {
        struct agent *a = CONTAINER_OF(n, struct agent, in_all);

        if (!is_missed(c, a) || away++ < k->passed) {
            continue;
        }
        if (asked++ == STRAYS_AGENTS || !ask_for(c, a, out)) {
            k->passed = away - 1;
            return;
        }
    }
    k->passed = 0;
}

uint64_t strays_due_us(const struct core *c)
{
    return wf_list_empty(&c->mesh.neighbours) ? UINT64_MAX : c->mesh.strays.due_us;
}
