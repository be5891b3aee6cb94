/* durable.h - the systems that make submits of DURABLE_PAYLOAD bytes durable
 *
 * Each keeps `window` submits under way and counts one when it was told that the submit
 * is on disk (JetStream says so earlier).  Nothing takes the submits out again.  All
 * files are below the run's scratch folder, so all systems use the same file system.
 */
#ifndef TESTS_BENCH_DURABLE_DURABLE_H
#define TESTS_BENCH_DURABLE_DURABLE_H

#include "tests/bench/bench.h"

#define DURABLE_PAYLOAD 256

bench_fn durable_weft;
bench_fn durable_weft_fast;
bench_fn durable_raw;
bench_fn durable_raw_rewrite;
bench_fn durable_beanstalkd;
bench_fn durable_jetstream;
bench_fn durable_postgres_each;
bench_fn durable_postgres_batch;

/* When each submit was sent, for systems that answer in order. */
struct stamps {
    uint64_t *sent_ns; /* a ring of `window` */
    uint32_t window;
    uint64_t nsent, ndone;
};

/* Start the load and the ring.  Exits when there is no memory. */
void stamps_start(struct stamps *s, struct bench_run *r);

/* One more submit goes out; the oldest one was answered, see load_done(). */
void stamps_sent(struct stamps *s);
int stamps_done(struct stamps *s, struct load *l, uint64_t now_ns);

/* The bytes of a submit: different ones each time, without a pattern to compress. */
void durable_fill(uint8_t payload[DURABLE_PAYLOAD]);

#endif
