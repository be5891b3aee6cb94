/* Who is told where blobs are, and who then may fetch them from whom. */
#include "tests/unit/broker/data/stock.h"

#define ANN  10
#define BOB  11
#define BOSS 20

struct world {
    struct bed b;
    uint32_t ann, bob, boss, one, two;
};

static void open_world(struct world *w)
{
    bed_init(&w->b);
    bed_start(&w->b);
    w->ann = bed_client(&w->b, ANN, "ann");
    w->bob = bed_client(&w->b, BOB, "bob");
    w->boss = bed_operator(&w->b, BOSS);
    w->one = stock_agent(&w->b, 1, "one", "residency=eu");
    w->two = stock_agent(&w->b, 2, "two", NULL);
}

/* Where is blob n?  0 and the answer, or its code. */
static int locate(struct world *w, uint32_t peer, unsigned n, uint8_t job,
                  uint64_t ticket, struct wf_msg *ret)
{
    struct list l = LIST;
    struct wf_locate m = {.req = 3, .ticket = ticket};

    if (job != 0) {
        m.job = bed_id(job);
    }
    list_blob(&l, n, n * KIB);
    m.rows = l.rows;
    bed_say(&w->b, peer, WF_MSG_locate, &m);
    list_fini(&l);
    must(bed_told(&w->b, peer, WF_MSG_located, 0, ret) && ret->u.located.req == 3);
    return -(int) ret->u.located.code;
}

/* The name of the holder of the i-th row, "-": there is none. */
static const char *holder(const struct wf_msg *m, unsigned i)
{
    static char name[WF_NAME_MAX + 1];
    struct wf_rows at = m->u.located.rows, holders = m->u.located.holders;
    struct wf_holder_row row;
    struct wf_at_row where;

    do {
        if (!wf_rows_next(&at, wf_desc_at_row(), &where)) {
            return "-";
        }
    } while (i-- > 0);
    for (uint64_t k = 0; k <= where.holder; k++) {
        must(wf_rows_next(&holders, wf_desc_holder_row(), &row));
    }
    return wf_slice_str(row.name, name, sizeof name);
}

static void clients(void)
{
    struct world w;
    struct wf_msg m;

    open_world(&w);
    stock_simple(&w.b, w.ann, "mine", NULL, 1, 2);
    stock_simple(&w.b, w.ann, "all", "public=yes", 3, 1);
    for (unsigned i = 1; i <= 4; i++) {
        stock_has(&w.b, w.one, i);
    }
    ok(locate(&w, w.ann, 1, 0, 0, &m) == 0 && strcmp(holder(&m, 0), "one") == 0,
       "its owner may fetch it");
    is_int(locate(&w, w.bob, 1, 0, 0, &m), WEFT_EPERM, "somebody else may not");
    is_int(m.u.located.rows.count, 0, "and is told nothing");
    is_int(locate(&w, w.boss, 1, 0, 0, &m), 0, "an operator may");
    is_int(locate(&w, w.bob, 3, 0, 0, &m), 0, "what is for all");
    is_int(locate(&w, w.bob, 4, 0, 0, &m), 0, "what no dataset has");
    ok(locate(&w, w.bob, 9, 0, 0, &m) == 0 && m.u.located.rows.count == 0,
       "what is nowhere has no row");
    stock_simple(&w.b, w.bob, "his", NULL, 1, 1);
    is_int(locate(&w, w.bob, 1, 0, 0, &m), 0, "who has it in a dataset of his");
    is_int(w.b.c->count.denied, 1, "refusals are counted");
    bed_fini(&w.b);
}

/* Who has a digest alone does not know how large it is. */
static void no_size(void)
{
    struct list l = LIST;
    struct wf_locate m = {.req = 3};
    struct wf_at_row row;
    struct world w;
    struct wf_msg told;

    open_world(&w);
    stock_has(&w.b, w.one, 5);
    list_blob(&l, 5, 0);
    m.rows = l.rows;
    bed_say(&w.b, w.ann, WF_MSG_locate, &m);
    must(bed_told(&w.b, w.ann, WF_MSG_located, 0, &told));
    ok(wf_rows_next(&told.u.located.rows, wf_desc_at_row(), &row) && row.size == 5 * KIB,
       "a digest is enough, and the size is told");
    list_fini(&l);
    bed_fini(&w.b);
}

static void only_what_may(void)
{
    struct list l = LIST;
    struct wf_locate m = {.req = 3};
    struct wf_digest_row row;
    struct world w;
    struct wf_msg told;

    open_world(&w);
    stock_simple(&w.b, w.ann, "mine", NULL, 1, 1);
    stock_simple(&w.b, w.bob, "his", NULL, 2, 1);
    stock_has(&w.b, w.one, 1);
    stock_has(&w.b, w.one, 2);
    list_blob(&l, 1, KIB);
    list_blob(&l, 2, 2 * KIB);
    list_blob(&l, 1, 2 * KIB);
    m.rows = l.rows;
    bed_say(&w.b, w.ann, WF_MSG_locate, &m);
    must(bed_told(&w.b, w.ann, WF_MSG_located, 0, &told));
    is_int(told.u.located.rows.count, 1, "of several those that it may");
    must(bed_told(&w.b, w.one, WF_MSG_grant, 0, &told));
    is_int(told.u.grant.rows.count, 1, "and no others are granted");
    must(wf_rows_next(&told.u.grant.rows, wf_desc_digest_row(), &row));
    ok(wf_digest_eq(&row.digest, &(struct wf_digest){{0}}) == 0 && row.size == KIB &&
           wf_slice_is(told.u.grant.name, "ann") && wf_slice_is(told.u.grant.region, "*"),
       "to whom, and which");
    list_fini(&l);
    bed_fini(&w.b);
}

static void agents(void)
{
    struct world w;
    struct wf_msg m;
    uint32_t at, other;

    open_world(&w);
    stock_simple(&w.b, w.ann, "mine", NULL, 1, 3);
    for (unsigned i = 1; i <= 5; i++) {
        stock_has(&w.b, w.one, i);
        stock_has(&w.b, w.two, i);
    }
    is_int(locate(&w, w.one, 1, 0, 0, &m), WEFT_EPERM, "an agent needs a reason");
    stock_submit(&w.b, w.ann, 1, "in", "mine/f2");
    stock_submit(&w.b, w.ann, 2, "in", "mine");
    at = bed_job(&w.b, 1)->agent->session->peer;
    other = at == w.one ? w.two : w.one;
    is_int(locate(&w, at, 2, 1, 0, &m), 0, "the attempt that it holds is one");
    is_int(locate(&w, at, 3, 1, 0, &m), WEFT_EPERM, "for what that needs");
    is_int(locate(&w, at, 5, 1, 0, &m), WEFT_EPERM, "and nothing else");
    is_int(locate(&w, other, 2, 1, 0, &m), WEFT_EPERM, "an attempt of another is none");
    is_int(locate(&w, at, 2, 9, 0, &m), WEFT_EPERM, "nor a job that is not");
    at = bed_job(&w.b, 2)->agent->session->peer;
    ok(locate(&w, at, 3, 2, 0, &m) == 0 && m.u.located.rows.count == 1,
       "a folder is all its files");
    ok(strcmp(holder(&m, 0), at == w.one ? "two" : "one") == 0, "from others");
    bed_result(&w.b, at, 2, 1, 0);
    is_int(locate(&w, at, 3, 2, 0, &m), WEFT_EPERM, "with the attempt the right ends");
    is_int(locate(&w, at, 3, 0, 1, &m), WEFT_EPERM, "an order that is none");
    bed_fini(&w.b);
}

static void results(void)
{
    struct wf_result r = {.job = bed_id(1), .attempt = 1, .blob_size = 9 * KIB};
    struct world w;
    struct wf_msg m;
    uint32_t at;

    open_world(&w);
    stock_submit(&w.b, w.ann, 1, "in", "none");
    bed_submit(&w.b, w.ann, 1);
    at = bed_job(&w.b, 1)->agent->session->peer;
    stock_simple(&w.b, w.bob, "his", NULL, 9, 1);
    r.blob = stock_digest(9);
    bed_say(&w.b, at, WF_MSG_result, &r);
    is_int(locate(&w, w.ann, 9, 1, 0, &m), 0, "the result of one's own job");
    is_int(m.u.located.rows.count, 1, "is there, before its agent reports it");
    is_int(locate(&w, w.ann, 9, 0, 0, &m), WEFT_EPERM, "as that alone");
    bed_fini(&w.b);
}

static void regions(void)
{
    struct world w;
    struct wf_msg m;
    uint32_t three;

    open_world(&w);
    three = stock_agent(&w.b, 3, "three", "residency=eu");
    stock_simple(&w.b, w.ann, "mine", "residency=eu", 1, 1);
    stock_has(&w.b, w.one, 1);
    stock_submit(&w.b, w.ann, 1, "in", "mine");
    ok(bed_job(&w.b, 1)->agent->session->peer != w.two, "it runs where it may");
    bed_result(&w.b, bed_job(&w.b, 1)->agent->session->peer, 1, 1, 0);
    /* An agent says other labels than when it got the job. */
    stock_submit(&w.b, w.ann, 2, "in", "mine");
    {
        uint32_t at = bed_job(&w.b, 2)->agent->session->peer;

        stock_info(&w.b, at, "residency=us", 4, 1000 * MIB);
        is_int(locate(&w, at, 1, 2, 0, &m), WEFT_EPERM,
               "where it must not be it is not told");
        ok(wf_slice_is(m.u.located.text, "their residency forbids them there"),
           "and why");
    }
    is_int(locate(&w, w.ann, 1, 0, 0, &m), 0,
           "a client is its data's owner, and no place");
    ok(bed_told(&w.b, w.one, WF_MSG_grant, 0, &m) &&
           wf_slice_is(m.u.grant.residency, "eu"),
       "the holder is told where it may be");
    (void) three;
    bed_fini(&w.b);
}

/* Who put the bytes first says where they may be. */
static void squatters(void)
{
    struct world w;
    struct wf_msg m;

    open_world(&w);
    stock_simple(&w.b, w.ann, "all", "public=yes", 1, 1);
    stock_has(&w.b, w.two, 1);
    stock_simple(&w.b, w.bob, "mars", "residency=mars", 1, 1);
    stock_submit(&w.b, w.ann, 1, "in", "all");
    is_int(bed_state(&w.b, 1), WF_JOB_ASSIGNED, "a foreign label does not bind it");
    {
        uint32_t at = bed_job(&w.b, 1)->agent->session->peer;

        is_int(locate(&w, at, 1, 1, 0, &m), 0, "nor where its blobs may go");
    }
    stock_submit(&w.b, w.bob, 2, "in", "mars");
    is_int(bed_state(&w.b, 2), WF_JOB_QUEUED, "it binds the uses of that who said it");
    stock_simple(&w.b, w.ann, "all", "residency=eu", 1, 1);
    is_int(locate(&w, w.two, 1, 1, 0, &m), WEFT_EPERM, "the owner may narrow it later");
    bed_fini(&w.b);
}

static void best_first(void)
{
    const struct wf_ping far = {.seq = 1, .rtt_us = 90000},
                         near = {.seq = 1, .rtt_us = 500};
    struct list l = LIST;
    struct world w;
    struct wf_msg m;
    uint32_t peer;

    open_world(&w);
    list_hold(&l, 5, 5 * KIB, 3 * KIB, 0);
    stock_holds(&w.b, w.one, 0, &l, MIB);
    is_int(locate(&w, w.ann, 5, 0, 0, &m), 0, "who has some of it is told");
    is_str(holder(&m, 0), "one", "as well");
    bed_say(&w.b, w.one, WF_MSG_ping, &near);
    bed_say(&w.b, w.two, WF_MSG_ping, &far);
    stock_has(&w.b, w.two, 5);
    (void) locate(&w, w.ann, 5, 0, 0, &m);
    is_str(holder(&m, 0), "two", "whole ones come first");
    is_str(holder(&m, 1), "one", "then parts");
    for (uint8_t i = 3; i <= 8; i++) {
        const struct wf_ping ping = {.seq = 1, .rtt_us = 1000u * (20u - i)};
        char name[8];

        (void) snprintf(name, sizeof name, "a%u", i);
        peer = stock_agent(&w.b, i, name, NULL);
        stock_has(&w.b, peer, 5);
        bed_say(&w.b, peer, WF_MSG_ping, &ping);
    }
    (void) locate(&w, w.ann, 5, 0, 0, &m);
    is_int(m.u.located.rows.count, 4, "a few");
    is_str(holder(&m, 0), "a8", "the nearest");
    is_str(holder(&m, 3), "a5", "and those next to it");
    bed_down(&w.b, peer);
    (void) locate(&w, w.ann, 5, 0, 0, &m);
    is_str(holder(&m, 0), "a7", "of those that are there");
    list_fini(&l);
    bed_fini(&w.b);
}

/* More holders than are looked at in one question: all get their turn. */
static void very_popular(void)
{
    struct wf_holder_row row;
    struct bed *b;
    struct world w;
    struct wf_msg m;
    unsigned asked = 0;

    bed_init(&w.b);
    w.b.cfg.max_nodes = 1000;
    bed_start(&w.b);
    b = &w.b;
    w.ann = bed_client(b, 255, "ann");
    for (unsigned i = 1; i <= 254; i++) {
        char name[8];

        (void) snprintf(name, sizeof name, "a%u", i);
        (void) stock_agent(b, (uint8_t) i, name, NULL);
        stock_has(b, b->last_peer, 5);
    }
    for (unsigned i = 0; i < 8; i++) {
        must(locate(&w, w.ann, 5, 0, 0, &m) == 0);
        asked += m.u.located.rows.count;
        must(wf_rows_next(&m.u.located.holders, wf_desc_holder_row(), &row));
        ok(row.ticket != 0 && row.ttl_ms == TICKET_TTL_MS, "question %u is answered", i);
    }
    is_int(asked, 32, "four holders each time");
    bed_fini(b);
}

static void denials(void)
{
    const struct wf_query follow = {
        .req = 1, .kind = WF_QUERY_EVENTS, .key = wf_slice_of("follow"), .limit = 1};
    struct world w;
    struct wf_msg m;
    unsigned events = 0;

    open_world(&w);
    stock_simple(&w.b, w.ann, "mine", NULL, 1, 2);
    bed_say(&w.b, w.boss, WF_MSG_query, &follow);
    for (unsigned i = 0; i < 100; i++) {
        is_int(locate(&w, w.bob, 1, 0, 0, &m), WEFT_EPERM, "denied");
        events += bed_count(&w.b, w.boss, WF_MSG_events_page);
    }
    is_int(events, 1, "a hundred times in a moment is one event");
    bed_fini(&w.b);
}

/* Many in one question: the answer holds what it may, the grants just that. */
static void full_answers(void)
{
    struct list l = LIST, holds = LIST;
    struct wf_locate q = {.req = 3};
    struct wf_at_row at;
    unsigned granted = 0, located, distinct = 0;
    struct world w;
    struct wf_msg m;

    open_world(&w);
    for (unsigned i = 1; i <= 256; i++) {
        list_blob(&l, i, i * KIB);
        list_hold(&holds, i, i * KIB, i * KIB, 0);
    }
    stock_holds(&w.b, w.one, 0, &holds, MIB);
    stock_holds(&w.b, w.two, 0, &holds, MIB);
    for (uint8_t i = 3; i <= 8; i++) {
        char name[8];

        (void) snprintf(name, sizeof name, "a%u", i);
        (void) stock_agent(&w.b, i, name, NULL);
        stock_holds(&w.b, w.b.last_peer, 0, &holds, MIB);
    }
    q.rows = l.rows;
    bed_say(&w.b, w.ann, WF_MSG_locate, &q);
    must(bed_told(&w.b, w.ann, WF_MSG_located, 0, &m));
    located = m.u.located.rows.count;
    for (uint64_t last = 0; wf_rows_next(&m.u.located.rows, wf_desc_at_row(), &at);
         last = at.size) {
        distinct += at.size != last;
    }
    for (uint32_t peer = 1; peer <= w.b.last_peer; peer++) {
        for (unsigned k = 0; bed_told(&w.b, peer, WF_MSG_grant, k, &m); k++) {
            granted += m.u.grant.rows.count;
        }
    }
    is_int(distinct, 256, "all of them are located");
    is_int(granted, located, "and as much is granted");
    list_fini(&l);
    list_fini(&holds);
    bed_fini(&w.b);
}

int main(void)
{
    clients();
    no_size();
    only_what_may();
    agents();
    results();
    regions();
    squatters();
    best_first();
    very_popular();
    denials();
    full_answers();
    return done();
}
