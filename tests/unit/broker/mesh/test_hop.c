#include "broker/core/mesh/hop.h"

#include "tests/lib/tap.h"

static uint32_t of_one(uint32_t rtt_us)
{
    struct hops h = {0};

    hops_add(&h, rtt_us);
    return hops_median(&h);
}

static void one(void)
{
    unsigned bad = 0;
    uint32_t last = 0;

    for (uint32_t us = 1; us < 10000000; us += us / 50 + 1) {
        const uint32_t got = of_one(us);

        bad += got < us - us / 8 || got > us + us / 8;
        bad += got < last;
        last = got;
    }
    is_int(bad, 0, "one agent: its round trip within an eighth, and in order");
    is_int(of_one(0), 0, "what is not known does not count");
    is_int(of_one(2001), of_one(2002), "noise makes no difference");
    ok(of_one(UINT32_MAX) >= 1u << 23, "what is absurd is far away");
}

static void many(void)
{
    struct hops h = {0};

    is_int(hops_median(&h), 0, "no agents");
    for (unsigned i = 0; i < 4; i++) {
        hops_add(&h, 1000);
    }
    for (unsigned i = 0; i < 5; i++) {
        hops_add(&h, 50000);
    }
    is_int(hops_median(&h), of_one(50000), "most are far");
    hops_add(&h, 1);
    hops_add(&h, 1);
    is_int(hops_median(&h), of_one(1000), "two near ones move the middle");
}

int main(void)
{
    one();
    many();
    return done();
}
