#include "agent/blob/store_int.h"

#include "common/failpoint.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* -- looking ---------------------------------------------------------------------------
 */

static void info_of(const struct handle *h, struct blob_info *ret_info)
{
    *ret_info = (struct blob_info){
        .digest = h->row.digest,
        .size = h->row.size,
        .have = h->row.state != ROW_PART ? h->row.size : h->row.have,
        .flags = (h->row.state != ROW_PART ? BLOB_WHOLE : 0) |
                 (h->row.state != ROW_PART || h->leaves ? BLOB_LEAVES : 0) |
                 (h->row.pinned ? BLOB_PINNED : 0) |
                 (h->row.state == ROW_PLACE ? BLOB_IN_PLACE : 0),
        .map = h->map,
    };
}

static int look_place(struct blob_store *s, struct handle *h, struct wf_err *err)
{
    struct blob_row row = h->row;

    if (!place_ok(s, &row)) {
        (void) publish_lost(s, &row, WEFT_ESTATE);
        return wf_err_set(err, WEFT_ESTATE, "the file in place changed: withdrawn");
    }
    return 0;
}

static int look(struct blob_store *s, struct handle *h, struct blob_info *ret_info,
                struct wf_err *err)
{
    const struct wf_digest d = h->row.digest;
    int rc = 0;

    if (h->row.state == ROW_PLACE) {
        rc = look_place(s, h, err);
    } else if (h->row.state == ROW_PART && h->row.id != 0) {
        rc = handle_files(s, h, err);
        if (rc == 0 && h->looked < wf_chunk_count(h->row.size)) {
            rc = chunk_look(s, h, err);
        }
        if (rc == 0 && h->row.have == h->row.size) {
            rc = publish_file(s, h, err);
            rc = rc == 0 ? handle_get(s, &d, &h, err) : rc;
        }
    }
    if (rc == 0) {
        info_of(h, ret_info);
        note_used(s, &d);
    }
    return rc;
}

int blob_look(struct blob_store *s, const struct wf_digest *d, struct blob_info *ret_info,
              struct wf_err *err)
{
    struct handle *h;
    int rc = store_ready(s, 0, err);

    if (rc == 0) {
        rc = handle_get(s, d, &h, err);
    }
    return rc == 0 ? look(s, h, ret_info, err) : rc;
}

/* -- beginning -------------------------------------------------------------------------
 */

static int begin_small(struct blob_store *s, const struct blob_row *row,
                       struct handle **ret_h, struct wf_err *err)
{
    struct handle *h;
    int rc;

    if (row->size > s->o.cap_bytes) {
        return room_make(s, row->size, err); /* says why not */
    }
    rc = handle_new(s, row, &h, err);
    if (rc == 0) {
        h->leaves = 1;
        h->looked = wf_chunk_count(row->size);
        *ret_h = h;
    }
    return rc;
}

static int create(struct blob_store *s, const struct blob_row *row, struct wf_err *err)
{
    char name[BLOB_NAME];
    int fd, rc = 0;

    name_partial(&row->digest, name);
    fd = openat(s->dir_fd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t) disk_len(row->size, s->o.encrypt)) != 0) {
        rc = disk_fail(s, "make place for", &row->digest, err);
        (void) unlinkat(s->dir_fd, name, 0);
    }
    if (fd >= 0) {
        (void) close(fd);
    }
    return rc;
}

static int begin_file(struct blob_store *s, struct blob_row *row, struct handle **ret_h,
                      struct wf_err *err)
{
    struct handle *h;
    int rc = store_tx(s, err);

    if (rc != 0) {
        return rc;
    }
    row->disk = disk_len(row->size, s->o.encrypt) + disk_leaves_len(row->size);
    rc = room_make(s, row->disk, err);
    if (rc == 0) {
        rc = create(s, row, err);
    }
    if (rc == 0) {
        row->used = store_now(s);
        rc = index_add(&s->x, row, err);
    }
    if (rc == 0) {
        s->used_bytes += row->disk;
        s->promised_bytes += row->disk;
    }
    rc = store_tx_end(s, rc, err);
    WF_FAILPOINT("agent.blob.begin.after");
    if (rc == 0) {
        rc = handle_new(s, row, &h, err);
    }
    if (rc == 0) {
        h->looked = wf_chunk_count(row->size);
        *ret_h = h;
    }
    return rc;
}

static int begin_new(struct blob_store *s, const struct wf_digest *d, uint64_t size,
                     struct handle **ret_h, struct wf_err *err)
{
    struct blob_row row = {.digest = *d, .size = size, .state = ROW_PART};
    struct wf_digest empty;
    int rc;

    if (size > BLOB_INLINE) {
        return begin_file(s, &row, ret_h, err);
    }
    wf_blob_of("", 0, &empty);
    if (size == 0 && !wf_digest_eq(&empty, d)) {
        return wf_err_set(err, WEFT_EINVAL, "this is not the digest of no bytes");
    }
    rc = begin_small(s, &row, ret_h, err);
    if (rc == 0 && size == 0) {
        rc = publish_small(s, *ret_h, "", err);
        rc = rc == 0 ? handle_get(s, d, ret_h, err) : rc;
    }
    return rc;
}

/* Whoever begins a blob may lie about its size, until the leaves have told it.
 * WEFT_ENOENT: it was one, and is gone. */
static int forget_lie(struct blob_store *s, const struct wf_digest *d, struct handle *h,
                      struct wf_err *err)
{
    const struct blob_row row = h->row;
    int rc = row.state == ROW_PART ? handle_files(s, h, NULL) : 0;

    if (handle_find(s, d) == NULL) {
        return WEFT_ENOENT; /* found to be lost just now */
    }
    if (row.state != ROW_PART || rc != 0 || (row.id != 0 && h->lfd >= 0)) {
        return wf_err_set(err, WEFT_EINVAL, "this blob has %llu bytes",
                          (unsigned long long) row.size);
    }
    if (row.id == 0) {
        handle_drop(s, h);
        return WEFT_ENOENT;
    }
    rc = store_tx(s, err);
    rc = rc == 0 ? store_tx_end(s, room_drop(s, &row, err), err) : rc;
    return rc == 0 ? WEFT_ENOENT : rc;
}

int blob_begin(struct blob_store *s, const struct wf_digest *d, uint64_t size,
               struct blob_info *ret_info, struct wf_err *err)
{
    struct handle *h = NULL;
    struct blob_row row;
    int rc;

    if (size > WF_BLOB_MAX) {
        return wf_err_set(err, WEFT_EINVAL, "no blob is larger than 1 TiB");
    }
    rc = store_ready(s, 1, err);
    if (rc == 0) {
        rc = handle_get(s, d, &h, err);
    }
    if (rc == 0 && h->row.size != size) {
        rc = forget_lie(s, d, h, err);
    }
    if (rc == 0) {
        rc = look(s, h, ret_info, err);
        if (rc == 0 || handle_find(s, d) != NULL ||
            index_get(&s->x, d, &row, NULL) != WEFT_ENOENT) {
            return rc;
        }
        rc = WEFT_ENOENT; /* what the index knew was found to be gone */
    }
    if (rc == WEFT_ENOENT) {
        rc = begin_new(s, d, size, &h, err);
    }
    return rc == 0 ? look(s, h, ret_info, err) : rc;
}

/* -- leaves, chunks --------------------------------------------------------------------
 */

int blob_leaves(struct blob_store *s, const struct wf_digest *d,
                const struct wf_digest *leaves, size_t n, struct wf_err *err)
{
    struct wf_digest sum;
    struct handle *h;
    uint64_t size;
    int pinned, rc = store_ready(s, 0, err);

    if (rc == 0) {
        h = handle_find(s, d);
        rc = h == NULL ? handle_get(s, d, &h, err) : 0;
    }
    if (rc != 0 || h->row.state != ROW_PART) {
        return rc;
    }
    if (n != wf_chunk_count(h->row.size)) {
        return wf_err_set(err, WEFT_EINVAL, "%zu leaves for a blob of %llu bytes", n,
                          (unsigned long long) h->row.size);
    }
    wf_blob_digest(h->row.size, leaves, &sum);
    if (!wf_digest_eq(&sum, d)) {
        return wf_err_set(err, WEFT_EINVAL, "the leaves do not make the digest");
    }
    rc = handle_files(s, h, err);
    if (rc != 0 || h->leaves) {
        return rc;
    }
    rc = leaves_write(s, d, h->row.size, leaves, h->row.pinned, err);
    h->leaves_code = rc;
    if (rc != 0) {
        return rc;
    }
    size = h->row.size;
    h->lfd = leaves_open(s, d, &size, &pinned);
    if (h->lfd < 0) {
        return disk_fail(s, "read the leaves of", d, err);
    }
    h->leaves = 1;
    return 0;
}

static int not_begun(struct blob_store *s, const struct wf_digest *d, int *ret_whole,
                     struct wf_err *err)
{
    struct blob_row row;
    int rc = index_get(&s->x, d, &row, err);

    if (rc == 0 && row.state != ROW_PART) {
        *ret_whole = 1;
        return 0;
    }
    return rc != 0 && rc != WEFT_ENOENT
               ? rc
               : wf_err_set(err, WEFT_ESTATE, "the blob was not begun");
}

static int write_file(struct blob_store *s, struct handle *h, uint64_t chunk,
                      const void *bytes, size_t len, const struct wf_digest *leaf,
                      int *ret_whole, struct wf_err *err)
{
    int rc = handle_files(s, h, err);

    if (rc == 0) {
        rc = chunk_check(h, chunk, bytes, len, leaf, err);
    }
    if (rc == 0 && h->sealed) {
        rc = store_buffers(s, h->row.size, err);
    }
    if (rc == 0) {
        WF_FAILPOINT("agent.blob.write.before");
        rc = chunk_write(s, h, chunk, bytes, err);
    }
    if (rc != 0) {
        return rc;
    }
    map_set(h, chunk, 1);
    handle_have(s, h, h->row.have + len);
    note_used(s, &h->row.digest);
    if (h->row.have == h->row.size) {
        rc = publish_file(s, h, err);
        *ret_whole = rc == 0;
    }
    return rc;
}

int blob_write(struct blob_store *s, const struct wf_digest *d, uint64_t chunk,
               const void *bytes, size_t len, int *ret_whole, struct wf_err *err)
{
    return blob_write_hashed(s, d, chunk, bytes, len, NULL, ret_whole, err);
}

int blob_write_hashed(struct blob_store *s, const struct wf_digest *d, uint64_t chunk,
                      const void *bytes, size_t len, const struct wf_digest *leaf,
                      int *ret_whole, struct wf_err *err)
{
    int whole = 0, rc = store_ready(s, 1, err);
    struct handle *h;

    if (rc != 0) {
        return rc;
    }
    h = handle_find(s, d);
    if (h == NULL) {
        rc = not_begun(s, d, &whole, err);
    } else if (chunk >= wf_chunk_count(h->row.size) ||
               len != wf_chunk_len(h->row.size, chunk)) {
        return wf_err_set(err, WEFT_EINVAL, "no chunk %llu of %zu bytes in this blob",
                          (unsigned long long) chunk, len);
    } else if (h->row.state != ROW_PART) {
        whole = 1;
    } else if (h->row.id == 0) {
        rc = chunk_check(h, chunk, bytes, len, leaf, err);
        rc = rc == 0 ? publish_small(s, h, bytes, err) : rc;
        whole = rc == 0;
    } else if (!map_has(h, chunk)) {
        rc = write_file(s, h, chunk, bytes, len, leaf, &whole, err);
    }
    if (rc == 0 && ret_whole != NULL) {
        *ret_whole = whole;
    }
    return rc;
}

/* -- from memory -----------------------------------------------------------------------
 */

static int import_new(struct blob_store *s, const uint8_t *p, size_t len,
                      const struct wf_digest *d, const struct wf_digest *leaves,
                      struct wf_err *err)
{
    const uint64_t n = wf_chunk_count(len);
    struct blob_info info;
    int rc;

    do {
        rc = blob_begin(s, d, len, &info, err);
    } while (rc == WEFT_EAGAIN);
    if (rc == 0 && n > 1 && (info.flags & BLOB_LEAVES) == 0) {
        rc = blob_leaves(s, d, leaves, (size_t) n, err);
    }
    for (uint64_t i = 0; rc == 0 && (info.flags & BLOB_WHOLE) == 0 && i < n; i++) {
        rc = blob_write(s, d, i, p + i * wf_chunk_size(len), wf_chunk_len(len, i), NULL,
                        err);
    }
    return rc;
}

int blob_import(struct blob_store *s, const void *bytes, size_t len,
                struct wf_digest *ret_digest, struct wf_err *err)
{
    const uint64_t n = wf_chunk_count(len);
    struct wf_digest *leaves, d;
    int rc;

    if (len > WF_BLOB_MAX) {
        return wf_err_set(err, WEFT_EINVAL, "no blob is larger than 1 TiB");
    }
    leaves = wf_calloc(n, sizeof *leaves);
    if (leaves == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for leaves");
    }
    for (uint64_t i = 0; i < n; i++) {
        wf_leaf((const uint8_t *) bytes + i * wf_chunk_size(len), wf_chunk_len(len, i),
                &leaves[i]);
    }
    wf_blob_digest(len, leaves, &d);
    rc = import_new(s, bytes, len, &d, leaves, err);
    wf_free(leaves);
    if (rc == 0) {
        *ret_digest = d;
    } else if (rc == WEFT_EFULL) {
        (void) blob_drop(s, &d, NULL); /* nobody goes on with it */
    }
    return rc;
}
