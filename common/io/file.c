#include "common/io/file.h"

#include "common/check.h"
#include "common/failpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_CAP 4096

static int fail(struct wf_err *err, const char *what, const char *path)
{
    int code = errno == ENOENT ? WEFT_ENOENT : WEFT_EIO;

    return wf_err_set(err, code, "cannot %s %.160s: %s", what, path, strerror(errno));
}

static int read_some(int fd, void *dst, size_t cap, size_t *ret_len)
{
    ssize_t n;

    do {
        n = read(fd, dst, cap);
    } while (n < 0 && errno == EINTR);
    *ret_len = n > 0 ? (size_t) n : 0;
    return n < 0 ? WEFT_EIO : 0;
}

int file_read(const char *path, struct wf_buf *dst, struct wf_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t chunk[16384];
    size_t n = 1;
    int rc = 0;

    if (fd < 0) {
        return fail(err, "read", path);
    }
    while (rc == 0 && n != 0) {
        if (read_some(fd, chunk, sizeof chunk, &n) != 0) {
            rc = wf_err_set(err, WEFT_EIO, "cannot read %.160s: %s", path,
                            strerror(errno));
        } else if (wf_buf_put(dst, chunk, n) != 0) {
            rc = wf_err_set(err, dst->err, "%.160s is larger than %zu bytes", path,
                            dst->max);
        }
    }
    (void) close(fd);
    return rc;
}

static int write_all(int fd, const uint8_t *p, size_t len)
{
    while (len != 0) {
        ssize_t n = write(fd, p, len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return WEFT_EIO;
        }
        p += n;
        len -= (size_t) n;
    }
    return 0;
}

/* The folder of a path: what stands before its last slash. */
static int folder_of(const char *path, char *dst, size_t cap)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 1 : slash == path ? 1 : (size_t) (slash - path);

    if (len >= cap) {
        errno = ENAMETOOLONG;
        return WEFT_EIO;
    }
    memcpy(dst, slash == NULL ? "." : path, len);
    dst[len] = '\0';
    return 0;
}

/* A rename is durable when its folder is. */
static int sync_folder(const char *path)
{
    char dir[PATH_CAP];
    int fd, rc;

    if (folder_of(path, dir, sizeof dir) != 0) {
        return WEFT_EIO;
    }
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return WEFT_EIO;
    }
    rc = fsync(fd) != 0 ? WEFT_EIO : 0;
    (void) close(fd);
    return rc;
}

/* Fill and sync a fresh temporary file, close it in any case. */
static int fill(int fd, const void *bytes, size_t len, mode_t mode)
{
    int rc = 0;

    if (write_all(fd, bytes, len) != 0 || fchmod(fd, mode) != 0 || fsync(fd) != 0) {
        rc = WEFT_EIO;
    }
    if (close(fd) != 0) {
        rc = WEFT_EIO;
    }
    return rc;
}

static int put(const char *path, const void *bytes, size_t len, mode_t mode, bool fresh,
               struct wf_err *err)
{
    char tmp[PATH_CAP];
    int fd, rc;

    if (snprintf(tmp, sizeof tmp, "%s.XXXXXX", path) >= (int) sizeof tmp) {
        errno = ENAMETOOLONG;
        return fail(err, "write", path);
    }
    fd = mkostemp(tmp, O_CLOEXEC);
    if (fd < 0) {
        (void) fail(err, "write", path);
        return WEFT_EIO;
    }
    WF_FAILPOINT("file.write.before");
    /* A link fails where a file is, a rename replaces it. */
    if (fill(fd, bytes, len, mode) != 0 ||
        (fresh ? link(tmp, path) : rename(tmp, path)) != 0) {
        rc = errno == EEXIST ? WEFT_EEXIST : WEFT_EIO;
        (void) wf_err_set(err, rc, "cannot write %.160s: %s", path, strerror(errno));
        (void) unlink(tmp);
        return rc;
    }
    WF_FAILPOINT("file.rename.after");
    if (fresh) {
        (void) unlink(tmp);
    }
    if (sync_folder(path) != 0) {
        return wf_err_set(err, WEFT_EIO, "cannot sync the folder of %.160s: %s", path,
                          strerror(errno));
    }
    return 0;
}

int file_write(const char *path, const void *bytes, size_t len, mode_t mode,
               struct wf_err *err)
{
    return put(path, bytes, len, mode, false, err);
}

int file_write_new(const char *path, const void *bytes, size_t len, mode_t mode,
                   struct wf_err *err)
{
    return put(path, bytes, len, mode, true, err);
}

static int make_one(const char *dir, mode_t mode)
{
    struct stat st;

    if (mkdir(dir, mode) == 0) {
        return 0;
    }
    if (errno == EEXIST && stat(dir, &st) == 0) {
        if (S_ISDIR(st.st_mode)) {
            return 0;
        }
        errno = ENOTDIR;
    }
    return WEFT_EIO;
}

int file_mkdirs(const char *path, mode_t mode, struct wf_err *err)
{
    char dir[PATH_CAP];
    size_t len = strlen(path);

    if (len == 0 || len >= sizeof dir) {
        return wf_err_set(err, WEFT_EINVAL, "not a folder name: %.160s", path);
    }
    memcpy(dir, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (dir[i] != '/' && dir[i] != '\0') {
            continue;
        }
        dir[i] = '\0';
        if (make_one(dir, mode) != 0) {
            (void) fail(err, "make folder", dir);
            return WEFT_EIO;
        }
        dir[i] = path[i];
    }
    return 0;
}

static int held(int fd, const char *dir, struct wf_err *err)
{
    char pid[32];
    size_t n = 0;

    (void) read_some(fd, pid, sizeof pid - 1, &n);
    pid[n] = '\0';
    pid[strspn(pid, "0123456789")] = '\0';
    return wf_err_set(err, WEFT_EBUSY, "%.160s is in use by process %s", dir,
                      pid[0] != '\0' ? pid : "(unknown)");
}

int file_lock(const char *dir, int *ret_fd, struct wf_err *err)
{
    char path[PATH_CAP];
    int fd, rc;

    if (snprintf(path, sizeof path, "%s/lock", dir) >= (int) sizeof path) {
        errno = ENAMETOOLONG;
        return fail(err, "lock", dir);
    }
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        (void) fail(err, "lock", path);
        return WEFT_EIO;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        rc = errno == EWOULDBLOCK ? held(fd, dir, err) : fail(err, "lock", path);
        (void) close(fd);
        return rc;
    }
    /* The number is for people; the lock itself ends with the process. */
    if (ftruncate(fd, 0) != 0 || dprintf(fd, "%ld\n", (long) getpid()) < 0) {
        rc = fail(err, "write", path);
        (void) close(fd);
        return rc;
    }
    *ret_fd = fd;
    return 0;
}

void file_unlock(int fd)
{
    if (fd >= 0) {
        (void) close(fd);
    }
}

void file_fill_std(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        (void) close(fd);
    }
}
