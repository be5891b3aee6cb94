/* far.h - another broker for the one on the bench, as far as facts go
 *
 * It says and signs them for real; everything else it would say the test says.
 */
#ifndef TESTS_UNIT_BROKER_MESH_FAR_H
#define TESTS_UNIT_BROKER_MESH_FAR_H

#include "broker/core/mesh/gossip/gossip.h"
#include "tests/unit/broker/bed.h"

#define FAR 7 /* the other broker's key */

struct far {
    struct gossip *g;
    struct wf_effects fx;
    uint32_t peer; /* of its session at the bed */
};

/* What either side sent goes to the other, so often; a quarter of a second each time. */
__attribute__((unused)) static void carry_for(struct bed *b, struct far *f,
                                              unsigned turns)
{
    for (unsigned i = 0; i < turns; i++) {
        struct wf_effects to_bed;
        struct wf_msg m;

        for (unsigned n = 0; bed_told(b, f->peer, WF_MSG_facts, n, &m); n++) {
            gossip_on_facts(f->g, 1, &m.u.facts, b->now_us, &f->fx);
        }
        for (unsigned n = 0; bed_told(b, f->peer, WF_MSG_seen, n, &m); n++) {
            gossip_on_seen(f->g, 1, &m.u.seen, b->now_us, &f->fx);
        }
        to_bed = f->fx;
        wf_effects_init(&f->fx);
        wf_effects_clear(&b->fx);
        for (size_t k = 0; k < to_bed.n; k++) {
            struct wf_cursor cur;

            wf_cur_init(&cur, wf_effect_bytes(&to_bed, &to_bed.v[k]), to_bed.v[k].len);
            must(wf_msg_decode(&cur, &m) == 0);
            bed_say(b, f->peer, m.type, &m.u);
        }
        wf_effects_fini(&to_bed);
        bed_tick(b, BED_SECOND / 4);
        gossip_tick(f->g, b->now_us, &f->fx);
    }
}

/* Until nothing is left to say. */
__attribute__((unused)) static void carry(struct bed *b, struct far *f)
{
    carry_for(b, f, 20);
}

__attribute__((unused)) static void far_init(struct bed *b, struct far *f)
{
    struct gossip_config cfg = {.self = bed_key(FAR), .boot = 1, .rng = 5};
    struct wf_hello hello = {.proto_min = 1,
                             .proto_max = 1,
                             .role = WF_ROLE_BROKER,
                             .epoch = 1,
                             .software = wf_slice_of("far")};
    struct wf_msg m;
    struct wf_key sign;

    memset(cfg.seed, 9, sizeof cfg.seed);
    wf_effects_init(&f->fx);
    f->g = gossip_new(&cfg);
    must(f->g != NULL);
    hello.sign = wf_slice_make(gossip_sign_key(f->g)->b, WF_KEY_SIZE);
    bed_enrol(b, FAR, WF_ROLE_BROKER, "far");
    f->peer = bed_up(b, FAR);
    bed_say(b, f->peer, WF_MSG_hello, &hello);
    must(bed_told(b, f->peer, WF_MSG_welcome, 0, &m));
    is_int(m.u.welcome.sign.len, WF_KEY_SIZE, "a broker tells what it signs with");
    memcpy(sign.b, m.u.welcome.sign.p, sizeof sign.b);
    must(gossip_trust(f->g, &b->cfg.key, &sign, b->now_us, &f->fx) == 0);
    must(gossip_link_up(f->g, 1, &b->cfg.key, b->now_us, &f->fx) == 0);
    carry(b, f);
}

__attribute__((unused)) static void far_fini(struct far *f)
{
    gossip_free(f->g);
    wf_effects_fini(&f->fx);
}

#endif
