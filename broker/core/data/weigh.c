/* Where the data of a job is, for its placement. */
#include "broker/core/data/inputs.h"

#include "proto/name.h"

#define SAMPLE 32u /* files of a folder that stand for all of it */

static void add_holder(struct inputs_at *at, struct agent *a)
{
    unsigned i = 0;

    while (i < at->n && at->holders[i] != a) {
        i++;
    }
    if (i == at->n && i < INPUTS_HOLDERS) {
        at->holders[at->n++] = a;
    }
}

static void add_holders_of(struct inputs_at *at, const struct blob *b)
{
    unsigned looks = INPUTS_HOLDERS;

    for (struct wf_list_node *n = b != NULL ? wf_list_first(&b->shares) : NULL;
         n != NULL && looks-- > 0; n = wf_list_next(&b->shares, n)) {
        add_holder(at, CONTAINER_OF(n, struct share, of_blob)->agent);
    }
}

static uint64_t have_of(const struct core *c, const struct wf_digest *digest,
                        const struct agent *a)
{
    const struct blob *b = catalogue_get(&c->data.catalogue, digest);
    const struct share *s = b != NULL ? catalogue_share(&c->data.catalogue, b, a) : NULL;

    return s != NULL ? s->have : 0;
}

/* A folder of a dataset, or all of it. */
struct folder {
    const struct dataset *d; /* NULL: it is gone */
    size_t first, n;
};

static struct folder folder_of(const struct core *c, const struct wf_need_row *need)
{
    struct folder f = {0};
    struct wf_data_ref ref;

    if (wf_data_ref_parse(need->ref, &ref) == 0) {
        f.d = dataset_get(&c->data.datasets, ref.name, ref.version);
    }
    if (f.d != NULL) {
        f.n = dataset_range(f.d, ref.path, &f.first);
    }
    return f;
}

/* The i-th of those files that stand for a folder, of at most SAMPLE. */
static const struct blob *sample(const struct folder *f, size_t i, size_t n)
{
    return f->d->files[f->first + i * f->n / n].blob;
}

static void add_holders_of_folder(struct inputs_at *at, const struct folder *f)
{
    const struct dataset *d = f->d;
    size_t n = wf_min_u64(f->n, SAMPLE);
    unsigned looks = INPUTS_HOLDERS;

    if (d != NULL && f->n != d->nfiles) {
        for (size_t i = 0; i < n; i++) {
            add_holders_of(at, sample(f, i, n));
        }
        return;
    }
    for (struct wf_list_node *x = d != NULL ? wf_list_first(&d->shares) : NULL;
         x != NULL && looks-- > 0; x = wf_list_next(&d->shares, x)) {
        add_holder(at, CONTAINER_OF(x, struct dataset_share, node)->agent);
    }
}

static uint64_t have_of_folder(const struct core *c, const struct folder *f,
                               const struct agent *a)
{
    size_t n = wf_min_u64(f->n, SAMPLE);
    uint64_t have = 0, of = 0, all;

    if (f->d != NULL && f->n == f->d->nfiles) {
        const struct dataset_share *x = dataset_share_of(&c->data.catalogue, f->d, a);

        return x != NULL ? x->bytes : 0;
    }
    for (size_t i = 0; i < n; i++) {
        const struct blob *b = sample(f, i, n);

        have += have_of(c, &b->digest, a);
        of += b->size;
    }
    if (f->n == n) {
        return have;
    }
    all = dataset_bytes(f->d, f->first, f->n);
    /* In thousandths, so that nothing overflows. */
    return have == of ? all : all / 1000 * (have / (of / 1000 + 1));
}

void inputs_gather(const struct core *c, const struct job *j, struct inputs_at *ret)
{
    struct wf_rows rows = j->inputs;
    struct wf_need_row need;

    ret->c = c;
    ret->job = j;
    ret->total = j->data_bytes;
    ret->n = 0;
    while (wf_rows_next(&rows, wf_desc_need_row(), &need)) {
        if (wf_digest_is_zero(&need.digest)) {
            const struct folder f = folder_of(c, &need);

            add_holders_of_folder(ret, &f);
        } else {
            add_holders_of(ret, catalogue_get(&c->data.catalogue, &need.digest));
        }
    }
    if (!wf_digest_is_zero(&j->payload_blob)) {
        add_holders_of(ret, catalogue_get(&c->data.catalogue, &j->payload_blob));
    }
}

uint64_t inputs_missing(const struct inputs_at *at, const struct agent *a)
{
    const struct core *c = at->c;
    struct wf_rows rows = at->job->inputs;
    struct wf_need_row need;
    uint64_t have = 0;

    if (a->nshares == 0) {
        return at->total;
    }
    while (wf_rows_next(&rows, wf_desc_need_row(), &need)) {
        uint64_t some;

        if (wf_digest_is_zero(&need.digest)) {
            const struct folder f = folder_of(c, &need);

            some = have_of_folder(c, &f, a);
        } else {
            some = have_of(c, &need.digest, a);
        }
        have = wf_add_sat(have, wf_min_u64(some, need.size));
    }
    if (!wf_digest_is_zero(&at->job->payload_blob)) {
        have = wf_add_sat(have, have_of(c, &at->job->payload_blob, a));
    }
    return at->total - wf_min_u64(at->total, have);
}
