#include "broker/core/data/stages.h"

#include "common/err.h"
#include "common/mem.h"

#define ORDERS_MAX  65536u
#define NEEDS_BYTES (8u << 10)

int stages_init(struct stages *t, size_t max_blobs, uint64_t first, uint64_t seed)
{
    *t = (struct stages){.orders = wf_map_new(ORDERS_MAX, seed),
                         .max_blobs = max_blobs,
                         .next = first >> 1,
                         .seed = seed};
    wf_list_init(&t->all);
    wf_list_init(&t->waiting);
    wf_list_init(&t->saying);
    return t->orders != NULL ? 0 : WEFT_ENOMEM;
}

void stages_fini(struct stages *t, struct catalogue *cat)
{
    struct wf_list_node *n;

    while (t->all.next != NULL && (n = wf_list_first(&t->all)) != NULL) {
        stage_free(t, cat, CONTAINER_OF(n, struct stage, in_all));
    }
    wf_map_free(t->orders);
    *t = (struct stages){0};
}

static size_t count_of(const struct session *s)
{
    size_t n = 0;

    for (struct wf_list_node *x = wf_list_first(&s->stages); x != NULL;
         x = wf_list_next(&s->stages, x)) {
        n++;
    }
    return n;
}

int stage_new(struct stages *t, struct session *s, uint64_t req, struct stage **ret_stage)
{
    struct stage *g;

    if (t->n >= STAGES_MAX || count_of(s) >= STAGES_OF_MAX) {
        return WEFT_EFULL;
    }
    g = wf_calloc(1, sizeof *g);
    if (g == NULL) {
        return WEFT_ENOMEM;
    }
    g->set = wf_map_new(STAGE_BLOBS_MAX, t->seed);
    if (g->set == NULL) {
        wf_free(g);
        return WEFT_ENOMEM;
    }
    g->session = s;
    g->req = req;
    wf_buf_init(&g->needs_store, NEEDS_BYTES);
    wf_list_init(&g->orders);
    wf_list_init(&g->in_waiting);
    wf_list_push_back(&s->stages, &g->of_session);
    wf_list_push_back(&t->all, &g->in_all);
    t->n++;
    *ret_stage = g;
    return 0;
}

void stage_free(struct stages *t, struct catalogue *cat, struct stage *g)
{
    struct wf_list_node *n;

    while ((n = wf_list_first(&g->orders)) != NULL) {
        order_free(t, CONTAINER_OF(n, struct order, of_stage));
    }
    wf_map_free(g->set);
    for (size_t i = 0; i < g->n; i++) {
        catalogue_unuse(cat, g->blobs[i]);
    }
    t->nblobs -= g->n;
    t->n--;
    wf_free(g->blobs);
    wf_buf_fini(&g->needs_store);
    wf_list_remove(&g->in_all);
    wf_list_remove(&g->in_waiting);
    wf_list_remove(&g->of_session);
    wf_free(g);
}

struct stage *stage_of(const struct session *s, uint64_t req)
{
    for (struct wf_list_node *x = wf_list_first(&s->stages); x != NULL;
         x = wf_list_next(&s->stages, x)) {
        struct stage *g = CONTAINER_OF(x, struct stage, of_session);

        if (g->req == req) {
            return g;
        }
    }
    return NULL;
}

/* -- blobs -----------------------------------------------------------------------------
 */

static int make_room(struct stage *g)
{
    size_t cap = g->cap != 0 ? 2 * g->cap : 16;
    struct blob **v;

    if (g->n < g->cap) {
        return 0;
    }
    v = wf_realloc(g->blobs, cap * sizeof(struct blob *));
    if (v == NULL) {
        return WEFT_ENOMEM;
    }
    g->blobs = v;
    g->cap = cap;
    return 0;
}

int stage_has(const struct stage *g, const struct wf_digest *digest)
{
    return wf_map_get(g->set, digest->b, sizeof digest->b) != NULL;
}

static void add_held(struct stage *g, struct agent *a, uint64_t have)
{
    unsigned i = 0;

    while (i < g->nholders && g->holders[i].agent != a) {
        i++;
    }
    if (i == STAGE_HOLDERS) {
        return;
    }
    if (i == g->nholders) {
        g->holders[g->nholders].agent = a;
        g->holders[g->nholders++].have = 0;
    }
    g->holders[i].have += have;
}

static void add_holders(struct stage *g, const struct blob *b)
{
    unsigned looks = STAGE_HOLDERS;

    for (struct wf_list_node *n = wf_list_first(&b->shares); n != NULL && looks-- > 0;
         n = wf_list_next(&b->shares, n)) {
        const struct share *s = CONTAINER_OF(n, struct share, of_blob);

        add_held(g, s->agent, s->have);
    }
}

uint64_t stage_held(const struct stage *g, const struct agent *a)
{
    for (unsigned i = 0; i < g->nholders; i++) {
        if (g->holders[i].agent == a) {
            return g->holders[i].have;
        }
    }
    return 0;
}

int stage_add(struct stages *t, struct stage *g, struct catalogue *cat,
              const struct wf_digest *digest, uint64_t size)
{
    struct blob *b;
    int rc;

    if (stage_has(g, digest)) {
        return 0;
    }
    if (t->nblobs >= t->max_blobs) {
        return WEFT_EFULL;
    }
    rc = make_room(g);
    if (rc == 0) {
        rc = catalogue_need(cat, digest, size, &b);
    }
    if (rc != 0) {
        return rc;
    }
    rc = wf_map_put(g->set, b->digest.b, sizeof b->digest.b, b);
    if (rc != 0) {
        catalogue_release(cat, b);
        return rc;
    }
    b->uses++;
    g->blobs[g->n++] = b;
    g->total += size;
    t->nblobs++;
    residency_of_blob(b, g->residency);
    add_holders(g, b);
    return 0;
}

/* -- orders ----------------------------------------------------------------------------
 */

int order_new(struct stages *t, struct stage *g, struct agent *a,
              struct order **ret_order)
{
    struct order *o = wf_calloc(1, sizeof *o);
    int rc;

    if (o == NULL) {
        return WEFT_ENOMEM;
    }
    o->number = ++t->next;
    rc = wf_map_put(t->orders, &o->number, sizeof o->number, o);
    if (rc != 0) {
        wf_free(o);
        return rc;
    }
    o->stage = g;
    o->agent = a;
    wf_list_push_back(&g->orders, &o->of_stage);
    wf_list_push_back(&a->orders, &o->of_agent);
    wf_list_init(&o->in_saying);
    g->sent++;
    *ret_order = o;
    return 0;
}

static unsigned *counter(struct order *o)
{
    return o->state == ORDER_SENT   ? &o->stage->sent
           : o->state == ORDER_DONE ? &o->stage->done
                                    : &o->stage->failed;
}

void order_end(struct order *o, unsigned state)
{
    --*counter(o);
    o->state = state;
    ++*counter(o);
    wf_list_remove(&o->of_agent);
    wf_list_remove(&o->in_saying);
}

void order_free(struct stages *t, struct order *o)
{
    --*counter(o);
    o->stage->moved = wf_add_sat(o->stage->moved, o->moved);
    (void) wf_map_take(t->orders, &o->number, sizeof o->number);
    wf_list_remove(&o->of_stage);
    wf_list_remove(&o->of_agent);
    wf_list_remove(&o->in_saying);
    wf_free(o);
}

struct order *order_numbered(const struct stages *t, uint64_t number)
{
    return wf_map_get(t->orders, &number, sizeof number);
}
