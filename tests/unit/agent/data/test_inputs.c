/* inputs and results: what runs read and write, from and into a real store. */
#include "agent/data/inputs.h"
#include "agent/data/results.h"
#include "common/mem.h"
#include "tests/unit/agent/data/disk.h"

#include <fcntl.h>
#include <sys/stat.h>

#define BIG 200000u

struct bed {
    struct disk d;
    struct desk *desk;
    struct inputs *inputs;
    struct results *results;
    unsigned answers, ready, failed, done, stored;
    int code;
    char text[256];
    struct wf_digest digest;
    struct handlers_files files;
    struct run_end end;
    int end_in_ready;
};

static void on_answer(void *arg, struct blobs_done *d)
{
    struct bed *t = arg;

    t->answers++;
    t->code = d->code;
    t->digest = d->digest;
}

static void on_ready(void *arg, const struct run *r, const struct handlers_files *files)
{
    struct bed *t = arg;

    t->ready++;
    t->files = *files;
    if (t->end_in_ready) {
        inputs_end(t->inputs, r->number);
    }
}

static void on_failed(void *arg, uint64_t run, int code, const char *text)
{
    struct bed *t = arg;

    (void) run;
    t->failed++;
    t->code = code;
    (void) snprintf(t->text, sizeof t->text, "%s", text);
}

static void on_event(void *arg, struct node_event *ev)
{
    struct bed *t = arg;

    must(ev->kind == NODE_RUN_DONE);
    t->done++;
    t->end = *ev->end;
    (void) snprintf(t->text, sizeof t->text, "%s",
                    ev->end->reason != NULL ? ev->end->reason : "");
}

static void on_stored(void *arg, const struct wf_digest *digest)
{
    struct bed *t = arg;

    t->stored++;
    t->digest = *digest;
}

static void open_store(struct bed *t)
{
    static const struct inputs_cbs cbs = {on_ready, on_failed};
    const struct agent_config *c = t->d.config;
    const struct blob_options o = {
        .dir = c->data, .cap_bytes = c->data_cap, .encrypt = c->data_encrypt};

    must(desk_new(&t->d.loop, &o, 0, &t->d.log, NULL, t, &t->desk, NULL) == 0);
    must(inputs_new(&t->d.loop, t->desk, &cbs, t, &t->inputs, NULL) == 0);
    must(results_new(t->desk, on_event, on_stored, t, &t->results, NULL) == 0);
}

static void bed_init(struct bed *t, const struct config_set *sets)
{
    memset(t, 0, sizeof *t);
    disk_init(&t->d, sets);
    must(mkdir(disk_path(&t->d, "inputs"), 0700) == 0);
    open_store(t);
}

static void bed_fini(struct bed *t)
{
    desk_free(t->desk);
    inputs_free(t->inputs);
    results_free(t->results);
    disk_fini(&t->d);
}

/* A blob of `len` bytes, all of them `c`. */
static struct wf_digest import(struct bed *t, char c, size_t len)
{
    const struct blobs_ask q = {.op = BLOBS_IMPORT};
    uint8_t *p = wf_calloc(1, len + 1);
    unsigned was = t->answers;

    must(p != NULL);
    memset(p, c, len);
    must(desk_ask(t->desk, &q, &p, len, on_answer, t) == 0);
    while (t->answers == was) {
        (void) uv_run(&t->d.loop.uv, UV_RUN_ONCE);
    }
    must(t->code == 0);
    return t->digest;
}

/* A run that reads `file`, a file, and `tree`, a folder of two files; its payload is the
 * blob of the file. */
struct job {
    struct run run;
    struct run_inputs in;
    struct run_files file, tree;
    struct run_file one, two[3];
};

static void add_path(struct run_files *f, size_t i, const char *path)
{
    f->v[i].path_at = (uint32_t) f->paths.len;
    must(wf_buf_put(&f->paths, path, strlen(path) + 1) == 0);
}

static void job_init(struct job *j, const struct wf_digest *a, const struct wf_digest *b)
{
    memset(j, 0, sizeof *j);
    wf_buf_init(&j->file.paths, 1000);
    wf_buf_init(&j->tree.paths, 1000);
    j->one.digest = *a;
    j->file.v = &j->one;
    j->file.n = 1;
    add_path(&j->file, 0, "");
    j->tree.v = j->two;
    j->tree.n = 3;
    j->tree.folder = 1;
    j->two[0].digest = *b;
    j->two[1].digest = *a;
    j->two[2].digest = *b;
    add_path(&j->tree, 0, "deep/er/x");
    add_path(&j->tree, 1, "deep/er/y");
    add_path(&j->tree, 2, "top");
    j->in.n = 2;
    (void) snprintf(j->in.v[0].name, sizeof j->in.v[0].name, "file");
    (void) snprintf(j->in.v[1].name, sizeof j->in.v[1].name, "tree");
    j->in.v[0].files = &j->file;
    j->in.v[1].files = &j->tree;
    j->in.has_payload = 1;
    j->in.payload = *a;
    j->run.number = 7;
    j->run.inputs = &j->in;
}

static void job_fini(struct job *j)
{
    wf_buf_fini(&j->file.paths);
    wf_buf_fini(&j->tree.paths);
}

static size_t size_of(const char *folder, const char *name, unsigned mode)
{
    char path[512];
    struct stat st;

    (void) snprintf(path, sizeof path, "%s/%s", folder, name);
    return stat(path, &st) == 0 && (st.st_mode & 07777) == mode ? (size_t) st.st_size
                                                                : SIZE_MAX;
}

static int is_empty(const struct bed *t)
{
    return rmdir(disk_path(&t->d, "inputs")) == 0 &&
           mkdir(disk_path(&t->d, "inputs"), 0700) == 0;
}

static void test_files(void)
{
    struct bed t;
    struct job j;
    struct wf_digest a, b;
    char want[512];

    bed_init(&t, NULL);
    a = import(&t, 'a', BIG);
    b = import(&t, 'b', 10);
    job_init(&j, &a, &b);
    must(inputs_start(t.inputs, &j.run, disk_path(&t.d, "inputs")) == 0);
    is_int(t.ready, 0, "nothing is told from inside");
    run_until(&t.d, t.ready == 1);
    is_int(t.files.n_inputs, 2, "two inputs");
    is_str(t.files.inputs[0].name, "file", "as the job names them");
    (void) snprintf(want, sizeof want, "%s/inputs/7/file", t.d.dir);
    is_str(t.files.inputs[0].path, want, "by their full path");
    is_int(size_of(disk_path(&t.d, "inputs/7"), "file", 0444), BIG, "a file");
    is_int(size_of(t.files.inputs[1].path, "deep/er/x", 0444), 10, "one of a folder");
    is_int(size_of(t.files.inputs[1].path, "deep/er/y", 0444), BIG, "one beside it");
    is_int(size_of(t.files.inputs[1].path, "top", 0444), 10, "one at its top");
    ok(size_of(t.files.inputs[1].path, "deep/er", 0555) != SIZE_MAX, "closed folders");
    ok(size_of(disk_path(&t.d, "inputs"), "7", 0555) != SIZE_MAX, "the outermost, too");
    ok(t.files.payload_path != NULL && access(t.files.payload_path, R_OK) == 0,
       "the payload");
    inputs_end(t.inputs, 7);
    run_until(&t.d, inputs_count(t.inputs) == 0);
    ok(is_empty(&t), "nothing is left of it");
    job_fini(&j);
    bed_fini(&t);
}

static void make(const char *folder, const char *name, int is_folder)
{
    char path[600];
    int fd;

    (void) snprintf(path, sizeof path, "%s/%s", folder, name);
    fd = is_folder ? -1 : open(path, O_WRONLY | O_CREAT, 0600);
    must(is_folder ? mkdir(path, 0700) == 0 : fd >= 0);
    (void) (fd >= 0 ? close(fd) : 0);
}

/* A handler opens its folders up and leaves things there. */
static void test_litter(void)
{
    struct bed t;
    struct job j;
    struct wf_digest a, b;
    char folder[512], path[600];

    bed_init(&t, NULL);
    a = import(&t, 'a', BIG);
    b = import(&t, 'b', 10);
    job_init(&j, &a, &b);
    must(inputs_start(t.inputs, &j.run, disk_path(&t.d, "inputs")) == 0);
    run_until(&t.d, t.ready == 1);
    (void) snprintf(folder, sizeof folder, "%s", t.files.inputs[1].path);
    must(chmod(folder, 0700) == 0);
    for (unsigned i = 0; i < 100; i++) {
        char name[16];

        (void) snprintf(name, sizeof name, "f%u", i);
        make(folder, name, 0);
    }
    make(folder, "new", 1);
    make(folder, "new/er", 1);
    make(folder, "new/er/x", 0);
    (void) snprintf(path, sizeof path, "%s/new/er/link", folder);
    must(symlink(t.d.dir, path) == 0);
    (void) snprintf(path, sizeof path, "%s/new/er", folder);
    must(chmod(path, 0) == 0);
    make(t.d.dir, "outside", 0);
    inputs_end(t.inputs, 7);
    run_until(&t.d, inputs_count(t.inputs) == 0);
    ok(is_empty(&t), "what the handler left goes, too");
    ok(access(disk_path(&t.d, "outside"), F_OK) == 0, "and nothing behind a link");
    job_fini(&j);
    bed_fini(&t);
}

static void test_links(void)
{
    static const struct config_set sets[] = {{"data_encrypt", "no"}, {NULL, NULL}};
    struct bed t;
    struct job j;
    struct wf_digest a, b;
    struct stat st;

    bed_init(&t, sets);
    a = import(&t, 'a', BIG);
    b = import(&t, 'b', 10);
    job_init(&j, &a, &b);
    must(inputs_start(t.inputs, &j.run, disk_path(&t.d, "inputs")) == 0);
    run_until(&t.d, t.ready == 1);
    must(stat(t.files.inputs[0].path, &st) == 0);
    ok(st.st_nlink > 1, "a plain file of the store is linked, not copied");
    inputs_end(t.inputs, 7);
    run_until(&t.d, inputs_count(t.inputs) == 0);
    ok(is_empty(&t), "nothing is left of it");
    job_fini(&j);
    bed_fini(&t);
}

static void test_failures(void)
{
    struct bed t;
    struct job j;
    struct wf_digest a, missing = {{1}};

    bed_init(&t, NULL);
    a = import(&t, 'a', BIG);
    job_init(&j, &a, &missing);
    must(inputs_start(t.inputs, &j.run, disk_path(&t.d, "inputs")) == 0);
    run_until(&t.d, t.failed == 1);
    ok(t.code == WEFT_ENOENT && t.ready == 0, "a blob that is gone: %s", t.text);
    run_until(&t.d, inputs_count(t.inputs) == 0);
    ok(is_empty(&t), "what there was of it goes");
    job_fini(&j);
    job_init(&j, &a, &a);
    must(inputs_start(t.inputs, &j.run, disk_path(&t.d, "inputs")) == 0);
    is_int(inputs_kill(t.inputs, 7), 0, "a run is stopped before it is ready");
    run_until(&t.d, t.failed == 2);
    is_int(t.code, WEFT_ECANCELLED, "and told so");
    is_int(inputs_kill(t.inputs, 7), WEFT_ENOENT, "then there is none");
    run_until(&t.d, inputs_count(t.inputs) == 0);
    t.end_in_ready = 1;
    must(inputs_start(t.inputs, &j.run, disk_path(&t.d, "inputs")) == 0);
    run_until(&t.d, t.ready == 1 && inputs_count(t.inputs) == 0);
    ok(is_empty(&t), "one that ends as it begins");
    must(inputs_start(t.inputs, &j.run, disk_path(&t.d, "nowhere")) == 0);
    run_until(&t.d, t.failed == 3 && inputs_count(t.inputs) == 0);
    is_int(t.code, WEFT_EIO, "no folder to put them into");
    inputs_end(t.inputs, 99);
    must(inputs_start(t.inputs, &j.run, disk_path(&t.d, "inputs")) == 0);
    job_fini(&j);
    bed_fini(&t);
}

static void test_no_memory(void)
{
    struct bed t;
    struct job j;
    struct wf_digest a;
    int rc;

    bed_init(&t, NULL);
    a = import(&t, 'a', 10);
    job_init(&j, &a, &a);
    for (long n = 0;; n++) {
        (void) wf_mem_fail_after(n);
        rc = inputs_start(t.inputs, &j.run, disk_path(&t.d, "inputs"));
        (void) wf_mem_fail_after(-1);
        if (rc == 0) {
            break;
        }
        must(rc == WEFT_ENOMEM && inputs_count(t.inputs) == 0 && n < 1000);
    }
    run_until(&t.d, t.ready == 1);
    inputs_end(t.inputs, 7);
    run_until(&t.d, inputs_count(t.inputs) == 0);
    job_fini(&j);
    bed_fini(&t);
}

static void test_results(void)
{
    static const struct run_end end = {.exit_code = 0, .cpu_us = 5};
    struct bed t;
    char path[512];
    uint8_t *bytes = wf_calloc(1, BIG);
    struct wf_digest want;

    must(bytes != NULL);
    bed_init(&t, NULL);
    wf_blob_of(bytes, BIG, &want);
    (void) snprintf(path, sizeof path, "%s", disk_path(&t.d, "result"));
    disk_put(&t.d, "result", bytes, BIG);
    results_put(t.results, 9, &end, path);
    is_int(t.done, 0, "it takes its time");
    run_until(&t.d, t.done == 1);
    ok(t.end.code == 0 && t.end.has_blob && t.end.blob_size == BIG && t.end.cpu_us == 5,
       "the end names a blob");
    ok(memcmp(&t.end.blob, &want, sizeof want) == 0, "that of the bytes");
    ok(!t.end.blob_was_pinned && t.stored == 1, "which is new");
    ok(access(path, F_OK) != 0, "the file is gone");
    disk_put(&t.d, "result", bytes, BIG);
    results_put(t.results, 10, &end, path);
    run_until(&t.d, t.done == 2);
    ok(t.end.has_blob && t.end.blob_was_pinned, "another run made the same");
    results_put(t.results, 11, &end, disk_path(&t.d, "nothing"));
    run_until(&t.d, t.done == 3);
    ok(t.end.code != 0 && !t.end.has_blob, "no such file: %s", t.text);
    disk_put(&t.d, "result", bytes, BIG);
    results_put(t.results, 12, &end, path);
    bed_fini(&t);
    wf_free(bytes);
}

static void test_no_room(void)
{
    static const struct config_set sets[] = {{"data_cap", "16M"}, {NULL, NULL}};
    static const struct run_end end = {0};
    struct bed t;
    size_t len = 20u << 20;
    uint8_t *bytes = wf_calloc(1, len);

    must(bytes != NULL);
    bed_init(&t, sets);
    disk_put(&t.d, "result", bytes, len);
    results_put(t.results, 1, &end, disk_path(&t.d, "result"));
    run_until(&t.d, t.done == 1);
    is_int(t.end.code, WEFT_EFULL, "a result that the store has no room for");
    ok(strncmp(t.text, "the result cannot be stored: ", 29) == 0, "%s", t.text);
    ok(access(disk_path(&t.d, "result"), F_OK) != 0, "its file goes all the same");
    bed_fini(&t);
    wf_free(bytes);
}

int main(void)
{
    test_files();
    test_litter();
    test_links();
    test_failures();
    test_no_memory();
    test_results();
    test_no_room();
    return done();
}
