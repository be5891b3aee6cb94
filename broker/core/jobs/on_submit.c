/* Clients: submit, and submit again what ended. */
#include "broker/core/jobs/submit.h"

#include "broker/core/data/inputs.h"
#include "broker/core/jobs/ledger.h"
#include "broker/core/jobs/reuse.h"
#include "broker/core/jobs/work.h"
#include "broker/core/place/need.h"
#include "broker/core/place/place.h"
#include "broker/core/place/wishes.h"
#include "common/err.h"
#include "common/plant.h"
#include "proto/name.h"

#include <inttypes.h>
#include <stdio.h>

#define BUSY_RETRY_MS 200u

static int needs_are_sound(struct wf_rows rows)
{
    struct wf_label_row row;
    struct need need;

    while (wf_rows_next(&rows, wf_desc_label_row(), &row)) {
        if (need_parse(row.text, &need) != 0) {
            return 0;
        }
    }
    return 1;
}

/* Does any agent, here now or known from before, offer this? */
static int is_offered(const struct capability *cap, uint64_t version)
{
    for (const struct wf_list_node *n = cap != NULL ? wf_list_first(&cap->offers) : NULL;
         n != NULL; n = wf_list_next(&cap->offers, n)) {
        if (version == 0 || CONTAINER_OF(n, struct offer, peers)->version == version) {
            return 1;
        }
    }
    return 0;
}

static int is_durable(const struct core *c, const struct wf_submit *m)
{
    return c->cfg.durable && m->class_ != WF_CLASS_FAST;
}

/* With a deadline it may wait for an agent to come; without one it would wait for ever,
 * and most often the name is a mistake. */
static int check_offered(struct turn *t, const struct wf_submit *m)
{
    struct core *c = t->c;
    char cap[WF_CAP_NAME_MAX + 1], version[16] = "";

    if (is_offered(capabilities_get(&c->capabilities, m->capability), m->version)) {
        return 0;
    }
    if (c->now_us - c->started_us < c->cfg.lease_ms * 1000) {
        refuse(t, WEFT_EBUSY, 0, &m->job, BUSY_RETRY_MS,
               "the broker has just started and waits for its agents");
        return WEFT_EBUSY;
    }
    if (m->version > 0) {
        (void) snprintf(version, sizeof version, "@%u", (unsigned) m->version);
    }
    refuse(t, WEFT_ENOCAP, 0, &m->job, 0,
           "no agent offers %s%s (with a deadline the job would wait for one)",
           wf_slice_str(m->capability, cap, sizeof cap), version);
    return WEFT_ENOCAP;
}

/* What it takes of the memory for jobs. */
static uint64_t size_of(const struct wf_submit *m, const struct job_data *data)
{
    return (uint64_t) m->payload.len + m->needs.len + data->inputs.len + m->node.len +
           m->name.len + data->residency.len + 3 + wishes_size(m);
}

/* 0, or the code of the refusal that was sent. */
static int check_size(struct turn *t, const struct wf_submit *m,
                      const struct job_data *data)
{
    const uint64_t most = t->c->cfg.max_bytes;

    if (size_of(m, data) <= most) {
        return 0;
    }
    /* Trying again would not help: it fits into no state of the table. */
    refuse(t, WEFT_ETOOBIG, 0, &m->job, 0, "this broker holds %u bytes of all jobs",
           (unsigned) wf_min_u64(most, UINT32_MAX));
    return WEFT_ETOOBIG;
}

/* Likewise. */
static int check_submit(struct turn *t, const struct wf_submit *m)
{
    static const struct job_data unresolved;
    struct core *c = t->c;
    struct wf_key elsewhere;

    if (wf_id_is_zero(&m->job) || !wf_name_ok(m->capability)) {
        refuse(t, WEFT_EINVAL, 0, &m->job, 0,
               "a job needs an id and a capability name of a-z 0-9 . _ -");
        return WEFT_EINVAL;
    }
    if (m->payload.len > c->cfg.max_payload) {
        refuse(t, WEFT_ETOOBIG, 0, &m->job, 0,
               "the payload has %u bytes, this broker takes %u", m->payload.len,
               (unsigned) c->cfg.max_payload);
        return WEFT_ETOOBIG;
    }
    if (!wf_digest_is_zero(&m->payload_blob) && m->payload.len != 0) {
        refuse(t, WEFT_EINVAL, 0, &m->job, 0, "a payload is inline or a blob, not both");
        return WEFT_EINVAL;
    }
    if (check_size(t, m, &unresolved) != 0) {
        return WEFT_ETOOBIG;
    }
    if (!wishes_are_sound(m)) {
        refuse(t, WEFT_EINVAL, 0, &m->job, 0,
               "a preference is a need and a time, an affinity a job or a dataset");
        return WEFT_EINVAL;
    }
    if (!needs_are_sound(m->needs)) {
        refuse(t, WEFT_EINVAL, 0, &m->job, 0,
               "a need is KEY=VALUE, KEY!=VALUE, KEY>=NUMBER or KEY<=NUMBER");
        return WEFT_EINVAL;
    }
    if (m->class_ == WF_CLASS_DURABLE && !c->cfg.durable) {
        refuse(t, WEFT_ESTORAGE, 0, &m->job, 0,
               "this broker keeps jobs in memory: it cannot accept class durable");
        return WEFT_ESTORAGE;
    }
    if (is_durable(c, m) && c->store_failing) {
        c->count.storage_refused++;
        refuse(t, WEFT_ESTORAGE, 0, &m->job, STORAGE_RETRY_MS,
               "the broker's store fails at present: nothing durable is accepted");
        return WEFT_ESTORAGE;
    }
    if (m->node.len != 0 && registry_named(&c->registry, m->node) == NULL &&
        word_named(c, m->node, &elsewhere, NULL) != 0) {
        char node[WF_NAME_MAX + 1];

        refuse(t, WEFT_ENOENT, 0, &m->job, 0, "no node is named %s",
               wf_slice_str(m->node, node, sizeof node));
        return WEFT_ENOENT;
    }
    return m->deadline_ms == 0 ? check_offered(t, m) : 0;
}

static int same_work(const struct job *j, const struct wf_submit *m)
{
    return wf_slice_eq(job_payload(j), m->payload) && inputs_match(j, m) &&
           wf_slice_is(m->capability, j->capability->name) && j->version == m->version;
}

static void say_accepted(struct turn *t, const struct job *j, int known)
{
    const struct wf_accepted m = {j->id, j->class_, job_told_state(t->c, j),
                                  (uint64_t) known, j->reused};

    if (j->class_ == WF_CLASS_FAST && j->submitter != 0) {
        wf_effects_send_lazy(t->out, t->s->peer, WF_MSG_accepted, &m);
    } else {
        wf_effects_send(t->out, t->s->peer, WF_MSG_accepted, &m);
    }
}

/* The outcome is for whoever submitted last; who did before and still waits hears of it
 * all the same. */
static void submit_instead(struct turn *t, struct job *j)
{
    struct session *old = session_get(&t->c->sessions, j->submitter);
    unsigned watchers = 0;

    if (old != NULL && old != t->s && !wf_job_is_final(j->state) &&
        watch_find(j, old, &watchers) == NULL) {
        (void) watch_add(old, j, watchers);
    }
    j->submitter = t->s->peer;
}

/* Of two sessions that submit one job at once the later is told that it is accepted; the
 * other asks again. */
static void accept_instead(struct turn *t, struct job *j)
{
    const struct wf_error m = {.code = (uint64_t) -WEFT_EBUSY,
                               .about = WF_MSG_submit,
                               .job = j->id,
                               .retry_ms = BUSY_RETRY_MS,
                               .text = wf_slice_of("it is being submitted twice")};

    if (j->acceptor != t->s->peer) {
        for (; j->owed != 0 && session_get(&t->c->sessions, j->acceptor) != NULL;
             j->owed--) {
            wf_effects_send(t->out, j->acceptor, WF_MSG_error, &m);
        }
        j->owed = 0;
    }
    j->acceptor = t->s->peer;
    j->owed++;
}

/* The id is known: the same job again, or a conflict. */
static void resubmit(struct turn *t, struct job *j, const struct wf_submit *m)
{
    if (j->owner != t->s->principal || !same_work(j, m)) {
        t->c->count.conflicts++;
        refuse(t, WEFT_ECONFLICT, 0, &m->job, 0, "this id belongs to other work");
        return;
    }
    t->c->count.resubmitted++;
    if (m->detached == 0) {
        submit_instead(t, j);
    }
    if (!j->told) {
        accept_instead(t, j);
        return; /* its record is on its way */
    }
    say_accepted(t, j, 1);
    if (m->detached == 0 && wf_job_is_final(j->state) && ledger_settled(t->c, j)) {
        work_send_outcome(j, t->s->peer, t->out);
    }
}

static int has_room(struct core *c, const struct wf_submit *m,
                    const struct job_data *data, struct wf_effects *out)
{
    size_t more = (size_t) size_of(m, data);

    if (WF_PLANT(UNBOUNDED)) {
        return 1;
    }
    if (c->stopping || c->jobs.live >= c->cfg.max_jobs || more > c->cfg.max_bytes) {
        return 0;
    }
    if (c->jobs.bytes > c->cfg.max_bytes - more) {
        work_retain(c, more, out);
        return c->jobs.bytes <= c->cfg.max_bytes - more;
    }
    return 1;
}

static int add_job(struct turn *t, const struct wf_submit *m, const struct job_data *data,
                   struct job **ret_job)
{
    struct core *c = t->c;
    struct capability *cap;
    struct job *j;
    int rc = capabilities_ask(&c->capabilities, m->capability, &cap);

    if (rc == 0) {
        rc = jobs_add(&c->jobs, m, data, &j);
    }
    if (rc != 0) {
        return rc;
    }
    j->class_ = is_durable(c, m) ? WF_CLASS_DURABLE : WF_CLASS_FAST;
    j->owner = t->s->principal;
    j->capability = cap;
    cap->njobs++;
    j->submitter = m->detached ? 0 : t->s->peer;
    j->acceptor = t->s->peer;
    j->owed = 1;
    j->accepted_us = c->now_us;
    j->accepted_ms = c->wall_ms;
    job_set_terms(j, m, c->cfg.max_attempts);
    j->reserved = 1;
    j->client_rtt_us = wf_ewma_mean(&t->s->rtt_us);
    rc = job_plan(&c->jobs, j);
    if (rc != 0) {
        /* Its deadline would never come. */
        jobs_undo(&c->jobs, j);
        return rc;
    }
    *ret_job = j;
    return 0;
}

void submit_begin(struct core *c, struct job *j, struct wf_effects *out)
{
    ledger_write(c, j, LEDGER_JOB);
    if (WF_PLANT(ACK_BEFORE_SYNC)) {
        work_accept(c, j, out);
    }
    if (j->class_ == WF_CLASS_FAST) {
        work_accept(c, j, out);
    }
    if (!reuse_enter(c, j, out)) {
        work_place(c, j, out);
        (void) job_plan(&c->jobs, j);
    }
}

/* Refuse now what cannot make its deadline anywhere. */
static int check_deadline(struct turn *t, struct job *j)
{
    const struct place_ask ask = {.admission = 1};
    const struct wf_id id = j->id;
    struct decision d;
    uint64_t best_us;

    if (j->deadline_us == 0 || j->capability->nready != 0) {
        return 0;
    }
    decision_clear(&d);
    if (place_choose(t->c, j, &ask, &d) != NULL || !place_is_late(&d, &best_us)) {
        return 0;
    }
    t->c->count.late++;
    jobs_undo(&t->c->jobs, j);
    refuse(t, WEFT_ELATE, 0, &id, 0,
           "no agent is expected to end it in time: %" PRIu64
           " ms at the best of them, for nearly all such jobs",
           best_us / 1000);
    return WEFT_ELATE;
}

int submit_prepare(struct turn *t, const struct wf_submit *m,
                   const struct job_data *given, struct job **ret_job)
{
    struct core *c = t->c;
    char residency[WF_LABEL_MAX + 1];
    struct job_data data = {{0}};
    int rc = check_submit(t, m);

    if (rc != 0) {
        return rc;
    }
    if (given != NULL) {
        data = *given;
    } else if (m->inputs.count != 0 || !wf_digest_is_zero(&m->payload_blob)) {
        rc = inputs_resolve(t, m, core_rows(c, 2), &data.inputs, residency);
        if (rc != 0) {
            return rc;
        }
        data.residency = wf_slice_of(residency);
    }
    if (check_size(t, m, &data) != 0) {
        return WEFT_ETOOBIG;
    }
    rc = has_room(c, m, &data, t->out) ? add_job(t, m, &data, ret_job) : WEFT_EFULL;
    if (rc != 0) {
        c->count.busy++;
        refuse(t, WEFT_EBUSY, 0, &m->job, BUSY_RETRY_MS,
               c->stopping ? "the broker is stopping" : "the broker's queue is full");
    }
    return rc;
}

void on_submit(struct turn *t)
{
    struct core *c = t->c;
    const struct wf_submit *m = &t->msg->u.submit;
    struct job *j = jobs_get(&c->jobs, &m->job);

    if (WF_PLANT(DEDUP_LOST) && j != NULL && wf_job_is_final(j->state) && !j->occupies) {
        jobs_forget(&c->jobs, j);
        j = NULL;
    }
    if (j != NULL) {
        resubmit(t, j, m);
        return;
    }
    if (submit_prepare(t, m, NULL, &j) == 0 && check_deadline(t, j) == 0) {
        submit_begin(c, j, t->out);
    }
}

/* A new job with the work of an old one that ended. */
void on_job_retry(struct turn *t)
{
    struct core *c = t->c;
    const struct wf_job_retry *m = &t->msg->u.job_retry;
    struct job *old = owned_job(t, &m->job, m->req);
    struct wf_submit again;
    struct job_data data;
    struct job *j = jobs_get(&c->jobs, &m->new_job);
    int rc;

    if (old == NULL) {
        return;
    }
    if (j != NULL && j->owner == t->s->principal && wf_id_eq(&j->retry_of, &m->job)) {
        answer_when_safe(t, j->class_, m->req, 0, ""); /* the first answer was lost */
        return;
    }
    if (j != NULL || wf_id_is_zero(&m->new_job)) {
        reply_done(t, m->req, WEFT_ECONFLICT, "the new id belongs to other work");
        return;
    }
    if (!wf_job_is_final(old->state)) {
        reply_done(t, m->req, WEFT_ESTATE,
                   "the job has not ended: there is nothing to repeat");
        return;
    }
    if (old->class_ == WF_CLASS_DURABLE && c->store_failing) {
        c->count.storage_refused++;
        reply_done(t, m->req, WEFT_ESTORAGE, "the broker's store fails at present");
        return;
    }
    again = job_submit(old);
    again.job = m->new_job;
    again.reuse_ms = 0; /* it is to run */
    again.detached = 1;
    old->held = 1;
    data = (struct job_data){old->inputs, wf_slice_of(old->residency)};
    rc = has_room(c, &again, &data, t->out) ? add_job(t, &again, &data, &j) : WEFT_EFULL;
    old->held = 0;
    if (rc != 0) {
        c->count.busy++;
        reply_done(t, m->req, WEFT_EBUSY, "the broker's queue is full");
        return;
    }
    j->acceptor = 0;
    j->owed = 0;
    j->retry_of = old->id;
    answer_when_safe(t, j->class_, m->req, 0, "");
    submit_begin(c, j, t->out);
}
