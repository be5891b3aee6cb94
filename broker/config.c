#include "broker/config.h"

#include "broker/price_file.h"
#include "common/io/conf_file.h"
#include "common/parse.h"
#include "common/str.h"
#include "proto/name.h"

#include <string.h>

#define AT(field) WF_CONF_AT(struct config, field)

static const struct wf_conf_option options[] = {
    {"name", WF_CONF_STR, AT(name), "1", NULL, "broker", "Name of this broker."},
    {"site", WF_CONF_STR, AT(site), "1", NULL, "local",
     "The place where it stands; nodes that join without a site get this one."},
    {"listen", WF_CONF_LIST, AT(listen), "1", NULL, NULL,
     "Address to listen on, tcp://HOST:PORT; port * takes a free one."},
    {"bulk_listen", WF_CONF_LIST, AT(bulk_listen), NULL, NULL, NULL,
     "Address of the bulk lane, on which data moves between those who cannot reach each "
     "other; default: the first of listen, one port higher, or a free one.  Peers use "
     "its "
     "port on the host that they know."},
    {"probe_port", WF_CONF_STR, AT(probe_port), NULL, NULL, "",
     "UDP port on which the probes of connected peers are answered, that measure links; "
     "default: the number of the first of listen.  0: none are answered, and heartbeats "
     "are measured instead."},
    {"advertise", WF_CONF_LIST, AT(advertise), NULL, NULL, NULL,
     "Address that join tokens tell devices to connect to; default: those it listens "
     "on."},
    {"state", WF_CONF_STR, AT(state), "1", NULL, "/var/lib/weft/broker",
     "Folder of the broker's keys and store."},
    {"store", WF_CONF_STR, AT(store), NULL, NULL, "",
     "File of keys, tokens and jobs, on a disk of this machine; default STATE/weft.db.  "
     "`postgres://...`: a database that the brokers of a site share.  `memory`: lost "
     "with the process."},
    {"prices", WF_CONF_STR, AT(prices), NULL, NULL, "",
     "File of prices of node classes and links, see below; read again when it changes, "
     "and on SIGHUP.  Default: nothing costs anything."},
    {"second_latency", WF_CONF_STR, AT(second_usd[WF_GOAL_LATENCY]), "1", NULL, "0.01",
     "What one second is worth to a job with --goal latency, in $."},
    {"second_balanced", WF_CONF_STR, AT(second_usd[WF_GOAL_BALANCED]), "1", NULL,
     "0.0001", "The same with --goal balanced, and of jobs that name no goal."},
    {"second_throughput", WF_CONF_STR, AT(second_usd[WF_GOAL_THROUGHPUT]), "1", NULL,
     "0.0001", "The same with --goal throughput."},
    {"second_cost", WF_CONF_STR, AT(second_usd[WF_GOAL_COST]), "1", NULL, "0.00003",
     "The same with --goal cost."},
    {"log", WF_CONF_STR, AT(log), NULL, NULL, "info",
     "Least level that is logged: error, warn, info or debug."},
    {"heartbeat", WF_CONF_DURATION, AT(heartbeat_ms), "50ms", "5m", "5s",
     "How often a peer shows that it is alive."},
    {"lease", WF_CONF_DURATION, AT(lease_ms), "150ms", "1h", "15s",
     "Silence after which a peer counts as lost; at least twice the heartbeat."},
    {"grace", WF_CONF_DURATION, AT(grace_ms), "0", "7d", "5s",
     "How long a lost agent may stay away before its jobs go elsewhere."},
    {"site_grace", WF_CONF_DURATION, AT(site_grace_ms), "0", "7d", "2m",
     "The same for a neighbour broker: how long the link to it may be cut before the "
     "jobs "
     "that it was given go elsewhere, unless they say otherwise."},
    {"max_payload", WF_CONF_SIZE, AT(max_payload), "1K", "1M", "64K",
     "Largest payload or result."},
    {"max_jobs", WF_CONF_U64, AT(max_jobs), "1", "10000000", "200000",
     "Most jobs without an outcome; at the limit submitters are told BUSY."},
    {"max_bytes", WF_CONF_SIZE, AT(max_bytes), "1M", "1T", "512M",
     "Most bytes of payloads, results and output held."},
    {"max_nodes", WF_CONF_U64, AT(max_nodes), "1", "1000000", "20000",
     "Most keys enrolled."},
    {"max_blobs", WF_CONF_U64, AT(max_blobs), "1", "100000000", "2000000",
     "Most blobs known to be at agents, and most files of all datasets."},
    {"max_connections", WF_CONF_U64, AT(max_connections), "0", "1000000", "0",
     "Most connections; 0: as many as the descriptor limit allows."},
    {"retain", WF_CONF_DURATION, AT(retain_ms), "1s", "3650d", "7d",
     "How long a finished job can be fetched."},
    {"retain_jobs", WF_CONF_U64, AT(retain_jobs), "1", "10000000", "100000",
     "How many finished jobs are kept; the oldest go first."},
    {"log_bytes", WF_CONF_SIZE, AT(log_bytes), "4K", "16M", "64K",
     "Tail of each job's output that is kept."},
    {"max_attempts", WF_CONF_U64, AT(max_attempts), "1", "100", "5",
     "Attempts of a job whose agents fail, unless it says otherwise."},
    {"retry_min", WF_CONF_DURATION, AT(retry_min_ms), "1ms", "1h", "200ms",
     "First pause between attempts; doubles with each."},
    {"retry_max", WF_CONF_DURATION, AT(retry_max_ms), "1ms", "1d", "30s",
     "Longest pause between attempts."},
    {"preempt", WF_CONF_BOOL, AT(preempt), NULL, NULL, "yes",
     "Work makes way for work of priority 7 or more that stands two levels above it, "
     "when that gains more time than it costs; and without a deadline, for work of its "
     "priority that would miss its own."},
};

static const struct wf_conf_schema schema = {options, ARRAY_LEN(options), NULL, 0};

/* What a second is worth, in pusd. */
static int second_of(const struct config *cfg, unsigned goal, uint64_t *ret_pusd)
{
    return wf_parse_decimal(cfg->second_usd[goal], 12, ret_pusd);
}

static int check(const char *path, const struct config *cfg, struct wf_err *err)
{
    enum wf_log_level level;
    uint64_t port, pusd;

    if (!wf_name_ok(wf_slice_of(cfg->name)) || !wf_name_ok(wf_slice_of(cfg->site))) {
        return wf_err_set(err, WEFT_ECONF,
                          "%s: name and site are of a-z 0-9 . _ -, at most 63 characters",
                          path);
    }
    for (size_t i = 0; i < cfg->listen.n; i++) {
        if (!wf_endpoint_ok(cfg->listen.item[i], 1)) {
            return wf_err_set(err, WEFT_ECONF, "%s: listen `%s` is not tcp://HOST:PORT",
                              path, cfg->listen.item[i]);
        }
    }
    for (size_t i = 0; i < cfg->bulk_listen.n; i++) {
        if (!wf_endpoint_ok(cfg->bulk_listen.item[i], 1)) {
            return wf_err_set(err, WEFT_ECONF,
                              "%s: bulk_listen `%s` is not tcp://HOST:PORT", path,
                              cfg->bulk_listen.item[i]);
        }
    }
    if (cfg->probe_port[0] != '\0' &&
        (wf_parse_u64(cfg->probe_port, &port) != 0 || port > 65535)) {
        return wf_err_set(err, WEFT_ECONF, "%s: probe_port `%s` is not a port", path,
                          cfg->probe_port);
    }
    for (unsigned goal = WF_GOAL_LATENCY; goal < WF_GOALS; goal++) {
        if (second_of(cfg, goal, &pusd) != 0 || pusd == 0) {
            return wf_err_set(err, WEFT_ECONF,
                              "%s: second_%s `%s` is not an amount of $ above 0 such as "
                              "0.0001",
                              path, wf_goal_name(goal), cfg->second_usd[goal]);
        }
    }
    for (size_t i = 0; i < cfg->advertise.n; i++) {
        if (!wf_endpoint_ok(cfg->advertise.item[i], 0)) {
            return wf_err_set(err, WEFT_ECONF,
                              "%s: advertise `%s` is not tcp://HOST:PORT", path,
                              cfg->advertise.item[i]);
        }
    }
    if (cfg->lease_ms < 2 * cfg->heartbeat_ms || cfg->retry_max_ms < cfg->retry_min_ms) {
        return wf_err_set(err, WEFT_ECONF,
                          "%s: lease must be at least twice heartbeat, and retry_max at "
                          "least retry_min",
                          path);
    }
    if (wf_log_level_parse(cfg->log, &level) != 0) {
        return wf_err_set(err, WEFT_ECONF,
                          "%s: log `%s` is not error, warn, info or debug", path,
                          cfg->log);
    }
    return 0;
}

int config_load(const char *path, struct config *ret_config, struct wf_err *err)
{
    int rc = conf_file_load(path, &schema, ret_config, err);

    return rc != 0 ? rc : check(path, ret_config, err);
}

int config_check_files(const struct config *cfg, struct wf_err *err)
{
    struct price_file prices;
    int rc;

    if (cfg->prices[0] == '\0') {
        return 0;
    }
    rc = price_file_load(cfg->prices, &prices, err);
    if (rc == 0) {
        price_file_fini(&prices);
    }
    return rc;
}

int config_help(struct wf_buf *out)
{
    int rc = wf_conf_help(options, ARRAY_LEN(options), out);

    return rc != 0 ? rc : price_file_help(out);
}

void config_to_core(const struct config *cfg, struct core_config *ret_core)
{
    core_config_init(ret_core);
    (void) wf_str_copy(ret_core->name, sizeof ret_core->name, cfg->name);
    (void) wf_str_copy(ret_core->site, sizeof ret_core->site, cfg->site);
    ret_core->heartbeat_ms = cfg->heartbeat_ms;
    ret_core->lease_ms = cfg->lease_ms;
    ret_core->grace_ms = cfg->grace_ms;
    ret_core->site_grace_ms = cfg->site_grace_ms;
    ret_core->max_payload = cfg->max_payload;
    ret_core->max_jobs = cfg->max_jobs;
    ret_core->max_bytes = cfg->max_bytes;
    ret_core->max_nodes = cfg->max_nodes;
    ret_core->retain_ms = cfg->retain_ms;
    ret_core->retain_jobs = cfg->retain_jobs;
    ret_core->log_bytes = cfg->log_bytes;
    ret_core->max_blobs = cfg->max_blobs;
    ret_core->max_attempts = cfg->max_attempts;
    ret_core->retry_min_ms = cfg->retry_min_ms;
    ret_core->retry_max_ms = cfg->retry_max_ms;
    ret_core->preempt = cfg->preempt;
    for (unsigned goal = WF_GOAL_LATENCY; goal < WF_GOALS; goal++) {
        (void) second_of(cfg, goal, &ret_core->rho_pusd[goal]);
    }
    ret_core->rho_pusd[WF_GOAL_NONE] = ret_core->rho_pusd[WF_GOAL_BALANCED];
}

enum wf_log_level config_log_level(const struct config *cfg)
{
    enum wf_log_level level = WF_LOG_INFO;

    (void) wf_log_level_parse(cfg->log, &level);
    return level;
}
