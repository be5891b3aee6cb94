#include "common/intern.h"

#include "client/include/weft/error.h"
#include "common/check.h"
#include "common/map.h"
#include "common/mem.h"

#include <string.h>

#define MAX_NAMES (UINT32_C(1) << 20)
#define FIRST_CAP 16u

/* On the heap one by one: the map borrows their text, which must not move. */
struct name {
    uint32_t number;
    char text[];
};

struct wf_intern {
    struct wf_map *by_name; /* struct name */
    struct name **names;    /* owned, by number - 1 */
    uint32_t len, cap, max;
};

struct wf_intern *wf_intern_new(uint32_t max, uint64_t seed)
{
    struct wf_intern *t;

    WF_CHECK(max >= 1 && max <= MAX_NAMES);
    t = wf_calloc(1, sizeof *t);
    if (t == NULL) {
        return NULL;
    }
    t->max = max;
    t->by_name = wf_map_new(max, seed);
    if (t->by_name == NULL) {
        wf_free(t);
        return NULL;
    }
    return t;
}

void wf_intern_free(struct wf_intern *t)
{
    if (t == NULL) {
        return;
    }
    for (uint32_t i = 0; i < t->len; i++) {
        wf_free(t->names[i]);
    }
    wf_free(t->names);
    wf_map_free(t->by_name);
    wf_free(t);
}

static int make_room(struct wf_intern *t)
{
    uint32_t cap = t->cap == 0 ? FIRST_CAP : 2 * t->cap;
    struct name **names;

    if (t->len < t->cap) {
        return 0;
    }
    names = wf_realloc(t->names, cap * sizeof(struct name *));
    if (names == NULL) {
        return WEFT_ENOMEM;
    }
    t->names = names;
    t->cap = cap;
    return 0;
}

static int put_new(struct wf_intern *t, const char *text, size_t len,
                   uint32_t *ret_number)
{
    struct name *n;
    int rc;

    if (t->len == t->max) {
        return WEFT_EFULL;
    }
    rc = make_room(t);
    if (rc != 0) {
        return rc;
    }
    n = wf_calloc(1, sizeof *n + len + 1);
    if (n == NULL) {
        return WEFT_ENOMEM;
    }
    memcpy(n->text, text, len + 1);
    n->number = t->len + 1;
    rc = wf_map_put(t->by_name, n->text, len, n);
    if (rc != 0) {
        wf_free(n);
        return rc;
    }
    t->names[t->len++] = n;
    *ret_number = n->number;
    return 0;
}

int wf_intern_put(struct wf_intern *t, const char *name, uint32_t *ret_number)
{
    size_t len = strlen(name);
    uint32_t number = wf_intern_find(t, name);

    if (len > WF_INTERN_NAME) {
        return WEFT_ETOOBIG;
    }
    if (len == 0 || number != 0) {
        *ret_number = number;
        return 0;
    }
    return put_new(t, name, len, ret_number);
}

uint32_t wf_intern_find(const struct wf_intern *t, const char *name)
{
    const struct name *n = wf_map_get(t->by_name, name, strlen(name));

    return n != NULL ? n->number : 0;
}

const char *wf_intern_name(const struct wf_intern *t, uint32_t number)
{
    return number == 0 || number > t->len ? "" : t->names[number - 1]->text;
}

uint32_t wf_intern_len(const struct wf_intern *t)
{
    return t->len;
}
