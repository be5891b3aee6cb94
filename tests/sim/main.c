/* weft-sim: run seeds of the simulator; see sim.h */
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_DEFAULT 2500u
#define SHOWN_MAX     20u

struct options {
    uint64_t from, to, steps;
    int range, twice, until_failure;
    const char *bank; /* a file of seeds */
};

/* A check inside a core aborts: the world is left as it is, and the next one begins. */
static sigjmp_buf aborted;

static void on_abort(int sig)
{
    (void) sig;
    siglongjmp(aborted, 1);
}

static int usage(void)
{
    fprintf(stderr,
            "usage: weft-sim --seed S [--steps N] [--brokers N] [--home] [--verbose]\n"
            "       weft-sim --seeds A-B [--steps N] [--brokers N] [--home] [--twice]\n"
            "                [--until-failure]\n"
            "       weft-sim --bank FILE\n"
            "       weft-sim --canary ...\n"
            "  --brokers        so many in each world (1 to 3), not as the seed says\n"
            "  --home           nobody roams: each agent and client knows one broker\n"
            "  --twice          live every seed twice: both must be the same history\n"
            "  --until-failure  succeed at the first seed that fails\n");
    return 2;
}

/* 1 when it held; else the line that brings it back is printed. */
static int run(struct sim **s, uint64_t seed, uint64_t steps, uint64_t *ret_hash,
               int quiet)
{
    int verbose = (*s)->verbose, canary = (*s)->canary;
    unsigned brokers = (*s)->brokers;
    int may_roam = (*s)->may_roam;
    int good;

    if (sigsetjmp(aborted, 1) == 0) {
        good = sim_run(*s, seed, steps);
        *ret_hash = (*s)->clock.hash;
        if (!good && !quiet) {
            printf("weft-sim --seed %" PRIu64 " --steps %" PRIu64 "  # %s\n", seed, steps,
                   (*s)->fail);
        }
        sim_clear(*s);
        return good;
    }
    if (!quiet) {
        printf("weft-sim --seed %" PRIu64 " --steps %" PRIu64
               "  # a check in a core failed at step %" PRIu64 "\n",
               seed, steps, (*s)->clock.steps);
    }
    /* Its state is not to be trusted, not even to be freed. */
    *s = sim_new();
    (*s)->verbose = verbose;
    (*s)->canary = canary;
    (*s)->brokers = brokers;
    (*s)->may_roam = may_roam;
    return 0;
}

static int run_one(struct sim **s, const struct options *o)
{
    uint64_t hash = 0;
    int good = run(s, o->from, o->steps, &hash, 0);

    if (good) {
        printf("seed %" PRIu64 " steps %" PRIu64 " hash %016" PRIx64 "\n", o->from,
               o->steps, hash);
    }
    return good ? 0 : 1;
}

static void add_up(struct verdict_counts *sum, const struct verdict_counts *c)
{
    sum->accepted += c->accepted;
    sum->outcomes += c->outcomes;
    sum->lost += c->lost;
    sum->divergent += c->divergent;
    sum->duplicate += c->duplicate;
    sum->superseded += c->superseded;
}

static int run_range(struct sim **s, const struct options *o)
{
    struct verdict_counts sum = {0};
    uint64_t failed = 0, n = 0, all = 0;
    char line[200];

    for (uint64_t seed = o->from; seed <= o->to; seed++) {
        uint64_t hash = 0, again = 0;
        int good = run(s, seed, o->steps, &hash, failed >= SHOWN_MAX);

        if (good && o->twice && (!run(s, seed, o->steps, &again, 0) || again != hash)) {
            printf("weft-sim --seed %" PRIu64 " --steps %" PRIu64
                   " --twice  # %016" PRIx64 " is not %016" PRIx64 "\n",
                   seed, o->steps, hash, again);
            good = 0;
        }
        n++;
        failed += !good;
        all = all * 31 + hash;
        add_up(&sum, &(*s)->verdict);
        if (!good && o->until_failure) {
            break;
        }
    }
    printf("data: %" PRIu64 " chunks written, %" PRIu64 " wrong ones refused, %" PRIu64
           " runs with an input\n",
           (*s)->moved.written, (*s)->moved.wrong, (*s)->moved.fed);
    verdict_line(&sum, line, sizeof line);
    printf("%s\nseeds %" PRIu64 " failed %" PRIu64 " hash %016" PRIx64 "\n", line, n,
           failed, all);
    return o->until_failure ? failed == 0 : failed != 0;
}

/* Lines of "seed steps brokers  # what it found"; a fourth number, if it is not 0, says
 * that agents and clients may roam. */
static int run_bank(struct sim **s, const char *path)
{
    FILE *f = fopen(path, "r");
    char line[512];
    uint64_t n = 0, failed = 0, hash;

    if (f == NULL) {
        perror(path);
        return 2;
    }
    while (fgets(line, sizeof line, f) != NULL) {
        uint64_t seed, steps;
        unsigned brokers, may_roam = 0;

        if (sscanf(line, "%" SCNu64 " %" SCNu64 " %u %u", &seed, &steps, &brokers,
                   &may_roam) >= 3) {
            (*s)->brokers = brokers;
            (*s)->may_roam = may_roam != 0;
            n++;
            failed += !run(s, seed, steps, &hash, 0);
        }
    }
    (void) fclose(f);
    printf("seeds %" PRIu64 " failed %" PRIu64 "\n", n, failed);
    return failed != 0;
}

static int number(const char *text, uint64_t *ret)
{
    char *end;

    *ret = strtoull(text, &end, 10);
    return *text != '\0' && *end == '\0';
}

static int seeds(const char *text, struct options *o)
{
    o->range = 1;
    return sscanf(text, "%" SCNu64 "-%" SCNu64, &o->from, &o->to) == 2;
}

static int brokers(const char *text, struct sim *s)
{
    s->brokers = (unsigned) (text[0] - '0');
    return text[0] >= '1' && text[0] < '1' + SIM_HOSTS && text[1] == '\0';
}

static int parse(int argc, char **argv, struct options *o, struct sim *s)
{
    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : "";

        if (strcmp(argv[i], "--seed") == 0 && number(next, &o->from)) {
            i++;
        } else if (strcmp(argv[i], "--seeds") == 0 && seeds(next, o)) {
            i++;
        } else if (strcmp(argv[i], "--steps") == 0 && number(next, &o->steps)) {
            i++;
        } else if (strcmp(argv[i], "--brokers") == 0 && brokers(next, s)) {
            i++;
        } else if (strcmp(argv[i], "--bank") == 0 && *next != '\0') {
            o->bank = next;
            i++;
        } else if (strcmp(argv[i], "--verbose") == 0) {
            s->verbose = 1;
        } else if (strcmp(argv[i], "--home") == 0) {
            s->may_roam = 0;
        } else if (strcmp(argv[i], "--twice") == 0) {
            o->twice = 1;
        } else if (strcmp(argv[i], "--until-failure") == 0) {
            o->until_failure = 1;
        } else if (strcmp(argv[i], "--canary") == 0) {
            s->canary = 1;
        } else {
            return 0;
        }
    }
    return argc > 1;
}

int main(int argc, char **argv)
{
    const struct sigaction act = {.sa_handler = on_abort};
    struct options o = {.steps = STEPS_DEFAULT};
    struct sim *s = sim_new();
    int rc;

    (void) sigaction(SIGABRT, &act, NULL);
    /* Each world takes the same large blocks: let them stay ours in between. */
    (void) mallopt(M_MMAP_THRESHOLD, 1 << 30);
    (void) mallopt(M_TRIM_THRESHOLD, 1 << 30);
    if (!parse(argc, argv, &o, s)) {
        sim_free(s);
        return usage();
    }
    rc = o.bank != NULL ? run_bank(&s, o.bank)
         : o.range      ? run_range(&s, &o)
                        : run_one(&s, &o);
    sim_free(s);
    return rc;
}
