#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

/* The one global of the tree: the tests' hook.  -1: off. */
static long fail_after = -1;
static unsigned long made;

static int denied(void)
{
    if (fail_after < 0) {
        return 0;
    }
    made++;
    if (fail_after == 0) {
        return 1;
    }
    fail_after--;
    return 0;
}

void *wf_calloc(size_t n, size_t size)
{
    if (denied() || (size != 0 && n > SIZE_MAX / size)) {
        return NULL;
    }
    return calloc(n != 0 ? n : 1, size != 0 ? size : 1);
}

void *wf_realloc(void *p, size_t size)
{
    return denied() ? NULL : realloc(p, size != 0 ? size : 1);
}

void *wf_memdup(const void *p, size_t len)
{
    char *copy = denied() || len == SIZE_MAX ? NULL : malloc(len + 1);

    if (copy != NULL) {
        if (len != 0) {
            memcpy(copy, p, len);
        }
        copy[len] = '\0';
    }
    return copy;
}

char *wf_strdup(const char *s)
{
    return wf_memdup(s, strlen(s));
}

void wf_free(void *p)
{
    free(p);
}

unsigned long wf_mem_fail_after(long n)
{
    unsigned long was = made;

    fail_after = n;
    made = 0;
    return was;
}
