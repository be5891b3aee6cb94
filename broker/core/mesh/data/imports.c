#include "broker/core/mesh/data/imports.h"

#include "broker/core/core_int.h"
#include "broker/core/data/inputs.h"
#include "broker/core/mesh/atlas.h"
#include "broker/core/mesh/data/named.h"
#include "broker/core/mesh/gossip/gossip.h"
#include "common/err.h"
#include "common/str.h"
#include "proto/name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PAGE_US     5000000u /* for a page to come */
#define FAILED_US   1000000u /* a failure is remembered */
#define WAITING_MAX ((size_t) 4 << 20)
#define WAIT_MOST   64u
#define BUSY_MS     500u

void imports_init(struct imports *t)
{
    *t = (struct imports){.copies = 0};
    for (unsigned i = 0; i < IMPORTS_MAX; i++) {
        wf_buf_init(&t->v[i].waiting, WAITING_MAX);
    }
}

static void forget(struct core *c, struct import *x)
{
    dataset_free(&c->data.datasets, &c->data.catalogue, x->d);
    wf_buf_fini(&x->waiting);
    *x = (struct import){0};
    wf_buf_init(&x->waiting, WAITING_MAX);
}

static void set_due(struct core *c, struct import *x, uint64_t due_us)
{
    x->due_us = due_us;
    c->mesh.imports.look_us = wf_min_u64(c->mesh.imports.look_us, due_us);
}

void imports_fini(struct core *c)
{
    for (unsigned i = 0; i < IMPORTS_MAX; i++) {
        forget(c, &c->mesh.imports.v[i]);
        wf_buf_fini(&c->mesh.imports.v[i].waiting);
    }
}

/* -- the way ---------------------------------------------------------------------------
 */

struct session *import_way(struct core *c, const struct wf_key *home)
{
    const struct principal *p = registry_key(&c->registry, home);
    const struct atlas *a;
    const struct place *x;

    if (p != NULL && p->agent != NULL && p->agent->neighbour != NULL &&
        p->agent->session != NULL) {
        return p->agent->session;
    }
    a = atlas_now(c);
    x = a != NULL ? atlas_find(a, home) : NULL;
    if (x == NULL || x == a->v || !atlas_reaches(a, x)) {
        return NULL;
    }
    x = atlas_first(a, x);
    return x->neighbour != NULL ? x->neighbour->session : NULL;
}

/* -- who waits -------------------------------------------------------------------------
 */

static struct wf_buf take_waiting(struct import *x)
{
    const struct wf_buf said = x->waiting;

    wf_buf_init(&x->waiting, WAITING_MAX);
    x->nwaiting = 0;
    return said;
}

/* What was said, which is freed, is had again, in the order in which it was said. */
static void go_on(struct core *c, struct wf_buf said, struct wf_effects *out)
{
    size_t at = 0;

    while (at < said.len) {
        uint32_t head[2];
        struct wf_cursor cur;
        struct wf_msg msg;
        struct turn t = {.c = c, .msg = &msg, .out = out};

        memcpy(head, said.p + at, sizeof head);
        at += sizeof head;
        wf_cur_init(&cur, said.p + at, head[1]);
        at += head[1];
        t.s = session_get(&c->sessions, head[0]);
        if (t.s == NULL || t.s->state != SESSION_READY ||
            wf_msg_decode(&cur, &msg) != 0) {
            continue;
        }
        if (msg.type == WF_MSG_submit) {
            on_submit(&t);
        } else if (msg.type == WF_MSG_query) {
            query_dataset(&t);
        } else if (stage_of(t.s, msg.u.stage.req) != NULL) {
            on_stage(&t); /* it was not given up meanwhile */
        }
    }
    wf_buf_fini(&said);
}

/* 0, or there is no room for it. */
static int wait_for(struct import *x, const struct turn *t)
{
    struct wf_buf b = WF_BUF_INIT(WF_FRAME_MAX);
    uint32_t head[2] = {t->s->peer, 0};
    int rc = x->nwaiting < WAIT_MOST ? wf_msg_encode(&b, t->msg->type, &t->msg->u)
                                     : WEFT_EFULL;
    const size_t was = x->waiting.len;

    head[1] = (uint32_t) b.len;
    if (rc == 0 && b.len > WAITING_MAX - sizeof head - wf_min_u64(was, WAITING_MAX / 2)) {
        rc = WEFT_EFULL;
    }
    if (rc == 0) {
        rc = wf_buf_put(&x->waiting, head, sizeof head);
    }
    if (rc == 0) {
        rc = wf_buf_put(&x->waiting, b.p, b.len);
        x->waiting.len = rc == 0 ? x->waiting.len : was;
    }
    x->nwaiting += rc == 0;
    wf_buf_fini(&b);
    return rc;
}

/* -- the list --------------------------------------------------------------------------
 */

static void fail(struct core *c, struct import *x, int code, const char *text,
                 struct wf_effects *out)
{
    x->code = code;
    x->req = 0;
    (void) snprintf(x->text, sizeof x->text, "%s", text);
    x->text[wf_utf8_cut(x->text, strlen(x->text))] = '\0';
    set_due(c, x, c->now_us + FAILED_US);
    go_on(c, take_waiting(x), out);
}

static int ask(struct core *c, struct import *x, uint64_t after, struct wf_effects *out)
{
    struct session *way = import_way(c, &x->home);
    char key[WF_DATASET_MAX + 16];
    struct wf_query m = {.kind = WF_QUERY_DATASET,
                         .after = after,
                         .limit = WF_PAGE_MAX,
                         .home = x->home,
                         .reader = x->reader,
                         .hops = IMPORT_HOPS};
    struct mesh_ask *slot;

    if (way == NULL) {
        return WEFT_EUNREACH;
    }
    (void) snprintf(key, sizeof key, "%s@%" PRIu32, x->name, x->version);
    m.key = wf_slice_of(key);
    slot = mesh_ask_take(c, out);
    *slot = (struct mesh_ask){.number = slot->number,
                              .to = way->peer,
                              .req = (uint64_t) (x - c->mesh.imports.v),
                              .query = 1};
    x->req = m.req = slot->number;
    set_due(c, x, c->now_us + PAGE_US);
    wf_effects_send(out, way->peer, WF_MSG_query, &m);
    return 0;
}

/* A copy is written: not while the store fails, or went back in time. */
static int may_write(const struct core *c)
{
    return !c->rolled_back && !(c->cfg.durable && c->store_failing);
}

/* All of it came: it is what the home signed for, or nothing. */
static int finish(struct core *c, struct import *x, struct wf_effects *out)
{
    struct dataset *d = x->d;
    struct wf_digest listing;
    int rc = may_write(c) ? dataset_complete(&c->data.datasets, &c->data.catalogue, d)
                          : WEFT_ESTORAGE;

    if (rc != 0) {
        return rc;
    }
    x->d = NULL; /* it stands in the tables */
    d->used_us = c->now_us;
    c->mesh.imports.copies++;
    rc = named_listing(d, &listing);
    if (rc == 0 && !wf_digest_eq(&listing, &x->listing)) {
        rc = WEFT_EPROTO;
    }
    if (rc == 0) {
        rc = dataset_write(c, d, out);
    }
    if (rc != 0) {
        dataset_doom(c, d, out);
        return rc;
    }
    return 0;
}

void import_page(struct core *c, uint64_t n, const struct wf_dataset_info *m,
                 struct wf_effects *out)
{
    struct import *x = n < IMPORTS_MAX ? &c->mesh.imports.v[n] : NULL;
    struct wf_buf said;
    int rc;

    if (x == NULL || !x->used || x->req == 0 || x->req != m->req) {
        return;
    }
    x->req = 0;
    rc = m->files.count > x->files - x->d->nfiles
             ? WEFT_EPROTO
             : dataset_add_files(&c->data.datasets, &c->data.catalogue, x->d, m->files);
    if (rc == 0 && m->more != 0) {
        rc = m->files.count == 0 ? WEFT_EPROTO : ask(c, x, m->more, out);
    } else if (rc == 0) {
        rc = finish(c, x, out);
        if (rc == 0) {
            said = take_waiting(x);
            forget(c, x); /* first: its home may have another by now, to be asked for */
            go_on(c, said, out);
            return;
        }
    }
    if (rc != 0) {
        fail(c, x, rc,
             rc == WEFT_EPROTO ? "its list is not what its broker signed for"
                               : wf_err_sentence(rc),
             out);
    }
}

void import_refused(struct core *c, uint64_t n, const struct wf_error *m,
                    struct wf_effects *out)
{
    struct import *x = n < IMPORTS_MAX ? &c->mesh.imports.v[n] : NULL;
    char text[WF_TEXT_MAX + 1];

    if (x != NULL && x->used && x->req != 0 && x->req == m->req) {
        fail(c, x, m->code != 0 ? -(int) m->code : WEFT_EUNREACH,
             wf_slice_str(m->text, text, sizeof text), out);
    }
}

void import_displaced(struct core *c, uint64_t n, uint64_t req)
{
    struct import *x = n < IMPORTS_MAX ? &c->mesh.imports.v[n] : NULL;

    if (x != NULL && x->used && x->req == req) {
        x->req = 0;
        set_due(c, x, c->now_us);
    }
}

static struct import *find(struct imports *t, const struct name *x)
{
    for (unsigned i = 0; i < IMPORTS_MAX; i++) {
        struct import *y = &t->v[i];

        if (y->used && y->version == x->version && wf_key_eq(&y->home, &x->home) &&
            strcmp(y->name, x->name) == 0) {
            return y;
        }
    }
    return NULL;
}

static struct import *free_one(struct imports *t)
{
    for (unsigned i = 0; i < IMPORTS_MAX; i++) {
        if (!t->v[i].used) {
            return &t->v[i];
        }
    }
    return NULL;
}

int import_has_room(const struct core *c, uint64_t files, uint64_t gone)
{
    const struct datasets *t = &c->data.datasets;
    uint64_t taken = t->nfiles - gone;

    for (unsigned i = 0; i < IMPORTS_MAX; i++) {
        const struct import *x = &c->mesh.imports.v[i];

        taken += x->used && x->d != NULL ? x->files - x->d->nfiles : 0;
    }
    return files <= DATASET_FILES_MAX && taken <= t->max_files &&
           files <= t->max_files - taken;
}

/* A copy by that name of what its home had before, or of another home's whose key begins
 * alike, makes room. */
static void drop_other(struct core *c, const char *as, uint32_t version,
                       struct wf_effects *out)
{
    struct dataset *d = dataset_get(&c->data.datasets, wf_slice_of(as), version);

    if (d != NULL) {
        dataset_remove(c, d, out);
    }
}

/* Whose the copy is: the owner's, when that is who asks; else it is public, and its
 * neighbour's. */
static int begin(struct turn *t, const struct name *name, const char *as,
                 struct import **ret_import)
{
    struct core *c = t->c;
    struct session *way = import_way(c, &name->home);
    struct import *x = free_one(&c->mesh.imports);
    struct wf_msg msg;
    uint64_t at_us;
    int rc;

    if (way == NULL) {
        return WEFT_EUNREACH;
    }
    if (!may_write(c)) {
        c->count.storage_refused++;
        return WEFT_ESTORAGE;
    }
    if (x == NULL) {
        return WEFT_EBUSY;
    }
    if (!named_fact(c, name, &msg, &at_us)) {
        return WEFT_ENOENT;
    }
    if (c->mesh.imports.copies >= COPIES_MAX ||
        !import_has_room(c, msg.u.dataset_fact.files, 0)) {
        return sweep_want(c, msg.u.dataset_fact.files) ? WEFT_EBUSY : WEFT_EFULL;
    }
    *x = (struct import){.used = 1,
                         .home = name->home,
                         .reader = t->s->principal->key,
                         .listing = name->listing,
                         .version = name->version,
                         .files = msg.u.dataset_fact.files,
                         .waiting = x->waiting};
    memcpy(x->name, name->name, sizeof x->name);
    x->d = dataset_new(wf_slice_of(as), name->version,
                       wf_key_eq(&name->owner, &t->s->principal->key) ? t->s->principal
                                                                      : way->principal);
    rc = x->d != NULL ? dataset_set_labels(x->d, msg.u.dataset_fact.labels) : WEFT_ENOMEM;
    if (rc == 0) {
        drop_other(c, as, name->version, t->out);
        x->d->home = name->home;
        x->d->created_ms = name->created_ms;
        rc = ask(c, x, 0, t->out);
    }
    if (rc != 0) {
        forget(c, x);
        return rc;
    }
    *ret_import = x;
    return 0;
}

static const char *refusal(int code)
{
    return code == WEFT_EUNREACH ? "its broker cannot be reached at present"
           : code == WEFT_EFULL  ? "too many datasets, or files, of other brokers are "
                                   "kept or asked for here"
                                 : wf_err_sentence(code);
}

/* The copy that is here already; NULL: none is.  What is called so may also be what a
 * client put before that broker was known.  0, or a refusal, with its text. */
static int find_copy(const struct turn *t, const struct name *x, const char *as,
                     struct dataset **ret_dataset, const char **ret_text)
{
    struct dataset *d = dataset_get(&t->c->data.datasets, wf_slice_of(as), x->version);

    if (d != NULL && !key_is_set(&d->home)) {
        *ret_text = "a dataset of this broker has the name that it would have here";
        return WEFT_EEXIST;
    }
    if (d == NULL || !wf_key_eq(&d->home, &x->home) || d->created_ms != x->created_ms) {
        return 0;
    }
    *ret_dataset = d;
    if (!dataset_may_see(t->s, d)) {
        return WEFT_ENOENT;
    }
    d->used_us = t->c->now_us;
    return 0;
}

uint64_t import_again_ms(const struct core *c, int code)
{
    return code == WEFT_EBUSY                         ? BUSY_MS
           : code == WEFT_ESTORAGE && !c->rolled_back ? STORAGE_RETRY_MS
                                                      : 0;
}

/* A stage of further pages is not whole yet. */
static int may_wait(const struct wf_msg *m)
{
    return m->type == WF_MSG_submit || m->type == WF_MSG_query ||
           (m->type == WF_MSG_stage && !m->u.stage.more);
}

int import_get(struct turn *t, struct wf_slice name, uint32_t version,
               struct dataset **ret_dataset, const char **ret_text)
{
    struct core *c = t->c;
    char as[WF_DATASET_MAX + 1];
    struct named what;
    struct import *x;
    int rc;

    *ret_text = "no such dataset";
    if (named_find(c, t->s, name, version, &what) != 0) {
        struct imports *all = &c->mesh.imports;

        if (named_denied(c, t->s, name, version, all->denied, sizeof all->denied)) {
            *ret_text = all->denied;
            return WEFT_EPERM;
        }
        return WEFT_ENOENT;
    }
    if (what.here == NULL &&
        names_by_home(what.there->name, &what.there->home, as) != 0) {
        *ret_text = "its name is too long for a dataset of another broker: 54 bytes";
        return WEFT_ETOOBIG;
    }
    rc = what.here == NULL ? find_copy(t, what.there, as, &what.here, ret_text) : 0;
    if (rc != 0 || what.here != NULL) {
        *ret_dataset = what.here;
        return rc;
    }
    x = find(&c->mesh.imports, what.there);
    if (x == NULL) {
        rc = begin(t, what.there, as, &x);
    }
    if (rc == 0 && x->code != 0) {
        rc = x->code;
        *ret_text = x->text;
        return rc;
    }
    if (rc == 0 && may_wait(t->msg) && wait_for(x, t) == 0) {
        return 1;
    }
    *ret_text = rc != 0 ? refusal(rc) : "its list is on the way: try again";
    return rc != 0 ? rc : WEFT_EBUSY;
}

/* -- for other brokers -----------------------------------------------------------------
 */

static void pass_on(struct turn *t, const struct wf_query *q)
{
    struct core *c = t->c;
    struct session *way = q->hops > 1 ? import_way(c, &q->home) : NULL;
    struct wf_query m = *q;
    struct mesh_ask *x;

    if (way == NULL || way == t->s) {
        refuse(t, WEFT_EUNREACH, q->req, NULL, 0,
               "its broker cannot be reached at present");
        return;
    }
    m.hops--;
    x = mesh_ask_take(c, t->out);
    *x = (struct mesh_ask){.number = x->number,
                           .to = way->peer,
                           .peer = t->s->peer,
                           .req = q->req,
                           .query = 1};
    m.req = x->number;
    wf_effects_send(t->out, way->peer, WF_MSG_query, &m);
}

int import_serve(struct turn *t)
{
    const struct wf_query *q = &t->msg->u.query;

    if (t->s->role != WF_ROLE_BROKER || !key_is_set(&q->home) ||
        wf_key_eq(&q->home, &t->c->cfg.key)) {
        return 0;
    }
    pass_on(t, q);
    return 1;
}

/* -- time ------------------------------------------------------------------------------
 */

void imports_step(struct core *c, struct wf_effects *out)
{
    if (c->mesh.imports.look_us > c->now_us) {
        return;
    }
    for (unsigned i = 0; i < IMPORTS_MAX; i++) {
        struct import *x = &c->mesh.imports.v[i];

        if (!x->used || x->due_us > c->now_us) {
            continue;
        }
        if (x->code != 0) {
            forget(c, x);
        } else if (x->req == 0) {
            fail(c, x, WEFT_EBUSY, "too many questions to other brokers are under way",
                 out);
        } else {
            fail(c, x, WEFT_EUNREACH, "its broker did not answer", out);
        }
    }
    c->mesh.imports.look_us = imports_due_us(c);
}

uint64_t imports_due_us(const struct core *c)
{
    uint64_t due_us = UINT64_MAX;

    for (unsigned i = 0; i < IMPORTS_MAX; i++) {
        const struct import *x = &c->mesh.imports.v[i];

        due_us = x->used ? wf_min_u64(due_us, x->due_us) : due_us;
    }
    return due_us;
}
