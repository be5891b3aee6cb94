#include "broker/core/data/keeps.h"

#include "broker/core/core_int.h"
#include "common/err.h"
#include "common/mem.h"

#define KEEPS_MAX 1024u
/* In one step: messages, pages of blobs that an agent is asked about, and pages of one
 * dataset, which is what one agent gets. */
#define MESSAGES_MAX 64u
#define ASKED_MAX    256u
#define PAGES_MAX    8u

/* One dataset's. */
struct keep {
    struct wf_list_node node;
    unsigned action;
    uint64_t after_lsn;
    struct blob **blobs; /* owned; each is held */
    size_t nblobs;
    struct agent **agents; /* owned */
    size_t nagents;
    size_t agent, blob; /* where it stands: page by page, each to all agents */
};

void keeps_init(struct keeps *k)
{
    wf_list_init(&k->all);
    k->n = 0;
}

static void drop(struct keeps *k, struct catalogue *cat, struct keep *x)
{
    for (size_t i = 0; i < x->nblobs; i++) {
        x->blobs[i]->held--;
        catalogue_release(cat, x->blobs[i]);
    }
    wf_list_remove(&x->node);
    k->n--;
    wf_free(x->blobs);
    wf_free(x->agents);
    wf_free(x);
}

void keeps_fini(struct keeps *k, struct catalogue *cat)
{
    struct wf_list_node *n;

    while (k->all.next != NULL && (n = wf_list_first(&k->all)) != NULL) {
        drop(k, cat, CONTAINER_OF(n, struct keep, node));
    }
}

static size_t count_shares(const struct dataset *d)
{
    size_t n = 0;

    for (struct wf_list_node *x = wf_list_first(&d->shares); x != NULL;
         x = wf_list_next(&d->shares, x)) {
        n++;
    }
    return n;
}

static void take_agents(struct keep *x, const struct dataset *d, struct wf_slice node)
{
    for (struct wf_list_node *n = wf_list_first(&d->shares); n != NULL;
         n = wf_list_next(&d->shares, n)) {
        struct agent *a = CONTAINER_OF(n, struct dataset_share, node)->agent;

        if (a->session != NULL &&
            (node.len == 0 || wf_slice_is(node, a->principal->name))) {
            x->agents[x->nagents++] = a;
        }
    }
}

static void take_blobs(struct keep *x, const struct dataset *d)
{
    for (size_t i = 0; i < d->nmembers; i++) {
        x->blobs[x->nblobs++] = d->members[i].blob;
        d->members[i].blob->held++;
    }
}

/* Who is away is told to drop it when it comes back, as far as there is room for that. */
static void owe(struct core *c, const struct dataset *d, uint64_t after_lsn)
{
    for (struct wf_list_node *n = wf_list_first(&d->shares); n != NULL;
         n = wf_list_next(&d->shares, n)) {
        struct agent *a = CONTAINER_OF(n, struct dataset_share, node)->agent;

        for (size_t i = 0; a->session == NULL && i < d->nmembers; i++) {
            struct blob *b = d->members[i].blob;

            if (catalogue_share(&c->data.catalogue, b, a) != NULL &&
                debts_add(&c->data.debts, a, b, after_lsn) != 0) {
                return;
            }
        }
    }
}

int keeps_add(struct core *c, const struct dataset *d, struct wf_slice node,
              unsigned action, uint64_t after_lsn)
{
    struct keeps *k = &c->data.keeps;
    size_t nshares = count_shares(d);
    struct keep *x;
    int n;

    if (nshares == 0 || d->nmembers == 0) {
        return 0;
    }
    if (action == WF_KEEP_DROP) {
        owe(c, d, after_lsn);
    }
    if (k->n >= KEEPS_MAX) {
        return WEFT_EBUSY;
    }
    x = wf_calloc(1, sizeof *x);
    if (x == NULL) {
        return WEFT_ENOMEM;
    }
    wf_list_init(&x->node);
    k->n++;
    x->action = action;
    x->after_lsn = after_lsn;
    x->agents = wf_calloc(nshares, sizeof(struct agent *));
    x->blobs = wf_calloc(d->nmembers, sizeof(struct blob *));
    if (x->agents == NULL || x->blobs == NULL) {
        drop(k, &c->data.catalogue, x);
        return WEFT_ENOMEM;
    }
    take_agents(x, d, node);
    take_blobs(x, d);
    n = (int) x->nagents;
    if (n == 0) {
        drop(k, &c->data.catalogue, x);
        return 0;
    }
    wf_list_push_back(&k->all, &x->node);
    return n;
}

/* Is the agent told about this blob? */
static int concerns(const struct core *c, const struct keep *x, const struct blob *b,
                    const struct agent *a)
{
    const struct share *s = catalogue_share(&c->data.catalogue, b, a);

    return s != NULL && (x->action == WF_KEEP_DROP ? b->uses == 0 : share_is_whole(s));
}

/* Tell the next agent about the present page.  1 when it concerned it. */
static int say(struct core *c, struct keep *x, struct wf_effects *out)
{
    const struct agent *a = x->agents[x->agent++];
    size_t end = wf_min_u64(x->blob + WF_PAGE_MAX, x->nblobs);
    struct wf_keep m = {.action = x->action};
    struct wf_buf *store = core_rows(c, 3);

    for (size_t i = x->blob; a->session != NULL && i < end; i++) {
        const struct wf_digest_row row = {x->blobs[i]->digest, x->blobs[i]->size};

        if (concerns(c, x, x->blobs[i], a)) {
            (void) wf_rows_add(store, &m.rows, wf_desc_digest_row(), &row);
        }
    }
    if (m.rows.count != 0) {
        wf_effects_send(out, a->session->peer, WF_MSG_keep, &m);
    }
    if (x->agent == x->nagents) {
        x->agent = 0;
        x->blob = end;
    }
    return m.rows.count != 0;
}

int keeps_due(const struct core *c)
{
    for (struct wf_list_node *n = wf_list_first(&c->data.keeps.all); n != NULL;
         n = wf_list_next(&c->data.keeps.all, n)) {
        if (CONTAINER_OF(n, struct keep, node)->after_lsn <= c->durable_lsn) {
            return 1;
        }
    }
    return 0;
}

void keeps_go_on(struct core *c, struct wf_effects *out)
{
    struct wf_list_node *n, *next;
    unsigned messages = 0, asked = 0;

    for (n = wf_list_first(&c->data.keeps.all); n != NULL; n = next) {
        struct keep *x = CONTAINER_OF(n, struct keep, node);
        size_t until = x->blob + PAGES_MAX * WF_PAGE_MAX;

        next = wf_list_next(&c->data.keeps.all, n);
        while (x->after_lsn <= c->durable_lsn && x->blob < wf_min_u64(until, x->nblobs) &&
               messages < MESSAGES_MAX && asked < ASKED_MAX) {
            messages += (unsigned) say(c, x, out);
            asked++;
        }
        if (x->blob == x->nblobs) {
            drop(&c->data.keeps, &c->data.catalogue, x);
        }
    }
}
