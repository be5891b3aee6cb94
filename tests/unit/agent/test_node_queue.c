/* In which order attempts that wait get their slots, and what makes way for them. */
#include "tests/unit/agent/bed.h"

static void gives(struct bed *b, uint8_t id, unsigned priority, uint64_t deadline_ms,
                  uint64_t work_us)
{
    const struct wf_assign m = {.job = id_of(id),
                                .attempt = 1,
                                .seq = id,
                                .capability = wf_slice_of("echo"),
                                .version = 1,
                                .priority = priority,
                                .deadline_ms = deadline_ms,
                                .work_us = work_us};

    hears(b, WF_MSG_assign, &m);
}

/* End what runs, and say which job runs next: runs are numbered as they came. */
static uint64_t next(struct bed *b)
{
    ends(b, b->started[b->nstarted - 1], 0);
    return b->started[b->nstarted - 1];
}

static void goes_by_deadline(void)
{
    struct bed b;

    open_bed(&b, 1, 8);
    gives(&b, 1, 4, 0, 1000);
    gives(&b, 2, 4, 0, 1000);
    gives(&b, 3, 4, 9000, 1000);
    gives(&b, 4, 4, 8000, 1000);
    gives(&b, 5, 4, 8000, 1000);
    gives(&b, 6, 5, 0, 1000);
    is_int(next(&b), 6, "the higher priority goes first");
    is_int(next(&b), 4, "then the earliest deadline");
    is_int(next(&b), 5, "of two the older");
    is_int(next(&b), 3, "then the later one");
    is_int(next(&b), 2, "then what has none");
    close_bed(&b);
}

static void grows_with_age(void)
{
    struct bed b;

    open_bed(&b, 1, 8);
    b.cfg.caps[0].wall_ms = 0;
    gives(&b, 1, 4, 0, 0);
    gives(&b, 2, 1, 0, 100 * MS);
    b.now_us += 1900 * MS;
    gives(&b, 3, 2, 5000, 100 * MS);
    gives(&b, 4, 3, 0, 100 * MS);
    is_int(next(&b), 4, "19 times its run is one level: a higher one goes first");
    b.now_us += 100 * MS;
    gives(&b, 5, 3, 9000, 100 * MS);
    is_int(next(&b), 5, "20 times are two: the deadline decides");
    b.now_us += 1000 * MS;
    gives(&b, 6, 3, 8000, 100 * MS);
    is_int(next(&b), 2, "30 times are three: it passes what came now");
    is_int(next(&b), 3, "as does what waited for 11 times its run, by its deadline");
    is_int(next(&b), 6, "and then that");
    close_bed(&b);
}

/* A stream of the most urgent jobs there are does not keep anything out for ever. */
static void starves_nothing(void)
{
    struct bed b;
    unsigned i = 2;

    open_bed(&b, 1, 4);
    gives(&b, 1, 9, 1, 10 * MS);
    gives(&b, 2, 0, 0, 0);
    do {
        gives(&b, (uint8_t) (i + 1), 9, 1, 10 * MS);
        b.now_us += SECOND;
        hears(&b, WF_MSG_ping, &(struct wf_ping){.seq = 1});
        b.nstarted = 1;
        b.started[0] = i == 2 ? 1 : i;
        i++;
    } while (next(&b) != 2 && i < 250);
    /* They rise too: by ten levels in the second that each of them waits. */
    ok(i > 195 && i < 205, "an unknown run counts as a second: it had to wait %u s", i);
    close_bed(&b);
}

/* One that yields, or has to begin after so long. */
static void takes(struct bed *b, uint8_t id, unsigned priority, int yields,
                  uint64_t begin_ms)
{
    const struct wf_assign m = {.job = id_of(id),
                                .attempt = 1,
                                .seq = id,
                                .capability = wf_slice_of("echo"),
                                .version = 1,
                                .priority = priority,
                                .deadline_ms = begin_ms,
                                .begin_ms = begin_ms,
                                .yields = yields != 0};

    hears(b, WF_MSG_assign, &m);
}

static void yields_to_what_is_due(void)
{
    struct wf_msg m;
    struct bed b;

    open_bed(&b, 2, 8);
    takes(&b, 1, 4, 1, 0);
    b.now_us += 10 * MS;
    takes(&b, 2, 4, 1, 0);
    takes(&b, 3, 4, 0, 100);
    ok(!did(&b, WF_EFFECT_KILL, 1) && !did(&b, WF_EFFECT_KILL, 2),
       "what has time waits for a slot");
    ok(node_wakeup_us(b.n) <= b.now_us + 100 * MS, "until then");
    b.now_us += 100 * MS;
    happens(&b, NODE_TICK);
    ok(did(&b, WF_EFFECT_KILL, 2) && !did(&b, WF_EFFECT_KILL, 1),
       "then what was started last makes way");
    happens(&b, NODE_TICK);
    ok(!did(&b, WF_EFFECT_KILL, 1), "one for one");
    ends(&b, 2, 0);
    is_int(b.started[2], 3, "it has the slot");
    ok(said(&b, WF_MSG_result, 0, &m) && m.u.result.code == -WEFT_EPREEMPTED,
       "the broker is told why the other one ended");
    takes(&b, 4, 4, 0, 1);
    b.now_us += 10 * MS;
    happens(&b, NODE_TICK);
    ok(did(&b, WF_EFFECT_KILL, 1), "there is another");
    takes(&b, 5, 4, 0, 1);
    b.now_us += 10 * MS;
    happens(&b, NODE_TICK);
    ok(!did(&b, WF_EFFECT_KILL, 3), "but what has to begin itself does not make way");
    close_bed(&b);
}

static void yields_to_none_below(void)
{
    struct bed b;

    open_bed(&b, 1, 8);
    takes(&b, 1, 5, 1, 0);
    takes(&b, 2, 4, 0, 1);
    b.now_us += 10 * MS;
    happens(&b, NODE_TICK);
    ok(!did(&b, WF_EFFECT_KILL, 1), "a higher priority does not make way");
    takes(&b, 3, 5, 0, 1);
    b.now_us += 10 * MS;
    happens(&b, NODE_TICK);
    ok(did(&b, WF_EFFECT_KILL, 1), "but for its equal");
    close_bed(&b);
}

/* One that has to begin now, within so long, and is expected to run for so long. */
static void is_due(struct bed *b, uint8_t id, uint64_t left_ms, uint64_t work_us)
{
    const struct wf_assign m = {.job = id_of(id),
                                .attempt = 1,
                                .seq = id,
                                .capability = wf_slice_of("echo"),
                                .version = 1,
                                .priority = 4,
                                .left_ms = left_ms,
                                .work_us = work_us,
                                .begin_ms = 1};

    hears(b, WF_MSG_assign, &m);
    b->now_us += 10 * MS;
    happens(b, NODE_TICK);
}

/* Whoever else waits, the slot is of the one that it was freed for. */
static void keeps_the_slot(void)
{
    struct bed b;

    open_bed(&b, 4, 32);
    for (uint8_t i = 1; i <= 8; i++) {
        takes(&b, i, i <= 4 ? 4 : 5, 1, 0);
    }
    takes(&b, 9, 4, 0, 1);
    b.now_us += 10 * MS;
    happens(&b, NODE_TICK);
    ok(did(&b, WF_EFFECT_KILL, 4), "the last of four makes way");
    ends(&b, 4, 0);
    is_int(b.started[4], 9, "for what had to begin, not for what is of higher priority");
    happens(&b, NODE_TICK);
    ok(!did(&b, WF_EFFECT_KILL, 1) && !did(&b, WF_EFFECT_KILL, 2) &&
           !did(&b, WF_EFFECT_KILL, 3),
       "and no other");
    close_bed(&b);

    open_bed(&b, 1, 32);
    takes(&b, 1, 4, 1, 0);
    for (uint8_t i = 2; i <= 4; i++) {
        gives(&b, i, 4, 0, 50 * MS);
    }
    b.now_us += 1900 * MS;
    takes(&b, 5, 4, 0, 1);
    b.now_us += 10 * MS;
    happens(&b, NODE_TICK);
    ok(did(&b, WF_EFFECT_KILL, 1), "the only one makes way");
    ends(&b, 1, 0);
    is_int(b.started[1], 5, "for it, not for what rose while it waited");
    close_bed(&b);
}

/* The same for a slot of their capability, of which another has the last. */
static void counts_what_is_promised(void)
{
    struct bed b;

    init_bed(&b, 3, 8);
    b.cfg.ncaps = 2;
    b.cfg.caps[1] = b.cfg.caps[0];
    (void) snprintf(b.cfg.caps[1].name, sizeof b.cfg.caps[1].name, "other");
    b.cfg.caps[0].slots = 2;
    start_bed(&b);
    gives(&b, 1, 4, 0, 0);
    for (uint8_t i = 2; i <= 3; i++) {
        hears(&b, WF_MSG_assign,
              &(struct wf_assign){.job = id_of(i),
                                  .attempt = 1,
                                  .seq = i,
                                  .capability = wf_slice_of("other"),
                                  .version = 1,
                                  .priority = 4,
                                  .yields = 1});
    }
    takes(&b, 4, 4, 0, 1);
    takes(&b, 5, 4, 0, 1);
    b.now_us += 10 * MS;
    happens(&b, NODE_TICK);
    ok(did(&b, WF_EFFECT_KILL, 3) && !did(&b, WF_EFFECT_KILL, 2),
       "a slot that the capability does not have is not freed");
    close_bed(&b);
}

static void weighs_what_is_lost(void)
{
    struct bed b;

    open_bed(&b, 1, 8);
    takes(&b, 1, 4, 1, 0);
    b.now_us += 2100 * MS;
    is_due(&b, 2, 60000, 500 * MS);
    ok(!did(&b, WF_EFFECT_KILL, 1), "what ran four times as long is not stopped");
    is_due(&b, 3, 60000, 550 * MS);
    ok(did(&b, WF_EFFECT_KILL, 1), "what ran less is");
    close_bed(&b);

    open_bed(&b, 1, 8);
    takes(&b, 1, 4, 1, 0);
    b.now_us += 1900 * MS;
    is_due(&b, 2, 60000, 1 * MS);
    ok(did(&b, WF_EFFECT_KILL, 1), "as is what ran for less than two seconds");
    close_bed(&b);
}

static void gives_up_what_is_late(void)
{
    struct bed b;

    open_bed(&b, 1, 8);
    takes(&b, 1, 4, 1, 0);
    is_due(&b, 2, 500, 1000 * MS);
    ok(!did(&b, WF_EFFECT_KILL, 1), "nothing is stopped for what will be late");
    is_due(&b, 3, 520, 1000 * MS);
    ok(did(&b, WF_EFFECT_KILL, 1), "but for what may be in time");
    close_bed(&b);
}

static void pauses(void)
{
    struct bed b;

    open_bed(&b, 1, 8);
    takes(&b, 1, 4, 1, 0);
    is_due(&b, 2, 60000, 0);
    ok(did(&b, WF_EFFECT_KILL, 1), "one is stopped");
    ends(&b, 1, 0);
    ends(&b, 2, 0);
    takes(&b, 3, 4, 1, 0);
    b.now_us += 1500 * MS;
    is_due(&b, 4, 60000, 0);
    ok(!did(&b, WF_EFFECT_KILL, 3), "not the next one soon after");
    ok(node_wakeup_us(b.n) <= b.now_us + 1500 * MS, "which is looked at again");
    b.now_us += 1500 * MS;
    happens(&b, NODE_TICK);
    ok(did(&b, WF_EFFECT_KILL, 3), "after a pause");
    close_bed(&b);
}

/* A worker process that is ended takes all with it that it runs. */
static void spares_workers(unsigned kind, uint64_t slots, int stops, const char *what)
{
    struct bed b;

    init_bed(&b, 1, 8);
    b.cfg.caps[0].kind = kind;
    b.cfg.caps[0].slots = slots;
    start_bed(&b);
    takes(&b, 1, 4, 1, 0);
    is_int(node_link(b.n)->load.yielding, stops, what);
    is_due(&b, 2, 60000, 0);
    is_int(did(&b, WF_EFFECT_KILL, 1), stops, what);
    close_bed(&b);
}

static void tells_what_makes_way(void)
{
    struct bed b;

    open_bed(&b, 3, 8);
    takes(&b, 1, 4, 1, 0);
    takes(&b, 2, 3, 1, 0);
    takes(&b, 3, 5, 1, 0);
    is_int(node_link(b.n)->load.yielding, 2, "one of a higher priority does not count");
    takes(&b, 4, 4, 0, 10000);
    is_int(node_link(b.n)->load.yielding, 1, "nor what something waits for");
    close_bed(&b);
}

static void keeps_while_cut(void)
{
    struct bed b;

    open_bed(&b, 1, 8);
    takes(&b, 1, 4, 1, 0);
    takes(&b, 2, 4, 0, 1);
    happens(&b, NODE_LINK_DOWN);
    b.now_us += 10 * MS;
    happens(&b, NODE_TICK);
    ok(!did(&b, WF_EFFECT_KILL, 1), "nobody would try it again while the link is down");
    close_bed(&b);
}

int main(void)
{
    goes_by_deadline();
    grows_with_age();
    starves_nothing();
    yields_to_what_is_due();
    yields_to_none_below();
    keeps_the_slot();
    counts_what_is_promised();
    weighs_what_is_lost();
    gives_up_what_is_late();
    pauses();
    spares_workers(WF_HANDLER_EXEC, 1, 1, "a program makes way");
    spares_workers(WF_HANDLER_WORKER, 1, 1, "a worker's only run does");
    spares_workers(WF_HANDLER_WORKER, 2, 0, "one that may have company does not");
    spares_workers(WF_HANDLER_INPROC, 1, 0, "nor what runs within a process");
    tells_what_makes_way();
    keeps_while_cut();
    return done();
}
