/* runtimes.h - how long a run will take: learned from those that ended
 *
 * "Work" is the run time on a node of speed 1, microseconds; whoever tells run times
 * multiplies them by the speed, so that node classes may share what they know.  What is
 * known is kept at several levels, each a decayed mean and deviation and a sketch of the
 * distribution (sketch.h), in a table of bounded size (cells.h).  An estimate rests on
 * the first level that has RUN_SAMPLES samples; one that has fewer is mixed with the next
 * by their number:
 *
 *     capability, version, node class, size      where the size explains the time
 *     capability, version, node class
 *     capability, any version, node class        with the size where that helps
 *     capability, size                           where the size explains the time
 *     capability
 *     declared                                   by the agents' configuration
 *     RUN_GUESS_US
 *
 * Sizes share a bucket within a quarter of an octave, or an octave where a quarter has
 * too few samples.  Whether they explain the time is found out for each key: every sample
 * is first predicted with and without them, and who was nearer lately is believed.
 *
 * The world changes: samples are forgotten by half every two hundred or so, at once when
 * a dozen in a row fall on one side of the median, and in any case by half every week.  A
 * run that was cut off is a lower bound: it counts as what those took that lasted longer,
 * or as twice its time if none did (Efron's redistribution to the right, 1967).
 *
 * Pure, integers; not thread-safe.
 */
#ifndef BROKER_CORE_ROUTER_RUNTIMES_H
#define BROKER_CORE_ROUTER_RUNTIMES_H

#include "broker/core/router/tail.h"
#include "common/buf.h"
#include "common/defs.h"

#define RUN_GUESS_US UINT64_C(500000)
#define RUN_SAMPLES  5u /* that make an estimate of their own */

struct runtimes;

struct runtime_key {
    uint32_t capability;
    uint32_t version; /* 0: any */
    uint32_t class_;  /* of nodes; 0: none */
    uint64_t size;    /* bytes, or whatever explains the run time; 0: not known */
};

/* What an estimate rests on. */
enum run_level {
    RUN_BY_SIZE,
    RUN_BY_KEY,
    RUN_BY_CLASS,
    RUN_BY_CAPABILITY_SIZE,
    RUN_BY_CAPABILITY,
    RUN_DECLARED,
    RUN_GUESSED
};

struct run_guess {
    uint64_t mean_us; /* of work: the sum of many is the sum of these */
    uint64_t dev_us;  /* mean absolute deviation */
    uint32_t samples; /* at that level; not all of them count fully */
    uint32_t known;   /* the most at any level that it is mixed from */
    unsigned level;   /* enum run_level: the first that has a sample */
};

/* A table of at most `max_keys` cells (64 to 2^20), of about 500 bytes, of which each
 * key takes one and each of its sizes up to two; the cell that was used longest ago,
 * about, makes room.  WEFT_ENOMEM, WEFT_EINVAL. */
int runtimes_new(size_t max_keys, uint64_t seed, struct runtimes **ret);

/* NULL is allowed. */
void runtimes_free(struct runtimes *t);

/* -- learning -------------------------------------------------------------------------
 */

/* A run ended after so much work; `cut`: it was stopped, and would have taken longer. */
void runtimes_add(struct runtimes *t, const struct runtime_key *key, uint64_t work_us,
                  int cut, uint64_t now_us);

/* What whoever configured the capability says it takes; 0: nothing. */
void runtimes_declare(struct runtimes *t, uint32_t capability, uint64_t work_us,
                      uint64_t now_us);

/* A cold start took so much longer than a warm one, in real time. */
void runtimes_warm_add(struct runtimes *t, uint32_t capability, uint32_t class_,
                       uint64_t extra_us, uint64_t now_us);

/* The number means another capability from now on. */
void runtimes_forget_capability(struct runtimes *t, uint32_t capability);

/* As often as a tick comes: bounded work, which ages what is not used any more. */
void runtimes_tick(struct runtimes *t, uint64_t now_us);

/* -- asking: no allocation ------------------------------------------------------------
 */

void runtimes_guess(const struct runtimes *t, const struct runtime_key *key,
                    struct run_guess *ret);

/* It will be asked for soon: where that stands is found out in two steps, of which each
 * waits for memory. */
#define RUN_SEEKS 3u
struct run_seek {
    uint32_t at[RUN_SEEKS];
};

void runtimes_seek(const struct runtimes *t, const struct runtime_key *key,
                   struct run_seek *ret);
void runtimes_prefetch(const struct runtimes *t, const struct run_seek *seek);

/* The work that so many per mille (1 to 999) of the runs do not exceed. */
uint64_t runtimes_quantile(const struct runtimes *t, const struct runtime_key *key,
                           unsigned pm);

/* The distribution that most of it rests on, to be asked until the next sample; that of
 * nothing, when that is not known. */
void runtimes_tail(const struct runtimes *t, const struct runtime_key *key,
                   struct tail *ret);

/* What a cold start takes beyond a warm one there, else of this capability anywhere,
 * else 0. */
uint64_t runtimes_warm_guess(const struct runtimes *t, uint32_t capability,
                             uint32_t class_);

/* Samples that were ever learned from, of anything; when the last one of a capability
 * was, 0: never. */
uint64_t runtimes_count(const struct runtimes *t);
uint64_t runtimes_learned_us(const struct runtimes *t, uint32_t capability);

size_t runtimes_cells(const struct runtimes *t);
size_t runtimes_bytes(const struct runtimes *t);

/* -- keeping --------------------------------------------------------------------------
 */

enum run_noun { RUN_CAPABILITY, RUN_CLASS };

/* Numbers do not outlive a process, names do. */
struct run_names {
    void *arg;
    /* Borrowed until the next call; NULL: it has none, and what is known is left out. */
    const char *(*name)(void *arg, enum run_noun noun, uint32_t number);
    /* A negative WEFT_E*: not known here, and what is told of it is left out. */
    int (*number)(void *arg, enum run_noun noun, const char *name, uint32_t *ret_number);
};

/* What is known of one capability, at most `cap` bytes (8192 or more); of too much, the
 * levels that others fall back on.  WEFT_ENOMEM, WEFT_ENOENT: nothing. */
int runtimes_encode(const struct runtimes *t, uint32_t capability,
                    const struct run_names *names, uint64_t now_us, size_t cap,
                    struct wf_buf *ret);

/* Take it back; what is known already is kept.  WEFT_EPROTO: not what was encoded, and
 * nothing was taken; WEFT_ENOENT: of an unknown capability. */
int runtimes_decode(struct runtimes *t, const struct run_names *names, const void *p,
                    size_t len, uint64_t now_us);

#endif
