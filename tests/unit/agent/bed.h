/* bed.h - a node with its clock, for the tests of the agent's core
 *
 * Each step forgets the effects of the one before; said() and did() look at the last.
 */
#ifndef TESTS_UNIT_AGENT_BED_H
#define TESTS_UNIT_AGENT_BED_H

#include "agent/core/node.h"
#include "common/err.h"
#include "tests/lib/tap.h"

#define MS     UINT64_C(1000)
#define SECOND UINT64_C(1000000)

/* A node with its clock, and what it asked for in the last step. */
struct bed {
    struct node *n;
    struct node_config cfg;
    struct wf_effects fx;
    uint64_t now_us;
    uint64_t started[16]; /* run numbers, as they were started */
    unsigned nstarted;
};

WF_UNUSED static void step(struct bed *b, struct node_event *ev)
{
    ev->now_us = b->now_us;
    wf_effects_clear(&b->fx);
    node_step(b->n, ev, &b->fx);
    node_check(b->n);
    for (size_t i = 0; i < b->fx.n; i++) {
        if (b->fx.v[i].kind == WF_EFFECT_START && b->nstarted < 16) {
            b->started[b->nstarted++] = b->fx.v[i].arg;
        }
    }
}

WF_UNUSED static void happens(struct bed *b, enum node_event_kind kind)
{
    struct node_event ev = {.kind = kind};

    step(b, &ev);
}

WF_UNUSED static void hears(struct bed *b, enum wf_type type, const void *body)
{
    struct wf_msg msg = {.type = type};
    struct node_event ev = {.kind = NODE_MSG, .msg = &msg};

    memcpy(&msg.u, body, wf_desc_of(type)->size);
    step(b, &ev);
}

/* The n-th message of a type in the last step. */
WF_UNUSED static int said(const struct bed *b, enum wf_type type, unsigned n,
                          struct wf_msg *ret)
{
    for (size_t i = 0; i < b->fx.n; i++) {
        const struct wf_effect *x = &b->fx.v[i];
        struct wf_cursor cur;

        wf_cur_init(&cur, wf_effect_bytes(&b->fx, x), x->len);
        if (x->kind == WF_EFFECT_SEND && wf_msg_decode(&cur, ret) == 0 &&
            ret->type == type && n-- == 0) {
            return 1;
        }
    }
    return 0;
}

WF_UNUSED static int did(const struct bed *b, enum wf_effect_kind kind, uint64_t arg)
{
    for (size_t i = 0; i < b->fx.n; i++) {
        if (b->fx.v[i].kind == kind && b->fx.v[i].arg == arg) {
            return 1;
        }
    }
    return 0;
}

WF_UNUSED static void connect(struct bed *b)
{
    const struct wf_welcome w = {.proto = 1,
                                 .heartbeat_ms = 1000,
                                 .lease_ms = 4000,
                                 .max_payload = 1000,
                                 .role = WF_ROLE_AGENT};

    happens(b, NODE_LINK_UP);
    hears(b, WF_MSG_welcome, &w);
}

WF_UNUSED static void init_bed(struct bed *b, uint64_t slots, uint64_t queue)
{
    *b = (struct bed){.now_us = 100 * SECOND};
    node_config_init(&b->cfg);
    b->cfg.slots = slots;
    b->cfg.ncaps = 1;
    b->cfg.caps[0] = (struct node_capability){.name = "echo",
                                              .version = 1,
                                              .kind = WF_HANDLER_EXEC,
                                              .slots = slots,
                                              .queue = queue,
                                              .wall_ms = 5000,
                                              .max_output = 100};
    wf_effects_init(&b->fx);
}

WF_UNUSED static void start_bed(struct bed *b)
{
    must(node_new(&b->cfg, &b->n) == 0);
    happens(b, NODE_START);
    connect(b);
}

WF_UNUSED static void open_bed(struct bed *b, uint64_t slots, uint64_t queue)
{
    init_bed(b, slots, queue);
    start_bed(b);
}

WF_UNUSED static void close_bed(struct bed *b)
{
    node_free(b->n);
    wf_effects_fini(&b->fx);
}

WF_UNUSED static struct wf_id id_of(uint8_t byte)
{
    struct wf_id id;

    memset(id.b, byte, sizeof id.b);
    return id;
}

WF_UNUSED static void assign(struct bed *b, uint8_t id, uint64_t attempt,
                             unsigned priority)
{
    const struct wf_assign m = {.job = id_of(id),
                                .attempt = attempt,
                                .seq = id,
                                .capability = wf_slice_of("echo"),
                                .version = 1,
                                .payload = wf_slice_of("ping"),
                                .priority = priority};

    hears(b, WF_MSG_assign, &m);
}

WF_UNUSED static void prints(struct bed *b, uint64_t run, unsigned stream,
                             const char *text)
{
    struct node_event ev = {
        .kind = NODE_RUN_OUTPUT, .run = run, .stream = stream, .data = wf_slice_of(text)};

    step(b, &ev);
}

WF_UNUSED static void ends(struct bed *b, uint64_t run, int code)
{
    const struct run_end end = {.code = code, .exit_code = code != 0};
    struct node_event ev = {.kind = NODE_RUN_DONE, .run = run, .end = &end};

    step(b, &ev);
}

#endif
