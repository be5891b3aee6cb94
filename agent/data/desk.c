#include "agent/data/desk.h"

#include "common/list.h"
#include "common/mem.h"

struct ask {
    struct wf_list_node node; /* in `asked` or `waiting` */
    struct blobs_ask q;
    char *path; /* owned; NULL: none */
    uint8_t *bytes;
    size_t len;
    desk_done_fn *fn;
    void *arg;
};

struct desk {
    struct blobs *blobs;
    const struct log_sink *log;
    void (*on_change)(void *arg, const struct blob_change *c);
    void *arg;
    struct wf_list_node asked, waiting;
    size_t nasked, nwaiting;
    uint64_t total;
};

static void ask_free(struct ask *a)
{
    wf_free(a->path);
    wf_free(a->bytes);
    wf_free(a);
}

/* What is refused although nothing is under way would be so for ever. */
static int put(struct desk *k, struct ask *a)
{
    int rc = blobs_ask(k->blobs, &a->q, a->bytes != NULL ? &a->bytes : NULL, a->len);

    if (rc == 0) {
        wf_list_push_back(&k->asked, &a->node);
        k->nasked++;
    }
    return rc == WEFT_EBUSY && k->nasked == 0 ? WEFT_EFULL : rc;
}

static void refuse(struct ask *a, int code)
{
    struct blobs_done d = {.op = a->q.op, .code = code, .digest = a->q.digest};

    a->fn(a->arg, &d);
    ask_free(a);
}

static void pump(struct desk *k)
{
    struct wf_list_node *node;

    while ((node = wf_list_first(&k->waiting)) != NULL) {
        struct ask *a = CONTAINER_OF(node, struct ask, node);
        int rc;

        wf_list_remove(node);
        rc = put(k, a);
        if (rc == WEFT_EBUSY) {
            wf_list_push_front(&k->waiting, node);
            return;
        }
        k->nwaiting--;
        if (rc != 0) {
            refuse(a, rc);
        }
    }
}

static void on_done(void *arg, struct blobs_done *d)
{
    struct desk *k = arg;
    struct ask *a = (struct ask *) (uintptr_t) d->tag;

    if (d->more) {
        a->fn(a->arg, d);
        return;
    }
    wf_list_remove(&a->node);
    k->nasked--;
    a->fn(a->arg, d);
    ask_free(a);
    pump(k);
}

static void on_change(void *arg, const struct blob_change *c)
{
    const struct desk *k = arg;

    if (k->on_change != NULL) {
        k->on_change(k->arg, c);
    }
}

static void on_trouble(void *arg, const struct wf_err *err)
{
    const struct desk *k = arg;

    log_warn(k->log, "agent", "blob-store", "code=%s text=\"%s\"", wf_err_name(err->code),
             err->text);
}

int desk_new(struct wf_loop *loop, const struct blob_options *o, size_t queue_bytes,
             const struct log_sink *log,
             void (*on_change_fn)(void *arg, const struct blob_change *c), void *arg,
             struct desk **ret_desk, struct wf_err *err)
{
    static const struct blobs_cbs cbs = {on_done, on_change, on_trouble};
    struct desk *k = wf_calloc(1, sizeof *k);
    int rc;

    if (k == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for the blob store");
    }
    k->log = log;
    k->on_change = on_change_fn;
    k->arg = arg;
    wf_list_init(&k->asked);
    wf_list_init(&k->waiting);
    rc = blobs_new(loop, o, queue_bytes, &cbs, k, &k->blobs, err);
    if (rc != 0) {
        wf_free(k);
        return rc;
    }
    *ret_desk = k;
    return 0;
}

static void drop_all(struct wf_list_node *list)
{
    struct wf_list_node *node;

    while ((node = wf_list_first(list)) != NULL) {
        wf_list_remove(node);
        ask_free(CONTAINER_OF(node, struct ask, node));
    }
}

void desk_free(struct desk *k)
{
    if (k != NULL) {
        blobs_free(k->blobs);
        drop_all(&k->asked);
        drop_all(&k->waiting);
        wf_free(k);
    }
}

int desk_ask(struct desk *k, const struct blobs_ask *q, uint8_t **bytes, size_t len,
             desk_done_fn *fn, void *arg)
{
    struct ask *a = wf_calloc(1, sizeof *a);
    int rc = WEFT_EBUSY;

    if (a == NULL) {
        return WEFT_ENOMEM;
    }
    a->q = *q;
    a->q.tag = (uint64_t) (uintptr_t) a;
    a->path = q->path != NULL ? wf_strdup(q->path) : NULL;
    a->q.path = a->path;
    a->bytes = bytes != NULL ? *bytes : NULL;
    a->len = len;
    a->fn = fn;
    a->arg = arg;
    if (q->path != NULL && a->path == NULL) {
        rc = WEFT_ENOMEM;
    } else if (k->nwaiting == 0) {
        rc = put(k, a);
    }
    if (rc == WEFT_EBUSY) {
        wf_list_push_back(&k->waiting, &a->node);
        k->nwaiting++;
        rc = 0;
    }
    if (rc != 0) {
        a->bytes = NULL; /* still the caller's */
        ask_free(a);
        return rc;
    }
    if (bytes != NULL) {
        *bytes = NULL;
    }
    k->total++;
    return 0;
}

size_t desk_open(const struct desk *k)
{
    return k->nasked + k->nwaiting;
}

uint64_t desk_asked(const struct desk *k)
{
    return k->total;
}
