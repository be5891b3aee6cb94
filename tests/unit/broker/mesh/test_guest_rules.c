/* What a neighbour's work is bound by here: when it is given back, how much of it there
 * may be, what its submitter asked for when an agent is cut off. */
#include "broker/core/jobs/ledger.h"
#include "broker/core/mesh/guests.h"
#include "tests/unit/broker/bed.h"
#include "tests/unit/broker/shelf.h"

#define HOME  7 /* keys of other brokers */
#define OTHER 8
#define FIRST 30
#define SITES 20u

static uint32_t broker(struct bed *b, uint8_t key, const char *name)
{
    uint32_t peer;

    bed_enrol(b, key, WF_ROLE_BROKER, name);
    peer = bed_hello(b, key, WF_ROLE_BROKER, 1);
    bed_resync(b, peer);
    return peer;
}

static struct wf_assign work(uint8_t id)
{
    return (struct wf_assign){.job = bed_id(id),
                              .attempt = 1,
                              .seq = 1,
                              .capability = wf_slice_of("echo"),
                              .version = 1,
                              .payload = wf_slice_of("ping"),
                              .priority = 4,
                              .class_ = WF_CLASS_FAST,
                              .origin = bed_id(id),
                              .number = 1,
                              .numbers = 16};
}

static struct wf_id id_of(uint8_t owner, uint8_t job)
{
    const struct wf_key key = bed_key(owner);
    const struct wf_id id = bed_id(job);

    return guest_id(&key, &id, 1);
}

static void is_back_when_that_is_safe(void)
{
    struct wf_refuse r = {.job = id_of(HOME, 1), .attempt = 1, .code = -WEFT_ENOENT};
    struct wf_assign m = work(1);
    uint32_t home, agent;
    struct wf_msg msg;
    struct bed b;

    start(&b);
    agent = agent_of(&b, 1, "a1", 1);
    home = broker(&b, HOME, "home");
    sync_all(&b);
    m.class_ = WF_CLASS_DURABLE;
    bed_say(&b, home, WF_MSG_assign, &m);
    sync_all(&b);
    bed_say(&b, agent, WF_MSG_refuse, &r);
    is_int(bed_count(&b, home, WF_MSG_refuse), 0,
           "a guest that is given back is not done with before that is on disk");
    bed_durable(&b, put(&b));
    ok(bed_told(&b, home, WF_MSG_refuse, 0, &msg) && msg.u.refuse.code == -WEFT_ENOENT,
       "then its home is told");
    is_int(msg.u.refuse.left, 15, "and how many numbers nobody saw");
    is_int(b.c->jobs.live, 0, "it is over here");
    bed_fini(&b);
}

static void is_told_by_silence_later(void)
{
    struct wf_refuse r = {.job = id_of(HOME, 1), .attempt = 1, .code = -WEFT_ENOENT};
    struct wf_assign m = work(1);
    uint32_t home, agent;
    struct wf_msg msg;
    struct bed b;

    start(&b);
    agent = agent_of(&b, 1, "a1", 1);
    home = broker(&b, HOME, "home");
    sync_all(&b);
    m.class_ = WF_CLASS_DURABLE;
    bed_say(&b, home, WF_MSG_assign, &m);
    sync_all(&b);
    bed_say(&b, agent, WF_MSG_refuse, &r);
    bed_down(&b, home);
    sync_all(&b);
    home = bed_hello(&b, HOME, WF_ROLE_BROKER, 1);
    ok(bed_told(&b, home, WF_MSG_resync, 0, &msg) && msg.u.resync.runs.count == 0,
       "a refusal that its link cut short is told by what resync leaves out");
    is_int(bed_count(&b, home, WF_MSG_result), 0, "and not as a result");
    bed_fini(&b);
}

static void waits_for_its_agent(void)
{
    const struct wf_id id = id_of(HOME, 1);
    const struct wf_ping alive = {.seq = 1};
    struct wf_submit kept = bed_work(5);
    struct wf_assign m = work(1);
    uint32_t home, agent, client;
    struct wf_msg msg;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    agent = bed_agent(&b, 1, "a1", 1);
    home = broker(&b, HOME, "home");
    m.disconnect = WF_KEEP;
    bed_say(&b, home, WF_MSG_assign, &m);
    bed_down(&b, agent);
    for (unsigned i = 0; i < 60; i++) {
        bed_say(&b, home, WF_MSG_ping, &alive);
        bed_tick(&b, BED_SECOND);
    }
    is_int(jobs_get(&b.c->jobs, &id)->state, WF_JOB_ASSIGNED,
           "what is to be kept at its agent is, at another site as well");
    bed_offer(&b, home, "deep", 1, 0);
    client = bed_client(&b, 2, "c");
    kept.capability = wf_slice_of("deep");
    kept.disconnect = WF_KEEP;
    bed_say(&b, client, WF_MSG_submit, &kept);
    ok(bed_told(&b, home, WF_MSG_assign, 0, &msg) && msg.u.assign.disconnect == WF_KEEP &&
           msg.u.assign.stop_after_ms == 0,
       "a site hears that of our jobs");
    bed_fini(&b);
}

static void names_what_it_is_an_attempt_of(void)
{
    const struct wf_id id = id_of(HOME, 1);
    const struct wf_assign m = work(1);
    char hex[WF_ID_TEXT], text[WF_TEXT_MAX + 1];
    const struct wf_query q = {
        .req = 3, .kind = WF_QUERY_JOB, .key = wf_slice_of(wf_id_text(&id, hex))};
    struct wf_job_row row;
    struct wf_msg msg;
    uint32_t home, op;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    (void) bed_agent(&b, 1, "a1", 1);
    op = bed_operator(&b, 2);
    home = broker(&b, HOME, "home");
    bed_say(&b, home, WF_MSG_assign, &m);
    bed_say(&b, op, WF_MSG_query, &q);
    must(bed_told(&b, op, WF_MSG_job_info, 0, &msg));
    ok(wf_id_eq(&msg.u.job_info.of, &m.job), "a guest names the job that it is part of");
    must(wf_rows_next(&msg.u.job_info.job, wf_desc_job_row(), &row));
    is_str(wf_slice_str(row.owner, text, sizeof text), "home", "and whose that is");
    ok(wf_id_is_zero(&msg.u.job_info.there), "it went no further");
    bed_fini(&b);
}

/* How many of `n` jobs it takes, by ids from `first` on. */
static unsigned taken(struct bed *b, uint32_t peer, uint8_t first, unsigned n)
{
    unsigned refused = 0;

    for (unsigned i = 0; i < n; i++) {
        const struct wf_assign m = work((uint8_t) (first + i));

        bed_say(b, peer, WF_MSG_assign, &m);
        refused += bed_count(b, peer, WF_MSG_refuse);
    }
    return n - refused;
}

static void leaves_room_for_others(void)
{
    struct wf_stop stop = {.attempt = 1, .code = -WEFT_ECANCELLED};
    uint32_t home, other, client;
    struct wf_id id;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    (void) bed_agent(&b, 1, "a1", 200);
    home = broker(&b, HOME, "home");
    other = broker(&b, OTHER, "other");
    client = bed_client(&b, 2, "c");
    is_int(taken(&b, home, 1, 40), 25, "a neighbour has half of what may be here");
    is_int(taken(&b, other, 1, 40), 13, "another one half of the rest");
    for (unsigned i = 0; i < 12; i++) {
        bed_submit(&b, client, (uint8_t) (100 + i));
    }
    is_int(b.c->jobs.live, 50, "clients may fill the rest");
    is_int(taken(&b, home, 60, 1), 0, "and then there is no room for guests");
    for (unsigned i = 1; i <= 20; i++) {
        id = id_of(HOME, (uint8_t) i);
        stop.job = bed_id((uint8_t) i);
        bed_say(&b, home, WF_MSG_stop, &stop);
        must(wf_job_is_final(jobs_get(&b.c->jobs, &id)->state));
    }
    is_int(taken(&b, home, 70, 40), 8, "what ended makes room again");
    bed_fini(&b);
}

/* Everybody offers it, and nobody's agents may run it. */
static void is_not_passed_round(void)
{
    const struct wf_assign m = work(1);
    uint32_t home, site[SITES];
    unsigned asked = 0, twice = 0, times[SITES] = {0};
    struct wf_msg msg;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    home = broker(&b, HOME, "home");
    for (unsigned i = 0; i < SITES; i++) {
        char name[8];

        (void) snprintf(name, sizeof name, "s%u", i);
        site[i] = broker(&b, (uint8_t) (FIRST + i), name);
        bed_offer(&b, site[i], "echo", 4, 0);
    }
    bed_say(&b, home, WF_MSG_assign, &m);
    for (unsigned n = 0; n < 4 * SITES && bed_count(&b, home, WF_MSG_refuse) == 0; n++) {
        for (unsigned i = 0; i < SITES; i++) {
            struct wf_refuse r = {.code = -WEFT_ENOCAP, .left = 16};

            if (!bed_told(&b, site[i], WF_MSG_assign, 0, &msg)) {
                continue;
            }
            asked++;
            twice += times[i]++;
            r.job = msg.u.assign.job;
            r.attempt = msg.u.assign.attempt;
            bed_say(&b, site[i], WF_MSG_refuse, &r);
            break;
        }
    }
    ok(bed_told(&b, home, WF_MSG_refuse, 0, &msg) && msg.u.refuse.code == -WEFT_ENOCAP,
       "a guest that more sites refuse than are remembered goes home");
    is_int(asked, WF_TRIES_MAX, "after as many were asked");
    is_int(twice, 0, "none of them twice");
    is_int(b.c->jobs.live, 0, "and is over here");
    bed_fini(&b);
}

/* Its home has forgotten the job, and another one got its id. */
static void is_not_the_one_before(void)
{
    struct wf_stop stop = {.job = bed_id(1), .attempt = 1, .code = -WEFT_ECANCELLED};
    const struct wf_result_ack ack = {bed_id(1), 1};
    struct wf_assign m = work(1);
    uint32_t home;
    struct wf_msg msg;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    (void) bed_agent(&b, 1, "a1", 1);
    home = broker(&b, HOME, "home");
    bed_say(&b, home, WF_MSG_assign, &m);
    bed_say(&b, home, WF_MSG_stop, &stop);
    bed_say(&b, home, WF_MSG_assign, &m);
    is_int(bed_count(&b, home, WF_MSG_refuse), 0, "what ended is told by its result");
    bed_say(&b, home, WF_MSG_result_ack, &ack);
    bed_say(&b, home, WF_MSG_assign, &m);
    ok(bed_told(&b, home, WF_MSG_refuse, 0, &msg) && msg.u.refuse.code == -WEFT_EBUSY,
       "one whose agent is still at it is not taken for its successor");
    bed_fini(&b);
}

/* Who held a broker's key is not served any more, nor waited for. */
static void ends_with_its_broker(void)
{
    const struct wf_key_revoke revoke = {.req = 1, .key = wf_slice_of("home")};
    struct wf_assign m = work(1);
    uint32_t home, op, agent;
    struct wf_submit s = bed_work(9);
    struct wf_msg msg;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    agent = bed_agent(&b, 1, "a1", 1);
    home = broker(&b, HOME, "home");
    bed_offer(&b, home, "deep", 1, 0);
    s.capability = wf_slice_of("deep");
    s.disconnect = WF_KEEP;
    bed_say(&b, bed_client(&b, 2, "c"), WF_MSG_submit, &s);
    is_int(bed_state(&b, 9), WF_JOB_ASSIGNED, "a neighbour has work of ours");
    m.disconnect = WF_KEEP;
    bed_say(&b, home, WF_MSG_assign, &m);
    op = bed_operator(&b, 3);
    bed_say(&b, op, WF_MSG_key_revoke, &revoke);
    ok(bed_told(&b, agent, WF_MSG_stop, 0, &msg) && msg.u.stop.code == -WEFT_EREVOKED,
       "when its key is revoked its guests are stopped");
    is_int(b.c->jobs.live, 1, "and over");
    is_int(bed_state(&b, 9), WF_JOB_QUEUED, "and what it had is tried elsewhere");
    bed_fini(&b);
}

int main(void)
{
    is_not_the_one_before();
    ends_with_its_broker();
    is_back_when_that_is_safe();
    is_told_by_silence_later();
    waits_for_its_agent();
    names_what_it_is_an_attempt_of();
    leaves_room_for_others();
    is_not_passed_round();
    return done();
}
