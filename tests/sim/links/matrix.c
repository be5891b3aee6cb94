#include "tests/sim/links/matrix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define LINE_MAX_BYTES (MATRIX_HOSTS_MAX * 12)

struct reader {
    gzFile file;
    char *line;
    unsigned line_no;
    unsigned n;    /* hosts, once known */
    unsigned rows; /* of all triangles so far */
    struct matrix *m;
};

/* The numbers of a line, 0 when it holds none or something else. */
static unsigned numbers(const char *line, uint32_t *ret, unsigned max)
{
    unsigned n = 0;

    while (n < max) {
        char *end;
        unsigned long v = strtoul(line, &end, 10);

        if (end == line || v > UINT32_MAX) {
            return 0;
        }
        ret[n++] = (uint32_t) v;
        if (*end != ',') {
            return *end == '\n' || *end == '\0' ? n : 0;
        }
        line = end + 1;
    }
    return 0;
}

static int grow(struct matrix *m, unsigned n)
{
    size_t cells = (size_t) n * n;
    uint32_t *us = realloc(m->us, (m->slices + 1) * cells * sizeof *us);

    if (us == NULL || m->slices == MATRIX_SLICES_MAX) {
        return -1;
    }
    m->us = us;
    m->n = n;
    memset(us + m->slices * cells, 0, cells * sizeof *us);
    m->slices++;
    return 0;
}

/* One line of a triangle.  The first one tells how many hosts there are. */
static int row(struct reader *r, const uint32_t *v, unsigned count)
{
    unsigned n = r->n != 0 ? r->n : count + 1;
    unsigned i = r->rows % (n - 1);
    uint32_t *us;

    if (i == 0 && grow(r->m, n) != 0) {
        return -1;
    }
    if (count != n - 1 - i) {
        return -1;
    }
    r->n = n;
    us = r->m->us + (size_t) (r->m->slices - 1) * n * n;
    for (unsigned k = 0; k < count; k++) {
        us[i * n + i + 1 + k] = v[k];
        us[(i + 1 + k) * n + i] = v[k];
    }
    r->rows++;
    return 0;
}

static int lines(struct reader *r, uint32_t *v)
{
    while (gzgets(r->file, r->line, LINE_MAX_BYTES) != NULL) {
        unsigned count;

        r->line_no++;
        if (r->line[0] == '#') {
            continue;
        }
        count = numbers(r->line, v, MATRIX_HOSTS_MAX);
        if (r->rows == 0 && r->n == 0 && count == 1 && v[0] > 2 &&
            v[0] <= MATRIX_HOSTS_MAX) {
            r->n = v[0];
        } else if (count == 0 || row(r, v, count) != 0) {
            return -1;
        }
    }
    return r->n == 0 || r->rows == 0 || r->rows % (r->n - 1) != 0 ? -1 : 0;
}

int matrix_read(const char *path, struct matrix *ret)
{
    struct reader r = {.m = ret};
    uint32_t *v = malloc(MATRIX_HOSTS_MAX * sizeof *v);
    int rc = -1;

    *ret = (struct matrix){0};
    r.line = malloc(LINE_MAX_BYTES);
    r.file = gzopen(path, "rb");
    if (r.file != NULL && r.line != NULL && v != NULL) {
        rc = lines(&r, v) == 0 ? 0 : -2;
    }
    if (rc == -2) {
        fprintf(stderr, "%s: line %u: not a matrix of round trips\n", path, r.line_no);
        matrix_free(ret);
    }
    if (r.file != NULL) {
        gzclose(r.file);
    }
    free(r.line);
    free(v);
    return rc;
}

void matrix_free(struct matrix *m)
{
    free(m->us);
    *m = (struct matrix){0};
}
