/* ways_bed.h - a link that knows several brokers, for the tests of links */
#ifndef TESTS_UNIT_PROTO_WAYS_BED_H
#define TESTS_UNIT_PROTO_WAYS_BED_H

#include "tests/unit/proto/link_bed.h"

#include <string.h>

WF_UNUSED static struct wf_key key_of(unsigned x)
{
    struct wf_key k;

    memset(k.b, (int) x, sizeof k.b);
    return k;
}

/* Where the owner of the link has unfinished work. */
static uint8_t work_at, also_at;

static int holds(const void *owner, const struct wf_home *home)
{
    (void) owner;
    return (work_at != 0 && home->key.b[0] == work_at) ||
           (also_at != 0 && home->key.b[0] == also_at);
}

/* So many brokers, with keys 1, 2 and so on. */
WF_UNUSED static void init_ways(struct bed *b, unsigned role, unsigned n)
{
    struct wf_link_config cfg = bed_config();
    struct wf_broker_table t = {0};

    for (unsigned i = 1; i <= n; i++) {
        const struct wf_key k = key_of(i);
        char endpoint[32];

        (void) snprintf(endpoint, sizeof endpoint, "tcp://h:%u", i);
        must(wf_brokers_give(&t, &k, endpoint) == 0);
    }
    work_at = also_at = 0;
    cfg.role = role;
    cfg.brokers = &t;
    cfg.holds = holds;
    init_with(b, &cfg);
}

WF_UNUSED static void opens(struct bed *b)
{
    wf_effects_clear(&b->fx);
    wf_link_up(&b->l, b->now, &b->fx);
    must(welcome(b) == WF_LINK_OPENED);
}

/* Answer the ping under way after so long. */
WF_UNUSED static void answers(struct bed *b, uint64_t rtt_us)
{
    struct wf_msg pong = {.type = WF_MSG_pong,
                          .u.pong = {.seq = b->l.ping_seq, .time_us = b->now}};

    b->now += rtt_us;
    (void) offer(b, &pong);
}

WF_UNUSED static void measure(struct bed *b, uint64_t rtt_us)
{
    for (unsigned i = 0; i < 4; i++) {
        answers(b, rtt_us);
    }
}

WF_UNUSED static void start_on(struct bed *b, unsigned role, unsigned n, uint64_t rtt_us)
{
    init_ways(b, role, n);
    wf_link_start(&b->l, b->now, &b->fx);
    opens(b);
    measure(b, rtt_us);
}

WF_UNUSED static int asks(const struct bed *b, enum wf_effect_kind kind, uint64_t arg)
{
    for (size_t i = 0; i < b->fx.n; i++) {
        if (asked(b, i, kind, arg)) {
            return 1;
        }
    }
    return 0;
}

/* The broker stays well for so long, and trials are answered after so long, or (0) not.
 * The number of trials; stops when there is a better one. */
WF_UNUSED static unsigned live(struct bed *b, uint64_t us, uint64_t rtt_us,
                               uint64_t trial_us)
{
    uint64_t until = b->now + us;
    unsigned trials = 0;

    while (b->l.due_us < until && b->l.state == WF_LINK_READY &&
           b->l.better == WF_BROKERS_NONE) {
        tick(b, b->l.due_us > b->now ? b->l.due_us - b->now : 0);
        if (b->l.trying != WF_BROKERS_NONE && b->l.tried_us == b->now) {
            trials++;
            b->now += trial_us;
            wf_link_tried(&b->l, b->now, trial_us != 0, &b->fx);
        }
        if (b->l.state == WF_LINK_READY && b->l.ping_seq > b->l.ponged_seq) {
            answers(b, rtt_us);
        }
    }
    return trials;
}

#endif
