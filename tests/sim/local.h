/* local.h - the clocks of one machine
 *
 * The monotonic one runs up to 500 ppm fast or slow and starts near zero with the
 * machine; the wall clock says what somebody set it to.
 */
#ifndef TESTS_SIM_LOCAL_H
#define TESTS_SIM_LOCAL_H

#include "tests/sim/clock.h"

struct local {
    uint64_t booted_us; /* the world's time, when this machine's was `zero_us` */
    uint64_t zero_us;
    int ppm;
    int64_t skew_ms; /* of the wall clock */
};

/* A machine that has just booted. */
void local_boot(struct local *l, struct clock *c);

/* Let it run at another speed from now on; time does not jump. */
void local_set_ppm(struct local *l, const struct clock *c, int ppm);

/* What its clocks say. */
uint64_t local_us(const struct local *l, const struct clock *c);
uint64_t local_wall_ms(const struct local *l, const struct clock *c);

/* The world's time when its monotonic clock has come to `own_us`; UINT64_MAX is never. */
uint64_t local_due_us(const struct local *l, uint64_t own_us);

/* Set the wall clock: to 1970, ten years ahead, or a little wrong. */
void local_jump(struct local *l, struct clock *c);

#endif
