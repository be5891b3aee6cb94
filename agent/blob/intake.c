#include "agent/blob/store_int.h"

#include "common/mem.h"
#include "proto/leaves.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEPTH 64 /* folders in folders */

/* A file is read twice when it is copied: its digest is needed before its chunks. */
enum phase { NEXT, HASH, BEGIN, COPY };

struct intake_file {
    int fd; /* -1: none */
    struct stat st;
    uint64_t size, chunk; /* the next one */
    struct wf_digest digest;
    struct wf_digest *leaves; /* owned */
    uint8_t *several;         /* owned; chunks that are hashed side by side */
};

struct blob_intake {
    struct blob_store *s;
    int in_place, over, lost;
    enum phase phase;
    struct intake_file f;
    char path[PATH_MAX];
    size_t root; /* bytes of the path that are not told */
    int depth;   /* open folders */
    DIR *dir[DEPTH];
    size_t len[DEPTH]; /* of the path of each */
    dev_t device;
};

/* -- walking ---------------------------------------------------------------------------
 */

static int fail(struct blob_intake *in, const char *what, struct wf_err *err)
{
    int code = errno == ENOENT ? WEFT_ENOENT : errno == ENOMEM ? WEFT_ENOMEM : WEFT_EIO;

    return wf_err_set(err, code, "cannot %s %.180s: %s", what, in->path, strerror(errno));
}

static int enter(struct blob_intake *in, struct wf_err *err)
{
    int fd;

    if (in->depth == DEPTH) {
        return wf_err_set(err, WEFT_ETOOBIG, "%.180s is too deep", in->path);
    }
    fd = open(in->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return fail(in, "read", err);
    }
    in->dir[in->depth] = fdopendir(fd);
    if (in->dir[in->depth] == NULL) {
        (void) close(fd);
        return fail(in, "read", err);
    }
    in->len[in->depth++] = strlen(in->path);
    return 0;
}

static void leave(struct blob_intake *in)
{
    (void) closedir(in->dir[--in->depth]);
}

int blob_intake_new(struct blob_store *s, const char *path, int in_place,
                    struct blob_intake **ret_intake, struct wf_err *err)
{
    struct blob_intake *in;
    size_t len = strlen(path);
    struct stat st;
    int rc = 0;

    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    if (path[0] != '/' || len >= PATH_MAX) {
        return wf_err_set(err, WEFT_EINVAL, "not an absolute path: %.160s", path);
    }
    in = wf_calloc(1, sizeof *in);
    if (in == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory to take files in");
    }
    in->s = s;
    in->in_place = in_place;
    in->f.fd = -1;
    memcpy(in->path, path, len);
    if (lstat(in->path, &st) != 0) {
        rc = fail(in, "read", err);
    } else if (S_ISDIR(st.st_mode)) {
        in->root = len + (len > 1);
        in->device = st.st_dev;
        rc = enter(in, err);
    } else if (!S_ISREG(st.st_mode)) {
        rc = wf_err_set(err, WEFT_EINVAL, "neither file nor folder: %.160s", in->path);
    } else {
        in->root = (size_t) (strrchr(in->path, '/') - in->path) + 1;
    }
    if (rc != 0) {
        blob_intake_free(in);
        return rc;
    }
    *ret_intake = in;
    return 0;
}

static void forget_file(struct blob_intake *in)
{
    if (in->f.fd >= 0) {
        (void) close(in->f.fd);
    }
    wf_free(in->f.leaves);
    wf_free(in->f.several);
    in->f = (struct intake_file){.fd = -1};
    in->phase = NEXT;
}

void blob_intake_free(struct blob_intake *in)
{
    if (in != NULL) {
        forget_file(in);
        while (in->depth != 0) {
            leave(in);
        }
        wf_free(in);
    }
}

/* The path of the next file.  0; WEFT_EAGAIN: look further; WEFT_ECLOSED. */
static int walk(struct blob_intake *in, struct wf_err *err)
{
    const struct dirent *d;
    struct stat st;
    size_t len;

    if (in->depth == 0) { /* a file alone, once */
        return in->over++ == 0 && in->len[0] == 0 ? 0 : WEFT_ECLOSED;
    }
    len = in->len[in->depth - 1];
    in->path[len] = '\0';
    d = readdir(in->dir[in->depth - 1]);
    if (d == NULL) {
        leave(in);
        return WEFT_EAGAIN;
    }
    if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0) {
        return WEFT_EAGAIN;
    }
    if (snprintf(in->path + len, sizeof in->path - len, "%s%s", len > 1 ? "/" : "",
                 d->d_name) >= (int) (sizeof in->path - len)) {
        in->path[len] = '\0';
        return wf_err_set(err, WEFT_ETOOBIG, "a path below %.160s is too long", in->path);
    }
    if (lstat(in->path, &st) != 0) {
        return fail(in, "read", err);
    }
    if (S_ISDIR(st.st_mode) && st.st_dev == in->device) {
        int rc = enter(in, err);

        return rc == 0 ? WEFT_EAGAIN : rc;
    }
    return S_ISREG(st.st_mode) ? 0 : WEFT_EAGAIN;
}

/* -- one file --------------------------------------------------------------------------
 */

/* A file that is known in place, and is what it was. */
static int is_known(struct blob_intake *in)
{
    struct blob_row row;
    struct place p;

    if (!in->in_place || store_ready(in->s, 0, NULL) != 0 ||
        index_place_find(&in->s->x, in->path, &p, &row, NULL) != 0 ||
        !place_same(&p, &in->f.st)) {
        return 0;
    }
    in->f.digest = row.digest;
    return 1;
}

static int open_file(struct blob_intake *in, struct wf_err *err)
{
    uint64_t n;

    in->f.fd = open(in->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (in->f.fd < 0 || fstat(in->f.fd, &in->f.st) != 0) {
        return fail(in, "read", err);
    }
    in->f.size = (uint64_t) in->f.st.st_size;
    if (!S_ISREG(in->f.st.st_mode) || in->f.size > WF_BLOB_MAX) {
        return wf_err_set(err, WEFT_ETOOBIG, "no blob can be made of %.160s", in->path);
    }
    if (is_known(in)) {
        return 0;
    }
    n = wf_chunk_count(in->f.size);
    in->f.leaves = wf_calloc(n, sizeof *in->f.leaves);
    if (n != 0) {
        const size_t side_by_side = (size_t) wf_min_u64(n, WF_LEAVES_LANES);

        in->f.several = wf_realloc(NULL, side_by_side * wf_chunk_len(in->f.size, 0));
    }
    if (in->f.leaves == NULL || (n != 0 && in->f.several == NULL)) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for leaves");
    }
    in->phase = HASH;
    return WEFT_EAGAIN;
}

static int changed(const struct blob_intake *in, struct wf_err *err)
{
    return wf_err_set(err, WEFT_EIO, "%.180s changed while it was read", in->path);
}

static int same_still(const struct blob_intake *in)
{
    struct place p;
    struct stat st;

    place_of(in->path, &in->f.st, &p);
    return fstat(in->f.fd, &st) == 0 && place_same(&p, &st);
}

/* `len` bytes from chunk `i` on. */
static int read_from(struct blob_intake *in, uint64_t i, uint8_t *dst, size_t len,
                     struct wf_err *err)
{
    if (disk_read(in->f.fd, dst, len, i * wf_chunk_size(in->f.size)) == 0) {
        return 0;
    }
    return same_still(in) ? fail(in, "read", err) : changed(in, err);
}

/* The leaves of the next chunks of one length. */
static int hash_next(struct blob_intake *in, size_t *ret_bytes, struct wf_err *err)
{
    const uint64_t first = in->f.chunk, n = wf_chunk_count(in->f.size);
    const size_t len = wf_chunk_len(in->f.size, first);
    const uint8_t *chunks[WF_LEAVES_LANES];
    size_t k = 0;
    int rc;

    while (k < WF_LEAVES_LANES && first + k < n &&
           wf_chunk_len(in->f.size, first + k) == len) {
        chunks[k] = in->f.several + k * len;
        k++;
    }
    rc = read_from(in, first, in->f.several, k * len, err);
    if (rc == 0) {
        wf_leaves(chunks, k, len, &in->f.leaves[first]);
        in->f.chunk += k;
        *ret_bytes = k * len;
    }
    return rc;
}

static int hash_some(struct blob_intake *in, struct wf_err *err)
{
    const uint64_t n = wf_chunk_count(in->f.size);
    uint64_t done = 0;

    while (in->f.chunk < n && done < BLOB_STEP) {
        size_t bytes = 0;
        int rc = hash_next(in, &bytes, err);

        if (rc != 0) {
            return rc;
        }
        done += bytes;
    }
    if (in->f.chunk < n) {
        return WEFT_EAGAIN;
    }
    if (!same_still(in)) {
        return changed(in, err);
    }
    wf_blob_digest(in->f.size, in->f.leaves, &in->f.digest);
    in->f.chunk = 0;
    in->phase = BEGIN;
    return WEFT_EAGAIN;
}

/* -- in place --------------------------------------------------------------------------
 */

/* What the index says of the path, or of a part of the same blob, goes. */
static int clear_way(struct blob_intake *in, int *ret_there, struct wf_err *err)
{
    struct blob_store *s = in->s;
    struct blob_row row;
    struct place p;
    int rc = index_place_find(&s->x, in->path, &p, &row, err);

    *ret_there = 0;
    if (rc == 0) {
        rc = publish_lost(s, &row, WEFT_ESTATE);
    }
    if (rc != 0 && rc != WEFT_ENOENT) {
        return rc;
    }
    rc = index_get(&s->x, &in->f.digest, &row, err);
    if (rc == 0) {
        *ret_there =
            row.state == ROW_WHOLE || (row.state == ROW_PLACE && place_ok(s, &row));
        rc = *ret_there ? 0 : room_drop(s, &row, err);
    }
    return rc == WEFT_ENOENT ? 0 : rc;
}

static int take_in_place(struct blob_intake *in, struct wf_err *err)
{
    struct blob_store *s = in->s;
    struct blob_row row = {.digest = in->f.digest,
                           .size = in->f.size,
                           .have = in->f.size,
                           .state = ROW_PLACE};
    struct place p;
    int there, rc = store_tx(s, err);

    if (rc != 0) {
        return rc;
    }
    rc = clear_way(in, &there, err);
    if (rc == 0 && !there) {
        handle_drop(s, handle_find(s, &row.digest));
        if (wf_chunk_count(row.size) > 1) {
            rc = leaves_write(s, &row.digest, row.size, in->f.leaves, 0, err);
        }
        row.used = store_now(s);
        rc = rc == 0 ? index_add(&s->x, &row, err) : rc;
        if (rc == 0) {
            place_of(in->path, &in->f.st, &p);
            p.id = row.id;
            rc = index_put_place(&s->x, &p, err);
        }
    }
    return store_tx_end(s, rc, err);
}

/* -- copied ----------------------------------------------------------------------------
 */

static int begin_copy(struct blob_intake *in, struct wf_err *err)
{
    struct blob_info info;
    int rc = blob_begin(in->s, &in->f.digest, in->f.size, &info, err);

    if (rc != 0 || (info.flags & BLOB_WHOLE) != 0) {
        return rc;
    }
    if ((info.flags & BLOB_LEAVES) == 0) {
        rc = blob_leaves(in->s, &in->f.digest, in->f.leaves,
                         (size_t) wf_chunk_count(in->f.size), err);
        return rc == 0 ? WEFT_EAGAIN : rc; /* look once more */
    }
    in->phase = COPY;
    return WEFT_EAGAIN;
}

static int copy_some(struct blob_intake *in, struct wf_err *err)
{
    const uint64_t n = wf_chunk_count(in->f.size);
    uint64_t done = 0;
    int rc = 0, whole = 0;

    while (rc == 0 && !whole && in->f.chunk < n && done < BLOB_STEP) {
        const struct handle *h = handle_find(in->s, &in->f.digest);
        size_t len = wf_chunk_len(in->f.size, in->f.chunk);

        if (h == NULL || !map_has(h, in->f.chunk) || h->map == NULL) {
            rc = store_buffers(in->s, in->f.size, err);
            rc = rc == 0 ? read_from(in, in->f.chunk, in->s->chunk, len, err) : rc;
            rc = rc == 0 ? blob_write(in->s, &in->f.digest, in->f.chunk, in->s->chunk,
                                      len, &whole, err)
                         : rc;
            done += len;
        }
        in->f.chunk += rc == 0;
    }
    if (rc == WEFT_EPROTO) {
        return changed(in, err);
    }
    if (rc == WEFT_ESTATE) { /* it was forgotten meanwhile */
        in->phase = BEGIN;
        in->f.chunk = 0;
        return WEFT_EAGAIN;
    }
    return rc == 0 && !whole ? WEFT_EAGAIN : rc;
}

int blob_intake_step(struct blob_intake *in, struct blob_file *ret_file,
                     struct wf_err *err)
{
    int rc = in->lost ? WEFT_ECLOSED : store_ready(in->s, 1, err);

    in->lost = rc != 0; /* without the store there is no next file */
    if (rc == 0) {
        switch (in->phase) {
        case NEXT:
            rc = walk(in, err);
            rc = rc == 0 ? open_file(in, err) : rc;
            break;
        case HASH:
            rc = hash_some(in, err);
            break;
        case BEGIN:
            rc = in->in_place ? take_in_place(in, err) : begin_copy(in, err);
            break;
        case COPY:
            rc = copy_some(in, err);
            break;
        }
    }
    if (rc != WEFT_EAGAIN) {
        size_t root = wf_min_u64(in->root, strlen(in->path));

        *ret_file = (struct blob_file){in->path + root, in->f.digest, in->f.size};
        forget_file(in);
    }
    return rc;
}
