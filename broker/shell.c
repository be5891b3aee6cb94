#include "broker/shell_int.h"

#include "broker/core/mesh/neighbours.h"
#include "common/failpoint.h"
#include "common/io/file.h"
#include "common/io/notify.h"
#include "common/mem.h"
#include "common/str.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* After SIGTERM: time for the farewells to leave. */
#define FAREWELL_US 300000u

/* -- stepping the core -----------------------------------------------------------------
 */

static void carry_out(struct shell *sh, const struct wf_effect *x)
{
    const uint8_t *p = wf_effect_bytes(&sh->effects, x);

    switch (x->kind) {
    case WF_EFFECT_SEND:
        WF_FAILPOINT_MESSAGE("broker.send", p, x->len, "before");
        if ((x->peer & MESH_DIALLED) != 0) {
            dials_send(sh->dials, x->peer, p, x->len);
        } else {
            (void) (x->lazy ? router_send_lazy(sh->router, x->peer, p, x->len)
                            : router_send(sh->router, x->peer, p, x->len));
        }
        WF_FAILPOINT_MESSAGE("broker.send", p, x->len, "after");
        break;
    case WF_EFFECT_CLOSE:
        WF_FAILPOINT("broker.close.before");
        if ((x->peer & MESH_DIALLED) == 0) {
            router_close_after_flush(sh->router, x->peer);
        }
        break;
    case WF_EFFECT_CONNECT:
        dials_connect(sh->dials, x->peer, (unsigned) x->arg);
        break;
    case WF_EFFECT_DISCONNECT:
        dials_disconnect(sh->dials, x->peer);
        break;
    case WF_EFFECT_LANE_OPEN:
        dial_lanes_open(sh->dial_lanes, x->peer, (unsigned) x->arg);
        break;
    case WF_EFFECT_LANE_SEND:
        if ((x->peer & MESH_DIALLED) != 0) {
            dial_lanes_send(sh->dial_lanes, x->peer, p, x->len);
        } else {
            bulk_send(sh->bulk, x->peer, p, x->len);
        }
        break;
    case WF_EFFECT_LANE_CLOSE:
        if ((x->peer & MESH_DIALLED) != 0) {
            dial_lanes_close(sh->dial_lanes, x->peer);
        } else {
            bulk_close(sh->bulk, x->peer);
        }
        break;
    case WF_EFFECT_TRACE:
        log_write(sh->log, (enum wf_log_level) x->arg, "broker", x->obj, "%.*s",
                  (int) x->len, (const char *) p);
        break;
    case WF_EFFECT_APPEND:
        WF_FAILPOINT_TABLE("broker.append", x->peer, "before");
        store_append(sh->store, x->peer, x->arg, wf_slice_make(p, x->len));
        WF_FAILPOINT_TABLE("broker.append", x->peer, "after");
        break;
    case WF_EFFECT_SYNC:
        WF_FAILPOINT("broker.sync.before");
        store_sync_soon(sh->store);
        WF_FAILPOINT("broker.sync.after");
        break;
    default:
        break;
    }
}

static void look_at_clock(struct broker_event *ev)
{
    ev->now_us = wf_now_us();
    ev->wall_ms = wf_wall_ms();
}

/* 1 when some were lost. */
static int carry_out_all(struct shell *sh)
{
    int lost = sh->effects.err != 0;

    for (size_t i = 0; i < sh->effects.n; i++) {
        carry_out(sh, &sh->effects.v[i]);
    }
    wf_effects_clear(&sh->effects);
    return lost;
}

void shell_step(struct shell *sh, struct broker_event *ev)
{
    /* The messages of one frame came at one time: on_frame() looks at the clock for all.
     */
    if (ev->now_us == 0) {
        look_at_clock(ev);
    }
    core_step(sh->core, ev, &sh->effects);
    if (carry_out_all(sh)) {
        struct broker_event lost = {.kind = BROKER_FORGETFUL};

        log_error(sh->log, "broker", "out-of-memory",
                  "text=\"messages were lost: every session begins anew\"");
        look_at_clock(&lost);
        core_step(sh->core, &lost, &sh->effects);
        (void) carry_out_all(sh);
    }
    if (ev->kind != BROKER_MSG) { /* else at the end of the frame */
        store_sync(sh->store);
    }
}

static void arm(struct shell *sh)
{
    uint64_t due_us = core_wakeup_us(sh->core);

    if (due_us < sh->armed_us) {
        sh->armed_us = due_us;
        wf_timer_start_at(sh->timer, due_us);
    }
}

static void flush(struct shell *sh)
{
    router_flush(sh->router);
    dials_flush(sh->dials);
    dial_lanes_flush(sh->dial_lanes);
    dial_probes_look(sh->dial_probes);
}

void shell_on_time(void *arg)
{
    struct shell *sh = arg;
    struct broker_event ev = {.kind = BROKER_TICK};

    sh->armed_us = UINT64_MAX;
    shell_step(sh, &ev);
    flush(sh);
    arm(sh);
}

/* An event that is no message of a turn of the bus. */
static void step_alone(struct shell *sh, struct broker_event *ev)
{
    shell_step(sh, ev);
    flush(sh);
    arm(sh);
}

static void on_durable(void *arg, uint64_t lsn)
{
    struct broker_event ev = {.kind = BROKER_DURABLE, .lsn = lsn};

    step_alone(arg, &ev);
}

static void on_store_error(void *arg, uint64_t lsn, const char *text)
{
    struct shell *sh = arg;
    struct broker_event ev = {.kind = BROKER_STORE_ERROR, .lsn = lsn};

    log_error(sh->log, "store", "failed", "text=\"%s\"", text);
    step_alone(sh, &ev);
}

static void on_taken(void *arg, uint64_t lsn)
{
    struct broker_event ev = {.kind = BROKER_TAKEN, .lsn = lsn};

    step_alone(arg, &ev);
}

static void on_row(void *arg, unsigned table, struct wf_slice record)
{
    struct broker_event ev = {.kind = BROKER_RECORD, .table = table, .record = record};

    step_alone(arg, &ev);
}

/* Whoever took our place has our jobs: nothing that we would still say is true. */
static void on_fenced(void *arg, const char *text)
{
    struct shell *sh = arg;

    log_error(sh->log, "store", "fenced", "text=\"%s\"", text);
    sh->fenced = 1;
    wf_loop_stop(&sh->loop);
}

static void on_deaf(void *arg, const char *text)
{
    const struct shell *sh = arg;

    log_warn(sh->log, "store", "deaf", "text=\"%s\"", text);
}

void shell_on_record(void *arg, unsigned table, struct wf_slice record)
{
    struct broker_event ev = {.kind = BROKER_RECORD, .table = table, .record = record};

    shell_step(arg, &ev);
}

void shell_on_repair(void *arg, const char *line)
{
    const struct shell *sh = arg;

    log_warn(sh->log, "store", "repair", "text=\"%s\"", line);
}

void shell_on_prices(void *arg, const struct price_line *lines, size_t n)
{
    struct broker_event ev = {.kind = BROKER_PRICES, .prices = lines, .nprices = n};

    step_alone(arg, &ev);
}

/* -- the bus ---------------------------------------------------------------------------
 */

int shell_allow(void *arg, const uint8_t *key, const char *domain, const char *address)
{
    const struct shell *sh = arg;
    struct wf_key k;

    (void) domain;
    (void) address;
    memcpy(k.b, key, sizeof k.b);
    return core_admits(sh->core, &k);
}

static void on_peer(void *arg, uint32_t handle, const uint8_t *key)
{
    struct broker_event ev = {.kind = BROKER_PEER_UP, .peer = handle};

    memcpy(ev.key.b, key, sizeof ev.key.b);
    shell_step(arg, &ev);
}

static void on_gone(void *arg, uint32_t handle)
{
    struct broker_event ev = {.kind = BROKER_PEER_DOWN, .peer = handle};

    shell_step(arg, &ev);
}

static void count_bus(struct shell *sh)
{
    const struct router_stats *r = router_stats(sh->router);
    struct bus_counts *b = &sh->bus;

    b->connections = r->accepted;
    b->handshakes_refused = r->refused;
    b->cut_silent = r->silent;
    b->cut_crowded = r->crowded;
    b->cut_slow = r->slow_peers;
    b->cut_flooding = r->floods;
    b->cut_bad_id = r->bad_ids;
    b->cut_bad_frame = r->bad_frames;
    echo_count(sh->echo, &b->probes_answered, &b->probes_unknown);
}

static void cut_malformed(struct shell *sh, uint32_t handle)
{
    struct broker_event down = {.kind = BROKER_DIAL_DOWN, .peer = handle};
    char address[64] = "a neighbour";

    if ((handle & MESH_DIALLED) == 0) {
        router_address(sh->router, handle, address, sizeof address);
    }
    log_warn(sh->log, "broker", "malformed",
             "peer=%s text=\"malformed message: the connection is closed\"", address);
    sh->bus.cut_bad_message++;
    if ((handle & MESH_DIALLED) != 0) {
        dials_disconnect(sh->dials, handle);
        shell_step(sh, &down);
    } else {
        router_close(sh->router, handle);
        on_gone(sh, handle);
    }
}

/* The next message of a frame that is known here: 1; 0: there is none; else the frame is
 * malformed from here on. */
static int next_message(struct shell *sh, struct wf_cursor *c, struct wf_msg *msg)
{
    while (wf_cur_left(c) > 0) {
        int rc = wf_msg_decode(c, msg);

        if (rc == 0) {
            core_expect(sh->core, msg);
            return 1;
        }
        if (rc != WEFT_ESUPPORT) {
            return rc;
        }
        sh->bus.skipped_messages++;
    }
    return 0;
}

/* Each message is decoded before the one in front of it is handled: meanwhile the cache
 * fetches what it will need. */
static void on_frame(void *arg, uint32_t handle, const uint8_t *bytes, size_t len)
{
    struct shell *sh = arg;
    struct wf_msg msgs[2];
    struct broker_event ev = {.kind = BROKER_MSG, .peer = handle, .bus = &sh->bus};
    struct wf_cursor c;
    unsigned at = 0;
    int more;

    count_bus(sh);
    look_at_clock(&ev);
    wf_cur_init(&c, bytes, len);
    more = next_message(sh, &c, &msgs[at]);
    while (more == 1) {
        ev.msg = &msgs[at];
        at = !at;
        more = next_message(sh, &c, &msgs[at]);
        shell_step(sh, &ev);
    }
    if (more != 0) {
        cut_malformed(sh, handle);
        return;
    }
    store_sync(sh->store);
}

static void on_turn(void *arg)
{
    arm(arg);
}

void shell_on_lane(void *arg, struct broker_event *ev)
{
    shell_step(arg, ev);
}

void shell_on_dial_lane(void *arg, struct broker_event *ev)
{
    struct shell *sh = arg;

    shell_step(sh, ev);
    if (ev->kind == BROKER_LANE_UP || ev->kind == BROKER_LANE_DOWN) {
        flush(sh); /* when it is dialled again has changed */
        arm(sh);
    }
}

/* -- neighbours ------------------------------------------------------------------------
 */

static void on_dial(void *arg, struct broker_event *ev)
{
    step_alone(arg, ev);
}

void shell_on_probe(void *arg, struct broker_event *ev)
{
    step_alone(arg, ev);
}

static void on_dial_frame(void *arg, uint32_t peer, const uint8_t *bytes, size_t len)
{
    struct shell *sh = arg;

    on_frame(sh, peer, bytes, len);
    flush(sh);
    arm(sh);
}

const struct store_cbs shell_store_cbs = {on_durable, on_store_error, on_taken,
                                          on_row,     on_fenced,      on_deaf};
const struct router_cbs shell_router_cbs = {on_peer, on_frame, on_gone, on_turn};
const struct dials_cbs shell_dials_cbs = {on_dial, on_dial_frame};

/* -- the end ---------------------------------------------------------------------------
 */

static void on_farewell(void *arg)
{
    struct shell *sh = arg;

    wf_loop_stop(&sh->loop);
}

void shell_on_signal(void *arg, int signum)
{
    struct shell *sh = arg;
    struct broker_event ev = {.kind = BROKER_STOPPING};
    size_t fast = core_fast_jobs(sh->core), kept = core_live_jobs(sh->core) - fast;
    struct wf_timer *t;

    if (signum == SIGHUP) {
        log_info(sh->log, "broker", "hangup",
                 "text=\"%s: restart to change the configuration\"",
                 "prices and new links are read, and nothing else");
        if (sh->prices != NULL) {
            price_watch_look(sh->prices, 1);
        }
        dials_read(sh->dials, sh->state);
        return;
    }
    if (sh->stopping++) {
        wf_loop_stop(&sh->loop);
        return;
    }
    notify_stopping();
    if (fast != 0) {
        log_warn(sh->log, "broker", "stopping",
                 "kept=%zu lost_fast=%zu text=\"%zu accepted jobs of class fast end with "
                 "this process: their clients must submit them again\"",
                 kept, fast, fast);
    } else {
        log_info(sh->log, "broker", "stopping", "kept=%zu lost_fast=0", kept);
    }
    shell_step(sh, &ev);
    flush(sh);
    if (wf_timer_new(&sh->loop, on_farewell, sh, &t) != 0) {
        wf_loop_stop(&sh->loop);
        return;
    }
    wf_timer_free(sh->timer);
    sh->timer = t;
    wf_timer_start_at(t, wf_now_us() + FAREWELL_US);
}

int shell_run(struct shell *sh)
{
    char endpoint[WF_ENDPOINT_MAX + 1] = "", fingerprint[KEY_FINGERPRINT];

    (void) router_endpoint(sh->router, endpoint, sizeof endpoint);
    keys_fingerprint(sh->keys.pub, fingerprint);
    log_info(sh->log, "broker", "ready", "listen=%s bulk=%s key=%s", endpoint,
             bulk_endpoint(sh->bulk), fingerprint);
    notify_ready();
    dials_read(sh->dials, sh->state);
    arm(sh);
    wf_loop_run(&sh->loop);
    return sh->fenced ? WEFT_ESTATE : 0;
}
