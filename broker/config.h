/* config.h - broker.conf: one table of options for parser, defaults and help */
#ifndef BROKER_CONFIG_H
#define BROKER_CONFIG_H

#include "broker/core/core.h"
#include "common/conf.h"
#include "common/log.h"

struct config {
    char name[WF_NAME_MAX + 1];
    char site[WF_NAME_MAX + 1];
    struct wf_conf_list listen, advertise, bulk_listen;
    char state[256];
    char store[256];
    char prices[256];
    char second_usd[WF_GOALS][24]; /* as written; by goal, none is not used */
    char probe_port[8];
    char log[16];
    uint64_t heartbeat_ms, lease_ms, grace_ms, site_grace_ms;
    uint64_t max_payload, max_jobs, max_bytes, max_nodes, max_connections;
    uint64_t retain_ms, retain_jobs, log_bytes, max_blobs;
    uint64_t max_attempts, retry_min_ms, retry_max_ms;
    int preempt;
};

/* Defaults, then the file.  Checks what one option alone cannot show. */
int config_load(const char *path, struct config *ret_config, struct wf_err *err);

/* Read the files that it names: what a start would find wrong with them. */
int config_check_files(const struct config *cfg, struct wf_err *err);

/* The table as text for --help, and those of the file of prices. */
int config_help(struct wf_buf *out);

/* What of it the core wants. */
void config_to_core(const struct config *cfg, struct core_config *ret_core);

enum wf_log_level config_log_level(const struct config *cfg);

#endif
