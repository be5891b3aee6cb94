/* Damage, wherever it is, is noticed and costs no more than what it hit. */
#include "tests/unit/agent/blob/bed.h"

#include <dirent.h>

static void chunk(void)
{
    struct sample x = sample_of(1, 300 * KIB), small = sample_of(2, 500);
    uint8_t buf[64 * KIB];
    struct blob_info info;
    struct blob_stats st;
    char path[PATH_MAX];
    struct bed b;
    size_t len;
    int whole = 0;

    bed_init(&b);
    bed_open(&b);
    must(import(&b, &x) == 0 && import(&b, &small) == 0);
    bed_close(&b);
    harm(file_of(&b, "objects", &x.d), 2 * 64 * KIB);
    bed_open(&b);
    /* A file that was given out is one that even its owner may not write to. */
    must(blob_path(b.s, &x.d, path, sizeof path, &b.err) == 0);
    is_int(blob_read(b.s, &x.d, 1, buf, sizeof buf, &len, &b.err), 0, "a good chunk");
    is_int(blob_read(b.s, &x.d, 2, buf, sizeof buf, &len, &b.err), WEFT_EIO, "a bad one");
    ok(b.changes == 1 && b.change.why == WEFT_EIO && b.change.have == x.len - sizeof buf,
       "is told with what is left");
    is_int(blob_read(b.s, &x.d, 2, buf, sizeof buf, &len, &b.err), WEFT_EAGAIN,
           "then it is a chunk that is missing");
    is_int(blob_read(b.s, &x.d, 3, buf, sizeof buf, &len, &b.err), 0, "others are there");
    must(begin(&b, &x, &info) == 0);
    is_int(info.map[0], 0x1b, "the map knows");
    is_int(put_chunk(&b, &x, 2, &whole), 0, "it comes again");
    ok(whole && check(&b, &x) == 0, "and the blob is whole");
    must(blob_stats(b.s, &st, &b.err) == 0);
    is_int(st.damaged, 1, "counted");
    sample_free(&x);
    sample_free(&small);
    bed_fini(&b);
}

static void leaves(void)
{
    struct sample x = sample_of(1, 300 * KIB), y = sample_of(2, 300 * KIB);
    struct bed b;

    bed_init(&b);
    bed_open(&b);
    must(import(&b, &x) == 0 && import(&b, &y) == 0);
    bed_close(&b);
    harm(file_of(&b, "leaves", &x.d), 40);
    must(truncate(file_of(&b, "leaves", &y.d), 3) == 0);
    bed_open(&b);
    is_int(check(&b, &x), 0, "damaged leaves are made anew from the bytes");
    is_int(check(&b, &y), 0, "and so are truncated ones");
    is_int(b.changes, 0, "which changes nothing");
    bed_close(&b);
    harm(file_of(&b, "leaves", &x.d), 40);
    harm(file_of(&b, "objects", &x.d), 0);
    bed_open(&b);
    is_int(check(&b, &x), WEFT_EIO, "with both damaged");
    ok(b.change.have == 0 && !has(&b, &x), "the blob is dropped");
    sample_free(&x);
    sample_free(&y);
    bed_fini(&b);
}

static void files(void)
{
    struct sample gone = sample_of(1, 100 * KIB), cut = sample_of(2, 100 * KIB);
    struct blob_info info;
    struct bed b;

    bed_init(&b);
    bed_open(&b);
    must(import(&b, &gone) == 0 && import(&b, &cut) == 0);
    bed_close(&b);
    unlink(file_of(&b, "objects", &gone.d));
    must(truncate(file_of(&b, "objects", &cut.d), 70 * KIB) == 0);
    bed_open(&b);
    is_int(check(&b, &gone), WEFT_EIO, "a file that is gone");
    is_int(check(&b, &gone), WEFT_ENOENT, "is a blob that is gone");
    is_int(check(&b, &cut), WEFT_EIO, "a file that was cut");
    is_int(check(&b, &cut), WEFT_ENOENT, "is dropped");
    is_int(b.changes, 2, "both are told");
    is_int(begin(&b, &gone, &info), 0, "it can be begun again");
    is_int(info.have, 0, "with nothing");
    sample_free(&gone);
    sample_free(&cut);
    bed_fini(&b);
}

/* -- the index -------------------------------------------------------------------------
 */

static void fill(struct bed *b, const struct sample *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        must(import(b, &x[i]) == 0);
    }
    must(blob_pin(b->s, &x[0].d, 1, &b->err) == 0);
}

static void index_lost(const char *what, const char *garbage, size_t len, int remove)
{
    struct sample x[] = {sample_of(1, 100 * KIB), sample_of(2, 300 * KIB)},
                  part = sample_of(3, 300 * KIB);
    struct blob_info info;
    char path[128];
    struct bed b;

    printf("# the index is %s\n", what);
    bed_init(&b);
    bed_open(&b);
    fill(&b, x, 2);
    must(begin(&b, &part, &info) == 0);
    must(blob_leaves(b.s, &part.d, part.leaves, part.n, &b.err) == 0);
    must(put_chunk(&b, &part, 3, NULL) == 0);
    bed_close(&b);
    snprintf(path, sizeof path, "%s/index.db", b.dir);
    if (remove) {
        unlink(path);
    } else {
        write_file(path, garbage, len);
    }
    bed_open(&b);
    ok(has(&b, &x[0]) && has(&b, &x[1]), "files tell what they are");
    ok(check(&b, &x[0]) == 0 && check(&b, &x[1]) == 0, "and are good");
    must(blob_info(b.s, &x[0].d, &info, &b.err) == 0);
    ok((info.flags & BLOB_PINNED) != 0, "the pin is there");
    must(blob_info(b.s, &x[1].d, &info, &b.err) == 0);
    ok((info.flags & BLOB_PINNED) == 0, "on that one alone");
    must(begin(&b, &part, &info) == 0);
    is_int(info.map[0], 8, "parts too");
    bed_again(&b);
    ok(has(&b, &x[0]) && has(&b, &x[1]), "and so it stays");
    sample_free(&x[0]);
    sample_free(&x[1]);
    sample_free(&part);
    bed_fini(&b);
}

/* A page in the middle: most of it can be read. */
static void index_holed(void)
{
    enum { MANY = 400 };
    static char page[4096];
    unsigned saved = 0, wrong = 0;
    struct bed b;
    char path[128];
    int fd;

    bed_init(&b);
    bed_open(&b);
    must(blob_batch_begin(b.s, &b.err) == 0);
    for (unsigned i = 0; i < MANY; i++) {
        struct sample x = sample_of(i, 1000);

        must(import(&b, &x) == 0);
        sample_free(&x);
    }
    must(blob_batch_end(b.s, &b.err) == 0);
    bed_close(&b);
    snprintf(path, sizeof path, "%s/index.db", b.dir);
    memset(page, 0x55, sizeof page);
    fd = open(path, O_RDWR);
    must(fd >= 0 && pwrite(fd, page, sizeof page, 40 * 4096) == 4096);
    close(fd);
    bed_open(&b);
    for (int round = 0; round < 2; round++) { /* the first meets the damage */
        saved = 0;
        for (unsigned i = 0; i < MANY; i++) {
            struct sample x = sample_of(i, 1000);
            int rc = check(&b, &x);

            saved += rc == 0;
            wrong += rc == 1;
            sample_free(&x);
        }
    }
    ok(saved > MANY - 20, "most small blobs outlive a bad page: %u", saved);
    is_int(wrong, 0, "and none comes out wrong");
    ok(b.troubles != 0 || saved == MANY, "the damage was told");
    bed_fini(&b);
}

/* -- scrubbing -------------------------------------------------------------------------
 */

static void scrubbed(void)
{
    struct sample x[3], lost = sample_of(9, 200 * KIB);
    struct blob_scrubbed r;
    char path[PATH_MAX], kept[128];
    struct bed b;

    bed_init(&b);
    bed_open(&b);
    for (size_t i = 0; i < ARRAY_LEN(x); i++) {
        x[i] = sample_of(i, 200 * KIB);
        must(import(&b, &x[i]) == 0);
    }
    must(import(&b, &lost) == 0);
    /* A file that the index does not know: as after a power cut that took the row. */
    snprintf(kept, sizeof kept, "%s/kept", b.root);
    snprintf(path, sizeof path, "%s", file_of(&b, "objects", &lost.d));
    must(link(path, kept) == 0 && blob_drop(b.s, &lost.d, &b.err) == 0);
    must(rename(kept, path) == 0);
    snprintf(kept, sizeof kept, "%s/leaves/ee", b.dir);
    (void) mkdir(kept, 0700);
    write_file(file_of(&b, "leaves", &(struct wf_digest){{0xee}}), "x", 1);
    r = scrub_all(&b);
    ok(r.wrapped && r.damaged == 0, "nothing is damaged");
    ok(r.found == 1 && has(&b, &lost), "a blob without a row is found, without leaves");
    is_int(check(&b, &lost), 0, "and is good");
    ok(access(file_of(&b, "leaves", &(struct wf_digest){{0xee}}), F_OK) != 0,
       "leaves of nothing are removed");
    is_int(scrub_all(&b).bytes, 800 * KIB, "all is looked at");
    harm(file_of(&b, "objects", &x[1].d), 70 * KIB);
    write_file(file_of(&b, "objects", &lost.d), "garbage", 7);
    r = scrub_all(&b);
    ok(r.damaged == 2 && !has(&b, &x[1]), "damage is found");
    ok(has(&b, &x[0]) && has(&b, &x[2]), "and the others stay");
    bed_again(&b);
    r = scrub_all(&b);
    ok(r.damaged == 1 && !has(&b, &lost), "a cut file is found when it is opened again");
    write_file(path, "garbage", 7);
    must(scrub_all(&b).damaged == 0);
    ok(access(path, F_OK) != 0, "garbage of nobody is removed");
    for (size_t i = 0; i < ARRAY_LEN(x); i++) {
        sample_free(&x[i]);
    }
    sample_free(&lost);
    bed_fini(&b);
}

static void half_moved(void)
{
    struct sample x = sample_of(1, 200 * KIB), y = sample_of(2, 200 * KIB);
    struct blob_info info;
    char from[PATH_MAX], to[PATH_MAX];
    struct bed b;

    bed_init(&b);
    bed_open(&b);
    must(begin(&b, &x, &info) == 0);
    must(blob_leaves(b.s, &x.d, x.leaves, x.n, &b.err) == 0);
    for (size_t i = 0; i + 1 < x.n; i++) {
        must(put_chunk(&b, &x, i, NULL) == 0);
    }
    must(import(&b, &y) == 0);
    bed_close(&b);
    /* As if killed after the rename that publishes, before the row tells. */
    snprintf(from, sizeof from, "%s", file_of(&b, "partial", &x.d));
    snprintf(to, sizeof to, "%s", file_of(&b, "objects", &x.d));
    *strrchr(to, '/') = '\0';
    (void) mkdir(to, 0700);
    snprintf(to, sizeof to, "%s", file_of(&b, "objects", &x.d));
    must(rename(from, to) == 0);
    int fd = open(to, O_WRONLY);
    must(pwrite(fd, x.p + 192 * KIB, 8 * KIB, 192 * KIB) == 8 * KIB && close(fd) == 0);
    bed_open(&b);
    is_int(begin(&b, &x, &info), 0, "killed while publishing");
    ok((info.flags & BLOB_WHOLE) != 0 && check(&b, &x) == 0, "it is whole");
    bed_close(&b);
    /* And as if killed while a damaged one became a part. */
    snprintf(from, sizeof from, "%s", file_of(&b, "objects", &y.d));
    must(rename(from, file_of(&b, "partial", &y.d)) == 0);
    bed_open(&b);
    is_int(check(&b, &y), 0, "a file in the other folder is found");
    sample_free(&x);
    sample_free(&y);
    bed_fini(&b);
}

int main(void)
{
    static char zeros[8192];

    chunk();
    leaves();
    files();
    index_lost("gone", NULL, 0, 1);
    index_lost("garbage", "this is no database", 19, 0);
    index_lost("zeros", zeros, sizeof zeros, 0);
    index_lost("empty", zeros, 0, 0);
    index_holed();
    scrubbed();
    half_moved();
    return done();
}
