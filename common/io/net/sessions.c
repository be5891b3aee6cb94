#include "common/io/net/sessions.h"

#include "common/check.h"
#include "common/err.h"
#include "common/mem.h"

#include <string.h>

#define SLOT_BITS 20
#define SLOT_MASK ((1u << SLOT_BITS) - 1)
#define GEN_MAX   0xfffu
#define FIRST_CAP 64

struct sessions_entry {
    uint32_t rid;
    uint32_t slot_plus_1; /* 0: empty */
};

static uint32_t index_mask(const struct sessions *t)
{
    return t->cap * 2 - 1;
}

static struct sessions_entry *find(const struct sessions *t, uint32_t rid)
{
    uint32_t mask = index_mask(t);
    uint32_t i = rid & mask;

    while (t->index[i].slot_plus_1 != 0 && t->index[i].rid != rid) {
        i = (i + 1) & mask;
    }
    return &t->index[i];
}

/* Double the tables.  `cap` is a power of two. */
static int grow(struct sessions *t, uint32_t cap)
{
    struct session **slots = wf_calloc(cap, sizeof(struct session *));
    uint16_t *gens = wf_calloc(cap, sizeof *gens);
    uint32_t *ring = wf_calloc(cap, sizeof *ring);
    struct sessions_entry *index = wf_calloc((size_t) cap * 2, sizeof *index);

    if (slots == NULL || gens == NULL || ring == NULL || index == NULL) {
        wf_free(slots);
        wf_free(gens);
        wf_free(ring);
        wf_free(index);
        return WEFT_ENOMEM;
    }
    if (t->cap != 0) {
        memcpy(slots, t->slots, t->cap * sizeof(struct session *));
        memcpy(gens, t->gens, t->cap * sizeof *gens);
    }
    for (uint32_t i = 0; i < t->n_free; i++) {
        ring[i] = t->free_ring[(t->free_head + i) & (t->cap - 1)];
    }
    for (uint32_t slot = t->cap; slot < cap; slot++) {
        ring[t->n_free++] = slot;
    }
    wf_free(t->slots);
    wf_free(t->gens);
    wf_free(t->free_ring);
    wf_free(t->index);
    t->slots = slots;
    t->gens = gens;
    t->free_ring = ring;
    t->free_head = 0;
    t->index = index;
    t->cap = cap;
    for (uint32_t slot = 0; slot < cap; slot++) {
        if (slots[slot] != NULL) {
            *find(t, slots[slot]->rid) =
                (struct sessions_entry){slots[slot]->rid, slot + 1};
        }
    }
    return 0;
}

int sessions_init(struct sessions *t)
{
    *t = (struct sessions){0};
    return grow(t, FIRST_CAP);
}

void sessions_fini(struct sessions *t)
{
    for (uint32_t i = 0; i < t->cap; i++) {
        wf_free(t->slots[i]);
    }
    wf_free(t->slots);
    wf_free(t->gens);
    wf_free(t->free_ring);
    wf_free(t->index);
    *t = (struct sessions){0};
}

struct session *sessions_by_rid(const struct sessions *t, uint32_t rid)
{
    const struct sessions_entry *e = find(t, rid);

    return e->slot_plus_1 != 0 ? t->slots[e->slot_plus_1 - 1] : NULL;
}

struct session *sessions_by_handle(const struct sessions *t, uint32_t handle)
{
    uint32_t slot = handle & SLOT_MASK;
    struct session *s = slot < t->cap ? t->slots[slot] : NULL;

    return s != NULL && s->handle == handle ? s : NULL;
}

int sessions_add(struct sessions *t, uint32_t rid, struct session **ret_session)
{
    struct session *s;
    uint32_t slot;

    /* A slot waits behind at least a quarter of the table before it is used again. */
    if (t->n_free <= t->cap / 4) {
        if (t->cap >= SESSIONS_MAX) {
            return WEFT_EFULL;
        }
        if (grow(t, t->cap * 2) != 0) {
            return WEFT_ENOMEM;
        }
    }
    s = wf_calloc(1, sizeof *s);
    if (s == NULL) {
        return WEFT_ENOMEM;
    }
    slot = t->free_ring[t->free_head];
    t->free_head = (t->free_head + 1) & (t->cap - 1);
    t->n_free--;
    t->gens[slot] = t->gens[slot] >= GEN_MAX ? 1 : (uint16_t) (t->gens[slot] + 1);
    s->handle = (uint32_t) t->gens[slot] << SLOT_BITS | slot;
    s->rid = rid;
    s->fd = -1;
    wf_list_init(&s->node);
    wf_list_init(&s->end);
    wf_list_init(&s->room);
    t->slots[slot] = s;
    *find(t, rid) = (struct sessions_entry){rid, slot + 1};
    t->n++;
    *ret_session = s;
    return 0;
}

/* Close the gap that an entry leaves, so that probing needs no tombstones. */
static void index_remove(struct sessions *t, uint32_t rid)
{
    uint32_t mask = index_mask(t);
    uint32_t hole = (uint32_t) (find(t, rid) - t->index);
    uint32_t i = hole;

    for (;;) {
        uint32_t home;

        i = (i + 1) & mask;
        if (t->index[i].slot_plus_1 == 0) {
            break;
        }
        home = t->index[i].rid & mask;
        /* Entry i may move to the hole if its home is not between the two. */
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            t->index[hole] = t->index[i];
            hole = i;
        }
    }
    t->index[hole] = (struct sessions_entry){0};
}

void sessions_remove(struct sessions *t, struct session *s)
{
    uint32_t slot = s->handle & SLOT_MASK;

    WF_CHECK(t->slots[slot] == s && s->out.head == NULL);
    wf_list_remove(&s->node);
    wf_list_remove(&s->end);
    wf_list_remove(&s->room);
    index_remove(t, s->rid);
    t->slots[slot] = NULL;
    t->free_ring[(t->free_head + t->n_free) & (t->cap - 1)] = slot;
    t->n_free++;
    t->n--;
    wf_free(s);
}

struct session *sessions_next(const struct sessions *t, uint32_t *it)
{
    while (*it < t->cap) {
        struct session *s = t->slots[(*it)++];

        if (s != NULL) {
            return s;
        }
    }
    return NULL;
}
