#include "tests/sim/place/make/matrix.h"

#include "common/mem.h"
#include "tests/sim/place/chance.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOWNS      48u
#define CONTINENTS 3u
#define ASKED_MAX  512u
#define PLACES_MAX 20000u

struct town {
    double x, y; /* milliseconds of round trip */
};

static void found_towns(struct town *towns, struct wf_rng *rng)
{
    static const struct town middle[CONTINENTS] = {{0, 0}, {95, 15}, {200, -10}};

    for (unsigned i = 0; i < TOWNS; i++) {
        const struct town *m = &middle[i % CONTINENTS];

        towns[i].x = m->x + 22 * chance_normal(rng);
        towns[i].y = m->y + 12 * chance_normal(rng);
    }
}

static void lay_ways(double *ways, const struct town *towns, struct wf_rng *rng)
{
    for (unsigned a = 0; a < TOWNS; a++) {
        ways[a * TOWNS + a] = 0.2;
        for (unsigned b = 0; b < a; b++) {
            double ms = hypot(towns[a].x - towns[b].x, towns[a].y - towns[b].y);

            ms = (1 + ms) * exp(fabs(0.25 * chance_normal(rng)));
            ways[a * TOWNS + b] = ways[b * TOWNS + a] = ms;
        }
    }
}

static int reserve(struct matrix *m, uint32_t n)
{
    *m = (struct matrix){.n = n};
    m->us = wf_calloc((size_t) n * n, sizeof *m->us);
    return m->us != NULL ? 0 : WEFT_ENOMEM;
}

int matrix_make(struct matrix *m, uint32_t n, struct wf_rng *rng)
{
    struct town towns[TOWNS];
    double ways[TOWNS * TOWNS];
    uint32_t *town = wf_calloc(n, sizeof *town);
    double *access = wf_calloc(n, sizeof *access);
    int rc = reserve(m, n);

    if (rc != 0 || town == NULL || access == NULL) {
        wf_free(town);
        wf_free(access);
        return WEFT_ENOMEM;
    }
    found_towns(towns, rng);
    lay_ways(ways, towns, rng);
    for (uint32_t i = 0; i < n; i++) {
        town[i] = (uint32_t) wf_rng_below(rng, TOWNS);
        access[i] = 0.6 * exp(1.2 * chance_normal(rng));
    }
    for (uint32_t a = 0; a < n; a++) {
        for (uint32_t b = 0; b < a; b++) {
            double ms = ways[town[a] * TOWNS + town[b]] + access[a] + access[b];

            m->us[(size_t) a * n + b] = m->us[(size_t) b * n + a] =
                (uint32_t) (ms * 1e3 * exp(0.03 * chance_normal(rng)));
        }
    }
    wf_free(town);
    wf_free(access);
    return 0;
}

static int bad_line(struct wf_err *err, const char *path, unsigned line, const char *what)
{
    return wf_err_set(err, WEFT_ECONF, "%s:%u: %s", path, line, what);
}

static int parse_row(struct matrix *m, uint32_t a, char *text)
{
    for (uint32_t b = a + 1; b < m->n; b++) {
        char *end;
        unsigned long us = strtoul(text, &end, 10);

        if (end == text || us > UINT32_MAX || (b + 1 < m->n && *end != ',')) {
            return 0;
        }
        m->us[(size_t) a * m->n + b] = m->us[(size_t) b * m->n + a] = (uint32_t) us;
        text = end + 1;
    }
    return 1;
}

static int read_rows(struct matrix *m, FILE *f, const char *path, char **text,
                     size_t *cap, struct wf_err *err)
{
    unsigned long n = 0;
    int rc;

    if (getline(text, cap, f) < 0 || (*text)[0] != '#') {
        return bad_line(err, path, 1, "write a comment that begins with #");
    }
    if (getline(text, cap, f) >= 0) {
        n = strtoul(*text, NULL, 10);
    }
    if (n < 2 || n > PLACES_MAX) {
        return bad_line(err, path, 2, "write the number of places, 2 to 20000");
    }
    rc = reserve(m, (uint32_t) n);
    if (rc != 0) {
        return wf_err_set(err, rc, "%s: too many places", path);
    }
    for (uint32_t a = 0; a + 1 < m->n; a++) {
        if (getline(text, cap, f) < 0 || !parse_row(m, a, *text)) {
            return bad_line(err, path, a + 3,
                            "write the microseconds to every place after this one");
        }
    }
    return 0;
}

int matrix_read(struct matrix *m, const char *path, struct wf_err *err)
{
    FILE *f = fopen(path, "re");
    char *text = NULL;
    size_t cap = 0;
    int rc;

    *m = (struct matrix){0};
    if (f == NULL) {
        return wf_err_set(err, WEFT_ENOENT, "%s: %s", path, strerror(errno));
    }
    rc = read_rows(m, f, path, &text, &cap, err);
    free(text);
    (void) fclose(f);
    return rc;
}

void matrix_fini(struct matrix *m)
{
    wf_free(m->us);
    *m = (struct matrix){0};
}

/* What all ways would add up to with one more broker there. */
static double sum_with(const struct matrix *m, uint32_t asked, const uint32_t *nearest,
                       uint32_t at)
{
    double sum = 0;

    for (uint32_t i = 0; i < asked; i++) {
        sum += (double) wf_min_u64(nearest[i], matrix_us(m, at, i));
    }
    return sum;
}

int matrix_centres(const struct matrix *m, uint32_t want, uint32_t *ret)
{
    const uint32_t asked = (uint32_t) wf_min_u64(m->n, wf_max_u64(ASKED_MAX, want));
    uint32_t *nearest = wf_calloc(asked, sizeof *nearest);

    if (nearest == NULL) {
        return WEFT_ENOMEM;
    }
    memset(nearest, 0xff, asked * sizeof *nearest);
    for (uint32_t b = 0; b < want; b++) {
        uint32_t best = UINT32_MAX;
        double least = 0;

        for (uint32_t at = 0; at < asked; at++) {
            double sum = nearest[at] != 0 ? sum_with(m, asked, nearest, at) : 0;

            /* A place that has a broker is 0 away from it. */
            if (nearest[at] != 0 && (best == UINT32_MAX || sum < least)) {
                best = at;
                least = sum;
            }
        }
        ret[b] = best != UINT32_MAX ? best : b;
        for (uint32_t i = 0; i < asked; i++) {
            nearest[i] = (uint32_t) wf_min_u64(nearest[i], matrix_us(m, ret[b], i));
        }
    }
    wf_free(nearest);
    return 0;
}
