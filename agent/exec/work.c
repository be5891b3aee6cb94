#include "agent/exec/work.h"

#include "common/err.h"

#include <stdbool.h>
#include <string.h>

#define HEAD 5

static uint64_t get(const uint8_t *p, size_t n)
{
    uint64_t v = 0;

    while (n > 0) {
        v = v << 8 | p[--n];
    }
    return v;
}

static uint8_t *put(uint8_t *p, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        *p++ = (uint8_t) (v >> (8 * i));
    }
    return p;
}

int work_peek(const uint8_t *p, size_t len, size_t *ret_total)
{
    uint64_t n;

    if (len < 4) {
        return WEFT_EAGAIN;
    }
    n = get(p, 4);
    if (n == 0 || n > WORK_FRAME_MAX) {
        return WEFT_EPROTO;
    }
    if (n > len - 4) {
        return WEFT_EAGAIN;
    }
    *ret_total = (size_t) n + 4;
    return 0;
}

/* What is left of the frame after `fixed` bytes of body that begin with a reference. */
static int get_rest(const uint8_t *frame, size_t len, size_t fixed, struct work_msg *ret)
{
    if (len < HEAD + fixed) {
        return WEFT_EPROTO;
    }
    ret->ref = (uint32_t) get(frame + HEAD, 4);
    ret->p = frame + HEAD + fixed;
    ret->len = len - HEAD - fixed;
    return 0;
}

/* Of a file in a folder, and of nothing else. */
static bool name_ok(const uint8_t *p, size_t len)
{
    return len > 0 && len <= WORK_NAME_MAX && memchr(p, '/', len) == NULL &&
           memchr(p, 0, len) == NULL && !(p[0] == '.' && len == 1) &&
           !(p[0] == '.' && len == 2 && p[1] == '.');
}

static int get_hello(const uint8_t *frame, size_t len, struct work_msg *ret)
{
    /* What a later version adds at the end is skipped. */
    if (len < HEAD + 4) {
        return WEFT_EPROTO;
    }
    ret->protocol = (uint16_t) get(frame + HEAD, 2);
    ret->concurrency = (uint16_t) get(frame + HEAD + 2, 2);
    return ret->concurrency >= 1 && ret->concurrency <= WORK_CONCURRENCY_MAX
               ? 0
               : WEFT_EPROTO;
}

int work_decode(const uint8_t *frame, size_t len, struct work_msg *ret)
{
    int rc = WEFT_EPROTO;

    if (len < HEAD) {
        return WEFT_EPROTO;
    }
    *ret = (struct work_msg){.type = (enum work_type) frame[4]};
    switch (ret->type) {
    case WORK_HELLO:
        return get_hello(frame, len, ret);
    case WORK_OUTPUT:
        rc = get_rest(frame, len, 5, ret);
        ret->stream = rc == 0 ? frame[HEAD + 4] : 0;
        return ret->stream == 1 || ret->stream == 2 ? 0 : WEFT_EPROTO;
    case WORK_RESULT:
        rc = get_rest(frame, len, 8, ret);
        ret->code = rc == 0 ? (int32_t) (uint32_t) get(frame + HEAD + 4, 4) : 0;
        return rc;
    case WORK_RESULT_FILE:
        rc = get_rest(frame, len, 4, ret);
        return rc == 0 && name_ok(ret->p, ret->len) ? 0 : WEFT_EPROTO;
    case WORK_JOB:
    case WORK_JOB_FILES:
    case WORK_CANCEL:
        break;
    }
    return rc;
}

static uint8_t *put_bytes(uint8_t *p, const void *from, size_t len)
{
    if (len > 0) {
        memcpy(p, from, len);
    }
    return p + len;
}

int work_put_job(struct wf_buf *b, const struct work_job *job)
{
    size_t id_len = strlen(job->id);
    size_t total = HEAD + 4 + 4 + 8 + 1 + id_len;
    uint8_t *p;

    if (id_len > WORK_ID_MAX || job->payload_len > WORK_PAYLOAD_MAX ||
        job->files_len > WORK_FRAME_MAX - WORK_PAYLOAD_MAX - total) {
        return WEFT_ETOOBIG;
    }
    total += job->files_len + job->payload_len;
    p = wf_buf_extend(b, total);
    if (p == NULL) {
        int rc = b->err;

        b->err = 0;
        return rc;
    }
    p = put(p, total - 4, 4);
    p = put(p, job->files_len > 0 ? WORK_JOB_FILES : WORK_JOB, 1);
    p = put(p, job->ref, 4);
    p = put(p, job->attempt, 4);
    p = put(p, job->deadline_ms, 8);
    p = put(p, id_len, 1);
    p = put_bytes(p, job->id, id_len);
    p = put_bytes(p, job->files, job->files_len);
    (void) put_bytes(p, job->payload, job->payload_len);
    return 0;
}

static int put_text(struct wf_buf *b, const char *s, size_t width, size_t max)
{
    size_t n = strlen(s);
    uint8_t *p;

    if (n > max) {
        b->err = b->err != 0 ? b->err : WEFT_ETOOBIG;
        return b->err;
    }
    p = wf_buf_extend(b, width + n);
    if (p != NULL) {
        (void) put_bytes(put(p, n, width), s, n);
    }
    return b->err;
}

int work_put_files(struct wf_buf *b, const char *payload_path, size_t n_inputs)
{
    uint8_t *p;

    if (n_inputs > WORK_INPUTS_MAX) {
        return WEFT_ETOOBIG;
    }
    (void) put_text(b, payload_path, 2, WORK_PATH_MAX);
    p = wf_buf_extend(b, 1);
    if (p != NULL) {
        (void) put(p, n_inputs, 1);
    }
    return b->err;
}

int work_put_input(struct wf_buf *b, const char *name, const char *path)
{
    (void) put_text(b, name, 1, WORK_NAME_MAX);
    return put_text(b, path, 2, WORK_PATH_MAX);
}

int work_put_cancel(struct wf_buf *b, uint32_t ref)
{
    uint8_t *p = wf_buf_extend(b, HEAD + 4);

    if (p == NULL) {
        int rc = b->err;

        b->err = 0;
        return rc;
    }
    p = put(p, 1 + 4, 4);
    p = put(p, WORK_CANCEL, 1);
    (void) put(p, ref, 4);
    return 0;
}
