/* bed.h - a broker core on a test bench: who is enrolled, what is said, what it answers
 *
 * A step leaves its effects until the next one.  Every step ends with the invariants.
 * Keys are 32 times the same byte, job ids 16 times.
 */
#ifndef TESTS_UNIT_BROKER_BED_H
#define TESTS_UNIT_BROKER_BED_H

#include "broker/core/jobs/work.h"
#include "common/err.h"
#include "common/mem.h"
#include "tests/lib/tap.h"

#define BED_MS     UINT64_C(1000)
#define BED_SECOND UINT64_C(1000000)

struct bed {
    struct core *c;
    struct core_config cfg;
    struct wf_effects fx;
    uint64_t now_us, wall_ms;
    uint32_t last_peer;
};

__attribute__((unused)) static struct wf_key bed_key(uint8_t byte)
{
    struct wf_key k;

    memset(k.b, byte, sizeof k.b);
    return k;
}

__attribute__((unused)) static struct wf_id bed_id(uint8_t byte)
{
    struct wf_id id;

    memset(id.b, byte, sizeof id.b);
    return id;
}

/* Defaults for a small broker; change b->cfg between this and bed_start(). */
__attribute__((unused)) static void bed_init(struct bed *b)
{
    *b = (struct bed){.now_us = 1000 * BED_SECOND, .wall_ms = UINT64_C(1700000000000)};
    core_config_init(&b->cfg);
    (void) snprintf(b->cfg.name, sizeof b->cfg.name, "b1");
    (void) snprintf(b->cfg.site, sizeof b->cfg.site, "lyon");
    (void) snprintf(b->cfg.endpoints[0], sizeof b->cfg.endpoints[0], "tcp://b1:7070");
    b->cfg.nendpoints = 1;
    b->cfg.seed = 1;
    b->cfg.max_nodes = 100;
    b->cfg.max_jobs = 50;
    b->cfg.retain_jobs = 50;
    b->cfg.heartbeat_ms = 1000;
    b->cfg.lease_ms = 4000;
    b->cfg.grace_ms = 2000;
    wf_effects_init(&b->fx);
}

__attribute__((unused)) static void bed_step(struct bed *b, struct broker_event *ev)
{
    ev->now_us = b->now_us;
    ev->wall_ms = b->wall_ms;
    wf_effects_clear(&b->fx);
    core_step(b->c, ev, &b->fx);
    core_check(b->c);
}

__attribute__((unused)) static void bed_start(struct bed *b)
{
    must(core_new(&b->cfg, &b->c) == 0);
}

__attribute__((unused)) static void bed_fini(struct bed *b)
{
    core_free(b->c);
    wf_effects_fini(&b->fx);
}

/* Enrol a key, as its stored record does. */
__attribute__((unused)) static void bed_enrol(struct bed *b, uint8_t key, unsigned role,
                                              const char *name)
{
    struct wf_buf record = WF_BUF_INIT(4096);
    struct principal p = {
        .key = bed_key(key), .role = role, .tier = WF_TIER_EDGE, .state = WF_KEY_ACTIVE};
    struct broker_event ev = {.kind = BROKER_RECORD, .table = REGISTRY_KEYS};

    (void) snprintf(p.name, sizeof p.name, "%s", name);
    (void) snprintf(p.site, sizeof p.site, "lyon");
    must(wf_buf_put(&record, p.key.b, sizeof p.key.b) == 0);
    must(registry_record(&p, &record) == 0);
    ev.record = wf_slice_make(record.p, record.len);
    bed_step(b, &ev);
    wf_buf_fini(&record);
}

__attribute__((unused)) static void bed_say(struct bed *b, uint32_t peer,
                                            enum wf_type type, const void *body)
{
    struct wf_msg msg = {.type = type};
    struct broker_event ev = {.kind = BROKER_MSG, .peer = peer, .msg = &msg};

    memcpy(&msg.u, body, wf_desc_of(type)->size);
    bed_step(b, &ev);
}

/* The n-th message (from 0) of a type that the last step sent to a peer: 1 and decoded,
 * borrowed until the next step. */
__attribute__((unused)) static int bed_told(const struct bed *b, uint32_t peer,
                                            enum wf_type type, unsigned n,
                                            struct wf_msg *ret)
{
    for (size_t i = 0; i < b->fx.n; i++) {
        const struct wf_effect *x = &b->fx.v[i];
        struct wf_cursor cur;

        if (x->kind != WF_EFFECT_SEND || x->peer != peer) {
            continue;
        }
        wf_cur_init(&cur, wf_effect_bytes(&b->fx, x), x->len);
        if (wf_msg_decode(&cur, ret) == 0 && ret->type == type && n-- == 0) {
            return 1;
        }
    }
    return 0;
}

__attribute__((unused)) static unsigned bed_count(const struct bed *b, uint32_t peer,
                                                  enum wf_type type)
{
    struct wf_msg m;
    unsigned n = 0;

    while (bed_told(b, peer, type, n, &m)) {
        n++;
    }
    return n;
}

/* The code of the first refusal of the last step, as WEFT_E*; 0: there is none. */
__attribute__((unused)) static int bed_refusal(const struct bed *b, uint32_t peer)
{
    struct wf_msg m;

    if (bed_told(b, peer, WF_MSG_error, 0, &m)) {
        return -(int) m.u.error.code;
    }
    if (bed_told(b, peer, WF_MSG_done, 0, &m)) {
        return -(int) m.u.done.code;
    }
    return bed_told(b, peer, WF_MSG_bye, 0, &m) ? -(int) m.u.bye.code : 0;
}

__attribute__((unused)) static const struct wf_effect *bed_effect(
    const struct bed *b, enum wf_effect_kind kind)
{
    for (size_t i = 0; i < b->fx.n; i++) {
        if (b->fx.v[i].kind == kind) {
            return &b->fx.v[i];
        }
    }
    return NULL;
}

__attribute__((unused)) static uint32_t bed_up(struct bed *b, uint8_t key)
{
    struct broker_event ev = {
        .kind = BROKER_PEER_UP, .peer = ++b->last_peer, .key = bed_key(key)};

    bed_step(b, &ev);
    return b->last_peer;
}

__attribute__((unused)) static void bed_down(struct bed *b, uint32_t peer)
{
    struct broker_event ev = {.kind = BROKER_PEER_DOWN, .peer = peer};

    bed_step(b, &ev);
}

__attribute__((unused)) static void bed_tick(struct bed *b, uint64_t later_us)
{
    struct broker_event ev = {.kind = BROKER_TICK};

    b->now_us += later_us;
    b->wall_ms += later_us / 1000;
    bed_step(b, &ev);
}

__attribute__((unused)) static void bed_durable(struct bed *b, uint64_t lsn)
{
    struct broker_event ev = {.kind = BROKER_DURABLE, .lsn = lsn};

    bed_step(b, &ev);
}

/* Connect and say hello; the answer is in the effects. */
__attribute__((unused)) static uint32_t bed_hello(struct bed *b, uint8_t key,
                                                  unsigned role, uint64_t epoch)
{
    const struct wf_hello m = {.proto_min = 1,
                               .proto_max = 1,
                               .role = role,
                               .epoch = epoch,
                               .software = wf_slice_of("bed")};
    uint32_t peer = bed_up(b, key);

    bed_say(b, peer, WF_MSG_hello, &m);
    return peer;
}

/* Offer "name@1" with as many slots, and nothing held. */
__attribute__((unused)) static void bed_offer(struct bed *b, uint32_t peer,
                                              const char *name, uint64_t slots,
                                              uint64_t queue)
{
    const struct wf_cap_row row = {.name = wf_slice_of(name),
                                   .version = 1,
                                   .kind = WF_HANDLER_EXEC,
                                   .slots = slots,
                                   .queue = queue};
    struct wf_buf rows = WF_BUF_INIT(1024);
    struct wf_agent_info m = {.seq = 1, .slots = slots, .cpus = 4};

    must(wf_rows_add(&rows, &m.caps, wf_desc_cap_row(), &row) == 0);
    bed_say(b, peer, WF_MSG_agent_info, &m);
    wf_buf_fini(&rows);
}

__attribute__((unused)) static void bed_resync(struct bed *b, uint32_t peer)
{
    const struct wf_resync m = {{0}};

    bed_say(b, peer, WF_MSG_resync, &m);
}

/* An agent, enrolled and ready for work of capability "echo". */
__attribute__((unused)) static uint32_t bed_agent(struct bed *b, uint8_t key,
                                                  const char *name, uint64_t slots)
{
    const struct wf_key k = bed_key(key);
    uint32_t peer;

    if (registry_key(&b->c->registry, &k) == NULL) {
        bed_enrol(b, key, WF_ROLE_AGENT, name);
    }
    peer = bed_hello(b, key, WF_ROLE_AGENT, key);
    bed_offer(b, peer, "echo", slots, 0);
    bed_resync(b, peer);
    return peer;
}

__attribute__((unused)) static uint32_t bed_client(struct bed *b, uint8_t key,
                                                   const char *name)
{
    bed_enrol(b, key, WF_ROLE_CLIENT, name);
    return bed_hello(b, key, WF_ROLE_CLIENT, key);
}

__attribute__((unused)) static uint32_t bed_operator(struct bed *b, uint8_t key)
{
    bed_enrol(b, key, WF_ROLE_OPERATOR, "boss");
    return bed_hello(b, key, WF_ROLE_OPERATOR, key);
}

__attribute__((unused)) static struct wf_submit bed_work(uint8_t id)
{
    return (struct wf_submit){.job = bed_id(id),
                              .capability = wf_slice_of("echo"),
                              .class_ = WF_CLASS_FAST,
                              .priority = 4,
                              .payload = wf_slice_of("ping")};
}

__attribute__((unused)) static void bed_submit(struct bed *b, uint32_t peer, uint8_t id)
{
    const struct wf_submit m = bed_work(id);

    bed_say(b, peer, WF_MSG_submit, &m);
}

__attribute__((unused)) static void bed_result(struct bed *b, uint32_t peer, uint8_t id,
                                               uint64_t attempt, int code)
{
    const struct wf_result m = {.job = bed_id(id),
                                .attempt = attempt,
                                .code = (uint64_t) -code,
                                .data = wf_slice_of(code == 0 ? "pong" : ""),
                                .run_us = 1000};

    bed_say(b, peer, WF_MSG_result, &m);
}

__attribute__((unused)) static const struct job *bed_job(const struct bed *b, uint8_t id)
{
    const struct wf_id key = bed_id(id);

    return jobs_get(&b->c->jobs, &key);
}

/* WF_JOB_STATES when it is not there. */
__attribute__((unused)) static unsigned bed_state(const struct bed *b, uint8_t id)
{
    const struct job *j = bed_job(b, id);

    return j != NULL ? j->state : WF_JOB_STATES;
}

#endif
