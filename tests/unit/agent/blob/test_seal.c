/* Blobs that are encrypted at rest. */
#include "tests/unit/agent/blob/bed.h"

#include <dirent.h>

static int contains(const char *path, const void *what, size_t len)
{
    static uint8_t buf[4 << 20];
    int fd = open(path, O_RDONLY);
    ssize_t n = fd >= 0 ? read(fd, buf, sizeof buf) : -1;

    must(n >= 0 && n < (ssize_t) sizeof buf);
    close(fd);
    return memmem(buf, (size_t) n, what, len) != NULL;
}

static void at_rest(void)
{
    struct sample x = sample_of(1, 300 * KIB), small = sample_of(2, 3000);
    char path[PATH_MAX], out[128];
    struct stat st;
    struct bed b;
    uint64_t at = 0;

    bed_init(&b);
    b.o.encrypt = 1;
    bed_open(&b);
    is_int(import(&b, &x), 0, "a large blob");
    is_int(import(&b, &small), 0, "a small one");
    ok(check(&b, &x) == 0 && check(&b, &small) == 0, "come back");
    bed_again(&b);
    ok(check(&b, &x) == 0 && check(&b, &small) == 0, "also from another process");
    ok(!contains(file_of(&b, "objects", &x.d), x.p + 70 * KIB, 16), "no plain bytes");
    snprintf(path, sizeof path, "%s/index.db", b.dir);
    bed_close(&b);
    ok(!contains(path, small.p + 100, 16), "also of small ones");
    bed_open(&b);
    snprintf(path, sizeof path, "%s/key", b.dir);
    must(stat(path, &st) == 0);
    is_int(st.st_mode & 0777, 0600, "the key is for its owner alone");
    is_int(blob_path(b.s, &x.d, path, sizeof path, &b.err), WEFT_ESUPPORT,
           "there is no plain file");
    snprintf(out, sizeof out, "%s/out", b.root);
    is_int(blob_export(b.s, &x.d, out, &at, &b.err), 0, "but an export");
    ok(same_file(out, x.p, x.len), "is plain");
    sample_free(&x);
    sample_free(&small);
    bed_fini(&b);
}

static void resumed(void)
{
    struct sample x = sample_of(1, 300 * KIB);
    struct blob_info info;
    struct bed b;

    bed_init(&b);
    b.o.encrypt = 1;
    bed_open(&b);
    must(begin(&b, &x, &info) == 0);
    must(blob_leaves(b.s, &x.d, x.leaves, x.n, &b.err) == 0);
    must(put_chunk(&b, &x, 4, NULL) == 0 && put_chunk(&b, &x, 2, NULL) == 0);
    bed_close(&b);
    unlink(file_of(&b, "leaves", &x.d));
    bed_open(&b);
    must(begin(&b, &x, &info) == 0);
    is_int(info.map[0], 0x14, "sealed chunks verify without leaves");
    ok((info.flags & BLOB_LEAVES) == 0, "which are missing");
    is_int(put_chunk(&b, &x, 0, NULL), WEFT_ESTATE, "and needed for more");
    must(blob_leaves(b.s, &x.d, x.leaves, x.n, &b.err) == 0);
    for (size_t i = 0; i < x.n; i++) {
        must(put_chunk(&b, &x, i, NULL) == 0);
    }
    is_int(check(&b, &x), 0, "whole");
    sample_free(&x);
    bed_fini(&b);
}

static void copy_part(const char *from, off_t from_at, const char *to, off_t to_at,
                      size_t len)
{
    uint8_t *p = malloc(len);
    int in = open(from, O_RDONLY), out = open(to, O_RDWR);

    must(p != NULL && in >= 0 && out >= 0);
    must(pread(in, p, len, from_at) == (ssize_t) len);
    must(pwrite(out, p, len, to_at) == (ssize_t) len);
    close(in);
    close(out);
    free(p);
}

static void swapped(void)
{
    const size_t slot = 64 * KIB + 41;
    struct sample x = sample_of(1, 300 * KIB), y = sample_of(2, 300 * KIB);
    char from[PATH_MAX];
    uint8_t buf[64 * KIB];
    struct bed b;
    size_t len;

    bed_init(&b);
    b.o.encrypt = 1;
    bed_open(&b);
    must(import(&b, &x) == 0 && import(&b, &y) == 0);
    bed_close(&b);
    snprintf(from, sizeof from, "%s", file_of(&b, "objects", &x.d));
    copy_part(from, 0, file_of(&b, "objects", &y.d), 0, slot);
    copy_part(from, (off_t) slot, from, 2 * (off_t) slot, slot);
    bed_open(&b);
    is_int(blob_read(b.s, &y.d, 0, buf, sizeof buf, &len, &b.err), WEFT_EIO,
           "a chunk of another blob");
    is_int(blob_read(b.s, &x.d, 2, buf, sizeof buf, &len, &b.err), WEFT_EIO,
           "another chunk of the same");
    is_int(blob_read(b.s, &x.d, 1, buf, sizeof buf, &len, &b.err), 0, "the right one");
    sample_free(&x);
    sample_free(&y);
    bed_fini(&b);
}

static void keys(void)
{
    struct sample x = sample_of(1, 300 * KIB);
    char key[128], away[128];
    struct bed b;

    bed_init(&b);
    b.o.encrypt = 1;
    bed_open(&b);
    must(import(&b, &x) == 0);
    bed_close(&b);
    snprintf(key, sizeof key, "%s/key", b.dir);
    snprintf(away, sizeof away, "%s/away", b.root);
    must(rename(key, away) == 0);
    bed_open(&b);
    is_int(blob_ready(b.s, &b.err), WEFT_EKEY, "the key is gone");
    ok(access(key, F_OK) != 0, "and no other is made");
    write_file(key, "0123456789012345678901234567890123456789012345678901234567890123\n",
               65);
    must(chmod(key, 0600) == 0);
    is_int(blob_ready(b.s, &b.err), WEFT_EKEY, "another key");
    is_int(check(&b, &x), WEFT_EKEY, "reads nothing");
    write_file(key, "nonsense", 8);
    is_int(blob_ready(b.s, &b.err), WEFT_EKEY, "no key at all");
    must(rename(away, key) == 0 && chmod(key, 0640) == 0);
    is_int(blob_ready(b.s, &b.err), WEFT_EKEY, "one that others may read");
    must(chmod(key, 0600) == 0);
    is_int(blob_ready(b.s, &b.err), 0, "the right one");
    is_int(check(&b, &x), 0, "reads all: nothing was dropped");
    b.o.encrypt = 0;
    must(rename(key, away) == 0);
    bed_again(&b);
    is_int(blob_ready(b.s, &b.err), WEFT_EKEY, "sealed blobs need it, also when off");
    sample_free(&x);
    bed_fini(&b);
}

static void switched(void)
{
    struct sample x = sample_of(1, 300 * KIB), small = sample_of(2, 3000),
                  held = sample_of(3, 100 * KIB);
    struct blob_stats before, after;
    struct blob_scrubbed r;
    struct bed b;

    bed_init(&b);
    bed_open(&b);
    must(import(&b, &x) == 0 && import(&b, &small) == 0 && import(&b, &held) == 0);
    must(blob_stats(b.s, &before, &b.err) == 0);
    b.o.encrypt = 1;
    bed_again(&b);
    ok(check(&b, &x) == 0 && check(&b, &small) == 0, "plain blobs can still be read");
    must(blob_hold(b.s, &held.d, &b.err) == 0);
    r = scrub_all(&b);
    is_int(r.recoded, 2, "the scrubber seals what is there");
    ok(!contains(file_of(&b, "objects", &x.d), x.p + 70 * KIB, 16), "no plain bytes");
    ok(contains(file_of(&b, "objects", &held.d), held.p, 16), "but of one in use");
    ok(check(&b, &x) == 0 && check(&b, &small) == 0, "and they come back");
    must(blob_stats(b.s, &after, &b.err) == 0);
    is_int(after.used_bytes - before.used_bytes, 6 * 41, "counted as they are now");
    is_int(scrub_all(&b).recoded, 0, "once");
    b.o.encrypt = 0;
    bed_again(&b);
    ok(check(&b, &x) == 0 && check(&b, &small) == 0, "sealed ones can be read when off");
    is_int(scrub_all(&b).recoded, 2, "and are opened in their turn");
    ok(contains(file_of(&b, "objects", &x.d), x.p + 70 * KIB, 16), "plain again");
    ok(check(&b, &x) == 0 && check(&b, &small) == 0, "and good");
    must(blob_stats(b.s, &after, &b.err) == 0);
    is_int(after.used_bytes, before.used_bytes, "counted as before");
    sample_free(&x);
    sample_free(&small);
    sample_free(&held);
    bed_fini(&b);
}

/* Without index and leaves a sealed file tells its size by its length. */
static void rebuilt(void)
{
    static const size_t lens[] = {64 * KIB + 1, 128 * KIB, 300 * KIB};
    struct bed b;
    char path[128];
    unsigned bad = 0;

    bed_init(&b);
    b.o.encrypt = 1;
    bed_open(&b);
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        struct sample x = sample_of(i, lens[i]);

        must(import(&b, &x) == 0);
        unlink(file_of(&b, "leaves", &x.d));
        sample_free(&x);
    }
    bed_close(&b);
    snprintf(path, sizeof path, "%s/index.db", b.dir);
    unlink(path);
    bed_open(&b);
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        struct sample x = sample_of(i, lens[i]);

        bad += check(&b, &x) != 0;
        sample_free(&x);
    }
    is_int(bad, 0, "sealed files without index and leaves");
    bed_fini(&b);
}

int main(void)
{
    at_rest();
    resumed();
    swapped();
    keys();
    switched();
    rebuilt();
    return done();
}
