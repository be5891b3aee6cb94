/* weft-scenario: write a placement scenario as CSV files; see make.h */
#include "common/parse.h"
#include "tests/sim/place/make/make.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum kind { TEXT, COUNT, NUMBER, FLAG };

static const struct option {
    const char *name;
    enum kind kind;
    size_t offset;
    double min, max;
    const char *help;
} options[] = {
#define OFFSET(field) offsetof(struct make_options, field)
    {"--out", TEXT, OFFSET(out), 0, 0, "DIR  folder to write, made if need be"},
    {"--rtt", TEXT, OFFSET(rtt), 0, 0,
     "FILE  round trips in us: a comment, the number of places, the upper triangle"},
    {"--load", NUMBER, OFFSET(load), 1e-6, 100, "X  work that comes, of capacity (0.7)"},
    {"--seconds", NUMBER, OFFSET(seconds), 0, 1e5, "X  of submitting (70)"},
    {"--seed", COUNT, OFFSET(seed), 0, 1e18, "N  of the jobs (1)"},
    {"--world", COUNT, OFFSET(world), 0, 1e18, "N  of nodes and data (1)"},
    {"--brokers", COUNT, OFFSET(brokers), 1, 1000, "N  (5)"},
    {"--agents", COUNT, OFFSET(agents), 1, 10000, "N  (200)"},
    {"--clients", COUNT, OFFSET(clients), 1, 10000, "N  (60)"},
    {"--class", TEXT, OFFSET(class_), 0, 0,
     "C  latency, balanced, throughput, cost; mixed: each in turn (balanced)"},
    {"--inputs", COUNT, OFFSET(inputs), 1, 16, "N  blobs of a job that needs data (1)"},
    {"--deadlines", COUNT, OFFSET(deadlines), 0, 100, "N  % of jobs that have one (0)"},
    {"--gpu", FLAG, OFFSET(gpu), 0, 0, "few agents for long jobs, inputs of gigabytes"},
    {"--equal", FLAG, OFFSET(equal), 0, 0, "agents are all alike, and jobs need no data"},
};

static int usage(void)
{
    fprintf(stderr, "usage: weft-scenario --out DIR [options]\n");
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        fprintf(stderr, "  %-12s %s\n", options[i].name, options[i].help);
    }
    return 2;
}

static int set(struct make_options *opt, const struct option *o, const char *value)
{
    char *at = (char *) opt + o->offset;
    uint64_t n;
    double x;
    char *end;

    switch (o->kind) {
    case TEXT:
        memcpy(at, &value, sizeof value);
        return 1;
    case COUNT:
        if (wf_parse_u64(value, &n) != 0 || (double) n < o->min || (double) n > o->max) {
            return 0;
        }
        memcpy(at, &n, sizeof n);
        return 1;
    case NUMBER:
        x = strtod(value, &end);
        if (end == value || *end != '\0' || !(x >= o->min && x <= o->max)) {
            return 0;
        }
        memcpy(at, &x, sizeof x);
        return 1;
    default:
        memcpy(at, &(int){1}, sizeof(int));
        return 1;
    }
}

static const struct option *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (strcmp(options[i].name, name) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

static int parse(struct make_options *opt, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const struct option *o = find(argv[i]);
        const char *value = o != NULL && o->kind != FLAG ? argv[++i] : "";

        if (o == NULL || value == NULL || !set(opt, o, value)) {
            fprintf(stderr, "weft-scenario: %s%s%s is not understood\n",
                    o != NULL ? o->name : argv[i], o != NULL && value != NULL ? " " : "",
                    o != NULL && value != NULL ? value : "");
            return 0;
        }
    }
    if (strcmp(opt->class_, "mixed") == 0) {
        opt->class_ = NULL;
    }
    return opt->out != NULL;
}

int main(int argc, char **argv)
{
    struct make_options opt = MAKE_DEFAULTS;
    struct wf_err err;
    int rc;

    if (!parse(&opt, argc, argv)) {
        return usage();
    }
    rc = make_scenario(&opt, &err);
    if (rc != 0) {
        fprintf(stderr, "weft-scenario: %s\n", err.text);
        return rc == WEFT_ENOMEM ? 1 : 2;
    }
    return 0;
}
