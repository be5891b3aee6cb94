/* load.h - the client's side of every benchmark: how much is under way, how long it took
 *
 * A system under test sends `window` requests, and one more for each reply for which
 * load_done() or load_reply() says so.  Replies count from after a warm-up until the time
 * is over, or, on a machine so slow that less came, until a window of them has come; then
 * the processes are ended without waiting for the rest.  An echo request carries the time
 * at which it was sent, so measuring it needs no table.
 */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include "tests/bench/hist.h"

#define LOAD_PAYLOAD 100

struct load {
    uint32_t window;
    uint64_t from_ns;
    uint64_t until_ns;
    struct hist hist;
};

void load_start(struct load *l, uint32_t window, double seconds);

/* The clock, and a reply at `now_ns` to what was sent at `sent_ns`.  1: send another
 * request.  0: the time is over, stop. */
uint64_t load_now(void);
int load_done(struct load *l, uint64_t sent_ns, uint64_t now_ns);

/* Fill the next echo request. */
void load_stamp(uint8_t payload[LOAD_PAYLOAD]);

/* Count its reply, as load_done() does.  A reply that is not what was sent ends the
 * process: a benchmark of wrong answers means nothing. */
int load_reply(struct load *l, const void *payload, size_t len);

/* One JSON object on a line. */
void load_print(const struct load *l, const char *bench, const char *system);

#endif
