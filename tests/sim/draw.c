#include "tests/sim/draw.h"

#include "tests/sim/sim.h"

#include <stdio.h>

/* A copy of another job has its own life before it. */
static void forget_past(struct hjob *j)
{
    j->accepted_inc = j->taken_us = 0;
    j->assigned = (struct hassigned){0};
    j->ever_accepted = j->code = j->forgotten = j->held = 0;
    j->disputed = j->altered = j->damaged = j->stolen = 0;
    j->outcome = (struct seen_outcome){0};
}

static void draw_needs(struct sim *s, struct hjob *j)
{
    static const char *const needs[] = {"zone=a", "tier=edge", "tier!=cloud", "cpus>=2",
                                        "site=s1"};

    j->deadline_ms = 200 + below(&s->clock, 8000);
    switch (below(&s->clock, 3)) {
    case 0:
        (void) snprintf(j->need, sizeof j->need, "%s",
                        needs[below(&s->clock, ARRAY_LEN(needs))]);
        break;
    case 1:
        (void) snprintf(j->pin, sizeof j->pin, "%s",
                        s->devices[below(&s->clock, s->ndevices)].a.name);
        break;
    default:
        j->version = 1 + (unsigned) below(&s->clock, 2);
        break;
    }
}

/* What is promised of it, and what it may reuse. */
static void draw_promise(struct sim *s, struct hjob *j)
{
    const struct swarm *w = &s->swarm;
    struct hjob *other = &s->history.jobs[below(&s->clock, s->history.njobs)];

    j->class_ = percent(&s->clock, w->durable_pct)
                    ? (percent(&s->clock, 70) ? WF_CLASS_DURABLE : WF_CLASS_BEST)
                    : WF_CLASS_FAST;
    if (percent(&s->clock, w->policy_pct)) {
        j->disconnect = (unsigned) below(&s->clock, 3);
        j->disconnect_ms = 1 + below(&s->clock, percent(&s->clock, 50) ? 300 : 3000);
        j->disconnect_ms *= !percent(&s->clock, 30);
        if (j->disconnect == WF_STOP_AFTER && percent(&s->clock, 30)) {
            j->manner = MANNER_HANGS;
            j->wall_ms = 2000 + below(&s->clock, 8000);
        }
    }
    if (!percent(&s->clock, w->reuse_pct)) {
        return;
    }
    j->reuse_ms = 1 + below(&s->clock, 20000);
    if (other != j && other->owner == j->owner && other->retry_of == NULL &&
        other->reuse_ms != 0 && percent(&s->clock, 70)) {
        const struct hjob mine = *j;

        *j = *other;
        j->home = mine.home;
        j->index = mine.index;
        j->id = mine.id;
        j->class_ = mine.class_;
        j->reuse_ms = mine.reuse_ms;
        forget_past(j);
    }
}

/* Has a broker somebody with all the data? */
static int host_keeps(const struct sim *s, const struct host *h)
{
    for (unsigned i = 0; i < s->ndevices; i++) {
        if (s->devices[i].shelf.keeper && s->devices[i].a.home == h) {
            return 1;
        }
    }
    return 0;
}

/* Where the data may not be. */
static void pin_away(struct sim *s, struct hjob *j)
{
    const struct device *d = &s->devices[below(&s->clock, s->ndevices)];

    if (!d->shelf.keeper && d->a.home == j->owner->home && percent(&s->clock, 70)) {
        (void) snprintf(j->pin, sizeof j->pin, "%s", d->a.name);
        j->need[0] = '\0';
        j->version = 0;
        j->deadline_ms = 2000 + below(&s->clock, 20000);
    }
}

void draw_job(struct sim *s, struct hjob *j)
{
    const struct swarm *w = &s->swarm;

    (void) snprintf(j->cap, sizeof j->cap, "c%u",
                    (unsigned) below(&s->clock, w->ncaps + percent(&s->clock, 3)));
    j->payload_len = 6 + (unsigned) below(&s->clock, percent(&s->clock, 5) ? 9000 : 200);
    j->priority = (unsigned) below(&s->clock, 10);
    j->detached = !history_evicts(s) && percent(&s->clock, 10);
    if (percent(&s->clock, w->picky_pct)) {
        draw_needs(s, j);
    } else if (percent(&s->clock, w->odd_pct)) {
        j->deadline_ms = 50 + below(&s->clock, 5000);
    }
    if (percent(&s->clock, w->fail_pct)) {
        j->manner = percent(&s->clock, 50) ? MANNER_FAILS : MANNER_FLAKY;
    } else if (percent(&s->clock, w->hang_pct)) {
        j->manner = MANNER_HANGS;
        j->wall_ms = 200 + below(&s->clock, percent(&s->clock, 25) ? 10000 : 1000);
    } else if (percent(&s->clock, w->odd_pct)) {
        j->manner = percent(&s->clock, 50) ? MANNER_NO_START : MANNER_FLOODS;
    }
    if (percent(&s->clock, 30)) {
        j->max_attempts = 1 + (unsigned) below(&s->clock, 4);
    }
    if (s->data && host_keeps(s, j->owner->home) && percent(&s->clock, 60)) {
        j->good = 1 + (unsigned) below(&s->clock, GOODS);
        pin_away(s, j);
    }
    draw_promise(s, j);
    j->hedge = percent(&s->clock, w->hedge_pct);
}

void draw_repeat(struct hjob *j, struct hjob *old)
{
    const struct hjob mine = *j;

    *j = *old;
    j->index = mine.index;
    j->id = mine.id;
    j->retry_of = old;
    j->deadline_ms = 0;
    j->detached = 1;
    forget_past(j);
}
