#include "client/data/source.h"

#include "common/mem.h"
#include "tests/unit/client/data/folder.h"

#define CHUNK 65536u
#define SIZE  (3 * CHUNK + 100)

static void set(struct source *s, struct folder *f, const char *name)
{
    source_init(s, wf_strdup(name), wf_strdup(folder_path(f, name)));
}

static void hash_all(struct source *s, uint8_t *buf, struct wf_err *err)
{
    must(source_open(s, err) == 0);
    while (!source_is_ready(s)) {
        if (s->hashed < wf_chunk_count(s->size)) {
            must(source_read(s, s->hashed, buf, err) == 0);
        }
        source_hash(s, buf);
    }
}

static void test_file(struct folder *f)
{
    uint8_t *bytes = malloc(SIZE), *buf = malloc(CHUNK);
    struct wf_err err = {0, ""};
    struct wf_digest want;
    struct source s;

    folder_write(f, "a", SIZE, 1);
    folder_pattern(bytes, SIZE, 1);
    wf_blob_of(bytes, SIZE, &want);
    set(&s, f, "a");
    is_int(source_is_ready(&s), 0, "a new source is not ready");
    hash_all(&s, buf, &err);
    ok(wf_digest_eq(&s.digest, &want), "its digest is that of its bytes");
    is_int(s.fd, -1, "the file is closed then");
    is_int(source_done(&s), SIZE, "all of it is hashed");
    is_int(source_read(&s, 3, buf, &err), 0, "a chunk can be read again");
    ok(memcmp(buf, bytes + 3 * CHUNK, 100) == 0, "and is what it was");
    source_fini(&s);
    free(bytes);
    free(buf);
}

static void test_changed(struct folder *f)
{
    uint8_t *buf = malloc(CHUNK);
    struct wf_err err = {0, ""};
    struct source s;

    folder_write(f, "b", SIZE, 1);
    set(&s, f, "b");
    hash_all(&s, buf, &err);
    folder_write(f, "b", SIZE, 2);
    is_int(source_read(&s, 0, buf, &err), WEFT_ESTATE, "other bytes are noticed");
    ok(strstr(err.text, "/b changed") != NULL, "and the file is named");
    must(truncate(folder_path(f, "b"), 10) == 0);
    is_int(source_read(&s, 0, buf, &err), WEFT_ESTATE, "so are fewer bytes");
    must(unlink(folder_path(f, "b")) == 0);
    is_int(source_read(&s, 0, buf, &err), WEFT_ENOENT, "and a file that is gone");
    source_fini(&s);
    free(buf);
}

static void test_no_file(struct folder *f)
{
    struct wf_err err = {0, ""};
    struct source s;

    set(&s, f, "nothing");
    is_int(source_open(&s, &err), WEFT_ENOENT, "no such file");
    source_fini(&s);
    folder_mkdir(f, "dir");
    set(&s, f, "dir");
    is_int(source_open(&s, &err), WEFT_EINVAL, "a folder is no file");
    source_fini(&s);
    source_init(&s, wf_strdup("x"), NULL);
    is_int(source_sized(&s, WF_BLOB_MAX + 1, &err), WEFT_ETOOBIG, "too large");
    wf_mem_fail_after(0);
    is_int(source_sized(&s, 10, &err), WEFT_ENOMEM, "no memory");
    wf_mem_fail_after(-1);
    source_fini(&s);
}

static int reads;

static int read_some(uint64_t offset, void *to, size_t len, void *arg)
{
    const uint8_t *from = arg;

    reads++;
    if (from == NULL) {
        return 7;
    }
    memcpy(to, from + offset, len);
    return 0;
}

static void test_memory(void)
{
    uint8_t *bytes = malloc(SIZE), *buf = malloc(CHUNK);
    struct wf_digest want;
    struct source a, b;

    folder_pattern(bytes, SIZE, 3);
    wf_blob_of(bytes, SIZE, &want);
    source_init(&a, wf_strdup("data"), NULL);
    source_init(&b, wf_strdup("data"), NULL);
    a.mem = bytes;
    b.read = read_some;
    b.arg = bytes;
    must(source_sized(&a, SIZE, NULL) == 0 && source_sized(&b, SIZE, NULL) == 0);
    for (uint64_t i = 0; i < 4; i++) {
        must(source_raw(&a, i, buf) == 0);
        source_hash(&a, buf);
        must(source_raw(&b, i, buf) == 0);
        source_hash(&b, buf);
    }
    ok(wf_digest_eq(&a.digest, &want), "memory has the digest of its bytes");
    ok(wf_digest_eq(&b.digest, &want) && reads == 4, "so has what a function reads");
    must(source_raw(&b, 0, buf) == 0);
    is_int(source_verify(&b, 0, buf, NULL), 0, "what is the same verifies");
    bytes[5] ^= 1;
    must(source_raw(&b, 0, buf) == 0);
    is_int(source_verify(&b, 0, buf, NULL), WEFT_ESTATE, "what is not does not");
    b.arg = NULL;
    is_int(source_raw(&b, 0, buf), WEFT_EIO, "a function may fail");
    source_fini(&a);
    source_fini(&b);
    free(bytes);
    free(buf);
}

static void test_empty(struct folder *f)
{
    struct wf_err err = {0, ""};
    struct wf_digest want;
    struct source s;

    folder_write(f, "empty", 0, 0);
    wf_blob_of("", 0, &want);
    set(&s, f, "empty");
    must(source_open(&s, &err) == 0);
    is_int(source_is_ready(&s), 0, "an empty file has a digest, too");
    source_hash(&s, NULL);
    ok(source_is_ready(&s) && wf_digest_eq(&s.digest, &want), "of no chunk");
    source_fini(&s);
}

int main(void)
{
    struct folder f;

    folder_init(&f);
    test_file(&f);
    test_changed(&f);
    test_no_file(&f);
    test_memory();
    test_empty(&f);
    folder_fini(&f);
    return done();
}
