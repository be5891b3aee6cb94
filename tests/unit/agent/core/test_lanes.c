/* The lane to the broker, which pull and give share; tickets. */
#include "tests/unit/agent/core/world.h"

static const unsigned one[] = {6};

static struct wf_key key_of(uint8_t byte)
{
    struct wf_key key;

    memset(key.b, byte, sizeof key.b);
    return key;
}

static void grant(struct world *w, uint64_t ticket, uint8_t to, unsigned which)
{
    struct wf_grant m = {.ticket = ticket, .to = key_of(to), .ttl_ms = 600000};
    struct wf_buf rows = WF_BUF_INIT(WF_FRAME_MAX);
    const struct wf_digest_row row = {w->blobs[which].digest, w->blobs[which].size};

    must(wf_rows_add(&rows, &m.rows, wf_desc_digest_row(), &row) == 0);
    say(w, WF_MSG_grant, &m);
    wf_buf_fini(&rows);
}

static void wants(struct world *w, uint32_t lane, const struct wf_key *key,
                  unsigned which)
{
    struct wf_msg msg = {.type = WF_MSG_want};
    struct node_event ev = {
        .kind = NODE_LANE_MSG, .lane = lane, .peer = key, .msg = &msg};

    msg.u.want = (struct wf_want){.ticket = 5,
                                  .digest = w->blobs[which].digest,
                                  .kind = WF_WANT_CHUNKS,
                                  .count = 1};
    act(w, &ev);
}

/* Messages of a type on a lane, in the last step. */
static unsigned on_lane(const struct world *w, uint32_t lane, enum wf_type type)
{
    unsigned n = 0;

    for (size_t i = 0; i < w->b.fx.n; i++) {
        n += w->b.fx.v[i].kind == WF_EFFECT_LANE_SEND && w->b.fx.v[i].peer == lane &&
             w->b.fx.v[i].arg == (uint64_t) type;
    }
    return n;
}

static void gives(void)
{
    const struct wf_key friend = key_of(1), stranger = key_of(2);
    struct node_event read = {.kind = NODE_BLOB_READ};
    struct wf_blob_read ask = {.tag = 0};
    unsigned found = 0;
    struct world w;

    open_world(&w, 1, 0);
    put(&w, 6);
    ok(!node_lets_in(w.b.n, &friend), "without a ticket nobody is let in");
    grant(&w, 5, 1, 6);
    ok(node_lets_in(w.b.n, &friend) && !node_lets_in(w.b.n, &stranger),
       "a ticket is somebody's");
    settle(&w);
    is_int(w.opens, 1, "the lane to the broker opens for it");
    wants(&w, WF_LANE_GIVE + 1, &stranger, 6);
    settle(&w);
    ok(w.reads == 0, "who shows another's gets nothing");
    wants(&w, WF_LANE_GIVE, NULL, 6);
    wants(&w, 3, NULL, 6);
    settle(&w);
    ok(w.reads == 0, "nor does a lane of nobody");
    wants(&w, WF_LANE_GIVE, &friend, 6);
    for (size_t i = 0; i < w.b.fx.n; i++) {
        if (w.b.fx.v[i].kind == WF_EFFECT_BLOB_READ) {
            wf_blob_read_of(&w.b.fx, &w.b.fx.v[i], &ask);
            found++;
        }
    }
    ok(found == 1 && wf_digest_eq(&ask.digest, &w.blobs[6].digest), "its owner does");
    world_fill(&w, 6, 0);
    read.tag = ask.tag;
    read.data = wf_slice_make(w.bytes, WORLD_CHUNK);
    act(&w, &read);
    is_int(on_lane(&w, WF_LANE_GIVE, WF_MSG_piece), 1, "on its lane");
    settle(&w);
    wants(&w, WF_LANE_BROKER, NULL, 6);
    settle(&w);
    is_int(w.reads, 2, "the broker passes wants on");
    cut_world(&w);
    ok(!node_lets_in(w.b.n, &friend) && w.closes == 1, "tickets end with the session");
    close_world(&w);
}

static void shares_the_lane(void)
{
    struct node_event down = {.kind = NODE_LANE_DOWN};
    struct world w;

    open_world(&w, 1, 0);
    put(&w, 0);
    grant(&w, 5, 1, 0);
    settle(&w);
    order(&w, (struct wf_fetch){.req = 1}, one, 1);
    settle(&w);
    ok(w.opens == 1 && w.blobs[6].map == world_all(&w.blobs[6]),
       "pull uses the lane that give has open");
    pass(&w, 120000);
    is_int(w.closes, 0, "and leaves it to it");
    act(&w, &down);
    settle(&w);
    is_int(w.opens, 1, "one that broke");
    pass(&w, 60000);
    ok(w.opens == 2 && w.closes == 0, "is opened again");
    say(&w, WF_MSG_grant, &(struct wf_grant){.ticket = 5, .to = key_of(1), .end = 1});
    settle(&w);
    is_int(w.closes, 1, "with the last ticket it closes");
    act(&w, &down);
    settle(&w);
    pass(&w, 60000);
    is_int(w.opens, 2, "for good");
    close_world(&w);

    open_world(&w, 1, 0);
    order(&w, (struct wf_fetch){.req = 1}, one, 1);
    settle(&w);
    grant(&w, 5, 1, 6);
    settle(&w);
    ok(w.opens == 1, "give uses what pull opened");
    pass(&w, 120000);
    is_int(w.closes, 0, "as long as it needs it");
    cut_world(&w);
    is_int(w.closes, 1, "and no longer");
    close_world(&w);
}

static void pull_gives_up_a_lane(void)
{
    struct world w;
    struct node_event down = {.kind = NODE_LANE_DOWN};

    open_world(&w, 1, 0);
    order(&w, (struct wf_fetch){.req = 1}, one, 1);
    w.mute = 1;
    settle(&w);
    must(w.opens == 1);
    act(&w, &down);
    settle(&w);
    w.mute = 0;
    pass(&w, 60000);
    ok(w.opens >= 2 && w.blobs[6].map == world_all(&w.blobs[6]),
       "a lane that broke under a fetch is opened again");
    close_world(&w);
}

static void init_two(struct world *w)
{
    static struct wf_broker_table t;
    const struct wf_key a = key_of(0xa), b = key_of(0xb);

    init_world(w, 1, 0);
    t = (struct wf_broker_table){0};
    must(wf_brokers_give(&t, &a, "tcp://a:1") == 0);
    must(wf_brokers_give(&t, &b, "tcp://b:1") == 0);
    w->b.cfg.link.brokers = &t;
}

/* The connection breaks, and the next one is made: to which broker? */
static unsigned fall_over(struct world *w)
{
    cut_world(w);
    back_world(w);
    return node_link(w->b.n)->endpoint;
}

static void goes_with_the_session(void)
{
    struct world w;
    unsigned was;

    init_two(&w);
    start_world(&w);
    was = node_link(w.b.n)->endpoint;
    w.mute = 1;
    order(&w, (struct wf_fetch){.req = 1}, one, 1);
    settle(&w);
    must(w.opens == 1);
    must(fall_over(&w) != was);
    is_int(w.closes, 1, "a session with another broker closes the lane of the first");
    w.mute = 0;
    order(&w, (struct wf_fetch){.req = 2}, one, 1);
    pass(&w, 20000);
    ok(w.opens == 2 && w.blobs[6].map == world_all(&w.blobs[6]),
       "what is fetched comes over a lane to that one");
    pass(&w, 60000);
    must(w.closes == 2);
    put(&w, 0);
    grant(&w, 5, 1, 0);
    settle(&w);
    must(w.opens == 3);
    must(fall_over(&w) == was);
    grant(&w, 6, 1, 0);
    pass(&w, 5000);
    ok(w.closes == 3 && w.opens == 4, "so does what is given");
    close_world(&w);

    open_world(&w, 1, 0);
    w.mute = 1;
    order(&w, (struct wf_fetch){.req = 1}, one, 1);
    settle(&w);
    cut_world(&w);
    back_world(&w);
    is_int(w.closes, 0, "at the same broker transfers go on");
    close_world(&w);
}

int main(void)
{
    goes_with_the_session();
    gives();
    shares_the_lane();
    pull_gives_up_a_lane();
    return done();
}
