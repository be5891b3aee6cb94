/* What handlers are shown: one id and numbers that no two attempts share, at any site. */
#include "broker/core/mesh/numbers.h"

#include "broker/core/jobs/ledger.h"
#include "tests/unit/broker/bed.h"
#include "tests/unit/broker/shelf.h"

#define HOME 7 /* keys of other brokers */
#define SITE 8

static uint32_t broker(struct bed *b, uint8_t key, const char *name)
{
    uint32_t peer;

    bed_enrol(b, key, WF_ROLE_BROKER, name);
    peer = bed_hello(b, key, WF_ROLE_BROKER, 1);
    bed_resync(b, peer);
    return peer;
}

static struct wf_assign work(uint64_t number, uint64_t numbers)
{
    return (struct wf_assign){.job = bed_id(1),
                              .attempt = 3,
                              .seq = 1,
                              .capability = wf_slice_of("echo"),
                              .version = 1,
                              .payload = wf_slice_of("ping"),
                              .priority = 4,
                              .class_ = WF_CLASS_FAST,
                              .origin = bed_id(9),
                              .number = number,
                              .numbers = numbers};
}

/* What is assigned to the peer next, while time passes and who is `alive` is heard. */
static struct wf_assign given(struct bed *b, uint32_t peer, uint32_t alive)
{
    const struct wf_ping ping = {.seq = 1};
    struct wf_msg m;

    for (unsigned i = 0; i < 20; i++) {
        if (bed_told(b, peer, WF_MSG_assign, 0, &m)) {
            return m.u.assign;
        }
        bed_say(b, alive, WF_MSG_ping, &ping);
        bed_say(b, peer, WF_MSG_ping, &ping);
        bed_tick(b, BED_SECOND / 2);
    }
    return (struct wf_assign){0};
}

static void ends(struct bed *b, uint32_t agent, const struct wf_assign *a, int code)
{
    const struct wf_result m = {.job = a->job,
                                .attempt = a->attempt,
                                .code = (uint64_t) -code,
                                .reason = wf_slice_of(code != 0 ? "no such program" : ""),
                                .number = 77};

    bed_say(b, agent, WF_MSG_result, &m);
}

static void a_guest_shows_its_homes(void)
{
    const struct wf_assign m = work(20, 3);
    struct wf_assign to;
    uint32_t home, agent;
    struct wf_msg msg;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    agent = bed_agent(&b, 1, "a1", 1);
    home = broker(&b, HOME, "home");
    bed_say(&b, home, WF_MSG_assign, &m);
    to = given(&b, agent, home);
    ok(wf_id_eq(&to.origin, &m.origin) && !wf_id_eq(&to.job, &m.job),
       "the handler is shown the id that its submitter has");
    is_int(to.number, 20, "and the number that its home gave");
    is_int(to.numbers, 0, "an agent gets one number, not many");
    ends(&b, agent, &to, WEFT_ESPAWN);
    to = given(&b, agent, home);
    ok(to.attempt == 2 && to.number == 21, "the next attempt here shows the next one");
    ends(&b, agent, &to, 0);
    ok(bed_told(&b, home, WF_MSG_result, 0, &msg) && msg.u.result.attempt == 3 &&
           msg.u.result.number == 21,
       "its home hears which of them it was, whatever the agent says");
    bed_fini(&b);
}

static void ends_with_its_numbers(int code, unsigned answer, int want)
{
    const struct wf_assign m = work(20, 2);
    struct wf_refuse r = {.code = -WEFT_EBUSY};
    struct wf_assign to;
    uint32_t home, agent;
    struct wf_msg msg;
    struct bed b;

    bed_init(&b);
    b.cfg.max_attempts = 9;
    bed_start(&b);
    agent = bed_agent(&b, 1, "a1", 1);
    home = broker(&b, HOME, "home");
    bed_say(&b, home, WF_MSG_assign, &m);
    for (unsigned i = 0; i < 2; i++) {
        to = given(&b, agent, home);
        is_int(to.number, 20 + i, "a number of the block is shown");
        if (code != 0) {
            ends(&b, agent, &to, code);
        } else {
            r.job = to.job;
            r.attempt = to.attempt;
            bed_say(&b, agent, WF_MSG_refuse, &r);
        }
    }
    for (unsigned i = 0; i < 20 && bed_count(&b, home, answer) == 0; i++) {
        const struct wf_ping ping = {.seq = 1};

        is_int(bed_count(&b, agent, WF_MSG_assign), 0, "there is no third");
        bed_say(&b, agent, WF_MSG_ping, &ping);
        bed_say(&b, home, WF_MSG_ping, &ping);
        bed_tick(&b, BED_SECOND / 2);
    }
    must(bed_told(&b, home, answer, 0, &msg));
    is_int(answer == WF_MSG_result ? msg.u.result.code : msg.u.refuse.code,
           (uint64_t) -want, "the guest goes home");
    bed_fini(&b);
}

static void halves_go_further(void)
{
    const struct wf_assign m = work(20, 16);
    struct wf_assign to;
    uint32_t home, site;
    struct wf_msg msg;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    home = broker(&b, HOME, "home");
    site = broker(&b, SITE, "site");
    bed_offer(&b, site, "echo", 1, 0);
    bed_say(&b, home, WF_MSG_assign, &m);
    to = given(&b, site, home);
    ok(wf_id_eq(&to.origin, &m.origin) && to.number == 20, "a further site hears both");
    is_int(to.numbers, 8, "and gets half of what is left");
    {
        const struct wf_result end = {.job = to.job, .attempt = to.attempt, .number = 27};

        bed_say(&b, site, WF_MSG_result, &end);
    }
    ok(bed_told(&b, home, WF_MSG_result, 0, &msg) && msg.u.result.number == 27,
       "the number that it tells goes home");
    bed_fini(&b);
}

/* A site that says it was a number that it does not have. */
static void a_site_has_its_own_only(void)
{
    static const uint64_t said[] = {17, 16, 0};
    static const uint64_t told[] = {1, 16, 1};
    struct wf_result end = {.attempt = 1};
    uint32_t site, client;
    struct wf_assign to;
    struct wf_msg msg;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    site = broker(&b, SITE, "site");
    bed_offer(&b, site, "echo", 4, 0);
    client = bed_client(&b, 2, "c");
    for (unsigned i = 0; i < ARRAY_LEN(said); i++) {
        bed_submit(&b, client, (uint8_t) (1 + i));
        to = given(&b, site, client);
        is_int(to.numbers, NUMBERS_BLOCK, "a site gets a block");
        ok(wf_id_eq(&to.origin, &to.job) && to.number == 1, "from the attempt's own on");
        end.job = to.job;
        end.number = said[i];
        bed_say(&b, site, WF_MSG_result, &end);
        ok(bed_told(&b, client, WF_MSG_outcome, 0, &msg), "it ends");
        is_int(msg.u.outcome.attempt, told[i], "with a number that was given");
    }
    bed_fini(&b);
}

static void older_brokers_give_none(void)
{
    struct wf_assign m = work(0, 0), to;
    uint32_t home, agent;
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    agent = bed_agent(&b, 1, "a1", 1);
    home = broker(&b, HOME, "home");
    m.origin = (struct wf_id){{0}};
    bed_say(&b, home, WF_MSG_assign, &m);
    to = given(&b, agent, home);
    ok(wf_id_is_zero(&to.origin) && to.number == 0,
       "then the handler sees what it is called here");
    bed_fini(&b);
}

static void are_not_given_twice(void)
{
    struct wf_refuse r = {.job = bed_id(1), .attempt = 1, .code = -WEFT_EBUSY};
    uint32_t site, client, agent;
    struct bed b;

    start(&b);
    bed_enrol(&b, SITE, WF_ROLE_BROKER, "site");
    keep_key(&b, SITE);
    site = bed_hello(&b, SITE, WF_ROLE_BROKER, 1);
    bed_resync(&b, site);
    sync_all(&b);
    bed_offer(&b, site, "echo", 4, 0);
    sync_all(&b);
    client = client_of(&b, 2, "c");
    submit(&b, client, 1);
    sync_all(&b);
    is_int(bed_job(&b, 1)->attempt, 1, "the site has it");
    is_int(bed_job(&b, 1)->numbers, NUMBERS_BLOCK, "and a block of numbers");
    restart(&b);
    agent = agent_of(&b, 1, "a1", 1);
    site = bed_hello(&b, SITE, WF_ROLE_BROKER, 1);
    {
        struct wf_run_row row = {bed_id(1), 1, WF_RUN_WAITING};
        struct wf_buf rows = WF_BUF_INIT(256);
        struct wf_resync held = {{0}};

        must(wf_rows_add(&rows, &held.runs, wf_desc_run_row(), &row) == 0);
        bed_say(&b, site, WF_MSG_resync, &held);
        wf_buf_fini(&rows);
    }
    sync_all(&b);
    is_int(bed_job(&b, 1)->numbers, NUMBERS_BLOCK, "as the broker knows after a restart");
    bed_say(&b, site, WF_MSG_refuse, &r);
    sync_all(&b);
    for (unsigned i = 0; i < 20 && bed_job(&b, 1)->attempt == 1; i++) {
        live_on(&b, agent, 1);
    }
    is_int(bed_job(&b, 1)->attempt, 1 + NUMBERS_BLOCK, "the next attempt is beyond it");
    is_int(bed_job(&b, 1)->reserved, 1 + NUMBERS_BLOCK, "as its records say");
    bed_fini(&b);
}

int main(void)
{
    a_guest_shows_its_homes();
    ends_with_its_numbers(WEFT_ESPAWN, WF_MSG_result, WEFT_EDEAD);
    ends_with_its_numbers(0, WF_MSG_refuse, WEFT_EBUSY);
    halves_go_further();
    a_site_has_its_own_only();
    older_brokers_give_none();
    are_not_given_twice();
    return done();
}
