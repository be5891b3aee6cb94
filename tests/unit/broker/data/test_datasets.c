/* Versions of datasets: their files by path and by blob, and how much agents have. */
#include "tests/unit/broker/data/stock.h"

/* The tables alone. */
struct shop {
    struct catalogue cat;
    struct datasets t;
    struct principal ann;
    struct agent agents[3];
};

static void shop_init(struct shop *s)
{
    memset(s, 0, sizeof *s);
    must(catalogue_init(&s->cat, 300000, 1) == 0);
    must(datasets_init(&s->t, 300000, 4) == 0);
    for (size_t i = 0; i < ARRAY_LEN(s->agents); i++) {
        wf_list_init(&s->agents[i].shares);
    }
}

static void shop_fini(struct shop *s)
{
    datasets_fini(&s->t, &s->cat);
    catalogue_fini(&s->cat);
}

/* 0 and the version, or the error. */
static int put(struct shop *s, const char *name, uint32_t version,
               const struct list *files, struct dataset **ret)
{
    struct dataset *d = dataset_new(wf_slice_of(name), version, &s->ann);
    int rc;

    must(d != NULL);
    d->draft_peer = 1;
    rc = dataset_add_files(&s->t, &s->cat, d, files->rows);
    if (rc == 0) {
        rc = dataset_complete(&s->t, &s->cat, d);
    }
    if (rc != 0) {
        dataset_free(&s->t, &s->cat, d);
        d = NULL;
    }
    if (ret != NULL) {
        *ret = d;
    }
    return rc;
}

static int hold(struct shop *s, unsigned agent, unsigned n, uint64_t size, uint64_t have,
                unsigned flags)
{
    const struct wf_hold_row row = {stock_digest(n), size, have, flags};

    return catalogue_hold(&s->cat, &s->agents[agent], &row);
}

/* How many files are at or below the path, and the first; 9 when it is none. */
static size_t range(const struct dataset *d, const char *path, const char *first)
{
    size_t at, n = dataset_range(d, wf_slice_of(path), &at);

    return n == 0 || strcmp(d->files[at].path, first) == 0 ? n : 9;
}

static void ranges(void)
{
    static const char *const paths[] = {"b", "a/x", "a-b", "a/y/z", "a0", "a.b", "a/y/a"};
    struct list files = LIST;
    struct dataset *d;
    struct shop s;
    size_t first;

    shop_init(&s);
    for (unsigned i = 0; i < ARRAY_LEN(paths); i++) {
        list_file(&files, paths[i], i + 1, 10 * (i + 1));
    }
    must(put(&s, "pics", 1, &files, &d) == 0);
    is_int(range(d, "", "a-b"), 7, "all of it");
    is_int(range(d, "a", "a/x"), 3, "a folder, and not what is called like it");
    is_int(range(d, "a/y", "a/y/a"), 2, "a folder in it");
    is_int(range(d, "a-b", "a-b"), 1, "a file");
    is_int(range(d, "a/y/z", "a/y/z"), 1, "a file in a folder");
    is_int(range(d, "a/", ""), 0, "no folder has an empty name");
    is_int(range(d, "c", ""), 0, "nothing");
    is_int(range(d, "a/x/q", ""), 0, "nor below a file");
    ok(dataset_range(d, wf_slice_of("a/x"), &first) == 1 &&
           dataset_is_file(d, wf_slice_of("a/x"), first, 1),
       "a file is told from");
    ok(dataset_range(d, wf_slice_of("b"), &first) == 1 &&
           !dataset_is_file(d, wf_slice_of(""), first, 1),
       "a folder with one file");
    first = 0;
    is_int(dataset_bytes(d, 0, 7), 280, "bytes of all");
    (void) dataset_range(d, wf_slice_of("a"), &first);
    is_int(dataset_bytes(d, first, 3), 20 + 40 + 70, "and of the folder");
    list_fini(&files);
    shop_fini(&s);
}

static void clashes(void)
{
    static const char *const bad[][3] = {{"a", "a", "b"},
                                         {"a", "a/b", "c"},
                                         {"a/b", "a-b", "a"},
                                         {"a/b/c", "a/b", "x"},
                                         {"a/b", "a.b", "a"}};
    struct list files = LIST;
    struct shop s;

    shop_init(&s);
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        for (unsigned k = 0; k < 3; k++) {
            list_file(&files, bad[i][k], k + 1, 10);
        }
        is_int(put(&s, "bad", 1, &files, NULL), WEFT_EINVAL, bad[i][1]);
        list_fini(&files);
    }
    ok(wf_map_len(s.cat.blobs) == 0 && s.t.nfiles == 0 && s.t.nnames == 0,
       "nothing of them is left");
    list_file(&files, "a-b", 1, 10);
    list_file(&files, "a/b", 2, 10);
    list_file(&files, "ab", 3, 10);
    is_int(put(&s, "good", 1, &files, NULL), 0, "neighbours are no clash");
    list_fini(&files);
    list_file(&files, "../x", 1, 10);
    is_int(put(&s, "out", 1, &files, NULL), WEFT_EINVAL, "a path stays inside");
    list_fini(&files);
    list_file(&files, "x", 1, 11);
    is_int(put(&s, "size", 1, &files, NULL), WEFT_EINVAL, "a blob has one size");
    list_fini(&files);
    shop_fini(&s);
}

static void membership(void)
{
    const struct wf_digest one = stock_digest(1), two = stock_digest(2);
    const struct wf_digest none = stock_digest(3);
    struct list files = LIST;
    struct dataset *d;
    struct shop s;

    shop_init(&s);
    list_file(&files, "a/copy", 1, 10);
    list_file(&files, "b/copy", 1, 10);
    list_file(&files, "b/other", 2, 20);
    list_file(&files, "z/copy", 1, 10);
    must(put(&s, "pics", 1, &files, &d) == 0);
    is_int(d->nmembers, 2, "a blob that several files are is one");
    ok(dataset_has(d, wf_slice_of(""), &one) && dataset_has(d, wf_slice_of("b"), &one) &&
           dataset_has(d, wf_slice_of("z"), &one),
       "it is where its files are");
    ok(dataset_has(d, wf_slice_of("b"), &two) &&
           !dataset_has(d, wf_slice_of("a"), &two) &&
           !dataset_has(d, wf_slice_of("z"), &two),
       "and nowhere else");
    ok(!dataset_has(d, wf_slice_of(""), &none) && !dataset_has(d, wf_slice_of("q"), &one),
       "what is not there is not");
    must(hold(&s, 0, 1, 10, 10, 0) == 0);
    is_int(dataset_share_of(&s.cat, d, &s.agents[0])->bytes, 30,
           "it counts for each file");
    is_int(dataset_share_of(&s.cat, d, &s.agents[0])->files, 3, "that it is");
    list_fini(&files);
    shop_fini(&s);
}

static int has(const struct shop *s, const struct dataset *d, unsigned agent,
               uint64_t bytes, uint64_t files, uint64_t pinned)
{
    const struct dataset_share *x = dataset_share_of(&s->cat, d, &s->agents[agent]);

    return x != NULL ? x->bytes == bytes && x->files == files && x->pinned == pinned
                     : bytes == 0 && files == 0;
}

static void shares(void)
{
    struct list files = LIST;
    struct dataset *d, *e;
    struct shop s;

    shop_init(&s);
    must(hold(&s, 0, 1, 10, 10, WF_HOLD_PINNED) == 0);
    must(hold(&s, 0, 9, 0, 0, 0) == 0);
    list_file(&files, "one", 1, 10);
    list_file(&files, "two", 2, 20);
    list_file(&files, "empty", 9, 0);
    must(put(&s, "pics", 1, &files, &d) == 0);
    ok(has(&s, d, 0, 10, 2, 1), "what was held before the put counts");
    must(hold(&s, 0, 2, 20, 5, 0) == 0);
    ok(has(&s, d, 0, 15, 2, 1), "what comes after it does, in part");
    is_int(d->copies, 0, "that is no copy");
    must(hold(&s, 0, 2, 20, 20, 0) == 0);
    ok(has(&s, d, 0, 30, 3, 1) && d->copies == 1, "or whole: a copy");
    must(hold(&s, 0, 2, 20, 20, WF_HOLD_PINNED) == 0);
    ok(has(&s, d, 0, 30, 3, 2), "flags change alone");
    must(hold(&s, 1, 2, 20, 20, 0) == 0);
    ok(has(&s, d, 1, 20, 1, 0) && d->copies == 1, "agents are counted apart");
    must(put(&s, "pics", 2, &files, &e) == 0);
    ok(has(&s, e, 0, 30, 3, 2) && e->copies == 1, "another version has the same");
    must(hold(&s, 0, 1, 10, 0, 0) == 0);
    ok(has(&s, d, 0, 20, 2, 1) && d->copies == 0 && e->copies == 0,
       "what goes is taken off");
    catalogue_forget(&s.cat, &s.agents[0]);
    ok(has(&s, d, 0, 0, 0, 0) && has(&s, d, 1, 20, 1, 0), "an agent is forgotten");
    dataset_free(&s.t, &s.cat, d);
    ok(has(&s, e, 1, 20, 1, 0) && wf_map_len(s.cat.parts) == 1,
       "one version goes, the other stays");
    dataset_free(&s.t, &s.cat, e);
    is_int(wf_map_len(s.cat.parts), 0, "nobody has some of what is gone");
    is_int(wf_map_len(s.cat.blobs), 1, "but of blobs that are still held");
    list_fini(&files);
    shop_fini(&s);
}

static void names(void)
{
    static const char *const order[] = {"a", "a-b", "ab", "b"};
    struct list files = LIST;
    struct shop s;
    struct dataset *d;
    unsigned wrong = 0;

    shop_init(&s);
    list_file(&files, "f", 1, 10);
    must(put(&s, "b", 1, &files, NULL) == 0 && put(&s, "ab", 1, &files, NULL) == 0);
    must(put(&s, "a", 2, &files, NULL) == 0 && put(&s, "a", 10, &files, NULL) == 0);
    must(put(&s, "a", 9, &files, NULL) == 0 && put(&s, "a-b", 1, &files, NULL) == 0);
    is_int(put(&s, "a", 9, &files, NULL), WEFT_EEXIST, "a version once");
    is_int(s.t.nnames, 4, "four names");
    for (unsigned i = 0; i < 4; i++) {
        wrong += strcmp(s.t.names[i]->name, order[i]) != 0;
    }
    is_int(wrong, 0, "in order");
    is_int(dataset_get(&s.t, wf_slice_of("a"), 0)->version, 10, "the newest of a name");
    is_int(dataset_get(&s.t, wf_slice_of("a"), 2)->version, 2, "a version");
    ok(dataset_get(&s.t, wf_slice_of("a"), 3) == NULL &&
           dataset_get(&s.t, wf_slice_of("a-"), 0) == NULL &&
           dataset_get(&s.t, wf_slice_of(""), 0) == NULL,
       "or nothing");
    d = dataset_get(&s.t, wf_slice_of("a"), 10);
    dataset_free(&s.t, &s.cat, d);
    is_int(dataset_get(&s.t, wf_slice_of("a"), 0)->version, 9, "the next newest");
    dataset_free(&s.t, &s.cat, dataset_get(&s.t, wf_slice_of("a-b"), 1));
    is_int(s.t.nnames, 3, "a name goes with its last version");
    list_fini(&files);
    shop_fini(&s);
}

/* A hundred thousand files; two agents hold them; a folder and a file are found.  What
 * would be a walk for each file does not end in a test's time. */
static void large(void)
{
    struct list files = LIST;
    struct dataset *d;
    struct shop s;
    unsigned wrong = 0;

    shop_init(&s);
    d = dataset_new(wf_slice_of("large"), 1, &s.ann);
    must(d != NULL);
    d->draft_peer = 1;
    for (unsigned i = 0; i < 100000; i++) {
        char path[32];

        (void) snprintf(path, sizeof path, "d%u/f%u", i % 100, 100000 - i);
        list_file(&files, path, i % 60000, 100);
        if (files.rows.count == 1000) {
            must(dataset_add_files(&s.t, &s.cat, d, files.rows) == 0);
            list_fini(&files);
        }
    }
    must(dataset_complete(&s.t, &s.cat, d) == 0);
    is_int(d->nmembers, 60000, "a hundred thousand files of sixty thousand blobs");
    for (unsigned n = 0; n < 60000; n++) {
        wrong += hold(&s, n % 2, n, 100, 100, 0) != 0;
        wrong += n % 3 == 0 && hold(&s, n % 2, n, 100, 0, 0) != 0;
    }
    is_int(wrong, 0, "are held, and a third let go");
    is_int(range(d, "d7", "d7/f10033"), 9, "a folder is found");
    {
        size_t first;

        is_int(dataset_range(d, wf_slice_of("d7"), &first), 1000, "with its files");
    }
    dataset_free(&s.t, &s.cat, d);
    is_int(wf_map_len(s.cat.blobs), 40000, "and removed");
    shop_fini(&s);
}

static void survives_oom(void)
{
    struct list files = LIST;
    int made = 0;
    unsigned wrong = 0;

    list_file(&files, "one", 1, 10);
    list_file(&files, "two", 2, 20);
    for (long n = 0; !made && n < 100; n++) {
        struct shop s;
        struct dataset *d = NULL;

        shop_init(&s);
        must(hold(&s, 0, 1, 10, 10, 0) == 0 && hold(&s, 1, 1, 10, 10, 0) == 0);
        d = dataset_new(wf_slice_of("x"), 1, &s.ann);
        wf_mem_fail_after(n);
        made = dataset_add_files(&s.t, &s.cat, d, files.rows) == 0 &&
               dataset_complete(&s.t, &s.cat, d) == 0 && hold(&s, 2, 2, 20, 20, 0) == 0;
        wf_mem_fail_after(-1);
        wrong += wf_map_len(s.cat.parts) != (d->complete ? 2u + (unsigned) made : 0u);
        dataset_free(&s.t, &s.cat, d);
        wrong += wf_map_len(s.cat.parts) != 0 || s.t.nfiles != 0 || s.t.nnames != 0;
        wrong += wf_map_len(s.cat.blobs) != (made ? 2u : 1u);
        shop_fini(&s);
    }
    ok(made && wrong == 0, "all or nothing, whichever allocation fails");
    list_fini(&files);
}

int main(void)
{
    ranges();
    clashes();
    membership();
    shares();
    names();
    large();
    survives_oom();
    return done();
}
