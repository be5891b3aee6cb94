#include "broker/core/mesh/told.h"

#include "broker/core/core_int.h"
#include "broker/core/mesh/gossip/gossip.h"
#include "common/str.h"
#include "proto/words.h"

static int is_here(const struct core *c, const struct wf_key *key)
{
    const struct principal *p = registry_key(&c->registry, key);

    return wf_key_eq(key, &c->cfg.key) ||
           (p != NULL && p->agent != NULL && p->agent->session != NULL);
}

static int meets(const struct need *need, struct wf_slice site, uint64_t tier)
{
    char text[WF_NAME_MAX + 1];

    if (wf_slice_is(need->key, "tier")) {
        return need_met(need, tier != WF_TIER_NONE ? wf_tier_name(tier) : NULL);
    }
    return need_met(need, site.len != 0 ? wf_slice_str(site, text, sizeof text) : NULL);
}

/* Of the brokers that are further away.  That they have agents of a tier their keys
 * say. */
static int brokers_may(const struct core *c, const struct need *need)
{
    struct gossip_at at = {0, 0};
    struct gossip_fact f;
    struct wf_msg msg;

    while (gossip_next(c->word.gossip, WF_FACT_SITE, &at, &f)) {
        if (!is_here(c, f.origin) && wf_msg_read(f.body, WF_MSG_site_fact, &msg) == 0 &&
            meets(need, msg.u.site_fact.site, WF_TIER_NONE)) {
            return 1;
        }
    }
    return 0;
}

static int agents_may(const struct core *c, const struct need *need)
{
    struct gossip_at at = {0, 0};
    struct gossip_fact f;
    struct wf_msg msg;
    struct wf_key key;
    unsigned looks = 0;

    while (gossip_next(c->word.gossip, WF_FACT_KEY, &at, &f)) {
        if (looks++ == TOLD_KEYS) {
            return 1;
        }
        if (f.key.len != sizeof key.b ||
            wf_msg_read(f.body, WF_MSG_key_fact, &msg) != 0 ||
            msg.u.key_fact.role != WF_ROLE_AGENT ||
            msg.u.key_fact.state != WF_KEY_ACTIVE) {
            continue;
        }
        memcpy(key.b, f.key.p, sizeof key.b);
        if (!is_here(c, &key) && meets(need, msg.u.key_fact.site, msg.u.key_fact.tier)) {
            return 1;
        }
    }
    return 0;
}

/* Does it speak of itself, so that it tells of its agents as well? */
static int speaks(const struct core *c, const struct agent *a)
{
    struct gossip_fact f;

    return c->word.speaks && gossip_get(c->word.gossip, &a->principal->key, WF_FACT_SITE,
                                        wf_slice_make(NULL, 0), &f) == 0;
}

static int may_meet(const struct core *c, const struct agent *a, const struct need *need)
{
    const int is_site = wf_slice_is(need->key, "site");

    if ((!is_site && !wf_slice_is(need->key, "tier")) || !speaks(c, a) ||
        (is_site && meets(need, wf_slice_of(a->principal->site), WF_TIER_NONE))) {
        return 1;
    }
    return (is_site && brokers_may(c, need)) || agents_may(c, need);
}

int told_may_meet(const struct core *c, struct agent *neighbour, const struct need *need,
                  struct wf_slice text)
{
    struct told *t = &neighbour->neighbour->told;

    if (t->until_us <= c->now_us || !wf_slice_is(text, t->need)) {
        wf_slice_str(text, t->need, sizeof t->need);
        t->until_us = c->now_us + TOLD_US;
        t->may = may_meet(c, neighbour, need);
    }
    return t->may;
}

/* -- who to ask ------------------------------------------------------------------------
 */

/* By site and tier, all of them.  *ret_n (may be NULL): how many say something of that.
 */
static int all_met(struct wf_rows needs, struct wf_slice site, uint64_t tier,
                   unsigned *ret_n)
{
    struct wf_label_row row;
    struct need need;
    int met = 1;

    while (wf_rows_next(&needs, wf_desc_label_row(), &row)) {
        if (need_parse(row.text, &need) != 0 ||
            (!wf_slice_is(need.key, "site") && !wf_slice_is(need.key, "tier"))) {
            continue;
        }
        met = met && meets(&need, site, tier);
        if (ret_n != NULL) {
            ++*ret_n;
        }
    }
    return met;
}

static int one_here(const struct core *c, struct wf_rows needs)
{
    const struct wf_list_node *all = &c->agents.all;

    for (struct wf_list_node *n = wf_list_first(all); n != NULL;
         n = wf_list_next(all, n)) {
        const struct principal *p = CONTAINER_OF(n, struct agent, in_all)->principal;

        if (p->role == WF_ROLE_AGENT && p->state == WF_KEY_ACTIVE &&
            all_met(needs, wf_slice_of(p->site), p->tier, NULL)) {
            return 1;
        }
    }
    return 0;
}

/* Of agents the word that stands counts: one may have been revoked elsewhere. */
static int one_told(const struct core *c, struct wf_rows needs, struct wf_key *ret_broker)
{
    struct gossip_at at = {0, 0};
    struct gossip_fact f, stands;
    struct wf_msg msg;
    struct wf_key key;

    for (unsigned looks = 0;
         looks < TOLD_KEYS && gossip_next(c->word.gossip, WF_FACT_KEY, &at, &f);
         looks++) {
        if (f.key.len != sizeof key.b || wf_key_eq(f.origin, &c->cfg.key)) {
            continue;
        }
        memcpy(key.b, f.key.p, sizeof key.b);
        if (gossip_key(c->word.gossip, &key, &stands) == 0 &&
            wf_key_eq(stands.origin, f.origin) &&
            wf_msg_read(stands.body, WF_MSG_key_fact, &msg) == 0 &&
            msg.u.key_fact.role == WF_ROLE_AGENT &&
            msg.u.key_fact.state == WF_KEY_ACTIVE &&
            all_met(needs, msg.u.key_fact.site, msg.u.key_fact.tier, NULL)) {
            *ret_broker = *f.origin;
            return 1;
        }
    }
    return 0;
}

static int broker_told(const struct core *c, struct wf_rows needs,
                       struct wf_key *ret_broker)
{
    struct gossip_at at = {0, 0};
    struct gossip_fact f;
    struct wf_msg msg;

    while (gossip_next(c->word.gossip, WF_FACT_SITE, &at, &f)) {
        if (!wf_key_eq(f.origin, &c->cfg.key) &&
            wf_msg_read(f.body, WF_MSG_site_fact, &msg) == 0 &&
            msg.u.site_fact.site.len != 0 &&
            all_met(needs, msg.u.site_fact.site, WF_TIER_NONE, NULL)) {
            *ret_broker = *f.origin;
            return 1;
        }
    }
    return 0;
}

int told_where(const struct core *c, struct wf_rows needs, struct wf_key *ret_broker)
{
    unsigned said = 0;
    const int is_ours = all_met(needs, wf_slice_of(c->cfg.site), WF_TIER_NONE, &said);

    if (said == 0 || !c->word.speaks || one_here(c, needs)) {
        return 0;
    }
    return one_told(c, needs, ret_broker) ||
           (!is_ours && broker_told(c, needs, ret_broker));
}
