/* Invariants of the data plane: what is counted twice agrees. */
#include "broker/core/data/inputs.h"

#include "common/check.h"

static uint64_t list_len(const struct wf_list_node *head)
{
    uint64_t n = 0;

    for (const struct wf_list_node *x = head->next; x != head; x = x->next) {
        n++;
    }
    return n;
}

/* -- blobs and shares ------------------------------------------------------------------
 */

/* Returns its shares. */
static uint64_t check_blob(const struct catalogue *cat, const struct blob *b)
{
    uint64_t n = 0;

    for (const struct wf_list_node *x = b->shares.next; x != &b->shares; x = x->next) {
        const struct share *s = CONTAINER_OF(x, struct share, of_blob);

        WF_CHECK(s->blob == b && s->counted && s->have <= b->size);
        WF_CHECK(catalogue_share(cat, b, s->agent) == s);
        n++;
    }
    WF_CHECK(n != 0 || b->uses != 0 || b->held != 0);
    WF_CHECK(list_len(&b->members) <= b->uses);
    return n;
}

static void check_catalogue(const struct core *c)
{
    const struct catalogue *cat = &c->data.catalogue;
    uint64_t shares = 0, of_agents = 0;
    const struct blob *b;
    size_t it = 0;

    while ((b = wf_map_next(cat->blobs, &it)) != NULL) {
        shares += check_blob(cat, b);
    }
    for (const struct wf_list_node *x = c->agents.all.next; x != &c->agents.all;
         x = x->next) {
        const struct agent *a = CONTAINER_OF(x, struct agent, in_all);

        WF_CHECK(list_len(&a->shares) == a->nshares && a->nshares <= cat->max_of_agent);
        WF_CHECK(a->session != NULL || wf_list_empty(&a->orders));
        of_agents += a->nshares;
    }
    WF_CHECK(shares == wf_map_len(cat->shares) && shares == of_agents);
    WF_CHECK(shares <= cat->max_shares);
}

/* -- datasets --------------------------------------------------------------------------
 */

/* What an agent has of a dataset, added up anew. */
static void check_part(const struct catalogue *cat, const struct dataset *d,
                       const struct dataset_share *x)
{
    uint64_t bytes = 0, files = 0, pinned = 0, members = 0;

    for (size_t i = 0; i < d->nmembers; i++) {
        const struct member *m = &d->members[i];
        const struct share *s = catalogue_share(cat, m->blob, x->agent);

        if (s != NULL) {
            bytes += m->times * s->have;
            files += m->times * (uint64_t) (share_is_whole(s) != 0);
            pinned += m->times *
                      (uint64_t) (share_is_whole(s) && (s->flags & WF_HOLD_PINNED) != 0);
            members++;
        }
    }
    WF_CHECK(bytes == x->bytes && files == x->files && pinned == x->pinned);
    WF_CHECK(members == x->members && members != 0);
    WF_CHECK(x->whole == (bytes >= d->bytes && d->bytes != 0));
}

/* Returns how many agents have some of it. */
static uint64_t check_dataset(const struct core *c, const struct dataset *d)
{
    const struct catalogue *cat = &c->data.catalogue;
    uint64_t times = 0, parts = 0, copies = 0;

    for (size_t i = 0; i < d->nmembers; i++) {
        times += d->members[i].times;
    }
    WF_CHECK(d->complete && times == d->nfiles);
    WF_CHECK(dataset_get(&c->data.datasets, wf_slice_of(d->name), d->version) == d);
    for (const struct wf_list_node *n = d->shares.next; n != &d->shares; n = n->next) {
        const struct dataset_share *x = CONTAINER_OF(n, struct dataset_share, node);

        WF_CHECK(dataset_share_of(cat, d, x->agent) == x);
        check_part(cat, d, x);
        copies += x->whole != 0;
        parts++;
    }
    WF_CHECK(copies == d->copies);
    return parts;
}

static void check_datasets(const struct core *c)
{
    const struct data *data = &c->data;
    uint64_t files = 0, parts = 0, n = 0, versions = 0, copies = 0;

    for (const struct wf_list_node *x = data->datasets.all.next; x != &data->datasets.all;
         x = x->next) {
        const struct dataset *d = CONTAINER_OF(x, struct dataset, in_all);

        files += d->nfiles;
        parts += check_dataset(c, d);
        copies += (uint64_t) key_is_set(&d->home);
        n++;
    }
    for (const struct wf_list_node *x = data->drafts.next; x != &data->drafts;
         x = x->next) {
        const struct dataset *d = CONTAINER_OF(x, struct dataset, in_all);

        WF_CHECK(!d->complete && d->nmembers == 0);
        files += d->nfiles;
    }
    for (unsigned i = 0; i < IMPORTS_MAX; i++) {
        const struct dataset *d = c->mesh.imports.v[i].d;

        files += d != NULL ? d->nfiles : 0;
    }
    names_check(&c->word.names);
    WF_CHECK(copies == c->mesh.imports.copies);
    for (size_t i = 0; i < data->datasets.nnames; i++) {
        versions += list_len(&data->datasets.names[i]->versions);
        WF_CHECK(!wf_list_empty(&data->datasets.names[i]->versions));
    }
    WF_CHECK(files == data->datasets.nfiles && n == wf_map_len(data->datasets.by_key));
    WF_CHECK(n == versions && parts == wf_map_len(data->catalogue.parts));
}

/* -- stages and the relay --------------------------------------------------------------
 */

static void check_stage(const struct stage *g)
{
    unsigned n[3] = {0};

    for (const struct wf_list_node *x = g->orders.next; x != &g->orders; x = x->next) {
        const struct order *o = CONTAINER_OF(x, struct order, of_stage);

        WF_CHECK(o->stage == g &&
                 (o->state == ORDER_SENT) != wf_list_empty(&o->of_agent));
        n[o->state]++;
    }
    WF_CHECK(n[ORDER_SENT] == g->sent && n[ORDER_DONE] == g->done &&
             n[ORDER_FAILED] == g->failed);
    /* Somebody is at it, or comes. */
    WF_CHECK(!g->running || g->sent != 0 || !wf_list_empty(&g->in_waiting));
    WF_CHECK(g->session != NULL || (!g->mine && g->running));
}

static void check_stages(const struct core *c)
{
    const struct stages *t = &c->data.stages;
    uint64_t n = 0, blobs = 0;

    for (const struct wf_list_node *x = t->all.next; x != &t->all; x = x->next) {
        const struct stage *g = CONTAINER_OF(x, struct stage, in_all);

        check_stage(g);
        blobs += g->n;
        n++;
    }
    WF_CHECK(n == t->n && blobs == t->nblobs && blobs <= t->max_blobs);
}

static void check_relay(const struct core *c)
{
    const struct relay *r = &c->data.relay;
    uint64_t outstanding = 0, left = 0, asks = 0, noted = 0;
    const struct lane *l;
    size_t it = 0;

    while ((l = wf_map_next(r->by_peer, &it)) != NULL) {
        WF_CHECK(l->outstanding <= RELAY_BYTES && l->asks <= RELAY_ASKS);
        outstanding += l->outstanding;
        asks += l->asks;
    }
    for (const struct wf_list_node *x = r->busy.next; x != &r->busy; x = x->next) {
        const struct ticket *k = CONTAINER_OF(x, struct ticket, in_busy);

        for (const struct wf_list_node *y = k->asks.next; y != &k->asks; y = y->next) {
            left += CONTAINER_OF(y, struct relay_ask, of_ticket)->left;
            noted++;
        }
    }
    WF_CHECK(left == outstanding && noted == asks);
}

void data_check(const struct core *c)
{
    check_catalogue(c);
    check_datasets(c);
    check_stages(c);
    check_relay(c);
}
