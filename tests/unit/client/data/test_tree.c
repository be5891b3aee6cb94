#include "client/data/tree.h"

#include "common/mem.h"
#include "tests/unit/client/data/folder.h"

static char *paths[4];

/* Walk `n` paths below the folder. */
static int walk(struct folder *f, struct tree *t, struct wf_err *err, int n, ...)
{
    const char *given[4];
    va_list ap;
    int rc;

    va_start(ap, n);
    for (int i = 0; i < n; i++) {
        free(paths[i]);
        paths[i] = strdup(folder_path(f, va_arg(ap, const char *)));
        given[i] = paths[i];
    }
    va_end(ap);
    *t = (struct tree){0};
    rc = tree_walk(t, given, (size_t) n, NULL, err);
    return rc;
}

static void test_one_folder(struct folder *f)
{
    struct wf_err err = {0, ""};
    struct tree t;

    is_int(walk(f, &t, &err, 1, "a"), 0, "a folder");
    is_int(t.n, 3, "has its files, without links and fifos");
    is_int(t.links, 1, "of which the links are counted");
    is_str(t.files[0].path, "one", "named by their paths in it,");
    is_str(t.files[1].path, "sub/two", "also deeper ones,");
    is_str(t.files[2].path, "zero", "in order");
    is_int(t.files[1].size, 20, "with their sizes");
    tree_fini(&t);
    is_int(walk(f, &t, &err, 1, "a/one"), 0, "a file");
    ok(t.n == 1 && strcmp(t.files[0].path, "one") == 0, "is called by its last part");
    tree_fini(&t);
    is_int(walk(f, &t, &err, 1, "a/link"), 0, "a link that is named itself");
    ok(t.n == 1 && t.links == 0 && strcmp(t.files[0].path, "link") == 0, "is followed");
    tree_fini(&t);
}

static void test_several(struct folder *f)
{
    struct wf_err err = {0, ""};
    struct tree t;

    is_int(walk(f, &t, &err, 2, "a/sub/", "b"), 0, "several folders");
    ok(t.n == 2 && strcmp(t.files[0].path, "b/one") == 0 &&
           strcmp(t.files[1].path, "sub/two") == 0,
       "keep their last parts");
    tree_fini(&t);
    is_int(walk(f, &t, &err, 2, "a/one", "b/one"), WEFT_EINVAL, "two files of one name");
    ok(strstr(err.text, "/a/one and ") != NULL, "are named both");
    tree_fini(&t);
}

static void test_wrong(struct folder *f)
{
    struct wf_err err = {0, ""};
    atomic_int stop;
    struct tree t = {0};
    const char *path;
    char deep[400] = "deep";

    is_int(walk(f, &t, &err, 1, "nothing"), WEFT_ENOENT, "no such path");
    tree_fini(&t);
    is_int(walk(f, &t, &err, 1, "fifo"), WEFT_EINVAL, "neither a file nor a folder");
    tree_fini(&t);
    is_int(walk(f, &t, &err, 1, "bad"), WEFT_EINVAL, "a name with a control character");
    tree_fini(&t);
    is_int(walk(f, &t, &err, 1, "void"), 0, "an empty folder");
    is_int(t.n, 0, "has no files");
    tree_fini(&t);
    atomic_init(&stop, 1);
    path = folder_path(f, "a");
    is_int(tree_walk(&t, &path, 1, &stop, &err), WEFT_ECANCELLED, "it can be stopped");
    tree_fini(&t);
    for (int i = 0; i < 66; i++) {
        folder_mkdir(f, deep);
        strcat(deep, "/d");
    }
    is_int(walk(f, &t, &err, 1, "deep"), WEFT_ETOOBIG, "folders nest only so deep");
    tree_fini(&t);
}

static void test_no_memory(struct folder *f)
{
    struct wf_err err = {0, ""};
    struct tree t;
    int rc = WEFT_ENOMEM;
    long n = 0;

    for (; rc == WEFT_ENOMEM && n < 1000; n++) {
        wf_mem_fail_after(n);
        rc = walk(f, &t, &err, 1, "a");
        wf_mem_fail_after(-1);
        tree_fini(&t);
    }
    ok(rc == 0 && n > 5, "without memory it fails in order");
}

int main(void)
{
    struct folder f;

    folder_init(&f);
    folder_mkdir(&f, "a");
    folder_mkdir(&f, "a/sub");
    folder_mkdir(&f, "b");
    folder_mkdir(&f, "bad");
    folder_mkdir(&f, "void");
    folder_write(&f, "a/one", 10, 1);
    folder_write(&f, "a/zero", 0, 1);
    folder_write(&f, "a/sub/two", 20, 2);
    folder_write(&f, "b/one", 10, 3);
    folder_write(&f, "bad/x\ny", 10, 3);
    must(symlink("one", folder_path(&f, "a/link")) == 0);
    must(mkfifo(folder_path(&f, "a/fifo"), 0600) == 0);
    must(mkfifo(folder_path(&f, "fifo"), 0600) == 0);
    test_one_folder(&f);
    test_several(&f);
    test_wrong(&f);
    test_no_memory(&f);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        free(paths[i]);
    }
    folder_fini(&f);
    return done();
}
