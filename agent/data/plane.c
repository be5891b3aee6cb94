#include "agent/data/plane.h"

#include "agent/data/data.h"
#include "agent/data/day.h"
#include "agent/data/inputs.h"
#include "agent/data/lanes.h"
#include "agent/data/results.h"
#include "agent/footprint.h"
#include "common/mem.h"
#include "common/str.h"

/* Of what was received so much may not be on the disk yet: less than the store queues,
 * and what a kill costs at most. */
#define INFLIGHT ((size_t) 8 << 20)

struct plane {
    const struct agent_config *config;
    const struct log_sink *log;
    struct plane_cbs cbs;
    void *arg;
    struct lanes *lanes;
    struct data *data;
    struct inputs *inputs;
    struct results *results;
    struct handlers *handlers;
    int opened;                /* what is known of the broker is of this session */
    struct node_limits limits; /* in force */
    struct day day;
    uint64_t asked; /* of the store, as of the last rest */
    int rested;     /* since then */
    char site[WF_NAME_MAX + 1];
};

/* -- what the parts tell ---------------------------------------------------------------
 */

static void on_event(void *arg, struct node_event *ev)
{
    const struct plane *p = arg;

    p->cbs.on_event(p->arg, ev);
}

static int lets_in(void *arg, const struct wf_key *key)
{
    const struct plane *p = arg;

    return p->cbs.lets_in(p->arg, key);
}

static void on_ready(void *arg, const struct run *r, const struct handlers_files *files)
{
    struct plane *p = arg;
    struct wf_err why;
    struct run_end end = {.reason = why.text};
    struct node_event ev = {.kind = NODE_RUN_DONE, .run = r->number, .end = &end};

    end.code = handlers_start_with(p->handlers, r, files, &why);
    if (end.code != 0) {
        p->cbs.on_event(p->arg, &ev);
    }
}

static void on_failed(void *arg, uint64_t run, int code, const char *text)
{
    const struct plane *p = arg;
    const struct run_end end = {.code = code, .reason = text, .has_data = 1};
    struct node_event ev = {.kind = NODE_RUN_DONE, .run = run, .end = &end};

    p->cbs.on_event(p->arg, &ev);
}

static void on_stored(void *arg, const struct wf_digest *digest)
{
    const struct plane *p = arg;

    data_changed(p->data, digest);
}

/* -- the beginning and the end ---------------------------------------------------------
 */

static int open_lanes(struct plane *p, struct wf_loop *loop,
                      const struct plane_opts *opts, struct wf_err *err)
{
    static const struct lanes_cbs cbs = {on_event, lets_in};
    const struct lanes_opts o = {.keys = &opts->id->keys,
                                 .epoch = opts->epoch,
                                 .listen = opts->config->data_listen};

    return lanes_new(loop, &o, &cbs, p, &p->lanes, err);
}

static int open_parts(struct plane *p, struct wf_loop *loop,
                      const struct plane_opts *opts, struct wf_err *err)
{
    static const struct inputs_cbs cbs = {on_ready, on_failed};
    int rc = open_lanes(p, loop, opts, err);

    if (rc == 0) {
        rc = data_new(loop, p->config, p->log, on_event, p, &p->data, err);
    }
    if (rc == 0) {
        rc = inputs_new(loop, data_desk(p->data), &cbs, p, &p->inputs, err);
    }
    if (rc == 0) {
        rc = results_new(data_desk(p->data), on_event, on_stored, p, &p->results, err);
    }
    return rc;
}

int plane_new(struct wf_loop *loop, const struct plane_opts *opts,
              const struct plane_cbs *cbs, void *arg, struct plane **ret_plane,
              struct wf_err *err)
{
    struct plane *p;
    int rc;

    if (opts->config->data_cap == 0) {
        *ret_plane = NULL;
        return 0;
    }
    p = wf_calloc(1, sizeof *p);
    if (p == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for data");
    }
    p->config = opts->config;
    p->log = opts->log;
    p->cbs = *cbs;
    p->arg = arg;
    (void) wf_str_copy(p->site, sizeof p->site, opts->id->site);
    rc = open_parts(p, loop, opts, err);
    if (rc != 0) {
        plane_free(p);
        return rc;
    }
    p->limits = plane_limits(p->config);
    day_load(&p->day, p->config->state, wf_wall_ms());
    *ret_plane = p;
    return 0;
}

void plane_free(struct plane *p)
{
    if (p != NULL) {
        lanes_free(p->lanes);
        data_free(p->data);
        inputs_free(p->inputs);
        results_free(p->results);
        wf_free(p);
    }
}

struct data *plane_data(const struct plane *p)
{
    return p != NULL ? p->data : NULL;
}

struct node_limits plane_limits(const struct agent_config *config)
{
    return (struct node_limits){
        .pull = {config->data_rate, config->data_day, config->metered != 0},
        .give_rate = config->data_rate,
        .give_day = config->data_day,
    };
}

void plane_limit(struct plane *p, const struct node_limits *limits)
{
    if (p != NULL) {
        p->limits = *limits;
    }
}

void plane_configure(const struct plane *p, struct node_config *cfg)
{
    const struct agent_config *c;

    if (p == NULL) {
        return;
    }
    c = p->config;
    cfg->data_cap = c->data_cap;
    cfg->data_patience_ms = c->data_patience_ms;
    (void) wf_str_copy(cfg->bulk, sizeof cfg->bulk,
                       c->data_advertise[0] != '\0' ? c->data_advertise
                                                    : lanes_endpoint(p->lanes));
    (void) wf_str_copy(cfg->pull.site, sizeof cfg->pull.site, p->site);
    cfg->pull.zstd = 1;
    cfg->pull.max_inflight = INFLIGHT;
    cfg->pull.limits = p->limits.pull;
    cfg->pull.day_used = p->day.pulled;
    cfg->give.rate = p->limits.give_rate;
    cfg->give.day = p->limits.give_day;
    cfg->give.day_used = p->day.given;
}

void plane_begin(struct plane *p, struct handlers *handlers)
{
    if (p != NULL) {
        p->handlers = handlers;
        data_list(p->data);
    }
}

void plane_step(struct plane *p, const struct wf_link *link)
{
    const struct wf_broker *at = &link->ways.brokers.v[link->endpoint];
    int open = link->state == WF_LINK_READY;

    if (p != NULL && open && !p->opened) {
        lanes_set_broker(p->lanes, at->endpoint, link->welcome.bulk_port, at->key.b);
        handlers_set_inline(p->handlers, link->welcome.max_payload);
    }
    if (p != NULL) {
        p->opened = open;
    }
}

/* -- carrying out ----------------------------------------------------------------------
 */

void plane_effect(struct plane *p, struct wf_effects *fx, struct wf_effect *x)
{
    struct wf_lane_to to;

    if (p == NULL) {
        return;
    }
    switch (x->kind) {
    case WF_EFFECT_LANE_OPEN:
        wf_lane_to_of(fx, x, &to);
        lanes_open(p->lanes, x->peer, &to);
        break;
    case WF_EFFECT_LANE_SEND:
        lanes_send(p->lanes, x->peer, wf_effect_bytes(fx, x), x->len);
        break;
    case WF_EFFECT_LANE_CLOSE:
        lanes_close(p->lanes, x->peer);
        break;
    default:
        data_effect(p->data, fx, x);
        break;
    }
}

int plane_failure(struct plane *p, struct node_event *ret_event)
{
    return p != NULL &&
           (lanes_failure(p->lanes, ret_event) || data_failure(p->data, ret_event));
}

int plane_fatal(const struct plane *p)
{
    return p != NULL && data_fatal(p->data);
}

int plane_start(struct plane *p, const struct run *r)
{
    return p != NULL ? inputs_start(p->inputs, r, handlers_inputs(p->handlers, r->cap))
                     : WEFT_ESUPPORT;
}

int plane_kill(struct plane *p, uint64_t run)
{
    return p != NULL ? inputs_kill(p->inputs, run) : WEFT_ENOENT;
}

void plane_ended(struct plane *p, uint64_t run)
{
    if (p != NULL) {
        inputs_end(p->inputs, run);
    }
}

void plane_result(struct plane *p, uint64_t run, const struct run_end *end,
                  const char *path)
{
    results_put(p->results, run, end, path);
}

void plane_rest(struct plane *p)
{
    if (p == NULL) {
        return;
    }
    if (p->asked != desk_asked(data_desk(p->data))) {
        p->asked = desk_asked(data_desk(p->data));
        p->rested = 0;
    } else if (!p->rested && p->asked != 0) {
        p->rested = 1;
        footprint_trim();
    }
}

void plane_save_day(struct plane *p, const struct node *n)
{
    struct wf_err err = {0, ""};
    struct node_data_counts c;

    if (p == NULL || p->limits.pull.day == 0) {
        return;
    }
    c = node_data_counts(n);
    if (day_save(&p->day, p->config->state, wf_wall_ms(), c.pull.day_used,
                 c.give.day_used, &err) != 0) {
        log_warn(p->log, "agent", "day-not-kept", "text=\"%s\"", err.text);
    }
}
