#include "agent/blob/store_int.h"

#include "common/mem.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BEHIND_MAX (8u << 20) /* bytes of a part that only the kernel has */

static uint64_t place_in_file(const struct handle *h, uint64_t i)
{
    return i * (wf_chunk_size(h->row.size) + (h->sealed ? (uint64_t) SEAL_EXTRA : 0));
}

static int bad(struct wf_err *err, uint64_t i)
{
    return wf_err_set(err, WEFT_EPROTO, "chunk %llu does not verify",
                      (unsigned long long) i);
}

int chunk_check(struct handle *h, uint64_t i, const void *p, size_t len,
                const struct wf_digest *leaf, struct wf_err *err)
{
    struct wf_digest want, is;

    if (wf_chunk_count(h->row.size) > 1 && h->lfd < 0) {
        return wf_err_set(err, h->leaves_code != 0 ? h->leaves_code : WEFT_ESTATE,
                          "the leaves of the blob are not known");
    }
    if (leaf == NULL) {
        wf_leaf(p, len, &is);
        leaf = &is;
    }
    if (wf_chunk_count(h->row.size) <= 1) {
        wf_blob_digest(len, leaf, &want);
        return wf_digest_eq(&want, &h->row.digest) ? 0 : bad(err, i);
    }
    return leaves_read(h->lfd, i, 1, &want) == 0 && wf_digest_eq(leaf, &want)
               ? 0
               : bad(err, i);
}

/* A small blob, which is its only chunk. */
static int read_small(struct blob_store *s, struct handle *h, uint8_t *dst,
                      struct wf_err *err)
{
    const size_t size = (size_t) h->row.size;
    size_t len = 0;
    int rc = index_data(&s->x, h->row.id, s->box, s->box_cap, &len, err);

    if (rc != 0) {
        return rc == WEFT_EINVAL || rc == WEFT_ENOENT ? bad(err, 0) : rc;
    }
    if (size == 0) {
        return len == 0 ? 0 : bad(err, 0);
    }
    if (len == size + SEAL_EXTRA) {
        if (!s->seal.has_key) {
            return wf_err_set(err, WEFT_EKEY, "a blob is sealed, and there is no key");
        }
        return seal_open(&s->seal, &h->row.digest, 0, s->box, size, dst) == 0
                   ? 0
                   : bad(err, 0);
    }
    if (len != size) {
        return bad(err, 0);
    }
    memcpy(dst, s->box, size);
    return chunk_check(h, 0, dst, size, NULL, err);
}

int chunk_read(struct blob_store *s, struct handle *h, uint64_t i, void *dst,
               struct wf_err *err)
{
    const size_t len = wf_chunk_len(h->row.size, i);
    const int in_index = h->row.state == ROW_WHOLE && h->row.size <= BLOB_INLINE;
    int rc = store_buffers(s, h->row.size, err);

    if (rc == 0) {
        rc = in_index ? read_small(s, h, dst, err) : handle_files(s, h, err);
    }
    if (rc != 0 || in_index) {
        return rc;
    }
    if (disk_read(h->fd, h->sealed ? s->box : dst, len + (h->sealed ? SEAL_EXTRA : 0),
                  place_in_file(h, i)) != 0) {
        /* A sector that cannot be read is as good as one with something else in it. */
        return errno == EIO ? bad(err, i) : disk_fail(s, "read", &h->row.digest, err);
    }
    if (h->sealed) {
        return seal_open(&s->seal, &h->row.digest, i, s->box, len, dst) == 0
                   ? 0
                   : bad(err, i);
    }
    return chunk_check(h, i, dst, len, NULL, err);
}

int chunk_write(struct blob_store *s, struct handle *h, uint64_t i, const void *p,
                struct wf_err *err)
{
    size_t len = wf_chunk_len(h->row.size, i);

    if (h->sealed) {
        seal_chunk(&s->seal, &h->row.digest, i, p, len, s->box);
        p = s->box;
        len += SEAL_EXTRA;
    }
    if (disk_write(h->fd, p, len, place_in_file(h, i)) != 0) {
        return disk_fail(s, "write", &h->row.digest, err);
    }
    h->behind += len;
    if (h->behind >= BEHIND_MAX) {
        h->behind = 0;
        disk_begin(h->fd);
    }
    return 0;
}

/* The next chunk at or after `i` that may hold something: holes are skipped. */
static uint64_t next_written(const struct handle *h, uint64_t i)
{
    const uint64_t n = wf_chunk_count(h->row.size);
    off_t at = lseek(h->fd, (off_t) place_in_file(h, i), SEEK_DATA);

    if (at < 0) {
        return errno == ENXIO ? n : i;
    }
    return wf_max_u64(i, (uint64_t) at / (place_in_file(h, 1)));
}

int chunk_look(struct blob_store *s, struct handle *h, struct wf_err *err)
{
    const uint64_t n = wf_chunk_count(h->row.size);
    uint64_t have = h->row.have, seen = 0;
    int rc = store_buffers(s, h->row.size, err);

    /* Without leaves nothing of a plain part can be verified. */
    if (rc != 0 || (!h->sealed && !h->leaves)) {
        return rc;
    }
    while (rc == 0 && h->looked < n && seen < BLOB_STEP) {
        uint64_t i = next_written(h, h->looked);
        size_t len = i < n ? wf_chunk_len(h->row.size, i) : 0;

        if (i < n) {
            rc = chunk_read(s, h, i, s->chunk, err);
            if (rc == 0 && !map_has(h, i)) {
                map_set(h, i, 1);
                have += len;
            }
            rc = rc == WEFT_EPROTO ? 0 : rc;
        }
        seen += len;
        h->looked = rc == 0 ? wf_min_u64(i + 1, n) : h->looked;
    }
    handle_have(s, h, have);
    if (rc == 0 && h->looked < n) {
        return wf_err_set(err, WEFT_EAGAIN, "the blob is being looked at");
    }
    return rc;
}

int chunk_mend(struct blob_store *s, struct handle *h, struct wf_err *err)
{
    const uint64_t n = wf_chunk_count(h->row.size);
    struct wf_digest *leaves = NULL, sum;
    int rc = store_buffers(s, h->row.size, err);

    if (rc == 0) {
        leaves = wf_calloc(n, sizeof *leaves);
        rc = leaves == NULL ? wf_err_set(err, WEFT_ENOMEM, "no memory for leaves")
                            : handle_files(s, h, err);
    }
    for (uint64_t i = 0; rc == 0 && i < n; i++) {
        const size_t len = wf_chunk_len(h->row.size, i);

        if (h->sealed) {
            rc = chunk_read(s, h, i, s->chunk, err);
        } else if (disk_read(h->fd, s->chunk, len, place_in_file(h, i)) != 0) {
            rc = bad(err, i);
        }
        if (rc == 0) {
            wf_leaf(s->chunk, len, &leaves[i]);
        }
    }
    if (rc == 0) {
        wf_blob_digest(h->row.size, leaves, &sum);
        rc = wf_digest_eq(&sum, &h->row.digest) ? 0 : bad(err, 0);
    }
    if (rc == 0) {
        rc = leaves_write(s, &h->row.digest, h->row.size, leaves, h->row.pinned, err);
    }
    if (rc == 0) {
        uint64_t size = h->row.size;
        int pinned;

        if (h->lfd >= 0) {
            (void) close(h->lfd);
        }
        h->lfd = leaves_open(s, &h->row.digest, &size, &pinned);
        h->leaves = h->lfd >= 0;
    }
    wf_free(leaves);
    return rc;
}
