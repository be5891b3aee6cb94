#include "cli/tool/suggest.h"

#include <limits.h>
#include <string.h>

#define SUGGEST_MAX 40 /* longer words are not compared */

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned suggest_distance(const char *a, const char *b)
{
    unsigned rows[3][SUGGEST_MAX + 1];
    size_t na = strlen(a), nb = strlen(b);

    if (na > SUGGEST_MAX || nb > SUGGEST_MAX) {
        return UINT_MAX;
    }
    for (size_t j = 0; j <= nb; j++) {
        rows[0][j] = (unsigned) j;
    }
    for (size_t i = 1; i <= na; i++) {
        unsigned *row = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];

        row[0] = (unsigned) i;
        for (size_t j = 1; j <= nb; j++) {
            row[j] =
                least(up[j - 1] + (a[i - 1] != b[j - 1]), least(up[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], up2[j - 2] + 1);
            }
        }
    }
    return rows[na % 3][nb];
}

void suggest_start(struct suggest *suggest, const char *typed)
{
    suggest->typed = typed;
    suggest->best = NULL;
    suggest->distance = UINT_MAX;
}

void suggest_try(struct suggest *suggest, const char *word)
{
    unsigned d = suggest_distance(suggest->typed, word);
    size_t typed = strlen(suggest->typed), limit = (strlen(word) + 2) / 3;

    if (typed >= 2 && strncmp(suggest->typed, word, typed) == 0) {
        d = 1;
    }
    if (d <= limit && d < suggest->distance) {
        suggest->best = word;
        suggest->distance = d;
    }
}
