#include "agent/shell.h"

#include "agent/control.h"
#include "agent/data/door.h"
#include "agent/data/plane.h"
#include "agent/footprint.h"
#include "agent/handlers.h"
#include "agent/keeper.h"
#include "agent/linklog.h"
#include "agent/prober.h"
#include "agent/reload.h"
#include "agent/sampler.h"
#include "client/include/weft/version.h"
#include "common/check.h"
#include "common/failpoint.h"
#include "common/io/notify.h"
#include "common/mem.h"
#include "common/str.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define FACTS_US (5u * 60 * 1000000)

enum phase { STARTING, SERVING, DRAINING };

/* A START that was not accepted: the core hears of it once the step is over. */
struct refused {
    uint64_t run;
    struct wf_err why;
};

struct shell {
    struct wf_loop loop;
    struct shell_opts opts;
    const struct agent_config *config;
    struct log_sink *log;
    struct node *node;
    struct wf_effects fx;
    struct control *control;
    struct handlers *handlers;
    struct plane *plane; /* NULL: this machine holds no data */
    struct door *door;   /* NULL: it could not be opened */
    uint64_t epoch;
    struct sampler *sampler;
    struct prober *prober;
    struct keeper keeper;
    struct wf_timer *timer;
    struct linklog linklog;
    enum phase phase;
    uint64_t armed_us; /* when the timer fires; UINT64_MAX: not armed */
    uint64_t facts_us, watchdog_us, stop_us;
    struct node_facts facts;
    int runner_up; /* as the core was told */
    size_t nrefused, max_refused;
    struct refused *refused;
    int trimmed; /* start-up is over */
    int fatal;
    struct wf_err why; /* of fatal */
};

/* -- stepping the core -------------------------------------------------------------- */

static void start(struct shell *sh, const struct run *r)
{
    struct refused no = {.run = r->number};
    int rc;

    WF_FAILPOINT("agent.start.before");
    if (r->inputs == NULL) {
        rc = handlers_start(sh->handlers, r, &no.why);
    } else {
        rc = plane_start(sh->plane, r);
        rc = rc != 0 ? handlers_refusal(rc, &no.why) : 0;
    }
    WF_FAILPOINT("agent.start.after");
    if (rc != 0) {
        /* Each holds a slot until the core hears, so there are no more than slots. */
        WF_CHECK(sh->nrefused < sh->max_refused);
        sh->refused[sh->nrefused++] = no;
    }
}

static void carry_out(struct shell *sh, struct wf_effect *x)
{
    const uint8_t *p = wf_effect_bytes(&sh->fx, x);

    switch (x->kind) {
    case WF_EFFECT_SEND:
    case WF_EFFECT_CONNECT:
    case WF_EFFECT_DISCONNECT:
    case WF_EFFECT_TRY:
    case WF_EFFECT_UNTRY:
        control_effect(sh->control, &sh->fx, x);
        break;
    case WF_EFFECT_START:
        start(sh, x->obj);
        break;
    case WF_EFFECT_KILL:
        WF_FAILPOINT("agent.kill.before");
        if (plane_kill(sh->plane, x->arg) != 0) {
            handlers_kill(sh->handlers, x->arg, x->peer);
        }
        WF_FAILPOINT("agent.kill.after");
        break;
    case WF_EFFECT_APPEND:
        WF_FAILPOINT("agent.append.before");
        keeper_append(&sh->keeper, x->arg, p, x->len);
        WF_FAILPOINT("agent.append.after");
        break;
    case WF_EFFECT_TRACE:
        log_write(sh->log, (enum wf_log_level) x->arg, "agent", x->obj, "%.*s",
                  (int) x->len, (const char *) p);
        break;
    default:
        plane_effect(sh->plane, &sh->fx, x);
        break;
    }
}

static void step_once(struct shell *sh, struct node_event *ev)
{
    ev->now_us = wf_now_us();
    ev->wall_ms = wf_wall_ms();
    node_step(sh->node, ev, &sh->fx);
    /* Lanes may be asked for in the step that opens the session. */
    plane_step(sh->plane, node_link(sh->node));
    for (size_t i = 0; i < sh->fx.n; i++) {
        carry_out(sh, &sh->fx.v[i]);
    }
    if (sh->fx.err != 0) {
        log_error(sh->log, "agent", "out-of-memory",
                  "text=\"messages were lost: connecting anew\"");
        control_lost(sh->control);
        keeper_lost(&sh->keeper);
    }
    wf_effects_clear(&sh->fx);
}

/* What went wrong while effects were carried out, as further events. */
static int next_failure(struct shell *sh, struct node_event *ev, struct run_end *end)
{
    if (sh->nrefused != 0) {
        const struct refused *r = &sh->refused[--sh->nrefused];

        *end = (struct run_end){.code = r->why.code, .reason = r->why.text};
        *ev = (struct node_event){.kind = NODE_RUN_DONE, .run = r->run, .end = end};
        return 1;
    }
    return keeper_failure(&sh->keeper, ev) || plane_failure(sh->plane, ev) ||
           control_failure(sh->control, ev);
}

static void give_up(struct shell *sh, int code, const char *text)
{
    sh->fatal = wf_err_set(&sh->why, code, "%s", text);
    wf_loop_stop(&sh->loop);
}

static void finish(struct shell *sh)
{
    struct node_event ev = {.kind = NODE_STOP};
    struct node_counts c;

    step_once(sh, &ev);
    c = node_counts(sh->node);
    if (c.finished != 0) {
        log_warn(
            sh->log, "agent", "undelivered",
            "results=%zu spooled=%llu text=\"their broker cannot be told now: what is "
            "in the spool it hears when it is back\"",
            c.finished, (unsigned long long) c.spool.results);
    }
    wf_loop_stop(&sh->loop);
}

/* All that was taken on is done, and who can be told of it knows. */
static int is_done(const struct shell *sh)
{
    struct node_counts c = node_counts(sh->node);

    return c.running == 0 && c.waiting == 0 && node_owed(sh->node) == 0;
}

static void arm(struct shell *sh)
{
    uint64_t due_us =
        wf_min_u64(wf_min_u64(node_wakeup_us(sh->node), sampler_due_us(sh->sampler)),
                   wf_min_u64(sh->watchdog_us, sh->stop_us));

    if (due_us < sh->armed_us) {
        sh->armed_us = due_us;
        wf_timer_start_at(sh->timer, due_us);
    }
}

static void watch_link(struct shell *sh)
{
    const struct wf_link *link = node_link(sh->node);
    int why = control_why(sh->control);

    sh->linklog.why = why != 0 ? why : sh->linklog.why;
    if (linklog_step(&sh->linklog, sh->log, link, control_endpoint(sh->control))) {
        if (link->state == WF_LINK_READY) {
            notify_ready();
            sampler_wanted(sh->sampler, wf_now_us());
        } else {
            sampler_pause(sh->sampler);
        }
    }
}

static void step(struct shell *sh, struct node_event *ev)
{
    struct run_end end;
    struct node_event failure;

    step_once(sh, ev);
    while (next_failure(sh, &failure, &end)) {
        step_once(sh, &failure);
    }
    watch_link(sh);
    control_keep(sh->control);
    prober_look(sh->prober, control_uplink(sh->control));
    arm(sh);
    if (plane_fatal(sh->plane)) {
        give_up(sh, WEFT_ENOMEM, "no memory to note what was asked of the blobs");
    }
    if (sh->phase == DRAINING && is_done(sh)) {
        finish(sh);
    }
}

static void step_kind(struct shell *sh, enum node_event_kind kind, int on)
{
    struct node_event ev = {.kind = kind, .on = on};

    step(sh, &ev);
}

/* -- time --------------------------------------------------------------------------- */

static void tell_facts(struct shell *sh)
{
    struct node_facts f;
    struct node_event ev = {.kind = NODE_FACTS, .facts = &sh->facts};

    memset(&f, 0, sizeof f);
    sampler_facts(sh->sampler, &f);
    handlers_sandbox(sh->handlers, &f);
    if (memcmp(&f, &sh->facts, sizeof f) != 0) {
        memcpy(&sh->facts, &f, sizeof f);
        step(sh, &ev);
    }
}

/* Work of our own that rides on a wake-up. */
static void chores(struct shell *sh, uint64_t now_us)
{
    struct node_counts counts = node_counts(sh->node);
    struct node_event ev;

    if (sampler_poll(sh->sampler, now_us, &counts, &ev)) {
        step(sh, &ev);
        plane_rest(sh->plane);
        if (!sh->trimmed) {
            sh->trimmed = 1;
            footprint_trim();
        }
    }
    if (now_us >= sh->facts_us) {
        sh->facts_us = now_us + FACTS_US;
        tell_facts(sh);
        plane_save_day(sh->plane, sh->node);
    }
    if (now_us >= sh->watchdog_us) {
        sh->watchdog_us = now_us + notify_watchdog_us();
        notify_watchdog();
    }
}

static void on_time(void *arg)
{
    struct shell *sh = arg;
    uint64_t now_us = wf_now_us();

    sh->armed_us = UINT64_MAX;
    if (now_us >= sh->stop_us) {
        struct node_counts c = node_counts(sh->node);

        log_warn(sh->log, "agent", "cut-short",
                 "running=%zu waiting=%zu unacknowledged=%zu "
                 "text=\"stop_timeout is over; the broker runs them elsewhere\"",
                 c.running, c.waiting, c.finished);
        finish(sh);
        return;
    }
    if (now_us >= node_wakeup_us(sh->node)) {
        step_kind(sh, NODE_TICK, 0);
    }
    chores(sh, now_us);
    arm(sh);
}

/* -- the handlers ------------------------------------------------------------------- */

static void on_event(void *arg, struct node_event *ev)
{
    struct shell *sh = arg;

    if (ev->kind == NODE_RUN_DONE) {
        plane_ended(sh->plane, ev->run);
    }
    step(sh, ev);
}

static void on_file(void *arg, uint64_t number, const struct run_end *end,
                    const char *path, uint64_t size)
{
    struct shell *sh = arg;

    (void) size;
    plane_result(sh->plane, number, end, path);
}

static int lets_in(void *arg, const struct wf_key *key)
{
    const struct shell *sh = arg;

    return node_lets_in(sh->node, key);
}

/* Without a runner no job can start: better to take none than to fail each. */
static void on_info(void *arg, const struct exec_info *info)
{
    struct shell *sh = arg;
    int was_up = sh->runner_up;

    sh->runner_up = info->up;
    if (info->up && strcmp(sh->config->sandbox, "require") == 0 && !info->sandbox) {
        give_up(sh, WEFT_ESUPPORT, info->text);
        return;
    }
    if (info->up) {
        log_info(sh->log, "agent", "runner-up", "pid=%u text=\"%s\"",
                 (unsigned) info->runner_pid, info->text);
        tell_facts(sh);
        handlers_warm(sh->handlers);
    } else if (was_up) {
        log_error(sh->log, "agent", "runner-down", "restarts=%u text=\"%s\"",
                  (unsigned) info->restarts, info->text);
    }
    if (sh->phase == STARTING && info->up) {
        sh->phase = SERVING;
        step_kind(sh, NODE_START, 0);
    } else if (sh->phase == SERVING && was_up != (int) info->up) {
        step_kind(sh, NODE_DRAIN, !info->up);
    }
}

/* -- signals ------------------------------------------------------------------------ */

static void on_hangup(struct shell *sh)
{
    struct node_limits limits;
    struct node_event ev = {.kind = NODE_LIMITS, .limits = &limits};

    if (reload(&sh->opts, &limits) == 0) {
        plane_limit(sh->plane, &limits);
        step(sh, &ev);
    }
}

static void on_signal(void *arg, int signum)
{
    struct shell *sh = arg;
    struct node_counts c = node_counts(sh->node);

    if (signum == SIGHUP) {
        on_hangup(sh);
        return;
    }
    notify_stopping();
    if (sh->phase == DRAINING || sh->phase == STARTING) {
        finish(sh);
        return;
    }
    log_info(sh->log, "agent", "stopping", "running=%zu waiting=%zu timeout_ms=%llu",
             c.running, c.waiting, (unsigned long long) sh->config->stop_timeout_ms);
    sh->phase = DRAINING;
    sh->stop_us = wf_add_sat(wf_now_us(), sh->config->stop_timeout_ms * 1000);
    step_kind(sh, NODE_DRAIN, 1);
}

/* -- the door ----------------------------------------------------------------------- */

static void on_notice(void *arg, uint64_t left_ms)
{
    struct shell *sh = arg;
    struct node_event ev = {.kind = NODE_NOTICE, .left_ms = left_ms};

    log_warn(sh->log, "agent", "notice",
             "left_ms=%llu text=\"this machine is taken away: it takes no more work\"",
             (unsigned long long) left_ms);
    step(sh, &ev);
}

static void moved(void *arg, struct node_data_counts *ret_counts)
{
    *ret_counts = node_data_counts(((const struct shell *) arg)->node);
}

/* -- the beginning and the end ------------------------------------------------------ */

static int open_node(struct shell *sh, const struct identity *id, struct wf_err *err)
{
    struct node_config cfg = sh->config->node;
    struct wf_broker_table brokers;
    int rc = identity_brokers(id, sh->config->state, &sh->config->brokers, &brokers, err);

    if (rc != 0) {
        return rc;
    }
    cfg.link.brokers = &brokers;
    (void) wf_str_copy(cfg.link.software, sizeof cfg.link.software,
                       "weft-agent " WEFT_VERSION);
    cfg.link.epoch = sh->epoch;
    plane_configure(sh->plane, &cfg);
    keys_random(&cfg.link.seed, sizeof cfg.link.seed);
    keys_random(&cfg.seed, sizeof cfg.seed);
    sh->max_refused = cfg.slots;
    sh->refused = wf_calloc(cfg.slots, sizeof *sh->refused);
    return sh->refused == NULL || node_new(&cfg, &sh->node) != 0
               ? wf_err_set(err, WEFT_ENOMEM, "no memory for %u slots",
                            (unsigned) cfg.slots)
               : 0;
}

static int open_plane(struct shell *sh, const struct identity *id, struct wf_err *err)
{
    static const struct plane_cbs cbs = {on_event, lets_in};
    struct plane_opts opts = {sh->config, sh->log, id, 0};

    keys_random(&sh->epoch, sizeof sh->epoch);
    opts.epoch = sh->epoch;
    return plane_new(&sh->loop, &opts, &cbs, sh, &sh->plane, err);
}

static int open_control(struct shell *sh, const struct identity *id, struct wf_err *err)
{
    const struct control_opts opts = {sh->config->state, &id->keys, sh->log, sh->node};

    return control_new(&sh->loop, &opts, on_event, sh, &sh->control, err);
}

static int open_all(struct shell *sh, const struct identity *id, struct wf_err *err)
{
    const struct handlers_cbs cbs = {on_event, on_info,
                                     sh->config->data_cap != 0 ? on_file : NULL};
    int rc = wf_loop_signals(&sh->loop, on_signal, sh, err);

    if (rc == 0 && wf_timer_new(&sh->loop, on_time, sh, &sh->timer) != 0) {
        rc = wf_err_set(err, WEFT_ENOMEM, "no memory for a timer");
    }
    if (rc == 0) {
        rc = open_plane(sh, id, err);
    }
    if (rc == 0) {
        rc = open_node(sh, id, err);
    }
    if (rc == 0) {
        rc = open_control(sh, id, err);
    }
    if (rc == 0) {
        rc = prober_new(&sh->loop, sh->log, sh->node, on_event, sh, &sh->prober, err);
    }
    if (rc == 0) {
        rc = keeper_open(&sh->keeper, sh->config->state, sh->log, on_event, sh, err);
    }
    if (rc == 0) {
        rc = sampler_new(sh->config->state, sh->config->telemetry_ms, &sh->sampler, err);
    }
    if (rc == 0) {
        rc = handlers_new(&sh->loop.uv, sh->config, &cbs, sh, &sh->handlers, err);
    }
    return rc;
}

int shell_new(const struct shell_opts *opts, struct shell **ret_shell, struct wf_err *err)
{
    static const struct door_cbs door_cbs = {on_notice, moved};
    struct shell *sh = wf_calloc(1, sizeof *sh);
    int rc;

    if (sh == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for the agent");
    }
    sh->opts = *opts;
    sh->opts.id = NULL;
    sh->config = opts->config;
    sh->log = opts->log;
    sh->armed_us = sh->stop_us = UINT64_MAX;
    sh->watchdog_us = notify_watchdog_us() != 0 ? 0 : UINT64_MAX;
    wf_effects_init(&sh->fx);
    rc = wf_loop_init(&sh->loop, err);
    if (rc != 0) {
        wf_free(sh);
        return rc;
    }
    rc = open_all(sh, opts->id, err);
    if (rc != 0) {
        shell_free(sh);
        return rc;
    }
    keeper_load(&sh->keeper);
    plane_begin(sh->plane, sh->handlers);
    sh->door = door_open(&sh->loop, sh->config->state, plane_data(sh->plane), &door_cbs,
                         sh, sh->log);
    *ret_shell = sh;
    return 0;
}

int shell_run(struct shell *sh, struct wf_err *err)
{
    struct node_counts c;

    wf_loop_run(&sh->loop);
    if (sh->fatal != 0) {
        return wf_err_set(err, sh->fatal, "%s", sh->why.text);
    }
    plane_save_day(sh->plane, sh->node);
    c = node_counts(sh->node);
    log_info(sh->log, "agent", "stopped", "done=%llu failed=%llu spooled=%zu",
             (unsigned long long) c.done, (unsigned long long) c.failed, c.spool.results);
    return 0;
}

void shell_free(struct shell *sh)
{
    if (sh == NULL) {
        return;
    }
    handlers_free(sh->handlers);
    plane_free(sh->plane);
    door_free(sh->door);
    prober_free(sh->prober);
    control_close(sh->control);
    wf_timer_free(sh->timer);
    wf_loop_fini(&sh->loop);
    control_free(sh->control);
    sampler_free(sh->sampler);
    keeper_close(&sh->keeper);
    node_free(sh->node);
    wf_free(sh->refused);
    wf_effects_fini(&sh->fx);
    wf_free(sh);
}
