#include "agent/core/node_int.h"

#include "common/check.h"
#include "common/err.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>

#define MS 1000u

void node_config_init(struct node_config *cfg)
{
    *cfg = (struct node_config){
        .link = {.role = WF_ROLE_AGENT,
                 .nendpoints = 1,
                 .retry_min_ms = 200,
                 .retry_max_ms = 10000,
                 .dial_ms = 10000},
        .slots = 1,
        .stream_after_ms = 200,
        .max_log = 1u << 20,
        .grace_ms = 300,
        .max_held = 64u << 20,
        .data_patience_ms = 60000,
    };
}

int node_new(const struct node_config *cfg, struct node **ret_node)
{
    struct node *n = wf_calloc(1, sizeof *n);

    if (n == NULL) {
        return WEFT_ENOMEM;
    }
    n->cfg = *cfg;
    n->cfg.link.holds = node_holds;
    n->cfg.link.owner = n;
    wf_link_init(&n->link, &n->cfg.link);
    n->cfg.link.brokers = NULL;
    n->claim_us = UINT64_MAX;
    n->link.load.step = node_load_step(n);
    wf_buf_init(&n->record, NODE_SPOOL_KEY + WF_FRAME_MAX);
    for (size_t i = 0; i < ARRAY_LEN(n->rows); i++) {
        wf_buf_init(&n->rows[i], WF_FRAME_MAX / 2);
    }
    if (runs_init(&n->runs, WF_RUNS_MAX, cfg->seed) != 0 || node_data_new(n) != 0) {
        node_free(n);
        return WEFT_ENOMEM;
    }
    *ret_node = n;
    return 0;
}

void node_free(struct node *n)
{
    if (n == NULL) {
        return;
    }
    node_data_free(n);
    runs_fini(&n->runs);
    for (size_t i = 0; i < ARRAY_LEN(n->rows); i++) {
        wf_buf_fini(&n->rows[i]);
    }
    wf_buf_fini(&n->record);
    wf_free(n);
}

int node_is_open(const struct node *n)
{
    return n->link.state == WF_LINK_READY;
}

void node_send(const struct node *n, struct wf_effects *out, enum wf_type type,
               const void *body)
{
    if (node_is_open(n)) {
        wf_effects_send(out, 0, type, body);
    }
}

/* -- taking in -------------------------------------------------------------------------
 */

static int find_cap(const struct node *n, const struct wf_assign *m)
{
    for (unsigned i = 0; i < n->cfg.ncaps; i++) {
        if (wf_slice_is(m->capability, n->cfg.caps[i].name) &&
            n->cfg.caps[i].version == m->version) {
            return (int) i;
        }
    }
    return -1;
}

static void refuse(struct node *n, const struct wf_assign *m, int code, const char *text,
                   struct wf_effects *out)
{
    const struct wf_refuse r = {m->job, m->attempt, (uint64_t) -code, wf_slice_of(text)};

    n->refused++;
    node_move_refused(n);
    node_send(n, out, WF_MSG_refuse, &r);
}

void node_refuse_run(struct node *n, struct run *r, int code, const char *text,
                     struct wf_effects *out)
{
    const struct wf_assign m = {.job = r->key.job, .attempt = r->key.attempt};

    node_inputs_drop(n, r, out);
    n->held_of[r->cap]--;
    runs_forget(&n->runs, r);
    refuse(n, &m, code, text, out);
}

/* Take an assignment in. */
static void admit(struct node *n, const struct wf_assign *m, unsigned cap,
                  struct wf_effects *out)
{
    uint64_t max_out = n->cfg.caps[cap].max_output;
    struct run *r;
    int rc;

    max_out =
        wf_min_u64(max_out != 0 ? max_out : UINT64_MAX, n->link.welcome.max_payload);
    if (runs_add(&n->runs, m, cap, n->now_us, max_out, &r) != 0) {
        refuse(n, m, WEFT_EBUSY, "out of memory on the node", out);
        return;
    }
    r->yields = r->yields && node_may_yield(&n->cfg.caps[cap]);
    r->home = n->home;
    r->max_result = n->link.welcome.max_payload;
    n->held_of[cap]++;
    n->link.load.arrived++;
    rc = node_inputs_take(n, r, m, out);
    if (rc != 0) {
        node_refuse_run(n, r, rc == WEFT_EFULL ? WEFT_EBUSY : rc, wf_err_sentence(rc),
                        out);
        return;
    }
    if (r->begin_us != 0) {
        node_plan(n, r);
    }
    node_fill(n, out);
}

static void on_assign(struct node *n, const struct wf_assign *m, struct wf_effects *out)
{
    int cap = find_cap(n, m);
    const struct node_capability *c = &n->cfg.caps[cap >= 0 ? cap : 0];
    struct run *r = runs_get(&n->runs, &m->job, m->attempt);
    const char *text = NULL;
    int rc;

    n->link.load.covered = wf_max_u64(n->link.load.covered, m->seq);
    if (r != NULL && node_is_ours(n, r)) {
        if (r->phase == RUN_FINISHED) {
            node_tell_result(n, r, out);
        }
        return;
    }
    if (r != NULL) {
        refuse(n, m, WEFT_EBUSY, "this node has that attempt of another broker", out);
    } else if (cap < 0) {
        refuse(n, m, WEFT_ENOCAP, "this node does not offer that", out);
    } else if (node_is_draining(n)) {
        refuse(n, m, WEFT_EDRAIN, "this node is draining", out);
    } else if (n->held_of[cap] >= c->slots + c->queue) {
        refuse(n, m, WEFT_EBUSY, "no slot is free", out);
    } else if (n->held_bytes >= n->cfg.max_held) {
        refuse(n, m, WEFT_EBUSY, "too many results wait for acknowledgement", out);
    } else if ((rc = node_inputs_check(n, m, &text)) != 0) {
        refuse(n, m, rc, text, out);
    } else {
        admit(n, m, (unsigned) cap, out);
    }
}

/* -- the end of a run ------------------------------------------------------------------
 */

void node_tell_started(struct node *n, struct run *r, struct wf_effects *out)
{
    const struct wf_started m = {r->key.job, r->key.attempt, n->now_us - r->started_us};

    r->told_started = 1;
    node_send_of(n, r, out, WF_MSG_started, &m);
}

static void on_run_done(struct node *n, struct run *r, const struct run_end *end,
                        struct wf_effects *out)
{
    if (r->phase == RUN_FINISHED || r->phase == RUN_WAITING) {
        return;
    }
    r->end = *end;
    if (r->stop_code != 0) {
        r->end.code = r->stop_code;
    } else if (end->has_data && end->code == 0) {
        if (end->data.len > r->max_result) {
            r->end.code = WEFT_ETOOBIG;
            r->reason = wf_strdup("the result is larger than the broker takes");
        } else {
            r->data = wf_memdup(end->data.p, end->data.len);
            r->data_len = r->data != NULL ? end->data.len : 0;
            /* An empty result is not the handler's: the attempt failed. */
            r->end.code = r->data != NULL ? 0 : WEFT_ENOMEM;
        }
    }
    if (r->end.code == 0 && r->out_spilled && !r->end.has_blob) {
        r->end.code = WEFT_EOUTPUT;
        r->reason = wf_strdup("the result is larger than the limit");
    }
    if (r->reason == NULL && end->reason != NULL) {
        r->reason = wf_strdup(end->reason);
    }
    /* What it wrote to stderr is kept by the broker also when it was quick. */
    node_flush_output(n, r, r->told_started, out);
    if (r->end.code == 0 && r->end.has_blob) {
        wf_buf_fini(&r->out);
    } else {
        node_unkeep(n, r, out);
    }
    node_finish(n, r, out);
    node_fill(n, out);
}

/* -- the broker speaks -----------------------------------------------------------------
 */

unsigned node_told_phase(const struct run *r)
{
    return r->phase == RUN_WAITING    ? WF_RUN_WAITING
           : r->phase == RUN_FINISHED ? WF_RUN_FINISHED
                                      : WF_RUN_RUNNING;
}

/* A session has opened: both sides compare what they hold, then unsent results follow. */
static void on_opened(struct node *n, struct wf_effects *out)
{
    struct wf_resync m = {{0}};
    struct run *r;
    size_t it = 0;

    n->home = wf_link_home(&n->link);
    n->sent_known = 0;
    n->drained_by_broker = 0; /* until it says so in this session */
    node_tell_info(n, out);
    wf_buf_clear(&n->rows[0]);
    while ((r = wf_map_next(n->runs.by_key, &it)) != NULL) {
        const struct wf_run_row row = {r->key.job, r->key.attempt, node_told_phase(r)};

        if (node_is_ours(n, r)) {
            (void) wf_rows_add(&n->rows[0], &m.runs, wf_desc_run_row(), &row);
        }
    }
    node_send(n, out, WF_MSG_resync, &m);
    it = 0;
    while ((r = wf_map_next(n->runs.by_key, &it)) != NULL) {
        if (r->phase != RUN_FINISHED && r->told_started) {
            node_tell_started(n, r, out);
        }
    }
    node_tell_results(n, out);
    node_move_opened(n, out);
    node_links_opened(n);
    node_data_opened(n, out);
}

/* A session has ended.  Attempts go on, some for a while only. */
static void on_cut(struct node *n, struct wf_effects *out)
{
    const struct wf_list_node *const lists[] = {&n->runs.waiting, &n->runs.running};

    node_move_cut(n);
    node_spool_cut(n);
    node_data_cut(n, out);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        for (struct wf_list_node *x = wf_list_first(lists[i]); x != NULL;
             x = wf_list_next(lists[i], x)) {
            struct run *r = CONTAINER_OF(x, struct run, node);

            r->cut_us = node_is_ours(n, r) ? n->link.heard_us : r->cut_us;
            if (r->stop_after_ms != 0 && r->phase != RUN_STOPPING) {
                node_plan(n, r);
            }
        }
    }
}

static void on_msg(struct node *n, const struct wf_msg *msg, struct wf_effects *out)
{
    struct run *r;

    switch (wf_link_msg(&n->link, n->now_us, msg, out)) {
    case WF_LINK_HANDLED:
        return;
    case WF_LINK_OPENED:
        on_opened(n, out);
        return;
    case WF_LINK_PASS:
        break;
    }
    switch (msg->type) {
    case WF_MSG_assign:
        on_assign(n, &msg->u.assign, out);
        break;
    case WF_MSG_stop:
        node_on_stop(n, &msg->u.stop, out);
        break;
    case WF_MSG_result_ack:
        r = runs_get(&n->runs, &msg->u.result_ack.job, msg->u.result_ack.attempt);
        if (r != NULL && r->phase == RUN_FINISHED && node_is_ours(n, r)) {
            node_acked(n, r, out);
        }
        break;
    case WF_MSG_claimed:
        node_on_claimed(n, &msg->u.claimed, out);
        break;
    case WF_MSG_seek:
        node_on_seek(n, &msg->u.seek, out);
        break;
    case WF_MSG_drain:
        n->drained_by_broker = msg->u.drain.on != 0;
        break;
    default:
        node_data_msg(n, msg, out);
        break;
    }
}

/* -- time ------------------------------------------------------------------------------
 */

/* The timer of a run has come: it stops, or gets its next one. */
static void run_due(struct node *n, struct run *r, struct wf_effects *out)
{
    if (r->phase == RUN_FINISHED) {
        node_age(n, r, out);
        return;
    }
    if (r->phase == RUN_RUNNING && !r->told_started &&
        n->now_us >= r->started_us + n->cfg.stream_after_ms * MS) {
        node_tell_started(n, r, out);
        node_flush_output(n, r, 1, out);
    }
    node_check_limits(n, r, out);
}

static void on_tick(struct node *n, struct wf_effects *out)
{
    int was_open = node_is_open(n);
    struct wf_heap_node *x;

    wf_link_tick(&n->link, n->now_us, out);
    if (was_open && !node_is_open(n)) {
        /* Timers stay due: since when a run is cut off is noted after this step. */
        return;
    }
    node_data_tick(n, out);
    while ((x = wf_heap_min(&n->runs.timers)) != NULL && x->key <= n->now_us) {
        run_due(n, CONTAINER_OF(x, struct run, timer), out);
    }
}

static void on_drain(struct node *n, int on, struct wf_effects *out)
{
    const struct wf_drain m = {on || n->gone_us != 0 || n->moving};

    n->drained_by_owner = on;
    node_send(n, out, WF_MSG_drain, &m);
}

static void on_link(struct node *n, const struct node_event *ev, struct wf_effects *out)
{
    switch (ev->kind) {
    case NODE_START:
        wf_link_start(&n->link, n->now_us, out);
        break;
    case NODE_LINK_UP:
        wf_link_up(&n->link, n->now_us, out);
        break;
    case NODE_LINK_DOWN:
        wf_link_down(&n->link, n->now_us, out);
        break;
    case NODE_LINK_REFUSED:
        wf_link_refused(&n->link, n->now_us, out);
        break;
    default:
        wf_link_tried(&n->link, n->now_us, ev->on, out);
        break;
    }
}

static void happen(struct node *n, const struct node_event *ev, struct wf_effects *out)
{
    struct run *r = ev->run != 0 ? runs_numbered(&n->runs, ev->run) : NULL;

    switch (ev->kind) {
    case NODE_START:
    case NODE_LINK_UP:
    case NODE_LINK_DOWN:
    case NODE_LINK_REFUSED:
    case NODE_LINK_TRIED:
        on_link(n, ev, out);
        break;
    case NODE_MSG:
        on_msg(n, ev->msg, out);
        break;
    case NODE_TICK:
        on_tick(n, out);
        break;
    case NODE_FACTS:
        n->facts = *ev->facts;
        node_tell_info(n, out);
        break;
    case NODE_SAMPLE:
        node_tell_metrics(n, ev->metrics_known, ev->metrics, out);
        break;
    case NODE_RUN_STARTED:
        break;
    case NODE_RUN_OUTPUT:
        if (r != NULL && r->phase == RUN_RUNNING) {
            node_take_output(n, r, ev->stream, ev->data, out);
        }
        break;
    case NODE_RUN_DONE:
        if (r != NULL) {
            on_run_done(n, r, ev->end, out);
        }
        break;
    case NODE_DRAIN:
        on_drain(n, ev->on, out);
        break;
    case NODE_NOTICE:
        node_noticed(n, ev->left_ms, out);
        break;
    case NODE_WARM:
        node_note_warm(n, ev->cap, ev->on, out);
        break;
    case NODE_RECORD:
        node_restore(n, ev, out);
        break;
    case NODE_STORE_ERROR:
        node_spool_failed(n, ev->lsn);
        break;
    case NODE_PROBED:
        node_probed(n, ev->rtt_us);
        break;
    case NODE_UNPROBED:
        node_unprobed(n);
        break;
    case NODE_STOP:
        n->stopped = 1;
        wf_link_stop(&n->link, out);
        break;
    default:
        node_data_event(n, ev, out);
        break;
    }
}

void node_step(struct node *n, const struct node_event *ev, struct wf_effects *out)
{
    int was_open = node_is_open(n);
    size_t first = out->n;

    n->now_us = wf_max_u64(n->now_us, ev->now_us);
    n->wall_ms = ev->wall_ms;
    happen(n, ev, out);
    node_move_after(n, out);
    if (was_open && !node_is_open(n)) {
        on_cut(n, out);
    }
    if (node_data_after(n, out)) {
        node_fill(n, out);
    }
    node_press(n, out);
    node_data_done(n, first, out);
    node_links_after(n, out);
    node_spool(n, out);
    node_note_load(n);
}

uint64_t node_wakeup_us(const struct node *n)
{
    const struct wf_heap_node *x = wf_heap_min(&n->runs.timers);

    uint64_t due_us =
        wf_min_u64(wf_min_u64(n->link.due_us, node_spool_due_us(n)), node_move_due_us(n));

    due_us = wf_min_u64(due_us, node_press_due_us(n));
    return wf_min_u64(due_us,
                      wf_min_u64(x != NULL ? x->key : UINT64_MAX, node_data_due_us(n)));
}

const struct wf_link *node_link(const struct node *n)
{
    return &n->link;
}

const struct node_config *node_config_of(const struct node *n)
{
    return &n->cfg;
}

struct node_counts node_counts(const struct node *n)
{
    return (struct node_counts){n->runs.nwaiting, n->runs.nrunning,    n->runs.nfinished,
                                n->done,          n->failed,           n->refused,
                                n->cut,           node_is_draining(n), n->spool};
}

size_t node_owed(const struct node *n)
{
    size_t owed = 0;

    for (const struct wf_list_node *x = wf_list_first(&n->runs.finished);
         x != NULL && node_is_open(n); x = wf_list_next(&n->runs.finished, x)) {
        owed += node_is_ours(n, CONTAINER_OF(x, struct run, node));
    }
    return owed;
}

void node_check(const struct node *n)
{
    size_t pressing = 0, yielding = 0, ways = 0, it = 0;
    const struct run *each;
    uint64_t held = 0, running = 0, bytes = 0, spooled = 0, window = 0;

    for (unsigned i = 0; i < n->cfg.ncaps; i++) {
        WF_CHECK(n->running_of[i] <= n->cfg.caps[i].slots);
        WF_CHECK(n->held_of[i] <= n->cfg.caps[i].slots + n->cfg.caps[i].queue);
        held += n->held_of[i];
        running += n->running_of[i];
    }
    while ((each = wf_map_next(n->runs.by_key, &it)) != NULL) {
        pressing += (size_t) run_presses(each);
        yielding += (size_t) run_yields(each);
        ways += (size_t) run_is_way(each);
    }
    WF_CHECK(pressing == n->runs.npressing && yielding == n->runs.nyielding);
    WF_CHECK(ways == n->runs.nways);
    WF_CHECK(held == n->runs.nwaiting + n->runs.nrunning);
    WF_CHECK(held == n->link.load.jobs && (held != 0 || n->link.load.work_us == 0));
    WF_CHECK(running == n->runs.nrunning && running <= n->cfg.slots);
    for (struct wf_list_node *x = wf_list_first(&n->runs.finished); x != NULL;
         x = wf_list_next(&n->runs.finished, x)) {
        const struct run *r = CONTAINER_OF(x, struct run, node);

        bytes += r->held;
        spooled += r->lsn != 0 ? r->spool_len : 0;
        window += r->sent ? r->held : 0;
    }
    WF_CHECK(bytes == n->held_bytes && spooled == n->spool.bytes);
    WF_CHECK(window == n->window_bytes);
    node_data_check(n);
}
