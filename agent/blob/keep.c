#include "agent/blob/store_int.h"

static void info_of(struct blob_store *s, const struct blob_row *row,
                    struct blob_info *ret_info)
{
    const struct handle *h =
        s->handles != NULL ? wf_map_get(s->handles, row->digest.b, sizeof row->digest)
                           : NULL;
    const int fresh = h != NULL && h->looked == wf_chunk_count(row->size);

    *ret_info = (struct blob_info){
        .digest = row->digest,
        .size = row->size,
        .have = row->state != ROW_PART ? row->size
                : fresh                ? h->row.have
                                       : row->have,
        .flags = (row->state != ROW_PART ? BLOB_WHOLE | BLOB_LEAVES : 0) |
                 (fresh && h->leaves ? BLOB_LEAVES : 0) |
                 (row->pinned ? BLOB_PINNED : 0) |
                 (row->state == ROW_PLACE ? BLOB_IN_PLACE : 0),
    };
}

int blob_info(struct blob_store *s, const struct wf_digest *d, struct blob_info *ret_info,
              struct wf_err *err)
{
    struct blob_row row;
    int rc = store_ready(s, 0, err);

    if (rc == 0) {
        rc = index_get(&s->x, d, &row, err);
    }
    if (rc == 0) {
        info_of(s, &row, ret_info);
    }
    return rc;
}

int blob_list(struct blob_store *s, uint64_t *at, struct blob_info *rows, size_t cap,
              size_t *ret_n, struct wf_err *err)
{
    struct blob_row row = {.id = (int64_t) *at};
    size_t n = 0;
    int rc = store_ready(s, 0, err);

    while (rc == 0 && n < cap) {
        rc = index_next(&s->x, row.id, &row, err);
        if (rc == 0) {
            info_of(s, &row, &rows[n++]);
        }
    }
    if (rc != 0 && rc != WEFT_ENOENT) {
        return rc;
    }
    *at = rc == 0 ? (uint64_t) row.id : 0;
    *ret_n = n;
    return 0;
}

int blob_stats(struct blob_store *s, struct blob_stats *ret_stats, struct wf_err *err)
{
    struct index_sums sums = {0};
    int rc = store_ready(s, 0, err);

    if (rc == 0) {
        rc = index_sums(&s->x, &sums, err);
    }
    if (rc != 0 && rc != WEFT_ENOENT) {
        return rc;
    }
    *ret_stats = (struct blob_stats){
        .used_bytes = s->used_bytes,
        .kept_bytes = sums.kept,
        .cap_bytes = s->o.cap_bytes,
        .free_bytes = room_free(s),
        .in_place_bytes = sums.in_place,
        .whole = sums.whole,
        .parts = sums.parts,
        .pinned = sums.pinned,
        .held = s->holds,
        .evicted = s->evicted,
        .damaged = s->damages,
        .withdrawn = s->withdrawn,
    };
    return 0;
}

int blob_pin(struct blob_store *s, const struct wf_digest *d, int on, struct wf_err *err)
{
    struct handle *h;
    struct blob_row row;
    int rc = store_ready(s, 0, err);

    if (rc == 0) {
        rc = index_get(&s->x, d, &row, err);
    }
    if (rc != 0 || row.pinned == (on != 0)) {
        return rc;
    }
    rc = store_tx(s, err);
    if (rc == 0) {
        row.pinned = on != 0;
        row.used = store_now(s);
        rc = store_tx_end(s, index_set(&s->x, &row, err), err);
    }
    if (rc == 0) {
        h = handle_find(s, d);
        if (h != NULL) {
            h->row.pinned = row.pinned;
        }
        leaves_pin(s, d, row.pinned); /* so that a new index knows it too */
    }
    return rc;
}

int blob_drop(struct blob_store *s, const struct wf_digest *d, struct wf_err *err)
{
    struct blob_row row;
    int rc = store_ready(s, 0, err);

    if (rc == 0) {
        rc = index_get(&s->x, d, &row, err);
    }
    if (rc != 0) {
        if (rc == WEFT_ENOENT && s->ready) {
            handle_drop(s, handle_find(s, d)); /* begun, and small */
        }
        return rc;
    }
    if (note_held(s, d)) {
        return wf_err_set(err, WEFT_EBUSY, "the blob is in use");
    }
    rc = store_tx(s, err);
    return rc == 0 ? store_tx_end(s, room_drop(s, &row, err), err) : rc;
}
