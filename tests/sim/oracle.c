#include "tests/sim/oracle.h"

#include "broker/core/mesh/guests.h"
#include "common/check.h"
#include "tests/sim/abroad.h"
#include "tests/sim/sim.h"

/* From its deadline until the broker has to have ended a job, once it runs. */
#define LATE_US (1500ull * MS)

void oracle_keys(struct sim *s, const struct host *h)
{
    for (unsigned i = 0; i < s->history.nkeys; i++) {
        const struct hkey *k = &s->history.keys[i];
        int in = core_admits(h->core, &k->key);

        if (k->home != h) {
            continue;
        }
        if (k->revoked && in) {
            sim_fail(s, "a revoked key is let in again");
        }
        if (k->joined && !k->doomed && !in) {
            sim_fail(s, "an enrolled key is not known any more");
        }
    }
}

/* One that is given back may be forgotten as soon as that is decided: whether it hears or
 * misses it, its home has it done elsewhere. */
static void note_given_back(struct sim *s, const struct host *h)
{
    for (unsigned i = 0; i < s->history.nguests; i++) {
        struct hguest *g = &s->history.guests[i];
        const struct job *j =
            g->held && g->at == h ? jobs_get(&h->core->jobs, &g->id) : NULL;

        if (j != NULL && j->guest != NULL && j->guest->back) {
            g->held = 0;
        }
    }
}

void oracle_step(struct sim *s, const struct host *h)
{
    const struct core *c = h->core;

    /* What it takes over it takes whatever the room. */
    if (core_live_jobs(c) > h->cfg.max_jobs && !h->disk.rotten && h->joint.base == NULL) {
        sim_fail(s, "%zu live jobs, of at most %u", core_live_jobs(c),
                 (unsigned) h->cfg.max_jobs);
    }
    for (unsigned i = 0; i < s->nrogues; i++) {
        const struct principal *p = registry_key(&c->registry, &s->rogues[i].a.key);

        if (p != NULL && 2 * p->guests > h->cfg.max_jobs + 1) {
            sim_fail(s, "%zu guests of a neighbour, where %u jobs may be", p->guests,
                     (unsigned) h->cfg.max_jobs);
        }
    }
    if (wf_map_len(c->sessions.by_peer) > h->cfg.max_nodes) {
        sim_fail(s, "too many sessions");
    }
    note_given_back(s, h);
}

/* -- promises --------------------------------------------------------------------------
 */

void oracle_heard(struct host *h, const struct wf_msg *m, const struct conn *c)
{
    const struct core *b = h->core;

    h->must_stop = m->type == WF_MSG_hello && !b->cfg.accept_rollback &&
                   c->who->role == WF_ROLE_OPERATOR &&
                   m->u.hello.store == b->cfg.store_id &&
                   m->u.hello.store_lsn > b->durable_lsn;
}

void oracle_took(struct sim *s, const struct host *h)
{
    /* Without memory it may not have heard. */
    if (h->up && h->must_stop && !h->core->rolled_back && !s->swarm.on[FAULT_MEMORY]) {
        sim_fail(s, "a broker goes on whose operator was told of records that it lacks");
    } else if (h->up && h->core->rolled_back && !h->disk.is_old) {
        sim_fail(s, "a broker stops for an old store that is none");
    }
}

/* It was the result of this attempt that ended the job. */
static int is_taken(const struct job *j, const struct wf_result_ack *m,
                    const struct wf_key *by)
{
    return j != NULL && j->class_ == WF_CLASS_DURABLE && j->state == WF_JOB_OK &&
           wf_id_is_zero(&j->reused) && j->attempt == m->attempt && j->agent != NULL &&
           wf_key_eq(&j->agent->principal->key, by);
}

/* Whoever is at the other end of a connection of that broker. */
static const struct wf_key *other_end(const struct host *h, const struct conn *c)
{
    return c->to == h ? &c->key : &c->to->key;
}

/* Guests that this neighbour is to hear of. */
static unsigned guests_of(const struct core *c, const struct wf_key *home)
{
    const struct wf_list_node *head = &c->jobs.all;
    unsigned n = 0;

    for (const struct wf_list_node *x = head->next; x != head; x = x->next) {
        const struct job *j = CONTAINER_OF(x, struct job, in_all);

        n += j->guest != NULL && !j->guest->acked && wf_key_eq(&j->owner->key, home);
    }
    return n;
}

/* It told that neighbour of a guest, and keeps it from then on; or need not any more. */
static void hold(struct sim *s, const struct wf_key *home, const struct wf_id *job,
                 uint64_t attempt, int on)
{
    const struct wf_id id = guest_id(home, job, attempt);
    struct hguest *g = history_find_guest(s, &id);

    if (g != NULL) {
        g->held = on;
    }
}

void oracle_acked(struct sim *s, const struct host *h, const struct conn *c,
                  const struct wf_result_ack *m)
{
    hold(s, other_end(h, c), &m->job, m->attempt, 0);
}

/* Durable guests are kept until their result is acknowledged. */
static void check_held(struct sim *s, const struct host *h, const struct wf_key *home)
{
    if (history_evicts(s) || s->swarm.on[FAULT_ROT] || s->swarm.on[FAULT_BACKUP] ||
        s->swarm.on[FAULT_MEMORY]) {
        return;
    }
    for (unsigned i = 0; i < s->history.nguests; i++) {
        const struct hguest *g = &s->history.guests[i];

        if (g->at == h && g->held && !g->at_home && g->job->class_ != WF_CLASS_FAST &&
            wf_key_eq(&g->from, home) && jobs_get(&h->core->jobs, &g->id) == NULL) {
            sim_fail(s, "%s forgot a guest: attempt %u of job %u", h->name, g->attempt,
                     g->job->index);
        }
    }
}

/* A guest whose time of retention is over is told of for the last time, with its outcome,
 * and goes at the end of the same step.  Without memory a resync may be cut short: the
 * session then ends. */
static void check_told(struct sim *s, const struct host *h, const struct wf_key *home,
                       unsigned told)
{
    const unsigned held = guests_of(h->core, home);

    if (told != held && !(told > held && history_evicts(s)) &&
        !s->swarm.on[FAULT_MEMORY]) {
        sim_fail(s, "%s holds other guests than it tells of", h->name);
    }
}

static void check_promise(struct sim *s, const struct host *h, const struct conn *c,
                          const struct wf_msg *m)
{
    const struct jobs *t = &h->core->jobs;
    const struct wf_key *by = other_end(h, c);
    struct wf_id guest;
    const struct job *j;

    switch (m->type) {
    case WF_MSG_accepted:
        if (m->u.accepted.class_ == WF_CLASS_DURABLE &&
            !disk_has_job(h, &m->u.accepted.job)) {
            sim_fail(s, "a job is told accepted before it is on stable storage");
        }
        break;
    case WF_MSG_outcome:
        j = jobs_get(t, &m->u.outcome.job);
        if (j != NULL && j->class_ == WF_CLASS_DURABLE && !disk_has_outcome(h, &j->id)) {
            sim_fail(s, "an outcome is told before it is on stable storage");
        }
        break;
    case WF_MSG_result_ack:
        j = jobs_get(t, &m->u.result_ack.job);
        if (is_taken(j, &m->u.result_ack, by) && !disk_has_outcome(h, &j->id)) {
            sim_fail(s, "a result is acknowledged before it is on stable storage");
        }
        break;
    case WF_MSG_result:
        hold(s, by, &m->u.result.job, m->u.result.attempt, 1);
        guest = guest_id(by, &m->u.result.job, m->u.result.attempt);
        j = jobs_get(t, &guest);
        if (j != NULL && j->class_ == WF_CLASS_DURABLE && !disk_has_outcome(h, &guest)) {
            sim_fail(s, "the result of a guest is told before it is on stable storage");
        }
        break;
    case WF_MSG_started:
        hold(s, by, &m->u.started.job, m->u.started.attempt, 1);
        break;
    case WF_MSG_refuse:
        hold(s, by, &m->u.refuse.job, m->u.refuse.attempt, 0);
        guest = guest_id(by, &m->u.refuse.job, m->u.refuse.attempt);
        j = jobs_get(t, &guest);
        if (j != NULL && j->guest != NULL && j->class_ == WF_CLASS_DURABLE &&
            !disk_has_outcome(h, &guest)) {
            sim_fail(s, "a guest is given back before it is on stable storage that it is "
                        "over");
        }
        break;
    case WF_MSG_resync:
        check_held(s, h, by);
        check_told(s, h, by, m->u.resync.runs.count);
        break;
    default:
        break;
    }
}

void oracle_says(struct sim *s, const struct host *h, const struct conn *c,
                 const uint8_t *p, size_t len)
{
    /* An array, then the type: only those that promise are worth decoding. */
    unsigned type = len > 1 ? p[1] : 0;
    struct wf_cursor cur;
    struct wf_msg m;

    if (h->core->rolled_back && h->reads_only &&
        (type == WF_MSG_assign || type == WF_MSG_result_ack)) {
        sim_fail(s, "a broker on an old store goes on with its work");
    }

    if ((type == WF_MSG_accepted || type == WF_MSG_outcome || type == WF_MSG_result_ack ||
         type == WF_MSG_result || type == WF_MSG_resync || type == WF_MSG_started ||
         type == WF_MSG_refuse) &&
        !h->disk.rotten) {
        wf_cur_init(&cur, p, len);
        if (wf_msg_decode(&cur, &m) == 0) {
            check_promise(s, h, c, &m);
        }
    }
}

/* -- deadlines -------------------------------------------------------------------------
 */

/* A wall clock that jumps while the broker is down may shorten a deadline or lengthen it,
 * and a broker without memory may have to go without a timer. */
static int can_judge_time(const struct sim *s, const struct hjob *j)
{
    return !history_evicts(s) && !s->swarm.on[FAULT_CLOCK] &&
           !s->swarm.on[FAULT_MEMORY] && !j->damaged && !j->disputed && j->left_ms != 0 &&
           j->taken_us != 0 && j->retry_of == NULL;
}

static uint64_t deadline_us(const struct hjob *j, int ppm)
{
    return j->taken_us + j->left_ms * (uint64_t) (1000000 + ppm) / 1000;
}

void oracle_expired(struct sim *s, const struct hjob *j, int code)
{
    /* The wall clock, by which time spent down is counted, tells milliseconds.  What
     * cannot be done in time any more is given up earlier. */
    if (code != WEFT_ELATE && can_judge_time(s, j) &&
        s->clock.now_us + 10 * MS < deadline_us(j, -600)) {
        sim_fail(s, "job %u expired before its deadline", j->index);
    }
}

void oracle_deadlines(struct sim *s, const struct host *h)
{
    const struct wf_list_node *head;

    if (!h->up || h->disk.is_old || s->clock.now_us < h->awake_us + LATE_US) {
        return;
    }
    head = &h->core->jobs.all;
    for (const struct wf_list_node *n = head->next; n != head; n = n->next) {
        const struct job *b = CONTAINER_OF(n, struct job, in_all);
        const struct hjob *j = history_find(s, h, &b->id);

        if (j != NULL && !wf_job_is_final(b->state) && can_judge_time(s, j) &&
            joint_must_know(h, &j->id) &&
            s->clock.now_us > deadline_us(j, 600) + LATE_US) {
            sim_fail(s, "job %u lives on past its deadline", j->index);
        }
    }
}

/* -- replay ----------------------------------------------------------------------------
 */

struct replay {
    const struct sim *s;
    const struct host *h;
    struct core *core;
    struct wf_effects fx;
};

static void take_record(void *arg, unsigned table, struct wf_slice record)
{
    struct replay *r = arg;
    struct broker_event ev = {.kind = BROKER_RECORD,
                              .now_us = local_us(&r->h->own, &r->s->clock),
                              .wall_ms = local_wall_ms(&r->h->own, &r->s->clock),
                              .table = table,
                              .record = record};

    core_step(r->core, &ev, &r->fx);
    wf_effects_clear(&r->fx);
}

/* With --verbose: what a core knows. */
static void say_core(const struct sim *s, const struct core *c, const char *which)
{
    const struct wf_list_node *head = &c->jobs.all;
    const struct principal *p;
    char id[WF_ID_TEXT];
    size_t it = 0;

    for (const struct wf_list_node *n = head->next; n != head; n = n->next) {
        const struct job *j = CONTAINER_OF(n, struct job, in_all);

        if (j->class_ == WF_CLASS_DURABLE) {
            sim_log(s, which,
                    "%s %s attempt %u of %u tries %u of %u crashes %u lost %u code %d "
                    "data %zu",
                    wf_id_text(&j->id, id), wf_job_state_name(j->state), j->attempt,
                    j->reserved, j->tries, j->max_tries, j->crashes, j->lost, j->code,
                    j->data_len);
        }
    }
    while ((p = wf_map_next(c->registry.keys, &it)) != NULL) {
        sim_log(s, which, "key %02x %s %s", p->key.b[0], p->name,
                wf_key_state_name(p->state));
    }
    it = 0;
    while ((p = wf_map_next(c->registry.tokens, &it)) != NULL) {
        sim_log(s, which, "token %02x%02x %s %s", p->key.b[0], p->key.b[1], p->name,
                wf_key_state_name(p->state));
    }
}

void oracle_replay(struct sim *s, struct host *h)
{
    struct replay r = {.s = s, .h = h};
    struct core_config cfg = h->cfg;
    int rc;

    if (!h->up || !disk_is_still(h) || !core_is_settled(h->core) || h->disk.rotten ||
        s->swarm.on[FAULT_MEMORY]) {
        /* What rotted is known until the next start.  A deletion that found no memory
         * leaves a job behind that is over. */
        return;
    }
    /* What the live one has to keep a little longer is not to go while it is read. */
    cfg.retain_jobs = HISTORY_JOBS;
    cfg.retain_ms = UINT32_MAX;
    cfg.max_bytes = 64u << 20;
    rc = core_new(&cfg, &r.core);
    WF_CHECK(rc == 0);
    wf_effects_init(&r.fx);
    disk_read(h, take_record, &r);
    if (core_bad_records(r.core) != 0) {
        sim_fail(s, "%u records cannot be read back",
                 (unsigned) core_bad_records(r.core));
    } else if (core_durable_hash(r.core) != core_durable_hash(h->core)) {
        say_core(s, h->core, "live");
        say_core(s, r.core, "replayed");
        sim_fail(s, "what the store holds is not what %s knows", h->name);
    }
    s->replays++;
    wf_effects_fini(&r.fx);
    core_free(r.core);
}
