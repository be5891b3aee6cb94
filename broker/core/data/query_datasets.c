/* Datasets: listed, and shown with their files and where they are. */
#include "broker/core/data/inputs.h"

#include "broker/core/mesh/data/folders.h"
#include "broker/core/mesh/data/named.h"

#include "common/err.h"
#include "proto/name.h"

#include <stdio.h>

#define SHARES_LOOKED 4096u /* of one dataset, for its row */

/* Pages count those that are here; above this, those of other brokers. */
#define OTHERS (UINT64_C(1) << 32)

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

/* Agents that have all of it and can be asked. */
static uint64_t copies_of(const struct dataset *d)
{
    uint64_t copies = 0;
    unsigned looks = SHARES_LOOKED;

    for (struct wf_list_node *n = d->copies != 0 ? wf_list_first(&d->shares) : NULL;
         n != NULL && looks-- > 0; n = wf_list_next(&d->shares, n)) {
        const struct dataset_share *x = CONTAINER_OF(n, struct dataset_share, node);

        copies += x->whole && x->agent->session != NULL;
    }
    return copies;
}

static struct wf_dataset_row row_of(const struct core *c, const struct dataset *d,
                                    char labels[WF_TEXT_MAX + 1])
{
    return (struct wf_dataset_row){
        .name = wf_slice_of(d->name),
        .version = d->version,
        .owner = wf_slice_of(d->owner->name),
        .labels = wf_slice_of(labels_text(d, labels, WF_TEXT_MAX + 1)),
        .files = d->nfiles,
        .bytes = d->bytes,
        .copies = copies_of(d),
        .age_ms = c->wall_ms - wf_min_u64(c->wall_ms, d->created_ms)};
}

/* Those from number `after` on that the session may see; the number where it ended. */
static uint64_t add_page(struct turn *t, uint64_t after, uint64_t limit,
                         struct wf_datasets_page *page)
{
    const struct datasets *ds = &t->c->data.datasets;
    struct wf_buf *store = core_rows(t->c, 0);
    char labels[WF_TEXT_MAX + 1], room[WF_DATASET_MAX + 1];
    size_t there = after > OTHERS ? (size_t) (after - OTHERS) : 0;
    uint64_t at = 0;

    for (size_t i = 0; i < ds->nnames && after < OTHERS; i++) {
        const struct wf_list_node *head = &ds->names[i]->versions;

        for (struct wf_list_node *n = wf_list_first(head); n != NULL;
             n = wf_list_next(head, n), at++) {
            const struct dataset *d = CONTAINER_OF(n, struct dataset, in_series);
            struct wf_dataset_row row;

            if (at < after || !dataset_may_see(t->s, d) || key_is_set(&d->home)) {
                continue;
            }
            row = row_of(t->c, d, labels);
            row.name = wf_slice_of(named_here(t->c, t->s, d, room));
            if (page->rows.count == limit ||
                wf_rows_add(store, &page->rows, wf_desc_dataset_row(), &row) != 0) {
                return at;
            }
        }
    }
    return named_rows(t->c, t->s, &there, limit, store, &page->rows) ? OTHERS + there : 0;
}

void query_datasets(struct turn *t)
{
    const struct wf_query *q = &t->msg->u.query;
    struct wf_datasets_page page = {.req = q->req};

    page.more = add_page(t, q->after, q->limit != 0 ? q->limit : WF_PAGE_MAX, &page);
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

/* A page of files, which is never empty but of the last: who reads it must not take it
 * for that.  WEFT_ENOMEM. */
static int add_files(struct core *c, const struct dataset *d, uint64_t after,
                     struct wf_dataset_info *info)
{
    struct wf_buf *store = core_rows(c, 2);

    for (uint64_t i = after; i < d->nfiles; i++) {
        const struct dataset_file *f = &d->files[i];
        const struct wf_file_row row = {wf_slice_of(f->path), f->blob->digest,
                                        f->blob->size};

        if (info->files.count == WF_DATASET_PAGE || store->len > WF_FRAME_TARGET / 2) {
            info->more = i;
            break;
        }
        if (wf_rows_add(store, &info->files, wf_desc_file_row(), &row) != 0) {
            return WEFT_ENOMEM;
        }
    }
    return 0;
}

/* An agent or a neighbour may see the datasets that its attempts need. */
static int agent_may_see(const struct core *c, const struct session *s,
                         const struct dataset *d)
{
    const struct agent *a = s->principal->agent;

    for (struct wf_list_node *n = a != NULL ? wf_list_first(&a->attempts) : NULL;
         n != NULL; n = wf_list_next(&a->attempts, n)) {
        if (inputs_have_dataset(c, CONTAINER_OF(n, struct job, in_agent), d)) {
            return 1;
        }
    }
    return 0;
}

/* What this session may be shown: 0; 1: later; else the code of the refusal, with its
 * text. */
static int find_shown(struct turn *t, struct dataset **ret_dataset, const char **ret_text)
{
    struct core *c = t->c;
    const struct wf_query *q = &t->msg->u.query;
    struct wf_data_ref ref;
    struct dataset *d;

    *ret_text = "no such dataset";
    if (wf_data_ref_parse(q->key, &ref) != 0) {
        return WEFT_ENOENT;
    }
    if (!role_runs(t->s->role)) {
        return import_get(t, ref.name, ref.version, ret_dataset, ret_text);
    }
    d = dataset_get(&c->data.datasets, ref.name, ref.version);
    if (d == NULL || !(t->s->role == WF_ROLE_BROKER && key_is_set(&q->home)
                           ? dataset_may_read(d, &q->reader)
                           : agent_may_see(c, t->s, d))) {
        return WEFT_ENOENT;
    }
    *ret_dataset = d;
    return 0;
}

void query_dataset(struct turn *t)
{
    struct core *c = t->c;
    const struct wf_query *q = &t->msg->u.query;
    struct wf_dataset_info info = {.req = q->req};
    struct dataset *d = NULL;
    char labels[WF_TEXT_MAX + 1];
    struct wf_dataset_row row;
    const char *text;
    int rc;

    if (import_serve(t) || folders_ask(t)) {
        return; /* the answer is passed on */
    }
    rc = find_shown(t, &d, &text);
    if (rc != 0) {
        if (rc < 0) {
            refuse(t, rc, q->req, NULL, import_again_ms(c, rc), "%s", text);
        }
        return;
    }
    row = row_of(c, d, labels);
    (void) wf_rows_add(core_rows(c, 0), &info.dataset, wf_desc_dataset_row(), &row);
    if (q->after == 0) {
        add_shares(c, d, &info);
    }
    if (add_files(c, d, q->after, &info) != 0) {
        refuse(t, WEFT_EBUSY, q->req, NULL, 1000, "out of memory");
        return;
    }
    wf_effects_send(t->out, t->s->peer, WF_MSG_dataset_info, &info);
}
