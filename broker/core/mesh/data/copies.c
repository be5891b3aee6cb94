#include "broker/core/mesh/data/copies.h"

#include "broker/core/core_int.h"
#include "broker/core/data/inputs.h"
#include "broker/core/mesh/gossip/names.h"
#include "broker/core/mesh/guests.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LOOKS 4096u /* at datasets, for one question */

static int is_asked_for(const struct turn *t, const struct dataset *d,
                        const struct job *job, const struct stage *stage)
{
    if (job != NULL) {
        return inputs_have_dataset(t->c, job, d);
    }
    return stage != NULL ? strcmp(stage->dataset, d->key) == 0 : dataset_may_see(t->s, d);
}

/* The copy that one of these blobs is of, that the job needs, that is staged or that the
 * session may see. */
static const struct dataset *copy_of(const struct turn *t, const struct job *job,
                                     const struct stage *stage)
{
    struct wf_rows rows = t->msg->u.locate.rows;
    struct wf_digest_row row;
    unsigned looks = LOOKS;

    while (wf_rows_next(&rows, wf_desc_digest_row(), &row)) {
        const struct blob *b = catalogue_get(&t->c->data.catalogue, &row.digest);

        for (struct wf_list_node *n = b != NULL ? wf_list_first(&b->members) : NULL;
             n != NULL && looks > 0; n = wf_list_next(&b->members, n)) {
            const struct dataset *d = CONTAINER_OF(n, struct member, of_blob)->dataset;

            looks--;
            if (key_is_set(&d->home) && is_asked_for(t, d, job, stage)) {
                return d;
            }
        }
    }
    return NULL;
}

static void send_on(struct turn *t, struct session *way, struct wf_locate *m,
                    const struct wf_id *job)
{
    struct mesh_ask *x = mesh_ask_take(t->c, t->out);

    *x = (struct mesh_ask){.number = x->number,
                           .to = way->peer,
                           .peer = t->s->peer,
                           .req = t->msg->u.locate.req,
                           .job = *job,
                           .key = m->to};
    m->req = x->number;
    wf_effects_send(t->out, way->peer, WF_MSG_locate, m);
}

/* 1: it was asked. */
static int ask(struct turn *t, const struct elsewhere *at, const struct wf_id *job,
               const struct wf_locate *who)
{
    struct session *way = import_way(t->c, &at->home);
    struct wf_locate m = {.rows = t->msg->u.locate.rows,
                          .to = who->to,
                          .name = who->name,
                          .region = who->region,
                          .dataset = wf_slice_of(at->dataset),
                          .home = at->home,
                          .reader = at->reader,
                          .hops = IMPORT_HOPS};

    if (way == NULL || way == t->s) {
        return 0;
    }
    send_on(t, way, &m, job);
    return 1;
}

int copies_ask(struct turn *t, const struct job *job, const struct stage *stage,
               const struct wf_locate *who, struct elsewhere *ret_at)
{
    static const struct wf_id none;
    const struct dataset *d = copy_of(t, job, stage);
    uint8_t digits[NAMES_DIGITS];
    struct elsewhere at = {.reader = t->s->principal->key};
    struct wf_slice plain;

    if (d == NULL || !names_split(wf_slice_of(d->name), &plain, digits)) {
        return 0;
    }
    at.home = d->home;
    if (job != NULL) {
        at.reader = job->owner->key;
    } else if (stage != NULL) {
        at.reader = stage->reader;
    }
    (void) snprintf(at.dataset, sizeof at.dataset, "%.*s@%" PRIu32, (int) plain.len,
                    (const char *) plain.p, d->version);
    if (ask(t, &at, job != NULL ? &job->id : &none, who)) {
        return 1;
    }
    *ret_at = at;
    return 0;
}

int copies_ask_there(struct turn *t, struct job *job, const struct wf_locate *who)
{
    struct elsewhere *at = job != NULL && job->guest != NULL ? &job->guest->data : NULL;
    const struct elsewhere was = at != NULL ? *at : (struct elsewhere){.home = {{0}}};

    if (!key_is_set(&was.home) || wf_key_eq(&was.home, &t->c->cfg.key)) {
        return 0;
    }
    /* What it does not have its home is asked for next: it may be of another dataset. */
    *at = (struct elsewhere){.home = {{0}}};
    return ask(t, &was, &job->id, who);
}

int copies_pass(struct turn *t)
{
    static const struct wf_id none;
    struct wf_locate m = t->msg->u.locate;
    const struct wf_located nobody = {.req = m.req};
    struct session *way;

    if (t->s->role != WF_ROLE_BROKER || !key_is_set(&m.home) ||
        wf_key_eq(&m.home, &t->c->cfg.key)) {
        return 0;
    }
    way = m.hops > 1 ? import_way(t->c, &m.home) : NULL;
    if (way == NULL || way == t->s) {
        wf_effects_send(t->out, t->s->peer, WF_MSG_located, &nobody);
        return 1;
    }
    m.hops--;
    send_on(t, way, &m, &none);
    return 1;
}
