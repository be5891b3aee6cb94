/* The files of a folder: asked of the broker page by page, a few folders at a time.
 *
 * A version of a dataset never changes, so that a listing goes on in another session
 * where the last one ended.
 */
#include "agent/core/node_data.h"

#include "common/err.h"
#include "common/mem.h"
#include "proto/name.h"

#include <stdio.h>
#include <string.h>

#define ASKED_MAX 4u
#define RETRY_US  1000000u

int node_files_add(struct run_files *f, struct wf_slice path,
                   const struct wf_digest *digest, uint64_t size)
{
    size_t at = f->paths.len;

    if (f->n == f->cap) {
        size_t cap = f->cap == 0 ? 1 : f->cap * 2;
        struct run_file *v = wf_realloc(f->v, cap * sizeof *v);

        if (v == NULL) {
            return WEFT_ENOMEM;
        }
        f->v = v;
        f->cap = cap;
    }
    if (wf_buf_put(&f->paths, path.p, path.len) != 0 ||
        wf_buf_put(&f->paths, "", 1) != 0) {
        return f->paths.err;
    }
    f->v[f->n++] = (struct run_file){*digest, size, (uint32_t) at};
    return 0;
}

/* -- asking ----------------------------------------------------------------------------
 */

static void ask(struct node *n, struct node_input *in, struct wf_effects *out)
{
    struct wf_query m = {.req = ++n->data->req,
                         .kind = WF_QUERY_DATASET,
                         .after = in->after,
                         .limit = WF_PAGE_MAX};
    const char *slash = memchr(in->key, '/', in->key_len);
    size_t len = slash != NULL ? (size_t) (slash - in->key) : in->key_len;

    m.key = wf_slice_make(in->key + 1, len - 1);
    in->req = m.req;
    node_send(n, out, WF_MSG_query, &m);
}

/* A broker is asked for the folders of what it assigned: others may have none of them. */
static int is_ours(const struct node *n, const struct node_input *in)
{
    for (struct wf_list_node *x = wf_list_first(&in->ties); x != NULL;
         x = wf_list_next(&in->ties, x)) {
        if (node_is_ours(n, CONTAINER_OF(x, struct node_tie, of_input)->run)) {
            return 1;
        }
    }
    return 0;
}

void node_lists_after(struct node *n, struct wf_effects *out)
{
    const struct wf_list_node *list = &n->data->listing;
    unsigned asked = 0;

    if (!node_is_open(n)) {
        return;
    }
    for (struct wf_list_node *x = wf_list_first(list); x != NULL && asked < ASKED_MAX;
         x = wf_list_next(list, x)) {
        struct node_input *in = CONTAINER_OF(x, struct node_input, listing);

        if (in->req == 0 && in->set.code == 0 && n->now_us >= in->retry_us &&
            is_ours(n, in)) {
            ask(n, in, out);
        }
        asked += in->req != 0;
    }
}

uint64_t node_lists_due_us(const struct node *n)
{
    const struct wf_list_node *list = &n->data->listing;
    uint64_t due_us = UINT64_MAX;

    for (struct wf_list_node *x = wf_list_first(list); x != NULL && node_is_open(n);
         x = wf_list_next(list, x)) {
        const struct node_input *in = CONTAINER_OF(x, struct node_input, listing);

        if (in->req == 0 && in->retry_us > n->now_us) {
            due_us = wf_min_u64(due_us, in->retry_us);
        }
    }
    return due_us;
}

void node_lists_cut(struct node *n)
{
    const struct wf_list_node *list = &n->data->listing;

    for (struct wf_list_node *x = wf_list_first(list); x != NULL;
         x = wf_list_next(list, x)) {
        CONTAINER_OF(x, struct node_input, listing)->req = 0;
    }
}

/* -- answers ---------------------------------------------------------------------------
 */

static struct node_input *asked_for(const struct node *n, uint64_t req)
{
    const struct wf_list_node *list = n->data != NULL ? &n->data->listing : NULL;

    for (struct wf_list_node *x = list != NULL ? wf_list_first(list) : NULL;
         x != NULL && req != 0; x = wf_list_next(list, x)) {
        struct node_input *in = CONTAINER_OF(x, struct node_input, listing);

        if (in->req == req) {
            return in;
        }
    }
    return NULL;
}

/* The path within the folder; 0 when it is not below that. */
static int below(struct wf_slice folder, struct wf_slice path, struct wf_slice *ret)
{
    if (folder.len == 0) {
        *ret = path;
        return 1;
    }
    if (path.len <= folder.len + 1 || path.p[folder.len] != '/' ||
        memcmp(path.p, folder.p, folder.len) != 0) {
        return 0;
    }
    *ret = wf_slice_make(path.p + folder.len + 1, path.len - folder.len - 1);
    return 1;
}

/* 0, or why it cannot be. */
static int take_page(struct node *n, struct node_input *in, struct wf_rows rows,
                     struct wf_effects *out)
{
    struct wf_data_ref ref = {{NULL, 0}, {NULL, 0}, 0};
    struct wf_file_row row;
    struct wf_slice path;
    int rc = wf_data_ref_parse(wf_slice_make(in->key + 1, in->key_len - 1), &ref);

    while (rc == 0 && wf_rows_next(&rows, wf_desc_file_row(), &row)) {
        if (!wf_path_ok(row.path)) {
            rc = WEFT_EPROTO;
        } else if (!below(ref.path, row.path, &path)) {
            continue;
        } else if (in->files.n == NODE_RUN_FILES_MAX) {
            rc = WEFT_ETOOBIG;
        } else {
            rc = node_files_add(&in->files, path, &row.digest, row.size);
            if (rc == 0) {
                rc = node_set_add(n, &in->set, &row.digest, row.size, out);
            }
        }
    }
    return rc;
}

static void fail(struct node *n, struct node_input *in, int code, struct wf_slice text)
{
    char said[WF_TEXT_MAX + 1];
    char line[WF_TEXT_MAX + 1];

    (void) snprintf(
        line, sizeof line, "its folder %.*s: %s", (int) in->key_len - 1, in->key + 1,
        text.len != 0 ? wf_slice_str(text, said, sizeof said) : wf_err_sentence(code));
    node_set_fail(n, &in->set, code, line);
}

void node_on_dataset(struct node *n, const struct wf_dataset_info *m,
                     struct wf_effects *out)
{
    struct node_input *in = asked_for(n, m->req);
    int rc;

    if (in == NULL) {
        return;
    }
    in->req = 0;
    rc = take_page(n, in, m->files, out);
    if (rc == 0 && m->more != 0 && m->more <= in->after) {
        rc = WEFT_EPROTO; /* it would never end */
    }
    if (rc != 0) {
        fail(n, in, rc,
             wf_slice_of(rc == WEFT_ETOOBIG ? "more files than a node takes for one job, "
                                              "100000, or one that is too large"
                                            : ""));
        return;
    }
    in->after = m->more;
    if (m->more == 0) {
        wf_list_remove(&in->listing);
        node_set_touch(n, &in->set);
    }
}

void node_on_unlisted(struct node *n, const struct wf_error *m)
{
    struct node_input *in = asked_for(n, m->req);

    if (in == NULL || m->about != WF_MSG_query) {
        return;
    }
    in->req = 0;
    if (m->retry_ms != 0) {
        in->retry_us = wf_add_sat(
            n->now_us, wf_max_u64(wf_min_u64(m->retry_ms, 60000) * 1000, RETRY_US));
    } else {
        fail(n, in, m->code != 0 ? -(int) m->code : WEFT_ENOENT, m->text);
    }
}
