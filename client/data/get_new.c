#include "client/data/get_int.h"

#include "common/mem.h"
#include "common/str.h"

#include <string.h>

static int take_get(const struct weft_get *given, struct weft_get *w)
{
    if (given == NULL || given->size < offsetof(struct weft_get, path) ||
        given->size > sizeof *w) {
        return WEFT_EINVAL;
    }
    memcpy(w, given, given->size);
    return (w->path != NULL && w->write != NULL) ||
                   (w->path != NULL && w->path[0] == '\0')
               ? WEFT_EINVAL
               : 0;
}

static int take_ref(struct get *g, const char *ref)
{
    if (ref == NULL || wf_str_copy(g->ref, sizeof g->ref, ref) != 0) {
        return WEFT_EINVAL;
    }
    if (wf_digest_parse(ref, &g->digest) == 0) {
        g->is_digest = 1;
        return 0;
    }
    return wf_data_ref_parse(wf_slice_of(g->ref), &g->parts);
}

/* Locked.  Without a ref: the caller says what it is. */
static int get_new(struct weft_client *c, const struct weft_get *w, int with_ref,
                   struct get **ret_get)
{
    struct transfer *t = NULL;
    struct get *g;
    int rc = transfer_new(c, &get_ops, sizeof *g, &t);

    if (rc != 0) {
        return rc;
    }
    g = get_of(t);
    wf_buf_init(&g->bytes_inline, WF_PAYLOAD_MAX + 1);
    g->write = w->write;
    g->arg = w->arg;
    g->keep = w->keep != 0;
    g->max = w->max;
    g->patience_us = wf_min_u64(w->patience_ms, UINT64_MAX / 2000) * 1000;
    rc = with_ref ? take_ref(g, w->ref) : 0;
    if (rc == 0 && w->path != NULL) {
        g->to = wf_strdup(w->path);
        rc = g->to != NULL ? 0 : WEFT_ENOMEM;
    }
    if (rc != 0) {
        get_fini(g);
        transfer_drop(t);
        return rc;
    }
    t->future->on_progress = w->on_progress;
    t->future->arg = w->arg;
    *ret_get = g;
    return 0;
}

int weft_data_get(weft_client *c, const struct weft_get *get, weft_future **ret_future)
{
    struct weft_get w = WEFT_GET_INIT;
    struct get *g = NULL;
    int rc = take_get(get, &w);

    if (rc != 0) {
        return rc;
    }
    client_lock(c);
    rc = get_new(c, &w, 1, &g);
    if (rc == 0) {
        *ret_future = g->t.future;
        transfer_begin(&g->t);
    }
    client_unlock(c);
    return rc;
}

/* -- results of jobs -------------------------------------------------------------------
 */

/* A copy of what came, and the terminating zero that makes it not NULL. */
static int take_inline(struct get *g, const struct weft_outcome *o, struct wf_slice name)
{
    struct wf_digest digest;

    if (wf_buf_put(&g->bytes_inline, o->data, o->len) != 0 ||
        wf_buf_reserve(&g->bytes_inline, 1) != 0) {
        return WEFT_ENOMEM;
    }
    wf_blob_of(o->data, o->len, &digest);
    return get_add(g, name, &digest, o->len);
}

static int take_blob(struct get *g, const struct weft_outcome *o, struct wf_slice name)
{
    struct wf_digest digest;

    memcpy(digest.b, o->blob.bytes, sizeof digest.b);
    memcpy(g->job.b, o->id.bytes, sizeof g->job.b);
    return get_add(g, name, &digest, o->len);
}

/* Locked. */
static int fetch(struct weft_future *job, const struct weft_get *w, struct get **ret_get)
{
    const struct weft_outcome *o = &job->call.outcome;
    char name[WEFT_ID_TEXT];
    struct get *g = NULL;
    int rc = job->call.has_outcome ? get_new(job->client, w, 0, &g) : WEFT_ESTATE;

    if (rc != 0) {
        return rc;
    }
    weft_id_text(&o->id, name);
    g->is_file = 1;
    rc = o->data != NULL ? take_inline(g, o, wf_slice_of(name))
                         : take_blob(g, o, wf_slice_of(name));
    if (rc != 0) {
        get_fini(g);
        transfer_drop(&g->t);
        return rc;
    }
    *ret_get = g;
    return 0;
}

int weft_outcome_fetch(weft_future *job, const struct weft_get *get,
                       weft_future **ret_future)
{
    struct weft_get w = WEFT_GET_INIT;
    struct get *g = NULL;
    int rc = take_get(get, &w);

    if (rc != 0) {
        return rc;
    }
    client_lock(job->client);
    rc = fetch(job, &w, &g);
    if (rc == 0) {
        *ret_future = g->t.future;
        transfer_begin(&g->t);
    }
    client_unlock(job->client);
    return rc;
}

static uint64_t until(int64_t timeout_ms)
{
    return timeout_ms < 0 ? UINT64_MAX
                          : wf_add_sat(wf_now_us(), wf_us_of_ms((uint64_t) timeout_ms));
}

/* Locked; what is there of the result, for the user. */
static int show(const struct weft_future *job, size_t max, const void **ret_data,
                size_t *ret_len)
{
    const struct weft_outcome *o = &job->call.outcome;

    if (o->len > max) {
        return WEFT_ETOOBIG;
    }
    *ret_data = o->data != NULL ? o->data : job->data;
    *ret_len = o->len;
    return *ret_data != NULL ? 0 : WEFT_EAGAIN;
}

/* Locked: the bytes change hands. */
static void keep(struct weft_future *job, struct weft_future *f)
{
    wf_free(job->data);
    job->data = f->result->mem;
    f->result->mem = NULL;
}

int weft_outcome_data(weft_future *job, size_t max, int64_t timeout_ms,
                      const void **ret_data, size_t *ret_len)
{
    struct weft_client *c = job->client;
    uint64_t until_us = until(timeout_ms);
    struct weft_get w = WEFT_GET_INIT;
    struct get *g = NULL;
    int rc;

    w.max = max;
    client_lock(c);
    rc = future_wait(job, WEFT_UNTIL_DONE, until_us);
    if (rc == 0) {
        rc = job->call.has_outcome ? show(job, max, ret_data, ret_len) : WEFT_ESTATE;
    }
    if (rc == WEFT_EAGAIN && client_is_inside(c)) {
        rc = WEFT_ESTATE;
    }
    if (rc == WEFT_EAGAIN) {
        rc = fetch(job, &w, &g);
        if (rc == 0) {
            struct weft_future *f = g->t.future;

            transfer_begin(&g->t);
            rc = future_wait(f, WEFT_UNTIL_DONE, until_us);
            if (rc == 0) {
                keep(job, f);
                rc = show(job, max, ret_data, ret_len);
            }
            future_give(f);
        }
    }
    client_unlock(c);
    return rc;
}
