#include "broker/core/mesh/where.h"

#include "tests/unit/broker/mesh/far.h"

static const struct wf_slice none = {NULL, 0};

/* The other one is at that place, in microseconds. */
static struct wf_slice place(int32_t x_us, uint8_t room[WHERE_BYTES])
{
    struct where w;

    where_init(&w, 1);
    w.at.at_us[0] = x_us;
    w.at.error = WF_COORDS_ONE / 10;
    return where_tell(&w, room);
}

static void travels(void)
{
    uint8_t room[WHERE_BYTES];
    struct wf_site_fact m = {{0}};
    struct where w;

    where_init(&w, 1);
    m.coords = place(-5000, room);
    is_int(m.coords.len, WHERE_BYTES, "a place as bytes");
    is_int(where_rtt_us(&w, &m), 0, "who is not sure where it is guesses nothing");
    w.at.error = WF_COORDS_ONE / 10;
    w.at.at_us[0] = 3000;
    ok(where_rtt_us(&w, &m) >= 8000 && where_rtt_us(&w, &m) < 9000,
       "two that are guess how far they are apart: %u us",
       (unsigned) where_rtt_us(&w, &m));
    memset(room + WHERE_BYTES - 4, 0xff, 4);
    is_int(where_rtt_us(&w, &m), 0, "not of one that cannot be");
    m.coords.len = 3;
    is_int(where_rtt_us(&w, &m), 0, "nor of what is none");
    m.coords.len = 0;
    is_int(where_rtt_us(&w, &m), 0, "nor of who does not say");
}

/* A neighbour that is sure of its place, 40 ms away. */
static void moves(void)
{
    const struct wf_link_row row = {.rtt_us = 40000, .samples = 1};
    struct wf_buf rows = WF_BUF_INIT(1024), body = WF_BUF_INIT(1024);
    struct wf_site_fact fact = {{0}};
    struct wf_links links = {{0}};
    uint8_t room[WHERE_BYTES];
    uint64_t guess_us;
    struct far f;
    struct bed b;

    bed_init(&b);
    b.cfg.key = bed_key(200);
    b.cfg.boot = 1;
    b.cfg.lease_ms = b.cfg.heartbeat_ms = 3600000;
    bed_start(&b);
    far_init(&b, &f);
    fact.coords = place(7000, room);
    must(wf_msg_encode(&body, WF_MSG_site_fact, &fact) == 0);
    must(gossip_say(f.g, WF_FACT_LINKS, none, wf_slice_make(body.p, body.len), b.now_us,
                    &f.fx) == 0);
    carry(&b, &f);
    is_int(where_rtt_us(&b.c->word.where, &fact), 0, "nothing was measured yet");
    must(wf_rows_add(&rows, &links.rows, wf_desc_link_row(), &row) == 0);
    for (unsigned i = 0; i < 60; i++) {
        bed_say(&b, f.peer, WF_MSG_links, &links);
        bed_tick(&b, 2 * BED_SECOND);
    }
    guess_us = where_rtt_us(&b.c->word.where, &fact);
    ok(guess_us > 35000 && guess_us < 45000, "samples move us to where we are: %u us",
       (unsigned) guess_us);
    carry(&b, &f);
    carry(&b, &f);
    {
        struct gossip_fact said;
        struct wf_cursor cur;
        struct wf_msg m;

        must(gossip_get(f.g, &b.cfg.key, WF_FACT_LINKS, none, &said) == 0);
        wf_cur_init(&cur, said.body.p, said.body.len);
        must(wf_msg_decode(&cur, &m) == 0);
        is_int(m.u.site_fact.coords.len, WHERE_BYTES, "which others are told");
    }
    wf_buf_fini(&rows);
    wf_buf_fini(&body);
    far_fini(&f);
    bed_fini(&b);
}

/* A link that nobody measured yet is as long as both ends' places have it. */
static void stands_in(void)
{
    struct wf_buf body = WF_BUF_INIT(1024);
    struct wf_site_fact fact = {{0}};
    const struct wf_key key = bed_key(FAR);
    const struct agent *a;
    uint8_t room[WHERE_BYTES];
    uint32_t dev_us;
    struct far f;
    struct bed b;

    bed_init(&b);
    b.cfg.key = bed_key(200);
    b.cfg.boot = 1;
    b.cfg.lease_ms = b.cfg.heartbeat_ms = 3600000;
    bed_start(&b);
    far_init(&b, &f);
    a = registry_key(&b.c->registry, &key)->agent;
    b.c->word.where.at.error = WF_COORDS_ONE / 10;
    is_int(mesh_rtt_us(b.c, a, &dev_us), 0, "of a link of which nothing is known");
    fact.coords = place(30000, room);
    must(wf_msg_encode(&body, WF_MSG_site_fact, &fact) == 0);
    must(gossip_say(f.g, WF_FACT_LINKS, none, wf_slice_make(body.p, body.len), b.now_us,
                    &f.fx) == 0);
    carry(&b, &f);
    ok(mesh_rtt_us(b.c, a, &dev_us) / 1000 == 30, "the guess stands in: %u us",
       (unsigned) mesh_rtt_us(b.c, a, &dev_us));
    bed_say(&b, f.peer, WF_MSG_ping, &(struct wf_ping){.seq = 1, .rtt_us = 4000});
    is_int(mesh_rtt_us(b.c, a, &dev_us), 4000, "until a heartbeat tells");
    wf_buf_fini(&body);
    far_fini(&f);
    bed_fini(&b);
}

int main(void)
{
    travels();
    moves();
    stands_in();
    return done();
}
