#include "agent/blob/work.h"

#include "common/mem.h"
#include "proto/leaves.h"

#include <stdio.h>
#include <string.h>

#define LIST_ROWS 512

struct work *work_new(enum work_kind kind)
{
    struct work *w = wf_calloc(1, sizeof *w);

    if (w != NULL) {
        w->kind = kind;
    }
    return w;
}

void work_free(struct work *w)
{
    if (w != NULL) {
        blob_intake_free(w->intake);
        wf_free(w->bytes);
        wf_free(w->d.bytes);
        wf_free(w->path);
        wf_free(w);
    }
}

int work_publishes(const struct work *w)
{
    return w->q.op == BLOBS_WRITE || w->q.op == BLOBS_IMPORT || w->q.op == BLOBS_PIN ||
           w->q.op == BLOBS_DROP || w->q.op == BLOBS_BEGIN;
}

static int no_memory(struct wf_err *err)
{
    return wf_err_set(err, WEFT_ENOMEM, "no memory for a request to the blobs");
}

/* Memory that is written at once: not zeroed. */
static uint8_t *alloc(size_t len)
{
    return wf_realloc(NULL, len);
}

/* -- coming in -------------------------------------------------------------------------
 */

static int tell_info(struct work *w, int rc, const struct blob_info *info,
                     struct wf_err *err)
{
    if (rc != 0) {
        return rc;
    }
    if (info->map != NULL) {
        w->d.len = (size_t) (wf_chunk_count(info->size) + 7) / 8;
        w->d.bytes = alloc(w->d.len);
        if (w->d.bytes == NULL) {
            w->d.len = 0;
            return no_memory(err);
        }
        memcpy(w->d.bytes, info->map, w->d.len);
    }
    w->d.size = info->size;
    w->d.have = info->have;
    w->d.flags = info->flags;
    return 0;
}

static int do_leaves(struct work *w, struct blob_store *s, struct blob_info *ret_info,
                     struct wf_err *err)
{
    int rc;

    if (w->len % sizeof(struct wf_digest) != 0) {
        return wf_err_set(err, WEFT_EINVAL, "leaves of %zu bytes", w->len);
    }
    rc = blob_leaves(s, &w->q.digest, (const struct wf_digest *) (const void *) w->bytes,
                     w->len / sizeof(struct wf_digest), err);
    return rc == 0 ? blob_look(s, &w->q.digest, ret_info, err) : rc;
}

/* The coded length says nothing of the plain one. */
static int unpack(struct work *w, struct blob_store *s, struct squeeze *z,
                  struct wf_err *err)
{
    struct blob_info info;
    uint8_t *plain;
    size_t len;
    int rc = blob_look(s, &w->q.digest, &info, err);

    if (rc != 0) {
        return rc;
    }
    if (w->q.chunk >= wf_chunk_count(info.size)) {
        return wf_err_set(err, WEFT_EINVAL, "the blob has no such chunk");
    }
    len = wf_chunk_len(info.size, w->q.chunk);
    plain = alloc(len);
    if (plain == NULL) {
        return no_memory(err);
    }
    rc = squeeze_unpack(z, w->bytes, w->len, plain, len);
    if (rc != 0) {
        wf_free(plain);
        return wf_err_set(err, rc, "the chunk cannot be unpacked");
    }
    wf_free(w->bytes);
    w->bytes = plain;
    w->len = len;
    w->q.coding = BLOBS_PLAIN;
    return 0;
}

static int write_once(struct work *w, struct blob_store *s, struct squeeze *z,
                      struct wf_err *err)
{
    struct blob_info info;
    int whole = 0;
    int rc = w->q.coding == BLOBS_ZSTD ? unpack(w, s, z, err) : 0;

    if (rc == 0) {
        rc = blob_write_hashed(s, &w->q.digest, w->q.chunk, w->bytes, w->len,
                               w->hashed ? &w->leaf : NULL, &whole, err);
    }
    w->d.flags = whole ? BLOB_WHOLE : 0;
    if (whole && blob_info(s, &w->q.digest, &info, NULL) == 0) {
        w->d.flags |= info.flags & BLOB_PINNED; /* it may have been pinned as a part */
    }
    return rc;
}

/* What was begun may have been let go for others since. */
static int do_write(struct work *w, struct blob_store *s, struct squeeze *z,
                    struct wf_err *err)
{
    struct blob_info info;
    int rc = write_once(w, s, z, err);

    if ((rc == WEFT_ENOENT || rc == WEFT_ESTATE) && w->q.size != 0) {
        rc = blob_begin(s, &w->q.digest, w->q.size, &info, err);
        rc = rc == 0 ? write_once(w, s, z, err) : rc;
    }
    return rc;
}

static int to_hash(const struct work *w)
{
    return w->kind == WORK_ASK && w->q.op == BLOBS_WRITE && w->q.coding == BLOBS_PLAIN &&
           !w->hashed;
}

void work_hash(struct work *w)
{
    struct wf_digest leaves[WF_LEAVES_LANES];
    const uint8_t *chunks[WF_LEAVES_LANES];
    struct work *these[WF_LEAVES_LANES];
    const size_t len = w->len;
    size_t n = 0;

    if (!to_hash(w)) {
        return;
    }
    for (; w != NULL && n < WF_LEAVES_LANES; w = w->next) {
        if (to_hash(w) && w->len == len) {
            chunks[n] = w->bytes;
            these[n++] = w;
        }
    }
    wf_leaves(chunks, n, len, leaves);
    for (size_t i = 0; i < n; i++) {
        these[i]->leaf = leaves[i];
        these[i]->hashed = 1;
    }
}

/* -- going out -------------------------------------------------------------------------
 */

static void pack(struct work *w, struct squeeze *z)
{
    uint8_t *packed = alloc(w->d.len);
    size_t len;

    if (packed != NULL && squeeze_pack(z, w->d.bytes, w->d.len, packed, &len) == 0) {
        wf_free(w->d.bytes);
        w->d.bytes = packed;
        w->d.len = len;
        w->d.coding = BLOBS_ZSTD;
    } else {
        wf_free(packed);
    }
}

static int do_read(struct work *w, struct blob_store *s, struct squeeze *z,
                   struct wf_err *err)
{
    struct blob_info info;
    size_t cap;
    int rc = blob_info(s, &w->q.digest, &info, err);

    if (rc != 0) {
        return rc;
    }
    cap = wf_chunk_size(info.size);
    cap = (size_t) wf_min_u64(cap, info.size);
    w->d.bytes = alloc(cap);
    if (w->d.bytes == NULL) {
        return no_memory(err);
    }
    rc = blob_read(s, &w->q.digest, w->q.chunk, w->d.bytes, cap, &w->d.len, err);
    if (rc != 0) {
        w->d.len = 0;
        return rc;
    }
    w->d.size = info.size;
    w->d.total = w->d.len;
    if (w->q.coding == BLOBS_ZSTD) {
        pack(w, z);
    }
    return 0;
}

static int do_read_leaves(struct work *w, struct blob_store *s, struct wf_err *err)
{
    const size_t len = (size_t) w->q.count * sizeof(struct wf_digest);
    int rc;

    if (w->q.count > WF_LEAVES_PIECE) {
        return wf_err_set(err, WEFT_EINVAL, "more than %u leaves at once",
                          WF_LEAVES_PIECE);
    }
    w->d.bytes = alloc(len);
    if (w->d.bytes == NULL) {
        return no_memory(err);
    }
    rc = blob_read_leaves(s, &w->q.digest, w->q.chunk, w->q.count,
                          (struct wf_digest *) (void *) w->d.bytes, err);
    w->d.len = rc == 0 ? len : 0;
    return rc;
}

static int do_list(struct work *w, struct blob_store *s, struct wf_err *err)
{
    size_t n = 0;
    int rc;

    w->d.bytes = alloc(LIST_ROWS * sizeof(struct blob_info));
    if (w->d.bytes == NULL) {
        return no_memory(err);
    }
    w->d.at = w->q.at;
    rc = blob_list(s, &w->d.at, (struct blob_info *) (void *) w->d.bytes, LIST_ROWS, &n,
                   err);
    w->d.len = n * sizeof(struct blob_info);
    w->d.total = n;
    return rc;
}

static int do_path(struct work *w, struct blob_store *s, struct wf_err *err)
{
    char path[PATH_MAX];
    int rc = blob_path(s, &w->q.digest, path, sizeof path, err);

    if (rc == 0) {
        w->path = wf_strdup(path);
        rc = w->path != NULL ? 0 : no_memory(err);
    }
    return rc;
}

static int do_info(struct work *w, struct blob_store *s, struct wf_err *err)
{
    struct blob_info info;
    int rc = blob_info(s, &w->q.digest, &info, err);

    return tell_info(w, rc, &info, err);
}

static int do_import(struct work *w, struct blob_store *s, struct wf_err *err)
{
    int rc = blob_import(s, w->bytes, w->len, &w->d.digest, err);

    w->d.size = w->len;
    return rc;
}

/* -- any -------------------------------------------------------------------------------
 */

static int carry_out(struct work *w, struct blob_store *s, struct squeeze *z,
                     struct wf_err *err)
{
    const struct wf_digest *d = &w->q.digest;
    struct blob_info info = {.size = 0};

    switch (w->q.op) {
    case BLOBS_BEGIN:
        return tell_info(w, blob_begin(s, d, w->q.size, &info, err), &info, err);
    case BLOBS_LEAVES:
        return tell_info(w, do_leaves(w, s, &info, err), &info, err);
    case BLOBS_MAP:
        return tell_info(w, blob_look(s, d, &info, err), &info, err);
    case BLOBS_WRITE:
        return do_write(w, s, z, err);
    case BLOBS_READ:
        return do_read(w, s, z, err);
    case BLOBS_READ_LEAVES:
        return do_read_leaves(w, s, err);
    case BLOBS_INFO:
        return do_info(w, s, err);
    case BLOBS_IMPORT:
        return do_import(w, s, err);
    case BLOBS_EXPORT:
        return blob_export(s, d, w->path, &w->at, err);
    case BLOBS_PATH:
        return do_path(w, s, err);
    case BLOBS_PIN:
        return blob_pin(s, d, w->q.on, err);
    case BLOBS_HOLD:
        return blob_hold(s, d, err);
    case BLOBS_RELEASE:
        blob_release(s, d);
        return 0;
    case BLOBS_DROP:
        return blob_drop(s, d, err);
    case BLOBS_LIST:
        return do_list(w, s, err);
    case BLOBS_SCRUB:
        return blob_scrub(s, &w->d.scrubbed, err);
    case BLOBS_STATS:
        return blob_stats(s, &w->d.stats, err);
    case BLOBS_ADD:
    case BLOBS_OPS:
        break;
    }
    return wf_err_set(err, WEFT_EINVAL, "no such request");
}

/* A chunk that is not there is no reason to ask again. */
static int goes_on(const struct work *w, int rc)
{
    return rc == WEFT_EAGAIN && w->q.op != BLOBS_READ;
}

static int finish(struct work *w, int rc, const struct wf_err *err)
{
    w->d.code = rc;
    memcpy(w->d.text, err->text, sizeof w->d.text);
    wf_free(w->bytes);
    w->bytes = NULL;
    w->len = 0;
    return rc;
}

int work_do(struct work *w, struct blob_store *s, struct squeeze *z)
{
    struct wf_err err = {0};
    int rc;

    w->d.op = w->q.op;
    w->d.tag = w->q.tag;
    w->d.digest = w->q.digest;
    rc = carry_out(w, s, z, &err);
    if (goes_on(w, rc)) {
        return rc;
    }
    return finish(w, rc == WEFT_EAGAIN ? WEFT_ENOENT : rc, &err);
}

/* -- adding files ----------------------------------------------------------------------
 */

static int one_file(struct work *w, const struct blob_file *f, int rc,
                    const struct wf_err *err, struct work **ret_file)
{
    struct work *one = work_new(WORK_ASK);

    if (one != NULL) {
        one->path = wf_strdup(f->path);
    }
    if (one == NULL || one->path == NULL) {
        work_free(one);
        return WEFT_ENOMEM;
    }
    one->d = (struct blobs_done){.op = BLOBS_ADD,
                                 .tag = w->q.tag,
                                 .code = rc,
                                 .more = 1,
                                 .digest = f->digest,
                                 .size = f->size};
    memcpy(one->d.text, err->text, sizeof one->d.text);
    w->d.total += rc == 0;
    *ret_file = one;
    return 0;
}

int work_add(struct work *w, struct blob_store *s, struct work **ret_file)
{
    struct wf_err err = {0};
    struct blob_file f = {.path = NULL};
    int rc = 0;

    *ret_file = NULL;
    w->d.op = w->q.op;
    w->d.tag = w->q.tag;
    if (w->intake == NULL) {
        rc = blob_intake_new(s, w->path, w->q.in_place, &w->intake, &err);
        wf_free(w->path);
        w->path = NULL;
        return rc == 0 ? WEFT_EAGAIN : (finish(w, rc, &err), 0);
    }
    rc = blob_intake_step(w->intake, &f, &err);
    if (rc == WEFT_EAGAIN) {
        return rc;
    }
    if (rc != WEFT_ECLOSED) {
        rc = one_file(w, &f, rc, &err, ret_file);
        if (rc == 0) {
            return 0;
        }
        (void) no_memory(&err);
    }
    blob_intake_free(w->intake);
    w->intake = NULL;
    (void) finish(w, rc == WEFT_ECLOSED ? 0 : rc, &err);
    return 0;
}
