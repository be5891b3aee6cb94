#include "agent/exec/results.h"

#include "agent/exec/folder.h"
#include "agent/exec/work.h"
#include "agent/runner/scratch.h"
#include "agent/runner/wire.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int results_init(struct results *r, const char *scratch, size_t max, struct wf_err *err)
{
    int rc;

    *r = (struct results){.max = max};
    rc = folder_open(scratch, &r->scratch, err);
    if (rc == 0) {
        rc = folder_renew(r->scratch, WIRE_RESULTS, &r->dir, err);
    }
    return rc;
}

void results_fini(struct results *r)
{
    wf_free(r->scratch);
    wf_free(r->dir);
    r->scratch = r->dir = NULL;
}

void result_file_fini(struct result_file *f)
{
    wf_free(f->path);
    f->path = NULL;
    wf_buf_fini(&f->bytes);
}

static char *path_of_run(const struct results *r, uint64_t run)
{
    char name[24];

    (void) snprintf(name, sizeof name, "%" PRIx64, run);
    return folder_join(r->dir, name);
}

static char *new_path(struct results *r)
{
    char name[24];

    (void) snprintf(name, sizeof name, "w%" PRIx64, r->serial++);
    return folder_join(r->dir, name);
}

static int write_file(const char *path, int flags, const uint8_t *p, size_t len)
{
    int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
    size_t done = 0;

    while (fd >= 0 && done < len) {
        ssize_t n = pwrite(fd, p + done, len - done, (off_t) done);

        if (n < 0 && errno != EINTR) {
            break;
        }
        done += n > 0 ? (size_t) n : 0;
    }
    if (fd < 0 || close(fd) != 0 || done < len) {
        (void) unlink(path);
        return WEFT_EIO;
    }
    return 0;
}

int results_of_run(const struct results *r, uint64_t run, const uint8_t *head, size_t len,
                   uint64_t size, char **ret_path)
{
    char *path = path_of_run(r, run);
    struct stat st;
    int rc = path == NULL ? WEFT_ENOMEM : len > 0 ? write_file(path, 0, head, len) : 0;

    if (rc == 0 && (lstat(path, &st) != 0 || !S_ISREG(st.st_mode) ||
                    (uint64_t) st.st_size != size)) {
        (void) unlink(path);
        rc = WEFT_EIO;
    }
    if (rc != 0) {
        wf_free(path);
        return rc;
    }
    *ret_path = path;
    return 0;
}

void results_drop(const struct results *r, uint64_t run)
{
    char *path = path_of_run(r, run);

    if (path != NULL) {
        (void) unlink(path);
        wf_free(path);
    }
}

int results_write(struct results *r, const uint8_t *p, size_t len,
                  struct result_file *ret)
{
    char *path = new_path(r);
    int rc = path == NULL ? WEFT_ENOMEM : write_file(path, O_CREAT | O_EXCL, p, len);

    if (rc != 0) {
        wf_free(path);
        return rc;
    }
    *ret = (struct result_file){.path = path, .size = len};
    return 0;
}

static int open_folder(const struct results *r, uint64_t run)
{
    char name[32];
    int fd = -1;
    char *path;

    (void) snprintf(name, sizeof name, SCRATCH_PREFIX "%" PRIx64, run);
    path = folder_join(r->scratch, name);
    if (path != NULL) {
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        wf_free(path);
    }
    return fd;
}

/* What was moved here cannot be swapped any more; whether it is a file. */
static bool is_file(const char *path, struct stat *st)
{
    if (lstat(path, st) != 0 || !S_ISREG(st->st_mode)) {
        return false;
    }
    return (st->st_mode & S_IRUSR) != 0 || chmod(path, 0600) == 0;
}

/* Read up to the size that was seen: it may shrink or grow. */
static int read_file(const char *path, size_t size, struct wf_buf *ret)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    uint8_t *p;
    size_t done = 0;
    ssize_t n = 1;

    if (fd < 0) {
        return WEFT_EIO;
    }
    wf_buf_init(ret, size);
    p = size > 0 ? wf_buf_extend(ret, size) : NULL;
    if (size > 0 && p == NULL) {
        (void) close(fd);
        return WEFT_ENOMEM;
    }
    while (done < size && (n > 0 || errno == EINTR)) {
        n = read(fd, p + done, size - done);
        if (n == 0) {
            break;
        }
        done += n > 0 ? (size_t) n : 0;
    }
    wf_buf_truncate(ret, done);
    (void) close(fd);
    return n < 0 ? WEFT_EIO : 0;
}

/* The file at `path` is ours: give it, or its bytes. */
static int give(struct results *r, char *path, uint64_t max, struct result_file *ret)
{
    uint64_t few = r->max != 0 ? r->max : WORK_PAYLOAD_MAX;
    struct stat st;
    int rc = 0;

    if (!is_file(path, &st)) {
        return WEFT_ENOENT;
    }
    ret->size = (uint64_t) st.st_size;
    if ((max != 0 && ret->size > max) || (r->max == 0 && ret->size > few)) {
        return WEFT_ETOOBIG;
    }
    if (ret->size > few) {
        ret->path = path;
        return 0;
    }
    rc = read_file(path, (size_t) ret->size, &ret->bytes);
    if (rc != 0) {
        wf_buf_fini(&ret->bytes);
    }
    return rc;
}

int results_take(struct results *r, uint64_t run, const char *name, uint64_t max,
                 struct result_file *ret)
{
    struct stat st;
    int dir = open_folder(r, run);
    char *path = new_path(r);
    int rc = path == NULL ? WEFT_ENOMEM : 0;

    *ret = (struct result_file){.bytes = WF_BUF_INIT(0)};
    if (rc == 0 && (dir < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
                    !S_ISREG(st.st_mode) || renameat(dir, name, AT_FDCWD, path) != 0)) {
        rc = WEFT_ENOENT;
    } else if (rc == 0) {
        rc = give(r, path, max, ret);
    }
    if (dir >= 0) {
        (void) close(dir);
    }
    if (ret->path == NULL) {
        if (path != NULL) {
            (void) unlink(path);
        }
        wf_free(path);
    }
    return rc;
}

void results_discard(const struct results *r, uint64_t run, const char *name)
{
    int dir = open_folder(r, run);

    if (dir >= 0) {
        (void) unlinkat(dir, name, 0);
        (void) close(dir);
    }
}
