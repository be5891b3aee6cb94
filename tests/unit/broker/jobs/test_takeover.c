/* What a broker makes of the records of another one that died, read while it runs. */
#include "broker/core/mesh/guests.h"
#include "tests/unit/broker/shelf.h"

static struct shelf dead;

static void start_loaded(struct bed *b, uint64_t boot)
{
    struct broker_event loaded = {.kind = BROKER_LOADED};

    start(b);
    b->c->cfg.boot = boot;
    bed_step(b, &loaded);
}

/* This broker dies and leaves its shelf; another one, whose own is empty, is running. */
static void die(struct bed *b, uint64_t boot)
{
    dead = shelf;
    bed_fini(b);
    start_loaded(b, boot);
}

static void adopt(struct bed *b, unsigned table)
{
    for (size_t i = 0; i < dead.n; i++) {
        struct broker_event ev = {.kind = BROKER_RECORD, .table = table};

        if (dead.rows[i].table == table && dead.rows[i].len > dead.rows[i].key) {
            ev.record = wf_slice_make(dead.rows[i].bytes, dead.rows[i].len);
            bed_step(b, &ev);
        }
    }
}

static void adopt_all(struct bed *b)
{
    adopt(b, LEDGER_JOBS);
    adopt(b, LEDGER_ATTEMPTS);
    adopt(b, LEDGER_OUTCOMES);
}

static void adopts_what_an_agent_here_kept(void)
{
    uint32_t client, agent;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    (void) agent_of(&b, 2, "edge", 4);
    submit_kept(&b, client, 1);
    is_int(bed_state(&b, 1), WF_JOB_ASSIGNED, "an agent has it when its broker dies");
    die(&b, 1);
    agent = agent_of(&b, 2, "edge", 4);
    adopt_all(&b);
    live_on(&b, agent, 60);
    is_int(bed_job(&b, 1)->attempt, 2, "and came to us, without it: it is due again");
    bed_fini(&b);
}

/* What the agent says it has from the broker that died; 1 when all of it is ours. */
static int claims(struct bed *b, uint32_t agent, uint8_t id, uint64_t attempt,
                  unsigned state)
{
    const struct wf_run_row row = {bed_id(id), attempt, state};
    struct wf_buf rows = WF_BUF_INIT(4096);
    struct wf_claim m = {{0}};
    struct wf_msg said;
    int ok;

    must(wf_rows_add(&rows, &m.runs, wf_desc_run_row(), &row) == 0);
    bed_say(b, agent, WF_MSG_claim, &m);
    ok = bed_told(b, agent, WF_MSG_claimed, 0, &said) && said.u.claimed.runs.count == 1;
    wf_buf_fini(&rows);
    return ok;
}

static void adopts_what_an_agent_here_has(void)
{
    uint32_t client, agent;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    (void) agent_of(&b, 2, "edge", 4);
    submit_kept(&b, client, 1);
    is_int(bed_state(&b, 1), WF_JOB_ASSIGNED, "an agent has it when its broker dies");
    die(&b, 1);
    agent = agent_of(&b, 2, "edge", 4);
    ok(!claims(&b, agent, 1, 1, WF_RUN_RUNNING) && bed_count(&b, agent, WF_MSG_stop) == 0,
       "and came to us with it: before its records are in nothing is said");
    adopt_all(&b);
    ok(!claims(&b, agent, 1, 1, WF_RUN_RUNNING) && bed_count(&b, agent, WF_MSG_stop) == 0,
       "nor while more may come");
    bed_tick(&b, b.c->cfg.lease_ms * 1000 / 3);
    ok(claims(&b, agent, 1, 1, WF_RUN_RUNNING), "then it is ours");
    is_int(bed_state(&b, 1), WF_JOB_RUNNING, "and runs");
    live_on(&b, agent, 60);
    ok(bed_job(&b, 1)->attempt == 1 && bed_state(&b, 1) == WF_JOB_RUNNING,
       "it is not tried again");
    bed_result(&b, agent, 1, 1, 0);
    sync_all(&b);
    is_int(bed_state(&b, 1), WF_JOB_OK, "its result counts");
    ok(claims(&b, agent, 1, 1, WF_RUN_FINISHED), "what is over is ours, too");
    ok(claims(&b, agent, 1, 7, WF_RUN_RUNNING) && bed_count(&b, agent, WF_MSG_stop) == 1,
       "an attempt that is not wanted any more is stopped");
    ok(!claims(&b, agent, 9, 1, WF_RUN_RUNNING), "of a job that is unknown nothing is");
    bed_fini(&b);
}

static void adopts_what_is_submitted_again(void)
{
    struct broker_event taken = {.kind = BROKER_TAKEN};
    uint32_t client;
    uint64_t lsn;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    (void) agent_of(&b, 2, "edge", 4);
    submit(&b, client, 1);
    sync_all(&b);
    die(&b, 7);
    client = client_of(&b, 1, "app");
    (void) agent_of(&b, 2, "edge", 4);
    submit(&b, client, 1);
    lsn = put(&b);
    taken.lsn = bed_job(&b, 1)->first_lsn;
    adopt_all(&b);
    is_int(bed_count(&b, client, WF_MSG_error), 0, "two records of one job");
    bed_step(&b, &taken);
    is_int(bed_refusal(&b, client), 0, "are no conflict");
    bed_durable(&b, lsn);
    ok(bed_job(&b, 1) != NULL, "and what the other broker accepted stays");
    bed_fini(&b);
}

/* The answer to a submit that came here while its job was with the broker that died. */
static void answers_what_is_submitted_again(void)
{
    uint32_t client;
    struct wf_msg m;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    (void) agent_of(&b, 2, "edge", 4);
    submit(&b, client, 1);
    sync_all(&b);
    die(&b, 7);
    client = client_of(&b, 1, "app");
    (void) agent_of(&b, 2, "edge", 4);
    submit(&b, client, 1);
    must(bed_count(&b, client, WF_MSG_accepted) == 0);
    adopt(&b, LEDGER_JOBS);
    ok(bed_told(&b, client, WF_MSG_accepted, 0, &m) && m.u.accepted.known == 1 &&
           bed_count(&b, client, WF_MSG_accepted) == 1,
       "who submitted here what is taken over hears once that it is known");
    is_int(b.c->count.accepted, 0, "it is no new job");
    bed_fini(&b);
}

static void answers_somebody_else(void)
{
    const struct wf_watch watch = {.req = 5, .job = bed_id(1)};
    const struct wf_key app = bed_key(1);
    uint32_t other;
    struct wf_msg m;
    struct bed b;

    start(&b);
    other = client_of(&b, 1, "app");
    (void) agent_of(&b, 2, "edge", 4);
    submit(&b, other, 1);
    sync_all(&b);
    die(&b, 7);
    (void) client_of(&b, 1, "app");
    (void) agent_of(&b, 2, "edge", 4);
    other = client_of(&b, 3, "other");
    submit(&b, other, 1);
    bed_say(&b, other, WF_MSG_watch, &watch);
    must(bed_count(&b, other, WF_MSG_accepted) == 0);
    adopt(&b, LEDGER_JOBS);
    ok(bed_count(&b, other, WF_MSG_accepted) == 0 &&
           bed_told(&b, other, WF_MSG_error, 0, &m) && m.u.error.about == WF_MSG_submit &&
           m.u.error.code == (uint64_t) -WEFT_ECONFLICT,
       "somebody else who submitted here with its id is refused");
    ok(bed_told(&b, other, WF_MSG_error, 1, &m) && m.u.error.about == WF_MSG_watch,
       "and watches it no more");
    ok(wf_key_eq(&bed_job(&b, 1)->owner->key, &app) && bed_job(&b, 1)->submitter == 0 &&
           wf_list_empty(&bed_job(&b, 1)->watches),
       "the job stays its owner's, and nobody else hears of it");
    bed_fini(&b);
}

static void numbers_jobs_of_its_own_boot(void)
{
    uint32_t client;
    struct bed b;

    start_loaded(&b, 9);
    client = client_of(&b, 1, "app");
    (void) agent_of(&b, 2, "edge", 4);
    submit(&b, client, 1);
    sync_all(&b);
    die(&b, 1);
    client = client_of(&b, 1, "app");
    (void) agent_of(&b, 2, "edge", 4);
    adopt(&b, LEDGER_JOBS);
    is_int(bed_job(&b, 1)->seq >> 40, 9, "an adopted job keeps its number");
    submit(&b, client, 5);
    is_int(bed_job(&b, 5)->seq >> 40, 1, "and ours do not go on from it");
    bed_fini(&b);
}

static void adopts_an_outcome_late(void)
{
    uint32_t client, agent;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    agent = agent_of(&b, 2, "edge", 4);
    submit(&b, client, 1);
    sync_all(&b);
    bed_result(&b, agent, 1, 1, 0);
    sync_all(&b);
    die(&b, 1);
    (void) client_of(&b, 1, "app");
    adopt(&b, LEDGER_JOBS);
    for (unsigned i = 0; i < 10; i++) {
        bed_tick(&b, BED_SECOND);
        sync_all(&b);
    }
    (void) agent_of(&b, 2, "edge", 0);
    is_int(bed_state(&b, 1), WF_JOB_QUEUED, "nobody was waited for any longer");
    adopt(&b, LEDGER_OUTCOMES);
    is_int(bed_state(&b, 1), WF_JOB_OK, "its outcome counts all the same");
    bed_fini(&b);
}

static void adopts_without_its_owner(void)
{
    const struct wf_query jobs = {.req = 9, .kind = WF_QUERY_JOBS};
    uint32_t client, boss;
    struct wf_msg m;
    struct bed b;

    start(&b);
    client = client_of(&b, 5, "other");
    (void) agent_of(&b, 2, "edge", 1);
    submit(&b, client, 1);
    sync_all(&b);
    die(&b, 1);
    (void) client_of(&b, 1, "unknown");
    boss = bed_operator(&b, 7);
    adopt(&b, LEDGER_JOBS);
    ok(core_bad_records(b.c) == 0 && bed_job(&b, 1)->owner != NULL,
       "a job whose owner's key was lost gets a stand-in");
    bed_say(&b, boss, WF_MSG_query, &jobs);
    ok(bed_told(&b, boss, WF_MSG_jobs_page, 0, &m) && m.u.jobs_page.rows.count == 1,
       "and is there for the operator");
    bed_fini(&b);
}

/* -- keys that another broker wrote ----------------------------------------------------
 */

static struct principal *key_of(const struct bed *b, uint8_t key)
{
    const struct wf_key k = bed_key(key);

    return registry_key(&b->c->registry, &k);
}

/* Another broker writes this of a key. */
static void hear(struct bed *b, const struct principal *p)
{
    struct broker_event ev = {.kind = BROKER_RECORD, .table = REGISTRY_KEYS};
    struct wf_buf record = WF_BUF_INIT(4096);

    must(wf_buf_put(&record, p->key.b, sizeof p->key.b) == 0 &&
         registry_record(p, &record) == 0);
    ev.record = wf_slice_make(record.p, record.len);
    bed_step(b, &ev);
    wf_buf_fini(&record);
}

static void keeps_revoked_keys_out(void)
{
    struct principal was;
    uint64_t lsn;
    struct bed b;

    start(&b);
    (void) client_of(&b, 1, "app");
    was = *key_of(&b, 1);
    registry_set_state(&b.c->registry, key_of(&b, 1), WF_KEY_REVOKED);
    hear(&b, &was);
    lsn = put(&b);
    ok(!core_admits(b.c, &was.key),
       "who has not heard that a key is revoked does not let "
       "it in again");
    ok(lsn != 0, "and what it wrote is written over");
    bed_durable(&b, lsn);
    hear(&b, key_of(&b, 1));
    is_int(put(&b), 0, "once");
    restart(&b);
    ok(!core_admits(b.c, &was.key), "so that it stays out");
    bed_fini(&b);
}

static void hands_on_orders_to_drain(void)
{
    struct principal was;
    uint32_t agent;
    struct wf_msg m;
    struct bed b;

    start(&b);
    agent = agent_of(&b, 2, "edge", 1);
    was = *key_of(&b, 2);
    hear(&b, &was);
    is_int(bed_count(&b, agent, WF_MSG_drain), 0, "an agent hears of no other changes");
    was.drained = 1;
    hear(&b, &was);
    ok(bed_told(&b, agent, WF_MSG_drain, 0, &m) && m.u.drain.on == 1,
       "one that was drained at another broker is told here");
    was.drained = 0;
    hear(&b, &was);
    ok(bed_told(&b, agent, WF_MSG_drain, 0, &m) && m.u.drain.on == 0,
       "and when it is over");
    bed_fini(&b);
}

/* -- guests ----------------------------------------------------------------------------
 */

#define HOME 7

static uint32_t home_of(struct bed *b)
{
    uint32_t peer;

    bed_enrol(b, HOME, WF_ROLE_BROKER, "home");
    keep_key(b, HOME);
    peer = bed_hello(b, HOME, WF_ROLE_BROKER, 1);
    bed_resync(b, peer);
    sync_all(b);
    return peer;
}

static void give(struct bed *b, uint32_t home, uint8_t id)
{
    const struct wf_assign m = {.job = bed_id(id),
                                .attempt = 1,
                                .seq = 1,
                                .capability = wf_slice_of("echo"),
                                .version = 1,
                                .payload = wf_slice_of("ping"),
                                .priority = 4,
                                .class_ = WF_CLASS_DURABLE,
                                .origin = bed_id(id),
                                .number = 1,
                                .numbers = 16};

    bed_say(b, home, WF_MSG_assign, &m);
    sync_all(b);
}

static struct job *guest_at(const struct bed *b, uint8_t id)
{
    const struct wf_key home = bed_key(HOME);
    const struct wf_id job = bed_id(id), guest = guest_id(&home, &job, 1);

    return jobs_get(&b->c->jobs, &guest);
}

static void counts_guests_whatever_it_hears(void)
{
    uint32_t home;
    struct bed b;

    start(&b);
    (void) agent_of(&b, 2, "edge", 1);
    home = home_of(&b);
    give(&b, home, 1);
    is_int(key_of(&b, HOME)->guests, 1, "a neighbour has a guest");
    hear(&b, key_of(&b, HOME));
    is_int(key_of(&b, HOME)->guests, 1,
           "also when its key was written by another broker");
    bed_fini(&b);
}

static void keeps_guests_of_neighbours(void)
{
    uint32_t home, agent;
    struct bed b;

    start(&b);
    (void) agent_of(&b, 2, "edge", 1);
    home = home_of(&b);
    give(&b, home, 1);
    die(&b, 7);
    home = home_of(&b);
    agent = agent_of(&b, 3, "other", 1);
    adopt_all(&b);
    for (unsigned i = 0; i < 10; i++) {
        live_on(&b, home, 1);
        live_on(&b, agent, 1);
    }
    ok(guest_at(&b, 1) != NULL && guest_at(&b, 1)->state == WF_JOB_ASSIGNED,
       "a guest whose home is linked to us goes on");
    bed_fini(&b);
}

static void leaves_guests_that_nobody_asks_for(void)
{
    uint32_t home, agent;
    struct bed b;

    start(&b);
    (void) agent_of(&b, 2, "edge", 1);
    home = home_of(&b);
    give(&b, home, 1);
    die(&b, 7);
    bed_enrol(&b, HOME, WF_ROLE_BROKER, "home");
    agent = agent_of(&b, 3, "other", 1);
    adopt_all(&b);
    ok(guest_at(&b, 1) != NULL, "a guest whose home has no link to us is kept at first");
    live_on(&b, agent, 60);
    ok(guest_at(&b, 1) == NULL, "and then forgotten");
    bed_fini(&b);
}

static void leaves_its_own_guests(void)
{
    uint32_t home, agent;
    struct bed b;

    start(&b);
    (void) agent_of(&b, 2, "edge", 1);
    home = home_of(&b);
    give(&b, home, 1);
    die(&b, 7);
    b.c->cfg.key = bed_key(HOME);
    (void) home_of(&b);
    agent = agent_of(&b, 3, "other", 1);
    adopt_all(&b);
    live_on(&b, agent, 60);
    ok(guest_at(&b, 1) == NULL, "what was our own job's attempt there is nobody's guest");
    bed_fini(&b);
}

/* Its job was taken over by the very broker that the attempt was given to. */
static void waits_for_no_guest_of_its_own(void)
{
    uint32_t client, agent;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    (void) agent_of(&b, 2, "edge", 1);
    submit_kept(&b, client, 1);
    die(&b, 7);
    b.c->cfg.key = bed_key(2); /* that was we */
    bed_enrol(&b, 2, WF_ROLE_AGENT, "edge");
    keep_key(&b, 2);
    hear(&b, key_of(&b, 2));
    agent = agent_of(&b, 3, "other", 1);
    adopt_all(&b);
    live_on(&b, agent, 60);
    is_int(bed_job(&b, 1)->attempt, 2, "what was to be kept for us is tried again");
    bed_fini(&b);
}

int main(void)
{
    keeps_revoked_keys_out();
    hands_on_orders_to_drain();
    counts_guests_whatever_it_hears();
    keeps_guests_of_neighbours();
    leaves_guests_that_nobody_asks_for();
    leaves_its_own_guests();
    waits_for_no_guest_of_its_own();
    adopts_what_an_agent_here_kept();
    adopts_what_an_agent_here_has();
    adopts_what_is_submitted_again();
    answers_what_is_submitted_again();
    answers_somebody_else();
    numbers_jobs_of_its_own_boot();
    adopts_an_outcome_late();
    adopts_without_its_owner();
    return done();
}
