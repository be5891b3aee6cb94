#include "proto/prober.h"

#include "tests/lib/tap.h"

#define MS     UINT64_C(1000)
#define SECOND (1000 * MS)
#define MINUTE (60 * SECOND)
#define DAY    (24 * 60 * MINUTE)

static const uint8_t cookie[WF_PROBE_COOKIE] = {7, 7, 7};

/* Go to when it wants to be called, and do so. */
static unsigned next(struct wf_prober *p, uint64_t *now_us, struct wf_probe *ret)
{
    *now_us = wf_max_u64(*now_us, p->due_us);
    return wf_prober_tick(p, *now_us, ret);
}

static int answer(struct wf_prober *p, uint64_t now_us, struct wf_probe probe)
{
    uint64_t rtt_us = 0;

    probe.kind = WF_PROBE_ANSWER;
    return wf_prober_heard(p, now_us, &probe, &rtt_us) ? (int) rtt_us : -1;
}

static void measures(void)
{
    struct wf_prober p;
    struct wf_probe probe, wrong;
    uint64_t now = SECOND, last;

    wf_prober_init(&p, 0, 1);
    ok(p.due_us == UINT64_MAX, "nothing to do without a session");
    is_int(wf_prober_tick(&p, now, &probe), 0, "and nothing is done");
    wf_prober_begin(&p, now, cookie);
    is_int(next(&p, &now, &probe), WF_PROBER_SEND, "the first goes out at once");
    ok(memcmp(probe.cookie, cookie, sizeof cookie) == 0, "with the session's cookie");
    wrong = probe;
    wrong.cookie[0]++;
    is_int(answer(&p, now + 1, wrong), -1, "another cookie is no answer");
    wrong = probe;
    wrong.seq++;
    is_int(answer(&p, now + 1, wrong), -1, "nor another number");
    wrong = probe;
    wrong.time_us++;
    is_int(answer(&p, now + 1, wrong), -1, "nor another time");
    is_int(wf_prober_heard(&p, now + 1, &probe, &last), 0, "nor one's own ask");
    is_int(answer(&p, now + 7 * MS, probe), 7 * MS, "the answer gives the round trip");
    is_int(answer(&p, now + 8 * MS, probe), -1, "once");
    for (int i = 0; i < 2; i++) {
        last = now;
        is_int(next(&p, &now, &probe), WF_PROBER_SEND, "another");
        ok(now - last < SECOND, "soon");
        is_int(answer(&p, now, probe), 1, "no round trip takes no time");
    }
    last = now;
    is_int(next(&p, &now, &probe), WF_PROBER_SEND, "and then");
    ok(now - last >= 12 * SECOND && now - last <= 18 * SECOND, "about every 15 s");
    (void) answer(&p, now, probe);
    wf_prober_hurry(&p, now);
    for (int i = 0; i < 2; i++) {
        last = now;
        (void) next(&p, &now, &probe);
        ok(now - last < SECOND, "two more soon when a sample was off");
        (void) answer(&p, now, probe);
    }
    ok(p.due_us - now >= 12 * SECOND, "no more than two");
    wf_prober_end(&p);
    ok(p.due_us == UINT64_MAX, "the end");
}

static void falls_silent(void)
{
    struct wf_prober p;
    struct wf_probe probe;
    uint64_t now = SECOND, from;

    wf_prober_init(&p, 0, 1);
    wf_prober_begin(&p, now, cookie);
    for (int i = 0; i < 5; i++) {
        is_int(next(&p, &now, &probe), WF_PROBER_SEND, "asked");
        is_int(next(&p, &now, &probe),
               i < 4 ? WF_PROBER_LOST : WF_PROBER_LOST | WF_PROBER_MUTE, "lost");
    }
    ok(now < 15 * SECOND, "that was soon clear");
    from = now;
    is_int(next(&p, &now, &probe), WF_PROBER_SEND, "it is tried again");
    ok(now - from >= 8 * MINUTE, "after a long while");
    is_int(next(&p, &now, &probe), WF_PROBER_LOST, "it is said once that it is silent");
    (void) next(&p, &now, &probe);
    ok(answer(&p, now + MS, probe) > 0, "when it answers");
    is_int(p.state, WF_PROBER_ANSWERED, "all is as before");
    ok(p.due_us - now < SECOND, "and it is measured at once");
    for (int i = 0; i < 5; i++) {
        (void) next(&p, &now, &probe);
        is_int(next(&p, &now, &probe) & WF_PROBER_MUTE, i == 4 ? WF_PROBER_MUTE : 0,
               "five in a row make it silent again");
    }
}

static uint64_t bytes_of_a_day(int metered, unsigned *ret_probes)
{
    struct wf_prober p;
    struct wf_probe probe;
    uint64_t now = SECOND, bytes = 0;

    *ret_probes = 0;
    wf_prober_init(&p, metered, 5);
    while (now < DAY) {
        /* Whatever is done to it: new sessions, samples that are off. */
        wf_prober_begin(&p, now, cookie);
        for (int i = 0; i < 3; i++) {
            if (next(&p, &now, &probe) & WF_PROBER_SEND && now < DAY) {
                bytes += WF_PROBER_ASK_BYTES + WF_PROBE_BYTES + 56;
                (*ret_probes)++;
                (void) answer(&p, now + MS, probe);
                wf_prober_hurry(&p, now);
            }
        }
        wf_prober_end(&p);
    }
    return bytes;
}

static void keeps_to_its_budget(void)
{
    unsigned probes;
    uint64_t bytes = bytes_of_a_day(0, &probes);

    ok(bytes <= WF_PROBER_DAY_BYTES && probes > 5000, "bytes of a day: %u probes",
       probes);
    bytes = bytes_of_a_day(1, &probes);
    ok(bytes <= WF_PROBER_DAY_BYTES / 10 && probes > 500,
       "a tenth on a metered link: %u probes", probes);
}

static void goes_on_tomorrow(void)
{
    struct wf_prober p;
    struct wf_probe probe;
    uint64_t now = SECOND;

    wf_prober_init(&p, 0, 1);
    wf_prober_begin(&p, now, cookie);
    p.day_us = now;
    p.used = WF_PROBER_DAY_BYTES;
    is_int(next(&p, &now, &probe), 0, "the day's bytes are used up");
    is_int(p.due_us, SECOND + DAY, "there are new ones a day later");
    is_int(next(&p, &now, &probe), WF_PROBER_SEND, "it goes on then");
}

int main(void)
{
    measures();
    falls_silent();
    keeps_to_its_budget();
    goes_on_tomorrow();
    return done();
}
