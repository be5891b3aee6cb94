#include "proto/words.h"

#include <string.h>

static const char *const roles[] = {"none", "agent", "client", "operator", "broker"};
static const char *const tiers[] = {"none", "edge", "onprem", "cloud"};
static const char *const handlers[] = {"none", "exec", "worker", "inproc"};
static const char *const classes[] = {"best", "fast", "durable"};
static const char *const goals[] = {"none", "latency", "balanced", "throughput", "cost"};
static const char *const stands[] = {"none", "forbidden", "nowhere",
                                     "day",  "store",     "silent"};
static const char *const disconnects[] = {"replace-after", "keep", "stop-after"};
static const char *const job_states[] = {"ACCEPTED", "QUEUED",    "ASSIGNED",
                                         "RUNNING",  "OK",        "FAILED",
                                         "DEAD",     "CANCELLED", "EXPIRED"};
static const char *const node_states[] = {"offline",  "up",      "torpid", "lost",
                                          "draining", "drained", "revoked"};
static const char *const key_states[] = {"active", "revoked", "used", "expired"};
static const char *const metrics[] = {
    "load_x100",  "cpu_pm",   "mem_free",       "disk_free", "temp_mc", "battery_pct",
    "on_battery", "accel_pm", "accel_mem_free", "uptime_s",  "waiting", "running"};

static const char *name_of(const char *const *names, size_t n, uint64_t v)
{
    return v < n ? names[v] : "?";
}

static int number_of(const char *const *names, size_t n, const char *s)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], s) == 0) {
            return (int) i;
        }
    }
    return -1;
}

#define NAMES(fn, table)                                                                 \
    const char *fn(uint64_t v)                                                           \
    {                                                                                    \
        return name_of(table, ARRAY_LEN(table), v);                                      \
    }

NAMES(wf_role_name, roles)
NAMES(wf_tier_name, tiers)
NAMES(wf_handler_name, handlers)
NAMES(wf_class_name, classes)
NAMES(wf_job_state_name, job_states)
NAMES(wf_node_state_name, node_states)
NAMES(wf_key_state_name, key_states)
NAMES(wf_metric_name, metrics)
NAMES(wf_disconnect_name, disconnects)
NAMES(wf_goal_name, goals)
NAMES(wf_stand_name, stands)

int wf_role_parse(const char *s)
{
    return number_of(roles, ARRAY_LEN(roles), s);
}

int wf_tier_parse(const char *s)
{
    return number_of(tiers, ARRAY_LEN(tiers), s);
}

int wf_class_parse(const char *s)
{
    return number_of(classes, ARRAY_LEN(classes), s);
}

int wf_disconnect_parse(const char *s)
{
    return number_of(disconnects, ARRAY_LEN(disconnects), s);
}

int wf_goal_parse(const char *s)
{
    return number_of(goals, ARRAY_LEN(goals), s);
}
