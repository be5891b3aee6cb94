#include "agent/data/clear.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH 64

static int is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* NULL: it is no folder, or cannot be opened. */
static DIR *open_up(int at, const char *name)
{
    struct stat st;
    DIR *dir;
    int fd;

    if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode) ||
        fchmodat(at, name, 0700, 0) != 0) {
        return NULL;
    }
    fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL && fd >= 0) {
        (void) close(fd);
    }
    return dir;
}

/* What is in a folder, down to `left` removals.  Returns how many there were. */
static unsigned empty(int at, const char *name, unsigned depth, unsigned left)
{
    DIR *dir = open_up(at, name);
    const struct dirent *e;
    unsigned n = 0;
    int fd;

    if (dir == NULL) {
        return 0;
    }
    fd = dirfd(dir);
    while (n < left && (e = readdir(dir)) != NULL) {
        if (is_dots(e->d_name)) {
            continue;
        }
        if (unlinkat(fd, e->d_name, 0) != 0 && depth < DEPTH) {
            n += empty(fd, e->d_name, depth + 1, left - n);
            n += n < left && unlinkat(fd, e->d_name, AT_REMOVEDIR) == 0;
        } else {
            n++;
        }
    }
    (void) closedir(dir);
    return n;
}

int clear_some(const char *path, unsigned most)
{
    unsigned n = empty(AT_FDCWD, path, 0, most);

    return rmdir(path) == 0 || n < most;
}
