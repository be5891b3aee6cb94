/* When a broker says how much room it has, and what its links are like. */
#include "broker/core/mesh/figures.h"

#include "tests/unit/broker/mesh/far.h"

#define SLOTS 16u

static const struct wf_slice none = {NULL, 0};

static void start(struct bed *b, struct far *f)
{
    bed_init(b);
    b->cfg.key = bed_key(200);
    b->cfg.boot = 1;
    b->cfg.lease_ms = b->cfg.heartbeat_ms = 3600000;
    bed_start(b);
    far_init(b, f);
}

/* The number of what it said last of a kind, and the body; 0: nothing. */
static uint64_t said(const struct bed *b, unsigned kind, struct wf_site_fact *ret)
{
    struct gossip_fact fact;
    struct wf_cursor cur;
    struct wf_msg m;

    if (gossip_get(b->c->word.gossip, &b->cfg.key, kind, none, &fact) != 0) {
        return 0;
    }
    wf_cur_init(&cur, fact.body.p, fact.body.len);
    must(wf_msg_decode(&cur, &m) == 0 && m.type == WF_MSG_site_fact);
    *ret = m.u.site_fact;
    return fact.seq;
}

/* Seconds until it says another one, at most so many. */
static unsigned until_said(struct bed *b, unsigned kind, unsigned most)
{
    struct wf_site_fact m;
    const uint64_t before = said(b, kind, &m);

    for (unsigned s = 1; s <= most; s++) {
        bed_tick(b, BED_SECOND);
        if (said(b, kind, &m) != before) {
            return s;
        }
    }
    return UINT32_MAX;
}

static void submit(struct bed *b, uint32_t client, uint8_t *id, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        bed_submit(b, client, ++*id);
    }
}

static void says_its_load(void)
{
    struct wf_site_fact m;
    uint32_t client;
    uint8_t id = 0;
    struct far f;
    struct bed b;

    start(&b, &f);
    (void) bed_agent(&b, 1, "one", SLOTS);
    client = bed_client(&b, 2, "c");
    must(until_said(&b, WF_FACT_LOAD, 20) <= 2);
    ok(said(&b, WF_FACT_LOAD, &m) != 0 && m.slots == SLOTS && m.free == SLOTS,
       "an agent that came is told at once");
    ok(m.links.count == 0, "links are not in it");
    submit(&b, client, &id, 1);
    ok(until_said(&b, WF_FACT_LOAD, 30) >= 14, "a small change waits for a sign of life");
    submit(&b, client, &id, 4);
    ok(until_said(&b, WF_FACT_LOAD, 30) == 2, "a quarter waits a little");
    submit(&b, client, &id, 9);
    is_int(until_said(&b, WF_FACT_LOAD, 30), 1, "half of all room does not");
    (void) said(&b, WF_FACT_LOAD, &m);
    is_int(m.free, SLOTS - 14, "and that is told");
    far_fini(&f);
    bed_fini(&b);
}

static void says_its_links(void)
{
    struct wf_site_fact m;
    struct wf_link_row row;
    uint64_t seq;
    struct far f;
    struct bed b;

    start(&b, &f);
    seq = said(&b, WF_FACT_LINKS, &m);
    ok(seq != 0 && m.links.count == 1 && wf_rows_next(&m.links, wf_desc_link_row(), &row),
       "a link that came up is told");
    ok(wf_slice_is(row.name, "far"), "by its name");
    bed_tick(&b, 100 * BED_SECOND);
    is_int(said(&b, WF_FACT_LINKS, &m), seq, "and not again, whatever figures do");
    bed_say(&b, f.peer, WF_MSG_ping, &(struct wf_ping){.seq = 1, .rtt_us = 7000});
    bed_tick(&b, BED_SECOND);
    (void) said(&b, WF_FACT_LINKS, &m);
    ok(wf_rows_next(&m.links, wf_desc_link_row(), &row) && row.rtt_us == 7000,
       "until it was measured");
    bed_down(&b, f.peer);
    bed_tick(&b, BED_SECOND);
    ok(said(&b, WF_FACT_LINKS, &m) != 0 && m.links.count == 0, "or is gone");
    far_fini(&f);
    bed_fini(&b);
}

/* With many brokers what is not urgent is said less often. */
static void says_less_among_many(void)
{
    uint32_t client;
    uint8_t id = 0;
    struct far f;
    struct bed b;

    start(&b, &f);
    (void) bed_agent(&b, 1, "one", SLOTS);
    client = bed_client(&b, 2, "c");
    for (unsigned i = 0; i < 900; i++) {
        struct wf_key key = {{0}};

        key.b[0] = 77;
        key.b[1] = (uint8_t) i;
        key.b[2] = (uint8_t) (i >> 8);
        must(gossip_trust(b.c->word.gossip, &key, &key, b.now_us, &b.fx) == 0);
    }
    (void) until_said(&b, WF_FACT_LOAD, 20);
    submit(&b, client, &id, 5);
    ok(until_said(&b, WF_FACT_LOAD, 30) >= 9, "a quarter waits longer");
    submit(&b, client, &id, 9);
    is_int(until_said(&b, WF_FACT_LOAD, 30), 1, "half of all room does not");
    far_fini(&f);
    bed_fini(&b);
}

int main(void)
{
    says_its_load();
    says_its_links();
    says_less_among_many();
    return done();
}
