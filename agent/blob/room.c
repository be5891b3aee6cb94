#include "agent/blob/store_int.h"

#include "common/mem.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PARTIAL_MS 3600000u

/* -- notes -----------------------------------------------------------------------------
 */

static struct note *note_find(struct blob_store *s, const struct wf_digest *d)
{
    return s->notes != NULL ? wf_map_get(s->notes, d->b, sizeof d->b) : NULL;
}

/* NULL: no memory, or too many. */
static struct note *note_make(struct blob_store *s, const struct wf_digest *d)
{
    struct note *n = note_find(s, d);

    if (n != NULL) {
        return n;
    }
    if (s->notes != NULL && wf_map_len(s->notes) >= s->holds + NOTES_USED &&
        store_tx(s, NULL) == 0) {
        (void) store_tx_end(s, note_flush(s, NULL), NULL);
    }
    if (s->notes == NULL && (s->notes = wf_map_new(NOTES_MAX, 0)) == NULL) {
        return NULL;
    }
    n = wf_calloc(1, sizeof *n);
    if (n != NULL) {
        n->digest = *d;
        if (wf_map_put(s->notes, n->digest.b, sizeof n->digest, n) != 0) {
            wf_free(n);
            n = NULL;
        }
    }
    return n;
}

static void note_drop(struct blob_store *s, struct note *n)
{
    (void) wf_map_take(s->notes, n->digest.b, sizeof n->digest);
    wf_free(n);
}

/* Where there is no room for a note the blob seems older than it is. */
void note_used(struct blob_store *s, const struct wf_digest *d)
{
    struct note *n = note_make(s, d);

    if (n != NULL) {
        n->used = store_now(s);
    }
}

int note_flush(struct blob_store *s, struct wf_err *err)
{
    struct note *n;
    size_t it = 0;
    int rc = 0;

    while (s->notes != NULL && rc == 0 && (n = wf_map_next(s->notes, &it)) != NULL) {
        if (n->used != 0) {
            rc = index_set_used(&s->x, &n->digest, n->used, err);
            n->used = rc == 0 ? 0 : n->used;
        }
        if (n->used == 0 && n->holds == 0) {
            note_drop(s, n);
        }
    }
    return rc;
}

int note_held(struct blob_store *s, const struct wf_digest *d)
{
    const struct note *n = note_find(s, d);

    return n != NULL && n->holds != 0;
}

int blob_hold(struct blob_store *s, const struct wf_digest *d, struct wf_err *err)
{
    struct blob_row row;
    struct note *n;
    int rc = store_ready(s, 0, err);

    if (rc == 0) {
        rc = index_get(&s->x, d, &row, err);
    }
    if (rc != 0) {
        return rc;
    }
    n = note_make(s, d);
    if (n == NULL || n->holds == UINT32_MAX) {
        return wf_err_set(err, n == NULL ? WEFT_ENOMEM : WEFT_EFULL,
                          "no room to hold one more blob");
    }
    s->holds += n->holds++ == 0;
    n->used = store_now(s);
    return 0;
}

void blob_release(struct blob_store *s, const struct wf_digest *d)
{
    struct note *n = note_find(s, d);

    if (n != NULL && n->holds != 0 && --n->holds == 0) {
        s->holds--;
        n->used = store_now(s);
    }
}

/* -- dropping --------------------------------------------------------------------------
 */

int room_drop(struct blob_store *s, const struct blob_row *row, struct wf_err *err)
{
    struct handle *h = handle_find(s, &row->digest);
    const uint64_t have = h != NULL ? h->row.have : row->have;
    char name[BLOB_NAME];
    int rc = index_del(&s->x, row->id, err);

    if (rc != 0) {
        return rc;
    }
    handle_drop(s, h);
    if (row->state != ROW_PLACE && row->size > BLOB_INLINE) {
        name_object(&row->digest, name);
        (void) unlinkat(s->dir_fd, name, 0);
        name_partial(&row->digest, name);
        (void) unlinkat(s->dir_fd, name, 0);
    }
    if (wf_chunk_count(row->size) > 1) {
        name_leaves(&row->digest, name);
        (void) unlinkat(s->dir_fd, name, 0);
    }
    s->used_bytes -= wf_min_u64(s->used_bytes, row->disk);
    if (row->state == ROW_PART) {
        s->promised_bytes -=
            wf_min_u64(s->promised_bytes, row->disk - wf_min_u64(have, row->disk));
    }
    return 0;
}

/* -- room ------------------------------------------------------------------------------
 */

uint64_t room_free(struct blob_store *s)
{
    struct statvfs v;
    uint64_t bytes;

    if (s->dir_fd < 0 || fstatvfs(s->dir_fd, &v) != 0) {
        return UINT64_MAX;
    }
    bytes = (uint64_t) v.f_bavail * v.f_frsize;
    return bytes > s->o.floor_bytes ? bytes - s->o.floor_bytes : 0;
}

static int evict(struct blob_store *s, const struct blob_row *row, struct wf_err *err)
{
    int rc = room_drop(s, row, err);

    if (rc == 0) {
        s->evicted++;
        store_changed(s, row, 0, WEFT_EFULL);
    }
    return rc;
}

/* The next who may go, WEFT_ENOENT: nobody.  `state` and `after` go from call to call. */
static int next_victim(struct blob_store *s, uint64_t min, enum row_state *state,
                       uint64_t *after, struct blob_row *ret_row, struct wf_err *err)
{
    const uint64_t now = s->last_used;
    const uint64_t old = s->o.partial_ms != 0 ? s->o.partial_ms : PARTIAL_MS;
    int rc;

    for (;;) {
        uint64_t before = *state == ROW_PART ? (now > old ? now - old : 0) : INT64_MAX;

        rc = index_victim(&s->x, *state, before, min, after, ret_row, err);
        if (rc == 0 && note_held(s, &ret_row->digest)) {
            continue;
        }
        if (rc != WEFT_ENOENT || *state == ROW_WHOLE) {
            return rc;
        }
        *state = ROW_WHOLE;
        *after = 0;
    }
}

static int full(struct blob_store *s, uint64_t disk, int by_cap, struct wf_err *err)
{
    const unsigned long long want = disk, used = s->used_bytes;

    return by_cap ? wf_err_set(err, WEFT_EFULL,
                               "no room for %llu bytes: of %llu the blobs that are "
                               "pinned, in use or on their way here take %llu",
                               want, (unsigned long long) s->o.cap_bytes, used)
                  : wf_err_set(err, WEFT_EFULL,
                               "no room for %llu bytes: the disk of %.120s is to "
                               "keep %llu free",
                               want, s->dir, (unsigned long long) s->o.floor_bytes);
}

struct room {
    uint64_t disk;        /* wanted */
    uint64_t used, space; /* of the cap; on the disk */
};

static int lacks_cap(const struct blob_store *s, const struct room *r)
{
    return r->disk > s->o.cap_bytes - wf_min_u64(r->used, s->o.cap_bytes);
}

/* Let go of as many as it takes, or only see whether there are as many: nobody goes in
 * vain. */
static int find_room(struct blob_store *s, struct room r, int try_only,
                     struct wf_err *err)
{
    enum row_state state = ROW_PART;
    struct blob_row row;
    uint64_t after = 0;
    int rc = 0;

    while (rc == 0 && (lacks_cap(s, &r) || r.disk > r.space)) {
        /* Small ones leave the index as long as it is: the disk gains nothing. */
        rc = next_victim(s, lacks_cap(s, &r) ? 0 : BLOB_INLINE + 1, &state, &after, &row,
                         err);
        if (rc == WEFT_ENOENT) {
            return full(s, r.disk, lacks_cap(s, &r), err);
        }
        if (rc == 0 && !try_only) {
            rc = evict(s, &row, err);
        }
        r.used -= wf_min_u64(r.used, row.disk);
        /* All of a part was promised already. */
        r.space += row.size <= BLOB_INLINE ? 0 : row.disk;
    }
    return rc;
}

int room_make(struct blob_store *s, uint64_t disk, struct wf_err *err)
{
    struct room r = {disk, s->used_bytes, room_free(s)};
    int rc = 0;

    if (disk > s->o.cap_bytes) {
        return wf_err_set(err, WEFT_EFULL,
                          "a blob of %llu bytes is larger than the store, which may "
                          "hold %llu",
                          (unsigned long long) disk, (unsigned long long) s->o.cap_bytes);
    }
    (void) store_now(s);
    r.space -= wf_min_u64(r.space, s->promised_bytes);
    if (lacks_cap(s, &r) || disk > r.space) {
        rc = note_flush(s, err);
        rc = rc == 0 ? find_room(s, r, 1, err) : rc;
        rc = rc == 0 ? find_room(s, r, 0, err) : rc;
    }
    return rc;
}
