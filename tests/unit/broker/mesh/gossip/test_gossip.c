#include "common/err.h"
#include "tests/unit/broker/mesh/net.h"

static void two(void)
{
    struct net w;
    struct gossip_fact f;
    struct wf_key key = net_key(0);

    net_new(&w, 2, 1, NULL);
    is_int(net_say_site(&w, 0, "before"), 0, "said before there is a link");
    net_link(&w, 0, 1);
    net_run(&w, NET_S / 2);
    ok(net_knows(&w, 1, 0, "before"), "a link that comes up brings what there is");
    is_int(net_say_site(&w, 0, "after"), 0, "said over a link");
    net_run(&w, NET_S / 4);
    ok(net_knows(&w, 1, 0, "after"), "news are pushed");
    is_int(net_stats(&w, 0).facts_out, 2, "each once");
    is_int(net_say_site(&w, 0, "after"), 0, "said again");
    net_run(&w, 5 * NET_S);
    is_int(net_stats(&w, 0).signed_, 2, "the same again is nothing");
    ok(gossip_get(w.g[1], &key, WF_FACT_SITE, (struct wf_slice){0}, &f) == 0 &&
           f.at_us > 5 * NET_S && f.at_us <= 6 * NET_S && wf_key_eq(f.origin, &key),
       "with the time at which it came");
    is_int(net_say_site(&w, 0, ""), 0, "taken back");
    net_run(&w, NET_S / 4);
    is_int(gossip_get(w.g[1], &key, WF_FACT_SITE, (struct wf_slice){0}, &f), WEFT_ENOENT,
           "is gone there too");
    ok(net_equal(&w), "both know the same");
    net_free(&w);
}

static void line(void)
{
    struct net w;

    net_new(&w, 5, 2, NULL);
    for (unsigned i = 0; i + 1 < w.n; i++) {
        net_link(&w, i, i + 1);
        (void) net_say_key(&w, i, i + 1, WF_KEY_ACTIVE, 1);
        (void) net_say_key(&w, i + 1, i, WF_KEY_ACTIVE, 1);
    }
    (void) net_say_site(&w, 0, "one end");
    net_run(&w, 4 * NET_S);
    ok(net_knows(&w, 4, 0, "one end"), "over four links, each known to its neighbours");
    ok(net_equal(&w), "all know the same");
    (void) net_say_site(&w, 4, "other end");
    (void) net_say_site(&w, 2, "middle");
    net_run(&w, NET_S);
    ok(net_knows(&w, 0, 4, "other end") && net_knows(&w, 0, 2, "middle"),
       "news within an interval");
    ok(net_equal(&w), "all know the same");
    net_free(&w);
}

/* A ring has two ways: the second is not used for long, until the first breaks. */
static void ring(void)
{
    struct net w;
    uint64_t twice = 0;

    net_new(&w, 6, 3, NULL);
    for (unsigned i = 0; i < w.n; i++) {
        for (unsigned k = 0; k < w.n; k++) {
            net_trust(&w, i, k);
        }
    }
    for (unsigned i = 0; i < w.n; i++) {
        net_link(&w, i, (i + 1) % w.n);
    }
    (void) net_say_site(&w, 0, "0");
    net_run(&w, 3 * NET_S);
    for (unsigned i = 0; i < w.n; i++) {
        twice += net_stats(&w, i).refused[GOSSIP_TWICE];
    }
    ok(net_equal(&w) && twice > 0, "both ways brought it");
    for (unsigned i = 1; i <= 20; i++) {
        char text[16];

        (void) snprintf(text, sizeof text, "%u", i);
        (void) net_say_site(&w, 0, text);
        net_run(&w, NET_S / 2);
    }
    for (unsigned i = 0; i < w.n; i++) {
        twice -= net_stats(&w, i).refused[GOSSIP_TWICE];
    }
    ok((int64_t) -twice <= 4, "then one way does: %d of 20 came twice", (int) -twice);
    net_cut(&w, 0, 1);
    net_run(&w, NET_S / 10);
    (void) net_say_site(&w, 0, "the other way");
    net_run(&w, NET_S);
    ok(net_knows(&w, 1, 0, "the other way"), "a broken way is replaced at once");
    net_cut(&w, 3, 4);
    (void) net_say_site(&w, 0, "part");
    net_run(&w, 3 * NET_S);
    ok(!net_knows(&w, 1, 0, "part") && net_knows(&w, 4, 0, "part"), "two parts");
    net_link(&w, 3, 4);
    net_run(&w, NET_S);
    ok(net_equal(&w) && net_knows(&w, 1, 0, "part"), "that meet again");
    net_free(&w);
}

/* A neighbour falls silent without a broken link: what it would bring comes by another.
 */
static void mute(void)
{
    struct net w;
    unsigned s = 0;

    net_new(&w, 5, 8, NULL);
    for (unsigned i = 0; i < w.n; i++) {
        for (unsigned k = 0; k < w.n; k++) {
            net_trust(&w, i, k);
        }
    }
    for (unsigned i = 0; i < w.n; i++) {
        net_link(&w, i, (i + 1) % w.n);
    }
    for (unsigned i = 0; i < 6; i++) {
        (void) net_say_site(&w, 0, i % 2 != 0 ? "odd" : "even");
        net_run(&w, NET_S);
    }
    w.up[0][1] = w.up[1][0] = 0;
    (void) net_say_site(&w, 0, "unheard");
    while (s < 20 && !net_knows(&w, 1, 0, "unheard")) {
        net_run(&w, NET_S);
        s++;
    }
    ok(net_knows(&w, 1, 0, "unheard") && s <= 12, "a silent way: %u intervals", s);
    (void) net_say_site(&w, 0, "by another way");
    net_run(&w, NET_S);
    ok(net_knows(&w, 1, 0, "by another way"), "from then on it is pushed by another");
    net_free(&w);
}

static void restart(void)
{
    struct net w;
    struct wf_key key = net_key(0), about = net_key(7);
    struct gossip_fact f;

    net_new(&w, 3, 4, NULL);
    net_link(&w, 0, 1);
    net_link(&w, 1, 2);
    net_trust(&w, 2, 0);
    net_trust(&w, 0, 2);
    for (unsigned i = 0; i < 5; i++) {
        (void) net_say_site(&w, 0, i % 2 != 0 ? "old" : "older");
    }
    (void) net_say_key(&w, 0, 7, WF_KEY_ACTIVE, 1);
    (void) net_say(&w, 0, WF_FACT_HOLDS, (struct wf_slice){0}, "blobs");
    net_run(&w, 3 * NET_S);
    ok(net_equal(&w), "all know the same");
    net_cut(&w, 0, 1);
    gossip_free(w.g[0]);
    net_start(&w, 0, 0);
    net_trust(&w, 0, 2);
    (void) net_say_site(&w, 0, "new");
    net_link(&w, 0, 1);
    net_run(&w, 6 * NET_S);
    ok(net_knows(&w, 2, 0, "new"), "a broker that lost its store is heard again");
    is_int(net_stats(&w, 0).jumps, 1, "it jumped above what others had of it");
    ok(gossip_get(w.g[0], &key, WF_FACT_KEY, wf_slice_make(about.b, sizeof about.b),
                  &f) == 0,
       "its word on a key came back to it");
    is_int(gossip_get(w.g[2], &key, WF_FACT_HOLDS, (struct wf_slice){0}, &f), WEFT_ENOENT,
           "anything else that it no more says was taken back");
    ok(net_stats(&w, 0).adopted == 2 && net_equal(&w), "all know the same");
    net_free(&w);
}

static void revoked(void)
{
    struct net w;
    struct wf_key key = net_key(3);
    unsigned at = 0;
    int gone = 0;
    uint64_t seen;
    struct gossip_fact f;

    net_new(&w, 4, 5, NULL);
    for (unsigned i = 0; i < w.n; i++) {
        for (unsigned k = 0; k < w.n; k++) {
            net_trust(&w, i, k);
        }
    }
    net_link(&w, 0, 1);
    net_link(&w, 1, 2);
    net_link(&w, 2, 3);
    (void) net_say_site(&w, 3, "spy");
    (void) net_say_key(&w, 3, 9, WF_KEY_ACTIVE, 1);
    net_run(&w, 2 * NET_S);
    ok(net_knows(&w, 0, 3, "spy"), "heard while it counts");
    is_int(net_say_key(&w, 0, 3, WF_KEY_REVOKED, 2), 0, "revoked at the other end");
    net_run(&w, NET_S / 2);
    ok(!net_knows(&w, 0, 3, "spy") && !net_knows(&w, 2, 3, "spy"), "it counts nowhere");
    while (gossip_next_origin(w.g[2], &at, &key, &seen, &gone) && !gone) {
    }
    key = net_key(3);
    ok(gone, "and that is told");
    is_int(gossip_key(w.g[2], &key, &f), 0, "with the word on its key");
    key = net_key(9);
    is_int(gossip_key(w.g[1], &key, &f), 0, "its word on keys holds");
    (void) net_say_site(&w, 3, "spy again");
    net_run(&w, 3 * NET_S);
    ok(!net_knows(&w, 2, 3, "spy again") && !net_knows(&w, 1, 3, "spy again"),
       "what it says is refused");
    key = net_key(3);
    struct wf_effects out;
    struct wf_key sign = net_sign_key(3);
    wf_effects_init(&out);
    is_int(gossip_trust(w.g[2], &key, &sign, w.now_us, &out), WEFT_EREVOKED,
           "nobody can vouch for it");
    wf_effects_fini(&out);
    net_free(&w);
}

static void news(void)
{
    struct net w;
    struct gossip_fact f;
    struct gossip_at at = {0, 0};
    unsigned n = 0;

    net_new(&w, 3, 6, NULL);
    net_link(&w, 0, 1);
    net_link(&w, 1, 2);
    (void) net_say_site(&w, 0, "a");
    (void) net_say_site(&w, 1, "b");
    net_run(&w, NET_S);
    while (gossip_next_news(w.g[1], &f)) {
        n++;
    }
    is_int(n, 2, "its own and what came are told once");
    is_int(gossip_next_news(w.g[1], &f), 0, "then there is nothing new");
    (void) net_say_site(&w, 0, "c");
    (void) net_say_site(&w, 0, "d");
    net_run(&w, NET_S);
    ok(gossip_next_news(w.g[1], &f) && wf_slice_is(f.body, "d"), "the newest only");
    for (n = 0; gossip_next(w.g[1], WF_FACT_SITE, &at, &f); n++) {
        must(f.kind == WF_FACT_SITE);
    }
    is_int(n, 2, "a walk over all of a kind");
    is_int(net_say(&w, 0, 0, (struct wf_slice){0}, "x"), WEFT_EINVAL,
           "a kind of nothing");
    is_int(net_say(&w, 0, WF_FACT_KEY, wf_slice_of("short"), "x"), WEFT_EINVAL,
           "a key that is none");
    net_free(&w);
}

int main(void)
{
    two();
    line();
    ring();
    mute();
    restart();
    revoked();
    news();
    return done();
}
