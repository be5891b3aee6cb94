#include "agent/data/door.h"

#include "common/list.h"
#include "common/mem.h"
#include "common/parse.h"
#include "common/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNSENT_MAX ((size_t) 16 << 20)

struct caller {
    struct wf_list_node node; /* in door.callers until it is freed */
    struct door *door;        /* NULL: the door is gone */
    uv_pipe_t pipe;
    int closing, closed;
    unsigned asked; /* answers to come */
    size_t len;
    char line[DOOR_LINE];
};

struct door {
    uv_pipe_t pipe;
    struct data *data; /* NULL: there is none */
    struct door_cbs cbs;
    void *arg;
    char path[256];
    struct wf_list_node callers;
    unsigned ncallers;
};

struct out {
    uv_write_t req;
    char text[];
};

/* -- callers ---------------------------------------------------------------------------
 */

static void caller_release(struct caller *c)
{
    if (c->closed && c->asked == 0) {
        wf_list_remove(&c->node);
        wf_free(c);
    }
}

static void on_caller_closed(uv_handle_t *h)
{
    struct caller *c = h->data;

    c->closed = 1;
    caller_release(c);
}

static void caller_close(struct caller *c)
{
    if (!c->closing) {
        c->closing = 1;
        if (c->door != NULL) {
            c->door->ncallers--;
        }
        uv_close((uv_handle_t *) &c->pipe, on_caller_closed);
    }
}

static void on_written(uv_write_t *req, int status)
{
    struct caller *c = req->handle->data;

    wf_free(req->data);
    if (status < 0) {
        caller_close(c);
    }
}

static void say(struct caller *c, const char *fmt, ...) WF_PRINTF(2, 3);

static void say(struct caller *c, const char *fmt, ...)
{
    char line[DOOR_LINE + WF_ERR_TEXT + 128];
    struct out *o;
    uv_buf_t buf;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (c->closing || n < 0 || n >= (int) sizeof line) {
        return;
    }
    o = wf_calloc(1, sizeof *o + (size_t) n);
    if (o == NULL ||
        uv_stream_get_write_queue_size((uv_stream_t *) &c->pipe) > UNSENT_MAX) {
        wf_free(o);
        caller_close(c);
        return;
    }
    memcpy(o->text, line, (size_t) n);
    buf = uv_buf_init(o->text, (unsigned) n);
    o->req.data = o;
    if (uv_write(&o->req, (uv_stream_t *) &c->pipe, &buf, 1, on_written) != 0) {
        wf_free(o);
        caller_close(c);
    }
}

static void on_shut(uv_shutdown_t *req, int status)
{
    struct caller *c = req->handle->data;

    (void) status;
    wf_free(req);
    caller_close(c);
}

static void end(struct caller *c, int code, const char *text)
{
    uv_shutdown_t *req;

    say(c, "end %s %s\n", wf_err_name(code),
        code == 0         ? ""
        : text[0] != '\0' ? text
                          : wf_err_sentence(code));
    if (c->closing) {
        return;
    }
    req = wf_calloc(1, sizeof *req);
    if (req == NULL || uv_shutdown(req, (uv_stream_t *) &c->pipe, on_shut) != 0) {
        wf_free(req);
        caller_close(c);
    }
}

static void ask(struct caller *c, const struct blobs_ask *q, desk_done_fn *fn)
{
    int rc = desk_ask(data_desk(c->door->data), q, NULL, 0, fn, c);

    if (rc != 0) {
        end(c, rc, "");
    } else {
        c->asked++;
    }
}

/* An answer came.  Whether somebody is still there for it. */
static int answered(struct caller *c)
{
    c->asked--;
    if (c->closing) {
        caller_release(c);
        return 0;
    }
    return 1;
}

/* -- what can be asked -----------------------------------------------------------------
 */

static void on_added(void *arg, struct blobs_done *d)
{
    struct caller *c = arg;
    char hex[2 * WF_DIGEST_SIZE + 1];

    if (!d->more) {
        if (answered(c)) {
            end(c, d->code, d->text);
        }
        return;
    }
    wf_hex(hex, d->digest.b, sizeof d->digest);
    if (strchr(d->path, '\n') != NULL) {
        say(c, "fail EINVAL a file whose name has a line feed\n");
    } else if (d->code == 0) {
        say(c, "file %s %" PRIu64 " %s\n", hex, d->size, d->path);
    } else {
        say(c, "fail %s %s: %s\n", wf_err_name(d->code), d->path,
            d->text[0] != '\0' ? d->text : wf_err_sentence(d->code));
    }
    if (d->code == 0) {
        data_changed(c->door->data, &d->digest);
    }
}

static void on_listed(void *arg, struct blobs_done *d)
{
    struct caller *c = arg;
    const struct blob_info *rows = (const struct blob_info *) (const void *) d->bytes;
    const struct blobs_ask q = {.op = BLOBS_LIST, .at = d->at};
    char hex[2 * WF_DIGEST_SIZE + 1];

    if (!answered(c)) {
        return;
    }
    for (uint64_t i = 0; d->code == 0 && i < d->total; i++) {
        wf_hex(hex, rows[i].digest.b, sizeof rows[i].digest);
        say(c, "blob %s %" PRIu64 " %" PRIu64 " %s%s\n", hex, rows[i].size, rows[i].have,
            (rows[i].flags & BLOB_PINNED) != 0 ? "p" : "",
            (rows[i].flags & BLOB_IN_PLACE) != 0 ? "i" : "");
    }
    if (d->code == 0 && d->at != 0 && !c->closing) {
        ask(c, &q, on_listed);
    } else {
        end(c, d->code == WEFT_ENOENT ? 0 : d->code, d->text);
    }
}

static void on_scrubbed(void *arg, struct blobs_done *d)
{
    struct caller *c = arg;
    const struct blobs_ask q = {.op = BLOBS_SCRUB};
    const struct blob_scrubbed *s = &d->scrubbed;

    if (!answered(c)) {
        return;
    }
    if (d->code == 0 && (s->bytes != 0 || s->wrapped)) {
        say(c, "scrub %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", s->bytes,
            s->damaged, s->found, s->recoded);
    }
    if (d->code == 0 && !s->wrapped && !c->closing) {
        ask(c, &q, on_scrubbed);
    } else {
        end(c, d->code == WEFT_ENOENT ? 0 : d->code, d->text);
    }
}

static void say_stat(struct caller *c, const char *name, uint64_t value)
{
    say(c, "stat %s %" PRIu64 "\n", name, value);
}

static void on_stats(void *arg, struct blobs_done *d)
{
    struct caller *c = arg;
    const struct blob_stats *s = &d->stats;
    struct node_data_counts n = {.blobs = 0};
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {{"used", s->used_bytes},
                {"cap", s->cap_bytes},
                {"kept", s->kept_bytes},
                {"free", s->free_bytes},
                {"in-place", s->in_place_bytes},
                {"whole", s->whole},
                {"parts", s->parts},
                {"pinned", s->pinned},
                {"held", s->held},
                {"evicted", s->evicted},
                {"damaged", s->damaged},
                {"withdrawn", s->withdrawn}};

    if (!answered(c)) {
        return;
    }
    for (size_t i = 0; d->code == 0 && i < ARRAY_LEN(rows); i++) {
        say_stat(c, rows[i].name, rows[i].value);
    }
    if (d->code == 0) {
        c->door->cbs.moved(c->door->arg, &n);
        say_stat(c, "fetched", n.pull.moved);
        say_stat(c, "wasted", n.pull.wasted);
        say_stat(c, "given", n.give.given);
    }
    end(c, d->code, d->text);
}

static void do_notice(struct caller *c, const char *ms)
{
    uint64_t left_ms;

    if (wf_parse_u64(ms, &left_ms) != 0) {
        end(c, WEFT_EINVAL, "give milliseconds");
        return;
    }
    c->door->cbs.on_notice(c->door->arg, left_ms);
    end(c, 0, "");
}

static void do_add(struct caller *c, const char *path, int in_place)
{
    const struct blobs_ask q = {.op = BLOBS_ADD, .path = path, .in_place = in_place};

    if (path[0] == '/') {
        ask(c, &q, on_added);
    } else {
        end(c, WEFT_EINVAL, "give a full path");
    }
}

static void do_line(struct caller *c)
{
    static const char add[] = "add ", in_place[] = "add-in-place ", notice[] = "notice ";
    struct blobs_ask q = {0};

    if (strncmp(c->line, notice, sizeof notice - 1) == 0) {
        do_notice(c, c->line + sizeof notice - 1);
    } else if (c->door->data == NULL) {
        end(c, WEFT_ESUPPORT, "this agent keeps no data: its data_cap is 0");
    } else if (strncmp(c->line, add, sizeof add - 1) == 0) {
        do_add(c, c->line + sizeof add - 1, 0);
    } else if (strncmp(c->line, in_place, sizeof in_place - 1) == 0) {
        do_add(c, c->line + sizeof in_place - 1, 1);
    } else if (strcmp(c->line, "ls") == 0) {
        q.op = BLOBS_LIST;
        ask(c, &q, on_listed);
    } else if (strcmp(c->line, "scrub") == 0) {
        q.op = BLOBS_SCRUB;
        ask(c, &q, on_scrubbed);
    } else if (strcmp(c->line, "stats") == 0) {
        q.op = BLOBS_STATS;
        ask(c, &q, on_stats);
    } else {
        end(c, WEFT_EINVAL, "ask for add, add-in-place, ls, scrub, stats or notice");
    }
}

/* -- listening -------------------------------------------------------------------------
 */

static void on_alloc(uv_handle_t *h, size_t size, uv_buf_t *buf)
{
    struct caller *c = h->data;

    (void) size;
    *buf = uv_buf_init(c->line + c->len, (unsigned) (sizeof c->line - c->len));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct caller *c = s->data;
    char *stop;

    (void) buf;
    if (n < 0) {
        caller_close(c);
        return;
    }
    stop = memchr(c->line + c->len, '\n', (size_t) n);
    c->len += (size_t) n;
    if (stop != NULL) {
        /* One line a connection; that it is gone is found when answers are written. */
        (void) uv_read_stop(s);
        *stop = '\0';
        do_line(c);
    } else if (c->len == sizeof c->line) {
        (void) uv_read_stop(s);
        end(c, WEFT_ETOOBIG, "the line is too long");
    }
}

static void on_connection(uv_stream_t *s, int status)
{
    struct door *d = s->data;
    struct caller *c = status == 0 ? wf_calloc(1, sizeof *c) : NULL;

    if (c == NULL || uv_pipe_init(s->loop, &c->pipe, 0) != 0) {
        wf_free(c);
        return;
    }
    c->door = d;
    c->pipe.data = c;
    wf_list_push_back(&d->callers, &c->node);
    d->ncallers++;
    if (uv_accept(s, (uv_stream_t *) &c->pipe) != 0) {
        caller_close(c);
    } else if (d->ncallers > DOOR_CALLERS) {
        end(c, WEFT_EBUSY, "too many ask at once");
    } else if (uv_read_start((uv_stream_t *) &c->pipe, on_alloc, on_read) != 0) {
        caller_close(c);
    }
}

static int listen_at(struct door *d, struct wf_err *err)
{
    mode_t was;
    int rc;

    (void) unlink(d->path); /* what an earlier process left: the folder is locked */
    was = umask(0177);
    rc = uv_pipe_bind(&d->pipe, d->path);
    (void) umask(was);
    if (rc == 0) {
        rc = uv_listen((uv_stream_t *) &d->pipe, DOOR_CALLERS, on_connection);
    }
    return rc == 0 ? 0
                   : wf_err_set(err, WEFT_EIO, "cannot listen on %.128s: %s", d->path,
                                uv_strerror(rc));
}

int door_new(struct wf_loop *loop, const char *state, struct data *data,
             const struct door_cbs *cbs, void *arg, struct door **ret_door,
             struct wf_err *err)
{
    struct door *d = wf_calloc(1, sizeof *d);
    int rc;

    if (d == NULL || uv_pipe_init(&loop->uv, &d->pipe, 0) != 0) {
        wf_free(d);
        return wf_err_set(err, WEFT_ENOMEM, "no memory for the door");
    }
    d->pipe.data = d;
    d->data = data;
    d->cbs = *cbs;
    d->arg = arg;
    wf_list_init(&d->callers);
    (void) snprintf(d->path, sizeof d->path, "%s/" DOOR_NAME, state);
    /* What sockaddr_un holds; uv would cut it short. */
    rc = strlen(d->path) < 108 ? listen_at(d, err)
                               : wf_err_set(err, WEFT_ECONF,
                                            "the path of the state folder is too long "
                                            "for a socket in it");
    if (rc != 0) {
        door_free(d);
        return rc;
    }
    *ret_door = d;
    return 0;
}

struct door *door_open(struct wf_loop *loop, const char *state, struct data *data,
                       const struct door_cbs *cbs, void *arg, const struct log_sink *log)
{
    struct door *d = NULL;
    struct wf_err err = {0, ""};

    if (door_new(loop, state, data, cbs, arg, &d, &err) != 0) {
        log_warn(log, "agent", "no-door",
                 "text=\"%s; `weft-agent data` and `notice` will not work\"", err.text);
    }
    return d;
}

static void on_door_closed(uv_handle_t *h)
{
    wf_free(h->data);
}

void door_free(struct door *d)
{
    struct wf_list_node *node;

    if (d == NULL) {
        return;
    }
    while ((node = wf_list_first(&d->callers)) != NULL) {
        struct caller *c = CONTAINER_OF(node, struct caller, node);

        wf_list_remove(node);
        c->door = NULL;
        c->asked = 0; /* nobody answers any more */
        caller_close(c);
        caller_release(c);
    }
    (void) unlink(d->path);
    uv_close((uv_handle_t *) &d->pipe, on_door_closed);
}
