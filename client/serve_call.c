#include "client/include/weft/error.h"
#include "client/serve_int.h"
#include "common/mem.h"
#include "common/str.h"

#include <string.h>

#define REASON_MAX WF_TEXT_MAX
#define CODE_MAX   255 /* of a result on the wire */

static struct weft_call *call_new(struct weft_server *s)
{
    struct wf_list_node *node = wf_list_first(&s->spare);
    struct weft_call *call;

    if (node == NULL) {
        call = wf_calloc(1, sizeof *call);
        if (call == NULL) {
            return NULL;
        }
        wf_list_init(&call->link);
    } else {
        wf_list_remove(node);
        call = CONTAINER_OF(node, struct weft_call, link);
    }
    s->ncalls++;
    return call;
}

static void step_done(struct weft_server *s, uint64_t run, const struct run_end *end)
{
    struct node_event ev = {.kind = NODE_RUN_DONE, .run = run, .end = end};

    serve_step(s, &ev);
}

void serve_take(struct weft_server *s, const struct run *run)
{
    struct weft_call *call = call_new(s);

    if (call == NULL) {
        s->starved[s->nstarved++] = run->number;
        return;
    }
    call->server = s;
    call->run = run->number;
    call->shown = run->shown;
    call->payload = run->payload;
    call->payload_len = run->payload_len;
    call->cap = run->cap;
    call->stopped = 0;
    wf_list_push_back(&s->ready, &call->link);
}

void serve_stopped(struct weft_server *s, uint64_t run)
{
    struct wf_list_node *lists[] = {&s->ready, &s->open};

    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        for (struct wf_list_node *n = wf_list_first(lists[i]); n != NULL;
             n = wf_list_next(lists[i], n)) {
            struct weft_call *call = CONTAINER_OF(n, struct weft_call, link);

            call->stopped |= call->run == run;
        }
    }
}

static void refuse_starved(struct weft_server *s)
{
    static const struct run_end end = {.code = WEFT_ENOMEM,
                                       .reason = "no memory for a call"};

    while (s->nstarved != 0) {
        step_done(s, s->starved[--s->nstarved], &end);
    }
}

void serve_run_ready(struct weft_server *s)
{
    struct wf_list_node *node;

    /* A handler may drive other things, but not the server that runs it. */
    if (s->running) {
        return;
    }
    s->running = 1;
    refuse_starved(s);
    while ((node = wf_list_first(&s->ready)) != NULL) {
        struct weft_call *call = CONTAINER_OF(node, struct weft_call, link);
        const struct serve_handler *h = &s->handlers[call->cap];

        wf_list_remove(node);
        wf_list_push_back(&s->open, node);
        h->fn(call, h->arg);
        refuse_starved(s);
    }
    s->running = 0;
}

/* -- for handlers ------------------------------------------------------------------- */

const void *weft_call_payload(const weft_call *call, size_t *ret_len)
{
    *ret_len = call->payload_len;
    return call->payload;
}

const weft_id *weft_call_id(const weft_call *call)
{
    _Static_assert(sizeof(weft_id) == sizeof call->shown.job, "one layout of ids");

    return (const weft_id *) (const void *) &call->shown.job;
}

unsigned weft_call_attempt(const weft_call *call)
{
    return call->shown.attempt;
}

const char *weft_call_capability(const weft_call *call)
{
    return call->server->handlers[call->cap].text;
}

int weft_call_stopped(const weft_call *call)
{
    return call->stopped || call->server->closed;
}

int weft_call_output(weft_call *call, int stream, const void *data, size_t len)
{
    struct node_event ev = {.kind = NODE_RUN_OUTPUT,
                            .run = call->run,
                            .stream = (unsigned) stream,
                            .data = wf_slice_make(data, len)};

    if ((stream != 1 && stream != 2) || len > UINT32_MAX || (data == NULL && len != 0)) {
        return WEFT_EINVAL;
    }
    if (weft_call_stopped(call)) {
        return WEFT_ECANCELLED;
    }
    serve_step(call->server, &ev);
    return 0;
}

static void call_free(struct weft_call *call)
{
    struct weft_server *s = call->server;

    wf_list_remove(&call->link);
    s->ncalls--;
    if (!s->closed) {
        wf_list_push_front(&s->spare, &call->link);
        return;
    }
    wf_free(call);
    if (s->ncalls == 0) {
        serve_free(s);
    }
}

/* What a handler says has to be one line of text for the wire. */
static const char *clean(const char *reason, char line[REASON_MAX + 1])
{
    size_t len = strlen(reason);

    if (len <= REASON_MAX && wf_utf8_ok(reason, len)) {
        return reason;
    }
    (void) wf_str_escape(line, REASON_MAX + 1, reason, len);
    return line;
}

void weft_call_done(weft_call *call, int code, const void *data, size_t len,
                    const char *reason)
{
    struct weft_server *s = call->server;
    char line[REASON_MAX + 1];
    struct run_end end = {.code = code > 0 || code < -CODE_MAX ? WEFT_EFAILED : code};

    if (len > WF_PAYLOAD_MAX) {
        end.code = WEFT_ETOOBIG;
        reason = "the result is larger than any broker takes";
    } else if (code == 0) {
        end.data = wf_slice_make(data, len);
        end.has_data = 1;
    }
    if (reason != NULL && reason[0] != '\0') {
        end.reason = clean(reason, line);
    }
    if (!s->closed) {
        step_done(s, call->run, &end);
    }
    call_free(call);
}
