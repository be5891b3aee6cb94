#include "broker/core/data/inputs.h"

#include "common/err.h"

int data_init(struct data *d, size_t max_blobs, struct wf_rng *rng, uint64_t seed)
{
    wf_list_init(&d->drafts);
    return catalogue_init(&d->catalogue, max_blobs, seed) != 0 ||
                   datasets_init(&d->datasets, max_blobs, seed + 1) != 0 ||
                   tickets_init(&d->tickets, rng, seed + 3) != 0 ||
                   stages_init(&d->stages, seed + 4) != 0 ||
                   relay_init(&d->relay, seed + 5) != 0
               ? WEFT_ENOMEM
               : 0;
}

void data_fini(struct data *d)
{
    struct wf_list_node *n;

    relay_fini(&d->relay);
    tickets_fini(&d->tickets);
    stages_fini(&d->stages, &d->catalogue);
    while (d->drafts.next != NULL && (n = wf_list_first(&d->drafts)) != NULL) {
        dataset_free(&d->datasets, &d->catalogue,
                     CONTAINER_OF(n, struct dataset, in_all));
    }
    datasets_fini(&d->datasets, &d->catalogue);
    catalogue_fini(&d->catalogue);
}

static void drop_ticket(struct core *c, struct ticket *x)
{
    relay_settle(&c->data.relay, x);
    ticket_drop(&c->data.tickets, x);
}

static void drop_tickets(struct core *c, struct session *s, struct wf_effects *out)
{
    struct wf_list_node *n;

    while ((n = wf_list_first(&s->fetches)) != NULL) {
        struct ticket *x = CONTAINER_OF(n, struct ticket, of_fetcher);
        const struct wf_grant m = {
            .ticket = x->number, .to = s->principal->key, .end = 1};

        wf_effects_send(out, x->holder->peer, WF_MSG_grant, &m);
        drop_ticket(c, x);
    }
    while ((n = wf_list_first(&s->gives)) != NULL) {
        drop_ticket(c, CONTAINER_OF(n, struct ticket, of_holder));
    }
}

static void cancel_orders(const struct stage *g, struct wf_effects *out)
{
    for (struct wf_list_node *n = wf_list_first(&g->orders); n != NULL;
         n = wf_list_next(&g->orders, n)) {
        const struct order *o = CONTAINER_OF(n, struct order, of_stage);
        const struct wf_fetch m = {.req = o->number, .end = 1};

        if (o->agent->session != NULL) {
            wf_effects_send(out, o->agent->session->peer, WF_MSG_fetch, &m);
        }
    }
}

/* What it gave itself comes no more; what agents bring to agents goes on. */
static void drop_stages(struct core *c, struct session *s, struct wf_effects *out)
{
    struct wf_list_node *n;

    while ((n = wf_list_first(&s->stages)) != NULL) {
        struct stage *g = CONTAINER_OF(n, struct stage, of_session);

        wf_list_remove(&g->of_session);
        g->session = NULL;
        if (g->mine || !g->running) {
            cancel_orders(g, out);
            stage_free(&c->data.stages, &c->data.catalogue, g);
        }
    }
}

static void drop_drafts(struct core *c, const struct session *s)
{
    struct wf_list_node *n, *next;

    for (n = wf_list_first(&c->data.drafts); n != NULL; n = next) {
        struct dataset *d = CONTAINER_OF(n, struct dataset, in_all);

        next = wf_list_next(&c->data.drafts, n);
        if (d->draft_peer == s->peer) {
            dataset_free(&c->data.datasets, &c->data.catalogue, d);
        }
    }
}

/* The agent's orders end with its session: each stage goes on as it can, with this agent
 * when it comes back and has the most of it. */
static void drop_orders(struct core *c, struct agent *a, struct wf_effects *out)
{
    struct wf_list_node *n;

    while ((n = wf_list_first(&a->orders)) != NULL) {
        struct order *o = CONTAINER_OF(n, struct order, of_agent);
        struct stage *g = o->stage;

        order_free(&c->data.stages, o);
        stage_go_on(c, g, out);
    }
}

void data_session_gone(struct core *c, struct session *s, struct wf_effects *out)
{
    struct agent *a = s->by_token ? NULL : s->principal->agent;

    drop_tickets(c, s, out);
    drop_stages(c, s, out);
    drop_drafts(c, s);
    if (a != NULL && a->session == NULL) {
        a->holdings_known = 0;
        drop_orders(c, a, out);
    }
}

void data_agent_gone(struct core *c, struct agent *a)
{
    catalogue_forget(&c->data.catalogue, a);
}

void data_job_gone(struct core *c, const struct job *j, struct wf_effects *out)
{
    const struct blob *b =
        wf_digest_is_zero(&j->blob) ? NULL : catalogue_get(&c->data.catalogue, &j->blob);

    if (b != NULL && j->agent != NULL && j->agent->session != NULL &&
        wf_list_empty(&b->members)) {
        struct wf_keep m = {.action = WF_KEEP_DROP};
        const struct wf_digest_row row = {b->digest, b->size};

        (void) wf_rows_add(core_rows(c, 3), &m.rows, wf_desc_digest_row(), &row);
        wf_effects_send(out, j->agent->session->peer, WF_MSG_keep, &m);
    }
}
