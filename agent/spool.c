#include "agent/spool.h"

#include "common/buf.h"
#include "common/failpoint.h"
#include "common/io/file.h"
#include "common/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC   "WFSP"
#define VERSION 1
/* Magic, version, 3 zero bytes, lsn, checksum of all but itself; then the key. */
#define AT_LSN  8u
#define AT_SUM  16u
#define HEADER  20u
#define VALUE   (HEADER + SPOOL_KEY)
#define NAME    (2 * 16u + 1 + 8) /* hex of id, "-", hex of attempt */
#define TEMP    (NAME + 7) /* ".XXXXXX", as file_write() leaves it at a power cut */
#define ENTRIES (4 * WF_RUNS_MAX)

enum kind { RECORD, DAMAGED, FOREIGN };

struct spool {
    char dir[PATH_MAX - 2 * NAME];
    int made; /* the folder is there */
    struct wf_buf file;
};

struct entry {
    uint64_t lsn;
    char name[NAME + 1];
};

struct listing {
    struct entry *v; /* owned */
    size_t n, cap;
};

/* -- files -----------------------------------------------------------------------------
 */

/* CRC-32C (RFC 3720), four bits at a time. */
static uint32_t crc_add(uint32_t crc, const uint8_t *p, size_t len)
{
    static const uint32_t table[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
                                       0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
                                       0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
                                       0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};

    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return crc;
}

static uint32_t sum_of(const uint8_t *file, size_t len)
{
    uint32_t crc = crc_add(UINT32_MAX, file, AT_SUM);

    return ~crc_add(crc, file + HEADER, len - HEADER);
}

static void put_be(uint8_t *p, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        p[i] = (uint8_t) (v >> 8 * (bytes - 1 - i));
    }
}

static uint64_t get_be(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < bytes; i++) {
        v = v << 8 | p[i];
    }
    return v;
}

static void name_of(const uint8_t *key, char *dst)
{
    for (unsigned i = 0; i < SPOOL_KEY; i++) {
        dst += snprintf(dst, 4, "%s%02x", i == 16 ? "-" : "", key[i]);
    }
}

static void path_of(const struct spool *s, const char *name, char *dst)
{
    (void) snprintf(dst, PATH_MAX, "%s/%s", s->dir, name);
}

static int is_name(const char *name)
{
    return strspn(name, "0123456789abcdef") == 32 && name[32] == '-' &&
           strspn(name + 33, "0123456789abcdef") >= 8;
}

/* What a whole file is. */
static enum kind judge(const uint8_t *p, size_t len, const char *name)
{
    char own[NAME + 1];

    if (len > 4 && memcmp(p, MAGIC, 4) == 0 && p[4] > VERSION) {
        return FOREIGN;
    }
    if (len <= VALUE || memcmp(p, MAGIC, 4) != 0 || p[4] != VERSION ||
        get_be(p + AT_SUM, 4) != sum_of(p, len)) {
        return DAMAGED;
    }
    name_of(p + HEADER, own);
    return strcmp(own, name) == 0 ? RECORD : DAMAGED;
}

/* -- the folder ------------------------------------------------------------------------
 */

int spool_new(const char *state, struct spool **ret_spool, struct wf_err *err)
{
    struct spool *s = wf_calloc(1, sizeof *s);

    if (s == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for the spool");
    }
    wf_buf_init(&s->file, VALUE + WF_FRAME_MAX);
    if (snprintf(s->dir, sizeof s->dir, "%s/spool", state) >= (int) sizeof s->dir) {
        wf_free(s);
        return wf_err_set(err, WEFT_ECONF, "the path of the state folder is too long");
    }
    *ret_spool = s;
    return 0;
}

void spool_free(struct spool *s)
{
    if (s != NULL) {
        wf_buf_fini(&s->file);
        wf_free(s);
    }
}

static int fail(const struct spool *s, const char *what, struct wf_err *err)
{
    return wf_err_set(err, WEFT_EIO, "cannot %s %.160s: %s", what, s->dir,
                      strerror(errno));
}

/* A new folder is durable when the one above is. */
static int make_dir(struct spool *s, struct wf_err *err)
{
    char above[PATH_MAX + 4];
    int fd, rc = 0;

    if (s->made) {
        return 0;
    }
    if (mkdir(s->dir, 0700) != 0) {
        s->made = errno == EEXIST;
        return s->made ? 0 : fail(s, "make folder", err);
    }
    (void) snprintf(above, sizeof above, "%s/..", s->dir);
    fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        rc = fail(s, "sync the folder above", err);
    }
    if (fd >= 0) {
        (void) close(fd);
    }
    s->made = rc == 0;
    return rc;
}

static int add_entry(struct listing *l, const char *name)
{
    if (l->n == l->cap) {
        size_t cap = l->cap == 0 ? 64 : 2 * l->cap;
        struct entry *v = wf_realloc(l->v, cap * sizeof *v);

        if (v == NULL) {
            return WEFT_ENOMEM;
        }
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n].lsn = 0;
    memcpy(l->v[l->n++].name, name, NAME + 1);
    return 0;
}

static size_t count_files(const char *path)
{
    DIR *dir = opendir(path);
    size_t n = 0;

    while (dir != NULL && n <= SPOOL_ASIDE) {
        const struct dirent *d = readdir(dir);

        if (d == NULL) {
            break;
        }
        n += d->d_name[0] != '.';
    }
    if (dir != NULL) {
        (void) closedir(dir);
    }
    return n;
}

/* The names of records; what an interrupted write left goes, when `tidy` says so. */
static int list(const struct spool *s, int tidy, struct listing *l, struct wf_err *err)
{
    DIR *dir = opendir(s->dir);
    int rc = 0;

    if (dir == NULL) {
        return errno == ENOENT ? 0 : fail(s, "read", err);
    }
    while (rc == 0 && l->n < ENTRIES) {
        const struct dirent *d = readdir(dir);

        if (d == NULL) {
            break;
        }
        if (!is_name(d->d_name)) {
            continue;
        }
        if (strlen(d->d_name) == NAME) {
            rc = add_entry(l, d->d_name);
        } else if (tidy && strlen(d->d_name) == TEMP && d->d_name[NAME] == '.') {
            (void) unlinkat(dirfd(dir), d->d_name, 0);
        }
    }
    (void) closedir(dir);
    return rc == 0 ? 0 : wf_err_set(err, rc, "no memory to list the spool");
}

/* -- loading ---------------------------------------------------------------------------
 */

/* So that records come in the order in which they were made.  Whether the file is whole
 * is seen later. */
static void read_lsn(const struct spool *s, struct entry *e)
{
    char path[PATH_MAX];
    uint8_t head[HEADER];
    int fd;

    path_of(s, e->name, path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (read(fd, head, sizeof head) == (ssize_t) sizeof head) {
            e->lsn = get_be(head + AT_LSN, 8);
        }
        (void) close(fd);
    }
}

static int by_lsn(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    return x->lsn != y->lsn ? (x->lsn < y->lsn ? -1 : 1) : strcmp(x->name, y->name);
}

/* Out of the way, but there for whoever wants to look. */
static void put_aside(const struct spool *s, const char *name)
{
    char from[PATH_MAX], to[PATH_MAX];

    path_of(s, name, from);
    path_of(s, "damaged", to);
    (void) mkdir(to, 0700);
    if (count_files(to) >= SPOOL_ASIDE) {
        (void) unlink(from);
        return;
    }
    (void) snprintf(to, sizeof to, "%s/damaged/%s", s->dir, name);
    (void) rename(from, to);
}

static void load_one(struct spool *s, const char *name, spool_fn *fn, void *arg,
                     struct spool_counts *counts)
{
    char path[PATH_MAX];
    int rc;

    path_of(s, name, path);
    wf_buf_clear(&s->file);
    WF_FAILPOINT("agent.spool.load");
    rc = file_read(path, &s->file, NULL);
    if (rc != 0 && rc != WEFT_ETOOBIG) {
        counts->unread++;
        return;
    }
    switch (rc != 0 ? DAMAGED : judge(s->file.p, s->file.len, name)) {
    case RECORD:
        counts->records++;
        counts->bytes += s->file.len - HEADER;
        if (fn != NULL) {
            fn(arg, get_be(s->file.p + AT_LSN, 8),
               wf_slice_make(s->file.p + HEADER, SPOOL_KEY),
               wf_slice_make(s->file.p + VALUE, s->file.len - VALUE));
        }
        break;
    case DAMAGED:
        counts->damaged++;
        if (fn != NULL) {
            put_aside(s, name);
        }
        break;
    case FOREIGN:
        counts->unread++;
        break;
    }
}

int spool_load(struct spool *s, spool_fn *fn, void *arg, struct spool_counts *ret_counts,
               struct wf_err *err)
{
    struct spool_counts counts = {0};
    struct listing l = {NULL, 0, 0};
    char aside[PATH_MAX];
    int rc = list(s, fn != NULL, &l, err);

    for (size_t i = 0; rc == 0 && i < l.n; i++) {
        read_lsn(s, &l.v[i]);
    }
    if (rc == 0 && l.n != 0) {
        qsort(l.v, l.n, sizeof *l.v, by_lsn);
    }
    for (size_t i = 0; rc == 0 && i < l.n; i++) {
        load_one(s, l.v[i].name, fn, arg, &counts);
    }
    wf_buf_fini(&s->file);
    wf_free(l.v);
    if (rc == 0) {
        path_of(s, "damaged", aside);
        counts.aside = count_files(aside);
        *ret_counts = counts;
    }
    return rc;
}

/* -- writing ---------------------------------------------------------------------------
 */

static int erase(const struct spool *s, const char *name, struct wf_err *err)
{
    char path[PATH_MAX];

    path_of(s, name, path);
    WF_FAILPOINT("agent.spool.erase.before");
    return unlink(path) == 0 || errno == ENOENT ? 0 : fail(s, "delete in", err);
}

int spool_put(struct spool *s, uint64_t lsn, const uint8_t *record, size_t len,
              struct wf_err *err)
{
    char name[NAME + 1], path[PATH_MAX];
    uint8_t *p;
    int rc;

    if (len < SPOOL_KEY) {
        return wf_err_set(err, WEFT_EINVAL, "a record of %zu bytes", len);
    }
    name_of(record, name);
    if (len == SPOOL_KEY) {
        return erase(s, name, err);
    }
    rc = make_dir(s, err);
    if (rc != 0) {
        return rc;
    }
    wf_buf_clear(&s->file);
    p = wf_buf_extend(&s->file, HEADER + len);
    if (p == NULL) {
        return wf_err_set(err, s->file.err, "no memory for a record");
    }
    memcpy(p, MAGIC, 4);
    put_be(p + 4, (uint64_t) VERSION << 24, 4);
    put_be(p + AT_LSN, lsn, 8);
    memcpy(p + HEADER, record, len);
    put_be(p + AT_SUM, sum_of(p, HEADER + len), 4);
    path_of(s, name, path);
    WF_FAILPOINT("agent.spool.write.before");
    rc = WF_FAILPOINT_ERROR("agent.spool.write.error") != 0
             ? wf_err_set(err, WEFT_EIO, "a failpoint")
             : file_write(path, p, HEADER + len, 0600, err);
    WF_FAILPOINT("agent.spool.write.after");
    s->made = rc == 0; /* somebody may have taken the folder away */
    wf_buf_fini(&s->file);
    return rc;
}

static int erase_all(const char *path, struct wf_err *err)
{
    DIR *dir = opendir(path);
    const struct dirent *d;
    int rc = 0;

    if (dir == NULL) {
        return 0;
    }
    while (rc == 0 && (d = readdir(dir)) != NULL) {
        if (d->d_name[0] != '.' && unlinkat(dirfd(dir), d->d_name, 0) != 0 &&
            errno != EISDIR) {
            rc = wf_err_set(err, WEFT_EIO, "cannot delete in %.160s: %s", path,
                            strerror(errno));
        }
    }
    (void) closedir(dir);
    return rc == 0 && rmdir(path) != 0
               ? wf_err_set(err, WEFT_EIO, "cannot delete %.160s: %s", path,
                            strerror(errno))
               : rc;
}

int spool_wipe(struct spool *s, size_t *ret_records, struct wf_err *err)
{
    struct spool_counts counts;
    char damaged[PATH_MAX];
    int rc = spool_load(s, NULL, NULL, &counts, err);

    s->made = 0;
    path_of(s, "damaged", damaged);
    if (rc == 0) {
        rc = erase_all(damaged, err);
    }
    if (rc == 0) {
        rc = erase_all(s->dir, err);
    }
    if (rc == 0) {
        *ret_records = counts.records;
    }
    return rc;
}
