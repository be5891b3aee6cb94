/* Stages and their orders, as tables. */
#include "tests/unit/broker/data/stock.h"

struct shop {
    struct catalogue cat;
    struct stages t;
    struct session s;
    struct agent a, b;
};

static void shop_init(struct shop *s, size_t max)
{
    memset(s, 0, sizeof *s);
    must(catalogue_init(&s->cat, 1000, 1) == 0);
    must(stages_init(&s->t, max, 99, 4) == 0);
    wf_list_init(&s->s.stages);
    wf_list_init(&s->a.orders);
    wf_list_init(&s->a.shares);
    wf_list_init(&s->b.orders);
    wf_list_init(&s->b.shares);
}

static void shop_fini(struct shop *s)
{
    stages_fini(&s->t, &s->cat);
    catalogue_fini(&s->cat);
}

static struct stage *stage(struct shop *s, uint64_t req)
{
    struct stage *g = NULL;

    must(stage_new(&s->t, &s->s, req, &g) == 0);
    return g;
}

static int add(struct shop *s, struct stage *g, unsigned n, uint64_t size)
{
    const struct wf_digest d = stock_digest(n);

    return stage_add(&s->t, g, &s->cat, &d, size);
}

static void blobs(void)
{
    const struct wf_digest one = stock_digest(1), two = stock_digest(2);
    const struct wf_hold_row row = {one, 10, 4, 0};
    struct shop s;
    struct stage *g, *h;

    shop_init(&s, 100);
    must(catalogue_hold(&s.cat, &s.a, &row) == 0);
    g = stage(&s, 1);
    h = stage(&s, 2);
    ok(add(&s, g, 1, 10) == 0 && add(&s, g, 1, 10) == 0 && g->n == 1 && g->total == 10,
       "a blob once");
    ok(stage_has(g, &one) && !stage_has(g, &two) && !stage_has(h, &one), "is in its own");
    is_int(stage_held(g, &s.a), 4, "who has some of it is known");
    is_int(stage_held(g, &s.b), 0, "and who has nothing");
    is_int(add(&s, h, 1, 11), WEFT_EPROTO, "a blob has one size");
    must(add(&s, h, 1, 10) == 0 && add(&s, h, 2, 20) == 0);
    stage_free(&s.t, &s.cat, g);
    ok(catalogue_get(&s.cat, &one) != NULL && catalogue_get(&s.cat, &two) != NULL,
       "what another one names stays");
    stage_free(&s.t, &s.cat, h);
    ok(catalogue_get(&s.cat, &two) == NULL && catalogue_get(&s.cat, &one) != NULL,
       "and what is held");
    ok(wf_list_empty(&s.s.stages) && s.t.n == 0 && s.t.nblobs == 0, "no stage is left");
    shop_fini(&s);
}

static void orders(void)
{
    struct shop s;
    struct stage *g;
    struct order *x, *y;

    shop_init(&s, 100);
    g = stage(&s, 1);
    must(order_new(&s.t, g, &s.a, &x) == 0 && order_new(&s.t, g, &s.b, &y) == 0);
    ok(x->number != y->number && order_numbered(&s.t, x->number) == x, "by number");
    is_int(g->sent, 2, "two are under way");
    order_end(x, ORDER_DONE);
    ok(g->sent == 1 && g->done == 1 && wf_list_empty(&s.a.orders), "one is done");
    order_end(y, ORDER_FAILED);
    ok(g->sent == 0 && g->failed == 1, "one fails");
    order_free(&s.t, y);
    ok(g->failed == 0 && order_numbered(&s.t, y == NULL ? 0 : 51) == NULL,
       "or is as if it had not been");
    stage_free(&s.t, &s.cat, g);
    is_int(wf_map_len(s.t.orders), 0, "orders go with their stage");
    shop_fini(&s);
}

static void limits(void)
{
    struct shop s;
    struct stage *g, *h = NULL;
    unsigned n = 0;

    shop_init(&s, 5);
    g = stage(&s, 0);
    for (unsigned i = 1; i <= 10; i++) {
        n += add(&s, g, i, 10) == 0;
    }
    is_int(n, 5, "all stages together name so many blobs");
    for (n = 1; n < 100 && stage_new(&s.t, &s.s, n, &h) == 0; n++) {
    }
    is_int(n, STAGES_OF_MAX, "a session has so many stages");
    ok(stage_of(&s.s, 0) == g && stage_of(&s.s, 63) == h && stage_of(&s.s, 64) == NULL,
       "known by their request");
    shop_fini(&s);
}

static void survives_oom(void)
{
    const struct wf_digest d = stock_digest(1);
    int made = 0;
    unsigned wrong = 0;

    for (long n = 0; !made && n < 50; n++) {
        struct stage *g = NULL;
        struct order *o;
        struct shop s;

        shop_init(&s, 100);
        wf_mem_fail_after(n);
        made = stage_new(&s.t, &s.s, 1, &g) == 0 && add(&s, g, 1, 10) == 0 &&
               order_new(&s.t, g, &s.a, &o) == 0;
        wf_mem_fail_after(-1);
        wrong += g != NULL && g->n != (size_t) (catalogue_get(&s.cat, &d) != NULL);
        wrong += (g == NULL) != wf_list_empty(&s.s.stages);
        shop_fini(&s);
    }
    ok(made && wrong == 0, "all or nothing, whichever allocation fails");
}

int main(void)
{
    blobs();
    orders();
    limits();
    survives_oom();
    return done();
}
