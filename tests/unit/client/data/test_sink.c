#include "client/data/sink.h"

#include "common/mem.h"
#include "tests/unit/client/data/folder.h"

#define CHUNK 65536u
#define SIZE  (4 * CHUNK + 100)
#define N     5u

/* A blob of five chunks. */
struct blob {
    uint8_t bytes[SIZE];
    struct wf_digest leaves[N], digest;
};

static struct blob blob;
static uint8_t scratch[CHUNK];

static void make_blob(void)
{
    folder_pattern(blob.bytes, SIZE, 9);
    for (uint64_t i = 0; i < N; i++) {
        wf_leaf(blob.bytes + i * CHUNK, wf_chunk_len(SIZE, i), &blob.leaves[i]);
    }
    wf_blob_digest(SIZE, blob.leaves, &blob.digest);
}

static int write_chunk(struct sink *s, uint64_t i)
{
    return sink_write(s, i, blob.bytes + i * CHUNK, wf_chunk_len(SIZE, i), NULL);
}

static void begin(struct sink *s, struct folder *f, const char *name)
{
    must(sink_init(s, f != NULL ? folder_path(f, name) : NULL, SINK_PART, &blob.digest,
                   SIZE) == 0);
    must(sink_open(s, NULL) == 0);
}

static void test_file(struct folder *f)
{
    struct sink s;
    uint8_t *bytes;
    size_t len = 0;

    begin(&s, f, "x/y/out");
    is_int(s.resumed, 0, "nothing is there yet");
    must(sink_leaves(&s, blob.leaves, sizeof blob.leaves, NULL) == 0);
    for (uint64_t i = N; i-- > 0;) {
        must(write_chunk(&s, i) == 0);
    }
    is_int(s.have, SIZE, "chunks come in any order");
    ok(!folder_has(f, "x/y/out") && folder_has(f, "x/y/out.part"),
       "the file has its name only when it is whole");
    is_int(sink_finish(&s, NULL), 0, "then it gets it,");
    sink_fini(&s);
    bytes = folder_read(f, "x/y/out", &len);
    ok(bytes != NULL && len == SIZE && memcmp(bytes, blob.bytes, SIZE) == 0,
       "with its bytes and nothing behind them");
    ok(!folder_has(f, "x/y/out.part"), "and no part is left");
    free(bytes);
}

static void test_resume(struct folder *f)
{
    struct sink s;
    FILE *file;

    begin(&s, f, "again");
    must(sink_leaves(&s, blob.leaves, sizeof blob.leaves, NULL) == 0);
    must(write_chunk(&s, 0) == 0 && write_chunk(&s, 2) == 0 && write_chunk(&s, 4) == 0);
    sink_fini(&s);
    file = fopen(folder_path(f, "again.part"), "r+b");
    must(file != NULL && fseek(file, 2 * CHUNK + 7, SEEK_SET) == 0);
    must(fputc(blob.bytes[2 * CHUNK + 7] ^ 1, file) != EOF && fclose(file) == 0);

    begin(&s, f, "again");
    ok(s.resumed && s.leaves != NULL, "a part is found, with its leaves");
    is_int(sink_look(&s, 1, scratch, NULL), 1, "it is looked at in steps");
    while (sink_look(&s, CHUNK, scratch, NULL) == 1) {
    }
    is_int(s.map[0], 1 | 16, "what verifies counts, what was damaged does not");
    is_int(s.have, CHUNK + 100, "in bytes");
    must(write_chunk(&s, 1) == 0 && write_chunk(&s, 2) == 0 && write_chunk(&s, 3) == 0);
    is_int(sink_finish(&s, NULL), 0, "and it goes on to its end");
    sink_fini(&s);
}

static void test_not_resumed(struct folder *f)
{
    struct sink s;

    folder_write(f, "junk.part", SIZE + sizeof blob.leaves, 5);
    begin(&s, f, "junk");
    is_int(s.resumed, 0, "something else of that length is no part");
    ok(s.leaves == NULL, "its end are no leaves");
    sink_fini(&s);
    ok(!folder_has(f, "junk.part"), "a part of nothing is removed");
}

static void test_two(struct folder *f)
{
    struct wf_err err = {0, ""};
    struct sink a, b;

    begin(&a, f, "twice");
    must(sink_init(&b, folder_path(f, "twice"), SINK_PART, &blob.digest, SIZE) == 0);
    is_int(sink_open(&b, &err), WEFT_EBUSY, "two of them do not write one file");
    ok(strstr(err.text, "twice.part") != NULL, "which is named");
    sink_fini(&b);
    ok(folder_has(f, "twice.part"), "the first one goes on");
    sink_fini(&a);
}

static void test_wrong(struct folder *f)
{
    struct wf_err err = {0, ""};
    struct sink s;

    begin(&s, f, "wrong");
    is_int(write_chunk(&s, 0), WEFT_EPROTO, "without leaves nothing verifies");
    must(sink_leaves(&s, blob.leaves, sizeof blob.leaves, NULL) == 0);
    is_int(sink_write(&s, 0, blob.bytes + 1, CHUNK, NULL), WEFT_EPROTO, "other bytes");
    is_int(sink_write(&s, 0, blob.bytes, CHUNK - 1, NULL), WEFT_EPROTO, "fewer bytes");
    is_int(sink_write(&s, N, blob.bytes, CHUNK, NULL), WEFT_EPROTO, "no such chunk");
    is_int(s.have, 0, "nothing of that is kept");
    sink_fini(&s);
    folder_write(f, "file", 1, 1);
    must(sink_init(&s, folder_path(f, "file/below"), SINK_PART, &blob.digest, SIZE) == 0);
    is_int(sink_open(&s, &err), WEFT_EIO, "a folder that is a file");
    sink_fini(&s);
    folder_mkdir(f, "taken");
    begin(&s, f, "taken");
    is_int(sink_finish(&s, &err), WEFT_EIO, "a name that is a folder's");
    sink_fini(&s);
    wf_mem_fail_after(1);
    is_int(sink_init(&s, "/tmp/x", SINK_PART, &blob.digest, SIZE), WEFT_ENOMEM,
           "no memory");
    wf_mem_fail_after(-1);
}

static void test_memory(void)
{
    struct sink s;

    begin(&s, NULL, NULL);
    must(sink_leaves(&s, blob.leaves, sizeof blob.leaves, NULL) == 0);
    for (uint64_t i = 0; i < N; i++) {
        must(write_chunk(&s, i) == 0);
    }
    ok(memcmp(s.mem, blob.bytes, SIZE) == 0 && s.mem[SIZE] == 0,
       "memory holds it, with a zero byte behind it");
    is_int(sink_finish(&s, NULL), 0, "and has no name to get");
    sink_fini(&s);
}

static void test_small(struct folder *f)
{
    struct wf_digest digest;
    struct sink s;
    uint8_t *bytes;
    size_t len = 9;

    wf_blob_of("hello", 5, &digest);
    must(sink_init(&s, folder_path(f, "small"), SINK_PART, &digest, 5) == 0);
    must(sink_open(&s, NULL) == 0);
    is_int(sink_write(&s, 0, "hullo", 5, NULL), WEFT_EPROTO, "one chunk, not this one");
    is_int(sink_write(&s, 0, "hello", 5, NULL), 0, "needs no leaves");
    must(sink_finish(&s, NULL) == 0);
    sink_fini(&s);
    wf_blob_of("", 0, &digest);
    must(sink_init(&s, folder_path(f, "empty"), SINK_PART, &digest, 0) == 0);
    must(sink_open(&s, NULL) == 0 && sink_finish(&s, NULL) == 0);
    sink_fini(&s);
    bytes = folder_read(f, "empty", &len);
    is_int(len, 0, "an empty file is made, too");
    free(bytes);
}

static void test_copy(struct folder *f)
{
    struct wf_err err = {0, ""};
    char from[600];
    uint8_t *bytes;
    size_t len = 0;

    (void) snprintf(from, sizeof from, "%s", folder_path(f, "small"));
    is_int(sink_copy(from, folder_path(f, "copies/b"), SINK_PART, &err), 0,
           "a file is copied");
    bytes = folder_read(f, "copies/b", &len);
    ok(len == 5 && memcmp(bytes, "hello", 5) == 0, "with its bytes");
    free(bytes);
    is_int(sink_copy("/nowhere", folder_path(f, "c"), SINK_PART, &err), WEFT_EIO,
           "or not");
}

static int begin_kept(struct sink *s, struct folder *f, const char *name)
{
    must(sink_init(s, folder_path(f, name), SINK_PART, &blob.digest, SIZE) == 0);
    s->keep = 1;
    return sink_open(s, NULL);
}

static void test_kept(struct folder *f)
{
    struct wf_err err = {0, ""};
    struct sink s;
    uint8_t *bytes;
    size_t len = 0;

    is_int(begin_kept(&s, f, "kept"), 0, "what is to be kept is not there:");
    is_int(sink_look(&s, 1, scratch, NULL), 0, "nothing is looked at");
    is_int(s.have, 0, "and all is to be got");
    sink_fini(&s);
    folder_write(f, "kept", SIZE, 9);
    is_int(begin_kept(&s, f, "kept"), 0, "a file of that length");
    is_int(sink_look(&s, 1, scratch, NULL), 1, "is looked at in steps");
    while (sink_look(&s, CHUNK, scratch, &err) == 1) {
    }
    ok(s.have == SIZE && s.leaves != NULL, "with the same bytes nothing is to be got");
    is_int(sink_finish(&s, NULL), 0, "and it is done");
    sink_fini(&s);
    ok(!folder_has(f, "kept.part"), "without a part");
    is_int(sink_find(folder_path(f, "kept"), &blob.digest, SIZE, &err), 1, "it is found");
    is_int(sink_find(folder_path(f, "none"), &blob.digest, SIZE, &err), 0, "or not");
    folder_write(f, "kept", SIZE, 8);
    is_int(begin_kept(&s, f, "kept"), 0, "one with other bytes");
    is_int(sink_look(&s, UINT64_MAX, scratch, &err), WEFT_EEXIST, "is told apart");
    ok(strstr(err.text, "/kept is there") != NULL, "and named");
    sink_fini(&s);
    is_int(sink_find(folder_path(f, "kept"), &blob.digest, SIZE, &err), WEFT_EEXIST,
           "by who writes it, too");
    bytes = folder_read(f, "kept", &len);
    ok(len == SIZE && bytes[0] != blob.bytes[0] && !folder_has(f, "kept.part"),
       "it stays, alone");
    free(bytes);
    folder_write(f, "kept", SIZE + 1, 9);
    is_int(begin_kept(&s, f, "kept"), WEFT_EEXIST, "one of another length at once");
    sink_fini(&s);
    folder_mkdir(f, "dir");
    is_int(begin_kept(&s, f, "dir"), WEFT_EEXIST, "and what is no file");
    sink_fini(&s);
}

/* A name may be as long as the file system takes it; its part has one, too. */
static void test_long_name(struct folder *f)
{
    struct wf_err err = {0, ""};
    struct wf_digest digest;
    char name[256], from[1024];
    struct sink a, b;

    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    wf_blob_of("hello", 5, &digest);
    must(sink_init(&a, folder_path(f, name), SINK_PART, &digest, 5) == 0);
    name[sizeof name - 2] = 'm';
    must(sink_init(&b, folder_path(f, name), SINK_PART, &digest, 5) == 0);
    is_int(sink_open(&a, &err), 0, "a file with the longest name");
    is_int(sink_open(&b, &err), 0, "and one with nearly the same");
    must(sink_write(&a, 0, "hello", 5, &err) == 0);
    is_int(sink_finish(&a, &err), 0, "is written");
    (void) snprintf(from, sizeof from, "%s", a.path);
    is_int(sink_copy(from, b.path, SINK_PART "~", &err), 0, "or copied");
    sink_fini(&a);
    sink_fini(&b);
}

int main(void)
{
    struct folder f;

    folder_init(&f);
    make_blob();
    test_long_name(&f);
    test_file(&f);
    test_resume(&f);
    test_not_resumed(&f);
    test_two(&f);
    test_wrong(&f);
    test_kept(&f);
    test_memory();
    test_small(&f);
    test_copy(&f);
    folder_fini(&f);
    return done();
}
