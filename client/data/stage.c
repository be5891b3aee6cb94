/* A dataset to agents, ahead of need. */
#include "client/data/parts.h"
#include "client/data/transfer.h"
#include "common/mem.h"
#include "common/str.h"
#include "proto/name.h"

#include <string.h>

#define NEEDS_BYTES (WF_LABELS_MAX * (WF_LABEL_MAX + 8u))

struct staging {
    struct transfer t; /* first */
    int asked;
    char dataset[WF_REF_MAX + 1], node[WF_NAME_MAX + 1];
    struct wf_buf needs; /* encoded rows */
    struct parts parts;
};

static struct staging *staging_of(struct transfer *t)
{
    return CONTAINER_OF(t, struct staging, t);
}

static void none(const void *files, size_t i, struct wf_file_row *ret_file)
{
    (void) files;
    (void) i;
    *ret_file = (struct wf_file_row){.size = 0};
}

static void told(struct transfer *t, const struct wf_stage_info *m)
{
    char node[WF_NAME_MAX + 1], text[WF_TEXT_MAX + 1];
    const struct weft_progress p = {.phase = WEFT_MOVING,
                                    .bytes = m->bytes,
                                    .total = m->total,
                                    .moved = m->moved,
                                    .node = wf_slice_str(m->node, node, sizeof node),
                                    .text = wf_slice_str(m->text, text, sizeof text)};

    if (m->code == 0) {
        transfer_tell(t, wf_now_us(), &p, m->over || m->text.len != 0);
    }
}

static void finish(struct transfer *t, const struct wf_stage_info *m)
{
    struct staging *s = staging_of(t);
    struct result *r = transfer_result(t);

    if (r != NULL) {
        (void) wf_str_copy(r->dataset, sizeof r->dataset, s->dataset);
        r->moved.size = sizeof r->moved;
        r->moved.dataset = r->dataset;
        r->moved.node = wf_slice_str(m->node, r->node, sizeof r->node);
        r->moved.bytes = m->total;
        r->moved.moved = m->moved;
        r->moved.nodes = m->nodes;
    }
    transfer_end(t, 0, "");
}

static void step(struct transfer *t, uint64_t now_us)
{
    struct staging *s = staging_of(t);
    struct weft_client *c = t->client;
    struct wf_msg msg;

    if (s->asked) {
        if (transfer_answer(t, WF_MSG_stage_info, &msg) == 1) {
            finish(t, &msg.u.stage_info);
        }
        return;
    }
    s->asked = 1;
    if (transfer_inner(t) != NULL) {
        t->inner->call.flags |= WF_CALL_STAGE;
        transfer_asked(t, wf_calls_request_parts(&c->calls, now_us, &t->inner->call,
                                                 WF_MSG_stage, parts_stage, &s->parts,
                                                 client_out(c)));
    }
}

static void stop(struct transfer *t)
{
    if (t->inner != NULL) {
        wf_calls_stage_end(&t->client->calls, &t->inner->call, client_out(t->client));
    }
}

static void fini(struct transfer *t)
{
    struct staging *s = staging_of(t);

    wf_buf_fini(&s->needs);
    parts_fini(&s->parts);
}

static const struct transfer_ops ops = {step, told, stop, fini};

/* -- making ----------------------------------------------------------------------------
 */

static int take_stage(const struct weft_stage *given, struct weft_stage *w)
{
    struct wf_data_ref ref;

    if (given == NULL || given->size < offsetof(struct weft_stage, node) ||
        given->size > sizeof *w) {
        return WEFT_EINVAL;
    }
    memcpy(w, given, given->size);
    return wf_data_ref_parse(wf_slice_of(w->dataset), &ref) == 0 && ref.path.len == 0 &&
                   (w->node == NULL || wf_name_ok(wf_slice_of(w->node))) &&
                   w->copies <= WEFT_EVERYWHERE
               ? 0
               : WEFT_EINVAL;
}

static int fill_in(struct staging *s, const struct weft_stage *w)
{
    struct wf_stage *m = &s->parts.stage;

    wf_buf_init(&s->needs, NEEDS_BYTES);
    parts_init(&s->parts, NULL, 0, none);
    (void) wf_str_copy(s->dataset, sizeof s->dataset, w->dataset);
    (void) wf_str_copy(s->node, sizeof s->node, w->node != NULL ? w->node : "");
    m->dataset = wf_slice_of(s->dataset);
    m->node = wf_slice_of(s->node);
    m->pin = w->pin != 0;
    m->copies = w->copies;
    return parts_labels(&s->needs, w->needs, w->nneeds, 1, &m->needs) == NULL
               ? 0
               : WEFT_EINVAL;
}

int weft_data_stage(weft_client *c, const struct weft_stage *stage,
                    weft_future **ret_future)
{
    struct weft_stage w = WEFT_STAGE_INIT;
    struct transfer *t = NULL;
    int rc = take_stage(stage, &w);

    if (rc != 0) {
        return rc;
    }
    client_lock(c);
    rc = transfer_new(c, &ops, sizeof(struct staging), &t);
    if (rc == 0) {
        rc = fill_in(staging_of(t), &w);
        if (rc != 0) {
            fini(t);
            transfer_drop(t);
        }
    }
    if (rc == 0) {
        t->future->on_progress = w.on_progress;
        t->future->arg = w.arg;
        *ret_future = t->future;
        transfer_begin(t);
    }
    client_unlock(c);
    return rc;
}
