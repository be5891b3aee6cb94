/* Datasets on stable storage: what comes back, and what does not. */
#include "tests/unit/broker/data/stock.h"
#include "tests/unit/broker/shelf.h"

#define ANN  10
#define BOSS 20

/* Rows with a value in the table of datasets. */
static unsigned stored(void)
{
    unsigned n = 0;

    for (size_t i = 0; i < shelf.n; i++) {
        n += shelf.rows[i].table == LEDGER_DATASETS && shelf.rows[i].len > 8;
    }
    return n;
}

static void store_fails(struct bed *b, uint64_t from_lsn)
{
    bed_step(b, &(struct broker_event){.kind = BROKER_STORE_ERROR, .lsn = from_lsn});
}

static void read_row(struct bed *b, const uint8_t *p, size_t len)
{
    bed_step(b, &(struct broker_event){.kind = BROKER_RECORD,
                                       .table = LEDGER_DATASETS,
                                       .record = wf_slice_make(p, len)});
}

/* A record as another broker would write it: its number, then this message. */
static void read_record(struct bed *b, uint64_t number, enum wf_type type,
                        const void *body)
{
    struct wf_buf record = WF_BUF_INIT(1u << 20);

    for (unsigned i = 0; i < 8; i++) {
        const uint8_t byte = (uint8_t) (number >> (56 - 8 * i));

        must(wf_buf_put(&record, &byte, 1) == 0);
    }
    if (body != NULL) {
        must(wf_msg_encode(&record, type, body) == 0);
    }
    read_row(b, record.p, record.len);
    wf_buf_fini(&record);
}

static void read_head(struct bed *b, uint64_t number, const char *name, uint32_t version,
                      uint8_t owner, uint64_t files)
{
    const struct wf_dataset_rec m = {.owner = bed_key(owner),
                                     .name = wf_slice_of(name),
                                     .version = version,
                                     .files = files,
                                     .created_ms = b->wall_ms};

    read_record(b, number, WF_MSG_dataset_rec, &m);
}

static void read_part(struct bed *b, uint64_t number, uint64_t dataset, const char *path,
                      unsigned blob)
{
    struct list files = LIST;
    struct wf_dataset_part_rec m = {.dataset = dataset};

    list_file(&files, path, blob, blob * KIB);
    m.files = files.rows;
    read_record(b, number, WF_MSG_dataset_part_rec, &m);
    list_fini(&files);
}

static void comes_back(void)
{
    const struct dataset *d;
    struct list files = LIST;
    uint32_t ann;
    struct wf_msg m;
    struct bed b;
    size_t first;
    uint64_t hash, none;

    start(&b);
    ann = client_of(&b, ANN, "ann");
    none = core_durable_hash(b.c);
    for (unsigned i = 0; i < 1000; i++) {
        char path[160];

        (void) snprintf(path, sizeof path, "d%u/%0120u", i % 10, i);
        list_file(&files, path, i % 500, KIB);
    }
    stock_put(&b, ann, "pics", 0, "residency=eu", &files);
    ok(!bed_told(&b, ann, WF_MSG_done, 0, &m), "nothing is promised yet");
    sync_all(&b);
    ok(bed_told(&b, ann, WF_MSG_done, 0, &m) && m.u.done.code == 0,
       "before it is on stable storage");
    ok(stored() > 3, "in several records");
    stock_simple(&b, ann, "more", NULL, 1, 0);
    sync_all(&b);
    ok(wf_list_empty(&b.c->data.pending), "all of it is");
    hash = core_durable_hash(b.c);
    restart(&b);
    ok(core_durable_hash(b.c) == hash && hash != none, "the records make the same state");
    d = stock_get(&b, "pics", 1);
    ok(d != NULL && d->nfiles == 1000 && d->nmembers == 500 && d->bytes == 1000 * KIB,
       "a dataset comes back");
    ok(d != NULL && strcmp(d->residency, "eu") == 0 &&
           strcmp(d->owner->name, "ann") == 0 && d->created_ms == b.wall_ms,
       "with its labels, owner and time");
    ok(d != NULL && dataset_range(d, wf_slice_of("d3"), &first) == 100, "sorted");
    ok(stock_get(&b, "more", 1) != NULL, "one without files, too");
    ann = bed_hello(&b, ANN, WF_ROLE_CLIENT, 2);
    stock_put(&b, ann, "pics", 1, NULL, &files);
    sync_all(&b);
    restart(&b);
    ok(stock_get(&b, "pics", 2) != NULL && stock_get(&b, "pics", 1) != NULL,
       "versions go on");
    list_fini(&files);
    bed_fini(&b);
}

static void removal(void)
{
    uint32_t ann, agent;
    struct wf_msg m;
    struct bed b;
    uint64_t hash;

    start(&b);
    ann = client_of(&b, ANN, "ann");
    agent = agent_of(&b, 1, "one", 1);
    stock_simple(&b, ann, "pics", NULL, 1, 3);
    stock_simple(&b, ann, "pics", NULL, 2, 3);
    stock_simple(&b, ann, "rest", NULL, 7, 1);
    sync_all(&b);
    stock_has(&b, agent, 1);
    stock_rm(&b, ann, "pics");
    ok(!bed_told(&b, ann, WF_MSG_done, 0, &m), "a removal is told");
    ok(!stock_kept(&b, agent, WF_KEEP_DROP, 1), "and blobs may go");
    bed_durable(&b, put(&b));
    ok(bed_told(&b, ann, WF_MSG_done, 0, &m) && m.u.done.code == 0, "when it is safe");
    ok(stock_kept(&b, agent, WF_KEEP_DROP, 1), "at the agents as well");
    sync_all(&b);
    is_int(stored(), 2, "its records are gone");
    hash = core_durable_hash(b.c);
    restart(&b);
    ok(core_durable_hash(b.c) == hash, "the state without it is that of the records");
    ok(stock_get(&b, "pics", 0) == NULL && stock_get(&b, "rest", 0) != NULL,
       "it does not come back");
    bed_fini(&b);
}

/* The store fails while a dataset is put. */
static void not_kept(void)
{
    uint32_t ann;
    struct wf_msg m;
    struct bed b;
    uint64_t lsn;

    start(&b);
    ann = client_of(&b, ANN, "ann");
    stock_simple(&b, ann, "old", NULL, 1, 1);
    sync_all(&b);
    lsn = b.c->lsn;
    stock_simple(&b, ann, "pics", NULL, 1, 3);
    (void) put(&b);
    store_fails(&b, lsn + 1);
    (void) put(&b);
    ok(bed_told(&b, ann, WF_MSG_done, 0, &m) &&
           m.u.done.code == (uint64_t) -WEFT_ESTORAGE,
       "who put it is told that it is not kept");
    ok(stock_get(&b, "pics", 0) == NULL && stock_get(&b, "old", 0) != NULL,
       "and nothing of it stays");
    stock_simple(&b, ann, "pics", NULL, 1, 3);
    is_int(bed_refusal(&b, ann), WEFT_ESTORAGE, "nothing is taken while it fails");
    stock_rm(&b, ann, "old");
    is_int(bed_refusal(&b, ann), WEFT_ESTORAGE, "nor removed");
    bed_durable(&b, b.c->lsn);
    sync_all(&b);
    is_int(stored(), 2, "what was written late all the same is deleted");
    stock_simple(&b, ann, "pics", NULL, 1, 3);
    sync_all(&b);
    ok(bed_told(&b, ann, WF_MSG_done, 0, &m) && m.u.done.code == 0, "then it may be put");
    restart(&b);
    ok(stock_get(&b, "pics", 1) != NULL && stock_get(&b, "pics", 1)->nfiles == 3,
       "and is kept");
    bed_fini(&b);
}

/* What was cut off in the middle, or outlived its head. */
static void half_written(void)
{
    uint32_t ann;
    struct bed b;
    size_t heads = 0;

    start(&b);
    ann = client_of(&b, ANN, "ann");
    stock_simple(&b, ann, "half", NULL, 1, 3);
    (void) put(&b);
    stock_simple(&b, ann, "orphan", NULL, 4, 3);
    (void) put(&b);
    stock_simple(&b, ann, "whole", NULL, 7, 3);
    sync_all(&b);
    is_int(stored(), 6, "three heads, three parts");
    for (size_t i = 0; i < shelf.n; i++) {
        if (shelf.rows[i].table == LEDGER_DATASETS) {
            heads++;
            if (heads == 2 || heads == 3) {
                shelf.rows[i].len = 8; /* the part of the first, the head of the second */
            }
        }
    }
    b.cfg.boot++;
    b.cfg.lsn = b.c->durable_lsn;
    core_free(b.c);
    bed_start(&b);
    for (size_t i = 0, n = shelf.n; i < n; i++) {
        struct broker_event ev = {.kind = BROKER_RECORD, .table = shelf.rows[i].table};

        if (shelf.rows[i].len > shelf.rows[i].key) {
            ev.record = wf_slice_make(shelf.rows[i].bytes, shelf.rows[i].len);
            bed_step(&b, &ev);
            (void) put(&b);
        }
    }
    is_int(core_bad_records(b.c), 0, "none of it is an error");
    bed_step(&b, &(struct broker_event){.kind = BROKER_LOADED});
    sync_all(&b);
    ok(stock_get(&b, "whole", 1) != NULL && stock_get(&b, "half", 0) == NULL &&
           stock_get(&b, "orphan", 0) == NULL,
       "what is whole comes back, and nothing else");
    ok(wf_list_empty(&b.c->data.drafts) && stock_blob(&b, 1) == NULL,
       "nothing is kept of it");
    is_int(stored(), 2, "not in the store either");
    bed_fini(&b);
}

/* -- other brokers ---------------------------------------------------------------------
 */

static void news(void)
{
    uint32_t ann, agent;
    struct wf_msg m;
    struct bed b;

    start(&b);
    b.c->cfg.shared = 1;
    ann = client_of(&b, ANN, "ann");
    agent = agent_of(&b, 1, "one", 1);
    stock_info(&b, agent, NULL, 1, 1000 * MIB);
    stock_has(&b, agent, 5);
    read_head(&b, 1000, "pics", 1, ANN, 2);
    ok(stock_get(&b, "pics", 0) == NULL, "another broker's head alone is nothing");
    read_part(&b, 1001, 1000, "a", 5);
    read_part(&b, 1001, 1000, "a", 5);
    read_part(&b, 1002, 1000, "b", 6);
    ok(stock_get(&b, "pics", 1) != NULL && stock_get(&b, "pics", 1)->nfiles == 2,
       "with its parts it is there, read twice or not");
    read_head(&b, 1000, "pics", 1, ANN, 2);
    read_part(&b, 1002, 1000, "b", 6);
    is_int(stock_get(&b, "pics", 1)->nfiles, 2, "and read again it is the same");
    stock_submit(&b, ann, 1, "in", "pics");
    is_int(bed_state(&b, 1), WF_JOB_ASSIGNED, "jobs may use it");
    stock_put(&b, ann, "pics", 0, NULL, &(struct list) LIST);
    is_int(bed_refusal(&b, ann), WEFT_EEXIST, "its name is taken");
    read_record(&b, 1000, WF_MSG_dataset_rec, NULL);
    ok(stock_get(&b, "pics", 0) == NULL, "another broker removes it");
    ok(stock_kept(&b, agent, WF_KEEP_DROP, 5), "our agents may let its blobs go");
    read_record(&b, 1001, WF_MSG_dataset_part_rec, NULL);
    read_part(&b, 1002, 1000, "b", 6);
    is_int(core_bad_records(b.c), 0, "what follows of it is nothing");
    ok(bed_effect(&b, WF_EFFECT_APPEND) == NULL, "and is not ours to delete");
    read_row(&b, (const uint8_t *) "abc", 3);
    is_int(core_bad_records(b.c), 1, "half a number is damage");
    (void) m;
    bed_fini(&b);
}

/* Two brokers take one name at the same time. */
static void conflicts(void)
{
    uint32_t ann;
    struct bed b;

    start(&b);
    ann = client_of(&b, ANN, "ann");
    stock_simple(&b, ann, "pics", NULL, 1, 3);
    sync_all(&b);
    read_head(&b, UINT64_C(1) << 50, "pics", 1, ANN, 1);
    read_part(&b, (UINT64_C(1) << 50) + 1, UINT64_C(1) << 50, "later", 9);
    is_int(stock_get(&b, "pics", 1)->nfiles, 3, "the one of the lower number stays");
    sync_all(&b);
    is_int(stored(), 2, "the other's records are deleted");
    stock_simple(&b, ann, "docs", NULL, 1, 3);
    sync_all(&b);
    read_head(&b, 1, "docs", 1, ANN, 1);
    read_part(&b, 2, 1, "earlier", 9);
    is_int(stock_get(&b, "docs", 1)->nfiles, 1, "also when that is the other one");
    sync_all(&b);
    is_int(stored(), 2, "and ours is deleted");
    is_int(core_bad_records(b.c), 0, "which is no damage");
    restart(&b);
    ok(stock_get(&b, "pics", 1) != NULL, "and the broker starts again");
    bed_fini(&b);
}

/* Two brokers of a site asked for one dataset of another broker at the same time. */
static void copies_conflict(void)
{
    struct wf_dataset_rec m = {.owner = bed_key(ANN),
                               .name = wf_slice_of("far.07070707"),
                               .version = 1,
                               .home = bed_key(7)};
    struct bed b;

    start(&b);
    b.c->cfg.shared = 1;
    (void) client_of(&b, ANN, "ann");
    read_record(&b, 1000, WF_MSG_dataset_rec, &m);
    read_record(&b, 500, WF_MSG_dataset_rec, &m);
    ok(b.c->mesh.imports.copies == 1 && stock_get(&b, "far.07070707", 1)->seq == 500,
       "of two copies of one dataset one stays, and counts");
    read_record(&b, 2000, WF_MSG_dataset_rec, &m);
    is_int(b.c->mesh.imports.copies, 1, "a later one does not");
    read_record(&b, 500, WF_MSG_dataset_rec, NULL);
    is_int(b.c->mesh.imports.copies, 0, "and when it is removed there is none");
    bed_fini(&b);
}

static void lost_owner(void)
{
    uint32_t boss;
    struct bed b;

    start(&b);
    boss = bed_operator(&b, BOSS);
    keep_key(&b, BOSS);
    read_head(&b, 1000, "pics", 1, 77, 1);
    read_part(&b, 1001, 1000, "a", 5);
    ok(stock_get(&b, "pics", 1) != NULL, "whose key was lost has a dataset still");
    stock_rm(&b, boss, "pics");
    sync_all(&b);
    ok(stock_get(&b, "pics", 1) == NULL && core_bad_records(b.c) == 0,
       "for an operator to remove");
    bed_fini(&b);
}

static void last_version(void)
{
    uint32_t ann;
    struct bed b;

    start(&b);
    ann = client_of(&b, ANN, "ann");
    read_head(&b, 1000, "pics", UINT32_MAX, ANN, 0);
    stock_simple(&b, ann, "pics", NULL, 1, 1);
    is_int(bed_refusal(&b, ann), WEFT_EFULL, "versions come to an end");
    bed_fini(&b);
}

/* A smaller table than before must not keep the broker from starting. */
static void smaller_table(void)
{
    uint32_t ann;
    struct bed b;

    start(&b);
    ann = client_of(&b, ANN, "ann");
    stock_simple(&b, ann, "pics", NULL, 1, 50);
    sync_all(&b);
    b.cfg.max_blobs = 5;
    restart(&b);
    is_int(stock_get(&b, "pics", 1)->nfiles, 50, "what was accepted stays");
    ann = bed_hello(&b, ANN, WF_ROLE_CLIENT, 2);
    stock_simple(&b, ann, "more", NULL, 1, 1);
    is_int(bed_refusal(&b, ann), WEFT_EFULL, "more is not taken");
    bed_fini(&b);
}

/* An old copy of the store was put back: nothing is changed. */
static void rolled_back(void)
{
    uint32_t ann;
    struct bed b;

    start(&b);
    ann = client_of(&b, ANN, "ann");
    stock_simple(&b, ann, "pics", NULL, 1, 1);
    sync_all(&b);
    b.c->rolled_back = 1;
    stock_simple(&b, ann, "more", NULL, 1, 1);
    is_int(bed_refusal(&b, ann), WEFT_ESTORAGE, "nothing is put");
    stock_rm(&b, ann, "pics");
    is_int(bed_refusal(&b, ann), WEFT_ESTORAGE, "nothing is removed");
    ok(stock_get(&b, "pics", 0) != NULL && bed_effect(&b, WF_EFFECT_APPEND) == NULL,
       "nothing is written");
    bed_fini(&b);
}

/* Without memory in the middle: whatever was written, a restart has all of it or none,
 * always what was promised and never what was refused. */
static void survives_oom(void)
{
    unsigned wrong = 0;
    int told = 0;

    for (long n = 0; !told && n < 200; n++) {
        struct list files = LIST;
        int refused, there;
        struct wf_msg m;
        uint32_t ann;
        struct bed b;

        start(&b);
        ann = client_of(&b, ANN, "ann");
        for (unsigned i = 0; i < 500; i++) {
            char path[160];

            (void) snprintf(path, sizeof path, "%0120u", i);
            list_file(&files, path, i % 3, KIB);
        }
        wf_effects_fini(&b.fx);
        wf_mem_fail_after(n);
        stock_put(&b, ann, "pics", 0, NULL, &files);
        wf_mem_fail_after(-1);
        refused = b.fx.err != 0 || bed_refusal(&b, ann) != 0;
        (void) put(&b);
        if (b.fx.err != 0) {
            bed_step(&b, &(struct broker_event){.kind = BROKER_FORGETFUL});
        }
        (void) put(&b);
        bed_durable(&b, b.c->lsn);
        told = bed_told(&b, ann, WF_MSG_done, 0, &m) && m.u.done.code == 0;
        sync_all(&b);
        bed_tick(&b, BED_SECOND);
        sync_all(&b);
        there = stock_get(&b, "pics", 1) != NULL;
        wrong += (told && !there) || (refused && there);
        wrong += stored() != (there ? 1u + stock_get(&b, "pics", 1)->nparts : 0u);
        restart(&b);
        wrong += (stock_get(&b, "pics", 1) != NULL) != there;
        list_fini(&files);
        bed_fini(&b);
    }
    ok(told && wrong == 0, "all or nothing, whichever allocation fails");
}

int main(void)
{
    comes_back();
    removal();
    not_kept();
    half_written();
    news();
    conflicts();
    copies_conflict();
    lost_owner();
    last_version();
    smaller_table();
    rolled_back();
    survives_oom();
    return done();
}
