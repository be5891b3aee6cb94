#include "tests/sim/sim.h"

#include <string.h>

const struct job *rogue_victim(struct sim *s, const struct rogue *r)
{
    const struct wf_list_node *head = &r->a.home->core->jobs.all;
    size_t n = wf_map_len(r->a.home->core->jobs.by_id);
    const struct wf_list_node *x = head;

    if (n == 0) {
        return NULL;
    }
    for (uint64_t i = below(&s->clock, n) + 1; i > 0; i--) {
        x = x->next;
    }
    return CONTAINER_OF(x, struct job, in_all);
}

void rogue_reset(struct rogue *r)
{
    const struct actor keep = r->a;

    *r = (struct rogue){.a = keep};
}

static void say_random(struct sim *s, struct rogue *r)
{
    union {
        struct wf_msg msg;
        uint8_t room[2048];
    } body;
    const struct wf_desc *d;

    s->gen.rng.s = wf_rng_next(&s->clock.rng);
    d = gen_pick(&s->gen);
    gen_body(&s->gen, d, GEN_SMALL, &body);
    actor_say(s, &r->a, (enum wf_type) d->number, &body);
}

/* Bytes that are no message, alone or behind one that is. */
static void say_garbage(struct sim *s, struct rogue *r)
{
    uint8_t bytes[64];

    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t) wf_rng_next(&s->clock.rng);
    }
    wf_effects_add(&r->a.fx, WF_EFFECT_SEND, 0, 0, bytes,
                   1 + (size_t) below(&s->clock, sizeof bytes), NULL);
}

/* What somebody else said, as if it were one's own. */
static void say_again(struct sim *s, struct rogue *r)
{
    const struct net *n = &s->net;
    const struct wf_buf *heard;

    if (n->nheard != 0) {
        heard = &n->heard[below(&s->clock, wf_min_u64(n->nheard, NET_HEARD))];
        wf_effects_add(&r->a.fx, WF_EFFECT_SEND, 0, 0, heard->p, heard->len, NULL);
    }
}

static void forge_as_agent(struct sim *s, struct rogue *r)
{
    const struct job *j = rogue_victim(s, r);
    const struct wf_id id = j != NULL && percent(&s->clock, 80) ? j->id : r->held;
    const uint64_t attempt = j != NULL && percent(&s->clock, 80)
                                 ? j->attempt + below(&s->clock, 3)
                                 : r->held_attempt;
    const uint64_t run_us = wf_rng_next(&s->clock.rng);
    const struct wf_result result = {.job = id,
                                     .attempt = attempt,
                                     .code = below(&s->clock, 2) ? 0 : 30,
                                     .data = wf_slice_of("forged"),
                                     .run_us = run_us,
                                     .number = attempt + below(&s->clock, 20)};
    const struct wf_started started = {id, attempt};
    const struct wf_output output = {
        .job = id, .attempt = attempt, .stream = 1, .data = wf_slice_of("forged")};
    const struct wf_refuse refuse = {.job = id,
                                     .attempt = attempt,
                                     .code = below(&s->clock, 256),
                                     .left = below(&s->clock, 256)};

    switch (below(&s->clock, 5)) {
    case 0:
    case 1:
        actor_say(s, &r->a, WF_MSG_result, &result);
        break;
    case 2:
        actor_say(s, &r->a, WF_MSG_started, &started);
        break;
    case 3:
        actor_say(s, &r->a, WF_MSG_output, &output);
        break;
    default:
        actor_say(s, &r->a, WF_MSG_refuse, &refuse);
        break;
    }
}

static void offer(struct sim *s, struct rogue *r)
{
    struct wf_agent_info m = {.seq = 1, .slots = 1 + below(&s->clock, 100)};
    struct wf_buf rows = WF_BUF_INIT(4096);

    for (unsigned i = 0; i < s->swarm.ncaps; i++) {
        const char name[3] = {'c', (char) ('0' + i), '\0'};
        struct wf_cap_row row = {.name = wf_slice_of(name), .kind = WF_HANDLER_EXEC};

        row.version = 1 + below(&s->clock, 2);
        row.slots = 1 + below(&s->clock, 3);
        row.queue = below(&s->clock, 3);
        (void) wf_rows_add(&rows, &m.caps, wf_desc_cap_row(), &row);
    }
    actor_say(s, &r->a, WF_MSG_agent_info, &m);
    if (percent(&s->clock, 70)) {
        const struct wf_resync none = {{0}};

        actor_say(s, &r->a, WF_MSG_resync, &none);
    }
    wf_buf_fini(&rows);
}

static void meddle_as_client(struct sim *s, struct rogue *r)
{
    const struct job *j = rogue_victim(s, r);
    const struct hjob *h = j != NULL ? history_find(s, r->a.home, &j->id) : NULL;
    char text[WF_ID_TEXT];
    struct wf_cancel cancel;
    struct wf_watch watch;
    struct wf_query query;
    struct wf_submit submit;

    if (h == NULL) {
        return;
    }
    cancel = (struct wf_cancel){1 + below(&s->clock, 100), h->id};
    watch = (struct wf_watch){1, h->id, 1, 1};
    query = (struct wf_query){.req = 2,
                              .kind = WF_QUERY_JOB + below(&s->clock, 2),
                              .key = wf_slice_of(wf_id_text(&h->id, text))};
    submit = (struct wf_submit){.job = h->id,
                                .capability = wf_slice_of(h->cap),
                                .class_ = below(&s->clock, 3),
                                .payload = wf_slice_of("mine now")};
    switch (below(&s->clock, 4)) {
    case 0:
        actor_say(s, &r->a, WF_MSG_cancel, &cancel);
        break;
    case 1:
        actor_say(s, &r->a, WF_MSG_watch, &watch);
        break;
    case 2:
        actor_say(s, &r->a, WF_MSG_query, &query);
        break;
    default:
        actor_say(s, &r->a, WF_MSG_submit, &submit);
        break;
    }
}

static void rogue_work(struct sim *s, struct actor *a)
{
    struct rogue *r = CONTAINER_OF(a, struct rogue, a);
    const struct wf_ping forged = {.seq = 1, .rtt_us = wf_rng_next(&s->clock.rng)};

    if (r->link.state == WF_LINK_READY && a->home->up) {
        switch (below(&s->clock, 9)) {
        case 0:
            say_random(s, r);
            break;
        case 4:
            say_again(s, r);
            break;
        case 1:
            if (percent(&s->clock, 20)) {
                say_garbage(s, r);
            }
            break;
        case 2:
            actor_say(s, a, WF_MSG_ping, &forged);
            break;
        case 3:
            if (a->role != WF_ROLE_CLIENT) {
                offer(s, r);
            }
            break;
        default:
            if (a->role == WF_ROLE_BROKER && percent(&s->clock, 60)) {
                rogue_broker_act(s, r);
            } else if (a->role != WF_ROLE_CLIENT) {
                forge_as_agent(s, r);
            } else {
                meddle_as_client(s, r);
            }
            break;
        }
    }
    (void) actor_at(s, a, s->clock.now_us + around(&s->clock, 40 * MS), EV_WORK);
}

static void rogue_link(struct sim *s, struct actor *a, enum link_news news)
{
    struct rogue *r = CONTAINER_OF(a, struct rogue, a);

    switch (news) {
    case LINK_NEWS_UP:
        wf_link_up(&r->link, actor_us(s, &r->a), &a->fx);
        break;
    case LINK_NEWS_DOWN:
        wf_link_down(&r->link, actor_us(s, &r->a), &a->fx);
        break;
    case LINK_NEWS_REFUSED:
        wf_link_refused(&r->link, actor_us(s, &r->a), &a->fx);
        break;
    }
}

static void rogue_msg(struct sim *s, struct actor *a, const struct wf_msg *msg,
                      struct wf_slice raw)
{
    struct rogue *r = CONTAINER_OF(a, struct rogue, a);

    (void) raw;
    if (wf_link_msg(&r->link, actor_us(s, &r->a), msg, &a->fx) == WF_LINK_OPENED) {
        if (a->role != WF_ROLE_CLIENT) {
            offer(s, r);
        }
    } else if (msg->type == WF_MSG_assign) {
        r->held = msg->u.assign.job;
        r->held_attempt = (uint32_t) msg->u.assign.attempt;
    }
}

static void rogue_tick(struct sim *s, struct actor *a)
{
    struct rogue *r = CONTAINER_OF(a, struct rogue, a);

    r->link.load.covered = wf_rng_next(&s->clock.rng);
    r->link.load.jobs = r->link.load.work_us = r->link.load.covered;
    wf_link_tick(&r->link, actor_us(s, &r->a), &a->fx);
}

static uint64_t rogue_wakeup_us(const struct actor *a)
{
    return CONTAINER_OF(a, struct rogue, a)->link.due_us;
}

static void rogue_start(struct sim *s, struct actor *a)
{
    struct rogue *r = CONTAINER_OF(a, struct rogue, a);
    struct wf_link_config cfg = {.role = a->role,
                                 .nendpoints = 1,
                                 .retry_min_ms = 20,
                                 .retry_max_ms = 400,
                                 .dial_ms = 900};

    cfg.epoch = wf_rng_next(&s->clock.rng);
    cfg.seed = wf_rng_next(&s->clock.rng);
    r->held = (struct wf_id){{0}};
    r->held_attempt = 0;
    if (a->role == WF_ROLE_BROKER) {
        rogue_broker_start(r);
        cfg.sign = wf_slice_make(r->sign.b, sizeof r->sign.b);
    }
    wf_link_init(&r->link, &cfg);
    wf_link_start(&r->link, actor_us(s, &r->a), &a->fx);
    (void) actor_at(s, a, s->clock.now_us + around(&s->clock, 40 * MS), EV_WORK);
}

static void rogue_end(struct sim *s, struct actor *a)
{
    (void) s;
    (void) a;
}

const struct actor_ops rogue_ops = {.link = rogue_link,
                                    .msg = rogue_msg,
                                    .tick = rogue_tick,
                                    .wakeup_us = rogue_wakeup_us,
                                    .work = rogue_work,
                                    .start = rogue_start,
                                    .end = rogue_end};
