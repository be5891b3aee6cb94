#include "client/core/led.h"

#include "client/core/send.h"
#include "common/err.h"
#include "common/str.h"

#include <stdio.h>
#include <string.h>

/* Who is said to have a job may be gone for good, or it may be a lie. */
#define LED_US      (UINT64_C(3600) * 1000000)
#define LED_LOOK_MS 60000u

static void shut_out(struct wf_calls *c, struct wf_call *call, const struct wf_broker *b)
{
    char line[WF_TEXT_MAX + 1];

    (void) snprintf(line, sizeof line,
                    "%s at %s has that job, and does not know this key: ask with a "
                    "context of that broker",
                    b->name[0] != '\0' ? b->name : "another broker", b->endpoint);
    wf_calls_end(c, call, WEFT_EAUTH, wf_slice_of(line), 0);
}

static int is_refusal(int error)
{
    return error == WEFT_EAUTH || error == WEFT_EREVOKED;
}

/* It is not dialled again so soon: nobody waits for that. */
static void end_if_refused(struct wf_calls *c, uint64_t now_us, struct wf_call *call)
{
    const struct wf_ways *w = &c->link.ways;

    for (unsigned i = 0; i < w->brokers.n; i++) {
        if (wf_ways_is(w, i) && is_refusal(w->v[i].error) && w->v[i].ready_us > now_us &&
            wf_homes_away_at(&c->homes, call, &w->brokers.v[i].key)) {
            shut_out(c, call, &w->brokers.v[i]);
            return;
        }
    }
}

int wf_led_on(struct wf_calls *c, uint64_t now_us, struct wf_call *call,
              struct wf_rows at)
{
    struct wf_broker_row row;
    int known = 0;

    while (!call->led && wf_rows_next(&at, wf_desc_broker_row(), &row)) {
        if (wf_key_eq(&row.key, &c->homes.here.key)) {
            continue;
        }
        if (!known && !wf_homes_led(&c->homes, call, &row.key)) {
            return 0;
        }
        known |= wf_link_named(&c->link, now_us, &row);
        if (row.name.len != 0) {
            (void) wf_slice_str(row.name, call->led_to, sizeof call->led_to);
        } else {
            wf_hex(call->led_to, row.key.b, 8);
        }
        if (!known) {
            wf_homes_drop(&c->homes, call);
        }
    }
    call->led |= known;
    if (known && call->kind != WF_CALL_REQUEST &&
        wf_calls_watch_later(c, call, now_us, LED_LOOK_MS) == 0) {
        call->led_us = now_us + LED_US;
    }
    if (known && call->kind == WF_CALL_REQUEST && !call->away) {
        call->away = 1;
        c->requests--;
    }
    if (known) {
        end_if_refused(c, now_us, call);
    }
    return known;
}

void wf_led_along(struct wf_calls *c, struct wf_call *call, const struct wf_call *twin)
{
    if (call->kind == WF_CALL_WATCH && !call->led && twin->led_us != 0 &&
        wf_calls_watch_later(c, call, twin->led_us, 0) == 0) {
        call->led = 1;
        call->led_us = twin->led_us;
        memcpy(call->led_to, twin->led_to, sizeof call->led_to);
    }
}

void wf_led_refused(struct wf_calls *c, unsigned way)
{
    const struct wf_broker *b = &c->link.ways.brokers.v[way];
    struct wf_list_node *node = wf_list_first(&c->open), *next;

    for (; node != NULL; node = next) {
        struct wf_call *call = CONTAINER_OF(node, struct wf_call, link);

        next = wf_list_next(&c->open, node);
        if ((call->led || call->kind != WF_CALL_SUBMIT) &&
            wf_homes_away_at(&c->homes, call, &b->key)) {
            shut_out(c, call, b);
        }
    }
}

void wf_led_again(struct wf_calls *c, uint64_t now_us, struct wf_call *call,
                  struct wf_effects *out)
{
    if (call->led_us != 0 && !wf_homes_here(&c->homes, call)) {
        if (now_us >= call->led_us ||
            wf_calls_watch_later(c, call, now_us, UINT64_MAX) != 0) {
            wf_calls_end(c, call, WEFT_EUNREACH,
                         wf_slice_of("another broker is said to have it, and could not "
                                     "be reached"),
                         0);
        }
        return;
    }
    call->led_us = 0;
    if (wf_calls_ready(c)) {
        wf_send_call(c, c->link.heard_us, call, out);
    }
}
