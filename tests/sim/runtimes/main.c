/* weft-runtimes - how well run times are predicted, on recorded runs
 *
 *     weft-runtimes --traces DIR [--late] [--seed N]
 *
 * Prints one JSON object.  The gain is how much smaller the median error is than that of
 * one running mean per capability; the bar is 0.3 on each trace, with what is known
 * before a run.  Exit status: 0, 1 when a bar is missed, 2 usage, 77 without the data. */
#include "tests/sim/runtimes/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BAR     0.3
#define SKIPPED 77

static const struct {
    const char *name, *file, *run, *size;
    int functions;
    enum trace_known known;
} rows[] = {
    {"llm2023_conv", "azure_llm2023_conv.csv",
     "0.2 s + 0.2 ms/context token + 30 ms/generated token", "context tokens", 0,
     TRACE_CONTEXT},
    {"llm2023_conv_all", "azure_llm2023_conv.csv",
     "0.2 s + 0.2 ms/context token + 30 ms/generated token", "all tokens", 0,
     TRACE_ALL_TOKENS},
    {"llm2023_code", "azure_llm2023_code.csv",
     "0.2 s + 0.2 ms/context token + 30 ms/generated token", "context tokens", 0,
     TRACE_CONTEXT},
    {"llm2023_code_all", "azure_llm2023_code.csv",
     "0.2 s + 0.2 ms/context token + 30 ms/generated token", "all tokens", 0,
     TRACE_ALL_TOKENS},
    {"functions2021", "azure_functions2021_200.csv", "as recorded", "none", 1,
     TRACE_CONTEXT},
};

static int usage(void)
{
    (void) fprintf(stderr, "usage: weft-runtimes --traces DIR [--late] [--seed N]\n");
    return 2;
}

static void print_row(size_t i, const struct trace *t, const struct judgement *j)
{
    printf("%s\n{\"trace\":\"%s\",\"runs\":%zu,\"capabilities\":%u,\"run_time\":\"%s\","
           "\"size\":\"%s\",\n"
           " \"median_error\":%.4f,\"p90_error\":%.4f,\"mean_median_error\":%.4f,"
           "\"mean_ratio\":%.4f,\"in_p90\":%.4f,\"in_p95\":%.4f,\n"
           " \"one_mean_median_error\":%.4f,\"one_mean_p90_error\":%.4f,"
           "\"hindsight_mean_median_error\":%.4f,\n"
           " \"gain\":%.4f,\"bar\":%.2f,\"guess_ns\":%.0f,\"learn_ns\":%.0f}",
           i == 0 ? "" : ",", rows[i].name, t->n, t->capabilities, rows[i].run,
           rows[i].size, j->median, j->p90, j->mean_median, j->mean_ratio, j->in_p90,
           j->in_p95, j->base_median, j->base_p90, j->hindsight,
           1 - j->median / j->base_median, BAR, j->guess_ns, j->learn_ns);
}

/* 0: the bar is met; else an exit status. */
static int row(const char *dir, size_t i, int late, uint64_t seed)
{
    struct judgement j;
    struct trace t;
    int rc = rows[i].functions ? trace_functions(dir, rows[i].file, &t)
                               : trace_tokens(dir, rows[i].file, rows[i].known, &t);

    if (rc != 0) {
        (void) fprintf(stderr, "weft-runtimes: %s/%s: %s\n", dir, rows[i].file,
                       rc == -1 ? "is not there" : "cannot be read");
        return rc == -1 ? SKIPPED : 1;
    }
    rc = judge(&t, late, seed, &j);
    if (rc == 0) {
        print_row(i, &t, &j);
        rc = j.median <= (1 - BAR) * j.base_median ? 0 : 1;
    }
    trace_free(&t);
    return rc == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    const char *dir = NULL;
    uint64_t seed = 1;
    int late = 0, rc = 0;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--traces") == 0 && i + 1 < argc) {
            dir = argv[++i];
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            seed = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--late") == 0) {
            late = 1;
        } else {
            return usage();
        }
    }
    if (dir == NULL) {
        return usage();
    }
    printf("{\"learned\":\"%s\",\"traces\":[", late ? "when it ended" : "at once");
    for (size_t i = 0; rc != SKIPPED && i < sizeof rows / sizeof *rows; i++) {
        const int got = row(dir, i, late, seed);

        rc = got != 0 ? got : rc;
    }
    printf("]}\n");
    return rc;
}
