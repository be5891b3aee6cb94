#include "client/core/calls.h"

#include "client/core/data.h"
#include "client/core/leave.h"
#include "client/core/led.h"
#include "client/core/replies.h"
#include "client/core/send.h"
#include "common/check.h"
#include "common/err.h"

#include <string.h>

#define MS 1000u

void wf_calls_config_init(struct wf_calls_config *cfg)
{
    *cfg = (struct wf_calls_config){
        .link = {.retry_min_ms = 100, .retry_max_ms = 10000, .dial_ms = 5000},
        .max_calls = 1u << 20,
        .max_pending = 1u << 17,
        .max_bytes = 48u << 20,
        .max_requests = 4096};
}

static int holds(const void *owner, const struct wf_home *home)
{
    return wf_homes_hold(owner, home);
}

int wf_calls_init(struct wf_calls *c, const struct wf_calls_config *cfg)
{
    memset(c, 0, sizeof *c);
    c->cfg = *cfg;
    c->cfg.link.holds = holds;
    c->cfg.link.owner = &c->homes;
    wf_link_init(&c->link, &c->cfg.link);
    c->cfg.link.brokers = NULL;
    wf_list_init(&c->open);
    wf_list_init(&c->news);
    wf_heap_init(&c->due, cfg->max_calls);
    if (wf_index_init(&c->by_id) != 0 || wf_index_init(&c->by_req) != 0) {
        wf_index_fini(&c->by_id);
        return WEFT_ENOMEM;
    }
    return 0;
}

void wf_calls_fini(struct wf_calls *c)
{
    wf_heap_fini(&c->due);
    wf_index_fini(&c->by_id);
    wf_index_fini(&c->by_req);
}

/* -- finding and ending ------------------------------------------------------------- */

static uint64_t id_key(const struct wf_id *id)
{
    uint64_t w[2];

    memcpy(w, id->b, sizeof w);
    return w[0] ^ w[1] * UINT64_C(0xff51afd7ed558ccd);
}

static struct wf_call *with_id(struct wf_index_node *node, const struct wf_id *id)
{
    for (; node != NULL; node = wf_index_again(node)) {
        struct wf_call *call = CONTAINER_OF(node, struct wf_call, by_id);

        if (wf_id_eq(&call->id, id)) {
            return call;
        }
    }
    return NULL;
}

struct wf_call *wf_calls_by_id(struct wf_calls *c, const struct wf_id *id)
{
    return with_id(wf_index_find(&c->by_id, id_key(id)), id);
}

struct wf_call *wf_calls_same_id(const struct wf_call *call)
{
    return with_id(wf_index_again(&call->by_id), &call->id);
}

struct wf_call *wf_calls_by_req(struct wf_calls *c, uint64_t req)
{
    struct wf_index_node *node = wf_index_find(&c->by_req, req & ~WF_PING_BIT);

    return node != NULL ? CONTAINER_OF(node, struct wf_call, by_req) : NULL;
}

void wf_calls_note(struct wf_calls *c, struct wf_call *call, unsigned news)
{
    call->news |= news;
    if (wf_list_empty(&call->news_link)) {
        wf_list_push_back(&c->news, &call->news_link);
    }
}

struct wf_call *wf_calls_news(struct wf_calls *c)
{
    struct wf_list_node *node = wf_list_first(&c->news);

    if (node == NULL) {
        return NULL;
    }
    wf_list_remove(node);
    return CONTAINER_OF(node, struct wf_call, news_link);
}

static void unhold(struct wf_calls *c, struct wf_call *call)
{
    if (call->held != 0) {
        c->pending--;
        c->pending_bytes -= call->held - 1;
        call->held = 0;
    }
}

static void enlist(struct wf_calls *c, struct wf_call *call)
{
    wf_list_push_back(&c->open, &call->link);
    c->n++;
    c->requests += call->kind == WF_CALL_REQUEST || call->kind == WF_CALL_PING;
}

static void delist(struct wf_calls *c, struct wf_call *call)
{
    if (wf_list_empty(&call->link)) {
        return;
    }
    wf_list_remove(&call->link);
    c->n--;
    if (c->follower == call) {
        c->follower = NULL;
    }
    c->requests -=
        (call->kind == WF_CALL_REQUEST && !call->away) || call->kind == WF_CALL_PING;
    unhold(c, call);
    wf_homes_drop(&c->homes, call);
    wf_index_remove(&c->by_id, &call->by_id);
    wf_index_remove(&c->by_req, &call->by_req);
    wf_heap_remove(&c->due, &call->due);
}

void wf_calls_ended(struct wf_calls *c, struct wf_call *call)
{
    delist(c, call);
    wf_calls_note(c, call, call->news);
}

void wf_calls_end(struct wf_calls *c, struct wf_call *call, int error,
                  struct wf_slice text, uint64_t retry_ms)
{
    wf_call_end(call, error, text, retry_ms);
    wf_calls_ended(c, call);
}

void wf_calls_forget(struct wf_calls *c, struct wf_call *call)
{
    delist(c, call);
    wf_list_remove(&call->news_link);
}

void wf_calls_accept(struct wf_calls *c, struct wf_call *call, unsigned class_,
                     const struct wf_id *reused)
{
    unhold(c, call);
    wf_heap_remove(&c->due, &call->due);
    call->waits = 0;
    wf_call_accept(call, class_, reused);
    wf_homes_accepted(&c->homes, call);
    if (call->flags & WF_CALL_DETACHED) {
        wf_calls_end(c, call, 0, wf_slice_of(NULL), 0);
    } else {
        wf_calls_note(c, call, WF_NEWS_ACCEPTED);
    }
}

static void end_all(struct wf_calls *c, int error, const char *text)
{
    struct wf_list_node *node;

    while ((node = wf_list_first(&c->open)) != NULL) {
        wf_calls_end(c, CONTAINER_OF(node, struct wf_call, link), error,
                     wf_slice_of(text), 0);
    }
}

/* -- the session -------------------------------------------------------------------- */

/* Some refusals last until a person does something: nobody should wait for that. */
static void after_link(struct wf_calls *c)
{
    int code = c->link.state == WF_LINK_WAITING ? wf_ways_barred(&c->link.ways) : 0;

    if (code != 0) {
        end_all(c, code,
                code == c->link.error ? c->link.error_text : wf_err_sentence(code));
    }
}

void wf_calls_start(struct wf_calls *c, uint64_t now_us, struct wf_effects *out)
{
    wf_link_start(&c->link, now_us, out);
}

void wf_calls_close(struct wf_calls *c, struct wf_effects *out)
{
    c->closed = 1;
    wf_link_stop(&c->link, out);
    end_all(c, WEFT_ECLOSED, "the client was closed");
}

void wf_calls_up(struct wf_calls *c, uint64_t now_us, struct wf_effects *out)
{
    wf_link_up(&c->link, now_us, out);
}

void wf_calls_down(struct wf_calls *c, uint64_t now_us, struct wf_effects *out)
{
    wf_link_down(&c->link, now_us, out);
}

void wf_calls_refused(struct wf_calls *c, uint64_t now_us, struct wf_effects *out)
{
    wf_link_refused(&c->link, now_us, out);
    wf_led_refused(c, c->link.endpoint);
    after_link(c);
}

void wf_calls_tried(struct wf_calls *c, uint64_t now_us, int answered,
                    struct wf_effects *out)
{
    const unsigned way = c->link.trying;

    wf_link_tried(&c->link, now_us, answered, out);
    if (answered < 0 && way != WF_BROKERS_NONE) {
        wf_led_refused(c, way);
    }
    wf_leave_for_better(c, now_us, out);
}

static int is_own_pong(const struct wf_msg *msg)
{
    return msg->type == WF_MSG_pong && (msg->u.pong.seq & WF_PING_BIT) != 0;
}

void wf_calls_msg(struct wf_calls *c, uint64_t now_us, const struct wf_msg *msg,
                  struct wf_slice raw, struct wf_effects *out)
{
    if (is_own_pong(msg) && wf_calls_ready(c)) {
        wf_replies_take(c, now_us, msg, raw);
        return;
    }
    switch (wf_link_msg(&c->link, now_us, msg, out)) {
    case WF_LINK_OPENED:
        c->homes.here = wf_link_home(&c->link);
        wf_leave_done(c);
        wf_send_all(c, now_us, out);
        return;
    case WF_LINK_PASS:
        wf_replies_take(c, now_us, msg, raw);
        wf_leave_for_better(c, now_us, out);
        return;
    case WF_LINK_HANDLED:
        after_link(c);
        return;
    }
}

uint64_t wf_calls_due_us(const struct wf_calls *c)
{
    const struct wf_heap_node *first = wf_heap_min(&c->due);

    return wf_min_u64(wf_min_u64(c->link.due_us, first != NULL ? first->key : UINT64_MAX),
                      wf_leave_due_us(c));
}

/* `now_us` plus what a broker asks for, within reason. */
static uint64_t later(uint64_t now_us, uint64_t after_ms)
{
    return now_us + wf_min_u64(after_ms, 60000) * MS;
}

int wf_calls_offer_later(struct wf_calls *c, struct wf_call *call, uint64_t now_us,
                         uint64_t after_ms)
{
    const uint64_t at_us = later(now_us, after_ms);

    if (call->offer_us == 0) {
        call->offer_us = wf_add_sat(now_us, wf_us_of_ms(call->offer_ms));
    }
    if (at_us > call->offer_us || at_us >= call->deadline_us) {
        return WEFT_ETIMEOUT;
    }
    call->waits = 1;
    wf_homes_drop(&c->homes, call); /* it was refused: anybody may have it */
    if (wf_heap_in(&call->due)) {
        wf_heap_update(&c->due, &call->due, at_us);
        return 0;
    }
    return wf_heap_push(&c->due, &call->due, at_us);
}

int wf_calls_watch_later(struct wf_calls *c, struct wf_call *call, uint64_t now_us,
                         uint64_t after_ms)
{
    wf_heap_remove(&c->due, &call->due);
    return wf_heap_push(&c->due, &call->due, later(now_us, after_ms));
}

/* A job that was sent is the broker's to expire: it answers. */
static void expire(struct wf_calls *c, uint64_t now_us, struct wf_call *call,
                   struct wf_effects *out)
{
    if (call->waits) {
        wf_send_stop_waiting(c, call);
        if (wf_calls_ready(c)) {
            wf_send_call(c, now_us, call, out);
        }
        return;
    }
    wf_heap_remove(&c->due, &call->due);
    if (call->kind == WF_CALL_WATCH || call->state == WF_CALL_ACCEPTED) {
        wf_led_again(c, now_us, call, out);
    } else if (call->kind != WF_CALL_SUBMIT) {
        wf_calls_end(c, call,
                     wf_calls_ready(c) && !call->away ? WEFT_ETIMEOUT : WEFT_EUNREACH,
                     wf_slice_of(call->away          ? "another broker has it, and could "
                                                       "not be reached in time"
                                 : wf_calls_ready(c) ? "the broker did not answer in time"
                                                     : c->link.error_text),
                     0);
    } else if (call->holds || !wf_calls_ready(c) || !wf_homes_here(&c->homes, call)) {
        wf_calls_end(c, call, WEFT_EEXPIRED,
                     wf_slice_of("the deadline passed before a broker had it"), 0);
    }
}

void wf_calls_tick(struct wf_calls *c, uint64_t now_us, struct wf_effects *out)
{
    struct wf_heap_node *first;

    wf_link_tick(&c->link, now_us, out);
    while ((first = wf_heap_min(&c->due)) != NULL && first->key <= now_us) {
        expire(c, now_us, CONTAINER_OF(first, struct wf_call, due), out);
    }
    if (c->leaving || c->link.better != WF_BROKERS_NONE) {
        wf_leave_for_better(c, now_us, out);
    }
}

/* -- asking ------------------------------------------------------------------------- */

static int may_ask(const struct wf_calls *c, const struct wf_call *call)
{
    int is_request = call->kind == WF_CALL_REQUEST || call->kind == WF_CALL_PING;

    if (c->closed) {
        return WEFT_ECLOSED;
    }
    if (c->n >= c->cfg.max_calls || (is_request && c->requests >= c->cfg.max_requests)) {
        return WEFT_EFULL;
    }
    return 0;
}

static int set_deadline(struct wf_calls *c, struct wf_call *call, uint64_t deadline_us)
{
    call->deadline_us = deadline_us;
    return deadline_us == UINT64_MAX ? 0 : wf_heap_push(&c->due, &call->due, deadline_us);
}

static void number(struct wf_calls *c, struct wf_call *call)
{
    call->req = ++c->last_req;
    /* A submit is answered by id; its number matters once it is watched. */
    if (call->kind != WF_CALL_SUBMIT) {
        wf_index_add(&c->by_req, &call->by_req, call->req);
    }
}

int wf_calls_take(struct wf_calls *c, struct wf_call *call)
{
    int rc = may_ask(c, call);

    if (rc == 0) {
        enlist(c, call);
        number(c, call);
    }
    return rc;
}

void wf_calls_send(struct wf_calls *c, uint64_t now_us, struct wf_call *call,
                   struct wf_effects *out)
{
    if (wf_calls_ready(c)) {
        wf_send_call(c, now_us, call, out);
    }
}

static int fits(const struct wf_calls *c, const struct wf_submit *s)
{
    uint64_t most = c->link.welcome.max_payload;

    if (s->payload.len > (most != 0 ? most : WF_PAYLOAD_MAX) ||
        s->capability.len > WF_CAP_NAME_MAX || s->node.len > WF_NAME_MAX ||
        s->name.len > WF_NAME_MAX || s->needs.count > WF_LABELS_MAX || s->priority > 9 ||
        s->max_attempts > 100 || s->class_ > 2 || s->disconnect > 2 ||
        s->inputs.count > WF_INPUTS_MAX) {
        return WEFT_ETOOBIG;
    }
    return c->pending < c->cfg.max_pending &&
                   s->payload.len <= c->cfg.max_bytes - c->pending_bytes
               ? 0
               : WEFT_EFULL;
}

int wf_calls_submit(struct wf_calls *c, uint64_t now_us, struct wf_call *call,
                    const struct wf_submit *submit, struct wf_effects *out)
{
    uint64_t deadline_us = UINT64_MAX;
    int rc;

    call->kind = WF_CALL_SUBMIT;
    rc = may_ask(c, call);
    if (rc == 0) {
        rc = fits(c, submit);
    }
    if (rc != 0) {
        return rc;
    }
    if (submit->deadline_ms != 0 && submit->deadline_ms < UINT64_MAX / MS) {
        deadline_us = wf_add_sat(now_us, submit->deadline_ms * MS);
    }
    rc = set_deadline(c, call, deadline_us);
    if (rc == 0) {
        rc = wf_call_hold_submit(call, submit);
    }
    if (rc != 0) {
        wf_heap_remove(&c->due, &call->due);
        return rc;
    }
    call->held = submit->payload.len + 1;
    c->pending++;
    c->pending_bytes += submit->payload.len;
    enlist(c, call);
    number(c, call);
    wf_index_add(&c->by_id, &call->by_id, id_key(&call->id));
    if (wf_calls_ready(c)) {
        wf_send_call(c, now_us, call, out);
    }
    return 0;
}

int wf_calls_watch(struct wf_calls *c, struct wf_call *call, const struct wf_id *id,
                   struct wf_effects *out)
{
    int rc;

    call->kind = WF_CALL_WATCH;
    rc = wf_calls_take(c, call);
    if (rc != 0) {
        return rc;
    }
    call->id = *id;
    wf_call_open(call);
    wf_index_add(&c->by_id, &call->by_id, id_key(id));
    if (wf_calls_ready(c)) {
        wf_send_call(c, c->link.heard_us, call, out);
    }
    return 0;
}

int wf_calls_request(struct wf_calls *c, struct wf_call *call, enum wf_type type,
                     void *body, const struct wf_id *id, uint64_t deadline_us,
                     struct wf_effects *out)
{
    const uint64_t req = c->last_req + 1;
    int rc;

    call->kind = WF_CALL_REQUEST;
    rc = may_ask(c, call);
    if (rc == 0) {
        rc = set_deadline(c, call, deadline_us);
    }
    if (rc != 0) {
        return rc;
    }
    memcpy(body, &req, sizeof req);
    rc = wf_call_hold_request(call, type, body);
    if (rc != 0) {
        wf_heap_remove(&c->due, &call->due);
        return rc;
    }
    enlist(c, call);
    number(c, call);
    if (call->flags & WF_CALL_PAGES) {
        c->follower = call;
    }
    if (id != NULL) {
        call->id = *id;
        wf_index_add(&c->by_id, &call->by_id, id_key(id));
    }
    wf_calls_send(c, c->link.heard_us, call, out);
    return 0;
}

int wf_calls_ping(struct wf_calls *c, uint64_t now_us, struct wf_call *call,
                  uint64_t deadline_us, struct wf_effects *out)
{
    int rc;

    call->kind = WF_CALL_PING;
    rc = may_ask(c, call);
    if (rc == 0) {
        rc = set_deadline(c, call, deadline_us);
    }
    if (rc != 0) {
        return rc;
    }
    wf_call_open(call);
    enlist(c, call);
    number(c, call);
    if (wf_calls_ready(c)) {
        wf_send_call(c, now_us, call, out);
    }
    return 0;
}
