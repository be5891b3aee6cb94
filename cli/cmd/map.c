/* map.c - weft map: brokers and agents as a tree */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/tool/clock.h"
#include "cli/tool/fmt.h"
#include "cli/tool/intr.h"
#include "cli/tool/mem.h"
#include "cli/tool/table.h"
#include "cli/tool/tree.h"
#include "cli/view/node.h"
#include "cli/view/watch.h"

#define MAP_WAIT_MS 60000 /* of --wait, without --timeout */

struct map_args {
    const char *wait, *filter;
    uint64_t min, interval_ms;
    int watch;
};

static const struct map_args defaults = {.min = 1, .interval_ms = WATCH_MS};

#define AT(field) offsetof(struct map_args, field)

static const struct opt opts[] = {
    {"filter", 'f', OPT_TEXT, "NEEDS", AT(filter), 0, 0,
     "only nodes where this holds: site=lyon,tier!=cloud"},
    {"watch", 'w', OPT_FLAG, NULL, AT(watch), 0, 0, "refresh in place; q quits"},
    {"interval", 'i', OPT_TIME, "TIME", AT(interval_ms), 100, 0,
     "between refreshes (default 1s)"},
    {"wait", 0, OPT_CHOICE, "up|drained|offline|lost", AT(wait), 0, 0,
     "wait until all agents shown are in this state; exit 10 when they are not within "
     "--timeout (default 1m)"},
    {"min", 0, OPT_UINT, "N", AT(min), 1, 0,
     "with --wait: and there are at least N of them (default 1)"},
};

struct map {
    struct weft_status *status;
    struct weft_node *nodes;
    size_t n;
};

static void map_fini(struct map *map)
{
    weft_free(map->status);
    weft_rows_free(map->nodes);
    memset(map, 0, sizeof(*map));
}

static int map_get(struct cli *cli, const struct map_args *args, struct map *map)
{
    int rc = weft_status(cli->client, cli_wait_ms(cli), &map->status);

    if (rc == 0) {
        rc =
            weft_nodes(cli->client, args->filter, cli_wait_ms(cli), &map->nodes, &map->n);
    }
    node_sort(map->nodes, map->n);
    return rc < 0 ? cli_fail(cli, rc, "%s", args->filter != NULL ? args->filter : "")
                  : CLI_OK;
}

static void print_json(struct cli *cli, const struct map *map)
{
    struct json json;

    json_begin(&json, cli->out.f, "map");
    json_object(&json, "broker");
    json_text(&json, "name", map->status->broker);
    json_text(&json, "site", map->status->site);
    json_uint(&json, "up_ms", map->status->up_ms);
    json_uint(&json, "rtt_us", weft_rtt_us(cli->client));
    json_uint(&json, "slots", map->status->slots);
    json_uint(&json, "running", map->status->running);
    json_uint(&json, "queued", map->status->queued);
    json_close_object(&json);
    json_array(&json, "nodes");
    for (size_t i = 0; i < map->n; i++) {
        if (node_is_place(&map->nodes[i])) {
            json_object(&json, NULL);
            node_json(&json, &map->nodes[i]);
            json_close_object(&json);
        }
    }
    json_close_array(&json);
    json_end(&json);
}

static void root_row(struct cli *cli, struct table *table, const struct map *map)
{
    const struct weft_status *status = map->status;

    table_cell(table, TINT_BOLD, "%s", status->broker);
    table_cell(table, TINT_NONE, "broker");
    table_cell(table, status->draining ? TINT_WARN : TINT_GOOD, "%s",
               status->draining ? "draining" : "up");
    table_cell(table, TINT_NONE, "%s", fmt_us(weft_rtt_us(cli->client)).s);
    table_cell(table, TINT_NONE, "%s", "");
    table_cell(table, TINT_NONE, "%" PRIu64 "/%" PRIu64, status->running, status->slots);
    table_cell(table, status->queued > 0 ? TINT_WARN : TINT_NONE, "%" PRIu64,
               status->queued);
    table_cell(table, TINT_NONE, "%s", status->site);
    table_cell(table, TINT_NONE, "%s", "");
    table_cell(table, TINT_NONE, "now");
}

static void node_row(struct table *table, const struct weft_node *node,
                     const char *prefix)
{
    int here = node_is_up(node) || strncmp(node->state, "drain", 5) == 0;
    enum tint tint = here ? TINT_NONE : TINT_DIM;

    table_cell(table, TINT_NONE, "%s%s", prefix, node->name);
    table_cell(table, tint, "%s", node->role);
    table_cell(table, node_tint(node->state), "%s", node_state(node).s);
    table_cell(table, tint, "%s", node->rtt_us > 0 ? fmt_us(node->rtt_us).s : "");
    table_cell(table, here && node->cpu_permille > 900 ? TINT_WARN : tint, "%s",
               here ? fmt_permille(node->cpu_permille).s : "");
    table_cell(table, node->running > 0 ? TINT_NOTE : tint, "%s", node_slots(node).s);
    table_cell(table, tint, "%" PRIu64, node->waiting);
    table_cell(table, tint, "%s", node->site);
    table_cell(table, tint, "%s", node_tier(node));
    table_cell(table, here ? TINT_NONE : TINT_WARN, "%s", fmt_ms(node->age_ms).s);
}

static void print(struct cli *cli, const struct map *map)
{
    static const struct col cols[] = {
        {"NODE", COL_SHRINK},   {"ROLE", COL_OPTIONAL},
        {"STATE", 0},           {"RTT", COL_RIGHT},
        {"CPU", COL_RIGHT},     {"SLOTS", COL_RIGHT},
        {"WAITING", COL_RIGHT}, {"SITE", COL_SHRINK | COL_OPTIONAL},
        {"TIER", COL_OPTIONAL}, {"HEARD", COL_RIGHT}};
    struct table *table = table_new(cols, sizeof(cols) / sizeof(cols[0]));
    unsigned *depths = mem_calloc(map->n + 1, sizeof(*depths));
    size_t rows = 1, up = 0, at = 1;

    for (size_t i = 0; i < map->n; i++) {
        if (node_is_place(&map->nodes[i])) {
            depths[rows++] = 1;
            up += (size_t) node_is_up(&map->nodes[i]);
        }
    }
    root_row(cli, table, map);
    for (size_t i = 0; i < map->n; i++) {
        char prefix[TREE_TEXT] = "";

        if (node_is_place(&map->nodes[i])) {
            if (cli->out.tty) {
                tree_prefix(depths, rows, at, cli->out.utf8, prefix);
            }
            node_row(table, &map->nodes[i], prefix);
            at++;
        }
    }
    table_print(table, &cli->out, 0, 0);
    cli_footer(cli, "%zu of %zu agents up", up, rows - 1);
    table_free(table);
    free(depths);
}

static int draw(struct cli *cli, void *arg)
{
    struct map map = {0};
    int rc = map_get(cli, arg, &map);

    if (rc == CLI_OK && cli->json) {
        print_json(cli, &map);
    } else if (rc == CLI_OK) {
        print(cli, &map);
    }
    map_fini(&map);
    return rc;
}

/* How many agents are there, and how many in the state waited for. */
static void tally(const struct map_args *args, const struct map *map, size_t *ret_all,
                  size_t *ret_in)
{
    *ret_all = *ret_in = 0;
    for (size_t i = 0; i < map->n; i++) {
        /* A revoked agent never comes back: nobody waits for it. */
        if (node_is_agent(&map->nodes[i]) &&
            strcmp(map->nodes[i].state, "revoked") != 0) {
            ++*ret_all;
            *ret_in += strcmp(map->nodes[i].state, args->wait) == 0;
        }
    }
}

static int wait_for(struct cli *cli, struct map_args *args)
{
    uint64_t limit = cli->timeout_ms > 0 ? cli->timeout_ms : MAP_WAIT_MS;
    uint64_t end = clock_ms() + limit;

    intr_install();
    for (;;) {
        struct map map = {0};
        size_t all, in;
        int rc = map_get(cli, args, &map);

        if (rc != CLI_OK) {
            map_fini(&map);
            return rc;
        }
        tally(args, &map, &all, &in);
        map_fini(&map);
        if (in == all && in >= args->min) {
            return draw(cli, args);
        }
        if (intr_count() > 0) {
            return CLI_INTERRUPTED;
        }
        if (clock_ms() >= end) {
            cli_fail_next(cli, WEFT_ETIMEOUT, "`weft map` shows the others",
                          "%zu of %zu agents are %s after %s, wanted all and at least "
                          "%" PRIu64,
                          in, all, args->wait, fmt_ms(limit).s, args->min);
            return CLI_UNMET;
        }
        cli_turn(cli, INTR_POLL_MS, -1);
    }
}

static int run(struct cli *cli, const void *args_, int n, char **operands)
{
    struct map_args args = *(const struct map_args *) args_;
    int rc = cli_connect(cli);

    (void) n;
    (void) operands;
    if (rc != CLI_OK) {
        return rc;
    }
    if (args.wait != NULL) {
        rc = wait_for(cli, &args);
    }
    if (rc == CLI_OK && args.watch) {
        return watch_loop(cli, args.interval_ms, draw, &args);
    }
    return rc == CLI_OK && args.wait == NULL ? draw(cli, &args) : rc;
}

const struct cmd cmd_map = {
    .name = "map",
    .group = "Mesh",
    .operands = "",
    .summary = "Draw the tree of brokers and agents: state, round trip, load, age",
    .details =
        "  weft map --watch\n"
        "  weft map --wait=up --min 3 --timeout 30s && weft submit ...\n"
        "\n"
        "RTT is between us and the broker, and between the broker and each agent;\n"
        "HEARD is how long ago the broker heard of it: the age of what is shown.\n",
    CMD_OPTS(opts),
    .args_size = sizeof(struct map_args),
    .defaults = &defaults,
    .run = run,
};
