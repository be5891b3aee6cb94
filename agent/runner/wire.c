#include "agent/runner/wire.h"

#include "common/err.h"

#include <string.h>

struct reader {
    const uint8_t *p;
    const uint8_t *end;
    int err;
};

static const uint8_t *take(struct reader *r, size_t n)
{
    const uint8_t *at = r->p;

    if (r->err != 0 || n > (size_t) (r->end - r->p)) {
        r->err = WEFT_EPROTO;
        return NULL;
    }
    r->p += n;
    return at;
}

static uint64_t get(struct reader *r, size_t n)
{
    const uint8_t *p = take(r, n);
    uint64_t v = 0;

    for (size_t i = n; p != NULL && i > 0; i--) {
        v = v << 8 | p[i - 1];
    }
    return v;
}

static const char *get_str(struct reader *r)
{
    size_t n = (size_t) get(r, 4);
    const uint8_t *p = n <= WIRE_STRING_MAX ? take(r, n) : NULL;

    if (p == NULL || n == 0 || memchr(p, 0, n) != p + n - 1) {
        r->err = WEFT_EPROTO;
        return "";
    }
    return (const char *) p;
}

static void get_list(struct reader *r, struct wire_list *l, uint32_t max)
{
    uint32_t n = (uint32_t) get(r, 2);

    l->n = 0;
    if (n > max) {
        r->err = WEFT_EPROTO;
    }
    while (r->err == 0 && l->n < n) {
        l->v[l->n++] = get_str(r);
    }
    l->v[l->n] = NULL;
}

static const uint8_t *get_rest(struct reader *r, size_t max, size_t *ret_len)
{
    size_t n = (size_t) (r->end - r->p);

    *ret_len = n;
    if (n > max) {
        r->err = WEFT_EPROTO;
    }
    return take(r, n);
}

static void get_limits(struct reader *r, struct wire_limits *l)
{
    l->wall_ms = get(r, 8);
    l->cpu_ms = get(r, 8);
    l->mem_bytes = get(r, 8);
    l->file_bytes = get(r, 8);
    l->out_bytes = get(r, 8);
    l->err_bytes = get(r, 8);
    l->procs = (uint32_t) get(r, 4);
    l->files = (uint32_t) get(r, 4);
    l->grace_ms = (uint32_t) get(r, 4);
    l->inline_bytes = get(r, 8);
}

static void get_start(struct reader *r, struct wire_start *s)
{
    s->run = get(r, 8);
    s->kind = (uint8_t) get(r, 1);
    s->sandbox = (uint8_t) get(r, 1);
    s->flags = (uint32_t) get(r, 4);
    get_limits(r, &s->limits);
    get_list(r, &s->argv, WIRE_ARGS_MAX);
    get_list(r, &s->env, WIRE_ARGS_MAX);
    get_list(r, &s->binds, WIRE_BINDS_MAX);
    get_list(r, &s->inputs, WIRE_INPUTS_MAX);
    s->payload_path = get_str(r);
    s->payload = get_rest(r, WIRE_PAYLOAD_MAX, &s->payload_len);
    if (s->kind > WIRE_WORKER || s->sandbox > WIRE_SANDBOX_REQUIRED || s->argv.n == 0) {
        r->err = WEFT_EPROTO;
    }
}

static void get_hello(struct reader *r, struct wire_hello *h)
{
    h->protocol = (uint16_t) get(r, 2);
    h->bwrap = (uint8_t) get(r, 1);
    h->isolation = (uint8_t) get(r, 1);
    h->cgroup = (uint8_t) get(r, 1);
    h->max_runs = (uint32_t) get(r, 4);
    h->pid = (uint32_t) get(r, 4);
    h->text = get_str(r);
}

static void get_done(struct reader *r, struct wire_done *d)
{
    d->run = get(r, 8);
    d->reason = (uint8_t) get(r, 1);
    d->code = (int32_t) (uint32_t) get(r, 4);
    d->signal = (int32_t) (uint32_t) get(r, 4);
    d->user_us = get(r, 8);
    d->sys_us = get(r, 8);
    d->wall_us = get(r, 8);
    d->maxrss_bytes = get(r, 8);
    d->out_bytes = get(r, 8);
    d->err_bytes = get(r, 8);
    d->out_cut = get(r, 8);
    d->err_cut = get(r, 8);
    d->has_file = (uint8_t) get(r, 1);
    d->file_bytes = get(r, 8);
    d->text = get_str(r);
    if (d->reason >= WIRE_R_COUNT) {
        r->err = WEFT_EPROTO;
    }
}

static void get_output(struct reader *r, struct wire_output *o)
{
    o->run = get(r, 8);
    o->stream = (uint8_t) get(r, 1);
    o->p = get_rest(r, WIRE_OUTPUT_MAX, &o->len);
    if (o->stream < WIRE_STDOUT || o->stream > WIRE_RESULT) {
        r->err = WEFT_EPROTO;
    }
}

int wire_peek(const uint8_t *p, size_t len, size_t *ret_total)
{
    struct reader r;
    uint64_t n;

    if (len < 4) {
        return WEFT_EAGAIN;
    }
    r = (struct reader){p, p + len, 0};
    n = get(&r, 4);
    if (n == 0 || n > WIRE_FRAME_MAX - 4) {
        return WEFT_EPROTO;
    }
    if (n > len - 4) {
        return WEFT_EAGAIN;
    }
    *ret_total = (size_t) n + 4;
    return 0;
}

int wire_decode(const uint8_t *frame, size_t len, struct wire_msg *ret)
{
    struct reader r = {frame, frame + len, 0};

    if (len < WIRE_HEAD || get(&r, 4) != len - 4) {
        return WEFT_EPROTO;
    }
    ret->type = (enum wire_type) get(&r, 1);
    switch (ret->type) {
    case WIRE_START:
        get_start(&r, &ret->u.start);
        break;
    case WIRE_KILL:
        ret->u.kill.run = get(&r, 8);
        ret->u.kill.grace_ms = (uint32_t) get(&r, 4);
        break;
    case WIRE_QUIT:
        break;
    case WIRE_HELLO:
        get_hello(&r, &ret->u.hello);
        break;
    case WIRE_STARTED:
        ret->u.started.run = get(&r, 8);
        ret->u.started.pid = (uint32_t) get(&r, 4);
        ret->u.started.has_fd = (uint8_t) get(&r, 1);
        break;
    case WIRE_OUTPUT:
        get_output(&r, &ret->u.output);
        break;
    case WIRE_DONE:
        get_done(&r, &ret->u.done);
        break;
    default:
        return WEFT_EPROTO;
    }
    return r.err != 0 || r.p != r.end ? WEFT_EPROTO : 0;
}

static void put(struct wf_buf *b, uint64_t v, size_t n)
{
    uint8_t *p = wf_buf_extend(b, n);

    for (size_t i = 0; p != NULL && i < n; i++) {
        p[i] = (uint8_t) (v >> (8 * i));
    }
}

static void put_str(struct wf_buf *b, const char *s)
{
    size_t n = strlen(s) + 1;

    if (n > WIRE_STRING_MAX) {
        b->err = WEFT_ETOOBIG;
        return;
    }
    put(b, n, 4);
    wf_buf_put(b, s, n);
}

/* A line for people is shortened, never refused. */
static void put_text(struct wf_buf *b, const char *s)
{
    size_t n = strnlen(s, WIRE_TEXT_MAX - 1);

    put(b, n + 1, 4);
    wf_buf_put(b, s, n);
    put(b, 0, 1);
}

static void put_list(struct wf_buf *b, const struct wire_list *l, uint32_t max)
{
    size_t start = b->len;

    if (l->n > max) {
        b->err = WEFT_ETOOBIG;
        return;
    }
    put(b, l->n, 2);
    for (uint32_t i = 0; i < l->n; i++) {
        put_str(b, l->v[i]);
    }
    if (b->len - start > WIRE_STRINGS_MAX) {
        b->err = WEFT_ETOOBIG;
    }
}

static void put_limits(struct wf_buf *b, const struct wire_limits *l)
{
    put(b, l->wall_ms, 8);
    put(b, l->cpu_ms, 8);
    put(b, l->mem_bytes, 8);
    put(b, l->file_bytes, 8);
    put(b, l->out_bytes, 8);
    put(b, l->err_bytes, 8);
    put(b, l->procs, 4);
    put(b, l->files, 4);
    put(b, l->grace_ms, 4);
    put(b, l->inline_bytes, 8);
}

static void put_start(struct wf_buf *b, const struct wire_start *s)
{
    put(b, s->run, 8);
    put(b, s->kind, 1);
    put(b, s->sandbox, 1);
    put(b, s->flags, 4);
    put_limits(b, &s->limits);
    put_list(b, &s->argv, WIRE_ARGS_MAX);
    put_list(b, &s->env, WIRE_ARGS_MAX);
    put_list(b, &s->binds, WIRE_BINDS_MAX);
    put_list(b, &s->inputs, WIRE_INPUTS_MAX);
    put_str(b, s->payload_path != NULL ? s->payload_path : "");
    if (s->payload_len > WIRE_PAYLOAD_MAX) {
        b->err = WEFT_ETOOBIG;
    }
    wf_buf_put(b, s->payload, s->payload_len);
}

static void put_hello(struct wf_buf *b, const struct wire_hello *h)
{
    put(b, h->protocol, 2);
    put(b, h->bwrap, 1);
    put(b, h->isolation, 1);
    put(b, h->cgroup, 1);
    put(b, h->max_runs, 4);
    put(b, h->pid, 4);
    put_text(b, h->text);
}

static void put_done(struct wf_buf *b, const struct wire_done *d)
{
    put(b, d->run, 8);
    put(b, d->reason, 1);
    put(b, (uint32_t) d->code, 4);
    put(b, (uint32_t) d->signal, 4);
    put(b, d->user_us, 8);
    put(b, d->sys_us, 8);
    put(b, d->wall_us, 8);
    put(b, d->maxrss_bytes, 8);
    put(b, d->out_bytes, 8);
    put(b, d->err_bytes, 8);
    put(b, d->out_cut, 8);
    put(b, d->err_cut, 8);
    put(b, d->has_file, 1);
    put(b, d->file_bytes, 8);
    put_text(b, d->text != NULL ? d->text : "");
}

static void put_body(struct wf_buf *b, const struct wire_msg *m)
{
    switch (m->type) {
    case WIRE_START:
        put_start(b, &m->u.start);
        break;
    case WIRE_KILL:
        put(b, m->u.kill.run, 8);
        put(b, m->u.kill.grace_ms, 4);
        break;
    case WIRE_QUIT:
        break;
    case WIRE_HELLO:
        put_hello(b, &m->u.hello);
        break;
    case WIRE_STARTED:
        put(b, m->u.started.run, 8);
        put(b, m->u.started.pid, 4);
        put(b, m->u.started.has_fd, 1);
        break;
    case WIRE_OUTPUT:
        put(b, m->u.output.run, 8);
        put(b, m->u.output.stream, 1);
        wf_buf_put(b, m->u.output.p, m->u.output.len);
        break;
    case WIRE_DONE:
        put_done(b, &m->u.done);
        break;
    }
}

int wire_encode(struct wf_buf *b, const struct wire_msg *m)
{
    size_t start = b->len;
    size_t n;
    int rc;

    if (b->err != 0) {
        return b->err;
    }
    put(b, 0, 4);
    put(b, m->type, 1);
    put_body(b, m);
    n = b->len - start;
    if (b->err == 0 && n > WIRE_FRAME_MAX) {
        b->err = WEFT_ETOOBIG;
    }
    if (b->err != 0) {
        rc = b->err;
        b->err = 0;
        wf_buf_truncate(b, start);
        return rc;
    }
    n -= 4;
    for (size_t i = 0; i < 4; i++) {
        b->p[start + i] = (uint8_t) (n >> (8 * i));
    }
    return 0;
}

int wire_keep(struct wire_msg *ret, struct wf_buf *text, const struct wire_start *spec)
{
    struct wire_start *s = &ret->u.start;
    int rc;

    ret->type = WIRE_START;
    *s = *spec;
    s->run = 0;
    s->payload = NULL;
    s->payload_len = 0;
    s->payload_path = "";
    rc = wire_encode(text, ret);
    return rc != 0 ? rc : wire_decode(text->p, text->len, ret);
}

int wire_list_add(struct wire_list *l, const char *s)
{
    if (l->n >= WIRE_ARGS_MAX) {
        return WEFT_EFULL;
    }
    l->v[l->n++] = s;
    l->v[l->n] = NULL;
    return 0;
}

const char *wire_reason_name(unsigned reason)
{
    static const char *const names[WIRE_R_COUNT] = {
        "exit",         "signal",        "wall limit", "cpu limit",    "memory limit",
        "output limit", "process limit", "killed",     "spawn failed", "runner lost"};

    return reason < WIRE_R_COUNT ? names[reason] : "unknown";
}
