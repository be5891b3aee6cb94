#include "agent/data/inputs.h"

#include "agent/data/clear.h"
#include "common/check.h"
#include "common/list.h"
#include "common/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLICE      32 /* calls into the file system in a turn, a run */
#define ASKS       16 /* of the store at once, a run */
#define PATHS_MAX  (64u << 20)
#define PATH_BYTES 4096

enum phase { FOLDERS, BLOBS, LOCKING, READY, REMOVING };

/* A file to be, or a folder; its path is relative to the run's folder. */
struct name {
    const struct wf_digest
        *digest; /* borrowed from the run until its end; NULL: folder */
    uint32_t at; /* in `paths` */
};

struct prep {
    struct wf_list_node node; /* in inputs.preps */
    struct inputs *owner;
    const struct run *run; /* NULL once it is over */
    uint64_t number;
    enum phase phase;
    struct wf_buf paths;  /* strings; the first is the run's folder */
    struct wf_buf wholes; /* the paths that the handler is given */
    struct name *files, *folders;
    size_t nfiles, nfolders, max_folders;
    size_t next;    /* file or folder that is to be looked at */
    size_t nasked;  /* answers to come */
    size_t removed; /* files */
    int code;       /* why it failed */
    char text[WF_TEXT_MAX + 1];
    struct handlers_files given;
    struct exec_input inputs[WF_INPUTS_MAX];
    uint32_t whole_at[WF_INPUTS_MAX + 1]; /* in `wholes`: inputs, then the payload */
};

/* One question to the store. */
struct query {
    struct wf_list_node node; /* in inputs.queries */
    struct prep *prep;
    size_t file;
};

struct inputs {
    struct desk *desk;
    struct inputs_cbs cbs;
    void *arg;
    struct wf_timer *timer;
    struct wf_list_node preps, queries;
    size_t n;
};

static const char *text_at(const struct prep *p, uint32_t at)
{
    return (const char *) p->paths.p + at;
}

/* The folder of all has an empty path. */
static void path_of(const struct prep *p, const struct name *n, char dst[PATH_BYTES])
{
    const char *path = text_at(p, n->at);

    (void) snprintf(dst, PATH_BYTES, "%s%s%s", text_at(p, 0), path[0] != '\0' ? "/" : "",
                    path);
}

static void go_on(struct inputs *in)
{
    wf_timer_start_at(in->timer, wf_now_us());
}

/* -- what there is to be ---------------------------------------------------------------
 */

/* `a` and `b` are not in the buffer. */
static int put_path(struct wf_buf *buf, const char *a, const char *b, uint32_t *ret_at)
{
    *ret_at = (uint32_t) buf->len;
    (void) wf_buf_put(buf, a, strlen(a));
    if (b[0] != '\0') {
        (void) wf_buf_put(buf, "/", 1);
        (void) wf_buf_put(buf, b, strlen(b));
    }
    return wf_buf_put(buf, "", 1);
}

static int put_file(struct prep *p, const struct wf_digest *digest, const char *a,
                    const char *b)
{
    struct name *n = &p->files[p->nfiles++];

    n->digest = digest;
    return put_path(&p->paths, a, b, &n->at);
}

static int put_folder(struct prep *p, const char *path, size_t len)
{
    struct name *n;

    if (p->nfolders == p->max_folders) {
        size_t max = p->max_folders * 2 + 8;

        n = wf_realloc(p->folders, max * sizeof *n);
        if (n == NULL) {
            return WEFT_ENOMEM;
        }
        p->folders = n;
        p->max_folders = max;
    }
    n = &p->folders[p->nfolders++];
    n->digest = NULL;
    n->at = (uint32_t) p->paths.len;
    (void) wf_buf_put(&p->paths, path, len);
    return wf_buf_put(&p->paths, "", 1);
}

/* Folders on the way to a file, but those that the file before it has in common: files
 * of a dataset are told in order, and a folder that comes twice does no harm. */
static int put_folders_of(struct prep *p, uint32_t file_at, uint32_t before_at)
{
    char path[PATH_BYTES];
    const char *before = before_at != 0 ? text_at(p, before_at) : "";
    size_t same = 0, len;

    len = strlen(text_at(p, file_at));
    if (len >= sizeof path) {
        return WEFT_ETOOBIG;
    }
    memcpy(path, text_at(p, file_at), len + 1);
    for (size_t i = 0; path[i] != '\0' && path[i] == before[i]; i++) {
        same = path[i] == '/' ? i : same;
    }
    for (size_t i = same + 1; i < len; i++) {
        if (path[i] == '/') {
            int rc = put_folder(p, path, i);

            if (rc != 0) {
                return rc;
            }
            before = before_at != 0 ? text_at(p, before_at) : "";
        }
    }
    return 0;
}

static int plan_input(struct prep *p, const struct run_input *input)
{
    const struct run_files *f = input->files;
    int rc = f->folder ? put_folder(p, input->name, strlen(input->name)) : 0;
    uint32_t before = 0;

    for (size_t i = 0; rc == 0 && i < f->n; i++) {
        rc = put_file(p, &f->v[i].digest, input->name,
                      f->folder ? run_file_path(f, i) : "");
        if (rc == 0 && f->folder) {
            uint32_t at = p->files[p->nfiles - 1].at;

            rc = put_folders_of(p, at, before);
            before = at;
        }
    }
    return rc;
}

static int plan(struct prep *p, const char *folder)
{
    const struct run_inputs *in = p->run->inputs;
    char number[24];
    size_t n = in->has_payload;
    uint32_t at;
    int rc;

    for (unsigned i = 0; i < in->n; i++) {
        n += in->v[i].files->n;
    }
    p->files = wf_calloc(n != 0 ? n : 1, sizeof *p->files);
    if (p->files == NULL) {
        return WEFT_ENOMEM;
    }
    (void) snprintf(number, sizeof number, "%llu", (unsigned long long) p->number);
    rc = put_path(&p->paths, folder, number, &at);
    if (rc == 0) {
        rc = put_folder(p, "", 0);
    }
    for (unsigned i = 0; rc == 0 && i < in->n; i++) {
        rc = plan_input(p, &in->v[i]);
        rc = rc == 0 ? put_path(&p->wholes, text_at(p, 0), in->v[i].name, &p->whole_at[i])
                     : rc;
    }
    if (rc == 0 && in->has_payload) {
        /* No input has this name: it begins with a dot. */
        rc = put_file(p, &in->payload, ".payload", "");
        rc = rc == 0
                 ? put_path(&p->wholes, text_at(p, 0), ".payload", &p->whole_at[in->n])
                 : rc;
    }
    return rc;
}

static const char *whole_at(const struct prep *p, unsigned i)
{
    return (const char *) p->wholes.p + p->whole_at[i];
}

/* Once the buffer does not move any more. */
static void name_all(struct prep *p)
{
    const struct run_inputs *in = p->run->inputs;

    for (unsigned i = 0; i < in->n; i++) {
        p->inputs[i] = (struct exec_input){in->v[i].name, whole_at(p, i)};
    }
    p->given = (struct handlers_files){.inputs = p->inputs, .n_inputs = in->n};
    if (in->has_payload) {
        p->given.payload_path = whole_at(p, in->n);
    }
}

/* -- the end ---------------------------------------------------------------------------
 */

static void prep_free(struct prep *p)
{
    wf_list_remove(&p->node);
    p->owner->n--;
    wf_buf_fini(&p->paths);
    wf_buf_fini(&p->wholes);
    wf_free(p->files);
    wf_free(p->folders);
    wf_free(p);
}

static void begin_removing(struct prep *p)
{
    p->phase = REMOVING;
    p->run = NULL;
    p->next = 0;
    go_on(p->owner);
}

static void fail(struct prep *p, int code, const char *what, const char *why)
{
    if (p->code == 0) {
        p->code = code;
        (void) snprintf(p->text, sizeof p->text, "%.80s: %.160s", what, why);
    }
}

/* Folders are opened up, files go, then folders from the last one made; and what the
 * handler has put there. */
static int remove_some(struct prep *p)
{
    char path[PATH_BYTES];

    for (unsigned i = 0; i < SLICE; i++) {
        if (p->next < p->nfolders) {
            path_of(p, &p->folders[p->next++], path);
            (void) chmod(path, 0700);
        } else if (p->removed < p->nfiles) {
            path_of(p, &p->files[p->removed++], path);
            (void) unlink(path);
        } else if (p->nfolders > 1) {
            path_of(p, &p->folders[--p->nfolders], path);
            p->next = p->nfolders;
            (void) rmdir(path);
        } else {
            return rmdir(text_at(p, 0)) == 0 || clear_some(text_at(p, 0), SLICE);
        }
    }
    return 0;
}

/* -- the blobs -------------------------------------------------------------------------
 */

static int ask(struct prep *p, size_t file, enum blobs_op op);

static void export(struct prep *p, size_t file)
{
    int rc = ask(p, file, BLOBS_EXPORT);

    if (rc != 0) {
        fail(p, rc, "inputs", wf_err_sentence(rc));
    }
}

static void got_path(struct prep *p, size_t file, const struct blobs_done *d)
{
    char path[PATH_BYTES];

    path_of(p, &p->files[file], path);
    if (d->code == WEFT_ESUPPORT || (d->code == 0 && link(d->path, path) != 0)) {
        export(p, file);
    } else if (d->code != 0) {
        fail(p, d->code, "an input cannot be read", d->text);
    }
}

static void got_export(struct prep *p, size_t file, const struct blobs_done *d)
{
    char path[PATH_BYTES];

    if (d->code != 0) {
        fail(p, d->code, "an input cannot be written", d->text);
        return;
    }
    path_of(p, &p->files[file], path);
    if (chmod(path, 0444) != 0) {
        fail(p, WEFT_EIO, "an input cannot be protected", strerror(errno));
    }
}

static void on_done(void *arg, struct blobs_done *d)
{
    struct query *q = arg;
    struct prep *p = q->prep;
    size_t file = q->file;

    wf_list_remove(&q->node);
    wf_free(q);
    p->nasked--;
    if (p->code == 0) {
        (d->op == BLOBS_PATH ? got_path : got_export)(p, file, d);
    }
    go_on(p->owner);
}

static int ask(struct prep *p, size_t file, enum blobs_op op)
{
    struct query *q = wf_calloc(1, sizeof *q);
    struct blobs_ask a = {.op = op, .digest = *p->files[file].digest};
    char path[PATH_BYTES];
    int rc;

    if (q == NULL) {
        return WEFT_ENOMEM;
    }
    if (op == BLOBS_EXPORT) {
        path_of(p, &p->files[file], path);
        a.path = path;
    }
    q->prep = p;
    q->file = file;
    rc = desk_ask(p->owner->desk, &a, NULL, 0, on_done, q);
    if (rc != 0) {
        wf_free(q);
        return rc;
    }
    wf_list_push_back(&p->owner->queries, &q->node);
    p->nasked++;
    return 0;
}

/* -- phases ----------------------------------------------------------------------------
 */

/* These return whether the phase is over. */
static int make_folders(struct prep *p)
{
    char path[PATH_BYTES];

    for (unsigned i = 0; i < SLICE && p->next < p->nfolders && p->code == 0; i++) {
        path_of(p, &p->folders[p->next++], path);
        if (mkdir(path, 0700) != 0 && errno != EEXIST) {
            fail(p, errno == ENOSPC ? WEFT_EFULL : WEFT_EIO, path, strerror(errno));
        }
    }
    return p->next == p->nfolders;
}

static int ask_blobs(struct prep *p)
{
    while (p->code == 0 && p->next < p->nfiles && p->nasked < ASKS) {
        int rc = ask(p, p->next++, BLOBS_PATH);

        if (rc != 0) {
            fail(p, rc, "inputs", wf_err_sentence(rc));
        }
    }
    return p->next == p->nfiles && p->nasked == 0;
}

static int lock_folders(struct prep *p)
{
    char path[PATH_BYTES];

    for (unsigned i = 0; i < SLICE && p->next < p->nfolders; i++) {
        path_of(p, &p->folders[p->next++], path);
        if (chmod(path, 0555) != 0) {
            fail(p, WEFT_EIO, path, strerror(errno));
        }
    }
    return p->next == p->nfolders;
}

static void tell_failed(struct prep *p)
{
    struct inputs *in = p->owner;
    uint64_t number = p->number;

    begin_removing(p);
    in->cbs.on_failed(in->arg, number, p->code, p->text);
}

/* One slice.  Whether there is more to do at once. */
static int advance(struct prep *p)
{
    int over = p->phase == FOLDERS   ? make_folders(p)
               : p->phase == BLOBS   ? ask_blobs(p)
               : p->phase == LOCKING ? lock_folders(p)
                                     : 0;

    if (p->phase != REMOVING && p->code != 0) {
        if (p->nasked == 0) {
            tell_failed(p);
        }
        return 0;
    }
    if (p->phase == REMOVING) {
        if (remove_some(p)) {
            prep_free(p);
            return 0;
        }
        return 1;
    }
    if (over) {
        p->phase++;
        p->next = 0;
        if (p->phase == READY) {
            p->owner->cbs.on_ready(p->owner->arg, p->run, &p->given);
            return 0;
        }
    }
    return over || p->phase != BLOBS;
}

static void on_time(void *arg)
{
    struct inputs *in = arg;
    struct wf_list_node *node = wf_list_first(&in->preps), *next;
    int more = 0;

    for (; node != NULL; node = next) {
        struct prep *p = CONTAINER_OF(node, struct prep, node);

        next = wf_list_next(&in->preps, node);
        if (p->phase != READY) {
            more |= advance(p);
        }
    }
    if (more) {
        go_on(in);
    }
}

/* -- the whole -------------------------------------------------------------------------
 */

int inputs_new(struct wf_loop *loop, struct desk *desk, const struct inputs_cbs *cbs,
               void *arg, struct inputs **ret_inputs, struct wf_err *err)
{
    struct inputs *in = wf_calloc(1, sizeof *in);

    if (in == NULL || wf_timer_new(loop, on_time, in, &in->timer) != 0) {
        wf_free(in);
        return wf_err_set(err, WEFT_ENOMEM, "no memory for inputs");
    }
    in->desk = desk;
    in->cbs = *cbs;
    in->arg = arg;
    wf_list_init(&in->preps);
    wf_list_init(&in->queries);
    *ret_inputs = in;
    return 0;
}

void inputs_free(struct inputs *in)
{
    struct wf_list_node *node;

    if (in == NULL) {
        return;
    }
    while ((node = wf_list_first(&in->queries)) != NULL) {
        wf_list_remove(node);
        wf_free(CONTAINER_OF(node, struct query, node));
    }
    while ((node = wf_list_first(&in->preps)) != NULL) {
        prep_free(CONTAINER_OF(node, struct prep, node));
    }
    wf_timer_free(in->timer);
    wf_free(in);
}

int inputs_start(struct inputs *in, const struct run *r, const char *folder)
{
    struct prep *p = wf_calloc(1, sizeof *p);
    int rc;

    WF_CHECK(r->inputs != NULL);
    if (p == NULL) {
        return WEFT_ENOMEM;
    }
    p->owner = in;
    p->run = r;
    p->number = r->number;
    wf_buf_init(&p->paths, PATHS_MAX);
    wf_buf_init(&p->wholes, PATHS_MAX);
    wf_list_push_back(&in->preps, &p->node);
    in->n++;
    rc = plan(p, folder);
    if (rc != 0) {
        prep_free(p);
        return rc;
    }
    name_all(p);
    go_on(in);
    return 0;
}

static struct prep *find(const struct inputs *in, uint64_t run)
{
    for (struct wf_list_node *x = wf_list_first(&in->preps); x != NULL;
         x = wf_list_next(&in->preps, x)) {
        struct prep *p = CONTAINER_OF(x, struct prep, node);

        if (p->number == run) {
            return p;
        }
    }
    return NULL;
}

int inputs_kill(struct inputs *in, uint64_t run)
{
    struct prep *p = find(in, run);

    if (p == NULL || p->phase >= READY) {
        return WEFT_ENOENT;
    }
    fail(p, WEFT_ECANCELLED, "it was stopped", "before its inputs were prepared");
    go_on(in);
    return 0;
}

void inputs_end(struct inputs *in, uint64_t run)
{
    struct prep *p = find(in, run);

    if (p != NULL && p->phase == READY) {
        begin_removing(p);
    }
}

size_t inputs_count(const struct inputs *in)
{
    return in->n;
}
