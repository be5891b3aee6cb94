#include "client/data/parts.h"

#include "common/err.h"
#include "common/str.h"
#include "proto/name.h"

#include <string.h>

#define STORE_MAX (WF_DATASET_PAGE * (WF_PATH_MAX + WF_DIGEST_SIZE + 32u))

void parts_init(struct parts *p, const void *files, size_t n, parts_file_fn *file)
{
    *p = (struct parts){.files = files, .n = n, .file = file};
    wf_buf_init(&p->store, STORE_MAX);
}

void parts_fini(struct parts *p)
{
    wf_buf_fini(&p->store);
}

int parts_stage(void *arg, size_t i, struct wf_msg *msg)
{
    struct parts *p = arg;
    struct wf_stage *m = &msg->u.stage;
    size_t at = i * WF_PAGE_MAX;

    *m = p->stage;
    wf_buf_clear(&p->store);
    for (; at < p->n && m->rows.count < WF_PAGE_MAX; at++) {
        struct wf_digest_row row;
        struct wf_file_row file;
        int rc;

        p->file(p->files, at, &file);
        row = (struct wf_digest_row){file.digest, file.size};
        rc = wf_rows_add(&p->store, &m->rows, wf_desc_digest_row(), &row);
        if (rc != 0) {
            return rc;
        }
    }
    m->more = at < p->n;
    return m->more != 0;
}

int parts_put(void *arg, size_t i, struct wf_msg *msg)
{
    struct parts *p = arg;
    struct wf_dataset_put *m = &msg->u.dataset_put;
    size_t at = i * WF_DATASET_PAGE;

    *m = p->put;
    wf_buf_clear(&p->store);
    for (; at < p->n && m->files.count < WF_DATASET_PAGE; at++) {
        struct wf_file_row file;
        int rc;

        p->file(p->files, at, &file);
        rc = wf_rows_add(&p->store, &m->files, wf_desc_file_row(), &file);
        if (rc != 0) {
            return rc;
        }
    }
    m->more = at < p->n;
    return m->more != 0;
}

const char *parts_labels(struct wf_buf *store, const char *const *texts, size_t n,
                         int any, struct wf_rows *ret_rows)
{
    if (n > WF_LABELS_MAX || (n != 0 && texts == NULL)) {
        return any ? "more than 32 needs" : "more than 32 labels";
    }
    for (size_t i = 0; i < n; i++) {
        struct wf_label_row row = {wf_slice_of(texts[i])};

        if (row.text.len == 0 || row.text.len > WF_LABEL_MAX ||
            !wf_utf8_ok(row.text.p, row.text.len) || (!any && !wf_label_ok(row.text))) {
            return any ? "a need is KEY=VALUE, KEY!=VALUE or KEY>=NUMBER"
                       : "a label is KEY=VALUE";
        }
        if (wf_rows_add(store, ret_rows, wf_desc_label_row(), &row) != 0) {
            return "no memory";
        }
    }
    return NULL;
}

struct wf_slice parts_residency(struct wf_rows labels)
{
    static const char key[] = "residency=";
    const uint32_t len = sizeof key - 1;
    struct wf_label_row row;

    while (wf_rows_next(&labels, wf_desc_label_row(), &row)) {
        if (row.text.len > len && memcmp(row.text.p, key, len) == 0) {
            return wf_slice_make(row.text.p + len, row.text.len - len);
        }
    }
    return wf_slice_of(NULL);
}
