/* What was learned of run times is written now and then, and read at the next start. */
#include "broker/core/place/estimates.h"
#include "tests/unit/broker/shelf.h"

#define MINUTE (60 * BED_SECOND)

/* Records of estimates on the shelf. */
static unsigned kept(void)
{
    unsigned n = 0;

    for (size_t i = 0; i < shelf.n; i++) {
        n += shelf.rows[i].table == LEDGER_ESTIMATES &&
             shelf.rows[i].len > shelf.rows[i].key;
    }
    return n;
}

/* Those that the last step wrote. */
static unsigned written(const struct bed *b)
{
    unsigned n = 0;

    for (size_t i = 0; i < b->fx.n; i++) {
        n += b->fx.v[i].kind == WF_EFFECT_APPEND && b->fx.v[i].peer == LEDGER_ESTIMATES;
    }
    return n;
}

static uint32_t number_of(struct bed *b, const char *name)
{
    struct capability *cap;

    must(capabilities_need(&b->c->capabilities, wf_slice_of(name), &cap) == 0);
    return cap->number;
}

static void learn(struct bed *b, const char *name, const char *class_, uint64_t us)
{
    struct runtime_key key = {.capability = number_of(b, name), .version = 1};

    must(wf_intern_put(b->c->pricing.classes, class_, &key.class_) == 0);
    for (unsigned i = 0; i < 10; i++) {
        runtimes_add(b->c->runtimes, &key, us, 0, b->c->now_us);
    }
}

static struct run_guess guess_of(struct bed *b, const char *name, const char *class_)
{
    const struct runtime_key key = {.capability = number_of(b, name),
                                    .version = 1,
                                    .class_ =
                                        wf_intern_find(b->c->pricing.classes, class_)};
    struct run_guess g;

    runtimes_guess(b->c->runtimes, &key, &g);
    return g;
}

static void pass(struct bed *b, uint64_t us)
{
    bed_tick(b, us);
    sync_all(b);
}

static void writes_now_and_then(void)
{
    struct bed b;

    start(&b);
    learn(&b, "echo", "big", 3000000);
    pass(&b, MINUTE / 2);
    is_int(kept(), 0, "nothing is written at once");
    pass(&b, MINUTE);
    is_int(kept(), 1, "but after a minute");
    bed_tick(&b, 2 * MINUTE);
    is_int(written(&b), 0, "and not again while nothing is learned");
    ok(core_wakeup_us(b.c) == UINT64_MAX, "nor is a tick asked for");
    learn(&b, "echo", "big", 3000000);
    ok(core_wakeup_us(b.c) <= b.now_us + MINUTE, "what is learned then is due again");
    bed_tick(&b, MINUTE);
    is_int(written(&b), 1, "and written");
    (void) put(&b);
    is_int(kept(), 1, "under the same number");
    bed_fini(&b);
}

static void survives(void)
{
    struct run_guess before, after;
    struct bed b;

    start(&b);
    learn(&b, "resize", "small", 9000000);
    learn(&b, "echo", "", 2000);
    learn(&b, "echo", "big", 3000000);
    before = guess_of(&b, "echo", "big");
    pass(&b, 2 * MINUTE);
    is_int(kept(), 2, "a record for each capability");
    restart(&b);
    after = guess_of(&b, "echo", "big");
    ok(after.level == RUN_BY_KEY && after.mean_us == before.mean_us &&
           after.dev_us == before.dev_us && after.samples == before.samples,
       "what was learned is there after a restart");
    is_int(guess_of(&b, "resize", "small").mean_us, 9000000, "of the other as well");
    is_int(guess_of(&b, "echo", "").mean_us, 2000, "and of no class");
    bed_tick(&b, 2 * MINUTE);
    is_int(written(&b), 0, "it need not be written again");
    learn(&b, "echo", "big", 3000000);
    pass(&b, 2 * MINUTE);
    is_int(kept(), 2, "and keeps its number");
    bed_fini(&b);
}

static void real_jobs(void)
{
    uint32_t client, agent;
    struct bed b;

    start(&b);
    client = client_of(&b, 1, "app");
    agent = agent_of(&b, 2, "edge", 2);
    for (uint8_t id = 1; id <= 8; id++) {
        struct wf_result m = {.job = bed_id(id), .attempt = 1, .run_us = 7000000};

        submit_kept(&b, client, id);
        bed_say(&b, agent, WF_MSG_result, &m);
        sync_all(&b);
    }
    live_on(&b, agent, 61);
    is_int(kept(), 1, "what jobs took is written");
    restart(&b);
    is_int(guess_of(&b, "echo", "").mean_us, 7000000, "and known after a restart");
    bed_fini(&b);
}

static void stops(void)
{
    struct broker_event ev = {.kind = BROKER_STOPPING};
    struct bed b;
    char name[8];

    start(&b);
    for (unsigned i = 0; i < 20; i++) {
        (void) snprintf(name, sizeof name, "cap%u", i);
        learn(&b, name, "big", 1000000 + i);
    }
    bed_step(&b, &ev);
    is_int(written(&b), 20, "all is written when the broker stops");
    sync_all(&b);
    bed_step(&b, &ev);
    is_int(written(&b), 0, "once");
    restart(&b);
    is_int(guess_of(&b, "cap13", "big").mean_us, 1000013, "and read");
    bed_fini(&b);
}

static void little_by_little(void)
{
    unsigned steps = 0, most = 0;
    struct bed b;
    char name[8];

    start(&b);
    for (unsigned i = 0; i < 21; i++) {
        (void) snprintf(name, sizeof name, "cap%u", i);
        learn(&b, name, "big", 1000000 + i);
    }
    bed_tick(&b, MINUTE + BED_SECOND);
    while (written(&b) != 0 && steps < 100) {
        steps++;
        most = written(&b) > most ? written(&b) : most;
        sync_all(&b);
        ok(core_wakeup_us(b.c) <= b.now_us + BED_SECOND || kept() == 21,
           "the rest is due soon");
        bed_tick(&b, BED_SECOND / 10);
    }
    ok(kept() == 21 && most <= 4, "21 records in %u steps, at most %u in one", steps,
       most);
    bed_fini(&b);
}

/* The number of a record that says nothing is used for the next. */
static void damaged(void)
{
    struct bed b;

    start(&b);
    learn(&b, "echo", "big", 3000000);
    pass(&b, 2 * MINUTE);
    must(kept() == 1);
    for (size_t i = 0; i < shelf.n; i++) {
        if (shelf.rows[i].table == LEDGER_ESTIMATES) {
            shelf.rows[i].len -= 3;
        }
    }
    restart(&b);
    is_int(b.c->count.estimates_lost, 1, "a record that cannot be read is counted");
    is_int(guess_of(&b, "echo", "big").level, RUN_GUESSED, "and nothing of it believed");
    learn(&b, "other", "big", 4000000);
    pass(&b, 2 * MINUTE);
    is_int(kept(), 1, "the next is written in its place");
    restart(&b);
    is_int(b.c->count.estimates_lost, 0, "and read");
    is_int(guess_of(&b, "other", "big").mean_us, 4000000, "as it was");
    bed_fini(&b);
}

static void cannot_write(void)
{
    struct broker_event ev = {.kind = BROKER_STORE_ERROR};
    struct bed b;

    start(&b);
    learn(&b, "echo", "big", 3000000);
    (void) wf_mem_fail_after(0);
    bed_tick(&b, 2 * MINUTE);
    (void) wf_mem_fail_after(-1);
    ok(written(&b) == 0 && b.c->count.estimates_lost == 1, "no memory: counted");
    pass(&b, 2 * MINUTE);
    is_int(kept(), 1, "and written later");
    ev.lsn = b.c->lsn + 1;
    bed_step(&b, &ev);
    learn(&b, "echo", "big", 3000000);
    bed_tick(&b, 2 * MINUTE);
    is_int(written(&b), 0, "nothing is written while the store fails");
    bed_durable(&b, b.c->lsn);
    bed_tick(&b, BED_SECOND);
    is_int(written(&b), 1, "but when it recovers");
    bed_fini(&b);
}

static void in_memory(void)
{
    struct broker_event ev = {.kind = BROKER_STOPPING};
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    learn(&b, "echo", "big", 3000000);
    bed_tick(&b, 2 * MINUTE);
    is_int(written(&b), 0, "a broker without a store writes nothing");
    bed_step(&b, &ev);
    is_int(written(&b), 0, "also when it stops");
    ok(core_wakeup_us(b.c) == UINT64_MAX, "and asks for no tick");
    bed_fini(&b);
}

int main(void)
{
    writes_now_and_then();
    survives();
    real_jobs();
    stops();
    little_by_little();
    damaged();
    cannot_write();
    in_memory();
    return done();
}
