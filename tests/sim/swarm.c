#include "tests/sim/swarm.h"

static unsigned often(struct clock *c, unsigned most)
{
    return percent(c, 50) ? 0 : (unsigned) below(c, most + 1);
}

static void draw_faults(struct swarm *s, struct clock *c)
{
    for (unsigned i = 0; i < FAULT_KINDS; i++) {
        s->on[i] = (uint8_t) percent(c, 35);
    }
    /* Little is promised where records are lost for good. */
    s->on[FAULT_ROT] &= (uint8_t) percent(c, 35);
    s->on[FAULT_BACKUP] &= (uint8_t) percent(c, 35);
    s->fault_us = 100 * MS + below(c, 3 * SECOND);
    s->down_us = percent(c, 75) ? 800 * MS : SECOND + below(c, 12 * SECOND);
    s->corrupt_pm = often(c, 8);
    s->dup_pm = often(c, 30);
    s->operator_acts = percent(c, 50);
    s->revokes = s->operator_acts && percent(c, 40);
    s->late_agents = percent(c, 35);
    s->rogue_client = percent(c, 20);
    s->rogue_agent = percent(c, 20);
    if (s->on[FAULT_BACKUP]) {
        /* Who joins or is thrown out while an old copy serves is not judged. */
        s->late_agents = s->revokes = 0;
    }
    s->clones = percent(c, 10);
    s->skewed = percent(c, 40);
    s->slow = percent(c, 20);
}

static void draw_work(struct swarm *s, struct clock *c)
{
    s->jobs = 1 + (unsigned) below(c, percent(c, 20) ? 24 : 10);
    s->burst = percent(c, 30) ? 2 + (unsigned) below(c, 15) : 1;
    s->work_us = 5 * MS + below(c, 300 * MS);
    s->durable_pct = percent(c, 30) ? 100 : (unsigned) below(c, 101);
    s->policy_pct = often(c, 60);
    s->reuse_pct = often(c, 40);
    s->repeat_pct = often(c, 10);
    s->offer_ms = percent(c, 50) ? 0 : below(c, 5000);
    s->forget_pct = often(c, 60);
    s->dup_submit_pct = often(c, 40);
    s->cancel_pct = often(c, 15);
    s->watch_pct = often(c, 40);
    s->query_pct = often(c, 30);
    s->picky_pct = often(c, 60);
    s->fail_pct = often(c, 40);
    s->hang_pct = often(c, 15);
    s->odd_pct = often(c, 30);
    s->run_us = 1 * MS + below(c, percent(c, 30) ? 2 * SECOND : 200 * MS);
}

static void draw_limits(struct swarm *s, struct clock *c)
{
    s->max_jobs = percent(c, 30) ? 1 + below(c, 6) : 200;
    s->retain_jobs = percent(c, 15) ? below(c, 6) : 500;
    s->retain_ms = percent(c, 10) ? 50 + below(c, 3000) : 40ull * 86400 * 1000;
    s->max_bytes = percent(c, 10) ? 2000 + below(c, 40000) : 64u << 20;
    s->max_attempts = 1 + (unsigned) below(c, 6);
    s->disk_us = below(c, 2) ? 2 * MS : below(c, 400 * MS);
}

void swarm_draw(struct swarm *s, struct clock *c)
{
    *s = (struct swarm){0};
    s->nagents = 1 + (unsigned) below(c, 5);
    s->nclients = 1 + (unsigned) below(c, 3);
    s->ncaps = 1 + (unsigned) below(c, 3);
    s->calm = percent(c, 10);
    s->on_sqlite = below(c, 8) == 0;
    s->latency_us = 100 + below(c, 30 * MS);
    s->jitter_us = below(c, 20 * MS);
    if (!s->calm) {
        draw_faults(s, c);
    }
    draw_work(s, c);
    draw_limits(s, c);
    if (s->calm) {
        s->cancel_pct = 0;
    }
    s->hedge_pct = often(c, 100);
    s->notices = !s->calm && percent(c, 20);
}
