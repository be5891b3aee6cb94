#include "agent/blob/store_int.h"

#include "common/mem.h"
#include "common/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* -- names -----------------------------------------------------------------------------
 */

static void name_in(const char *folder, int spread, const struct wf_digest *d, char *dst)
{
    char hex[2 * WF_DIGEST_SIZE + 1];

    wf_hex(hex, d->b, sizeof d->b);
    if (spread) {
        (void) snprintf(dst, BLOB_NAME, "%s/%.2s/%s", folder, hex, hex);
    } else {
        (void) snprintf(dst, BLOB_NAME, "%s/%s", folder, hex);
    }
}

void name_object(const struct wf_digest *d, char *dst)
{
    name_in("objects", 1, d, dst);
}

void name_partial(const struct wf_digest *d, char *dst)
{
    name_in("partial", 0, d, dst);
}

void name_leaves(const struct wf_digest *d, char *dst)
{
    name_in("leaves", 1, d, dst);
}

/* -- bytes -----------------------------------------------------------------------------
 */

int disk_fail(struct blob_store *s, const char *what, const struct wf_digest *d,
              struct wf_err *err)
{
    int code = errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? WEFT_EFULL
               : errno == ENOMEM                                    ? WEFT_ENOMEM
                                                                    : WEFT_EIO;
    char hex[9] = "";

    if (d != NULL) {
        wf_hex(hex, d->b, 4);
    }
    return wf_err_set(err, code, "cannot %s %s in %.140s: %s", what, hex, s->dir,
                      strerror(errno));
}

int disk_write(int fd, const void *p, size_t len, uint64_t at)
{
    const uint8_t *from = p;

    while (len != 0) {
        ssize_t n = pwrite(fd, from, len, (off_t) at);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            errno = n == 0 ? ENOSPC : errno;
            return -1;
        }
        from += n;
        at += (uint64_t) n;
        len -= (size_t) n;
    }
    return 0;
}

void disk_begin(int fd)
{
    (void) sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

int disk_read(int fd, void *p, size_t len, uint64_t at)
{
    uint8_t *to = p;

    while (len != 0) {
        ssize_t n = pread(fd, to, len, (off_t) at);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            errno = n == 0 ? EIO : errno;
            return -1;
        }
        to += n;
        at += (uint64_t) n;
        len -= (size_t) n;
    }
    return 0;
}

/* The folder of a name: what stands before its last slash. */
static void folder_of(const char *name, char *dst)
{
    const char *slash = strrchr(name, '/');

    (void) wf_str_copy_n(dst, BLOB_NAME, name, (size_t) (slash - name));
}

static int sync_name(struct blob_store *s, const char *folder)
{
    int fd = openat(s->dir_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd >= 0 && fsync(fd) == 0 ? 0 : -1;

    if (fd >= 0) {
        (void) close(fd);
    }
    return rc;
}

int disk_mkdir_for(struct blob_store *s, const char *name)
{
    char folder[BLOB_NAME], above[BLOB_NAME];

    folder_of(name, folder);
    if (mkdirat(s->dir_fd, folder, 0700) != 0) {
        return errno == EEXIST ? 0 : -1;
    }
    folder_of(folder, above);
    return sync_name(s, above);
}

int disk_sync_folder(struct blob_store *s, const char *name)
{
    char folder[BLOB_NAME];

    folder_of(name, folder);
    return sync_name(s, folder);
}

uint64_t disk_len(uint64_t size, int sealed)
{
    return size + (sealed ? wf_chunk_count(size) * SEAL_EXTRA : 0);
}

uint64_t disk_leaves_len(uint64_t size)
{
    uint64_t n = wf_chunk_count(size);

    return n > 1 ? LEAVES_HEAD + n * WF_DIGEST_SIZE : 0;
}

/* -- leaves ----------------------------------------------------------------------------
 */

#define MAGIC    "WFBL\1"
#define AT_FLAGS 5u

static int leaves_create(struct blob_store *s, const char *name)
{
    const int flags = O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC;
    int fd = openat(s->dir_fd, name, flags, 0600);

    if (fd < 0 && errno == ENOENT && disk_mkdir_for(s, name) == 0) {
        fd = openat(s->dir_fd, name, flags, 0600);
    }
    return fd;
}

int leaves_write(struct blob_store *s, const struct wf_digest *d, uint64_t size,
                 const struct wf_digest *leaves, int pinned, struct wf_err *err)
{
    char name[BLOB_NAME];
    uint8_t head[LEAVES_HEAD] = MAGIC;
    int fd, rc = 0;

    name_leaves(d, name);
    head[AT_FLAGS] = pinned ? LEAVES_PIN : 0;
    for (unsigned i = 0; i < 8; i++) {
        head[8 + i] = (uint8_t) (size >> 8 * i);
    }
    fd = leaves_create(s, name);
    if (fd < 0 || disk_write(fd, head, sizeof head, 0) != 0 ||
        disk_write(fd, leaves, wf_chunk_count(size) * sizeof *leaves, sizeof head) != 0) {
        rc = disk_fail(s, "write the leaves of", d, err);
        (void) unlinkat(s->dir_fd, name, 0);
    }
    if (fd >= 0) {
        (void) close(fd);
    }
    return rc;
}

int leaves_read(int lfd, uint64_t first, size_t n, struct wf_digest *dst)
{
    return disk_read(lfd, dst, n * sizeof *dst, LEAVES_HEAD + first * sizeof *dst);
}

static int leaves_verify(int fd, const struct wf_digest *d, uint64_t *size,
                         int *ret_pinned)
{
    uint8_t head[LEAVES_HEAD];
    struct wf_blob_hash h;
    struct wf_digest some[64], sum;
    uint64_t said = 0, n;

    if (disk_read(fd, head, sizeof head, 0) != 0 || memcmp(head, MAGIC, 5) != 0) {
        return -1;
    }
    for (unsigned i = 0; i < 8; i++) {
        said |= (uint64_t) head[8 + i] << 8 * i;
    }
    if (said > WF_BLOB_MAX || (*size != 0 && said != *size)) {
        return -1;
    }
    n = wf_chunk_count(said);
    wf_blob_hash_init(&h, said);
    for (uint64_t i = 0; i < n; i += ARRAY_LEN(some)) {
        size_t take = (size_t) wf_min_u64(n - i, ARRAY_LEN(some));

        if (leaves_read(fd, i, take, some) != 0) {
            return -1;
        }
        for (size_t k = 0; k < take; k++) {
            wf_blob_hash_leaf(&h, &some[k]);
        }
    }
    wf_blob_hash_final(&h, &sum);
    if (!wf_digest_eq(&sum, d)) {
        return -1;
    }
    *size = said;
    *ret_pinned = (head[AT_FLAGS] & LEAVES_PIN) != 0;
    return 0;
}

int leaves_open(struct blob_store *s, const struct wf_digest *d, uint64_t *size,
                int *ret_pinned)
{
    char name[BLOB_NAME];
    int fd;

    name_leaves(d, name);
    fd = openat(s->dir_fd, name, O_RDWR | O_CLOEXEC);
    if (fd >= 0 && leaves_verify(fd, d, size, ret_pinned) != 0) {
        (void) close(fd);
        fd = -1;
    }
    return fd;
}

void leaves_pin(struct blob_store *s, const struct wf_digest *d, int on)
{
    char name[BLOB_NAME];
    uint8_t flags = on ? LEAVES_PIN : 0;
    int fd;

    name_leaves(d, name);
    fd = openat(s->dir_fd, name, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void) disk_write(fd, &flags, 1, AT_FLAGS);
        (void) close(fd);
    }
}
