#include "broker/core/data/datasets.h"

#include "common/err.h"
#include "common/mem.h"
#include "common/str.h"
#include "proto/name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LABEL_BYTES (8u << 10)
#define PATH_BYTES  (256u << 20)
#define VERSIONS    ((size_t) 1 << 24)

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
    wf_free(t->names);
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
        wf_list_init(&d->in_series);
        wf_list_init(&d->in_pending);
    }
    return d;
}

int dataset_set_labels(struct dataset *d, struct wf_rows labels)
{
    static const char key[] = "residency=";
    const size_t len = strlen(key);
    struct wf_rows rows = labels;
    struct wf_label_row row;

    while (wf_rows_next(&rows, wf_desc_label_row(), &row)) {
        if (!wf_label_ok(row.text)) {
            return WEFT_EINVAL;
        }
        if (row.text.len > len && memcmp(row.text.p, key, len) == 0) {
            if (d->residency[0] != '\0') {
                return WEFT_EINVAL;
            }
            wf_slice_str(wf_slice_make(row.text.p + len, row.text.len - len),
                         d->residency, sizeof d->residency);
        }
    }
    d->nlabels = labels.count;
    return wf_buf_put(&d->labels, labels.p, labels.len);
}

/* -- names -----------------------------------------------------------------------------
 */

/* Where a name stands among the sorted ones, or belongs. */
static size_t place_of(const struct datasets *t, struct wf_slice name, int *ret_found)
{
    size_t low = 0, high = t->nnames;

    *ret_found = 0;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const char *at = t->names[mid]->name;
        int c = strncmp(at, (const char *) name.p, name.len);

        c = c == 0 ? at[name.len] != '\0' : c;
        if (c == 0) {
            *ret_found = 1;
            return mid;
        }
        if (c < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static int make_room_for_name(struct datasets *t)
{
    size_t cap = t->cap_names != 0 ? 2 * t->cap_names : 16;
    struct series **v;

    if (t->nnames < t->cap_names) {
        return 0;
    }
    v = wf_realloc(t->names, cap * sizeof(struct series *));
    if (v == NULL) {
        return WEFT_ENOMEM;
    }
    t->names = v;
    t->cap_names = cap;
    return 0;
}

/* The series of a name, made when it is new. */
static struct series *need_series(struct datasets *t, const char *name)
{
    int found;
    size_t at = place_of(t, wf_slice_of(name), &found);
    struct series *s;

    if (found) {
        return t->names[at];
    }
    s = make_room_for_name(t) == 0 ? wf_calloc(1, sizeof *s) : NULL;
    if (s == NULL) {
        return NULL;
    }
    (void) wf_str_copy(s->name, sizeof s->name, name);
    wf_list_init(&s->versions);
    memmove(&t->names[at + 1], &t->names[at], (t->nnames - at) * sizeof t->names[0]);
    t->names[at] = s;
    t->nnames++;
    return s;
}

static void drop_empty_series(struct datasets *t, const char *name)
{
    int found;
    size_t at = place_of(t, wf_slice_of(name), &found);

    if (found && wf_list_empty(&t->names[at]->versions)) {
        wf_free(t->names[at]);
        t->nnames--;
        memmove(&t->names[at], &t->names[at + 1], (t->nnames - at) * sizeof t->names[0]);
    }
}

/* Newest first.  Most are newer than all before. */
static void push_version(struct series *s, struct dataset *d)
{
    struct wf_list_node *at = s->versions.next;

    while (at != &s->versions &&
           CONTAINER_OF(at, struct dataset, in_series)->version > d->version) {
        at = at->next;
    }
    wf_list_push_back(at, &d->in_series); /* before `at` */
}

struct dataset *dataset_get(const struct datasets *t, struct wf_slice name,
                            uint32_t version)
{
    char key[sizeof((struct dataset *) NULL)->key];
    int found;
    size_t at;

    if (name.len == 0 || name.len > WF_DATASET_MAX) {
        return NULL;
    }
    if (version != 0) {
        (void) snprintf(key, sizeof key, "%.*s@%" PRIu32, (int) name.len,
                        (const char *) name.p, version);
        return wf_map_get(t->by_key, key, strlen(key));
    }
    at = place_of(t, name, &found);
    return found ? CONTAINER_OF(wf_list_first(&t->names[at]->versions), struct dataset,
                                in_series)
                 : NULL;
}

/* -- completion and end ----------------------------------------------------------------
 */

/* Into the tables, or not at all. */
static int enter(struct datasets *t, struct dataset *d)
{
    struct series *s;
    int rc;

    (void) snprintf(d->key, sizeof d->key, "%s@%" PRIu32, d->name, d->version);
    rc = wf_map_put(t->by_key, d->key, strlen(d->key), d);
    if (rc != 0) {
        return rc;
    }
    s = need_series(t, d->name);
    if (s == NULL) {
        (void) wf_map_take(t->by_key, d->key, strlen(d->key));
        return WEFT_ENOMEM;
    }
    push_version(s, d);
    wf_list_remove(&d->in_all);
    wf_list_push_back(&t->all, &d->in_all);
    d->complete = 1;
    return 0;
}

int dataset_complete(struct datasets *t, struct catalogue *cat, struct dataset *d)
{
    int rc = dataset_sort(d);

    if (rc != 0) {
        return rc;
    }
    rc = dataset_count(cat, d);
    if (rc == 0) {
        rc = enter(t, d);
        if (rc != 0) {
            dataset_uncount(cat, d);
        }
    }
    if (rc != 0) {
        dataset_unsort(d);
    }
    return rc;
}

static void leave(struct datasets *t, struct dataset *d)
{
    wf_list_remove(&d->in_all);
    wf_list_remove(&d->in_pending);
    if (d->complete) {
        (void) wf_map_take(t->by_key, d->key, strlen(d->key));
        wf_list_remove(&d->in_series);
        drop_empty_series(t, d->name);
    }
    if (d->seq != 0 && wf_map_get(t->by_seq, &d->seq, sizeof d->seq) == d) {
        (void) wf_map_take(t->by_seq, &d->seq, sizeof d->seq);
    }
}

void dataset_clear(struct datasets *t, struct catalogue *cat, struct dataset *d)
{
    leave(t, d);
    dataset_uncount(cat, d);
    for (size_t i = 0; i < d->nfiles; i++) {
        catalogue_unuse(cat, d->files[i].blob);
    }
    t->nfiles -= d->nfiles;
    dataset_unsort(d);
    wf_free(d->files);
    d->files = NULL;
    d->nfiles = d->cap = 0;
    d->complete = 0;
    wf_buf_fini(&d->labels);
    wf_buf_fini(&d->paths);
}

void dataset_free(struct datasets *t, struct catalogue *cat, struct dataset *d)
{
    if (d != NULL) {
        dataset_clear(t, cat, d);
        wf_free(d->parts);
        wf_free(d);
    }
}
