/* Transfers of a client that reaches no broker: what is wrong before one is needed, what
 * is read and hashed meanwhile, and how they end. */
#include "client/data/transfer.h"

#include "client/profile.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/unit/client/data/folder.h"

static struct folder folder;

static void make_context(void)
{
    char dir[PROFILE_PATH];
    struct profile p = {.role = "client", .as = "me", .endpoints = {.n = 1}};
    struct keys keys;

    must(setenv("WEFT_HOME", folder.dir, 1) == 0);
    keys_make(&keys);
    must(profile_begin("here", &keys, dir, NULL) == 0);
    wf_hex(p.key, keys.pub, sizeof keys.pub);
    wf_hex(p.broker_key, keys.pub, sizeof keys.pub);
    (void) wf_str_copy(p.name, sizeof p.name, "here");
    /* A port that nobody has: the client stays without a session. */
    (void) wf_str_copy(p.endpoints.item[0], sizeof p.endpoints.item[0],
                       "tcp://127.0.0.1:1");
    must(profile_commit(dir, &p, NULL) == 0);
}

static weft_client *open_client(enum weft_mode mode)
{
    struct weft_options o = WEFT_OPTIONS_INIT;
    weft_client *c = NULL;

    o.context = "here";
    o.mode = mode;
    o.connect_ms = 0;
    must(weft_open(&o, &c, NULL, 0) == 0);
    return c;
}

/* How a put that was begun ends. */
static int end_of(weft_client *c, const struct weft_put *put, char *text, size_t cap)
{
    weft_future *f = NULL;
    int rc = weft_data_put(c, put, &f);

    must(rc == 0);
    rc = weft_future_wait(f, WEFT_UNTIL_DONE, 20000);
    (void) wf_str_copy(text, cap, weft_future_text(f));
    ok(weft_future_moved(f) == NULL, "nothing was moved");
    weft_future_free(f);
    return rc;
}

static struct weft_put put_path(const char **path)
{
    struct weft_put put = WEFT_PUT_INIT;

    put.paths = path;
    put.npaths = 1;
    put.dataset = "d";
    return put;
}

static void test_wrong_puts(weft_client *c)
{
    const char *path = "/tmp", *label = "no label", *need = "";
    struct weft_put bad[12];
    weft_future *f = NULL;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        bad[i] = put_path(&path);
    }
    bad[0].size = 3;
    bad[1].size = sizeof bad[1] + 8;
    bad[2].paths = NULL;
    bad[3].data = "x";
    bad[4].dataset = "Not A Name";
    bad[5].node = "-";
    bad[6].file = "../up";
    bad[7].labels = &label;
    bad[7].nlabels = 1;
    bad[8].needs = &need;
    bad[8].nneeds = 1;
    bad[9].copies = WEFT_EVERYWHERE + 1;
    bad[10].capability = "a@b";
    path = "/tmp";
    bad[11].npaths = 0;
    bad[11].len = 5;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        is_int(weft_data_put(c, &bad[i], &f), WEFT_EINVAL, "a put with a wrong field");
    }
    is_int(weft_data_put(c, NULL, &f), WEFT_EINVAL, "no put at all");
    bad[11].data = "x";
    bad[11].len = UINT64_C(1) << 50;
    is_int(weft_data_put(c, &bad[11], &f), WEFT_ETOOBIG, "more than a blob may have");
    path = "";
    bad[0] = put_path(&path);
    is_int(weft_data_put(c, &bad[0], &f), WEFT_EINVAL, "an empty path");
    ok(f == NULL, "none of them has a future");
}

static void test_wrong_gets(weft_client *c)
{
    static const char *const refs[] = {NULL, "",       "a b",  "x@0",
                                       "x@", "x/../y", "x//y", "/x"};
    struct weft_get get = WEFT_GET_INIT;
    weft_future *f = NULL;

    for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
        get.ref = refs[i];
        is_int(weft_data_get(c, &get, &f), WEFT_EINVAL, "what names no data");
    }
    get.ref = "x";
    get.size = 1;
    is_int(weft_data_get(c, &get, &f), WEFT_EINVAL, "a bad size");
    get.size = sizeof get;
    get.path = "";
    is_int(weft_data_get(c, &get, &f), WEFT_EINVAL, "no path");
    get.path = "/tmp/x";
    get.write = (weft_write_fn *) (void (*)(void)) abort;
    is_int(weft_data_get(c, &get, &f), WEFT_EINVAL, "a path and a function");
    ok(f == NULL, "none of them has a future");
}

static void test_wrong_stages(weft_client *c)
{
    struct weft_stage stage = WEFT_STAGE_INIT;
    const char *need = "";
    weft_future *f = NULL;

    is_int(weft_data_stage(c, &stage, &f), WEFT_EINVAL, "nothing to stage");
    stage.dataset = "x/file";
    is_int(weft_data_stage(c, &stage, &f), WEFT_EINVAL, "a file is no dataset");
    stage.dataset = "x";
    stage.node = "a node";
    is_int(weft_data_stage(c, &stage, &f), WEFT_EINVAL, "no name of a node");
    stage.node = NULL;
    stage.copies = 64;
    is_int(weft_data_stage(c, &stage, &f), WEFT_EINVAL, "too many copies");
    stage.copies = 0;
    stage.needs = &need;
    stage.nneeds = 1;
    is_int(weft_data_stage(c, &stage, &f), WEFT_EINVAL, "an empty need");
    ok(f == NULL, "none of them has a future");
}

static void test_wrong_jobs(weft_client *c)
{
    const struct weft_input bad[] = {
        {NULL, "x"}, {"a", NULL}, {"A", "x"}, {"a", "x/../y"}, {"", "x"}};
    struct weft_input many[17];
    struct weft_job job = WEFT_JOB_INIT;
    weft_future *f = NULL;

    job.capability = "echo";
    job.ninputs = 1;
    is_int(weft_submit(c, &job, &f), WEFT_EINVAL, "an input that is not there");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        job.inputs = &bad[i];
        is_int(weft_submit(c, &job, &f), WEFT_EINVAL, "an input that is none");
    }
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        many[i] = (struct weft_input){"a", "x"};
    }
    job.inputs = many;
    job.ninputs = 17;
    is_int(weft_submit(c, &job, &f), WEFT_EINVAL, "too many inputs");
    job.ninputs = 0;
    job.payload_file = "/nonexistent";
    is_int(weft_submit(c, &job, &f), WEFT_ENOENT, "a payload file that is not there");
    job.payload_file = "/tmp";
    is_int(weft_submit(c, &job, &f), WEFT_ENOENT, "or is no file");
    job.payload = "x";
    job.payload_len = 1;
    is_int(weft_submit(c, &job, &f), WEFT_EINVAL, "two payloads");
    ok(f == NULL, "none of them has a future");
}

/* An older program's struct ends before the fields of data. */
static void test_old_job(weft_client *c)
{
    struct weft_job job = WEFT_JOB_INIT;
    weft_future *f = NULL;

    job.size = offsetof(struct weft_job, inputs);
    job.capability = "echo";
    job.inputs = (const struct weft_input *) (uintptr_t) 1;
    job.ninputs = 1000;
    is_int(weft_submit(c, &job, &f), 0, "a job without the newer fields");
    weft_future_free(f);
}

static void test_files(weft_client *c)
{
    char text[256];
    char missing[128], empty[128];
    const char *path = missing;
    struct weft_put put = put_path(&path);

    (void) snprintf(missing, sizeof missing, "%s/missing", folder.dir);
    (void) snprintf(empty, sizeof empty, "%s/void", folder.dir);
    is_int(end_of(c, &put, text, sizeof text), WEFT_ENOENT, "a path that is not there");
    ok(strstr(text, "/missing: No such file") != NULL, "is named");
    folder_mkdir(&folder, "void");
    path = empty;
    is_int(end_of(c, &put, text, sizeof text), WEFT_EINVAL, "a folder without files");
    is_str(text, "there is no file to put", "is nothing to put");
}

static int fail_read(uint64_t offset, void *to, size_t len, void *arg)
{
    unsigned *reads = arg;

    memset(to, 0, len);
    ++*reads;
    return offset == 0 ? 0 : -1;
}

static void test_function(weft_client *c)
{
    struct weft_put put = WEFT_PUT_INIT;
    unsigned reads = 0;
    char text[256];

    put.read = fail_read;
    put.arg = &reads;
    put.len = 1000000;
    is_int(end_of(c, &put, text, sizeof text), WEFT_EIO, "a function that fails");
    is_int(reads, 2, "is not called again");
}

struct seen {
    unsigned n;
    uint64_t last;
    enum weft_phase phase;
};

static void on_progress(const struct weft_progress *p, void *arg)
{
    struct seen *s = arg;

    s->n++;
    s->last = p->bytes;
    s->phase = p->phase;
}

/* What is read needs no broker; then it waits for one until the client closes. */
static void test_close(enum weft_mode mode)
{
    weft_client *c = open_client(mode);
    struct weft_put put = WEFT_PUT_INIT;
    struct weft_get get = WEFT_GET_INIT;
    struct weft_job job = WEFT_JOB_INIT;
    struct seen seen = {0};
    uint8_t *bytes = calloc(300000, 1);
    weft_future *f[4] = {NULL};

    put.data = bytes;
    put.len = 300000;
    put.on_progress = on_progress;
    put.arg = &seen;
    get.ref = "x";
    get.path = "/tmp/never";
    job.capability = "echo";
    job.payload = bytes;
    job.payload_len = 300000;
    must(weft_data_put(c, &put, &f[0]) == 0 && weft_data_get(c, &get, &f[1]) == 0);
    must(weft_submit(c, &job, &f[2]) == 0 && weft_data_put(c, &put, &f[3]) == 0);
    is_int(weft_future_wait(f[0], WEFT_UNTIL_DONE, 300), WEFT_ETIMEOUT,
           "without a broker a put waits");
    weft_future_free(f[3]);
    weft_close(c);
    ok(seen.n > 0 && seen.phase == WEFT_READING, "what is read was told");
    for (size_t i = 0; i < 3; i++) {
        is_int(weft_future_error(f[i]), WEFT_ECLOSED, "a client that closes ends it");
        weft_future_free(f[i]);
    }
    free(bytes);
}

static void test_freed_at_once(enum weft_mode mode)
{
    weft_client *c = open_client(mode);
    struct weft_put put = WEFT_PUT_INIT;
    struct weft_job job = WEFT_JOB_INIT;
    weft_future *f = NULL, *last = NULL;
    uint8_t *bytes = calloc(5000000, 1);

    job.capability = "echo";
    job.payload = put.data = bytes;
    job.payload_len = 5000000;
    put.len = 5000000;
    for (int i = 0; i < 20; i++) {
        must(weft_data_put(c, &put, &f) == 0);
        weft_future_free(f);
        must(weft_submit(c, &job, &f) == 0);
        weft_future_free(f);
    }
    must(weft_data_put(c, &put, &last) == 0);
    (void) weft_future_wait(last, WEFT_UNTIL_DONE, 50);
    weft_future_free(last);
    free(bytes); /* nobody looks at it any more */
    weft_close(c);
    ok(1, "a transfer ends with its future");
}

static void test_payload_deadline(weft_client *c)
{
    struct weft_job job = WEFT_JOB_INIT;
    uint8_t *bytes = calloc(300000, 1);
    weft_future *f = NULL;

    job.capability = "echo";
    job.payload = bytes;
    job.payload_len = 300000;
    job.deadline_ms = 100;
    must(weft_submit(c, &job, &f) == 0);
    free(bytes);
    is_int(weft_future_wait(f, WEFT_UNTIL_DONE, 20000), WEFT_EEXPIRED,
           "a job whose payload does not get there expires");
    weft_future_free(f);
}

static void test_no_memory(weft_client *c)
{
    const char *path = "/tmp";
    struct weft_put put = put_path(&path);
    struct weft_get get = WEFT_GET_INIT;
    weft_future *f = NULL;
    int rc = WEFT_ENOMEM;
    long n = 0;

    get.ref = "x";
    get.path = "/tmp/never";
    for (; rc == WEFT_ENOMEM && n < 100; n++) {
        wf_mem_fail_after(n);
        rc = weft_data_put(c, &put, &f);
        wf_mem_fail_after(-1);
    }
    ok(rc == 0 && n > 2, "without memory a put is not begun");
    weft_future_free(f);
    rc = WEFT_ENOMEM;
    for (n = 0; rc == WEFT_ENOMEM && n < 100; n++) {
        wf_mem_fail_after(n);
        rc = weft_data_get(c, &get, &f);
        wf_mem_fail_after(-1);
    }
    ok(rc == 0 && n > 2, "nor a get");
    weft_future_free(f);
}

static void test_results(weft_client *c)
{
    struct weft_get get = WEFT_GET_INIT;
    struct weft_job job = WEFT_JOB_INIT;
    weft_future *f = NULL, *r = NULL;
    const void *data = NULL;
    size_t len = 0;

    job.capability = "echo";
    must(weft_submit(c, &job, &f) == 0);
    is_int(weft_outcome_fetch(f, &get, &r), WEFT_ESTATE, "a job without an outcome");
    is_int(weft_outcome_data(f, 100, 0, &data, &len), WEFT_ETIMEOUT, "has no result yet");
    ok(weft_future_moved(f) == NULL, "and moved nothing");
    weft_future_free(f);
}

int main(void)
{
    weft_client *c;

    folder_init(&folder);
    make_context();
    c = open_client(WEFT_MODE_LOOP);
    test_wrong_puts(c);
    test_wrong_gets(c);
    test_wrong_stages(c);
    test_wrong_jobs(c);
    test_old_job(c);
    test_files(c);
    test_function(c);
    test_payload_deadline(c);
    test_no_memory(c);
    test_results(c);
    weft_close(c);
    c = open_client(WEFT_MODE_THREAD);
    test_function(c);
    weft_close(c);
    test_close(WEFT_MODE_LOOP);
    test_close(WEFT_MODE_THREAD);
    test_freed_at_once(WEFT_MODE_LOOP);
    test_freed_at_once(WEFT_MODE_THREAD);
    folder_fini(&folder);
    return done();
}
