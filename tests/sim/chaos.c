#include "tests/sim/sim.h"

#include <string.h>

static struct actor *some_actor(struct sim *s)
{
    return s->actors[below(&s->clock, s->nactors)];
}

/* Hold somebody up, not for less than before. */
static void hold(struct sim *s, uint64_t *until_us, uint64_t mean_us)
{
    *until_us = wf_max_u64(*until_us, s->clock.now_us + around(&s->clock, mean_us));
}

static void restart_later(struct sim *s, struct actor *a)
{
    struct event *e =
        clock_add(&s->clock, s->clock.now_us + around(&s->clock, 800 * MS), EV_START);

    e->who = a;
}

static void restart_host_later(struct sim *s, struct host *h)
{
    struct event *e = clock_add(
        &s->clock, s->clock.now_us + around(&s->clock, s->swarm.down_us), EV_START);

    e->host = h;
}

static struct host *some_host(struct sim *s)
{
    return &s->hosts[s->nhosts > 1 ? below(&s->clock, s->nhosts) : 0];
}

/* A device; the first one lives, so that the work can be done in the end, and so do those
 * that keep all the data. */
static struct device *some_device(struct sim *s)
{
    return &s->devices[below(&s->clock, s->ndevices)];
}

static void crash(struct sim *s, struct actor *a, int for_good)
{
    if (percent(&s->clock, 30)) {
        actor_leave(s, a);
    } else {
        actor_crash(s, a);
    }
    if (for_good) {
        a->dead = 1;
    } else {
        restart_later(s, a);
    }
}

/* At once, or in the middle of a commit to come, unless it `stopped` in order. */
static void crash_broker(struct sim *s, struct host *h, int stopped, int power)
{
    if (!stopped && h->lite.on && h->up && percent(&s->clock, 60)) {
        h->power = power;
        h->lite.disk.off_at = h->lite.disk.writes + 1 + below(&s->clock, 40);
        return;
    }
    host_crash(s, h, power);
    restart_host_later(s, h);
}

/* -- one of each -----------------------------------------------------------------------
 *
 * `a` is somebody; those who strike at others do not look at it.
 */

static void cut(struct sim *s, struct actor *a)
{
    if (a->conn != NULL) {
        net_cut(s, a->conn, 0);
    }
}

static void cut_silently(struct sim *s, struct actor *a)
{
    if (a->conn != NULL) {
        net_cut(s, a->conn, 1);
    }
}

static void part(struct sim *s, struct actor *a)
{
    uint64_t mean_us = percent(&s->clock, 50) ? SECOND : s->swarm.down_us * 5;

    if (!roam_part(s, a, mean_us)) {
        hold(s, &a->parted_until_us, mean_us);
    }
}

static void slow_down(struct sim *s, struct actor *a)
{
    unsigned dir = (unsigned) below(&s->clock, 2);

    if (!roam_shift(s, a) && a->conn != NULL) {
        a->conn->slow_until_us[dir] = s->clock.now_us + around(&s->clock, 2 * SECOND);
    }
}

static void pause_actor(struct sim *s, struct actor *a)
{
    hold(s, &a->paused_until_us, percent(&s->clock, 50) ? SECOND : 4 * SECOND);
}

static void pause_broker(struct sim *s, struct actor *a)
{
    struct host *h = some_host(s);

    (void) a;
    hold(s, &h->paused_until_us,
         percent(&s->clock, 70)  ? 300 * MS
         : h->joint.base != NULL ? 8 * SECOND /* it is taken over meanwhile */
                                 : 3 * SECOND);
    h->awake_us = h->paused_until_us;
}

static void crash_agent(struct sim *s, struct actor *a)
{
    (void) a;
    crash(s, &some_device(s)->a, 0);
}

static void kill_agent(struct sim *s, struct actor *a)
{
    struct device *d = some_device(s);

    (void) a;
    crash(s, &d->a, d != &s->devices[0] && !d->shelf.keeper);
}

static void crash_client(struct sim *s, struct actor *a)
{
    (void) a;
    crash(s, &s->clients[below(&s->clock, s->nclients + s->nhosts)].a, 0);
}

static void end_broker(struct sim *s, struct actor *a)
{
    struct host *h = some_host(s);
    int stopped;

    (void) a;
    if (percent(&s->clock, 30)) {
        stopped = percent(&s->clock, 40);
        if (stopped) {
            host_stop(s, h);
        }
        crash_broker(s, h, stopped, 0);
    }
}

static void cut_brokers_power(struct sim *s, struct actor *a)
{
    (void) a;
    if (percent(&s->clock, 30)) {
        crash_broker(s, some_host(s), 0, 1);
    }
}

static void cut_agents_power(struct sim *s, struct actor *a)
{
    struct device *d = some_device(s);

    (void) a;
    actor_crash(s, &d->a);
    device_power_cut(s, d);
    restart_later(s, &d->a);
}

/* On and off again. */
static void fail_disk(struct sim *s, struct actor *a)
{
    struct host *h = some_host(s);
    struct sectors *d = &h->lite.disk;

    (void) a;
    if (h->lite.on) {
        d->fail_pm = d->fail_pm == 0 ? 50 + (unsigned) below(&s->clock, 951) : 0;
    } else {
        h->disk.failing = !h->disk.failing;
    }
}

static void fill_disk(struct sim *s, struct actor *a)
{
    struct host *h = some_host(s);
    struct sectors *d = &h->lite.disk;

    (void) a;
    if (h->lite.on) {
        d->room = d->room == UINT64_MAX ? sectors_used(d) + below(&s->clock, 100 << 10)
                                        : UINT64_MAX;
    } else {
        h->disk.failing = !h->disk.failing;
    }
}

static void rot(struct sim *s, struct actor *a)
{
    struct host *h = some_host(s);
    struct wf_id job;

    (void) a;
    if (!h->lite.on && disk_rot(s, h, &job)) {
        history_damaged(s, h, &job);
    }
}

/* Somebody keeps a copy of the store, puts it in its place, and notices. */
static void swap_disks(struct sim *s, struct actor *a)
{
    struct host *h = some_host(s);

    (void) a;
    if (h->disk.copied == 0 || (!h->disk.is_old && percent(&s->clock, 50))) {
        disk_copy(h);
        return;
    }
    host_crash(s, h, 0);
    if (h->disk.is_old) {
        disk_put_real(h);
    } else {
        disk_put_old(h);
    }
    restart_host_later(s, h);
}

static void fail_spool(struct sim *s, struct actor *a)
{
    struct device *d = some_device(s);

    (void) a;
    d->spool.failing = !d->spool.failing;
}

static void jump_clock(struct sim *s, struct actor *a)
{
    local_jump(percent(&s->clock, 40) ? &some_host(s)->own : &a->own, &s->clock);
}

static void starve_broker(struct sim *s, struct actor *a)
{
    struct host *h = some_host(s);

    (void) a;
    if (percent(&s->clock, 10)) {
        h->disk.forgetful = 1;
    } else {
        h->starved = 1 + (unsigned) below(&s->clock, 8);
    }
}

static void starve_agent(struct sim *s, struct actor *a)
{
    (void) a;
    some_device(s)->a.starved = 1 + (unsigned) below(&s->clock, 8);
}

static const struct {
    const char *name;
    void (*strike)(struct sim *s, struct actor *a);
} faults[FAULT_KINDS] = {
    [FAULT_CUT] = {"cut", cut},
    [FAULT_SILENT_CUT] = {"silent cut", cut_silently},
    [FAULT_PARTITION] = {"partition", part},
    [FAULT_SLOW] = {"slow link", slow_down},
    [FAULT_PAUSE] = {"pause", pause_actor},
    [FAULT_PAUSE_BROKER] = {"pause of the broker", pause_broker},
    [FAULT_AGENT_CRASH] = {"crash of an agent", crash_agent},
    [FAULT_AGENT_DEATH] = {"end of an agent", kill_agent},
    [FAULT_CLIENT_CRASH] = {"crash of a client", crash_client},
    [FAULT_BROKER_CRASH] = {"end of the broker", end_broker},
    [FAULT_POWER] = {"power cut of the broker", cut_brokers_power},
    [FAULT_AGENT_POWER] = {"power cut of an agent", cut_agents_power},
    [FAULT_DISK] = {"disk that fails", fail_disk},
    [FAULT_FULL] = {"full disk", fill_disk},
    [FAULT_ROT] = {"rot", rot},
    [FAULT_BACKUP] = {"old copy of the store", swap_disks},
    [FAULT_SPOOL] = {"spool that fails", fail_spool},
    [FAULT_CLOCK] = {"jump of a wall clock", jump_clock},
    [FAULT_MEMORY] = {"broker without memory", starve_broker},
    [FAULT_AGENT_MEMORY] = {"agent without memory", starve_agent},
};

static void strike(struct sim *s, enum fault f)
{
    struct actor *a = some_actor(s);

    sim_log(s, "chaos", "%s, %s", faults[f].name, a->name);
    faults[f].strike(s, a);
    s->chaos.faults++;
}

void chaos_strike(struct sim *s)
{
    unsigned on[FAULT_KINDS], n = 0;

    for (unsigned i = 0; i < FAULT_KINDS; i++) {
        if (s->swarm.on[i]) {
            on[n++] = i;
        }
    }
    if (n == 0 || s->healed) {
        return;
    }
    strike(s, (enum fault) on[below(&s->clock, n)]);
    if (s->data && percent(&s->clock, 30)) {
        lanes_cut(s);
    }
    (void) clock_add(&s->clock, s->clock.now_us + around(&s->clock, s->swarm.fault_us),
                     EV_FAULT);
}

static void heal_host(struct sim *s, struct host *h)
{
    if (h->disk.is_old) {
        host_crash(s, h, 0);
        disk_put_real(h);
    }
    h->disk.failing = h->disk.forgetful = 0;
    h->lite.disk.fail_pm = 0;
    h->lite.disk.room = UINT64_MAX;
    h->lite.disk.off_at = 0;
    h->own.skew_ms = 0;
    h->starved = 0;
    h->paused_until_us = 0;
    h->awake_us = s->clock.now_us;
    if (!h->up) {
        host_start(s, h);
    }
}

void chaos_heal(struct sim *s)
{
    s->healed = 1;
    s->healed_us = s->clock.now_us;
    for (unsigned i = 0; i < s->nhosts; i++) {
        heal_host(s, &s->hosts[i]);
    }
    for (unsigned i = 0; i < s->ndevices; i++) {
        s->devices[i].spool.failing = 0;
        if (s->swarm.on[FAULT_SPOOL] || s->swarm.on[FAULT_AGENT_MEMORY] ||
            s->devices[i].noticed) {
            /* What was not deleted is offered once more by the next process; and a
             * machine that was to be taken away is. */
            actor_crash(s, &s->devices[i].a);
        }
    }
    for (unsigned i = 0; i < s->nactors; i++) {
        struct actor *a = s->actors[i];

        a->paused_until_us = 0;
        a->parted_until_us = 0;
        memset(a->roam.apart_until_us, 0, sizeof a->roam.apart_until_us);
        a->own.skew_ms = 0;
        a->starved = 0;
        if (a->ops == &rogue_ops || a->identity != a->index) {
            actor_crash(s, a);
            a->dead = 1;
        }
        if (!actor_is_port(a)) {
            actor_start(s, a);
        }
    }
}
