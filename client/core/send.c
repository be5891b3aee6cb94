#include "client/core/send.h"

#include "client/core/data.h"
#include "client/core/led.h"

#define MS 1000u

/* Another call about the same job, which went to a broker already. */
static const struct wf_call *twin_of(struct wf_calls *c, const struct wf_call *call)
{
    struct wf_call *x = wf_calls_by_id(c, &call->id);

    while (x != NULL && (x == call || x->home == 0)) {
        x = wf_calls_same_id(x);
    }
    return x;
}

static int may_send(struct wf_calls *c, struct wf_call *call)
{
    const struct wf_call *twin = call->home == 0 ? twin_of(c, call) : NULL;
    int here;

    if (c->leaving && call->home == 0 && twin == NULL) {
        return 0; /* but a twin's home knows the job, and may end it meanwhile */
    }
    here = wf_homes_take(&c->homes, call, twin);
    if (!here && twin != NULL) {
        wf_led_along(c, call, twin);
    }
    return here;
}

static void send_watch(struct wf_calls *c, struct wf_call *call, struct wf_effects *out)
{
    const struct wf_watch w = {.req = call->req,
                               .job = call->id,
                               .output = (call->flags & WF_CALL_OUTPUT) != 0,
                               .states = (call->flags & WF_CALL_UPDATES) != 0};

    if (!may_send(c, call)) {
        return;
    }
    if (!call->by_req.in) {
        wf_index_add(&c->by_req, &call->by_req, call->req);
    }
    wf_effects_send(out, 0, WF_MSG_watch, &w);
}

void wf_send_stop_waiting(struct wf_calls *c, struct wf_call *call)
{
    call->waits = 0;
    if (call->deadline_us != UINT64_MAX) {
        wf_heap_update(&c->due, &call->due, call->deadline_us);
    } else {
        wf_heap_remove(&c->due, &call->due);
    }
}

static void send_submit(struct wf_calls *c, uint64_t now_us, struct wf_call *call,
                        struct wf_effects *out)
{
    struct wf_submit *s = &call->submit;

    if (call->holds || !may_send(c, call)) {
        return;
    }
    if (call->waits) {
        wf_send_stop_waiting(c, call);
    }
    if (call->deadline_us != UINT64_MAX) {
        if (now_us >= call->deadline_us) {
            wf_calls_end(c, call, WEFT_EEXPIRED,
                         wf_slice_of("the deadline passed before a broker had it"), 0);
            return;
        }
        s->deadline_ms = (call->deadline_us - now_us + MS - 1) / MS;
    }
    call->sent = ++c->sends;
    wf_effects_send(out, 0, WF_MSG_submit, s);
    if (call->flags & (WF_CALL_OUTPUT | WF_CALL_UPDATES)) {
        send_watch(c, call, out);
    }
}

/* Only the broker that has its job can answer.  What waits for another one keeps the link
 * from nothing. */
static int is_away(struct wf_calls *c, struct wf_call *call)
{
    const int away = call->home != 0 && !wf_homes_here(&c->homes, call);

    if (away != call->away) {
        c->requests = away ? c->requests - 1 : c->requests + 1;
        call->away = away;
    }
    return away;
}

static void send_ping(uint64_t now_us, const struct wf_call *call, struct wf_effects *out)
{
    const struct wf_ping p = {.seq = call->req | WF_PING_BIT, .time_us = now_us};

    wf_effects_send(out, 0, WF_MSG_ping, &p);
}

void wf_send_call(struct wf_calls *c, uint64_t now_us, struct wf_call *call,
                  struct wf_effects *out)
{
    switch (call->kind) {
    case WF_CALL_SUBMIT:
        if (call->state == WF_CALL_OPEN) {
            send_submit(c, now_us, call, out);
            return;
        }
        /* A job accepted in an earlier session: its outcome goes to who watches. */
        send_watch(c, call, out);
        return;
    case WF_CALL_WATCH:
        send_watch(c, call, out);
        return;
    case WF_CALL_REQUEST:
        if (!is_away(c, call)) {
            wf_calls_send_parts(call, out);
        }
        return;
    case WF_CALL_PING:
        send_ping(now_us, call, out);
        return;
    case WF_CALL_LOCAL:
        return;
    }
}

void wf_send_all(struct wf_calls *c, uint64_t now_us, struct wf_effects *out)
{
    struct wf_list_node *node = wf_list_first(&c->open), *next;

    for (; node != NULL; node = next) {
        next = wf_list_next(&c->open, node);
        wf_send_call(c, now_us, CONTAINER_OF(node, struct wf_call, link), out);
    }
}
