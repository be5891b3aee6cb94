/* What is written of a dataset: its head, then its files in parts, each under a number of
 * its own; a reader has the dataset when all files are there. */
#include "broker/core/data/inputs.h"
#include "broker/core/jobs/ledger.h"
#include "broker/core/jobs/replay.h"
#include "broker/core/mesh/data/named.h"

#include "common/err.h"
#include "common/log.h"
#include "common/mem.h"

#include <inttypes.h>

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
        .created_ms = d->created_ms,
        .home = d->home};

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
            return WEFT_ENOMEM;
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

    d->seq = next_number(c);
    rc = wf_map_put(c->data.datasets.by_seq, &d->seq, sizeof d->seq, d);
    if (rc == 0 && c->cfg.durable) {
        rc = write_head(c, d, out);
        while (rc == 0 && at < d->nfiles) {
            rc = write_part(c, d, &at, out);
        }
        d->lsn = c->lsn;
        wf_list_push_back(&c->data.pending, &d->in_pending);
    }
    return rc;
}

static int delete_records(struct core *c, const struct dataset *d, struct wf_effects *out)
{
    int rc = ledger_delete(c, LEDGER_DATASETS, d->seq, out);

    for (size_t i = 0; rc == 0 && i < d->nparts; i++) {
        rc = ledger_delete(c, LEDGER_DATASETS, d->parts[i], out);
    }
    return rc;
}

/* Out of the tables for good.  Without memory now its records are deleted later: they
 * must not come back. */
void dataset_doom(struct core *c, struct dataset *d, struct wf_effects *out)
{
    named_gone(c, d, out);
    c->mesh.imports.copies -= (unsigned) (d->complete && key_is_set(&d->home));
    dataset_clear(&c->data.datasets, &c->data.catalogue, d);
    wf_list_push_back(&c->data.doomed, &d->in_all);
    if (!c->rolled_back) {
        datasets_wipe(c, out);
    }
}

void datasets_wipe(struct core *c, struct wf_effects *out)
{
    struct wf_list_node *n;

    while ((n = wf_list_first(&c->data.doomed)) != NULL) {
        struct dataset *d = CONTAINER_OF(n, struct dataset, in_all);

        if (c->cfg.durable && d->seq != 0 && delete_records(c, d, out) != 0) {
            return;
        }
        dataset_free(&c->data.datasets, &c->data.catalogue, d);
    }
}

void dataset_remove(struct core *c, struct dataset *d, struct wf_effects *out)
{
    /* Its last record is deleted in this step. */
    uint64_t after_lsn = c->cfg.durable ? c->lsn + d->nparts + 1 : 0;

    if (keeps_add(c, d, wf_slice_of(""), WF_KEEP_DROP, after_lsn) < 0) {
        c->count.out_of_memory++; /* what is not pinned goes when room is needed */
    }
    dataset_doom(c, d, out);
}

/* -- the store -------------------------------------------------------------------------
 */

void datasets_durable(struct core *c)
{
    struct wf_list_node *n;

    while ((n = wf_list_first(&c->data.pending)) != NULL &&
           CONTAINER_OF(n, struct dataset, in_pending)->lsn <= c->durable_lsn) {
        wf_list_remove(n);
    }
}

void datasets_failed(struct core *c, uint64_t lsn, struct wf_effects *out)
{
    struct wf_list_node *n, *next;

    for (n = wf_list_first(&c->data.pending); n != NULL; n = next) {
        struct dataset *d = CONTAINER_OF(n, struct dataset, in_pending);

        next = wf_list_next(&c->data.pending, n);
        if (d->lsn >= lsn) {
            dataset_doom(c, d, out); /* its submitter is told that it is not there */
        }
    }
}

/* -- reading ---------------------------------------------------------------------------
 */

/* Two brokers of a site took the same name at the same time: all of them keep the one of
 * the lower number. */
static void settle_conflict(struct core *c, struct dataset *d, struct wf_effects *out)
{
    struct dataset *other =
        dataset_get(&c->data.datasets, wf_slice_of(d->name), d->version);
    struct dataset *loser = other != NULL && other->seq > d->seq ? other : d;

    core_news(c, out, WF_LOG_ERROR, "dataset-conflict", "", NULL,
              "%s@%" PRIu32 " was put at two brokers at the same time: that of %s is "
              "dropped, and must be put again",
              d->name, d->version, loser->owner->name);
    dataset_doom(c, loser, out);
    if (loser != d && dataset_complete(&c->data.datasets, &c->data.catalogue, d) != 0) {
        dataset_doom(c, d, out);
        return;
    }
    c->mesh.imports.copies += (unsigned) (loser != d && key_is_set(&d->home));
    named_say(c, loser != d ? d : other, out);
}

static int complete_if_whole(struct core *c, struct dataset *d, struct wf_effects *out)
{
    int rc;

    if (d->nfiles != d->nfiles_said) {
        return 0;
    }
    rc = dataset_complete(&c->data.datasets, &c->data.catalogue, d);
    if (rc == WEFT_EEXIST) {
        settle_conflict(c, d, out);
        return 0;
    }
    if (rc == 0) {
        c->mesh.imports.copies += (unsigned) key_is_set(&d->home);
        named_say(c, d, out);
    }
    return rc;
}

static int replay_head(struct core *c, uint64_t number, const struct wf_dataset_rec *m,
                       struct wf_effects *out)
{
    struct principal *owner = replay_owner(c, &m->owner);
    struct dataset *d =
        owner != NULL ? dataset_new(m->name, (uint32_t) m->version, owner) : NULL;
    int rc;

    if (d == NULL) {
        return WEFT_ENOMEM;
    }
    d->seq = number;
    d->created_ms = m->created_ms;
    d->home = m->home;
    d->used_us = c->now_us;
    d->nfiles_said = m->files;
    wf_list_push_back(&c->data.drafts, &d->in_all);
    rc = dataset_set_labels(d, m->labels);
    if (rc == 0) {
        rc = wf_map_put(c->data.datasets.by_seq, &d->seq, sizeof d->seq, d);
    }
    if (rc == 0) {
        rc = complete_if_whole(c, d, out);
    }
    if (rc != 0) {
        dataset_free(&c->data.datasets, &c->data.catalogue, d);
    }
    return rc;
}

/* Left behind by one that is gone.  While we run it may be that of another broker, whose
 * first record we did not understand. */
static void drop_orphan(struct core *c, uint64_t number, struct wf_effects *out)
{
    if (!c->loaded && !c->cfg.shared) {
        (void) ledger_delete(c, LEDGER_DATASETS, number, out);
    }
}

static int replay_part(struct core *c, uint64_t number,
                       const struct wf_dataset_part_rec *m, struct wf_effects *out)
{
    struct dataset *d =
        wf_map_get(c->data.datasets.by_seq, &m->dataset, sizeof m->dataset);
    int rc;

    if (d == NULL) {
        drop_orphan(c, number, out);
        return 0;
    }
    if (d->complete || (d->nparts != 0 && d->parts[d->nparts - 1] >= number)) {
        return 0; /* read twice */
    }
    rc = add_part(d, number);
    if (rc == 0) {
        rc = dataset_add_files(&c->data.datasets, &c->data.catalogue, d, m->files);
    }
    return rc == 0 ? complete_if_whole(c, d, out) : rc;
}

/* Another broker of the site removed it, or a part of it. */
static void replay_removed(struct core *c, uint64_t number, struct wf_effects *out)
{
    struct dataset *d = wf_map_get(c->data.datasets.by_seq, &number, sizeof number);

    if (d != NULL) {
        (void) keeps_add(c, d, wf_slice_of(""), WF_KEEP_DROP, 0);
        c->mesh.imports.copies -= (unsigned) (d->complete && key_is_set(&d->home));
        named_gone(c, d, out);
        dataset_free(&c->data.datasets, &c->data.catalogue, d);
    }
}

int dataset_replay(struct core *c, struct wf_slice record, struct wf_effects *out)
{
    struct wf_cursor cur;
    struct wf_msg msg;
    uint64_t number = 0;

    for (unsigned i = 0; i < 8 && i < record.len; i++) {
        number = number << 8 | record.p[i];
    }
    if (record.len <= 8) {
        replay_removed(c, number, out);
        return record.len == 8 ? 0 : WEFT_EPROTO;
    }
    wf_cur_init(&cur, record.p + 8, record.len - 8);
    if (wf_msg_decode(&cur, &msg) != 0) {
        return WEFT_EPROTO;
    }
    if (msg.type == WF_MSG_dataset_rec) {
        return wf_map_get(c->data.datasets.by_seq, &number, sizeof number) != NULL
                   ? 0
                   : replay_head(c, number, &msg.u.dataset_rec, out);
    }
    return msg.type == WF_MSG_dataset_part_rec
               ? replay_part(c, number, &msg.u.dataset_part_rec, out)
               : WEFT_EPROTO;
}

/* Those of which not all records are there were cut off while they were written, and not
 * told to anybody. */
void datasets_loaded(struct core *c, struct wf_effects *out)
{
    struct wf_list_node *n, *next;

    for (n = wf_list_first(&c->data.drafts); n != NULL; n = next) {
        struct dataset *d = CONTAINER_OF(n, struct dataset, in_all);

        next = wf_list_next(&c->data.drafts, n);
        if (d->draft_peer == 0) {
            dataset_doom(c, d, out);
        }
    }
}
