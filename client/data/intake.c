#include "client/data/intake.h"

#include "common/map.h"
#include "common/mem.h"

#include <string.h>

#define AHEAD_MAX                                                                        \
    ((size_t) 32 << 20)      /* bytes that wait for earlier ones, of one blob            \
                              */
#define LOOK_STEP (8u << 20) /* bytes of a part verified in one task */

struct intake {
    struct wf_digest digest; /* first: the map's key */
    struct transfer *transfer;
    const struct intake_cbs *cbs;
    weft_write_fn *write;
    void *arg;
    size_t tag;
    struct sink sink; /* touched by tasks while there are any */
    uint64_t found;   /* bytes of a part that were told */
    int opened;       /* and all of it was looked at */
    struct wf_pull_end end;
    int ended; /* pull has nothing more to do */
    int dropped;
    unsigned tasks;
    struct wf_list_node ahead; /* errand.node: chunks that wait for earlier ones */
    size_t ahead_bytes;
    uint64_t next; /* chunk to be taken by `write` */
};

enum errand_kind { ERRAND_OPEN, ERRAND_LEAVES, ERRAND_WRITE, ERRAND_FINISH };

struct errand {
    struct desk_task task;
    struct intake *intake;
    enum errand_kind kind;
    struct wf_blob_ref ref;
    uint64_t chunk;
    int told; /* pull knows that the chunk is there */
    int code;
    struct wf_err err;
    size_t len;
    uint8_t buf[];
};

/* -- life ------------------------------------------------------------------------------
 */

static void free_ahead(struct intake *in)
{
    struct wf_list_node *n;

    while ((n = wf_list_first(&in->ahead)) != NULL) {
        wf_list_remove(n);
        wf_free(CONTAINER_OF(n, struct errand, task.node));
    }
}

static void intake_free(struct intake *in)
{
    free_ahead(in);
    sink_fini(&in->sink);
    wf_free(in);
}

int intake_new(struct transfer *t, const struct intake_cbs *cbs,
               const struct intake_want *w, struct intake **ret_intake)
{
    const struct wf_pull_want want = {
        .digest = w->digest, .size = w->size, .priority = 1, .waits = 1, .job = w->job};
    struct data *d = t->data;
    struct wf_pull *pull = data_pull(d);
    struct intake *in;
    int rc;

    if (wf_map_get(d->intakes, &w->digest, sizeof w->digest) != NULL) {
        return WEFT_EEXIST;
    }
    in = pull != NULL ? wf_calloc(1, sizeof *in) : NULL;
    if (in == NULL) {
        return WEFT_ENOMEM;
    }
    in->digest = w->digest;
    in->transfer = t;
    in->cbs = cbs;
    in->write = w->write;
    in->arg = w->arg;
    in->tag = w->tag;
    wf_list_init(&in->ahead);
    rc = sink_init(&in->sink, w->path, w->part_end, &w->digest, w->size);
    if (rc == 0) {
        in->sink.keep = w->keep;
        rc = wf_map_put(d->intakes, &in->digest, sizeof in->digest, in);
    }
    if (rc != 0) {
        intake_free(in);
        return rc;
    }
    rc = wf_pull_add(pull, wf_now_us(), &want, data_out(d));
    if (rc != 0) {
        (void) wf_map_take(d->intakes, &in->digest, sizeof in->digest);
        intake_free(in);
        return rc;
    }
    *ret_intake = in;
    return 0;
}

static void let_go(struct intake *in)
{
    (void) wf_map_take(in->transfer->data->intakes, &in->digest, sizeof in->digest);
    in->dropped = 1;
    if (in->tasks == 0) {
        intake_free(in);
    }
}

void intake_drop(struct intake *in)
{
    struct data *d = in->transfer->data;

    (void) wf_pull_drop(d->pull, wf_now_us(), &in->digest, data_out(d));
    let_go(in);
}

/* Tell its end, once. */
static void conclude(struct intake *in, int code, const char *text)
{
    struct transfer *t = in->transfer;
    const struct wf_pull_end end = in->end;
    uint8_t **mem = &in->sink.mem;

    if (!in->ended) {
        (void) wf_pull_drop(t->data->pull, wf_now_us(), &in->digest, data_out(t->data));
    }
    in->cbs->on_end(t, in->tag, code, text, end.moved, end.from, mem);
    let_go(in);
}

int intake_progress(const struct intake *in, struct wf_pull_progress *ret_progress)
{
    return wf_pull_progress(in->transfer->data->pull, &in->digest, ret_progress);
}

/* -- errands ---------------------------------------------------------------------------
 */

static void work(struct desk_task *task);
static void done(struct desk_task *task);

/* 0, or the errand was freed and the intake ended. */
static int run(struct errand *e)
{
    struct intake *in = e->intake;
    int rc = transfer_ask(in->transfer, &e->task);

    if (rc != 0) {
        wf_free(e);
        conclude(in, rc, "no thread for the disk could be started");
        return rc;
    }
    in->tasks++;
    return 0;
}

static struct errand *errand_new(struct intake *in, enum errand_kind kind,
                                 const struct wf_blob_ref *ref, const void *bytes,
                                 size_t len)
{
    struct errand *e = wf_calloc(1, sizeof *e + len);

    if (e == NULL) {
        conclude(in, WEFT_ENOMEM, "no memory for the data");
        return NULL;
    }
    e->task.work = work;
    e->task.done = done;
    e->intake = in;
    e->kind = kind;
    e->len = len;
    if (ref != NULL) {
        e->ref = *ref;
    }
    if (bytes != NULL && len != 0) {
        memcpy(e->buf, bytes, len);
    }
    return e;
}

/* What is there is looked at in steps; `chunk` says that more follow. */
static int look(struct errand *e, struct sink *s)
{
    int rc = sink_open(s, &e->err);

    rc = rc == 0 ? sink_look(s, LOOK_STEP, e->buf, &e->err) : rc;
    e->chunk = rc == 1;
    return rc < 0 ? rc : 0;
}

/* On the disk's thread. */
static void work(struct desk_task *task)
{
    struct errand *e = CONTAINER_OF(task, struct errand, task);
    struct intake *in = e->intake;
    struct sink *s = &in->sink;

    switch (e->kind) {
    case ERRAND_OPEN:
        e->code = in->write != NULL ? 0 : look(e, s);
        break;
    case ERRAND_LEAVES:
        e->code = sink_leaves(s, e->buf, e->len, &e->err);
        break;
    case ERRAND_WRITE:
        e->code = in->write != NULL ? sink_verify(s, e->chunk, e->buf, e->len, &e->err)
                                    : sink_write(s, e->chunk, e->buf, e->len, &e->err);
        break;
    case ERRAND_FINISH:
        e->code = sink_finish(s, &e->err);
        break;
    }
}

/* Bytes of the part that verified since they were told last. */
static void tell_found(struct intake *in)
{
    uint64_t have = in->sink.have;

    in->cbs->on_bytes(in->transfer, have - in->found, 0);
    in->found = have;
}

/* 1 when the errand went out again. */
static int opened(struct intake *in, struct errand *e)
{
    struct data *d = in->transfer->data;
    struct sink *s = &in->sink;

    if (e->code != 0) {
        conclude(in, e->code, e->err.text);
        return 0;
    }
    if (in->write == NULL && !in->opened) {
        tell_found(in);
    }
    if (e->chunk != 0) {
        (void) run(e);
        return 1;
    }
    in->opened = 1;
    wf_pull_begun(d->pull, wf_now_us(), &e->ref, 0, s->map,
                  s->nchunks < 2 || s->leaves != NULL, data_out(d));
    return 0;
}

static void tell_written(struct intake *in, const struct errand *e)
{
    struct data *d = in->transfer->data;

    wf_pull_written(d->pull, wf_now_us(), &e->ref, e->chunk,
                    e->code == 0 || e->code == WEFT_EFULL || e->code == WEFT_EPROTO
                        ? e->code
                        : WEFT_EIO,
                    data_out(d));
}

/* -- chunks for the user's function, in order ------------------------------------------
 */

static struct errand *take_next(struct intake *in)
{
    struct wf_list_node *n = wf_list_first(&in->ahead);
    struct errand *e = n != NULL ? CONTAINER_OF(n, struct errand, task.node) : NULL;

    if (e == NULL || e->chunk != in->next) {
        return NULL;
    }
    wf_list_remove(n);
    in->ahead_bytes -= e->len;
    return e;
}

static uint64_t chunk_of(const struct wf_list_node *n)
{
    return CONTAINER_OF(n, struct errand, task.node)->chunk;
}

/* 0, or it is there already. */
static int put_ahead(struct intake *in, struct errand *e)
{
    struct wf_list_node *at = in->ahead.prev;

    while (at != &in->ahead && chunk_of(at) > e->chunk) {
        at = at->prev;
    }
    if (e->chunk < in->next || (at != &in->ahead && chunk_of(at) == e->chunk)) {
        return WEFT_EEXIST;
    }
    wf_list_push_front(at, &e->task.node); /* any node is the head of what follows it */
    in->ahead_bytes += e->len;
    return 0;
}

/* The user's function takes it.  0, or it wants no more. */
static int deliver(struct intake *in, struct errand *e)
{
    struct weft_client *c = in->transfer->client;
    uint64_t at = e->chunk * wf_chunk_size(in->sink.size);
    int rc;

    data_user_begin(c);
    rc = in->write(at, e->buf, e->len, in->arg);
    data_user_end(c);
    in->next++;
    return rc;
}

static void note_taken(struct intake *in, struct errand *e)
{
    if (!e->told) {
        e->told = 1;
        sink_mark(&in->sink, e->chunk);
        tell_written(in, e);
        in->cbs->on_bytes(in->transfer, e->len, 1);
    }
}

/* All that can be taken now; then, perhaps, the end. */
static void take_in_order(struct intake *in)
{
    struct errand *e;

    while (transfer_is_wanted(in->transfer) && (e = take_next(in)) != NULL) {
        int rc = deliver(in, e);

        note_taken(in, e);
        wf_free(e);
        if (rc != 0) {
            transfer_end(in->transfer, WEFT_ECANCELLED,
                         "the function that takes the data ended it");
            return;
        }
    }
    if (in->ended && in->next == in->sink.nchunks) {
        conclude(in, 0, "");
    }
}

static void written(struct intake *in, struct errand *e)
{
    if (e->code != 0) {
        tell_written(in, e);
        wf_free(e);
    } else if (in->write == NULL) {
        tell_written(in, e);
        in->cbs->on_bytes(in->transfer, e->len, 1);
        wf_free(e);
    } else if (put_ahead(in, e) != 0) {
        tell_written(in, e);
        wf_free(e);
    } else {
        if (in->ahead_bytes <= AHEAD_MAX) {
            note_taken(in, e);
        }
        take_in_order(in);
    }
}

static void done(struct desk_task *task)
{
    struct errand *e = CONTAINER_OF(task, struct errand, task);
    struct intake *in = e->intake;
    int gone = transfer_back(in->transfer, task) != 0;

    in->tasks--;
    if (gone || in->dropped) {
        wf_free(e);
        if (in->dropped && in->tasks == 0) {
            intake_free(in);
        }
        return;
    }
    switch (e->kind) {
    case ERRAND_OPEN:
        if (opened(in, e)) {
            return;
        }
        break;
    case ERRAND_LEAVES:
        if (e->code != 0) {
            conclude(in, e->code, e->err.text);
        }
        break;
    case ERRAND_WRITE:
        written(in, e);
        return;
    case ERRAND_FINISH:
        conclude(in, e->code, e->err.text);
        break;
    }
    wf_free(e);
}

/* -- what pull asks for ----------------------------------------------------------------
 */

static void begin(struct intake *in, const struct wf_blob_ref *ref)
{
    struct errand *e =
        errand_new(in, ERRAND_OPEN, ref, NULL, wf_chunk_size(in->sink.size));

    if (e != NULL) {
        (void) run(e);
    }
}

static void write_chunk(struct intake *in, const struct wf_blob_ref *ref,
                        const struct wf_effect *x, const uint8_t *bytes, size_t len)
{
    struct errand *e = errand_new(in, ERRAND_WRITE, ref, bytes, len);

    if (e == NULL) {
        return;
    }
    e->chunk = x->arg;
    if (x->peer != 0) {
        e->code = WEFT_EPROTO; /* coded chunks were not asked for */
        tell_written(in, e);
        wf_free(e);
        return;
    }
    (void) run(e);
}

void intake_effect(struct data *d, uint64_t now_us, const struct wf_effects *fx,
                   const struct wf_effect *x)
{
    struct wf_blob_ref ref;
    size_t len;
    const uint8_t *bytes = wf_blob_ref_of(fx, x, &ref, &len);
    struct intake *in = wf_map_get(d->intakes, &ref.digest, sizeof ref.digest);
    struct errand *e;

    (void) now_us;
    if (in == NULL || in->ended) {
        return;
    }
    switch (x->kind) {
    case WF_EFFECT_BLOB_BEGIN:
        begin(in, &ref);
        break;
    case WF_EFFECT_BLOB_LEAVES:
        e = errand_new(in, ERRAND_LEAVES, &ref, bytes, len);
        if (e != NULL) {
            (void) run(e);
        }
        break;
    case WF_EFFECT_BLOB_WRITE:
        write_chunk(in, &ref, x, bytes, len);
        break;
    default:
        break; /* it rests: what is there is kept in any case */
    }
}

void intake_ended(struct data *d, const struct wf_pull_end *end)
{
    struct intake *in = wf_map_get(d->intakes, &end->digest, sizeof end->digest);
    struct errand *e;

    if (in == NULL) {
        return;
    }
    in->ended = 1;
    in->end = *end;
    if (end->code != 0) {
        conclude(in, end->code, end->text);
    } else if (in->write != NULL) {
        take_in_order(in);
    } else {
        e = errand_new(in, ERRAND_FINISH, NULL, NULL, 0);
        if (e != NULL) {
            (void) run(e);
        }
    }
}
