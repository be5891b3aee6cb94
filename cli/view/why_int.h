/* why_int.h - what both ways to show a decision ask of it */
#ifndef CLI_VIEW_WHY_INT_H
#define CLI_VIEW_WHY_INT_H

#include <weft/info.h>

/* The n-th candidate, from 0, that no filter refused; NULL: there is none. */
static inline const struct weft_scored *why_nth(const struct weft_why *why, size_t n)
{
    for (size_t i = 0; i < why->nrows; i++) {
        if (why->rows[i].filter == 0 && n-- == 0) {
            return &why->rows[i];
        }
    }
    return NULL;
}

#endif
