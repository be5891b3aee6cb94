/* tree.h - a folder of fixture files that stands for a machine's /proc and /sys */
#ifndef TESTS_UNIT_AGENT_PROBE_TREE_H
#define TESTS_UNIT_AGENT_PROBE_TREE_H

#include "tests/lib/tap.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

/* Makes an empty one; the path is static. */
static const char *tree_make(void)
{
    static char path[64];

    snprintf(path, sizeof(path), "/tmp/weft-probe-XXXXXX");
    must(mkdtemp(path) != NULL);
    return path;
}

/* Writes a file and the folders above it. */
static void tree_put(const char *tree, const char *path, const char *text)
{
    char full[512];
    char *p;
    int fd;

    snprintf(full, sizeof(full), "%s/%s", tree, path);
    for (p = strchr(full + strlen(tree) + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
        *p = '\0';
        (void) mkdir(full, 0700);
        *p = '/';
    }
    fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    must(fd >= 0);
    must(write(fd, text, strlen(text)) == (ssize_t) strlen(text));
    close(fd);
}

static int tree_remove_one(const char *path, const struct stat *st, int flag,
                           struct FTW *ftw)
{
    (void) st;
    (void) flag;
    (void) ftw;
    return remove(path);
}

static void tree_remove(const char *tree)
{
    must(nftw(tree, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

#endif
