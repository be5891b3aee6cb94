/* How much agents have of the datasets: added up with every change of a share. */
#include "broker/core/data/datasets.h"

#include "common/err.h"
#include "common/mem.h"

struct dataset_share *dataset_share_of(const struct catalogue *cat,
                                       const struct dataset *d, const struct agent *a)
{
    const struct share_key key = {d, a};

    return wf_map_get(cat->parts, &key, sizeof key);
}

static void drop_part(struct catalogue *cat, struct dataset_share *x)
{
    (void) wf_map_take(cat->parts, &x->key, sizeof x->key);
    wf_list_remove(&x->node);
    wf_free(x);
}

/* The agent has something of one member more. */
static int need_part(struct catalogue *cat, struct dataset *d, struct agent *a)
{
    struct dataset_share *x = dataset_share_of(cat, d, a);
    int rc;

    if (x == NULL) {
        x = wf_calloc(1, sizeof *x);
        if (x == NULL) {
            return WEFT_ENOMEM;
        }
        x->key = (struct share_key){d, a};
        x->agent = a;
        rc = wf_map_put(cat->parts, &x->key, sizeof x->key, x);
        if (rc != 0) {
            wf_free(x);
            return rc;
        }
        wf_list_push_back(&d->shares, &x->node);
    }
    x->members++;
    return 0;
}

static void unneed_part(struct catalogue *cat, const struct dataset *d,
                        const struct agent *a)
{
    struct dataset_share *x = dataset_share_of(cat, d, a);

    if (--x->members == 0) {
        drop_part(cat, x);
    }
}

/* Add what a share is to a dataset, or take it away (sign -1). */
static void add_up(struct catalogue *cat, const struct member *m, const struct share *s,
                   int sign)
{
    struct dataset *d = m->dataset;
    struct dataset_share *x = dataset_share_of(cat, d, s->agent);
    uint64_t by = (uint64_t) sign * m->times;
    uint64_t whole = share_is_whole(s) != 0;

    x->bytes += by * s->have;
    x->files += by * whole;
    x->pinned += by * (whole && (s->flags & WF_HOLD_PINNED) != 0);
    d->copies -= x->whole != 0;
    x->whole = x->bytes >= d->bytes && d->bytes != 0;
    d->copies += x->whole != 0;
}

void datasets_uncount(struct catalogue *cat, struct share *s)
{
    const struct wf_list_node *head = &s->blob->members;

    if (!s->counted) {
        return;
    }
    for (struct wf_list_node *n = wf_list_first(head); n != NULL;
         n = wf_list_next(head, n)) {
        const struct member *m = CONTAINER_OF(n, struct member, of_blob);

        add_up(cat, m, s, -1);
        unneed_part(cat, m->dataset, s->agent);
    }
    s->counted = 0;
}

int datasets_count(struct catalogue *cat, struct share *s)
{
    const struct wf_list_node *head = &s->blob->members;
    struct wf_list_node *n;
    int rc = 0;

    for (n = head->next; n != head; n = n->next) {
        rc = need_part(cat, CONTAINER_OF(n, struct member, of_blob)->dataset, s->agent);
        if (rc != 0) {
            break;
        }
    }
    if (rc != 0) {
        while ((n = n->prev) != head) {
            unneed_part(cat, CONTAINER_OF(n, struct member, of_blob)->dataset, s->agent);
        }
        return rc;
    }
    for (n = wf_list_first(head); n != NULL; n = wf_list_next(head, n)) {
        add_up(cat, CONTAINER_OF(n, struct member, of_blob), s, 1);
    }
    s->counted = 1;
    return 0;
}

/* -- datasets that come and go ---------------------------------------------------------
 */

/* Take away what the shares of a member's blob are, up to `until`; NULL: of all. */
static void uncount_member(struct catalogue *cat, const struct member *m,
                           const struct wf_list_node *until)
{
    const struct wf_list_node *head = &m->blob->shares;

    for (struct wf_list_node *n = wf_list_first(head); n != NULL && n != until;
         n = wf_list_next(head, n)) {
        const struct share *s = CONTAINER_OF(n, struct share, of_blob);

        add_up(cat, m, s, -1);
        unneed_part(cat, m->dataset, s->agent);
    }
}

static int count_member(struct catalogue *cat, const struct member *m)
{
    const struct wf_list_node *head = &m->blob->shares;

    for (struct wf_list_node *n = wf_list_first(head); n != NULL;
         n = wf_list_next(head, n)) {
        const struct share *s = CONTAINER_OF(n, struct share, of_blob);
        int rc = need_part(cat, m->dataset, s->agent);

        if (rc != 0) {
            uncount_member(cat, m, n);
            return rc;
        }
        add_up(cat, m, s, 1);
    }
    return 0;
}

int dataset_count(struct catalogue *cat, struct dataset *d)
{
    int rc = 0;
    size_t i = 0;

    for (; rc == 0 && i < d->nmembers; i++) {
        rc = count_member(cat, &d->members[i]);
    }
    if (rc != 0) {
        for (i--; i-- > 0;) {
            uncount_member(cat, &d->members[i], NULL);
        }
        return rc;
    }
    cat->changes++;
    for (i = 0; i < d->nmembers; i++) {
        wf_list_push_back(&d->members[i].blob->members, &d->members[i].of_blob);
    }
    return 0;
}

void dataset_uncount(struct catalogue *cat, struct dataset *d)
{
    struct wf_list_node *n;

    cat->changes++;
    while ((n = wf_list_first(&d->shares)) != NULL) {
        drop_part(cat, CONTAINER_OF(n, struct dataset_share, node));
    }
    for (size_t i = 0; i < d->nmembers; i++) {
        wf_list_remove(&d->members[i].of_blob);
    }
    d->copies = 0;
}
