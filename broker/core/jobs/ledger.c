#include "broker/core/jobs/ledger.h"

#include "broker/core/jobs/hedge.h"
#include "broker/core/jobs/reuse.h"
#include "broker/core/jobs/work.h"
#include "broker/core/mesh/guests.h"
#include "broker/core/mesh/numbers.h"
#include "common/check.h"
#include "common/err.h"
#include "common/log.h"
#include "common/plant.h"

#include <string.h>

void ledger_write(struct core *c, struct job *j, unsigned records)
{
    if (j->class_ != WF_CLASS_DURABLE) {
        return;
    }
    j->dirty |= records;
    wf_list_remove(&j->in_ledger);
    wf_list_push_back(&c->dirty, &j->in_ledger);
}

/* -- writing ---------------------------------------------------------------------------
 */

static void put_seq(struct wf_buf *b, uint64_t seq)
{
    uint8_t key[8];

    for (unsigned i = 0; i < sizeof key; i++) {
        key[i] = (uint8_t) (seq >> (56 - 8 * i));
    }
    (void) wf_buf_put(b, key, sizeof key);
}

/* Append the record in c->record; the lsn is spent only when it was. */
static int append(struct core *c, unsigned table, struct wf_effects *out)
{
    if (c->record.err != 0 || out->err != 0) {
        c->record.err = 0;
        return WEFT_ENOMEM;
    }
    wf_effects_add(out, WF_EFFECT_APPEND, table, c->lsn + 1, c->record.p, c->record.len,
                   NULL);
    if (out->err != 0) {
        return WEFT_ENOMEM;
    }
    c->lsn++;
    return 0;
}

int ledger_put(struct core *c, unsigned table, uint64_t seq, enum wf_type type,
               const void *body, struct wf_effects *out)
{
    wf_buf_clear(&c->record);
    put_seq(&c->record, seq);
    return wf_msg_encode(&c->record, type, body) != 0 ? WEFT_ENOMEM
                                                      : append(c, table, out);
}

int ledger_delete(struct core *c, unsigned table, uint64_t seq, struct wf_effects *out)
{
    wf_buf_clear(&c->record);
    put_seq(&c->record, seq);
    return append(c, table, out);
}

static int write_job(struct core *c, const struct job *j, struct wf_effects *out)
{
    const struct wf_submit s = job_submit(j);
    struct wf_job_rec m = {
        .owner = j->owner->key,
        .seq = j->seq,
        .capability = s.capability,
        .version = s.version,
        .payload = s.payload,
        .priority = s.priority,
        .run_ms = s.wall_ms,
        .deadline_ms = j->deadline_us != 0 ? (j->deadline_us - j->accepted_us) / 1000 : 0,
        .max_attempts = s.max_attempts,
        .needs = s.needs,
        .node = s.node,
        .name = s.name,
        .disconnect = s.disconnect,
        .disconnect_ms = s.disconnect_ms,
        .reuse_ms = s.reuse_ms,
        .retry_of = j->retry_of,
        .reused = j->reused,
        .accepted_ms = j->accepted_ms,
        .inputs = j->inputs,
        .payload_blob = s.payload_blob,
        .payload_size = s.payload_size,
        .residency = wf_slice_of(j->residency),
        .goal = s.goal,
        .rho_pusd = s.rho_pusd,
        .max_cost_pusd = s.max_cost_pusd,
        .prefers = s.prefers,
        .nears = s.nears,
        .spread = s.spread,
        .group = s.group,
        .hedge = s.hedge};

    if (j->guest != NULL) {
        m.home_job = j->guest->job;
        m.home_attempt = j->guest->attempt;
        m.path = j->guest->path;
        m.origin = j->guest->origin;
        m.number = j->guest->number;
        m.numbers = j->guest->numbers;
    }
    wf_buf_clear(&c->record);
    put_seq(&c->record, j->seq);
    (void) wf_buf_put(&c->record, j->id.b, sizeof j->id.b);
    if (wf_msg_encode(&c->record, WF_MSG_job_rec, &m) != 0) {
        return WEFT_ENOMEM;
    }
    return append(c, LEDGER_JOBS, out);
}

static struct wf_rows history_rows(struct core *c, const struct job *j)
{
    struct wf_buf *store = core_rows(c, 3);
    struct wf_rows rows = {0};

    for (unsigned i = 0; i < j->nhistory; i++) {
        const struct wf_try_row row = try_row_of(&j->history[i]);

        (void) wf_rows_add(store, &rows, wf_desc_try_row(), &row);
    }
    return rows;
}

static int write_attempt(struct core *c, const struct job *j, struct wf_effects *out)
{
    struct wf_attempt_rec m = {.attempt = j->reserved,
                               .tries = j->tries,
                               .crashes = j->crashes,
                               .lost = j->lost,
                               .history = history_rows(c, j),
                               .numbers = numbers_recorded(j)};

    if (j->occupies) {
        m.agent = j->agent->principal->key;
    }
    wf_buf_clear(&c->record);
    put_seq(&c->record, j->seq);
    if (wf_msg_encode(&c->record, WF_MSG_attempt_rec, &m) != 0) {
        return WEFT_ENOMEM;
    }
    return append(c, LEDGER_ATTEMPTS, out);
}

static int write_outcome(struct core *c, const struct job *j, struct wf_effects *out)
{
    struct wf_outcome_rec m = {.state = j->state,
                               .code = (uint64_t) -j->code,
                               .exit_code = j->exit_code,
                               .signal = j->term_signal,
                               .attempt = j->attempt,
                               .reason = wf_slice_of(j->reason),
                               .data = wf_slice_make(j->data, j->data_len),
                               .wait_us = j->wait_us,
                               .run_us = j->run_us,
                               .cut = j->cut,
                               .reused = j->reused,
                               .tries = j->tries,
                               .crashes = j->crashes,
                               .lost = j->lost,
                               .finished_ms = j->finished_ms,
                               .history = history_rows(c, j),
                               .blob = j->blob,
                               .blob_size = j->blob_size,
                               .fetched = j->fetched,
                               .cost_pusd = j->cost_pusd,
                               .number = j->number};

    if (j->agent != NULL) {
        m.agent = j->agent->principal->key;
    }
    wf_buf_clear(&c->record);
    put_seq(&c->record, j->seq);
    if (wf_msg_encode(&c->record, WF_MSG_outcome_rec, &m) != 0) {
        return WEFT_ENOMEM;
    }
    return append(c, LEDGER_OUTCOMES, out);
}

static int write_all(struct core *c, struct job *j, struct wf_effects *out)
{
    static const struct {
        unsigned record;
        int (*write)(struct core *c, const struct job *j, struct wf_effects *out);
    } writers[] = {{LEDGER_JOB, write_job},
                   {LEDGER_ATTEMPT, write_attempt},
                   {LEDGER_OUTCOME, write_outcome}};

    for (size_t i = 0; i < ARRAY_LEN(writers); i++) {
        if ((j->dirty & writers[i].record) != 0) {
            if (writers[i].write(c, j, out) != 0) {
                return WEFT_ENOMEM;
            }
            j->has_attempt_rec |= writers[i].record == LEDGER_ATTEMPT;
            j->dirty &= ~writers[i].record;
            j->lsn = c->lsn;
            j->first_lsn = j->first_lsn != 0 ? j->first_lsn : c->lsn;
        }
    }
    return 0;
}

void ledger_flush(struct core *c, struct wf_effects *out)
{
    struct wf_list_node *n;

    while ((n = wf_list_first(&c->dirty)) != NULL) {
        struct job *j = CONTAINER_OF(n, struct job, in_ledger);

        if (write_all(c, j, out) != 0) {
            return; /* what is left is tried again at the end of the next step */
        }
        wf_list_remove(n);
        wf_list_push_back(&c->pending, n);
    }
}

static void delete_record(struct core *c, unsigned table, uint64_t seq,
                          struct wf_effects *out)
{
    wf_buf_clear(&c->record);
    put_seq(&c->record, seq);
    (void) append(c, table, out);
}

void ledger_drop(struct core *c, const struct job *j, struct wf_effects *out)
{
    if (j->class_ != WF_CLASS_DURABLE) {
        return;
    }
    delete_record(c, LEDGER_JOBS, j->seq, out);
    if (j->has_attempt_rec) {
        delete_record(c, LEDGER_ATTEMPTS, j->seq, out);
    }
    if (wf_job_is_final(j->state)) {
        delete_record(c, LEDGER_OUTCOMES, j->seq, out);
    }
}

void ledger_event(struct core *c, struct news_item *item, struct wf_effects *out)
{
    const struct wf_event_row row = news_row(item);
    struct wf_event_rec m = {{0}};

    if (!c->cfg.durable || c->store_failing) {
        return;
    }
    wf_buf_clear(&c->news_store);
    if (wf_rows_add(&c->news_store, &m.event, wf_desc_event_row(), &row) != 0) {
        return;
    }
    wf_buf_clear(&c->record);
    put_seq(&c->record, item->seq);
    if (wf_msg_encode(&c->record, WF_MSG_event_rec, &m) != 0) {
        return;
    }
    item->stored = append(c, LEDGER_EVENTS, out) == 0;
}

void ledger_drop_event(struct core *c, uint64_t seq, struct wf_effects *out)
{
    if (c->cfg.durable && !c->store_failing) {
        delete_record(c, LEDGER_EVENTS, seq, out);
    }
}

/* -- settling --------------------------------------------------------------------------
 */

static void settle(struct core *c, struct job *j, struct wf_effects *out)
{
    if (!j->told) {
        work_accept(c, j, out);
    }
    if (j->acker != 0) {
        const struct wf_result_ack ack = {j->id, j->ack_attempt};

        if (session_get(&c->sessions, j->acker) != NULL) {
            wf_effects_send_lazy(out, j->acker, WF_MSG_result_ack, &ack);
        }
        j->acker = 0;
    }
    if (j->unsent) {
        work_send_assign(c, j, out);
    }
    if (wf_job_is_final(j->state)) {
        work_tell_outcome(c, j, out);
        reuse_finished(c, j, out);
    } else if (j->state == WF_JOB_QUEUED && j->retry_us == 0) {
        work_place(c, j, out);
    } else {
        hedge_settled(c, j, out);
    }
}

void ledger_settle(struct core *c, struct wf_effects *out)
{
    struct wf_list_node *n;

    while (!c->rolled_back && (n = wf_list_first(&c->pending)) != NULL) {
        struct job *j = CONTAINER_OF(n, struct job, in_ledger);

        if (j->lsn > c->durable_lsn) {
            return;
        }
        wf_list_remove(n);
        settle(c, j, out);
    }
}

/* -- failing ---------------------------------------------------------------------------
 */

/* Take back a job whose acceptance was not told to anybody. */
static void undo(struct core *c, struct job *j, int code, uint64_t retry_ms,
                 const char *text, struct wf_effects *out)
{
    struct wf_error m = {.code = (uint64_t) -code,
                         .about = WF_MSG_submit,
                         .job = j->id,
                         .retry_ms = retry_ms,
                         .text = wf_slice_of(text)};
    struct wf_list_node *n;

    for (; j->owed != 0 && session_get(&c->sessions, j->acceptor) != NULL; j->owed--) {
        wf_effects_send(out, j->acceptor, WF_MSG_error, &m);
    }
    if (j->guest != NULL) {
        guest_not_kept(j, out);
    }
    while ((n = wf_list_first(&j->watches)) != NULL) {
        struct watch *w = CONTAINER_OF(n, struct watch, of_job);

        m.about = WF_MSG_watch;
        wf_effects_send(out, w->session->peer, WF_MSG_error, &m);
        watch_free(w);
    }
    reuse_leave(c, j, out);
    data_job_gone(c, j, out);
    jobs_undo(&c->jobs, j);
}

void ledger_other(struct core *c, struct job *j, struct wf_effects *out)
{
    c->count.conflicts++;
    undo(c, j, WEFT_ECONFLICT, 0, "this id belongs to other work", out);
}

void ledger_failed(struct core *c, uint64_t lsn, struct wf_effects *out)
{
    struct wf_list_node failed;
    struct wf_list_node *n, *next;

    wf_list_init(&failed);
    for (n = wf_list_first(&c->pending); n != NULL; n = next) {
        const struct job *j = CONTAINER_OF(n, struct job, in_ledger);

        next = wf_list_next(&c->pending, n);
        if (!j->told && j->first_lsn >= lsn) {
            wf_list_remove(n);
            wf_list_push_back(&failed, n);
        }
    }
    while ((n = wf_list_first(&failed)) != NULL) {
        struct job *j = CONTAINER_OF(n, struct job, in_ledger);

        /* Its record may get written all the same: it must not come back. */
        ledger_drop(c, j, out);
        undo(c, j, WEFT_ESTORAGE, STORAGE_RETRY_MS, wf_err_sentence(WEFT_ESTORAGE), out);
    }
}

void ledger_taken(struct core *c, uint64_t lsn, struct wf_effects *out)
{
    struct wf_list_node *n, *next;

    for (n = wf_list_first(&c->pending); n != NULL; n = next) {
        struct job *j = CONTAINER_OF(n, struct job, in_ledger);

        next = wf_list_next(&c->pending, n);
        if (!WF_PLANT(TAKEN_IGNORED) && !j->told && j->first_lsn == lsn) {
            c->count.conflicts++;
            undo(c, j, WEFT_EBUSY, STORAGE_RETRY_MS,
                 "another broker of this site has this job: ask it, or wait until it is "
                 "taken over",
                 out);
            return;
        }
    }
}
