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
    struct event *e =
        clock_add(&s->clock, s->clock.now_us + around(&s->clock, 800 * MS), EV_START);

    e->who = a;
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

static void fail_disk(struct sim *s)
{
    s->disk.failing = !s->disk.failing;
}

static void jump_clock(struct sim *s)
{
    static const int64_t jumps_ms[] = {-1000, 60000, -3600000, INT64_C(-1500000000000)};

    s->host.skew_ms = jumps_ms[below(&s->clock, ARRAY_LEN(jumps_ms))];
}

static void strike(struct sim *s, enum fault f)
{
    struct actor *a = some_actor(s);

    switch (f) {
    case FAULT_CUT:
    case FAULT_SILENT_CUT:
        if (a->conn != NULL) {
            net_cut(s, a->conn, f == FAULT_SILENT_CUT);
        }
        break;
    case FAULT_PARTITION:
        hold(s, &a->parted_until_us, percent(&s->clock, 50) ? SECOND : 5 * SECOND);
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
        break;
    case FAULT_AGENT_CRASH:
    case FAULT_AGENT_DEATH:
        a = &s->devices[below(&s->clock, s->ndevices)].a;
        /* The first one lives, so that the work can be done in the end. */
        crash(s, a, f == FAULT_AGENT_DEATH && a != &s->devices[0].a);
        break;
    case FAULT_CLIENT_CRASH:
        crash(s, &s->clients[below(&s->clock, s->nclients + 1)].a, 0);
        break;
    case FAULT_BROKER_CRASH:
        if (percent(&s->clock, 30)) {
            if (percent(&s->clock, 40)) {
                host_stop(s);
            }
            host_crash(s);
            restart_later(s, NULL);
        }
        break;
    case FAULT_DISK:
        fail_disk(s);
        break;
    case FAULT_CLOCK:
        jump_clock(s);
        break;
    case FAULT_MEMORY:
        s->host.starved = 1 + (unsigned) below(&s->clock, 8);
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
    s->disk.failing = 0;
    s->host.skew_ms = 0;
    s->host.starved = 0;
    s->host.paused_until_us = 0;
    if (!s->host.up) {
        host_start(s);
    }
    for (unsigned i = 0; i < s->nactors; i++) {
        struct actor *a = s->actors[i];

        a->paused_until_us = 0;
        a->parted_until_us = 0;
        if (a->ops == &rogue_ops) {
            actor_crash(s, a);
            a->dead = 1;
        }
        actor_start(s, a);
    }
}
