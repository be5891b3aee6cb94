#include "client/data/put.h"
#include "client/data/put_int.h"
#include "common/mem.h"
#include "common/str.h"
#include "proto/name.h"

#include <string.h>

#define PAYLOADS_MAX ((uint64_t) 1 << 30) /* bytes of payloads copied at once */
#define LABELS_BYTES (WF_LABELS_MAX * (WF_LABEL_MAX + 8u))

static int take_put(const struct weft_put *given, struct weft_put *w)
{
    int kinds;

    if (given == NULL || given->size < offsetof(struct weft_put, dataset) ||
        given->size > sizeof *w) {
        return WEFT_EINVAL;
    }
    memcpy(w, given, given->size);
    kinds = (w->npaths != 0) + (w->read != NULL) + (w->data != NULL);
    if (kinds > 1 || (kinds == 0 && w->len != 0) ||
        (w->npaths != 0 && w->paths == NULL) || w->npaths > TREE_FILES_MAX ||
        w->copies > WEFT_EVERYWHERE) {
        return WEFT_EINVAL;
    }
    return w->len > WF_BLOB_MAX ? WEFT_ETOOBIG : 0;
}

static int is_name(const char *text)
{
    return text == NULL || wf_name_ok(wf_slice_of(text));
}

/* The terms of both requests, copied.  WEFT_EINVAL. */
static int take_terms(struct put *p, const struct weft_put *w)
{
    struct wf_stage *s = &p->parts.stage;
    struct wf_dataset_put *n = &p->parts.put;
    uint32_t version;

    if (!is_name(w->dataset) || !is_name(w->node) ||
        (w->file != NULL && !wf_path_ok(wf_slice_of(w->file))) ||
        (w->capability != NULL &&
         wf_capability_parse(w->capability, p->capability, &version) != 0) ||
        (w->residency != NULL &&
         wf_str_copy(p->residency, sizeof p->residency, w->residency) != 0) ||
        parts_labels(&p->labels, w->labels, w->nlabels, 0, &n->labels) != NULL ||
        parts_labels(&p->needs, w->needs, w->nneeds, 1, &s->needs) != NULL) {
        return WEFT_EINVAL;
    }
    (void) wf_str_copy(p->dataset, sizeof p->dataset,
                       w->dataset != NULL ? w->dataset : "");
    (void) wf_str_copy(p->node, sizeof p->node, w->node != NULL ? w->node : "");
    if (w->residency == NULL) {
        (void) wf_slice_str(parts_residency(n->labels), p->residency,
                            sizeof p->residency);
    }
    n->name = wf_slice_of(p->dataset);
    n->base = w->base;
    s->dataset = n->name; /* for people */
    s->mine = 1;
    s->pin = w->pin != 0;
    s->copies = w->copies;
    s->node = wf_slice_of(p->node);
    s->capability = wf_slice_of(p->capability);
    s->residency = wf_slice_of(p->residency);
    return 0;
}

static int take_paths(struct put *p, const struct weft_put *w)
{
    p->paths = wf_calloc(w->npaths, sizeof *p->paths);
    if (p->paths == NULL) {
        return WEFT_ENOMEM;
    }
    for (; p->npaths < w->npaths; p->npaths++) {
        if (w->paths[p->npaths] == NULL || w->paths[p->npaths][0] == '\0') {
            return WEFT_EINVAL;
        }
        p->paths[p->npaths] = wf_strdup(w->paths[p->npaths]);
        if (p->paths[p->npaths] == NULL) {
            return WEFT_ENOMEM;
        }
    }
    return 0;
}

static int take_bytes(struct put *p, const struct weft_put *w)
{
    char *path = wf_strdup(w->file != NULL ? w->file : "data");
    struct source *s = path != NULL ? tree_add(&p->tree) : NULL;

    if (s == NULL) {
        wf_free(path);
        return WEFT_ENOMEM;
    }
    s->path = path;
    s->mem = w->data;
    s->read = w->read;
    s->arg = w->arg;
    return source_sized(s, w->len, NULL);
}

/* Locked. */
static int put_new(struct weft_client *c, const struct weft_put *w, struct put **ret_put)
{
    struct transfer *t = NULL;
    struct put *p;
    int rc = transfer_new(c, &put_ops, sizeof *p, &t);

    if (rc != 0) {
        return rc;
    }
    p = put_of(t);
    atomic_init(&p->stop, 0);
    parts_init(&p->parts, NULL, 0, put_row);
    wf_buf_init(&p->labels, LABELS_BYTES);
    wf_buf_init(&p->needs, LABELS_BYTES);
    rc = take_terms(p, w);
    if (rc == 0) {
        rc = w->npaths != 0 ? take_paths(p, w) : take_bytes(p, w);
    }
    if (rc == 0) {
        p->size = w->len;
        p->buf = wf_calloc(WF_CHUNK_MAX, 1);
        rc = p->buf != NULL ? 0 : WEFT_ENOMEM;
    }
    if (rc != 0) {
        put_fini(p);
        transfer_drop(t);
        return rc;
    }
    t->future->on_progress = w->on_progress;
    t->future->arg = w->arg;
    *ret_put = p;
    return 0;
}

int weft_data_put(weft_client *c, const struct weft_put *put, weft_future **ret_future)
{
    struct weft_put w = WEFT_PUT_INIT;
    struct put *p = NULL;
    int rc = take_put(put, &w);

    if (rc != 0) {
        return rc;
    }
    client_lock(c);
    rc = put_new(c, &w, &p);
    if (rc == 0) {
        *ret_future = p->g.t.future;
        transfer_begin(&p->g.t);
    }
    client_unlock(c);
    return rc;
}

int put_payload(struct weft_client *c, struct weft_future *job,
                const struct weft_job *what)
{
    struct weft_put w = WEFT_PUT_INIT;
    struct data *d = data_need(c);
    uint8_t *copy = NULL;
    struct put *p = NULL;
    int rc;

    if (d == NULL) {
        return WEFT_ENOMEM;
    }
    w.node = what->node;
    w.needs = what->needs;
    w.nneeds = what->nneeds;
    w.capability = what->capability;
    if (what->payload_file != NULL) {
        w.paths = &what->payload_file;
        w.npaths = 1;
    } else {
        if (what->payload_len > PAYLOADS_MAX - d->payloads) {
            return WEFT_EFULL;
        }
        copy = wf_memdup(what->payload, what->payload_len);
        w.data = copy;
        w.len = what->payload_len;
    }
    rc = w.npaths != 0 || copy != NULL ? put_new(c, &w, &p) : WEFT_ENOMEM;
    if (rc != 0) {
        wf_free(copy);
        return rc;
    }
    p->copy = copy;
    p->copied = copy != NULL ? what->payload_len : 0;
    d->payloads += p->copied;
    p->g.t.internal = 1;
    p->g.t.job = job;
    job->transfer = &p->g.t;
    transfer_begin(&p->g.t);
    return 0;
}
