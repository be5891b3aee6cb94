#include "broker/core/data/datasets.h"

#include "common/err.h"
#include "common/mem.h"
#include "common/str.h"
#include "proto/name.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_BYTES (8u << 10)
#define PATH_BYTES  (256u << 20)
#define VERSIONS    1000000u

int datasets_init(struct datasets *t, size_t max_files, uint64_t seed)
{
    *t = (struct datasets){.by_key = wf_map_new(VERSIONS, seed),
                           .by_seq = wf_map_new(VERSIONS, seed + 1),
                           .max_files = max_files};
    wf_list_init(&t->all);
    return t->by_key != NULL && t->by_seq != NULL ? 0 : WEFT_ENOMEM;
}

void datasets_fini(struct datasets *t, struct catalogue *cat)
{
    struct wf_list_node *n;

    while (t->all.next != NULL && (n = wf_list_first(&t->all)) != NULL) {
        dataset_free(t, cat, CONTAINER_OF(n, struct dataset, in_all));
    }
    wf_map_free(t->by_key);
    wf_map_free(t->by_seq);
    *t = (struct datasets){0};
}

struct dataset *dataset_new(struct wf_slice name, uint32_t version,
                            struct principal *owner)
{
    struct dataset *d = wf_calloc(1, sizeof *d);

    if (d != NULL) {
        wf_slice_str(name, d->name, sizeof d->name);
        d->version = version;
        d->owner = owner;
        wf_buf_init(&d->labels, LABEL_BYTES);
        wf_buf_init(&d->paths, PATH_BYTES);
        wf_list_init(&d->shares);
        wf_list_init(&d->in_all);
    }
    return d;
}

/* Take it out of the tables. */
static void unlist(struct datasets *t, struct dataset *d)
{
    wf_list_remove(&d->in_all);
    if (wf_map_get(t->by_key, d->key, strlen(d->key)) == d) {
        (void) wf_map_take(t->by_key, d->key, strlen(d->key));
    }
    if (wf_map_get(t->by_seq, &d->seq, sizeof d->seq) == d) {
        (void) wf_map_take(t->by_seq, &d->seq, sizeof d->seq);
    }
}

void dataset_free(struct datasets *t, struct catalogue *cat, struct dataset *d)
{
    struct wf_list_node *n;

    if (d == NULL) {
        return;
    }
    unlist(t, d);
    while ((n = wf_list_first(&d->shares)) != NULL) {
        wf_list_remove(n);
        wf_free(CONTAINER_OF(n, struct dataset_share, node));
    }
    for (size_t i = 0; i < d->nfiles; i++) {
        wf_list_remove(&d->files[i].of_blob);
        catalogue_release(cat, d->files[i].blob);
    }
    t->nfiles -= d->nfiles;
    wf_free(d->files);
    wf_free(d->parts);
    wf_buf_fini(&d->labels);
    wf_buf_fini(&d->paths);
    wf_free(d);
}

int dataset_set_labels(struct dataset *d, struct wf_rows labels)
{
    static const char key[] = "residency=";
    struct wf_rows rows = labels;
    struct wf_label_row row;

    while (wf_rows_next(&rows, wf_desc_label_row(), &row)) {
        if (!wf_label_ok(row.text)) {
            return WEFT_EINVAL;
        }
        if (row.text.len > strlen(key) && memcmp(row.text.p, key, strlen(key)) == 0) {
            wf_slice_str(
                wf_slice_make(row.text.p + strlen(key), row.text.len - strlen(key)),
                d->residency, sizeof d->residency);
        }
    }
    d->nlabels = labels.count;
    return wf_buf_put(&d->labels, labels.p, labels.len);
}

/* -- files -----------------------------------------------------------------------------
 */

static int make_room(struct dataset *d, size_t more)
{
    size_t cap = d->cap != 0 ? d->cap : 16;
    struct dataset_file *v;

    while (cap < d->nfiles + more) {
        cap *= 2;
    }
    if (cap == d->cap) {
        return 0;
    }
    v = wf_calloc(cap, sizeof *v);
    if (v == NULL) {
        return WEFT_ENOMEM;
    }
    for (size_t i = 0; i < d->nfiles; i++) {
        v[i].blob = d->files[i].blob;
        v[i].dataset = d;
        v[i].path_at = d->files[i].path_at;
        wf_list_init(&v[i].of_blob);
        wf_list_remove(&d->files[i].of_blob);
        wf_list_push_back(&v[i].blob->members, &v[i].of_blob);
    }
    wf_free(d->files);
    d->files = v;
    d->cap = cap;
    return 0;
}

static int add_file(struct datasets *t, struct catalogue *cat, struct dataset *d,
                    const struct wf_file_row *row)
{
    struct dataset_file *f = &d->files[d->nfiles];
    size_t at = d->paths.len;
    struct blob *b;
    int rc;

    if (!wf_path_ok(row->path)) {
        return WEFT_EINVAL;
    }
    if (t->nfiles >= t->max_files || d->nfiles >= DATASET_FILES_MAX) {
        return WEFT_EFULL;
    }
    rc = catalogue_need(cat, &row->digest, row->size, &b);
    if (rc != 0) {
        return rc == WEFT_EPROTO ? WEFT_EINVAL : rc;
    }
    if (wf_buf_put(&d->paths, row->path.p, row->path.len) != 0 ||
        wf_buf_put(&d->paths, "", 1) != 0) {
        wf_buf_truncate(&d->paths, at);
        catalogue_release(cat, b);
        return WEFT_ENOMEM;
    }
    f->blob = b;
    f->dataset = d;
    f->path_at = at;
    wf_list_init(&f->of_blob);
    wf_list_push_back(&b->members, &f->of_blob);
    d->bytes += row->size;
    d->nfiles++;
    t->nfiles++;
    return 0;
}

int dataset_add_files(struct datasets *t, struct catalogue *cat, struct dataset *d,
                      struct wf_rows files)
{
    struct wf_file_row row;
    int rc = make_room(d, files.count);

    while (rc == 0 && wf_rows_next(&files, wf_desc_file_row(), &row)) {
        rc = add_file(t, cat, d, &row);
    }
    return rc;
}

static int by_path(const void *left, const void *right)
{
    const struct dataset_file *a = left, *b = right;

    return strcmp(a->path, b->path);
}

/* A path twice, or below another one that is a file. */
static int has_clash(const struct dataset *d)
{
    for (size_t i = 1; i < d->nfiles; i++) {
        size_t first, n = strlen(d->files[i - 1].path);

        if (strcmp(d->files[i - 1].path, d->files[i].path) == 0) {
            return 1;
        }
        if (dataset_range(d, wf_slice_make(d->files[i - 1].path, n), &first) > 1) {
            return 1;
        }
    }
    return 0;
}

/* Sorting moves the files: their places in the blobs' lists are made anew. */
static void sort(struct dataset *d)
{
    for (size_t i = 0; i < d->nfiles; i++) {
        wf_list_remove(&d->files[i].of_blob);
        d->files[i].path = (const char *) d->paths.p + d->files[i].path_at;
    }
    if (d->nfiles != 0) {
        qsort(d->files, d->nfiles, sizeof *d->files, by_path);
    }
    for (size_t i = 0; i < d->nfiles; i++) {
        wf_list_init(&d->files[i].of_blob);
        wf_list_push_back(&d->files[i].blob->members, &d->files[i].of_blob);
    }
}

static void list(struct datasets *t, struct dataset *d)
{
    struct wf_list_node *at = &t->all;

    for (struct wf_list_node *n = t->all.next; n != &t->all; n = n->next) {
        const struct dataset *x = CONTAINER_OF(n, struct dataset, in_all);
        int c = strcmp(d->name, x->name);

        if (c < 0 || (c == 0 && d->version > x->version)) {
            at = n;
            break;
        }
    }
    wf_list_push_back(at, &d->in_all); /* before `at` */
}

/* What agents held of its blobs before it was known. */
static void count_shares(struct dataset *d);

int dataset_complete(struct datasets *t, struct dataset *d)
{
    int rc;

    sort(d);
    d->complete = 1;
    if (has_clash(d)) {
        d->complete = 0;
        return WEFT_EINVAL;
    }
    (void) snprintf(d->key, sizeof d->key, "%s@%" PRIu32, d->name, d->version);
    rc = wf_map_put(t->by_key, d->key, strlen(d->key), d);
    if (rc != 0) {
        d->complete = 0;
        return rc;
    }
    wf_list_remove(&d->in_all);
    list(t, d);
    count_shares(d);
    return 0;
}

struct dataset *dataset_get(const struct datasets *t, struct wf_slice name,
                            uint32_t version)
{
    char key[sizeof((struct dataset *) NULL)->key];

    if (version != 0) {
        (void) snprintf(key, sizeof key, "%.*s@%" PRIu32, (int) name.len,
                        (const char *) name.p, version);
        return wf_map_get(t->by_key, key, strlen(key));
    }
    for (struct wf_list_node *n = wf_list_first(&t->all); n != NULL;
         n = wf_list_next(&t->all, n)) {
        struct dataset *d = CONTAINER_OF(n, struct dataset, in_all);

        if (wf_slice_is(name, d->name)) {
            return d; /* the newest stands first */
        }
    }
    return NULL;
}

/* Is the path at or below `dir`?  < 0, 0, > 0 as it sorts before, in, after it.  Paths
 * sort by bytes, so "a-b" stands between "a" and "a/b": the folder is the range of those
 * that begin with "a/", the file "a" stands alone. */
static int beside(const char *path, struct wf_slice dir)
{
    int c = strncmp(path, (const char *) dir.p, dir.len);

    if (c != 0) {
        return c;
    }
    return path[dir.len] == '/' ? 0 : (path[dir.len] < '/' ? -1 : 1);
}

size_t dataset_range(const struct dataset *d, struct wf_slice path, size_t *ret_first)
{
    size_t low = 0, high = d->nfiles, n = 0;

    *ret_first = 0;
    if (path.len == 0) {
        return d->nfiles;
    }
    /* The file of that very path. */
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = strncmp(d->files[mid].path, (const char *) path.p, path.len);

        if (c == 0 && d->files[mid].path[path.len] == '\0') {
            *ret_first = mid;
            n = 1;
            break;
        }
        if (c < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    low = 0;
    high = d->nfiles;
    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (beside(d->files[mid].path, path) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    if (low < d->nfiles && beside(d->files[low].path, path) == 0) {
        size_t first = low;

        while (low < d->nfiles && beside(d->files[low].path, path) == 0) {
            low++;
        }
        if (n == 0) {
            *ret_first = first;
        }
        n += low - first;
    }
    return n;
}

int dataset_is_file(const struct dataset *d, struct wf_slice path, size_t first, size_t n)
{
    return n == 1 && path.len != 0 && wf_slice_is(path, d->files[first].path);
}

int dataset_has(const struct dataset *d, const struct blob *b)
{
    for (struct wf_list_node *n = wf_list_first(&b->members); n != NULL;
         n = wf_list_next(&b->members, n)) {
        if (CONTAINER_OF(n, struct dataset_file, of_blob)->dataset == d) {
            return 1;
        }
    }
    return 0;
}

/* -- how much of it is where -----------------------------------------------------------
 */

struct dataset_share *dataset_share_of(const struct dataset *d, const struct agent *a)
{
    for (struct wf_list_node *n = wf_list_first(&d->shares); n != NULL;
         n = wf_list_next(&d->shares, n)) {
        struct dataset_share *x = CONTAINER_OF(n, struct dataset_share, node);

        if (x->agent == a) {
            return x;
        }
    }
    return NULL;
}

static struct dataset_share *need_share(struct dataset *d, struct agent *a)
{
    struct dataset_share *x = dataset_share_of(d, a);

    if (x == NULL) {
        x = wf_calloc(1, sizeof *x);
        if (x != NULL) {
            x->agent = a;
            wf_list_push_back(&d->shares, &x->node);
        }
    }
    return x;
}

/* One file's worth of a share is added (sign 1) or taken away (-1). */
static void count(struct dataset *d, const struct share *s, int add)
{
    struct dataset_share *x = need_share(d, s->agent);
    uint64_t whole = s->have != 0 || s->blob->size == 0 ? share_is_whole(s) : 0;
    uint64_t pinned = whole && (s->flags & WF_HOLD_PINNED) != 0;

    if (x == NULL) {
        return; /* it counts as not there: work goes where more is known */
    }
    if (add) {
        x->bytes += s->have;
        x->files += whole;
        x->pinned += pinned;
        return;
    }
    x->bytes -= wf_min_u64(x->bytes, s->have);
    x->files -= wf_min_u64(x->files, whole);
    x->pinned -= wf_min_u64(x->pinned, pinned);
    if (x->bytes == 0 && x->files == 0) {
        wf_list_remove(&x->node);
        wf_free(x);
    }
}

static void count_shares(struct dataset *d)
{
    for (size_t i = 0; i < d->nfiles; i++) {
        const struct blob *b = d->files[i].blob;

        for (struct wf_list_node *n = wf_list_first(&b->shares); n != NULL;
             n = wf_list_next(&b->shares, n)) {
            count(d, CONTAINER_OF(n, struct share, of_blob), 1);
        }
    }
}

static void count_members(const struct share *s, int add)
{
    const struct blob *b = s->blob;

    for (struct wf_list_node *n = wf_list_first(&b->members); n != NULL;
         n = wf_list_next(&b->members, n)) {
        struct dataset *d = CONTAINER_OF(n, struct dataset_file, of_blob)->dataset;

        if (d->complete) {
            count(d, s, add);
        }
    }
}

void datasets_shift(struct share *s, uint64_t have, unsigned flags)
{
    if (s->have != 0) {
        count_members(s, 0);
    }
    s->have = have;
    s->flags = flags;
    if (s->have != 0) {
        count_members(s, 1);
    }
}
