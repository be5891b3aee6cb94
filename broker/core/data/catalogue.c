#include "broker/core/data/catalogue.h"

#include "broker/core/data/datasets.h"
#include "common/err.h"
#include "common/mem.h"

/* Of the tables: what may be in them is decided before. */
#define TABLE_MAX  ((size_t) 1 << 28)
#define SHARES_MAX ((size_t) 1 << 27)

int catalogue_init(struct catalogue *t, size_t max, uint64_t seed)
{
    *t = (struct catalogue){.blobs = wf_map_new(TABLE_MAX, seed),
                            .shares = wf_map_new(TABLE_MAX, seed + 1),
                            .parts = wf_map_new(TABLE_MAX, seed + 2),
                            .changes = 1,
                            .max = max,
                            .max_shares = max < SHARES_MAX / 2 ? 2 * max : SHARES_MAX,
                            .max_of_agent = max / 2 + 1};
    return t->blobs != NULL && t->shares != NULL && t->parts != NULL ? 0 : WEFT_ENOMEM;
}

void catalogue_fini(struct catalogue *t)
{
    struct share *s;
    struct blob *b;
    size_t it = 0;

    while (t->shares != NULL && (s = wf_map_next(t->shares, &it)) != NULL) {
        (void) wf_map_take(t->shares, &s->key, sizeof s->key);
        wf_list_remove(&s->of_blob);
        wf_list_remove(&s->of_agent);
        wf_free(s);
    }
    it = 0;
    while (t->blobs != NULL && (b = wf_map_next(t->blobs, &it)) != NULL) {
        (void) wf_map_take(t->blobs, b->digest.b, sizeof b->digest.b);
        wf_free(b);
    }
    wf_map_free(t->blobs);
    wf_map_free(t->shares);
    wf_map_free(t->parts);
    *t = (struct catalogue){0};
}

struct blob *catalogue_get(const struct catalogue *t, const struct wf_digest *digest)
{
    return wf_map_get(t->blobs, digest->b, sizeof digest->b);
}

static int make(struct catalogue *t, const struct wf_digest *digest, uint64_t size,
                struct blob **ret_blob)
{
    struct blob *b;
    int rc;

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

static void drop_share(struct catalogue *t, struct share *s)
{
    struct blob *b = s->blob;

    datasets_uncount(t, s);
    (void) wf_map_take(t->shares, &s->key, sizeof s->key);
    wf_list_remove(&s->of_blob);
    wf_list_remove(&s->of_agent);
    s->agent->nshares--;
    wf_free(s);
    catalogue_release(t, b);
}

/* Agents alone said how large it is, and they were wrong. */
static void disbelieve(struct catalogue *t, struct blob *b)
{
    struct wf_list_node *n;

    b->held++;
    while ((n = wf_list_first(&b->shares)) != NULL) {
        t->refused++;
        drop_share(t, CONTAINER_OF(n, struct share, of_blob));
    }
    b->held--;
}

int catalogue_need(struct catalogue *t, const struct wf_digest *digest, uint64_t size,
                   struct blob **ret_blob)
{
    struct blob *b = catalogue_get(t, digest);

    if (b == NULL) {
        return make(t, digest, size, ret_blob);
    }
    if (b->size != size) {
        if (b->uses != 0 || b->held != 0 || size > WF_BLOB_MAX) {
            return WEFT_EPROTO;
        }
        disbelieve(t, b);
        b->size = size;
    }
    *ret_blob = b;
    return 0;
}

void catalogue_release(struct catalogue *t, struct blob *b)
{
    if (b->uses == 0 && b->held == 0 && wf_list_empty(&b->shares)) {
        (void) wf_map_take(t->blobs, b->digest.b, sizeof b->digest.b);
        wf_free(b);
    }
}

void catalogue_unuse(struct catalogue *t, struct blob *b)
{
    b->uses--;
    catalogue_release(t, b);
}

struct share *catalogue_share(const struct catalogue *t, const struct blob *b,
                              const struct agent *a)
{
    const struct share_key key = {b, a};

    return wf_map_get(t->shares, &key, sizeof key);
}

static int add_share(struct catalogue *t, struct blob *b, struct agent *a,
                     struct share **ret_share)
{
    struct share *s;
    int rc;

    if (wf_map_len(t->shares) >= t->max_shares || a->nshares >= t->max_of_agent) {
        return WEFT_EFULL;
    }
    s = wf_calloc(1, sizeof *s);
    if (s == NULL) {
        return WEFT_ENOMEM;
    }
    s->key = (struct share_key){b, a};
    s->blob = b;
    s->agent = a;
    rc = wf_map_put(t->shares, &s->key, sizeof s->key, s);
    if (rc != 0) {
        wf_free(s);
        return rc;
    }
    wf_list_push_back(&b->shares, &s->of_blob);
    wf_list_push_back(&a->shares, &s->of_agent);
    a->nshares++;
    *ret_share = s;
    return 0;
}

/* The share of a blob of that size, both made when they are new. */
static int need_share(struct catalogue *t, struct agent *a, const struct wf_hold_row *row,
                      struct share **ret_share)
{
    struct blob *b = catalogue_get(t, &row->digest);
    struct share *s = b != NULL ? catalogue_share(t, b, a) : NULL;
    int rc = 0;

    if (b != NULL && b->size != row->size) {
        return WEFT_EPROTO;
    }
    if (b == NULL) {
        rc = wf_map_len(t->blobs) < t->max ? make(t, &row->digest, row->size, &b)
                                           : WEFT_EFULL;
    }
    if (rc == 0 && s == NULL) {
        rc = add_share(t, b, a, &s);
        if (rc != 0) {
            catalogue_release(t, b);
        }
    }
    *ret_share = s;
    return rc;
}

int catalogue_hold(struct catalogue *t, struct agent *a, const struct wf_hold_row *row)
{
    struct share *s = NULL;
    int rc;

    if (row->have == 0 && row->size != 0) {
        const struct blob *b = catalogue_get(t, &row->digest);

        s = b != NULL ? catalogue_share(t, b, a) : NULL;
        if (s != NULL) {
            drop_share(t, s);
        }
        return 0;
    }
    rc = row->have <= row->size ? need_share(t, a, row, &s) : WEFT_EPROTO;
    if (rc == 0) {
        datasets_uncount(t, s);
        s->have = row->have;
        s->flags = (unsigned) row->flags;
        rc = datasets_count(t, s);
        if (rc != 0) {
            drop_share(t, s);
        }
    }
    t->refused += rc != 0;
    return rc;
}

void catalogue_forget(struct catalogue *t, struct agent *a)
{
    struct wf_list_node *n;

    while ((n = wf_list_first(&a->shares)) != NULL) {
        drop_share(t, CONTAINER_OF(n, struct share, of_agent));
    }
}
