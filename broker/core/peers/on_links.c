/* Links: cookies of probes, what agents measured, and the query that shows it. */
#include "broker/core/peers/link_list.h"
#include "broker/core/place/routes.h"

#include "common/err.h"

#include <string.h>

/* -- probes ----------------------------------------------------------------------------
 */

/* The handle finds the session, the rest proves that it was told so: a stranger would
 * have to guess 96 bits. */
#define HANDLE_BYTES 4u

#define SECOND_US UINT64_C(1000000)
#define SPAN_S    10u /* of a rate: slow links, too, move enough in it to count */

static uint32_t handle_of(const uint8_t *cookie)
{
    return (uint32_t) cookie[0] << 24 | (uint32_t) cookie[1] << 16 |
           (uint32_t) cookie[2] << 8 | cookie[3];
}

void links_give_cookie(struct core *c, struct session *s)
{
    for (unsigned i = 0; i < WF_PROBE_COOKIE; i++) {
        s->probe[i] = i < HANDLE_BYTES ? (uint8_t) (s->peer >> (24 - 8 * i))
                                       : (uint8_t) (wf_rng_next(&c->cookies) >> 56);
    }
}

int core_knows_probe(struct core *c, const uint8_t *cookie)
{
    static const uint8_t none[WF_PROBE_COOKIE - HANDLE_BYTES];
    const struct session *s = session_get(&c->sessions, handle_of(cookie));

    return s != NULL && memcmp(s->probe, cookie, sizeof s->probe) == 0 &&
           memcmp(s->probe + HANDLE_BYTES, none, sizeof none) != 0;
}

/* -- what agents tell ------------------------------------------------------------------
 */

static int is_broker(const struct wf_key *key)
{
    static const struct wf_key zero;

    return wf_key_eq(key, &zero);
}

/* What placement makes of it.  The one who gave shows what it can give, too. */
static void links_apply(struct core *c, struct agent *a, const struct link_seen *l)
{
    const struct principal *p =
        is_broker(&l->peer) ? NULL : registry_key(&c->registry, &l->peer);
    struct agent *peer = p != NULL ? p->agent : NULL;

    if (is_broker(&l->peer)) {
        routes_measured(c, a);
    } else if (peer != NULL && peer != a && peer->node != ROUTE_NONE &&
               a->node != ROUTE_NONE) {
        routing_pair(c->routing, peer->node, a->node, (uint32_t) l->rtt_us, l->down,
                     c->now_us);
        routing_pair(c->routing, a->node, peer->node, 0, l->up, c->now_us);
        (void) wf_rate_add(&peer->up, l->down * SPAN_S, SPAN_S * SECOND_US, 1, c->now_us);
        routes_measured(c, peer);
    }
}

void on_links(struct turn *t)
{
    struct wf_rows rows = t->msg->u.links.rows;
    struct agent *a = t->s->by_token ? NULL : t->s->principal->agent;
    struct wf_link_row row;

    if (a == NULL || a->session != t->s) {
        return;
    }
    if (a->neighbour != NULL) {
        mesh_on_links(t);
        return;
    }
    while (wf_rows_next(&rows, wf_desc_link_row(), &row)) {
        const struct link_seen *l = NULL;

        /* A node that is not known here, or a number that cannot be, is no link. */
        if ((!is_broker(&row.peer) && registry_key(&t->c->registry, &row.peer) == NULL) ||
            links_put(&a->links, &row, t->c->now_us, &l) != 0) {
            t->c->count.links_refused++;
        } else {
            links_apply(t->c, a, l);
        }
    }
}

/* -- what people see -------------------------------------------------------------------
 */

/* Price of a byte from the agent to its peer; nothing is known of what a broker costs. */
static uint64_t price_of(const struct core *c, const struct principal *from,
                         const struct principal *to)
{
    const struct wf_intern *sites = c->pricing.sites;

    return to == NULL
               ? 0
               : prices_egress(c->pricing.book, wf_intern_find(sites, from->site),
                               from->tier, wf_intern_find(sites, to->site), to->tier);
}

static int names_node(const struct wf_query *q, const struct wf_link_view_row *row)
{
    return q->key.len == 0 || wf_slice_eq(q->key, row->from) ||
           wf_slice_eq(q->key, row->to);
}

int link_list_add(struct link_list *l, const struct wf_link_view_row *row)
{
    if (!names_node(l->q, row) || l->at++ < l->q->after) {
        return 0;
    }
    if (l->page.rows.count == l->limit ||
        wf_rows_add(&l->c->row_store[0], &l->page.rows, wf_desc_link_view_row(), row) !=
            0) {
        l->page.more = l->at - 1;
        return 1;
    }
    return 0;
}

static int list_link(struct link_list *l, const struct agent *a,
                     const struct link_seen *x)
{
    const struct core *c = l->c;
    const struct principal *to =
        is_broker(&x->peer) ? NULL : registry_key(&c->registry, &x->peer);
    const struct wf_link_view_row row = {
        .from = wf_slice_of(a->principal->name),
        .to = wf_slice_of(to != NULL ? to->name : c->cfg.name),
        .rtt_us = x->rtt_us,
        .jitter_us = x->jitter_us,
        .loss_pm = wf_min_u64(x->loss_pm, 1000),
        .up = x->up,
        .down = x->down,
        .samples = x->samples,
        .age_ms = (c->now_us - x->at_us) / 1000,
        .metered = a->metered != 0,
        .usd_gb_p = price_of(c, a->principal, to),
        .source = WF_LINK_MEASURED};

    if (to == NULL && !is_broker(&x->peer)) {
        return 0; /* its key is forgotten */
    }
    return link_list_add(l, &row);
}

static int list_agents(struct link_list *l)
{
    const struct wf_list_node *all = &l->c->agents.all;
    int full = 0;

    for (const struct wf_list_node *n = wf_list_first(all); n != NULL && !full;
         n = wf_list_next(all, n)) {
        const struct agent *a = CONTAINER_OF(n, struct agent, in_all);

        for (unsigned i = 0; i < a->links.n && !full; i++) {
            full = list_link(l, a, &a->links.v[i]);
        }
    }
    return full;
}

void query_links(struct turn *t)
{
    const struct wf_query *q = &t->msg->u.query;
    const int brokers = wf_slice_is(q->filter, "brokers");
    struct link_list l = {
        t->c, q, {.req = q->req}, q->limit != 0 ? q->limit : WF_PAGE_MAX, 0};

    (void) core_rows(t->c, 0);
    if (q->filter.len != 0 && !brokers) {
        refuse(t, WEFT_EINVAL, q->req, NULL, 0, "links are all, or those of `brokers`");
    } else if ((brokers || !list_agents(&l)) && link_list_brokers(&l) != 0) {
        refuse(t, WEFT_ENOMEM, q->req, NULL, 0, "out of memory");
    } else {
        wf_effects_send(t->out, t->s->peer, WF_MSG_links_page, &l.page);
    }
}
