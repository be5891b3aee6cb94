#include "tests/sim/sim.h"

#include "common/check.h"
#include "tests/sim/draw.h"
#include "tests/sim/roam/whose.h"

#include <stdio.h>
#include <string.h>

/* After the faults, before a call that was sent elsewhere by a liar is let go. */
#define PATIENCE_US (60ull * SECOND)

static struct client_call *slot(struct client *c)
{
    for (unsigned i = 0; i < CLIENT_CALLS; i++) {
        struct client_call *x = &c->slots[i];

        if (!x->used) {
            struct wf_call call = x->call;

            *x = (struct client_call){.call = call};
            wf_call_reset(&x->call);
            return x;
        }
    }
    return NULL;
}

static void let_go(struct client *c, struct client_call *x)
{
    if (x->job != NULL && x->keeps) {
        x->job->held--;
    }
    wf_calls_forget(&c->calls, &x->call);
    x->used = 0;
}

/* -- asking ----------------------------------------------------------------------------
 */

static int submit(struct sim *s, struct client *c, struct hjob *j, int other_work)
{
    struct wf_buf needs = WF_BUF_INIT(256), inputs = WF_BUF_INIT(256);
    struct client_call *x = slot(c);
    uint8_t payload[32 << 10];
    struct wf_submit m = {.job = j->id,
                          .capability = wf_slice_of(j->cap),
                          .version = j->version,
                          .class_ = j->class_,
                          .priority = j->priority,
                          .wall_ms = j->wall_ms,
                          .deadline_ms = j->deadline_ms,
                          .max_attempts = j->max_attempts,
                          .node = wf_slice_of(j->pin),
                          .detached = j->detached,
                          .disconnect = j->disconnect,
                          .disconnect_ms = j->disconnect_ms,
                          .reuse_ms = j->reuse_ms,
                          .hedge = (uint64_t) j->hedge};
    int rc = WEFT_EFULL;

    if (x != NULL && whose_may_submit(c, j)) {
        if (j->need[0] != '\0') {
            const struct wf_label_row row = {wf_slice_of(j->need)};

            (void) wf_rows_add(&needs, &m.needs, wf_desc_label_row(), &row);
        }
        if (j->good != 0) {
            const struct wf_input_row row = {wf_slice_of("in"),
                                             wf_slice_of(s->goods.v[j->good - 1].hex)};

            (void) wf_rows_add(&inputs, &m.inputs, wf_desc_input_row(), &row);
        }
        m.payload = wf_slice_make(
            payload, history_payload(j, other_work, payload, sizeof payload));
        x->call.flags = j->detached ? WF_CALL_DETACHED : 0;
        x->call.offer_ms = s->swarm.offer_ms;
        if (percent(&s->clock, s->swarm.watch_pct)) {
            x->call.flags |= WF_CALL_OUTPUT | WF_CALL_UPDATES;
        }
        rc = wf_calls_submit(&c->calls, actor_us(s, &c->a), &x->call, &m, &c->a.fx);
        if (rc == 0) {
            x->used = 1;
            x->keeps = !other_work;
            x->other_work = other_work;
            x->job = j;
            j->held += x->keeps;
            j->forgotten = 0;
            j->altered |= other_work;
        }
    }
    wf_buf_fini(&needs);
    wf_buf_fini(&inputs);
    return rc;
}

struct client_call *client_watch(struct sim *s, struct client *c, struct hjob *j,
                                 unsigned flags)
{
    struct client_call *x = slot(c);

    (void) s;
    if (x == NULL) {
        return NULL;
    }
    x->call.flags = flags;
    if (wf_calls_watch(&c->calls, &x->call, &j->id, &c->a.fx) != 0) {
        return NULL;
    }
    x->used = 1;
    x->job = j;
    x->keeps = &c->a == j->owner;
    j->held += x->keeps;
    return x;
}

struct client_call *client_ask(struct sim *s, struct client *c, enum wf_type type,
                               void *body)
{
    struct client_call *x = slot(c);

    if (x == NULL || wf_calls_request(&c->calls, &x->call, type, body, NULL,
                                      actor_us(s, &c->a) + 5 * SECOND, &c->a.fx) != 0) {
        return NULL;
    }
    x->used = 1;
    x->asked = type;
    return x;
}

/* -- what comes back -------------------------------------------------------------------
 */

/* Submits that may be tried again, and those that may not. */
static void submit_failed(struct sim *s, struct client_call *x)
{
    struct hjob *j = x->job;

    if (x->other_work) {
        return;
    }
    switch (x->call.error) {
    case WEFT_EBUSY:
    case WEFT_EFULL:
    case WEFT_ECLOSED:
    case WEFT_ESTORAGE:
        return;
    case WEFT_ENOENT: /* a node that there is not, or data that the broker does not have
                         to which its owner went; else the watch that repairs a submit
                         found its broker gone */
        j->code = (j->pin[0] != '\0' || (j->good != 0 && j->owner->roam.on)) &&
                          !history_holds(s, j)
                      ? x->call.error
                      : 0;
        return;
    case WEFT_ENOCAP:
    case WEFT_ETOOBIG:
        if (history_holds(s, j) && s->shares) {
            return; /* by a broker that does not know that the other one has it */
        }
        if (history_holds(s, j)) {
            sim_fail(s, "job %u was accepted, and is refused with %d", j->index,
                     x->call.error);
        }
        j->code = x->call.error;
        return;
    case WEFT_EEXPIRED: /* in the queue of its client, this time */
        j->code = history_holds(s, j) ? 0 : x->call.error;
        return;
    case WEFT_EINVAL:
    case WEFT_EPROTO:
        sim_fail(s, "job %u is refused as invalid: %s", j->index, wf_call_text(&x->call));
        return;
    default:
        j->code = x->call.error;
        return;
    }
}

/* The answer to job_retry. */
static void repeated(struct sim *s, const struct client *c, struct client_call *x)
{
    struct hjob *j = x->job;

    switch (x->call.error) {
    case 0:
        j->home = c->a.conn != NULL ? c->a.conn->to : j->home;
        history_repeated(s, j, c->a.conn != NULL ? c->a.conn->broker_inc : 0);
        return;
    case WEFT_ENOENT: /* what it repeats is gone; so it may be itself, of class fast */
    case WEFT_ECONFLICT:
    case WEFT_ESTATE:
        if (!history_holds(s, j)) {
            j->code = x->call.error;
        }
        return;
    case WEFT_EBUSY: /* where little room is, there may never be enough for both */
        j->code = history_evicts(s) ? WEFT_EBUSY : 0;
        return;
    default:
        return;
    }
}

static void ended(struct sim *s, struct client *c, struct client_call *x)
{
    if (++x->ends != 1) {
        sim_fail(s, "%s: a call ended twice", c->a.name);
    }
    sim_log(s, c->a.name, "call ends: job %d error %d %s",
            x->job != NULL ? (int) x->job->index : -1, x->call.error,
            wf_call_text(&x->call));
    if (x->call.kind == WF_CALL_SUBMIT && x->call.error != 0) {
        submit_failed(s, x);
    }
    if (x->call.error == WEFT_ENOENT && x->job != NULL && x->job->retry_of != NULL &&
        x->job->held == x->keeps && !history_holds(s, x->job)) {
        /* Retention took it, or the broker's end; it is not one that is still asked
         * for. */
        x->job->code = WEFT_ENOENT;
    }
    if (x->call.error == WEFT_EREVOKED || x->call.error == WEFT_EAUTH) {
        c->a.dead |= c->a.revoked;
    }
    if (x->call.kind == WF_CALL_REQUEST && x->asked == WF_MSG_job_retry) {
        repeated(s, c, x);
    } else if (x->call.kind == WF_CALL_REQUEST) {
        operator_told(s, c, x);
    }
    let_go(c, x);
}

static void accepted(struct sim *s, struct client *c, struct client_call *x)
{
    if (x->other_work && !x->job->disputed && !x->job->damaged && s->swarm.dup_pm == 0) {
        sim_fail(s, "job %u: other work under its id was accepted", x->job->index);
    } else if (x->job != NULL && x->keeps && percent(&s->clock, s->swarm.forget_pct)) {
        x->job->forgotten = 1;
        let_go(c, x);
    }
}

static void take_news(struct sim *s, struct client *c)
{
    struct wf_call *call;

    while ((call = wf_calls_news(&c->calls)) != NULL) {
        struct client_call *x = CONTAINER_OF(call, struct client_call, call);
        unsigned news = call->news;

        call->news = 0;
        if (news & WF_NEWS_DONE) {
            ended(s, c, x);
        } else if (news & WF_NEWS_ACCEPTED) {
            accepted(s, c, x);
        }
    }
}

/* -- of its own accord -----------------------------------------------------------------
 */

static struct hjob *own_job(struct sim *s, const struct client *c)
{
    struct hjob *j = s->history.njobs != 0
                         ? &s->history.jobs[below(&s->clock, s->history.njobs)]
                         : NULL;

    return j != NULL && j->owner == &c->a ? j : NULL;
}

static void submit_new(struct sim *s, struct client *c)
{
    for (unsigned i = 0; i < s->swarm.burst && c->made < s->swarm.jobs; i++) {
        struct hjob *j = history_job(s, &c->a);

        if (j == NULL) {
            return;
        }
        c->made++;
        draw_job(s, j);
        (void) submit(s, c, j, 0);
    }
}

/* Is how it ended still of interest to its owner? */
static int is_open(const struct sim *s, const struct client *c, const struct hjob *j)
{
    if (j->outcome.inc != 0 || j->code != 0 || j->disputed || j->damaged ||
        (j->stolen && c->a.roam.on)) {
        return 0; /* who asks for a stolen one elsewhere is not told where it is */
    }
    if (history_holds(s, j)) {
        return 1;
    }
    /* Lost with its broker's process, as class fast may be; nobody asked since. */
    return j->accepted_inc == 0 || j->accepted_inc == j->home->inc || !j->forgotten;
}

/* Ask for a job to be done again, as a new one. */
static void repeat(struct sim *s, struct client *c, struct hjob *j)
{
    struct wf_job_retry m = {.job = j->retry_of->id, .new_job = j->id};
    struct client_call *x = client_ask(s, c, WF_MSG_job_retry, &m);

    if (x != NULL) {
        x->job = j;
        x->keeps = 1;
        j->held++;
    }
}

static void repeat_new(struct sim *s, struct client *c, struct hjob *old)
{
    struct hjob *j = history_job(s, &c->a);

    if (j != NULL) {
        draw_repeat(j, old);
        repeat(s, c, j);
    }
}

/* Bring one job on: submit it again, or ask after it. */
static int follow_up(struct sim *s, struct client *c, struct hjob *j)
{
    if (j->held != 0 || !is_open(s, c, j)) {
        return 0;
    }
    /* Who forgot the work has nothing but its id. */
    if (s->shares && percent(&s->clock, 20)) {
        /* The broker that is here may have been told that another one has it. */
        (void) client_watch(s, c, j, 0);
    } else if (history_knows(s, j) &&
               (j->retry_of != NULL || (j->forgotten && history_holds(s, j)) ||
                percent(&s->clock, 70))) {
        (void) client_watch(s, c, j, 0);
    } else if (j->retry_of != NULL) {
        repeat(s, c, j);
    } else if (!whose_may_submit(c, j)) {
        (void) client_watch(s, c, j, 0); /* whoever is asked may know where it is */
    } else {
        (void) submit(s, c, j, 0);
    }
    return 1;
}

static void query(struct sim *s, struct client *c)
{
    static const enum wf_query_kind kinds[] = {
        WF_QUERY_STATUS, WF_QUERY_NODES,  WF_QUERY_NODE, WF_QUERY_JOBS,   WF_QUERY_JOB,
        WF_QUERY_WHY,    WF_QUERY_EVENTS, WF_QUERY_KEYS, WF_QUERY_TOKENS, WF_QUERY_LOGS};
    struct hjob *j = s->history.njobs != 0
                         ? &s->history.jobs[below(&s->clock, s->history.njobs)]
                         : NULL;
    struct wf_query q = {.kind = kinds[below(&s->clock, ARRAY_LEN(kinds))]};
    char id[WF_ID_TEXT] = "";

    q.limit = 1 + below(&s->clock, 20);
    if (q.kind == WF_QUERY_NODE) {
        q.key = wf_slice_of(s->devices[below(&s->clock, s->ndevices)].a.name);
    } else if (q.kind == WF_QUERY_EVENTS) {
        q.key = wf_slice_of(percent(&s->clock, 50) ? "follow" : "");
    } else if (j != NULL) {
        wf_id_text(&j->id, id);
        q.key = wf_slice_make(id, percent(&s->clock, 70) ? 32 : 6);
    }
    (void) client_ask(s, c, WF_MSG_query, &q);
}

static void look_around(struct sim *s, struct client *c)
{
    struct hjob *j = own_job(s, c);
    struct wf_node_ping ping = {
        .node = wf_slice_of(s->devices[below(&s->clock, s->ndevices)].a.name)};

    if (j == NULL || percent(&s->clock, 50)) {
        query(s, c);
    } else if (percent(&s->clock, 20)) {
        (void) client_ask(s, c, WF_MSG_node_ping, &ping);
    } else {
        (void) client_watch(s, c, j, WF_CALL_OUTPUT | WF_CALL_UPDATES);
    }
}

static void disturb(struct sim *s, struct client *c)
{
    struct hjob *j = own_job(s, c);
    struct wf_cancel cancel;

    if (j == NULL) {
        return;
    }
    if (percent(&s->clock, s->swarm.cancel_pct)) {
        cancel = (struct wf_cancel){.job = j->id};
        (void) client_ask(s, c, WF_MSG_cancel, &cancel);
    }
    if (percent(&s->clock, s->swarm.dup_submit_pct) && j->code == 0 &&
        j->retry_of == NULL && !(j->forgotten && history_holds(s, j))) {
        (void) submit(s, c, j, 0);
    }
    if (percent(&s->clock, s->swarm.dup_submit_pct / 4) && !history_evicts(s) &&
        history_knows(s, j)) {
        (void) submit(s, c, j, 1);
    }
    /* A job has a deadline where there may be nobody to do it; its repeat has none. */
    if (percent(&s->clock, s->swarm.repeat_pct) && j->outcome.inc != 0 && !j->disputed &&
        j->deadline_ms == 0) {
        repeat_new(s, c, j);
    }
    if (percent(&s->clock, s->swarm.query_pct)) {
        look_around(s, c);
    }
}

/* A hostile broker may say that it has a job: who was sent there waits for ever, and in
 * the end asks again. */
static void give_up_led(struct client *c)
{
    for (unsigned i = 0; i < CLIENT_CALLS; i++) {
        struct client_call *x = &c->slots[i];

        if (x->used && x->call.led) {
            let_go(c, x);
        }
    }
}

/* Healed: until every job of its own is known. */
static void finish_up(struct sim *s, struct client *c)
{
    int open = c->made < s->swarm.jobs && s->history.njobs < HISTORY_JOBS;

    submit_new(s, c);
    if (s->swarm.rogue_broker && s->clock.now_us > s->healed_us + PATIENCE_US) {
        give_up_led(c);
    }
    for (unsigned i = 0; i < s->history.njobs; i++) {
        struct hjob *j = &s->history.jobs[i];

        if (j->owner == &c->a) {
            open |= is_open(s, c, j);
            (void) follow_up(s, c, j);
        }
    }
    c->done = !open;
}

static void client_work(struct sim *s, struct actor *a)
{
    struct client *c = CONTAINER_OF(a, struct client, a);
    struct hjob *j = own_job(s, c);

    if (a->role == WF_ROLE_OPERATOR && percent(&s->clock, s->swarm.query_pct)) {
        look_around(s, c);
    }
    if (a->role == WF_ROLE_OPERATOR && s->healed) {
        c->done = operator_mend(s, c);
    } else if (s->healed) {
        finish_up(s, c);
    } else if (a->role == WF_ROLE_OPERATOR) {
        operator_act(s, c);
    } else {
        if (c->made < s->swarm.jobs && percent(&s->clock, 50)) {
            submit_new(s, c);
        }
        if (j != NULL) {
            (void) follow_up(s, c, j);
        }
        disturb(s, c);
    }
    take_news(s, c);
    (void) actor_at(s, a, s->clock.now_us + around(&s->clock, s->swarm.work_us), EV_WORK);
}

/* -- the actor -------------------------------------------------------------------------
 */

static void client_link(struct sim *s, struct actor *a, enum link_news news)
{
    struct client *c = CONTAINER_OF(a, struct client, a);

    switch (news) {
    case LINK_NEWS_UP:
        wf_calls_up(&c->calls, actor_us(s, &c->a), &a->fx);
        break;
    case LINK_NEWS_DOWN:
        wf_calls_down(&c->calls, actor_us(s, &c->a), &a->fx);
        break;
    case LINK_NEWS_REFUSED:
        wf_calls_refused(&c->calls, actor_us(s, &c->a), &a->fx);
        if (!a->revoked && (!a->roam.on || a->at == a->home)) {
            sim_fail(s, "%s is refused", a->name);
        }
        break;
    }
    take_news(s, c);
}

static void client_msg(struct sim *s, struct actor *a, const struct wf_msg *msg,
                       struct wf_slice raw)
{
    struct client *c = CONTAINER_OF(a, struct client, a);

    wf_calls_msg(&c->calls, actor_us(s, &c->a), msg, raw, &a->fx);
    take_news(s, c);
}

static void client_tick(struct sim *s, struct actor *a)
{
    struct client *c = CONTAINER_OF(a, struct client, a);

    wf_calls_tick(&c->calls, actor_us(s, &c->a), &a->fx);
    take_news(s, c);
}

static uint64_t client_wakeup_us(const struct actor *a)
{
    return wf_calls_due_us(&CONTAINER_OF(a, struct client, a)->calls);
}

static void client_start(struct sim *s, struct actor *a)
{
    struct client *c = CONTAINER_OF(a, struct client, a);
    struct wf_broker_table brokers;
    struct wf_calls_config cfg;
    int rc;

    wf_calls_config_init(&cfg);
    cfg.link.role = a->role;
    cfg.link.epoch = wf_rng_next(&s->clock.rng);
    cfg.link.seed = wf_rng_next(&s->clock.rng);
    cfg.link.nendpoints = 1;
    cfg.link.retry_min_ms = 20;
    cfg.link.retry_max_ms = 500;
    cfg.link.dial_ms = 900;
    cfg.max_calls = CLIENT_CALLS;
    roam_equip(s, a, &cfg.link, &brokers);
    rc = wf_calls_init(&c->calls, &cfg);
    WF_CHECK(rc == 0);
    c->live = 1;
    wf_calls_start(&c->calls, actor_us(s, &c->a), &a->fx);
    (void) actor_at(s, a, s->clock.now_us + around(&s->clock, s->swarm.work_us), EV_WORK);
}

static void client_leave(struct sim *s, struct actor *a)
{
    struct client *c = CONTAINER_OF(a, struct client, a);

    wf_calls_close(&c->calls, &a->fx);
    take_news(s, c);
}

static void client_end(struct sim *s, struct actor *a)
{
    struct client *c = CONTAINER_OF(a, struct client, a);

    (void) s;
    for (unsigned i = 0; c->live && i < CLIENT_CALLS; i++) {
        struct client_call *x = &c->slots[i];

        if (x->used) {
            if (x->job != NULL && x->keeps) {
                x->job->forgotten |= x->call.state == WF_CALL_ACCEPTED;
            }
            let_go(c, x);
        }
    }
    if (c->live) {
        wf_calls_fini(&c->calls);
        c->live = 0;
    }
}

static const struct wf_link *client_link_of(const struct actor *a)
{
    return &CONTAINER_OF(a, struct client, a)->calls.link;
}

static void client_tried(struct sim *s, struct actor *a, int answered)
{
    struct client *c = CONTAINER_OF(a, struct client, a);

    wf_calls_tried(&c->calls, actor_us(s, a), answered, &a->fx);
    take_news(s, c);
}

const struct actor_ops client_ops = {.link = client_link,
                                     .msg = client_msg,
                                     .tick = client_tick,
                                     .wakeup_us = client_wakeup_us,
                                     .work = client_work,
                                     .link_of = client_link_of,
                                     .tried = client_tried,
                                     .start = client_start,
                                     .leave = client_leave,
                                     .end = client_end};
