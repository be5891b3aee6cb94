/* config.h - agent.conf: the table of options, and what they come to
 *
 * The file is read, checked as a whole, and turned into what the core and the runner
 * take.  Every mistake is reported with file and line.  Later settings, from the command
 * line, go over the file's.  A config is not changed after it was loaded: the parts point
 * into each other.
 */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include "agent/core/node.h"
#include "agent/runner/wire.h"
#include "common/conf.h"
#include "common/log.h"

#define CONFIG_DEFAULT "/etc/weft/agent.conf"
#define CONFIG_PATH    200 /* of the folders and files named */
#define CONFIG_DATA    240 /* the state folder's path with a name more, or any */
#define CONFIG_COMMAND 2048

struct config_capability {
    /* As written. */
    char name[WF_CAP_NAME_MAX + 16];
    char kind[16], payload[16], result[16], queue[24];
    char command[CONFIG_COMMAND];
    struct wf_conf_list args, env, binds;
    uint64_t slots, workers, concurrency;
    uint64_t memory, cpu_ms, wall_ms, output, processes, file_size, files;
    int network;

    /* As meant; the words of the command stand in `words`. */
    char words[CONFIG_COMMAND];
    struct wire_start spec;
};

struct agent_config {
    char state[CONFIG_PATH], scratch[CONFIG_PATH], runner[CONFIG_PATH];
    char sandbox[16], cgroup[CONFIG_PATH], log[16];
    uint64_t slots, telemetry_ms, stop_timeout_ms, stream_after_ms, max_log;
    uint64_t spool_bytes, spool_age_ms;
    char data[CONFIG_DATA];
    char data_listen[WF_ENDPOINT_MAX + 1], data_advertise[WF_ENDPOINT_MAX + 1];
    uint64_t data_cap, data_floor, data_rate, data_day, data_patience_ms;
    int data_encrypt;
    int metered, spot;
    char class_[WF_NAME_MAX + 1], speed[16];
    struct wf_conf_list labels, brokers;
    size_t ncaps;
    struct config_capability caps[WF_CAPS_MAX];

    enum wf_log_level log_level;
    struct node_config node; /* all but its link */
};

/* One setting from the command line. */
struct config_set {
    const char *key, *value;
};

/* Read and check.  `path` NULL: the defaults alone.  The config is owned by the caller.
 * WEFT_ECONF, WEFT_ENOENT, WEFT_EIO, WEFT_ENOMEM. */
int config_load(const char *path, const struct config_set *sets, size_t nsets,
                struct agent_config **ret_config, struct wf_err *err);

/* NULL is allowed. */
void config_free(struct agent_config *c);

/* Whether there is such an option outside the sections that has one value. */
int config_has(const char *key);

/* Append the description of every option. */
int config_help(struct wf_buf *out);

#endif
