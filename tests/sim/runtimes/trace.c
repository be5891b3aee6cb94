#include "tests/sim/runtimes/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define RUNS_MAX     1000000u
#define BASE_US      200000u
#define CONTEXT_US   200u
#define GENERATED_US 30000u
#define LEAST_US     1000u /* what the functions' trace rounds down to 0 took that */

typedef int parse_fn(const char *line, enum trace_known known, struct trace_run *ret);

static int parse_tokens(const char *line, enum trace_known known, struct trace_run *ret)
{
    uint64_t at_ms, context, generated;

    if (sscanf(line, "%" SCNu64 ",%" SCNu64 ",%" SCNu64, &at_ms, &context, &generated) !=
        3) {
        return -1;
    }
    *ret = (struct trace_run){
        .size = known == TRACE_CONTEXT ? context : context + generated,
        .start_us = at_ms * 1000,
        .work_us = BASE_US + CONTEXT_US * context + GENERATED_US * generated};
    return 0;
}

static int parse_function(const char *line, enum trace_known known, struct trace_run *ret)
{
    double start_s, took_s;
    uint32_t f;

    if (sscanf(line, "%" SCNu32 ",%lf,%lf", &f, &start_s, &took_s) != 3) {
        return -1;
    }
    *ret = (struct trace_run){.capability = f,
                              .start_us = (uint64_t) (start_s * 1e6 + 0.5),
                              .work_us = (uint64_t) (took_s * 1e6 + 0.5)};
    ret->work_us = ret->work_us < LEAST_US ? LEAST_US : ret->work_us;
    return 0;
}

static int add(struct trace *t, const struct trace_run *run)
{
    if (t->n == RUNS_MAX) {
        return -1;
    }
    if ((t->n & (t->n - 1)) == 0) {
        struct trace_run *v = realloc(t->runs, 2 * (t->n + 1) * sizeof *v);

        if (v == NULL) {
            return -1;
        }
        t->runs = v;
    }
    t->runs[t->n++] = *run;
    t->capabilities =
        run->capability >= t->capabilities ? run->capability + 1 : t->capabilities;
    return 0;
}

static int read_all(const char *dir, const char *file, enum trace_known known,
                    parse_fn *parse, struct trace *ret)
{
    struct trace t = {0};
    char path[4096], line[256];
    int rc = 0, first = 1;
    FILE *f;

    (void) snprintf(path, sizeof path, "%s/%s", dir, file);
    f = fopen(path, "re");
    if (f == NULL) {
        return -1;
    }
    while (rc == 0 && fgets(line, sizeof line, f) != NULL) {
        struct trace_run run;

        if (!first) {
            rc = parse(line, known, &run) == 0 ? add(&t, &run) : -1;
        }
        first = 0;
    }
    (void) fclose(f);
    if (rc != 0 || t.n == 0) {
        trace_free(&t);
        return -2;
    }
    *ret = t;
    return 0;
}

int trace_tokens(const char *dir, const char *file, enum trace_known known,
                 struct trace *ret)
{
    return read_all(dir, file, known, parse_tokens, ret);
}

static int by_start(const void *a, const void *b)
{
    const struct trace_run *x = a, *y = b;

    if (x->start_us != y->start_us) {
        return x->start_us < y->start_us ? -1 : 1;
    }
    return x->capability < y->capability ? -1 : x->capability > y->capability;
}

int trace_functions(const char *dir, const char *file, struct trace *ret)
{
    int rc = read_all(dir, file, TRACE_CONTEXT, parse_function, ret);

    if (rc == 0) {
        qsort(ret->runs, ret->n, sizeof *ret->runs, by_start);
    }
    return rc;
}

void trace_free(struct trace *t)
{
    free(t->runs);
    *t = (struct trace){0};
}
