#include "cli/view/node.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tool/fmt.h"
#include "cli/view/job.h"

enum tint node_tint(const char *state)
{
    static const struct {
        const char *state;
        enum tint tint;
    } tints[] = {{"up", TINT_GOOD},      {"torpid", TINT_WARN}, {"draining", TINT_WARN},
                 {"drained", TINT_WARN}, {"lost", TINT_BAD},    {"revoked", TINT_BAD},
                 {"offline", TINT_DIM}};

    for (size_t i = 0; i < sizeof(tints) / sizeof(tints[0]); i++) {
        if (strcmp(tints[i].state, state) == 0) {
            return tints[i].tint;
        }
    }
    return TINT_NONE;
}

void node_json(struct json *json, const struct weft_node *node)
{
    json_text(json, "name", node->name);
    json_text(json, "key", node->key);
    json_text(json, "role", node->role);
    json_text(json, "state", node->state);
    json_uint(json, "state_ms", node->state_ms);
    json_uint(json, "age_ms", node->age_ms);
    json_text(json, "tier", node->tier);
    json_text(json, "site", node->site);
    json_uint(json, "rtt_us", node->rtt_us);
    json_uint(json, "jitter_us", node->jitter_us);
    json_uint(json, "slots", node->slots);
    json_uint(json, "running", node->running);
    json_uint(json, "waiting", node->waiting);
    json_uint(json, "cpu_permille", node->cpu_permille);
    json_uint(json, "done", node->done);
    json_uint(json, "failed", node->failed);
    json_uint(json, "caps", node->caps);
    json_text(json, "arch", node->arch);
    json_uint(json, "cpus", node->cpus);
    json_uint(json, "mem", node->mem);
    json_uint(json, "accels", node->accels);
    json_text(json, "sandbox", node->sandbox);
}

void node_json_caps(struct json *json, const struct weft_node_full *node)
{
    json_array(json, "capabilities");
    for (size_t i = 0; i < node->ncaps; i++) {
        const struct weft_capability *cap = &node->caps[i];

        json_object(json, NULL);
        json_text(json, "name", cap->name);
        json_uint(json, "version", cap->version);
        json_text(json, "kind", cap->kind);
        json_uint(json, "slots", cap->slots);
        json_uint(json, "queue", cap->queue);
        json_uint(json, "wall_ms", cap->wall_ms);
        json_bool(json, "net", cap->net);
        json_bool(json, "warm", cap->warm);
        json_close_object(json);
    }
    json_close_array(json);
}

int node_fail(struct cli *cli, int rc, const char *name, const char *why)
{
    const char *next = rc == WEFT_ENOENT ? "`weft nodes` lists them" : weft_errhint(rc);

    return cli_fail_next(cli, rc, next, "node %s%s%s", name, *why != '\0' ? ": " : "",
                         why);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct weft_node *) a)->name,
                  ((const struct weft_node *) b)->name);
}

void node_sort(struct weft_node *nodes, size_t n)
{
    if (n > 1) {
        qsort(nodes, n, sizeof(nodes[0]), by_name);
    }
}

const char *node_tier(const struct weft_node *node)
{
    return strcmp(node->tier, "none") != 0 ? node->tier : "";
}

int node_is_agent(const struct weft_node *node)
{
    return strcmp(node->role, "agent") == 0;
}

int node_is_place(const struct weft_node *node)
{
    return node_is_agent(node) || strcmp(node->role, "broker") == 0;
}

int node_is_up(const struct weft_node *node)
{
    return strcmp(node->state, "up") == 0;
}

struct node_text node_slots(const struct weft_node *node)
{
    struct node_text text;

    snprintf(text.s, sizeof(text.s), "%" PRIu64 "/%" PRIu64, node->running, node->slots);
    return text;
}

struct node_text node_state(const struct weft_node *node)
{
    struct node_text text;

    if (node_is_up(node) || node->state_ms == 0) {
        snprintf(text.s, sizeof(text.s), "%.20s", node->state);
    } else {
        snprintf(text.s, sizeof(text.s), "%.20s %s", node->state,
                 fmt_ms(node->state_ms).s);
    }
    return text;
}
