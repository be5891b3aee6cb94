/* folder.h - a folder of its own for a test, with files in it */
#ifndef TESTS_UNIT_CLIENT_DATA_FOLDER_H
#define TESTS_UNIT_CLIENT_DATA_FOLDER_H

#include "tests/lib/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder {
    char dir[64], path[512];
};

static inline void folder_init(struct folder *f)
{
    (void) snprintf(f->dir, sizeof f->dir, "/tmp/weft-test-data.XXXXXX");
    must(mkdtemp(f->dir) != NULL);
}

static inline void folder_fini(struct folder *f)
{
    char command[128];

    (void) snprintf(command, sizeof command, "rm -rf %s", f->dir);
    must(system(command) == 0);
}

/* The path of `name` in it; lives until the next call. */
static inline const char *folder_path(struct folder *f, const char *name)
{
    (void) snprintf(f->path, sizeof f->path, "%s/%s", f->dir, name);
    return f->path;
}

static inline void folder_mkdir(struct folder *f, const char *name)
{
    must(mkdir(folder_path(f, name), 0700) == 0);
}

/* `len` bytes of a pattern that `seed` begins. */
static inline void folder_pattern(uint8_t *to, size_t len, unsigned seed)
{
    uint32_t x = seed * 2654435761u + 1;

    for (size_t i = 0; i < len; i++) {
        x = x * 1664525u + 1013904223u;
        to[i] = (uint8_t) (x >> 24);
    }
}

static inline void folder_write(struct folder *f, const char *name, size_t len,
                                unsigned seed)
{
    uint8_t *bytes = malloc(len + 1);
    FILE *file = fopen(folder_path(f, name), "wb");

    must(bytes != NULL && file != NULL);
    folder_pattern(bytes, len, seed);
    must(fwrite(bytes, 1, len, file) == len && fclose(file) == 0);
    free(bytes);
}

/* The whole file and its length; to be freed. */
static inline uint8_t *folder_read(struct folder *f, const char *name, size_t *ret_len)
{
    FILE *file = fopen(folder_path(f, name), "rb");
    uint8_t *bytes;
    long len;

    if (file == NULL) {
        return NULL;
    }
    must(fseek(file, 0, SEEK_END) == 0 && (len = ftell(file)) >= 0);
    rewind(file);
    bytes = malloc((size_t) len + 1);
    must(bytes != NULL && fread(bytes, 1, (size_t) len, file) == (size_t) len);
    (void) fclose(file);
    *ret_len = (size_t) len;
    return bytes;
}

static inline int folder_has(struct folder *f, const char *name)
{
    return access(folder_path(f, name), F_OK) == 0;
}

#endif
