#include "tests/sim/place/scenario/names.h"

#include "client/include/weft/error.h"
#include "tests/sim/place/scenario/vec.h"

#include <string.h>

#define NAMES_MAX (1u << 27)

struct name {
    uint32_t number;
    char text[];
};

int names_init(struct names *t)
{
    *t = (struct names){.map = wf_map_new(NAMES_MAX, 1)};
    return t->map != NULL ? 0 : WEFT_ENOMEM;
}

void names_fini(struct names *t)
{
    for (uint32_t i = 0; i < t->n; i++) {
        wf_free(t->all[i]);
    }
    wf_free(t->all);
    wf_map_free(t->map);
    *t = (struct names){0};
}

uint32_t names_find(const struct names *t, const char *text, size_t len)
{
    const struct name *found = wf_map_get(t->map, text, len);

    return found != NULL ? found->number : NAMES_NONE;
}

int names_add(struct names *t, const char *text, size_t len, uint32_t *ret_number)
{
    uint32_t number = names_find(t, text, len);
    struct name **all;
    struct name *new;
    int err;

    if (number != NAMES_NONE) {
        *ret_number = number;
        return 0;
    }
    all = vec_room(t->all, &t->cap, t->n, sizeof(struct name *));
    if (all == NULL) {
        return WEFT_ENOMEM;
    }
    t->all = all;
    new = wf_calloc(1, sizeof *new + len + 1);
    if (new == NULL) {
        return WEFT_ENOMEM;
    }
    new->number = t->n;
    memcpy(new->text, text, len);
    err = wf_map_put(t->map, new->text, len, new);
    if (err != 0) {
        wf_free(new);
        return err;
    }
    t->all[t->n++] = new;
    *ret_number = new->number;
    return 0;
}

const char *names_text(const struct names *t, uint32_t number)
{
    return t->all[number]->text;
}
