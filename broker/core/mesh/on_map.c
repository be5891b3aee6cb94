/* The queries that show the mesh: each broker as it is known here, with the way there,
 * and the links between brokers. */
#include "broker/core/core_int.h"
#include "broker/core/mesh/atlas.h"
#include "broker/core/mesh/classes.h"
#include "broker/core/peers/link_list.h"
#include "common/err.h"

/* -- brokers ---------------------------------------------------------------------------
 */

static void set_figures(struct wf_map_row *row, const struct wf_site_fact *load)
{
    row->agents = load->agents;
    row->slots = load->slots;
    row->free = load->free;
    row->queued = load->queued;
    row->live = load->live;
}

static void tell_self(const struct atlas *a, struct wf_buf *scratch,
                      char classes[WF_TEXT_MAX + 1], struct wf_map_row *row)
{
    struct wf_site_fact load;
    struct wf_rows rows;

    row->state = WF_SITE_SELF;
    row->site = wf_slice_of(a->c->cfg.site);
    figures_now(a->c, &load);
    set_figures(row, &load);
    classes_now(a->c, scratch, &rows);
    row->classes = wf_slice_of(classes_text(rows, classes));
}

/* What another one said of itself.  Its figures are said again and again: their age is
 * that of what is known of it. */
static void tell_other(const struct atlas *a, const struct place *x,
                       char site[WF_NAME_MAX + 1], char classes[WF_TEXT_MAX + 1],
                       struct wf_map_row *row)
{
    struct wf_site_fact fact;
    struct link_seen link;
    uint64_t age_ms;

    if (atlas_fact(a, &x->key, WF_FACT_SITE, &fact, &age_ms)) {
        row->site = wf_slice_of(wf_slice_str(fact.site, site, WF_NAME_MAX + 1));
        row->classes = wf_slice_of(classes_text(fact.classes, classes));
        row->age_ms = row->site_age_ms = age_ms;
    } else if (x->neighbour != NULL) {
        row->site = wf_slice_of(x->neighbour->principal->site);
        row->age_ms = atlas_silence_ms(a, x->neighbour);
    }
    if (x->neighbour != NULL) {
        mesh_link_seen(a->c, x->neighbour, &link);
        row->rtt_us = link.rtt_us;
    } else if (atlas_links(a, &x->key, &fact, &age_ms)) {
        row->rtt_us = where_rtt_us(&a->c->word.where, &fact);
        row->guessed = row->rtt_us != 0;
    }
    if (atlas_fact(a, &x->key, WF_FACT_LOAD, &fact, &age_ms)) {
        row->age_ms = age_ms;
        set_figures(row, &fact);
    }
}

static void add_row(const struct atlas *a, const struct place *x, struct core *c,
                    struct wf_rows *rows)
{
    char classes[WF_TEXT_MAX + 1];
    char name[WF_NAME_MAX + 1], via[WF_NAME_MAX + 1], site[WF_NAME_MAX + 1];
    struct wf_map_row row = {.key = x->key,
                             .name = atlas_name(a, &x->key, name),
                             .state = atlas_reaches(a, x) ? WF_SITE_UP : WF_SITE_CUT,
                             .hops = wf_min_u64(x->hops, 63)};

    if (row.name.len == 0) {
        return;
    }
    if (x == a->v) {
        tell_self(a, core_rows(c, 1), classes, &row);
    } else {
        tell_other(a, x, site, classes, &row);
    }
    if (row.state == WF_SITE_UP) {
        row.via = atlas_name(a, &atlas_first(a, x)->key, via);
    }
    (void) wf_rows_add(&c->row_store[0], rows, wf_desc_map_row(), &row);
}

void query_map(struct turn *t)
{
    const struct wf_query *q = &t->msg->u.query;
    const uint64_t limit = q->limit != 0 ? q->limit : WF_PAGE_MAX;
    const struct atlas *a = atlas_now(t->c);
    struct wf_map_page m = {.req = q->req};

    if (a == NULL) {
        refuse(t, WEFT_ENOMEM, q->req, NULL, 0, "out of memory");
        return;
    }
    (void) core_rows(t->c, 0);
    for (uint64_t i = q->after; i < a->n && m.rows.count < limit; i++) {
        add_row(a, &a->v[i], t->c, &m.rows);
        m.more = i + 1 < a->n ? i + 1 : 0;
    }
    wf_effects_send(t->out, t->s->peer, WF_MSG_map_page, &m);
}

/* -- links between brokers -------------------------------------------------------------
 */

static int list_own(struct link_list *l, const struct atlas *a, const struct place *to)
{
    const struct agent *x = to->neighbour;
    const uint64_t silence_ms = atlas_silence_ms(a, x);
    struct link_seen seen;
    char name[WF_NAME_MAX + 1];
    struct wf_link_view_row row = {
        .from = wf_slice_of(a->c->cfg.name),
        .to = atlas_name(a, &to->key, name),
        .age_ms = silence_ms,
        .source = WF_LINK_MEASURED,
        .state = x->session != NULL ? WF_SITE_UP : WF_SITE_CUT,
        .state_ms = x->session != NULL ? (a->c->now_us - x->session->began_us) / 1000
                                       : silence_ms};

    mesh_link_seen(a->c, x, &seen);
    row.rtt_us = seen.rtt_us;
    row.jitter_us = seen.jitter_us;
    row.loss_pm = wf_min_u64(seen.loss_pm, 1000);
    row.up = seen.up;
    row.down = seen.down;
    row.samples = seen.samples;
    return link_list_add(l, &row);
}

/* A link that its end told of is as good as that was: when nothing leads there now, all
 * that is known of it is from then. */
static int list_told(struct link_list *l, const struct atlas *a, const struct place *from)
{
    char name[WF_NAME_MAX + 1], peer[WF_NAME_MAX + 1];
    struct wf_link_row told;
    struct wf_site_fact load;
    uint64_t age_ms;
    int full = 0;

    if (!atlas_links(a, &from->key, &load, &age_ms)) {
        return 0;
    }
    while (!full && wf_rows_next(&load.links, wf_desc_link_row(), &told)) {
        const int up = atlas_reaches(a, from);
        struct wf_link_view_row row = {.from = atlas_name(a, &from->key, name),
                                       .to = atlas_name(a, &told.peer, peer),
                                       .rtt_us = told.rtt_us,
                                       .jitter_us = told.jitter_us,
                                       .loss_pm = wf_min_u64(told.loss_pm, 1000),
                                       .up = told.up,
                                       .down = told.down,
                                       .samples = told.samples,
                                       .age_ms = age_ms,
                                       .source = WF_LINK_MEASURED,
                                       .state = up ? WF_SITE_UP : WF_SITE_CUT,
                                       .state_ms = age_ms};

        if (up) {
            row.state_ms = wf_add_sat(age_ms, told.age_ms);
        }
        row.to = row.to.len != 0 ? row.to : told.name;
        full = row.from.len != 0 && row.to.len != 0 && link_list_add(l, &row);
    }
    return full;
}

int link_list_brokers(struct link_list *l)
{
    const struct atlas *a = atlas_now(l->c);
    int full = 0;

    if (a == NULL) {
        return WEFT_ENOMEM;
    }
    for (unsigned i = 1; i < a->n && !full; i++) {
        full = a->v[i].neighbour != NULL && list_own(l, a, &a->v[i]);
    }
    for (unsigned i = 1; i < a->n && !full; i++) {
        full = list_told(l, a, &a->v[i]);
    }
    return 0;
}
