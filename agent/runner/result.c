#include "agent/runner/result.h"

#include "common/err.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void) close(*fd);
        *fd = -1;
    }
}

void result_folder(const char *base)
{
    char path[PATH_MAX + 16];

    (void) snprintf(path, sizeof path, "%s/" WIRE_RESULTS, base);
    (void) mkdir(path, 0700);
}

void result_init(struct result *r, const char *base, uint64_t run)
{
    int n = snprintf(r->path, sizeof r->path, "%s/" WIRE_RESULTS "/%" PRIx64, base, run);

    r->fd = -1;
    r->kept = false;
    r->bytes = 0;
    if (n < 0 || (size_t) n >= sizeof r->path) {
        r->path[0] = '\0'; /* nothing can be made there */
    }
}

void result_fini(struct result *r)
{
    close_fd(&r->fd);
    if (r->kept) {
        (void) unlink(r->path);
        r->kept = false;
    }
}

int result_write(struct result *r, uint64_t at, const uint8_t *p, size_t len)
{
    if (!r->kept) {
        r->fd = open(r->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (r->fd < 0) {
            return WEFT_EIO;
        }
        r->kept = true;
    }
    while (len > 0) {
        ssize_t n = pwrite(r->fd, p, len, (off_t) at);

        if (n < 0 && errno != EINTR) {
            return WEFT_EIO;
        }
        if (n > 0) {
            p += n;
            at += (uint64_t) n;
            len -= (size_t) n;
        }
    }
    r->bytes = wf_max_u64(r->bytes, at);
    return 0;
}

/* What was looked at may not be what was moved, were anything of the run alive after all:
 * look again where it cannot be reached. */
static int move(struct result *r, const struct scratch *dir, const struct stat *seen)
{
    struct stat st;

    if (renameat(dir->fd, RESULT_NAME, AT_FDCWD, r->path) != 0) {
        return WEFT_EIO;
    }
    r->kept = true;
    if (lstat(r->path, &st) != 0 || !S_ISREG(st.st_mode) || st.st_ino != seen->st_ino ||
        st.st_dev != seen->st_dev || st.st_size != seen->st_size) {
        errno = ESTALE;
        return WEFT_EIO;
    }
    if ((st.st_mode & S_IRUSR) == 0) {
        (void) chmod(r->path, 0600);
    }
    r->bytes = (uint64_t) st.st_size;
    return 0;
}

int result_take(struct result *r, const struct scratch *dir,
                const struct wire_limits *limits, uint64_t *ret_size)
{
    struct stat st;
    int rc = 0;

    r->fd = openat(dir->fd, RESULT_NAME,
                   O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (r->fd < 0) {
        return 0;
    }
    if (fstat(r->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close_fd(&r->fd);
        return 0;
    }
    *ret_size = (uint64_t) st.st_size;
    if (limits->out_bytes != 0 && *ret_size > limits->out_bytes) {
        rc = WEFT_ETOOBIG;
    } else if (limits->inline_bytes != 0 && *ret_size > limits->inline_bytes) {
        rc = move(r, dir, &st);
    } else {
        return 0;
    }
    close_fd(&r->fd);
    return rc;
}

void result_hand_over(struct result *r)
{
    close_fd(&r->fd);
    r->kept = false;
}
