#include "tests/sim/local.h"

#define MILLION 1000000u
#define WALL_MS UINT64_C(1700000000000)
#define YEAR_MS (365ll * 86400 * 1000)

void local_boot(struct local *l, struct clock *c)
{
    l->booted_us = c->now_us;
    l->zero_us = SECOND + below(c, 60 * SECOND);
}

void local_set_ppm(struct local *l, const struct clock *c, int ppm)
{
    l->zero_us = local_us(l, c);
    l->booted_us = c->now_us;
    l->ppm = ppm;
}

uint64_t local_us(const struct local *l, const struct clock *c)
{
    uint64_t up_us = c->now_us - l->booted_us;

    return l->zero_us + up_us * (uint64_t) ((int) MILLION + l->ppm) / MILLION;
}

uint64_t local_wall_ms(const struct local *l, const struct clock *c)
{
    return WALL_MS + c->now_us / 1000 + (uint64_t) l->skew_ms;
}

uint64_t local_due_us(const struct local *l, uint64_t own_us)
{
    uint64_t speed = (uint64_t) ((int) MILLION + l->ppm);
    uint64_t up_us = own_us > l->zero_us ? own_us - l->zero_us : 0;

    if (up_us > UINT64_MAX / MILLION - speed) {
        return UINT64_MAX;
    }
    return wf_add_sat(l->booted_us, (up_us * MILLION + speed - 1) / speed);
}

void local_jump(struct local *l, struct clock *c)
{
    static const int64_t jumps_ms[] = {-1000, 60000, -3600000, 10 * YEAR_MS,
                                       -(int64_t) WALL_MS};

    l->skew_ms = jumps_ms[below(c, ARRAY_LEN(jumps_ms))];
}
