#include "agent/core/node_int.h"

#include "common/err.h"

static void send_output(struct node *n, struct run *r, unsigned stream, uint64_t offset,
                        const uint8_t *p, size_t len, struct wf_effects *out)
{
    while (len > 0) {
        size_t some = wf_min_u64(len, WF_OUTPUT_CHUNK);
        const struct wf_output m = {.job = r->key.job,
                                    .attempt = r->key.attempt,
                                    .stream = stream,
                                    .offset = offset,
                                    .data = wf_slice_make(p, some)};

        if (!node_is_open(n) || !node_is_ours(n, r) || r->streamed >= n->cfg.max_log) {
            r->cut += stream == 2 ? len : 0; /* stdout is not lost: it is the result */
            return;
        }
        node_send(n, out, WF_MSG_output, &m);
        r->streamed += some;
        offset += some;
        p += some;
        len -= some;
    }
}

/* More than goes inline: the whole of it comes as a blob when the run has ended; here it
 * is only shown as it comes. */
static void pass_on(struct node *n, struct run *r, struct wf_slice data,
                    struct wf_effects *out)
{
    if (r->told_started) {
        send_output(n, r, 1, r->out_sent, data.p, data.len, out);
    }
    r->out_sent += data.len;
}

/* 0; WEFT_EOUTPUT when it is more than there may be. */
static int take_stdout(struct node *n, struct run *r, struct wf_slice data,
                       struct wf_effects *out)
{
    int rc = r->out_spilled ? WEFT_ETOOBIG : wf_buf_put(&r->out, data.p, data.len);

    if (rc == WEFT_ETOOBIG && n->cfg.data_cap != 0) {
        if (!r->out_spilled) {
            node_flush_output(n, r, r->told_started, out);
            r->out_sent = r->out.len;
            r->out_spilled = 1;
            wf_buf_fini(&r->out);
        }
        pass_on(n, r, data, out);
        return 0;
    }
    return rc != 0 ? WEFT_EOUTPUT : 0;
}

void node_flush_output(struct node *n, struct run *r, int with_stdout,
                       struct wf_effects *out)
{
    if (with_stdout && r->out.len > r->out_sent) {
        send_output(n, r, 1, r->out_sent, r->out.p + r->out_sent,
                    r->out.len - r->out_sent, out);
        r->out_sent = r->out.len;
    }
    if (r->err.len != 0) {
        send_output(n, r, 2, r->err_offset, r->err.p, r->err.len, out);
        r->err_offset += r->err.len;
        wf_buf_clear(&r->err);
    }
}

void node_take_output(struct node *n, struct run *r, unsigned stream,
                      struct wf_slice data, struct wf_effects *out)
{
    size_t at = 0;

    if (stream == 1 && take_stdout(n, r, data, out) != 0) {
        node_stop_run(n, r, WEFT_EOUTPUT, "the result is larger than the limit", out);
    }
    while (stream == 2 && at < data.len) {
        size_t some = wf_min_u64(data.len - at, r->err.max - r->err.len);

        (void) wf_buf_put(&r->err, data.p + at, some);
        at += some;
        if (r->err.len == r->err.max) {
            node_flush_output(n, r, 0, out);
        }
    }
    if (r->told_started) {
        node_flush_output(n, r, 1, out);
    }
}
