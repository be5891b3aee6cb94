#include "client/data/transfer.h"

#include "client/core/data.h"
#include "common/mem.h"
#include "common/str.h"

#include <string.h>

#define TELL_US 50000u /* between two calls of the user's progress function */

/* -- making ----------------------------------------------------------------------------
 */

int transfer_new(struct weft_client *c, const struct transfer_ops *ops, size_t size,
                 struct transfer **ret_transfer)
{
    struct data *d = data_need(c);
    struct weft_future *f = d != NULL ? future_take(c) : NULL;
    struct transfer *t = f != NULL ? wf_calloc(1, size) : NULL;
    int rc = WEFT_ENOMEM;

    if (t != NULL) {
        f->result = wf_calloc(1, sizeof *f->result);
        rc = f->result != NULL ? wf_calls_local(&c->calls, &f->call) : WEFT_ENOMEM;
    }
    if (rc != 0) {
        if (f != NULL) {
            future_give(f);
        }
        wf_free(t);
        return rc;
    }
    wf_list_init(&t->node);
    t->ops = ops;
    t->client = c;
    t->data = d;
    t->due_us = UINT64_MAX;
    t->future = f;
    f->transfer = t;
    *ret_transfer = t;
    return 0;
}

void transfer_drop(struct transfer *t)
{
    t->future->transfer = NULL;
    future_give(t->future);
    wf_free(t);
}

void transfer_begin(struct transfer *t)
{
    wf_list_push_back(&t->data->transfers, &t->node);
    /* A callback's own turn comes after it, but data may have been made in it. */
    wf_wake_send(t->client->wake);
}

void transfer_orphan(struct weft_future *f)
{
    struct transfer *t = f->transfer;

    if (t == NULL) {
        return;
    }
    f->transfer = NULL;
    if (t->future == f) {
        t->future = NULL;
    }
    if (t->job == f) {
        t->job = NULL;
    }
    if (!f->client->calls.closed) {
        wf_wake_send(f->client->wake);
    }
}

void result_free(struct result *r)
{
    if (r != NULL) {
        wf_free(r->mem);
        wf_free(r);
    }
}

const struct weft_moved *weft_future_moved(weft_future *f)
{
    const struct weft_moved *m;

    client_lock(f->client);
    m = f->call.kind == WF_CALL_LOCAL && f->call.state == WF_CALL_DONE &&
                f->call.error == 0 && f->result != NULL
            ? &f->result->moved
            : NULL;
    client_unlock(f->client);
    return m;
}

/* -- its end ---------------------------------------------------------------------------
 */

static int is_open(const struct weft_future *f)
{
    return f != NULL && f->call.state == WF_CALL_OPEN;
}

int transfer_is_wanted(const struct transfer *t)
{
    return t->state != TRANSFER_STOPPED && is_open(t->future);
}

void transfer_end(struct transfer *t, int code, const char *text)
{
    struct wf_calls *calls = &t->client->calls;

    if (is_open(t->job) && t->job->call.holds && code != 0) {
        wf_calls_end(calls, &t->job->call, code, wf_slice_of(text), 0);
    }
    if (is_open(t->future)) {
        wf_calls_end(calls, &t->future->call, code, wf_slice_of(text), 0);
    }
}

struct result *transfer_result(struct transfer *t)
{
    return t->future != NULL ? t->future->result : NULL;
}

void transfer_tell(struct transfer *t, uint64_t now_us, const struct weft_progress *p,
                   int now)
{
    struct result *r = transfer_result(t);

    if (r == NULL || !is_open(t->future) || (!now && now_us - t->told_us < TELL_US)) {
        return;
    }
    t->told_us = now_us;
    r->progress = *p;
    (void) wf_str_copy(r->from, sizeof r->from, p->node != NULL ? p->node : "");
    (void) wf_str_copy(r->text, sizeof r->text, p->text != NULL ? p->text : "");
    r->progress.node = r->from;
    r->progress.text = r->text;
    wf_calls_note(&t->client->calls, &t->future->call, WF_NEWS_PROGRESS);
}

/* -- tasks and requests ----------------------------------------------------------------
 */

int transfer_ask(struct transfer *t, struct desk_task *task)
{
    int rc = desk_ask(t->data->desk, task);

    t->tasks += rc == 0;
    return rc;
}

int transfer_back(struct transfer *t, const struct desk_task *task)
{
    t->tasks--;
    return !task->dropped && transfer_is_wanted(t) ? 0 : WEFT_ECANCELLED;
}

struct weft_future *transfer_inner(struct transfer *t)
{
    t->inner = future_take(t->client);
    if (t->inner == NULL) {
        transfer_end(t, WEFT_ENOMEM, "no memory for a request");
    }
    return t->inner;
}

void transfer_asked(struct transfer *t, int rc)
{
    if (rc != 0) {
        transfer_inner_done(t);
        transfer_end(t, rc, rc == WEFT_ETOOBIG ? "too many files" : "");
    }
}

int transfer_answer(struct transfer *t, enum wf_type want, struct wf_msg *ret_msg)
{
    const struct wf_call *call = &t->inner->call;

    if (call->state != WF_CALL_DONE) {
        return 0;
    }
    if (call->error != 0) {
        transfer_end(t, call->error, wf_call_text(call));
        return -1;
    }
    if (!call->has_reply ||
        wf_msg_read(wf_slice_make(call->bytes.p, call->bytes.len), want, ret_msg) != 0) {
        transfer_end(t, WEFT_EPROTO, "the broker answered with something else");
        return -1;
    }
    return 1;
}

void transfer_inner_done(struct transfer *t)
{
    if (t->inner != NULL) {
        future_give(t->inner);
        t->inner = NULL;
    }
}

/* -- all of them -----------------------------------------------------------------------
 */

static void stop(struct transfer *t)
{
    if (t->state == TRANSFER_RUNNING) {
        t->ops->stop(t);
    }
    transfer_end(t, WEFT_ECANCELLED, "");
    transfer_inner_done(t);
    t->state = TRANSFER_STOPPED;
    t->due_us = UINT64_MAX;
}

static void unlink_future(struct weft_future **f)
{
    if (*f != NULL) {
        (*f)->transfer = NULL;
        *f = NULL;
    }
}

static void destroy(struct transfer *t)
{
    struct weft_future *f = t->future;
    int is_ours = t->internal;

    wf_list_remove(&t->node);
    unlink_future(&t->job);
    unlink_future(&t->future);
    if (is_ours && f != NULL) {
        future_give(f);
    }
    t->ops->fini(t);
    wf_free(t);
}

/* A job that ended by itself needs no payload any more. */
static int is_idle(const struct transfer *t)
{
    return t->internal && !is_open(t->job);
}

void transfers_step(struct data *d, uint64_t now_us)
{
    struct wf_list_node *n = wf_list_first(&d->transfers), *next;

    for (; n != NULL; n = next) {
        struct transfer *t = CONTAINER_OF(n, struct transfer, node);

        if (t->state != TRANSFER_STOPPED && (!transfer_is_wanted(t) || is_idle(t))) {
            stop(t);
        }
        if (t->state != TRANSFER_STOPPED) {
            t->state = TRANSFER_RUNNING;
            t->ops->step(t, now_us);
            if (!transfer_is_wanted(t)) {
                stop(t);
            }
        }
        /* The user's functions may be called in a step, which may add others. */
        next = wf_list_next(&d->transfers, n);
        if (t->state == TRANSFER_STOPPED && t->tasks == 0) {
            destroy(t);
        }
    }
}

uint64_t transfers_due_us(const struct data *d)
{
    uint64_t due_us = UINT64_MAX;

    for (struct wf_list_node *n = wf_list_first(&d->transfers); n != NULL;
         n = wf_list_next(&d->transfers, n)) {
        due_us = wf_min_u64(due_us, CONTAINER_OF(n, struct transfer, node)->due_us);
    }
    return due_us;
}

void transfers_fini(struct data *d)
{
    struct wf_list_node *n;

    while ((n = wf_list_first(&d->transfers)) != NULL) {
        struct transfer *t = CONTAINER_OF(n, struct transfer, node);

        if (t->state != TRANSFER_STOPPED) {
            stop(t);
        }
        destroy(t);
    }
}
