/* nodes.c - weft nodes: a flat list of agents */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/tool/fmt.h"
#include "cli/tool/mem.h"
#include "cli/tool/table.h"
#include "cli/view/job.h"
#include "cli/view/node.h"
#include "cli/view/watch.h"

struct nodes_args {
    const char *filter;
    uint64_t interval_ms;
    int caps, names, all, watch;
};

static const struct nodes_args defaults = {.interval_ms = WATCH_MS};

#define AT(field) offsetof(struct nodes_args, field)

static const struct opt opts[] = {
    {"filter", 'f', OPT_TEXT, "NEEDS", AT(filter), 0, 0,
     "only nodes where this holds: site=lyon,tier!=cloud,cpus>=4"},
    {"caps", 'c', OPT_FLAG, NULL, AT(caps), 0, 0, "what each node can run"},
    {"names", 0, OPT_FLAG, NULL, AT(names), 0, 0, "names and nothing else"},
    {"all", 'a', OPT_FLAG, NULL, AT(all), 0, 0, "also the clients that are connected"},
    {"watch", 'w', OPT_FLAG, NULL, AT(watch), 0, 0, "refresh in place; q quits"},
    {"interval", 'i', OPT_TIME, "TIME", AT(interval_ms), 100, 0,
     "between refreshes (default 1s)"},
};

struct list {
    struct weft_node *rows;
    struct weft_node_full **full; /* with --caps; entries may be NULL */
    size_t n;
};

static int is_shown(const struct nodes_args *args, const struct weft_node *node)
{
    return args->all || node_is_place(node);
}

static void list_fini(struct list *list)
{
    for (size_t i = 0; list->full != NULL && i < list->n; i++) {
        weft_free(list->full[i]);
    }
    free(list->full);
    weft_rows_free(list->rows);
}

static int list_get(struct cli *cli, const struct nodes_args *args, struct list *list)
{
    int rc =
        weft_nodes(cli->client, args->filter, cli_wait_ms(cli), &list->rows, &list->n);

    node_sort(list->rows, list->n);
    if (rc < 0 || !args->caps) {
        return rc;
    }
    list->full = mem_calloc(list->n, sizeof(struct weft_node_full *));
    for (size_t i = 0; i < list->n; i++) {
        if (!is_shown(args, &list->rows[i])) {
            continue;
        }
        rc = weft_node(cli->client, list->rows[i].name, cli_wait_ms(cli), &list->full[i]);
        if (rc < 0 && rc != WEFT_ENOENT) {
            return rc;
        }
    }
    return 0;
}

static void print_json(struct cli *cli, const struct nodes_args *args,
                       const struct list *list)
{
    struct json json;

    json_begin(&json, cli->out.f, "nodes");
    json_array(&json, "nodes");
    for (size_t i = 0; i < list->n; i++) {
        if (is_shown(args, &list->rows[i])) {
            json_object(&json, NULL);
            node_json(&json, &list->rows[i]);
            if (list->full != NULL && list->full[i] != NULL) {
                node_json_caps(&json, list->full[i]);
            }
            json_close_object(&json);
        }
    }
    json_close_array(&json);
    json_end(&json);
}

/* "echo@1,wordcount@2"; to be freed. */
static char *caps_text(const struct weft_node_full *node)
{
    char *text = mem_strdup("");

    for (size_t i = 0; node != NULL && i < node->ncaps; i++) {
        char *longer =
            mem_printf("%s%s%s", text, i > 0 ? "," : "",
                       job_capability(node->caps[i].name, node->caps[i].version).s);

        free(text);
        text = longer;
    }
    return text;
}

static void put_row(struct table *table, const struct weft_node *node,
                    const struct weft_node_full *full)
{
    table_cell(table, TINT_NONE, "%s", node->name);
    table_cell(table, node_tint(node->state), "%s", node_state(node).s);
    if (full != NULL) {
        char *caps = caps_text(full);

        table_cell(table, TINT_NONE, "%s", node_slots(node).s);
        table_cell(table, TINT_NONE, "%s", caps);
        free(caps);
    } else {
        table_cell(table, TINT_NONE, "%s", node_slots(node).s);
        table_cell(table, TINT_NONE, "%" PRIu64, node->caps);
    }
    table_cell(table, TINT_NONE, "%s", node_tier(node));
    table_cell(table, TINT_NONE, "%s", node->site);
    table_cell(table, TINT_NONE, "%s", node->rtt_us > 0 ? fmt_us(node->rtt_us).s : "");
    table_cell(table, TINT_NONE, "%s", fmt_permille(node->cpu_permille).s);
    table_cell(table, TINT_NONE, "%s", fmt_ms(node->age_ms).s);
    table_cell(table, TINT_NONE, "%" PRIu64, node->done);
    table_cell(table, node->failed > 0 ? TINT_WARN : TINT_NONE, "%" PRIu64, node->failed);
    table_cell(table, TINT_NONE, "%" PRIu64, node->cpus);
    table_cell(table, TINT_NONE, "%s", node->mem > 0 ? fmt_size(node->mem).s : "");
    table_cell(table, TINT_NONE, "%" PRIu64, node->accels);
    table_cell(table, TINT_NONE, "%s", node->arch);
    table_cell(table, TINT_NONE, "%s", node->sandbox);
}

static void print(struct cli *cli, const struct nodes_args *args, const struct list *list)
{
    static const struct col cols[] = {{"NODE", COL_SHRINK},
                                      {"STATE", 0},
                                      {"SLOTS", COL_RIGHT},
                                      {"CAPS", COL_SHRINK},
                                      {"TIER", 0},
                                      {"SITE", COL_SHRINK},
                                      {"RTT", COL_RIGHT},
                                      {"CPU", COL_RIGHT | COL_OPTIONAL},
                                      {"HEARD", COL_RIGHT},
                                      {"DONE", COL_RIGHT | COL_OPTIONAL},
                                      {"FAILED", COL_RIGHT | COL_OPTIONAL},
                                      {"CPUS", COL_RIGHT | COL_OPTIONAL},
                                      {"MEMORY", COL_RIGHT | COL_OPTIONAL},
                                      {"ACCELS", COL_RIGHT | COL_OPTIONAL},
                                      {"ARCH", COL_OPTIONAL},
                                      {"SANDBOX", COL_OPTIONAL}};
    struct table *table = table_new(cols, sizeof(cols) / sizeof(cols[0]));
    size_t up = 0;

    for (size_t i = 0; i < list->n; i++) {
        if (is_shown(args, &list->rows[i])) {
            put_row(table, &list->rows[i], list->full != NULL ? list->full[i] : NULL);
            up += (size_t) node_is_up(&list->rows[i]);
        }
    }
    table_print(table, &cli->out, 0, 0);
    cli_footer(cli, "%zu node%s, %zu up", table_rows(table),
               table_rows(table) == 1 ? "" : "s", up);
    table_free(table);
}

static int draw(struct cli *cli, void *arg)
{
    const struct nodes_args *args = arg;
    struct list list = {0};
    int rc = list_get(cli, args, &list);

    if (rc < 0) {
        rc = cli_fail(cli, rc, "%s", args->filter != NULL ? args->filter : "");
    } else if (cli->json) {
        print_json(cli, args, &list);
    } else if (args->names) {
        for (size_t i = 0; i < list.n; i++) {
            if (is_shown(args, &list.rows[i])) {
                fprintf(cli->out.f, "%s\n", list.rows[i].name);
            }
        }
    } else {
        print(cli, args, &list);
    }
    list_fini(&list);
    return rc;
}

static int run(struct cli *cli, const void *args_, int n, char **operands)
{
    struct nodes_args args = *(const struct nodes_args *) args_;
    int rc = cli_connect(cli);

    (void) n;
    (void) operands;
    if (rc != CLI_OK) {
        return rc;
    }
    return args.watch ? watch_loop(cli, args.interval_ms, draw, &args) : draw(cli, &args);
}

const struct cmd cmd_nodes = {
    .name = "nodes",
    .group = "Mesh",
    .operands = "",
    .summary = "List the nodes, what they are and what they can run",
    .details = "HEARD is how long ago the broker heard of the node.\n",
    CMD_OPTS(opts),
    .args_size = sizeof(struct nodes_args),
    .defaults = &defaults,
    .run = run,
};
