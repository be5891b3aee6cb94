/* weft-gossip: what the gossip of many brokers costs, and how fast it is
 *
 * Lives through a start, a time that is measured, a revocation and, when asked, a
 * partition into halves; prints one JSON object.  Exit: 0 when every bar holds, 1 when
 * not, 77 when the data is not there.
 */
#include "tests/sim/gossip/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MS        UINT64_C(1000)
#define S         UINT64_C(1000000)
#define REVOKE_US (10 * S)
#define HEAL_US   (60 * S)
#define STEP_US   (50 * MS)
#define ABSENT    77

static int usage(void)
{
    fprintf(
        stderr,
        "usage: weft-gossip [--brokers N] [--degree D] [--interval-ms MS]\n"
        "                   [--batch-ms MS] [--change-ms MS] [--seconds S] [--warm S]\n"
        "                   [--partition S] [--seed S] [--rtt FILE] [--whole]\n"
        "                   [--flood] [--no-verify]\n"
        "  --change-ms  mean time between changes of a broker's figures; 5000\n"
        "  --partition  cut the mesh into halves for so many seconds\n"
        "  --rtt        upper triangle of round trips in us, .gz or not\n"
        "  --whole      all of a site is said at each change, not its figures alone\n"
        "  --no-verify  sums in place of signatures; what they cost is counted\n");
    return 2;
}

/* 1 when the argument is a number in the range. */
static int number(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
    char *end;
    unsigned long long v = strtoull(text, &end, 10);

    *ret = v;
    return end != text && *end == '\0' && v >= min && v <= max;
}

static int flag(const char *arg, struct options *o)
{
    if (strcmp(arg, "--whole") == 0) {
        o->whole = 1;
    } else if (strcmp(arg, "--flood") == 0) {
        o->flood = 1;
    } else if (strcmp(arg, "--no-verify") == 0) {
        o->verify = 0;
    } else {
        return 0;
    }
    return 1;
}

static int option(const char *name, const char *text, struct options *o)
{
    uint64_t v = 0;

    if (strcmp(name, "--rtt") == 0) {
        o->rtt = text;
    } else if (strcmp(name, "--brokers") == 0 && number(text, 2, WORLD_BROKERS_MAX, &v)) {
        o->brokers = (unsigned) v;
    } else if (strcmp(name, "--degree") == 0 && number(text, 2, 60, &v)) {
        o->degree = (unsigned) v;
    } else if (strcmp(name, "--interval-ms") == 0 && number(text, 10, 60000, &v)) {
        o->interval_us = v * MS;
    } else if (strcmp(name, "--batch-ms") == 0 && number(text, 1, 60000, &v)) {
        o->batch_us = v * MS;
    } else if (strcmp(name, "--change-ms") == 0 && number(text, 10, 600000, &v)) {
        o->change_us = v * MS;
    } else if (strcmp(name, "--seconds") == 0 && number(text, 1, 3600, &v)) {
        o->seconds = (unsigned) v;
    } else if (strcmp(name, "--warm") == 0 && number(text, 1, 3600, &v)) {
        o->warm = (unsigned) v;
    } else if (strcmp(name, "--partition") == 0 && number(text, 1, 3600, &v)) {
        o->partition_us = v * S;
    } else if (strcmp(name, "--seed") == 0 && number(text, 0, UINT64_MAX, &v)) {
        o->seed = v;
    } else {
        return 0;
    }
    return 1;
}

static int parse(int argc, char **argv, struct options *o)
{
    for (int i = 1; i < argc; i++) {
        if (flag(argv[i], o)) {
            continue;
        }
        if (i + 1 == argc || !option(argv[i], argv[i + 1], o)) {
            return -1;
        }
        i++;
    }
    return 0;
}

static double cpu_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static void measure(struct world *w, struct outcome *r)
{
    struct counters zero = {0};
    double cpu;

    counters_take(&zero, w);
    world_run(w, w->o->warm * S, 0);
    counters_take(&r->from, w);
    r->warm_bytes = counters_mean_out(&zero, &r->from, w->o->brokers);
    counters_free(&zero);
    cpu = cpu_s();
    world_run(w, w->o->seconds * S, 1);
    r->cpu_s = cpu_s() - cpu;
    counters_take(&r->to, w);
    r->seconds = w->o->seconds;
    world_run(w, 5 * S, 0);
}

static void revocation(struct world *w, struct outcome *r)
{
    struct samples keep = w->all, kept = w->each;

    w->all = w->each = (struct samples){0};
    world_revoke(w, 0, w->o->brokers - 1);
    world_run(w, REVOKE_US, 0);
    r->revoked_us = samples_at(&w->all, 100);
    free(w->all.v);
    free(w->each.v);
    w->all = keep;
    w->each = kept;
}

static void partition(struct world *w, struct outcome *r)
{
    struct counters from, to;
    uint64_t *said;

    world_part(w, 1);
    world_run(w, w->o->partition_us, 0);
    said = world_said(w);
    counters_take(&from, w);
    world_part(w, 0);
    for (uint64_t us = STEP_US; us <= HEAL_US && r->healed_us == 0; us += STEP_US) {
        world_run(w, STEP_US, 0);
        if (world_caught_up(w, said)) {
            r->healed_us = us;
        }
    }
    counters_take(&to, w);
    r->heal_bytes = counters_mean_out(&from, &to, w->o->brokers);
    counters_free(&from);
    counters_free(&to);
    free(said);
}

static int live(const struct options *o, const struct matrix *m)
{
    struct world w;
    struct outcome r = {0};
    int held;

    world_new(&w, o, m);
    measure(&w, &r);
    if (o->partition_us != 0) {
        partition(&w, &r);
    }
    revocation(&w, &r);
    held = report(&w, &r);
    counters_free(&r.from);
    counters_free(&r.to);
    world_free(&w);
    return held ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct options o = {.brokers = 100,
                        .degree = 4,
                        .seconds = 30,
                        .warm = 15,
                        .interval_us = S,
                        .change_us = 5 * S,
                        .seed = 1,
                        .verify = 1};
    struct matrix m = {0};
    int rc = 0;

    if (parse(argc, argv, &o) != 0) {
        return usage();
    }
    if (o.rtt != NULL) {
        rc = matrix_read(o.rtt, &m);
    }
    if (rc == -1) {
        fprintf(stderr, "weft-gossip: the data is not here: %s\n", o.rtt);
        return ABSENT;
    }
    if (rc == 0) {
        rc = live(&o, o.rtt != NULL ? &m : NULL);
    } else {
        rc = 2;
    }
    matrix_free(&m);
    return rc;
}
