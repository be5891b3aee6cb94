#include "client/ask.h"
#include "client/data/put.h"
#include "client/handle.h"
#include "client/include/weft/job.h"
#include "common/io/file.h"
#include "common/str.h"
#include "proto/name.h"
#include "proto/words.h"

#include <string.h>
#include <sys/stat.h>

#define PAYLOAD_COPY_MAX ((size_t) 1 << 30) /* of payloads in memory */

/* -- checking ----------------------------------------------------------------------- */

/* A program made with an older header gives fewer fields: the rest keeps its default. */
static int take_job(const struct weft_job *given, struct weft_job *job)
{
    if (given == NULL || given->size < offsetof(struct weft_job, payload_len) ||
        given->size > sizeof *job) {
        return WEFT_EINVAL;
    }
    memcpy(job, given, given->size);
    if (job->capability == NULL || job->priority > 9 || job->max_attempts > 100 ||
        (job->payload == NULL && job->payload_len != 0) ||
        (job->needs == NULL && job->nneeds != 0) || job->nneeds > WF_LABELS_MAX ||
        (unsigned) job->job_class > WEFT_CLASS_DURABLE ||
        (unsigned) job->disconnect > WEFT_DISCONNECT_STOP ||
        (job->inputs == NULL && job->ninputs != 0) || job->ninputs > WF_INPUTS_MAX ||
        (job->payload_file != NULL && job->payload_len != 0)) {
        return WEFT_EINVAL;
    }
    return job->payload_len > PAYLOAD_COPY_MAX ? WEFT_ETOOBIG : 0;
}

static int is_text(const char *s, size_t most)
{
    size_t len = strlen(s);

    return len <= most && wf_utf8_ok(s, len);
}

static int pack_needs(struct weft_client *c, const struct weft_job *job,
                      struct wf_rows *ret)
{
    wf_buf_clear(&c->needs);
    for (size_t i = 0; i < job->nneeds; i++) {
        struct wf_label_row row;
        int rc;

        if (job->needs[i] == NULL || job->needs[i][0] == '\0' ||
            !is_text(job->needs[i], WF_LABEL_MAX)) {
            return WEFT_EINVAL;
        }
        row.text = wf_slice_of(job->needs[i]);
        rc = wf_rows_add(&c->needs, ret, wf_desc_label_row(), &row);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int is_input(const struct weft_input *x)
{
    struct wf_digest digest;
    struct wf_data_ref ref;

    return x->name != NULL && x->ref != NULL && wf_name_ok(wf_slice_of(x->name)) &&
           strlen(x->ref) <= WF_REF_MAX &&
           (wf_digest_parse(x->ref, &digest) == 0 ||
            wf_data_ref_parse(wf_slice_of(x->ref), &ref) == 0);
}

static int pack_inputs(struct weft_client *c, const struct weft_job *job,
                       struct wf_rows *ret)
{
    wf_buf_clear(&c->inputs);
    for (size_t i = 0; i < job->ninputs; i++) {
        struct wf_input_row row;
        int rc;

        if (!is_input(&job->inputs[i])) {
            return WEFT_EINVAL;
        }
        row.name = wf_slice_of(job->inputs[i].name);
        row.ref = wf_slice_of(job->inputs[i].ref);
        rc = wf_rows_add(&c->inputs, ret, wf_desc_input_row(), &row);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* Borrows from `job`, `name` and the client's scratch. */
static int make_submit(struct weft_client *c, const struct weft_job *job,
                       char name[WF_CAP_NAME_MAX + 1], struct wf_submit *ret)
{
    uint32_t version = 0;
    int rc = wf_capability_parse(job->capability, name, &version);

    if (rc != 0 || (job->name != NULL && !is_text(job->name, WF_NAME_MAX)) ||
        (job->node != NULL && !wf_name_ok(wf_slice_of(job->node)))) {
        return WEFT_EINVAL;
    }
    *ret = (struct wf_submit){.capability = wf_slice_of(name),
                              .version = version,
                              .payload = wf_slice_make(job->payload, job->payload_len),
                              .class_ = (uint64_t) job->job_class,
                              .priority = job->priority,
                              .wall_ms = job->timeout_ms,
                              .deadline_ms = job->deadline_ms,
                              .max_attempts = job->max_attempts,
                              .node = wf_slice_of(job->node),
                              .name = wf_slice_of(job->name),
                              .detached = job->detached != 0,
                              .disconnect = (uint64_t) job->disconnect,
                              .disconnect_ms = job->disconnect_ms,
                              .reuse_ms = job->reuse_ms};
    memcpy(ret->job.b, job->id.bytes, sizeof ret->job.b);
    if (wf_id_is_zero(&ret->job)) {
        id_pool_take(&c->ids, &ret->job);
    }
    rc = pack_needs(c, job, &ret->needs);
    return rc == 0 ? pack_inputs(c, job, &ret->inputs) : rc;
}

/* -- payloads --------------------------------------------------------------------------
 */

/* What may be in the message; before the broker told it, what every broker takes. */
static uint64_t inline_max(const struct weft_client *c)
{
    uint64_t most = c->calls.link.welcome.max_payload;

    return most != 0 ? most : WF_INLINE_DEF;
}

static int moves_data(const struct weft_client *c)
{
    return !wf_calls_ready(&c->calls) || c->calls.link.welcome.bulk_port != 0;
}

/* A small file becomes the payload: in `bytes`, which is the caller's to release. */
static int read_payload(const struct weft_client *c, struct weft_job *job,
                        struct wf_buf *bytes)
{
    struct stat st;
    int rc;

    if (stat(job->payload_file, &st) != 0 || !S_ISREG(st.st_mode)) {
        return WEFT_ENOENT;
    }
    if ((uint64_t) st.st_size > inline_max(c)) {
        return 0;
    }
    wf_buf_init(bytes, WF_PAYLOAD_MAX);
    rc = file_read(job->payload_file, bytes, NULL);
    if (rc == 0) {
        job->payload_file = NULL;
        job->payload = bytes->p;
        job->payload_len = bytes->len;
    }
    return rc;
}

/* -- asking ------------------------------------------------------------------------- */

struct callbacks {
    weft_output_fn *on_output;
    weft_state_fn *on_state;
    void *arg;
};

static void set_callbacks(struct weft_future *f, const struct callbacks *cbs)
{
    f->on_output = cbs->on_output;
    f->on_state = cbs->on_state;
    f->arg = cbs->arg;
    f->call.flags |= (cbs->on_output != NULL ? WF_CALL_OUTPUT : 0) |
                     (cbs->on_state != NULL ? WF_CALL_UPDATES : 0);
}

/* Locked.  The job as it is to be sent; with `apart` its payload travels before. */
static int submit_call(struct weft_client *c, uint64_t now_us, const struct weft_job *job,
                       int apart, const struct callbacks *cbs,
                       struct weft_future **ret_future)
{
    char name[WF_CAP_NAME_MAX + 1];
    struct wf_submit submit;
    struct weft_future *f;
    int rc = make_submit(c, job, name, &submit);

    if (rc != 0) {
        return rc;
    }
    f = future_take(c);
    if (f == NULL) {
        return WEFT_ENOMEM;
    }
    set_callbacks(f, cbs);
    f->call.flags |= job->detached ? WF_CALL_DETACHED : 0;
    f->call.offer_ms = job->offer_ms;
    f->call.holds = apart;
    if (apart) {
        submit.payload = wf_slice_of(NULL);
    }
    rc = wf_calls_submit(&c->calls, now_us, &f->call, &submit, client_out(c));
    if (rc == 0 && apart) {
        rc = put_payload(c, f, job);
    }
    if (rc != 0) {
        future_give(f);
        return rc;
    }
    *ret_future = f;
    return 0;
}

/* Locked. */
static int submit_one(struct weft_client *c, uint64_t now_us,
                      const struct weft_job *given, const struct callbacks *cbs,
                      struct weft_future **ret_future)
{
    struct wf_buf bytes = WF_BUF_INIT(0);
    struct weft_job job = WEFT_JOB_INIT;
    int rc = take_job(given, &job), apart;

    if (rc == 0 && job.payload_file != NULL) {
        rc = read_payload(c, &job, &bytes);
    }
    if (rc != 0) {
        return rc;
    }
    apart = job.payload_file != NULL || job.payload_len > inline_max(c);
    rc = apart && !moves_data(c) ? WEFT_ETOOBIG
                                 : submit_call(c, now_us, &job, apart, cbs, ret_future);
    wf_buf_fini(&bytes);
    return rc;
}

int weft_submit(weft_client *c, const struct weft_job *job, weft_future **ret_future)
{
    return weft_submit_watched(c, job, NULL, NULL, NULL, ret_future);
}

int weft_submit_watched(weft_client *c, const struct weft_job *job,
                        weft_output_fn *on_output, weft_state_fn *on_state, void *arg,
                        weft_future **ret_future)
{
    const struct callbacks cbs = {on_output, on_state, arg};
    int rc;

    client_lock(c);
    rc = submit_one(c, wf_now_us(), job, &cbs, ret_future);
    if (rc == 0) {
        client_stepped(c);
    }
    client_unlock(c);
    return rc;
}

int weft_submit_many(weft_client *c, const struct weft_job *jobs, size_t n,
                     weft_future **ret_futures, size_t *ret_n)
{
    static const struct callbacks none;
    uint64_t now_us = wf_now_us();
    size_t i = 0;
    int rc = 0;

    client_lock(c);
    while (i < n && rc == 0) {
        rc = submit_one(c, now_us, &jobs[i], &none, &ret_futures[i]);
        i += rc == 0;
    }
    if (i != 0) {
        client_stepped(c);
    }
    client_unlock(c);
    *ret_n = i;
    return rc;
}

int weft_watch(weft_client *c, const weft_id *id, weft_output_fn *on_output,
               weft_state_fn *on_state, void *arg, weft_future **ret_future)
{
    const struct callbacks cbs = {on_output, on_state, arg};
    struct weft_future *f;
    struct wf_id job;
    int rc = WEFT_ENOMEM;

    memcpy(job.b, id->bytes, sizeof job.b);
    client_lock(c);
    f = future_take(c);
    if (f != NULL) {
        set_callbacks(f, &cbs);
        rc = wf_calls_watch(&c->calls, &f->call, &job, client_out(c));
    }
    if (rc == 0) {
        *ret_future = f;
        client_stepped(c);
    } else if (f != NULL) {
        future_give(f);
    }
    client_unlock(c);
    return rc;
}

int weft_logs(weft_client *c, const weft_id *id, weft_output_fn *on_output, void *arg,
              weft_future **ret_future)
{
    const struct callbacks cbs = {on_output, NULL, arg};
    char text[WF_ID_TEXT];
    struct wf_query q = {.kind = WF_QUERY_LOGS};
    struct weft_future *f;
    struct wf_id job;
    int rc = WEFT_ENOMEM;

    memcpy(job.b, id->bytes, sizeof job.b);
    q.key = wf_slice_of(wf_id_text(&job, text));
    client_lock(c);
    f = future_take(c);
    if (f != NULL) {
        set_callbacks(f, &cbs);
        rc = ask_start(f, WF_MSG_query, &q, &job, UINT64_MAX);
    }
    if (rc == 0) {
        *ret_future = f;
    } else if (f != NULL) {
        future_give(f);
    }
    client_unlock(c);
    return rc;
}

/* A request about the job `about`, which is the future's id. */
static int ask_about(struct weft_client *c, enum wf_type type, void *body,
                     const struct wf_id *about, weft_future **ret_future)
{
    struct weft_future *f;
    int rc = WEFT_ENOMEM;

    client_lock(c);
    f = future_take(c);
    if (f != NULL) {
        f->call.id = *about;
        rc = ask_start(f, type, body, NULL, UINT64_MAX);
    }
    if (rc == 0) {
        *ret_future = f;
    } else if (f != NULL) {
        future_give(f);
    }
    client_unlock(c);
    return rc;
}

int weft_cancel(weft_client *c, const weft_id *id, weft_future **ret_future)
{
    struct wf_cancel body = {0};

    memcpy(body.job.b, id->bytes, sizeof body.job.b);
    return ask_about(c, WF_MSG_cancel, &body, &body.job, ret_future);
}

int weft_retry(weft_client *c, const weft_id *id, const weft_id *new_id,
               weft_future **ret_future)
{
    struct wf_job_retry body = {0};

    memcpy(body.job.b, id->bytes, sizeof body.job.b);
    if (new_id != NULL) {
        memcpy(body.new_job.b, new_id->bytes, sizeof body.new_job.b);
    }
    if (wf_id_is_zero(&body.new_job)) {
        client_lock(c);
        id_pool_take(&c->ids, &body.new_job);
        client_unlock(c);
    }
    return ask_about(c, WF_MSG_job_retry, &body, &body.new_job, ret_future);
}
