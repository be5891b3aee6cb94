/* The files of a version: taken in, sorted, and found by path and by blob. */
#include "broker/core/data/datasets.h"

#include "common/err.h"
#include "common/mem.h"
#include "proto/name.h"

#include <stdlib.h>
#include <string.h>

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
    v = wf_realloc(d->files, cap * sizeof *v);
    if (v == NULL) {
        return WEFT_ENOMEM;
    }
    d->files = v;
    d->cap = cap;
    return 0;
}

static int add_file(struct datasets *t, struct catalogue *cat, struct dataset *d,
                    const struct wf_file_row *row)
{
    size_t at = d->paths.len;
    struct blob *b;
    int rc;

    if (!wf_path_ok(row->path)) {
        return WEFT_EINVAL;
    }
    if (d->draft_peer != 0 &&
        (t->nfiles >= t->max_files || d->nfiles >= DATASET_FILES_MAX)) {
        return WEFT_EFULL;
    }
    rc = catalogue_need(cat, &row->digest, row->size, &b);
    if (rc != 0) {
        return rc == WEFT_EPROTO ? WEFT_EINVAL : rc;
    }
    if (wf_buf_put(&d->paths, row->path.p, row->path.len) != 0 ||
        wf_buf_put(&d->paths, "", 1) != 0) {
        rc = d->paths.err == WEFT_ETOOBIG ? WEFT_EFULL : WEFT_ENOMEM;
        wf_buf_truncate(&d->paths, at);
        catalogue_release(cat, b);
        return rc;
    }
    b->uses++;
    d->files[d->nfiles++] = (struct dataset_file){.blob = b, .path_at = at};
    d->bytes += row->size;
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

/* Is the path at or below `dir`?  < 0, 0, > 0 as it sorts before, in, after it.  Paths
 * sort by bytes, so "a-b" stands between "a" and "a/b": the folder is the range of those
 * that begin with "a/", the file "a" stands alone.  No version has both. */
static int beside(const char *path, struct wf_slice dir)
{
    int c = strncmp(path, (const char *) dir.p, dir.len);

    if (c != 0) {
        return c;
    }
    return path[dir.len] == '/' ? 0 : (path[dir.len] < '/' ? -1 : 1);
}

/* The first file that is not before the folder; with `after`, the first behind it. */
static size_t border(const struct dataset *d, struct wf_slice dir, int after)
{
    size_t low = 0, high = d->nfiles;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (beside(d->files[mid].path, dir) < after) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* The file of that very path; nfiles: there is none. */
static size_t file_at(const struct dataset *d, struct wf_slice path)
{
    size_t low = 0, high = d->nfiles;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = strncmp(d->files[mid].path, (const char *) path.p, path.len);

        c = c == 0 ? d->files[mid].path[path.len] != '\0' : c;
        if (c == 0) {
            return mid;
        }
        if (c < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return d->nfiles;
}

size_t dataset_range(const struct dataset *d, struct wf_slice path, size_t *ret_first)
{
    *ret_first = 0;
    if (path.len == 0) {
        return d->nfiles;
    }
    *ret_first = file_at(d, path);
    if (*ret_first < d->nfiles) {
        return 1;
    }
    *ret_first = border(d, path, 0);
    return border(d, path, 1) - *ret_first;
}

uint64_t dataset_bytes(const struct dataset *d, size_t first, size_t n)
{
    if (n == 0) {
        return 0;
    }
    return d->files[first + n - 1].before + d->files[first + n - 1].blob->size -
           d->files[first].before;
}

int dataset_is_file(const struct dataset *d, struct wf_slice path, size_t first, size_t n)
{
    return n == 1 && path.len != 0 && wf_slice_is(path, d->files[first].path);
}

static const struct member *member_of(const struct dataset *d,
                                      const struct wf_digest *digest)
{
    size_t low = 0, high = d->nmembers;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = memcmp(d->members[mid].blob->digest.b, digest->b, sizeof digest->b);

        if (c == 0) {
            return &d->members[mid];
        }
        if (c < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return NULL;
}

int dataset_has(const struct dataset *d, struct wf_slice path,
                const struct wf_digest *digest)
{
    const struct member *m = member_of(d, digest);
    size_t first, n = m != NULL ? dataset_range(d, path, &first) : 0;
    size_t low = 0, high = m != NULL ? m->times : 0;

    if (n == 0) {
        return 0;
    }
    /* The first of its files that is not before the range: is it in it? */
    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (d->by_blob[m->first + mid] < first) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < m->times && d->by_blob[m->first + low] - first < n;
}

/* -- sorting ---------------------------------------------------------------------------
 */

static int by_path(const void *left, const void *right)
{
    const struct dataset_file *a = left, *b = right;

    return strcmp(a->path, b->path);
}

/* A path twice, or below another one that is a file. */
static int has_clash(const struct dataset *d)
{
    for (size_t i = 0; i < d->nfiles; i++) {
        struct wf_slice path = wf_slice_of(d->files[i].path);

        if ((i != 0 && strcmp(d->files[i - 1].path, d->files[i].path) == 0) ||
            border(d, path, 0) != border(d, path, 1)) {
            return 1;
        }
    }
    return 0;
}

/* A file on its way into by_blob. */
struct place {
    const struct blob *blob;
    uint32_t at;
};

static int by_digest(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    int c = memcmp(a->blob->digest.b, b->blob->digest.b, sizeof a->blob->digest.b);

    return c != 0 ? c : (a->at > b->at) - (a->at < b->at);
}

/* Places in order of their blobs; and how many different ones there are. */
static struct place *places(const struct dataset *d, size_t *ret_distinct)
{
    struct place *v = wf_calloc(d->nfiles, sizeof *v);

    *ret_distinct = 0;
    if (v == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < d->nfiles; i++) {
        v[i] = (struct place){d->files[i].blob, (uint32_t) i};
    }
    qsort(v, d->nfiles, sizeof *v, by_digest);
    for (size_t i = 0; i < d->nfiles; i++) {
        *ret_distinct += i == 0 || v[i].blob != v[i - 1].blob;
    }
    return v;
}

static int index_blobs(struct dataset *d)
{
    size_t distinct;
    struct place *v = places(d, &distinct);

    d->by_blob = wf_calloc(d->nfiles, sizeof *d->by_blob);
    d->members = wf_calloc(distinct, sizeof *d->members);
    if (v == NULL || d->by_blob == NULL || d->members == NULL) {
        wf_free(v);
        dataset_unsort(d);
        return WEFT_ENOMEM;
    }
    for (size_t i = 0; i < d->nfiles; i++) {
        d->by_blob[i] = v[i].at;
        if (i == 0 || v[i].blob != v[i - 1].blob) {
            struct member *m = &d->members[d->nmembers++];

            *m = (struct member){
                .blob = d->files[v[i].at].blob, .dataset = d, .first = (uint32_t) i};
            wf_list_init(&m->of_blob);
        }
        d->members[d->nmembers - 1].times++;
    }
    wf_free(v);
    return 0;
}

int dataset_sort(struct dataset *d)
{
    uint64_t before = 0;

    for (size_t i = 0; i < d->nfiles; i++) {
        d->files[i].path = (const char *) d->paths.p + d->files[i].path_at;
    }
    if (d->nfiles == 0) {
        return 0;
    }
    qsort(d->files, d->nfiles, sizeof *d->files, by_path);
    for (size_t i = 0; i < d->nfiles; i++) {
        d->files[i].before = before;
        before += d->files[i].blob->size;
    }
    return has_clash(d) ? WEFT_EINVAL : index_blobs(d);
}

void dataset_unsort(struct dataset *d)
{
    wf_free(d->by_blob);
    wf_free(d->members);
    d->by_blob = NULL;
    d->members = NULL;
    d->nmembers = 0;
}
