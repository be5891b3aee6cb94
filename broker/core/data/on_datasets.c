/* Datasets: put, removed, pinned, listed. */
#include "broker/core/data/inputs.h"
#include "broker/core/ledger.h"

#include "common/err.h"
#include "common/log.h"
#include "proto/name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DRAFTS_MAX 16u /* of one session */

/* -- putting ---------------------------------------------------------------------------
 */

static struct dataset *draft_of(const struct turn *t, uint64_t req, unsigned *ret_n)
{
    struct dataset *found = NULL;
    const struct wf_list_node *head = &t->c->data.drafts;

    *ret_n = 0;
    for (struct wf_list_node *n = wf_list_first(head); n != NULL;
         n = wf_list_next(head, n)) {
        struct dataset *d = CONTAINER_OF(n, struct dataset, in_all);

        if (d->draft_peer == t->s->peer) {
            ++*ret_n;
            if (d->draft_req == req) {
                found = d;
            }
        }
    }
    return found;
}

static void drop(struct core *c, struct dataset *d)
{
    dataset_free(&c->data.datasets, &c->data.catalogue, d);
}

static void answer(struct turn *t, uint64_t req, int code, const char *text)
{
    const struct wf_done m = {
        .req = req, .code = (uint64_t) -code, .text = wf_slice_of(text)};

    core_promise(t->c, PROMISE_STEP, t->s->peer, req, 0, WF_MSG_done, &m, t->out);
}

/* 0, or the code of the refusal that was sent. */
static int check_name(struct turn *t, const struct wf_dataset_put *m,
                      uint32_t *ret_version)
{
    const struct dataset *newest = dataset_get(&t->c->data.datasets, m->name, 0);

    *ret_version = newest != NULL ? newest->version + 1 : 1;
    if (!wf_name_ok(m->name)) {
        reply_done(t, m->req, WEFT_EINVAL, "a dataset needs a name of a-z 0-9 . _ -");
        return WEFT_EINVAL;
    }
    if (newest != NULL && newest->owner != t->s->principal &&
        t->s->role != WF_ROLE_OPERATOR) {
        reply_done(t, m->req, WEFT_EEXIST,
                   "the name is taken by somebody else: choose another");
        return WEFT_EEXIST;
    }
    if (m->base != UINT32_MAX && m->base != (newest != NULL ? newest->version : 0)) {
        char text[WF_TEXT_MAX + 1];

        (void) snprintf(text, sizeof text,
                        newest != NULL
                            ? "the name is taken: its newest version is %" PRIu32
                            : "there is no version %" PRIu32 " of it",
                        newest != NULL ? newest->version : (uint32_t) m->base);
        reply_done(t, m->req, WEFT_EEXIST, text);
        return WEFT_EEXIST;
    }
    return 0;
}

static struct dataset *begin_draft(struct turn *t, const struct wf_dataset_put *m,
                                   unsigned ndrafts)
{
    struct core *c = t->c;
    uint32_t version = 0;
    struct dataset *d;

    if (check_name(t, m, &version) != 0) {
        return NULL;
    }
    d = ndrafts < DRAFTS_MAX ? dataset_new(m->name, version, t->s->principal) : NULL;
    if (d == NULL) {
        reply_done(t, m->req, WEFT_EBUSY, "too many datasets are being put: try again");
        return NULL;
    }
    if (dataset_set_labels(d, m->labels) != 0) {
        reply_done(t, m->req, WEFT_EINVAL, "a label is KEY=VALUE");
        drop(c, d);
        return NULL;
    }
    d->draft_peer = t->s->peer;
    d->draft_req = m->req;
    d->created_ms = c->wall_ms;
    wf_list_push_back(&c->data.drafts, &d->in_all);
    return d;
}

static void finish(struct turn *t, struct dataset *d)
{
    struct core *c = t->c;
    uint64_t req = d->draft_req;
    uint32_t version = 0;
    const struct wf_dataset_put *m = &t->msg->u.dataset_put;
    char text[WF_TEXT_MAX + 1];
    int rc;

    /* Somebody may have put one meanwhile. */
    if (check_name(t, m, &version) != 0) {
        drop(c, d);
        return;
    }
    d->version = version;
    d->draft_peer = 0;
    rc = dataset_complete(&c->data.datasets, d);
    if (rc == 0) {
        rc = dataset_write(c, d, t->out);
    }
    if (rc != 0) {
        reply_done(t, req, rc,
                   rc == WEFT_EINVAL ? "two files have one path, or one is a folder of "
                                       "the other"
                                     : wf_err_sentence(rc));
        drop(c, d);
        return;
    }
    (void) snprintf(text, sizeof text, "%s", d->key);
    answer(t, req, 0, text);
}

void on_dataset_put(struct turn *t)
{
    struct core *c = t->c;
    const struct wf_dataset_put *m = &t->msg->u.dataset_put;
    unsigned n;
    struct dataset *d = draft_of(t, m->req, &n);
    int rc;

    if (c->cfg.durable && c->store_failing) {
        c->count.storage_refused++;
        reply_done(t, m->req, WEFT_ESTORAGE, "the broker's store fails at present");
        return;
    }
    if (d == NULL) {
        d = begin_draft(t, m, n);
    }
    if (d == NULL) {
        return;
    }
    rc = dataset_add_files(&c->data.datasets, &c->data.catalogue, d, m->files);
    if (rc != 0) {
        reply_done(t, m->req, rc,
                   rc == WEFT_EINVAL
                       ? "a path is relative, without empty parts, . and .., and a blob "
                         "has one size"
                       : wf_err_sentence(rc));
        drop(c, d);
        return;
    }
    if (!m->more) {
        finish(t, d);
    }
}

/* -- removing and pinning --------------------------------------------------------------
 */

/* The owner's, or NULL after a refusal. */
static struct dataset *own_dataset(struct turn *t, struct wf_slice text, uint64_t req,
                                   struct wf_data_ref *ret_ref)
{
    struct dataset *d = NULL;

    if (wf_data_ref_parse(text, ret_ref) == 0 && ret_ref->path.len == 0) {
        d = dataset_get(&t->c->data.datasets, ret_ref->name, ret_ref->version);
    }
    if (d == NULL || !dataset_may_see(t->s, d)) {
        reply_done(t, req, WEFT_ENOENT, "no such dataset; `weft data ls` lists them");
        return NULL;
    }
    if (d->owner != t->s->principal && t->s->role != WF_ROLE_OPERATOR) {
        reply_done(t, req, WEFT_EPERM, "the dataset belongs to somebody else");
        return NULL;
    }
    return d;
}

/* Tell one agent about the blobs of a dataset that it holds whole. */
static void keep_at(struct core *c, const struct dataset *d, const struct agent *a,
                    unsigned action, struct wf_effects *out)
{
    struct wf_keep m = {.action = action};
    struct wf_buf *store = core_rows(c, 3);

    for (size_t i = 0; i < d->nfiles; i++) {
        const struct blob *b = d->files[i].blob;
        const struct wf_digest_row row = {b->digest, b->size};
        const struct share *s = blob_share(b, a);

        if (s != NULL && share_is_whole(s)) {
            (void) wf_rows_add(store, &m.rows, wf_desc_digest_row(), &row);
        }
        if (m.rows.count == WF_PAGE_MAX || (i + 1 == d->nfiles && m.rows.count != 0)) {
            wf_effects_send(out, a->session->peer, WF_MSG_keep, &m);
            wf_buf_clear(store);
            m.rows = (struct wf_rows){0};
        }
    }
}

/* At `node`, or everywhere.  Returns at how many agents. */
static unsigned keep_dataset(struct core *c, const struct dataset *d,
                             struct wf_slice node, unsigned action,
                             struct wf_effects *out)
{
    unsigned n = 0;

    for (struct wf_list_node *x = wf_list_first(&d->shares); x != NULL;
         x = wf_list_next(&d->shares, x)) {
        const struct agent *a = CONTAINER_OF(x, struct dataset_share, node)->agent;

        if (a->session != NULL &&
            (node.len == 0 || wf_slice_is(node, a->principal->name))) {
            keep_at(c, d, a, action, out);
            n++;
        }
    }
    return n;
}

/* Blobs that only this dataset has may go. */
static void let_go(struct core *c, const struct dataset *d, struct wf_effects *out)
{
    for (struct wf_list_node *x = wf_list_first(&d->shares); x != NULL;
         x = wf_list_next(&d->shares, x)) {
        const struct agent *a = CONTAINER_OF(x, struct dataset_share, node)->agent;
        struct wf_keep m = {.action = WF_KEEP_DROP};
        struct wf_buf *store = core_rows(c, 3);

        for (size_t i = 0; a->session != NULL && i < d->nfiles; i++) {
            const struct blob *b = d->files[i].blob;
            const struct wf_digest_row row = {b->digest, b->size};
            int shared = b->refs != 0 || b->members.next->next != &b->members;

            if (!shared && blob_share(b, a) != NULL) {
                (void) wf_rows_add(store, &m.rows, wf_desc_digest_row(), &row);
            }
            if (m.rows.count == WF_PAGE_MAX ||
                (i + 1 == d->nfiles && m.rows.count != 0)) {
                wf_effects_send(out, a->session->peer, WF_MSG_keep, &m);
                wf_buf_clear(store);
                m.rows = (struct wf_rows){0};
            }
        }
    }
}

void on_dataset_rm(struct turn *t)
{
    struct core *c = t->c;
    const struct wf_dataset_rm *m = &t->msg->u.dataset_rm;
    struct wf_data_ref ref;
    struct dataset *d = own_dataset(t, m->dataset, m->req, &ref);

    if (d != NULL && c->cfg.durable && c->store_failing) {
        c->count.storage_refused++;
        reply_done(t, m->req, WEFT_ESTORAGE, "the broker's store fails at present");
        return;
    }
    if (d == NULL) {
        return;
    }
    do {
        let_go(c, d, t->out);
        dataset_unwrite(c, d, t->out);
        drop(c, d);
        d = ref.version == 0 ? dataset_get(&c->data.datasets, ref.name, 0) : NULL;
    } while (d != NULL &&
             (d->owner == t->s->principal || t->s->role == WF_ROLE_OPERATOR));
    answer(t, m->req, 0, "");
}

void on_data_pin(struct turn *t)
{
    const struct wf_data_pin *m = &t->msg->u.data_pin;
    struct wf_data_ref ref;
    const struct dataset *d = own_dataset(t, m->dataset, m->req, &ref);
    char text[WF_TEXT_MAX + 1];
    unsigned n;

    if (d == NULL) {
        return;
    }
    n = keep_dataset(t->c, d, m->node, m->on ? WF_KEEP_PIN : WF_KEEP_UNPIN, t->out);
    if (n == 0) {
        reply_done(t, m->req, WEFT_ENOENT,
                   m->node.len != 0
                       ? "that node has nothing of it: `weft data stage` first"
                       : "no connected node has anything of it");
        return;
    }
    (void) snprintf(text, sizeof text, "at %u node%s", n, n == 1 ? "" : "s");
    reply_done(t, m->req, 0, text);
}

/* -- listing ---------------------------------------------------------------------------
 */

static const char *labels_text(const struct dataset *d, char *dst, size_t cap)
{
    struct wf_rows rows = {d->labels.p, (uint32_t) d->labels.len, d->nlabels};
    struct wf_label_row row;
    size_t used = 0;

    dst[0] = '\0';
    while (wf_rows_next(&rows, wf_desc_label_row(), &row)) {
        if (row.text.len + 2 > cap - used) {
            break;
        }
        used += (size_t) snprintf(dst + used, cap - used, "%s%.*s", used != 0 ? " " : "",
                                  (int) row.text.len, (const char *) row.text.p);
    }
    return dst;
}

static struct wf_dataset_row row_of(const struct core *c, const struct dataset *d,
                                    char labels[WF_TEXT_MAX + 1])
{
    uint64_t copies = 0;

    for (struct wf_list_node *x = wf_list_first(&d->shares); x != NULL;
         x = wf_list_next(&d->shares, x)) {
        copies += CONTAINER_OF(x, struct dataset_share, node)->bytes >= d->bytes;
    }
    return (struct wf_dataset_row){
        .name = wf_slice_of(d->name),
        .version = d->version,
        .owner = wf_slice_of(d->owner->name),
        .labels = wf_slice_of(labels_text(d, labels, WF_TEXT_MAX + 1)),
        .files = d->nfiles,
        .bytes = d->bytes,
        .copies = copies,
        .age_ms = c->wall_ms - wf_min_u64(c->wall_ms, d->created_ms)};
}

void query_datasets(struct turn *t)
{
    struct core *c = t->c;
    const struct wf_query *q = &t->msg->u.query;
    struct wf_datasets_page page = {.req = q->req};
    struct wf_buf *store = core_rows(c, 0);
    const struct wf_list_node *head = &c->data.datasets.all;
    uint64_t at = 0, limit = q->limit != 0 ? q->limit : WF_PAGE_MAX;
    char labels[WF_TEXT_MAX + 1];

    for (struct wf_list_node *n = wf_list_first(head); n != NULL;
         n = wf_list_next(head, n)) {
        const struct dataset *d = CONTAINER_OF(n, struct dataset, in_all);
        struct wf_dataset_row row;

        if (at++ < q->after || !dataset_may_see(t->s, d)) {
            continue;
        }
        row = row_of(c, d, labels);
        if (page.rows.count == limit ||
            wf_rows_add(store, &page.rows, wf_desc_dataset_row(), &row) != 0) {
            page.more = at - 1;
            break;
        }
    }
    wf_effects_send(t->out, t->s->peer, WF_MSG_datasets_page, &page);
}

static void add_shares(struct core *c, const struct dataset *d,
                       struct wf_dataset_info *info)
{
    struct wf_buf *store = core_rows(c, 1);

    for (struct wf_list_node *x = wf_list_first(&d->shares);
         x != NULL && info->shares.count < WF_PAGE_MAX; x = wf_list_next(&d->shares, x)) {
        const struct dataset_share *s = CONTAINER_OF(x, struct dataset_share, node);
        const struct wf_share_row row = {.node = wf_slice_of(s->agent->principal->name),
                                         .site = wf_slice_of(s->agent->principal->site),
                                         .bytes = s->bytes,
                                         .files = s->files,
                                         .pinned = s->pinned,
                                         .age_ms =
                                             (c->now_us - s->agent->heard_us) / 1000};

        (void) wf_rows_add(store, &info->shares, wf_desc_share_row(), &row);
    }
}

/* An agent may see the datasets that its attempts need. */
static int agent_may_see(const struct core *c, const struct session *s,
                         const struct dataset *d)
{
    const struct agent *a = s->principal->agent;

    if (a == NULL || d->nfiles == 0) {
        return a != NULL;
    }
    for (struct wf_list_node *n = wf_list_first(&a->attempts); n != NULL;
         n = wf_list_next(&a->attempts, n)) {
        if (inputs_have_dataset(c, CONTAINER_OF(n, struct job, in_agent), d)) {
            return 1;
        }
    }
    return 0;
}

void query_dataset(struct turn *t)
{
    struct core *c = t->c;
    const struct wf_query *q = &t->msg->u.query;
    struct wf_dataset_info info = {.req = q->req};
    struct wf_data_ref ref;
    const struct dataset *d = NULL;
    char labels[WF_TEXT_MAX + 1];
    struct wf_dataset_row row;
    struct wf_buf *files;

    if (wf_data_ref_parse(q->key, &ref) == 0) {
        d = dataset_get(&c->data.datasets, ref.name, ref.version);
    }
    if (d == NULL || !(t->s->role == WF_ROLE_AGENT ? agent_may_see(c, t->s, d)
                                                   : dataset_may_see(t->s, d))) {
        refuse(t, WEFT_ENOENT, q->req, NULL, 0,
               "no such dataset; `weft data ls` lists them");
        return;
    }
    row = row_of(c, d, labels);
    (void) wf_rows_add(core_rows(c, 0), &info.dataset, wf_desc_dataset_row(), &row);
    if (q->after == 0) {
        add_shares(c, d, &info);
    }
    files = core_rows(c, 2);
    for (size_t i = (size_t) q->after; i < d->nfiles; i++) {
        const struct dataset_file *f = &d->files[i];
        const struct wf_file_row file = {wf_slice_of(f->path), f->blob->digest,
                                         f->blob->size};

        if (info.files.count == WF_DATASET_PAGE || files->len > WF_FRAME_TARGET / 2 ||
            wf_rows_add(files, &info.files, wf_desc_file_row(), &file) != 0) {
            info.more = i;
            break;
        }
    }
    wf_effects_send(t->out, t->s->peer, WF_MSG_dataset_info, &info);
}
