#include "broker/core/mesh/gossip/facts.h"

#include "common/check.h"
#include "common/err.h"
#include "common/fnv.h"
#include "common/mem.h"
#include "common/plant.h"
#include "proto/words.h"

#include <string.h>

/* The facts of all origins about one key. */
struct subject {
    struct wf_key key;
    struct wf_list_node facts;
};

static size_t facts_max(const struct facts_limits *l)
{
    uint64_t n = l->bytes / sizeof(struct fact) + 1;

    return (size_t) wf_min_u64(n, 1u << 28);
}

int facts_init(struct facts *s, const struct facts_limits *limit, uint64_t seed)
{
    *s = (struct facts){.limit = *limit};
    wf_list_init(&s->news);
    s->origins = wf_map_new(limit->origins, seed);
    s->facts = wf_map_new(facts_max(limit), seed + 1);
    s->subjects = wf_map_new(facts_max(limit), seed + 2);
    if (s->origins == NULL || s->facts == NULL || s->subjects == NULL) {
        facts_fini(s);
        return WEFT_ENOMEM;
    }
    return 0;
}

static void leave_subject(struct facts *s, struct fact *f)
{
    struct wf_slice key = fact_key(f);
    struct subject *about;

    if (wf_list_empty(&f->in_subject)) {
        return;
    }
    wf_list_remove(&f->in_subject);
    about = wf_map_get(s->subjects, key.p, key.len);
    if (about != NULL && wf_list_empty(&about->facts)) {
        wf_free(wf_map_take(s->subjects, about->key.b, sizeof about->key.b));
    }
}

/* Free a fact that is in the map and the array no more. */
static void release(struct facts *s, struct fact *f)
{
    uint64_t cost = fact_cost(f->body_len);

    leave_subject(s, f);
    wf_list_remove(&f->in_news);
    f->of->bytes -= cost;
    s->bytes -= cost;
    wf_free(f);
}

static void free_origin(struct facts *s, struct origin *o)
{
    for (unsigned i = 0; i < o->n; i++) {
        release(s, o->facts[i]);
    }
    wf_free(o->facts);
    wf_free(o);
}

void facts_fini(struct facts *s)
{
    for (unsigned i = 0; i < s->n; i++) {
        free_origin(s, s->order[i]);
    }
    wf_free(s->order);
    wf_map_free(s->origins);
    wf_map_free(s->facts);
    wf_map_free(s->subjects);
    *s = (struct facts){0};
}

struct origin *facts_origin(const struct facts *s, const struct wf_key *key)
{
    return wf_map_get(s->origins, key->b, sizeof key->b);
}

unsigned facts_place(const struct facts *s, const struct wf_key *key)
{
    unsigned lo = 0, hi = s->n;

    while (lo < hi) {
        unsigned mid = lo + (hi - lo) / 2;

        if (memcmp(s->order[mid]->key.b, key->b, sizeof key->b) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

/* Room for one more pointer in an array that grows by doubling. */
static void *grown(void *v, unsigned n, unsigned *cap)
{
    unsigned more = *cap != 0 ? 2 * *cap : 4;

    if (n < *cap) {
        return v;
    }
    v = wf_realloc(v, more * sizeof(void *));
    if (v != NULL) {
        *cap = more;
    }
    return v;
}

int facts_add_origin(struct facts *s, const struct wf_key *key,
                     struct origin **ret_origin)
{
    unsigned at = facts_place(s, key);
    struct origin **order;
    struct origin *o;
    int rc;

    order = grown(s->order, s->n, &s->cap);
    if (order == NULL) {
        return WEFT_ENOMEM;
    }
    s->order = order;
    o = wf_calloc(1, sizeof *o);
    if (o == NULL) {
        return WEFT_ENOMEM;
    }
    *o = (struct origin){.key = *key, .parent = -1, .owed_low = UINT64_MAX};
    wf_list_init(&o->busy);
    rc = wf_map_put(s->origins, o->key.b, sizeof o->key.b, o);
    if (rc != 0) {
        wf_free(o);
        return rc;
    }
    memmove(order + at + 1, order + at, (s->n - at) * sizeof(struct origin *));
    order[at] = o;
    s->n++;
    *ret_origin = o;
    return 0;
}

static size_t id_make(uint8_t id[2 * WF_KEY_SIZE + 1], const struct wf_key *origin,
                      unsigned kind, struct wf_slice key)
{
    memcpy(id, origin->b, WF_KEY_SIZE);
    id[WF_KEY_SIZE] = (uint8_t) kind;
    if (key.len != 0) {
        memcpy(id + WF_KEY_SIZE + 1, key.p, key.len);
    }
    return WF_KEY_SIZE + 1 + key.len;
}

struct fact *facts_find(const struct facts *s, const struct wf_key *origin, unsigned kind,
                        struct wf_slice key)
{
    uint8_t id[2 * WF_KEY_SIZE + 1];
    size_t len = id_make(id, origin, kind, key);

    return wf_map_get(s->facts, id, len);
}

int facts_room(const struct facts *s, const struct origin *o, const struct said *f)
{
    const struct fact *old = facts_find(s, &o->key, f->kind, f->key);
    uint64_t back = old != NULL ? fact_cost(old->body_len) : 0;
    uint64_t cost = fact_cost(f->body.len);

    if ((old == NULL && o->n >= s->limit.facts) ||
        cost >
            s->limit.origin_bytes - wf_min_u64(o->bytes - back, s->limit.origin_bytes) ||
        cost > s->limit.bytes - wf_min_u64(s->bytes - back, s->limit.bytes)) {
        return WEFT_EFULL;
    }
    return 0;
}

unsigned facts_after(const struct origin *o, uint64_t after)
{
    unsigned lo = 0, hi = o->n;

    while (lo < hi) {
        unsigned mid = lo + (hi - lo) / 2;

        if (o->facts[mid]->seq <= after) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

int facts_has(const struct origin *o, uint64_t seq)
{
    unsigned at = facts_after(o, seq - 1);

    return at < o->n && o->facts[at]->seq == seq;
}

static void advance(struct origin *o)
{
    for (unsigned i = facts_after(o, o->seen); i < o->n; i++) {
        if (!WF_PLANT(GOSSIP_IGNORES_GAPS) && o->facts[i]->base > o->seen) {
            return;
        }
        o->seen = o->facts[i]->seq;
    }
}

void facts_claim(struct origin *o, struct fact *held, uint64_t seq, uint64_t base)
{
    if (held != NULL && seq == held->seq) {
        held->base = wf_min_u64(held->base, base);
    } else if (base <= o->seen && seq > o->seen) {
        o->seen = seq;
    }
    advance(o);
}

uint64_t facts_base(const struct origin *o, unsigned at)
{
    const struct fact *f = o->facts[at];

    if (f->seq > o->seen) {
        return f->base;
    }
    return at != 0 ? o->facts[at - 1]->seq : 0;
}

static void take_out(struct origin *o, const struct fact *f)
{
    unsigned at = facts_after(o, f->seq - 1);

    WF_CHECK(at < o->n && o->facts[at] == f);
    o->n--;
    memmove(o->facts + at, o->facts + at + 1, (o->n - at) * sizeof(struct fact *));
}

static struct fact *make_fact(struct origin *o, const struct said *said,
                              const uint8_t sign[WF_SIGN_SIZE], uint64_t base,
                              uint64_t now_us)
{
    struct fact *f = wf_calloc(1, sizeof *f + said->body.len);

    if (f == NULL) {
        return NULL;
    }
    f->of = o;
    f->seq = said->seq;
    f->base = base;
    f->at_us = now_us;
    f->key_len = (uint8_t) said->key.len;
    f->body_len = said->body.len;
    wf_list_init(&f->in_news);
    wf_list_init(&f->in_subject);
    (void) id_make(f->id, &o->key, said->kind, said->key);
    memcpy(f->sign, sign, WF_SIGN_SIZE);
    if (said->body.len != 0) {
        memcpy(f->body, said->body.p, said->body.len);
    }
    return f;
}

/* The list of what is about the same key, made when it is the first.  NULL: no memory. */
static struct subject *subject_of(struct facts *s, struct wf_slice key)
{
    struct subject *about = wf_map_get(s->subjects, key.p, key.len);

    if (about != NULL) {
        return about;
    }
    about = wf_calloc(1, sizeof *about);
    if (about == NULL) {
        return NULL;
    }
    memcpy(about->key.b, key.p, sizeof about->key.b);
    wf_list_init(&about->facts);
    if (wf_map_put(s->subjects, about->key.b, sizeof about->key.b, about) != 0) {
        wf_free(about);
        return NULL;
    }
    return about;
}

/* Into the array of its origin, which has room. */
static void put_in(struct origin *o, struct fact *f)
{
    unsigned at = facts_after(o, f->seq);

    memmove(o->facts + at + 1, o->facts + at, (o->n - at) * sizeof(struct fact *));
    o->facts[at] = f;
    o->n++;
}

/* The fact is complete, its origin's array has room: only the map may fail, and only when
 * the fact replaces none. */
static int enter(struct facts *s, struct origin *o, struct fact *f)
{
    struct fact *old = wf_map_take(s->facts, f->id, WF_KEY_SIZE + 1u + f->key_len);
    int rc = wf_map_put(s->facts, f->id, WF_KEY_SIZE + 1u + f->key_len, f);

    WF_CHECK(rc == 0 || old == NULL);
    if (rc != 0) {
        return rc;
    }
    if (old != NULL) {
        take_out(o, old);
        release(s, old);
    }
    put_in(o, f);
    o->bytes += fact_cost(f->body_len);
    s->bytes += fact_cost(f->body_len);
    wf_list_push_back(&s->news, &f->in_news);
    return 0;
}

int facts_put(struct facts *s, struct origin *o, const struct said *said,
              const uint8_t sign[WF_SIGN_SIZE], uint64_t base, uint64_t now_us,
              struct fact **ret_fact)
{
    int about_key = said->kind == WF_FACT_KEY && said->key.len != 0;
    struct subject *about = NULL;
    struct fact **v;
    struct fact *f;
    int rc = facts_room(s, o, said);

    if (rc != 0) {
        return rc;
    }
    v = grown(o->facts, o->n, &o->cap);
    if (v == NULL) {
        return WEFT_ENOMEM;
    }
    o->facts = v;
    f = make_fact(o, said, sign, base, now_us);
    if (f == NULL) {
        return WEFT_ENOMEM;
    }
    if (about_key) {
        about = subject_of(s, said->key);
        if (about == NULL) {
            wf_free(f);
            return WEFT_ENOMEM;
        }
        wf_list_push_back(&about->facts, &f->in_subject);
    }
    rc = enter(s, o, f);
    if (rc != 0) {
        leave_subject(s, f);
        wf_free(f);
        return rc;
    }
    advance(o);
    *ret_fact = f;
    return 0;
}

void facts_keep_keys(struct facts *s, struct origin *o)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < o->n; i++) {
        struct fact *f = o->facts[i];

        if (fact_kind(f) == WF_FACT_KEY) {
            o->facts[kept++] = f;
        } else {
            (void) wf_map_take(s->facts, f->id, WF_KEY_SIZE + 1u + f->key_len);
            release(s, f);
        }
    }
    o->n = kept;
}

struct fact *facts_about(const struct facts *s, const struct wf_key *key,
                         const struct fact *before)
{
    const struct subject *about = wf_map_get(s->subjects, key->b, sizeof key->b);
    struct wf_list_node *n;

    if (about == NULL) {
        return NULL;
    }
    n = before == NULL ? wf_list_first(&about->facts)
                       : wf_list_next(&about->facts, &before->in_subject);
    return n != NULL ? CONTAINER_OF(n, struct fact, in_subject) : NULL;
}

uint64_t facts_hash(const struct facts *s)
{
    uint64_t h = WF_FNV_START;

    for (unsigned i = 0; i < s->n; i++) {
        const struct origin *o = s->order[i];

        h = wf_fnv_bytes(h, o->key.b, sizeof o->key.b);
        h = wf_fnv_u64(h, o->revoked);
        for (unsigned k = 0; k < o->n; k++) {
            const struct fact *f = o->facts[k];

            h = wf_fnv_u64(h, f->seq);
            h = wf_fnv_bytes(h, f->id, WF_KEY_SIZE + 1u + f->key_len);
            h = wf_fnv_bytes(h, f->body, f->body_len);
        }
    }
    return h;
}

static uint64_t check_origin(const struct facts *s, const struct origin *o)
{
    uint64_t bytes = 0;

    WF_CHECK(facts_origin(s, &o->key) == o);
    for (unsigned i = 0; i < o->n; i++) {
        const struct fact *f = o->facts[i];

        WF_CHECK(f->of == o && f->base < f->seq && f->seq <= FACT_SEQ_MAX);
        WF_CHECK(i == 0 || o->facts[i - 1]->seq < f->seq);
        WF_CHECK(facts_find(s, &o->key, fact_kind(f), fact_key(f)) == f);
        WF_CHECK(f->seq <= o->seen || f->base > o->seen ||
                 (i != 0 && o->facts[i - 1]->seq > o->seen));
        WF_CHECK(mask_empty(&f->owed) || f->seq >= o->owed_low);
        WF_CHECK(o->revoked == 0 || fact_kind(f) == WF_FACT_KEY);
        bytes += fact_cost(f->body_len);
    }
    WF_CHECK(o->n <= s->limit.facts && bytes == o->bytes);
    WF_CHECK(bytes <= s->limit.origin_bytes);
    return bytes;
}

void facts_check(const struct facts *s)
{
    uint64_t bytes = 0;
    size_t n = 0;

    WF_CHECK(wf_map_len(s->origins) == s->n && s->n <= s->limit.origins);
    for (unsigned i = 0; i < s->n; i++) {
        WF_CHECK(i == 0 ||
                 memcmp(s->order[i - 1]->key.b, s->order[i]->key.b, WF_KEY_SIZE) < 0);
        bytes += check_origin(s, s->order[i]);
        n += s->order[i]->n;
    }
    WF_CHECK(bytes == s->bytes && bytes <= s->limit.bytes);
    WF_CHECK(wf_map_len(s->facts) == n);
}
