/* links.c - weft links: how far nodes are, and what their links carry */
#include <inttypes.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/tool/fmt.h"
#include "cli/tool/table.h"
#include "cli/view/link.h"
#include "cli/view/watch.h"

#define GB 1000000000u

struct links_args {
    uint64_t interval_ms;
    int watch, brokers;
    const char *node; /* the operand; NULL: all */
};

static const struct links_args defaults = {.interval_ms = WATCH_MS};

#define AT(field) offsetof(struct links_args, field)

static const struct opt opts[] = {
    {"brokers", 'b', OPT_FLAG, NULL, AT(brokers), 0, 0, "only those between brokers"},
    {"watch", 'w', OPT_FLAG, NULL, AT(watch), 0, 0, "refresh in place; q quits"},
    {"interval", 'i', OPT_TIME, "TIME", AT(interval_ms), 100, 0,
     "between refreshes (default 1s)"},
};

static void print_json(struct cli *cli, const struct weft_link *rows, size_t n)
{
    struct json json;

    json_begin(&json, cli->out.f, "links");
    json_array(&json, "links");
    for (size_t i = 0; i < n; i++) {
        json_object(&json, NULL);
        link_json(&json, &rows[i]);
        json_close_object(&json);
    }
    json_close_array(&json);
    json_end(&json);
}

/* What was not measured is left empty. */
static struct fmt rate(uint64_t bytes_a_second)
{
    struct fmt text = {""};

    if (bytes_a_second > 0) {
        snprintf(text.s, sizeof(text.s), "%.24s/s", fmt_size(bytes_a_second).s);
    }
    return text;
}

static struct fmt price(uint64_t pusd_byte)
{
    struct fmt none = {""};

    if (pusd_byte == 0) {
        return none;
    }
    return fmt_usd(pusd_byte > UINT64_MAX / GB ? UINT64_MAX : pusd_byte * GB);
}

static void print(struct cli *cli, const struct weft_link *rows, size_t n,
                  const char *self)
{
    static const struct col cols[] = {{"FROM", COL_SHRINK},
                                      {"TO", COL_SHRINK},
                                      {"RTT", COL_RIGHT},
                                      {"JITTER", COL_RIGHT},
                                      {"LOSS", COL_RIGHT},
                                      {"UP", COL_RIGHT},
                                      {"DOWN", COL_RIGHT},
                                      {"AGE", COL_RIGHT},
                                      {"STATE", COL_OPTIONAL},
                                      {"SOURCE", COL_OPTIONAL},
                                      {"A GB", COL_RIGHT | COL_OPTIONAL},
                                      {"SAMPLES", COL_RIGHT | COL_OPTIONAL}};
    struct table *table = table_new(cols, sizeof(cols) / sizeof(cols[0]));

    for (size_t i = 0; i < n; i++) {
        const struct weft_link *l = &rows[i];

        table_cell(table, TINT_NONE, "%s", l->from);
        table_cell(table, TINT_NONE, "%s", l->to);
        table_cell(table, TINT_NONE, "%s", l->rtt_us > 0 ? fmt_us(l->rtt_us).s : "");
        table_cell(table, TINT_NONE, "%s", l->rtt_us > 0 ? fmt_us(l->jitter_us).s : "");
        table_cell(table, l->loss_permille > 0 ? TINT_WARN : TINT_NONE, "%s",
                   link_loss(l).s);
        table_cell(table, TINT_NONE, "%s", rate(l->up).s);
        table_cell(table, TINT_NONE, "%s", rate(l->down).s);
        table_cell(table, TINT_NONE, "%s", fmt_ms(l->age_ms).s);
        table_cell(table, link_is_up(l) ? TINT_GOOD : TINT_WARN, "%s",
                   link_state(l, self).s);
        table_cell(table, TINT_NONE, "%s", l->source);
        table_cell(table, TINT_NONE, "%s", price(l->pusd_byte).s);
        table_cell(table, TINT_NONE, "%" PRIu64, l->samples);
    }
    table_print(table, &cli->out, 0, 0);
    table_free(table);
    cli_footer(cli, "%zu link%s; an age grows while nothing changes", n,
               n == 1 ? "" : "s");
}

static int get(struct cli *cli, const struct links_args *args, struct weft_link **ret,
               size_t *ret_n, struct weft_status **ret_status)
{
    const int wait_ms = cli_wait_ms(cli);
    int rc = weft_status(cli->client, wait_ms, ret_status);

    if (rc == 0) {
        rc = args->brokers ? weft_map_links(cli->client, wait_ms, ret, ret_n)
                           : weft_links(cli->client, args->node, wait_ms, ret, ret_n);
    }
    return rc;
}

static int draw(struct cli *cli, void *arg)
{
    const struct links_args *args = arg;
    struct weft_status *status = NULL;
    struct weft_link *rows = NULL;
    size_t n = 0;
    int rc = get(cli, args, &rows, &n, &status);

    if (rc < 0) {
        weft_free(status);
        return cli_fail(cli, rc, "the links");
    }
    if (cli->json) {
        print_json(cli, rows, n);
    } else if (n == 0 && args->brokers) {
        cli_note(cli, "%s has no link to another broker", status->broker);
    } else if (n == 0) {
        cli_note(cli,
                 "no link%s%s was measured yet: agents tell of theirs when they "
                 "connect",
                 args->node != NULL ? " of " : "", args->node != NULL ? args->node : "");
    } else {
        print(cli, rows, n, status->broker);
    }
    weft_rows_free(rows);
    weft_free(status);
    return CLI_OK;
}

static int run(struct cli *cli, const void *args_, int n, char **operands)
{
    struct links_args args = *(const struct links_args *) args_;
    int rc;

    if (args.brokers && n > 0) {
        return cli_usage(cli, "--brokers is of all of them: leave %s out", operands[0]);
    }
    rc = cli_connect(cli);
    if (rc != CLI_OK) {
        return rc;
    }
    args.node = n > 0 ? operands[0] : NULL;
    return args.watch ? watch_loop(cli, args.interval_ms, draw, &args) : draw(cli, &args);
}

const struct cmd cmd_links = {
    .name = "links",
    .group = "Mesh",
    .operands = "[NODE]",
    .summary = "Show the links that were measured: round trip, loss, throughput",
    .details =
        "UP is from FROM to TO, DOWN the other way, in bytes a second, as transfers of\n"
        "the last ten minutes showed them.  Agents probe their broker over UDP, and\n"
        "brokers those that they dial; heartbeats are measured where that does not come\n"
        "through.  They tell what changed, and every five minutes what did not.\n"
        "Between brokers there is a row from each end, as old as its last word; STATE "
        "is\n"
        "for how long it has been up or cut off, and not known when nothing leads to "
        "who\n"
        "told of it.\n",
    CMD_OPTS(opts),
    .args_size = sizeof(struct links_args),
    .defaults = &defaults,
    .max = 1,
    .operand = CMD_NODE,
    .run = run,
};
