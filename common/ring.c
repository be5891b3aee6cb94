#include "common/ring.h"

#include "client/include/weft/error.h"
#include "common/mem.h"

int wf_ring_init(struct wf_ring *r, size_t cap)
{
    *r = (struct wf_ring){0};
    if (cap == 0) {
        return WEFT_EINVAL;
    }
    r->at = wf_calloc(cap, sizeof *r->at);
    if (r->at == NULL) {
        return WEFT_ENOMEM;
    }
    r->cap = cap;
    return 0;
}

void wf_ring_fini(struct wf_ring *r)
{
    wf_free(r->at);
    *r = (struct wf_ring){0};
}

/* Place of the i-th oldest; i <= cap, written so that nothing overflows. */
static size_t place(const struct wf_ring *r, size_t i)
{
    return i < r->cap - r->head ? r->head + i : i - (r->cap - r->head);
}

int wf_ring_push(struct wf_ring *r, void *p)
{
    if (r->len == r->cap) {
        return WEFT_EFULL;
    }
    r->at[place(r, r->len)] = p;
    r->len++;
    return 0;
}

void *wf_ring_pop(struct wf_ring *r)
{
    void *p;

    if (r->len == 0) {
        return NULL;
    }
    p = r->at[r->head];
    r->head = place(r, 1);
    r->len--;
    return p;
}

void *wf_ring_peek(const struct wf_ring *r, size_t i)
{
    return i < r->len ? r->at[place(r, i)] : NULL;
}
