#include "agent/blob/store_int.h"

#include "common/failpoint.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* -- whole -----------------------------------------------------------------------------
 */

static int move_in(struct blob_store *s, const struct wf_digest *d)
{
    char from[BLOB_NAME], to[BLOB_NAME];

    name_partial(d, from);
    name_object(d, to);
    if (disk_mkdir_for(s, to) != 0) {
        return -1;
    }
    /* It is there already, where the end came after the last time. */
    if (renameat(s->dir_fd, from, s->dir_fd, to) != 0 &&
        (errno != ENOENT || faccessat(s->dir_fd, to, F_OK, 0) != 0)) {
        return -1;
    }
    WF_FAILPOINT("agent.blob.rename.after");
    return disk_sync_folder(s, to);
}

static void no_part(struct blob_store *s, struct handle *h)
{
    handle_have(s, h, h->row.size);
    s->promised_bytes -=
        wf_min_u64(s->promised_bytes, h->row.disk - wf_min_u64(h->row.size, h->row.disk));
}

int publish_file(struct blob_store *s, struct handle *h, struct wf_err *err)
{
    struct blob_row row = h->row;
    int rc = h->leaves ? 0 : chunk_mend(s, h, err);

    if (rc != 0) {
        return rc;
    }
    WF_FAILPOINT("agent.blob.publish.before");
    if (fsync(h->fd) != 0) {
        rc = disk_fail(s, "sync", &row.digest, err);
        /* What the disk has of it is not known any more. */
        handle_drop(s, h);
        return rc;
    }
    if (move_in(s, &row.digest) != 0) {
        return disk_fail(s, "publish", &row.digest, err);
    }
    rc = store_tx(s, err);
    if (rc != 0) {
        return rc;
    }
    row.state = ROW_WHOLE;
    row.have = row.size;
    row.used = store_now(s);
    no_part(s, h);
    handle_drop(s, h);
    rc = store_tx_end(s, index_set(&s->x, &row, err), err);
    WF_FAILPOINT("agent.blob.publish.after");
    return rc;
}

int publish_small(struct blob_store *s, struct handle *h, const void *p,
                  struct wf_err *err)
{
    struct blob_row row = h->row;
    size_t len = (size_t) row.size;
    int rc = store_buffers(s, row.size, err);

    if (rc != 0) {
        return rc;
    }
    if (s->o.encrypt && len != 0) {
        seal_chunk(&s->seal, &row.digest, 0, p, len, s->box);
        p = s->box;
        len += SEAL_EXTRA;
    }
    rc = store_tx(s, err);
    if (rc != 0) {
        return rc;
    }
    row.disk = len + ROW_OVERHEAD;
    row.state = ROW_WHOLE;
    row.have = row.size;
    rc = room_make(s, row.disk, err);
    if (rc == 0) {
        row.used = store_now(s);
        rc = index_add(&s->x, &row, err);
    }
    if (rc == 0) {
        rc = index_put_data(&s->x, row.id, p, len, err);
    }
    if (rc == 0) {
        s->used_bytes += row.disk;
        handle_drop(s, h);
    }
    return store_tx_end(s, rc, err);
}

/* -- not whole any more ----------------------------------------------------------------
 */

int publish_lost(struct blob_store *s, const struct blob_row *row, int why)
{
    const struct blob_row was = *row;
    int rc = store_tx(s, NULL);

    if (rc == 0) {
        rc = store_tx_end(s, room_drop(s, &was, NULL), NULL);
    }
    if (rc == 0) {
        s->damages += why == WEFT_EIO;
        s->withdrawn += why == WEFT_ESTATE;
        store_changed(s, &was, 0, why);
    }
    return rc;
}

static int gone(struct blob_store *s, const struct blob_row *row, int why,
                const char *what, struct wf_err *err)
{
    (void) publish_lost(s, row, why);
    return wf_err_set(err, why, "%s", what);
}

/* All its chunks but this one are there. */
static void fill_map(struct blob_store *s, const struct blob_row *row, uint64_t chunk)
{
    struct handle *h;

    if (handle_new(s, row, &h, NULL) == 0) {
        for (uint64_t i = 0; i < wf_chunk_count(row->size); i++) {
            map_set(h, i, i != chunk);
        }
        h->looked = wf_chunk_count(row->size);
    }
}

static int make_part(struct blob_store *s, struct handle *h, uint64_t chunk,
                     struct wf_err *err)
{
    struct blob_row row = h->row;
    char from[BLOB_NAME], to[BLOB_NAME];
    int rc = store_tx(s, err);

    if (rc != 0) {
        return rc;
    }
    name_object(&row.digest, from);
    name_partial(&row.digest, to);
    (void) renameat(s->dir_fd, from, s->dir_fd, to); /* a part is looked for in both */
    row.state = ROW_PART;
    row.have = row.size - wf_chunk_len(row.size, chunk);
    handle_drop(s, h);
    s->promised_bytes += row.disk - wf_min_u64(row.have, row.disk);
    rc = store_tx_end(s, index_set(&s->x, &row, err), err);
    if (rc == 0) {
        fill_map(s, &row, chunk);
        s->damages++;
        store_changed(s, &row, row.have, WEFT_EIO);
        rc = wf_err_set(err, WEFT_EIO, "chunk %llu was damaged: dropped",
                        (unsigned long long) chunk);
    }
    return rc;
}

static int part_lost_chunk(struct blob_store *s, struct handle *h, uint64_t chunk,
                           struct wf_err *err)
{
    map_set(h, chunk, 0);
    handle_have(s, h, h->row.have - wf_chunk_len(h->row.size, chunk));
    s->damages++;
    store_changed(s, &h->row, h->row.have, WEFT_EIO);
    return wf_err_set(err, WEFT_EIO, "chunk %llu was damaged: dropped",
                      (unsigned long long) chunk);
}

/* The leaves are damaged, or lost at a power cut: they are not synced. */
static int need_mending(struct blob_store *s, const struct handle *h)
{
    uint64_t size = h->row.size;
    int pinned, fd;

    if (h->sealed || wf_chunk_count(size) <= 1) {
        return 0;
    }
    fd = leaves_open(s, &h->row.digest, &size, &pinned);
    if (fd >= 0) {
        (void) close(fd);
    }
    return fd < 0;
}

int publish_undo(struct blob_store *s, struct handle *h, uint64_t chunk,
                 struct wf_err *err)
{
    struct blob_row row = h->row;
    int rc;

    if (row.state == ROW_PART) {
        return part_lost_chunk(s, h, chunk, err);
    }
    if (row.state == ROW_PLACE && !place_ok(s, &row)) {
        return gone(s, &row, WEFT_ESTATE, "the file in place changed: withdrawn", err);
    }
    if (need_mending(s, h)) {
        rc = chunk_mend(s, h, err);
        return rc != WEFT_EPROTO
                   ? rc
                   : gone(s, &row, WEFT_EIO,
                          "a blob and its leaves were damaged: dropped", err);
    }
    if (row.state == ROW_PLACE) {
        return gone(s, &row, WEFT_ESTATE, "the file in place was damaged: withdrawn",
                    err);
    }
    return row.size <= BLOB_INLINE
               ? gone(s, &row, WEFT_EIO, "a small blob was damaged: dropped", err)
               : make_part(s, h, chunk, err);
}
