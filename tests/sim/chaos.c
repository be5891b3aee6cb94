#include "tests/sim/sim.h"

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
    uint64_t mean_us = a != NULL ? 800 * MS : s->swarm.down_us;
    struct event *e =
        clock_add(&s->clock, s->clock.now_us + around(&s->clock, mean_us), EV_START);

    e->who = a;
}

/* A device; the first one lives, so that the work can be done in the end. */
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

static void slow_down(struct sim *s, struct conn *c)
{
    unsigned dir = (unsigned) below(&s->clock, 2);

    c->slow_until_us[dir] = s->clock.now_us + around(&s->clock, 2 * SECOND);
}

static void cut_power(struct sim *s, struct device *d)
{
    actor_crash(s, &d->a);
    device_power_cut(s, d);
    restart_later(s, &d->a);
}

/* At once, or in the middle of a commit to come, unless it `stopped` in order. */
static void crash_broker(struct sim *s, int stopped, int power)
{
    if (!stopped && s->lite.on && s->host.up && percent(&s->clock, 60)) {
        s->host.power = power;
        s->lite.disk.off_at = s->lite.disk.writes + 1 + below(&s->clock, 40);
        return;
    }
    host_crash(s, power);
    restart_later(s, NULL);
}

/* Somebody keeps a copy of the store, puts it in its place, and notices. */
static void swap_disks(struct sim *s)
{
    if (s->disk.copied == 0 || (!s->disk.is_old && percent(&s->clock, 50))) {
        disk_copy(s);
        return;
    }
    host_crash(s, 0);
    if (s->disk.is_old) {
        disk_put_real(s);
    } else {
        disk_put_old(s);
    }
    restart_later(s, NULL);
}

static void jump_clock(struct sim *s)
{
    if (percent(&s->clock, 40)) {
        local_jump(&s->host.own, &s->clock);
    } else {
        local_jump(&some_actor(s)->own, &s->clock);
    }
}

/* On and off again. */
static void fail_disk(struct sim *s, int no_room)
{
    struct sectors *d = &s->lite.disk;

    if (!s->lite.on) {
        s->disk.failing = !s->disk.failing;
    } else if (no_room) {
        d->room = d->room == UINT64_MAX ? sectors_used(d) + below(&s->clock, 100 << 10)
                                        : UINT64_MAX;
    } else {
        d->fail_pm = d->fail_pm == 0 ? 50 + (unsigned) below(&s->clock, 951) : 0;
    }
}

static void strike(struct sim *s, enum fault f)
{
    struct actor *a = some_actor(s);
    struct device *d;
    struct wf_id rotten;
    int stopped;

    switch (f) {
    case FAULT_CUT:
    case FAULT_SILENT_CUT:
        if (a->conn != NULL) {
            net_cut(s, a->conn, f == FAULT_SILENT_CUT);
        }
        break;
    case FAULT_PARTITION:
        hold(s, &a->parted_until_us,
             percent(&s->clock, 50) ? SECOND : s->swarm.down_us * 5);
        break;
    case FAULT_SLOW:
        if (a->conn != NULL) {
            slow_down(s, a->conn);
        }
        break;
    case FAULT_PAUSE:
        hold(s, &a->paused_until_us, percent(&s->clock, 50) ? SECOND : 4 * SECOND);
        break;
    case FAULT_PAUSE_BROKER:
        hold(s, &s->host.paused_until_us, percent(&s->clock, 70) ? 300 * MS : 3 * SECOND);
        s->host.awake_us = s->host.paused_until_us;
        break;
    case FAULT_AGENT_CRASH:
    case FAULT_AGENT_DEATH:
        a = &some_device(s)->a;
        crash(s, a, f == FAULT_AGENT_DEATH && a != &s->devices[0].a);
        break;
    case FAULT_CLIENT_CRASH:
        crash(s, &s->clients[below(&s->clock, s->nclients + 1)].a, 0);
        break;
    case FAULT_BROKER_CRASH:
        if (percent(&s->clock, 30)) {
            stopped = percent(&s->clock, 40);
            if (stopped) {
                host_stop(s);
            }
            crash_broker(s, stopped, 0);
        }
        break;
    case FAULT_POWER:
        if (percent(&s->clock, 30)) {
            crash_broker(s, 0, 1);
        }
        break;
    case FAULT_AGENT_POWER:
        cut_power(s, some_device(s));
        break;
    case FAULT_DISK:
    case FAULT_FULL:
        fail_disk(s, f == FAULT_FULL);
        break;
    case FAULT_ROT:
        if (!s->lite.on && disk_rot(s, &rotten)) {
            history_damaged(s, &rotten);
        }
        break;
    case FAULT_BACKUP:
        swap_disks(s);
        break;
    case FAULT_SPOOL:
        d = some_device(s);
        d->spool.failing = !d->spool.failing;
        break;
    case FAULT_CLOCK:
        jump_clock(s);
        break;
    case FAULT_MEMORY:
        if (percent(&s->clock, 10)) {
            s->disk.forgetful = 1;
        } else {
            s->host.starved = 1 + (unsigned) below(&s->clock, 8);
        }
        break;
    case FAULT_AGENT_MEMORY:
        some_device(s)->a.starved = 1 + (unsigned) below(&s->clock, 8);
        break;
    case FAULT_KINDS:
        break;
    }
    sim_log(s, "chaos", "fault %d at %s", (int) f, a->name);
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
    (void) clock_add(&s->clock, s->clock.now_us + around(&s->clock, s->swarm.fault_us),
                     EV_FAULT);
}

void chaos_heal(struct sim *s)
{
    s->healed = 1;
    s->healed_us = s->clock.now_us;
    if (s->disk.is_old) {
        host_crash(s, 0);
        disk_put_real(s);
    }
    s->disk.failing = s->disk.forgetful = 0;
    s->lite.disk.fail_pm = 0;
    s->lite.disk.room = UINT64_MAX;
    s->lite.disk.off_at = 0;
    s->host.own.skew_ms = 0;
    s->host.starved = 0;
    s->host.paused_until_us = 0;
    s->host.awake_us = s->clock.now_us;
    if (!s->host.up) {
        host_start(s);
    }
    for (unsigned i = 0; i < s->ndevices; i++) {
        s->devices[i].spool.failing = 0;
        if (s->swarm.on[FAULT_SPOOL] || s->swarm.on[FAULT_AGENT_MEMORY]) {
            /* What was not deleted is offered once more by the next process. */
            actor_crash(s, &s->devices[i].a);
        }
    }
    for (unsigned i = 0; i < s->nactors; i++) {
        struct actor *a = s->actors[i];

        a->paused_until_us = 0;
        a->parted_until_us = 0;
        a->own.skew_ms = 0;
        a->starved = 0;
        if (a->ops == &rogue_ops || a->identity != a->index) {
            actor_crash(s, a);
            a->dead = 1;
        }
        actor_start(s, a);
    }
}
