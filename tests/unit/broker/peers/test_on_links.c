/* Links as agents tell them, who may see them, and the cookies of probes. */
#include "tests/unit/broker/bed.h"

#include "broker/core/router/router_int.h"
#include "proto/words.h"

struct scene {
    struct bed b;
    uint32_t op, app, edge, far;
};

static void open_scene(struct scene *s)
{
    bed_init(&s->b);
    s->b.cfg.probe_port = 7000;
    s->b.cfg.probe_seed = 12;
    bed_start(&s->b);
    bed_enrol(&s->b, 9, WF_ROLE_OPERATOR, "op");
    s->op = bed_hello(&s->b, 9, WF_ROLE_OPERATOR, 1);
    s->app = bed_client(&s->b, 1, "app");
    s->edge = bed_agent(&s->b, 2, "edge", 2);
    s->far = bed_agent(&s->b, 3, "far", 2);
}

static void tell_row(struct scene *s, uint32_t peer, const struct wf_link_row *row)
{
    struct wf_buf rows = WF_BUF_INIT(1024);
    struct wf_links m = {{0}};

    must(wf_rows_add(&rows, &m.rows, wf_desc_link_row(), row) == 0);
    bed_say(&s->b, peer, WF_MSG_links, &m);
    wf_buf_fini(&rows);
}

static void tell(struct scene *s, uint32_t peer, uint8_t key, uint64_t rtt_us,
                 uint64_t up)
{
    const struct wf_link_row row = {.peer = bed_key(key),
                                    .rtt_us = rtt_us,
                                    .jitter_us = 7,
                                    .up = up,
                                    .samples = 4,
                                    .age_ms = 1000};

    tell_row(s, peer, &row);
}

static void tell_down(struct scene *s, uint32_t peer, uint8_t key, uint64_t down)
{
    const struct wf_link_row row = {.peer = bed_key(key), .rtt_us = 5, .down = down};

    tell_row(s, peer, &row);
}

static unsigned ask(struct scene *s, uint32_t peer, const char *key, uint64_t after,
                    uint64_t limit, struct wf_msg *ret)
{
    const struct wf_query q = {.req = 1,
                               .kind = WF_QUERY_LINKS,
                               .key = wf_slice_of(key),
                               .after = after,
                               .limit = limit};

    bed_say(&s->b, peer, WF_MSG_query, &q);
    return bed_told(&s->b, peer, WF_MSG_links_page, 0, ret) ? ret->u.links_page.rows.count
                                                            : UINT32_MAX;
}

static void shows(void)
{
    struct wf_link_view_row row;
    struct wf_msg m;
    struct scene s;

    open_scene(&s);
    is_int(ask(&s, s.op, "", 0, 0, &m), 0, "nothing was told");
    tell(&s, s.edge, 0, 5000, 0);
    tell(&s, s.edge, 3, 9000, 1 << 20);
    tell(&s, s.far, 0, 80000, 0);
    s.b.now_us += 2 * BED_SECOND;
    is_int(ask(&s, s.app, "", 0, 0, &m), 3, "a client sees all links");
    ok(wf_rows_next(&m.u.links_page.rows, wf_desc_link_view_row(), &row) &&
           wf_slice_is(row.from, "edge") && wf_slice_is(row.to, "b1") &&
           row.rtt_us == 5000 && row.jitter_us == 7 && row.samples == 4 &&
           row.age_ms == 3000 && row.source == WF_LINK_MEASURED,
       "the link to the broker, with its age");
    ok(wf_rows_next(&m.u.links_page.rows, wf_desc_link_view_row(), &row) &&
           wf_slice_is(row.from, "edge") && wf_slice_is(row.to, "far") &&
           row.up == 1 << 20,
       "one to another node, by its name here");
    is_int(ask(&s, s.op, "far", 0, 0, &m), 2, "those of one node, from it and to it");
    is_int(ask(&s, s.op, "none", 0, 0, &m), 0, "or none");
    is_int(ask(&s, s.op, "", 0, 2, &m), 2, "in pages");
    is_int(ask(&s, s.op, "", m.u.links_page.more, 2, &m), 1, "the rest");
    ok(m.u.links_page.more == 0 &&
           wf_rows_next(&m.u.links_page.rows, wf_desc_link_view_row(), &row) &&
           wf_slice_is(row.from, "far"),
       "without a gap");
    bed_say(&s.b, s.edge, WF_MSG_query,
            &(struct wf_query){.req = 2, .kind = WF_QUERY_LINKS});
    is_int(bed_refusal(&s.b, s.edge), WEFT_EPERM, "agents do not ask");
    bed_fini(&s.b);
}

static void refuses(void)
{
    struct wf_msg m;
    struct scene s;

    open_scene(&s);
    tell(&s, s.edge, 77, 5000, 0);
    tell(&s, s.edge, 3, UINT64_MAX, 0);
    is_int(s.b.c->count.links_refused, 2, "an unknown node, a number that cannot be");
    tell(&s, s.app, 0, 5000, 0);
    ok(bed_refusal(&s.b, s.app) == WEFT_EPERM, "a client has no links to tell");
    is_int(ask(&s, s.op, "", 0, 0, &m), 0, "none of it is kept");
    bed_fini(&s.b);
}

/* What the router believes of an agent. */
static const struct rnode *node_of(struct scene *s, uint8_t key)
{
    const struct wf_key k = bed_key(key);

    return &s->b.c->routing->nodes[registry_key(&s->b.c->registry, &k)->agent->node];
}

/* And what is not looked at in every decision. */
static const struct rrest *rest_of(struct scene *s, uint8_t key)
{
    const struct routing *r = s->b.c->routing;

    return &r->rest[node_of(s, key) - r->nodes];
}

static uint64_t shown_rtt(struct scene *s, uint8_t key)
{
    const struct wf_key k = bed_key(key);

    return node_row_of(s->b.c, registry_key(&s->b.c->registry, &k)->agent).rtt_us;
}

static void tells_the_router(void)
{
    struct scene s;
    const struct pairs *pairs;

    open_scene(&s);
    pairs = s.b.c->routing->pairs;
    s.b.now_us += 2 * BED_SECOND;
    tell(&s, s.edge, 0, 5000, 0);
    ok(node_of(&s, 2)->rtt_us == 5000 && node_of(&s, 2)->dev_us == 7,
       "the round trip that an agent measured, and its jitter");
    bed_say(&s.b, s.edge, WF_MSG_ping, &(struct wf_ping){.seq = 1, .rtt_us = 3000});
    bed_say(&s.b, s.far, WF_MSG_ping, &(struct wf_ping){.seq = 1, .rtt_us = 3000});
    ok(node_of(&s, 2)->rtt_us == 5000 && shown_rtt(&s, 2) == 5000,
       "a heartbeat changes nothing about that, and people see the same");
    ok(node_of(&s, 3)->rtt_us == 3000 && shown_rtt(&s, 3) == 3000,
       "where nothing else is known it is what counts");
    tell(&s, s.edge, 3, 9000, 1 << 20);
    is_int(pairs_rtt_us(pairs, node_of(&s, 2) - s.b.c->routing->nodes,
                        node_of(&s, 3) - s.b.c->routing->nodes, s.b.now_us),
           9000, "two agents are a pair");
    is_int(pairs_rate(pairs, node_of(&s, 2) - s.b.c->routing->nodes,
                      node_of(&s, 3) - s.b.c->routing->nodes, s.b.now_us),
           1 << 20, "with a rate in one direction");
    tell_down(&s, s.far, 2, 3 << 20);
    is_int(rest_of(&s, 2)->up, 3 << 20, "who gave that much can give it");
    tell_down(&s, s.far, 2, 100 << 10);
    is_int(rest_of(&s, 2)->up, 3 << 20, "less says nothing about that");
    tell_down(&s, s.far, 0, 7 << 20);
    is_int(rest_of(&s, 3)->down, 7 << 20, "what it gets from all together");
    bed_fini(&s.b);
}

static void gives_cookies(void)
{
    uint8_t first[WF_PROBE_COOKIE], second[WF_PROBE_COOKIE], wrong[WF_PROBE_COOKIE] = {0};
    struct wf_msg m;
    struct scene s;
    uint32_t peer;

    open_scene(&s);
    peer = bed_hello(&s.b, 1, WF_ROLE_CLIENT, 5);
    must(bed_told(&s.b, peer, WF_MSG_welcome, 0, &m));
    is_int(m.u.welcome.probe_port, 7000, "the welcome tells the port");
    is_int(m.u.welcome.probe.len, WF_PROBE_COOKIE, "and a cookie");
    memcpy(first, m.u.welcome.probe.p, sizeof first);
    ok(core_knows_probe(s.b.c, first), "which is known");
    peer = bed_hello(&s.b, 9, WF_ROLE_OPERATOR, 6);
    must(bed_told(&s.b, peer, WF_MSG_welcome, 0, &m));
    memcpy(second, m.u.welcome.probe.p, sizeof second);
    ok(memcmp(first + 4, second + 4, 12) != 0, "another session has another");
    ok(!core_knows_probe(s.b.c, wrong), "zeros are none");
    memcpy(wrong, first, sizeof wrong);
    wrong[15] ^= 1;
    ok(!core_knows_probe(s.b.c, wrong), "nor one that differs in a bit");
    memcpy(wrong, second, 4);
    memcpy(wrong + 4, first + 4, 12);
    ok(!core_knows_probe(s.b.c, wrong), "nor one of another session");
    bed_down(&s.b, peer);
    ok(!core_knows_probe(s.b.c, second), "it ends with its session");
    ok(core_knows_probe(s.b.c, first), "the others stay");
    /* A connection that said no hello yet has no cookie; zeros are not one. */
    memset(wrong, 0, sizeof wrong);
    wrong[3] = (uint8_t) bed_up(&s.b, 9);
    ok(!core_knows_probe(s.b.c, wrong), "before its hello a peer has none");
    bed_fini(&s.b);
}

static void goes_without(void)
{
    struct wf_msg m;
    struct bed b;
    uint32_t peer;

    bed_init(&b);
    bed_start(&b);
    bed_enrol(&b, 9, WF_ROLE_OPERATOR, "op");
    peer = bed_hello(&b, 9, WF_ROLE_OPERATOR, 1);
    ok(bed_told(&b, peer, WF_MSG_welcome, 0, &m) && m.u.welcome.probe_port == 0 &&
           m.u.welcome.probe.len == 0,
       "a broker that answers none says so");
    bed_fini(&b);
}

int main(void)
{
    shows();
    refuses();
    tells_the_router();
    gives_cookies();
    goes_without();
    return done();
}
