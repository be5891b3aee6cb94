#include "agent/exec/folder.h"

#include "agent/runner/scratch.h"
#include "common/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

char *folder_join(const char *dir, const char *name)
{
    size_t n = strlen(dir) + strlen(name) + 2;
    char *path = wf_calloc(1, n);

    if (path != NULL) {
        (void) snprintf(path, n, "%s/%s", dir, name);
    }
    return path;
}

int folder_open(const char *path, char **ret_path, struct wf_err *err)
{
    char *full;

    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return wf_err_set(err, WEFT_EIO, "cannot make %.200s: %s", path, strerror(errno));
    }
    full = realpath(path, NULL);
    if (full == NULL) {
        return wf_err_set(err, WEFT_EIO, "%.200s: %s", path, strerror(errno));
    }
    *ret_path = wf_strdup(full);
    free(full);
    return *ret_path != NULL ? 0 : wf_err_set(err, WEFT_ENOMEM, "no memory for a path");
}

int folder_renew(const char *dir, const char *name, char **ret_path, struct wf_err *err)
{
    char *path = folder_join(dir, name);
    char old[64];
    char *aside;
    struct timespec t;
    int rc = 0;

    (void) clock_gettime(CLOCK_REALTIME, &t);
    (void) snprintf(old, sizeof old, SCRATCH_PREFIX "old-%jx%09lx-%jx",
                    (intmax_t) t.tv_sec, (unsigned long) t.tv_nsec, (intmax_t) getpid());
    aside = folder_join(dir, old);
    if (path == NULL || aside == NULL) {
        rc = wf_err_set(err, WEFT_ENOMEM, "no memory for a path");
    } else if ((rename(path, aside) != 0 && errno != ENOENT) || mkdir(path, 0700) != 0) {
        rc = wf_err_set(err, WEFT_EIO, "cannot make %.200s anew: %s", path,
                        strerror(errno));
    }
    wf_free(aside);
    if (rc != 0) {
        wf_free(path);
        return rc;
    }
    *ret_path = path;
    return 0;
}
