#include "tests/sim/sim.h"

#include "common/check.h"
#include "tests/sim/abroad.h"
#include "tests/sim/oracle.h"
#include "tests/sim/roam/whose.h"

#include <stdio.h>
#include <string.h>

#define ID_MARK     0x57
#define RESULT_MARK UINT32_C(0x7e5017)

struct result_head {
    uint32_t mark, index, attempt, device;
};

static void complain(void *arg, const char *line)
{
    sim_fail(arg, "%s", line);
}

void history_clear(struct history *h)
{
    verdict_free(h->verdict);
    memset(h, 0, sizeof *h);
}

void history_begin(struct sim *s)
{
    struct history *h = &s->history;

    history_clear(h);
    if (!history_evicts(s) && !s->swarm.on[FAULT_ROT] && !s->swarm.on[FAULT_BACKUP]) {
        h->verdict = verdict_new(HISTORY_JOBS + HISTORY_GUESTS, complain, s);
        WF_CHECK(h->verdict != NULL);
        verdict_expect_runs(h->verdict);
    }
}

static void must_feed(int rc)
{
    WF_CHECK(rc == 0);
}

int history_judge(struct sim *s, struct verdict_counts *ret_counts)
{
    if (s->history.verdict == NULL) {
        return 0;
    }
    verdict_judge(s->history.verdict, ret_counts);
    return 1;
}

int history_holds(const struct sim *s, const struct hjob *j)
{
    return j->class_ != WF_CLASS_FAST && j->ever_accepted && !j->disputed &&
           !j->damaged && !history_evicts(s);
}

int history_knows(const struct sim *s, const struct hjob *j)
{
    return history_holds(s, j) ||
           (j->accepted_inc != 0 && j->accepted_inc == j->home->inc);
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
    *j = (struct hjob){.index = h->njobs++,
                       .owner = owner,
                       .home = owner->roam.on ? NULL : owner->home,
                       .like = j};
    noise = wf_rng_next(&s->clock.rng);
    memcpy(j->id.b, &noise, sizeof noise);
    j->id.b[8] = ID_MARK;
    j->id.b[9] = (uint8_t) j->index;
    return j;
}

struct hjob *history_by_id(struct sim *s, const struct wf_id *id)
{
    unsigned i = id->b[9];

    return id->b[8] == ID_MARK && i < s->history.njobs &&
                   wf_id_eq(&s->history.jobs[i].id, id)
               ? &s->history.jobs[i]
               : NULL;
}

struct hjob *history_find(struct sim *s, const struct host *home, const struct wf_id *id)
{
    struct hjob *j = history_by_id(s, id);

    return j != NULL && j->home != NULL && whose_is_one(j, home) ? j : NULL;
}

int history_evicts(const struct sim *s)
{
    return s->swarm.retain_jobs < HISTORY_JOBS || s->swarm.retain_ms < 3600000 ||
           s->swarm.max_bytes < (1u << 20);
}

size_t history_payload(const struct hjob *j, int other, uint8_t *dst, size_t cap)
{
    size_t len = wf_min_u64(cap, j->payload_len);

    memset(dst, (int) (0x20 + j->like->index), len);
    if (len >= 6) {
        dst[4] = (uint8_t) j->manner;
        dst[5] = (uint8_t) other;
    }
    return len;
}

int history_is_doubtful(const struct hjob *j)
{
    const struct hjob *old = j->retry_of;

    return j->disputed || (old != NULL && (old->altered || history_is_doubtful(old)));
}

int history_is_payload(const struct hjob *j, const uint8_t *p, size_t len)
{
    if (len != j->payload_len) {
        return 0;
    }
    for (size_t i = 0; i < len; i++) {
        if (p[i] != (i == 4   ? j->manner
                     : i == 5 ? 0
                              : (uint8_t) (0x20 + j->like->index))) {
            return 0;
        }
    }
    return 1;
}

void history_damaged(struct sim *s, const struct host *at, const struct wf_id *id)
{
    struct hguest *g;
    struct hjob *j = history_known_at(s, at, id, &g);

    if (j != NULL) {
        j->damaged = 1;
    }
}

/* Each attempt runs once, by what brokers and agents call it; and no handler is shown an
 * id and a number that another one saw, wherever it is. */
void history_started(struct sim *s, const struct host *at, const struct run *r)
{
    struct hguest *g;
    struct hjob *j = history_known_at(s, at, &r->key.job, &g);
    struct verdict *v = s->history.verdict;

    if (j != NULL && !wf_id_eq(&r->shown.job, &j->id)) {
        sim_fail(s, "job %u: its handler sees another id", j->index);
    }
    if (v == NULL || j == NULL || j->disputed || j->class_ == WF_CLASS_FAST) {
        return;
    }
    must_feed(verdict_started(v, &j->id, r->shown.attempt, 0));
    if (g != NULL) {
        must_feed(verdict_started(v, &r->key.job, r->key.attempt, 0));
    }
}

size_t history_result(const struct wf_id *id, unsigned index, uint64_t attempt,
                      const struct actor *at, uint8_t *dst, size_t cap)
{
    const struct result_head head = {RESULT_MARK, index, (uint32_t) attempt,
                                     at->identity};
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

/* Who had it may be hostile, here or behind another broker, and say what it likes. */
static int may_be_forged(const struct sim *s)
{
    return s->swarm.rogue_agent || s->swarm.rogue_broker;
}

/* What another broker had done is told under that broker's name. */
static int is_broker(const struct sim *s, struct wf_slice name)
{
    for (unsigned i = 0; i < s->nhosts && s->nhosts > 1; i++) {
        if (wf_slice_is(name, s->hosts[i].name)) {
            return 1;
        }
    }
    return 0;
}

static uint64_t hash_of(struct wf_slice x, uint64_t h)
{
    for (uint32_t i = 0; i < x.len; i++) {
        h = (h ^ x.p[i]) * UINT64_C(0x100000001b3);
    }
    return h ^ x.len;
}

/* The result of another job: that one must be of the same work. */
static void judge_reused(struct sim *s, const struct hjob *j, const struct wf_outcome *m,
                         unsigned index)
{
    const struct hjob *ran = index < s->history.njobs ? &s->history.jobs[index] : NULL;
    const struct hjob *other =
        history_by_id(s, &m->reused); /* it may be elsewhere since */

    if (j->reuse_ms == 0) {
        sim_fail(s, "job %u never asked for the result of another", j->index);
    } else if (other == NULL || other->like != j->like) {
        sim_fail(s, "job %u gets the outcome of other work", j->index);
    } else if (ran == NULL && may_be_forged(s)) {
        return;
    } else if (ran == NULL || ran->like != j->like) {
        sim_fail(s, "job %u gets the result of other work", j->index);
    }
}

static void judge_result(struct sim *s, const struct hjob *j, const struct wf_outcome *m)
{
    const struct actor *at = named(s, m->node);
    struct result_head head = {0};

    memcpy(&head, m->data.p, wf_min_u64(sizeof head, m->data.len));
    if (!wf_id_is_zero(&m->reused)) {
        judge_reused(s, j, m, head.mark == RESULT_MARK ? head.index : HISTORY_JOBS);
        return;
    }
    if (at == NULL && !is_broker(s, m->node)) {
        sim_fail(s, "job %u: an outcome from a node that there is not", j->index);
        return;
    }
    if (at != NULL ? at->ops != &device_ops : may_be_forged(s)) {
        return; /* a hostile agent got it in order, and may say what it likes */
    }
    if (head.mark != RESULT_MARK || head.index != j->index ||
        head.attempt != (uint32_t) m->attempt ||
        (at != NULL && head.device != at->identity)) {
        sim_fail(s, "job %u: the result is not that of attempt %u at %s", j->index,
                 (unsigned) m->attempt, at != NULL ? at->name : "another broker");
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
    s->ended_us = was->inc == 0 ? s->clock.now_us : s->ended_us;
    if (!wf_job_is_final((unsigned) m->state) ||
        ((m->code == 0) != (m->state == WF_JOB_OK) && !is_dropped)) {
        sim_fail(s, "job %u: outcome %u with code %u", j->index, now.state, now.code);
    }
    if (m->state == WF_JOB_OK && !is_dropped) {
        judge_result(s, j, m);
    }
    if ((was->inc == inc || (was->inc != 0 && j->class_ != WF_CLASS_FAST)) &&
        !history_evicts(s) && !j->damaged &&
        (was->state != now.state || was->code != now.code ||
         was->attempt != now.attempt || was->hash != now.hash)) {
        sim_fail(s, "job %u has two outcomes: %u/%u/%u and %u/%u/%u", j->index,
                 was->state, was->code, was->attempt, now.state, now.code, now.attempt);
    }
    j->outcome = now;
    if (m->state == WF_JOB_EXPIRED) {
        oracle_expired(s, j, -(int) m->code);
    }
    if (s->history.verdict != NULL) {
        const struct actor *at = named(s, m->node);
        const struct verdict_end end = {
            .state = now.state,
            .code = now.code,
            .attempt = now.attempt,
            .hash = now.hash,
            .ran = m->state == WF_JOB_OK && wf_id_is_zero(&m->reused) &&
                   (at != NULL ? at->ops == &device_ops : !may_be_forged(s))};

        if (j->class_ != WF_CLASS_FAST) {
            must_feed(verdict_outcome(s->history.verdict, &j->id, &end));
        }
    }
}

static void note_accepted(struct sim *s, struct hjob *j, uint64_t inc)
{
    j->unkept = 0;
    j->accepted_inc = inc;
    j->ever_accepted = 1;
    if (s->history.verdict != NULL && !j->disputed) {
        must_feed(
            verdict_accepted(s->history.verdict, &j->id, j->class_ != WF_CLASS_FAST));
    }
}

void history_repeated(struct sim *s, struct hjob *j, uint64_t inc)
{
    note_accepted(s, j, inc);
    j->damaged |= host_was_old(j->home, inc);
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
    if ((m->class_ == WF_CLASS_DURABLE) != (j->class_ != WF_CLASS_FAST) && !j->disputed) {
        sim_fail(s, "job %u was accepted in class %s", j->index,
                 wf_class_name(m->class_));
    }
    if ((j->accepted_inc == inc || history_holds(s, j)) && !m->known &&
        !history_evicts(s) && !j->disputed) {
        sim_fail(s, "job %u was accepted as new twice", j->index);
    }
    note_accepted(s, j, inc);
}

static void saw_assign(struct sim *s, const struct host *at, const struct wf_assign *m,
                       uint64_t inc)
{
    struct hguest *g;
    struct hjob *j = history_known_at(s, at, &m->job, &g);
    struct hassigned *x = g != NULL ? &g->assigned : j != NULL ? &j->assigned : NULL;
    uint64_t bit = UINT64_C(1) << (m->attempt % 64);

    if (j == NULL || history_evicts(s) || j->damaged) {
        return;
    }
    /* Its home may have begun anew with it, too. */
    inc += g != NULL && j->home != NULL ? j->home->inc << 32 : 0;
    if (x->inc != inc && (j->class_ == WF_CLASS_FAST || j->disputed)) {
        *x = (struct hassigned){.inc = inc};
    }
    if (m->attempt >= 64) {
        return;
    }
    if ((x->attempts & bit) != 0) {
        sim_fail(s, "job %u: attempt %u was assigned twice", j->index,
                 (unsigned) m->attempt);
    }
    x->attempts |= bit;
}

/* A refusal that denies a job the same process accepted. */
static void saw_error(struct sim *s, const struct actor *a, const struct conn *c,
                      const struct wf_error *m)
{
    struct hjob *j = history_find(s, c->to, &m->job);

    if (j == NULL || !may_see(a, j) || j->disputed) {
        return;
    }
    j->unkept |= m->code == (uint64_t) -WEFT_ESTORAGE && m->about == WF_MSG_submit;
    /* Only its owner hears of it in the order of asking; an audit comes after all. */
    if (m->code == (uint64_t) -WEFT_ENOENT &&
        (j->accepted_inc == c->broker_inc || history_holds(s, j)) &&
        (a == j->owner || m->about == WF_MSG_watch) && !history_evicts(s) &&
        !j->damaged && joint_must_know(c->to, &j->id)) {
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
static int is_foreign(struct sim *s, const struct actor *a, const struct conn *c,
                      const struct wf_id *id)
{
    const struct hjob *j = history_find(s, c->to, id);

    if (j == NULL || j->disputed || may_see(a, j)) {
        return 0;
    }
    sim_fail(s, "job %u is shown to %s", j->index, a->name);
    return 1;
}

static void client_saw(struct sim *s, const struct actor *a, const struct conn *c,
                       const struct wf_msg *m)
{
    struct hjob *j;

    switch (m->type) {
    case WF_MSG_accepted:
        j = history_find(s, c->to, &m->u.accepted.job);
        if (j != NULL) {
            saw_accepted(s, a, &m->u.accepted, j, c->broker_inc);
        }
        break;
    case WF_MSG_outcome:
        j = history_find(s, c->to, &m->u.outcome.job);
        if (history_by_id(s, &m->u.outcome.job) == NULL && a->ops == &client_ops &&
            a->role != WF_ROLE_OPERATOR) {
            sim_fail(s, "%s: an outcome of a job that there is not", a->name);
        } else if (j != NULL && !j->disputed && !is_foreign(s, a, c, &j->id)) {
            saw_outcome(s, &m->u.outcome, j, c->broker_inc);
        }
        break;
    case WF_MSG_output:
        (void) is_foreign(s, a, c, &m->u.output.job);
        break;
    case WF_MSG_job_update:
        (void) is_foreign(s, a, c, &m->u.job_update.job);
        break;
    case WF_MSG_why_info:
        (void) is_foreign(s, a, c, &m->u.why_info.job);
        break;
    case WF_MSG_job_info:
        saw_rows(s, a, m->u.job_info.job);
        break;
    case WF_MSG_jobs_page:
        saw_rows(s, a, m->u.jobs_page.rows);
        break;
    case WF_MSG_error:
        saw_error(s, a, c, &m->u.error);
        break;
    default:
        break;
    }
}

/* From a process that lived on an old copy: nothing it says of a job is to be held
 * against the others. */
static void saw_old(struct sim *s, const struct host *at, const struct wf_msg *m)
{
    if (m->type == WF_MSG_accepted) {
        history_damaged(s, at, &m->u.accepted.job);
    } else if (m->type == WF_MSG_outcome) {
        history_damaged(s, at, &m->u.outcome.job);
    } else if (m->type == WF_MSG_assign) {
        history_damaged(s, at, &m->u.assign.job);
    }
}

static int is_for_all(enum wf_type type)
{
    return type == WF_MSG_welcome || type == WF_MSG_error || type == WF_MSG_ping ||
           type == WF_MSG_pong || type == WF_MSG_bye || type == WF_MSG_joined ||
           type == WF_MSG_brokers;
}

/* Both sides of a transfer may be an agent or a client. */
static int is_for_transfers(enum wf_type type)
{
    return type == WF_MSG_located || type == WF_MSG_grant || type == WF_MSG_dataset_info;
}

static int is_for_agents(enum wf_type type)
{
    return type == WF_MSG_assign || type == WF_MSG_result_ack || type == WF_MSG_stop ||
           type == WF_MSG_drain || type == WF_MSG_fetch || type == WF_MSG_keep ||
           type == WF_MSG_seek || type == WF_MSG_claimed;
}

/* A hostile one: it gets work, and sees nothing of that of others. */
static void broker_saw(struct sim *s, const struct actor *a, const struct conn *c,
                       const struct wf_msg *m)
{
    switch (m->type) {
    case WF_MSG_assign:
        saw_assign(s, c->to, &m->u.assign, c->broker_inc);
        break;
    case WF_MSG_accepted:
    case WF_MSG_outcome:
    case WF_MSG_job_update:
    case WF_MSG_job_info:
    case WF_MSG_jobs_page:
    case WF_MSG_why_info:
        sim_fail(s, "%s is a broker and is sent %s", a->name, wf_desc_of(m->type)->name);
        break;
    default:
        break;
    }
}

void history_saw(struct sim *s, const struct actor *a, const struct conn *c,
                 const struct wf_msg *m)
{
    if (host_was_old(c->to, c->broker_inc)) {
        saw_old(s, c->to, m);
        return;
    }
    if (is_for_all(m->type) && m->type != WF_MSG_error) {
        return;
    }
    if (a->role == WF_ROLE_AGENT) {
        if (!is_for_agents(m->type) && !is_for_all(m->type) &&
            !is_for_transfers(m->type)) {
            sim_fail(s, "%s is an agent and is sent %s", a->name,
                     wf_desc_of(m->type)->name);
        } else if (m->type == WF_MSG_assign) {
            saw_assign(s, c->to, &m->u.assign, c->broker_inc);
        }
        return;
    }
    if (a->role == WF_ROLE_BROKER) {
        broker_saw(s, a, c, m);
        return;
    }
    if (is_for_agents(m->type)) {
        sim_fail(s, "%s is no agent and is sent %s", a->name, wf_desc_of(m->type)->name);
        return;
    }
    client_saw(s, a, c, m);
}

struct hkey *history_key(struct sim *s, const struct host *home, const struct wf_key *key)
{
    struct history *h = &s->history;
    unsigned i = 0;

    while (i < h->nkeys && !wf_key_eq(&h->keys[i].key, key)) {
        i++;
    }
    WF_CHECK(i < HISTORY_KEYS);
    h->nkeys += i == h->nkeys;
    h->keys[i].key = *key;
    h->keys[i].home = home;
    return &h->keys[i];
}
