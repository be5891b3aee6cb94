#include "broker/core/mesh/word.h"

#include "broker/core/core_int.h"
#include "broker/core/mesh/classes.h"
#include "broker/core/mesh/data/named.h"
#include "broker/core/mesh/gossip/gossip.h"
#include "broker/core/place/routes.h"
#include "common/err.h"
#include "common/fnv.h"
#include "common/log.h"
#include "common/str.h"
#include "proto/name.h"

#include <string.h>

#define LOOK_US    1000000u /* between looks at ourselves */
#define BROKERS_US 5000000u /* between lists of brokers */
#define BODY_MAX   (WF_FACT_MAX + 64)

int word_init(struct core *c)
{
    struct gossip_config cfg = {
        .self = c->cfg.key, .boot = c->cfg.boot & INT32_MAX, .rng = c->cfg.probe_seed};

    memcpy(cfg.seed, c->cfg.sign_seed, sizeof cfg.seed);
    where_init(&c->word.where, cfg.rng + 1);
    c->word.gossip = gossip_new(&cfg);
    return c->word.gossip != NULL ? names_init(&c->word.names, cfg.rng) : WEFT_ENOMEM;
}

void word_fini(struct word *w)
{
    gossip_free(w->gossip);
    w->gossip = NULL;
    names_fini(&w->names);
}

struct wf_slice word_sign(const struct core *c)
{
    return wf_slice_make(gossip_sign_key(c->word.gossip)->b, WF_KEY_SIZE);
}

/* -- what is said ----------------------------------------------------------------------
 */

void word_say(struct core *c, unsigned kind, struct wf_slice key, enum wf_type type,
              const void *body, struct wf_effects *out)
{
    struct wf_buf b = WF_BUF_INIT(BODY_MAX);
    int rc = wf_msg_encode(&b, type, body);

    if (rc == 0) {
        rc = gossip_say(c->word.gossip, kind, key, wf_slice_make(b.p, b.len), c->now_us,
                        out);
    }
    c->count.facts_unsaid += rc != 0;
    wf_buf_fini(&b);
}

/* What stands of a key, decoded; it borrows. */
static int word_of(const struct core *c, const struct wf_key *key,
                   struct wf_key_fact *ret_fact, struct wf_key *ret_by)
{
    struct gossip_fact f;
    struct wf_msg msg;

    if (c->word.gossip == NULL || gossip_key(c->word.gossip, key, &f) != 0 ||
        wf_msg_read(f.body, WF_MSG_key_fact, &msg) != 0) {
        return WEFT_ENOENT;
    }
    *ret_fact = msg.u.key_fact;
    if (ret_by != NULL) {
        *ret_by = *f.origin;
    }
    return 0;
}

/* A broker's own session tells what it signs with. */
static void say_key(struct core *c, const struct principal *p, struct wf_slice sign,
                    struct wf_effects *out)
{
    struct wf_key_fact was, m = {.role = p->role,
                                 .name = wf_slice_of(p->name),
                                 .site = wf_slice_of(p->site),
                                 .tier = p->tier,
                                 .state = p->state,
                                 .sign = sign,
                                 .version = 1};

    if (word_of(c, &p->key, &was, NULL) == 0) {
        if (sign.len == 0 && was.sign.len == WF_KEY_SIZE) {
            m.sign = was.sign;
        }
        if (was.state == m.state && was.role == m.role && was.tier == m.tier &&
            wf_slice_eq(was.name, m.name) && wf_slice_eq(was.site, m.site) &&
            wf_slice_eq(was.sign, m.sign)) {
            return; /* that is known */
        }
        m.version = wf_add_sat(was.version, 1);
    }
    word_say(c, WF_FACT_KEY, wf_slice_make(p->key.b, sizeof p->key.b), WF_MSG_key_fact,
             &m, out);
}

void word_key(struct core *c, const struct principal *p, struct wf_effects *out)
{
    if (p->role == WF_ROLE_BROKER) {
        atlas_changed(c);
    }
    if (c->word.speaks && (!p->foreign || p->state == WF_KEY_REVOKED) &&
        registry_key(&c->registry, &p->key) == p) {
        say_key(c, p, wf_slice_make(NULL, 0), out);
    }
}

static void say_all_keys(struct core *c, struct wf_effects *out)
{
    const struct principal *p;
    size_t it = 0;

    while ((p = wf_map_next(c->registry.keys, &it)) != NULL) {
        word_key(c, p, out);
    }
}

/* Where others may connect: not the wildcard that we listen on. */
static int is_usable(const char *endpoint)
{
    return strncmp(endpoint, "tcp://0.0.0.0", 13) != 0 &&
           strncmp(endpoint, "tcp://[::]", 10) != 0 &&
           strncmp(endpoint, "tcp://*", 7) != 0;
}

static void say_site(struct core *c, struct wf_effects *out)
{
    struct wf_site_fact m = {.name = wf_slice_of(c->cfg.name),
                             .site = wf_slice_of(c->cfg.site)};
    struct wf_buf *endpoints = core_rows(c, 3);

    for (unsigned i = 0; i < c->cfg.nendpoints; i++) {
        const struct wf_label_row row = {wf_slice_of(c->cfg.endpoints[i])};

        if (is_usable(c->cfg.endpoints[i])) {
            (void) wf_rows_add(endpoints, &m.endpoints, wf_desc_label_row(), &row);
        }
    }
    classes_now(c, core_rows(c, 2), &m.classes);
    mesh_offers(c, NULL, &m.caps);
    word_say(c, WF_FACT_SITE, wf_slice_make(NULL, 0), WF_MSG_site_fact, &m, out);
}

static void say_holds(struct core *c, struct wf_effects *out)
{
    const struct wf_slice none = wf_slice_make(NULL, 0);
    struct wf_holds_fact m;
    struct gossip_fact f;

    if (!holds_look(c, &m)) {
        return;
    }
    if (m.bits.len != 0) {
        word_say(c, WF_FACT_HOLDS, none, WF_MSG_holds_fact, &m, out);
    } else if (gossip_get(c->word.gossip, &c->cfg.key, WF_FACT_HOLDS, none, &f) == 0) {
        c->count.facts_unsaid +=
            gossip_say(c->word.gossip, WF_FACT_HOLDS, none, none, c->now_us, out) != 0;
    }
}

int word_site(const struct core *c, const struct wf_key *broker,
              struct wf_site_fact *ret_fact)
{
    struct gossip_fact f;
    struct wf_msg msg;

    if (gossip_get(c->word.gossip, broker, WF_FACT_SITE, wf_slice_make(NULL, 0), &f) !=
            0 ||
        wf_msg_read(f.body, WF_MSG_site_fact, &msg) != 0) {
        *ret_fact = (struct wf_site_fact){{0}};
        return 0;
    }
    *ret_fact = msg.u.site_fact;
    return 1;
}

/* Whoever enrolled a broker may not know where it is: its own word counts. */
static void take_site(struct core *c, const struct wf_key *origin, struct wf_effects *out)
{
    struct principal *p = registry_key(&c->registry, origin);
    struct wf_site_fact site;

    if (p == NULL || p->role != WF_ROLE_BROKER || p->state != WF_KEY_ACTIVE ||
        !word_site(c, origin, &site) || !wf_name_ok(site.site) ||
        wf_slice_is(site.site, p->site)) {
        return;
    }
    wf_slice_str(site.site, p->site, sizeof p->site);
    if (p->agent != NULL && p->agent->node != ROUTE_NONE) {
        routes_info(c, p->agent);
    }
    (void) core_persist(c, REGISTRY_KEYS, p, out);
}

/* -- sessions --------------------------------------------------------------------------
 */

void word_opened(struct core *c, struct session *s, struct wf_slice sign,
                 struct wf_effects *out)
{
    struct gossip *g = c->word.gossip;
    struct wf_key key;

    if (sign.len != sizeof key.b) {
        return; /* of a version that does not sign: nothing of it is believed */
    }
    memcpy(key.b, sign.p, sizeof key.b);
    if (!c->word.speaks) {
        c->word.speaks = 1;
        c->word.due_us = c->now_us;
        say_all_keys(c, out);
        named_say_all(c, out);
    }
    if (gossip_trust(g, &s->principal->key, &key, c->now_us, out) != 0 ||
        gossip_link_up(g, s->peer, &s->principal->key, c->now_us, out) != 0) {
        c->count.facts_unsaid++;
        return;
    }
    if (s->principal->agent != NULL && s->principal->agent->neighbour != NULL) {
        holds_learn(c, &s->principal->key, &s->principal->agent->neighbour->holds);
    }
    say_key(c, s->principal, sign, out);
    take_site(c, &s->principal->key, out);
    figures_linked(&c->word.figures);
    figures_say(c, out);
}

void word_gone(struct core *c, const struct session *s, struct wf_effects *out)
{
    if (s->role == WF_ROLE_BROKER && !s->by_token) {
        gossip_link_down(c->word.gossip, s->peer, c->now_us, out);
        figures_linked(&c->word.figures);
    }
}

void on_seen(struct turn *t)
{
    gossip_on_seen(t->c->word.gossip, t->s->peer, &t->msg->u.seen, t->c->now_us, t->out);
}

void on_facts(struct turn *t)
{
    gossip_on_facts(t->c->word.gossip, t->s->peer, &t->msg->u.facts, t->c->now_us,
                    t->out);
}

/* -- keys of others --------------------------------------------------------------------
 */

/* Whoever holds one broker must not become an operator of all, nor make brokers. */
static int may_come(const struct wf_key_fact *m)
{
    return m->state == WF_KEY_ACTIVE &&
           (m->role == WF_ROLE_AGENT || m->role == WF_ROLE_CLIENT);
}

int word_admits(const struct core *c, const struct wf_key *key)
{
    struct wf_key_fact m;

    return word_of(c, key, &m, NULL) == 0 && may_come(&m);
}

int word_is_broker(const struct core *c, const struct wf_key *key)
{
    const struct principal *p = registry_key(&c->registry, key);
    struct wf_key_fact m;

    if (p != NULL) {
        return p->role == WF_ROLE_BROKER && p->state == WF_KEY_ACTIVE;
    }
    return word_of(c, key, &m, NULL) == 0 && m.role == WF_ROLE_BROKER &&
           m.state == WF_KEY_ACTIVE;
}

struct principal *word_adopt(struct core *c, const struct wf_key *key, int any,
                             struct wf_effects *out)
{
    struct principal p = {
        .key = *key, .state = WF_KEY_ACTIVE, .created_ms = c->wall_ms, .foreign = 1};
    struct principal *entry;
    struct wf_key_fact m;
    size_t len;

    if (word_of(c, key, &m, NULL) != 0 || m.state != WF_KEY_ACTIVE ||
        (!any && !may_come(&m)) || !wf_name_ok(m.name)) {
        return NULL;
    }
    p.role = (unsigned) m.role;
    p.tier = (unsigned) m.tier;
    wf_slice_str(m.name, p.name, sizeof p.name);
    wf_slice_str(m.site, p.site, sizeof p.site);
    if (registry_named(&c->registry, m.name) != NULL) {
        /* The name is one of ours: it gets the digits of its key as well. */
        len = wf_min_u64(strlen(p.name), sizeof p.name - 10);
        p.name[len] = '.';
        wf_hex(p.name + len + 1, key->b, 4);
    }
    if (registry_add(&c->registry, REGISTRY_KEYS, &p, &entry) != 0) {
        return NULL;
    }
    /* In use at once: it is not taken back when the record fails, and enrolled elsewhere.
     */
    (void) core_persist(c, REGISTRY_KEYS, entry, out);
    core_news(c, out, WF_LOG_INFO, "adopted", entry->name, NULL,
              "%s, enrolled at another broker, came here", entry->name);
    return entry;
}

/* Revoked anywhere is revoked here. */
static void take_key(struct core *c, const struct gossip_fact *f, struct wf_effects *out)
{
    struct principal *p;
    struct wf_key_fact m;
    struct wf_key key;

    if (f->key.len != sizeof key.b) {
        return;
    }
    memcpy(key.b, f->key.p, sizeof key.b);
    if (word_of(c, &key, &m, NULL) != 0 || m.state != WF_KEY_REVOKED) {
        return;
    }
    names_drop_home(&c->word.names, &key); /* its facts are forgotten */
    atlas_changed(c);
    p = registry_key(&c->registry, &key);
    if (p == NULL || p->state == WF_KEY_REVOKED) {
        return;
    }
    core_news(c, out, WF_LOG_WARN, "revoked", p->name, NULL,
              "%s was revoked at another broker", p->name);
    key_revoked(c, p, NULL, out);
    (void) core_persist(c, REGISTRY_KEYS, p, out);
}

int word_named(const struct core *c, struct wf_slice name, struct wf_key *ret_key,
               struct wf_key *ret_home)
{
    struct gossip_at at = {0, 0};
    struct gossip_fact f;
    struct wf_key_fact m;
    struct wf_key key;

    while (c->word.speaks && gossip_next(c->word.gossip, WF_FACT_KEY, &at, &f)) {
        if (f.key.len != sizeof key.b) {
            continue;
        }
        memcpy(key.b, f.key.p, sizeof key.b);
        if (word_of(c, &key, &m, ret_home) == 0 && m.state == WF_KEY_ACTIVE &&
            wf_slice_eq(m.name, name)) {
            *ret_key = key;
            return 0;
        }
    }
    return WEFT_ENOENT;
}

/* -- brokers for agents and clients ----------------------------------------------------
 */

void word_addresses(struct wf_buf *b, struct wf_rows *rows, unsigned most,
                    const struct wf_key *key, const struct wf_site_fact *site)
{
    struct wf_rows at = site->endpoints;
    struct wf_label_row endpoint;

    while (rows->count < most && wf_rows_next(&at, wf_desc_label_row(), &endpoint)) {
        const struct wf_broker_row row = {*key, site->name, site->site, endpoint.text};
        char text[WF_ENDPOINT_MAX + 1];

        if (endpoint.text.len < sizeof text &&
            wf_endpoint_ok(wf_slice_str(endpoint.text, text, sizeof text), 0)) {
            (void) wf_rows_add(b, rows, wf_desc_broker_row(), &row);
        }
    }
}

/* The neighbours first, then the rest. */
static void list_brokers(struct core *c, struct wf_buf *b, struct wf_brokers *m)
{
    for (unsigned far = 0; far < 3; far++) {
        struct gossip_at at = {0, 0};
        struct gossip_fact f;
        struct wf_msg msg;

        while (gossip_next(c->word.gossip, WF_FACT_SITE, &at, &f)) {
            const struct principal *p = registry_key(&c->registry, f.origin);
            const unsigned class_ = wf_key_eq(f.origin, &c->cfg.key) ? 0
                                    : p != NULL && p->agent != NULL  ? 1
                                                                     : 2;

            if (class_ == far && wf_msg_read(f.body, WF_MSG_site_fact, &msg) == 0) {
                word_addresses(b, &m->rows, 64, f.origin, &msg.u.site_fact);
            }
        }
    }
}

void word_tell_brokers(struct core *c, const struct session *s, struct wf_effects *out)
{
    struct wf_brokers m = {{0}};

    if (c->word.speaks && !s->by_token && s->role != WF_ROLE_BROKER) {
        list_brokers(c, core_rows(c, 3), &m);
        wf_effects_send(out, s->peer, WF_MSG_brokers, &m);
    }
}

static void tell_all_brokers(struct core *c, struct wf_effects *out)
{
    const struct session *s;
    struct wf_brokers m = {{0}};
    size_t it = 0;

    list_brokers(c, core_rows(c, 3), &m);
    while ((s = wf_map_next(c->sessions.by_peer, &it)) != NULL) {
        if (s->state == SESSION_READY && !s->by_token && s->role != WF_ROLE_BROKER) {
            wf_effects_send(out, s->peer, WF_MSG_brokers, &m);
        }
    }
}

int word_count(const struct core *c, unsigned i, const char **ret_name,
               uint64_t *ret_value)
{
    static const char *const refused[GOSSIP_REFUSALS] = {
        [GOSSIP_MALFORMED] = "facts_malformed", [GOSSIP_UNKNOWN] = "facts_of_strangers",
        [GOSSIP_REVOKED] = "facts_of_revoked",  [GOSSIP_TWICE] = "facts_twice",
        [GOSSIP_STALE] = "facts_stale",         [GOSSIP_FORGED] = "facts_forged",
        [GOSSIP_FULL] = "facts_over_share",     [GOSSIP_NOMEM] = "facts_out_of_memory"};
    struct gossip_stats s;

    gossip_stats(c->word.gossip, &s);
    if (i < GOSSIP_REFUSALS) {
        *ret_name = refused[i];
        *ret_value = s.refused[i];
        return 1;
    }
    *ret_name = i == GOSSIP_REFUSALS ? "facts_taken" : "facts_bytes_out";
    *ret_value = i == GOSSIP_REFUSALS ? s.news : s.bytes_out;
    return i <= GOSSIP_REFUSALS + 1;
}

/* -- time ------------------------------------------------------------------------------
 */

static void take_holds(struct core *c, const struct wf_key *origin)
{
    const struct principal *p = registry_key(&c->registry, origin);

    if (p != NULL && p->agent != NULL && p->agent->neighbour != NULL) {
        holds_learn(c, origin, &p->agent->neighbour->holds);
    }
}

/* A broker of before said them with its figures. */
static int tells_links(const struct gossip_fact *f)
{
    struct wf_msg msg;

    return wf_msg_read(f->body, WF_MSG_site_fact, &msg) == 0 &&
           msg.u.site_fact.links.count != 0;
}

static void take_news(struct core *c, struct wf_effects *out)
{
    struct gossip_fact f;

    while (gossip_next_news(c->word.gossip, &f)) {
        if (f.kind == WF_FACT_KEY) {
            take_key(c, &f, out);
        } else if (f.kind == WF_FACT_SITE) {
            c->word.brokers_changed = 1;
            atlas_changed(c);
            take_site(c, f.origin, out);
        } else if (f.kind == WF_FACT_LINKS ||
                   (f.kind == WF_FACT_LOAD && tells_links(&f))) {
            atlas_changed(c);
        } else if (f.kind == WF_FACT_HOLDS) {
            take_holds(c, f.origin);
        } else if (f.kind == WF_FACT_DATASET) {
            named_heard(c, &f);
        }
    }
}

void word_step(struct core *c, struct wf_effects *out)
{
    struct word *w = &c->word;

    if (!w->speaks) {
        return;
    }
    if (gossip_wakeup_us(w->gossip) <= c->now_us) {
        gossip_tick(w->gossip, c->now_us, out);
    }
    take_news(c, out);
    if (w->due_us <= c->now_us) {
        w->due_us = c->now_us + LOOK_US;
        say_site(c, out);
        if (where_look(c)) {
            figures_measured(&w->figures);
        }
        figures_say(c, out);
        say_holds(c, out);
    }
    if (w->brokers_changed && w->brokers_us <= c->now_us) {
        w->brokers_changed = 0;
        w->brokers_us = c->now_us + BROKERS_US;
        tell_all_brokers(c, out);
    }
}

uint64_t word_due_us(const struct core *c)
{
    const struct word *w = &c->word;
    uint64_t due_us;

    if (!w->speaks) {
        return UINT64_MAX;
    }
    due_us = wf_min_u64(w->due_us, gossip_wakeup_us(w->gossip));
    return w->brokers_changed ? wf_min_u64(due_us, w->brokers_us) : due_us;
}
