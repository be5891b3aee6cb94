#include "broker/core/peers/registry.h"

#include "broker/core/mesh/neighbours.h"
#include "broker/core/peers/agents.h"
#include "common/err.h"
#include "common/mem.h"
#include "common/str.h"
#include "proto/name.h"
#include "proto/pack.h"

#include <string.h>

#define PREFIX_MIN 8 /* hex digits of a key that may stand for it */

int registry_init(struct registry *r, size_t max, uint64_t seed)
{
    *r = (struct registry){wf_map_new(max, seed), wf_map_new(max, seed ^ 1), 0};
    if (r->keys == NULL || r->tokens == NULL) {
        registry_fini(r);
        return WEFT_ENOMEM;
    }
    return 0;
}

static void free_all(struct wf_map *m)
{
    struct principal *p;
    size_t it = 0;

    while (m != NULL && (p = wf_map_next(m, &it)) != NULL) {
        wf_free(wf_map_take(m, p->key.b, sizeof p->key.b));
    }
    wf_map_free(m);
}

void registry_fini(struct registry *r)
{
    free_all(r->keys);
    free_all(r->tokens);
    *r = (struct registry){0};
}

struct principal *registry_key(const struct registry *r, const struct wf_key *key)
{
    return wf_map_get(r->keys, key->b, sizeof key->b);
}

struct principal *registry_token(const struct registry *r, const struct wf_key *key)
{
    return wf_map_get(r->tokens, key->b, sizeof key->b);
}

struct principal *registry_named(const struct registry *r, struct wf_slice name)
{
    struct principal *p;
    size_t it = 0;

    while ((p = wf_map_next(r->keys, &it)) != NULL) {
        if (p->state == WF_KEY_ACTIVE && wf_slice_is(name, p->name)) {
            return p;
        }
    }
    return NULL;
}

static void match_hex(const struct wf_map *m, const char *text, struct principal **found,
                      unsigned *n)
{
    struct principal *p;
    size_t it = 0;

    while ((p = wf_map_next(m, &it)) != NULL) {
        char hex[2 * WF_KEY_SIZE + 1];

        wf_hex(hex, p->key.b, sizeof p->key.b);
        if (strncmp(hex, text, strlen(text)) == 0) {
            *found = p;
            (*n)++;
        }
    }
}

/* Open tokens of a name: there may be several. */
static void match_open(const struct wf_map *m, const char *name, struct principal **found,
                       unsigned *n)
{
    struct principal *p;
    size_t it = 0;

    while ((p = wf_map_next(m, &it)) != NULL) {
        if (p->state == WF_KEY_ACTIVE && strcmp(p->name, name) == 0 && name[0] != '\0') {
            *found = p;
            (*n)++;
        }
    }
}

int registry_find(const struct registry *r, const char *text,
                  struct principal **ret_principal)
{
    struct principal *p = registry_named(r, wf_slice_of(text));
    unsigned n = p != NULL;

    if (p == NULL) {
        match_open(r->tokens, text, &p, &n);
    }
    if (p == NULL && strlen(text) >= PREFIX_MIN) {
        match_hex(r->keys, text, &p, &n);
        match_hex(r->tokens, text, &p, &n);
    }
    if (n != 1) {
        return n == 0 ? WEFT_ENOENT : WEFT_EINVAL;
    }
    *ret_principal = p;
    return 0;
}

static int has_revoked(const struct wf_map *m, const char *name)
{
    const struct principal *p;
    size_t it = 0;

    while ((p = wf_map_next(m, &it)) != NULL) {
        if (p->state == WF_KEY_REVOKED && strcmp(p->name, name) == 0 && name[0] != '\0') {
            return 1;
        }
    }
    return 0;
}

int registry_was_revoked(const struct registry *r, const char *name)
{
    return has_revoked(r->keys, name) || has_revoked(r->tokens, name);
}

static struct wf_map *map_of(const struct registry *r, unsigned table)
{
    return table == REGISTRY_TOKENS ? r->tokens : r->keys;
}

static void count(struct registry *r, const struct principal *p, int by)
{
    if (p->role == WF_ROLE_OPERATOR && p->state == WF_KEY_ACTIVE &&
        registry_key(r, &p->key) == p) {
        r->operators += (size_t) by;
    }
}

int registry_add(struct registry *r, unsigned table, const struct principal *p,
                 struct principal **ret_principal)
{
    struct principal *copy;
    int rc;

    if (registry_key(r, &p->key) != NULL || registry_token(r, &p->key) != NULL ||
        (table == REGISTRY_KEYS && registry_named(r, wf_slice_of(p->name)) != NULL)) {
        return WEFT_EEXIST;
    }
    copy = wf_memdup(p, sizeof *p);
    if (copy == NULL) {
        return WEFT_ENOMEM;
    }
    rc = wf_map_put(map_of(r, table), copy->key.b, sizeof copy->key.b, copy);
    if (rc != 0) {
        wf_free(copy);
        return rc;
    }
    count(r, copy, 1);
    *ret_principal = copy;
    return 0;
}

void registry_set_state(struct registry *r, struct principal *p, unsigned state)
{
    count(r, p, -1);
    p->state = state;
    count(r, p, 1);
}

void registry_drop(struct registry *r, unsigned table, struct principal *p)
{
    count(r, p, -1);
    wf_free(wf_map_take(map_of(r, table), p->key.b, sizeof p->key.b));
}

/* What a neighbour offered; NULL: nothing is known. */
static const struct wf_buf *known_of(const struct principal *p)
{
    const struct neighbour *x = p->agent != NULL ? p->agent->neighbour : NULL;

    return x != NULL && x->known.len != 0 ? &x->known : NULL;
}

int registry_record(const struct principal *p, struct wf_buf *out)
{
    const struct wf_buf *known = known_of(p);

    (void) wf_pack_array(out, known != NULL ? 13 : 12);
    (void) wf_pack_uint(out, p->role);
    (void) wf_pack_uint(out, p->tier);
    (void) wf_pack_uint(out, p->state);
    (void) wf_pack_str(out, p->name, (uint32_t) strlen(p->name));
    (void) wf_pack_str(out, p->site, (uint32_t) strlen(p->site));
    (void) wf_pack_uint(out, p->created_ms);
    (void) wf_pack_uint(out, p->seen_ms);
    (void) wf_pack_uint(out, p->expires_ms);
    (void) wf_pack_uint(out, p->drained != 0);
    (void) wf_pack_array(out, p->nlabels);
    for (unsigned i = 0; i < p->nlabels; i++) {
        (void) wf_pack_str(out, p->labels[i], (uint32_t) strlen(p->labels[i]));
    }
    (void) wf_pack_uint(out, p->up != 0);
    (void) wf_pack_uint(out, p->foreign != 0);
    if (known != NULL) {
        (void) wf_pack_bin(out, known->p, (uint32_t) known->len);
    }
    return out->err;
}

static void take_text(struct wf_cursor *c, char *dst, size_t cap)
{
    uint32_t len = 0;
    const uint8_t *p = wf_cur_str(c, &len);

    if (c->err == 0 && wf_str_copy_n(dst, cap, p, len) != 0) {
        c->err = WEFT_EPROTO;
    }
}

/* `known` may be NULL. */
static int take_principal(struct wf_cursor *c, struct principal *p,
                          struct wf_slice *known)
{
    uint32_t n = wf_cur_array(c);

    if (n < 10) {
        return WEFT_EPROTO;
    }
    p->role = (unsigned) wf_cur_uint(c);
    p->tier = (unsigned) wf_cur_uint(c);
    p->state = (unsigned) wf_cur_uint(c);
    take_text(c, p->name, sizeof p->name);
    take_text(c, p->site, sizeof p->site);
    p->created_ms = wf_cur_uint(c);
    p->seen_ms = wf_cur_uint(c);
    p->expires_ms = wf_cur_uint(c);
    p->drained = wf_cur_uint(c) != 0;
    p->nlabels = wf_cur_array(c);
    if (c->err != 0 || p->nlabels > REGISTRY_LABELS || p->role > WF_ROLE_BROKER ||
        p->tier > WF_TIER_CLOUD || p->state > WF_KEY_EXPIRED) {
        return WEFT_EPROTO;
    }
    for (unsigned i = 0; i < p->nlabels; i++) {
        take_text(c, p->labels[i], sizeof p->labels[i]);
    }
    if (n > 10) {
        p->up = wf_cur_uint(c) != 0;
    }
    if (n > 11) {
        p->foreign = wf_cur_uint(c) != 0;
    }
    if (n > 12 && known != NULL) {
        known->p = wf_cur_bin(c, &known->len);
    }
    return c->err;
}

int registry_known(struct wf_slice record, struct wf_slice *ret_known)
{
    struct wf_slice known = {NULL, 0};
    struct principal p = {0};
    struct wf_cursor c;

    if (record.len < WF_KEY_SIZE) {
        return WEFT_EPROTO;
    }
    wf_cur_init(&c, record.p + WF_KEY_SIZE, record.len - WF_KEY_SIZE);
    if (take_principal(&c, &p, &known) != 0) {
        return WEFT_EPROTO;
    }
    *ret_known = known;
    return 0;
}

int registry_replay(struct registry *r, unsigned table, struct wf_slice record)
{
    struct principal p = {0};
    struct principal *old;
    struct wf_cursor c;

    if ((table != REGISTRY_KEYS && table != REGISTRY_TOKENS) ||
        record.len < WF_KEY_SIZE) {
        return WEFT_EPROTO;
    }
    memcpy(p.key.b, record.p, WF_KEY_SIZE);
    wf_cur_init(&c, record.p + WF_KEY_SIZE, record.len - WF_KEY_SIZE);
    if (take_principal(&c, &p, NULL) != 0) {
        return WEFT_EPROTO;
    }
    old = wf_map_get(map_of(r, table), p.key.b, sizeof p.key.b);
    if (old != NULL) {
        count(r, old, -1);
        /* What is not in the record is of this process. */
        p.agent = old->agent;
        p.guests = old->guests;
        p.guest_bytes = old->guest_bytes;
        p.claimed_rollback = old->claimed_rollback;
        *old = p;
        count(r, old, 1);
        return 0;
    }
    return registry_add(r, table, &p, &old);
}
