#include "broker/core/mesh/atlas.h"

#include "broker/core/core_int.h"
#include "broker/core/mesh/gossip/gossip.h"
#include "common/err.h"
#include "common/fnv.h"
#include "common/map.h"
#include "common/mem.h"

/* -- places ----------------------------------------------------------------------------
 */

static struct place *find(const struct atlas *a, const struct wf_key *key)
{
    return wf_map_get(a->by_key, key->b, sizeof key->b);
}

const struct place *atlas_find(const struct atlas *a, const struct wf_key *key)
{
    return find(a, key);
}

static int is_revoked(const struct core *c, const struct wf_key *key)
{
    const struct principal *p = registry_key(&c->registry, key);

    return p != NULL && p->state == WF_KEY_REVOKED;
}

static void add(struct atlas *a, const struct wf_key *key, const struct agent *neighbour)
{
    struct place *x = &a->v[a->n];

    if (a->n < ATLAS_MAX && find(a, key) == NULL && !is_revoked(a->c, key)) {
        *x = (struct place){.key = *key, .neighbour = neighbour, .from = -1};
        a->n += wf_map_put(a->by_key, x->key.b, sizeof x->key.b, x) == 0;
    }
}

/* Ourselves, who was ever linked to us, whom we dial, who speaks. */
static void gather(struct atlas *a)
{
    const struct core *c = a->c;
    struct gossip_at at = {0, 0};
    struct gossip_fact f;

    add(a, &c->cfg.key, NULL);
    for (const struct wf_list_node *n = wf_list_first(&c->agents.all); n != NULL;
         n = wf_list_next(&c->agents.all, n)) {
        const struct agent *x = CONTAINER_OF(n, struct agent, in_all);

        if (agent_is_site(x)) {
            add(a, &x->principal->key, x);
        }
    }
    for (unsigned i = 0; i < c->mesh.ndials; i++) {
        add(a, &c->mesh.dials[i].key, NULL);
    }
    while (gossip_next(c->word.gossip, WF_FACT_SITE, &at, &f)) {
        add(a, f.origin, NULL);
    }
}

/* -- ways ------------------------------------------------------------------------------
 */

struct queue {
    struct place **v;
    unsigned n;
};

static void reach(struct atlas *a, const struct place *from, const struct wf_key *key,
                  struct queue *q)
{
    struct place *to = find(a, key);

    if (to != NULL && to != a->v && to->from < 0) {
        to->from = (int) (from - a->v);
        to->hops = from->hops + 1;
        q->v[q->n++] = to;
    }
}

/* The fewest hops to each, over the links that brokers tell of. */
static void find_ways(struct atlas *a, struct queue *q)
{
    for (unsigned i = 1; i < a->n; i++) {
        if (a->v[i].neighbour != NULL && a->v[i].neighbour->session != NULL) {
            reach(a, a->v, &a->v[i].key, q);
        }
    }
    for (unsigned i = 0; i < q->n; i++) {
        struct wf_link_row row;
        struct wf_site_fact load;
        uint64_t age_ms;

        if (!atlas_links(a, &q->v[i]->key, &load, &age_ms)) {
            continue;
        }
        while (wf_rows_next(&load.links, wf_desc_link_row(), &row)) {
            reach(a, q->v[i], &row.peer, q);
        }
    }
}

static void wipe(struct atlas *a)
{
    wf_map_free(a->by_key);
    wf_free(a->v);
    *a = (struct atlas){.c = a->c};
}

/* WEFT_ENOMEM: then it is empty. */
static int draw(struct atlas *a, const struct core *c)
{
    struct queue q = {wf_calloc(ATLAS_MAX, sizeof *q.v), 0};

    *a = (struct atlas){.c = c,
                        .v = wf_calloc(ATLAS_MAX + 1, sizeof *a->v),
                        .by_key = wf_map_new(ATLAS_MAX, c->cfg.seed)};
    if (q.v == NULL || a->v == NULL || a->by_key == NULL) {
        wf_free(q.v);
        wipe(a);
        return WEFT_ENOMEM;
    }
    gather(a);
    find_ways(a, &q);
    wf_free(q.v);
    return 0;
}

/* -- keeping it ------------------------------------------------------------------------
 */

/* Of what it is drawn from: links here come and go without a word from anybody. */
static uint64_t hash_of(const struct core *c)
{
    uint64_t hash = wf_fnv_u64(WF_FNV_START, c->mesh.atlas.changes);

    for (const struct wf_list_node *n = wf_list_first(&c->mesh.neighbours); n != NULL;
         n = wf_list_next(&c->mesh.neighbours, n)) {
        const struct agent *x = CONTAINER_OF(n, struct neighbour, node)->agent;

        hash = wf_fnv_u64(hash, 2 * (uint64_t) x->node + (x->session != NULL));
    }
    for (unsigned i = 0; i < c->mesh.ndials; i++) {
        const struct wf_key *key = &c->mesh.dials[i].key;

        hash = wf_fnv_bytes(hash, key->b, sizeof key->b);
    }
    return hash | 1;
}

const struct atlas *atlas_now(struct core *c)
{
    struct atlas_kept *kept = &c->mesh.atlas;
    const uint64_t hash = hash_of(c);

    if (kept->as_of == hash) {
        return &kept->atlas;
    }
    atlas_fini(kept);
    if (draw(&kept->atlas, c) != 0) {
        return NULL;
    }
    kept->as_of = hash;
    return &kept->atlas;
}

void atlas_fini(struct atlas_kept *kept)
{
    wipe(&kept->atlas);
    kept->as_of = 0;
}

void atlas_changed(struct core *c)
{
    c->mesh.atlas.changes++;
}

/* -- looks at it -----------------------------------------------------------------------
 */

int atlas_reaches(const struct atlas *a, const struct place *x)
{
    return x == a->v || x->from >= 0;
}

const struct place *atlas_first(const struct atlas *a, const struct place *x)
{
    while (x->from > 0) {
        x = &a->v[x->from];
    }
    return x;
}

int atlas_fact(const struct atlas *a, const struct wf_key *key, unsigned kind,
               struct wf_site_fact *ret_fact, uint64_t *ret_age_ms)
{
    struct gossip_fact f;
    struct wf_msg msg;

    if (gossip_get(a->c->word.gossip, key, kind, wf_slice_make(NULL, 0), &f) != 0 ||
        wf_msg_read(f.body, WF_MSG_site_fact, &msg) != 0) {
        return 0;
    }
    *ret_fact = msg.u.site_fact;
    *ret_age_ms = (a->c->now_us - f.at_us) / 1000;
    return 1;
}

/* One of before said them with its figures. */
int atlas_links(const struct atlas *a, const struct wf_key *key,
                struct wf_site_fact *ret_fact, uint64_t *ret_age_ms)
{
    return atlas_fact(a, key, WF_FACT_LINKS, ret_fact, ret_age_ms) ||
           atlas_fact(a, key, WF_FACT_LOAD, ret_fact, ret_age_ms);
}

struct wf_slice atlas_name(const struct atlas *a, const struct wf_key *key,
                           char room[WF_NAME_MAX + 1])
{
    const struct principal *p = registry_key(&a->c->registry, key);
    struct wf_site_fact site;

    if (wf_key_eq(key, &a->c->cfg.key)) {
        return wf_slice_of(a->c->cfg.name);
    }
    if (word_site(a->c, key, &site) && site.name.len != 0) {
        return wf_slice_of(wf_slice_str(site.name, room, WF_NAME_MAX + 1));
    }
    return p != NULL ? wf_slice_of(p->name) : wf_slice_make(NULL, 0);
}

uint64_t atlas_silence_ms(const struct atlas *a, const struct agent *neighbour)
{
    const struct core *c = a->c;
    const uint64_t seen_ms = neighbour->principal->seen_ms;

    if (neighbour->heard_us != 0) {
        return (c->now_us - neighbour->heard_us) / 1000;
    }
    /* Not since this broker started: by the clock of the wall. */
    return seen_ms != 0 && seen_ms < c->wall_ms ? c->wall_ms - seen_ms : 0;
}
