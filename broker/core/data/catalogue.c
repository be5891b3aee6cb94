#include "broker/core/data/catalogue.h"

#include "broker/core/data/datasets.h"
#include "common/err.h"
#include "common/mem.h"

int catalogue_init(struct catalogue *t, size_t max, uint64_t seed)
{
    *t = (struct catalogue){.blobs = wf_map_new(max, seed), .max_shares = 2 * max};
    return t->blobs != NULL ? 0 : WEFT_ENOMEM;
}

void catalogue_fini(struct catalogue *t)
{
    struct blob *b;
    size_t it = 0;

    while (t->blobs != NULL && (b = wf_map_next(t->blobs, &it)) != NULL) {
        struct wf_list_node *n;

        while ((n = wf_list_first(&b->shares)) != NULL) {
            struct share *s = CONTAINER_OF(n, struct share, of_blob);

            wf_list_remove(&s->of_blob);
            wf_list_remove(&s->of_agent);
            wf_free(s);
        }
        (void) wf_map_take(t->blobs, b->digest.b, sizeof b->digest.b);
        wf_free(b);
    }
    wf_map_free(t->blobs);
    *t = (struct catalogue){0};
}

struct blob *catalogue_get(const struct catalogue *t, const struct wf_digest *digest)
{
    return wf_map_get(t->blobs, digest->b, sizeof digest->b);
}

int catalogue_need(struct catalogue *t, const struct wf_digest *digest, uint64_t size,
                   struct blob **ret_blob)
{
    struct blob *b = catalogue_get(t, digest);
    int rc;

    if (b != NULL) {
        *ret_blob = b;
        return b->size == size ? 0 : WEFT_EPROTO;
    }
    if (size > WF_BLOB_MAX) {
        return WEFT_EPROTO;
    }
    b = wf_calloc(1, sizeof *b);
    if (b == NULL) {
        return WEFT_ENOMEM;
    }
    b->digest = *digest;
    b->size = size;
    wf_list_init(&b->shares);
    wf_list_init(&b->members);
    rc = wf_map_put(t->blobs, b->digest.b, sizeof b->digest.b, b);
    if (rc != 0) {
        wf_free(b);
        return rc;
    }
    *ret_blob = b;
    return 0;
}

void catalogue_release(struct catalogue *t, struct blob *b)
{
    if (b->refs == 0 && wf_list_empty(&b->shares) && wf_list_empty(&b->members)) {
        (void) wf_map_take(t->blobs, b->digest.b, sizeof b->digest.b);
        wf_free(b);
    }
}

struct share *blob_share(const struct blob *b, const struct agent *a)
{
    for (struct wf_list_node *n = wf_list_first(&b->shares); n != NULL;
         n = wf_list_next(&b->shares, n)) {
        struct share *s = CONTAINER_OF(n, struct share, of_blob);

        if (s->agent == a) {
            return s;
        }
    }
    return NULL;
}

static void drop_share(struct catalogue *t, struct share *s)
{
    struct blob *b = s->blob;

    datasets_shift(s, 0, 0);
    wf_list_remove(&s->of_blob);
    wf_list_remove(&s->of_agent);
    t->nshares--;
    wf_free(s);
    catalogue_release(t, b);
}

static int add_share(struct catalogue *t, struct blob *b, struct agent *a,
                     struct share **ret_share)
{
    struct share *s;

    if (t->nshares >= t->max_shares) {
        return WEFT_EFULL;
    }
    s = wf_calloc(1, sizeof *s);
    if (s == NULL) {
        return WEFT_ENOMEM;
    }
    s->blob = b;
    s->agent = a;
    wf_list_push_back(&b->shares, &s->of_blob);
    wf_list_push_back(&a->shares, &s->of_agent);
    t->nshares++;
    *ret_share = s;
    return 0;
}

int catalogue_hold(struct catalogue *t, struct agent *a, const struct wf_hold_row *row)
{
    struct blob *b = catalogue_get(t, &row->digest);
    struct share *s = b != NULL ? blob_share(b, a) : NULL;
    int rc;

    if (row->have == 0 && row->size != 0) {
        if (s != NULL) {
            drop_share(t, s);
        }
        return 0;
    }
    if (row->have > row->size) {
        return WEFT_EPROTO;
    }
    rc = catalogue_need(t, &row->digest, row->size, &b);
    if (rc == 0 && s == NULL) {
        rc = add_share(t, b, a, &s);
        if (rc != 0) {
            catalogue_release(t, b);
        }
    }
    if (rc != 0) {
        t->refused++;
        return rc;
    }
    datasets_shift(s, row->have, (unsigned) row->flags);
    return 0;
}

void catalogue_forget(struct catalogue *t, struct agent *a)
{
    struct wf_list_node *n;

    while ((n = wf_list_first(&a->shares)) != NULL) {
        drop_share(t, CONTAINER_OF(n, struct share, of_agent));
    }
}
