/* The price book: new lines from the shell, and the query that shows them. */
#include "broker/core/place/routes.h"

#include "common/err.h"
#include "common/log.h"

void on_prices(struct core *c, const struct broker_event *ev, struct wf_effects *out)
{
    int rc = pricing_put(&c->pricing, ev->prices, ev->nprices);

    if (rc != 0) {
        core_news(c, out, WF_LOG_ERROR, "prices-kept", "", NULL,
                  "the new price book was not taken, the old one holds: %s",
                  wf_err_sentence(rc));
        return;
    }
    routes_priced(c);
    core_news(c, out, WF_LOG_INFO, "prices", "", NULL, "a price book of %zu lines",
              ev->nprices);
}

void query_prices(struct turn *t)
{
    const struct wf_query *q = &t->msg->u.query;
    const struct pricing *p = &t->c->pricing;
    struct wf_prices_page page = {.req = q->req};
    struct wf_buf *store = core_rows(t->c, 0);
    uint64_t limit = q->limit != 0 ? wf_min_u64(q->limit, WF_PAGE_MAX) : WF_PAGE_MAX;

    for (uint64_t at = q->after; at < p->nlines; at++) {
        const struct price_line *l = &p->lines[at];
        const struct wf_price_row row = {
            .kind = l->kind,
            .from = wf_slice_of(l->from),
            .to =
                wf_slice_of(l->kind == WF_PRICE_NODE ? price_paid_name(l->paid) : l->to),
            .pusd = l->pusd,
            .events_day = l->events_day};

        if (page.rows.count == limit ||
            wf_rows_add(store, &page.rows, wf_desc_price_row(), &row) != 0) {
            page.more = at;
            break;
        }
    }
    wf_effects_send(t->out, t->s->peer, WF_MSG_prices_page, &page);
}
