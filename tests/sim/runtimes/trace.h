/* trace.h - recorded runs: when each began, of what capability, how large, how long
 *
 * Read from files that stay outside of the project.  The traces of language models tell
 * tokens and no run times: a run is said to take 0.2 s, 0.2 ms for each token of context
 * and 30 ms for each that is generated, on a node of speed 1.
 */
#ifndef TESTS_SIM_RUNTIMES_TRACE_H
#define TESTS_SIM_RUNTIMES_TRACE_H

#include <stddef.h>
#include <stdint.h>

struct trace_run {
    uint32_t capability;
    uint64_t size; /* known beforehand; 0: not */
    uint64_t start_us, work_us;
};

struct trace {
    struct trace_run *runs; /* owned */
    size_t n;
    uint32_t capabilities;
};

/* What is known before a model answers. */
enum trace_known { TRACE_CONTEXT, TRACE_ALL_TOKENS };

/* "t_ms,context_tokens,generated_tokens"; one capability.  0; -1: no such file, -2: it
 * cannot be read. */
int trace_tokens(const char *dir, const char *file, enum trace_known known,
                 struct trace *ret);

/* "func,start_s,duration_s", each function a capability; sorted by start. */
int trace_functions(const char *dir, const char *file, struct trace *ret);

void trace_free(struct trace *t);

#endif
