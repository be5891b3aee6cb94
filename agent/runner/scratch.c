#include "agent/runner/scratch.h"

#include "common/err.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INLINE_BUDGET 256 /* entries removed before a child takes over */

int scratch_make(struct scratch *s, const char *base, uint64_t id)
{
    int n = snprintf(s->path, sizeof s->path, "%s/" SCRATCH_PREFIX "%" PRIx64, base, id);

    s->fd = -1;
    if (n < 0 || (size_t) n >= sizeof s->path || mkdir(s->path, 0700) != 0) {
        return WEFT_EIO;
    }
    s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (s->fd < 0) {
        (void) rmdir(s->path);
        return WEFT_EIO;
    }
    return 0;
}

/* Open a folder for reading its entries; the handler may have taken our permission. */
static DIR *open_dir(int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *d;

    if (fd < 0) {
        struct stat st;

        /* fchmodat follows links, so make sure that it is none: nothing of the run is
         * left alive that could swap it. */
        if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode)) {
            return NULL;
        }
        (void) fchmodat(at, name, 0700, 0);
        fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0) {
            return NULL;
        }
    }
    (void) fchmod(fd, 0700);
    d = fdopendir(fd);
    if (d == NULL) {
        (void) close(fd);
    }
    return d;
}

static int is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* A removal under way. */
struct rm {
    int top;           /* the folder that is emptied */
    unsigned serial;   /* for the names of what moved up */
    unsigned progress; /* entries removed or moved in this pass */
    long budget;       /* entries that may still be looked at */
};

static int remove_simple(struct rm *r, int at, const char *name)
{
    r->budget--;
    if (unlinkat(at, name, 0) == 0 || unlinkat(at, name, AT_REMOVEDIR) == 0) {
        r->progress++;
        return 1;
    }
    return 0;
}

/* Remove one entry.  A folder with folders in it has those moved up to the top under
 * new names, so that depth never costs descriptors or stack. */
static void remove_entry(struct rm *r, const char *name)
{
    struct dirent *e;
    DIR *d;

    if (remove_simple(r, r->top, name)) {
        return;
    }
    d = open_dir(r->top, name);
    while (d != NULL && r->budget > 0 && (e = readdir(d)) != NULL) {
        char moved[32];

        if (is_dot(e->d_name) || remove_simple(r, dirfd(d), e->d_name)) {
            continue;
        }
        /* Moving a folder writes its "..", which takes write permission on it. */
        (void) fchmodat(dirfd(d), e->d_name, 0700, 0);
        (void) snprintf(moved, sizeof moved, ".weft-rm-%u", r->serial++);
        r->progress += renameat(dirfd(d), e->d_name, r->top, moved) == 0;
    }
    if (d != NULL) {
        (void) closedir(d);
        r->progress += unlinkat(r->top, name, AT_REMOVEDIR) == 0;
    }
}

/* Empty the folder.  Returns whether it is empty now.  Ends when the budget is used up
 * or a whole pass could not remove anything (immutable files, say). */
static int empty(int fd, long budget)
{
    struct rm r = {fd, 0, 1, budget};
    int left = 1;

    while (left && r.progress > 0 && r.budget > 0) {
        DIR *d = open_dir(fd, ".");
        struct dirent *e;

        left = 0;
        r.progress = 0;
        while (d != NULL && r.budget > 0 && (e = readdir(d)) != NULL) {
            if (!is_dot(e->d_name)) {
                left = 1;
                remove_entry(&r, e->d_name);
            }
        }
        if (d == NULL) {
            return 0;
        }
        (void) closedir(d);
    }
    return !left;
}

void scratch_remove(struct scratch *s)
{
    if (s->fd < 0) {
        return;
    }
    if (!empty(s->fd, INLINE_BUDGET)) {
        pid_t child = fork();

        if (child == 0) {
            /* Nobody may wait for the end of file of what we inherited. */
            (void) dup2(s->fd, 0);
            (void) close_range(1, ~0U, 0);
            (void) empty(0, LONG_MAX);
            (void) rmdir(s->path);
            _exit(0);
        }
    }
    (void) rmdir(s->path);
    (void) close(s->fd);
    s->fd = -1;
}

void scratch_sweep(const char *base)
{
    DIR *d = opendir(base);
    struct dirent *e;

    while (d != NULL && (e = readdir(d)) != NULL) {
        struct scratch old;
        int n;

        if (strncmp(e->d_name, SCRATCH_PREFIX, strlen(SCRATCH_PREFIX)) != 0) {
            continue;
        }
        n = snprintf(old.path, sizeof old.path, "%s/%s", base, e->d_name);
        if (n < 0 || (size_t) n >= sizeof old.path) {
            continue;
        }
        old.fd = open(old.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        scratch_remove(&old);
    }
    if (d != NULL) {
        (void) closedir(d);
    }
}
