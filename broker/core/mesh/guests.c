#include "broker/core/mesh/guests.h"

#include "broker/core/jobs/ledger.h"
#include "broker/core/jobs/submit.h"
#include "broker/core/jobs/work.h"
#include "broker/core/mesh/numbers.h"
#include "broker/core/place/place.h"
#include "common/err.h"
#include "common/fnv.h"
#include "common/mem.h"
#include "common/plant.h"
#include "common/str.h"

#include <string.h>

/* Of outcomes that are told again after a link came back, at a time. */
#define TELL_BYTES ((size_t) 4 << 20)
#define TELL_HEAD  512u /* of each, beside its bytes */

int guest_new(const struct wf_assign *m, struct guest **ret_guest)
{
    const size_t size = sizeof(struct guest) + m->path.len;
    struct guest *g = wf_calloc(1, size);

    if (g == NULL) {
        return WEFT_ENOMEM;
    }
    wf_list_init(&g->over);
    g->job = m->job;
    g->attempt = (uint32_t) m->attempt;
    if (!wf_id_is_zero(&m->origin) && m->number != 0) {
        g->origin = m->origin;
        g->number = (uint32_t) m->number;
        g->numbers = (uint32_t) wf_min_u64(m->numbers, UINT32_MAX - m->number + 1);
    }
    g->size = size;
    (void) jobs_put_rows(g->bytes, m->path, &g->path);
    *ret_guest = g;
    return 0;
}

int guest_fits(struct core *c, const struct principal *home, size_t bytes,
               struct wf_effects *out)
{
    const size_t jobs = c->cfg.max_jobs - wf_min_u64(c->jobs.live, c->cfg.max_jobs);
    const size_t more = home->guest_bytes + bytes;

    if (home->guests >= jobs || more > c->cfg.max_bytes) {
        return 0;
    }
    if (c->jobs.bytes > c->cfg.max_bytes - more) {
        work_retain(c, more, out); /* results that are kept make room */
    }
    return c->jobs.bytes <= c->cfg.max_bytes - more;
}

void guest_enters(struct job *j)
{
    if (j->guest != NULL && j->guest->counted == 0) {
        j->guest->counted = job_bytes(j) + 1;
        j->owner->guests++;
        j->owner->guest_bytes += j->guest->counted;
    }
}

void guest_leaves(struct job *j)
{
    if (j->guest != NULL && j->guest->counted != 0) {
        j->owner->guests--;
        j->owner->guest_bytes -= j->guest->counted;
        j->guest->counted = 0;
    }
}

int guest_path_has(struct wf_rows path, const char *name)
{
    struct wf_label_row row;

    while (wf_rows_next(&path, wf_desc_label_row(), &row)) {
        if (wf_slice_is(row.text, name)) {
            return 1;
        }
    }
    return 0;
}

/* Not secret: who makes up one that is taken is refused, because the job is not his. */
struct wf_id guest_id(const struct wf_key *owner, const struct wf_id *job,
                      uint64_t attempt)
{
    uint64_t half[2] = {wf_fnv_u64(WF_FNV_START, 1), wf_fnv_u64(WF_FNV_START, 2)};
    struct wf_id id;

    if (WF_PLANT(GUEST_NUMBER)) {
        attempt = 0;
    }
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

void guest_let_go(struct core *c, struct job *j)
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
    if (WF_PLANT(PATH_LOST)) {
        return (struct wf_rows){0};
    }
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
    m->disconnect = s.disconnect;
    m->disconnect_ms = s.disconnect_ms;
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

static void tell_refusal(const struct session *home, const struct job *j, int code,
                         const char *text, uint32_t left, struct wf_effects *out)
{
    const struct wf_refuse m = {.job = j->guest->job,
                                .attempt = j->guest->attempt,
                                .code = (uint64_t) -code,
                                .text = wf_slice_of(text),
                                .left = left};

    wf_effects_send(out, home->peer, WF_MSG_refuse, &m);
}

void guest_tell_outcome(struct core *c, struct job *j, struct wf_effects *out)
{
    const struct session *home = home_of(j);
    struct wf_result m;

    if (home == NULL) {
        return;
    }
    if (j->guest->back) {
        tell_refusal(home, j, j->code, j->reason != NULL ? j->reason : "",
                     numbers_left(j), out);
        guest_let_go(c, j);
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
                           .cost_pusd = j->cost_pusd,
                           .number = numbers_seen(j)};
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
    if (WF_PLANT(GUEST_BEFORE_SYNC)) {
        return wf_job_is_final(j->state);
    }
    return wf_job_is_final(j->state) && ledger_settled(c, j);
}

void guests_drop(struct core *c, struct wf_effects *out)
{
    struct wf_list_node *n, *next;

    if (WF_PLANT(GUEST_FORGOTTEN)) {
        for (n = wf_list_first(&c->jobs.all); n != NULL;
             n = wf_list_next(&c->jobs.all, n)) {
            struct job *j = CONTAINER_OF(n, struct job, in_all);

            if (j->guest != NULL && is_told(c, j)) {
                guest_let_go(c, j);
            }
        }
    }
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

        if (WF_PLANT(RESYNC_WITHOUT_GUESTS)) {
            continue;
        }
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
        struct job *j = CONTAINER_OF(n, struct job, in_all);

        if (j->guest != NULL && j->owner == owner->principal) {
            j->guest->stop_us = 0;
            j->guest->told_peer = 0;
            if (j->guest->back && is_told(c, j)) {
                guest_let_go(c, j); /* what is not listed was not done here */
            }
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
        struct job *j = CONTAINER_OF(n, struct job, in_all);

        if (j->guest == NULL || j->owner != owner->principal || j->guest->acked ||
            j->guest->told_peer == owner->session->peer || !is_told(c, j)) {
            continue;
        }
        if (bytes > TELL_BYTES) {
            return; /* the bus would cut who gets more at once */
        }
        guest_tell_outcome(c, j, out);
        bytes += j->data_len + TELL_HEAD;
    }
    owner->neighbour->owes = 0;
}

/* -- what is asked ---------------------------------------------------------------------
 */

void guest_give_back(struct core *c, struct job *j, int code, const char *why,
                     struct wf_effects *out)
{
    const struct work_end end = {.state = WF_JOB_CANCELLED, .code = code, .reason = why};

    /* While the link is down it ends with that code, which result says later. */
    j->guest->back = home_of(j) != NULL;
    if (WF_PLANT(BACK_BEFORE_SYNC) && j->guest->back) {
        tell_refusal(home_of(j), j, code, why, numbers_left(j), out);
        guest_let_go(c, j);
    }
    work_finish(c, j, &end, out);
}

void guest_used_up(struct core *c, struct job *j, struct wf_effects *out)
{
    const struct work_end end = {
        .state = WF_JOB_DEAD,
        .code = WEFT_EDEAD,
        .reason = j->nhistory != 0 ? j->history[j->nhistory - 1].reason : NULL};

    if (j->tries != 0) {
        work_finish(c, j, &end, out);
    } else {
        guest_give_back(c, j, WEFT_EBUSY, "it was moved there as often as it may", out);
    }
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

/* A broker that was taken over had it from us: our job has its next attempt when that one
 * is missed, and nobody else asks for this one. */
static int is_own(const struct core *c, const struct job *j)
{
    return wf_key_eq(&j->owner->key, &c->cfg.key);
}

/* Its home was taken over by us, and with it the job whose attempt it is, which is about
 * to get the next one. */
static int is_at_home(const struct core *c, const struct job *j)
{
    const struct job *of = jobs_get(&c->jobs, &j->guest->job);

    return of != NULL && of->guest == NULL && of->unclaimed;
}

/* It was another broker's guest, and its home has no link to us: nobody asks for it, nor
 * will. */
static int is_stranded(struct job *j)
{
    const int was = j->guest->taken_over;

    j->guest->taken_over = 0;
    return was && home_of(j) == NULL;
}

void guests_orphaned(struct core *c, const struct principal *home, struct wf_effects *out)
{
    const struct work_end revoked = {.state = WF_JOB_CANCELLED,
                                     .code = WEFT_EREVOKED,
                                     .reason = "the key of its broker was revoked"};
    const struct work_end own = {.state = WF_JOB_CANCELLED,
                                 .code = WEFT_ELOST,
                                 .reason = "the broker that it was at is gone"};

    for (struct wf_list_node *n = wf_list_first(&c->jobs.all); n != NULL;
         n = wf_list_next(&c->jobs.all, n)) {
        struct job *j = CONTAINER_OF(n, struct job, in_all);
        const struct work_end *end = &revoked;

        if (j->guest == NULL || (home != NULL && j->owner != home)) {
            continue;
        }
        if (j->owner->state != WF_KEY_REVOKED) {
            if (WF_PLANT(TAKEN_GUESTS_STAY) ||
                (!is_own(c, j) && !is_at_home(c, j) && !is_stranded(j))) {
                continue;
            }
            end = &own;
        } else if (WF_PLANT(GUESTS_OF_REVOKED)) {
            continue;
        }
        guest_let_go(c, j);
        if (!wf_job_is_final(j->state)) {
            work_stop(j, end->code, out);
            work_finish(c, j, end, out);
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

    if (home != NULL) {
        /* Its record may have been written all the same, and come back. */
        tell_refusal(home, j, WEFT_EBUSY, wf_err_sentence(WEFT_ESTORAGE), 0, out);
    }
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
