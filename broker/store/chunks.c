#include "broker/store/chunks.h"

#include "common/mem.h"

#include <string.h>

#define CHUNK (256u << 10)

struct chunk {
    struct chunk *next;
    size_t used, cap;
    size_t rows; /* not given back */
    _Alignas(struct store_row) uint8_t bytes[];
};

static struct chunk *chunk_for(struct chunks *cs, size_t need)
{
    struct chunk *c = cs->filling;

    if (c != NULL && need <= c->cap - c->used) {
        return c;
    }
    if (cs->spare != NULL && need <= cs->spare->cap) {
        c = cs->spare;
        cs->spare = NULL;
    } else {
        size_t cap = wf_max_u64(need, CHUNK);

        c = wf_calloc(1, sizeof *c + cap);
        if (c == NULL) {
            return NULL;
        }
        c->cap = cap;
    }
    *(cs->filling != NULL ? &cs->filling->next : &cs->oldest) = c;
    cs->filling = c;
    return c;
}

struct store_row *chunks_put(struct chunks *cs, unsigned table, uint64_t lsn,
                             struct wf_slice record)
{
    const size_t align = _Alignof(struct store_row);
    const size_t need =
        (sizeof(struct store_row) + record.len + align - 1) / align * align;
    struct chunk *c = chunk_for(cs, need);
    struct store_row *r;

    if (c == NULL) {
        return NULL;
    }
    r = (void *) (c->bytes + c->used);
    *r = (struct store_row){.table = table, .lsn = lsn, .len = record.len};
    memcpy(r->bytes, record.p, record.len);
    c->used += need;
    c->rows++;
    return r;
}

/* One is kept, so that a steady flow allocates nothing. */
static void let_go(struct chunks *cs, struct chunk *c)
{
    if (cs->spare == NULL && c->cap == CHUNK) {
        c->next = NULL;
        c->used = 0;
        cs->spare = c;
    } else {
        wf_free(c);
    }
}

void chunks_give_back(struct chunks *cs, size_t n)
{
    while (n != 0) {
        struct chunk *c = cs->oldest;
        size_t some = wf_min_u64(n, c->rows);

        c->rows -= some;
        n -= some;
        if (c->rows != 0) {
            continue;
        }
        if (c == cs->filling) {
            cs->filling = NULL;
        }
        cs->oldest = c->next;
        let_go(cs, c);
    }
}

void chunks_fini(struct chunks *cs)
{
    while (cs->oldest != NULL) {
        struct chunk *next = cs->oldest->next;

        wf_free(cs->oldest);
        cs->oldest = next;
    }
    wf_free(cs->spare);
}
