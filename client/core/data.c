#include "client/core/data.h"

#include "common/err.h"

#include <string.h>

/* -- requests of several messages ------------------------------------------------------
 */

static int hold_parts(struct wf_calls *c, struct wf_call *call, enum wf_type type,
                      wf_part_fn *part, void *arg)
{
    const uint64_t req = c->last_req + 1;
    int more = 1;

    for (size_t i = 0; more > 0; i++) {
        struct wf_msg msg = {.type = type};
        int rc;

        more = part(arg, i, &msg);
        if (more < 0) {
            return more;
        }
        memcpy(&msg.u, &req, sizeof req);
        rc = wf_call_hold_part(call, type, &msg.u);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

int wf_calls_request_parts(struct wf_calls *c, uint64_t now_us, struct wf_call *call,
                           enum wf_type type, wf_part_fn *part, void *arg,
                           struct wf_effects *out)
{
    int rc = hold_parts(c, call, type, part, arg);

    call->kind = WF_CALL_REQUEST;
    if (rc == 0) {
        rc = wf_calls_take(c, call);
    }
    if (rc != 0) {
        wf_buf_clear(&call->bytes);
        return rc;
    }
    wf_call_open(call);
    wf_calls_send(c, now_us, call, out);
    return 0;
}

void wf_calls_send_parts(const struct wf_call *call, struct wf_effects *out)
{
    struct wf_cursor cur;
    struct wf_msg msg;

    wf_cur_init(&cur, call->bytes.p, call->bytes.len);
    while (wf_cur_left(&cur) != 0) {
        const uint8_t *at = cur.p;

        if (wf_msg_decode(&cur, &msg) != 0) {
            return; /* we encoded it: this does not happen */
        }
        wf_effects_add(out, WF_EFFECT_SEND, 0, 0, at, (size_t) (cur.p - at), NULL);
    }
}

/* -- stages ----------------------------------------------------------------------------
 */

void wf_calls_stage_end(struct wf_calls *c, const struct wf_call *call,
                        struct wf_effects *out)
{
    const struct wf_stage m = {.req = call->req, .end = 1};

    if (wf_calls_ready(c) && call->state == WF_CALL_OPEN) {
        wf_effects_send(out, 0, WF_MSG_stage, &m);
    }
}

void wf_data_staged(struct wf_calls *c, const struct wf_stage_info *m,
                    struct wf_slice raw)
{
    struct wf_call *call = wf_calls_by_req(c, m->req);

    if (call == NULL || !(call->flags & WF_CALL_STAGE)) {
        c->late++;
        return;
    }
    wf_calls_note(c, call, WF_NEWS_PROGRESS);
    if (m->over && m->code != 0) {
        wf_calls_end(c, call, -(int) m->code, m->text, 0);
    } else if (m->over) {
        wf_call_end_reply(call, raw);
        wf_calls_ended(c, call);
    }
}

/* -- local calls and held jobs ---------------------------------------------------------
 */

int wf_calls_local(struct wf_calls *c, struct wf_call *call)
{
    int rc;

    call->kind = WF_CALL_LOCAL;
    rc = wf_calls_take(c, call);
    if (rc == 0) {
        wf_call_open(call);
    }
    return rc;
}

void wf_calls_release(struct wf_calls *c, uint64_t now_us, struct wf_call *call,
                      const struct wf_digest *blob, uint64_t size, struct wf_effects *out)
{
    if (call->kind != WF_CALL_SUBMIT || call->state != WF_CALL_OPEN || !call->holds) {
        return;
    }
    call->holds = 0;
    call->submit.payload_blob = *blob;
    call->submit.payload_size = size;
    wf_calls_send(c, now_us, call, out);
}
