#include "broker/core/mesh/seek.h"

#include "broker/core/core_int.h"
#include "common/err.h"
#include "common/str.h"

#include <stdio.h>
#include <string.h>

#define WAIT_US 2000000u /* for one more link to be crossed */
#define CREDIT  1000000u /* what a question costs */

static const struct wf_rows no_runs;

/* -- how many --------------------------------------------------------------------------
 */

/* The share of each kind, for our own clients, and strays; brokers that ask have half as
 * much apart from it: neither side, however much it asks, keeps the other from asking.
 * What is looked through costs more than what is looked up. */
static const struct {
    unsigned places, per_second;
} shares[SEEK_KINDS] = {
    [SEEK_ID] = {40, 32}, [SEEK_DIGITS_ONLY] = {8, 8}, [SEEK_AGENT] = {16, 16}};

static enum seek_kind kind_of(const struct seek *x)
{
    return key_is_set(&x->agent) ? SEEK_AGENT
           : x->digits != 0      ? SEEK_DIGITS_ONLY
                                 : SEEK_ID;
}

/* Does a broker ask? */
static int is_theirs(const struct seek *x)
{
    return x->about == 0 && x->peer != 0;
}

static int may_begin(struct core *c, enum seek_kind kind, int theirs)
{
    struct seek_credit *k = &c->mesh.seeks.credit[kind][theirs];
    const unsigned per_second = shares[kind].per_second / (theirs ? 2 : 1);
    const uint64_t most = (uint64_t) per_second * CREDIT;
    const uint64_t passed_us = wf_min_u64(c->now_us - k->at_us, CREDIT);

    k->left = k->at_us == 0 ? most : wf_min_u64(most, k->left + passed_us * per_second);
    k->at_us = c->now_us;
    if (k->left < CREDIT) {
        return 0;
    }
    k->left -= CREDIT;
    return 1;
}

/* A place of the share of that kind and side. */
static struct seek *free_one(struct seeks *k, enum seek_kind kind, int theirs)
{
    struct seek *x = NULL;
    unsigned taken = 0;

    for (unsigned i = 0; i < SEEKS_MAX; i++) {
        if (k->v[i].number == 0) {
            x = x != NULL ? x : &k->v[i];
        } else {
            taken += kind_of(&k->v[i]) == kind && is_theirs(&k->v[i]) == theirs;
        }
    }
    return taken < shares[kind].places / (theirs ? 2 : 1) ? x : NULL;
}

/* -- asking ----------------------------------------------------------------------------
 */

/* Who asked us is not asked. */
static const struct session *to_ask(const struct wf_list_node *i, const struct seek *x)
{
    const struct session *s = CONTAINER_OF(i, struct neighbour, node)->agent->session;

    return s != NULL && s->peer != x->peer ? s : NULL;
}

static int has_anybody(const struct core *c, const struct seek *x)
{
    for (const struct wf_list_node *i = wf_list_first(&c->mesh.neighbours); i != NULL;
         i = wf_list_next(&c->mesh.neighbours, i)) {
        if (to_ask(i, x) != NULL) {
            return 1;
        }
    }
    return 0;
}

static void ask_all(struct core *c, struct seek *x, unsigned hops, struct wf_rows runs,
                    struct wf_effects *out)
{
    const struct wf_seek m = {.req = x->number,
                              .job = x->job,
                              .hops = hops,
                              .origin = x->origin,
                              .agent = x->agent,
                              .runs = runs,
                              .digits = x->digits,
                              .reader = x->reader};

    for (const struct wf_list_node *i = wf_list_first(&c->mesh.neighbours);
         i != NULL && x->left < SEEK_ASKS; i = wf_list_next(&c->mesh.neighbours, i)) {
        const struct session *s = to_ask(i, x);

        if (s != NULL) {
            x->asked[x->left++] = s->peer;
            wf_effects_send(out, s->peer, WF_MSG_seek, &m);
        }
    }
}

/* A place for one; NULL: too much is asked.  A broker's by digits has paid when it was
 * looked for here. */
static struct seek *take(struct core *c, const struct seek *what, unsigned hops)
{
    const enum seek_kind kind = kind_of(what);
    const int theirs = is_theirs(what), paid = kind == SEEK_DIGITS_ONLY && theirs;
    struct seek *x = free_one(&c->mesh.seeks, kind, theirs);

    if (x == NULL || (!paid && !may_begin(c, kind, theirs))) {
        return NULL;
    }
    *x = *what;
    x->number = ++c->mesh.seeks.number;
    x->due_us = c->now_us + WAIT_US * hops;
    c->mesh.seeks.look_us = wf_min_u64(c->mesh.seeks.look_us, x->due_us);
    return x;
}

/* 1 when somebody was asked, 0 when there is nobody, however much is asked; WEFT_EBUSY:
 * too much is. */
static int begin(struct core *c, const struct seek *what, unsigned hops,
                 struct wf_rows runs, struct wf_effects *out)
{
    struct seek *x;

    if (!has_anybody(c, what)) {
        return 0;
    }
    x = take(c, what, hops);
    if (x == NULL) {
        return WEFT_EBUSY;
    }
    ask_all(c, x, hops, runs, out);
    return 1;
}

int seek_begin(struct turn *t, const struct wf_id *job, uint64_t req)
{
    const struct seek x = {.origin = wf_rng_next(&t->c->cookies),
                           .job = *job,
                           .peer = t->s->peer,
                           .about = t->msg->type,
                           .req = req};

    return t->quiet ? 0 : begin(t->c, &x, SEEK_HOPS, no_runs, t->out);
}

/* The id that begins with them, the rest zeros: 1, or 0 when they are none. */
static int id_of_digits(struct wf_slice digits, struct wf_id *ret_id)
{
    char hex[2 * sizeof ret_id->b + 1];
    size_t n = wf_min_u64(digits.len, sizeof hex - 1);

    memset(hex, '0', sizeof hex - 1);
    hex[sizeof hex - 1] = '\0';
    memcpy(hex, digits.p, n);
    return wf_unhex(ret_id->b, sizeof ret_id->b, hex, &n) == 0 && n == sizeof ret_id->b;
}

int seek_begin_digits(struct turn *t, struct wf_slice digits, uint64_t req)
{
    struct seek x = {.origin = wf_rng_next(&t->c->cookies),
                     .digits = digits.len,
                     .reader = t->s->principal->key,
                     .peer = t->s->peer,
                     .about = t->msg->type,
                     .req = req};

    if (digits.len < SEEK_DIGITS || !id_of_digits(digits, &x.job)) {
        return 0;
    }
    return t->quiet ? 0 : begin(t->c, &x, SEEK_HOPS, no_runs, t->out);
}

int seek_agent(struct core *c, const struct wf_key *agent, struct wf_rows runs,
               struct wf_effects *out)
{
    const struct seek x = {.origin = wf_rng_next(&c->cookies), .agent = *agent};

    return begin(c, &x, SEEK_HOPS, runs, out);
}

/* It is here: it is asked itself.  0: too much is asked. */
static int ask_agent(struct core *c, const struct agent *a, const struct seek *what,
                     struct wf_rows runs, struct wf_effects *out)
{
    struct seek *x = take(c, what, 1);

    if (x != NULL) {
        const struct wf_seek m = {.req = x->number, .agent = x->agent, .runs = runs};

        x->asked[x->left++] = a->session->peer;
        wf_effects_send(out, a->session->peer, WF_MSG_seek, &m);
    }
    return x != NULL;
}

/* -- answering -------------------------------------------------------------------------
 */

/* What a client is told.  A job that came here meanwhile it asks for again. */
static void refuse_in_the_end(const struct core *c, const struct seek *x,
                              struct wf_rows at, struct wf_effects *out)
{
    char text[WF_TEXT_MAX + 1] = "no such job here, nor at the brokers that can be asked";
    struct wf_error m = {
        .code = -WEFT_ENOENT, .about = x->about, .req = x->req, .at = at};
    struct wf_broker_row row;
    char name[WF_NAME_MAX + 1];

    if (wf_rows_next(&at, wf_desc_broker_row(), &row)) {
        (void) snprintf(text, sizeof text, "no such job here: the broker %s has it",
                        wf_slice_str(row.name, name, sizeof name));
    }
    if (x->digits == 0) {
        m.job = x->job;
    }
    if (x->digits == 0 && jobs_get(&c->jobs, &x->job) != NULL) {
        m.code = -WEFT_EBUSY;
        m.retry_ms = SEEK_AGAIN_MS;
        (void) snprintf(text, sizeof text, "it came while it was looked for: ask again");
    } else if (x->busy && m.at.count == 0) {
        m.code = -WEFT_EBUSY;
        m.retry_ms = SEEK_AGAIN_MS;
        (void) snprintf(text, sizeof text,
                        "no such job here, and other brokers had no time to look: ask "
                        "again");
    }
    m.text = wf_slice_of(text);
    wf_effects_send(out, x->peer, WF_MSG_error, &m);
}

/* Of an agent; `m` is NULL when it was not found. */
static void answer_agent(struct core *c, struct seek *x, const struct wf_sought *m,
                         struct wf_effects *out)
{
    struct wf_sought told = {.req = x->req};

    x->number = 0;
    if (m != NULL) {
        told.found = 1;
        told.runs = m->runs;
    }
    if (x->peer != 0 && session_get(&c->sessions, x->peer) != NULL) {
        wf_effects_send(out, x->peer, WF_MSG_sought, &told);
    } else if (x->peer == 0 && m != NULL) {
        strays_lost(c, &x->agent, m->runs, out);
    }
}

/* It is over. */
static void answer(struct core *c, struct seek *x, struct wf_rows at,
                   struct wf_effects *out)
{
    const struct wf_sought m = {
        .req = x->req, .at = at, .busy = x->busy && at.count == 0};

    if (key_is_set(&x->agent)) {
        answer_agent(c, x, NULL, out);
        return;
    }
    x->number = 0;
    if (session_get(&c->sessions, x->peer) == NULL) {
        return;
    }
    if (x->about != 0) {
        refuse_in_the_end(c, x, at, out);
    } else {
        wf_effects_send(out, x->peer, WF_MSG_sought, &m);
    }
}

static void say_ours(struct turn *t, uint64_t req)
{
    const struct core_config *cfg = &t->c->cfg;
    struct wf_buf *store = core_rows(t->c, 0);
    struct wf_sought m = {.req = req};

    for (unsigned i = 0; i < cfg->nendpoints; i++) {
        const struct wf_broker_row row = {cfg->key, wf_slice_of(cfg->name),
                                          wf_slice_of(cfg->site),
                                          wf_slice_of(cfg->endpoints[i])};

        (void) wf_rows_add(store, &m.at, wf_desc_broker_row(), &row);
    }
    wf_effects_send(t->out, t->s->peer, WF_MSG_sought, &m);
}

static int was_asked(const struct seeks *k, const struct wf_seek *m)
{
    for (unsigned i = 0; i < SEEKS_MAX; i++) {
        if (k->v[i].number != 0 && k->v[i].origin == m->origin &&
            wf_id_eq(&k->v[i].job, &m->job)) {
            return 1;
        }
    }
    return 0;
}

/* The agent that is sought, when it is here. */
static const struct agent *agent_here(const struct turn *t)
{
    const struct principal *p = registry_key(&t->c->registry, &t->msg->u.seek.agent);

    return p != NULL && p->role == WF_ROLE_AGENT && p->agent != NULL &&
                   p->agent->session != NULL
               ? p->agent
               : NULL;
}

static int begins(const struct wf_id *id, const struct wf_id *with, unsigned digits)
{
    return memcmp(id->b, with->b, digits / 2) == 0 &&
           (digits % 2 == 0 || (id->b[digits / 2] ^ with->b[digits / 2]) < 0x10);
}

/* A job of the reader's whose id begins so, among the newest; NULL: there is none. */
static const struct job *find_digits(const struct core *c, const struct wf_seek *m)
{
    const struct wf_list_node *all = &c->jobs.all, *n = all->prev;

    for (unsigned i = 0; i < SEEK_LOOKS && n != all; i++, n = n->prev) {
        const struct job *j = CONTAINER_OF(n, struct job, in_all);

        if (j->guest == NULL && begins(&j->id, &m->job, (unsigned) m->digits) &&
            wf_key_eq(&j->owner->key, &m->reader)) {
            return j;
        }
    }
    return NULL;
}

/* Is it a job of ours?  1, 0, or WEFT_EBUSY: too much is asked to look. */
static int find_job(struct core *c, const struct wf_seek *m)
{
    const struct job *j;

    if (m->digits != 0 && !may_begin(c, SEEK_DIGITS_ONLY, 1)) {
        return WEFT_EBUSY;
    }
    j = m->digits != 0 ? find_digits(c, m) : jobs_get(&c->jobs, &m->job);
    return j != NULL && j->guest == NULL;
}

/* 1: it was found, or is looked for further on; 0: it is nowhere; WEFT_EBUSY: too much is
 * asked. */
static int look(struct turn *t)
{
    const struct wf_seek *m = &t->msg->u.seek;
    const int for_agent = key_is_set(&m->agent);
    const struct agent *a = for_agent ? agent_here(t) : NULL;
    const struct seek x = {.origin = m->origin,
                           .job = m->job,
                           .digits = (unsigned) m->digits,
                           .reader = m->reader,
                           .agent = m->agent,
                           .peer = t->s->peer,
                           .req = m->req};
    int rc = 0;

    if (was_asked(&t->c->mesh.seeks, m) || (m->digits != 0 && m->digits < SEEK_DIGITS)) {
        return 0;
    }
    if (a != NULL) {
        return ask_agent(t->c, a, &x, m->runs, t->out) ? 1 : WEFT_EBUSY;
    }
    rc = for_agent ? 0 : find_job(t->c, m);
    if (rc == 1) {
        say_ours(t, m->req);
    }
    return rc != 0 ? rc
           : m->hops >= 2 && m->hops <= SEEK_HOPS
               ? begin(t->c, &x, (unsigned) m->hops - 1, m->runs, t->out)
               : 0;
}

void on_seek(struct turn *t)
{
    struct wf_sought no = {.req = t->msg->u.seek.req};
    const int rc = look(t);

    if (rc != 1) {
        no.busy = rc == WEFT_EBUSY;
        wf_effects_send(t->out, t->s->peer, WF_MSG_sought, &no);
    }
}

/* Nobody is sent to who is no broker of the mesh. */
static int is_broker(const struct core *c, struct wf_rows at)
{
    struct wf_broker_row row;

    return wf_rows_next(&at, wf_desc_broker_row(), &row) && word_is_broker(c, &row.key);
}

/* Who was asked answers once. */
static int answers(struct seek *x, uint32_t peer)
{
    for (unsigned i = 0; i < x->left; i++) {
        if (x->asked[i] == peer) {
            x->asked[i] = x->asked[--x->left];
            return 1;
        }
    }
    return 0;
}

void on_sought(struct turn *t)
{
    const struct wf_sought *m = &t->msg->u.sought;
    const struct wf_rows none = {0};
    struct core *c = t->c;

    for (unsigned i = 0; i < SEEKS_MAX && m->req != 0; i++) {
        struct seek *x = &c->mesh.seeks.v[i];

        if (x->number != m->req || !answers(x, t->s->peer)) {
            continue;
        }
        x->busy |= m->busy != 0;
        if (key_is_set(&x->agent) && m->found) {
            answer_agent(c, x, m, t->out);
        } else if (!key_is_set(&x->agent) && is_broker(c, m->at)) {
            answer(c, x, m->at, t->out);
        } else if (x->left == 0) {
            answer(c, x, none, t->out);
        }
        return;
    }
}

/* -- time ------------------------------------------------------------------------------
 */

void seek_step(struct core *c, struct wf_effects *out)
{
    const struct wf_rows none = {0};

    if (c->mesh.seeks.look_us > c->now_us) {
        return;
    }
    for (unsigned i = 0; i < SEEKS_MAX; i++) {
        struct seek *x = &c->mesh.seeks.v[i];

        if (x->number != 0 && x->due_us <= c->now_us) {
            answer(c, x, none, out);
        }
    }
    c->mesh.seeks.look_us = seek_due_us(c);
}

uint64_t seek_due_us(const struct core *c)
{
    uint64_t due_us = UINT64_MAX;

    for (unsigned i = 0; i < SEEKS_MAX; i++) {
        const struct seek *x = &c->mesh.seeks.v[i];

        due_us = x->number != 0 ? wf_min_u64(due_us, x->due_us) : due_us;
    }
    return due_us;
}
