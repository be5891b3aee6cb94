/* What is written of a dataset: its head, then its files in parts, each under a number of
 * its own; a reader has the dataset when all files are there. */
#include "broker/core/data/inputs.h"
#include "broker/core/ledger.h"

#include "common/err.h"
#include "common/mem.h"

#include <string.h>

#define PART_BYTES (48u << 10) /* of a record, about */

static uint64_t next_number(struct core *c)
{
    return ++c->jobs.next_seq;
}

static int write_head(struct core *c, const struct dataset *d, struct wf_effects *out)
{
    const struct wf_dataset_rec m = {
        .owner = d->owner->key,
        .name = wf_slice_of(d->name),
        .version = d->version,
        .labels = {d->labels.p, (uint32_t) d->labels.len, d->nlabels},
        .files = d->nfiles,
        .created_ms = d->created_ms};

    return ledger_put(c, LEDGER_DATASETS, d->seq, WF_MSG_dataset_rec, &m, out);
}

static int add_part(struct dataset *d, uint64_t number)
{
    uint64_t *v = wf_realloc(d->parts, (d->nparts + 1) * sizeof *v);

    if (v == NULL) {
        return WEFT_ENOMEM;
    }
    d->parts = v;
    d->parts[d->nparts++] = number;
    return 0;
}

static int write_part(struct core *c, struct dataset *d, size_t *at,
                      struct wf_effects *out)
{
    struct wf_buf *store = core_rows(c, 3);
    struct wf_dataset_part_rec m = {.dataset = d->seq};
    uint64_t number = next_number(c);

    while (*at < d->nfiles && store->len < PART_BYTES &&
           m.files.count < WF_DATASET_PAGE) {
        const struct dataset_file *f = &d->files[*at];
        const struct wf_file_row row = {wf_slice_of(f->path), f->blob->digest,
                                        f->blob->size};

        if (wf_rows_add(store, &m.files, wf_desc_file_row(), &row) != 0) {
            break;
        }
        ++*at;
    }
    return add_part(d, number) != 0
               ? WEFT_ENOMEM
               : ledger_put(c, LEDGER_DATASETS, number, WF_MSG_dataset_part_rec, &m, out);
}

int dataset_write(struct core *c, struct dataset *d, struct wf_effects *out)
{
    size_t at = 0;
    int rc;

    if (!c->cfg.durable) {
        return 0;
    }
    d->seq = next_number(c);
    rc = wf_map_put(c->data.datasets.by_seq, &d->seq, sizeof d->seq, d);
    if (rc == 0) {
        rc = write_head(c, d, out);
    }
    while (rc == 0 && at < d->nfiles) {
        rc = write_part(c, d, &at, out);
    }
    if (rc != 0) {
        dataset_unwrite(c, d, out);
    }
    return rc;
}

void dataset_unwrite(struct core *c, const struct dataset *d, struct wf_effects *out)
{
    if (d->seq == 0) {
        return;
    }
    (void) ledger_delete(c, LEDGER_DATASETS, d->seq, out);
    for (size_t i = 0; i < d->nparts; i++) {
        (void) ledger_delete(c, LEDGER_DATASETS, d->parts[i], out);
    }
}

static int complete_if_whole(struct core *c, struct dataset *d)
{
    int rc = 0;

    if (!d->complete && d->nfiles == d->nfiles_said) {
        rc = dataset_complete(&c->data.datasets, d);
    }
    return rc;
}

static int replay_head(struct core *c, uint64_t number, const struct wf_dataset_rec *m)
{
    struct principal *owner = registry_key(&c->registry, &m->owner);
    struct dataset *d;
    int rc;

    if (owner == NULL) {
        return 0; /* whose key was dropped has no data here */
    }
    d = dataset_new(m->name, (uint32_t) m->version, owner);
    if (d == NULL) {
        return WEFT_ENOMEM;
    }
    d->seq = number;
    d->created_ms = m->created_ms;
    d->nfiles_said = m->files;
    wf_list_push_back(&c->data.drafts, &d->in_all);
    rc = dataset_set_labels(d, m->labels);
    if (rc == 0) {
        rc = wf_map_put(c->data.datasets.by_seq, &d->seq, sizeof d->seq, d);
    }
    if (rc == 0) {
        rc = complete_if_whole(c, d);
    }
    if (rc != 0) {
        dataset_free(&c->data.datasets, &c->data.catalogue, d);
    }
    return rc;
}

static int replay_part(struct core *c, uint64_t number,
                       const struct wf_dataset_part_rec *m)
{
    struct dataset *d =
        wf_map_get(c->data.datasets.by_seq, &m->dataset, sizeof m->dataset);
    int rc;

    if (d == NULL || d->complete) {
        return 0; /* left behind by one that was removed; or read twice */
    }
    rc = dataset_add_files(&c->data.datasets, &c->data.catalogue, d, m->files);
    if (rc == 0) {
        rc = add_part(d, number);
    }
    return rc == 0 ? complete_if_whole(c, d) : rc;
}

/* Another broker of the site removed it, or a part of it. */
static void replay_removed(struct core *c, uint64_t number)
{
    struct dataset *d = wf_map_get(c->data.datasets.by_seq, &number, sizeof number);

    if (d != NULL) {
        dataset_free(&c->data.datasets, &c->data.catalogue, d);
    }
}

int dataset_replay(struct core *c, struct wf_slice record)
{
    struct wf_cursor cur;
    struct wf_msg msg;
    uint64_t number = 0;

    for (unsigned i = 0; i < 8 && i < record.len; i++) {
        number = number << 8 | record.p[i];
    }
    if (record.len <= 8) {
        replay_removed(c, number);
        return record.len == 8 ? 0 : WEFT_EPROTO;
    }
    wf_cur_init(&cur, record.p + 8, record.len - 8);
    if (wf_msg_decode(&cur, &msg) != 0) {
        return WEFT_EPROTO;
    }
    if (msg.type == WF_MSG_dataset_rec) {
        return wf_map_get(c->data.datasets.by_seq, &number, sizeof number) != NULL
                   ? 0
                   : replay_head(c, number, &msg.u.dataset_rec);
    }
    return msg.type == WF_MSG_dataset_part_rec
               ? replay_part(c, number, &msg.u.dataset_part_rec)
               : WEFT_EPROTO;
}
