#include "agent/data/results.h"

#include "common/list.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct put {
    struct wf_list_node node; /* in results.puts */
    struct results *owner;
    uint64_t run;
    struct run_end end;
    int code;
    char path[4096];
    char text[WF_TEXT_MAX + 1];
};

struct results {
    struct desk *desk;
    void (*on_event)(void *arg, struct node_event *ev);
    void (*on_stored)(void *arg, const struct wf_digest *digest);
    void *arg;
    struct wf_list_node puts;
};

static void tell_failed(struct results *r, uint64_t run, const struct run_end *end,
                        int code, const char *text)
{
    struct run_end failed = *end;
    struct node_event ev = {.kind = NODE_RUN_DONE, .run = run, .end = &failed};

    failed.code = code == WEFT_EFULL ? WEFT_EFULL : WEFT_EIO;
    failed.reason = text;
    failed.data = wf_slice_make(NULL, 0);
    failed.has_data = 1;
    failed.has_blob = 0;
    r->on_event(r->arg, &ev);
}

/* The last one: the put is gone after it. */
static void finish(struct put *p, int code, const char *text)
{
    struct results *r = p->owner;
    struct node_event ev = {.kind = NODE_RUN_DONE, .run = p->run, .end = &p->end};

    wf_list_remove(&p->node);
    (void) unlink(p->path);
    if (code == 0) {
        r->on_stored(r->arg, &p->end.blob);
        r->on_event(r->arg, &ev);
    } else {
        (void) snprintf(p->text, sizeof p->text, "the result cannot be stored: %.200s",
                        text[0] != '\0' ? text : wf_err_sentence(code));
        tell_failed(r, p->run, &p->end, code, p->text);
    }
    wf_free(p);
}

static void next(struct put *p, const struct blobs_ask *q, desk_done_fn *fn)
{
    int rc = desk_ask(p->owner->desk, q, NULL, 0, fn, p);

    if (rc != 0) {
        finish(p, rc, "");
    }
}

static void on_pinned(void *arg, struct blobs_done *d)
{
    finish(arg, d->code, d->text);
}

static void on_info(void *arg, struct blobs_done *d)
{
    struct put *p = arg;
    const struct blobs_ask q = {.op = BLOBS_PIN, .digest = p->end.blob, .on = 1};

    if (d->code != 0) {
        finish(p, d->code, d->text);
        return;
    }
    p->end.blob_was_pinned = (d->flags & BLOB_PINNED) != 0;
    next(p, &q, on_pinned);
}

static void on_added(void *arg, struct blobs_done *d)
{
    struct put *p = arg;
    struct blobs_ask q = {.op = BLOBS_INFO};

    if (d->more) {
        p->code = d->code;
        (void) snprintf(p->text, sizeof p->text, "%s", d->text);
        p->end.has_blob = d->code == 0;
        p->end.blob = d->digest;
        p->end.blob_size = d->size;
        return;
    }
    if (d->code != 0 || p->code != 0 || !p->end.has_blob) {
        char text[WF_TEXT_MAX + 1];

        (void) snprintf(text, sizeof text, "%s", d->code != 0 ? d->text : p->text);
        finish(p, d->code != 0 ? d->code : p->code != 0 ? p->code : WEFT_EIO, text);
        return;
    }
    q.digest = p->end.blob;
    next(p, &q, on_info);
}

int results_new(struct desk *desk, void (*on_event)(void *arg, struct node_event *ev),
                void (*on_stored)(void *arg, const struct wf_digest *digest), void *arg,
                struct results **ret_results, struct wf_err *err)
{
    struct results *r = wf_calloc(1, sizeof *r);

    if (r == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for results");
    }
    r->desk = desk;
    r->on_event = on_event;
    r->on_stored = on_stored;
    r->arg = arg;
    wf_list_init(&r->puts);
    *ret_results = r;
    return 0;
}

void results_free(struct results *r)
{
    struct wf_list_node *node;

    if (r == NULL) {
        return;
    }
    while ((node = wf_list_first(&r->puts)) != NULL) {
        wf_list_remove(node);
        wf_free(CONTAINER_OF(node, struct put, node));
    }
    wf_free(r);
}

void results_put(struct results *r, uint64_t run, const struct run_end *end,
                 const char *path)
{
    const struct blobs_ask q = {.op = BLOBS_ADD, .path = path};
    struct put *p = wf_calloc(1, sizeof *p);
    int rc = WEFT_ENOMEM;

    if (p != NULL &&
        (size_t) snprintf(p->path, sizeof p->path, "%s", path) < sizeof p->path) {
        p->owner = r;
        p->run = run;
        p->end = *end;
        p->end.reason = NULL;
        p->end.data = wf_slice_make(NULL, 0);
        wf_list_push_back(&r->puts, &p->node);
        rc = desk_ask(r->desk, &q, NULL, 0, on_added, p);
        if (rc == 0) {
            return;
        }
        wf_list_remove(&p->node);
    }
    wf_free(p);
    (void) unlink(path);
    tell_failed(r, run, end, rc, wf_err_sentence(rc));
}
