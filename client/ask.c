#include "client/ask.h"

#include "common/err.h"
#include "common/str.h"

int ask_start(struct weft_future *f, enum wf_type type, void *body,
              const struct wf_id *id, uint64_t deadline_us)
{
    struct weft_client *c = f->client;
    int rc =
        wf_calls_request(&c->calls, &f->call, type, body, id, deadline_us, client_out(c));

    if (rc == 0) {
        client_stepped(c);
    }
    return rc;
}

int ask_fail(const struct ask *how, int code, const char *text)
{
    if (how->why != NULL && how->cap != 0) {
        (void) wf_str_copy(how->why, how->cap,
                           text[0] != '\0' ? text : wf_err_sentence(code));
    }
    return code;
}

/* For weft_failed_text(), too. */
static int fail(struct weft_client *c, const struct ask *how, int code, const char *text)
{
    (void) wf_str_copy(c->failed, sizeof c->failed, text);
    return ask_fail(how, code, text);
}

/* Why a request did not succeed.  Without a session the reason is the session's. */
static int explain(struct weft_future *f, const struct ask *how, int rc)
{
    char line[WF_ERR_TEXT];

    if (rc == WEFT_EUNREACH && client_trouble(f->client, line, sizeof line) != 0) {
        return fail(f->client, how, rc, line);
    }
    return fail(f->client, how, rc, wf_call_text(&f->call));
}

static int read_answer(struct weft_future *f, enum wf_type want, struct wf_msg *ret_msg)
{
    return f->call.has_reply
               ? wf_msg_read(wf_slice_make(f->call.bytes.p, f->call.bytes.len), want,
                             ret_msg)
               : WEFT_EPROTO;
}

uint64_t ask_deadline_us(int timeout_ms)
{
    return timeout_ms < 0 ? UINT64_MAX : wf_now_us() + (uint64_t) timeout_ms * 1000;
}

/* A future to ask with; locked after it.  NULL: *ret_rc says why, and not locked. */
static struct weft_future *begin(struct weft_client *c, const struct ask *how,
                                 int *ret_rc)
{
    struct weft_future *f;

    client_lock(c);
    if (client_is_inside(c)) {
        client_unlock(c);
        *ret_rc = ask_fail(how, WEFT_ESTATE, "not inside a callback");
        return NULL;
    }
    c->failed[0] = '\0';
    f = future_take(c);
    if (f == NULL) {
        client_unlock(c);
        *ret_rc = ask_fail(how, WEFT_ENOMEM, "");
    }
    return f;
}

/* What was started with `rc` is waited for; unlocks. */
static int finish(struct weft_future *f, const struct ask *how, int rc, uint64_t until_us,
                  enum wf_type want, struct wf_msg *ret_msg,
                  struct weft_future **ret_future)
{
    if (rc == 0) {
        rc = future_wait(f, WEFT_UNTIL_DONE, until_us);
    }
    if (rc == 0) {
        rc = read_answer(f, want, ret_msg);
    }
    if (rc != 0) {
        rc = explain(f, how, rc);
    }
    client_unlock(f->client);
    if (rc != 0) {
        weft_future_free(f);
        return rc;
    }
    *ret_future = f;
    return 0;
}

int ask(struct weft_client *c, const struct ask *how, enum wf_type type, void *body,
        enum wf_type want, struct wf_msg *ret_msg, struct weft_future **ret_future)
{
    int rc = 0;
    struct weft_future *f = begin(c, how, &rc);

    if (f == NULL) {
        return rc;
    }
    rc = ask_start(f, type, body, NULL, ask_deadline_us(how->timeout_ms));
    return finish(f, how, rc, UINT64_MAX, want, ret_msg, ret_future);
}

int ask_parts(struct weft_client *c, const struct ask *how, enum wf_type type,
              wf_part_fn *part, void *arg, enum wf_type want, struct wf_msg *ret_msg,
              struct weft_future **ret_future)
{
    int rc = 0;
    struct weft_future *f = begin(c, how, &rc);

    if (f == NULL) {
        return rc;
    }
    rc = wf_calls_request_parts(&c->calls, wf_now_us(), &f->call, type, part, arg,
                                client_out(c));
    if (rc == 0) {
        client_stepped(c);
    }
    return finish(f, how, rc, ask_deadline_us(how->timeout_ms), want, ret_msg,
                  ret_future);
}

int ask_done(struct weft_client *c, const struct ask *how, enum wf_type type, void *body)
{
    struct weft_future *f = NULL;
    struct wf_msg msg;
    int rc = ask(c, how, type, body, WF_MSG_done, &msg, &f);

    if (rc == 0 && how->why != NULL && how->cap != 0) {
        (void) wf_str_copy(how->why, how->cap, f->call.led ? f->call.led_to : "");
    }
    weft_future_free(f);
    return rc;
}
