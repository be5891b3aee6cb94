#include "client/future.h"

#include "client/data/transfer.h"
#include "client/handle.h"
#include "common/mem.h"

#include <string.h>

#define SPARE_MAX 8192 /* freed futures kept for use again */

/* -- taking and giving back --------------------------------------------------------- */

struct weft_future *future_take(struct weft_client *c)
{
    struct weft_future *f = c->spare;

    if (f != NULL) {
        c->spare = f->next_spare;
        c->nspare--;
    } else {
        f = wf_calloc(1, sizeof *f);
        if (f == NULL) {
            return NULL;
        }
        wf_call_init(&f->call);
    }
    f->client = c;
    c->refs++;
    return f;
}

/* Everything but the call's buffer as new. */
static void wash(struct weft_future *f)
{
    wf_call_reset(&f->call);
    f->client = NULL;
    f->next_spare = NULL;
    f->accepted.fn = NULL;
    f->then.fn = NULL;
    f->on_output = NULL;
    f->on_state = NULL;
    f->on_event = NULL;
    f->on_progress = NULL;
    f->arg = NULL;
    f->waiters = 0;
    f->told = 0;
    f->freed = 0;
}

void future_give(struct weft_future *f)
{
    struct weft_client *c = f->client;

    transfer_orphan(f);
    result_free(f->result);
    f->result = NULL;
    wf_free(f->data);
    f->data = NULL;
    wf_calls_forget(&c->calls, &f->call);
    c->refs--;
    if (c->nspare >= SPARE_MAX || c->closed) {
        wf_call_fini(&f->call);
        wf_free(f);
        return;
    }
    wash(f);
    f->next_spare = c->spare;
    c->spare = f;
    c->nspare++;
}

void weft_future_free(weft_future *f)
{
    struct weft_client *c;
    int last;

    if (f == NULL) {
        return;
    }
    c = f->client;
    client_lock(c);
    if (f->pins != 0) {
        f->freed = 1;
        client_unlock(c);
        return;
    }
    future_give(f);
    last = c->refs == 0;
    client_unlock(c);
    if (last) {
        client_unref(c);
    }
}

/* -- telling ------------------------------------------------------------------------ */

static void call_output(struct weft_future *f, const struct wf_output *o)
{
    uint64_t skip = f->call.skip;
    weft_id id;

    memcpy(id.bytes, o->job.b, sizeof id.bytes);
    f->on_output(&id, (unsigned) o->attempt, (int) o->stream, o->offset + skip,
                 o->data.p + skip, o->data.len - (size_t) skip, f->arg);
}

static void call_state(struct weft_future *f, const struct wf_job_update *u)
{
    char node[WF_NAME_MAX + 1];
    weft_id id;

    memcpy(id.bytes, u->job.b, sizeof id.bytes);
    f->on_state(&id, (enum weft_state) u->state, (unsigned) u->attempt,
                wf_slice_str(u->node, node, sizeof node), f->arg);
}

static void call_event(struct weft_future *f, const struct wf_event_row *row)
{
    char kind[WF_NAME_MAX + 1], node[WF_NAME_MAX + 1], text[WF_TEXT_MAX + 1];
    struct weft_event ev = {.seq = row->seq,
                            .wall_ms = row->wall_ms,
                            .level = (unsigned) row->level,
                            .kind = wf_slice_str(row->kind, kind, sizeof kind),
                            .node = wf_slice_str(row->node, node, sizeof node),
                            .text = wf_slice_str(row->text, text, sizeof text)};

    memcpy(ev.job.bytes, row->job.b, sizeof ev.job.bytes);
    f->on_event(&ev, f->arg);
}

static void call_events(struct weft_future *f, const struct wf_events_page *page)
{
    struct wf_rows rows = page->rows;
    struct wf_event_row row;

    while (wf_rows_next(&rows, wf_desc_event_row(), &row)) {
        if (wf_call_event(&f->call, row.seq)) {
            call_event(f, &row);
        }
    }
}

/* Unlocked.  A message's news exists only while that message is stepped. */
static void run(struct weft_future *f, unsigned news, const struct wf_msg *msg,
                const struct future_cb *then)
{
    if ((news & WF_NEWS_OUTPUT) != 0 && f->on_output != NULL) {
        call_output(f, &msg->u.output);
    }
    if ((news & WF_NEWS_UPDATE) != 0 && f->on_state != NULL) {
        call_state(f, &msg->u.job_update);
    }
    if ((news & WF_NEWS_PAGE) != 0 && f->on_event != NULL &&
        msg->type == WF_MSG_events_page) {
        call_events(f, &msg->u.events_page);
    }
    if ((news & WF_NEWS_PROGRESS) != 0 && f->on_progress != NULL) {
        f->on_progress(&f->result->progress, f->arg);
    }
    if ((news & WF_NEWS_DONE) != 0 && then->fn != NULL) {
        then->fn(f, then->arg);
    }
}

static int has_callback(const struct weft_future *f, unsigned news)
{
    return ((news & WF_NEWS_OUTPUT) != 0 && f->on_output != NULL) ||
           ((news & WF_NEWS_UPDATE) != 0 && f->on_state != NULL) ||
           ((news & WF_NEWS_PAGE) != 0 && f->on_event != NULL) ||
           ((news & WF_NEWS_PROGRESS) != 0 && f->on_progress != NULL) ||
           ((news & WF_NEWS_ACCEPTED) != 0 && f->accepted.fn != NULL) ||
           ((news & WF_NEWS_DONE) != 0 && f->then.fn != NULL);
}

/* Unlocked.  1 when the callback freed the future: then it hears no more. */
static int tell_accepted(struct weft_client *c, struct weft_future *f,
                         const struct future_cb *accepted)
{
    int freed;

    accepted->fn(f, accepted->arg);
    client_lock(c);
    freed = f->freed;
    client_unlock(c);
    return freed;
}

static void tell(struct weft_client *c, struct weft_future *f, const struct wf_msg *msg)
{
    unsigned news = f->call.news;
    /* Read under the lock: weft_future_then() calls what it sets later itself. */
    struct future_cb accepted = f->accepted, then = f->then;

    f->call.news = 0;
    f->told |= news & (WF_NEWS_ACCEPTED | WF_NEWS_DONE);
    if (f->waiters != 0) {
        client_news(c);
    }
    if (!has_callback(f, news)) {
        return;
    }
    f->pins++;
    c->inside++;
    client_unlock(c);
    if (accepted.fn != NULL && (news & WF_NEWS_ACCEPTED) != 0 &&
        tell_accepted(c, f, &accepted)) {
        news = 0;
    }
    run(f, news, msg, &then);
    client_lock(c);
    c->inside--;
    f->pins--;
    if (f->freed && f->pins == 0) {
        future_give(f);
    }
}

void future_dispatch(struct weft_client *c, const struct wf_msg *msg)
{
    struct wf_call *call;

    while ((call = wf_calls_news(&c->calls)) != NULL) {
        tell(c, CONTAINER_OF(call, struct weft_future, call), msg);
    }
}

/* Set one of the callbacks, or call it when its news was told already. */
static void on_news(struct weft_future *f, struct future_cb *cb, unsigned news,
                    weft_done_fn *fn, void *arg)
{
    int now;

    client_lock(f->client);
    *cb = (struct future_cb){fn, arg};
    now = (f->told & news) != 0;
    client_unlock(f->client);
    if (now) {
        fn(f, arg);
    }
}

void weft_future_accepted(weft_future *f, weft_done_fn *fn, void *arg)
{
    on_news(f, &f->accepted, WF_NEWS_ACCEPTED, fn, arg);
}

void weft_future_then(weft_future *f, weft_done_fn *fn, void *arg)
{
    on_news(f, &f->then, WF_NEWS_DONE, fn, arg);
}

/* -- waiting ------------------------------------------------------------------------ */

static int reached(const struct weft_future *f, enum weft_until until)
{
    return f->call.state == WF_CALL_DONE ||
           (until == WEFT_UNTIL_ACCEPTED && f->call.state == WF_CALL_ACCEPTED);
}

int future_wait(struct weft_future *f, enum weft_until until, uint64_t until_us)
{
    struct weft_client *c = f->client;
    int rc = 0;

    if (!reached(f, until) && client_is_inside(c)) {
        return WEFT_ESTATE;
    }
    f->waiters++;
    while (rc == 0 && !reached(f, until)) {
        rc = client_wait(c, until_us);
    }
    f->waiters--;
    if (reached(f, until)) {
        return f->call.state == WF_CALL_DONE ? f->call.error : 0;
    }
    return rc;
}

int weft_future_wait(weft_future *f, enum weft_until until, int64_t timeout_ms)
{
    uint64_t until_us = UINT64_MAX;
    int rc;

    if (timeout_ms >= 0) {
        until_us = wf_add_sat(wf_now_us(), wf_us_of_ms((uint64_t) timeout_ms));
    }
    client_lock(f->client);
    rc = future_wait(f, until, until_us);
    client_unlock(f->client);
    return rc;
}

/* -- looking ------------------------------------------------------------------------ */

int weft_future_is_done(weft_future *f)
{
    int done;

    client_lock(f->client);
    done = f->call.state == WF_CALL_DONE;
    client_unlock(f->client);
    return done;
}

int weft_future_error(weft_future *f)
{
    int error;

    client_lock(f->client);
    error = f->call.state == WF_CALL_DONE ? f->call.error : 0;
    client_unlock(f->client);
    return error;
}

const char *weft_future_text(weft_future *f)
{
    const char *text;

    client_lock(f->client);
    text = wf_call_text(&f->call);
    client_unlock(f->client);
    return text;
}

uint64_t weft_future_retry_ms(weft_future *f)
{
    uint64_t retry_ms;

    client_lock(f->client);
    retry_ms = f->call.retry_ms;
    client_unlock(f->client);
    return retry_ms;
}

const weft_id *weft_future_id(weft_future *f)
{
    _Static_assert(sizeof(weft_id) == sizeof f->call.id, "one layout of ids");

    return (const weft_id *) (const void *) &f->call.id;
}

enum weft_class weft_future_class(weft_future *f)
{
    enum weft_class class_;

    client_lock(f->client);
    class_ = (enum weft_class) f->call.class_;
    client_unlock(f->client);
    return class_;
}

const weft_id *weft_future_reused(weft_future *f)
{
    const weft_id *id;

    client_lock(f->client);
    id = wf_id_is_zero(&f->call.reused)
             ? NULL
             : (const weft_id *) (const void *) &f->call.reused;
    client_unlock(f->client);
    return id;
}

const struct weft_outcome *weft_future_outcome(weft_future *f)
{
    const struct weft_outcome *o;

    client_lock(f->client);
    o = f->call.has_outcome ? &f->call.outcome : NULL;
    client_unlock(f->client);
    return o;
}
