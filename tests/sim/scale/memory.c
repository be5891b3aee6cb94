#include "tests/sim/scale/memory.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* The allocator is one for the process, so is its account. */
static struct account *current;

struct account *memory_use(struct account *a)
{
    struct account *was = current;

    current = a;
    return was;
}

static void charge(int64_t bytes)
{
    if (current != NULL) {
        current->bytes += bytes;
        current->most = current->bytes > current->most ? current->bytes : current->most;
    }
}

static int64_t size_of(void *p)
{
    return (int64_t) malloc_usable_size(p);
}

void *wf_calloc(size_t n, size_t size)
{
    void *p = calloc(n != 0 ? n : 1, size != 0 ? size : 1);

    charge(size_of(p));
    return p;
}

void *wf_realloc(void *p, size_t size)
{
    const int64_t was = size_of(p);
    void *q = realloc(p, size != 0 ? size : 1);

    charge(q != NULL ? size_of(q) - was : 0);
    return q;
}

void *wf_memdup(const void *p, size_t len)
{
    char *copy = len != SIZE_MAX ? wf_calloc(1, len + 1) : NULL;

    if (copy != NULL && len != 0) {
        memcpy(copy, p, len);
    }
    return copy;
}

char *wf_strdup(const char *s)
{
    return wf_memdup(s, strlen(s));
}

void wf_free(void *p)
{
    charge(-size_of(p));
    free(p);
}

/* Nothing fails here. */
unsigned long wf_mem_fail_after(long n)
{
    (void) n;
    return 0;
}
