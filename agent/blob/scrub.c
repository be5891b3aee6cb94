#include "agent/blob/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FOLDERS 16 /* that one call looks through */

/* -- files that no row knows -----------------------------------------------------------
 */

static int scrub_folders(struct blob_store *s, struct blob_scrubbed *r)
{
    static const char *const kinds[] = {"objects", "leaves"};
    int rc = 0;

    for (int i = 0; rc == 0 && i < FOLDERS && s->scrub.folder < 512; i++) {
        char folder[BLOB_NAME];
        uint64_t found;

        (void) snprintf(folder, sizeof folder, "%s/%02x", kinds[s->scrub.folder / 256],
                        s->scrub.folder % 256);
        rc = rebuild_folder(s, folder, &found);
        r->found += rc == 0 ? found : 0;
        s->scrub.folder += rc == 0;
    }
    return rc;
}

/* -- coding anew -----------------------------------------------------------------------
 */

static void name_anew(const struct wf_digest *d, char *dst)
{
    name_partial(d, dst);
    memcpy(dst + strlen(dst), ".new", 5);
}

static void stop_recoding(struct blob_store *s)
{
    char name[BLOB_NAME];

    if (s->scrub.fd >= 0) {
        (void) close(s->scrub.fd);
        name_anew(&s->scrub.digest, name);
        (void) unlinkat(s->dir_fd, name, 0);
        s->scrub.fd = -1;
    }
}

/* A file whose path was given out to be read stays as it is, and so does one that there
 * is no room to write again. */
static int may_recode(struct blob_store *s, const struct handle *h)
{
    return h->row.state == ROW_WHOLE && h->row.size > BLOB_INLINE && h->fd >= 0 &&
           h->sealed != (s->o.encrypt != 0) && !note_held(s, &h->row.digest) &&
           room_free(s) > s->promised_bytes &&
           room_free(s) - s->promised_bytes > h->row.disk;
}

static void start_recoding(struct blob_store *s, const struct handle *h)
{
    char name[BLOB_NAME];

    s->scrub.digest = h->row.digest;
    s->scrub.sealed = s->o.encrypt != 0;
    name_anew(&h->row.digest, name);
    s->scrub.fd = openat(s->dir_fd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

/* `p` is the plain chunk; in s->chunk. */
static void recode_chunk(struct blob_store *s, const struct blob_row *row, uint64_t i)
{
    struct handle to = {.row = *row, .fd = s->scrub.fd, .sealed = s->scrub.sealed};

    if (chunk_write(s, &to, i, s->chunk, NULL) != 0) {
        stop_recoding(s);
    }
}

static int end_recoding(struct blob_store *s, struct blob_row *row, struct wf_err *err)
{
    char from[BLOB_NAME], to[BLOB_NAME];
    uint64_t disk = disk_len(row->size, s->scrub.sealed) + disk_leaves_len(row->size);
    int rc;

    name_anew(&row->digest, from);
    name_object(&row->digest, to);
    if (note_held(s, &row->digest) || fsync(s->scrub.fd) != 0 ||
        renameat(s->dir_fd, from, s->dir_fd, to) != 0) {
        stop_recoding(s);
        return 0;
    }
    (void) close(s->scrub.fd);
    s->scrub.fd = -1;
    (void) disk_sync_folder(s, to);
    handle_drop(s, handle_find(s, &row->digest));
    rc = store_tx(s, err);
    if (rc == 0) {
        s->used_bytes += disk - row->disk;
        row->disk = disk;
        rc = store_tx_end(s, index_set(&s->x, row, err), err);
    }
    return rc;
}

static int recode_small(struct blob_store *s, struct blob_row *row, uint64_t *recoded,
                        struct wf_err *err)
{
    size_t len = 0;
    int rc = index_data(&s->x, row->id, s->box, s->box_cap, &len, err);

    if (rc != 0 || row->size == 0 || (len != row->size) == (s->o.encrypt != 0)) {
        return rc;
    }
    rc = store_tx(s, err);
    if (rc != 0) {
        return rc;
    }
    len = (size_t) row->size;
    if (s->o.encrypt) {
        seal_chunk(&s->seal, &row->digest, 0, s->chunk, len, s->box);
        len += SEAL_EXTRA;
    }
    rc = index_put_data(&s->x, row->id, s->o.encrypt ? s->box : s->chunk, len, err);
    if (rc == 0) {
        s->used_bytes += len + ROW_OVERHEAD - row->disk;
        row->disk = len + ROW_OVERHEAD;
        rc = index_set(&s->x, row, err);
    }
    rc = store_tx_end(s, rc, err);
    *recoded += rc == 0;
    return rc;
}

/* -- one blob --------------------------------------------------------------------------
 */

/* Damage and withdrawal are what is looked for, so they end nothing. */
static int forgive(struct blob_scrubbed *r, int rc)
{
    if (rc == WEFT_EIO || rc == WEFT_ESTATE || rc == WEFT_ENOENT) {
        r->damaged += rc != WEFT_ENOENT;
        return WEFT_ENOENT;
    }
    return rc;
}

static int scrub_part(struct blob_store *s, const struct blob_row *row,
                      struct blob_scrubbed *r, struct wf_err *err)
{
    struct handle *h;
    uint64_t from = 0;
    int rc = handle_get(s, &row->digest, &h, err);

    if (rc == 0) {
        from = h->looked;
        rc = handle_files(s, h, err);
        rc = rc == 0 ? chunk_look(s, h, err) : rc;
    }
    if (rc == 0 || rc == WEFT_EAGAIN) {
        r->bytes += wf_min_u64(BLOB_STEP, (h->looked - from) * wf_chunk_size(row->size));
        if (rc == 0 && h->row.have == h->row.size && h->row.id != 0) {
            rc = publish_file(s, h, err);
            r->found += rc == 0;
        }
    }
    return rc;
}

/* Look at the chunks from s->scrub.chunk on.  0: all of the blob is seen. */
static int scrub_whole(struct blob_store *s, struct blob_row *row,
                       struct blob_scrubbed *r, struct wf_err *err)
{
    const uint64_t n = wf_chunk_count(row->size);
    struct handle *h;
    size_t len;
    int rc = store_buffers(s, row->size, err);

    if (rc == 0) {
        rc = handle_get(s, &row->digest, &h, err);
        rc = rc == 0 ? handle_files(s, h, err) : rc;
    }
    if (rc == 0 && s->scrub.chunk == 0 && may_recode(s, h)) {
        start_recoding(s, h);
    }
    while (rc == 0 && s->scrub.chunk < n && r->bytes < BLOB_STEP) {
        len = wf_chunk_len(row->size, s->scrub.chunk);
        rc = read_verified(s, &row->digest, s->scrub.chunk, s->chunk, err);
        if (rc == 0) {
            if (s->scrub.fd >= 0) {
                recode_chunk(s, row, s->scrub.chunk);
            }
            r->bytes += len;
            s->scrub.chunk++;
        }
    }
    if (rc == 0 && s->scrub.chunk < n) {
        return WEFT_EAGAIN;
    }
    if (rc == 0 && row->state == ROW_WHOLE && row->size <= BLOB_INLINE) {
        return recode_small(s, row, &r->recoded, err);
    }
    if (rc == 0 && s->scrub.fd >= 0) {
        rc = end_recoding(s, row, err);
        r->recoded += rc == 0;
    }
    return rc;
}

static int scrub_next(struct blob_store *s, struct blob_scrubbed *r, struct wf_err *err)
{
    struct blob_row row;
    int rc = index_next(&s->x, s->scrub.id, &row, err);

    if (rc == WEFT_ENOENT) {
        r->wrapped = 1;
        return 0;
    }
    if (rc != 0) {
        return rc;
    }
    if (s->scrub.chunk != 0 && !wf_digest_eq(&row.digest, &s->scrub.digest)) {
        stop_recoding(s); /* the one that was looked at is gone */
        s->scrub.chunk = 0;
    }
    s->scrub.digest = row.digest;
    rc = row.state == ROW_PART ? scrub_part(s, &row, r, err)
                               : scrub_whole(s, &row, r, err);
    if (rc == WEFT_EAGAIN) {
        return row.state == ROW_PART ? WEFT_EAGAIN : 0;
    }
    stop_recoding(s);
    rc = forgive(r, rc);
    if (rc == 0 || rc == WEFT_ENOENT) {
        s->scrub.id = row.id;
        s->scrub.chunk = 0;
        rc = 0;
    }
    return rc;
}

int blob_scrub(struct blob_store *s, struct blob_scrubbed *ret, struct wf_err *err)
{
    struct blob_scrubbed r = {0};
    int rc = store_ready(s, 0, err);

    if (rc == WEFT_ENOENT) {
        *ret = (struct blob_scrubbed){.wrapped = 1};
        return 0;
    }
    if (rc == 0 && s->scrub.folder < 512) {
        rc = scrub_folders(s, &r);
        if (rc != 0) {
            (void) wf_err_set(err, rc, "the folders of blobs cannot be looked through");
        }
    }
    for (int i = 0; rc == 0 && !r.wrapped && r.bytes < BLOB_STEP && i < 1024; i++) {
        if (s->scrub.folder < 512) {
            break;
        }
        rc = scrub_next(s, &r, err);
    }
    if (r.wrapped) {
        s->scrub.folder = 0;
        s->scrub.id = 0;
    }
    if (rc == 0 || rc == WEFT_EAGAIN) {
        *ret = r;
        rc = 0;
    }
    return rc;
}
