/* node_show.c - weft node show */
#include <inttypes.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/tool/fmt.h"
#include "cli/tool/table.h"
#include "cli/view/job.h"
#include "cli/view/keys.h"
#include "cli/view/node.h"

static void json_lists(struct json *json, const struct weft_node_full *node)
{
    node_json_caps(json, node);
    json_array(json, "labels");
    for (size_t i = 0; i < node->nlabels; i++) {
        json_text(json, NULL, node->labels[i]);
    }
    json_close_array(json);
    json_array(json, "accelerators");
    for (size_t i = 0; i < node->naccels; i++) {
        json_object(json, NULL);
        json_text(json, "kind", node->accels[i].kind);
        json_text(json, "name", node->accels[i].name);
        json_uint(json, "mem", node->accels[i].mem);
        json_close_object(json);
    }
    json_close_array(json);
    json_object(json, "metrics");
    for (size_t i = 0; i < node->nmetrics; i++) {
        json_uint(json, node->metrics[i].name, node->metrics[i].value);
    }
    json_close_object(json);
}

static void print_json(struct cli *cli, const struct weft_node_full *node)
{
    struct json json;
    char epoch[24];

    json_begin(&json, cli->out.f, "node");
    node_json(&json, &node->node);
    json_text(&json, "fingerprint", key_fingerprint(node->node.key).s);
    json_text(&json, "cpu", node->cpu);
    json_text(&json, "software", node->software);
    json_text(&json, "sandbox_why", node->sandbox_why);
    json_uint(&json, "disk", node->disk);
    /* As text: JSON readers keep 53 bits of a number. */
    snprintf(epoch, sizeof(epoch), "%016" PRIx64, node->epoch);
    json_text(&json, "epoch", epoch);
    json_uint(&json, "metrics_age_ms", node->metrics_age_ms);
    json_lists(&json, node);
    json_end(&json);
}

/* Whether handlers are fenced in, said so that it cannot be missed. */
static void print_sandbox(struct out *out, const struct weft_node_full *node)
{
    const char *name = node->node.sandbox;
    int open = *name == '\0' || strcmp(name, "none") == 0;
    int reason = node->sandbox_why != NULL && *node->sandbox_why != '\0';

    if (!open) {
        out_pair(out, "sandbox", TINT_GOOD, "%s%s%s", name, reason ? ": " : "",
                 reason ? node->sandbox_why : "");
    } else if (node_is_agent(&node->node)) {
        out_pair(out, "sandbox", TINT_WARN, "none%s%s; handlers see this node's files",
                 reason ? ": " : "", reason ? node->sandbox_why : "");
    }
}

static void print_metric(struct out *out, const struct weft_metric *metric)
{
    const char *name = metric->name;
    uint64_t v = metric->value;

    if (strcmp(name, "load_x100") == 0) {
        out_pair(out, "load", TINT_NONE, "%.2f", (double) v / 100);
    } else if (strcmp(name, "cpu_pm") == 0) {
        out_pair(out, "cpu busy", TINT_NONE, "%s", fmt_permille(v).s);
    } else if (strcmp(name, "accel_pm") == 0) {
        out_pair(out, "accel busy", TINT_NONE, "%s", fmt_permille(v).s);
    } else if (strcmp(name, "temp_mc") == 0) {
        out_pair(out, "temperature", v > 85000 ? TINT_WARN : TINT_NONE, "%.1f C",
                 (double) v / 1000);
    } else if (strcmp(name, "battery_pct") == 0) {
        out_pair(out, "battery", v < 20 ? TINT_WARN : TINT_NONE, "%" PRIu64 "%%", v);
    } else if (strcmp(name, "uptime_s") == 0) {
        out_pair(out, "uptime", TINT_NONE, "%s", fmt_ms(v * 1000).s);
    } else if (strcmp(name, "mem_free") == 0) {
        out_pair(out, "memory free", TINT_NONE, "%s", fmt_size(v).s);
    } else if (strcmp(name, "disk_free") == 0) {
        out_pair(out, "disk free", TINT_NONE, "%s", fmt_size(v).s);
    } else {
        out_pair(out, name, TINT_NONE, "%" PRIu64, v);
    }
}

static void print_caps(struct out *out, const struct weft_node_full *node)
{
    static const struct col cols[] = {{"CAPABILITY", COL_SHRINK},
                                      {"KIND", 0},
                                      {"SLOTS", COL_RIGHT},
                                      {"QUEUE", COL_RIGHT},
                                      {"LONGEST RUN", COL_RIGHT},
                                      {"NETWORK", 0},
                                      {"LOADED", 0}};
    struct table *table = table_new(cols, sizeof(cols) / sizeof(cols[0]));

    for (size_t i = 0; i < node->ncaps; i++) {
        const struct weft_capability *cap = &node->caps[i];

        table_cell(table, TINT_BOLD, "%s", job_capability(cap->name, cap->version).s);
        table_cell(table, TINT_NONE, "%s",
                   strcmp(cap->kind, "none") != 0 ? cap->kind : "");
        table_cell(table, TINT_NONE, "%" PRIu64, cap->slots);
        table_cell(table, TINT_NONE, "%" PRIu64, cap->queue);
        table_cell(table, TINT_NONE, "%s",
                   cap->wall_ms > 0 ? fmt_ms(cap->wall_ms).s : "no limit");
        table_cell(table, TINT_NONE, "%s", cap->net ? "yes" : "no");
        table_cell(table, TINT_NONE, "%s", cap->warm ? "yes" : "no");
    }
    table_print(table, out, 0, 0);
    table_free(table);
}

static void print_what(struct out *out, const struct weft_node_full *node)
{
    const struct weft_node *row = &node->node;

    out_pair(out, "node", TINT_BOLD, "%s", row->name);
    out_pair(out, "state", node_tint(row->state), "%s", node_state(row).s);
    out_pair(out, "key", TINT_NONE, "%s", key_fingerprint(row->key).s);
    out_pair(out, "place", TINT_NONE, "%s%s%s%s%s", node_tier(row),
             *node_tier(row) != '\0' ? " " : "", row->role,
             *row->site != '\0' ? ", site " : "", row->site);
    out_pair(out, "software", TINT_NONE, "%s", node->software);
    /* What a broker tells of cpus and memory is what its agents have at most. */
    if (node_is_agent(row)) {
        out_pair(out, "machine", TINT_NONE, "%s, %" PRIu64 " cpus, %s memory, %s disk",
                 row->arch, row->cpus, fmt_size(row->mem).s, fmt_size(node->disk).s);
    }
    if (*node->cpu != '\0') {
        out_pair(out, "cpu", TINT_NONE, "%s", node->cpu);
    }
    for (size_t i = 0; i < node->naccels; i++) {
        out_pair(out, "accelerator", TINT_NONE, "%s %s, %s", node->accels[i].kind,
                 node->accels[i].name, fmt_size(node->accels[i].mem).s);
    }
    for (size_t i = 0; i < node->nlabels; i++) {
        out_pair(out, "label", TINT_NONE, "%s", node->labels[i]);
    }
    print_sandbox(out, node);
}

static void print(struct cli *cli, const struct weft_node_full *node)
{
    struct out *out = &cli->out;
    const struct weft_node *row = &node->node;

    print_what(out, node);
    if (row->rtt_us > 0) {
        out_pair(out, "link", TINT_NONE, "%s round trip, jitter %s",
                 fmt_us(row->rtt_us).s, fmt_us(row->jitter_us).s);
    } else {
        out_pair(out, "link", TINT_DIM, "not measured yet");
    }
    out_pair(out, "heard", TINT_NONE, "%s ago", fmt_ms(row->age_ms).s);
    out_pair(out, "slots", TINT_NONE, "%s running, %" PRIu64 " waiting",
             node_slots(row).s, row->waiting);
    out_pair(out, "jobs", TINT_NONE, "%" PRIu64 " done, %" PRIu64 " failed", row->done,
             row->failed);
    if (node->nmetrics > 0 && out->tty) {
        out_print(out, TINT_DIM, "\nmeasured %s ago\n", fmt_ms(node->metrics_age_ms).s);
    }
    for (size_t i = 0; i < node->nmetrics; i++) {
        print_metric(out, &node->metrics[i]);
    }
    if (node->ncaps > 0) {
        fputc('\n', out->f);
        print_caps(out, node);
    }
    cli_footer(cli, "%s", "");
}

static int run(struct cli *cli, const void *args, int n, char **operands)
{
    int rc = cli_connect(cli);

    (void) args;
    for (int i = 0; rc == CLI_OK && i < n; i++) {
        struct weft_node_full *node = NULL;

        rc = weft_node(cli->client, operands[i], cli_wait_ms(cli), &node);
        if (rc < 0) {
            return node_fail(cli, rc, operands[i], "");
        }
        if (cli->json) {
            print_json(cli, node);
        } else {
            fputs(i > 0 ? "\n" : "", cli->out.f);
            print(cli, node);
        }
        weft_free(node);
    }
    return rc;
}

const struct cmd cmd_node_show = {
    .name = "node show",
    .group = "Mesh",
    .operands = "NODE...",
    .summary = "Show a node: machine, sandbox, link, telemetry, capabilities",
    .min = 1,
    .max = -1,
    .operand = CMD_NODE,
    .run = run,
};
