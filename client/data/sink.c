#include "client/data/sink.h"

#include "common/io/file.h"
#include "common/mem.h"
#include "common/str.h"
#include "proto/msg.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_STEP ((size_t) 1 << 30)
#define COPY_BUF  ((size_t) 256 << 10)

/* A name that is too long with its end is cut, and told from others by what it was. */
static char *part_of(const char *path, const char *end)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    size_t folder = (size_t) (name - path), len = strlen(name), most;
    size_t cap = strlen(path) + 2 * WF_DIGEST_SIZE + strlen(end) + 2;
    char *part = wf_calloc(cap, 1), hex[WF_DIGEST_TEXT];
    struct wf_digest digest;

    if (part != NULL && len + strlen(end) <= NAME_MAX) {
        (void) snprintf(part, cap, "%s%s", path, end);
    } else if (part != NULL) {
        wf_blob_of(name, len, &digest);
        most = wf_utf8_cut(name, NAME_MAX - 2 * WF_DIGEST_SIZE - strlen(end));
        (void) snprintf(part, cap, "%.*s%s%s", (int) (folder + most), path,
                        wf_digest_text(&digest, hex), end);
    }
    return part;
}

int sink_init(struct sink *s, const char *path, const char *end,
              const struct wf_digest *digest, uint64_t size)
{
    *s = (struct sink){.fd = -1,
                       .old = -1,
                       .digest = *digest,
                       .size = size,
                       .nchunks = wf_chunk_count(size)};
    s->map = wf_calloc(s->nchunks / 8 + 1, 1);
    if (path != NULL) {
        s->path = wf_strdup(path);
        s->part = part_of(path, end);
    }
    if (s->map == NULL || (path != NULL && (s->path == NULL || s->part == NULL))) {
        sink_fini(s);
        return WEFT_ENOMEM;
    }
    return 0;
}

void sink_fini(struct sink *s)
{
    if (s->fd >= 0) {
        if (s->have == 0) {
            (void) unlink(s->part);
        }
        (void) close(s->fd);
    }
    if (s->old >= 0) {
        (void) close(s->old);
    }
    wf_free(s->of_old);
    wf_free(s->path);
    wf_free(s->part);
    wf_free(s->mem);
    wf_free(s->leaves);
    wf_free(s->map);
    *s = (struct sink){.fd = -1, .old = -1};
}

static int io_fail(struct wf_err *err, const char *path)
{
    return wf_err_set(err, errno == ENOSPC || errno == EDQUOT ? WEFT_EFULL : WEFT_EIO,
                      "%s: %s", path, strerror(errno));
}

/* -- plain reads and writes ------------------------------------------------------------
 */

/* 0, or -1: fewer bytes are there, or none can be read. */
static int read_at(int fd, void *to, size_t len, uint64_t at)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = pread(fd, (uint8_t *) to + done, len - done, (off_t) (at + done));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return -1;
        }
        done += (size_t) n;
    }
    return 0;
}

static int write_at(int fd, const void *from, size_t len, uint64_t at)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n =
            pwrite(fd, (const uint8_t *) from + done, len - done, (off_t) (at + done));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -1;
        }
        done += (size_t) n;
    }
    return 0;
}

/* -- opening ---------------------------------------------------------------------------
 */

static int make_folder_of(const char *path, struct wf_err *err)
{
    const char *slash = strrchr(path, '/');
    char *dir;
    int rc;

    if (slash == NULL || slash == path) {
        return 0;
    }
    dir = wf_memdup(path, (size_t) (slash - path));
    if (dir == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory");
    }
    rc = file_mkdirs(dir, 0777, err);
    wf_free(dir);
    return rc;
}

/* What an earlier get left is worth something if the leaves behind it make the digest. */
static int find_leaves(struct sink *s, struct wf_err *err)
{
    size_t len = s->nchunks * sizeof *s->leaves;
    struct wf_digest digest, *leaves;
    struct stat st;

    if (s->nchunks < 2 || fstat(s->fd, &st) != 0 ||
        (uint64_t) st.st_size != s->size + len) {
        return 0;
    }
    leaves = wf_calloc(s->nchunks, sizeof *leaves);
    if (leaves == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory to resume %s", s->part);
    }
    if (read_at(s->fd, leaves, len, s->size) == 0) {
        wf_blob_digest(s->size, leaves, &digest);
        s->resumed = wf_digest_eq(&digest, &s->digest);
    }
    if (s->resumed) {
        s->leaves = leaves;
    } else {
        wf_free(leaves);
    }
    return 0;
}

static int open_part(struct sink *s, struct wf_err *err)
{
    int rc = make_folder_of(s->part, err);

    if (rc != 0) {
        return rc;
    }
    s->fd = open(s->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (s->fd < 0) {
        return io_fail(err, s->part);
    }
    if (flock(s->fd, LOCK_EX | LOCK_NB) != 0) {
        (void) close(s->fd);
        s->fd = -1;
        return wf_err_set(err, WEFT_EBUSY, "%s is being written by another get", s->part);
    }
    rc = find_leaves(s, err);
    if (rc == 0 && !s->resumed && ftruncate(s->fd, 0) != 0) {
        rc = io_fail(err, s->part);
    }
    return rc;
}

static int is_other(const struct sink *s, struct wf_err *err)
{
    return wf_err_set(err, WEFT_EEXIST, "%s is there, and is not this", s->path);
}

/* The file that is there, to be kept; with none there is nothing to look at. */
static int open_old(struct sink *s, struct wf_err *err)
{
    struct stat st;

    s->old = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (s->old < 0) {
        return errno == ENOENT || errno == ENOTDIR ? 0 : is_other(s, err);
    }
    if (fstat(s->old, &st) != 0 || !S_ISREG(st.st_mode) ||
        (uint64_t) st.st_size != s->size) {
        return is_other(s, err);
    }
    s->of_old = wf_calloc(s->nchunks + 1, sizeof *s->of_old);
    return s->of_old != NULL ? 0 : wf_err_set(err, WEFT_ENOMEM, "no memory");
}

int sink_open(struct sink *s, struct wf_err *err)
{
    int rc = 0;

    if (s->fd >= 0 || s->mem != NULL) {
        return 0;
    }
    if (s->path != NULL) {
        rc = s->keep ? open_old(s, err) : 0;
        return rc != 0 ? rc : open_part(s, err);
    }
    s->mem = s->size < SIZE_MAX ? wf_calloc((size_t) s->size + 1, 1) : NULL;
    return s->mem != NULL ? 0 : wf_err_set(err, WEFT_ENOMEM, "no memory for the data");
}

void sink_mark(struct sink *s, uint64_t chunk)
{
    uint8_t bit = (uint8_t) (1u << (chunk & 7));

    if (!(s->map[chunk >> 3] & bit)) {
        s->map[chunk >> 3] |= bit;
        s->have += wf_chunk_len(s->size, chunk);
    }
}

/* All of it is what was wanted: nothing is left to be got. */
static int take_old(struct sink *s, struct wf_err *err)
{
    struct wf_digest digest;

    (void) close(s->old);
    s->old = -1;
    wf_blob_digest(s->size, s->of_old, &digest);
    if (!wf_digest_eq(&digest, &s->digest)) {
        return is_other(s, err);
    }
    for (uint64_t i = 0; i < s->nchunks; i++) {
        sink_mark(s, i);
    }
    if (s->leaves == NULL) {
        s->leaves = s->of_old;
        s->of_old = NULL;
    }
    s->looked = s->nchunks;
    s->is_there = 1;
    return 0;
}

static int look_at_old(struct sink *s, uint64_t bytes, uint8_t *buf, struct wf_err *err)
{
    uint64_t seen = 0;

    while (s->looked < s->nchunks && seen < bytes) {
        uint64_t i = s->looked++;
        uint32_t len = wf_chunk_len(s->size, i);

        seen += len;
        if (read_at(s->old, buf, len, i * wf_chunk_size(s->size)) != 0) {
            return is_other(s, err);
        }
        wf_leaf(buf, len, &s->of_old[i]);
    }
    return s->looked < s->nchunks ? 1 : take_old(s, err);
}

int sink_look(struct sink *s, uint64_t bytes, uint8_t *buf, struct wf_err *err)
{
    uint64_t seen = 0;

    if (s->old >= 0) {
        return look_at_old(s, bytes, buf, err);
    }
    while (s->resumed && s->looked < s->nchunks && seen < bytes) {
        uint64_t i = s->looked++;
        uint32_t len = wf_chunk_len(s->size, i);

        seen += len;
        if (read_at(s->fd, buf, len, i * wf_chunk_size(s->size)) == 0 &&
            sink_verify(s, i, buf, len, NULL) == 0) {
            sink_mark(s, i);
        }
    }
    return s->resumed && s->looked < s->nchunks;
}

/* -- writing ---------------------------------------------------------------------------
 */

int sink_leaves(struct sink *s, const void *leaves, size_t len, struct wf_err *err)
{
    if (s->leaves != NULL || len != s->nchunks * sizeof *s->leaves) {
        return 0;
    }
    s->leaves = wf_memdup(leaves, len);
    if (s->leaves == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for the data");
    }
    if (s->fd >= 0 && s->nchunks > 1) {
        (void) write_at(s->fd, leaves, len, s->size);
    }
    return 0;
}

int sink_verify(const struct sink *s, uint64_t chunk, const void *bytes, size_t len,
                struct wf_err *err)
{
    struct wf_digest d;
    int good = chunk < s->nchunks && len == wf_chunk_len(s->size, chunk);

    if (good && s->leaves != NULL) {
        wf_leaf(bytes, len, &d);
        good = wf_digest_eq(&d, &s->leaves[chunk]);
    } else if (good) {
        wf_blob_of(bytes, len, &d);
        good = s->nchunks == 1 && wf_digest_eq(&d, &s->digest);
    }
    return good ? 0 : wf_err_set(err, WEFT_EPROTO, "a chunk is not what it should be");
}

int sink_write(struct sink *s, uint64_t chunk, const void *bytes, size_t len,
               struct wf_err *err)
{
    uint64_t at = chunk * wf_chunk_size(s->size);
    int rc = sink_verify(s, chunk, bytes, len, err);

    if (rc != 0) {
        return rc;
    }
    if (s->mem != NULL) {
        memcpy(s->mem + at, bytes, len);
    } else if (write_at(s->fd, bytes, len, at) != 0) {
        return io_fail(err, s->part);
    }
    sink_mark(s, chunk);
    return 0;
}

int sink_finish(struct sink *s, struct wf_err *err)
{
    if (s->path == NULL) {
        return 0;
    }
    if (s->is_there) {
        (void) unlink(s->part);
    } else if (ftruncate(s->fd, (off_t) s->size) != 0 || rename(s->part, s->path) != 0) {
        return io_fail(err, s->path);
    }
    (void) close(s->fd);
    s->fd = -1;
    return 0;
}

int sink_find(const char *path, const struct wf_digest *digest, uint64_t size,
              struct wf_err *err)
{
    struct sink s;
    uint8_t *buf = wf_realloc(NULL, wf_chunk_size(size));
    int rc = buf != NULL ? sink_init(&s, path, SINK_PART, digest, size) : WEFT_ENOMEM;

    if (rc != 0) {
        wf_free(buf);
        return wf_err_set(err, rc, "no memory");
    }
    rc = open_old(&s, err);
    while (rc == 0 && s.old >= 0) {
        rc = look_at_old(&s, UINT64_MAX, buf, err);
    }
    if (rc == 0) {
        rc = s.is_there;
    }
    sink_fini(&s);
    wf_free(buf);
    return rc;
}

/* Where the kernel cannot: from one file system to another, on some of them at all. */
static int copy_plainly(int in, int out)
{
    uint8_t *buf = wf_realloc(NULL, COPY_BUF);
    uint64_t at = 0;
    ssize_t n = -1;

    while (buf != NULL && (n = pread(in, buf, COPY_BUF, (off_t) at)) != 0) {
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 || write_at(out, buf, (size_t) n, at) != 0) {
            n = -1;
            break;
        }
        at += (uint64_t) n;
    }
    wf_free(buf);
    return n == 0 ? 0 : -1;
}

static int copy_bytes(int in, int out)
{
    ssize_t n;

    do {
        n = copy_file_range(in, NULL, out, NULL, COPY_STEP, 0);
    } while (n > 0 || (n < 0 && errno == EINTR));
    return n == 0 ? 0 : errno == ENOSPC || errno == EIO ? -1 : copy_plainly(in, out);
}

int sink_copy(const char *from, const char *to, const char *end, struct wf_err *err)
{
    char *part = part_of(to, end);
    int in = -1, out = -1;
    int rc = part != NULL ? make_folder_of(to, err)
                          : wf_err_set(err, WEFT_ENOMEM, "no memory");

    if (rc == 0) {
        in = open(from, O_RDONLY | O_CLOEXEC);
        out = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (in < 0 || out < 0 || copy_bytes(in, out) != 0 || rename(part, to) != 0) {
            rc = io_fail(err, to);
            (void) (out >= 0 ? unlink(part) : 0);
        }
    }
    if (in >= 0) {
        (void) close(in);
    }
    if (out >= 0) {
        (void) close(out);
    }
    wf_free(part);
    return rc;
}
