#include "agent/footprint.h"

#include "common/defs.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* "from-to r-xp offset device inode path": code of a file, which nobody wrote to.  Data
 * is left alone: a page that was relocated would come back as it is in the file. */
static int is_code(const char *line, uintptr_t *ret_from, uintptr_t *ret_to)
{
    unsigned long from, to, inode;
    char perm[8];

    if (sscanf(line, "%lx-%lx %7s %*x %*s %lu", &from, &to, perm, &inode) != 4 ||
        strcmp(perm, "r-xp") != 0 || inode == 0) {
        return 0;
    }
    *ret_from = from;
    *ret_to = to;
    return 1;
}

void footprint_trim(void)
{
    FILE *f = fopen("/proc/self/maps", "re");
    char line[4200];
    uintptr_t from, to;

    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        if (is_code(line, &from, &to)) {
            (void) madvise((void *) from, to - from, MADV_DONTNEED);
        }
    }
    if (f != NULL) {
        (void) fclose(f);
    }
    (void) malloc_trim(0);
}
