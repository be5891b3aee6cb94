/* Data at sites behind a neighbour: where jobs go for it, and how far away that is. */
#include "broker/core/mesh/beyond.h"

#include "broker/core/mesh/gossip/sign.h"
#include "broker/core/mesh/where.h"
#include "common/bloom.h"
#include "common/fnv.h"
#include "tests/unit/broker/data/stock.h"
#include "tests/unit/broker/mesh/far.h"

#define ANN   10
#define THIRD 8 /* linked to the other broker alone */

static const struct wf_slice none = {NULL, 0};

struct scene {
    struct bed b;
    struct far f;
    uint32_t ann, near;
    uint64_t seq; /* of what the third said */
};

static struct wf_digest digest_of(unsigned n)
{
    uint64_t h = wf_fnv_u64(WF_FNV_START, n);
    struct wf_digest d;

    for (unsigned i = 0; i < sizeof d.b; i++) {
        h = wf_fnv_u64(h, i);
        d.b[i] = (uint8_t) (h >> 40);
    }
    return d;
}

static void keys_of_third(uint8_t secret[SIGN_SECRET_SIZE], struct wf_key *pub)
{
    const struct wf_key seed = bed_key(99);

    sign_keys(seed.b, secret, pub);
}

/* A fact of the third, as the neighbour passes it on. */
static void third_says(struct scene *s, unsigned kind, enum wf_type type,
                       const void *fact)
{
    struct wf_buf body = WF_BUF_INIT(8192), store = WF_BUF_INIT(16384);
    struct said said = {.origin = bed_key(THIRD), .seq = ++s->seq, .kind = kind};
    uint8_t secret[SIGN_SECRET_SIZE], sign[WF_SIGN_SIZE];
    struct wf_facts m = {{0}};
    struct wf_fact_row row;
    struct wf_key pub;

    must(wf_msg_encode(&body, type, fact) == 0);
    said.body = wf_slice_make(body.p, body.len);
    keys_of_third(secret, &pub);
    sign_make(&said, secret, sign);
    row = (struct wf_fact_row){.origin = said.origin,
                               .seq = said.seq,
                               .kind = kind,
                               .body = said.body,
                               .sign = wf_slice_make(sign, sizeof sign)};
    must(wf_rows_add(&store, &m.rows, wf_desc_fact_row(), &row) == 0);
    bed_say(&s->b, s->f.peer, WF_MSG_facts, &m);
    wf_buf_fini(&body);
    wf_buf_fini(&store);
}

static void third_offers(struct scene *s, const char *cap, uint64_t hops)
{
    const struct wf_cap_row row = {
        .name = wf_slice_of(cap), .version = 1, .slots = 4, .hops = hops};
    struct wf_site_fact m = {.name = wf_slice_of("third")};
    struct wf_buf caps = WF_BUF_INIT(1024);

    must(wf_rows_add(&caps, &m.caps, wf_desc_cap_row(), &row) == 0);
    third_says(s, WF_FACT_SITE, WF_MSG_site_fact, &m);
    wf_buf_fini(&caps);
}

static void third_holds(struct scene *s, unsigned n)
{
    const struct wf_digest d = digest_of(n);
    uint8_t bits[128] = {0};

    wf_bloom_add(bits, sizeof bits, d.b);
    third_says(s, WF_FACT_HOLDS, WF_MSG_holds_fact,
               &(struct wf_holds_fact){.least = MIB,
                                       .hashes = WF_BLOOM_HASHES,
                                       .bits = wf_slice_make(bits, sizeof bits)});
}

static struct wf_slice place(int32_t x_us, uint8_t room[WHERE_BYTES])
{
    struct where w;

    where_init(&w, 1);
    w.at.at_us[0] = x_us;
    w.at.error = WF_COORDS_ONE / 10;
    return where_tell(&w, room);
}

/* The other one has a link to the third, of that round trip (0: it was not measured). */
static void far_links(struct scene *s, uint64_t rtt_us)
{
    const struct wf_link_row row = {
        .peer = bed_key(THIRD), .name = wf_slice_of("third"), .rtt_us = rtt_us};
    struct wf_buf rows = WF_BUF_INIT(1024), body = WF_BUF_INIT(4096);
    struct wf_site_fact m = {{0}};
    uint8_t room[WHERE_BYTES];

    m.coords = place(0, room);
    must(wf_rows_add(&rows, &m.links, wf_desc_link_row(), &row) == 0);
    must(wf_msg_encode(&body, WF_MSG_site_fact, &m) == 0);
    must(gossip_say(s->f.g, WF_FACT_LINKS, none, wf_slice_make(body.p, body.len),
                    s->b.now_us, &s->f.fx) == 0);
    wf_buf_fini(&rows);
    wf_buf_fini(&body);
    carry(&s->b, &s->f);
    carry(&s->b, &s->f);
}

/* An idle agent at 1 ms, another site at 9 ms, and a dataset of 100 MiB that is at
 * neither. */
static void scene_open(struct scene *s)
{
    uint8_t secret[SIGN_SECRET_SIZE];
    const struct wf_key third = bed_key(THIRD);
    struct list files = LIST;
    struct wf_key pub;
    struct wf_file_row row = {wf_slice_of("a"), digest_of(1), 100 * MIB};

    s->seq = 0;
    bed_init(&s->b);
    s->b.cfg.key = bed_key(200);
    s->b.cfg.boot = 1;
    s->b.cfg.lease_ms = s->b.cfg.heartbeat_ms = 3600000;
    bed_start(&s->b);
    far_init(&s->b, &s->f);
    s->ann = bed_client(&s->b, ANN, "ann");
    s->near = stock_agent(&s->b, 1, "near", NULL);
    stock_info(&s->b, s->f.peer, NULL, 4, 1000 * MIB);
    bed_resync(&s->b, s->f.peer);
    bed_say(&s->b, s->near, WF_MSG_ping, &(struct wf_ping){.seq = 1, .rtt_us = 1000});
    bed_say(&s->b, s->f.peer, WF_MSG_ping, &(struct wf_ping){.seq = 1, .rtt_us = 9000});
    keys_of_third(secret, &pub);
    must(gossip_trust(s->b.c->word.gossip, &third, &pub, s->b.now_us, &s->b.fx) == 0);
    must(wf_rows_add(&files.store, &files.rows, wf_desc_file_row(), &row) == 0);
    stock_put(&s->b, s->ann, "pics", UINT32_MAX, NULL, &files);
    must(bed_refusal(&s->b, s->ann) == 0);
    list_fini(&files);
}

static void scene_close(struct scene *s)
{
    far_fini(&s->f);
    bed_fini(&s->b);
}

/* Where a job for the dataset goes, and what is said of the other site then. */
static const char *goes(struct scene *s, uint8_t id, struct wf_scored_row *ret_far)
{
    const char text[] = {(char) ('0' + id / 10), (char) ('0' + id % 10), 0};
    struct wf_query q = {.req = 1, .kind = WF_QUERY_WHY};
    char key[9] = "";
    struct wf_scored_row row;
    const struct job *j;
    struct wf_msg m;

    for (unsigned i = 0; i < 4; i++) {
        memcpy(key + 2 * i, text, 3);
    }
    stock_submit(&s->b, s->ann, (uint8_t) (id / 10 * 16 + id % 10), "in", "pics/a");
    q.key = wf_slice_of(key);
    bed_say(&s->b, s->ann, WF_MSG_query, &q);
    must(bed_told(&s->b, s->ann, WF_MSG_why_info, 0, &m));
    *ret_far = (struct wf_scored_row){.fetch_bytes = UINT64_MAX};
    while (wf_rows_next(&m.u.why_info.rows, wf_desc_scored_row(), &row)) {
        if (wf_slice_is(row.node, "far")) {
            *ret_far = row;
        }
    }
    j = bed_job(&s->b, (uint8_t) (id / 10 * 16 + id % 10));
    return j->agent != NULL ? j->agent->principal->name : "-";
}

static void goes_towards_the_data(void)
{
    struct wf_scored_row row;
    struct scene s;

    scene_open(&s);
    third_offers(&s, "echo", 0);
    third_holds(&s, 1);
    is_str(goes(&s, 1, &row), "near", "nobody knows the way to a site that has the data");
    far_links(&s, 30000);
    is_str(goes(&s, 2, &row), "far", "then the job goes to who leads there");
    is_int(row.fetch_bytes, 0, "nothing is to be moved");
    is_int(row.link_us, 9000 + 30000, "but the job, as far as it was measured");
    third_offers(&s, "other", 0);
    is_str(goes(&s, 3, &row), "near", "not when nobody there may run it");
    third_offers(&s, "echo", 1);
    is_str(goes(&s, 4, &row), "near", "nor when that is at another site");
    third_offers(&s, "echo", 0);
    is_str(goes(&s, 5, &row), "far", "and again when it may");
    third_holds(&s, 2);
    carry(&s.b, &s.f);
    is_str(goes(&s, 6, &row), "near", "until it tells that it has other data");
    third_holds(&s, 1);
    carry(&s.b, &s.f);
    bed_result(&s.b, s.near, 1, 1, 0);
    bed_down(&s.b, s.f.peer);
    is_str(goes(&s, 7, &row), "near", "not while the link is cut");
    scene_close(&s);
}

static void guesses_where_nobody_measured(void)
{
    uint8_t room[WHERE_BYTES];
    struct wf_scored_row row;
    struct scene s;

    scene_open(&s);
    third_offers(&s, "echo", 0);
    third_holds(&s, 1);
    far_links(&s, 0);
    is_str(goes(&s, 1, &row), "near", "a link that nobody measured is no way");
    third_says(&s, WF_FACT_LINKS, WF_MSG_site_fact,
               &(struct wf_site_fact){.coords = place(20000, room)});
    far_links(&s, 0);
    is_str(goes(&s, 2, &row), "far", "unless coordinates tell how far it is");
    ok(row.link_us >= 29000 && row.link_us < 30000, "%u us: there, and on from there",
       (unsigned) row.link_us);
    far_links(&s, 70000);
    is_str(goes(&s, 3, &row), "far", "what was measured");
    is_int(row.link_us, 79000, "comes before a guess");
    far_links(&s, 60000000);
    is_str(goes(&s, 4, &row), "near", "what is far is not worth the way");
    scene_close(&s);
}

/* A guest that came through that site does not go back for its data. */
static void does_not_go_back(void)
{
    static const char *const path[] = {"home", "third"};
    struct wf_assign m = {.job = bed_id(77),
                          .attempt = 1,
                          .seq = 1,
                          .capability = wf_slice_of("echo"),
                          .payload = wf_slice_of("x")};
    const struct job *guest = NULL, *own;
    struct wf_buf rows = WF_BUF_INIT(1024);
    struct wf_scored_row row;
    struct scene s;
    uint32_t other;

    scene_open(&s);
    third_offers(&s, "echo", 0);
    third_holds(&s, 1);
    far_links(&s, 30000);
    (void) goes(&s, 1, &row);
    own = bed_job(&s.b, 1);
    bed_enrol(&s.b, 33, WF_ROLE_BROKER, "other");
    other = bed_hello(&s.b, 33, WF_ROLE_BROKER, 1);
    bed_resync(&s.b, other);
    for (unsigned i = 0; i < ARRAY_LEN(path); i++) {
        const struct wf_label_row p = {wf_slice_of(path[i])};

        must(wf_rows_add(&rows, &m.path, wf_desc_label_row(), &p) == 0);
    }
    bed_say(&s.b, other, WF_MSG_assign, &m);
    for (const struct wf_list_node *n = wf_list_first(&s.b.c->jobs.all); n != NULL;
         n = wf_list_next(&s.b.c->jobs.all, n)) {
        const struct job *j = CONTAINER_OF(n, struct job, in_all);

        guest = j->guest != NULL ? j : guest;
    }
    must(guest != NULL && s.b.c->mesh.beyond.n == 1);
    ok(beyond_may_run(s.b.c, &s.b.c->mesh.beyond.v[0], own), "a job of ours may go on");
    ok(!beyond_may_run(s.b.c, &s.b.c->mesh.beyond.v[0], guest),
       "not one that came by it");
    wf_buf_fini(&rows);
    scene_close(&s);
}

int main(void)
{
    goes_towards_the_data();
    guesses_where_nobody_measured();
    does_not_go_back();
    return done();
}
