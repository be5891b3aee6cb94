/* vec.h - arrays that grow by doubling, for what is read from files */
#ifndef TESTS_SIM_PLACE_SCENARIO_VEC_H
#define TESTS_SIM_PLACE_SCENARIO_VEC_H

#include "common/defs.h"
#include "common/mem.h"

/* The array with room for more than `n` elements of `size` bytes, perhaps moved; NULL
 * when there is no memory, and then the old one is untouched. */
static inline void *vec_room(void *p, size_t *cap, size_t n, size_t size)
{
    size_t more = *cap == 0 ? 16 : *cap * 2;
    void *grown;

    if (n < *cap) {
        return p;
    }
    if (more > SIZE_MAX / size) {
        return NULL;
    }
    grown = wf_realloc(p, more * size);
    if (grown != NULL) {
        *cap = more;
    }
    return grown;
}

#endif
