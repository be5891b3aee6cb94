#include "agent/exec/work.h"

#include "common/err.h"

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

int work_decode(const uint8_t *frame, size_t len, struct work_msg *ret)
{
    if (len < HEAD) {
        return WEFT_EPROTO;
    }
    *ret = (struct work_msg){.type = (enum work_type) frame[4]};
    switch (ret->type) {
    case WORK_HELLO:
        /* What a later version adds at the end is skipped. */
        if (len < HEAD + 4) {
            return WEFT_EPROTO;
        }
        ret->protocol = (uint16_t) get(frame + HEAD, 2);
        ret->concurrency = (uint16_t) get(frame + HEAD + 2, 2);
        return ret->concurrency >= 1 && ret->concurrency <= WORK_CONCURRENCY_MAX
                   ? 0
                   : WEFT_EPROTO;
    case WORK_OUTPUT:
        if (len < HEAD + 5) {
            return WEFT_EPROTO;
        }
        ret->ref = (uint32_t) get(frame + HEAD, 4);
        ret->stream = frame[HEAD + 4];
        ret->p = frame + HEAD + 5;
        ret->len = len - HEAD - 5;
        return ret->stream == 1 || ret->stream == 2 ? 0 : WEFT_EPROTO;
    case WORK_RESULT:
        if (len < HEAD + 8) {
            return WEFT_EPROTO;
        }
        ret->ref = (uint32_t) get(frame + HEAD, 4);
        ret->code = (int32_t) (uint32_t) get(frame + HEAD + 4, 4);
        ret->p = frame + HEAD + 8;
        ret->len = len - HEAD - 8;
        return 0;
    case WORK_JOB:
    case WORK_CANCEL:
        break;
    }
    return WEFT_EPROTO;
}

int work_put_job(struct wf_buf *b, const struct work_job *job)
{
    size_t id_len = strlen(job->id);
    size_t total = HEAD + 4 + 4 + 8 + 1 + id_len;
    uint8_t *p;

    if (id_len > WORK_ID_MAX || job->payload_len > WORK_PAYLOAD_MAX) {
        return WEFT_ETOOBIG;
    }
    total += job->payload_len;
    p = wf_buf_extend(b, total);
    if (p == NULL) {
        int rc = b->err;

        b->err = 0;
        return rc;
    }
    p = put(p, total - 4, 4);
    p = put(p, WORK_JOB, 1);
    p = put(p, job->ref, 4);
    p = put(p, job->attempt, 4);
    p = put(p, job->deadline_ms, 8);
    p = put(p, id_len, 1);
    memcpy(p, job->id, id_len);
    if (job->payload_len > 0) {
        memcpy(p + id_len, job->payload, job->payload_len);
    }
    return 0;
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
