#include "broker/shell.h"

#include "broker/bulk.h"
#include "broker/core/mesh/neighbours.h"
#include "broker/dials.h"
#include "broker/echo.h"
#include "broker/first.h"
#include "broker/price_watch.h"
#include "broker/store/store.h"
#include "client/include/weft/version.h"
#include "common/failpoint.h"
#include "common/io/file.h"
#include "common/io/loop.h"
#include "common/io/notify.h"
#include "common/io/router.h"
#include "common/io/zap.h"
#include "common/mem.h"
#include "common/str.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* After SIGTERM: time for the farewells to leave. */
#define FAREWELL_US 300000u

struct shell {
    struct wf_loop loop;
    const struct log_sink *log;
    struct core *core;
    struct wf_effects effects;
    struct store *store;
    void *zmq;
    struct zap *zap;
    struct router *router;
    struct bulk *bulk;
    struct dials *dials;
    const struct config *cfg;
    struct echo *echo;          /* NULL: probes are not answered */
    struct price_watch *prices; /* NULL: no file of prices */
    struct wf_timer *timer;
    uint64_t armed_us; /* when the timer fires; UINT64_MAX: not armed */
    struct keys keys;
    int lock_fd;
    int stopping;
    int fenced; /* another process has our place in the store */
    struct store_facts facts;
    int repair; /* the operator knows that the store lost something */
    struct bus_counts bus;
};

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
    case WF_EFFECT_LANE_SEND:
        bulk_send(sh->bulk, x->peer, p, x->len);
        break;
    case WF_EFFECT_LANE_CLOSE:
        bulk_close(sh->bulk, x->peer);
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

static void step(struct shell *sh, struct broker_event *ev)
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
}

static void on_time(void *arg)
{
    struct shell *sh = arg;
    struct broker_event ev = {.kind = BROKER_TICK};

    sh->armed_us = UINT64_MAX;
    step(sh, &ev);
    flush(sh);
    arm(sh);
}

/* An event that is no message of a turn of the bus. */
static void step_alone(struct shell *sh, struct broker_event *ev)
{
    step(sh, ev);
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

static void on_record(void *arg, unsigned table, struct wf_slice record)
{
    struct broker_event ev = {.kind = BROKER_RECORD, .table = table, .record = record};

    step(arg, &ev);
}

static void on_repair(void *arg, const char *line)
{
    const struct shell *sh = arg;

    log_warn(sh->log, "store", "repair", "text=\"%s\"", line);
}

static void on_prices_read(void *arg, const struct price_line *lines, size_t n)
{
    struct broker_event ev = {.kind = BROKER_PRICES, .prices = lines, .nprices = n};

    step_alone(arg, &ev);
}

/* -- the bus ---------------------------------------------------------------------------
 */

static int allow(void *arg, const uint8_t *key, const char *domain, const char *address)
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
    step(arg, &ev);
}

static void on_gone(void *arg, uint32_t handle)
{
    struct broker_event ev = {.kind = BROKER_PEER_DOWN, .peer = handle};

    step(arg, &ev);
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
        step(sh, &down);
    } else {
        router_close(sh->router, handle);
        on_gone(sh, handle);
    }
}

static void on_frame(void *arg, uint32_t handle, const uint8_t *bytes, size_t len)
{
    struct shell *sh = arg;
    struct wf_msg msg;
    struct broker_event ev = {
        .kind = BROKER_MSG, .peer = handle, .msg = &msg, .bus = &sh->bus};
    struct wf_cursor c;

    count_bus(sh);
    look_at_clock(&ev);
    wf_cur_init(&c, bytes, len);
    while (wf_cur_left(&c) > 0) {
        int rc = wf_msg_decode(&c, &msg);

        if (rc == 0) {
            step(sh, &ev);
        } else if (rc == WEFT_ESUPPORT) {
            sh->bus.skipped_messages++;
        } else {
            cut_malformed(sh, handle);
            return;
        }
    }
    store_sync(sh->store);
}

static void on_turn(void *arg)
{
    arm(arg);
}

static void on_lane(void *arg, struct broker_event *ev)
{
    step(arg, ev);
}

/* -- neighbours ------------------------------------------------------------------------
 */

static void on_dial(void *arg, struct broker_event *ev)
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

static void on_link_file(void *arg, const struct link_file *f)
{
    struct shell *sh = arg;
    struct mesh_dial dial = {.nendpoints = (unsigned) f->endpoints.n};
    struct broker_event ev = {.kind = BROKER_DIAL, .dial = &dial};
    struct wf_err err = {0, ""};
    int rc = dials_add(sh->dials, f, &err);

    if (rc == WEFT_EEXIST) {
        return; /* read before */
    }
    memcpy(dial.key.b, f->key, sizeof dial.key.b);
    (void) wf_str_copy(dial.name, sizeof dial.name, f->broker);
    if (rc == 0) {
        log_info(sh->log, "broker", "link", "neighbour=%s endpoint=%s", f->broker,
                 f->endpoints.item[0]);
        step_alone(sh, &ev);
    } else {
        log_warn(sh->log, "broker", "link", "neighbour=%s text=\"%s\"", f->broker,
                 err.text);
    }
}

static void on_bad_link_file(void *arg, const struct wf_err *err)
{
    const struct shell *sh = arg;

    log_warn(sh->log, "broker", "link", "text=\"%s\"", err->text);
}

static void read_links(struct shell *sh)
{
    struct wf_err err = {0, ""};

    if (link_files_each(sh->cfg->state, on_link_file, on_bad_link_file, sh, &err) != 0) {
        on_bad_link_file(sh, &err);
    }
}

/* -- the end ---------------------------------------------------------------------------
 */

static void on_farewell(void *arg)
{
    struct shell *sh = arg;

    wf_loop_stop(&sh->loop);
}

static void on_signal(void *arg, int signum)
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
        read_links(sh);
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
    step(sh, &ev);
    flush(sh);
    if (wf_timer_new(&sh->loop, on_farewell, sh, &t) != 0) {
        wf_loop_stop(&sh->loop);
        return;
    }
    wf_timer_free(sh->timer);
    sh->timer = t;
    wf_timer_start_at(t, wf_now_us() + FAREWELL_US);
}

/* -- the beginning ---------------------------------------------------------------------
 */

static int open_bus(struct shell *sh, const struct config *cfg, struct wf_err *err)
{
    const struct router_cbs cbs = {on_peer, on_frame, on_gone, on_turn};
    const struct router_opts opts = {.keys = &sh->keys,
                                     .max_conns = (unsigned) cfg->max_connections};
    int rc = zctx_new(true, &sh->zmq);

    if (rc != 0) {
        return wf_err_set(err, rc, "cannot start ZeroMQ");
    }
    rc = zap_new(&sh->loop, sh->zmq, allow, sh, &sh->zap, err);
    if (rc == 0) {
        rc = router_new(&sh->loop, sh->zmq, &opts, &cbs, sh, &sh->router, err);
    }
    for (size_t i = 0; rc == 0 && i < cfg->listen.n; i++) {
        rc = router_bind(sh->router, cfg->listen.item[i], err);
    }
    return rc;
}

static int open_dials(struct shell *sh, struct wf_err *err)
{
    const struct dials_cbs cbs = {on_dial, on_dial_frame};
    int rc = dials_new(&sh->loop, sh->zmq, &sh->keys, &cbs, sh, &sh->dials);

    return rc == 0 ? 0 : wf_err_set(err, rc, "out of memory");
}

static int open_bulk(struct shell *sh, const struct config *cfg, struct wf_err *err)
{
    char control[WF_ENDPOINT_MAX + 1] = "";
    const struct bulk_where where = {&cfg->bulk_listen, &cfg->listen, control};

    (void) router_endpoint(sh->router, control, sizeof control);
    return bulk_new(&sh->loop, sh->zmq, &sh->keys, &where, on_lane, sh, &sh->bulk, err);
}

static int knows_probe(void *arg, const uint8_t *cookie)
{
    const struct shell *sh = arg;

    return core_knows_probe(sh->core, cookie);
}

static int open_echo(struct shell *sh, const struct config *cfg, struct wf_err *err)
{
    char control[WF_ENDPOINT_MAX + 1] = "";
    const struct echo_where where = {&cfg->listen, control, cfg->probe_port};

    (void) router_endpoint(sh->router, control, sizeof control);
    return echo_new(&sh->loop, sh->log, &where, knows_probe, sh, &sh->echo, err);
}

static int open_core(struct shell *sh, const struct config *cfg, struct wf_err *err)
{
    struct core_config core;

    config_to_core(cfg, &core);
    memcpy(core.key.b, sh->keys.pub, sizeof core.key.b);
    keys_random(&core.epoch, sizeof core.epoch);
    keys_random(&core.seed, sizeof core.seed);
    (void) wf_str_copy(core.software, sizeof core.software, WEFT_VERSION);
    (void) wf_str_copy(core.store, sizeof core.store, store_name(sh->store));
    core.durable = strcmp(store_name(sh->store), "memory") != 0;
    core.shared = strcmp(core.store, "postgres") == 0;
    core.store_id = sh->facts.id;
    core.boot = sh->facts.boot;
    core.lsn = sh->facts.lsn;
    core.accept_rollback = sh->repair;
    core.bulk_port = bulk_port(sh->bulk);
    core.probe_port = echo_port(sh->echo);
    keys_random(&core.probe_seed, sizeof core.probe_seed);
    keys_derive(&sh->keys, "weft facts", core.sign_seed);
    for (size_t i = 0; i < cfg->listen.n && core.nendpoints < 8; i++) {
        (void) router_endpoint(sh->router, core.endpoints[core.nendpoints++],
                               sizeof core.endpoints[0]);
    }
    if (cfg->advertise.n != 0) {
        core.nendpoints = 0;
    }
    for (size_t i = 0; i < cfg->advertise.n && core.nendpoints < 8; i++) {
        (void) wf_str_copy(core.endpoints[core.nendpoints++], sizeof core.endpoints[0],
                           cfg->advertise.item[i]);
    }
    return core_new(&core, &sh->core) == 0
               ? 0
               : wf_err_set(err, WEFT_ENOMEM, "out of memory");
}

static int open_store(struct shell *sh, const struct config *cfg, struct wf_err *err)
{
    const struct store_cbs cbs = {on_durable, on_store_error, on_taken,
                                  on_row,     on_fenced,      on_deaf};
    char path[512];
    const struct store_options o = {.where = cfg->store[0] != '\0' ? cfg->store : path,
                                    .broker = cfg->name,
                                    .lease_ms = cfg->lease_ms,
                                    .repair = sh->repair,
                                    .told = on_repair,
                                    .told_arg = sh};

    (void) snprintf(path, sizeof path, "%s/weft.db", cfg->state);
    return store_open(&sh->loop, &o, &cbs, sh, &sh->store, &sh->facts, err);
}

static int load(struct shell *sh, struct wf_err *err)
{
    struct broker_event ev = {.kind = BROKER_LOADED};
    int rc = store_load(sh->store, on_record, sh, err);

    if (rc == 0 && core_bad_records(sh->core) != 0) {
        rc = wf_err_set(err, WEFT_ESTORAGE,
                        "the store holds %u records that this program cannot read: start "
                        "the version that wrote them",
                        (unsigned) core_bad_records(sh->core));
    }
    if (rc == 0) {
        step(sh, &ev);
    }
    return rc;
}

static int open_folder(struct shell *sh, const struct config *cfg, struct wf_err *err)
{
    int rc = file_mkdirs(cfg->state, 0700, err);

    if (rc == 0) {
        rc = file_lock(cfg->state, &sh->lock_fd, err);
    }
    return rc == 0 ? first_keys(cfg->state, &sh->keys, sh->log, err) : rc;
}

static int open_all(struct shell *sh, const struct config *cfg,
                    const struct shell_options *o, struct wf_err *err)
{
    int rc = wf_loop_init(&sh->loop, err);

    if (rc == 0) {
        rc = wf_loop_signals(&sh->loop, on_signal, sh, err);
    }
    if (rc == 0) {
        rc = wf_timer_new(&sh->loop, on_time, sh, &sh->timer);
    }
    if (rc == 0) {
        rc = open_folder(sh, cfg, err);
    }
    if (rc == 0) {
        rc = open_bus(sh, cfg, err);
    }
    if (rc == 0) {
        rc = open_dials(sh, err);
    }
    if (rc == 0) {
        rc = open_bulk(sh, cfg, err);
    }
    if (rc == 0) {
        rc = open_echo(sh, cfg, err);
    }
    if (rc == 0) {
        rc = open_store(sh, cfg, err);
    }
    if (rc == 0) {
        rc = open_core(sh, cfg, err);
    }
    if (rc == 0) {
        rc = load(sh, err);
    }
    if (rc == 0 && cfg->prices[0] != '\0') {
        rc = price_watch_new(&sh->loop, cfg->prices, sh->log, on_prices_read, sh,
                             &sh->prices, err);
    }
    if (rc == 0 && (o->new_operator || !core_has_operator(sh->core))) {
        struct broker_event ev = {.kind = BROKER_TICK};

        step(sh, &ev);
        rc = first_operator(cfg, sh->core, sh->keys.pub, sh->log, &sh->effects, err);
        step(sh, &ev);
    }
    return rc;
}

int shell_new(const struct config *cfg, const struct log_sink *log,
              const struct shell_options *o, struct shell **ret_shell, struct wf_err *err)
{
    struct shell *sh = wf_calloc(1, sizeof *sh);
    int rc;

    if (sh == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "out of memory");
    }
    sh->log = log;
    sh->cfg = cfg;
    sh->lock_fd = -1;
    sh->armed_us = UINT64_MAX;
    wf_effects_init(&sh->effects);
    sh->repair = o->repair;
    rc = open_all(sh, cfg, o, err);
    if (rc != 0) {
        shell_free(sh);
        return rc;
    }
    *ret_shell = sh;
    return 0;
}

int shell_run(struct shell *sh)
{
    char endpoint[WF_ENDPOINT_MAX + 1] = "", fingerprint[KEY_FINGERPRINT];

    (void) router_endpoint(sh->router, endpoint, sizeof endpoint);
    keys_fingerprint(sh->keys.pub, fingerprint);
    log_info(sh->log, "broker", "ready", "listen=%s bulk=%s key=%s", endpoint,
             bulk_endpoint(sh->bulk), fingerprint);
    notify_ready();
    read_links(sh);
    arm(sh);
    wf_loop_run(&sh->loop);
    return sh->fenced ? WEFT_ESTATE : 0;
}

void shell_free(struct shell *sh)
{
    if (sh == NULL) {
        return;
    }
    store_close(sh->store);
    bulk_free(sh->bulk);
    dials_free(sh->dials);
    echo_free(sh->echo);
    router_free(sh->router);
    zap_free(sh->zap);
    wf_timer_free(sh->timer);
    price_watch_free(sh->prices);
    wf_loop_fini(&sh->loop);
    zctx_free(&sh->zmq);
    core_free(sh->core);
    wf_effects_fini(&sh->effects);
    keys_wipe(&sh->keys, sizeof sh->keys);
    file_unlock(sh->lock_fd);
    wf_free(sh);
}
