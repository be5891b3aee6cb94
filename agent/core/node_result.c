/* Results, from the end of a run until the broker has them.
 *
 * A fresh one is told at once, to the broker whose it is.  A new session owes the broker
 * all that is unacknowledged: those go in the order in which they ended, as many at a
 * time as fit a window, so that a long absence does not come back as one flood.
 */
#include "agent/core/node_int.h"

#include "common/err.h"
#include "common/mem.h"

#define WINDOW_BYTES (1u << 20)
#define WINDOW_RUNS  256u

static struct wf_slice data_of(const struct run *r)
{
    return r->data != NULL ? wf_slice_make(r->data, r->data_len)
                           : wf_slice_make(r->out.p, r->out.len);
}

void node_result_of(const struct run *r, struct wf_result *ret)
{
    *ret = (struct wf_result){.job = r->key.job,
                              .attempt = r->key.attempt,
                              .code = (uint64_t) -r->end.code,
                              .exit_code = r->end.exit_code,
                              .signal = r->end.term_signal,
                              .reason = wf_slice_of(r->reason),
                              .data = data_of(r),
                              .wait_us = r->wait_us,
                              .run_us = r->run_us,
                              .cpu_us = r->end.cpu_us,
                              .rss = r->end.rss,
                              .cut = r->end.cut + r->cut,
                              .fetched = r->fetched,
                              .fetch_us = r->fetch_us,
                              .warm_us = r->end.warm_us};
    if (r->end.has_blob) {
        ret->data = wf_slice_make(NULL, 0);
        ret->blob = r->end.blob;
        ret->blob_size = r->end.blob_size;
    }
}

/* 1 when a result that waits here names the same blob. */
static int is_named(const struct node *n, const struct run *by)
{
    for (struct wf_list_node *x = wf_list_first(&n->runs.finished); x != NULL;
         x = wf_list_next(&n->runs.finished, x)) {
        const struct run *r = CONTAINER_OF(x, struct run, node);

        if (r != by && r->end.has_blob && wf_digest_eq(&r->end.blob, &by->end.blob)) {
            return 1;
        }
    }
    return 0;
}

void node_unkeep(struct node *n, struct run *r, struct wf_effects *out)
{
    if (r->end.has_blob && !r->end.blob_was_pinned && !is_named(n, r)) {
        wf_effects_add(out, WF_EFFECT_BLOB_KEEP, 0, WF_KEEP_UNPIN, &r->end.blob,
                       sizeof r->end.blob, NULL);
    }
    r->end.has_blob = 0;
}

void node_tell_result(struct node *n, struct run *r, struct wf_effects *out)
{
    struct wf_result m;

    if (!r->sent) {
        r->sent = 1;
        n->window_bytes += r->held;
        n->window_runs++;
    }
    wf_list_remove(&r->todo);
    node_result_of(r, &m);
    node_send(n, out, WF_MSG_result, &m);
}

void node_finish(struct node *n, struct run *r, struct wf_effects *out)
{
    n->held_of[r->cap]--;
    if (r->phase != RUN_WAITING) {
        n->running_of[r->cap]--;
    }
    r->ended_us = n->now_us;
    if (r->started_us != 0) {
        r->wait_us = r->started_us - r->received_us;
        r->run_us = r->ended_us - r->started_us;
    }
    if (r->end.code == 0) {
        n->done++;
    } else {
        n->failed++;
        wf_buf_fini(&r->out);
    }
    n->cut += r->cut;
    node_inputs_drop(n, r, out);
    run_move(&n->runs, r, RUN_FINISHED);
    wf_free(r->payload);
    r->payload = NULL;
    wf_buf_fini(&r->err);
    node_hold(n, r);
    if (!node_is_open(n)) {
        wf_list_push_back(&n->runs.todo, &r->todo);
    } else if (node_is_ours(n, r)) {
        node_tell_result(n, r, out);
    } else {
        wf_list_push_back(&n->runs.away, &r->todo);
    }
}

void node_hold(struct node *n, struct run *r)
{
    r->held = sizeof *r + r->out.cap + r->data_len;
    n->held_bytes += r->held;
    node_plan_age(n, r);
}

/* Send on from where the window has closed. */
static void send_on(struct node *n, struct wf_effects *out)
{
    struct wf_list_node *x;

    while ((x = wf_list_first(&n->runs.todo)) != NULL && n->window_runs < WINDOW_RUNS &&
           n->window_bytes < WINDOW_BYTES) {
        node_tell_result(n, CONTAINER_OF(x, struct run, todo), out);
    }
}

void node_tell_results(struct node *n, struct wf_effects *out)
{
    struct wf_list_node *x;

    n->window_bytes = 0;
    n->window_runs = 0;
    for (x = wf_list_first(&n->runs.finished); x != NULL;
         x = wf_list_next(&n->runs.finished, x)) {
        struct run *r = CONTAINER_OF(x, struct run, node);

        r->sent = 0;
        wf_list_remove(&r->todo);
        if (node_is_ours(n, r)) {
            wf_list_push_back(&n->runs.todo, &r->todo);
        } else if (r->lsn == 0) {
            wf_list_push_back(&n->runs.away, &r->todo);
        }
    }
    send_on(n, out);
}

void node_forget(struct node *n, struct run *r, struct wf_effects *out)
{
    node_unspool(n, r, out);
    if (r->sent) {
        n->window_bytes -= r->held;
        n->window_runs--;
    }
    n->held_bytes -= r->held;
    runs_forget(&n->runs, r);
}

void node_acked(struct node *n, struct run *r, struct wf_effects *out)
{
    node_forget(n, r, out);
    send_on(n, out);
}
