/* matrix.h - measured round trips between many hosts, read from a file
 *
 * Text, compressed by gzip or not: comment lines begin with `#`; a line may hold the
 * number of hosts alone; then the upper triangle, line i with the round trips in
 * microseconds to hosts i+1 and on.  A file may hold several such triangles one after the
 * other (slices of time).  Symmetric; owned by the caller.
 */
#ifndef TESTS_SIM_LINKS_MATRIX_H
#define TESTS_SIM_LINKS_MATRIX_H

#include <stdint.h>

#define MATRIX_HOSTS_MAX  4096u
#define MATRIX_SLICES_MAX 64u

struct matrix {
    unsigned n; /* hosts */
    unsigned slices;
    uint32_t *us; /* owned: slices x n x n */
};

/* 0; -1: there is no such file; -2: it is not in this format, told on stderr. */
int matrix_read(const char *path, struct matrix *ret);
void matrix_free(struct matrix *m);

static inline uint32_t matrix_us(const struct matrix *m, unsigned slice, unsigned i,
                                 unsigned j)
{
    return m->us[((uint64_t) slice * m->n + i) * m->n + j];
}

#endif
