#include "agent/data/data.h"

#include "common/list.h"
#include "common/mem.h"
#include "common/str.h"
#include "proto/transfer/transfer.h"

#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FAILED_MAX 256
#define STATS_US   2000000

/* An effect under way. */
struct req {
    struct wf_list_node node; /* in data.reqs */
    struct data *data;
    enum wf_effect_kind kind;
    struct wf_blob_ref ref; /* BEGIN, WRITE */
    struct wf_blob_read read;
    uint64_t chunk;
    enum wf_keep_action action;
};

struct failed {
    struct req req;
    int code;
};

struct data {
    struct desk *desk;
    const struct agent_config *config;
    const struct log_sink *log;
    void (*on_event)(void *arg, struct node_event *ev);
    void *arg;
    struct wf_timer *timer; /* of stats */
    struct wf_list_node reqs;
    int stats_planned, listed;
    size_t nfailed;
    int fatal;
    struct wf_blob_ref failed_ref; /* that data_failure() told */
    struct failed failed[FAILED_MAX];
};

/* -- telling ---------------------------------------------------------------------------
 */

static void on_stats(void *arg, struct blobs_done *d)
{
    struct data *t = arg;
    const struct blob_stats *s = &d->stats;
    struct node_event ev = {.kind = t->listed ? NODE_BLOB_STATS : NODE_BLOBS_LISTED};

    t->listed = 1;
    if (d->code == 0) {
        ev.used = s->used_bytes;
        ev.room = wf_min_u64(s->cap_bytes - wf_min_u64(s->kept_bytes, s->cap_bytes),
                             wf_add_sat(s->free_bytes, s->used_bytes - s->kept_bytes));
    }
    t->on_event(t->arg, &ev);
}

static void ask_stats(void *arg)
{
    struct data *t = arg;
    const struct blobs_ask q = {.op = BLOBS_STATS};

    t->stats_planned = 0; /* what changes from now on is told the next time */
    (void) desk_ask(t->desk, &q, NULL, 0, on_stats, t);
}

/* What is used changes with each chunk: it is told now and then. */
static void plan_stats(struct data *t)
{
    if (!t->stats_planned && t->listed) {
        t->stats_planned = 1;
        wf_timer_start_at(t->timer, wf_now_us() + STATS_US);
    }
}

static unsigned hold_flags(unsigned flags)
{
    return ((flags & BLOB_PINNED) != 0 ? WF_HOLD_PINNED : 0) |
           ((flags & BLOB_IN_PLACE) != 0 ? WF_HOLD_IN_PLACE : 0);
}

static void tell_hold(struct data *t, const struct node_hold *hold)
{
    struct node_event ev = {.kind = NODE_BLOB_HELD, .hold = hold};

    t->on_event(t->arg, &ev);
}

static void tell_gone(struct data *t, const struct wf_digest *digest)
{
    const struct node_hold hold = {.digest = *digest, .gone = 1};

    tell_hold(t, &hold);
}

static void on_info(void *arg, struct blobs_done *d)
{
    struct data *t = arg;
    const struct node_hold hold = {.digest = d->digest,
                                   .size = d->size,
                                   .have = d->have,
                                   .flags = hold_flags(d->flags),
                                   .gone = d->code != 0};

    if (d->code == 0 || d->code == WEFT_ENOENT) {
        tell_hold(t, &hold);
    }
}

/* Where it cannot be asked for the next listing tells. */
void data_changed(struct data *t, const struct wf_digest *digest)
{
    const struct blobs_ask q = {.op = BLOBS_INFO, .digest = *digest};

    (void) desk_ask(t->desk, &q, NULL, 0, on_info, t);
    plan_stats(t);
}

static void on_change(void *arg, const struct blob_change *c)
{
    struct data *t = arg;
    char hex[2 * WF_DIGEST_SIZE + 1];

    if (c->why == WEFT_EIO || c->why == WEFT_ESTATE) {
        wf_hex(hex, c->digest.b, sizeof c->digest);
        log_warn(t->log, "agent", c->why == WEFT_EIO ? "blob-damaged" : "blob-withdrawn",
                 "blob=%s size=%llu have=%llu", hex, (unsigned long long) c->size,
                 (unsigned long long) c->have);
    }
    if (c->have == 0) {
        tell_gone(t, &c->digest);
        plan_stats(t);
    } else {
        data_changed(t, &c->digest);
    }
}

/* -- what is there at the start --------------------------------------------------------
 */

static void ask_list(struct data *t, uint64_t at);

/* The node works on without what it cannot read. */
static void unusable(struct data *t, int code, const char *text)
{
    struct node_event ev = {.kind = NODE_BLOBS_LISTED};

    t->listed = 1;
    log_error(t->log, "agent", "blobs-unusable", "code=%s text=\"%s\"", wf_err_name(code),
              text);
    t->on_event(t->arg, &ev);
}

static void on_list(void *arg, struct blobs_done *d)
{
    struct data *t = arg;
    const struct blob_info *rows = (const struct blob_info *) (const void *) d->bytes;

    if (d->code != 0 && d->code != WEFT_ENOENT) {
        unusable(t, d->code, d->text);
        return;
    }
    for (uint64_t i = 0; d->code == 0 && i < d->total; i++) {
        const struct node_hold hold = {.digest = rows[i].digest,
                                       .size = rows[i].size,
                                       .have = rows[i].have,
                                       .flags = hold_flags(rows[i].flags)};

        tell_hold(t, &hold);
    }
    if (d->code == 0 && d->at != 0) {
        ask_list(t, d->at);
    } else {
        ask_stats(t);
    }
}

static void ask_list(struct data *t, uint64_t at)
{
    const struct blobs_ask q = {.op = BLOBS_LIST, .at = at};
    int rc = desk_ask(t->desk, &q, NULL, 0, on_list, t);

    if (rc != 0) {
        unusable(t, rc, "what is there cannot be listed");
    }
}

/* Room without a store: of the disk that it would be on. */
static uint64_t room_of(const struct agent_config *c)
{
    struct statvfs v;
    uint64_t bytes = 0;

    if (statvfs(c->state, &v) == 0) {
        bytes = (uint64_t) v.f_bavail * v.f_frsize;
    }
    return wf_min_u64(c->data_cap, bytes - wf_min_u64(bytes, c->data_floor));
}

void data_list(struct data *t)
{
    struct node_event ev = {.kind = NODE_BLOBS_LISTED};

    if (access(t->config->data, F_OK) == 0) {
        ask_list(t, 0);
        return;
    }
    t->listed = 1;
    ev.room = room_of(t->config);
    t->on_event(t->arg, &ev);
}

/* -- answers ----------------------------------------------------------------------------
 */

static int begun_code(int code, unsigned flags)
{
    return code == 0 && (flags & BLOB_WHOLE) != 0 ? WEFT_EEXIST : code;
}

/* What a fetcher can do about it: ask others, or later. */
static int read_code(int code)
{
    return code == WEFT_ENOMEM || code == WEFT_EBUSY ? WEFT_EBUSY
           : code == 0 || code == WEFT_EPERM         ? code
                                                     : WEFT_ENOENT;
}

/* The event that answers; it borrows from both. */
static void answer_of(const struct req *r, const struct blobs_done *d,
                      struct node_event *ret_event)
{
    struct node_event *ev = ret_event;

    *ev = (struct node_event){.ref = &r->ref, .chunk = r->chunk, .code = d->code};
    switch (r->kind) {
    case WF_EFFECT_BLOB_BEGIN:
        ev->kind = NODE_BLOB_BEGUN;
        ev->code = begun_code(d->code, d->flags);
        ev->map = d->code == 0 ? d->bytes : NULL;
        ev->leaves = (d->flags & BLOB_LEAVES) != 0;
        break;
    case WF_EFFECT_BLOB_WRITE:
        ev->kind = NODE_BLOB_WRITTEN;
        break;
    default:
        ev->kind = NODE_BLOB_READ;
        ev->tag = r->read.tag;
        ev->code = read_code(d->code);
        ev->coding = d->coding;
        ev->data = wf_slice_make(d->bytes, (uint32_t) d->len);
        break;
    }
}

/* The map of a blob that is whole is not kept anywhere. */
static void fill_map(const struct req *r, struct blobs_done *d)
{
    uint64_t n = wf_chunk_count(d->size);

    if (r->kind != WF_EFFECT_BLOB_READ || r->read.kind != WF_WANT_MAP || d->code != 0 ||
        d->bytes != NULL || n == 0) {
        return;
    }
    d->len = (size_t) (n + 7) / 8;
    d->bytes = wf_calloc(d->len, 1);
    if (d->bytes == NULL) {
        d->len = 0;
        d->code = WEFT_ENOMEM;
        return;
    }
    memset(d->bytes, 0xff, d->len);
    if (n % 8 != 0) {
        d->bytes[d->len - 1] = (uint8_t) ((1u << n % 8) - 1);
    }
}

static void tell_answer(struct data *t, const struct req *r, struct blobs_done *d)
{
    struct node_event ev;

    /* What became whole is told first, as who waits for it asks what there is. */
    if (r->kind == WF_EFFECT_BLOB_WRITE && d->code == 0 && (d->flags & BLOB_WHOLE) != 0) {
        const struct node_hold hold = {.digest = r->ref.digest,
                                       .size = r->ref.size,
                                       .have = r->ref.size,
                                       .flags = hold_flags(d->flags)};

        tell_hold(t, &hold);
    }
    fill_map(r, d);
    answer_of(r, d, &ev);
    t->on_event(t->arg, &ev);
}

static void on_unpinned(void *arg, struct blobs_done *d)
{
    (void) arg;
    (void) d;
}

/* Dropping waits for those who use it; until then it may go when there is no room. */
static void kept(struct data *t, const struct req *r, const struct blobs_done *d)
{
    if (r->action == WF_KEEP_DROP && d->op == BLOBS_DROP && d->code == WEFT_EBUSY) {
        const struct blobs_ask q = {.op = BLOBS_PIN, .digest = d->digest};

        (void) desk_ask(t->desk, &q, NULL, 0, on_unpinned, NULL);
    }
    data_changed(t, &d->digest);
}

static void on_done(void *arg, struct blobs_done *d)
{
    struct req *r = arg;
    struct data *t = r->data;

    switch (r->kind) {
    case WF_EFFECT_BLOB_LEAVES:
        break; /* the chunks will tell */
    case WF_EFFECT_BLOB_KEEP:
        kept(t, r, d);
        break;
    case WF_EFFECT_BLOB_HOLD:
        if (d->code != 0) {
            data_changed(t, &d->digest);
        }
        break;
    default:
        if (r->kind != WF_EFFECT_BLOB_READ) {
            plan_stats(t);
        }
        tell_answer(t, r, d);
        break;
    }
    wf_list_remove(&r->node);
    wf_free(r);
}

/* -- carrying out ----------------------------------------------------------------------
 */

/* It is answered all the same, once the step is over. */
static void fail(struct data *t, const struct req *r, int code)
{
    int is_answered = r->kind == WF_EFFECT_BLOB_BEGIN ||
                      r->kind == WF_EFFECT_BLOB_WRITE || r->kind == WF_EFFECT_BLOB_READ;

    if (!is_answered) {
        return;
    }
    if (t->nfailed == FAILED_MAX) {
        t->fatal = 1;
        return;
    }
    t->failed[t->nfailed++] = (struct failed){*r, code};
}

/* `bytes` are taken in any case; none where there should be some: no memory. */
static void ask(struct data *t, const struct req *r, const struct blobs_ask *q,
                uint8_t *bytes, size_t len)
{
    struct req *own = wf_memdup(r, sizeof *r);
    int rc = WEFT_ENOMEM;

    if (own != NULL && (len == 0 || bytes != NULL)) {
        rc = desk_ask(t->desk, q, len != 0 ? &bytes : NULL, len, on_done, own);
    }
    if (rc != 0) {
        wf_free(own);
        wf_free(bytes);
        fail(t, r, rc);
        return;
    }
    wf_list_push_back(&t->reqs, &own->node);
}

static void do_ref(struct data *t, struct wf_effects *fx, struct wf_effect *x)
{
    struct req r = {.data = t, .kind = x->kind, .chunk = x->arg};
    struct blobs_ask q = {0};
    size_t len;
    const uint8_t *bytes = wf_blob_ref_of(fx, x, &r.ref, &len);
    uint8_t *own = NULL;

    q.digest = r.ref.digest;
    q.size = r.ref.size;
    switch (x->kind) {
    case WF_EFFECT_BLOB_BEGIN:
        q.op = BLOBS_BEGIN;
        len = 0;
        break;
    case WF_EFFECT_BLOB_LEAVES:
        q.op = BLOBS_LEAVES;
        own = wf_memdup(bytes, len);
        break;
    default:
        own = wf_blob_take(fx, x);
        q.op = BLOBS_WRITE;
        q.chunk = x->arg;
        q.coding = x->peer != 0 ? BLOBS_ZSTD : BLOBS_PLAIN;
        break;
    }
    ask(t, &r, &q, own, len);
}

static void do_read(struct data *t, const struct wf_effects *fx,
                    const struct wf_effect *x)
{
    struct req r = {.data = t, .kind = x->kind};
    struct blobs_ask q = {0};

    wf_blob_read_of(fx, x, &r.read);
    q.digest = r.read.digest;
    q.size = r.read.size;
    q.chunk = r.read.first;
    switch (r.read.kind) {
    case WF_WANT_CHUNKS:
        q.op = BLOBS_READ;
        q.coding = r.read.zstd ? BLOBS_ZSTD : BLOBS_PLAIN;
        break;
    case WF_WANT_LEAVES:
        q.op = BLOBS_READ_LEAVES;
        q.count = (uint32_t) wf_min_u64(r.read.count, WF_LEAVES_PIECE);
        break;
    default:
        q.op = BLOBS_MAP;
        break;
    }
    ask(t, &r, &q, NULL, 0);
}

static void do_keep(struct data *t, const struct wf_effects *fx,
                    const struct wf_effect *x)
{
    struct req r = {.data = t, .kind = x->kind};
    struct blobs_ask q = {.op = BLOBS_PIN};

    memcpy(q.digest.b, wf_effect_bytes(fx, x), sizeof q.digest.b);
    if (x->kind == WF_EFFECT_BLOB_KEEP) {
        r.action = (enum wf_keep_action) x->arg;
        q.op = r.action == WF_KEEP_DROP ? BLOBS_DROP : BLOBS_PIN;
        q.on = r.action == WF_KEEP_PIN;
    } else {
        q.op = x->kind == WF_EFFECT_BLOB_HOLD ? BLOBS_HOLD : BLOBS_RELEASE;
    }
    ask(t, &r, &q, NULL, 0);
}

void data_effect(struct data *t, struct wf_effects *fx, struct wf_effect *x)
{
    switch (x->kind) {
    case WF_EFFECT_BLOB_BEGIN:
    case WF_EFFECT_BLOB_LEAVES:
    case WF_EFFECT_BLOB_WRITE:
        do_ref(t, fx, x);
        break;
    case WF_EFFECT_BLOB_READ:
        do_read(t, fx, x);
        break;
    case WF_EFFECT_BLOB_KEEP:
    case WF_EFFECT_BLOB_HOLD:
    case WF_EFFECT_BLOB_RELEASE:
        do_keep(t, fx, x);
        break;
    default:
        break; /* BLOB_END: what is there of it stays */
    }
}

int data_failure(struct data *t, struct node_event *ret_event)
{
    struct blobs_done d = {0};
    const struct failed *f;

    if (t->nfailed == 0) {
        return 0;
    }
    f = &t->failed[--t->nfailed];
    d.code = f->code;
    t->failed_ref = f->req.ref;
    answer_of(&f->req, &d, ret_event);
    ret_event->ref = &t->failed_ref;
    return 1;
}

int data_fatal(const struct data *t)
{
    return t->fatal;
}

/* -- the whole -------------------------------------------------------------------------
 */

int data_new(struct wf_loop *loop, const struct agent_config *config,
             const struct log_sink *log,
             void (*on_event)(void *arg, struct node_event *ev), void *arg,
             struct data **ret_data, struct wf_err *err)
{
    const struct blob_options o = {.dir = config->data,
                                   .cap_bytes = config->data_cap,
                                   .floor_bytes = config->data_floor,
                                   .encrypt = config->data_encrypt};
    struct data *t = wf_calloc(1, sizeof *t);
    int rc;

    if (t == NULL || wf_timer_new(loop, ask_stats, t, &t->timer) != 0) {
        wf_free(t);
        return wf_err_set(err, WEFT_ENOMEM, "no memory for the blobs");
    }
    wf_list_init(&t->reqs);
    t->config = config;
    t->log = log;
    t->on_event = on_event;
    t->arg = arg;
    rc = desk_new(loop, &o, 0, log, on_change, t, &t->desk, err);
    if (rc != 0) {
        data_free(t);
        return rc;
    }
    *ret_data = t;
    return 0;
}

void data_free(struct data *t)
{
    struct wf_list_node *node;

    if (t == NULL) {
        return;
    }
    desk_free(t->desk);
    while ((node = wf_list_first(&t->reqs)) != NULL) {
        wf_list_remove(node);
        wf_free(CONTAINER_OF(node, struct req, node));
    }
    wf_timer_free(t->timer);
    wf_free(t);
}

struct desk *data_desk(struct data *t)
{
    return t->desk;
}
