#include "broker/core/jobs/replay.h"

#include "broker/core/place/routes.h"

#include "broker/core/jobs/ledger.h"
#include "broker/core/jobs/reuse.h"
#include "broker/core/jobs/work.h"
#include "broker/core/mesh/guests.h"
#include "broker/core/mesh/offers.h"
#include "common/err.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/plant.h"
#include "common/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A wall clock that moved further than this between two processes was wrong in one of
 * them: time spent down then counts as none. */
#define AGE_MAX_MS (UINT64_C(30) * 24 * 3600 * 1000)

static uint64_t seq_of(struct wf_slice record)
{
    uint64_t seq = 0;

    for (unsigned i = 0; i < 8; i++) {
        seq = seq << 8 | record.p[i];
    }
    return seq;
}

/* Decode the message behind the key. */
static int take(struct wf_slice record, size_t skip, enum wf_type type,
                struct wf_msg *ret_msg)
{
    return record.len < skip
               ? WEFT_EPROTO
               : wf_msg_read(wf_slice_make(record.p + skip, record.len - skip), type,
                             ret_msg);
}

static uint64_t since_us(const struct core *c, uint64_t wall_ms)
{
    uint64_t age_ms = c->wall_ms > wall_ms ? c->wall_ms - wall_ms : 0;

    return age_ms <= AGE_MAX_MS ? age_ms * 1000 : 0;
}

static struct job *job_numbered(const struct core *c, uint64_t seq)
{
    return wf_map_get(c->jobs.by_seq, &seq, sizeof seq);
}

struct principal *replay_owner(struct core *c, const struct wf_key *key)
{
    struct principal p = {
        .key = *key, .role = WF_ROLE_CLIENT, .state = WF_KEY_REVOKED, .unknown = 1};
    struct principal *entry = registry_key(&c->registry, key);

    if (entry != NULL) {
        return entry;
    }
    (void) snprintf(p.name, sizeof p.name, "unknown-%02x%02x%02x%02x", key->b[0],
                    key->b[1], key->b[2], key->b[3]);
    return registry_add(&c->registry, REGISTRY_KEYS, &p, &entry) == 0 ? entry : NULL;
}

/* A job of this id is here already.  One that is not accepted yet was sent again to us
 * while its first broker was dead: the stored one is the job, and its submitter is told
 * when that is in.  An older one that was read before was taken back, but its record
 * outlived it.  1: it made way. */
static int make_way(struct core *c, struct job *old, uint64_t seq, struct wf_effects *out)
{
    if (old->told && (!old->unclaimed || old->seq >= seq)) {
        return 0;
    }
    if (old->told) {
        ledger_drop(c, old, out);
        old->told = 0;
    }
    reuse_leave(c, old, out);
    data_job_gone(c, old, out);
    jobs_undo(&c->jobs, old);
    return 1;
}

/* Was it submitted by the owner of the stored one, and the same work?  (Its inputs were
 * resolved by another broker: they may have become others.) */
static int is_same(const struct job *j, const struct principal *owner,
                   const struct capability *cap, const struct wf_submit *m)
{
    return j->owner == owner && j->capability == cap && j->version == m->version &&
           wf_slice_eq(job_payload(j), m->payload) &&
           wf_digest_eq(&j->payload_blob, &m->payload_blob);
}

static void set_accepted(struct core *c, struct job *j, uint64_t wall_ms)
{
    j->accepted_ms = wall_ms;
    j->accepted_us = c->now_us - since_us(c, wall_ms);
    if (WF_PLANT(DEADLINE_RESET)) {
        j->accepted_us = c->now_us;
    }
}

static void move_watches(struct wf_list_node *to, struct job *j)
{
    struct wf_list_node *n;

    while ((n = wf_list_first(&j->watches)) != NULL) {
        wf_list_remove(n);
        wf_list_push_back(to, n);
    }
}

static void give_watches(struct job *j, struct wf_list_node *from)
{
    struct wf_list_node *n;

    while ((n = wf_list_first(from)) != NULL) {
        wf_list_remove(n);
        CONTAINER_OF(n, struct watch, of_job)->job = j;
        wf_list_push_back(&j->watches, n);
    }
}

static void drop_watches(struct wf_list_node *from)
{
    struct wf_list_node *n;

    while ((n = wf_list_first(from)) != NULL) {
        watch_free(CONTAINER_OF(n, struct watch, of_job));
    }
}

static struct wf_submit submit_of(const struct wf_job_rec *m)
{
    return (struct wf_submit){.payload = m->payload,
                              .version = m->version,
                              .priority = m->priority,
                              .wall_ms = m->run_ms,
                              .deadline_ms = m->deadline_ms,
                              .max_attempts = m->max_attempts,
                              .needs = m->needs,
                              .node = m->node,
                              .name = m->name,
                              .disconnect = m->disconnect,
                              .disconnect_ms = m->disconnect_ms,
                              .reuse_ms = m->reuse_ms,
                              .goal = m->goal,
                              .rho_pusd = m->rho_pusd,
                              .max_cost_pusd = m->max_cost_pusd,
                              .prefers = m->prefers,
                              .nears = m->nears,
                              .spread = m->spread,
                              .group = m->group,
                              .hedge = m->hedge,
                              .payload_blob = m->payload_blob,
                              .payload_size = m->payload_size};
}

/* What its record says of it; the attempt that it allows may be out there. */
static void take_job(struct core *c, struct job *j, const struct wf_job_rec *m,
                     const struct wf_submit *submit)
{
    c->replayed++;
    j->class_ = WF_CLASS_DURABLE;
    j->told = 1;
    j->unclaimed = 1;
    j->attempt = j->reserved = 1;
    j->retry_of = m->retry_of;
    set_accepted(c, j, m->accepted_ms);
    job_set_terms(j, submit, c->cfg.max_attempts);
}

static int replay_guest(struct core *c, struct job *j, const struct wf_job_rec *m)
{
    const struct wf_assign as = {.job = m->home_job,
                                 .attempt = m->home_attempt,
                                 .path = m->path,
                                 .origin = m->origin,
                                 .number = m->number,
                                 .numbers = m->numbers};
    int rc = guest_new(&as, &j->guest);

    if (rc != 0) {
        jobs_undo(&c->jobs, j);
        return rc;
    }
    c->jobs.bytes += j->guest->size;
    j->guest->taken_over = c->loaded;
    if (m->disconnect == WF_STOP_AFTER) {
        /* There is no link yet: the resync of its broker ends that. */
        j->guest->stop_after_ms = m->disconnect_ms;
        j->guest->stop_us =
            c->now_us + wf_min_u64(m->disconnect_ms, UINT64_MAX / 4000) * 1000;
    }
    return 0;
}

static int replay_job(struct core *c, struct wf_slice record, struct wf_effects *out)
{
    struct wf_msg msg;
    const struct wf_job_rec *m = &msg.u.job_rec;
    struct wf_submit submit;
    struct job_data data;
    struct wf_list_node watches;
    struct principal *owner;
    struct capability *cap;
    uint32_t acceptor = 0, submitter = 0;
    unsigned owed = 0;
    struct job *j;
    int rc;

    if (take(record, 8 + WF_ID_SIZE, WF_MSG_job_rec, &msg) != 0) {
        return WEFT_EPROTO;
    }
    owner = replay_owner(c, &m->owner);
    if (owner == NULL || capabilities_need(&c->capabilities, m->capability, &cap) != 0) {
        return WEFT_ENOMEM;
    }
    submit = submit_of(m);
    data = (struct job_data){m->inputs, m->residency};
    memcpy(submit.job.b, record.p + 8, WF_ID_SIZE);
    wf_list_init(&watches);
    j = jobs_get(&c->jobs, &submit.job);
    if (j != NULL && !j->told && !is_same(j, owner, cap, &submit)) {
        ledger_other(c, j, out);
        j = NULL;
    }
    if (j != NULL) {
        acceptor = j->acceptor;
        owed = j->owed;
        submitter = j->submitter;
        move_watches(&watches, j);
        if (!make_way(c, j, m->seq, out)) {
            give_watches(j, &watches);
            return 0;
        }
    }
    rc = jobs_add(&c->jobs, &submit, &data, &j);
    if (rc == 0 && !wf_id_is_zero(&m->home_job)) {
        rc = replay_guest(c, j, m);
    }
    if (rc != 0) {
        drop_watches(&watches);
        return rc;
    }
    j->capability = cap;
    cap->njobs++;
    j->seq = m->seq;
    j->owner = owner;
    guest_enters(j);
    if (wf_map_put(c->jobs.by_seq, &j->seq, sizeof j->seq, j) != 0) {
        drop_watches(&watches);
        jobs_undo(&c->jobs, j);
        return WEFT_ENOMEM;
    }
    j->acceptor = acceptor;
    j->owed = owed;
    j->submitter = submitter;
    give_watches(j, &watches);
    take_job(c, j, m, &submit);
    if (acceptor != 0) {
        work_accept(c, j, out);
    }
    return 0;
}

static void replay_history(struct core *c, struct job *j, struct wf_rows rows)
{
    struct wf_try_row row;

    while (wf_rows_next(&rows, wf_desc_try_row(), &row)) {
        struct principal *p = registry_named(&c->registry, row.node);
        struct job_try try = {.agent = p != NULL ? p->agent : NULL,
                              .attempt = (uint32_t) row.attempt,
                              .code = -(int) row.code,
                              .start_ms = row.start_ms,
                              .run_us = row.run_us};

        wf_slice_str(row.reason, try.reason, sizeof try.reason);
        job_add_try(j, &try);
    }
}

static int replay_attempt(struct core *c, struct wf_slice record)
{
    struct job *j = job_numbered(c, seq_of(record));
    const struct principal *p;
    struct wf_msg msg;
    const struct wf_attempt_rec *m = &msg.u.attempt_rec;

    if (take(record, 8, WF_MSG_attempt_rec, &msg) != 0) {
        return WEFT_EPROTO;
    }
    if (j == NULL) {
        return 0; /* left behind by a job that was taken back */
    }
    j->has_attempt_rec = 1;
    if (!j->unclaimed) {
        return 0;
    }
    j->attempt = j->reserved = (uint32_t) m->attempt;
    if (!WF_PLANT(NUMBERS_FORGOTTEN)) {
        j->numbers = (uint32_t) m->numbers;
    }
    if (WF_PLANT(RESTART_REASSIGN)) {
        j->attempt--;
    }
    j->tries = (unsigned) m->tries;
    j->crashes = (unsigned) m->crashes;
    j->lost = (unsigned) m->lost;
    p = registry_key(&c->registry, &m->agent);
    j->agent = p != NULL ? p->agent : NULL;
    replay_history(c, j, m->history);
    return 0;
}

static int replay_outcome(struct core *c, struct wf_slice record)
{
    struct job *j = job_numbered(c, seq_of(record));
    const struct principal *p;
    struct wf_msg msg;
    const struct wf_outcome_rec *m = &msg.u.outcome_rec;
    char reason[WF_TEXT_MAX + 1];
    int rc;

    if (take(record, 8, WF_MSG_outcome_rec, &msg) != 0 || !wf_job_is_final(m->state)) {
        return WEFT_EPROTO;
    }
    if (j == NULL || wf_job_is_final(j->state)) {
        return 0;
    }
    j->unclaimed = 0;
    capability_dequeue(j->capability, j);
    work_release(c, j);
    job_move(&c->jobs, j, (unsigned) m->state);
    j->code = -(int) m->code;
    j->exit_code = (unsigned) m->exit_code;
    j->term_signal = (unsigned) m->signal;
    j->attempt = (uint32_t) m->attempt;
    j->number = (uint32_t) m->number;
    j->reserved = (uint32_t) wf_max_u64(j->reserved, j->attempt);
    p = registry_key(&c->registry, &m->agent);
    j->agent = p != NULL ? p->agent : NULL;
    j->was_ours = wf_key_eq(&m->agent, &c->cfg.key) ? c->cfg.name : NULL;
    j->wait_us = m->wait_us;
    j->run_us = m->run_us;
    j->started_us = j->attempt != 0 ? j->accepted_us + j->wait_us : 0;
    j->cut = m->cut;
    j->reused = m->reused;
    j->tries = (unsigned) m->tries;
    j->crashes = (unsigned) m->crashes;
    j->lost = (unsigned) m->lost;
    j->finished_ms = m->finished_ms;
    j->finished_us = c->now_us - since_us(c, m->finished_ms);
    j->fetched = m->fetched;
    j->cost_pusd = m->cost_pusd;
    j->nhistory = 0;
    replay_history(c, j, m->history);
    rc = data_result(c, j, &m->blob, m->blob_size);
    return rc != 0 ? rc
                   : job_set_result(&c->jobs, j, m->data,
                                    wf_slice_str(m->reason, reason, sizeof reason));
}

static int replay_event(struct core *c, struct wf_slice record, struct wf_effects *out)
{
    struct wf_event_row row;
    uint64_t evicted;
    struct wf_msg msg;

    if (take(record, 8, WF_MSG_event_rec, &msg) != 0 ||
        !wf_rows_next(&msg.u.event_rec.event, wf_desc_event_row(), &row)) {
        return WEFT_EPROTO;
    }
    evicted = news_replay(&c->news, &row);
    if (evicted != 0) {
        ledger_drop_event(c, evicted, out);
    }
    return 0;
}

/* What a revoked agent holds nobody can fetch. */
static void forget_revoked(struct core *c, const struct principal *p)
{
    if (p->agent != NULL && p->state != WF_KEY_ACTIVE) {
        data_agent_gone(c, p->agent);
    }
}

/* An agent that is here was drained or undrained at another broker, or that one's record
 * went over an order of ours: the agent is to know what counts. */
static void follow_drain(struct core *c, const struct principal *p, int was_drained,
                         struct wf_effects *out)
{
    const struct wf_drain m = {(uint64_t) p->drained};

    if (p->drained != was_drained && p->agent != NULL && p->agent->session != NULL &&
        p->role == WF_ROLE_AGENT) {
        wf_effects_send(out, p->agent->session->peer, WF_MSG_drain, &m);
        work_feed(c, p->agent, out);
    }
}

/* A key that is revoked stays so, whatever is read of it: another broker may have written
 * its record without having heard of that yet, and we ourselves just before. */
static void stay_revoked(struct core *c, struct principal *p, struct wf_effects *out)
{
    if (!WF_PLANT(REVIVED_KEY) && p->state != WF_KEY_REVOKED) {
        registry_set_state(&c->registry, p, WF_KEY_REVOKED);
        (void) core_persist(c, REGISTRY_KEYS, p, out);
    }
}

/* An enrolled agent is a node from the start: it is shown as offline until it comes. */
static int replay_principal(struct core *c, const struct broker_event *ev,
                            struct wf_effects *out)
{
    struct principal *p;
    struct agent *a;
    struct wf_key key;
    int was_drained, was_revoked, rc;

    if (ev->record.len == sizeof key.b) {
        /* Another broker dropped it. */
        memcpy(key.b, ev->record.p, sizeof key.b);
        p = ev->table == REGISTRY_KEYS ? registry_key(&c->registry, &key)
                                       : registry_token(&c->registry, &key);
        if (p != NULL) {
            registry_set_state(&c->registry, p, WF_KEY_REVOKED);
            forget_revoked(c, p);
        }
        return 0;
    }
    if (ev->record.len < sizeof key.b) {
        return WEFT_EPROTO;
    }
    memcpy(key.b, ev->record.p, sizeof key.b);
    p = registry_key(&c->registry, &key);
    was_drained = p != NULL && p->drained;
    was_revoked = c->loaded && p != NULL && p->state == WF_KEY_REVOKED && !p->unknown;
    rc = registry_replay(&c->registry, ev->table, ev->record);
    if (rc != 0) {
        return rc;
    }
    p = registry_key(&c->registry, &key);
    if (p != NULL && was_revoked) {
        stay_revoked(c, p, out);
    }
    if (p != NULL) {
        forget_revoked(c, p);
    }
    if (p != NULL && p->agent != NULL) {
        routes_open(c, p->agent);
        follow_drain(c, p, was_drained, out);
    }
    if (ev->table == REGISTRY_KEYS && p != NULL && role_runs(p->role) &&
        p->agent == NULL && agents_need(&c->agents, p, &a) == 0) {
        a->since_us = a->heard_us = c->now_us;
        a->expected = p->up && p->state == WF_KEY_ACTIVE;
        rc = p->role == WF_ROLE_BROKER ? offers_replay(c, a, ev->record) : 0;
    }
    return rc;
}

/* What a dead broker left, read while we run: waits for its agents like after a start. */
static void adopt_late(struct core *c, struct wf_effects *out)
{
    int begins = c->reclaim_us == 0;

    /* From the last of them on. */
    c->reclaim_us = c->now_us + c->cfg.lease_ms * 1000;
    if (begins) {
        for (struct wf_list_node *x = wf_list_first(&c->agents.all); x != NULL;
             x = wf_list_next(&c->agents.all, x)) {
            struct agent *a = CONTAINER_OF(x, struct agent, in_all);

            a->expected = a->principal->up && a->session == NULL;
        }
        core_news(c, out, WF_LOG_WARN, "takeover", "", NULL,
                  "another broker of this site is gone: its jobs go on here");
    }
}

void replay_record(struct core *c, const struct broker_event *ev, struct wf_effects *out)
{
    int rc;

    switch (ev->table) {
    case REGISTRY_KEYS:
    case REGISTRY_TOKENS:
        rc = replay_principal(c, ev, out);
        break;
    case LEDGER_JOBS:
        rc = replay_job(c, ev->record, out);
        break;
    case LEDGER_ATTEMPTS:
        rc = replay_attempt(c, ev->record);
        break;
    case LEDGER_OUTCOMES:
        rc = replay_outcome(c, ev->record);
        break;
    case LEDGER_EVENTS:
        rc = replay_event(c, ev->record, out);
        break;
    case LEDGER_DATASETS:
        rc = dataset_replay(c, ev->record, out);
        break;
    case LEDGER_ESTIMATES:
        /* Advice: what is lost of it keeps nobody from working. */
        estimates_replay(c, ev->record);
        rc = 0;
        break;
    default:
        rc = WEFT_EPROTO;
    }
    if (c->loaded && ev->table >= LEDGER_JOBS && ev->table <= LEDGER_OUTCOMES) {
        adopt_late(c, out);
    }
    if (rc != 0) {
        c->count.bad_records++;
    }
}
