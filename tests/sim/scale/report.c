#include "tests/sim/scale/report.h"

#include "broker/core/mesh/gossip/gossip.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define INTERVAL_NS 1e9

const char *const report_modes[WORLD_MODES] = {"digests", "truth", "alone"};

void samples_add(struct samples *s, uint64_t v)
{
    if (s->n == s->cap) {
        uint64_t *more = room(s->cap != 0 ? 2 * s->cap : 1024, sizeof *more);

        for (size_t i = 0; i < s->n; i++) {
            more[i] = s->v[i];
        }
        free(s->v);
        s->v = more;
        s->cap = s->cap != 0 ? 2 * s->cap : 1024;
    }
    s->v[s->n++] = v;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

    return x < y ? -1 : x > y;
}

uint64_t samples_at(struct samples *s, double percent)
{
    if (s->n == 0) {
        return 0;
    }
    qsort(s->v, s->n, sizeof *s->v, by_value);
    return s->v[(size_t) ((double) (s->n - 1) * percent / 100)];
}

void sums_take(struct sums *s, const struct world *w)
{
    *s = (struct sums){.each = room(w->o->brokers, sizeof *s->each),
                       .cpu_s = (double) clock() / CLOCKS_PER_SEC,
                       .at_ns = w->ev.now_ns};
    for (unsigned i = 0; i < w->o->brokers; i++) {
        const struct broker *b = &w->b[i];

        s->each[i] = b->gossip_bytes;
        s->gossip_bytes += b->gossip_bytes;
        s->gossip_frames += b->gossip_frames;
        s->link_bytes += b->link_bytes;
        s->link_frames += b->link_frames;
        s->steps += b->steps;
    }
}

void sums_free(struct sums *s)
{
    free(s->each);
}

/* -- parts of the object ---------------------------------------------------------------
 */

/* Allocated by the cores; and what the process took so far, world and all, a broker. */
static void print_memory(const struct world *w)
{
    uint64_t all = 0, most = 0, gossip = 0, facts = 0;
    struct rusage used;

    for (unsigned i = 0; i < w->o->brokers; i++) {
        struct gossip_stats s;

        gossip_stats(w->b[i].core->word.gossip, &s);
        all += (uint64_t) w->b[i].account.bytes;
        most = wf_max_u64(most, (uint64_t) w->b[i].account.most);
        gossip += s.memory;
        facts += s.facts;
    }
    (void) getrusage(RUSAGE_SELF, &used);
    printf("    \"memory\":{\"mean\":%" PRIu64 ",\"most\":%" PRIu64 ",\"gossip\":%" PRIu64
           ",\"facts\":%" PRIu64 ",\"resident\":%" PRIu64 "},\n",
           all / w->o->brokers, most, gossip / w->o->brokers, facts / w->o->brokers,
           (uint64_t) used.ru_maxrss * 1024 / w->o->brokers);
}

static void print_cost(const struct world *w, const struct lived *l)
{
    const double s = (double) (l->to.at_ns - l->from.at_ns) / 1e9;
    const double each = s * w->o->brokers;
    uint64_t most = 0;

    if (s <= 0) {
        return;
    }
    for (unsigned i = 0; i < w->o->brokers; i++) {
        most = wf_max_u64(most, l->to.each[i] - l->from.each[i]);
    }
    printf("    \"a_broker_s\":{\"gossip_bytes\":%.0f,\"gossip_bytes_most\":%.0f,"
           "\"gossip_frames\":%.1f,\"link_bytes\":%.0f,\"link_frames\":%.1f,"
           "\"steps\":%.0f,\"cpu_us\":%.0f},\n",
           (double) (l->to.gossip_bytes - l->from.gossip_bytes) / each, (double) most / s,
           (double) (l->to.gossip_frames - l->from.gossip_frames) / each,
           (double) (l->to.link_bytes - l->from.link_bytes) / each,
           (double) (l->to.link_frames - l->from.link_frames) / each,
           (double) (l->to.steps - l->from.steps) / each,
           (l->to.cpu_s - l->from.cpu_s) * 1e6 / each);
}

static void print_changes(struct world *w)
{
    struct samples said = {0}, all = {0};
    unsigned never = 0;

    for (unsigned i = 0; i < w->nfollowed; i++) {
        const struct followed *f = &w->followed[i];

        if (f->until_ns != 0) {
            samples_add(&said, f->until_ns - f->said_ns);
            samples_add(&all, f->until_ns - f->from_ns);
        }
        never += f->until_ns == 0;
    }
    printf("    \"change\":{\"followed\":%u,\"never_everywhere\":%u,"
           "\"intervals_since_said\":{\"p50\":%.2f,\"max\":%.2f},"
           "\"intervals_since_it_was\":{\"p50\":%.2f,\"max\":%.2f}},\n",
           w->nfollowed, never, (double) samples_at(&said, 50) / INTERVAL_NS,
           (double) samples_at(&said, 100) / INTERVAL_NS,
           (double) samples_at(&all, 50) / INTERVAL_NS,
           (double) samples_at(&all, 100) / INTERVAL_NS);
    free(said.v);
    free(all.v);
}

static uint64_t took_ns(const struct work *x)
{
    return x->done_ns - x->at_ns;
}

double report_mean_s(const struct world *w)
{
    double sum_s = 0;
    size_t n = 0;

    for (size_t i = 0; i < w->nworks; i++) {
        if (w->works[i].done_ns != 0 && !w->works[i].refused) {
            sum_s += (double) took_ns(&w->works[i]) / 1e9;
            n++;
        }
    }
    return n != 0 ? sum_s / (double) n : 0;
}

static void print_jobs(struct world *w)
{
    uint64_t guests = 0, guests_refused = 0, run_us = 0;
    struct samples took = {0};

    for (size_t i = 0; i < w->nworks; i++) {
        if (w->works[i].done_ns != 0 && !w->works[i].refused) {
            samples_add(&took, took_ns(&w->works[i]));
            run_us += w->works[i].run_us;
        }
    }
    for (unsigned i = 0; i < w->o->brokers; i++) {
        guests += w->b[i].core->count.guests;
        guests_refused += w->b[i].core->count.guests_refused;
    }
    printf(
        "    \"jobs\":{\"submitted\":%zu,\"ended\":%zu,\"refused\":%zu,\"mean_s\":%.3f,"
        "\"p50_s\":%.3f,\"p99_s\":%.3f,\"run_s\":%.3f,"
        "\"guests\":%" PRIu64 ",\"guests_refused\":%" PRIu64 "},\n",
        w->next, w->ndone, w->nrefused, report_mean_s(w),
        (double) samples_at(&took, 50) / 1e9, (double) samples_at(&took, 99) / 1e9,
        took.n != 0 ? (double) run_us / 1e6 / (double) took.n : 0, guests,
        guests_refused);
    free(took.v);
}

int report_mode(struct world *w, struct lived *l, int last)
{
    const int held = l->whole && w->ndone == w->nworks && w->nrefused == 0 &&
                     w->breaks == 0 && (w->mode == WORLD_ALONE || l->known_s != 0);

    printf("  \"%s\":{\n", report_modes[w->mode]);
    print_memory(w);
    print_cost(w, l);
    print_changes(w);
    print_jobs(w);
    printf("    \"decision_us\":{\"n\":%zu,\"p50\":%.1f,\"p99\":%.1f},\n", w->decide_ns.n,
           (double) samples_at(&w->decide_ns, 50) / 1e3,
           (double) samples_at(&w->decide_ns, 99) / 1e3);
    printf("    \"all_know_all_s\":%.1f,\"links\":%u,\"links_broken\":%" PRIu64
           ",\"stopped\":%s,\"held\":%s\n  }%s\n",
           l->known_s, w->nlinks, w->breaks, l->whole ? "false" : "true",
           held ? "true" : "false", last ? "" : ",");
    return held;
}
