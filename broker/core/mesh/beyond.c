#include "broker/core/mesh/beyond.h"

#include "broker/core/core_int.h"
#include "broker/core/mesh/gossip/gossip.h"
#include "broker/core/mesh/guests.h"
#include "broker/core/mesh/where.h"

#define LOOK_US UINT64_C(5000000)

void beyond_init(struct beyond *b)
{
    *b = (struct beyond){.n = 0};
    for (unsigned i = 0; i < BEYOND_MAX; i++) {
        wf_buf_init(&b->v[i].holds.bits, WF_HOLDS_MAX);
    }
}

void beyond_fini(struct beyond *b)
{
    for (unsigned i = 0; i < BEYOND_MAX; i++) {
        wf_buf_fini(&b->v[i].holds.bits);
    }
    b->n = 0;
}

/* -- which -----------------------------------------------------------------------------
 */

/* The nearest that were found so far. */
struct nearest {
    const struct place *v[BEYOND_MAX];
    uint64_t ranks[BEYOND_MAX];
    unsigned n;
};

static void keep(struct nearest *t, const struct place *x, uint64_t rank)
{
    unsigned i = t->n;

    if (i == BEYOND_MAX) {
        if (t->ranks[--i] <= rank) {
            return;
        }
    } else {
        t->n++;
    }
    for (; i > 0 && t->ranks[i - 1] > rank; i--) {
        t->v[i] = t->v[i - 1];
        t->ranks[i] = t->ranks[i - 1];
    }
    t->v[i] = x;
    t->ranks[i] = rank;
}

/* Links count first; among those that are as many links away the guess, none last. */
static uint64_t rank_of(const struct core *c, const struct place *x)
{
    const uint64_t us = where_to_us(c, &x->key);

    return (uint64_t) x->hops << 32 | (us != 0 ? wf_min_u64(us, UINT32_MAX) : UINT32_MAX);
}

/* A job gets no further than its path may be long. */
static void find(struct core *c, struct nearest *ret)
{
    const struct atlas *a = NULL;
    struct gossip_at at = {0, 0};
    struct gossip_fact f;

    while (gossip_next(c->word.gossip, WF_FACT_HOLDS, &at, &f)) {
        const struct principal *p = registry_key(&c->registry, f.origin);
        const struct place *x;

        if (f.body.len == 0 || wf_key_eq(f.origin, &c->cfg.key) ||
            (p != NULL && p->agent != NULL && p->agent->session != NULL)) {
            continue; /* nothing, ours, or a neighbour's, which has its own */
        }
        if (a == NULL && (a = atlas_now(c)) == NULL) {
            return;
        }
        x = atlas_find(a, f.origin);
        if (x != NULL && x->from > 0 && x->hops < WF_HOPS_MAX) {
            keep(ret, x, rank_of(c, x));
        }
    }
}

/* -- the way ---------------------------------------------------------------------------
 */

static uint64_t told_us(const struct atlas *a, const struct place *from,
                        const struct place *to)
{
    struct wf_site_fact links;
    struct wf_link_row row;
    uint64_t age_ms;

    if (!atlas_links(a, &from->key, &links, &age_ms)) {
        return 0;
    }
    while (wf_rows_next(&links.links, wf_desc_link_row(), &row)) {
        if (wf_key_eq(&row.peer, &to->key)) {
            return row.rtt_us;
        }
    }
    return 0;
}

/* As either end measured it, else as their coordinates have it; 0: not known. */
static uint64_t link_us(const struct core *c, const struct atlas *a,
                        const struct place *from, const struct place *to)
{
    uint64_t us = told_us(a, from, to);

    us = us != 0 ? us : told_us(a, to, from);
    return us != 0 ? us : where_between_us(c, &from->key, &to->key);
}

/* From the neighbour that leads there; 0: not known. */
static uint32_t way_us(const struct core *c, const struct atlas *a, const struct place *x)
{
    uint64_t all_us = 0;

    for (; x->from > 0; x = &a->v[x->from]) {
        const uint64_t us = link_us(c, a, &a->v[x->from], x);

        if (us == 0) {
            return 0;
        }
        all_us = wf_add_sat(all_us, us);
    }
    return (uint32_t) wf_min_u64(all_us, UINT32_MAX);
}

/* -- keeping them ----------------------------------------------------------------------
 */

static void take(struct core *c, const struct place *x)
{
    struct beyond *b = &c->mesh.beyond;
    struct far_site *to = &b->v[b->n];
    const struct atlas *a = atlas_now(c);

    if (a == NULL) {
        return;
    }
    to->key = x->key;
    to->hops = x->hops;
    to->via = atlas_first(a, x)->neighbour;
    to->way_us = way_us(c, a, x);
    holds_learn(c, &x->key, &to->holds);
    b->n += to->via != NULL && to->way_us != 0 && to->holds.bits.len != 0;
}

void beyond_step(struct core *c)
{
    struct beyond *b = &c->mesh.beyond;
    struct nearest found = {.n = 0};

    if (!c->word.speaks || b->due_us > c->now_us) {
        return;
    }
    b->due_us = c->now_us + LOOK_US;
    b->n = 0;
    find(c, &found);
    for (unsigned i = 0; i < found.n; i++) {
        take(c, found.v[i]);
    }
}

/* -- use -------------------------------------------------------------------------------
 */

int beyond_may_run(const struct core *c, const struct far_site *x, const struct job *j)
{
    const unsigned came = j->guest != NULL ? j->guest->path.count : 0;
    char name[WF_NAME_MAX + 1];
    struct wf_site_fact site;
    struct wf_cap_row row;

    if (came + x->hops >= WF_HOPS_MAX || !word_site(c, &x->key, &site)) {
        return 0;
    }
    wf_slice_str(site.name, name, sizeof name);
    if (j->guest != NULL && guest_path_has(j->guest->path, name)) {
        return 0;
    }
    while (wf_rows_next(&site.caps, wf_desc_cap_row(), &row)) {
        if (row.hops == 0 && row.slots != 0 &&
            wf_slice_is(row.name, j->capability->name) &&
            (j->version == 0 || j->version == row.version)) {
            return 1;
        }
    }
    return 0;
}
