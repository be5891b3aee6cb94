/* link_bed.h - a link with a clock, for the tests of links */
#ifndef TESTS_UNIT_PROTO_LINK_BED_H
#define TESTS_UNIT_PROTO_LINK_BED_H

#include "common/err.h"
#include "proto/link.h"
#include "proto/words.h"
#include "tests/lib/tap.h"

#define SECOND UINT64_C(1000000)

/* A link with a clock and what it asked for last. */
struct bed {
    struct wf_link l;
    struct wf_effects fx;
    uint64_t now;
};

static struct wf_link_config bed_config(void)
{
    return (struct wf_link_config){.role = WF_ROLE_AGENT,
                                   .epoch = 42,
                                   .software = "weft test",
                                   .nendpoints = 1,
                                   .retry_min_ms = 100,
                                   .retry_max_ms = 3000,
                                   .dial_ms = 5000,
                                   .seed = 1};
}

static void init_with(struct bed *b, const struct wf_link_config *cfg)
{
    *b = (struct bed){.now = 1000 * SECOND};
    wf_link_init(&b->l, cfg);
    wf_effects_init(&b->fx);
}

WF_UNUSED static void init(struct bed *b)
{
    const struct wf_link_config cfg = bed_config();

    init_with(b, &cfg);
}

/* 1 when effect `i` has this kind (and, for a message, this type). */
static int asked(const struct bed *b, size_t i, enum wf_effect_kind kind, uint64_t arg)
{
    return i < b->fx.n && b->fx.v[i].kind == kind && b->fx.v[i].arg == arg;
}

WF_UNUSED static int sent(const struct bed *b, size_t i, enum wf_type type,
                          struct wf_msg *ret)
{
    struct wf_cursor c;

    if (!asked(b, i, WF_EFFECT_SEND, type)) {
        return 0;
    }
    wf_cur_init(&c, wf_effect_bytes(&b->fx, &b->fx.v[i]), b->fx.v[i].len);
    return wf_msg_decode(&c, ret) == 0;
}

static enum wf_link_verdict offer(struct bed *b, const struct wf_msg *msg)
{
    wf_effects_clear(&b->fx);
    return wf_link_msg(&b->l, b->now, msg, &b->fx);
}

WF_UNUSED static enum wf_link_verdict welcome(struct bed *b)
{
    const struct wf_msg msg = {.type = WF_MSG_welcome,
                               .u.welcome = {.proto = 1,
                                             .broker = wf_slice_of("b1"),
                                             .site = wf_slice_of("lyon"),
                                             .epoch = 7,
                                             .heartbeat_ms = 1000,
                                             .lease_ms = 4000,
                                             .max_payload = 65536,
                                             .name = wf_slice_of("edge-1"),
                                             .role = WF_ROLE_AGENT,
                                             .tier = WF_TIER_EDGE}};

    return offer(b, &msg);
}

WF_UNUSED static void tick(struct bed *b, uint64_t later)
{
    wf_effects_clear(&b->fx);
    b->now += later;
    wf_link_tick(&b->l, b->now, &b->fx);
}

#endif
