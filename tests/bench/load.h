/* load.h - the client's side of every echo benchmark: how much is under way, how long it
 * took
 *
 * A request carries the time at which it was sent, so measuring needs no table.  A system
 * under test sends `window` requests, and one more for each reply for which load_reply()
 * says so.  Replies count from after a warm-up until the time is over; then the processes
 * are ended without waiting for the rest.
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

/* Fill the next request. */
void load_stamp(uint8_t payload[LOAD_PAYLOAD]);

/* Count a reply.  1: send another request.  0: the time is over, stop.  A reply that is
 * not what was sent ends the process: a benchmark of wrong answers means nothing. */
int load_reply(struct load *l, const void *payload, size_t len);

/* One JSON object on a line. */
void load_print(const struct load *l, const char *system);

#endif
