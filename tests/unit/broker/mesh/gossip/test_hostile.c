/* What a broken or hostile neighbour may try, and what little comes of it. */
#include "common/err.h"
#include "common/mem.h"
#include "tests/unit/broker/mesh/net.h"

/* A fact of broker `origin` as its owner would sign it. */
struct crafted {
    struct said said;
    struct wf_key about;
    uint8_t sign[WF_SIGN_SIZE];
    uint64_t skips;
};

static void craft(struct crafted *c, unsigned origin, uint64_t seq, unsigned kind,
                  const char *body)
{
    struct wf_key seed = net_key(origin + 100), pub;
    uint8_t secret[SIGN_SECRET_SIZE];

    *c = (struct crafted){.said = {.origin = net_key(origin),
                                   .seq = seq,
                                   .kind = kind,
                                   .body = wf_slice_of(body)}};
    sign_keys(seed.b, secret, &pub);
    sign_make(&c->said, secret, c->sign);
}

static void send_rows(struct net *w, unsigned to, unsigned from, const struct crafted *c,
                      unsigned n)
{
    struct wf_buf store = WF_BUF_INIT(WF_FRAME_MAX), bytes = WF_BUF_INIT(WF_FRAME_MAX);
    struct wf_facts m = {{0}};

    for (unsigned i = 0; i < n; i++) {
        const struct wf_fact_row row = {.origin = c[i].said.origin,
                                        .seq = c[i].said.seq,
                                        .kind = c[i].said.kind,
                                        .key = c[i].said.key,
                                        .body = c[i].said.body,
                                        .sign = wf_slice_make(c[i].sign, WF_SIGN_SIZE),
                                        .skips = c[i].skips};

        must(wf_rows_add(&store, &m.rows, wf_desc_fact_row(), &row) == 0);
    }
    must(wf_msg_encode(&bytes, WF_MSG_facts, &m) == 0);
    net_hear(w, to, from, bytes.p, bytes.len);
    wf_buf_fini(&store);
    wf_buf_fini(&bytes);
    gossip_check(w->g[to]);
}

static void send_seen(struct net *w, unsigned to, unsigned from, unsigned kind,
                      const unsigned *whose, unsigned n, uint64_t seq)
{
    struct wf_buf store = WF_BUF_INIT(WF_FRAME_MAX), bytes = WF_BUF_INIT(WF_FRAME_MAX);
    struct wf_seen m = {.kind = kind, .answer = 1};

    for (unsigned i = 0; i < n; i++) {
        const struct wf_seen_row row = {.origin = net_key(whose[i]), .seq = seq};

        must(wf_rows_add(&store, &m.rows, wf_desc_seen_row(), &row) == 0);
    }
    must(wf_msg_encode(&bytes, WF_MSG_seen, &m) == 0);
    net_hear(w, to, from, bytes.p, bytes.len);
    wf_buf_fini(&store);
    wf_buf_fini(&bytes);
    gossip_check(w->g[to]);
}

static uint64_t refused(const struct net *w, unsigned i, enum gossip_refusal why)
{
    return net_stats(w, i).refused[why];
}

/* Three in a line, 1 in the middle; 2 is known to all. */
static void begin(struct net *w, const struct gossip_config *cfg)
{
    net_new(w, 3, 1, cfg);
    net_link(w, 0, 1);
    net_link(w, 1, 2);
    net_trust(w, 0, 2);
    net_trust(w, 2, 0);
    net_run(w, NET_S);
}

static void forged(void)
{
    struct net w;
    struct crafted c[12];
    uint64_t verified, h;

    begin(&w, NULL);
    h = gossip_hash(w.g[0]);
    craft(&c[0], 2, UINT64_C(9) << 32, WF_FACT_SITE, "true");
    c[0].said.body = wf_slice_of("false");
    send_rows(&w, 0, 1, c, 1);
    is_int(refused(&w, 0, GOSSIP_FORGED), 1, "another body");
    craft(&c[0], 2, UINT64_C(9) << 32, WF_FACT_SITE, "true");
    c[0].said.seq++;
    send_rows(&w, 0, 1, c, 1);
    is_int(refused(&w, 0, GOSSIP_FORGED), 2, "another seq");
    craft(&c[0], 0, UINT64_C(9) << 32, WF_FACT_SITE, "true");
    c[0].sign[5] ^= 1;
    send_rows(&w, 0, 1, c, 1);
    ok(refused(&w, 0, GOSSIP_FORGED) == 3 && net_stats(&w, 0).jumps == 0,
       "in our own name, which makes us jump no further");
    is_int(gossip_forged_by(w.g[0], 1), 3, "the neighbour is known for it");
    verified = net_stats(&w, 0).verified;
    for (unsigned i = 0; i < 12; i++) {
        craft(&c[i], 2, (UINT64_C(9) << 32) + i, WF_FACT_SITE, "true");
        c[i].sign[0] ^= 1;
    }
    send_rows(&w, 0, 1, c, 12);
    is_int(net_stats(&w, 0).verified - verified, 4,
           "a message full of them costs little");
    ok(gossip_hash(w.g[0]) == h, "nothing of it is known");
    net_free(&w);
}

static void old_news(void)
{
    struct net w;
    struct crafted c[2];
    uint64_t verified;

    begin(&w, NULL);
    craft(&c[0], 2, (UINT64_C(1) << 32) + 50, WF_FACT_SITE, "new");
    craft(&c[1], 2, (UINT64_C(1) << 32) + 40, WF_FACT_SITE, "old");
    send_rows(&w, 0, 1, c, 1);
    verified = net_stats(&w, 0).verified;
    send_rows(&w, 0, 1, c, 2);
    ok(net_knows(&w, 0, 2, "new"), "an older fact changes nothing");
    ok(refused(&w, 0, GOSSIP_TWICE) == 1 && refused(&w, 0, GOSSIP_STALE) == 1,
       "the same and an older one are counted");
    is_int(net_stats(&w, 0).verified, verified, "nobody looks at their signatures");
    net_free(&w);
}

static void malformed(void)
{
    struct net w;
    struct crafted c;
    const unsigned unordered[3] = {2, 1, 0};

    begin(&w, NULL);
    craft(&c, 2, 0, WF_FACT_SITE, "x");
    send_rows(&w, 0, 1, &c, 1);
    craft(&c, 2, UINT64_MAX, WF_FACT_SITE, "x");
    send_rows(&w, 0, 1, &c, 1);
    craft(&c, 2, 7, WF_FACT_NONE, "x");
    send_rows(&w, 0, 1, &c, 1);
    craft(&c, 2, 7, WF_FACT_SITE, "x");
    c.skips = 7;
    send_rows(&w, 0, 1, &c, 1);
    craft(&c, 2, 7, WF_FACT_SITE, "x");
    c.said.key = wf_slice_make(c.about.b, 31);
    send_rows(&w, 0, 1, &c, 1);
    is_int(refused(&w, 0, GOSSIP_MALFORMED), 5, "what cannot be is refused");
    send_seen(&w, 0, 1, WF_SEEN_TABLE, unordered, 3, 0);
    is_int(refused(&w, 0, GOSSIP_MALFORMED), 6, "so is a table out of order");
    send_seen(&w, 0, 1, WF_SEEN_LACK, unordered, 3, UINT64_MAX);
    send_seen(&w, 0, 1, WF_SEEN_PUSH, unordered, 3, UINT64_MAX);
    send_seen(&w, 0, 1, WF_SEEN_STOP, unordered, 3, UINT64_MAX);
    net_run(&w, 3 * NET_S);
    ok(net_stats(&w, 0).jumps == 0, "claims without facts move nothing");
    send_rows(&w, 0, 2, &c, 1);
    is_int(net_stats(&w, 0).refused[GOSSIP_MALFORMED], 6,
           "who is no neighbour is not read");
    net_free(&w);
}

static void strangers(void)
{
    struct net w;
    struct crafted c;

    begin(&w, NULL);
    craft(&c, 7, 5, WF_FACT_SITE, "hello");
    send_rows(&w, 0, 1, &c, 1);
    is_int(refused(&w, 0, GOSSIP_UNKNOWN), 1, "nobody vouched for it");
    net_trust(&w, 1, 7);
    send_rows(&w, 1, 2, &c, 1);
    net_run(&w, NET_S);
    ok(!net_knows(&w, 0, 7, "hello") && net_knows(&w, 1, 7, "hello"),
       "it counts where it is trusted");
    is_int(net_say_key(&w, 2, 7, WF_KEY_ACTIVE, 1), 0, "now another broker enrols it");
    net_run(&w, NET_S);
    ok(net_knows(&w, 0, 7, "hello"), "and what it said is fetched at once");
    net_free(&w);
}

static void gap(void)
{
    struct net w;
    struct crafted c;

    begin(&w, NULL);
    must(net_say_site(&w, 2, "site") == 0);
    net_run(&w, NET_S);
    craft(&c, 2, (UINT64_C(1) << 32) + 9, WF_FACT_LOAD, "from the future");
    send_rows(&w, 0, 1, &c, 1);
    is_int(net_stats(&w, 0).gaps, 1,
           "news with a gap before them are taken, and asked for");
    net_free(&w);
}

/* A neighbour that leaves a fact out and says there was none: rechecks find it. */
static void hidden(void)
{
    struct net w;
    struct crafted c[2];
    unsigned s = 0;

    begin(&w, NULL);
    craft(&c[0], 2, (UINT64_C(1) << 32) + 5, WF_FACT_HOLDS, "left out");
    craft(&c[1], 2, (UINT64_C(1) << 32) + 6, WF_FACT_SITE, "shown");
    c[1].skips = c[1].said.seq - 1;
    send_rows(&w, 0, 1, &c[1], 1);
    send_rows(&w, 1, 0, c, 1);
    net_cut(&w, 1, 2);
    send_rows(&w, 1, 0, &c[1], 1);
    ok(gossip_hash(w.g[0]) != gossip_hash(w.g[1]), "something is hidden");
    while (s < 600 && gossip_hash(w.g[0]) != gossip_hash(w.g[1])) {
        net_run(&w, NET_S);
        s++;
    }
    ok(gossip_hash(w.g[0]) == gossip_hash(w.g[1]), "for %u intervals", s);
    net_free(&w);
}

/* A valid broker that says as much as it can. */
static void greedy(void)
{
    const struct gossip_config cfg = {
        .max_facts = 20, .max_origins = 10, .origin_bytes = 16000, .max_bytes = 64000};
    struct net w;
    struct gossip_stats s;
    uint64_t sent;

    begin(&w, &cfg);
    gossip_free(w.g[2]);
    w.cfg = (struct gossip_config){0};
    net_start(&w, 2, 2);
    net_trust(&w, 2, 0);
    net_cut(&w, 1, 2);
    net_link(&w, 1, 2);
    for (unsigned i = 0; i < 60; i++) {
        (void) net_say_key(&w, 2, 60 + i, WF_KEY_ACTIVE, 1);
    }
    (void) net_say_site(&w, 0, "modest");
    net_run(&w, 5 * NET_S);
    s = net_stats(&w, 1);
    ok(s.facts <= 21 && s.refused[GOSSIP_FULL] > 0, "its share, and no more");
    is_int(s.origins, 3 + 5, "it introduces half of what there may be");
    ok(net_knows(&w, 2, 0, "modest") && net_knows(&w, 1, 0, "modest"),
       "others are not in want");
    sent = net_stats(&w, 2).facts_out;
    net_run(&w, 60 * NET_S);
    ok(net_stats(&w, 2).facts_out - sent < 60 * 8,
       "what found no room is not sent for ever");
    net_free(&w);
}

/* More than a window is under way: it comes in pieces, each after an answer. */
static void window(void)
{
    static char body[WF_FACT_MAX];
    const struct gossip_config cfg = {.window = 64 << 10};
    struct net w;

    begin(&w, &cfg);
    net_cut(&w, 0, 1);
    memset(body, 'x', sizeof body - 1);
    for (unsigned i = 0; i < 20; i++) {
        struct wf_key key = net_key(60 + i);

        must(net_say(&w, 0, WF_FACT_HOLDS, wf_slice_make(key.b, sizeof key.b), body) ==
             0);
    }
    net_link(&w, 0, 1);
    net_run(&w, 3 * NET_S);
    ok(net_stats(&w, 0).stalls >= 4, "a full window waits");
    ok(net_equal(&w), "and all comes through");
    is_int(net_say(&w, 0, WF_FACT_SITE, (struct wf_slice){0}, ""), 0,
           "nothing to take back");
    net_free(&w);
}

static void refuses_one(void)
{
    struct net w;
    struct wf_key key = net_key(2), zeros = {{0}};

    begin(&w, NULL);
    must(net_say_site(&w, 2, "here") == 0);
    net_run(&w, NET_S);
    is_int(gossip_distrust(w.g[0], &key), 0, "the owner refuses a broker");
    ok(!net_knows(&w, 0, 2, "here"), "what it said is gone");
    must(net_say_site(&w, 2, "still here") == 0);
    net_run(&w, NET_S);
    ok(!net_knows(&w, 0, 2, "still here") && refused(&w, 0, GOSSIP_REVOKED) > 0,
       "and counts no more");
    is_int(gossip_distrust(w.g[0], &zeros), WEFT_EINVAL, "a key that nobody has");
    net_free(&w);
}

/* Broker 0 hears a fact from 1, with memory for so many allocations. */
static void hear_short_of_memory(struct net *w, const struct crafted *c, unsigned n)
{
    struct wf_buf store = WF_BUF_INIT(1024);
    struct wf_facts m = {{0}};
    const struct wf_fact_row row = {.origin = c->said.origin,
                                    .seq = c->said.seq,
                                    .kind = c->said.kind,
                                    .body = c->said.body,
                                    .sign = wf_slice_make(c->sign, WF_SIGN_SIZE)};
    struct wf_effects out;

    must(wf_rows_add(&store, &m.rows, wf_desc_fact_row(), &row) == 0);
    wf_effects_init(&out);
    (void) wf_mem_fail_after((long) n);
    gossip_on_facts(w->g[0], 1, &m, w->now_us, &out);
    (void) wf_mem_fail_after(-1);
    gossip_check(w->g[0]);
    wf_effects_fini(&out);
    wf_buf_fini(&store);
}

/* Memory runs out at any point of taking a fact: it comes later. */
static void no_memory(void)
{
    struct net w;
    char text[16];
    unsigned late = 0;

    begin(&w, NULL);
    net_trust(&w, 0, 7);
    net_trust(&w, 1, 7);
    for (unsigned n = 0; n < 6; n++) {
        struct crafted c;

        (void) snprintf(text, sizeof text, "%u", n);
        craft(&c, 7, (UINT64_C(2) << 32) + n, WF_FACT_SITE, text);
        send_rows(&w, 1, 2, &c, 1);
        hear_short_of_memory(&w, &c, n % 3);
        late += !net_knows(&w, 0, 7, text);
        net_run(&w, 4 * NET_S);
        if (!net_knows(&w, 0, 7, text)) {
            printf("# n %u nomem %d knows1 %d stale %d twice %d forged %d gaps %d\n", n,
                   (int) refused(&w, 0, GOSSIP_NOMEM), net_knows(&w, 1, 2, text),
                   (int) refused(&w, 0, GOSSIP_STALE), (int) refused(&w, 0, GOSSIP_TWICE),
                   (int) refused(&w, 0, GOSSIP_FORGED), (int) net_stats(&w, 0).gaps);
        }
    }
    ok(late > 0 && refused(&w, 0, GOSSIP_NOMEM) == late, "%u were late", late);
    net_free(&w);
}

static void no_memory_for_it(void)
{
    const struct gossip_config cfg = {.self = net_key(1)};
    struct gossip *g = NULL;
    unsigned failed = 0;

    for (long n = 0; g == NULL; n++) {
        (void) wf_mem_fail_after(n);
        g = gossip_new(&cfg);
        (void) wf_mem_fail_after(-1);
        failed += g == NULL;
        must(n < 100);
    }
    ok(failed >= 5, "making it failed in %u places", failed);
    gossip_free(g);
}

int main(void)
{
    forged();
    old_news();
    malformed();
    strangers();
    gap();
    hidden();
    greedy();
    window();
    refuses_one();
    no_memory();
    no_memory_for_it();
    return done();
}
