#include "broker/core/data/debts.h"

#include "broker/core/core_int.h"
#include "common/err.h"
#include "common/mem.h"

#define MESSAGES_MAX 16u /* in one step */

struct debt {
    struct wf_list_node node; /* in debts.all */
    const struct agent *agent;
    struct blob **blobs; /* owned; each is held */
    size_t n, cap;
    uint64_t after_lsn;
    int back; /* it may be told */
};

void debts_init(struct debts *t)
{
    wf_list_init(&t->all);
    t->nblobs = 0;
}

static void pop(struct debts *t, struct catalogue *cat, struct debt *x)
{
    struct blob *b = x->blobs[--x->n];

    t->nblobs--;
    b->held--;
    catalogue_release(cat, b);
}

static void drop(struct debts *t, struct catalogue *cat, struct debt *x)
{
    while (x->n != 0) {
        pop(t, cat, x);
    }
    wf_list_remove(&x->node);
    wf_free(x->blobs);
    wf_free(x);
}

void debts_fini(struct debts *t, struct catalogue *cat)
{
    struct wf_list_node *n;

    while (t->all.next != NULL && (n = wf_list_first(&t->all)) != NULL) {
        drop(t, cat, CONTAINER_OF(n, struct debt, node));
    }
}

static struct debt *find(const struct debts *t, const struct agent *a)
{
    for (struct wf_list_node *n = wf_list_first(&t->all); n != NULL;
         n = wf_list_next(&t->all, n)) {
        struct debt *x = CONTAINER_OF(n, struct debt, node);

        if (x->agent == a) {
            return x;
        }
    }
    return NULL;
}

static struct debt *need(struct debts *t, const struct agent *a)
{
    struct debt *x = find(t, a);

    if (x == NULL) {
        x = wf_calloc(1, sizeof *x);
        if (x != NULL) {
            x->agent = a;
            wf_list_push_front(&t->all, &x->node);
        }
    } else { /* what comes together is found at once */
        wf_list_remove(&x->node);
        wf_list_push_front(&t->all, &x->node);
    }
    return x;
}

int debts_add(struct debts *t, struct agent *a, struct blob *b, uint64_t after_lsn)
{
    struct debt *x;

    if (t->nblobs >= DEBTS_MAX) {
        return WEFT_EFULL;
    }
    x = need(t, a);
    if (x == NULL) {
        return WEFT_ENOMEM;
    }
    if (x->n == x->cap) {
        size_t cap = x->cap * 2 + 16;
        struct blob **v = wf_realloc(x->blobs, cap * sizeof(struct blob *));

        if (v == NULL) {
            return WEFT_ENOMEM;
        }
        x->blobs = v;
        x->cap = cap;
    }
    x->blobs[x->n++] = b;
    b->held++;
    t->nblobs++;
    x->after_lsn = wf_max_u64(x->after_lsn, after_lsn);
    x->back = 0;
    return 0;
}

void debts_back(struct core *c, const struct agent *a)
{
    struct debt *x = find(&c->data.debts, a);

    if (x != NULL) {
        x->back = 1;
    }
}

void debts_forget(struct core *c, const struct agent *a)
{
    struct debt *x = find(&c->data.debts, a);

    if (x != NULL) {
        drop(&c->data.debts, &c->data.catalogue, x);
    }
}

static int is_due(const struct core *c, const struct debt *x)
{
    return x->back && x->agent->session != NULL && x->after_lsn <= c->durable_lsn;
}

int debts_due(const struct core *c)
{
    for (struct wf_list_node *n = wf_list_first(&c->data.debts.all); n != NULL;
         n = wf_list_next(&c->data.debts.all, n)) {
        if (is_due(c, CONTAINER_OF(n, struct debt, node))) {
            return 1;
        }
    }
    return 0;
}

/* A page of it. */
static void say(struct core *c, struct debt *x, struct wf_effects *out)
{
    struct wf_keep m = {.action = WF_KEEP_DROP};
    struct wf_buf *store = core_rows(c, 3);

    for (unsigned i = 0; i < WF_PAGE_MAX && x->n != 0; i++) {
        const struct blob *b = x->blobs[x->n - 1];
        const struct wf_digest_row row = {b->digest, b->size};

        if (b->uses == 0) {
            (void) wf_rows_add(store, &m.rows, wf_desc_digest_row(), &row);
        }
        pop(&c->data.debts, &c->data.catalogue, x);
    }
    if (m.rows.count != 0) {
        wf_effects_send(out, x->agent->session->peer, WF_MSG_keep, &m);
    }
}

void debts_go_on(struct core *c, struct wf_effects *out)
{
    struct wf_list_node *n, *next;
    unsigned messages = 0;

    for (n = wf_list_first(&c->data.debts.all); n != NULL && messages < MESSAGES_MAX;
         n = next) {
        struct debt *x = CONTAINER_OF(n, struct debt, node);

        next = wf_list_next(&c->data.debts.all, n);
        while (is_due(c, x) && x->n != 0 && messages < MESSAGES_MAX) {
            say(c, x, out);
            messages++;
        }
        if (x->n == 0) {
            drop(&c->data.debts, &c->data.catalogue, x);
        }
    }
}
