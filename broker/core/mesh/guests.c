#include "broker/core/mesh/guests.h"

#include "broker/core/jobs/ledger.h"
#include "broker/core/jobs/submit.h"
#include "broker/core/jobs/work.h"
#include "broker/core/mesh/folders.h"
#include "broker/core/place/place.h"
#include "common/err.h"
#include "common/fnv.h"
#include "common/mem.h"
#include "common/str.h"

#include <string.h>

/* Of outcomes that are told again after a link came back, at a time. */
#define TELL_BYTES ((size_t) 4 << 20)
#define TELL_HEAD  512u /* of each, beside its bytes */

int guest_new(const struct wf_id *job, uint64_t attempt, struct wf_rows path,
              struct guest **ret_guest)
{
    const size_t size = sizeof(struct guest) + path.len;
    struct guest *g = wf_calloc(1, size);

    if (g == NULL) {
        return WEFT_ENOMEM;
    }
    wf_list_init(&g->over);
    g->job = *job;
    g->attempt = (uint32_t) attempt;
    g->size = size;
    (void) jobs_put_rows(g->bytes, path, &g->path);
    *ret_guest = g;
    return 0;
}

static int is_in(struct wf_rows path, const char *name)
{
    struct wf_label_row row;

    while (wf_rows_next(&path, wf_desc_label_row(), &row)) {
        if (wf_slice_is(row.text, name)) {
            return 1;
        }
    }
    return 0;
}

int guest_came_through(const struct guest *g, const char *name)
{
    return is_in(g->path, name);
}

/* Not secret: who makes up one that is taken is refused, because the job is not his. */
struct wf_id guest_id(const struct wf_key *owner, const struct wf_id *job,
                      uint64_t attempt)
{
    uint64_t half[2] = {wf_fnv_u64(WF_FNV_START, 1), wf_fnv_u64(WF_FNV_START, 2)};
    struct wf_id id;

#ifdef WEFT_PLANT_GUEST_NUMBER
    attempt = 0;
#endif
    for (unsigned i = 0; i < 2; i++) {
        half[i] = wf_fnv_bytes(half[i], owner->b, sizeof owner->b);
        half[i] = wf_fnv_bytes(half[i], job->b, sizeof job->b);
        half[i] = wf_fnv_u64(half[i], attempt);
        for (unsigned k = 0; k < 8; k++) {
            id.b[i * 8 + k] = (uint8_t) (half[i] >> (8 * k));
        }
    }
    return id;
}

/* Nothing is to be told of it any more. */
static void let_go(struct core *c, struct job *j)
{
    j->guest->of = j;
    j->guest->acked = 1;
    wf_list_remove(&j->guest->over);
    wf_list_push_back(&c->mesh.over, &j->guest->over);
}

/* The session of its broker, or NULL while that is away. */
static struct session *home_of(const struct job *j)
{
    const struct agent *a = j->owner->agent;

    return a != NULL ? a->session : NULL;
}

static struct wf_rows path_of(const struct job *j)
{
#ifdef WEFT_PLANT_PATH_LOST
    return (struct wf_rows){0};
#endif
    return j->guest != NULL ? j->guest->path : (struct wf_rows){0};
}

void guest_terms(struct core *c, const struct job *j, struct wf_assign *m)
{
    const struct wf_submit s = job_submit(j);
    const struct wf_label_row us = {wf_slice_of(c->cfg.name)};
    struct wf_label_row row;

    m->needs = s.needs;
    if (!wf_slice_is(s.node, j->agent->principal->name)) {
        m->node = s.node;
    }
    m->name = s.name;
    m->class_ = j->class_;
    m->goal = s.goal;
    m->rho_pusd = s.rho_pusd;
    m->max_cost_pusd = s.max_cost_pusd;
    m->prefers = s.prefers;
    if (j->deadline_us != 0) {
        m->left_ms =
            wf_max_u64(1, (wf_max_u64(j->deadline_us, c->now_us) - c->now_us) / 1000);
    }
    wf_buf_clear(&c->mesh.rows);
    for (struct wf_rows path = path_of(j);
         wf_rows_next(&path, wf_desc_label_row(), &row);) {
        (void) wf_rows_add(&c->mesh.rows, &m->path, wf_desc_label_row(), &row);
    }
    (void) wf_rows_add(&c->mesh.rows, &m->path, wf_desc_label_row(), &us);
}

/* -- what is told ----------------------------------------------------------------------
 */

void guest_tell_state(const struct core *c, const struct job *j, struct wf_effects *out)
{
    const struct session *home = home_of(j);
    struct wf_started m;

    if (home == NULL || j->state != WF_JOB_RUNNING) {
        return;
    }
    m = (struct wf_started){.job = j->guest->job,
                            .attempt = j->guest->attempt,
                            .ago_us = c->now_us - j->started_us};
    wf_effects_send(out, home->peer, WF_MSG_started, &m);
}

void guest_tell_output(const struct job *j, const struct wf_output *m,
                       struct wf_effects *out)
{
    const struct session *home = home_of(j);
    struct wf_output piece = *m;

    if (home != NULL) {
        piece.job = j->guest->job;
        piece.attempt = j->guest->attempt;
        wf_effects_send(out, home->peer, WF_MSG_output, &piece);
    }
}

void guest_tell_fetching(const struct job *j, const struct wf_fetching *m,
                         struct wf_effects *out)
{
    const struct session *home = home_of(j);
    struct wf_fetching there = *m;

    if (home != NULL) {
        there.job = j->guest->job;
        there.attempt = j->guest->attempt;
        wf_effects_send(out, home->peer, WF_MSG_fetching, &there);
    }
}

void guest_tell_outcome(const struct job *j, struct wf_effects *out)
{
    const struct session *home = home_of(j);
    struct wf_result m;

    if (home == NULL) {
        return;
    }
    m = (struct wf_result){.job = j->guest->job,
                           .attempt = j->guest->attempt,
                           .code = (uint64_t) -j->code,
                           .exit_code = j->exit_code,
                           .signal = j->term_signal,
                           .reason = wf_slice_of(j->reason),
                           .data = wf_slice_make(j->data, j->data_len),
                           .wait_us = j->wait_us,
                           .run_us = j->run_us,
                           .cut = j->cut,
                           .blob = j->blob,
                           .blob_size = j->blob_size,
                           .fetched = j->fetched,
                           .node = job_node(j),
                           .cost_pusd = j->cost_pusd};
    j->guest->told_peer = home->peer;
    wf_effects_send(out, home->peer, WF_MSG_result, &m);
}

static unsigned run_state(const struct job *j)
{
    return wf_job_is_final(j->state)    ? WF_RUN_FINISHED
           : j->state == WF_JOB_RUNNING ? WF_RUN_RUNNING
                                        : WF_RUN_WAITING;
}

/* An outcome that is not safe yet is told when it is. */
static int is_told(const struct core *c, const struct job *j)
{
#ifdef WEFT_PLANT_GUEST_BEFORE_SYNC
    return wf_job_is_final(j->state);
#endif
    return wf_job_is_final(j->state) && ledger_settled(c, j);
}

void guests_drop(struct core *c, struct wf_effects *out)
{
    struct wf_list_node *n, *next;

#ifdef WEFT_PLANT_GUEST_FORGOTTEN
    for (n = wf_list_first(&c->jobs.all); n != NULL; n = wf_list_next(&c->jobs.all, n)) {
        struct job *j = CONTAINER_OF(n, struct job, in_all);

        if (j->guest != NULL && is_told(c, j)) {
            let_go(c, j);
        }
    }
#endif
    for (n = wf_list_first(&c->mesh.over); n != NULL; n = next) {
        next = wf_list_next(&c->mesh.over, n);
        work_drop(c, CONTAINER_OF(n, struct guest, over)->of, out);
    }
}

/* Rows of those that live, or of those that ended and were not acknowledged. */
static void list_guests(const struct core *c, const struct agent *owner, int ended,
                        struct wf_buf *b, struct wf_rows *rows)
{
    for (const struct wf_list_node *n = wf_list_first(&c->jobs.all); n != NULL;
         n = wf_list_next(&c->jobs.all, n)) {
        const struct job *j = CONTAINER_OF(n, struct job, in_all);
        struct wf_run_row row;

#ifdef WEFT_PLANT_RESYNC_WITHOUT_GUESTS
        continue;
#endif
        if (j->guest != NULL && j->owner == owner->principal && !j->guest->acked &&
            wf_job_is_final(j->state) == ended && rows->count < WF_RUNS_MAX) {
            row = (struct wf_run_row){j->guest->job, j->guest->attempt, run_state(j)};
            (void) wf_rows_add(b, rows, wf_desc_run_row(), &row);
        }
    }
}

void guests_resync(struct core *c, struct agent *owner, struct wf_effects *out)
{
    struct wf_buf b = WF_BUF_INIT(WF_RUNS_MAX * 64);
    struct wf_resync m = {{0}};

    for (struct wf_list_node *n = wf_list_first(&c->jobs.all); n != NULL;
         n = wf_list_next(&c->jobs.all, n)) {
        const struct job *j = CONTAINER_OF(n, struct job, in_all);

        if (j->guest != NULL && j->owner == owner->principal) {
            j->guest->stop_us = 0;
            j->guest->told_peer = 0;
        }
    }
    /* What is not listed is run again: what lives first. */
    list_guests(c, owner, 0, &b, &m.runs);
    list_guests(c, owner, 1, &b, &m.runs);
    if (b.err != 0) {
        out->err = WEFT_ENOMEM; /* every session begins anew */
    }
    wf_effects_send(out, owner->session->peer, WF_MSG_resync, &m);
    wf_buf_fini(&b);
    owner->neighbour->owes = 1;
    guests_tell(c, owner, out);
}

void guests_tell(struct core *c, struct agent *owner, struct wf_effects *out)
{
    size_t bytes = 0;

    for (struct wf_list_node *n = wf_list_first(&c->jobs.all); n != NULL;
         n = wf_list_next(&c->jobs.all, n)) {
        const struct job *j = CONTAINER_OF(n, struct job, in_all);

        if (j->guest == NULL || j->owner != owner->principal || j->guest->acked ||
            j->guest->told_peer == owner->session->peer || !is_told(c, j)) {
            continue;
        }
        if (bytes > TELL_BYTES) {
            return; /* the bus would cut who gets more at once */
        }
        guest_tell_outcome(j, out);
        bytes += j->data_len + TELL_HEAD;
    }
    owner->neighbour->owes = 0;
}

/* -- what is asked ---------------------------------------------------------------------
 */

static void refuse_guest(struct turn *t, int code, const char *text)
{
    const struct wf_assign *m = &t->msg->u.assign;
    const struct wf_refuse r = {.job = m->job,
                                .attempt = m->attempt,
                                .code = (uint64_t) -code,
                                .text =
                                    wf_slice_make(text, wf_utf8_cut(text, strlen(text)))};

    t->c->count.guests_refused++;
#ifdef WEFT_PLANT_GUEST_UNANSWERED
    return;
#endif
    wf_effects_send(t->out, t->s->peer, WF_MSG_refuse, &r);
}

void guest_give_back(struct core *c, struct job *j, int code, const char *why,
                     struct wf_effects *out)
{
    const struct session *home = home_of(j);
    const struct wf_refuse m = {.job = j->guest->job,
                                .attempt = j->guest->attempt,
                                .code = (uint64_t) -code,
                                .text = wf_slice_of(why)};
    const struct work_end end = {.state = WF_JOB_CANCELLED, .code = code, .reason = why};

    if (home != NULL) {
        let_go(c, j);
        wf_effects_send(out, home->peer, WF_MSG_refuse, &m);
    }
    work_finish(c, j, &end, out);
}

void guest_waits(struct core *c, struct job *j)
{
    j->guest->back_us =
        j->state == WF_JOB_QUEUED ? c->now_us + 2 * c->cfg.heartbeat_ms * 1000 : 0;
    (void) job_plan(&c->jobs, j);
}

void guests_cut(struct core *c, const struct agent *owner)
{
    for (struct wf_list_node *n = wf_list_first(&c->jobs.all); n != NULL;
         n = wf_list_next(&c->jobs.all, n)) {
        struct job *j = CONTAINER_OF(n, struct job, in_all);

        if (j->guest != NULL && j->owner == owner->principal &&
            j->guest->stop_after_ms != 0 && !wf_job_is_final(j->state)) {
            j->guest->stop_us =
                c->now_us + wf_min_u64(j->guest->stop_after_ms, UINT64_MAX / 4000) * 1000;
            (void) job_plan(&c->jobs, j);
        }
    }
}

void guest_due(struct core *c, struct job *j, struct wf_effects *out)
{
    const struct work_end end = {.state = WF_JOB_CANCELLED,
                                 .code = WEFT_ELOST,
                                 .reason = "its broker was cut off for longer than it "
                                           "allows"};

    if (wf_job_is_final(j->state)) {
        return; /* it was given back just now */
    }
    if (j->guest->stop_us != 0 && j->guest->stop_us <= c->now_us) {
        work_stop(j, end.code, out);
        work_finish(c, j, &end, out);
        return;
    }
    if (j->guest->back_us != 0 && j->guest->back_us <= c->now_us &&
        j->state == WF_JOB_QUEUED) {
        guest_give_back(c, j, WEFT_EBUSY, "it waited in vain for an agent there", out);
    }
}

void guest_not_kept(const struct job *j, struct wf_effects *out)
{
    const struct session *home = home_of(j);
    const struct wf_refuse m = {.job = j->guest->job,
                                .attempt = j->guest->attempt,
                                .code = (uint64_t) -WEFT_EBUSY,
                                .text = wf_slice_of(wf_err_sentence(WEFT_ESTORAGE))};

    if (home != NULL) {
        wf_effects_send(out, home->peer, WF_MSG_refuse, &m);
    }
}

static struct wf_submit submit_of(const struct wf_assign *m, const struct wf_id *id)
{
    return (struct wf_submit){.job = *id,
                              .capability = m->capability,
                              .version = m->version,
                              .payload = m->payload,
                              .class_ = m->class_,
                              .priority = m->priority,
                              .wall_ms = m->wall_ms,
                              .deadline_ms = m->left_ms,
                              .needs = m->needs,
                              .node = m->node,
                              .name = m->name,
                              .detached = 1,
                              .disconnect = m->stop_after_ms != 0 ? WF_STOP_AFTER
                                                                  : WF_REPLACE_AFTER,
                              .disconnect_ms = m->stop_after_ms,
                              .goal = m->goal,
                              .rho_pusd = m->rho_pusd,
                              .max_cost_pusd = m->max_cost_pusd,
                              .prefers = m->prefers,
                              .payload_blob = m->payload_blob,
                              .payload_size = m->payload_size};
}

int guest_may_wait(const struct decision *d)
{
    for (uint32_t i = 0; i < d->route.nrows; i++) {
        if (d->route.rows[i].filter == PLACE_FULL) {
            return 1;
        }
    }
    return 0;
}

int guest_cannot(const struct decision *d)
{
    for (uint32_t i = 0; i < d->route.nrows; i++) {
        switch (d->route.rows[i].filter) {
        case PLACE_OFFLINE:
        case PLACE_SILENT:
        case PLACE_DRAINING:
            return WEFT_EBUSY;
        default:
            break;
        }
    }
    return WEFT_ENOCAP;
}

/* Can it be placed here, now?  The home broker has other places to try; what waits here
 * in vain it would hear of much later. */
static int find_place(struct turn *t, const struct job *j, const char **ret_why)
{
    const struct place_ask ask = {.admission = 1};
    struct decision d;

    decision_clear(&d);
    if (place_choose(t->c, j, &ask, &d) != NULL) {
        return 0;
    }
    if (guest_may_wait(&d)) {
        *ret_why = "all agents here are busy";
        return WEFT_EBUSY;
    }
    *ret_why = "no agent here may run it";
    return guest_cannot(&d);
}

static int take_guest(struct turn *t, const struct wf_assign *m, const struct wf_id *id,
                      const char **ret_why)
{
    const struct wf_submit s = submit_of(m, id);
    struct job_data data = {m->inputs, m->residency};
    struct turn quiet = *t;
    struct job *j;
    int rc;

    quiet.quiet = 1; /* the answer is ours */
    rc = folders_rename(&t->s->principal->key, m->inputs, core_rows(t->c, 1),
                        &data.inputs);
    if (rc == 0) {
        rc = submit_prepare(&quiet, &s, &data, &j);
    }
    if (rc != 0) {
        /* That it is full is no fault of the job's. */
        rc = rc == WEFT_EFULL ? WEFT_EBUSY : rc;
        *ret_why = wf_err_sentence(rc);
        return rc;
    }
    j->owed = 0;
    j->acceptor = 0;
    rc = guest_new(&m->job, m->attempt, m->path, &j->guest);
    if (rc == 0) {
        t->c->jobs.bytes += j->guest->size;
        j->guest->stop_after_ms = m->stop_after_ms;
        rc = find_place(t, j, ret_why);
    } else {
        *ret_why = "out of memory";
    }
    if (rc != 0) {
        jobs_undo(&t->c->jobs, j);
        return rc;
    }
    t->c->count.guests++;
    submit_begin(t->c, j, t->out);
    return 0;
}

void on_assign(struct turn *t)
{
    const struct wf_assign *m = &t->msg->u.assign;
    const struct wf_id id = guest_id(&t->s->principal->key, &m->job, m->attempt);
    struct agent *a = t->s->principal->agent;
    struct job *j = jobs_get(&t->c->jobs, &id);
    const char *why = "";
    int rc;

    if (a == NULL || a->session != t->s) {
        return;
    }
    a->neighbour->covered = wf_max_u64(a->neighbour->covered, m->seq);
    if (j != NULL && j->guest != NULL && j->owner == t->s->principal) {
        return; /* said again: it is held, or its outcome is on its way */
    }
    if (j != NULL) {
        refuse_guest(t, WEFT_ECONFLICT, "its id here belongs to other work");
        return;
    }
    if (t->c->rolled_back) {
        refuse_guest(t, WEFT_ESTORAGE, "the broker's store went back in time");
        return;
    }
#ifndef WEFT_PLANT_CAME_FROM
    if (is_in(m->path, t->c->cfg.name) || m->path.count >= WF_HOPS_MAX) {
        refuse_guest(t, WEFT_ENOCAP, "it came through here, or too far");
        return;
    }
#endif
    rc = take_guest(t, m, &id, &why);
    if (rc != 0) {
        refuse_guest(t, rc, why);
    }
}

struct job *guest_of(const struct turn *t, const struct wf_id *job, uint64_t attempt)
{
    const struct wf_id id = guest_id(&t->s->principal->key, job, attempt);
    struct job *j = jobs_get(&t->c->jobs, &id);

    return j != NULL && j->guest != NULL && j->owner == t->s->principal ? j : NULL;
}

void on_stop(struct turn *t)
{
    const struct wf_stop *m = &t->msg->u.stop;
    struct job *j = guest_of(t, &m->job, m->attempt);
    struct work_end end = {.state = WF_JOB_CANCELLED,
                           .code = m->code != 0 ? -(int) m->code : WEFT_ECANCELLED,
                           .reason = "stopped by the broker that it came from"};

    if (j == NULL || wf_job_is_final(j->state)) {
        return;
    }
    if (m->waiting) {
        /* One that an agent has is not given back: its start or result is the answer. */
        if (!j->unclaimed && (j->state == WF_JOB_QUEUED || j->state == WF_JOB_ACCEPTED)) {
            guest_give_back(t->c, j, end.code, "asked back", t->out);
        }
        return;
    }
    work_stop(j, end.code, t->out);
    work_finish(t->c, j, &end, t->out);
}

void on_result_ack(struct turn *t)
{
    const struct wf_result_ack *m = &t->msg->u.result_ack;
    struct job *j = guest_of(t, &m->job, m->attempt);

#ifdef WEFT_PLANT_GUEST_STAYS
    return;
#endif
    if (j != NULL && wf_job_is_final(j->state)) {
        if (wf_digest_is_zero(&j->blob)) {
            let_go(t->c, j);
        } else {
            j->guest->acked = 1; /* its bytes are fetched from here */
        }
    }
}
