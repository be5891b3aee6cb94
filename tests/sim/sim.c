#include "tests/sim/sim.h"

#include "common/check.h"
#include "common/mem.h"
#include "tests/sim/cast.h"
#include "tests/sim/mesh.h"
#include "tests/sim/oracle.h"
#include "tests/sim/roam/drill.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAL_LIMIT_US (240ull * SECOND) /* for each broker there is */
#define ENDS_US       (60ull * SECOND) /* a job that ends gives the others so much longer */
#define STILL_MAX     100000u

struct sim *sim_new(void)
{
    struct sim *s = wf_calloc(1, sizeof *s);

    WF_CHECK(s != NULL);
    s->may_roam = 1;
    clock_init(&s->clock);
    base_init(&s->base);
    net_init(&s->net);
    for (unsigned i = 0; i < SIM_HOSTS; i++) {
        host_init(&s->hosts[i], &s->clock);
    }
    for (unsigned i = 0; i < SIM_DEVICES; i++) {
        spool_init(&s->devices[i].spool);
    }
    gen_init(&s->gen, 1);
    goods_init(&s->goods);
    for (unsigned i = 0; i < SIM_CLIENTS; i++) {
        for (unsigned k = 0; k < CLIENT_CALLS; k++) {
            wf_call_init(&s->clients[i].slots[k].call);
        }
    }
    return s;
}

void sim_free(struct sim *s)
{
    sim_clear(s);
    history_clear(&s->history);
    for (unsigned i = 0; i < SIM_CLIENTS; i++) {
        for (unsigned k = 0; k < CLIENT_CALLS; k++) {
            wf_call_fini(&s->clients[i].slots[k].call);
        }
    }
    gen_fini(&s->gen);
    goods_fini(&s->goods);
    for (unsigned i = 0; i < SIM_HOSTS; i++) {
        host_fini(&s->hosts[i]);
    }
    for (unsigned i = 0; i < SIM_DEVICES; i++) {
        spool_fini(&s->devices[i].spool);
    }
    base_fini(&s->base);
    net_fini(&s->net);
    clock_fini(&s->clock);
    wf_free(s);
}

void sim_fail(struct sim *s, const char *fmt, ...)
{
    va_list ap;

    if (s->fail[0] != '\0') {
        return;
    }
    va_start(ap, fmt);
    (void) vsnprintf(s->fail, sizeof s->fail, fmt, ap);
    va_end(ap);
}

static void stamp(const struct sim *s, const char *who)
{
    printf("%08x %6" PRIu64 " %10.3f %-8s ", (unsigned) s->clock.hash, s->clock.steps,
           (double) (s->clock.now_us - 1000 * SECOND) / 1000, who);
}

void sim_log(const struct sim *s, const char *who, const char *fmt, ...)
{
    va_list ap;

    if (!s->verbose) {
        return;
    }
    stamp(s, who);
    va_start(ap, fmt);
    (void) vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
}

void sim_log_msg(const struct sim *s, const char *from, const char *to,
                 const struct wf_msg *m)
{
    char line[400];

    if (s->verbose) {
        wf_msg_dump(line, sizeof line, m->type, &m->u);
        stamp(s, from);
        printf("-> %-8s %s\n", to, line);
    }
}

/* -- setting up ------------------------------------------------------------------------
 */

static void set_up(struct sim *s, uint64_t seed)
{
    s->seed = seed;
    s->nhosts = s->brokers != 0 ? s->brokers : mesh_size(seed);
    s->healed = 0;
    s->fail[0] = '\0';
    s->replays = s->ended_us = 0;
    s->verdict = (struct verdict_counts){0};
    s->nactors = 0;
    s->chaos = (struct chaos){0};
    clock_reset(&s->clock, seed);
    net_reset(s);
    lanes_reset(s);
    s->data = goods_wanted(seed);
    s->shares = s->may_roam && s->nhosts > 1 && joint_wanted(seed);
    s->data = s->data && !s->shares; /* who has the data may be where the job is not */
    s->roams = s->shares || (s->may_roam && s->nhosts > 1 && roam_wanted(seed));
    swarm_draw(&s->swarm, &s->clock);
    if (s->roams) {
        roam_swarm(&s->swarm, &s->clock);
    }
    if (s->shares) {
        joint_swarm(s);
    }
    s->swarm.rogue_broker = s->nhosts > 1 && !s->swarm.calm && mesh_has_rogue(seed);
    history_begin(s);
    mesh_found(s);
    cast_all(s);
    mesh_link(s);
    for (unsigned i = 0; i < s->nhosts; i++) {
        disk_found(s, &s->hosts[i]);
        host_start(s, &s->hosts[i]);
    }
    for (unsigned i = 0; i < s->nactors && !actor_is_port(s->actors[i]); i++) {
        struct event *e =
            clock_add(&s->clock, s->clock.now_us + below(&s->clock, 500 * MS), EV_START);

        e->who = s->actors[i];
    }
    (void) clock_add(&s->clock, s->clock.now_us + around(&s->clock, SECOND), EV_FAULT);
}

void sim_clear(struct sim *s)
{
    for (unsigned i = 0; i < s->nactors; i++) {
        struct actor *a = s->actors[i];

        if (a->up && !actor_is_port(a)) {
            a->ops->end(s, a);
        }
        a->up = 0;
        wf_effects_fini(&a->fx);
        wf_buf_fini(&a->frame);
        a->conn = NULL;
        a->tick = NULL;
    }
    s->nactors = 0;
    net_reset(s);
    lanes_reset(s);
    for (unsigned i = 0; i < SIM_HOSTS; i++) {
        struct host *h = &s->hosts[i];

        core_free(h->core);
        h->core = NULL;
        h->up = 0;
        h->tick = NULL;
        wf_effects_clear(&h->fx);
        wf_list_init(&h->turn);
    }
}

/* -- living ----------------------------------------------------------------------------
 */

/* The broker that an event is for; NULL: it is for somebody else. */
static struct host *host_of(const struct event *e)
{
    return e->kind == EV_TO_BROKER || e->kind == EV_GONE_THERE ? e->conn->to
           : e->who == NULL                                    ? e->host
                                                               : NULL;
}

/* Until when an actor stands still. */
static uint64_t actor_held_until_us(const struct actor *a)
{
    uint64_t until_us = a->paused_until_us;

    if (actor_is_port(a)) {
        until_us = wf_max_u64(until_us,
                              CONTAINER_OF(a, const struct port, a)->of->paused_until_us);
    }
    return a->up ? until_us : 0;
}

/* Until when the one that an event is for stands still, or is cut off; 0: it does not. */
static uint64_t held_until_us(const struct sim *s, const struct event *e)
{
    const struct host *h = host_of(e);
    uint64_t until_us = 0;

    if (h != NULL && e->kind != EV_START) {
        until_us = h->up ? h->paused_until_us : 0;
    } else if (e->who != NULL && e->kind != EV_DIAL && e->kind != EV_START) {
        until_us = actor_held_until_us(e->who);
    }
    if (e->kind == EV_TO_BROKER || e->kind == EV_TO_ACTOR) {
        until_us = wf_max_u64(until_us, e->who->parted_until_us);
        until_us = wf_max_u64(until_us, roam_apart_us(e->who, e->conn->to));
    }
    until_us = wf_max_u64(until_us, lanes_parted_until_us(e));
    return until_us > s->clock.now_us ? until_us : 0;
}

static void dispatch(struct sim *s, struct event *e)
{
    switch (e->kind) {
    case EV_FAULT:
        chaos_strike(s);
        break;
    case EV_START:
        if (e->who != NULL) {
            actor_start(s, e->who);
        } else {
            host_start(s, e->host);
        }
        break;
    case EV_DIAL:
        net_on_dial(s, e);
        break;
    case EV_LANE_DIAL:
        lanes_on_dial(s, e);
        break;
    default:
        if (host_of(e) != NULL) {
            host_take(s, host_of(e), e);
        } else {
            actor_take(s, e->who, e);
        }
        break;
    }
}

/* The number of whoever an event is for. */
static unsigned number_of(const struct event *e)
{
    return e->who != NULL ? e->who->index : 99 + (e->host != NULL ? e->host->index : 0);
}

static void look_at_hosts(struct sim *s)
{
    for (unsigned i = 0; i < s->nhosts; i++) {
        if (s->hosts[i].up) {
            clock_mix(&s->clock, core_hash(s->hosts[i].core));
            oracle_deadlines(s, &s->hosts[i]);
        }
    }
}

/* One step.  0: nothing is left to happen. */
static int live(struct sim *s)
{
    struct event *e = clock_next(&s->clock);
    uint64_t until_us;

    if (e == NULL) {
        return 0;
    }
    until_us = held_until_us(s, e);
    if (until_us != 0) {
        clock_again(&s->clock, e, until_us);
        return 1;
    }
    clock_mix(&s->clock, s->clock.now_us);
    clock_mix(&s->clock, (uint64_t) e->kind << 8 | number_of(e));
    dispatch(s, e);
    clock_drop(&s->clock, e);
    if (s->clock.steps % 64 == 0) {
        look_at_hosts(s);
    }
    if (s->clock.still > STILL_MAX) {
        sim_fail(s, "time stands still: a tick asks for another at once");
    }
    return 1;
}

/* -- the end ---------------------------------------------------------------------------
 */

/* Guests go when their broker has their result. */
static size_t guests_at(const struct host *h)
{
    const struct wf_list_node *head = &h->core->jobs.all;
    size_t n = 0;

    for (const struct wf_list_node *x = head->next; x != head; x = x->next) {
        n += CONTAINER_OF(x, struct job, in_all)->guest != NULL;
    }
    return n;
}

static int all_is_done(const struct sim *s)
{
    int done = 1;

    for (unsigned i = 0; i < s->nhosts; i++) {
        const struct host *h = &s->hosts[i];

        done &= h->up && core_live_jobs(h->core) == 0 && guests_at(h) == 0;
    }
    for (unsigned i = 0; i < s->nclients + s->nhosts; i++) {
        done &= s->clients[i].done || (i < s->nclients && s->clients[i].a.dead);
    }
    for (unsigned i = 0; i < s->ndevices; i++) {
        done &= device_is_idle(&s->devices[i]);
    }
    return done;
}

static void log_job(const struct sim *s, const struct host *h, const struct job *j)
{
    char id[WF_ID_TEXT];

    sim_log(s, h->name,
            "%s %s of %s %s attempt %u of %u at %s, occupies %d, queued %d, timer %d, "
            "ledger %d, "
            "dirty %u, lsn %llu, unclaimed %d, follows %d",
            j->guest != NULL ? "guest" : "job", wf_id_text(&j->id, id), j->owner->name,
            wf_job_state_name(j->state), j->attempt, j->reserved,
            j->agent != NULL ? j->agent->principal->name : "-", j->occupies,
            !wf_list_empty(&j->in_queue), wf_heap_in(&j->timer),
            !wf_list_empty(&j->in_ledger), j->dirty, (unsigned long long) j->lsn,
            j->unclaimed, j->leader != NULL);
}

static void say_host(const struct sim *s, const struct host *h)
{
    const struct wf_list_node *head = &h->core->jobs.all;

    for (const struct wf_list_node *n = head->next; n != head; n = n->next) {
        log_job(s, h, CONTAINER_OF(n, struct job, in_all));
    }
    sim_log(s, h->name,
            "store: appended %zu asked %zu safe %zu; core: lsn %llu %llu %llu", h->disk.n,
            h->disk.asked, h->disk.safe, (unsigned long long) h->core->lsn,
            (unsigned long long) h->core->synced_lsn,
            (unsigned long long) h->core->durable_lsn);
}

static void say_what_is_left(struct sim *s)
{
    for (unsigned i = 0; i < s->nhosts; i++) {
        if (s->hosts[i].up) {
            say_host(s, &s->hosts[i]);
        } else {
            sim_fail(s, "%s does not come back", s->hosts[i].name);
        }
    }
    for (unsigned i = 0; i < s->history.njobs; i++) {
        const struct hjob *j = &s->history.jobs[i];

        if (j->outcome.inc == 0 && j->code == 0 && history_knows(s, j) &&
            !j->owner->dead) {
            sim_fail(s, "job %u was accepted and has no outcome", i);
        }
    }
    for (unsigned i = 0; i < s->ndevices; i++) {
        if (!device_is_idle(&s->devices[i])) {
            device_say(s, &s->devices[i]);
            sim_fail(s, "%s is never done", s->devices[i].a.name);
        }
    }
    for (unsigned i = 0; i < s->nclients; i++) {
        if (!s->clients[i].done && !s->clients[i].a.dead) {
            sim_fail(s, "%s waits for ever", s->clients[i].a.name);
        }
    }
    for (unsigned i = 0; i < s->nhosts && s->fail[0] == '\0'; i++) {
        const struct host *h = &s->hosts[i];

        if (core_live_jobs(h->core) != 0 || guests_at(h) != 0) {
            sim_fail(s, "%zu jobs live for ever at %s, and %zu guests stay",
                     core_live_jobs(h->core), h->name, guests_at(h));
        }
    }
    sim_fail(s, "an operator is never done");
}

/* Empty when all is over. */
static void check_end(struct sim *s, const struct host *h)
{
    const struct core *c = h->core;

    for (const struct wf_list_node *n = c->agents.all.next; n != &c->agents.all;
         n = n->next) {
        const struct agent *a = CONTAINER_OF(n, struct agent, in_all);

        if (a->assigned != 0) {
            sim_fail(s, "%s still holds %u attempts of %s", a->principal->name,
                     (unsigned) a->assigned, h->name);
        }
    }
    if (!wf_list_empty(&c->promises)) {
        sim_fail(s, "a promise was never kept");
    }
    /* Another broker refuses what came when its agents had been given work meanwhile. */
    if (s->swarm.calm &&
        (c->count.lost_attempts != 0 ||
         (c->count.refused_by_agent != 0 && s->nhosts == 1) || c->count.superseded != 0 ||
         c->count.bad_messages != 0 || (c->count.sessions_lost != 0 && !s->roams) ||
         c->count.denied != 0)) {
        sim_fail(s,
                 "a calm mesh lost %u, refused %u, superseded %u, bad %u, sessions %u, "
                 "denied %u",
                 (unsigned) c->count.lost_attempts, (unsigned) c->count.refused_by_agent,
                 (unsigned) c->count.superseded, (unsigned) c->count.bad_messages,
                 (unsigned) c->count.sessions_lost, (unsigned) c->count.denied);
    }
}

/* Where a broker has room for one job, others wait until its deadline has passed. */
static int takes_too_long(const struct sim *s)
{
    return s->clock.now_us > s->healed_us + s->nhosts * HEAL_LIMIT_US &&
           s->clock.now_us > s->ended_us + ENDS_US;
}

static void live_until_done(struct sim *s)
{
    while (s->fail[0] == '\0' && !all_is_done(s)) {
        if (!live(s) || takes_too_long(s)) {
            say_what_is_left(s);
        }
    }
}

static void live_until(struct sim *s, uint64_t until_us)
{
    while (s->fail[0] == '\0' && s->clock.now_us < until_us && live(s)) {
    }
}

/* What was under way may have brought new work, a repeated submit for one. */
static void settle(struct sim *s)
{
    live_until(s, s->clock.now_us + 3 * SECOND);
    live_until_done(s);
}

static void hold_drill(struct sim *s)
{
    struct drill d;

    if (s->fail[0] == '\0' && drill_begin(s, &d)) {
        while (s->fail[0] == '\0' && s->clock.now_us < d.until_us && live(s)) {
            drill_watch(s, &d);
        }
        drill_end(s, &d);
        live_until_done(s);
        settle(s);
    }
}

static void judge(struct sim *s)
{
    const int counts = history_judge(s, &s->verdict);

    for (unsigned i = 0; i < s->nhosts; i++) {
        struct host *h = &s->hosts[i];

        check_end(s, h);
        oracle_replay(s, h);
        if (h->lite.on) {
            lite_examine(s, h);
            lite_examine_old(s, h);
            lite_examine_rot(s, h);
        }
        s->verdict.superseded += counts ? h->core->count.superseded : 0;
        clock_mix(&s->clock, core_hash(h->core));
    }
}

int sim_run(struct sim *s, uint64_t seed, uint64_t steps)
{
    set_up(s, seed);
    while (s->fail[0] == '\0' && s->clock.steps < steps && live(s)) {
    }
    if (s->canary) {
        sim_fail(s, "the canary sings");
    }
    if (s->fail[0] == '\0') {
        sim_log(s, "chaos", "heal");
        chaos_heal(s);
    }
    live_until_done(s);
    settle(s);
    if (s->roams) {
        hold_drill(s);
    }
    if (s->fail[0] == '\0') {
        judge(s);
    }
    return s->fail[0] == '\0';
}
