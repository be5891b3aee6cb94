#include "broker/core/mesh/gossip/gossip_int.h"

#include "common/err.h"
#include "common/plant.h"

#include <string.h>

/* Keys of zeros or of ones frame tables and belong to nobody. */
static int sound(const struct wf_key *k)
{
    unsigned any = 0, all = 0xff;

    for (unsigned i = 0; i < sizeof k->b; i++) {
        any |= k->b[i];
        all &= k->b[i];
    }
    return any != 0 && all != 0xff;
}

static void revoke(struct gossip *g, struct origin *o)
{
    if (WF_PLANT(GOSSIP_FORGIVES)) {
        return;
    }
    if (!o->revoked && o != g->self) {
        o->revoked = 1;
        facts_keep_keys(&g->facts, o);
    }
}

int trust_gone(const struct gossip *g, const struct glink *l)
{
    const struct origin *o = facts_origin(&g->facts, &l->key);

    return o != NULL && o->revoked;
}

/* Its facts count from now on: those that were refused are asked for. */
static void admit(struct gossip *g, struct origin *o, struct wf_slice sign)
{
    if (memcmp(o->sign.b, sign.p, sizeof o->sign.b) != 0) {
        memcpy(o->sign.b, sign.p, sizeof o->sign.b);
        spread_ask(g, o, -1);
    }
}

static struct origin *introduce(struct gossip *g, const struct wf_key *key,
                                struct origin *by)
{
    struct origin *o = NULL;

    if (!sound(key) || (by != g->self && by->introduced >= g->facts.limit.origins / 2) ||
        facts_add_origin(&g->facts, key, &o) != 0) {
        g->stats.refused[GOSSIP_FULL]++;
        return NULL;
    }
    by->introduced++;
    return o;
}

void trust_key(struct gossip *g, const struct fact *f)
{
    struct wf_slice about = fact_key(f);
    struct wf_key_fact word;
    struct wf_key key;
    struct origin *o;

    if (about.len != WF_KEY_SIZE) {
        return;
    }
    memcpy(key.b, about.p, sizeof key.b);
    f = keys_word(&g->facts, &key, &word);
    o = facts_origin(&g->facts, &key);
    if (f == NULL || o == g->self) {
        return;
    }
    if (word.state == WF_KEY_REVOKED) {
        if (o != NULL) {
            revoke(g, o);
        }
        return;
    }
    if (word.role != WF_ROLE_BROKER || word.sign.len != WF_KEY_SIZE) {
        return;
    }
    o = o != NULL ? o : introduce(g, &key, f->of);
    if (o != NULL && !o->direct && !o->revoked) {
        admit(g, o, word.sign);
    }
}

/* The origin of a key, made when it is not there. */
static int origin_of(struct gossip *g, const struct wf_key *key,
                     struct origin **ret_origin)
{
    struct wf_key_fact word;

    *ret_origin = facts_origin(&g->facts, key);
    if (*ret_origin != NULL) {
        return 0;
    }
    if (!sound(key)) {
        return WEFT_EINVAL;
    }
    if (keys_word(&g->facts, key, &word) != NULL && word.state == WF_KEY_REVOKED) {
        return WEFT_EREVOKED;
    }
    return facts_add_origin(&g->facts, key, ret_origin);
}

int gossip_trust(struct gossip *g, const struct wf_key *origin, const struct wf_key *sign,
                 uint64_t now_us, struct wf_effects *out)
{
    struct origin *o = NULL;
    int rc = origin_of(g, origin, &o);

    if (rc != 0 || o == g->self) {
        return rc;
    }
    if (o->revoked) {
        return WEFT_EREVOKED;
    }
    o->direct = 1;
    admit(g, o, wf_slice_make(sign->b, sizeof sign->b));
    spread_settle(g, now_us, out);
    return 0;
}

int gossip_distrust(struct gossip *g, const struct wf_key *origin)
{
    struct origin *o = NULL;
    int rc = origin_of(g, origin, &o);

    if (rc == WEFT_EREVOKED) {
        return 0; /* Nothing makes an origin of it. */
    }
    if (rc == 0) {
        revoke(g, o);
    }
    return rc;
}
