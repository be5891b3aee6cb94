#include "proto/transfer/meter.h"
#include "tests/lib/tap.h"

#define SECOND UINT64_C(1000000)
#define DAY    (86400 * SECOND)

/* Takes chunks whenever it may; how many bytes in `us`. */
static uint64_t drain(struct wf_meter *m, uint64_t *now_us, uint64_t us, uint64_t chunk)
{
    uint64_t end = *now_us + us, sum = 0;

    while (*now_us < end) {
        uint64_t free_us = wf_meter_free_us(m, *now_us);

        if (free_us <= *now_us) {
            wf_meter_take(m, *now_us, chunk);
            sum += chunk;
        } else {
            *now_us = free_us;
        }
    }
    return sum;
}

static void test_rate(void)
{
    struct wf_meter m;
    uint64_t now = 7 * SECOND, sum;

    wf_meter_init(&m, 1000000, 0, 0);
    sum = drain(&m, &now, 60 * SECOND, 65536);
    ok(sum >= 60000000 && sum <= 60300000, "a million a second, and what had gathered");
    wf_meter_set(&m, now, 10, 0);
    sum = drain(&m, &now, 1000 * SECOND, 1);
    ok(sum >= 9900 && sum <= 10100, "slow rates are kept as well");
    wf_meter_set(&m, now, UINT64_MAX, 0);
    now += 3600 * SECOND;
    ok(wf_meter_free_us(&m, now) <= now, "a rate beyond all measure is bounded");
    wf_meter_set(&m, now, 0, 0);
    wf_meter_take(&m, now, UINT64_C(1) << 50);
    ok(wf_meter_free_us(&m, now) <= now, "without a rate nothing waits");
}

static void test_day(void)
{
    struct wf_meter m;
    uint64_t now = 7 * SECOND;

    wf_meter_init(&m, 0, 1000, 400);
    ok(!wf_meter_day_over(&m, now), "some of the day is left");
    wf_meter_take(&m, now, 600);
    ok(wf_meter_day_over(&m, now), "then nothing");
    ok(wf_meter_free_us(&m, now) == now + DAY, "until the next one");
    wf_meter_refund(&m, 100);
    ok(!wf_meter_day_over(&m, now) && m.day_used == 900,
       "what did not move is given back");
    wf_meter_take(&m, now, 500);
    ok(!wf_meter_day_over(&m, now + 3 * DAY) && m.day_used == 0, "a new day");
    ok(m.day_end_us == now + 4 * DAY, "ends as the first did");
}

int main(void)
{
    test_rate();
    test_day();
    return done();
}
