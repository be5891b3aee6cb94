#include "common/map.h"

#include "client/include/weft/error.h"
#include "common/check.h"
#include "common/mem.h"

#include <string.h>

#define MAX_VALUES (UINT32_C(1) << 28)
#define FIRST_CAP  16

struct entry {
    const uint8_t *key; /* borrowed */
    void *value;        /* borrowed; NULL: taken, a hole */
    uint32_t len;
    uint32_t hash; /* low half of the key's hash */
};

/* The index has two slots for each entry that fits, so it is never more than half full.
 */
struct slot {
    uint32_t hash;
    uint32_t entry; /* place in `entries` + 1; 0: free */
};

struct wf_map {
    struct entry *entries; /* owned, in order of insertion */
    struct slot *slots;    /* owned, 2 * cap of them */
    size_t cap;            /* of entries: a power of two, or 0 */
    size_t first;          /* all entries before it are holes */
    size_t used;           /* entries in use, holes among them */
    size_t len;            /* values */
    size_t max;
    uint64_t key[2]; /* of the hash */
};

/* Multiply to 128 bits and fold. */
static uint64_t fold(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 m = (unsigned __int128) a * b;

    return (uint64_t) m ^ (uint64_t) (m >> 64);
}

static uint64_t word8(const uint8_t *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof w);
    return w;
}

static uint32_t word4(const uint8_t *p)
{
    uint32_t w;

    memcpy(&w, p, sizeof w);
    return w;
}

/* The last 0 to 8 bytes as one word; two loads may overlap. */
static uint64_t tail(const uint8_t *p, size_t len)
{
    if (len >= 4) {
        return (uint64_t) word4(p) << 32 | word4(p + len - 4);
    }
    return len == 0 ? 0 : (uint64_t) p[0] << 16 | (uint64_t) p[len / 2] << 8 | p[len - 1];
}

/* Keyed by folded multiplication, as in wyhash (Wang Yi, 2019): a handful of instructions
 * for the ids and keys that we hash several times a job.  The secret words keep a peer
 * that chooses ids from choosing collisions.  Words are read in the machine's own byte
 * order: a hash never leaves the process. */
static uint32_t hash(const struct wf_map *m, const uint8_t *p, size_t len)
{
    uint64_t h = m->key[0] ^ len;

    for (; len > 16; p += 16, len -= 16) {
        h = fold(word8(p) ^ m->key[0], word8(p + 8) ^ h ^ m->key[1]);
    }
    if (len > 8) {
        h = fold(word8(p) ^ m->key[0], word8(p + len - 8) ^ h ^ m->key[1]);
    } else {
        h = fold(tail(p, len) ^ m->key[0], h ^ m->key[1]);
    }
    h = fold(h ^ m->key[1], UINT64_C(0x9e3779b97f4a7c15));
    return (uint32_t) (h ^ h >> 32);
}

/* The secret words of a hash: never 0, and spread over all bits. */
static uint64_t secret(uint64_t seed)
{
    seed = (seed ^ seed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    seed = (seed ^ seed >> 27) * UINT64_C(0x94d049bb133111eb);
    return (seed ^ seed >> 31) | 1;
}

struct wf_map *wf_map_new(size_t max, uint64_t seed)
{
    struct wf_map *m;

    WF_CHECK(max >= 1 && max <= MAX_VALUES);
    m = wf_calloc(1, sizeof *m);
    if (m != NULL) {
        m->max = max;
        m->key[0] = secret(seed + UINT64_C(0x9e3779b97f4a7c15));
        m->key[1] = secret(seed + 2 * UINT64_C(0x9e3779b97f4a7c15));
    }
    return m;
}

void wf_map_free(struct wf_map *m)
{
    if (m != NULL) {
        wf_free(m->entries);
        wf_free(m->slots);
        wf_free(m);
    }
}

static size_t mask(const struct wf_map *m)
{
    return 2 * m->cap - 1;
}

/* The slot of a key, or NULL. */
static struct slot *find(const struct wf_map *m, const void *key, size_t len, uint32_t h)
{
    if (m->len == 0) {
        return NULL;
    }
    for (size_t i = h & mask(m);; i = (i + 1) & mask(m)) {
        struct slot *s = &m->slots[i];
        const struct entry *e;

        if (s->entry == 0) {
            return NULL;
        }
        e = &m->entries[s->entry - 1];
        if (s->hash == h && e->len == len && memcmp(e->key, key, len) == 0) {
            return s;
        }
    }
}

void *wf_map_get(const struct wf_map *m, const void *key, size_t len)
{
    const struct slot *s = find(m, key, len, hash(m, key, len));

    return s != NULL ? m->entries[s->entry - 1].value : NULL;
}

void wf_map_expect(const struct wf_map *m, const void *key, size_t len)
{
    if (m->len != 0) {
        __builtin_prefetch(&m->slots[hash(m, key, len) & mask(m)]);
    }
}

static void link_entry(struct wf_map *m, size_t at)
{
    uint32_t h = m->entries[at].hash;
    size_t i = h & mask(m);

    while (m->slots[i].entry != 0) {
        i = (i + 1) & mask(m);
    }
    m->slots[i] = (struct slot){.hash = h, .entry = (uint32_t) at + 1};
}

/* Close the holes, then fill the index, which must be clear. */
static void rebuild(struct wf_map *m)
{
    size_t to = 0;

    for (size_t i = m->first; i < m->used; i++) {
        if (m->entries[i].value != NULL) {
            m->entries[to] = m->entries[i];
            link_entry(m, to);
            to++;
        }
    }
    m->first = 0;
    m->used = to;
}

static int resize(struct wf_map *m, size_t cap)
{
    struct entry *entries;
    struct slot *slots = wf_calloc(2 * cap, sizeof *slots);

    if (slots == NULL) {
        return WEFT_ENOMEM;
    }
    entries = wf_realloc(m->entries, cap * sizeof *entries);
    if (entries == NULL) {
        wf_free(slots);
        return WEFT_ENOMEM;
    }
    wf_free(m->slots);
    m->entries = entries;
    m->slots = slots;
    m->cap = cap;
    rebuild(m);
    return 0;
}

/* Room for one more entry.  Holes are closed only when they are half of a full array, so
 * that each closing is paid by as many insertions; else the array doubles.  Closing the
 * few holes there are is still better than failing when there is no memory. */
static int make_room(struct wf_map *m)
{
    if (m->used < m->cap) {
        return 0;
    }
    if (m->cap == 0 || m->len > m->cap / 2) {
        if (resize(m, m->cap == 0 ? FIRST_CAP : 2 * m->cap) == 0) {
            return 0;
        }
        if (m->len == m->cap) {
            return WEFT_ENOMEM;
        }
    }
    memset(m->slots, 0, 2 * m->cap * sizeof *m->slots);
    rebuild(m);
    return 0;
}

int wf_map_put(struct wf_map *m, const void *key, size_t len, void *value)
{
    uint32_t h = hash(m, key, len);
    int rc;

    WF_CHECK(value != NULL && len <= UINT32_MAX);
    if (find(m, key, len, h) != NULL) {
        return WEFT_EEXIST;
    }
    if (m->len >= m->max) {
        return WEFT_EFULL;
    }
    rc = make_room(m);
    if (rc != 0) {
        return rc;
    }
    m->entries[m->used] =
        (struct entry){.key = key, .value = value, .len = (uint32_t) len, .hash = h};
    link_entry(m, m->used);
    m->used++;
    m->len++;
    return 0;
}

/* Free the slot and move back those after it that it stood in the way of, so that the
 * index needs no marks for removed ones. */
static void unlink_slot(struct wf_map *m, struct slot *s)
{
    size_t hole = (size_t) (s - m->slots);

    for (size_t i = (hole + 1) & mask(m); m->slots[i].entry != 0; i = (i + 1) & mask(m)) {
        size_t home = m->slots[i].hash & mask(m);

        /* Only if its search path, from home to i, passes the hole. */
        if (((i - home) & mask(m)) >= ((i - hole) & mask(m))) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole].entry = 0;
}

void *wf_map_take(struct wf_map *m, const void *key, size_t len)
{
    struct slot *s = find(m, key, len, hash(m, key, len));
    struct entry *e;
    void *value;

    if (s == NULL) {
        return NULL;
    }
    e = &m->entries[s->entry - 1];
    value = e->value;
    unlink_slot(m, s);
    *e = (struct entry){0};
    m->len--;
    /* Holes at either end are free to drop: queues leave them at the front. */
    while (m->used > m->first && m->entries[m->used - 1].value == NULL) {
        m->used--;
    }
    while (m->first < m->used && m->entries[m->first].value == NULL) {
        m->first++;
    }
    if (m->len == 0) {
        m->first = 0;
        m->used = 0;
    }
    return value;
}

size_t wf_map_len(const struct wf_map *m)
{
    return m->len;
}

void *wf_map_next(const struct wf_map *m, size_t *it)
{
    for (size_t i = *it < m->first ? m->first : *it; i < m->used; i++) {
        if (m->entries[i].value != NULL) {
            *it = i + 1;
            return m->entries[i].value;
        }
    }
    *it = m->used;
    return NULL;
}
