#include "agent/probe/file.h"

#include "agent/probe/parse.h"
#include "client/include/weft/error.h"
#include "common/defs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Longest text of one number, with room to notice that there is more. */
#define NUMBER_MAX 64

static int WF_PRINTF(2, 0) open_va(int root, const char *fmt, va_list ap)
{
    char path[PROBE_PATH_MAX];
    int n = vsnprintf(path, sizeof(path), fmt, ap);
    int fd;

    if (n < 0 || (size_t) n >= sizeof(path)) {
        return WEFT_ENOENT;
    }
    /* Non-blocking, so that a pipe in place of a file cannot hang the agent. */
    fd = openat(root, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return fd >= 0 ? fd : WEFT_ENOENT;
}

int probe_file_open(int root, const char *fmt, ...)
{
    va_list ap;
    int fd;

    va_start(ap, fmt);
    fd = open_va(root, fmt, ap);
    va_end(ap);
    return fd;
}

int probe_fd_read(int fd, char *buf, size_t cap)
{
    ssize_t n = fd >= 0 ? pread(fd, buf, cap, 0) : -1;

    return n >= 0 ? (int) n : WEFT_ENOENT;
}

int probe_file_read(int root, char *buf, size_t cap, const char *fmt, ...)
{
    va_list ap;
    int fd;
    int n;

    va_start(ap, fmt);
    fd = open_va(root, fmt, ap);
    va_end(ap);
    n = probe_fd_read(fd, buf, cap);
    if (fd >= 0) {
        close(fd);
    }
    return n;
}

int probe_fd_u64(int fd, uint64_t *ret_v)
{
    char buf[NUMBER_MAX];
    int n = probe_fd_read(fd, buf, sizeof(buf));

    return n >= 0 ? probe_parse_u64(buf, (size_t) n, ret_v) : n;
}

int probe_file_u64(int root, uint64_t *ret_v, const char *fmt, ...)
{
    va_list ap;
    int fd;
    int rc;

    va_start(ap, fmt);
    fd = open_va(root, fmt, ap);
    va_end(ap);
    rc = probe_fd_u64(fd, ret_v);
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

/* Shorter names first, so that hwmon2 comes before hwmon10. */
static int name_cmp(const char *a, const char *b)
{
    size_t na = strlen(a);
    size_t nb = strlen(b);

    return na != nb ? (na < nb ? -1 : 1) : strcmp(a, b);
}

/* Puts `name` at its place and drops the last one when the table is full. */
static size_t insert_name(char (*names)[PROBE_NAME_MAX], size_t n, size_t max,
                          const char *name)
{
    size_t at = n;

    while (at > 0 && name_cmp(name, names[at - 1]) < 0) {
        at--;
    }
    if (at == max) {
        return n;
    }
    n = n < max ? n + 1 : max;
    memmove(names[at + 1], names[at], (n - 1 - at) * PROBE_NAME_MAX);
    memcpy(names[at], name, strlen(name) + 1);
    return n;
}

size_t probe_dir_list(int root, const char *path, const char *prefix,
                      char (*ret_names)[PROBE_NAME_MAX], size_t max)
{
    int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    size_t n = 0;
    unsigned seen;

    if (dir == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return 0;
    }
    for (seen = 0; seen < PROBE_DIR_MAX; seen++) {
        const struct dirent *e = readdir(dir);

        if (e == NULL) {
            break;
        }
        if (e->d_name[0] != '.' && strlen(e->d_name) < PROBE_NAME_MAX &&
            strncmp(e->d_name, prefix, strlen(prefix)) == 0) {
            n = insert_name(ret_names, n, max, e->d_name);
        }
    }
    closedir(dir);
    return n;
}
