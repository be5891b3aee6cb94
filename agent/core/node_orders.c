/* Orders of the broker: to fetch blobs, to keep them, and who may be given some.
 *
 *     fetch --> open --last rows--> running --all there--> pinning --> told, gone
 *                 |                    +--a blob cannot be had, end--> told, gone
 *                 +--refused--> dead until its last rows
 *
 * When its session ends an order is stale: what it asked for goes on as far as tickets
 * allow, and the broker orders again what it still wants; the rest is dropped a while
 * into the next session.
 */
#include "agent/core/node_data.h"

#include "common/err.h"
#include "common/mem.h"
#include "proto/name.h"

#include <string.h>

#define TELL_US  500000u
#define STALE_US 60000000u
#define PINS     1024u /* in one step */

static struct node_order *find(const struct node_data *d, uint64_t req)
{
    for (struct wf_list_node *x = wf_list_first(&d->orders); x != NULL;
         x = wf_list_next(&d->orders, x)) {
        struct node_order *o = CONTAINER_OF(x, struct node_order, node);

        if (o->req == req) {
            return o;
        }
    }
    return NULL;
}

static void tell(struct node *n, struct node_order *o, int over, struct wf_effects *out)
{
    const struct node_set *s = &o->set;
    const struct wf_fetched m = {.req = o->req,
                                 .over = over,
                                 .code = (uint64_t) -s->code,
                                 .text = wf_slice_of(s->text),
                                 .bytes = s->have,
                                 .total = s->total,
                                 .moved = s->moved,
                                 .from = wf_slice_of(s->from)};

    o->told_us = n->now_us;
    o->told_have = s->have;
    o->told_moved = s->moved;
    if (!o->stale) {
        node_send(n, out, WF_MSG_fetched, &m);
    }
}

static void tell_refusal(struct node *n, uint64_t req, int code, const char *text,
                         struct wf_effects *out)
{
    const struct wf_fetched m = {
        .req = req, .over = 1, .code = (uint64_t) -code, .text = wf_slice_of(text)};

    node_send(n, out, WF_MSG_fetched, &m);
}

static void forget(struct node *n, struct node_order *o, struct wf_effects *out)
{
    node_set_clear(n, &o->set, out);
    wf_list_remove(&o->node);
    n->data->norders--;
    wf_free(o);
}

/* It has ended, well or not. */
static void finish(struct node *n, struct node_order *o, struct wf_effects *out)
{
    tell(n, o, 1, out);
    if (o->open && !o->stale) {
        o->dead = 1;
        node_set_clear(n, &o->set, out);
    } else {
        forget(n, o, out);
    }
}

static void pin_some(struct node *n, struct node_order *o, struct wf_effects *out)
{
    const struct wf_list_node *uses = &o->set.uses;

    for (unsigned i = 0; i < PINS; i++) {
        struct wf_list_node *x =
            o->pinned != NULL ? wf_list_next(uses, o->pinned) : wf_list_first(uses);

        if (x == NULL) {
            finish(n, o, out);
            return;
        }
        o->pinned = x;
        node_blob_keep(CONTAINER_OF(x, struct node_use, of_set)->blob, WF_KEEP_PIN, out);
    }
    n->data->orders_us = n->now_us;
}

void node_order_look(struct node *n, struct node_order *o, struct wf_effects *out)
{
    if (o->dead) {
        return;
    }
    if (o->set.code != 0) {
        finish(n, o, out);
    } else if (o->set.missing != 0) {
        o->pinned = NULL; /* one was lost meanwhile */
    } else if (!o->open && o->pin) {
        pin_some(n, o, out);
    } else if (!o->open) {
        finish(n, o, out);
    }
}

void node_order_moved(struct node *n, const struct node_order *o)
{
    n->data->orders_us = wf_min_u64(n->data->orders_us, o->told_us + TELL_US);
}

/* -- the broker speaks -----------------------------------------------------------------
 */

static struct node_order *begin(struct node *n, uint64_t req, struct wf_effects *out)
{
    struct node_data *d = n->data;
    struct node_order *o = d->norders < NODE_ORDERS_MAX ? wf_calloc(1, sizeof *o) : NULL;

    if (o == NULL) {
        tell_refusal(n, req, WEFT_EBUSY, "too many orders at once, or no memory", out);
        return NULL;
    }
    o->req = req;
    o->told_us = n->now_us;
    node_set_init(&o->set);
    o->set.order = o;
    wf_list_push_back(&d->orders, &o->node);
    d->norders++;
    return o;
}

static void add_rows(struct node *n, struct node_order *o, struct wf_rows rows,
                     struct wf_effects *out)
{
    struct wf_digest_row row;

    while (o->set.code == 0 && wf_rows_next(&rows, wf_desc_digest_row(), &row)) {
        int rc = node_set_add(n, &o->set, &row.digest, row.size, out);

        if (rc != 0) {
            node_set_fail(n, &o->set, rc,
                          rc == WEFT_EFULL
                              ? "more blobs at once than can be kept track of"
                              : wf_err_sentence(rc));
        }
    }
}

void node_on_fetch(struct node *n, const struct wf_fetch *m, struct wf_effects *out)
{
    struct node_order *o = n->data != NULL ? find(n->data, m->req) : NULL;

    if (n->data == NULL) {
        tell_refusal(n, m->req, WEFT_ESUPPORT, "this node has no blob store", out);
        return;
    }
    if (o == NULL && !m->end) {
        o = begin(n, m->req, out);
    }
    if (o == NULL) {
        return;
    }
    o->open = m->more != 0 && !m->end;
    if (o->dead) {
        if (!o->open) {
            forget(n, o, out);
        }
        return;
    }
    o->pin |= m->pin != 0;
    if (m->end) {
        node_set_fail(n, &o->set, WEFT_ECANCELLED, "as the broker said");
    } else if (!wf_residency_ok(m->residency, wf_slice_of(n->region))) {
        node_set_fail(n, &o->set, WEFT_EPERM,
                      "the residency of the data does not allow it to be here");
    } else {
        add_rows(n, o, m->rows, out);
    }
    node_set_touch(n, &o->set);
}

void node_on_keep(struct node *n, const struct wf_keep *m, struct wf_effects *out)
{
    struct wf_rows rows = m->rows;
    struct wf_digest_row row;

    while (n->data != NULL && m->action != WF_KEEP_NONE &&
           wf_rows_next(&rows, wf_desc_digest_row(), &row)) {
        const struct node_blob *b = node_blob_get(n->data, &row.digest);
        const struct node_blob named = {.digest = row.digest};
        /* What is needed stays for as long as it is. */
        int needed = b != NULL && !wf_list_empty(&b->uses);

        node_blob_keep(&named,
                       m->action == WF_KEEP_DROP && needed ? WF_KEEP_UNPIN
                                                           : (unsigned) m->action,
                       out);
    }
}

/* -- sessions and time -----------------------------------------------------------------
 */

void node_orders_opened(struct node *n)
{
    n->data->stale_us = wf_add_sat(n->now_us, STALE_US);
}

void node_orders_cut(struct node *n, struct wf_effects *out)
{
    struct node_data *d = n->data;
    struct wf_list_node *x;

    while ((x = wf_list_first(&d->orders)) != NULL) {
        struct node_order *o = CONTAINER_OF(x, struct node_order, node);

        o->open = 0;
        if (o->dead) {
            forget(n, o, out);
            continue;
        }
        o->stale = 1;
        wf_list_remove(x);
        wf_list_push_back(&d->stale, x);
        node_set_touch(n, &o->set); /* it may have waited for its last rows alone */
    }
    d->stale_us = UINT64_MAX;
}

/* Of one list: what wants to be told, or goes on with its pins. */
static void go_on(struct node *n, struct wf_list_node *list, struct wf_effects *out)
{
    struct wf_list_node *next;

    for (struct wf_list_node *x = wf_list_first(list); x != NULL; x = next) {
        struct node_order *o = CONTAINER_OF(x, struct node_order, node);
        int news = o->set.have != o->told_have || o->set.moved != o->told_moved;

        next = wf_list_next(list, x);
        if (o->pinned != NULL) {
            pin_some(n, o, out);
        } else if (news && !o->dead && n->now_us >= o->told_us + TELL_US) {
            tell(n, o, 0, out);
        } else if (news && !o->dead) {
            node_order_moved(n, o);
        }
    }
}

void node_orders_after(struct node *n, struct wf_effects *out)
{
    struct node_data *d = n->data;
    struct wf_list_node *x;

    if (n->now_us >= d->orders_us) {
        d->orders_us = UINT64_MAX;
        go_on(n, &d->orders, out);
        go_on(n, &d->stale, out);
    }
    while (n->now_us >= d->stale_us && (x = wf_list_first(&d->stale)) != NULL) {
        forget(n, CONTAINER_OF(x, struct node_order, node), out);
    }
}

uint64_t node_orders_due_us(const struct node *n)
{
    const struct node_data *d = n->data;

    return wf_list_empty(&d->stale) ? d->orders_us
                                    : wf_min_u64(d->orders_us, d->stale_us);
}

void node_orders_free(struct node_data *d)
{
    struct wf_list_node *const lists[] = {&d->orders, &d->stale};

    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct wf_list_node *x;

        while ((x = wf_list_first(lists[i])) != NULL) {
            wf_list_remove(x);
            wf_free(CONTAINER_OF(x, struct node_order, node));
        }
    }
}
