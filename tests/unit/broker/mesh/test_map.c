/* The map and the links between brokers, and round trips that a neighbour measures. */
#include "proto/words.h"
#include "tests/unit/broker/mesh/far.h"

#define THIRD 8 /* a broker that the other one tells of */

struct scene {
    struct bed b;
    struct far f;
    uint32_t op;
    int of_before; /* the other one says its links with its figures */
};

static void scene_open(struct scene *s)
{
    s->of_before = 0;
    bed_init(&s->b);
    s->b.cfg.key = bed_key(200);
    s->b.cfg.boot = 1;
    s->b.cfg.lease_ms = 3600000;
    bed_start(&s->b);
    bed_enrol(&s->b, 9, WF_ROLE_OPERATOR, "op");
    far_init(&s->b, &s->f);
    s->op = bed_hello(&s->b, 9, WF_ROLE_OPERATOR, 1);
}

static void scene_close(struct scene *s)
{
    far_fini(&s->f);
    bed_fini(&s->b);
}

static void say_site(struct scene *s, unsigned kind, const struct wf_site_fact *m)
{
    struct wf_buf body = WF_BUF_INIT(4096);

    must(wf_msg_encode(&body, WF_MSG_site_fact, m) == 0);
    must(gossip_say(s->f.g, kind, wf_slice_make(NULL, 0), wf_slice_make(body.p, body.len),
                    s->b.now_us, &s->f.fx) == 0);
    wf_buf_fini(&body);
}

/* The other one tells who it is, how it is, and of a link to us and one to a third. */
static void far_speaks(struct scene *s)
{
    const struct wf_link_row here = {.peer = s->b.cfg.key,
                                     .name = wf_slice_of("b1"),
                                     .rtt_us = 4000,
                                     .jitter_us = 40,
                                     .age_ms = 60000};
    const struct wf_link_row there = {.peer = bed_key(THIRD),
                                      .name = wf_slice_of("third"),
                                      .rtt_us = 90000,
                                      .up = 1 << 20,
                                      .loss_pm = 5};
    struct wf_site_fact site = {.name = wf_slice_of("far"), .site = wf_slice_of("paris")};
    struct wf_site_fact load = {
        .agents = 2, .slots = 8, .free = 3, .queued = 4, .live = 9};
    struct wf_site_fact links = {{0}};
    struct wf_buf rows = WF_BUF_INIT(1024), more = WF_BUF_INIT(1024);

    must(wf_rows_add(&more, &site.classes, wf_desc_class_row(),
                     &(struct wf_class_row){
                         .name = wf_slice_of("gpu"), .slots = 8, .price_pusd = 7}) == 0);
    must(wf_rows_add(&rows, &links.links, wf_desc_link_row(), &here) == 0);
    must(wf_rows_add(&rows, &links.links, wf_desc_link_row(), &there) == 0);
    say_site(s, WF_FACT_SITE, &site);
    if (s->of_before) {
        load.links = links.links;
    } else {
        say_site(s, WF_FACT_LINKS, &links);
    }
    say_site(s, WF_FACT_LOAD, &load);
    wf_buf_fini(&rows);
    wf_buf_fini(&more);
    carry(&s->b, &s->f);
}

static unsigned ask_map(struct scene *s, uint64_t after, uint64_t limit,
                        struct wf_msg *ret)
{
    const struct wf_query q = {
        .req = 1, .kind = WF_QUERY_MAP, .after = after, .limit = limit};

    bed_say(&s->b, s->op, WF_MSG_query, &q);
    must(bed_told(&s->b, s->op, WF_MSG_map_page, 0, ret));
    return ret->u.map_page.rows.count;
}

static unsigned ask_links(struct scene *s, uint64_t after, uint64_t limit,
                          struct wf_msg *ret)
{
    const struct wf_query q = {.req = 1,
                               .kind = WF_QUERY_LINKS,
                               .filter = wf_slice_of("brokers"),
                               .after = after,
                               .limit = limit};

    bed_say(&s->b, s->op, WF_MSG_query, &q);
    must(bed_told(&s->b, s->op, WF_MSG_links_page, 0, ret));
    return ret->u.links_page.rows.count;
}

static struct wf_map_row broker_at(const struct wf_msg *m, unsigned i)
{
    struct wf_rows rows = m->u.map_page.rows;
    struct wf_map_row row = {0};

    do {
        must(wf_rows_next(&rows, wf_desc_map_row(), &row));
    } while (i-- > 0);
    return row;
}

static struct wf_link_view_row link_at(const struct wf_msg *m, unsigned i)
{
    struct wf_rows rows = m->u.links_page.rows;
    struct wf_link_view_row row = {{0}};

    do {
        must(wf_rows_next(&rows, wf_desc_link_view_row(), &row));
    } while (i-- > 0);
    return row;
}

static void shows_brokers(void)
{
    struct wf_map_row row;
    struct wf_msg m;
    struct scene s;

    scene_open(&s);
    (void) bed_agent(&s.b, 2, "edge", 2);
    is_int(ask_map(&s, 0, 0, &m), 2, "ourselves and the neighbour");
    row = broker_at(&m, 0);
    ok(wf_slice_is(row.name, "b1") && row.state == WF_SITE_SELF && row.slots == 2 &&
           row.free == 2 && row.agents == 1 && row.hops == 0 && row.age_ms == 0,
       "ourselves as we are now");
    row = broker_at(&m, 1);
    ok(wf_slice_is(row.name, "far") && row.state == WF_SITE_UP && row.hops == 1 &&
           wf_slice_is(row.via, "far") && row.slots == 0,
       "it by the name that it was enrolled with");
    far_speaks(&s);
    bed_tick(&s.b, BED_SECOND);
    is_int(ask_map(&s, 0, 0, &m), 2, "who said nothing of itself has no row");
    row = broker_at(&m, 1);
    ok(wf_slice_is(row.site, "paris") && row.agents == 2 && row.slots == 8 &&
           row.free == 3 && row.queued == 4 && row.live == 9 && row.age_ms >= 1000,
       "and as it told, with the age of that");
    ok(wf_slice_is(row.classes, "gpu=8@7") && row.site_age_ms >= 1000,
       "so are its node classes");
    is_int(ask_map(&s, 0, 1, &m), 1, "in pages");
    is_int(ask_map(&s, m.u.map_page.more, 1, &m), 1, "the rest");
    ok(m.u.map_page.more == 0 && wf_slice_is(broker_at(&m, 0).name, "far"),
       "and no more");
    scene_close(&s);
}

static void shows_links(void)
{
    struct wf_link_view_row row;
    struct wf_msg m;
    struct scene s;

    scene_open(&s);
    bed_say(&s.b, s.f.peer, WF_MSG_ping, &(struct wf_ping){.seq = 1, .rtt_us = 5000});
    far_speaks(&s);
    bed_tick(&s.b, BED_SECOND);
    is_int(ask_links(&s, 0, 0, &m), 3, "ours, and those that it told of");
    row = link_at(&m, 0);
    ok(wf_slice_is(row.from, "b1") && wf_slice_is(row.to, "far") && row.rtt_us == 5000 &&
           row.state == WF_SITE_UP && row.state_ms >= 1000,
       "ours, and for how long it has been up");
    row = link_at(&m, 1);
    ok(wf_slice_is(row.from, "far") && wf_slice_is(row.to, "b1") && row.rtt_us == 4000 &&
           row.jitter_us == 40 && row.state == WF_SITE_UP && row.age_ms >= 1000 &&
           row.state_ms == row.age_ms + 60000,
       "the same from the other end, as old as its word");
    row = link_at(&m, 2);
    ok(wf_slice_is(row.to, "third") && row.up == 1 << 20 && row.loss_pm == 5,
       "one to a broker of which nothing else is known, by the name it was given");
    is_int(ask_links(&s, 0, 2, &m), 2, "in pages");
    is_int(ask_links(&s, m.u.links_page.more, 2, &m), 1, "the rest");
    bed_say(
        &s.b, s.op, WF_MSG_query,
        &(struct wf_query){.req = 1, .kind = WF_QUERY_LINKS, .filter = wf_slice_of("x")});
    is_int(bed_refusal(&s.b, s.op), WEFT_EINVAL, "another filter is none");
    scene_close(&s);
}

static void shows_links_of_before(void)
{
    struct wf_msg m;
    struct scene s;

    scene_open(&s);
    s.of_before = 1;
    far_speaks(&s);
    is_int(ask_links(&s, 0, 0, &m), 3, "one of before tells its links with its figures");
    ok(wf_slice_is(link_at(&m, 2).to, "third"), "the same ones");
    scene_close(&s);
}

static void shows_what_is_cut(void)
{
    struct wf_map_row row;
    struct wf_link_view_row link;
    struct wf_msg m;
    struct scene s;

    scene_open(&s);
    far_speaks(&s);
    bed_down(&s.b, s.f.peer);
    bed_tick(&s.b, 100 * BED_SECOND);
    is_int(ask_map(&s, 0, 0, &m), 2, "it stays on the map");
    row = broker_at(&m, 1);
    ok(row.state == WF_SITE_CUT && row.via.len == 0 && row.age_ms >= 100000 &&
           row.slots == 8,
       "cut off, with what it said last and how long ago that is");
    is_int(ask_links(&s, 0, 0, &m), 3, "so do the links");
    link = link_at(&m, 0);
    ok(link.state == WF_SITE_CUT && link.state_ms >= 100000, "ours is cut for so long");
    link = link_at(&m, 2);
    ok(link.state == WF_SITE_CUT && link.age_ms >= 100000,
       "of its own nothing newer is known");
    bed_say(&s.b, s.op, WF_MSG_key_revoke,
            &(struct wf_key_revoke){.req = 2, .key = wf_slice_of("far")});
    is_int(ask_map(&s, 0, 0, &m), 1, "who is revoked is off the map");
    is_int(ask_links(&s, 0, 0, &m), 0, "with its links");
    scene_close(&s);
}

static uint64_t asked(const struct scene *s)
{
    struct wf_msg m;

    must(bed_told(&s->b, s->f.peer, WF_MSG_node_ping, 0, &m));
    ok(wf_slice_is(m.u.node_ping.node, "deep") && m.u.node_ping.from.len == 0,
       "the neighbour is asked to measure");
    return m.u.node_ping.req;
}

static void measures_for_others(void)
{
    const struct wf_node_ping there = {
        .req = 5, .node = wf_slice_of("deep"), .from = wf_slice_of("far")};
    const struct wf_node_ping here = {.req = 6, .node = wf_slice_of("edge")};
    const struct wf_node_ping nobody = {
        .req = 7, .node = wf_slice_of("deep"), .from = wf_slice_of("edge")};
    struct wf_msg m;
    struct scene s;
    uint32_t edge;
    uint64_t req;

    scene_open(&s);
    edge = bed_agent(&s.b, 2, "edge", 2);
    bed_say(&s.b, s.op, WF_MSG_node_ping, &there);
    req = asked(&s);
    bed_say(&s.b, edge, WF_MSG_pong, &(struct wf_pong){.seq = req});
    ok(!bed_told(&s.b, s.op, WF_MSG_node_pong, 0, &m), "nobody else can answer");
    bed_say(
        &s.b, s.f.peer, WF_MSG_node_pong,
        &(struct wf_node_pong){.req = req, .rtt_us = 777, .node = wf_slice_of("deep")});
    ok(bed_told(&s.b, s.op, WF_MSG_node_pong, 0, &m) && m.u.node_pong.req == 5 &&
           m.u.node_pong.rtt_us == 777,
       "what it measured is passed on");
    bed_say(&s.b, s.op, WF_MSG_node_ping, &there);
    req = asked(&s);
    bed_say(
        &s.b, s.f.peer, WF_MSG_error,
        &(struct wf_error){.code = -WEFT_ENOENT, .about = WF_MSG_node_ping, .req = req});
    ok(bed_told(&s.b, s.op, WF_MSG_error, 0, &m) && m.u.error.req == 5 &&
           m.u.error.code == -WEFT_ENOENT,
       "so is its refusal");
    bed_say(&s.b, s.f.peer, WF_MSG_node_ping, &here);
    ok(bed_told(&s.b, edge, WF_MSG_ping, 0, &m) && (m.u.ping.seq & WF_PING_APART) != 0,
       "for a neighbour a node is measured here");
    s.b.now_us += 300;
    bed_say(&s.b, edge, WF_MSG_pong, &(struct wf_pong){.seq = m.u.ping.seq});
    ok(bed_told(&s.b, s.f.peer, WF_MSG_node_pong, 0, &m) && m.u.node_pong.req == 6 &&
           m.u.node_pong.rtt_us == 300,
       "and it hears of that");
    bed_say(&s.b, s.f.peer, WF_MSG_node_ping, &there);
    is_int(bed_refusal(&s.b, s.f.peer), WEFT_ESUPPORT, "it is not passed on further");
    bed_say(&s.b, s.op, WF_MSG_node_ping, &nobody);
    is_int(bed_refusal(&s.b, s.op), WEFT_ESUPPORT, "an agent measures for nobody");
    scene_close(&s);
}

/* Who asks the way to a broker for each blob does not have all of it drawn each time. */
static void draws_what_changed(void)
{
    const struct place *first;
    const struct atlas *a;
    struct scene s;

    scene_open(&s);
    far_speaks(&s);
    a = atlas_now(s.b.c);
    is_int(a->n, 2, "the atlas has two brokers");
    first = a->v;
    bed_tick(&s.b, 5 * BED_SECOND);
    ok(atlas_now(s.b.c) == a && a->v == first, "it stands while nothing changes");
    bed_down(&s.b, s.f.peer);
    a = atlas_now(s.b.c);
    ok(a->n == 2 && !atlas_reaches(a, &a->v[1]), "a link that breaks is seen at once");
    scene_close(&s);
}

int main(void)
{
    shows_brokers();
    shows_links();
    shows_links_of_before();
    shows_what_is_cut();
    measures_for_others();
    draws_what_changed();
    return done();
}
