#include "cli/tool/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *p)
{
    if (p == NULL) {
        fputs("error ENOMEM: out of memory\n  next: free memory, then try again\n",
              stderr);
        exit(1);
    }
    return p;
}

void *mem_calloc(size_t n, size_t size)
{
    return checked(calloc(n > 0 ? n : 1, size > 0 ? size : 1));
}

void *mem_grow(void *p, size_t *cap, size_t want, size_t size)
{
    size_t next = *cap > 0 ? *cap : 16;

    if (want <= *cap) {
        return p;
    }
    while (next < want) {
        next = next > SIZE_MAX / 2 ? want : next * 2;
    }
    p = checked(next > SIZE_MAX / size ? NULL : realloc(p, next * size));
    *cap = next;
    return p;
}

void *mem_dup(const void *p, size_t len)
{
    char *copy = checked(len == SIZE_MAX ? NULL : malloc(len + 1));

    if (len > 0) {
        memcpy(copy, p, len);
    }
    copy[len] = '\0';
    return copy;
}

char *mem_strdup(const char *s)
{
    return mem_dup(s, strlen(s));
}

char *mem_printf(const char *fmt, ...)
{
    va_list ap;
    char *s = NULL;
    int n;

    va_start(ap, fmt);
    n = vasprintf(&s, fmt, ap);
    va_end(ap);
    return checked(n < 0 ? NULL : s);
}
