/* Somebody with the key of a broker that is linked, and bad intentions: see rogue.h. */
#include "broker/core/mesh/guests.h"
#include "tests/sim/sim.h"

#include <stdio.h>
#include <string.h>

#define FLOOD 24u /* assignments at once */

void rogue_broker_start(struct rogue *r)
{
    uint8_t seed[WF_KEY_SIZE];

    memset(seed, 0xba, sizeof seed);
    sign_keys(seed, r->secret, &r->sign);
}

/* -- work ------------------------------------------------------------------------------
 */

static struct wf_id some_id(struct sim *s, const struct rogue *r)
{
    const struct job *j = rogue_victim(s, r);
    struct wf_id id;
    uint64_t noise = wf_rng_next(&s->clock.rng);

    if (j != NULL && percent(&s->clock, 40)) {
        return j->id;
    }
    memset(&id, 0x0e, sizeof id);
    memcpy(id.b, &noise, sizeof noise);
    return id;
}

/* Names of brokers that it never came through, and of some that it did. */
static struct wf_rows some_path(struct sim *s, struct wf_buf *store)
{
    struct wf_rows path = {0};

    for (uint64_t n = below(&s->clock, 4); n > 0; n--) {
        const struct host *h = &s->hosts[below(&s->clock, s->nhosts)];
        const struct wf_label_row row = {
            wf_slice_of(percent(&s->clock, 30) ? h->name : "nowhere")};

        (void) wf_rows_add(store, &path, wf_desc_label_row(), &row);
    }
    return path;
}

/* Work of its own, most of it for the agents of those that it is linked with. */
static void assign(struct sim *s, struct rogue *r)
{
    const uint8_t payload[8] = {0, 0, 0, 0, (uint8_t) below(&s->clock, MANNERS)};
    const char cap[3] = {'c', (char) ('0' + below(&s->clock, s->swarm.ncaps)), '\0'};
    struct wf_buf store = WF_BUF_INIT(4096);
    struct wf_assign m = {.capability = wf_slice_of(cap),
                          .version = 1,
                          .payload = wf_slice_make(payload, sizeof payload)};

    m.job = some_id(s, r);
    m.attempt = 1 + below(&s->clock, 40);
    m.seq = wf_rng_next(&s->clock.rng);
    m.priority = below(&s->clock, 10);
    m.class_ = below(&s->clock, 3);
    m.disconnect = below(&s->clock, 4);
    m.number = wf_rng_next(&s->clock.rng) >> 32;
    m.numbers = below(&s->clock, 256);
    m.path = some_path(s, &store);
    m.origin = some_id(s, r);
    m.disconnect_ms = below(&s->clock, 3000);
    m.stop_after_ms = percent(&s->clock, 30) ? 1 + below(&s->clock, 3000) : 0;
    m.left_ms = percent(&s->clock, 30) ? below(&s->clock, 5000) : 0;
    actor_say(s, &r->a, WF_MSG_assign, &m);
    wf_buf_fini(&store);
}

/* A guest of another broker, by what that one calls it; else a job. */
static void meddle(struct sim *s, struct rogue *r)
{
    const struct job *j = rogue_victim(s, r);
    const struct wf_id id = j == NULL          ? some_id(s, r)
                            : j->guest != NULL ? j->guest->job
                                               : j->id;
    const uint64_t attempt = j == NULL          ? 1
                             : j->guest != NULL ? j->guest->attempt
                                                : j->attempt;
    struct wf_stop stop = {.job = id, .attempt = attempt};
    const struct wf_result_ack ack = {id, attempt};

    stop.code = below(&s->clock, 50);
    stop.waiting = below(&s->clock, 2);
    if (percent(&s->clock, 50)) {
        actor_say(s, &r->a, WF_MSG_stop, &stop);
    } else {
        actor_say(s, &r->a, WF_MSG_result_ack, &ack);
    }
}

/* That it holds attempts which it never got. */
static void claim(struct sim *s, struct rogue *r)
{
    struct wf_buf rows = WF_BUF_INIT(4096);
    struct wf_resync m = {{0}};

    for (uint64_t n = below(&s->clock, 4); n > 0; n--) {
        const struct job *j = rogue_victim(s, r);
        struct wf_run_row row = {.attempt = 1, .state = below(&s->clock, 3)};

        if (j != NULL) {
            row.job = j->id;
            row.attempt = j->attempt + below(&s->clock, 2);
            (void) wf_rows_add(&rows, &m.runs, wf_desc_run_row(), &row);
        }
    }
    actor_say(s, &r->a, WF_MSG_resync, &m);
    wf_buf_fini(&rows);
}

/* -- what is said ----------------------------------------------------------------------
 */

/* That somebody's key is revoked, in the name of who may say so. */
static void forge_key(struct sim *s, struct wf_fact_row *row, struct wf_key *about,
                      struct wf_buf *body)
{
    const struct actor *a = s->actors[below(&s->clock, s->nactors)];
    const struct wf_key_fact m = {.role = a->role,
                                  .name = wf_slice_of(a->name),
                                  .state = WF_KEY_REVOKED,
                                  .version = below(&s->clock, 1000)};

    (void) wf_msg_encode(body, WF_MSG_key_fact, &m);
    *about = a->key;
    row->origin = s->hosts[below(&s->clock, s->nhosts)].key;
    row->kind = WF_FACT_KEY;
    row->key = wf_slice_make(about->b, sizeof about->b);
    row->body = wf_slice_make(body->p, body->len);
}

/* Facts in its own name are signed well and say anything; those in others' are not. */
static void tell_facts(struct sim *s, struct rogue *r)
{
    struct wf_buf store = WF_BUF_INIT(8192), body = WF_BUF_INIT(1024);
    struct wf_fact_row row = {.origin = r->a.key, .kind = WF_FACT_SITE};
    uint8_t noise[64], sign[WF_SIGN_SIZE];
    struct wf_facts m = {{0}};
    struct wf_key about;
    struct said said;

    for (size_t i = 0; i < sizeof noise; i++) {
        noise[i] = (uint8_t) wf_rng_next(&s->clock.rng);
    }
    row.seq = percent(&s->clock, 20) ? wf_rng_next(&s->clock.rng) : ++r->seq;
    row.skips = percent(&s->clock, 20) ? wf_rng_next(&s->clock.rng) : 0;
    row.body = wf_slice_make(noise, below(&s->clock, sizeof noise));
    if (percent(&s->clock, 60)) {
        forge_key(s, &row, &about, &body);
    }
    said = (struct said){row.origin, row.seq, (unsigned) row.kind, row.key, row.body};
    sign_make(&said, r->secret, sign);
    row.sign = wf_slice_make(sign, sizeof sign);
    (void) wf_rows_add(&store, &m.rows, wf_desc_fact_row(), &row);
    actor_say(s, &r->a, WF_MSG_facts, &m);
    wf_buf_fini(&store);
    wf_buf_fini(&body);
}

/* Whose a job is, wrongly. */
static void mislead(struct sim *s, struct rogue *r)
{
    const struct wf_broker_row row = {r->a.key, wf_slice_of(r->a.name), wf_slice_of(""),
                                      wf_slice_of("tcp://rogue:1")};
    struct wf_buf store = WF_BUF_INIT(1024);
    struct wf_sought m = {.req = 1 + below(&s->clock, 20)};
    struct wf_seek seek = {.req = below(&s->clock, 100)};

    seek.job = some_id(s, r);
    seek.hops = below(&s->clock, 16);
    seek.origin = below(&s->clock, 100);
    (void) wf_rows_add(&store, &m.at, wf_desc_broker_row(), &row);
    actor_say(s, &r->a, WF_MSG_sought, &m);
    actor_say(s, &r->a, WF_MSG_seek, &seek);
    wf_buf_fini(&store);
}

void rogue_broker_act(struct sim *s, struct rogue *r)
{
    switch (below(&s->clock, 6)) {
    case 0:
    case 1:
        for (uint64_t n = percent(&s->clock, 10) ? FLOOD : 1; n > 0; n--) {
            assign(s, r);
        }
        break;
    case 2:
        meddle(s, r);
        break;
    case 3:
        claim(s, r);
        break;
    case 4:
        tell_facts(s, r);
        break;
    default:
        mislead(s, r);
        break;
    }
}
