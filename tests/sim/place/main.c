/* weft-place: how a placement policy does on a scenario; see scenario.h and policy.h */
#include "common/parse.h"
#include "tests/sim/place/policy/policy.h"

#include <stdlib.h>
#include <string.h>

#define STALE_MS_MAX 86400000u

struct options {
    const char *dir;
    const struct policy *policy;
    struct world_options world;
};

static int usage(void)
{
    fprintf(stderr,
            "usage: weft-place --scenario DIR --policy P [--stale-ms N] [--seed S] "
            "[--cache] [--rho X] [--admit PM]\n"
            "  --scenario DIR  folder of CSV files, as weft-scenario writes them\n"
            "  --policy P      one of:");
    for (size_t i = 0; policy_at(i) != NULL; i++) {
        fprintf(stderr, "%s %s", i != 0 ? "," : "", policy_at(i)->name);
    }
    fprintf(
        stderr,
        "\n"
        "  --stale-ms N    milliseconds between load reports (1000); 0: perfect state\n"
        "  --seed S        of the policy's chances and of the reports' phases (1)\n"
        "  --cache         agents keep what they fetched\n"
        "  --rho X         dollars that a second is worth, instead of by class\n"
        "  --admit PM      of runs like it are to be in time, per mille, or weft "
        "refuses\n"
        "                  a job with a deadline\n");
    return 2;
}

static int parse_stale(struct options *o, const char *value)
{
    uint64_t ms;

    if (wf_parse_u64(value, &ms) != 0 || ms > STALE_MS_MAX) {
        return 0;
    }
    o->world.stale_ns = ms * EV_MS;
    return 1;
}

static int parse_rho(struct options *o, const char *value)
{
    char *end;

    o->world.rho = strtod(value, &end);
    return end != value && *end == '\0' && o->world.rho > 0 && o->world.rho < 1e6;
}

static int parse_admit(struct options *o, const char *value)
{
    uint64_t pm;

    if (wf_parse_u64(value, &pm) != 0 || pm == 0 || pm > 999) {
        return 0;
    }
    o->world.admit_pm = (unsigned) pm;
    return 1;
}

static int parse_one(struct options *o, const char *name, const char *value)
{
    if (strcmp(name, "--scenario") == 0) {
        o->dir = value;
        return 1;
    }
    if (strcmp(name, "--policy") == 0) {
        o->policy = policy_find(value);
        return o->policy != NULL;
    }
    if (strcmp(name, "--stale-ms") == 0) {
        return parse_stale(o, value);
    }
    if (strcmp(name, "--seed") == 0) {
        return wf_parse_u64(value, &o->world.seed) == 0;
    }
    if (strcmp(name, "--admit") == 0) {
        return parse_admit(o, value);
    }
    return strcmp(name, "--rho") == 0 && parse_rho(o, value);
}

static int parse(struct options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--cache") == 0) {
            o->world.cache = 1;
        } else if (strcmp(argv[i], "--json") == 0) {
            continue;
        } else if (i + 1 == argc || !parse_one(o, argv[i], argv[i + 1])) {
            fprintf(stderr, "weft-place: %s%s%s is not understood\n", argv[i],
                    i + 1 < argc ? " " : "", i + 1 < argc ? argv[i + 1] : "");
            return 0;
        } else {
            i++;
        }
    }
    return o->dir != NULL && o->policy != NULL;
}

int main(int argc, char **argv)
{
    struct options o = {.world = {.stale_ns = EV_S, .seed = 1}};
    struct scenario sc;
    struct world w;
    struct wf_err err;
    int rc;

    if (!parse(&o, argc, argv)) {
        return usage();
    }
    rc = scenario_read(&sc, o.dir, &err);
    if (rc != 0) {
        fprintf(stderr, "weft-place: %s: %s\n", o.dir, err.text);
        scenario_fini(&sc);
        return rc == WEFT_ENOMEM ? 1 : 2;
    }
    rc = world_run(&w, &sc, o.policy, &o.world);
    if (rc == 0) {
        tally_print(&w.tally, o.policy->name, stdout);
    } else {
        fprintf(stderr, "weft-place: %s: %s\n", o.dir, wf_err_sentence(rc));
    }
    world_fini(&w);
    scenario_fini(&sc);
    return rc == 0 && fflush(stdout) == 0 ? 0 : 1;
}
