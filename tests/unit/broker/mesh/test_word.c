/* Keys that travel between brokers: who is let in, and who is not any more. */
#include "broker/core/mesh/gossip.h"
#include "tests/unit/broker/bed.h"

#define FAR 7 /* the other broker's key */

/* The other broker, as far as facts go: it says and signs them for real. */
struct far {
    struct gossip *g;
    struct wf_effects fx;
    uint32_t peer; /* of its session at the bed */
};

/* What either side sent goes to the other, until nothing is left to say. */
static void carry(struct bed *b, struct far *f)
{
    for (unsigned i = 0; i < 20; i++) {
        struct wf_effects to_bed;
        struct wf_msg m;

        for (unsigned n = 0; bed_told(b, f->peer, WF_MSG_facts, n, &m); n++) {
            gossip_on_facts(f->g, 1, &m.u.facts, b->now_us, &f->fx);
        }
        for (unsigned n = 0; bed_told(b, f->peer, WF_MSG_seen, n, &m); n++) {
            gossip_on_seen(f->g, 1, &m.u.seen, b->now_us, &f->fx);
        }
        to_bed = f->fx;
        wf_effects_init(&f->fx);
        wf_effects_clear(&b->fx);
        for (size_t k = 0; k < to_bed.n; k++) {
            struct wf_cursor cur;

            wf_cur_init(&cur, wf_effect_bytes(&to_bed, &to_bed.v[k]), to_bed.v[k].len);
            must(wf_msg_decode(&cur, &m) == 0);
            bed_say(b, f->peer, m.type, &m.u);
        }
        wf_effects_fini(&to_bed);
        bed_tick(b, BED_SECOND / 4);
        gossip_tick(f->g, b->now_us, &f->fx);
    }
}

static void far_init(struct bed *b, struct far *f)
{
    struct gossip_config cfg = {.self = bed_key(FAR), .boot = 1, .rng = 5};
    struct wf_hello hello = {.proto_min = 1,
                             .proto_max = 1,
                             .role = WF_ROLE_BROKER,
                             .epoch = 1,
                             .software = wf_slice_of("far")};
    struct wf_msg m;
    struct wf_key sign;

    memset(cfg.seed, 9, sizeof cfg.seed);
    wf_effects_init(&f->fx);
    f->g = gossip_new(&cfg);
    must(f->g != NULL);
    hello.sign = wf_slice_make(gossip_sign_key(f->g)->b, WF_KEY_SIZE);
    bed_enrol(b, FAR, WF_ROLE_BROKER, "far");
    f->peer = bed_up(b, FAR);
    bed_say(b, f->peer, WF_MSG_hello, &hello);
    must(bed_told(b, f->peer, WF_MSG_welcome, 0, &m));
    is_int(m.u.welcome.sign.len, WF_KEY_SIZE, "a broker tells what it signs with");
    memcpy(sign.b, m.u.welcome.sign.p, sizeof sign.b);
    must(gossip_trust(f->g, &b->cfg.key, &sign, b->now_us, &f->fx) == 0);
    must(gossip_link_up(f->g, 1, &b->cfg.key, b->now_us, &f->fx) == 0);
    carry(b, f);
}

static void far_fini(struct far *f)
{
    gossip_free(f->g);
    wf_effects_fini(&f->fx);
}

static void far_says(struct bed *b, struct far *f, uint8_t key, unsigned role,
                     unsigned state, const char *name, uint64_t version)
{
    const struct wf_key k = bed_key(key);
    const struct wf_key_fact m = {.role = role,
                                  .name = wf_slice_of(name),
                                  .site = wf_slice_of("plant"),
                                  .state = state,
                                  .version = version};
    struct wf_buf body = WF_BUF_INIT(4096);

    must(wf_msg_encode(&body, WF_MSG_key_fact, &m) == 0);
    must(gossip_say(f->g, WF_FACT_KEY, wf_slice_make(k.b, sizeof k.b),
                    wf_slice_make(body.p, body.len), b->now_us, &f->fx) == 0);
    wf_buf_fini(&body);
    carry(b, f);
}

static void start(struct bed *b)
{
    bed_init(b);
    b->cfg.key = bed_key(200);
    b->cfg.boot = 1;
    b->cfg.lease_ms = 3600000;
    bed_start(b);
}

static int admits(const struct bed *b, uint8_t key)
{
    const struct wf_key k = bed_key(key);

    return core_admits(b->c, &k);
}

static const struct principal *entry(const struct bed *b, uint8_t key)
{
    const struct wf_key k = bed_key(key);

    return registry_key(&b->c->registry, &k);
}

static void lets_in(void)
{
    struct far f;
    struct bed b;

    start(&b);
    far_init(&b, &f);
    ok(!admits(&b, 20), "a stranger is not let in");
    far_says(&b, &f, 20, WF_ROLE_CLIENT, WF_KEY_ACTIVE, "carol", 1);
    ok(admits(&b, 20), "who was enrolled at another broker is");
    ok(entry(&b, 20) == NULL, "and costs nothing until it comes");
    (void) bed_hello(&b, 20, WF_ROLE_CLIENT, 1);
    ok(entry(&b, 20) != NULL && entry(&b, 20)->foreign &&
           strcmp(entry(&b, 20)->name, "carol") == 0,
       "then it is kept, by its name");
    far_says(&b, &f, 21, WF_ROLE_OPERATOR, WF_KEY_ACTIVE, "mallory", 1);
    ok(!admits(&b, 21), "another broker makes no operators here");
    far_says(&b, &f, 22, WF_ROLE_BROKER, WF_KEY_ACTIVE, "shadow", 1);
    ok(!admits(&b, 22), "and no brokers");
    far_says(&b, &f, 23, WF_ROLE_CLIENT, WF_KEY_ACTIVE, "carol", 1);
    (void) bed_hello(&b, 23, WF_ROLE_CLIENT, 1);
    ok(entry(&b, 23) != NULL && strcmp(entry(&b, 23)->name, "carol") != 0,
       "two of one name are told apart");
    far_fini(&f);
    bed_fini(&b);
}

static void revokes(void)
{
    uint32_t peer;
    struct far f;
    struct bed b;

    start(&b);
    bed_enrol(&b, 2, WF_ROLE_CLIENT, "alice");
    far_init(&b, &f);
    peer = bed_hello(&b, 2, WF_ROLE_CLIENT, 1);
    far_says(&b, &f, 2, WF_ROLE_CLIENT, WF_KEY_REVOKED, "alice", 2);
    ok(!admits(&b, 2) && entry(&b, 2)->state == WF_KEY_REVOKED,
       "what another broker revoked is revoked");
    ok(session_get(&b.c->sessions, peer) == NULL, "and its session is over");
    far_says(&b, &f, 2, WF_ROLE_CLIENT, WF_KEY_ACTIVE, "alice", 99);
    ok(!admits(&b, 2), "for good");
    far_fini(&f);
    bed_fini(&b);
}

static void tells_of_its_own(void)
{
    struct gossip_fact fact;
    struct wf_key k = bed_key(2);
    struct far f;
    struct bed b;

    start(&b);
    bed_enrol(&b, 2, WF_ROLE_CLIENT, "alice");
    far_init(&b, &f);
    ok(gossip_key(f.g, &k, &fact) == 0, "keys that were enrolled here are told");
    ok(gossip_get(f.g, &b.cfg.key, WF_FACT_SITE, wf_slice_make(NULL, 0), &fact) == 0 &&
           gossip_get(f.g, &b.cfg.key, WF_FACT_LOAD, wf_slice_make(NULL, 0), &fact) == 0,
       "so are the broker itself and its figures");
    far_fini(&f);
    bed_fini(&b);
}

int main(void)
{
    lets_in();
    revokes();
    tells_of_its_own();
    return done();
}
