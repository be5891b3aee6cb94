#include "broker/core/data/inputs.h"

#include "broker/core/mesh/data/folders.h"

#include "common/err.h"

#define ALARM_US 1000000u
#define GO_MAX   256u /* holders of a result that are told to drop it */

int data_init(struct data *d, size_t max_blobs, struct wf_rng *rng, uint64_t seed)
{
    wf_list_init(&d->drafts);
    wf_list_init(&d->pending);
    wf_list_init(&d->doomed);
    keeps_init(&d->keeps);
    debts_init(&d->debts);
    return catalogue_init(&d->catalogue, max_blobs, seed) != 0 ||
                   datasets_init(&d->datasets, max_blobs, seed + 3) != 0 ||
                   tickets_init(&d->tickets, rng, seed + 5) != 0 ||
                   stages_init(&d->stages, max_blobs, wf_rng_next(rng), seed + 6) != 0 ||
                   relay_init(&d->relay, seed + 8) != 0
               ? WEFT_ENOMEM
               : 0;
}

static void free_all(struct data *d, struct wf_list_node *head)
{
    struct wf_list_node *n;

    while (head->next != NULL && (n = wf_list_first(head)) != NULL) {
        dataset_free(&d->datasets, &d->catalogue,
                     CONTAINER_OF(n, struct dataset, in_all));
    }
}

void data_fini(struct data *d)
{
    relay_fini(&d->relay);
    tickets_fini(&d->tickets);
    keeps_fini(&d->keeps, &d->catalogue);
    debts_fini(&d->debts, &d->catalogue);
    stages_fini(&d->stages, &d->catalogue);
    free_all(d, &d->drafts);
    free_all(d, &d->doomed);
    datasets_fini(&d->datasets, &d->catalogue);
    catalogue_fini(&d->catalogue);
}

/* -- sessions and agents ---------------------------------------------------------------
 */

static void drop_ticket(struct core *c, struct ticket *x)
{
    relay_settle(&c->data.relay, x);
    ticket_drop(&c->data.tickets, x);
}

/* Who fetches by it is gone: its holder is told, or the neighbour that leads there. */
static void end_ticket(struct core *c, struct ticket *x, struct wf_effects *out)
{
    const struct wf_grant m = {.ticket = x->number, .to = x->to, .end = 1};

    wf_effects_send(out, x->holder->peer, WF_MSG_grant, &m);
    drop_ticket(c, x);
}

static void drop_tickets(struct core *c, struct session *s, struct wf_effects *out)
{
    struct wf_list_node *n;

    while ((n = wf_list_first(&s->fetches)) != NULL) {
        end_ticket(c, CONTAINER_OF(n, struct ticket, of_fetcher), out);
    }
    while ((n = wf_list_first(&s->gives)) != NULL) {
        drop_ticket(c, CONTAINER_OF(n, struct ticket, of_holder));
    }
}

void data_expire(struct core *c, struct session *fetcher)
{
    struct wf_list_node *n, *next;

    for (n = wf_list_first(&fetcher->fetches); n != NULL; n = next) {
        struct ticket *x = CONTAINER_OF(n, struct ticket, of_fetcher);

        next = wf_list_next(&fetcher->fetches, n);
        if (!ticket_is_live(x, c->now_us)) {
            drop_ticket(c, x);
        }
    }
}

void data_expire_all(struct core *c, struct session *s)
{
    struct wf_list_node *n, *next;

    data_expire(c, s);
    for (n = wf_list_first(&s->gives); n != NULL; n = next) {
        struct ticket *x = CONTAINER_OF(n, struct ticket, of_holder);

        next = wf_list_next(&s->gives, n);
        if (!ticket_is_live(x, c->now_us)) {
            drop_ticket(c, x);
        }
    }
}

void on_grant(struct turn *t)
{
    const struct wf_grant *m = &t->msg->u.grant;
    struct ticket *x = ticket_get(&t->c->data.tickets, m->ticket);

    /* A neighbour takes back what it asked for; tickets are given by `located`. */
    if (m->end && x != NULL && x->fetcher == t->s) {
        end_ticket(t->c, x, t->out);
    }
}

/* What it gave itself comes no more; what agents bring to agents goes on, if it does. */
static void drop_stages(struct core *c, struct session *s, struct wf_effects *out)
{
    struct wf_list_node *n;

    while ((n = wf_list_first(&s->stages)) != NULL) {
        struct stage *g = CONTAINER_OF(n, struct stage, of_session);

        wf_list_remove(&g->of_session);
        g->session = NULL;
        if (g->mine || !g->running || g->sent == 0) {
            stage_cancel(c, g, out);
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
    folders_cut(c, s, out);
    drop_stages(c, s, out);
    drop_drafts(c, s);
    if (a != NULL && a->session == NULL) {
        a->holdings_known = 0;
        drop_orders(c, a, out);
    }
}

void data_agent_gone(struct core *c, struct agent *a)
{
    debts_forget(c, a);
    catalogue_forget(&c->data.catalogue, a);
}

void data_agent_back(struct core *c, const struct agent *a, struct wf_effects *out)
{
    stages_offer(c, a, out);
}

/* -- results ---------------------------------------------------------------------------
 */

int data_result(struct core *c, struct job *j, const struct wf_digest *digest,
                uint64_t size)
{
    struct blob *b;
    int rc;

    if (wf_digest_is_zero(digest)) {
        return 0;
    }
    rc = catalogue_need(&c->data.catalogue, digest, size, &b);
    if (rc == 0) {
        b->uses++;
        j->blob = *digest;
        j->blob_size = size;
    }
    return rc;
}

int data_result_at(struct core *c, struct job *j, struct agent *a,
                   const struct wf_result *m)
{
    const struct wf_hold_row row = {.digest = m->blob,
                                    .size = m->blob_size,
                                    .have = m->blob_size,
                                    .flags = WF_HOLD_PINNED};
    int rc = data_result(c, j, &m->blob, m->blob_size);

    if (rc == 0 && !wf_digest_is_zero(&m->blob)) {
        (void) catalogue_hold(&c->data.catalogue, a, &row);
    }
    return rc;
}

/* Nothing needs it any more: who has it may let it go, or is told when it is back. */
static void let_go(struct core *c, struct blob *b, struct wf_effects *out)
{
    struct wf_keep m = {.action = WF_KEEP_DROP};
    const struct wf_digest_row row = {b->digest, b->size};
    unsigned left = GO_MAX;

    (void) wf_rows_add(core_rows(c, 3), &m.rows, wf_desc_digest_row(), &row);
    for (struct wf_list_node *n = wf_list_first(&b->shares); n != NULL && left-- > 0;
         n = wf_list_next(&b->shares, n)) {
        struct agent *a = CONTAINER_OF(n, struct share, of_blob)->agent;

        if (a->session != NULL) {
            wf_effects_send(out, a->session->peer, WF_MSG_keep, &m);
        } else {
            (void) debts_add(&c->data.debts, a, b, 0);
        }
    }
}

void data_job_gone(struct core *c, struct job *j, struct wf_effects *out)
{
    struct blob *b =
        wf_digest_is_zero(&j->blob) ? NULL : catalogue_get(&c->data.catalogue, &j->blob);

    if (b != NULL) {
        if (b->uses == 1) {
            let_go(c, b, out);
        }
        catalogue_unuse(&c->data.catalogue, b);
        j->blob = (struct wf_digest){{0}};
    }
}

void data_result_told(struct core *c, const struct agent *a,
                      const struct wf_digest *digest, struct wf_effects *out)
{
    const struct blob *b = catalogue_get(&c->data.catalogue, digest);
    struct wf_keep m = {.action = WF_KEEP_UNPIN};
    const struct wf_digest_row row = {*digest, b != NULL ? b->size : 0};

    if (wf_digest_is_zero(digest) || a->session == NULL || (b != NULL && b->uses != 0)) {
        return;
    }
    (void) wf_rows_add(core_rows(c, 3), &m.rows, wf_desc_digest_row(), &row);
    wf_effects_send(out, a->session->peer, WF_MSG_keep, &m);
}

/* -- steps -----------------------------------------------------------------------------
 */

int data_due(const struct core *c)
{
    return !wf_list_empty(&c->data.stages.saying) || keeps_due(c) || debts_due(c) ||
           (!wf_list_empty(&c->data.doomed) && !c->rolled_back);
}

void data_step(struct core *c, struct wf_effects *out)
{
    if (!c->rolled_back && (c->loaded || !c->cfg.durable)) {
        datasets_wipe(c, out);
    }
    if (c->now_us >= c->data_due_us && data_due(c)) {
        stages_say(c, out);
        keeps_go_on(c, out);
        debts_go_on(c, out);
        c->data_due_us = c->now_us + (data_due(c) ? DATA_TICK_US : 0);
    }
}

/* -- what peers may --------------------------------------------------------------------
 */

static uint64_t *find_refused(struct session *s, uint64_t req)
{
    for (unsigned i = 0; i < SESSION_REFUSED; i++) {
        if (s->refused[i] == req && req != 0) {
            return &s->refused[i];
        }
    }
    return NULL;
}

void data_refuse_pages(struct session *s, uint64_t req, int more)
{
    if (more && find_refused(s, req) == NULL) {
        s->refused[s->nrefused++ % SESSION_REFUSED] = req;
    }
}

int data_skip_page(struct session *s, uint64_t req, int more)
{
    uint64_t *at = find_refused(s, req);

    if (at != NULL && !more) {
        *at = 0;
    }
    return at != NULL;
}

int data_may_alarm(const struct core *c, struct session *s)
{
    if (s->alarm_us != 0 && c->now_us - s->alarm_us < ALARM_US) {
        return 0;
    }
    s->alarm_us = c->now_us;
    return 1;
}
