/* ping.c - weft ping: round trips to the broker, and from there to a node */
#include <inttypes.h>

#include "cli/cmd.h"
#include "cli/tool/clock.h"
#include "cli/tool/fmt.h"
#include "cli/tool/intr.h"
#include "cli/view/node.h"

struct ping_args {
    uint64_t count, interval_ms;
};

static const struct ping_args defaults = {.count = 4, .interval_ms = 500};

#define AT(field) offsetof(struct ping_args, field)

static const struct opt opts[] = {
    {"count", 'c', OPT_UINT, "N", AT(count), 0, 0,
     "how many, 0: until Ctrl-C (default 4)"},
    {"interval", 'i', OPT_TIME, "TIME", AT(interval_ms), 1, 0,
     "between them (default 500ms)"},
};

struct series {
    uint64_t n, min_us, max_us, sum_us;
};

static void series_add(struct series *series, uint64_t us)
{
    series->min_us = series->n == 0 || us < series->min_us ? us : series->min_us;
    series->max_us = us > series->max_us ? us : series->max_us;
    series->sum_us += us;
    series->n++;
}

static void series_print(struct cli *cli, const char *what, const struct series *series)
{
    if (series->n > 0) {
        cli_note(cli, "%s: min %s, avg %s, max %s", what, fmt_us(series->min_us).s,
                 fmt_us(series->sum_us / series->n).s, fmt_us(series->max_us).s);
    }
}

static void print(struct cli *cli, const char *node, uint64_t seq, uint64_t broker_us,
                  uint64_t node_us)
{
    struct json json;

    if (cli->json) {
        json_begin(&json, cli->out.f, "ping");
        json_uint(&json, "seq", seq);
        json_uint(&json, "broker_us", broker_us);
        if (node != NULL) {
            json_text(&json, "node", node);
            json_uint(&json, "node_us", node_us);
        }
        json_end(&json);
    } else if (node == NULL) {
        fprintf(cli->out.f, "broker %s\n", fmt_us(broker_us).s);
    } else {
        fprintf(cli->out.f, "broker %s, then %s %s: %s\n", fmt_us(broker_us).s, node,
                fmt_us(node_us).s, fmt_us(broker_us + node_us).s);
    }
    fflush(cli->out.f);
}

static void pause_ms(struct cli *cli, uint64_t ms)
{
    uint64_t end = clock_ms() + ms, now;

    while ((now = clock_ms()) < end && intr_count() == 0) {
        cli_turn(cli, end - now < INTR_POLL_MS ? (int) (end - now) : INTR_POLL_MS, -1);
    }
}

static int run(struct cli *cli, const void *args_, int n, char **operands)
{
    const struct ping_args *args = args_;
    const char *node = n > 0 ? operands[0] : NULL;
    struct series broker = {0}, behind = {0};
    int rc = cli_connect(cli), interrupted;

    if (rc != CLI_OK) {
        return rc;
    }
    intr_install();
    for (uint64_t seq = 1; args->count == 0 || seq <= args->count; seq++) {
        uint64_t broker_us = 0, node_us = 0;

        rc = weft_ping(cli->client, node, cli_wait_ms(cli), &broker_us, &node_us);
        if (intr_count() > 0) {
            break;
        }
        if (rc < 0) {
            return node != NULL ? node_fail(cli, rc, node, "")
                                : cli_fail(cli, rc, "the broker");
        }
        print(cli, node, seq, broker_us, node_us);
        series_add(&broker, broker_us);
        if (node != NULL) {
            series_add(&behind, node_us);
        }
        if (seq != args->count) {
            pause_ms(cli, args->interval_ms);
        }
        if (intr_count() > 0) {
            break;
        }
    }
    interrupted = intr_count() > 0 && args->count > 0;
    if (!cli->json) {
        series_print(cli, "to the broker", &broker);
        series_print(cli, "from there on", &behind);
    }
    return interrupted ? CLI_INTERRUPTED : CLI_OK;
}

const struct cmd cmd_ping = {
    .name = "ping",
    .group = "Mesh",
    .operands = "[NODE]",
    .summary = "Measure round trips to the broker, and from there to a node",
    CMD_OPTS(opts),
    .args_size = sizeof(struct ping_args),
    .defaults = &defaults,
    .max = 1,
    .operand = CMD_NODE,
    .run = run,
};
