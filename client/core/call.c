#include "client/core/call.h"

#include "common/err.h"
#include "common/sm.h"
#include "proto/words.h"

#include <string.h>

#define BYTES_MAX  (WF_PAYLOAD_MAX + (64u << 10))
#define BYTES_KEEP 4096u       /* of a call that is used again */
#define PARTS_MAX  (48u << 20) /* of a request that takes several messages */

static const struct wf_sm_state states[WF_CALL_STATES] = {
    [WF_CALL_IDLE] = {"idle", WF_SM_TO(WF_CALL_OPEN) | WF_SM_TO(WF_CALL_DONE)},
    [WF_CALL_OPEN] = {"open", WF_SM_TO(WF_CALL_ACCEPTED) | WF_SM_TO(WF_CALL_DONE)},
    [WF_CALL_ACCEPTED] = {"accepted", WF_SM_TO(WF_CALL_DONE)},
    [WF_CALL_DONE] = {"done", 0},
};

static void move(struct wf_call *call, unsigned to)
{
    wf_sm_move(states, WF_CALL_STATES, &call->state, to);
}

void wf_call_init(struct wf_call *call)
{
    struct wf_buf none = WF_BUF_INIT(BYTES_MAX);

    memset(call, 0, offsetof(struct wf_call, submit));
    call->bytes = none;
    call->deadline_us = UINT64_MAX;
    wf_list_init(&call->link);
    wf_list_init(&call->news_link);
}

void wf_call_reset(struct wf_call *call)
{
    struct wf_buf bytes = call->bytes;

    wf_call_init(call);
    if (bytes.cap > BYTES_KEEP) {
        wf_buf_fini(&bytes);
    }
    wf_buf_clear(&bytes);
    bytes.max = BYTES_MAX;
    call->bytes = bytes;
}

void wf_call_fini(struct wf_call *call)
{
    wf_buf_fini(&call->bytes);
}

/* Room was made for all before, so that nothing moves. */
static void hold(struct wf_buf *b, const uint8_t **p, uint32_t len)
{
    const uint8_t *at = b->p + b->len;

    if (len != 0) {
        (void) wf_buf_put(b, *p, len);
    }
    *p = at;
}

int wf_call_hold_submit(struct wf_call *call, const struct wf_submit *submit)
{
    struct wf_submit *s = &call->submit;
    struct wf_buf *b = &call->bytes;
    uint64_t need = (uint64_t) submit->capability.len + submit->payload.len +
                    submit->needs.len + submit->node.len + submit->name.len +
                    submit->inputs.len + submit->prefers.len + submit->nears.len +
                    submit->group.len;

    wf_buf_clear(b);
    if (wf_buf_extend(b, (size_t) need + 1) == NULL) {
        return b->err;
    }
    wf_buf_clear(b);
    *s = *submit;
    hold(b, &s->capability.p, s->capability.len);
    hold(b, &s->payload.p, s->payload.len);
    hold(b, &s->needs.p, s->needs.len);
    hold(b, &s->node.p, s->node.len);
    hold(b, &s->name.p, s->name.len);
    hold(b, &s->inputs.p, s->inputs.len);
    hold(b, &s->prefers.p, s->prefers.len);
    hold(b, &s->nears.p, s->nears.len);
    hold(b, &s->group.p, s->group.len);
    call->id = s->job;
    move(call, WF_CALL_OPEN);
    return 0;
}

int wf_call_hold_request(struct wf_call *call, enum wf_type type, const void *body)
{
    int rc;

    wf_buf_clear(&call->bytes);
    rc = wf_msg_encode(&call->bytes, type, body);
    if (rc == 0) {
        move(call, WF_CALL_OPEN);
    }
    return rc;
}

int wf_call_hold_part(struct wf_call *call, enum wf_type type, const void *body)
{
    call->bytes.max = PARTS_MAX;
    return wf_msg_encode(&call->bytes, type, body);
}

void wf_call_open(struct wf_call *call)
{
    move(call, WF_CALL_OPEN);
}

void wf_call_accept(struct wf_call *call, unsigned class_, const struct wf_id *reused)
{
    call->class_ = class_;
    call->reused = *reused;
    call->news |= WF_NEWS_ACCEPTED;
    move(call, WF_CALL_ACCEPTED);
}

void wf_call_end(struct wf_call *call, int error, struct wf_slice text, uint64_t retry_ms)
{
    uint8_t *at;

    call->error = error;
    call->retry_ms = retry_ms;
    call->news |= WF_NEWS_DONE;
    wf_buf_clear(&call->bytes);
    at = wf_buf_extend(&call->bytes, (size_t) text.len + 1);
    if (at != NULL) {
        wf_slice_str(text, (char *) at, (size_t) text.len + 1);
    }
    move(call, WF_CALL_DONE);
}

static const char *put_text(struct wf_buf *b, struct wf_slice s)
{
    uint8_t *at = wf_buf_extend(b, (size_t) s.len + 1);

    return wf_slice_str(s, (char *) at, (size_t) s.len + 1);
}

void wf_call_end_outcome(struct wf_call *call, const struct wf_outcome *o)
{
    struct weft_outcome *to = &call->outcome;
    struct wf_buf *b = &call->bytes;
    size_t need = (size_t) o->data.len + o->node.len + o->reason.len + 3;

    wf_buf_clear(b);
    if (wf_buf_extend(b, need) == NULL) {
        wf_call_end(call, WEFT_ENOMEM,
                    wf_slice_of("no memory for the outcome: fetch it by id"), 0);
        return;
    }
    wf_buf_clear(b);
    *to = (struct weft_outcome){.size = sizeof *to};
    memcpy(to->id.bytes, o->job.b, sizeof to->id.bytes);
    to->state = (enum weft_state) o->state;
    to->code = -(int) o->code;
    to->exit_code = (int) o->exit_code;
    to->term_signal = (int) o->signal;
    to->attempt = (unsigned) o->attempt;
    to->data = put_text(b, o->data);
    to->len = o->data.len;
    memcpy(to->blob.bytes, o->blob.b, sizeof to->blob.bytes);
    to->fetched = o->fetched;
    to->cost_pusd = o->cost_pusd;
    if (!wf_digest_is_zero(&o->blob)) {
        to->data = NULL;
        to->len = (size_t) wf_min_u64(o->blob_size, SIZE_MAX);
    }
    to->node = put_text(b, o->node);
    to->reason = put_text(b, o->reason);
    to->wait_us = o->wait_us;
    to->run_us = o->run_us;
    to->cut = o->cut;
    memcpy(to->reused.bytes, o->reused.b, sizeof to->reused.bytes);
    call->has_outcome = 1;
    call->news |= WF_NEWS_DONE;
    move(call, WF_CALL_DONE);
}

void wf_call_end_reply(struct wf_call *call, struct wf_slice raw)
{
    wf_buf_clear(&call->bytes);
    if (wf_buf_put(&call->bytes, raw.p, raw.len) != 0) {
        wf_call_end(call, WEFT_ENOMEM, wf_slice_of(NULL), 0);
        return;
    }
    call->has_reply = 1;
    call->news |= WF_NEWS_DONE;
    move(call, WF_CALL_DONE);
}

int64_t wf_call_piece(struct wf_call *call, const struct wf_output *o)
{
    uint64_t end = wf_add_sat(o->offset, o->data.len);
    uint64_t skip = 0;
    uint64_t *next;

    if (o->stream >= ARRAY_LEN(call->seen.next) || o->attempt < call->seen.attempt) {
        return -1;
    }
    if (o->attempt > call->seen.attempt) {
        memset(&call->seen, 0, sizeof call->seen);
        call->seen.attempt = o->attempt;
    }
    next = &call->seen.next[o->stream];
    if (end <= *next) {
        return -1;
    }
    if (o->offset < *next) {
        skip = *next - o->offset;
    }
    *next = end;
    return (int64_t) skip;
}

int wf_call_event(struct wf_call *call, uint64_t seq)
{
    if (seq <= call->followed.seq) {
        return 0;
    }
    call->followed.seq = seq;
    return 1;
}

const char *wf_call_text(const struct wf_call *call)
{
    if (call->state != WF_CALL_DONE || call->error == 0 || call->bytes.len == 0) {
        return "";
    }
    return (const char *) call->bytes.p;
}
