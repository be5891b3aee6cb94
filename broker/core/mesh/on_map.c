/* The query that shows the mesh: each broker as it is known here, with the way there. */
#include "broker/core/core_int.h"
#include "broker/core/mesh/gossip.h"
#include "common/mem.h"

#include <string.h>

#define NODES_MAX 2048u

/* A broker on the map; `from` leads back to us. */
struct place {
    struct wf_key key;
    int from; /* index of the one before it on the way; -1: no way */
    unsigned hops;
};

struct atlas {
    struct core *c;
    struct place *v;
    unsigned n;
};

static int find(const struct atlas *a, const struct wf_key *key)
{
    for (unsigned i = 0; i < a->n; i++) {
        if (wf_key_eq(&a->v[i].key, key)) {
            return (int) i;
        }
    }
    return -1;
}

static int read_fact(const struct core *c, const struct wf_key *key, unsigned kind,
                     struct wf_msg *ret_msg, uint64_t *ret_at_us)
{
    struct gossip_fact f;
    struct wf_cursor cur;

    if (gossip_get(c->word.gossip, key, kind, wf_slice_make(NULL, 0), &f) != 0) {
        return 0;
    }
    wf_cur_init(&cur, f.body.p, f.body.len);
    *ret_at_us = f.at_us;
    return wf_msg_decode(&cur, ret_msg) == 0 && ret_msg->type == WF_MSG_site_fact;
}

static void add(struct atlas *a, const struct wf_key *key)
{
    if (a->n < NODES_MAX && find(a, key) < 0) {
        a->v[a->n++] = (struct place){.key = *key, .from = -1};
    }
}

static void gather(struct atlas *a)
{
    struct gossip_at at = {0, 0};
    struct gossip_fact f;

    add(a, &a->c->cfg.key);
    for (const struct wf_list_node *n = wf_list_first(&a->c->mesh.neighbours); n != NULL;
         n = wf_list_next(&a->c->mesh.neighbours, n)) {
        add(a, &CONTAINER_OF(n, struct neighbour, node)->agent->principal->key);
    }
    while (gossip_next(a->c->word.gossip, WF_FACT_SITE, &at, &f)) {
        add(a, f.origin);
    }
}

static void reach(struct atlas *a, unsigned from, const struct wf_key *key,
                  unsigned *queue, unsigned *nqueue)
{
    const int to = find(a, key);

    if (to > 0 && a->v[to].from < 0) {
        a->v[to].from = (int) from;
        a->v[to].hops = a->v[from].hops + 1;
        queue[(*nqueue)++] = (unsigned) to;
    }
}

/* The fewest hops to each, over the links that brokers tell of. */
static void find_ways(struct atlas *a, unsigned *queue)
{
    unsigned nqueue = 0;

    for (const struct wf_list_node *n = wf_list_first(&a->c->mesh.neighbours); n != NULL;
         n = wf_list_next(&a->c->mesh.neighbours, n)) {
        const struct agent *x = CONTAINER_OF(n, struct neighbour, node)->agent;

        if (x->session != NULL) {
            reach(a, 0, &x->principal->key, queue, &nqueue);
        }
    }
    for (unsigned i = 0; i < nqueue; i++) {
        struct wf_link_row row;
        struct wf_msg msg;
        uint64_t at_us;

        if (!read_fact(a->c, &a->v[queue[i]].key, WF_FACT_LOAD, &msg, &at_us)) {
            continue;
        }
        for (struct wf_rows rows = msg.u.site_fact.links;
             wf_rows_next(&rows, wf_desc_link_row(), &row);) {
            reach(a, queue[i], &row.peer, queue, &nqueue);
        }
    }
}

static struct wf_slice name_of(const struct core *c, const struct wf_key *key,
                               char room[WF_NAME_MAX + 1])
{
    const struct principal *p = registry_key(&c->registry, key);
    struct wf_msg msg;
    uint64_t at_us;

    if (wf_key_eq(key, &c->cfg.key)) {
        return wf_slice_of(c->cfg.name);
    }
    if (read_fact(c, key, WF_FACT_SITE, &msg, &at_us)) {
        return wf_slice_of(wf_slice_str(msg.u.site_fact.name, room, WF_NAME_MAX + 1));
    }
    return p != NULL ? wf_slice_of(p->name) : wf_slice_make(NULL, 0);
}

/* The neighbour that leads there. */
static const struct wf_key *first_hop(const struct atlas *a, unsigned i)
{
    while (a->v[i].from > 0) {
        i = (unsigned) a->v[i].from;
    }
    return &a->v[i].key;
}

static void add_row(struct atlas *a, unsigned i, struct wf_buf *b, struct wf_rows *rows)
{
    const struct core *c = a->c;
    const struct place *x = &a->v[i];
    char name[WF_NAME_MAX + 1], via[WF_NAME_MAX + 1], site[WF_NAME_MAX + 1] = "";
    struct wf_map_row row = {.key = x->key,
                             .name = name_of(c, &x->key, name),
                             .state = i == 0         ? WF_SITE_SELF
                                      : x->from >= 0 ? WF_SITE_UP
                                                     : WF_SITE_CUT,
                             .hops = x->hops};
    uint64_t at_us;
    struct wf_msg msg;

    if (row.name.len == 0) {
        return;
    }
    if (x->from >= 0) {
        row.via = name_of(c, first_hop(a, i), via);
    }
    if (read_fact(c, &x->key, WF_FACT_SITE, &msg, &at_us)) {
        row.site = wf_slice_of(wf_slice_str(msg.u.site_fact.site, site, sizeof site));
        row.age_ms = (c->now_us - at_us) / 1000;
    } else if (i == 0) {
        row.site = wf_slice_of(c->cfg.site);
    }
    if (i == 0) {
        word_figures(c, &msg.u.site_fact);
    } else if (!read_fact(c, &x->key, WF_FACT_LOAD, &msg, &at_us)) {
        (void) wf_rows_add(b, rows, wf_desc_map_row(), &row);
        return;
    }
    row.age_ms = i == 0 ? 0 : (c->now_us - at_us) / 1000;
    row.agents = msg.u.site_fact.agents;
    row.slots = msg.u.site_fact.slots;
    row.free = msg.u.site_fact.free;
    row.queued = msg.u.site_fact.queued;
    row.live = msg.u.site_fact.live;
    (void) wf_rows_add(b, rows, wf_desc_map_row(), &row);
}

void query_map(struct turn *t)
{
    const struct wf_query *q = &t->msg->u.query;
    const uint64_t limit = q->limit != 0 ? q->limit : WF_PAGE_MAX;
    struct atlas a = {.c = t->c, .v = wf_calloc(NODES_MAX, sizeof *a.v)};
    unsigned *queue = wf_calloc(NODES_MAX, sizeof *queue);
    struct wf_map_page m = {.req = q->req};
    struct wf_buf *b = core_rows(t->c, 0);

    if (a.v == NULL || queue == NULL) {
        refuse(t, WEFT_ENOMEM, q->req, NULL, 0, "out of memory");
    } else {
        gather(&a);
        find_ways(&a, queue);
        for (uint64_t i = q->after; i < a.n && m.rows.count < limit; i++) {
            add_row(&a, (unsigned) i, b, &m.rows);
            m.more = i + 1 < a.n ? i + 1 : 0;
        }
        wf_effects_send(t->out, t->s->peer, WF_MSG_map_page, &m);
    }
    wf_free(queue);
    wf_free(a.v);
}
