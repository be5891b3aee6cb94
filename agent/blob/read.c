#include "agent/blob/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* -- chunks ----------------------------------------------------------------------------
 */

int read_verified(struct blob_store *s, const struct wf_digest *d, uint64_t chunk,
                  void *dst, struct wf_err *err)
{
    struct handle *h;
    int rc = 0;

    /* Leaves that were damaged are mended once. */
    for (int i = 0; i < 2; i++) {
        rc = handle_get(s, d, &h, err);
        if (rc == 0 && h->row.state == ROW_PLACE && !place_ok(s, &h->row)) {
            return publish_undo(s, h, chunk, err);
        }
        if (rc == 0) {
            rc = chunk_read(s, h, chunk, dst, err);
        }
        if (rc != WEFT_EPROTO && rc != WEFT_ESTATE) {
            return rc;
        }
        h = handle_find(s, d);
        if (h == NULL) {
            return rc; /* withdrawn just now */
        }
        rc = publish_undo(s, h, chunk, err);
        if (rc != 0) {
            return rc;
        }
    }
    return wf_err_set(err, WEFT_EIO, "the leaves of a blob cannot be mended");
}

/* A file in place is what was hashed for as long as the kernel says that nobody wrote to
 * it, which is asked after reading. */
static int read_place(struct blob_store *s, struct handle *h, uint64_t chunk, void *dst,
                      struct wf_err *err)
{
    const struct blob_row row = h->row;
    int rc = handle_files(s, h, err);

    if (rc == 0 && (disk_read(h->fd, dst, wf_chunk_len(row.size, chunk),
                              chunk * wf_chunk_size(row.size)) != 0 ||
                    !place_ok(s, &row))) {
        return read_verified(s, &row.digest, chunk, dst, err);
    }
    return rc;
}

static int read_one(struct blob_store *s, const struct wf_digest *d, uint64_t chunk,
                    void *dst, size_t cap, int verify, size_t *ret_len,
                    struct wf_err *err)
{
    struct handle *h;
    size_t len;
    int rc = store_ready(s, 0, err);

    if (rc == 0) {
        rc = handle_get(s, d, &h, err);
    }
    if (rc != 0) {
        return rc;
    }
    if (chunk >= wf_chunk_count(h->row.size) ||
        (len = wf_chunk_len(h->row.size, chunk)) > cap) {
        return wf_err_set(err, WEFT_EINVAL, "no chunk %llu of up to %zu bytes",
                          (unsigned long long) chunk, cap);
    }
    if (!map_has(h, chunk)) {
        return wf_err_set(err, WEFT_EAGAIN, "chunk %llu is not there",
                          (unsigned long long) chunk);
    }
    rc = verify || h->row.state != ROW_PLACE ? read_verified(s, d, chunk, dst, err)
                                             : read_place(s, h, chunk, dst, err);
    if (rc == 0) {
        note_used(s, d);
        *ret_len = len;
    }
    return rc;
}

int blob_read(struct blob_store *s, const struct wf_digest *d, uint64_t chunk, void *dst,
              size_t cap, size_t *ret_len, struct wf_err *err)
{
    return read_one(s, d, chunk, dst, cap, 0, ret_len, err);
}

int blob_read_leaves(struct blob_store *s, const struct wf_digest *d, uint64_t first,
                     size_t n, struct wf_digest *dst, struct wf_err *err)
{
    struct handle *h;
    uint64_t all;
    int rc = store_ready(s, 0, err);

    if (rc == 0) {
        rc = handle_get(s, d, &h, err);
    }
    if (rc == 0) {
        all = wf_chunk_count(h->row.size);
        if (first > all || n > all - first) {
            return wf_err_set(err, WEFT_EINVAL, "the blob has not so many leaves");
        }
        rc = handle_files(s, h, err);
    }
    if (rc != 0 || n == 0) {
        return rc;
    }
    if (all == 1) {
        rc = store_buffers(s, h->row.size, err);
        rc = rc == 0 ? read_verified(s, d, 0, s->chunk, err) : rc;
        if (rc == 0) {
            wf_leaf(s->chunk, (size_t) handle_find(s, d)->row.size, dst);
        }
        return rc;
    }
    if (h->lfd < 0) {
        if (h->row.state == ROW_PART) {
            return wf_err_set(err, WEFT_ESTATE, "the leaves are not known");
        }
        rc = chunk_mend(s, h, err);
        if (rc != 0) {
            return rc == WEFT_EPROTO ? publish_undo(s, h, 0, err) : rc;
        }
    }
    return leaves_read(h->lfd, first, n, dst) == 0
               ? 0
               : disk_fail(s, "read the leaves of", d, err);
}

/* -- plain files -----------------------------------------------------------------------
 */

static int whole(struct blob_store *s, const struct wf_digest *d, struct handle **ret_h,
                 struct wf_err *err)
{
    int rc = store_ready(s, 0, err);

    if (rc == 0) {
        rc = handle_get(s, d, ret_h, err);
    }
    if (rc == 0 && (*ret_h)->row.state == ROW_PART) {
        return wf_err_set(err, WEFT_ENOENT, "the blob is not whole here");
    }
    return rc == 0 ? handle_files(s, *ret_h, err) : rc;
}

int blob_path(struct blob_store *s, const struct wf_digest *d, char *dst, size_t cap,
              struct wf_err *err)
{
    char name[BLOB_NAME];
    struct handle *h;
    struct place p;
    int n, rc = whole(s, d, &h, err);

    if (rc != 0) {
        return rc;
    }
    if (h->row.state == ROW_PLACE) {
        if (!place_ok(s, &h->row)) {
            return publish_undo(s, h, 0, err);
        }
        rc = index_place(&s->x, h->row.id, &p, err);
        n = rc == 0 ? snprintf(dst, cap, "%s", p.path) : 0;
    } else if (h->fd < 0 || h->sealed || fchmod(h->fd, S_IRUSR) != 0) {
        return wf_err_set(err, WEFT_ESUPPORT, "no file has the plain bytes");
    } else {
        name_object(d, name);
        n = snprintf(dst, cap, "%s/%s", s->dir, name);
    }
    if (rc == 0 && n >= (int) cap) {
        return wf_err_set(err, WEFT_ETOOBIG, "the path of a blob is too long");
    }
    if (rc == 0) {
        note_used(s, d);
    }
    return rc;
}

/* -- export ----------------------------------------------------------------------------
 */

static int copy_some(struct blob_store *s, const struct wf_digest *d, int fd,
                     uint64_t size, uint64_t *at, struct wf_err *err)
{
    uint64_t done = 0;
    size_t len;
    int rc = store_buffers(s, size, err);

    while (rc == 0 && *at < wf_chunk_count(size) && done < BLOB_STEP) {
        rc = read_one(s, d, *at, s->chunk, s->chunk_cap, 1, &len, err);
        if (rc == WEFT_EAGAIN) {
            rc = wf_err_set(err, WEFT_ENOENT, "the blob is not whole here any more");
        }
        if (rc == 0 && disk_write(fd, s->chunk, len, *at * wf_chunk_size(size)) != 0) {
            rc = disk_fail(s, "export", d, err);
        }
        if (rc == 0) {
            done += len;
            ++*at;
        }
    }
    return rc;
}

int blob_export(struct blob_store *s, const struct wf_digest *d, const char *path,
                uint64_t *at, struct wf_err *err)
{
    const int first = *at == 0;
    struct handle *h;
    uint64_t size = 0;
    int fd, rc;

    fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | (first ? O_CREAT | O_EXCL : 0),
              0600);
    if (fd < 0) {
        return wf_err_set(err, errno == EEXIST ? WEFT_EEXIST : WEFT_EIO,
                          "cannot write %.160s: %s", path, strerror(errno));
    }
    rc = whole(s, d, &h, err);
    if (rc == 0) {
        size = h->row.size;
        if (first && h->fd >= 0 && !h->sealed && ioctl(fd, FICLONE, h->fd) == 0) {
            *at = wf_chunk_count(size);
        }
        rc = copy_some(s, d, fd, size, at, err);
    }
    if (close(fd) != 0 && rc == 0) {
        rc = disk_fail(s, "export", d, err);
    }
    if (rc != 0) {
        (void) unlink(path);
        return rc;
    }
    return *at < wf_chunk_count(size)
               ? wf_err_set(err, WEFT_EAGAIN, "the blob is being exported")
               : 0;
}
