/* Where the data of a job is, for its placement. */
#include "broker/core/data/inputs.h"

#include "proto/name.h"

#define SAMPLE 32u /* files of a folder that stand for all of it */
#define LOOKS  64u /* holders that are asked how much they have */

/* Those that have most of it, of the ones that can give it now. */
static void add_holder(struct route_input *in, const struct agent *a, uint64_t have)
{
    unsigned i = in->nholders;

    have = wf_min_u64(have, in->bytes);
    if (have == 0 || a->session == NULL) {
        return;
    }
    for (unsigned k = 0; k < in->nholders; k++) {
        if (in->holders[k].node == a->node) {
            return;
        }
    }
    if (i == ROUTE_HOLDERS_MAX) {
        i--;
        if (in->holders[i].have >= have) {
            return;
        }
    } else {
        in->nholders++;
    }
    while (i > 0 && in->holders[i - 1].have < have) {
        in->holders[i] = in->holders[i - 1];
        i--;
    }
    in->holders[i] = (struct route_holder){a->node, have};
}

static void add_holders_of(struct route_input *in, const struct blob *b)
{
    unsigned looks = LOOKS;

    for (struct wf_list_node *n = b != NULL ? wf_list_first(&b->shares) : NULL;
         n != NULL && looks-- > 0; n = wf_list_next(&b->shares, n)) {
        const struct share *s = CONTAINER_OF(n, struct share, of_blob);

        add_holder(in, s->agent, s->have);
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

/* All of the folder that its sample stands for. */
static uint64_t have_of_all(const struct folder *f, size_t n, uint64_t have, uint64_t of)
{
    uint64_t all;

    if (f->n == n) {
        return have;
    }
    all = dataset_bytes(f->d, f->first, f->n);
    /* In thousandths, so that nothing overflows. */
    return have == of ? all : all / 1000 * (have / (of / 1000 + 1));
}

static uint64_t have_of_folder(const struct core *c, const struct folder *f,
                               const struct agent *a)
{
    size_t n = wf_min_u64(f->n, SAMPLE);
    uint64_t have = 0, of = 0;

    if (f->d != NULL && f->n == f->d->nfiles) {
        const struct dataset_share *x = dataset_share_of(&c->data.catalogue, f->d, a);

        return x != NULL ? x->bytes : 0;
    }
    for (size_t i = 0; i < n; i++) {
        const struct blob *b = sample(f, i, n);

        have += have_of(c, &b->digest, a);
        of += b->size;
    }
    return have_of_all(f, n, have, of);
}

static uint64_t have_of_site(const struct folder *f, const struct site_holds *h)
{
    size_t n = wf_min_u64(f->n, SAMPLE);
    uint64_t have = 0, of = 0;

    for (size_t i = 0; i < n; i++) {
        const struct blob *b = sample(f, i, n);

        have += holds_may(h, &b->digest, b->size) ? b->size : 0;
        of += b->size;
    }
    return have_of_all(f, n, have, of);
}

static void add_holders_of_folder(const struct core *c, struct route_input *in,
                                  const struct folder *f)
{
    const struct dataset *d = f->d;
    size_t n = wf_min_u64(f->n, SAMPLE);
    unsigned looks = LOOKS;

    if (d != NULL && f->n != d->nfiles) {
        for (size_t i = 0; i < n; i++) {
            const struct blob *b = sample(f, i, n);
            struct wf_list_node *x = wf_list_first(&b->shares);

            for (; x != NULL && looks-- > 0; x = wf_list_next(&b->shares, x)) {
                const struct agent *a = CONTAINER_OF(x, struct share, of_blob)->agent;

                add_holder(in, a, have_of_folder(c, f, a));
            }
        }
        return;
    }
    for (struct wf_list_node *x = d != NULL ? wf_list_first(&d->shares) : NULL;
         x != NULL && looks-- > 0; x = wf_list_next(&d->shares, x)) {
        const struct dataset_share *s = CONTAINER_OF(x, struct dataset_share, node);

        add_holder(in, s->agent, s->bytes);
    }
}

/* -- other sites -----------------------------------------------------------------------
 *
 * By what their filters say.  One that is wrong is found out when the job is there, and
 * its data comes from here.
 */

/* An input as it is looked for: a blob, or a folder where its digest is zero. */
struct want {
    struct wf_digest digest;
    struct folder folder;
};

static uint64_t have_there(const struct want *w, uint64_t bytes,
                           const struct site_holds *h)
{
    if (h->bits.len == 0) {
        return 0;
    }
    if (!wf_digest_is_zero(&w->digest)) {
        return holds_may(h, &w->digest, bytes) ? bytes : 0;
    }
    return w->folder.d != NULL ? have_of_site(&w->folder, h) : 0;
}

static void add_neighbours(const struct core *c, const struct want *w,
                           struct route_input *in)
{
    unsigned looks = LOOKS;

    for (const struct wf_list_node *n = wf_list_first(&c->mesh.neighbours);
         n != NULL && looks-- > 0 && in->nsites < ROUTE_AWAY_MAX;
         n = wf_list_next(&c->mesh.neighbours, n)) {
        const struct neighbour *x = CONTAINER_OF(n, struct neighbour, node);
        const uint64_t have =
            x->agent->session != NULL ? have_there(w, in->bytes, &x->holds) : 0;

        if (have != 0) {
            in->sites[in->nsites++] =
                (struct route_site){.node = x->agent->node, .have = have};
        }
    }
}

/* The place of a node among the sites of an input, nsites when it has none. */
static unsigned site_at(const struct route_input *in, uint32_t node)
{
    unsigned i = 0;

    while (i < in->nsites && in->sites[i].node != node) {
        i++;
    }
    return i;
}

static void set_site(struct route_input *in, const struct route_site *site)
{
    const unsigned i = site_at(in, site->node);

    if (i < in->nsites && site->have == 0) {
        in->sites[i] = in->sites[--in->nsites];
    } else if (i < ROUTE_AWAY_MAX && site->have != 0) {
        in->sites[i] = *site;
        in->nsites += i == in->nsites;
    }
}

/* A job goes to one site: the nearest of those that have most of all that it needs, of
 * those that a neighbour leads to, itself included. */
static void add_beyond(const struct core *c, const struct job *j, const struct want *w,
                       unsigned n, struct route_input *in)
{
    const struct beyond *b = &c->mesh.beyond;

    for (unsigned i = 0; i < b->n; i++) {
        const struct far_site *x = &b->v[i];
        struct route_site site = {.node = x->via->node, .way_us = x->way_us};
        uint64_t have[ROUTE_INPUTS_MAX], all = 0, known = 0;

        for (unsigned k = 0; x->via->session != NULL && k < n; k++) {
            const unsigned at = site_at(&in[k], site.node);

            have[k] = have_there(&w[k], in[k].bytes, &x->holds);
            all = wf_add_sat(all, have[k]);
            known = wf_add_sat(known, at < in[k].nsites ? in[k].sites[at].have : 0);
        }
        if (all <= known || !beyond_may_run(c, x, j)) {
            continue;
        }
        for (unsigned k = 0; k < n; k++) {
            site.have = have[k];
            set_site(&in[k], &site);
        }
    }
}

unsigned inputs_route(const struct core *c, const struct job *j,
                      struct route_input ret[ROUTE_INPUTS_MAX])
{
    struct want wants[ROUTE_INPUTS_MAX];
    struct wf_rows rows = j->inputs;
    struct wf_need_row need;
    unsigned n = 0;

    while (n < WF_INPUTS_MAX && wf_rows_next(&rows, wf_desc_need_row(), &need)) {
        struct want *w = &wants[n];

        *w = (struct want){.digest = need.digest};
        ret[n] = (struct route_input){.bytes = need.size};
        if (!wf_digest_is_zero(&need.digest)) {
            add_holders_of(&ret[n], catalogue_get(&c->data.catalogue, &need.digest));
        } else if (j->guest == NULL) {
            /* A guest's folder is listed at its home. */
            w->folder = folder_of(c, &need);
            add_holders_of_folder(c, &ret[n], &w->folder);
        }
        n++;
    }
    if (!wf_digest_is_zero(&j->payload_blob)) {
        wants[n] = (struct want){.digest = j->payload_blob};
        ret[n] = (struct route_input){.bytes = j->payload_size};
        add_holders_of(&ret[n++], catalogue_get(&c->data.catalogue, &j->payload_blob));
    }
    for (unsigned i = 0; i < n; i++) {
        add_neighbours(c, &wants[i], &ret[i]);
    }
    add_beyond(c, j, wants, n, ret);
    return n;
}
