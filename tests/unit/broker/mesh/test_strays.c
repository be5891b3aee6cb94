/* An agent went to another broker without its attempts: that is asked, and believed. */
#include "broker/core/mesh/strays.h"
#include "proto/words.h"
#include "tests/unit/broker/bed.h"

#define AWAY 1 /* the agent */
#define WEST 7
#define EAST 8
#define WAIT (9 * BED_SECOND) /* over two leases */

struct world {
    struct bed b;
    uint32_t client, agent, west, east;
};

static uint32_t neighbour(struct bed *b, uint8_t key, const char *name)
{
    uint32_t peer;

    bed_enrol(b, key, WF_ROLE_BROKER, name);
    peer = bed_hello(b, key, WF_ROLE_BROKER, 1);
    bed_resync(b, peer);
    return peer;
}

static void start(struct world *w)
{
    bed_init(&w->b);
    bed_start(&w->b);
    w->agent = bed_agent(&w->b, AWAY, "a1", 9);
    w->client = bed_client(&w->b, 2, "c");
    w->west = neighbour(&w->b, WEST, "west");
    w->east = neighbour(&w->b, EAST, "east");
}

/* Time passes, with everybody who is there alive. */
static void live(struct world *w, uint64_t us)
{
    const struct wf_ping p = {.seq = 1};

    for (uint64_t i = 0; i < us; i += BED_SECOND) {
        bed_say(&w->b, w->client, WF_MSG_ping, &p);
        bed_say(&w->b, w->west, WF_MSG_ping, &p);
        bed_say(&w->b, w->east, WF_MSG_ping, &p);
        bed_tick(&w->b, BED_SECOND);
        if (bed_count(&w->b, w->west, WF_MSG_seek) != 0) {
            return;
        }
    }
}

/* A job that waits for its agent for as long as it takes; which goes. */
static void strand(struct world *w, uint8_t id)
{
    struct wf_submit m = bed_work(id);

    m.disconnect = WF_KEEP;
    bed_say(&w->b, w->client, WF_MSG_submit, &m);
    must(bed_state(&w->b, id) == WF_JOB_ASSIGNED);
}

static void strand_one(struct world *w)
{
    start(w);
    strand(w, 1);
    bed_down(&w->b, w->agent);
}

/* Say what the agent holds not, as one neighbour hears it from the other. */
static void say_lost(struct world *w, uint32_t peer, uint64_t req, uint8_t id,
                     uint64_t attempt)
{
    struct wf_buf rows = WF_BUF_INIT(1024);
    struct wf_sought m = {.req = req, .found = 1};
    const struct wf_run_row row = {.job = bed_id(id), .attempt = attempt};

    if (id != 0) {
        must(wf_rows_add(&rows, &m.runs, wf_desc_run_row(), &row) == 0);
    }
    bed_say(&w->b, peer, WF_MSG_sought, &m);
    wf_buf_fini(&rows);
}

/* The number of the question to the western neighbour in the last step; 0: none. */
static uint64_t asked(const struct world *w)
{
    struct wf_msg m;

    return bed_told(&w->b, w->west, WF_MSG_seek, 0, &m) ? m.u.seek.req : 0;
}

static void is_lost(void)
{
    struct wf_key away = bed_key(AWAY);
    struct wf_run_row row;
    struct world w;
    struct wf_msg m;
    uint64_t req;

    strand_one(&w);
    live(&w, 7 * BED_SECOND);
    is_int((intmax_t) asked(&w), 0, "an agent that is away may come back");
    live(&w, WAIT);
    req = asked(&w);
    ok(bed_told(&w.b, w.west, WF_MSG_seek, 0, &m) && wf_key_eq(&m.u.seek.agent, &away) &&
           bed_told(&w.b, w.east, WF_MSG_seek, 0, &m) && m.u.seek.req == req,
       "after two leases it is looked for everywhere");
    ok(m.u.seek.runs.count == 1 &&
           wf_rows_next(&m.u.seek.runs, wf_desc_run_row(), &row) && row.attempt == 1 &&
           row.job.b[0] == 1,
       "and asked about what it was given");
    is_int(bed_state(&w.b, 1), WF_JOB_ASSIGNED, "until then its job waits");
    say_lost(&w, w.west, req, 1, 1);
    is_int(bed_state(&w.b, 1), WF_JOB_QUEUED, "what it does not hold is lost");
    (void) bed_agent(&w.b, 3, "a2", 9);
    live(&w, 2 * BED_SECOND);
    ok(bed_state(&w.b, 1) == WF_JOB_ASSIGNED && bed_job(&w.b, 1)->attempt == 2,
       "and runs elsewhere, as another attempt");
    is_int(bed_job(&w.b, 1)->tries, 0, "and one that never arrived counts nothing");
    say_lost(&w, w.east, req, 1, 2);
    is_int(bed_job(&w.b, 1)->attempt, 2, "who answers later says nothing");
    bed_fini(&w.b);
}

/* What was never there took nothing of what a job may try; what ran did. */
static void counts_what_ran(void)
{
    struct wf_submit m = bed_work(2);
    const struct wf_started run = {.job = bed_id(2), .attempt = 1};
    struct world w;

    start(&w);
    m.disconnect = WF_KEEP;
    m.max_attempts = 1;
    bed_say(&w.b, w.client, WF_MSG_submit, &m);
    m.job = bed_id(3);
    bed_say(&w.b, w.client, WF_MSG_submit, &m);
    must(bed_state(&w.b, 3) == WF_JOB_ASSIGNED);
    bed_say(&w.b, w.agent, WF_MSG_started, &run);
    must(bed_state(&w.b, 2) == WF_JOB_RUNNING);
    bed_down(&w.b, w.agent);
    live(&w, 2 * WAIT);
    say_lost(&w, w.west, asked(&w), 3, 1);
    is_int(bed_state(&w.b, 3), WF_JOB_QUEUED,
           "the only attempt is still to be had when it never arrived");
    ok(bed_job(&w.b, 3)->retry_us > w.b.now_us, "after a while");
    live(&w, WAIT);
    say_lost(&w, w.west, asked(&w), 2, 1);
    ok(bed_state(&w.b, 2) == WF_JOB_DEAD && bed_job(&w.b, 2)->crashes == 0,
       "it was had when it ran, and is no crash");
    bed_fini(&w.b);
}

/* More attempts than one question takes. */
static void asks_about_all(void)
{
    unsigned seen[128] = {0}, all = 0;
    struct wf_run_row row;
    struct world w;
    struct wf_msg m;

    bed_init(&w.b);
    w.b.cfg.max_jobs = 200;
    bed_start(&w.b);
    w.agent = bed_agent(&w.b, AWAY, "a1", 70);
    w.client = bed_client(&w.b, 2, "c");
    w.west = neighbour(&w.b, WEST, "west");
    w.east = neighbour(&w.b, EAST, "east");
    for (uint8_t i = 1; i <= 70; i++) {
        strand(&w, i);
    }
    bed_down(&w.b, w.agent);
    for (unsigned round = 0; round < 2; round++) {
        live(&w, 2 * WAIT);
        must(bed_told(&w.b, w.west, WF_MSG_seek, 0, &m));
        while (wf_rows_next(&m.u.seek.runs, wf_desc_run_row(), &row)) {
            all += seen[row.job.b[0]]++ == 0;
        }
        say_lost(&w, w.west, m.u.seek.req, 0, 0);
    }
    is_int(all, 70, "of more attempts than fit in a question each has its turn");
    bed_fini(&w.b);
}

static void is_kept(void)
{
    struct world w;
    uint64_t req;

    strand_one(&w);
    live(&w, WAIT);
    req = asked(&w);
    say_lost(&w, w.west, req, 0, 0);
    is_int(bed_state(&w.b, 1), WF_JOB_ASSIGNED, "what it holds it is waited for with");
    live(&w, WAIT);
    ok(asked(&w) > req, "and asked about again");
    say_lost(&w, w.west, asked(&w), 1, 9);
    is_int(bed_state(&w.b, 1), WF_JOB_ASSIGNED, "another attempt is not this one");
    live(&w, WAIT);
    live(&w, WAIT);
    is_int(bed_state(&w.b, 1), WF_JOB_ASSIGNED, "where it is not found nothing is known");
    req = asked(&w);
    w.agent = bed_hello(&w.b, AWAY, WF_ROLE_AGENT, AWAY);
    say_lost(&w, w.west, req, 1, 1);
    is_int(bed_state(&w.b, 1), WF_JOB_ASSIGNED, "who came back speaks for itself");
    bed_resync(&w.b, w.agent);
    is_int(bed_state(&w.b, 1), WF_JOB_QUEUED, "and does");
    bed_fini(&w.b);
}

/* Only neighbours, and only what was asked. */
static void is_fenced(void)
{
    struct world w;
    uint32_t other;
    uint64_t req;

    strand_one(&w);
    live(&w, WAIT);
    req = asked(&w);
    other = bed_agent(&w.b, 3, "a2", 9);
    say_lost(&w, other, req, 1, 1);
    is_int(bed_state(&w.b, 1), WF_JOB_ASSIGNED, "another agent was not asked");
    bed_say(&w.b, other, WF_MSG_seek, &(struct wf_seek){.req = 1, .hops = 3});
    is_int((intmax_t) w.b.c->count.denied, 1, "nor may it ask");
    say_lost(&w, w.west, req + 1, 1, 1);
    is_int(bed_state(&w.b, 1), WF_JOB_ASSIGNED, "nor was anybody asked that");
    say_lost(&w, w.west, req, 2, 1);
    is_int(bed_state(&w.b, 1), WF_JOB_ASSIGNED, "nor about another job");
    bed_fini(&w.b);
}

/* At the broker where it is. */
static void is_found(void)
{
    struct wf_seek ask = {.req = 5, .agent = bed_key(AWAY), .hops = 1, .origin = 9};
    const struct wf_run_row row = {.job = bed_id(4), .attempt = 3};
    struct wf_buf rows = WF_BUF_INIT(1024);
    struct world w;
    struct wf_msg m;
    uint64_t req;

    start(&w);
    must(wf_rows_add(&rows, &ask.runs, wf_desc_run_row(), &row) == 0);
    bed_say(&w.b, w.west, WF_MSG_seek, &ask);
    ok(bed_told(&w.b, w.agent, WF_MSG_seek, 0, &m) && m.u.seek.runs.count == 1,
       "the agent itself is asked");
    req = m.u.seek.req;
    is_int(bed_count(&w.b, w.east, WF_MSG_seek), 0, "and nobody else");
    say_lost(&w, w.agent, req, 4, 3);
    ok(bed_told(&w.b, w.west, WF_MSG_sought, 0, &m) && m.u.sought.found &&
           m.u.sought.req == 5 && m.u.sought.runs.count == 1,
       "its answer goes to who asked");
    say_lost(&w, w.agent, req, 4, 3);
    is_int(bed_count(&w.b, w.west, WF_MSG_sought), 0, "once");
    ask.origin = 10;
    bed_say(&w.b, w.west, WF_MSG_seek, &ask);
    bed_tick(&w.b, 2 * BED_SECOND);
    ok(bed_told(&w.b, w.west, WF_MSG_sought, 0, &m) && !m.u.sought.found,
       "one that is silent is not found");
    ask.origin = 11;
    ask.agent = bed_key(77);
    bed_say(&w.b, w.west, WF_MSG_seek, &ask);
    ok(bed_told(&w.b, w.west, WF_MSG_sought, 0, &m) && !m.u.sought.found,
       "nor one that is not here");
    ask.hops = 2;
    ask.origin = 12;
    bed_say(&w.b, w.west, WF_MSG_seek, &ask);
    ok(bed_told(&w.b, w.east, WF_MSG_seek, 0, &m) && m.u.seek.agent.b[0] == 77 &&
           m.u.seek.runs.count == 1 && m.u.seek.hops == 1,
       "but it may be further on");
    say_lost(&w, w.east, m.u.seek.req, 4, 3);
    ok(bed_told(&w.b, w.west, WF_MSG_sought, 0, &m) && m.u.sought.found &&
           m.u.sought.runs.count == 1,
       "from where the answer is passed back");
    wf_buf_fini(&rows);
    bed_fini(&w.b);
}

/* Many are away: they have their turns. */
static void is_bounded(void)
{
    struct world w;
    unsigned n = 0, seen[64] = {0}, all = 0;
    struct wf_msg m;

    start(&w);
    bed_down(&w.b, w.agent);
    for (uint8_t i = 0; i < 20; i++) {
        char name[8];
        uint32_t peer;

        (void) snprintf(name, sizeof name, "n%u", i);
        peer = bed_agent(&w.b, (uint8_t) (20 + i), name, 1);
        strand(&w, (uint8_t) (20 + i));
        bed_down(&w.b, peer);
    }
    for (unsigned round = 0; round < 3; round++) {
        live(&w, 2 * WAIT);
        for (n = 0; bed_told(&w.b, w.west, WF_MSG_seek, n, &m); n++) {
            all += seen[m.u.seek.agent.b[0]]++ == 0;
        }
        ok(n <= STRAYS_AGENTS, "round %u: so many at a time (%u)", round, n);
    }
    is_int(all, 20, "each of them in the end");
    bed_fini(&w.b);
}

int main(void)
{
    is_lost();
    counts_what_ran();
    asks_about_all();
    is_kept();
    is_fenced();
    is_found();
    is_bounded();
    return done();
}
