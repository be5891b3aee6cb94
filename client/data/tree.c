#include "client/data/tree.h"

#include "common/mem.h"
#include "proto/name.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 64

struct walk {
    struct tree *tree;
    const atomic_int *stop;
    struct wf_err *err;
};

struct source *tree_add(struct tree *t)
{
    if (t->n == t->cap) {
        size_t cap = t->cap != 0 ? t->cap * 2 : 16;
        struct source *v = wf_realloc(t->files, cap * sizeof *v);

        if (v == NULL) {
            return NULL;
        }
        t->files = v;
        t->cap = cap;
        /* They moved, and a node outside every list points at itself. */
        for (size_t i = 0; i < t->n; i++) {
            wf_list_init(&v[i].in_all);
        }
    }
    source_init(&t->files[t->n], NULL, NULL);
    return &t->files[t->n++];
}

void tree_fini(struct tree *t)
{
    for (size_t i = 0; i < t->n; i++) {
        source_fini(&t->files[i]);
    }
    wf_free(t->files);
    *t = (struct tree){0};
}

static char *join(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    int slash = n != 0 && a[n - 1] != '/';
    char *s = wf_calloc(n + m + 2, 1);

    if (s != NULL) {
        (void) snprintf(s, n + m + 2, "%s%s%s", a, slash ? "/" : "", b);
    }
    return s;
}

static int add_file(struct walk *w, const char *path, const char *file, uint64_t size)
{
    struct source *s;

    if (!wf_path_ok(wf_slice_of(path))) {
        return wf_err_set(w->err, WEFT_EINVAL,
                          "%s: a dataset cannot hold this name: at most %u bytes, no "
                          "control characters",
                          file, WF_PATH_MAX);
    }
    if (w->tree->n >= TREE_FILES_MAX) {
        return wf_err_set(w->err, WEFT_ETOOBIG, "more than %u files", TREE_FILES_MAX);
    }
    s = tree_add(w->tree);
    if (s == NULL) {
        return wf_err_set(w->err, WEFT_ENOMEM, "no memory for the list of files");
    }
    s->path = wf_strdup(path);
    s->file = wf_strdup(file);
    s->size = size;
    return s->path != NULL && s->file != NULL
               ? 0
               : wf_err_set(w->err, WEFT_ENOMEM, "no memory for the list of files");
}

static int add_folder(struct walk *w, const char *path, const char *file, unsigned depth);

static int add_entry(struct walk *w, const char *path, const char *file, unsigned depth)
{
    struct stat st;

    if (lstat(file, &st) != 0) {
        return errno == ENOENT
                   ? 0 /* it went meanwhile */
                   : wf_err_set(w->err, WEFT_EIO, "%s: %s", file, strerror(errno));
    }
    if (S_ISREG(st.st_mode)) {
        return add_file(w, path, file, (uint64_t) st.st_size);
    }
    w->tree->links += S_ISLNK(st.st_mode);
    return S_ISDIR(st.st_mode) ? add_folder(w, path, file, depth + 1) : 0;
}

static int is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int each_entry(struct walk *w, DIR *dir, const char *path, const char *file,
                      unsigned depth)
{
    const struct dirent *e;
    int rc = 0;

    while (rc == 0 && (e = readdir(dir)) != NULL) {
        char *below, *on_disk;

        if (is_dots(e->d_name)) {
            continue;
        }
        if (w->stop != NULL && *w->stop) {
            return WEFT_ECANCELLED;
        }
        below = join(path, e->d_name);
        on_disk = join(file, e->d_name);
        rc = below != NULL && on_disk != NULL
                 ? add_entry(w, below, on_disk, depth)
                 : wf_err_set(w->err, WEFT_ENOMEM, "no memory for the list of files");
        wf_free(below);
        wf_free(on_disk);
    }
    return rc;
}

static int add_folder(struct walk *w, const char *path, const char *file, unsigned depth)
{
    DIR *dir;
    int rc;

    if (depth > DEPTH_MAX) {
        return wf_err_set(w->err, WEFT_ETOOBIG, "%s: folders nest deeper than %d", file,
                          DEPTH_MAX);
    }
    dir = opendir(file);
    if (dir == NULL) {
        return wf_err_set(w->err, errno == ENOENT ? WEFT_ENOENT : WEFT_EIO, "%s: %s",
                          file, strerror(errno));
    }
    rc = each_entry(w, dir, path, file, depth);
    (void) closedir(dir);
    return rc;
}

/* The last part of a path that is not empty: "b" of "a/b/"; to be freed. */
static char *last_part(const char *path)
{
    size_t len = strlen(path), at;

    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    at = len;
    while (at > 0 && path[at - 1] != '/') {
        at--;
    }
    return wf_memdup(path + at, len - at);
}

static int add_path(struct walk *w, const char *given, int alone)
{
    struct stat st;
    char *name;
    int rc;

    if (stat(given, &st) != 0) {
        return wf_err_set(w->err, errno == ENOENT ? WEFT_ENOENT : WEFT_EIO, "%s: %s",
                          given, strerror(errno));
    }
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
        return wf_err_set(w->err, WEFT_EINVAL, "%s is neither a file nor a folder",
                          given);
    }
    if (S_ISDIR(st.st_mode) && alone) {
        return add_folder(w, "", given, 1);
    }
    name = last_part(given);
    if (name == NULL) {
        return wf_err_set(w->err, WEFT_ENOMEM, "no memory for the list of files");
    }
    rc = S_ISREG(st.st_mode) ? add_file(w, name, given, (uint64_t) st.st_size)
                             : add_folder(w, is_dots(name) ? "" : name, given, 1);
    wf_free(name);
    return rc;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct source *) a)->path, ((const struct source *) b)->path);
}

int tree_walk(struct tree *t, const char *const *paths, size_t npaths,
              const atomic_int *stop, struct wf_err *err)
{
    struct walk w = {t, stop, err};
    int rc = 0;

    for (size_t i = 0; i < npaths && rc == 0; i++) {
        rc = add_path(&w, paths[i], npaths == 1);
    }
    if (rc != 0 || t->n == 0) {
        return rc;
    }
    qsort(t->files, t->n, sizeof *t->files, by_path);
    for (size_t i = 0; i < t->n; i++) {
        wf_list_init(&t->files[i].in_all); /* sorting moved them */
        if (i > 0 && strcmp(t->files[i].path, t->files[i - 1].path) == 0) {
            return wf_err_set(err, WEFT_EINVAL, "%s and %s would both be %s",
                              t->files[i - 1].file, t->files[i].file, t->files[i].path);
        }
    }
    return 0;
}
