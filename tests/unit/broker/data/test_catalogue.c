/* What agents say that they hold, and how far they are believed. */
#include "tests/unit/broker/data/stock.h"

static const struct share *share_of(const struct bed *b, unsigned n, uint8_t key)
{
    const struct blob *x = stock_blob(b, n);

    return x != NULL ? catalogue_share(&b->c->data.catalogue, x, stock_agent_of(b, key))
                     : NULL;
}

static void holds(struct bed *b, uint32_t peer, unsigned n, uint64_t size, uint64_t have)
{
    struct list l = LIST;

    list_hold(&l, n, size, have, 0);
    stock_holds(b, peer, 0, &l, MIB);
    list_fini(&l);
}

static void comes_and_goes(void)
{
    uint32_t one, two;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    one = stock_agent(&b, 1, "one", NULL);
    two = stock_agent(&b, 2, "two", NULL);
    holds(&b, one, 5, 100, 40);
    ok(share_of(&b, 5, 1) != NULL && share_of(&b, 5, 1)->have == 40, "a part is held");
    ok(!share_is_whole(share_of(&b, 5, 1)), "which is not all of it");
    holds(&b, one, 5, 100, 100);
    ok(share_is_whole(share_of(&b, 5, 1)), "then all");
    holds(&b, two, 5, 100, 100);
    ok(share_of(&b, 5, 2) != NULL, "by another one as well");
    holds(&b, one, 5, 100, 0);
    ok(share_of(&b, 5, 1) == NULL && share_of(&b, 5, 2) != NULL, "one lets it go");
    holds(&b, two, 5, 100, 0);
    ok(stock_blob(&b, 5) == NULL, "and with the last it is not known any more");
    holds(&b, two, 5, 100, 0);
    ok(stock_blob(&b, 5) == NULL, "letting go twice is nothing");
    holds(&b, one, 6, 0, 0);
    ok(share_of(&b, 6, 1) != NULL && share_is_whole(share_of(&b, 6, 1)),
       "who has an empty blob has it whole");
    holds(&b, one, 7, 100, 100);
    stock_holds(&b, one, 1, NULL, MIB);
    ok(stock_blob(&b, 6) == NULL && stock_blob(&b, 7) == NULL,
       "a reset forgets what was said before");
    bed_fini(&b);
}

static void nonsense(void)
{
    uint32_t one, two;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    one = stock_agent(&b, 1, "one", NULL);
    two = stock_agent(&b, 2, "two", NULL);
    holds(&b, one, 5, 100, 101);
    ok(stock_blob(&b, 5) == NULL, "nobody holds more than there is");
    holds(&b, one, 5, WF_BLOB_MAX + 1, 1);
    ok(stock_blob(&b, 5) == NULL, "or of what is larger than may be");
    is_int(b.c->count.bad_messages, 2, "both are counted");
    holds(&b, one, 5, 100, 100);
    holds(&b, two, 5, 200, 200);
    ok(share_of(&b, 5, 2) == NULL, "the first that tells a size is believed");
    is_int(b.c->data.catalogue.refused, 3, "what was refused is counted");
    bed_fini(&b);
}

/* A rogue agent names the blob of somebody else with a wrong size before it is put. */
static void liar(void)
{
    struct list files = LIST;
    uint32_t rogue, honest, ann;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    rogue = stock_agent(&b, 1, "rogue", NULL);
    honest = stock_agent(&b, 2, "honest", NULL);
    ann = bed_client(&b, 10, "ann");
    holds(&b, rogue, 5, 999, 999);
    list_file(&files, "a", 5, 100);
    stock_put(&b, ann, "pics", 0, NULL, &files);
    is_int(bed_refusal(&b, ann), 0, "the dataset is taken");
    ok(stock_blob(&b, 5)->size == 100 && share_of(&b, 5, 1) == NULL,
       "what it says counts, and not what the agent did");
    holds(&b, rogue, 5, 999, 999);
    ok(share_of(&b, 5, 1) == NULL, "nor what it does");
    holds(&b, honest, 5, 100, 100);
    is_int(stock_get(&b, "pics", 1)->copies, 1, "who tells the truth is heard");
    list_fini(&files);
    bed_fini(&b);
}

static void limits(void)
{
    struct list l = LIST;
    uint32_t one, two, ann;
    struct bed b;

    bed_init(&b);
    b.cfg.max_blobs = 10;
    bed_start(&b);
    one = stock_agent(&b, 1, "one", NULL);
    two = stock_agent(&b, 2, "two", NULL);
    ann = bed_client(&b, 10, "ann");
    for (unsigned i = 1; i <= 20; i++) {
        list_hold(&l, i, KIB, KIB, 0);
    }
    stock_holds(&b, one, 1, &l, MIB);
    is_int(stock_agent_of(&b, 1)->nshares, 6, "one agent has its share of the table");
    list_fini(&l);
    for (unsigned i = 21; i <= 40; i++) {
        list_hold(&l, i, KIB, KIB, 0);
    }
    stock_holds(&b, two, 1, &l, MIB);
    is_int(wf_map_len(b.c->data.catalogue.blobs), 10, "all of them have the rest");
    stock_simple(&b, ann, "pics", NULL, 50, 10);
    is_int(bed_refusal(&b, ann), 0, "a dataset has room all the same");
    stock_simple(&b, ann, "more", NULL, 70, 1);
    is_int(bed_refusal(&b, ann), WEFT_EFULL, "until datasets have as many files");
    list_fini(&l);
    bed_fini(&b);
}

/* Two hundred agents hold the same thousand blobs: no list is walked for each. */
static void popular(void)
{
    struct list l = LIST;
    struct bed b;
    size_t shares;

    bed_init(&b);
    b.cfg.max_nodes = 1000;
    bed_start(&b);
    for (unsigned i = 1; i <= 1000; i++) {
        list_hold(&l, i, KIB, KIB, 0);
    }
    for (unsigned a = 1; a <= 200; a++) {
        char name[16];

        (void) snprintf(name, sizeof name, "a%u", a);
        bed_enrol(&b, (uint8_t) a, WF_ROLE_AGENT, name);
        (void) bed_hello(&b, (uint8_t) a, WF_ROLE_AGENT, a);
    }
    for (unsigned a = 1; a <= 200; a++) {
        struct wf_holdings m = {.seq = 1, .reset = 1, .rows = l.rows, .room = MIB};
        struct wf_msg msg = {.type = WF_MSG_holdings};
        struct broker_event ev = {.kind = BROKER_MSG, .msg = &msg};

        ev.peer = a;
        ev.now_us = b.now_us;
        ev.wall_ms = b.wall_ms;
        msg.u.holdings = m;
        wf_effects_clear(&b.fx);
        core_step(b.c, &ev, &b.fx);
    }
    shares = wf_map_len(b.c->data.catalogue.shares);
    is_int(shares, 200000, "every share is known");
    core_check(b.c);
    bed_down(&b, b.last_peer);
    is_int(wf_map_len(b.c->data.catalogue.shares), shares,
           "and stays while its agent is away");
    list_fini(&l);
    bed_fini(&b);
}

static void revoked(void)
{
    const struct wf_key_revoke m = {1, wf_slice_of("one")};
    uint32_t one, boss;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    boss = bed_operator(&b, 20);
    one = stock_agent(&b, 1, "one", NULL);
    stock_has(&b, one, 5);
    bed_say(&b, boss, WF_MSG_key_revoke, &m);
    ok(stock_blob(&b, 5) == NULL, "what a revoked agent held is forgotten");
    bed_fini(&b);
}

int main(void)
{
    comes_and_goes();
    nonsense();
    liar();
    limits();
    popular();
    revoked();
    return done();
}
