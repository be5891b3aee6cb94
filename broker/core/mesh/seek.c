#include "broker/core/mesh/seek.h"

#include "broker/core/core_int.h"
#include "common/err.h"

#include <stdio.h>
#include <string.h>

#define WAIT_US    2000000u /* for one more link to be crossed */
#define PER_SECOND 32u
#define CREDIT     1000000u /* what a question costs */

/* -- how many --------------------------------------------------------------------------
 */

static int may_begin(struct core *c)
{
    struct seeks *k = &c->mesh.seeks;
    const uint64_t most = (uint64_t) PER_SECOND * CREDIT;
    const uint64_t passed_us = wf_min_u64(c->now_us - k->credit_us, CREDIT);

    k->credit =
        k->credit_us == 0 ? most : wf_min_u64(most, k->credit + passed_us * PER_SECOND);
    k->credit_us = c->now_us;
    if (k->credit < CREDIT) {
        return 0;
    }
    k->credit -= CREDIT;
    return 1;
}

static struct seek *free_one(struct seeks *k)
{
    for (unsigned i = 0; i < SEEKS_MAX; i++) {
        if (k->v[i].number == 0) {
            return &k->v[i];
        }
    }
    return NULL;
}

/* -- asking ----------------------------------------------------------------------------
 */

/* Ask all neighbours but who asked us. */
static void ask_all(struct core *c, struct seek *x, unsigned hops, struct wf_effects *out)
{
    const struct wf_seek m = {
        .req = x->number, .job = x->job, .hops = hops, .origin = x->origin};

    for (const struct wf_list_node *i = wf_list_first(&c->mesh.neighbours);
         i != NULL && x->left < SEEK_ASKS; i = wf_list_next(&c->mesh.neighbours, i)) {
        const struct session *s = CONTAINER_OF(i, struct neighbour, node)->agent->session;

        if (s != NULL && s->peer != x->peer) {
            x->asked[x->left++] = s->peer;
            wf_effects_send(out, s->peer, WF_MSG_seek, &m);
        }
    }
}

/* 1 when somebody was asked, 0 when there is nobody, WEFT_EBUSY when too much is asked.
 */
static int begin(struct core *c, const struct seek *what, unsigned hops,
                 struct wf_effects *out)
{
    struct seek *x = free_one(&c->mesh.seeks);

    if (wf_list_empty(&c->mesh.neighbours)) {
        return 0;
    }
    if (x == NULL || !may_begin(c)) {
        return WEFT_EBUSY;
    }
    *x = *what;
    x->number = ++c->mesh.seeks.number;
    x->due_us = c->now_us + WAIT_US * hops;
    ask_all(c, x, hops, out);
    if (x->left == 0) {
        x->number = 0;
    }
    return x->left != 0;
}

int seek_begin(struct turn *t, const struct wf_id *job, uint64_t req)
{
    const struct seek x = {.origin = wf_rng_next(&t->c->cookies),
                           .job = *job,
                           .peer = t->s->peer,
                           .about = t->msg->type,
                           .req = req};

    return t->quiet ? 0 : begin(t->c, &x, SEEK_HOPS, t->out);
}

/* -- answering -------------------------------------------------------------------------
 */

/* What a client is told.  A job that came here meanwhile it asks for again. */
static void refuse_in_the_end(const struct core *c, const struct seek *x,
                              struct wf_rows at, struct wf_effects *out)
{
    char text[WF_TEXT_MAX + 1] = "no such job here, nor at the brokers that can be asked";
    struct wf_error m = {
        .code = -WEFT_ENOENT, .about = x->about, .req = x->req, .job = x->job, .at = at};
    struct wf_broker_row row;
    char name[WF_NAME_MAX + 1];

    if (wf_rows_next(&at, wf_desc_broker_row(), &row)) {
        (void) snprintf(text, sizeof text, "no such job here: the broker %s has it",
                        wf_slice_str(row.name, name, sizeof name));
    }
    if (jobs_get(&c->jobs, &x->job) != NULL) {
        m.code = -WEFT_EBUSY;
        m.retry_ms = SEEK_AGAIN_MS;
        (void) snprintf(text, sizeof text, "it came while it was looked for: ask again");
    }
    m.text = wf_slice_of(text);
    wf_effects_send(out, x->peer, WF_MSG_error, &m);
}

/* It is over. */
static void answer(struct core *c, struct seek *x, struct wf_rows at,
                   struct wf_effects *out)
{
    const struct wf_sought m = {x->req, at};

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

void on_seek(struct turn *t)
{
    const struct wf_seek *m = &t->msg->u.seek;
    const struct job *j = jobs_get(&t->c->jobs, &m->job);
    const struct seek x = {
        .origin = m->origin, .job = m->job, .peer = t->s->peer, .req = m->req};
    const struct wf_sought no = {.req = m->req};

    if (j != NULL && j->guest == NULL) {
        say_ours(t, m->req);
        return;
    }
    if (m->hops < 2 || m->hops > SEEK_HOPS || was_asked(&t->c->mesh.seeks, m) ||
        begin(t->c, &x, (unsigned) m->hops - 1, t->out) != 1) {
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
        if (is_broker(c, m->at)) {
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

    for (unsigned i = 0; i < SEEKS_MAX; i++) {
        struct seek *x = &c->mesh.seeks.v[i];

        if (x->number != 0 && x->due_us <= c->now_us) {
            answer(c, x, none, out);
        }
    }
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
