#include "tests/sim/scale/site.h"

#include "common/check.h"
#include "common/err.h"
#include "common/fnv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define QUICK_US  200000u
#define CLIENT_NS (EV_MS / 5)

const struct site_kind site_kinds[SITE_KINDS] = {
    {"look", 1, 600}, {"crunch", 5, 300}, {"train", 20, 100}};

enum run_state { AIR, WAITING, RUNNING, OVER };

struct run {
    struct event event;
    struct wf_list_node queued, in_runs;
    struct device *at;
    struct wf_id job;
    uint64_t attempt, seq, work_us, run_us, came_ns;
    enum run_state state;
    int code;
};

static struct wf_key key_of(uint64_t what, uint64_t broker, uint64_t number)
{
    uint64_t h = wf_fnv_u64(wf_fnv_u64(wf_fnv_u64(WF_FNV_START, what), broker), number);
    struct wf_key k;

    for (unsigned i = 0; i < sizeof k.b; i++) {
        h = wf_fnv_u64(h, i);
        k.b[i] = (uint8_t) (h >> 56);
    }
    return k;
}

struct wf_key site_broker_key(const struct broker *b)
{
    return key_of(1, b->index, 0);
}

struct wf_key site_agent_key(const struct broker *b, unsigned i)
{
    return key_of(2, b->index, i);
}

struct wf_key site_client_key(const struct broker *b)
{
    return key_of(3, b->index, 0);
}

static void say(struct world *w, struct broker *b, uint32_t peer, enum wf_type type,
                const void *body)
{
    struct wf_msg msg = {.type = type};
    struct broker_event ev = {.kind = BROKER_MSG, .peer = peer, .msg = &msg};

    memcpy(&msg.u, body, wf_desc_of(type)->size);
    world_step(w, b, &ev);
}

/* -- agents ----------------------------------------------------------------------------
 */

static void offer(struct world *w, struct device *d)
{
    struct wf_buf rows = WF_BUF_INIT(4096);
    struct wf_agent_info m = {.seq = ++d->seq,
                              .slots = 1,
                              .cpus = 4,
                              .arch = wf_slice_of("x86_64"),
                              .class_ = wf_slice_of("plain")};

    for (unsigned i = 0; i < SITE_KINDS + (d->offers_more != 0); i++) {
        const struct wf_cap_row row = {
            .name = wf_slice_of(i < SITE_KINDS ? site_kinds[i].name : "more"),
            .version = i < SITE_KINDS ? 1 : (uint64_t) d->offers_more,
            .kind = WF_HANDLER_EXEC,
            .slots = 1,
            .queue = 1};

        WF_CHECK(wf_rows_add(&rows, &m.caps, wf_desc_cap_row(), &row) == 0);
    }
    say(w, d->of, d->peer, WF_MSG_agent_info, &m);
    wf_buf_fini(&rows);
}

void site_change(struct world *w, struct broker *b)
{
    b->devices[0].offers_more++;
    offer(w, &b->devices[0]);
}

static void beat(void *world, struct event *e)
{
    struct world *w = world;
    struct device *d = CONTAINER_OF(e, struct device, beat);
    const struct wf_ping m = {.seq = ++d->seq,
                              .time_us = w->ev.now_ns / 1000,
                              .rtt_us = 2 * d->delay_ns / 1000,
                              .covered = d->covered,
                              .jobs = d->held,
                              .work_us = d->work_us,
                              .arrived = d->arrived};

    say(w, d->of, d->peer, WF_MSG_ping, &m);
    events_set(&w->ev, e, w->ev.now_ns + d->of->cfg.heartbeat_ms * EV_MS, beat);
}

static void connect(void *world, struct event *e)
{
    struct world *w = world;
    struct device *d = CONTAINER_OF(e, struct device, beat);
    const unsigned i = (unsigned) (d - d->of->devices);
    struct broker_event up = {.kind = BROKER_PEER_UP,
                              .peer = d->peer,
                              .key = i == d->of->ndevices ? site_client_key(d->of)
                                                          : site_agent_key(d->of, i)};
    const struct wf_hello m = {.proto_min = 1,
                               .proto_max = 1,
                               .role =
                                   i == d->of->ndevices ? WF_ROLE_CLIENT : WF_ROLE_AGENT,
                               .epoch = i + 1,
                               .software = wf_slice_of("scale")};
    const struct wf_resync none = {{0}};

    world_step(w, d->of, &up);
    say(w, d->of, d->peer, WF_MSG_hello, &m);
    if (m.role == WF_ROLE_AGENT) {
        offer(w, d);
        say(w, d->of, d->peer, WF_MSG_resync, &none);
    }
    beat(w, e);
}

void site_start(struct world *w, struct broker *b)
{
    /* The client stands behind the agents; it has heartbeats as well. */
    b->devices = room(b->ndevices + 1, sizeof *b->devices);
    for (unsigned i = 0; i <= b->ndevices; i++) {
        struct device *d = &b->devices[i];

        d->of = b;
        d->peer = i + 1;
        d->delay_ns = EV_MS / 2 + wf_rng_below(&w->rng, EV_MS);
        wf_list_init(&d->queue);
        wf_list_init(&d->runs);
        events_set(&w->ev, &d->beat, w->ev.now_ns + wf_rng_below(&w->rng, EV_S), connect);
    }
    b->client = b->ndevices + 1;
    b->next_peer = b->client + 1;
}

void site_free(struct broker *b)
{
    for (unsigned i = 0; i < b->ndevices && b->devices != NULL; i++) {
        struct wf_list_node *n;

        while ((n = wf_list_first(&b->devices[i].runs)) != NULL) {
            struct run *r = CONTAINER_OF(n, struct run, in_runs);

            wf_list_remove(&r->in_runs);
            wf_list_remove(&r->queued);
            free(r);
        }
    }
    free(b->devices);
}

/* -- runs ------------------------------------------------------------------------------
 */

static void begin(struct world *w, struct run *r);

static void begin_next(struct world *w, struct device *d)
{
    struct wf_list_node *n = wf_list_first(&d->queue);

    if (n != NULL && !d->busy) {
        wf_list_remove(n);
        begin(w, CONTAINER_OF(n, struct run, queued));
    }
}

static void tell_result(void *world, struct event *e)
{
    struct world *w = world;
    struct run *r = CONTAINER_OF(e, struct run, event);
    struct device *d = r->at;
    const struct wf_result m = {.job = r->job,
                                .attempt = r->attempt,
                                .code = (uint64_t) -r->code,
                                .run_us = r->run_us};

    wf_list_remove(&r->in_runs);
    free(r);
    say(w, d->of, d->peer, WF_MSG_result, &m);
}

static void tell_refusal(void *world, struct event *e)
{
    struct world *w = world;
    struct run *r = CONTAINER_OF(e, struct run, event);
    struct device *d = r->at;
    const struct wf_refuse m = {
        .job = r->job, .attempt = r->attempt, .code = (uint64_t) -r->code};

    wf_list_remove(&r->in_runs);
    free(r);
    say(w, d->of, d->peer, WF_MSG_refuse, &m);
}

/* It holds it no more; what it says of it is under way. */
static void leave(struct world *w, struct run *r, int code,
                  void (*tell)(void *world, struct event *e))
{
    struct device *d = r->at;

    wf_list_remove(&r->queued);
    if (r->state != AIR) {
        d->held--;
        d->work_us -= r->work_us;
    }
    d->busy -= r->state == RUNNING;
    r->state = OVER;
    r->code = code;
    events_set(&w->ev, &r->event, w->ev.now_ns + d->delay_ns, tell);
    begin_next(w, d);
}

static void end(void *world, struct event *e)
{
    leave(world, CONTAINER_OF(e, struct run, event), 0, tell_result);
}

static void announce(void *world, struct event *e)
{
    struct world *w = world;
    struct run *r = CONTAINER_OF(e, struct run, event);
    const struct wf_started m = {
        .job = r->job, .attempt = r->attempt, .ago_us = r->at->delay_ns / 1000};

    events_set(&w->ev, e, w->ev.now_ns + r->run_us * 1000 - r->at->delay_ns, end);
    say(w, r->at->of, r->at->peer, WF_MSG_started, &m);
}

/* Nothing is said at once: a core may be in a step. */
static void begin(struct world *w, struct run *r)
{
    r->at->busy = 1;
    r->state = RUNNING;
    if (r->run_us > QUICK_US) {
        events_set(&w->ev, &r->event, w->ev.now_ns + r->at->delay_ns, announce);
    } else {
        events_set(&w->ev, &r->event, w->ev.now_ns + r->run_us * 1000, end);
    }
}

static void arrive(void *world, struct event *e)
{
    struct world *w = world;
    struct run *r = CONTAINER_OF(e, struct run, event);
    struct device *d = r->at;

    r->state = WAITING;
    r->came_ns = w->ev.now_ns;
    d->held++;
    d->arrived++;
    d->work_us += r->work_us;
    d->covered = wf_max_u64(d->covered, r->seq);
    wf_list_push_back(&d->queue, &r->queued);
    begin_next(w, d);
}

static void take(struct world *w, struct device *d, const struct wf_assign *m)
{
    struct run *r = room(1, sizeof *r);

    r->at = d;
    r->job = m->job;
    r->attempt = m->attempt;
    r->seq = m->seq;
    r->work_us = m->work_us;
    WF_CHECK(m->payload.len == sizeof r->run_us);
    memcpy(&r->run_us, m->payload.p, sizeof r->run_us);
    wf_list_init(&r->queued);
    wf_list_push_back(&d->runs, &r->in_runs);
    events_set(&w->ev, &r->event, w->ev.now_ns + d->delay_ns, arrive);
}

static void stop(struct world *w, struct device *d, const struct wf_stop *m)
{
    for (struct wf_list_node *n = wf_list_first(&d->runs); n != NULL;
         n = wf_list_next(&d->runs, n)) {
        struct run *r = CONTAINER_OF(n, struct run, in_runs);

        if (r->state == OVER || r->attempt != m->attempt || !wf_id_eq(&r->job, &m->job) ||
            (m->waiting && r->state == RUNNING)) {
            continue;
        }
        leave(w, r, -(int) m->code, m->waiting ? tell_refusal : tell_result);
        return;
    }
}

/* -- the client ------------------------------------------------------------------------
 */

static uint64_t cpu_ns(void)
{
    struct timespec t;

    (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t) t.tv_sec * EV_S + (uint64_t) t.tv_nsec;
}

void site_submit(struct world *w, struct broker *b, struct work *x)
{
    const uint64_t number = (uint64_t) (x - w->works);
    struct wf_submit m = {.capability = wf_slice_of(site_kinds[x->kind].name),
                          .version = 1,
                          .payload = wf_slice_make(&x->run_us, sizeof x->run_us),
                          .class_ = WF_CLASS_FAST,
                          .priority = 4};
    uint64_t began;

    memcpy(m.job.b, &number, sizeof number);
    m.job.b[15] = 1;
    world_submitted(w, x);
    began = cpu_ns();
    say(w, b, b->client, WF_MSG_submit, &m);
    samples_add(&w->decide_ns, cpu_ns() - began);
}

static void hear_end(struct world *w, const struct wf_id *id, int refused)
{
    uint64_t number;
    struct work *x;

    memcpy(&number, id->b, sizeof number);
    WF_CHECK(number < w->nworks);
    x = &w->works[number];
    if (x->done_ns == 0) {
        x->done_ns = w->ev.now_ns + CLIENT_NS;
        x->refused = (uint8_t) refused;
        w->ndone++;
        w->nrefused += refused != 0;
    }
}

int site_heard(struct world *w, struct broker *b, uint32_t peer, const uint8_t *p,
               size_t len)
{
    struct wf_cursor cur;
    struct wf_msg m;

    if (peer == 0 || peer > b->client) {
        return 0;
    }
    wf_cur_init(&cur, p, len);
    WF_CHECK(wf_msg_decode(&cur, &m) == 0);
    if (peer == b->client) {
        if (m.type == WF_MSG_outcome) {
            hear_end(w, &m.u.outcome.job, m.u.outcome.code != 0);
        } else if (m.type == WF_MSG_error && m.u.error.about == WF_MSG_submit) {
            hear_end(w, &m.u.error.job, 1);
        }
    } else if (m.type == WF_MSG_assign) {
        take(w, &b->devices[peer - 1], &m.u.assign);
    } else if (m.type == WF_MSG_stop) {
        stop(w, &b->devices[peer - 1], &m.u.stop);
    }
    return 1;
}
