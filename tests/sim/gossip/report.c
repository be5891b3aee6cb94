#include "tests/sim/gossip/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Around a frame: its length and command, CURVE's nonce and tag, TCP and IPv4. */
#define FRAME_COST 90.0

void counters_take(struct counters *c, const struct world *w)
{
    *c = (struct counters){0};
    c->bytes_out = calloc(w->o->brokers, sizeof *c->bytes_out);
    c->bytes_in = calloc(w->o->brokers, sizeof *c->bytes_in);
    if (c->bytes_out == NULL || c->bytes_in == NULL) {
        exit(1);
    }
    for (unsigned i = 0; i < w->o->brokers; i++) {
        struct gossip_stats s;

        gossip_stats(w->b[i].g, &s);
        c->bytes_out[i] = w->b[i].bytes_out;
        c->bytes_in[i] = w->b[i].bytes_in;
        c->frames += w->b[i].frames_out;
        c->facts += s.facts_in;
        c->verified += s.verified;
        c->signed_ += s.signed_;
        c->stops += s.stops;
        c->pushes += s.pushes;
        c->stalls += s.stalls;
        c->twice += s.refused[GOSSIP_TWICE] + s.refused[GOSSIP_STALE];
    }
}

void counters_free(struct counters *c)
{
    free(c->bytes_out);
    free(c->bytes_in);
}

uint64_t counters_mean_out(const struct counters *from, const struct counters *to,
                           unsigned brokers)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < brokers; i++) {
        sum += to->bytes_out[i] - from->bytes_out[i];
    }
    return sum / brokers;
}

static double most(const uint64_t *from, const uint64_t *to, unsigned n)
{
    uint64_t max = 0;

    for (unsigned i = 0; i < n; i++) {
        max = wf_max_u64(max, to[i] - from[i]);
    }
    return (double) max;
}

static double rate(uint64_t from, uint64_t to, double of)
{
    return (double) (to - from) / of;
}

static void print_cost(const struct world *w, const struct outcome *r)
{
    unsigned n = w->o->brokers;
    const struct counters *a = &r->from, *b = &r->to;
    double each = r->seconds * n;
    double mean = (double) counters_mean_out(a, b, n) / r->seconds;
    double frames = rate(a->frames, b->frames, each);

    printf("  \"bytes_s\":{\"mean\":%.0f,\"max_out\":%.0f,\"max_in\":%.0f,"
           "\"on_the_wire\":%.0f},\n",
           mean, most(a->bytes_out, b->bytes_out, n) / r->seconds,
           most(a->bytes_in, b->bytes_in, n) / r->seconds, mean + FRAME_COST * frames);
    printf("  \"a_broker_s\":{\"frames\":%.1f,\"facts_in\":%.1f,\"verified\":%.1f,"
           "\"signed\":%.2f,\"twice\":%.2f,\"stops\":%.3f,\"pushes\":%.3f},\n",
           frames, rate(a->facts, b->facts, each), rate(a->verified, b->verified, each),
           rate(a->signed_, b->signed_, each), rate(a->twice, b->twice, each),
           rate(a->stops, b->stops, each), rate(a->pushes, b->pushes, each));
    printf("  \"start_bytes\":%" PRIu64 ",\"stalls\":%" PRIu64
           ",\"cpu_us_a_broker_s\":%.0f,\n",
           r->warm_bytes, b->stalls, r->cpu_s * 1e6 / each);
}

static void print_memory(const struct world *w)
{
    uint64_t sum = 0, max = 0;

    for (unsigned i = 0; i < w->o->brokers; i++) {
        struct gossip_stats s;

        gossip_stats(w->b[i].g, &s);
        sum += s.memory;
        max = wf_max_u64(max, s.memory);
    }
    printf("  \"memory\":{\"mean\":%" PRIu64 ",\"max\":%" PRIu64 "},\n",
           sum / w->o->brokers, max);
}

static void print_times(const char *name, struct samples *s)
{
    printf("  \"%s\":{\"p50\":%.0f,\"p99\":%.0f,\"max\":%.0f,\"n\":%zu},\n", name,
           (double) samples_at(s, 50) / 1e3, (double) samples_at(s, 99) / 1e3,
           (double) samples_at(s, 100) / 1e3, s->n);
}

static int bar(const char *name, double value, double most_it_may, const char *end)
{
    printf("    {\"name\":\"%s\",\"value\":%.3f,\"bar\":%.0f,\"held\":%s}%s\n", name,
           value, most_it_may, value <= most_it_may ? "true" : "false", end);
    return value <= most_it_may;
}

int report(struct world *w, const struct outcome *r)
{
    const struct options *o = w->o;
    double interval = (double) o->interval_us;
    double mean = (double) counters_mean_out(&r->from, &r->to, o->brokers) / r->seconds;
    double slowest = (double) samples_at(&w->all, 100) / interval;
    int held;

    printf("{\n  \"schema\":\"weft.eval_gossip.v1\",\n"
           "  \"brokers\":%u,\"degree\":%u,\"interval_ms\":%.0f,\"change_ms\":%.0f,"
           "\"seconds\":%.0f,\"seed\":%" PRIu64 ",\n",
           o->brokers, o->degree, interval / 1e3, (double) o->change_us / 1e3, r->seconds,
           o->seed);
    printf(
        "  \"network\":\"%s\",\"says\":\"%s\",\"spread\":\"%s\",\"signatures\":\"%s\",\n",
        w->matrix != NULL ? "measured" : "made up", o->whole ? "site" : "figures",
        o->flood ? "flood" : "trees",
        o->verify ? "Ed25519"
                  : "replaced by sums; verified counts what would have been looked at");
    print_cost(w, r);
    print_times("each_has_it_ms", &w->each);
    print_times("all_have_it_ms", &w->all);
    printf("  \"never_everywhere\":%u,\n", w->lost);
    print_memory(w);
    if (o->partition_us != 0) {
        printf("  \"healed_ms\":%.0f,\"heal_bytes\":%" PRIu64 ",\n",
               (double) r->healed_us / 1e3, r->heal_bytes);
    }
    printf("  \"bars\":[\n");
    held = bar("bytes_s", mean, 50000, ",");
    held &= bar("all_have_it_intervals", slowest, 3, ",");
    held &= bar("never_everywhere", w->lost, 0, ",");
    if (o->partition_us != 0) {
        held &= bar("healed_intervals",
                    r->healed_us != 0 ? (double) r->healed_us / interval : 1e9, 5, ",");
    }
    held &= bar("revoked_intervals",
                r->revoked_us != 0 ? (double) r->revoked_us / interval : 1e9, 3, "");
    printf("  ],\n  \"held\":%s\n}\n", held ? "true" : "false");
    return held;
}
