#include "client/data/get_int.h"

#include "common/io/file.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"

#include <string.h>

#define WINDOW   384u    /* files begun at once */
#define AGAIN_US 200000u /* another get has the same blob: look again */
#define WATCH_US 500000u /* how often a get that waits looks why */

/* -- tasks of the disk -----------------------------------------------------------------
 */

/* A file with the same bytes as another one; or the bytes of a small result. */
struct filing {
    struct desk_task task;
    struct get *get;
    size_t to, from; /* `from` GET_NONE: the bytes of the result */
    int code;
    struct wf_err err;
};

static void finish(struct get *g, uint64_t now_us);

static void file_work(struct desk_task *task)
{
    struct filing *w = CONTAINER_OF(task, struct filing, task);
    const struct get *g = w->get;
    const struct get_file *f = &g->files[w->to];
    const char *path = f->path;
    int found = g->keep ? sink_find(path, &f->digest, f->size, &w->err) : 0;

    if (found != 0) {
        w->code = found < 0 ? found : 0;
    } else if (w->from != GET_NONE) {
        w->code = sink_copy(g->files[w->from].path, path, g->part_end, &w->err);
    } else {
        w->code = file_write(path, g->bytes_inline.p, g->bytes_inline.len, 0666, &w->err);
    }
}

static void file_done(struct desk_task *task)
{
    struct filing *w = CONTAINER_OF(task, struct filing, task);
    struct get *g = w->get;

    if (transfer_back(&g->t, task) == 0) {
        g->copying--;
        if (w->code != 0) {
            transfer_end(&g->t, w->code, w->err.text);
        } else {
            g->files[w->to].done = 1;
            g->done++;
            g->bytes += g->files[w->to].size;
        }
    }
    wf_free(w);
}

static void send_filing(struct get *g, size_t to, size_t from)
{
    struct filing *w = wf_calloc(1, sizeof *w);
    int rc = WEFT_ENOMEM;

    if (w != NULL) {
        *w = (struct filing){.get = g, .to = to, .from = from};
        w->task.work = file_work;
        w->task.done = file_done;
        rc = transfer_ask(&g->t, &w->task);
    }
    if (rc != 0) {
        wf_free(w);
        transfer_end(&g->t, rc, "no thread for the disk could be started");
        return;
    }
    g->copying++;
}

/* -- progress --------------------------------------------------------------------------
 */

/* Why nothing comes, from the first file that is begun. */
static const char *what_it_waits_for(const struct get *g)
{
    struct wf_pull_progress p;

    for (size_t i = 0; i < g->n && g->files[i].began; i++) {
        const struct intake *in = g->files[i].intake;

        if (in != NULL && intake_progress(in, &p) == 0) {
            return p.text;
        }
    }
    return "";
}

static void tell(struct get *g, uint64_t now_us, enum weft_phase phase, int now)
{
    struct weft_progress p = {.phase = phase,
                              .bytes = g->bytes,
                              .total = g->total,
                              .moved = g->moved,
                              .node = g->from};

    if (now_us - g->heard_us >= WATCH_US) {
        p.text = what_it_waits_for(g);
    }
    transfer_tell(&g->t, now_us, &p, now);
}

static void on_bytes(struct transfer *t, uint64_t bytes, int came)
{
    struct get *g = get_of(t);

    g->heard_us = wf_now_us();
    g->bytes += bytes;
    tell(g, g->heard_us, came ? WEFT_MOVING : WEFT_READING, 0);
}

static void on_end(struct transfer *t, size_t tag, int code, const char *text,
                   uint64_t moved, const char *from, uint8_t **mem)
{
    struct get *g = get_of(t);
    struct result *r = transfer_result(t);
    struct get_file *f = &g->files[tag];

    f->intake = NULL;
    g->active--;
    g->moved += moved;
    g->heard_us = wf_now_us();
    if (from[0] != '\0') {
        (void) wf_str_copy(g->from, sizeof g->from, from);
    }
    if (code != 0) {
        transfer_end(t, code, text);
        return;
    }
    f->done = 1;
    g->done++;
    if (*mem != NULL && r != NULL) {
        r->mem = *mem;
        r->moved.data = *mem;
        r->moved.len = (size_t) f->size;
        *mem = NULL;
    }
}

static const struct intake_cbs cbs = {on_bytes, on_end};

/* -- fetching --------------------------------------------------------------------------
 */

/* 0; WEFT_EEXIST: not now. */
static int begin_file(struct get *g, size_t i)
{
    struct get_file *f = &g->files[i];
    const struct intake_want w = {.digest = f->digest,
                                  .size = f->size,
                                  .job = g->job,
                                  .path = g->to != NULL ? f->path : NULL,
                                  .part_end = g->part_end,
                                  .keep = g->keep,
                                  .write = g->write,
                                  .arg = g->arg,
                                  .tag = i};
    int rc;

    if (f->same != GET_NONE) {
        f->began = 1; /* its time comes when the other one is there */
        return 0;
    }
    rc = intake_new(&g->t, &cbs, &w, &f->intake);
    if (rc == 0) {
        f->began = 1;
        g->active++;
    } else if (rc != WEFT_EEXIST && rc != WEFT_EFULL) {
        transfer_end(&g->t, rc,
                     rc == WEFT_ECONFLICT ? "the blob has another size than it is said"
                                          : "no memory for the data");
    }
    return rc;
}

/* Files that are like another one, once that is there: after all others. */
static void copy_equal(struct get *g)
{
    while (g->copied < g->n && g->copying == 0) {
        size_t i = g->copied++;

        if (g->files[i].same != GET_NONE) {
            send_filing(g, i, g->files[i].same);
        }
    }
}

static void go_on(struct get *g, uint64_t now_us)
{
    int rc = 0;

    while (rc == 0 && g->next < g->n && g->active < WINDOW && transfer_is_wanted(&g->t)) {
        rc = begin_file(g, g->next);
        g->next += rc == 0;
    }
    g->t.due_us = now_us + (rc != 0 ? AGAIN_US : WATCH_US);
    if (g->done == g->n) {
        finish(g, now_us);
    } else if (g->next == g->n && g->active == 0) {
        g->heard_us = now_us;
        copy_equal(g);
    } else if (now_us - g->heard_us >= g->patience_us) {
        const char *text = what_it_waits_for(g);

        transfer_end(&g->t, WEFT_ETIMEOUT, text[0] != '\0' ? text : "nothing comes");
    } else if (now_us - g->heard_us >= WATCH_US) {
        tell(g, now_us, WEFT_MOVING, 0);
    }
}

static void begin_fetching(struct get *g, uint64_t now_us)
{
    g->phase = GET_FETCHING;
    g->heard_us = now_us;
    if (get_place(g) == 0) {
        go_on(g, now_us);
    }
}

/* -- a result that came with its outcome -----------------------------------------------
 */

static void give_inline(struct get *g, uint64_t now_us)
{
    struct result *r = transfer_result(&g->t);
    const struct wf_buf *b = &g->bytes_inline;
    int rc;

    g->phase = GET_INLINE;
    if (get_place(g) != 0) {
        return;
    }
    if (g->to != NULL) {
        send_filing(g, 0, GET_NONE);
        return;
    }
    if (g->write != NULL && b->len != 0) {
        data_user_begin(g->t.client);
        rc = g->write(0, b->p, b->len, g->arg);
        data_user_end(g->t.client);
        if (rc != 0) {
            transfer_end(&g->t, WEFT_ECANCELLED,
                         "the function that takes the data ended it");
            return;
        }
    } else if (g->write == NULL && r != NULL) {
        r->mem = wf_memdup(b->p, b->len);
        if (r->mem == NULL) {
            transfer_end(&g->t, WEFT_ENOMEM, "no memory for the data");
            return;
        }
        r->moved.data = r->mem;
        r->moved.len = b->len;
    }
    g->bytes = b->len;
    g->done = g->n;
    finish(g, now_us);
}

/* -- steps -----------------------------------------------------------------------------
 */

static void finish(struct get *g, uint64_t now_us)
{
    struct result *r = transfer_result(&g->t);

    g->heard_us = now_us;
    tell(g, now_us, WEFT_MOVING, 1);
    if (r != NULL) {
        struct weft_moved *m = &r->moved;

        m->size = sizeof *m;
        m->dataset = "";
        m->node = strcpy(r->node, g->from);
        m->files = g->n;
        m->bytes = g->total;
        m->moved = g->moved;
        if (g->n == 1) {
            memcpy(m->digest.bytes, g->files[0].digest.b, sizeof m->digest.bytes);
        }
    }
    transfer_end(&g->t, 0, "");
}

static void begin(struct get *g, uint64_t now_us)
{
    if (g->bytes_inline.p != NULL) {
        give_inline(g, now_us);
    } else if (g->n != 0) {
        begin_fetching(g, now_us); /* a job's result */
    } else if (g->is_digest) {
        get_locate(g, now_us);
    } else {
        get_list(g, now_us);
    }
}

/* Without an answer for so long there is no session. */
static void watch_request(struct get *g, uint64_t now_us)
{
    g->t.due_us = now_us + WATCH_US;
    if (transfer_is_wanted(&g->t) && now_us - g->heard_us >= g->patience_us) {
        transfer_end(&g->t, WEFT_EUNREACH, "the broker does not answer");
    }
}

static void step(struct transfer *t, uint64_t now_us)
{
    struct get *g = get_of(t);
    int known = 0;

    switch (g->phase) {
    case GET_NEW:
        begin(g, now_us);
        break;
    case GET_LISTING:
        known = get_listed(g, now_us);
        break;
    case GET_LOCATING:
        known = get_located(g);
        break;
    case GET_FETCHING:
        go_on(g, now_us);
        break;
    case GET_INLINE:
        if (g->done == g->n) {
            finish(g, now_us);
        }
        break;
    }
    if (known) {
        begin_fetching(g, now_us);
    } else if (g->phase == GET_LISTING || g->phase == GET_LOCATING) {
        watch_request(g, now_us);
    }
}

static void stop(struct transfer *t)
{
    struct get *g = get_of(t);

    for (size_t i = 0; i < g->n; i++) {
        if (g->files[i].intake != NULL) {
            intake_drop(g->files[i].intake);
            g->files[i].intake = NULL;
        }
    }
}

void get_fini(struct get *g)
{
    for (size_t i = 0; i < g->n; i++) {
        wf_free(g->files[i].path);
    }
    wf_free(g->files);
    wf_map_free(g->first);
    wf_free(g->to);
    wf_buf_fini(&g->bytes_inline);
}

static void fini(struct transfer *t)
{
    get_fini(get_of(t));
}

const struct transfer_ops get_ops = {step, NULL, stop, fini};
