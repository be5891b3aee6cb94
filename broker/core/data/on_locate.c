/* Who holds what, and who may fetch it. */
#include "broker/core/data/inputs.h"

#include "broker/core/jobs/hedge.h"
#include "broker/core/mesh/data/copies.h"
#include "broker/core/mesh/guests.h"
#include "common/err.h"
#include "common/log.h"
#include "proto/name.h"

#include <string.h>

#define HOLDERS_OF_BLOB 4u   /* told about */
#define HOLDERS_LOOKED  256u /* of one blob, in turn */

/* -- holdings --------------------------------------------------------------------------
 */

void on_holdings(struct turn *t)
{
    struct core *c = t->c;
    const struct wf_holdings *m = &t->msg->u.holdings;
    struct agent *a = t->s->principal->agent;
    struct wf_rows rows = m->rows;
    struct wf_hold_row row;
    int came;

    if (a == NULL || a->session != t->s) {
        return;
    }
    came = m->reset || !a->holdings_known;
    if (m->reset) {
        catalogue_forget(&c->data.catalogue, a);
    }
    while (wf_rows_next(&rows, wf_desc_hold_row(), &row)) {
        if (catalogue_hold(&c->data.catalogue, a, &row) == WEFT_EPROTO) {
            c->count.bad_messages++;
        }
    }
    a->data_used = m->used;
    a->data_room = m->room;
    a->holdings_known = 1;
    if (came) {
        debts_back(c, a);
        stages_offer(c, a, t->out);
    }
}

/* -- locate ----------------------------------------------------------------------------
 */

/* One reply that is being made, and the grants that go with it. */
struct search {
    struct turn *t;
    const struct job *job;
    const struct stage *stage; /* of the order that the agent carries out */
    const struct dataset *set; /* of ours, that another broker asks for */
    struct wf_key to;          /* who fetches; its name and its residency label */
    struct wf_slice name, region;
    unsigned nholders;
    struct session *holders[WF_HOLDERS_MAX];
    struct ticket *tickets[WF_HOLDERS_MAX];
    struct wf_buf *at_store;
    struct wf_rows at;
    unsigned wholes; /* rows of `at` that tell of a whole blob */
    unsigned looks;  /* at datasets, that are left */
};

static int may_fetch(struct search *q, const struct blob *b)
{
    const struct session *s = q->t->s;

    if (s->role == WF_ROLE_AGENT) {
        return (q->stage != NULL && stage_has(q->stage, &b->digest)) ||
               (q->job != NULL && inputs_have(q->t->c, q->job, &b->digest)) ||
               /* Its folder is of this broker, as its own says. */
               (q->job != NULL && q->job->guest != NULL &&
                wf_key_eq(&q->job->guest->data.home, &q->t->c->cfg.key) &&
                !wf_list_empty(&b->members));
    }
    if (q->set != NULL) {
        return dataset_has(q->set, wf_slice_of(""), &b->digest);
    }
    if (s->role == WF_ROLE_BROKER) {
        return wf_digest_eq(&q->job->blob, &b->digest) ||
               inputs_have(q->t->c, q->job, &b->digest);
    }
    return (q->job != NULL && wf_digest_eq(&q->job->blob, &b->digest)) ||
           blob_may_see(s, b, &q->looks);
}

/* Index of the holder among those of the reply; -1: no room for it. */
static int need_holder(struct search *q, struct session *holder)
{
    struct core *c = q->t->c;
    unsigned i = 0;

    while (i < q->nholders && q->holders[i] != holder) {
        i++;
    }
    if (i < q->nholders) {
        return (int) i;
    }
    if (i == WF_HOLDERS_MAX || ticket_need(&c->data.tickets, q->t->s, &q->to, holder,
                                           c->now_us, &q->tickets[i]) != 0) {
        return -1;
    }
    q->holders[i] = holder;
    q->nholders++;
    return (int) i;
}

static void add_at(struct search *q, const struct blob *b, struct session *holder,
                   uint64_t have)
{
    int i = q->at.count < WF_AT_MAX ? need_holder(q, holder) : -1;
    const struct wf_at_row row = {b->digest, b->size, (uint64_t) i, have};

    if (i >= 0) {
        q->wholes += have == b->size;
        (void) wf_rows_add(q->at_store, &q->at, wf_desc_at_row(), &row);
    }
}

static int same_site(const struct session *a, const struct session *b)
{
    return a->principal->site[0] != '\0' &&
           strcmp(a->principal->site, b->principal->site) == 0;
}

/* Lower is better: whole ones first, then those of the own site, then by round trip. */
static uint64_t distance(const struct search *q, const struct share *s)
{
    return (share_is_whole(s) ? 0 : UINT64_C(1) << 62) +
           (same_site(q->t->s, s->agent->session) ? 0 : UINT64_C(1) << 61) +
           wf_ewma_mean(&s->agent->rtt_us);
}

static int can_give(const struct search *q, const struct share *s)
{
    const struct agent *a = s->agent;

    /* What is at another site its broker tells. */
    return a->session != NULL && a->neighbour == NULL && a->state == AGENT_UP &&
           a->session != q->t->s && s->have != 0 && a->principal->state == WF_KEY_ACTIVE;
}

/* The best few, by insertion into a short sorted list. */
struct best {
    const struct share *v[HOLDERS_OF_BLOB];
    uint64_t distance[HOLDERS_OF_BLOB];
    unsigned n;
};

static void insert(struct best *best, const struct share *s, uint64_t distance)
{
    unsigned i = best->n;

    while (i > 0 && distance < best->distance[i - 1]) {
        i--;
    }
    if (i == HOLDERS_OF_BLOB) {
        return;
    }
    best->n += best->n < HOLDERS_OF_BLOB;
    for (unsigned k = best->n - 1; k > i; k--) {
        best->v[k] = best->v[k - 1];
        best->distance[k] = best->distance[k - 1];
    }
    best->v[i] = s;
    best->distance[i] = distance;
}

/* Of a blob that very many have others are looked at each time. */
static void find_best(const struct search *q, struct blob *b, struct best *ret)
{
    struct wf_list_node *last = b->shares.prev, *n = NULL;

    ret->n = 0;
    for (unsigned i = 0;
         i < HOLDERS_LOOKED && n != last && (n = wf_list_first(&b->shares)) != NULL;
         i++) {
        const struct share *s = CONTAINER_OF(n, struct share, of_blob);

        wf_list_remove(n);
        wf_list_push_back(&b->shares, n);
        if (can_give(q, s)) {
            insert(ret, s, distance(q, s));
        }
    }
}

static void add_holders(struct search *q, struct blob *b)
{
    struct best best;

    find_best(q, b, &best);
    for (unsigned i = 0; i < best.n; i++) {
        add_at(q, b, best.v[i]->agent->session, best.v[i]->have);
    }
    if (q->stage != NULL && q->stage->mine && q->stage->session != NULL) {
        add_at(q, b, q->stage->session, b->size);
    }
}

/* Residency label of who fetches: clients are their data's owners, not a place of it. */
static const char *region_of(const struct session *s)
{
    return s->role == WF_ROLE_AGENT && s->principal->agent != NULL
               ? agent_region(s->principal->agent)
               : "*";
}

/* NULL: a blob that is not known here, but the residency of the job is. */
static int may_be_there(const struct search *q, const struct blob *b)
{
    const struct session *s = q->t->s;
    char residency[WF_LABEL_MAX + 1] = "";

    if (!role_runs(s->role)) {
        return 1;
    }
    if (b != NULL) {
        residency_of_blob(b, residency);
    }
    if (q->stage != NULL) {
        residency_narrow(residency, wf_slice_of(q->stage->residency));
    }
    if (q->job != NULL) {
        residency_narrow(residency, wf_slice_of(q->job->residency));
    }
    return residency[0] == '\0' || wf_slice_is(q->region, "*") ||
           wf_residency_ok(wf_slice_of(residency), q->region);
}

/* One grant covers blobs of one residency, which the holder checks again. */
static void tell_holder(const struct search *q, unsigned i)
{
    struct core *c = q->t->c;
    struct wf_rows at = q->at;
    struct wf_at_row row;
    struct wf_buf *store = core_rows(c, 2);
    char residency[WF_LABEL_MAX + 1] = "", other[WF_LABEL_MAX + 1];
    struct wf_grant m = {.ticket = q->tickets[i]->number,
                         .to = q->to,
                         .name = q->name,
                         .region = q->region,
                         .ttl_ms = TICKET_TTL_MS};

    while (wf_rows_next(&at, wf_desc_at_row(), &row)) {
        const struct wf_digest_row d = {row.digest, row.size};

        if (row.holder != i) {
            continue;
        }
        other[0] = '\0';
        residency_of_blob(catalogue_get(&c->data.catalogue, &row.digest), other);
        if (m.rows.count != 0 && strcmp(other, residency) != 0) {
            wf_effects_send(q->t->out, q->holders[i]->peer, WF_MSG_grant, &m);
            wf_buf_clear(store);
            m.rows = (struct wf_rows){0};
        }
        memcpy(residency, other, sizeof residency);
        m.residency = wf_slice_of(residency);
        if (wf_rows_add(store, &m.rows, wf_desc_digest_row(), &d) != 0) {
            q->t->out->err = WEFT_ENOMEM; /* located would tell more than is granted */
            return;
        }
    }
    wf_effects_send(q->t->out, q->holders[i]->peer, WF_MSG_grant, &m);
}

static void reply(struct search *q, uint64_t req, const struct elsewhere *at)
{
    struct core *c = q->t->c;
    struct wf_located m = {.req = req,
                           .rows = q->at,
                           .dataset = wf_slice_of(at->dataset),
                           .home = at->home,
                           .reader = at->reader};
    struct wf_buf *store = core_rows(c, 0);

    for (unsigned i = 0; i < q->nholders; i++) {
        const struct session *h = q->holders[i];
        const struct agent *a = h->principal->agent;
        const struct wf_holder_row row = {.key = h->principal->key,
                                          .name = wf_slice_of(h->principal->name),
                                          .site = wf_slice_of(h->principal->site),
                                          .endpoint =
                                              wf_slice_of(a != NULL ? a->bulk : ""),
                                          .ticket = q->tickets[i]->number,
                                          .rtt_us = wf_ewma_mean(&h->rtt_us),
                                          .ttl_ms = TICKET_TTL_MS};

        (void) wf_rows_add(store, &m.holders, wf_desc_holder_row(), &row);
        tell_holder(q, i);
    }
    wf_effects_send(q->t->out, q->t->s->peer, WF_MSG_located, &m);
}

static void reply_no(struct turn *t, int code, const char *text)
{
    const struct wf_located m = {
        .req = t->msg->u.locate.req, .code = (uint64_t) -code, .text = wf_slice_of(text)};

    t->c->count.denied += code == WEFT_EPERM;
    wf_effects_send(t->out, t->s->peer, WF_MSG_located, &m);
}

/* For whom another broker asks is allowed to read what it names. */
static int find_set(struct search *q, const struct wf_locate *m)
{
    struct wf_data_ref ref;

    if (wf_data_ref_parse(m->dataset, &ref) != 0) {
        return 0;
    }
    q->set = dataset_get(&q->t->c->data.datasets, ref.name, ref.version);
    return q->set != NULL && dataset_may_read(q->set, &m->reader);
}

/* An attempt of it, or a copy, is there. */
static int is_at(const struct job *j, const struct agent *a)
{
    return (j->occupies && j->agent == a) || hedge_is_at(j, a);
}

/* As what it asks: for an attempt that it holds or a job of its own, or by our order. */
static int find_reason(struct search *q, const struct wf_locate *m)
{
    const struct session *s = q->t->s;
    const struct job *j = jobs_get(&q->t->c->jobs, &m->job);
    const struct order *o = order_numbered(&q->t->c->data.stages, m->ticket);

    if (s->role == WF_ROLE_BROKER) {
        q->to = m->to;
        q->name = m->name;
        q->region = m->region;
        if (key_is_set(&m->home)) {
            return find_set(q, m);
        }
        q->job = j != NULL && is_at(j, s->principal->agent)
                     ? j
                     : guest_of(q->t, &m->job, m->attempt);
        return q->job != NULL;
    }
    q->to = s->principal->key;
    q->name = wf_slice_of(s->principal->name);
    q->region = wf_slice_of(region_of(s));
    if (s->role != WF_ROLE_AGENT) {
        q->job = j != NULL && (s->role == WF_ROLE_OPERATOR || j->owner == s->principal)
                     ? j
                     : NULL;
        return 1;
    }
    q->job = j != NULL && is_at(j, s->principal->agent) ? j : NULL;
    q->stage = o != NULL && o->state == ORDER_SENT && o->agent == s->principal->agent
                   ? o->stage
                   : NULL;
    return q->job != NULL || q->stage != NULL;
}

/* Nobody here has all of it: the broker that a guest came from knows who has its inputs,
 * the one that a job went to who has its result.  1: it was asked, on behalf of who
 * fetches. */
static int ask_further(struct search *q, const struct wf_locate *m)
{
    const struct job *j = q->job;
    /* A guest's inputs are where it came from, its result is where it went. */
    const int back = j != NULL && j->guest != NULL && j->owner->agent != NULL &&
                     j->owner->agent->session != q->t->s;
    const struct agent *site = j == NULL ? NULL : back ? j->owner->agent : j->agent;
    struct wf_locate ask = {
        .rows = m->rows, .to = q->to, .name = q->name, .region = q->region};
    struct mesh_ask *x;

    if (site == NULL || site->neighbour == NULL || site->session == NULL ||
        site->session == q->t->s) {
        return 0;
    }
    ask.job = back ? j->guest->job : j->id;
    ask.attempt = back ? j->guest->attempt : j->attempt;
    x = mesh_ask_take(q->t->c, q->t->out);
    ask.req = x->number;
    *x = (struct mesh_ask){.number = x->number,
                           .to = site->session->peer,
                           .peer = q->t->s->peer,
                           .req = m->req,
                           .job = j->id,
                           .key = q->to};
    wf_effects_send(q->t->out, site->session->peer, WF_MSG_locate, &ask);
    return 1;
}

/* 1: somebody was asked; else *ret_at may say where who asks should. */
static int ask_others(struct search *q, const struct wf_locate *m,
                      struct elsewhere *ret_at)
{
    const struct wf_locate who = {.to = q->to, .name = q->name, .region = q->region};
    struct job *j = q->job != NULL ? jobs_get(&q->t->c->jobs, &q->job->id) : NULL;

    return copies_ask_there(q->t, j, &who) || ask_further(q, m) ||
           copies_ask(q->t, j, q->stage, &who, ret_at);
}

/* Why none of what was asked for is told. */
static void refuse_all(struct turn *t, unsigned outside)
{
    if (data_may_alarm(t->c, t->s)) {
        core_news(t->c, t->out, WF_LOG_WARN, "fetch-denied", t->s->principal->name, NULL,
                  "%s asked for blobs that %s", t->s->principal->name,
                  outside != 0 ? "must not be where it is" : "it may not see");
    }
    reply_no(t, WEFT_EPERM,
             outside != 0 ? "their residency forbids them there"
                          : "they belong to somebody else");
}

void on_locate(struct turn *t)
{
    struct core *c = t->c;
    const struct wf_locate *m = &t->msg->u.locate;
    struct search q = {.t = t, .at_store = core_rows(c, 1), .looks = BLOB_LOOKS};
    struct wf_rows rows = m->rows;
    struct wf_digest_row row;
    unsigned forbidden = 0, outside = 0, allowed = 0;
    struct elsewhere at = {.home = {{0}}};

    if (copies_pass(t)) {
        return; /* the answer is passed on */
    }
    if (!find_reason(&q, m)) {
        reply_no(t, WEFT_EPERM, "no attempt and no order of this node needs them");
        return;
    }
    data_expire(c, t->s);
    /* What there was no time to look at is as if it were nowhere: it is asked again. */
    while (q.looks > 0 && wf_rows_next(&rows, wf_desc_digest_row(), &row)) {
        struct blob *b = catalogue_get(&c->data.catalogue, &row.digest);

        /* Who has a digest alone does not know the size. */
        if (b == NULL || (row.size != 0 && row.size != b->size)) {
            outside += !may_be_there(&q, NULL);
            continue;
        }
        if (!may_fetch(&q, b)) {
            /* What is in a guest's folder its home knows, and is asked. */
            forbidden += q.looks > 0 && (q.job == NULL || q.job->guest == NULL);
        } else if (!may_be_there(&q, b)) {
            outside++;
        } else {
            allowed++;
            add_holders(&q, b);
        }
    }
    if (allowed == 0 && forbidden + outside != 0) {
        refuse_all(t, outside);
        return;
    }
    if (q.wholes == 0 && q.set == NULL && ask_others(&q, m, &at)) {
        return; /* the answer is passed on */
    }
    reply(&q, m->req, &at);
}

/* Who asked may come to us with these tickets, to be relayed: a ticket that cannot be
 * taken over is good on a direct lane alone. */
static void adopt_tickets(struct turn *t, const struct mesh_ask *x, struct session *asker)
{
    struct core *c = t->c;
    struct wf_rows rows = t->msg->u.located.holders;
    struct wf_holder_row row;

    data_expire(c, asker);
    while (wf_rows_next(&rows, wf_desc_holder_row(), &row)) {
        const uint64_t ttl_ms = wf_min_u64(row.ttl_ms, TICKET_TTL_MS);

        if (row.ticket == 0 || ticket_adopt(&c->data.tickets, row.ticket, asker, &x->key,
                                            t->s, c->now_us + ttl_ms * 1000) != 0) {
            c->data.relay.refused++;
        }
    }
}

/* A neighbour's answer, for who asked here. */
void on_located(struct turn *t)
{
    struct core *c = t->c;
    struct wf_located m = t->msg->u.located;
    struct mesh_ask *x = &c->mesh.asks[m.req % MESH_ASKS];
    struct session *asker = session_get(&c->sessions, x->peer);
    const struct job *j;

    if (x->number != m.req || x->query || x->to != t->s->peer || asker == NULL) {
        return;
    }
    if (key_is_set(&m.home) && m.dataset.len < sizeof j->guest->data.dataset) {
        j = jobs_get(&c->jobs, &x->job);
        if (j != NULL && j->guest != NULL) { /* who asked does so again */
            j->guest->data = (struct elsewhere){.home = m.home, .reader = m.reader};
            wf_slice_str(m.dataset, j->guest->data.dataset,
                         sizeof j->guest->data.dataset);
        }
    }
    m.req = x->req;
    x->number = 0;
    adopt_tickets(t, x, asker);
    wf_effects_send(t->out, asker->peer, WF_MSG_located, &m);
}
