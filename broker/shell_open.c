/* Opening everything that a broker has, in order, and closing it. */
#include "broker/shell_int.h"

#include "broker/first.h"
#include "client/include/weft/version.h"
#include "common/io/file.h"
#include "common/mem.h"
#include "common/str.h"

#include <stdio.h>
#include <string.h>

/* One of ZeroMQ's, and who may connect to its sockets. */
static int open_context(struct shell *sh, unsigned flags, void **ret_zmq,
                        struct zap **ret_zap, struct wf_err *err)
{
    int rc = zctx_new(flags, ret_zmq);

    return rc == 0 ? zap_new(&sh->loop, *ret_zmq, shell_allow, sh, ret_zap, err)
                   : wf_err_set(err, rc, "cannot start ZeroMQ");
}

static int open_bus(struct shell *sh, const struct config *cfg, struct wf_err *err)
{
    const struct router_opts opts = {.keys = &sh->keys,
                                     .max_conns = (unsigned) cfg->max_connections};
    int rc = open_context(sh, ZCTX_COMPACT, &sh->zmq, &sh->zap, err);

    if (rc == 0) {
        rc =
            open_context(sh, ZCTX_COMPACT | ZCTX_BULK, &sh->bulk_zmq, &sh->bulk_zap, err);
    }
    if (rc == 0) {
        rc = router_new(&sh->loop, sh->zmq, &opts, &shell_router_cbs, sh, &sh->router,
                        err);
    }
    for (size_t i = 0; rc == 0 && i < cfg->listen.n; i++) {
        rc = router_bind(sh->router, cfg->listen.item[i], err);
    }
    return rc;
}

static int open_dials(struct shell *sh, struct wf_err *err)
{
    int rc = dials_new(&sh->loop, sh->zmq, &sh->keys, sh->log, &shell_dials_cbs, sh,
                       &sh->dials);

    if (rc == 0) {
        rc = dial_lanes_new(&sh->loop, sh->bulk_zmq, &sh->keys, sh->dials,
                            shell_on_dial_lane, sh, &sh->dial_lanes);
    }
    return rc == 0 ? 0 : wf_err_set(err, rc, "out of memory");
}

static int open_bulk(struct shell *sh, const struct config *cfg, struct wf_err *err)
{
    char control[WF_ENDPOINT_MAX + 1] = "";
    const struct bulk_where where = {&cfg->bulk_listen, &cfg->listen, control};

    (void) router_endpoint(sh->router, control, sizeof control);
    return bulk_new(&sh->loop, sh->bulk_zmq, &sh->keys, &where, shell_on_lane, sh,
                    &sh->bulk, err);
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

static int open_probes(struct shell *sh, struct wf_err *err)
{
    return dial_probes_new(&sh->loop, sh->log, sh->core, sh->dials, shell_on_probe, sh,
                           &sh->dial_probes) == 0
               ? 0
               : wf_err_set(err, WEFT_ENOMEM, "out of memory");
}

static int open_store(struct shell *sh, const struct config *cfg, struct wf_err *err)
{
    char path[512];
    const struct store_options o = {.where = cfg->store[0] != '\0' ? cfg->store : path,
                                    .broker = cfg->name,
                                    .lease_ms = cfg->lease_ms,
                                    .repair = sh->repair,
                                    .told = shell_on_repair,
                                    .told_arg = sh};

    (void) snprintf(path, sizeof path, "%s/weft.db", cfg->state);
    return store_open(&sh->loop, &o, &shell_store_cbs, sh, &sh->store, &sh->facts, err);
}

static int load(struct shell *sh, struct wf_err *err)
{
    struct broker_event ev = {.kind = BROKER_LOADED};
    int rc = store_load(sh->store, shell_on_record, sh, err);

    if (rc == 0 && core_bad_records(sh->core) != 0) {
        rc = wf_err_set(err, WEFT_ESTORAGE,
                        "the store holds %u records that this program cannot read: start "
                        "the version that wrote them",
                        (unsigned) core_bad_records(sh->core));
    }
    if (rc == 0) {
        shell_step(sh, &ev);
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
        rc = wf_ahead_new(&sh->loop, &sh->ahead);
    }
    if (rc == 0) {
        rc = wf_loop_signals(&sh->loop, shell_on_signal, sh, err);
    }
    if (rc == 0) {
        rc = wf_timer_new(&sh->loop, shell_on_time, sh, &sh->timer);
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
        rc = open_probes(sh, err);
    }
    if (rc == 0) {
        rc = load(sh, err);
    }
    if (rc == 0 && cfg->prices[0] != '\0') {
        rc = price_watch_new(&sh->loop, cfg->prices, sh->log, shell_on_prices, sh,
                             &sh->prices, err);
    }
    if (rc == 0 && (o->new_operator || !core_has_operator(sh->core))) {
        struct broker_event ev = {.kind = BROKER_TICK};

        shell_step(sh, &ev);
        rc = first_operator(cfg, sh->core, sh->keys.pub, sh->log, &sh->effects, err);
        shell_step(sh, &ev);
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
    sh->state = cfg->state;
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

void shell_free(struct shell *sh)
{
    if (sh == NULL) {
        return;
    }
    store_close(sh->store);
    bulk_free(sh->bulk);
    dial_lanes_free(sh->dial_lanes);
    dial_probes_free(sh->dial_probes);
    dials_free(sh->dials);
    echo_free(sh->echo);
    router_free(sh->router);
    zap_free(sh->zap);
    zap_free(sh->bulk_zap);
    wf_timer_free(sh->timer);
    price_watch_free(sh->prices);
    wf_ahead_free(sh->ahead);
    wf_loop_fini(&sh->loop);
    zctx_free(&sh->zmq);
    zctx_free(&sh->bulk_zmq);
    core_free(sh->core);
    wf_effects_fini(&sh->effects);
    keys_wipe(&sh->keys, sizeof sh->keys);
    file_unlock(sh->lock_fd);
    wf_free(sh);
}
