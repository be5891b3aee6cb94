#include "tests/sim/scale/make.h"

#include "tests/sim/place/chance.h"
#include "tests/sim/scale/site.h"

#define OUT_MAX (64u << 20)

void make_site(struct world *w, struct broker *b)
{
    static const unsigned quarters[] = {1, 2, 4, 4, 9};
    const unsigned region = b->index / 10;
    struct wf_rng at = {w->o->seed * 1000 + region};

    b->x = (double) wf_rng_below(&at, 1000) / 1000 + (double) (b->index % 10) / 200;
    b->y = (double) wf_rng_below(&at, 1000) / 1000 + (double) (b->index % 3) / 100;
    b->ndevices = wf_max_u64(1, w->o->agents * quarters[b->index % 5] / 4);
    w->slots += b->ndevices;
}

static int are_linked(const struct broker *a, const struct broker *b)
{
    for (unsigned i = 0; i < a->nways; i++) {
        if (a->ways[i]->to == b) {
            return 1;
        }
    }
    return 0;
}

static void join(struct world *w, struct broker *a, struct broker *b)
{
    const double dx = a->x - b->x, dy = a->y - b->y;
    struct link *l = &w->links[w->nlinks];

    if (a == b || are_linked(a, b) || a->nways == WORLD_NEIGHBOURS ||
        b->nways == WORLD_NEIGHBOURS) {
        return;
    }
    w->nlinks++;
    l->delay_ns = EV_MS + (uint64_t) ((dx * dx + dy * dy) * 19.5 * (double) EV_MS);
    l->ways[0] = (struct way){.link = l, .from = a, .to = b, .out = {0}};
    l->ways[1] = (struct way){.link = l, .from = b, .to = a, .out = {0}};
    wf_buf_init(&l->ways[0].out, OUT_MAX);
    wf_buf_init(&l->ways[1].out, OUT_MAX);
    l->ways[0].at_from = l->ways[1].at_to = MESH_DIALLED | a->ndials;
    a->dials[a->ndials++] = l;
    a->ways[a->nways++] = &l->ways[0];
    b->ways[b->nways++] = &l->ways[1];
}

void make_links(struct world *w)
{
    const unsigned n = w->o->brokers;

    w->links = room((size_t) n * (WORLD_DIALS + 1), sizeof *w->links);
    for (unsigned i = 0; i < n; i++) {
        struct broker *b = &w->b[i];
        const unsigned more = 1 + (unsigned) wf_rng_below(&w->rng, WORLD_DIALS - 1);

        join(w, b, &w->b[(i + 1) % n]);
        for (unsigned k = 0; k < more; k++) {
            const unsigned first = i / 10 * 10;
            const unsigned near = first + (unsigned) wf_rng_below(&w->rng, 10);
            const unsigned far = (unsigned) wf_rng_below(&w->rng, n);

            join(w, b, &w->b[wf_rng_below(&w->rng, 10) < 7 && near < n ? near : far]);
        }
    }
}

static uint64_t exponential_us(struct wf_rng *r, double mean_s)
{
    return 1000 + (uint64_t) (chance_exp(r) * mean_s * 1e6);
}

void make_works(struct world *w)
{
    struct wf_rng rng = {w->o->seed ^ UINT64_C(0x776f726b)};
    double mean_s = 0, each_ns, at_ns = 0;

    for (unsigned k = 0; k < SITE_KINDS; k++) {
        mean_s += site_kinds[k].mean_s * site_kinds[k].share_pm / 1000;
    }
    each_ns = mean_s * 1e9 / ((double) w->slots * w->o->load_pm / 1000);
    w->nworks = (size_t) (w->o->seconds * 1e9 / each_ns);
    w->works = room(w->nworks + 1, sizeof *w->works);
    for (size_t i = 0; i < w->nworks; i++) {
        uint64_t draw = wf_rng_below(&rng, 1000);
        struct work *x = &w->works[i];

        at_ns += chance_exp(&rng) * each_ns;
        while (draw >= site_kinds[x->kind].share_pm) {
            draw -= site_kinds[x->kind++].share_pm;
        }
        x->at_ns = (uint64_t) at_ns;
        x->broker = (uint32_t) wf_rng_below(&rng, w->o->brokers);
        x->run_us = exponential_us(&rng, site_kinds[x->kind].mean_s);
    }
}
