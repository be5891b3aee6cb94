/* Datasets: put, removed, pinned, listed. */
#include "broker/core/data/inputs.h"
#include "broker/core/jobs/ledger.h"
#include "broker/core/mesh/data/named.h"
#include "broker/core/mesh/lead.h"

#include "common/err.h"
#include "proto/name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DRAFTS_MAX 16u /* of one session */

/* -- putting ---------------------------------------------------------------------------
 */

static struct dataset *draft_of(const struct turn *t, uint64_t req, unsigned *ret_n)
{
    struct dataset *found = NULL;
    const struct wf_list_node *head = &t->c->data.drafts;

    *ret_n = 0;
    for (struct wf_list_node *n = wf_list_first(head); n != NULL;
         n = wf_list_next(head, n)) {
        struct dataset *d = CONTAINER_OF(n, struct dataset, in_all);

        if (d->draft_peer == t->s->peer) {
            ++*ret_n;
            found = d->draft_req == req ? d : found;
        }
    }
    return found;
}

static void drop(struct core *c, struct dataset *d)
{
    dataset_free(&c->data.datasets, &c->data.catalogue, d);
}

/* When what this step wrote is safe. */
static void answer(struct turn *t, uint64_t req, const char *text)
{
    const struct wf_done m = {.req = req, .text = wf_slice_of(text)};

    core_promise(t->c, t->c->cfg.durable ? PROMISE_STEP : 0, t->s->peer, req, 0,
                 WF_MSG_done, &m, t->out);
}

/* Refuse a put: the pages of it that still come are skipped. */
static void refuse_put(struct turn *t, int code, const char *text)
{
    const struct wf_dataset_put *m = &t->msg->u.dataset_put;

    data_refuse_pages(t->s, m->req, m->more != 0);
    reply_done(t, m->req, code, text);
}

/* 0, the newest version that is here (NULL: it is a new name) and the newest number that
 * is known of, or the code of the refusal that was sent. */
static int check_name(struct turn *t, struct wf_slice name, uint64_t base,
                      struct dataset **ret_newest, uint32_t *ret_version)
{
    struct dataset *newest = dataset_get(&t->c->data.datasets, name, 0);
    const struct principal *owner = newest != NULL ? newest->owner : t->s->principal;
    uint32_t version = named_newest(t->c, &owner->key, name);
    char text[WF_TEXT_MAX + 1];

    version = newest != NULL && newest->version > version ? newest->version : version;
    *ret_newest = newest;
    *ret_version = version;
    if (!wf_name_ok(name)) {
        refuse_put(t, WEFT_EINVAL, "a dataset needs a name of a-z 0-9 . _ -");
        return WEFT_EINVAL;
    }
    if (named_after_broker(t->c, name)) {
        refuse_put(t, WEFT_EINVAL,
                   "a dataset of another broker is called so: its name, a "
                   "dot, 8 digits of that broker's key");
        return WEFT_EINVAL;
    }
    if (newest != NULL && newest->owner != t->s->principal &&
        t->s->role != WF_ROLE_OPERATOR) {
        refuse_put(t, WEFT_EEXIST, "the name is taken by somebody else: choose another");
        return WEFT_EEXIST;
    }
    if (base != UINT32_MAX && base != version) {
        (void) snprintf(text, sizeof text,
                        version != 0 ? "the name is taken: its newest version is %" PRIu32
                                     : "there is no version %" PRIu32 " of it",
                        version != 0 ? version : (uint32_t) base);
        refuse_put(t, WEFT_EEXIST, text);
        return WEFT_EEXIST;
    }
    if (version == UINT32_MAX) {
        refuse_put(t, WEFT_EFULL, "it has as many versions as there may be");
        return WEFT_EFULL;
    }
    return 0;
}

static struct dataset *begin_draft(struct turn *t, const struct wf_dataset_put *m,
                                   unsigned ndrafts)
{
    struct core *c = t->c;
    struct dataset *newest, *d;
    uint32_t version;
    int rc;

    if (check_name(t, m->name, m->base, &newest, &version) != 0) {
        return NULL;
    }
    d = ndrafts < DRAFTS_MAX ? dataset_new(m->name, 0, t->s->principal) : NULL;
    if (d == NULL) {
        refuse_put(t, WEFT_EBUSY, "too many datasets are being put: try again");
        return NULL;
    }
    rc = dataset_set_labels(d, m->labels);
    if (rc != 0) {
        refuse_put(t, rc,
                   rc == WEFT_EINVAL ? "a label is KEY=VALUE, and there is one residency"
                                     : wf_err_sentence(rc));
        drop(c, d);
        return NULL;
    }
    d->draft_base = m->base;
    d->draft_peer = t->s->peer;
    d->draft_req = m->req;
    wf_list_push_back(&c->data.drafts, &d->in_all);
    return d;
}

/* Versions of a name have one owner, also when an operator puts one. */
static void finish(struct turn *t, struct dataset *d)
{
    struct core *c = t->c;
    struct dataset *newest;
    char text[WF_TEXT_MAX + 1];
    uint32_t version;
    int rc;

    /* Somebody may have put one meanwhile. */
    if (check_name(t, wf_slice_of(d->name), d->draft_base, &newest, &version) != 0) {
        drop(c, d);
        return;
    }
    d->version = version + 1;
    d->owner = newest != NULL ? newest->owner : d->owner;
    d->created_ms = c->wall_ms;
    rc = dataset_complete(&c->data.datasets, &c->data.catalogue, d);
    if (rc != 0) {
        refuse_put(t, rc,
                   rc == WEFT_EINVAL ? "two files have one path, or one is a folder of "
                                       "the other"
                                     : wf_err_sentence(rc));
        drop(c, d);
        return;
    }
    d->draft_peer = 0;
    d->put_epoch = t->s->epoch;
    d->put_peer = t->s->peer;
    (void) snprintf(text, sizeof text, "%s", d->key);
    rc = dataset_write(c, d, t->out);
    if (rc != 0) {
        refuse_put(t, rc, wf_err_sentence(rc));
        dataset_doom(c, d, t->out);
        return;
    }
    named_say(c, d, t->out);
    answer(t, t->msg->u.dataset_put.req, text);
}

/* A request whose answer was lost with its session comes again in the next one of that
 * process: it is no further version.  NULL: it is new. */
static const struct dataset *done_before(const struct turn *t,
                                         const struct wf_dataset_put *m)
{
    const struct dataset *d = dataset_get(&t->c->data.datasets, m->name, 0);

    return d != NULL && d->put_peer != 0 && d->put_peer != t->s->peer &&
                   d->put_epoch == t->s->epoch && d->draft_req == m->req
               ? d
               : NULL;
}

void on_dataset_put(struct turn *t)
{
    struct core *c = t->c;
    const struct wf_dataset_put *m = &t->msg->u.dataset_put;
    unsigned n;
    struct dataset *d = draft_of(t, m->req, &n);
    const struct dataset *before;
    int rc;

    if (data_skip_page(t->s, m->req, m->more != 0)) {
        return;
    }
    if (c->cfg.durable && c->store_failing) {
        c->count.storage_refused++;
        refuse_put(t, WEFT_ESTORAGE, "the broker's store fails at present");
        drop(c, d);
        return;
    }
    before = d == NULL ? done_before(t, m) : NULL;
    if (before != NULL) {
        data_refuse_pages(t->s, m->req, m->more != 0);
        answer(t, m->req, before->key);
        return;
    }
    if (d == NULL) {
        d = begin_draft(t, m, n);
    }
    if (d == NULL) {
        return;
    }
    rc = dataset_add_files(&c->data.datasets, &c->data.catalogue, d, m->files);
    if (rc != 0) {
        refuse_put(t, rc,
                   rc == WEFT_EINVAL
                       ? "a path is relative, without empty parts, . and .., and a blob "
                         "has one size"
                       : wf_err_sentence(rc));
        drop(c, d);
        return;
    }
    if (!m->more) {
        finish(t, d);
    }
}

/* -- removing and pinning --------------------------------------------------------------
 */

/* It is at home at another broker, which changes it for its owner. */
static void refuse_away(struct turn *t, uint64_t req, const struct name *x)
{
    if (t->s->role != WF_ROLE_OPERATOR && !wf_key_eq(&x->owner, &t->s->principal->key)) {
        reply_done(t, req, WEFT_EPERM, "the dataset belongs to somebody else");
    } else {
        lead_to(t, req, &x->home, "it is at home at");
    }
}

/* NAME.<8hex> of another broker. */
static int is_of_another(const struct core *c, struct wf_slice name)
{
    uint8_t home[NAMES_DIGITS];
    struct wf_slice plain;

    return names_split(name, &plain, home) &&
           memcmp(home, c->cfg.key.b, sizeof home) != 0;
}

/* The one that is here by that name; a copy also by the plain one when `copies`.  NULL:
 * there is none, or it is not to be seen; then *ret_away may say where it is. */
static struct dataset *find_here(const struct turn *t, const struct wf_data_ref *ref,
                                 int copies, const struct name **ret_away)
{
    const struct datasets *all = &t->c->data.datasets;
    struct dataset *d =
        is_of_another(t->c, ref->name) ? dataset_get(all, ref->name, ref->version) : NULL;
    char as[WF_DATASET_MAX + 1];
    struct named x;

    *ret_away = NULL;
    if (d != NULL && dataset_may_see(t->s, d)) {
        return d;
    }
    if (named_find(t->c, t->s, ref->name, ref->version, &x) != 0) {
        return NULL;
    }
    if (x.here != NULL) {
        return x.here;
    }
    *ret_away = x.there;
    if (!copies || names_by_home(x.there->name, &x.there->home, as) != 0) {
        return NULL;
    }
    d = dataset_get(all, wf_slice_of(as), x.there->version);
    return d != NULL && wf_key_eq(&d->home, &x.there->home) && dataset_may_see(t->s, d)
               ? d
               : NULL;
}

/* What he put here by that plain name.  It goes first where something is changed: another
 * broker may say, with his key, that it has an older or a newer one. */
static struct dataset *find_own(const struct turn *t, const struct wf_data_ref *ref)
{
    struct dataset *d = dataset_get(&t->c->data.datasets, ref->name, ref->version);

    return d != NULL && !key_is_set(&d->home) && d->owner == t->s->principal ? d : NULL;
}

/* The owner's, or NULL after a refusal. */
static struct dataset *own_dataset(struct turn *t, struct wf_slice text, uint64_t req,
                                   int copies, struct wf_data_ref *ret_ref)
{
    const struct name *away = NULL;
    struct dataset *d = NULL;

    if (wf_data_ref_parse(text, ret_ref) == 0 && ret_ref->path.len == 0) {
        d = find_own(t, ret_ref);
        if (d == NULL) {
            d = find_here(t, ret_ref, copies, &away);
        }
    }
    if (d == NULL && away != NULL && copies) {
        reply_done(t, req, WEFT_ENOENT, "nothing of it is here: `weft data stage` first");
    } else if (d == NULL && away != NULL) {
        refuse_away(t, req, away);
    } else if (d == NULL) {
        reply_done(t, req, WEFT_ENOENT, "no such dataset");
    } else if (d->owner != t->s->principal && t->s->role != WF_ROLE_OPERATOR) {
        reply_done(t, req, WEFT_EPERM, "the dataset belongs to somebody else");
        return NULL;
    }
    return d;
}

/* By that name its list is forgotten here, never the dataset removed there. */
static int is_not_kept(const struct turn *t, struct wf_slice text)
{
    struct wf_data_ref ref;

    return wf_data_ref_parse(text, &ref) == 0 && is_of_another(t->c, ref.name) &&
           dataset_get(&t->c->data.datasets, ref.name, ref.version) == NULL;
}

void on_dataset_rm(struct turn *t)
{
    struct core *c = t->c;
    const struct wf_dataset_rm *m = &t->msg->u.dataset_rm;
    char name[WF_DATASET_MAX + 1];
    struct wf_data_ref ref;
    struct dataset *d;

    if (is_not_kept(t, m->dataset)) {
        reply_done(t, m->req, WEFT_ENOENT,
                   "no list of that dataset is kept here: it itself is removed by its "
                   "plain name");
        return;
    }
    d = own_dataset(t, m->dataset, m->req, 0, &ref);
    if (d != NULL && c->cfg.durable && c->store_failing) {
        c->count.storage_refused++;
        reply_done(t, m->req, WEFT_ESTORAGE, "the broker's store fails at present");
        return;
    }
    if (d == NULL) {
        return;
    }
    ref.name = wf_slice_of(wf_slice_str(wf_slice_of(d->name), name, sizeof name));
    do {
        dataset_remove(c, d, t->out);
        d = ref.version == 0 ? dataset_get(&c->data.datasets, ref.name, 0) : NULL;
    } while (d != NULL);
    answer(t, m->req, "");
}

void on_data_pin(struct turn *t)
{
    const struct wf_data_pin *m = &t->msg->u.data_pin;
    struct wf_data_ref ref;
    const struct dataset *d;
    char text[WF_TEXT_MAX + 1];
    int n;

    /* Of another broker's what is here is pinned where it is here; the rest there. */
    if (lead_to_node(t, m->req, m->node)) {
        return;
    }
    d = own_dataset(t, m->dataset, m->req, m->node.len != 0, &ref);
    if (d == NULL) {
        return;
    }
    n = keeps_add(t->c, d, m->node, m->on ? WF_KEEP_PIN : WF_KEEP_UNPIN, 0);
    if (n < 0) {
        reply_done(t, m->req, n, "too much is being pinned already: try again");
        return;
    }
    if (n == 0) {
        reply_done(t, m->req, WEFT_ENOENT,
                   m->node.len != 0
                       ? "that node has nothing of it: `weft data stage` first"
                       : "no connected node has anything of it");
        return;
    }
    (void) snprintf(text, sizeof text, "at %d node%s", n, n == 1 ? "" : "s");
    reply_done(t, m->req, 0, text);
}
