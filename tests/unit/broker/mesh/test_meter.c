#include "broker/core/mesh/meter.h"

#include "common/err.h"
#include "tests/lib/tap.h"

#define MS UINT64_C(1000)
#define S  UINT64_C(1000000)

/* Samples of both kinds at the end that dialled. */
static void samples(void)
{
    struct meter m = {.probed = 0};
    struct wf_link_row row;
    struct link_seen x;

    meter_begin(&m);
    ok(!meter_news(&m, S, &row), "nothing is known, so nothing is told");
    meter_ponged(&m, 8000, S);
    ok(meter_news(&m, S, &row) && row.rtt_us == 8000 && row.samples == 1,
       "the first heartbeat is news");
    ok(!meter_news(&m, S, &row), "once");
    meter_ponged(&m, 8000, 2 * S);
    ok(!meter_news(&m, 2 * S, &row), "the same again is none");
    meter_probed(&m, 5000, 3 * S);
    meter_view(&m, 3 * S, &x);
    ok(x.rtt_us == 5000 && x.samples == 1, "probes begin anew");
    ok(meter_news(&m, 3 * S, &row) && row.rtt_us == 5000, "which is news");
    meter_ponged(&m, 90000, 4 * S);
    meter_view(&m, 4 * S, &x);
    ok(x.rtt_us == 5000, "heartbeats say no more then");
    meter_probed(&m, 0, 5 * S);
    ok(meter_news(&m, 5 * S, &row) && row.loss_pm == 62, "the first loss is news");
    ok(row.age_ms == 2000, "with the age of the sample before");
    meter_unprobed(&m);
    meter_view(&m, 6 * S, &x);
    ok(x.rtt_us == 0 && x.loss_pm == 0, "without answers all of that is forgotten");
    meter_ponged(&m, 9000, 6 * S);
    meter_view(&m, 6 * S, &x);
    ok(x.rtt_us == 9000, "and heartbeats stand in");
    meter_begin(&m);
    meter_view(&m, 7 * S, &x);
    is_int(x.rtt_us, 0, "another session begins with nothing");
    meter_probed(&m, 5000, 8 * S);
    ok(meter_news(&m, 8 * S, &row), "and tells anew");
}

/* `n` messages of so many bytes, every so many microseconds. */
static uint64_t come(struct meter *m, uint64_t at_us, unsigned n, uint64_t bytes,
                     uint64_t each_us)
{
    for (unsigned i = 0; i < n; i++) {
        meter_came(m, bytes, at_us);
        at_us += each_us;
    }
    return at_us;
}

static void rates(void)
{
    struct meter m = {.probed = 0};
    struct wf_link_row row;
    struct link_seen x;
    uint64_t at_us = 10 * S;

    meter_begin(&m);
    at_us = come(&m, at_us, 11, 100000, 20 * MS);
    ok(!meter_news(&m, at_us, &row), "a span that goes on says nothing yet");
    at_us += S;
    ok(meter_news(&m, at_us, &row) && row.down == 5000000,
       "1 MB after the first message, in 200 ms");
    ok(row.rtt_us == 0, "the end that was dialled measures no round trip");
    ok(!meter_news(&m, at_us, &row), "it is told once");
    at_us = come(&m, at_us, 3, 100000, 20 * MS) + S;
    (void) meter_news(&m, at_us, &row);
    meter_view(&m, at_us, &x);
    is_int(x.down, 5000000, "too little at a time says nothing");
    at_us = come(&m, at_us, 500, 100000, 0) + S;
    ok(!meter_news(&m, at_us, &row), "nor does what came all at once");
    at_us = come(&m, at_us, 201, 50000, 20 * MS);
    meter_view(&m, at_us, &x);
    is_int(x.down, 5000000, "a slower one does not count");
    at_us = come(&m, at_us + S, 61, 200000, 20 * MS);
    ok(meter_news(&m, at_us, &row) && row.down == 10000000,
       "a faster one does, before it has ended");
    at_us += 700 * S;
    ok(meter_news(&m, at_us, &row) && row.down == 0, "it is forgotten, which is told");
    ok(!meter_news(&m, at_us + S, &row), "once");
}

static void tells(void)
{
    struct meter a = {.probed = 0}, b = {.probed = 0};
    struct wf_link_row row;
    struct link_seen x;

    meter_begin(&a);
    meter_begin(&b);
    meter_probed(&a, 5000, S);
    ok(meter_news(&a, S, &row) && meter_heard(&b, &row, 9 * S) == 0, "a tells b");
    (void) come(&b, 9 * S, 11, 100000, 20 * MS);
    ok(meter_news(&b, 10 * S, &row) && meter_heard(&a, &row, 2 * S) == 0, "b tells a");
    meter_view(&a, 2 * S, &x);
    ok(x.rtt_us == 5000 && x.up == 5000000 && x.down == 0, "a knows what it can send");
    meter_view(&b, 10 * S, &x);
    ok(x.rtt_us == 5000 && x.at_us == 9 * S && x.up == 0 && x.down == 5000000,
       "b knows the way, and what comes");
    row.rtt_us = WF_RTT_MAX_US + 1;
    is_int(meter_heard(&a, &row, 2 * S), WEFT_EPROTO, "what cannot be is refused");
    row = (struct wf_link_row){.down = UINT64_MAX, .age_ms = UINT64_MAX};
    is_int(meter_heard(&a, &row, 2 * S), 0, "absurd rates");
    meter_view(&a, 2 * S, &x);
    ok(x.up == WF_RATE_MAX, "are bounded");
    ok(x.rtt_us == 5000, "and our own samples stand");
}

int main(void)
{
    samples();
    rates();
    tells();
    return done();
}
