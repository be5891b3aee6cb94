/* Datasets: one in full, put, removed, pinned. */
#include "client/ask.h"
#include "client/data/parts.h"
#include "client/fill.h"
#include "client/include/weft/data.h"
#include "common/mem.h"
#include "common/str.h"
#include "proto/blob.h"
#include "proto/name.h"
#include "proto/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WIRE_MAX ((size_t) 256 << 20) /* bytes of rows that one call collects */

void weft_digest_text(const weft_digest *digest, char text[WEFT_DIGEST_TEXT])
{
    wf_hex(text, digest->bytes, sizeof digest->bytes);
}

int weft_digest_parse(const char *text, weft_digest *ret_digest)
{
    struct wf_digest d;
    int rc = text != NULL ? wf_digest_parse(text, &d) : WEFT_EINVAL;

    if (rc == 0) {
        memcpy(ret_digest->bytes, d.b, sizeof d.b);
    }
    return rc;
}

/* "NAME[@VERSION]": its parts.  WEFT_EINVAL. */
static int dataset_ref(const char *text, struct wf_data_ref *ret_ref)
{
    struct wf_slice s = wf_slice_of(text);

    return s.len <= WF_TEXT_MAX && wf_data_ref_parse(s, ret_ref) == 0 &&
                   ret_ref->path.len == 0
               ? 0
               : WEFT_EINVAL;
}

static const char not_a_dataset[] = "a dataset is NAME or NAME@VERSION";

/* -- one dataset -----------------------------------------------------------------------
 */

/* The encoded rows of all pages. */
struct pages {
    struct wf_buf store[3];
    struct wf_rows dataset, shares, files;
};

static int keep_rows(struct wf_buf *store, struct wf_rows *to, struct wf_rows from)
{
    int rc = wf_buf_put(store, from.p, from.len);

    to->p = store->p;
    to->len = (uint32_t) store->len;
    to->count += from.count;
    return rc;
}

static int keep_page(struct pages *p, const struct wf_dataset_info *m)
{
    int rc = 0;

    if (p->dataset.count == 0) {
        rc = keep_rows(&p->store[0], &p->dataset, m->dataset);
    }
    if (rc == 0) {
        rc = keep_rows(&p->store[1], &p->shares, m->shares);
    }
    return rc == 0 ? keep_rows(&p->store[2], &p->files, m->files) : rc;
}

/* What "NAME" is may change between pages: the first one says which version it is. */
static void bind_version(const struct pages *p, const struct wf_data_ref *ref,
                         char key[WF_REF_MAX + 1])
{
    struct wf_rows rows = p->dataset;
    struct wf_dataset_row row;

    if (wf_rows_next(&rows, wf_desc_dataset_row(), &row)) {
        (void) snprintf(key, WF_REF_MAX + 1, "%.*s@%" PRIu64, (int) ref->name.len,
                        (const char *) ref->name.p, row.version);
    }
}

static int collect(struct weft_client *c, const char *dataset, size_t max, int timeout_ms,
                   struct pages *p)
{
    uint64_t until_us = ask_deadline_us(timeout_ms);
    struct wf_query q = {.kind = WF_QUERY_DATASET};
    char key[WF_REF_MAX + 1];
    struct wf_data_ref ref;
    int rc = dataset_ref(dataset, &ref);

    if (rc != 0) {
        return rc;
    }
    (void) wf_str_copy(key, sizeof key, dataset);
    do {
        struct ask how = {timeout_ms, NULL, 0};
        struct weft_future *f = NULL;
        struct wf_msg msg;

        q.key = wf_slice_of(key);
        rc = ask(c, &how, WF_MSG_query, &q, WF_MSG_dataset_info, &msg, &f);
        if (rc == 0) {
            rc = keep_page(p, &msg.u.dataset_info);
            bind_version(p, &ref, key);
            q.after = msg.u.dataset_info.files.count != 0 ? msg.u.dataset_info.more : 0;
        }
        weft_future_free(f);
        if (rc == 0 && q.after != 0 && wf_now_us() >= until_us) {
            rc = WEFT_ETIMEOUT;
        }
    } while (rc == 0 && q.after != 0 && (max == 0 || p->files.count < max));
    return rc == 0 && p->dataset.count == 0 ? WEFT_EPROTO : rc;
}

static int build(struct pages *p, size_t max, struct weft_dataset_full **ret_dataset)
{
    size_t n = max != 0 && max < p->files.count ? max : p->files.count;
    size_t wire = p->store[0].len + p->store[1].len + p->store[2].len;
    struct weft_dataset_full *d;
    union fill_row row;
    struct rows r;
    int rc = rows_init(
        &r, 3, sizeof *d + n * sizeof *d->files + p->shares.count * sizeof *d->shares,
        wire);

    if (rc != 0) {
        return rc;
    }
    d = rows_array(&r, 1, sizeof *d);
    d->files = rows_array(&r, n, sizeof *d->files);
    d->shares = rows_array(&r, p->shares.count, sizeof *d->shares);
    if (wf_rows_next(&p->dataset, wf_desc_dataset_row(), &row)) {
        fill_dataset(&r, &row, &d->dataset);
    }
    while (wf_rows_next(&p->shares, wf_desc_share_row(), &row)) {
        fill_share(&r, &row, &d->shares[d->nshares++]);
    }
    while (d->nfiles < n && wf_rows_next(&p->files, wf_desc_file_row(), &row)) {
        fill_file(&r, &row, &d->files[d->nfiles++]);
    }
    *ret_dataset = d;
    return 0;
}

int weft_dataset_show(weft_client *c, const char *dataset, size_t max, int timeout_ms,
                      struct weft_dataset_full **ret_dataset)
{
    struct pages p = {.dataset = {0}};
    int rc;

    for (size_t i = 0; i < ARRAY_LEN(p.store); i++) {
        wf_buf_init(&p.store[i], WIRE_MAX);
    }
    rc = collect(c, dataset, max, timeout_ms, &p);
    if (rc == 0) {
        rc = build(&p, max, ret_dataset);
    }
    for (size_t i = 0; i < ARRAY_LEN(p.store); i++) {
        wf_buf_fini(&p.store[i]);
    }
    return rc;
}

/* -- put -------------------------------------------------------------------------------
 */

static void file_row(const void *files, size_t i, struct wf_file_row *ret_file)
{
    const struct weft_file *f = (const struct weft_file *) files + i;

    *ret_file = (struct wf_file_row){.path = wf_slice_of(f->path), .size = f->size};
    memcpy(ret_file->digest.b, f->digest.bytes, sizeof ret_file->digest.b);
}

static const char *files_fault(const struct weft_file *files, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (files == NULL || !wf_path_ok(wf_slice_of(files[i].path))) {
            return "a path is relative, without empty parts, . and .., at most 255 bytes";
        }
        if (files[i].size > WF_BLOB_MAX) {
            return "a file is larger than 1 TiB";
        }
    }
    return NULL;
}

/* Ask, and take the name that the broker tells. */
static int put(struct weft_client *c, struct parts *p, const struct ask *how,
               char **ret_name)
{
    struct weft_future *f = NULL;
    struct wf_msg msg;
    int rc = ask_parts(c, how, WF_MSG_dataset_put, parts_put, p, WF_MSG_done, &msg, &f);

    if (rc == 0 && ret_name != NULL) {
        const struct wf_slice *name = &msg.u.done.text;
        char *copy = wf_memdup(name->p, name->len);

        if (copy != NULL) {
            *ret_name = copy;
        } else {
            rc = ask_fail(how, WEFT_ENOMEM, "");
        }
    }
    weft_future_free(f);
    return rc;
}

int weft_dataset_put(weft_client *c, const char *name, const char *const *labels,
                     size_t nlabels, const struct weft_file *files, size_t nfiles,
                     uint32_t base, int timeout_ms, char **ret_name, char *why,
                     size_t cap)
{
    struct ask how = {timeout_ms, why, cap};
    struct wf_buf store = WF_BUF_INIT(WF_LABELS_MAX * (WF_LABEL_MAX + 8u));
    struct parts p;
    const char *fault = files_fault(files, nfiles);
    int rc;

    parts_init(&p, files, nfiles, file_row);
    p.put.name = wf_slice_of(name);
    p.put.base = base;
    if (fault == NULL && !wf_name_ok(p.put.name)) {
        fault =
            "a dataset's name is of a-z 0-9 . _ -, at most 63, a letter or digit first";
    }
    if (fault == NULL) {
        fault = parts_labels(&store, labels, nlabels, 0, &p.put.labels);
    }
    rc = fault != NULL ? ask_fail(&how, WEFT_EINVAL, fault) : put(c, &p, &how, ret_name);
    parts_fini(&p);
    wf_buf_fini(&store);
    return rc;
}

/* -- removed and pinned ----------------------------------------------------------------
 */

int weft_dataset_rm(weft_client *c, const char *dataset, int timeout_ms, char *why,
                    size_t cap)
{
    struct ask how = {timeout_ms, why, cap};
    struct wf_dataset_rm body = {.dataset = wf_slice_of(dataset)};
    struct wf_data_ref ref;

    if (dataset_ref(dataset, &ref) != 0) {
        return ask_fail(&how, WEFT_EINVAL, not_a_dataset);
    }
    return ask_done(c, &how, WF_MSG_dataset_rm, &body);
}

int weft_data_pin(weft_client *c, const char *dataset, const char *node, int on,
                  int timeout_ms, char *why, size_t cap)
{
    struct ask how = {timeout_ms, why, cap};
    struct wf_data_pin body = {
        .dataset = wf_slice_of(dataset), .node = wf_slice_of(node), .on = on != 0};
    struct wf_data_ref ref;

    if (dataset_ref(dataset, &ref) != 0) {
        return ask_fail(&how, WEFT_EINVAL, not_a_dataset);
    }
    if (node != NULL && !wf_name_ok(body.node)) {
        return ask_fail(&how, WEFT_EINVAL, "this is not the name of a node");
    }
    return ask_done(c, &how, WF_MSG_data_pin, &body);
}
