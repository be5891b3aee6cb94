/* status.c - weft status: the broker in numbers */
#include <inttypes.h>

#include "cli/cmd.h"
#include "cli/tool/fmt.h"
#include "cli/tool/table.h"
#include "cli/view/keys.h"

struct status_args {
    int all;
};

static const struct opt opts[] = {
    {"all", 'a', OPT_FLAG, NULL, offsetof(struct status_args, all), 0, 0,
     "also the counters that are 0"},
};

static void print_json(struct cli *cli, const struct weft_status *status)
{
    struct json json;

    json_begin(&json, cli->out.f, "status");
    json_text(&json, "broker", status->broker);
    json_text(&json, "site", status->site);
    json_text(&json, "software", status->software);
    json_text(&json, "store", status->store);
    json_bool(&json, "store_failing", status->store_failing);
    json_uint(&json, "store_lsn", status->store_lsn);
    json_text(&json, "key", status->key);
    json_text(&json, "fingerprint", key_fingerprint(status->key).s);
    json_uint(&json, "up_ms", status->up_ms);
    json_uint(&json, "rtt_us", weft_rtt_us(cli->client));
    json_bool(&json, "draining", status->draining);
    json_uint(&json, "agents", status->agents);
    json_uint(&json, "agents_up", status->agents_up);
    json_uint(&json, "clients", status->clients);
    json_uint(&json, "slots", status->slots);
    json_uint(&json, "running", status->running);
    json_uint(&json, "queued", status->queued);
    json_uint(&json, "live", status->live);
    json_uint(&json, "retained", status->retained);
    json_uint(&json, "bytes", status->bytes);
    json_uint(&json, "bytes_max", status->bytes_max);
    json_object(&json, "counts");
    for (size_t i = 0; i < status->ncounts; i++) {
        json_uint(&json, status->counts[i].name, status->counts[i].value);
    }
    json_close_object(&json);
    json_end(&json);
}

static void print_counts(struct out *out, const struct weft_status *status, int all)
{
    static const struct col cols[] = {{"COUNTER", 0}, {"SINCE THE START", COL_RIGHT}};
    struct table *table = table_new(cols, sizeof(cols) / sizeof(cols[0]));

    for (size_t i = 0; i < status->ncounts; i++) {
        if (all || status->counts[i].value > 0) {
            table_cell(table, TINT_NONE, "%s", status->counts[i].name);
            table_cell(table, TINT_NONE, "%" PRIu64, status->counts[i].value);
        }
    }
    if (out->tty && table_rows(table) > 0) {
        fputc('\n', out->f);
    }
    table_print(table, out, 0, 0);
    table_free(table);
}

static void print(struct cli *cli, const struct weft_status *status, int all)
{
    struct out *out = &cli->out;
    int missing = status->agents_up < status->agents;

    out_pair(out, "broker", TINT_BOLD, "%s%s%s%s", status->broker,
             *status->site != '\0' ? ", site " : "", status->site,
             status->draining ? ", draining" : "");
    out_pair(out, "up", TINT_NONE, "%s", fmt_ms(status->up_ms).s);
    out_pair(out, "software", TINT_NONE, "%s", status->software);
    out_pair(out, "key", TINT_NONE, "%s", key_fingerprint(status->key).s);
    out_pair(out, "store", status->store_failing ? TINT_BAD : TINT_NONE, "%s%s",
             status->store,
             status->store_failing ? ", FAILING: nothing durable is accepted" : "");
    out_pair(out, "agents", missing ? TINT_WARN : TINT_GOOD, "%" PRIu64 " up of %" PRIu64,
             status->agents_up, status->agents);
    out_pair(out, "clients", TINT_NONE, "%" PRIu64, status->clients);
    out_pair(out, "slots", TINT_NONE, "%" PRIu64 " running of %" PRIu64, status->running,
             status->slots);
    out_pair(out, "queued", TINT_NONE, "%" PRIu64, status->queued);
    out_pair(out, "live jobs", TINT_NONE, "%" PRIu64, status->live);
    out_pair(out, "jobs kept", TINT_NONE, "%" PRIu64, status->retained);
    out_pair(out, "memory", TINT_NONE, "%s of %s for payloads, results and output",
             fmt_size(status->bytes).s, fmt_size(status->bytes_max).s);
    print_counts(out, status, all);
    cli_footer(cli, "%s", "");
    if (status->store_failing) {
        cli_hint(cli, "free space on the broker's disk; `weft events` says what failed");
    } else if (missing) {
        cli_hint(cli, "`weft map` shows which agents are not up");
    }
}

static int run(struct cli *cli, const void *args_, int n, char **operands)
{
    const struct status_args *args = args_;
    struct weft_status *status = NULL;
    int rc = cli_connect(cli);

    (void) n;
    (void) operands;
    if (rc != CLI_OK) {
        return rc;
    }
    rc = weft_status(cli->client, cli_wait_ms(cli), &status);
    if (rc < 0) {
        return cli_fail(cli, rc, "%s", "");
    }
    if (cli->json) {
        print_json(cli, status);
    } else {
        print(cli, status, args->all);
    }
    weft_free(status);
    return CLI_OK;
}

const struct cmd cmd_status = {
    .name = "status",
    .group = "Mesh",
    .operands = "",
    .summary = "Show the broker in numbers",
    CMD_OPTS(opts),
    .args_size = sizeof(struct status_args),
    .run = run,
};
