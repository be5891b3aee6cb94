#include "broker/core/peers/registry.h"

#include "common/err.h"
#include "common/mem.h"
#include "tests/lib/tap.h"

#include <stdio.h>

static struct principal make(uint8_t key, unsigned role, const char *name)
{
    struct principal p = {.role = role, .tier = 1, .created_ms = 5, .expires_ms = 9};

    memset(p.key.b, key, sizeof p.key.b);
    (void) snprintf(p.name, sizeof p.name, "%s", name);
    (void) snprintf(p.site, sizeof p.site, "lyon");
    return p;
}

static void adds(void)
{
    struct principal a = make(1, WF_ROLE_AGENT, "edge-1");
    struct principal b = make(2, WF_ROLE_AGENT, "edge-1");
    struct principal t = make(3, WF_ROLE_AGENT, "edge-1");
    struct principal *p, *q;
    struct registry r;

    must(registry_init(&r, 3, 1) == 0);
    is_int(registry_add(&r, REGISTRY_KEYS, &a, &p), 0, "a key");
    ok(p != &a && registry_key(&r, &a.key) == p, "is copied and found");
    ok(registry_named(&r, wf_slice_of("edge-1")) == p, "also by name");
    is_int(registry_add(&r, REGISTRY_KEYS, &a, &q), WEFT_EEXIST, "a key once");
    is_int(registry_add(&r, REGISTRY_TOKENS, &a, &q), WEFT_EEXIST, "also as a token");
    is_int(registry_add(&r, REGISTRY_KEYS, &b, &q), WEFT_EEXIST, "a name once");
    is_int(registry_add(&r, REGISTRY_TOKENS, &t, &q), 0, "a token for a taken name");
    ok(registry_token(&r, &t.key) == q && registry_key(&r, &t.key) == NULL,
       "a token is no key");
    registry_set_state(&r, p, WF_KEY_REVOKED);
    ok(registry_named(&r, wf_slice_of("edge-1")) == NULL, "a revoked one has no name");
    is_int(registry_add(&r, REGISTRY_KEYS, &b, &q), 0, "so that another may have it");
    registry_drop(&r, REGISTRY_KEYS, q);
    ok(registry_key(&r, &b.key) == NULL, "one is forgotten");
    registry_fini(&r);
}

static void finds(void)
{
    struct principal a = make(0x11, WF_ROLE_AGENT, "edge-1");
    struct principal b = make(0x12, WF_ROLE_CLIENT, "app");
    struct principal t = make(0x12, WF_ROLE_AGENT, "");
    struct principal *p, *token;
    struct registry r;

    t.key.b[31] = 0xff;
    must(registry_init(&r, 9, 1) == 0);
    must(registry_add(&r, REGISTRY_KEYS, &a, &p) == 0);
    must(registry_add(&r, REGISTRY_KEYS, &b, &p) == 0);
    must(registry_add(&r, REGISTRY_TOKENS, &t, &token) == 0);
    ok(registry_find(&r, "app", &p) == 0 && p->role == WF_ROLE_CLIENT, "by name");
    ok(registry_find(&r, "11111111", &p) == 0 && p->role == WF_ROLE_AGENT,
       "by the first digits of the key");
    is_int(registry_find(&r, "1111111", &p), WEFT_ENOENT, "of which it takes eight");
    is_int(registry_find(&r, "12121212", &p), WEFT_EINVAL, "several match");
    is_int(registry_find(&r, "13131313", &p), WEFT_ENOENT, "none matches");
    is_int(registry_find(&r, "", &p), WEFT_ENOENT, "nothing");
    registry_fini(&r);
}

static void counts_operators(void)
{
    struct principal a = make(1, WF_ROLE_OPERATOR, "a");
    struct principal t = make(2, WF_ROLE_OPERATOR, "t");
    struct principal *p, *q;
    struct registry r;

    must(registry_init(&r, 9, 1) == 0);
    must(registry_add(&r, REGISTRY_TOKENS, &t, &q) == 0);
    is_int(r.operators, 0, "a token is no operator");
    must(registry_add(&r, REGISTRY_KEYS, &a, &p) == 0);
    is_int(r.operators, 1, "a key is");
    registry_set_state(&r, p, WF_KEY_REVOKED);
    is_int(r.operators, 0, "until it is revoked");
    registry_set_state(&r, p, WF_KEY_REVOKED);
    is_int(r.operators, 0, "which counts once");
    registry_fini(&r);
}

static struct wf_slice record_of(const struct principal *p, struct wf_buf *b)
{
    wf_buf_clear(b);
    must(wf_buf_put(b, p->key.b, sizeof p->key.b) == 0 && registry_record(p, b) == 0);
    return wf_slice_make(b->p, b->len);
}

static void remembers(void)
{
    struct principal a = make(1, WF_ROLE_OPERATOR, "a");
    struct wf_buf b = WF_BUF_INIT(4096);
    const struct principal *p;
    struct registry r;

    a.drained = 1;
    a.seen_ms = 77;
    a.nlabels = REGISTRY_LABELS;
    for (unsigned i = 0; i < REGISTRY_LABELS; i++) {
        (void) snprintf(a.labels[i], sizeof a.labels[i], "k%u=v", i);
    }
    must(registry_init(&r, 9, 1) == 0);
    is_int(registry_replay(&r, REGISTRY_KEYS, record_of(&a, &b)), 0, "a record");
    p = registry_key(&r, &a.key);
    ok(p != NULL && p->role == a.role && p->tier == a.tier && p->drained &&
           p->seen_ms == 77 && p->created_ms == 5 && p->expires_ms == 9 &&
           strcmp(p->name, "a") == 0 && strcmp(p->site, "lyon") == 0 &&
           p->nlabels == REGISTRY_LABELS && strcmp(p->labels[7], "k7=v") == 0,
       "brings all of it back");
    is_int(r.operators, 1, "and is counted");
    a.state = WF_KEY_REVOKED;
    a.nlabels = 0;
    is_int(registry_replay(&r, REGISTRY_KEYS, record_of(&a, &b)), 0, "a later record");
    ok(registry_key(&r, &a.key) == p && p->state == WF_KEY_REVOKED && p->nlabels == 0 &&
           r.operators == 0,
       "replaces the earlier one");
    registry_fini(&r);
    wf_buf_fini(&b);
}

static void refuses_damage(void)
{
    struct principal a = make(1, WF_ROLE_AGENT, "a");
    struct wf_buf b = WF_BUF_INIT(4096);
    struct wf_slice rec = record_of(&a, &b);
    struct registry r;
    unsigned taken = 0;

    must(registry_init(&r, 9, 1) == 0);
    is_int(registry_replay(&r, 99, rec), WEFT_EPROTO, "no such table");
    for (uint32_t len = 0; len < rec.len; len++) {
        taken += registry_replay(&r, REGISTRY_KEYS, wf_slice_make(rec.p, len)) == 0;
    }
    is_int(taken, 0, "no record that was cut short");
    b.p[WF_KEY_SIZE + 1] = 0x7f; /* a role that there is not */
    is_int(registry_replay(&r, REGISTRY_KEYS, rec), WEFT_EPROTO, "no unknown role");
    is_int(wf_map_len(r.keys), 0, "and nothing changed");
    registry_fini(&r);
    wf_buf_fini(&b);
}

static void survives_oom(void)
{
    struct principal a = make(1, WF_ROLE_OPERATOR, "a");
    int added = 0;

    for (long n = 0; n < 12; n++) {
        struct principal *p;
        struct registry r;

        wf_mem_fail_after(n);
        if (registry_init(&r, 9, 1) == 0) {
            added = registry_add(&r, REGISTRY_KEYS, &a, &p) == 0;
            ok((r.operators == 1) == added && (registry_key(&r, &a.key) != NULL) == added,
               "all or nothing, %ld", n);
        }
        wf_mem_fail_after(-1);
        registry_fini(&r);
    }
    ok(added, "in the end there was enough");
}

int main(void)
{
    adds();
    finds();
    counts_operators();
    remembers();
    refuses_damage();
    survives_oom();
    return done();
}
