#include "broker/core/jobs/jobs.h"

#include "broker/core/mesh/guests.h"
#include "broker/core/place/capabilities.h"
#include "broker/core/place/wishes.h"
#include "common/check.h"
#include "common/err.h"
#include "common/mem.h"
#include "common/sm.h"

#include <string.h>

#define PRIORITY_MAX 9u

#define FINAL                                                                            \
    (WF_SM_TO(WF_JOB_OK) | WF_SM_TO(WF_JOB_FAILED) | WF_SM_TO(WF_JOB_DEAD) |             \
     WF_SM_TO(WF_JOB_CANCELLED) | WF_SM_TO(WF_JOB_EXPIRED))

static const struct wf_sm_state states[WF_JOB_STATES] = {
    [WF_JOB_ACCEPTED] = {"ACCEPTED", WF_SM_TO(WF_JOB_QUEUED) | FINAL},
    [WF_JOB_QUEUED] = {"QUEUED", WF_SM_TO(WF_JOB_ASSIGNED) | FINAL},
    [WF_JOB_ASSIGNED] = {"ASSIGNED",
                         WF_SM_TO(WF_JOB_RUNNING) | WF_SM_TO(WF_JOB_QUEUED) | FINAL},
    [WF_JOB_RUNNING] = {"RUNNING", WF_SM_TO(WF_JOB_QUEUED) | FINAL},
    [WF_JOB_OK] = {"OK", 0},
    [WF_JOB_FAILED] = {"FAILED", 0},
    [WF_JOB_DEAD] = {"DEAD", 0},
    [WF_JOB_CANCELLED] = {"CANCELLED", 0},
    [WF_JOB_EXPIRED] = {"EXPIRED", 0},
};

struct log_head {
    uint64_t offset;
    uint32_t attempt, len;
    uint32_t stream, pad;
};

int jobs_init(struct jobs *t, size_t max, size_t max_log, uint64_t seed)
{
    *t = (struct jobs){.by_id = wf_map_new(max, seed),
                       .by_seq = wf_map_new(max, seed + 1),
                       .by_like = wf_map_new(max, seed + 2),
                       .max_log = max_log};
    wf_heap_init(&t->timers, max);
    wf_list_init(&t->done);
    wf_list_init(&t->all);
    wf_list_init(&t->with_inputs);
    return t->by_id != NULL && t->by_seq != NULL && t->by_like != NULL ? 0 : WEFT_ENOMEM;
}

static void job_free(struct job *j)
{
    struct wf_list_node *n;

    while ((n = wf_list_first(&j->watches)) != NULL) {
        struct watch *w = CONTAINER_OF(n, struct watch, of_job);

        wf_list_remove(&w->of_job);
        wf_list_remove(&w->of_session);
        wf_free(w);
    }
    wf_list_remove(&j->in_queue);
    wf_list_remove(&j->in_agent);
    wf_list_remove(&j->in_done);
    wf_list_remove(&j->in_all);
    wf_list_remove(&j->in_ledger);
    wf_list_remove(&j->in_followers);
    wf_free(j->reason);
    wf_free(j->data);
    wf_free(j->history);
    wf_free(j->wishes);
    wf_free(j->forbidden);
    if (j->guest != NULL) {
        wf_list_remove(&j->guest->over);
        wf_free(j->guest);
    }
    wf_buf_fini(&j->log);
    wf_free(j);
}

static void free_copy(struct jobs *t, struct job *j)
{
    struct job *copy = j->wishes != NULL ? j->wishes->hedged.copy : NULL;

    if (copy != NULL) {
        wf_heap_remove(&t->timers, &copy->timer);
        wf_list_remove(&copy->in_agent);
        wf_free(copy);
    }
}

void jobs_fini(struct jobs *t)
{
    struct wf_list_node *n;

    wf_map_free(t->by_seq);
    wf_map_free(t->by_like);
    t->by_seq = NULL;
    t->by_like = NULL;
    if (t->by_id == NULL) {
        return;
    }
    while ((n = wf_list_first(&t->all)) != NULL) {
        struct job *j = CONTAINER_OF(n, struct job, in_all);

        (void) wf_map_take(t->by_id, j->id.b, sizeof j->id.b);
        wf_heap_remove(&t->timers, &j->timer);
        free_copy(t, j);
        while ((n = wf_list_first(&j->followers)) != NULL) {
            wf_list_remove(n);
        }
        job_free(j);
    }
    wf_map_free(t->by_id);
    wf_heap_fini(&t->timers);
    *t = (struct jobs){0};
}

struct job *jobs_get(const struct jobs *t, const struct wf_id *id)
{
    return wf_map_get(t->by_id, id->b, sizeof id->b);
}

void jobs_expect(const struct jobs *t, const struct wf_id *id)
{
    wf_map_expect(t->by_id, id->b, sizeof id->b);
}

size_t job_bytes(const struct job *j)
{
    return j->bytes_len + j->data_len + j->log.len +
           (j->wishes != NULL ? j->wishes->size : 0) +
           (j->guest != NULL ? j->guest->size : 0);
}

/* Copy text to `at` with its zero; returns where the next goes. */
static uint8_t *put_text(uint8_t *at, struct wf_slice text, const char **ret_text)
{
    *ret_text = wf_slice_str(text, (char *) at, (size_t) text.len + 1);
    return at + text.len + 1;
}

uint8_t *jobs_put_rows(uint8_t *at, struct wf_rows rows, struct wf_rows *ret_rows)
{
    if (rows.len != 0) {
        memcpy(at, rows.p, rows.len);
    }
    *ret_rows = (struct wf_rows){at, rows.len, rows.count};
    return at + rows.len;
}

static void put_bytes(struct job *j, const struct wf_submit *m,
                      const struct job_data *data)
{
    uint8_t *at = j->bytes;
    struct wf_need_row need;

    j->payload_len = m->payload.len;
    if (m->payload.len != 0) {
        memcpy(at, m->payload.p, m->payload.len);
    }
    at = jobs_put_rows(at + m->payload.len, m->needs, &j->needs);
    at = jobs_put_rows(at, data->inputs, &j->inputs);
    at = put_text(at, m->node, &j->pin);
    at = put_text(at, m->name, &j->name);
    (void) put_text(at, data->residency, &j->residency);
    j->payload_blob = m->payload_blob;
    j->payload_size = m->payload_size;
    j->data_bytes = wf_digest_is_zero(&m->payload_blob) ? 0 : m->payload_size;
    for (struct wf_rows rows = j->inputs;
         wf_rows_next(&rows, wf_desc_need_row(), &need);) {
        j->data_bytes = wf_add_sat(j->data_bytes, need.size);
    }
}

int jobs_add(struct jobs *t, const struct wf_submit *m, const struct job_data *data,
             struct job **ret_job)
{
    static const struct job_data none;
    const struct job_data *d = data != NULL ? data : &none;
    size_t len = (size_t) m->payload.len + m->needs.len + d->inputs.len + m->node.len +
                 m->name.len + d->residency.len + 3;
    struct job *j = wf_calloc(1, sizeof *j + len);
    int rc;

    if (j == NULL) {
        return WEFT_ENOMEM;
    }
    j->id = m->job;
    rc = wishes_new(m, &j->wishes);
    rc = rc != 0 ? rc : wf_map_put(t->by_id, j->id.b, sizeof j->id.b, j);
    if (rc != 0) {
        wf_free(j->wishes);
        wf_free(j);
        return rc;
    }
    j->state = WF_JOB_ACCEPTED;
    j->bytes_len = len;
    put_bytes(j, m, d);
    wf_buf_init(&j->log, t->max_log);
    wf_list_init(&j->in_queue);
    wf_list_init(&j->in_agent);
    wf_list_init(&j->in_done);
    wf_list_init(&j->watches);
    wf_list_init(&j->in_ledger);
    wf_list_init(&j->followers);
    wf_list_init(&j->in_followers);
    wf_list_push_back(&t->all, &j->in_all);
    wf_list_init(&j->in_inputs);
    if (j->inputs.count != 0) {
        wf_list_push_back(&t->with_inputs, &j->in_inputs);
    }
    j->seq = ++t->next_seq;
    t->live++;
    t->bytes += len + wishes_size(m);
    *ret_job = j;
    return 0;
}

/* Its inputs are not needed any more. */
static void leave_inputs(struct jobs *t, struct job *j)
{
    if (t->cursor == &j->in_inputs) {
        t->cursor = wf_list_next(&t->with_inputs, t->cursor);
    }
    wf_list_remove(&j->in_inputs);
}

void job_move(struct jobs *t, struct job *j, unsigned to)
{
    wf_sm_move(states, WF_JOB_STATES, &j->state, to);
    if (wf_job_is_final(to)) {
        wf_heap_remove(&t->timers, &j->timer);
        wf_list_push_back(&t->done, &j->in_done);
        t->live--;
        t->retained++;
        leave_inputs(t, j);
        guest_leaves(j);
    }
    /* A job is in a ready queue only while QUEUED. */
    WF_CHECK(to == WF_JOB_QUEUED || wf_list_empty(&j->in_queue));
}

/* Each takes the place of the other in the list that it is in. */
static void swap_nodes(struct wf_list_node *a, struct wf_list_node *b)
{
    struct wf_list_node *before_a = wf_list_empty(a) ? NULL : a->prev;
    struct wf_list_node *before_b = wf_list_empty(b) ? NULL : b->prev;

    wf_list_remove(a);
    wf_list_remove(b);
    if (before_a != NULL) {
        wf_list_push_front(before_a, b);
    }
    if (before_b != NULL) {
        wf_list_push_front(before_b, a);
    }
}

/* All that belongs to an attempt. */
static void take_attempt(struct job *to, const struct job *from)
{
    to->state = from->state;
    to->agent = from->agent;
    to->attempt = from->attempt;
    to->numbers = from->numbers;
    to->number = from->number;
    to->ran_version = from->ran_version;
    to->started_us = from->started_us;
    to->overdue_us = from->overdue_us;
    to->cut_us = from->cut_us;
    to->sent_seq = from->sent_seq;
    to->work_us = from->work_us;
    to->flow_from = from->flow_from;
    to->occupies = from->occupies;
    to->asked = from->asked;
    to->unsent = from->unsent;
    to->confirmed = from->confirmed;
    to->fetch_done = from->fetch_done;
    to->fetch_total = from->fetch_total;
    to->fetch_left_us = from->fetch_left_us;
    to->fetch_resume_us = from->fetch_resume_us;
    to->fetch_us = from->fetch_us;
    to->fetch_stands = from->fetch_stands;
    to->fetch_from = from->fetch_from;
}

void jobs_change_places(struct jobs *t, struct job *j, struct job *copy)
{
    const struct job was = *j;

    WF_CHECK(!wf_job_is_final(j->state) && j->agent != copy->agent);
    swap_nodes(&j->in_agent, &copy->in_agent);
    take_attempt(j, copy);
    take_attempt(copy, &was);
    (void) job_plan(t, j);
    (void) job_plan(t, copy);
}

static void drop(struct jobs *t, struct job *j)
{
    (void) wf_map_take(t->by_id, j->id.b, sizeof j->id.b);
    if (wf_map_get(t->by_seq, &j->seq, sizeof j->seq) == j) {
        (void) wf_map_take(t->by_seq, &j->seq, sizeof j->seq);
    }
    if (wf_map_get(t->by_like, &j->like, sizeof j->like) == j) {
        (void) wf_map_take(t->by_like, &j->like, sizeof j->like);
    }
    t->bytes -= job_bytes(j);
    leave_inputs(t, j);
    guest_leaves(j);
    if (j->capability != NULL) {
        j->capability->njobs--;
    }
    job_free(j);
}

void jobs_forget(struct jobs *t, struct job *j)
{
    WF_CHECK(wf_job_is_final(j->state) && !j->occupies);
    t->retained--;
    drop(t, j);
}

void jobs_undo(struct jobs *t, struct job *j)
{
    WF_CHECK(!j->told && wf_list_empty(&j->in_queue) && !j->occupies);
    WF_CHECK(wf_list_empty(&j->followers));
    wf_heap_remove(&t->timers, &j->timer);
    if (wf_job_is_final(j->state)) {
        t->retained--;
    } else {
        t->live--;
    }
    drop(t, j);
}

int job_set_result(struct jobs *t, struct job *j, struct wf_slice data,
                   const char *reason)
{
    int rc = 0;

    if (data.len != 0) {
        j->data = wf_memdup(data.p, data.len);
        j->data_len = j->data != NULL ? data.len : 0;
        t->bytes += j->data_len;
        rc = j->data != NULL ? 0 : WEFT_ENOMEM;
    }
    if (reason != NULL && reason[0] != '\0') {
        j->reason = wf_strdup(reason);
    }
    return rc;
}

void job_add_try(struct job *j, const struct job_try *try)
{
    if (j->history == NULL) {
        j->history = wf_calloc(WF_TRIES_MAX, sizeof *j->history);
        if (j->history == NULL) {
            return;
        }
    }
    if (j->nhistory == WF_TRIES_MAX) {
        memmove(j->history, j->history + 1, (WF_TRIES_MAX - 1) * sizeof *j->history);
        j->nhistory--;
    }
    j->history[j->nhistory++] = *try;
}

/* Drop whole pieces from the front until `len` more bytes fit. */
static void log_make_room(struct job *j, size_t len)
{
    size_t drop = 0;

    while (drop < j->log.len && len > j->log.max - (j->log.len - drop)) {
        struct log_head h;

        memcpy(&h, j->log.p + drop, sizeof h);
        drop += sizeof h + h.len;
        j->log_cut += h.len;
    }
    if (drop != 0) {
        memmove(j->log.p, j->log.p + drop, j->log.len - drop);
        wf_buf_truncate(&j->log, j->log.len - drop);
    }
}

void job_log(struct jobs *t, struct job *j, unsigned stream, uint32_t attempt,
             uint64_t offset, struct wf_slice data)
{
    struct log_head h = {offset, attempt, data.len, stream, 0};
    size_t was = j->log.len, most = j->log.max - wf_min_u64(j->log.max, sizeof h);

    if (data.len > most) {
        /* Of a piece larger than all that is kept, the end. */
        j->log_cut += data.len - most;
        h.offset += data.len - most;
        data = wf_slice_make(data.p + (data.len - most), most);
        h.len = data.len;
    }
    log_make_room(j, sizeof h + data.len);
    t->bytes -= was - j->log.len;
    was = j->log.len;
    (void) wf_buf_put(&j->log, &h, sizeof h);
    if (wf_buf_put(&j->log, data.p, data.len) != 0) {
        wf_buf_truncate(&j->log, was);
        j->log.err = 0;
        j->log_cut += data.len;
        return;
    }
    t->bytes += j->log.len - was;
}

int job_log_next(const struct job *j, size_t *at, struct job_log_piece *ret_piece)
{
    struct log_head h;

    if (*at >= j->log.len) {
        return 0;
    }
    memcpy(&h, j->log.p + *at, sizeof h);
    *ret_piece = (struct job_log_piece){h.stream, h.attempt, h.offset,
                                        wf_slice_make(j->log.p + *at + sizeof h, h.len)};
    *at += sizeof h + h.len;
    return 1;
}

int job_plan(struct jobs *t, struct job *j)
{
    uint64_t due_us = UINT64_MAX;

    if (j->deadline_us != 0) {
        due_us = j->deadline_us;
    }
    if (j->retry_us != 0 && j->state == WF_JOB_QUEUED) {
        due_us = wf_min_u64(due_us, j->retry_us);
    }
    if (j->guest != NULL && j->guest->back_us != 0 && j->state == WF_JOB_QUEUED) {
        due_us = wf_min_u64(due_us, j->guest->back_us);
    }
    if (j->guest != NULL && j->guest->stop_us != 0) {
        due_us = wf_min_u64(due_us, j->guest->stop_us);
    }
    if (j->overdue_us != 0 && j->state == WF_JOB_RUNNING && j->cut_us == 0) {
        due_us = wf_min_u64(due_us, j->overdue_us);
    }
    if (j->cut_us != 0 && j->occupies) {
        due_us = wf_min_u64(due_us, j->cut_us);
    }
    if (j->wishes != NULL && j->original == NULL && j->wishes->hedged.due_us != 0 &&
        j->state == WF_JOB_RUNNING) {
        due_us = wf_min_u64(due_us, j->wishes->hedged.due_us);
    }
    if (due_us == UINT64_MAX || wf_job_is_final(j->state)) {
        wf_heap_remove(&t->timers, &j->timer);
        return 0;
    }
    if (wf_heap_in(&j->timer)) {
        wf_heap_update(&t->timers, &j->timer, due_us);
        return 0;
    }
    return wf_heap_push(&t->timers, &j->timer, due_us);
}

struct wf_slice job_payload(const struct job *j)
{
    return wf_slice_make((j->original != NULL ? j->original : j)->bytes, j->payload_len);
}

void job_set_terms(struct job *j, const struct wf_submit *m, unsigned default_tries)
{
    j->version = (uint32_t) m->version;
    j->priority = (unsigned) wf_min_u64(m->priority, PRIORITY_MAX);
    j->wall_ms = m->wall_ms;
    j->retry_failed = m->max_attempts != 0;
    j->max_tries = (unsigned) (m->max_attempts != 0 ? m->max_attempts : default_tries);
    j->disconnect = (unsigned) m->disconnect;
    j->disconnect_ms = m->disconnect_ms;
    j->reuse_us = wf_us_of_ms(m->reuse_ms);
    j->goal = (unsigned) m->goal;
    if (m->deadline_ms != 0) {
        j->deadline_us = wf_add_sat(j->accepted_us, wf_us_of_ms(m->deadline_ms));
    }
}

struct wf_submit job_submit(const struct job *j)
{
    struct wf_submit m = {.job = j->id,
                          .capability = wf_slice_of(j->capability->name),
                          .version = j->version,
                          .payload = job_payload(j),
                          .class_ = j->class_,
                          .priority = j->priority,
                          .wall_ms = j->wall_ms,
                          .max_attempts = j->retry_failed ? j->max_tries : 0,
                          .needs = j->needs,
                          .node = wf_slice_of(j->pin),
                          .name = wf_slice_of(j->name),
                          .disconnect = j->disconnect,
                          .disconnect_ms = j->disconnect_ms,
                          .reuse_ms = j->reuse_us / 1000,
                          .goal = j->goal,
                          .payload_blob = j->payload_blob,
                          .payload_size = j->payload_size};

    wishes_put(j->wishes, &m);
    return m;
}
