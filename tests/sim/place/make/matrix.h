/* matrix.h - round trips between places where nodes may stand
 *
 * Read from a file of measurements, or made up: places lie in towns on three continents,
 * towns are joined by detours of their own, and each place has a way to its town, so
 * triangles are violated as in real networks.
 */
#ifndef TESTS_SIM_PLACE_MAKE_MATRIX_H
#define TESTS_SIM_PLACE_MAKE_MATRIX_H

#include "common/err.h"
#include "common/rng.h"

struct matrix {
    uint32_t n;
    uint32_t *us; /* owned; n x n, symmetric */
};

/* `n` places.  WEFT_ENOMEM. */
int matrix_make(struct matrix *m, uint32_t n, struct wf_rng *rng);

/* A comment line, the number of places, then for each place but the last its microseconds
 * to all after it, separated by commas.  WEFT_ENOENT, WEFT_ECONF, WEFT_ENOMEM. */
int matrix_read(struct matrix *m, const char *path, struct wf_err *err);

void matrix_fini(struct matrix *m);

/* Where `want` brokers would stand: one after the other where it makes the sum of all
 * ways to the nearest broker the least.  Of many places only the first few hundred are
 * asked. */
int matrix_centres(const struct matrix *m, uint32_t want, uint32_t *ret);

static inline uint32_t matrix_us(const struct matrix *m, uint32_t a, uint32_t b)
{
    return m->us[(size_t) a * m->n + b];
}

#endif
