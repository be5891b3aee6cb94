#include "agent/blob/store_int.h"

#include "common/io/file.h"
#include "common/io/loop.h"
#include "common/mem.h"
#include "common/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define INDEX   "index.db"
#define ASIDE   "index.damaged"
#define FORMAT  "store"
#define VERSION "weft blobs 1\n"

/* -- beginning and end -----------------------------------------------------------------
 */

int blob_open(const struct blob_options *o, struct blob_store **ret_store,
              struct wf_err *err)
{
    struct blob_store *s = wf_calloc(1, sizeof *s);
    int n;

    if (s == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for the store of blobs");
    }
    if (seal_init() != 0) { /* it also finds the fastest hash of this machine */
        wf_free(s);
        return wf_err_set(err, WEFT_EIO, "libsodium does not work here");
    }
    s->o = *o;
    s->o.cap_bytes = o->cap_bytes != 0 ? o->cap_bytes : UINT64_MAX;
    s->dir_fd = s->lock_fd = s->scrub.fd = -1;
    wf_list_init(&s->lru);
    wf_list_init(&s->opened);
    n = o->key_file != NULL ? snprintf(s->key_file, sizeof s->key_file, "%s", o->key_file)
                            : snprintf(s->key_file, sizeof s->key_file, "%s/key", o->dir);
    if (n >= (int) sizeof s->key_file ||
        wf_str_copy(s->dir, sizeof s->dir, o->dir) != 0) {
        wf_free(s);
        return wf_err_set(err, WEFT_ECONF, "the path of the blobs is too long");
    }
    s->o.dir = s->dir;
    s->o.key_file = s->key_file;
    *ret_store = s;
    return 0;
}

static void shut(struct blob_store *s)
{
    handle_drop_all(s);
    index_close(&s->x);
    seal_wipe(&s->seal);
    file_unlock(s->lock_fd);
    if (s->dir_fd >= 0) {
        (void) close(s->dir_fd);
    }
    s->dir_fd = s->lock_fd = -1;
    s->ready = 0;
}

void blob_rest(struct blob_store *s)
{
    if (!s->ready || s->batch) {
        return;
    }
    handle_close_files(s);
    index_rest(&s->x);
    wf_free(s->chunk);
    wf_free(s->box);
    s->chunk = s->box = NULL;
    s->chunk_cap = s->box_cap = 0;
}

void blob_close(struct blob_store *s)
{
    struct note *n;
    size_t it = 0;

    if (s == NULL) {
        return;
    }
    (void) blob_batch_end(s, NULL);
    if (s->ready) {
        handle_let_go_all(s);
        if (store_tx(s, NULL) == 0) {
            (void) store_tx_end(s, note_flush(s, NULL), NULL);
        }
    }
    if (s->scrub.fd >= 0) {
        (void) close(s->scrub.fd);
    }
    shut(s);
    while (s->notes != NULL && (n = wf_map_next(s->notes, &it)) != NULL) {
        wf_free(n);
    }
    wf_map_free(s->notes);
    wf_map_free(s->handles);
    wf_free(s->chunk);
    wf_free(s->box);
    wf_free(s);
}

/* -- opening ---------------------------------------------------------------------------
 */

static void in_dir(const struct blob_store *s, const char *name, char *dst)
{
    (void) snprintf(dst, PATH_MAX, "%s/%s", s->dir, name);
}

static int is_there(const struct blob_store *s)
{
    char path[PATH_MAX];

    in_dir(s, INDEX, path);
    if (access(path, F_OK) == 0) {
        return 1;
    }
    in_dir(s, "objects", path);
    return access(path, F_OK) == 0;
}

static int open_folder(struct blob_store *s, struct wf_err *err)
{
    static const char *const names[] = {"objects", "partial", "leaves"};
    int rc = file_mkdirs(s->dir, 0700, err);

    if (rc != 0) {
        return rc;
    }
    s->dir_fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->dir_fd < 0) {
        return disk_fail(s, "open the folder", NULL, err);
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (mkdirat(s->dir_fd, names[i], 0700) != 0 && errno != EEXIST) {
            return disk_fail(s, "make folders", NULL, err);
        }
    }
    if (fsync(s->dir_fd) != 0) {
        return disk_fail(s, "sync the folder", NULL, err);
    }
    return file_lock(s->dir, &s->lock_fd, err);
}

/* The file FORMAT says which key the store was made with, so that another one does not
 * let all of it look damaged. */
static int read_format(struct blob_store *s, char name[SEAL_NAME], struct wf_err *err)
{
    struct wf_buf b = WF_BUF_INIT(256);
    char path[PATH_MAX];
    int rc;

    in_dir(s, FORMAT, path);
    rc = file_read(path, &b, NULL);
    name[0] = '\0';
    if (rc == 0 && wf_buf_put(&b, "", 1) == 0) {
        const char *text = (const char *) b.p;

        if (strncmp(text, "weft blobs ", 11) == 0 && strncmp(text, VERSION, 13) != 0) {
            rc = wf_err_set(err, WEFT_ECONF, "%.140s is of a newer program", s->dir);
        } else if (sscanf(text, VERSION "key %16[0-9a-f]", name) != 1) {
            name[0] = '\0';
        }
    }
    rc = rc == WEFT_ENOMEM  ? wf_err_set(err, rc, "no memory to read %.140s", path)
         : rc == WEFT_ECONF ? rc
                            : 0;
    wf_buf_fini(&b);
    return rc;
}

static int write_format(struct blob_store *s, struct wf_err *err)
{
    char path[PATH_MAX], name[SEAL_NAME], text[64];
    int n;

    in_dir(s, FORMAT, path);
    seal_name(&s->seal, name);
    n = snprintf(text, sizeof text, VERSION "key %s\n", name);
    return file_write(path, text, (size_t) n, 0600, err);
}

static int open_key(struct blob_store *s, struct wf_err *err)
{
    char want[SEAL_NAME], is[SEAL_NAME] = "";
    int rc = read_format(s, want, err);

    if (rc != 0 || (want[0] == '\0' && !s->o.encrypt)) {
        return rc;
    }
    rc = seal_load(&s->seal, s->key_file, err);
    if (rc == WEFT_ENOENT && want[0] == '\0') {
        rc = seal_make(&s->seal, s->key_file, err);
    }
    if (rc == 0) {
        seal_name(&s->seal, is);
    }
    if (rc == WEFT_ENOENT || (rc == 0 && want[0] != '\0' && strcmp(is, want) != 0)) {
        return wf_err_set(err, WEFT_EKEY,
                          "the blobs in %.80s are sealed with key %s, which %.80s is "
                          "not: bring it back, or remove the blobs",
                          s->dir, want, s->key_file);
    }
    return rc == 0 && want[0] == '\0' ? write_format(s, err) : rc;
}

static int count(struct blob_store *s, struct wf_err *err)
{
    struct index_sums sums = {0};
    int rc = index_sums(&s->x, &sums, err);

    if (rc == 0) {
        s->used_bytes = sums.disk;
        s->promised_bytes = sums.promised;
        s->last_used = wf_max_u64(s->last_used, sums.last_used);
    }
    return rc;
}

static void put_aside(struct blob_store *s)
{
    static const char *const names[][2] = {{INDEX, ASIDE}, {INDEX "-wal", ASIDE "-wal"}};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void) unlinkat(s->dir_fd, names[i][1], 0);
        (void) renameat(s->dir_fd, names[i][0], s->dir_fd, names[i][1]);
    }
}

static int open_index(struct blob_store *s, struct wf_err *err)
{
    struct wf_err why = {0};
    char path[PATH_MAX];
    int rc;

    in_dir(s, INDEX, path);
    rc = index_open(&s->x, path, &why);
    if (rc == 0) {
        rc = count(s, &why);
    }
    if (rc == WEFT_ESTORAGE) {
        index_close(&s->x);
        put_aside(s);
        store_trouble(s, &why);
        rc = index_open(&s->x, path, &why);
    }
    s->x.failed = 0;
    if (rc == 0 && !s->x.filled) {
        rc = rebuild_index(s, &why);
    }
    if (rc == 0) {
        uint64_t found;

        rc = rebuild_folder(s, "partial", &found);
    }
    if (rc == 0) {
        rc = count(s, &why);
    }
    return rc == 0 ? 0 : wf_err_set(err, rc, "%s", why.text);
}

int store_ready(struct blob_store *s, int make, struct wf_err *err)
{
    int rc;

    if (s->ready && (s->x.failed != WEFT_ESTORAGE || s->in_tx)) {
        s->x.failed = s->in_tx ? s->x.failed : 0;
        return 0;
    }
    if (!s->ready && !make && !is_there(s)) {
        return wf_err_set(err, WEFT_ENOENT, "no such blob here");
    }
    if (s->ready) {
        struct wf_err why = {WEFT_ESTORAGE, "the index of the blobs is damaged"};

        handle_drop_all(s);
        index_close(&s->x);
        put_aside(s);
        store_trouble(s, &why);
        rc = 0;
    } else {
        rc = open_folder(s, err);
        rc = rc == 0 ? open_key(s, err) : rc;
    }
    s->ready = 1; /* what follows uses the store itself */
    rc = rc == 0 ? open_index(s, err) : rc;
    if (rc != 0) {
        shut(s);
    }
    return rc;
}

int blob_ready(struct blob_store *s, struct wf_err *err)
{
    int rc = store_ready(s, 0, err);

    return rc == WEFT_ENOENT ? 0 : rc;
}

/* -- transactions ----------------------------------------------------------------------
 */

int store_tx(struct blob_store *s, struct wf_err *err)
{
    int rc = 0;

    if (s->in_tx && s->x.failed != 0) {
        return wf_err_set(err, s->x.failed, "the index of the blobs failed before");
    }
    if (!s->in_tx) {
        s->x.failed = 0;
        rc = index_begin(&s->x, err);
        s->in_tx = rc == 0;
    }
    s->tx_depth += rc == 0;
    return rc;
}

/* After a failure the index is what it was before; files that were published since are
 * found again by looking at their parts. */
static int finish(struct blob_store *s, struct wf_err *err)
{
    int rc = s->x.failed;

    if (rc == 0) {
        rc = index_commit(&s->x, err);
    } else {
        index_rollback(&s->x);
        (void) wf_err_set(err, rc, "the index of the blobs could not be written");
    }
    s->in_tx = 0;
    if (rc != 0) {
        handle_drop_all(s);
        if (count(s, NULL) != WEFT_ESTORAGE) {
            s->x.failed = rc;
        }
    }
    return rc;
}

int store_tx_end(struct blob_store *s, int rc, struct wf_err *err)
{
    int end = 0;

    s->tx_depth--;
    if (s->tx_depth == 0 && !s->batch) {
        end = finish(s, rc == 0 ? err : NULL);
    }
    return rc != 0 ? rc : end;
}

int blob_batch_begin(struct blob_store *s, struct wf_err *err)
{
    int rc = store_ready(s, 1, err);

    s->batch = rc == 0;
    return rc;
}

int blob_batch_end(struct blob_store *s, struct wf_err *err)
{
    s->batch = 0;
    return s->in_tx ? finish(s, err) : 0;
}

/* -- small things ----------------------------------------------------------------------
 */

void store_changed(struct blob_store *s, const struct blob_row *row, uint64_t have,
                   int why)
{
    const struct blob_change c = {row->digest, row->size, have, why};

    if (s->o.on_change != NULL) {
        s->o.on_change(s->o.arg, &c);
    }
}

void store_trouble(struct blob_store *s, const struct wf_err *err)
{
    if (s->o.on_trouble != NULL) {
        s->o.on_trouble(s->o.arg, err);
    }
}

uint64_t store_now(struct blob_store *s)
{
    uint64_t now = s->o.now_ms != NULL ? s->o.now_ms(s->o.arg) : wf_wall_ms();

    s->last_used = wf_max_u64(now, s->last_used + 1);
    return s->last_used;
}

static int grow(uint8_t **p, size_t *cap, size_t want)
{
    if (*cap < want) {
        uint8_t *q = wf_realloc(*p, want);

        if (q == NULL) {
            return WEFT_ENOMEM;
        }
        *p = q;
        *cap = want;
    }
    return 0;
}

int store_buffers(struct blob_store *s, uint64_t size, struct wf_err *err)
{
    const size_t chunk = wf_chunk_size(size);

    return grow(&s->chunk, &s->chunk_cap, chunk) == 0 &&
                   grow(&s->box, &s->box_cap, chunk + SEAL_EXTRA) == 0
               ? 0
               : wf_err_set(err, WEFT_ENOMEM, "no memory for a chunk");
}
