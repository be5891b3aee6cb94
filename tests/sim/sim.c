#include "tests/sim/sim.h"

#include "common/check.h"
#include "common/mem.h"
#include "tests/sim/oracle.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAL_LIMIT_US (240ull * SECOND)
#define STILL_MAX     100000u

struct sim *sim_new(void)
{
    struct sim *s = wf_calloc(1, sizeof *s);

    WF_CHECK(s != NULL);
    clock_init(&s->clock);
    net_init(&s->net);
    disk_init(&s->disk);
    lite_init(&s->lite, &s->clock);
    host_init(&s->host);
    for (unsigned i = 0; i < SIM_DEVICES; i++) {
        spool_init(&s->devices[i].spool);
    }
    gen_init(&s->gen, 1);
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
    host_fini(&s->host);
    lite_fini(&s->lite);
    disk_fini(&s->disk);
    for (unsigned i = 0; i < SIM_DEVICES; i++) {
        spool_fini(&s->devices[i].spool);
    }
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

static void add_actor(struct sim *s, struct actor *a, const struct actor_ops *ops,
                      unsigned role, const char *kind, unsigned number)
{
    struct wf_effects fx = a->fx;
    struct wf_buf frame = a->frame;

    *a = (struct actor){.ops = ops,
                        .index = s->nactors,
                        .identity = s->nactors,
                        .role = role,
                        .tier = 1 + (unsigned) below(&s->clock, 3),
                        .enrolled = 1,
                        .fx = fx,
                        .frame = frame};
    wf_effects_init(&a->fx);
    wf_buf_init(&a->frame, 4u << 20);
    (void) snprintf(a->name, sizeof a->name, "%s%u", kind, number);
    memset(&a->key, (int) (0x10 + s->nactors), sizeof a->key);
    local_boot(&a->own, &s->clock);
    if (s->swarm.skewed) {
        local_set_ppm(&a->own, &s->clock, (int) below(&s->clock, 1001) - 500);
    }
    if (s->swarm.slow && percent(&s->clock, 30)) {
        a->read_us = 1 + below(&s->clock, 100 * MS);
    }
    s->actors[s->nactors++] = a;
}

/* What an earlier life of the broker left: who is enrolled. */
static void enrol(struct sim *s, const struct actor *a)
{
    struct wf_buf record = WF_BUF_INIT(4096);
    struct principal p = {.key = a->key,
                          .role = a->role,
                          .tier = a->tier,
                          .state = WF_KEY_ACTIVE,
                          .site = "s1"};

    (void) snprintf(p.name, sizeof p.name, "%s", a->name);
    (void) wf_buf_put(&record, p.key.b, sizeof p.key.b);
    (void) registry_record(&p, &record);
    disk_append(s, REGISTRY_KEYS, 0, record.p, record.len);
    wf_buf_fini(&record);
}

static void new_device(struct sim *s, struct device *d, unsigned number)
{
    struct actor keep = d->a;
    struct spool spool = d->spool;

    memset(d, 0, sizeof *d);
    d->a = keep;
    d->spool = spool;
    spool_reset(&d->spool);
    add_actor(s, &d->a, &device_ops, WF_ROLE_AGENT, "agent", number);
    d->own_key = d->a.key;
    device_draw(s, d, number == 0);
}

/* A second device with the disk of a first one, as it happens with memory cards. */
static void add_clone(struct sim *s, const struct device *of)
{
    struct device *d = &s->devices[s->ndevices++];

    new_device(s, d, of->a.index - s->devices[0].a.index);
    d->a.identity = of->a.identity;
    d->a.enrolled = of->a.enrolled;
    d->a.key = d->own_key = of->own_key;
    memcpy(d->a.name, of->a.name, sizeof d->a.name);
}

static void add_devices(struct sim *s)
{
    s->ndevices = s->swarm.nagents;
    for (unsigned i = 0; i < s->ndevices; i++) {
        struct device *d = &s->devices[i];

        new_device(s, d, i);
        d->a.enrolled = i == 0 || !s->swarm.late_agents || percent(&s->clock, 50);
        if (d->a.enrolled) {
            enrol(s, &d->a);
        }
    }
    if (s->swarm.clones && s->ndevices < SIM_DEVICES) {
        add_clone(s, &s->devices[below(&s->clock, s->ndevices)]);
    }
}

static void add_clients(struct sim *s)
{
    s->nclients = s->swarm.nclients;
    for (unsigned i = 0; i <= s->nclients; i++) {
        struct client *c = &s->clients[i];
        int is_op = i == s->nclients;

        add_actor(s, &c->a, &client_ops, is_op ? WF_ROLE_OPERATOR : WF_ROLE_CLIENT,
                  is_op ? "oper" : "client", i);
        c->made = is_op ? UINT32_MAX : 0;
        c->audited = 0;
        c->done = 0;
        enrol(s, &c->a);
    }
    s->op = &s->clients[s->nclients];
}

static void add_rogues(struct sim *s)
{
    s->nrogues = 0;
    for (unsigned i = 0; i < 2; i++) {
        struct rogue *r = &s->rogues[s->nrogues];

        if (i == 0 ? s->swarm.rogue_client : s->swarm.rogue_agent) {
            add_actor(s, &r->a, &rogue_ops, i == 0 ? WF_ROLE_CLIENT : WF_ROLE_AGENT,
                      "rogue", i);
            enrol(s, &r->a);
            s->nrogues++;
        }
    }
}

static void configure_broker(struct sim *s)
{
    struct core_config *cfg = &s->host.cfg;
    const struct swarm *w = &s->swarm;

    core_config_init(cfg);
    (void) snprintf(cfg->name, sizeof cfg->name, "broker");
    (void) snprintf(cfg->site, sizeof cfg->site, "s1");
    (void) snprintf(cfg->endpoints[0], sizeof cfg->endpoints[0], "tcp://broker:7070");
    cfg->nendpoints = 1;
    cfg->heartbeat_ms = 300;
    cfg->lease_ms = 1000;
    cfg->grace_ms = 200 + below(&s->clock, 1500);
    cfg->max_payload = 16u << 10;
    cfg->max_jobs = w->max_jobs;
    cfg->max_bytes = w->max_bytes;
    cfg->max_nodes = 64;
    cfg->retain_ms = w->retain_ms;
    cfg->retain_jobs = w->retain_jobs;
    cfg->max_attempts = w->max_attempts;
    cfg->retry_min_ms = 20;
    cfg->retry_max_ms = 300;
    /* So that there are some in a short world. */
    cfg->hedge_at_pm = 200;
    cfg->hedge_pm = 1000;
    cfg->log_bytes = 2048;
}

static void set_up(struct sim *s, uint64_t seed)
{
    s->seed = seed;
    s->healed = 0;
    s->fail[0] = '\0';
    s->replays = 0;
    s->verdict = (struct verdict_counts){0};
    s->nactors = 0;
    s->chaos = (struct chaos){0};
    clock_reset(&s->clock, seed);
    net_reset(s);
    swarm_draw(&s->swarm, &s->clock);
    history_begin(s);
    disk_reset(s);
    s->host.inc = s->host.old = 0;
    s->host.own = (struct local){0};
    local_boot(&s->host.own, &s->clock);
    if (s->swarm.skewed) {
        local_set_ppm(&s->host.own, &s->clock, (int) below(&s->clock, 1001) - 500);
    }
    s->host.paused_until_us = 0;
    s->host.starved = 0;
    configure_broker(s);
    add_devices(s);
    add_clients(s);
    add_rogues(s);
    disk_found(s);
    host_start(s);
    for (unsigned i = 0; i < s->nactors; i++) {
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

        if (a->up) {
            a->up = 0;
            a->ops->end(s, a);
        }
        wf_effects_fini(&a->fx);
        wf_buf_fini(&a->frame);
        a->conn = NULL;
        a->tick = NULL;
    }
    s->nactors = 0;
    net_reset(s);
    core_free(s->host.core);
    s->host.core = NULL;
    s->host.up = 0;
    s->host.tick = NULL;
    wf_effects_clear(&s->host.fx);
    wf_list_init(&s->host.turn);
}

/* -- living ----------------------------------------------------------------------------
 */

/* Until when the one that an event is for stands still, or is cut off; 0: it does not. */
static uint64_t held_until_us(const struct sim *s, const struct event *e)
{
    const struct host *h = &s->host;
    uint64_t until_us = 0;
    int to_broker = e->kind == EV_TO_BROKER || e->kind == EV_GONE_THERE ||
                    e->kind == EV_SYNCED || (e->kind == EV_TICK && e->who == NULL);

    if (to_broker) {
        until_us = h->up ? h->paused_until_us : 0;
    } else if (e->who != NULL && e->kind != EV_DIAL && e->kind != EV_START) {
        until_us = e->who->up ? e->who->paused_until_us : 0;
    }
    if (e->kind == EV_TO_BROKER || e->kind == EV_TO_ACTOR) {
        until_us = wf_max_u64(until_us, e->who->parted_until_us);
    }
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
            host_start(s);
        }
        break;
    case EV_DIAL:
        net_on_dial(s, e);
        break;
    case EV_TO_BROKER:
    case EV_GONE_THERE:
    case EV_SYNCED:
        host_take(s, e);
        break;
    default:
        if (e->who == NULL) {
            host_take(s, e);
        } else {
            actor_take(s, e->who, e);
        }
        break;
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
    clock_mix(&s->clock, (uint64_t) e->kind << 8 | (e->who != NULL ? e->who->index : 99));
    dispatch(s, e);
    clock_drop(&s->clock, e);
    if (s->host.up && s->clock.steps % 64 == 0) {
        clock_mix(&s->clock, core_hash(s->host.core));
        oracle_deadlines(s);
    }
    if (s->clock.still > STILL_MAX) {
        sim_fail(s, "time stands still: a tick asks for another at once");
    }
    return 1;
}

/* -- the end ---------------------------------------------------------------------------
 */

static int all_is_done(const struct sim *s)
{
    int done = s->op->done && core_live_jobs(s->host.core) == 0;

    for (unsigned i = 0; i < s->nclients; i++) {
        done &= s->clients[i].done || s->clients[i].a.dead;
    }
    for (unsigned i = 0; i < s->ndevices; i++) {
        done &= device_is_idle(&s->devices[i]);
    }
    return done;
}

static void log_job(const struct sim *s, const struct job *j)
{
    char id[WF_ID_TEXT];

    sim_log(
        s, "broker",
        "job %s %s attempt %u of %u at %s, occupies %d, queued %d, timer %d, ledger %d, "
        "dirty %u, lsn %llu, unclaimed %d, follows %d",
        wf_id_text(&j->id, id), wf_job_state_name(j->state), j->attempt, j->reserved,
        j->agent != NULL ? j->agent->principal->name : "-", j->occupies,
        !wf_list_empty(&j->in_queue), wf_heap_in(&j->timer),
        !wf_list_empty(&j->in_ledger), j->dirty, (unsigned long long) j->lsn,
        j->unclaimed, j->leader != NULL);
}

static void say_what_is_left(struct sim *s)
{
    const struct jobs *t = &s->host.core->jobs;

    for (const struct wf_list_node *n = t->all.next; n != &t->all; n = n->next) {
        log_job(s, CONTAINER_OF(n, struct job, in_all));
    }
    sim_log(s, "broker",
            "store: appended %zu asked %zu safe %zu; core: lsn %llu %llu %llu", s->disk.n,
            s->disk.asked, s->disk.safe, (unsigned long long) s->host.core->lsn,
            (unsigned long long) s->host.core->synced_lsn,
            (unsigned long long) s->host.core->durable_lsn);
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
    sim_fail(s, "%zu jobs live for ever", core_live_jobs(s->host.core));
}

/* Empty when all is over. */
static void check_end(struct sim *s)
{
    const struct core *c = s->host.core;

    for (const struct wf_list_node *n = c->agents.all.next; n != &c->agents.all;
         n = n->next) {
        const struct agent *a = CONTAINER_OF(n, struct agent, in_all);

        if (a->assigned != 0) {
            sim_fail(s, "%s still holds %u attempts", a->principal->name,
                     (unsigned) a->assigned);
        }
    }
    if (!wf_list_empty(&c->promises)) {
        sim_fail(s, "a promise was never kept");
    }
    if (s->swarm.calm && (c->count.lost_attempts != 0 || c->count.refused_by_agent != 0 ||
                          c->count.superseded != 0 || c->count.bad_messages != 0 ||
                          c->count.sessions_lost != 0 || c->count.denied != 0)) {
        sim_fail(s, "a calm mesh lost %u, refused %u, superseded %u, sessions %u",
                 (unsigned) c->count.lost_attempts, (unsigned) c->count.refused_by_agent,
                 (unsigned) c->count.superseded, (unsigned) c->count.sessions_lost);
    }
}

static void live_until_done(struct sim *s)
{
    while (s->fail[0] == '\0' && !all_is_done(s)) {
        if (!live(s) || s->clock.now_us > s->healed_us + HEAL_LIMIT_US) {
            say_what_is_left(s);
        }
    }
}

/* Let what is under way arrive. */
static void settle(struct sim *s)
{
    uint64_t until_us = s->clock.now_us + 3 * SECOND;

    while (s->fail[0] == '\0' && s->clock.now_us < until_us && live(s)) {
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
    /* What was under way may have brought new work, a repeated submit for one. */
    settle(s);
    live_until_done(s);
    if (s->fail[0] == '\0') {
        check_end(s);
        oracle_replay(s);
        if (s->lite.on) {
            lite_examine(s);
            lite_examine_old(s);
            lite_examine_rot(s);
        }
        if (history_judge(s, &s->verdict)) {
            s->verdict.superseded = s->host.core->count.superseded;
        }
        clock_mix(&s->clock, core_hash(s->host.core));
    }
    return s->fail[0] == '\0';
}
