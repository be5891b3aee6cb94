/* chaos.h - faults, one at a time; and the end of them */
#ifndef TESTS_SIM_CHAOS_H
#define TESTS_SIM_CHAOS_H

#include "tests/sim/clock.h"

struct sim;

struct chaos {
    uint64_t faults;
};

/* The next fault, and the one after it. */
void chaos_strike(struct sim *s);

/* Nothing more goes wrong: who is down comes back, who is cut off is connected. */
void chaos_heal(struct sim *s);

#endif
