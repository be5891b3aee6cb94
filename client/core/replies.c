#include "client/core/replies.h"

#include "client/core/data.h"
#include "client/core/led.h"
#include "common/err.h"
#include "proto/words.h"

#define DOUBT_MS 10000u /* between questions for a job in doubt */

static int wire_error(uint64_t code)
{
    return code != 0 ? -(int) code : WEFT_EPROTO;
}

/* Submits of one id are answered in the order in which they were sent; one that waits to
 * be offered again was answered. */
static struct wf_call *oldest_open_submit(struct wf_calls *c, const struct wf_id *id)
{
    struct wf_call *oldest = NULL, *call;

    for (call = wf_calls_by_id(c, id); call != NULL; call = wf_calls_same_id(call)) {
        if (call->kind == WF_CALL_SUBMIT && call->state == WF_CALL_OPEN && !call->waits &&
            !call->holds && wf_homes_here(&c->homes, call) &&
            (oldest == NULL || call->sent < oldest->sent)) {
            oldest = call;
        }
    }
    return oldest;
}

static void take_accepted(struct wf_calls *c, const struct wf_accepted *a)
{
    struct wf_call *call = oldest_open_submit(c, &a->job);

    if (call == NULL) {
        c->late++;
        return;
    }
    wf_calls_accept(c, call, (unsigned) a->class_, &a->reused);
}

/* What a broker says of a job that another one has is not for who waits for that. */
static int wants_outcome(const struct wf_calls *c, const struct wf_call *call)
{
    return wf_homes_here(&c->homes, call) &&
           (call->kind == WF_CALL_WATCH ||
            (call->kind == WF_CALL_SUBMIT && call->state == WF_CALL_ACCEPTED));
}

static void take_outcome(struct wf_calls *c, const struct wf_outcome *o)
{
    struct wf_call *call = wf_calls_by_id(c, &o->job), *next;
    int wanted = 0;

    for (; call != NULL; call = next) {
        next = wf_calls_same_id(call);
        if (wants_outcome(c, call)) {
            wf_call_end_outcome(call, o);
            wf_calls_ended(c, call);
            wanted = 1;
        }
    }
    c->late += !wanted;
}

static void take_update(struct wf_calls *c, const struct wf_job_update *u)
{
    static const struct wf_id none;
    struct wf_call *call = wf_calls_by_id(c, &u->job);

    c->late += call == NULL;
    for (; call != NULL; call = wf_calls_same_id(call)) {
        if (!wants_outcome(c, call)) {
            continue;
        }
        if (call->state == WF_CALL_OPEN) {
            wf_calls_accept(c, call, WF_CLASS_BEST, &none);
        }
        if (call->flags & WF_CALL_UPDATES) {
            wf_calls_note(c, call, WF_NEWS_UPDATE);
        }
    }
}

static void take_output(struct wf_calls *c, const struct wf_output *o)
{
    struct wf_call *call = wf_calls_by_id(c, &o->job);

    c->late += call == NULL;
    for (; call != NULL; call = wf_calls_same_id(call)) {
        int64_t skip = call->flags & WF_CALL_OUTPUT ? wf_call_piece(call, o) : -1;

        if (skip >= 0) {
            call->skip = (uint64_t) skip;
            wf_calls_note(c, call, WF_NEWS_OUTPUT);
        }
    }
}

/* A job that was accepted is watched after a reconnect: it is the broker that lost it. */
static struct wf_slice forgotten(const struct wf_call *call)
{
    return wf_slice_of(
        call->class_ == WF_CLASS_DURABLE
            ? "the broker has this job no more: the time for which it keeps results is "
              "over, or its store is an older one than it was"
            : "the broker has this job no more: it was restarted, or the time for which "
              "it keeps results is over; submit it again");
}

/* It is not known here: is it to be had elsewhere?  Then the call goes on. */
static int is_elsewhere(struct wf_calls *c, uint64_t now_us, struct wf_call *call,
                        struct wf_rows at)
{
    if (call->kind != WF_CALL_PING && wf_led_on(c, now_us, call, at)) {
        return 1;
    }
    if (call->kind == WF_CALL_REQUEST || !wf_homes_doubt(&c->homes, call, now_us)) {
        return 0;
    }
    c->link.try_us = now_us;
    return wf_calls_watch_later(c, call, now_us, DOUBT_MS) == 0;
}

/* A refusal that names a request. */
static void refuse(struct wf_calls *c, uint64_t now_us, struct wf_call *call, int error,
                   struct wf_slice text, uint64_t retry_ms, struct wf_rows at)
{
    /* The watch of a job whose submit is refused fails too: the submit says why. */
    if (call->kind == WF_CALL_SUBMIT && call->state == WF_CALL_OPEN) {
        return;
    }
    /* Too many watches at once: the job is there, so ask again. */
    if (error == WEFT_EBUSY && retry_ms != 0 &&
        (call->kind == WF_CALL_SUBMIT || call->kind == WF_CALL_WATCH) &&
        wf_calls_watch_later(c, call, now_us, retry_ms) == 0) {
        return;
    }
    if (error == WEFT_ENOENT && is_elsewhere(c, now_us, call, at)) {
        return;
    }
    if (error == WEFT_ENOENT && call->kind == WF_CALL_SUBMIT) {
        text = forgotten(call);
    }
    wf_calls_end(c, call, error, text, retry_ms);
}

/* A submit was refused.  A broker that cannot store says when to come back, or that it
 * makes no sense; what came too early is taken soon. */
static void refuse_submit(struct wf_calls *c, uint64_t now_us, struct wf_call *call,
                          const struct wf_error *e)
{
    if ((wire_error(e->code) == WEFT_ESTORAGE || e->again) && e->retry_ms != 0 &&
        wf_calls_offer_later(c, call, now_us, e->retry_ms) == 0) {
        return;
    }
    wf_calls_end(c, call, wire_error(e->code), e->text, e->retry_ms);
}

static void take_error(struct wf_calls *c, uint64_t now_us, const struct wf_error *e)
{
    struct wf_call *call;

    if (e->req != 0) {
        call = wf_calls_by_req(c, e->req);
        if (call != NULL) {
            refuse(c, now_us, call, wire_error(e->code), e->text, e->retry_ms, e->at);
            return;
        }
    } else if (e->about == WF_MSG_submit) {
        call = oldest_open_submit(c, &e->job);
        if (call != NULL) {
            refuse_submit(c, now_us, call, e);
            return;
        }
    } else if (e->about == WF_MSG_watch) {
        struct wf_call *next;

        /* The job was taken back: every watch of it is over. */
        for (call = wf_calls_by_id(c, &e->job); call != NULL; call = next) {
            next = wf_calls_same_id(call);
            if (call->kind == WF_CALL_WATCH && wf_homes_here(&c->homes, call)) {
                refuse(c, now_us, call, wire_error(e->code), e->text, e->retry_ms, e->at);
            }
        }
        return;
    }
    c->late++;
}

static void answer(struct wf_calls *c, struct wf_call *call, struct wf_slice raw)
{
    wf_call_end_reply(call, raw);
    wf_calls_ended(c, call);
}

static void take_done(struct wf_calls *c, uint64_t now_us, const struct wf_done *d,
                      struct wf_slice raw)
{
    const struct wf_rows none = {0};
    struct wf_call *call = wf_calls_by_req(c, d->req);

    if (call == NULL) {
        c->late++;
    } else if (d->code != 0) {
        refuse(c, now_us, call, wire_error(d->code), d->text, 0, none);
    } else if (call->kind == WF_CALL_REQUEST && !(call->flags & WF_CALL_PAGES)) {
        answer(c, call, raw);
    }
}

static void take_page(struct wf_calls *c, uint64_t req, struct wf_slice raw)
{
    struct wf_call *call = wf_calls_by_req(c, req);

    if (call == NULL || call->kind != WF_CALL_REQUEST) {
        c->late++;
    } else {
        answer(c, call, raw);
    }
}

/* Those with a number of the other kind are the transfers' own. */
static void take_located(struct wf_calls *c, uint64_t now_us, const struct wf_located *l,
                         struct wf_slice raw)
{
    const struct wf_rows none = {0};
    struct wf_call *call = wf_calls_by_req(c, l->req);

    if ((l->req & WF_REQ_FOREIGN) != 0) {
        return;
    }
    if (call != NULL && l->code != 0) {
        refuse(c, now_us, call, wire_error(l->code), l->text, 0, none);
    } else {
        take_page(c, l->req, raw);
    }
}

/* The last number of a page of events, which come in order. */
static uint64_t last_seq(struct wf_rows rows)
{
    struct wf_event_row row = {0};

    while (wf_rows_next(&rows, wf_desc_event_row(), &row)) {
    }
    return row.seq;
}

/* A follower hears of what happens from the time it asked on.  The broker's answer holds
 * what was before: nothing new the first time; after a reconnect the events that were
 * missed; all of them when the broker was started anew and counts from 1 again. */
static void take_events(struct wf_calls *c, const struct wf_events_page *page,
                        struct wf_slice raw)
{
    struct wf_call *call = c->follower;

    if (page->req != 0 && (call == NULL || page->req != call->req)) {
        take_page(c, page->req, raw);
        return;
    }
    if (call == NULL) {
        c->late++;
        return;
    }
    if (page->req != 0 && !call->followed.began) {
        call->followed.began = 1;
        call->followed.epoch = c->link.welcome.epoch;
        call->followed.seq = last_seq(page->rows);
        return;
    }
    if (call->followed.epoch != c->link.welcome.epoch) {
        call->followed.epoch = c->link.welcome.epoch;
        call->followed.seq = 0;
    }
    wf_calls_note(c, call, WF_NEWS_PAGE);
}

static void take_pong(struct wf_calls *c, uint64_t now_us, const struct wf_pong *p)
{
    struct wf_call *call = wf_calls_by_req(c, p->seq);

    if (call == NULL || call->kind != WF_CALL_PING || p->time_us > now_us) {
        c->late++;
        return;
    }
    call->rtt_us = wf_max_u64(now_us - p->time_us, 1);
    wf_calls_end(c, call, 0, wf_slice_of(NULL), 0);
}

void wf_replies_take(struct wf_calls *c, uint64_t now_us, const struct wf_msg *msg,
                     struct wf_slice raw)
{
    switch (msg->type) {
    case WF_MSG_accepted:
        take_accepted(c, &msg->u.accepted);
        return;
    case WF_MSG_outcome:
        take_outcome(c, &msg->u.outcome);
        return;
    case WF_MSG_job_update:
        take_update(c, &msg->u.job_update);
        return;
    case WF_MSG_output:
        take_output(c, &msg->u.output);
        return;
    case WF_MSG_error:
        take_error(c, now_us, &msg->u.error);
        return;
    case WF_MSG_done:
        take_done(c, now_us, &msg->u.done, raw);
        return;
    case WF_MSG_events_page:
        take_events(c, &msg->u.events_page, raw);
        return;
    case WF_MSG_pong:
        take_pong(c, now_us, &msg->u.pong);
        return;
    case WF_MSG_stage_info:
        wf_data_staged(c, &msg->u.stage_info, raw);
        return;
    case WF_MSG_located:
        take_located(c, now_us, &msg->u.located, raw);
        return;
    case WF_MSG_grant:
        return; /* for the shell's giving side */
#define PAGE(type)                                                                       \
    case WF_MSG_##type:                                                                  \
        take_page(c, msg->u.type.req, raw);                                              \
        return
        PAGE(nodes_page);
        PAGE(jobs_page);
        PAGE(keys_page);
        PAGE(job_info);
        PAGE(why_info);
        PAGE(status_info);
        PAGE(node_info);
        PAGE(node_pong);
        PAGE(links_page);
        PAGE(map_page);
        PAGE(prices_page);
        PAGE(datasets_page);
        PAGE(dataset_info);
#undef PAGE
    default:
        c->late++;
        return;
    }
}
