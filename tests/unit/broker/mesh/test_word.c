/* Keys that travel between brokers: who is let in, and who is not any more. */
#include "tests/unit/broker/mesh/far.h"

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
