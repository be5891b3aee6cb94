#include "client/data/shelf.h"

#include "common/map.h"
#include "common/mem.h"
#include "proto/name.h"
#include "proto/words.h"

#include <string.h>

int shelf_add(struct data *d, struct giver *g, struct source *s)
{
    struct source *first = wf_map_get(d->shelf, &s->digest, sizeof s->digest);

    s->owner = g;
    if (first != NULL) {
        wf_list_push_back(&first->in_all, &s->in_all);
        return 0;
    }
    return wf_map_put(d->shelf, &s->digest, sizeof s->digest, s);
}

/* Another source of the same bytes takes its place. */
void shelf_remove(struct data *d, struct source *s)
{
    struct wf_list_node *n = wf_list_first(&s->in_all);

    if (s->owner == NULL) {
        return;
    }
    s->owner = NULL;
    if (wf_map_get(d->shelf, &s->digest, sizeof s->digest) == s) {
        (void) wf_map_take(d->shelf, &s->digest, sizeof s->digest);
        if (n != NULL) {
            struct source *next = CONTAINER_OF(n, struct source, in_all);

            (void) wf_map_put(d->shelf, &next->digest, sizeof next->digest, next);
        }
    }
    wf_list_remove(&s->in_all);
}

/* -- reads -----------------------------------------------------------------------------
 */

struct reading {
    struct desk_task task;
    struct transfer *transfer;
    struct source *source;
    uint64_t tag, chunk;
    int filled; /* on the loop's thread, not verified yet */
    int code;
    struct wf_err err;
    uint8_t buf[];
};

static void answer(struct data *d, uint64_t tag, int code, const void *bytes, size_t len)
{
    if (d->give != NULL) {
        wf_give_read(d->give, wf_now_us(), tag, code, 0, bytes, len, data_out(d));
    }
}

static void work(struct desk_task *task)
{
    struct reading *r = CONTAINER_OF(task, struct reading, task);

    r->code = r->filled ? source_verify(r->source, r->chunk, r->buf, &r->err)
                        : source_read(r->source, r->chunk, r->buf, &r->err);
}

static void done(struct desk_task *task)
{
    struct reading *r = CONTAINER_OF(task, struct reading, task);
    struct transfer *t = r->transfer;

    if (transfer_back(t, task) != 0) {
        r->code = WEFT_ENOENT;
    } else if (r->code != 0) {
        transfer_end(t, r->code, r->err.text);
    }
    answer(t->data, r->tag, r->code, r->buf,
           r->code == 0 ? wf_chunk_len(r->source->size, r->chunk) : 0);
    wf_free(r);
}

/* Bytes of the user: his function is called here, where his callbacks run. */
static int fill(struct reading *r)
{
    struct weft_client *c = r->transfer->client;
    int rc;

    if (r->source->file != NULL) {
        return 0;
    }
    r->filled = 1;
    if (r->source->read == NULL) {
        return source_raw(r->source, r->chunk, r->buf);
    }
    data_user_begin(c);
    rc = source_raw(r->source, r->chunk, r->buf);
    data_user_end(c);
    return rc;
}

static void start_read(struct data *d, struct source *s, const struct wf_blob_read *q)
{
    struct giver *g = s->owner;
    struct reading *r = wf_calloc(1, sizeof *r + wf_chunk_size(s->size));

    if (r == NULL) {
        answer(d, q->tag, WEFT_EBUSY, NULL, 0);
        return;
    }
    r->task.work = work;
    r->task.done = done;
    r->transfer = &g->t;
    r->source = s;
    r->tag = q->tag;
    r->chunk = q->first;
    if (fill(r) != 0) {
        transfer_end(&g->t, WEFT_EIO, "the function that reads the data failed");
    } else if (transfer_is_wanted(&g->t) && transfer_ask(&g->t, &r->task) == 0) {
        return;
    }
    answer(d, q->tag, WEFT_ENOENT, NULL, 0);
    wf_free(r);
}

/* A bit for each chunk: all of them. */
static void answer_map(struct data *d, const struct source *s, uint64_t tag)
{
    uint64_t n = wf_chunk_count(s->size);
    size_t len = (size_t) ((n + 7) / 8);
    uint8_t *map = wf_calloc(len + 1, 1);

    if (map == NULL) {
        answer(d, tag, WEFT_EBUSY, NULL, 0);
        return;
    }
    for (uint64_t i = 0; i < n; i++) {
        map[i >> 3] |= (uint8_t) (1u << (i & 7));
    }
    answer(d, tag, 0, map, len);
    wf_free(map);
}

void shelf_read(struct data *d, uint64_t now_us, const struct wf_blob_read *r)
{
    struct source *s = wf_map_get(d->shelf, &r->digest, sizeof r->digest);
    uint64_t n = s != NULL ? wf_chunk_count(s->size) : 0;
    const struct giver *g = s != NULL ? s->owner : NULL;

    (void) now_us;
    if (s == NULL || s->size != r->size || !transfer_is_wanted(&g->t)) {
        answer(d, r->tag, WEFT_ENOENT, NULL, 0);
    } else if (!wf_residency_ok(wf_slice_of(g->residency), wf_slice_of(r->region))) {
        answer(d, r->tag, WEFT_EPERM, NULL, 0);
    } else if (r->kind == WF_WANT_MAP) {
        answer_map(d, s, r->tag);
    } else if (r->first >= n || r->count > n - r->first) {
        answer(d, r->tag, WEFT_EINVAL, NULL, 0);
    } else if (r->kind == WF_WANT_LEAVES) {
        answer(d, r->tag, 0, &s->leaves[r->first], (size_t) r->count * WF_DIGEST_SIZE);
    } else {
        start_read(d, s, r);
    }
}
