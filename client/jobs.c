#include "client/ask.h"
#include "client/data/put.h"
#include "client/handle.h"
#include "client/job.h"
#include "common/io/file.h"
#include "proto/words.h"

#include <string.h>
#include <sys/stat.h>

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
    int rc = job_submit(c, job, name, &submit);

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
    int rc = job_take(given, &job), apart;

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
