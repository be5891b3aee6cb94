/* names.h - texts to numbers from 0 on, in the order in which they come first */
#ifndef TESTS_SIM_PLACE_SCENARIO_NAMES_H
#define TESTS_SIM_PLACE_SCENARIO_NAMES_H

#include "common/map.h"

#define NAMES_NONE UINT32_MAX

struct names {
    struct wf_map *map;
    struct name **all; /* owned */
    size_t cap;
    uint32_t n;
};

/* WEFT_ENOMEM. */
int names_init(struct names *t);
void names_fini(struct names *t);

/* The number of a text, or NAMES_NONE. */
uint32_t names_find(const struct names *t, const char *text, size_t len);

/* The same, a new one if need be.  WEFT_ENOMEM, WEFT_EFULL. */
int names_add(struct names *t, const char *text, size_t len, uint32_t *ret_number);

/* Borrowed. */
const char *names_text(const struct names *t, uint32_t number);

#endif
