/* When a sample is taken: every period, on another's wake-up where one comes near. */
#include "agent/sampler.h"
#include "tests/lib/tap.h"

#define S UINT64_C(1000000)

static void timing(struct sampler *s)
{
    struct node_counts counts = {.waiting = 3, .running = 2};
    struct node_event ev;
    uint64_t t = 1000 * S;

    is_int(sampler_due_us(s), UINT64_MAX, "nothing is due before it is wanted");
    is_int(sampler_poll(s, t, &counts, &ev), 0, "nor is anything taken");
    sampler_wanted(s, t);
    ok(sampler_due_us(s) <= t, "once wanted it is due");
    is_int(sampler_poll(s, t, &counts, &ev), 1, "and taken");
    is_int(ev.kind, NODE_SAMPLE, "as an event");
    ok((ev.metrics_known & 1u << WF_METRIC_WAITING) != 0 &&
           ev.metrics[WF_METRIC_WAITING] == 3 && ev.metrics[WF_METRIC_RUNNING] == 2,
       "with the core's own numbers");
    is_int(sampler_poll(s, t + 5 * S, &counts, &ev), 0, "not again after half a period");
    ok(sampler_due_us(s) > t + 10 * S, "it waits for a heartbeat near the period");
    is_int(sampler_poll(s, t + 8 * S, &counts, &ev), 1, "one that comes early will do");
    t += 8 * S;
    is_int(sampler_poll(s, sampler_due_us(s), &counts, &ev), 1, "else its own time");
    sampler_pause(s);
    is_int(sampler_poll(s, t + 1000 * S, &counts, &ev), 0, "paused, nothing is taken");
}

static void facts(struct sampler *s)
{
    struct node_facts a, b;

    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    sampler_facts(s, &a);
    sampler_facts(s, &b);
    ok(a.cpus >= 1 && a.mem > 0 && a.arch[0] != '\0', "a machine has CPU and memory");
    ok(memcmp(&a, &b, sizeof a) == 0, "what did not change compares equal");
}

int main(void)
{
    struct sampler *s = NULL;

    must(sampler_new("/tmp", 10000, &s, NULL) == 0);
    timing(s);
    facts(s);
    sampler_free(s);
    sampler_free(NULL);
    return done();
}
