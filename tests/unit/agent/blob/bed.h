/* bed.h - a store of blobs in a folder of its own, under a clock of the test's
 */
#ifndef TESTS_UNIT_AGENT_BLOB_BED_H
#define TESTS_UNIT_AGENT_BLOB_BED_H

#include "agent/blob/store.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/lib/tap.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define KIB  1024u
#define HEAD (2 * WF_DIGEST_SIZE + 1)

struct bed {
    char root[64], dir[80];
    struct blob_options o;
    struct blob_store *s;
    struct wf_err err;
    uint64_t now_ms;
    unsigned changes, troubles;
    struct blob_change change; /* the last one */
};

/* Bytes that depend on the seed, and do not compress. */
WF_UNUSED static uint8_t *bytes_of(uint64_t seed, size_t len)
{
    uint8_t *p = malloc(len + 8);
    uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;

    must(p != NULL);
    for (size_t i = 0; i < len; i += 8) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        memcpy(p + i, &x, 8);
    }
    return p;
}

static uint64_t bed_now(void *arg)
{
    const struct bed *b = arg;

    return b->now_ms;
}

static void bed_changed(void *arg, const struct blob_change *c)
{
    struct bed *b = arg;

    b->changes++;
    b->change = *c;
}

static void bed_trouble(void *arg, const struct wf_err *err)
{
    struct bed *b = arg;

    b->troubles++;
    printf("# trouble: %s\n", err->text);
}

WF_UNUSED static void bed_init(struct bed *b)
{
    const char *tmp = getenv("TMPDIR");

    *b = (struct bed){.now_ms = 1000000};
    snprintf(b->root, sizeof b->root, "%s/weft-blob-XXXXXX", tmp != NULL ? tmp : "/tmp");
    must(mkdtemp(b->root) != NULL);
    snprintf(b->dir, sizeof b->dir, "%s/store", b->root);
    b->o = (struct blob_options){.dir = b->dir,
                                 .on_change = bed_changed,
                                 .on_trouble = bed_trouble,
                                 .now_ms = bed_now,
                                 .arg = b};
}

WF_UNUSED static void bed_open(struct bed *b)
{
    must(blob_open(&b->o, &b->s, &b->err) == 0);
}

WF_UNUSED static void bed_close(struct bed *b)
{
    blob_close(b->s);
    b->s = NULL;
}

WF_UNUSED static void bed_again(struct bed *b)
{
    bed_close(b);
    bed_open(b);
}

WF_UNUSED static void bed_fini(struct bed *b)
{
    char cmd[256];

    bed_close(b);
    snprintf(cmd, sizeof cmd, "chmod -R u+w %s && rm -rf %s", b->root, b->root);
    must(system(cmd) == 0);
}

/* A blob of the test: its bytes, digest and leaves. */
struct sample {
    uint8_t *p;
    size_t len, n;
    struct wf_digest d;
    struct wf_digest *leaves;
};

WF_UNUSED static struct sample sample_of(uint64_t seed, size_t len)
{
    struct sample x = {
        .p = bytes_of(seed, len), .len = len, .n = (size_t) wf_chunk_count(len)};

    x.leaves = calloc(x.n + 1, sizeof *x.leaves);
    must(x.leaves != NULL);
    for (size_t i = 0; i < x.n; i++) {
        wf_leaf(x.p + i * wf_chunk_size(len), wf_chunk_len(len, i), &x.leaves[i]);
    }
    wf_blob_digest(len, x.leaves, &x.d);
    return x;
}

WF_UNUSED static void sample_free(struct sample *x)
{
    free(x->p);
    free(x->leaves);
}

WF_UNUSED static int put_chunk(struct bed *b, const struct sample *x, size_t i,
                               int *ret_whole)
{
    return blob_write(b->s, &x->d, i, x->p + i * wf_chunk_size(x->len),
                      wf_chunk_len(x->len, i), ret_whole, &b->err);
}

WF_UNUSED static int import(struct bed *b, const struct sample *x)
{
    struct wf_digest d;
    int rc = blob_import(b->s, x->p, x->len, &d, &b->err);

    must(rc != 0 || wf_digest_eq(&d, &x->d));
    return rc;
}

WF_UNUSED static int begin(struct bed *b, const struct sample *x, struct blob_info *info)
{
    int rc;

    do {
        rc = blob_begin(b->s, &x->d, x->len, info, &b->err);
    } while (rc == WEFT_EAGAIN);
    return rc;
}

/* Whether all of it comes back: 0, or the first error. */
WF_UNUSED static int check(struct bed *b, const struct sample *x)
{
    uint8_t *p = malloc(WF_CHUNK_MAX);
    size_t len;
    int rc = 0;

    must(p != NULL);
    for (size_t i = 0; rc == 0 && i < x->n; i++) {
        rc = blob_read(b->s, &x->d, i, p, WF_CHUNK_MAX, &len, &b->err);
        if (rc == 0 && (len != wf_chunk_len(x->len, i) ||
                        memcmp(p, x->p + i * wf_chunk_size(x->len), len) != 0)) {
            rc = 1;
        }
    }
    free(p);
    return rc;
}

WF_UNUSED static int has(struct bed *b, const struct sample *x)
{
    struct blob_info info;

    return blob_info(b->s, &x->d, &info, &b->err) == 0 && (info.flags & BLOB_WHOLE) != 0;
}

/* "FOLDER/ab/abcd...", or "partial/abcd...", in the store. */
WF_UNUSED static const char *file_of(const struct bed *b, const char *folder,
                                     const struct wf_digest *d)
{
    static char path[PATH_MAX];
    char hex[HEAD];

    wf_hex(hex, d->b, sizeof d->b);
    if (strcmp(folder, "partial") == 0) {
        snprintf(path, sizeof path, "%s/partial/%s", b->dir, hex);
    } else {
        snprintf(path, sizeof path, "%s/%s/%.2s/%s", b->dir, folder, hex, hex);
    }
    return path;
}

/* Turn over a byte. */
WF_UNUSED static void harm(const char *path, off_t at)
{
    uint8_t byte;
    int fd = open(path, O_RDWR);

    must(fd >= 0 && pread(fd, &byte, 1, at) == 1);
    byte ^= 0x40;
    must(pwrite(fd, &byte, 1, at) == 1);
    close(fd);
}

WF_UNUSED static void write_file(const char *path, const void *p, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    must(fd >= 0 && write(fd, p, len) == (ssize_t) len);
    close(fd);
}

WF_UNUSED static int same_file(const char *path, const void *p, size_t len)
{
    uint8_t *q = malloc(len + 1);
    int fd = open(path, O_RDONLY);
    int same;

    must(q != NULL);
    same = fd >= 0 && read(fd, q, len + 1) == (ssize_t) len && memcmp(p, q, len) == 0;
    if (fd >= 0) {
        close(fd);
    }
    free(q);
    return same;
}

/* A whole round of the scrubber; what it found is added up. */
WF_UNUSED static struct blob_scrubbed scrub_all(struct bed *b)
{
    struct blob_scrubbed all = {0}, r = {0};

    for (int i = 0; i < 10000 && !r.wrapped; i++) {
        must(blob_scrub(b->s, &r, &b->err) == 0);
        all.bytes += r.bytes;
        all.damaged += r.damaged;
        all.found += r.found;
        all.recoded += r.recoded;
    }
    all.wrapped = r.wrapped;
    return all;
}

#endif
