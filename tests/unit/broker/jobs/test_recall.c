#include "broker/core/jobs/recall.h"

#include "broker/core/jobs/asked.h"
#include "tests/unit/broker/bed.h"

/* One agent of one slot that has all the work, of which it started the first. */
struct scene {
    struct bed b;
    uint32_t client, full, idle;
};

static const char *node_of(const struct bed *b, uint8_t id)
{
    const struct job *j = bed_job(b, id);

    return j != NULL && j->agent != NULL ? j->agent->principal->name : "-";
}

static uint32_t with_queue(struct bed *b, uint8_t key, const char *name, uint64_t queue)
{
    uint32_t peer = bed_agent(b, key, name, 1);

    bed_offer(b, peer, "echo", 1, queue);
    return peer;
}

static void begin(struct scene *s, unsigned class_, uint8_t jobs)
{
    struct bed *b = &s->b;

    bed_init(b);
    b->cfg.durable = 1;
    bed_start(b);
    s->client = bed_client(b, 9, "app");
    s->full = with_queue(b, 1, "full", 8);
    bed_durable(b, b->c->lsn);
    for (uint8_t id = 1; id <= jobs; id++) {
        struct wf_submit m = bed_work(id);

        m.class_ = class_;
        bed_say(b, s->client, WF_MSG_submit, &m);
        bed_durable(b, b->c->lsn);
    }
    bed_say(b, s->full, WF_MSG_started, &(struct wf_started){bed_id(1), 1, 0});
    bed_durable(b, b->c->lsn);
}

/* The other agent comes; 1 when the first is asked for a job, into `ret`. */
static int come(struct scene *s, struct wf_stop *ret)
{
    struct wf_msg m;

    s->idle = bed_agent(&s->b, 2, "idle", 1);
    if (!bed_told(&s->b, s->full, WF_MSG_stop, 0, &m)) {
        return 0;
    }
    *ret = m.u.stop;
    return 1;
}

static void give_back(struct scene *s, uint8_t id, uint64_t attempt)
{
    const struct wf_refuse m = {bed_id(id), attempt, (uint64_t) -WEFT_ERECALLED,
                                wf_slice_of("given back unstarted")};

    bed_say(&s->b, s->full, WF_MSG_refuse, &m);
}

static void moves(unsigned class_, const char *what)
{
    const struct wf_id third = bed_id(3);
    struct wf_stop stop = {.waiting = 0};
    struct scene s;

    begin(&s, class_, 3);
    is_str(node_of(&s.b, 3), "full", what);
    ok(come(&s, &stop) && wf_id_eq(&stop.job, &third) && stop.attempt == 1 &&
           stop.waiting == 1 && stop.code == (uint64_t) -WEFT_ERECALLED,
       "what waits longest is asked back when another comes");
    is_int(bed_job(&s.b, 3)->asked, ASKED_BACK, "which is known");
    is_int(bed_count(&s.b, s.full, WF_MSG_stop), 1, "one at a time");
    give_back(&s, 3, 1);
    bed_durable(&s.b, s.b.c->lsn);
    is_str(node_of(&s.b, 3), "idle", "it goes there at once");
    is_int(bed_job(&s.b, 3)->attempt, 2, "as the next attempt");
    ok(bed_job(&s.b, 3)->tries == 0 && bed_job(&s.b, 3)->spared == 0,
       "that costs it nothing");
    is_int(bed_job(&s.b, 3)->history[0].code, WEFT_ERECALLED, "and is told");
    is_int(s.b.c->count.recalled, 1, "and counted");
    is_int(s.b.c->count.refused_by_agent, 0, "as no refusal");
    give_back(&s, 2, 1);
    ok(bed_job(&s.b, 2)->spared == 1 && bed_state(&s.b, 2) == WF_JOB_QUEUED,
       "what nobody asked for waits as after any refusal");
    bed_fini(&s.b);
}

static void loses_the_race(void)
{
    struct wf_stop stop;
    struct scene s;

    begin(&s, WF_CLASS_FAST, 3);
    must(come(&s, &stop));
    bed_say(&s.b, s.full, WF_MSG_started, &(struct wf_started){bed_id(3), 1, 0});
    is_int(s.b.c->count.recalls_lost, 1, "it was started meanwhile");
    is_int(bed_job(&s.b, 3)->asked, ASKED_NOT, "and stays");
    bed_result(&s.b, s.full, 3, 1, 0);
    is_int(bed_state(&s.b, 3), WF_JOB_OK, "to its end");
    bed_fini(&s.b);

    begin(&s, WF_CLASS_FAST, 3);
    must(come(&s, &stop));
    bed_result(&s.b, s.full, 3, 1, 0);
    is_int(bed_state(&s.b, 3), WF_JOB_OK, "or was over before it was announced");
    is_int(s.b.c->count.recalls_lost, 1, "which is counted, too");
    bed_fini(&s.b);
}

/* A session ends: whatever was asked may have been heard, or not. */
static void forgets_with_the_session(void)
{
    struct wf_run_row rows[2] = {{bed_id(1), 1, WF_RUN_RUNNING},
                                 {bed_id(3), 1, WF_RUN_WAITING}};
    struct wf_buf store = WF_BUF_INIT(1024);
    struct wf_resync m = {{0}};
    struct wf_stop stop;
    struct scene s;

    begin(&s, WF_CLASS_FAST, 3);
    must(come(&s, &stop));
    bed_down(&s.b, s.full);
    s.full = bed_hello(&s.b, 1, WF_ROLE_AGENT, 1);
    bed_offer(&s.b, s.full, "echo", 1, 8);
    for (unsigned i = 0; i < 2; i++) {
        must(wf_rows_add(&store, &m.runs, wf_desc_run_row(), &rows[i]) == 0);
    }
    bed_say(&s.b, s.full, WF_MSG_resync, &m);
    is_int(bed_job(&s.b, 3)->asked, ASKED_NOT, "held: it may be asked again");
    is_int(bed_state(&s.b, 3), WF_JOB_ASSIGNED, "and stays until then");
    is_int(bed_state(&s.b, 2), WF_JOB_QUEUED, "what is not there is tried again");
    bed_say(&s.b, s.idle, WF_MSG_ping, &(struct wf_ping){.seq = 2});
    is_int(bed_count(&s.b, s.full, WF_MSG_stop), 0, "not too soon");
    bed_tick(&s.b, RECALL_PAUSE_US);
    bed_say(&s.b, s.idle, WF_MSG_ping, &(struct wf_ping){.seq = 3});
    is_int(bed_count(&s.b, s.full, WF_MSG_stop), 1, "but then");
    wf_buf_fini(&store);
    bed_fini(&s.b);
}

static void stays(void)
{
    struct wf_stop stop;
    struct scene s;

    begin(&s, WF_CLASS_FAST, 1);
    ok(!come(&s, &stop), "what runs is not asked for");
    bed_fini(&s.b);

    begin(&s, WF_CLASS_FAST, 3);
    for (uint8_t id = 2; id <= 3; id++) {
        const struct wf_id key = bed_id(id);

        jobs_get(&s.b.c->jobs, &key)->version = 7;
    }
    ok(!come(&s, &stop), "nor what the other may not have");
    bed_fini(&s.b);

    begin(&s, WF_CLASS_FAST, 0);
    for (uint8_t id = 10; id < 30; id++) {
        bed_submit(&s.b, s.client, id);
        bed_result(&s.b, s.full, id, 1, 0);
    }
    for (uint8_t id = 1; id <= 3; id++) {
        bed_submit(&s.b, s.client, id);
    }
    ok(!come(&s, &stop), "nor what will be over in a moment");
    bed_fini(&s.b);
}

static void never_returns(void)
{
    struct wf_stop stop;
    struct scene s;

    begin(&s, WF_CLASS_FAST, 3);
    must(come(&s, &stop));
    give_back(&s, 3, 1);
    must(strcmp(node_of(&s.b, 3), "idle") == 0);
    bed_offer(&s.b, s.idle, "echo", 1, 4);
    for (uint8_t id = 4; id <= 6; id++) {
        bed_submit(&s.b, s.client, id);
    }
    bed_tick(&s.b, RECALL_PAUSE_US);
    bed_result(&s.b, s.full, 1, 1, 0);
    bed_result(&s.b, s.full, 2, 1, 0);
    for (uint8_t id = 4; id <= 6; id++) {
        if (strcmp(node_of(&s.b, id), "full") == 0) {
            bed_result(&s.b, s.full, id, 1, 0);
        }
    }
    is_int(bed_job(&s.b, 3)->asked, ASKED_NOT, "it does not go back to where it was");
    bed_fini(&s.b);
}

int main(void)
{
    moves(WF_CLASS_FAST, "of class fast: there is but one agent");
    moves(WF_CLASS_DURABLE, "durable: there is but one agent");
    loses_the_race();
    forgets_with_the_session();
    stays();
    never_returns();
    return done();
}
