#include "tests/sim/sim.h"

#include "common/check.h"

#include <stdio.h>
#include <string.h>

#define ID_MARK     0x57
#define RESULT_MARK UINT32_C(0x7e5017)

struct result_head {
    uint32_t mark, index, attempt, device;
};

void history_reset(struct history *h)
{
    memset(h, 0, sizeof *h);
}

struct hjob *history_job(struct sim *s, const struct actor *owner)
{
    struct history *h = &s->history;
    struct hjob *j;
    uint64_t noise;

    if (h->njobs == HISTORY_JOBS) {
        return NULL;
    }
    j = &h->jobs[h->njobs];
    *j = (struct hjob){.index = h->njobs++, .owner = owner};
    noise = wf_rng_next(&s->clock.rng);
    memcpy(j->id.b, &noise, sizeof noise);
    j->id.b[8] = ID_MARK;
    j->id.b[9] = (uint8_t) j->index;
    return j;
}

struct hjob *history_find(struct sim *s, const struct wf_id *id)
{
    unsigned i = id->b[9];

    return id->b[8] == ID_MARK && i < s->history.njobs &&
                   wf_id_eq(&s->history.jobs[i].id, id)
               ? &s->history.jobs[i]
               : NULL;
}

int history_evicts(const struct sim *s)
{
    return s->swarm.retain_jobs < HISTORY_JOBS || s->swarm.retain_ms < 3600000 ||
           s->swarm.max_bytes < (1u << 20);
}

size_t history_payload(const struct hjob *j, int other, uint8_t *dst, size_t cap)
{
    size_t len = wf_min_u64(cap, j->payload_len);

    memset(dst, (int) (0x20 + j->index), len);
    if (len >= 6) {
        dst[4] = (uint8_t) j->manner;
        dst[5] = (uint8_t) other;
    }
    return len;
}

size_t history_result(const struct wf_id *id, unsigned index, uint64_t attempt,
                      const struct actor *at, uint8_t *dst, size_t cap)
{
    const struct result_head head = {RESULT_MARK, index, (uint32_t) attempt, at->index};
    size_t len = sizeof head + id->b[0] % 64u;

    len = wf_min_u64(len, cap);
    memset(dst, 'r', len);
    memcpy(dst, &head, sizeof head);
    return len;
}

/* -- what is seen ----------------------------------------------------------------------
 */

static int may_see(const struct actor *a, const struct hjob *j)
{
    return a->role == WF_ROLE_OPERATOR || a == j->owner;
}

static const struct actor *named(const struct sim *s, struct wf_slice name)
{
    for (unsigned i = 0; i < s->nactors; i++) {
        if (wf_slice_is(name, s->actors[i]->name)) {
            return s->actors[i];
        }
    }
    return NULL;
}

static uint64_t hash_of(struct wf_slice x, uint64_t h)
{
    for (uint32_t i = 0; i < x.len; i++) {
        h = (h ^ x.p[i]) * UINT64_C(0x100000001b3);
    }
    return h ^ x.len;
}

static void judge_result(struct sim *s, const struct hjob *j, const struct wf_outcome *m)
{
    const struct actor *at = named(s, m->node);
    struct result_head head = {0};

    if (at == NULL) {
        sim_fail(s, "job %u: an outcome from a node that there is not", j->index);
        return;
    }
    if (at->ops != &device_ops) {
        return; /* a hostile agent got it in order, and may say what it likes */
    }
    memcpy(&head, m->data.p, wf_min_u64(sizeof head, m->data.len));
    if (head.mark != RESULT_MARK || head.index != j->index ||
        head.attempt != (uint32_t) m->attempt || head.device != at->index) {
        sim_fail(s, "job %u: the result is not that of attempt %u at %s", j->index,
                 (unsigned) m->attempt, at->name);
    }
    if (j->manner == MANNER_FAILS || j->manner == MANNER_NO_START ||
        j->manner == MANNER_HANGS || j->manner == MANNER_FLOODS) {
        sim_fail(s, "job %u cannot have ended well", j->index);
    }
}

static void saw_outcome(struct sim *s, const struct wf_outcome *m, struct hjob *j,
                        uint64_t inc)
{
    const struct seen_outcome now = {
        .inc = inc,
        .state = (unsigned) m->state,
        .code = (unsigned) m->code,
        .attempt = (unsigned) m->attempt,
        .hash = hash_of(m->data, hash_of(m->reason, hash_of(m->node, 1)))};
    const struct seen_outcome *was = &j->outcome;
    /* It ended well, and there was no memory for the result: it says so. */
    int is_dropped = s->swarm.on[FAULT_MEMORY] && m->code == (uint64_t) -WEFT_ERESULT;

    s->history.outcomes++;
    if (!wf_job_is_final((unsigned) m->state) ||
        ((m->code == 0) != (m->state == WF_JOB_OK) && !is_dropped)) {
        sim_fail(s, "job %u: outcome %u with code %u", j->index, now.state, now.code);
    }
    if (m->state == WF_JOB_OK && !is_dropped) {
        judge_result(s, j, m);
    }
    if (was->inc == inc && !history_evicts(s) &&
        (was->state != now.state || was->code != now.code ||
         was->attempt != now.attempt || was->hash != now.hash)) {
        sim_fail(s, "job %u has two outcomes: %u/%u/%u and %u/%u/%u", j->index,
                 was->state, was->code, was->attempt, now.state, now.code, now.attempt);
    }
    j->outcome = now;
}

static void saw_accepted(struct sim *s, const struct actor *a,
                         const struct wf_accepted *m, struct hjob *j, uint64_t inc)
{
    if (a != j->owner) {
        if (!j->disputed) {
            sim_fail(s, "job %u was given to %s as well", j->index, a->name);
        }
        return;
    }
    if (j->accepted_inc == inc && !m->known && !history_evicts(s) && !j->disputed) {
        sim_fail(s, "job %u was accepted as new twice", j->index);
    }
    j->accepted_inc = inc;
    j->ever_accepted = 1;
}

static void saw_assign(struct sim *s, const struct wf_assign *m, uint64_t inc)
{
    struct hjob *j = history_find(s, &m->job);
    uint64_t bit = UINT64_C(1) << (m->attempt % 64);

    if (j == NULL || history_evicts(s)) {
        return;
    }
    if (j->assigned_inc != inc) {
        j->assigned_inc = inc;
        j->assigned = 0;
    }
    if ((j->assigned & bit) != 0 && m->attempt < 64) {
        sim_fail(s, "job %u: attempt %u was assigned twice", j->index,
                 (unsigned) m->attempt);
    }
    j->assigned |= bit;
}

/* A refusal that denies a job the same process accepted. */
static void saw_error(struct sim *s, const struct actor *a, const struct wf_error *m,
                      uint64_t inc)
{
    struct hjob *j = history_find(s, &m->job);

    if (j == NULL || !may_see(a, j) || j->disputed) {
        return;
    }
    /* Only its owner hears of it in the order of asking; an audit comes after all. */
    if (m->code == (uint64_t) -WEFT_ENOENT && j->accepted_inc == inc &&
        (a == j->owner || m->about == WF_MSG_watch) && !history_evicts(s)) {
        sim_fail(s, "job %u was accepted, and is lost", j->index);
    }
    if (m->code == (uint64_t) -WEFT_ECONFLICT && !j->altered) {
        sim_fail(s, "job %u is in conflict with itself", j->index);
    }
}

static void saw_rows(struct sim *s, const struct actor *a, struct wf_rows rows)
{
    struct wf_job_row row;

    while (a->role != WF_ROLE_OPERATOR && wf_rows_next(&rows, wf_desc_job_row(), &row)) {
        if (!wf_slice_is(row.owner, a->name)) {
            sim_fail(s, "%s is shown a job of another", a->name);
        }
    }
}

/* 1 when the message is about a job that this actor may not see. */
static int is_foreign(struct sim *s, const struct actor *a, const struct wf_id *id)
{
    const struct hjob *j = history_find(s, id);

    if (j == NULL || j->disputed || may_see(a, j)) {
        return 0;
    }
    sim_fail(s, "job %u is shown to %s", j->index, a->name);
    return 1;
}

static void client_saw(struct sim *s, const struct actor *a, const struct wf_msg *m,
                       uint64_t inc)
{
    struct hjob *j;

    switch (m->type) {
    case WF_MSG_accepted:
        j = history_find(s, &m->u.accepted.job);
        if (j != NULL) {
            saw_accepted(s, a, &m->u.accepted, j, inc);
        }
        break;
    case WF_MSG_outcome:
        j = history_find(s, &m->u.outcome.job);
        if (j == NULL && a->ops == &client_ops && a->role != WF_ROLE_OPERATOR) {
            sim_fail(s, "%s: an outcome of a job that there is not", a->name);
        } else if (j != NULL && !j->disputed && !is_foreign(s, a, &j->id)) {
            saw_outcome(s, &m->u.outcome, j, inc);
        }
        break;
    case WF_MSG_output:
        (void) is_foreign(s, a, &m->u.output.job);
        break;
    case WF_MSG_job_update:
        (void) is_foreign(s, a, &m->u.job_update.job);
        break;
    case WF_MSG_why_info:
        (void) is_foreign(s, a, &m->u.why_info.job);
        break;
    case WF_MSG_job_info:
        saw_rows(s, a, m->u.job_info.job);
        break;
    case WF_MSG_jobs_page:
        saw_rows(s, a, m->u.jobs_page.rows);
        break;
    case WF_MSG_error:
        saw_error(s, a, &m->u.error, inc);
        break;
    default:
        break;
    }
}

static int is_for_all(enum wf_type type)
{
    return type == WF_MSG_welcome || type == WF_MSG_error || type == WF_MSG_ping ||
           type == WF_MSG_pong || type == WF_MSG_bye || type == WF_MSG_joined;
}

static int is_for_agents(enum wf_type type)
{
    return type == WF_MSG_assign || type == WF_MSG_result_ack || type == WF_MSG_stop ||
           type == WF_MSG_drain;
}

void history_saw(struct sim *s, const struct actor *a, const struct wf_msg *m,
                 uint64_t inc)
{
    if (is_for_all(m->type) && m->type != WF_MSG_error) {
        return;
    }
    if (a->role == WF_ROLE_AGENT) {
        if (!is_for_agents(m->type) && !is_for_all(m->type)) {
            sim_fail(s, "%s is an agent and is sent %s", a->name,
                     wf_desc_of(m->type)->name);
        } else if (m->type == WF_MSG_assign) {
            saw_assign(s, &m->u.assign, inc);
        }
        return;
    }
    if (is_for_agents(m->type)) {
        sim_fail(s, "%s is no agent and is sent %s", a->name, wf_desc_of(m->type)->name);
        return;
    }
    client_saw(s, a, m, inc);
}

void history_submit(struct sim *s, const struct actor *a, const struct wf_submit *m)
{
    struct hjob *j = history_find(s, &m->job);
    int is_other =
        j != NULL && (a != j->owner || m->payload.len < 6 || m->payload.p[5] != 0);

    /* Whoever comes first owns an id: nothing can be said of this job from here on. */
    if (is_other && jobs_get(&s->host.core->jobs, &m->job) == NULL) {
        j->disputed = 1;
    }
}

/* -- what must hold at any time --------------------------------------------------------
 */

struct hkey *history_key(struct sim *s, const struct wf_key *key)
{
    struct history *h = &s->history;
    unsigned i = 0;

    while (i < h->nkeys && !wf_key_eq(&h->keys[i].key, key)) {
        i++;
    }
    WF_CHECK(i < HISTORY_KEYS);
    h->nkeys += i == h->nkeys;
    h->keys[i].key = *key;
    return &h->keys[i];
}

void history_check_keys(struct sim *s)
{
    for (unsigned i = 0; i < s->history.nkeys; i++) {
        const struct hkey *k = &s->history.keys[i];
        int in = core_admits(s->host.core, &k->key);

        if (k->revoked && in) {
            sim_fail(s, "a revoked key is let in again");
        }
        if (k->joined && !k->doomed && !in) {
            sim_fail(s, "an enrolled key is not known any more");
        }
    }
}

void history_check_broker(struct sim *s)
{
    const struct core *c = s->host.core;

    if (core_live_jobs(c) > s->host.cfg.max_jobs) {
        sim_fail(s, "%zu live jobs, of at most %u", core_live_jobs(c),
                 (unsigned) s->host.cfg.max_jobs);
    }
    if (wf_map_len(c->sessions.by_peer) > s->host.cfg.max_nodes) {
        sim_fail(s, "too many sessions");
    }
}
