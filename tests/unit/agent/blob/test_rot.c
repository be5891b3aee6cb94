/* Bytes of the store's files turn into others, a few at a time, wherever they are: what
 * it gives out is right or nothing, and it takes the blobs again. */
#include "common/rng.h"
#include "tests/unit/agent/blob/bed.h"

#include <ftw.h>
#include <stdio.h>

#define ROUNDS  120
#define SAMPLES 6

static struct wf_rng rng;
static char files[64][PATH_MAX];
static unsigned nfiles;

static int note_file(const char *path, const struct stat *st, int type)
{
    if (type == FTW_F && st->st_size > 0 && nfiles < ARRAY_LEN(files)) {
        (void) snprintf(files[nfiles++], PATH_MAX, "%s", path);
    }
    return 0;
}

/* Some bytes of one file: flipped, zeroed, or the rest of it cut off. */
static void rot(const char *path)
{
    struct stat st;
    uint8_t bytes[32];
    uint64_t at;
    size_t n;
    int fd;

    (void) chmod(path, 0600);
    must(stat(path, &st) == 0);
    fd = open(path, O_RDWR);
    must(fd >= 0);
    at = wf_rng_below(&rng, (uint64_t) st.st_size);
    n = (size_t) wf_min_u64(1 + wf_rng_below(&rng, sizeof bytes), st.st_size - at);
    must(pread(fd, bytes, n, (off_t) at) == (ssize_t) n);
    switch (wf_rng_below(&rng, 8)) {
    case 0:
        must(ftruncate(fd, (off_t) at) == 0);
        break;
    case 1:
        memset(bytes, 0, n);
        must(pwrite(fd, bytes, n, (off_t) at) == (ssize_t) n);
        break;
    default:
        for (size_t i = 0; i < n; i++) {
            bytes[i] ^= (uint8_t) (1u << wf_rng_below(&rng, 8));
        }
        must(pwrite(fd, bytes, n, (off_t) at) == (ssize_t) n);
        break;
    }
    (void) close(fd);
}

static void harm_some(struct bed *b)
{
    unsigned n = 1 + (unsigned) wf_rng_below(&rng, 6);

    nfiles = 0;
    must(ftw(b->dir, note_file, 16) == 0);
    for (unsigned i = 0; i < n && nfiles != 0; i++) {
        unsigned k = (unsigned) wf_rng_below(&rng, nfiles);

        /* The index more often than its share: most is told there.  The key, and the name
         * of it, are of no use once they are damaged. */
        for (unsigned f = 0; i % 2 == 0 && f < nfiles; f++) {
            k = strstr(files[f], "index.db") != NULL ? f : k;
        }
        if (strstr(files[k], "/key") == NULL &&
            strstr(files[k], "/store/store") == NULL) {
            rot(files[k]);
        }
    }
}

/* Whatever it says it has is what it was, or is found out. */
static int reads_right(struct bed *b, const struct sample *x)
{
    static uint8_t buf[WF_CHUNK_MAX];
    char out[PATH_MAX];
    uint64_t at = 0;
    size_t len;
    int rc;

    for (size_t i = 0; i < x->n; i++) {
        if (blob_read(b->s, &x->d, i, buf, sizeof buf, &len, &b->err) == 0 &&
            (len != wf_chunk_len(x->len, i) ||
             memcmp(buf, x->p + i * wf_chunk_size(x->len), len) != 0)) {
            return 0;
        }
    }
    (void) snprintf(out, sizeof out, "%s/out", b->root);
    do {
        rc = blob_export(b->s, &x->d, out, &at, &b->err);
    } while (rc == WEFT_EAGAIN);
    (void) unlink(out);
    return 1;
}

static void look_around(struct bed *b)
{
    struct blob_info rows[16];
    struct blob_scrubbed s = {.wrapped = 0};
    struct blob_stats st;
    uint64_t at = 0;
    size_t n;

    do {
        n = 0;
    } while (blob_list(b->s, &at, rows, ARRAY_LEN(rows), &n, &b->err) == 0 && at != 0);
    (void) blob_stats(b->s, &st, &b->err);
    for (unsigned i = 0; i < 200 && !s.wrapped; i++) {
        if (blob_scrub(b->s, &s, &b->err) != 0) {
            break;
        }
    }
}

/* The version may have become one that is to come: then the index is to be removed. */
static void heed(struct bed *b)
{
    char path[PATH_MAX];

    if (b->err.code == WEFT_ECONF && strstr(b->err.text, "remove index.db") != NULL) {
        (void) snprintf(path, sizeof path, "%s/index.db", b->dir);
        (void) unlink(path);
    }
}

static int take_again(struct bed *b, const struct sample *x)
{
    struct wf_digest d;
    int rc = WEFT_EIO;

    /* Damage that is only met now may cost another try. */
    for (unsigned i = 0; rc != 0 && i < 4; i++) {
        rc = blob_import(b->s, x->p, x->len, &d, &b->err);
        if (rc != 0) {
            heed(b);
        }
    }
    if (rc != 0) {
        printf("# %s\n", b->err.text);
    }
    return rc == 0;
}

static void rounds(int encrypt)
{
    struct sample x[SAMPLES];
    unsigned wrong = 0, lost = 0, again = 0;
    struct bed b;

    for (unsigned i = 0; i < SAMPLES; i++) {
        static const size_t lens[SAMPLES] = {100, 64 * KIB, 65 * KIB, 0, 300 * KIB, 9};

        x[i] = sample_of(i + 1, lens[i]);
    }
    bed_init(&b);
    b.o.encrypt = encrypt;
    b.o.cap_bytes = 1 << 20;
    for (unsigned round = 0; round < ROUNDS; round++) {
        bed_open(&b);
        for (unsigned i = 0; i < SAMPLES; i++) {
            lost += !take_again(&b, &x[i]);
            (void) blob_pin(b.s, &x[i].d, (int) wf_rng_below(&rng, 2), &b.err);
        }
        bed_close(&b);
        harm_some(&b);
        bed_open(&b);
        for (unsigned i = 0; i < SAMPLES; i++) {
            wrong += !reads_right(&b, &x[i]);
        }
        look_around(&b);
        for (unsigned i = 0; i < SAMPLES; i++) {
            wrong += !reads_right(&b, &x[i]);
        }
        bed_close(&b);
        again++;
    }
    is_int(wrong, 0, "nothing wrong is given out");
    is_int(lost, 0, "what is lost can be brought again");
    is_int(again, ROUNDS, "all rounds");
    b.s = NULL;
    bed_fini(&b);
    for (unsigned i = 0; i < SAMPLES; i++) {
        sample_free(&x[i]);
    }
}

int main(void)
{
    const char *seed = getenv("WEFT_SEED");

    rng.s = seed != NULL ? strtoull(seed, NULL, 10) : 1;
    rounds(0);
    rounds(1);
    return done();
}
