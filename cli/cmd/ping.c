/* ping.c - weft ping: round trips to the broker, and from there to a node */
#include <inttypes.h>

#include "cli/cmd.h"
#include "cli/tool/clock.h"
#include "cli/tool/fmt.h"
#include "cli/tool/intr.h"
#include "cli/view/node.h"

struct ping_args {
    uint64_t count, interval_ms;
    const char *from;
};

static const struct ping_args defaults = {.count = 4, .interval_ms = 500};

#define AT(field) offsetof(struct ping_args, field)

static const struct opt opts[] = {
    {"count", 'c', OPT_UINT, "N", AT(count), 0, 0,
     "how many, 0: until Ctrl-C (default 4)"},
    {"interval", 'i', OPT_TIME, "TIME", AT(interval_ms), 1, 0,
     "between them (default 500ms)"},
    {"from", 0, OPT_TEXT, "BROKER", AT(from), 0, 0,
     "from there to the node: our broker, or a neighbour of it"},
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

static void print_from(struct cli *cli, const char *from, const char *node, uint64_t seq,
                       uint64_t us)
{
    struct json json;

    if (cli->json) {
        json_begin(&json, cli->out.f, "ping");
        json_uint(&json, "seq", seq);
        json_text(&json, "from", from);
        json_text(&json, "node", node);
        json_uint(&json, "node_us", us);
        json_end(&json);
    } else {
        fprintf(cli->out.f, "%s to %s: %s\n", from, node, fmt_us(us).s);
    }
    fflush(cli->out.f);
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

struct pings {
    struct series broker, behind;
};

static int fail_from(struct cli *cli, int rc, const char *from, const char *node,
                     const char *why)
{
    char next[200];

    snprintf(next, sizeof(next), "`weft -C SITE ping %.60s`, with a context of %.60s",
             node, from);
    return cli_fail_next(cli, rc,
                         rc == WEFT_ESUPPORT ? next
                         : rc == WEFT_ENOENT ? "`weft -C SITE nodes` lists what it knows"
                         : rc == WEFT_EUNREACH ? "`weft map` shows what is cut off"
                                               : weft_errhint(rc),
                         "%s to %s%s%s", from, node, *why != '\0' ? ": " : "", why);
}

static int ping_from(struct cli *cli, const char *from, const char *node, uint64_t seq,
                     struct pings *pings)
{
    char why[200] = "";
    uint64_t us;
    int rc =
        weft_ping_from(cli->client, from, node, cli_wait_ms(cli), &us, why, sizeof(why));

    if (intr_count() > 0) {
        return CLI_OK;
    }
    if (rc < 0) {
        return fail_from(cli, rc, from, node, why);
    }
    print_from(cli, from, node, seq, us);
    series_add(&pings->behind, us);
    return CLI_OK;
}

static int ping(struct cli *cli, const char *node, uint64_t seq, struct pings *pings)
{
    uint64_t broker_us = 0, node_us = 0;
    int rc = weft_ping(cli->client, node, cli_wait_ms(cli), &broker_us, &node_us);

    if (intr_count() > 0) {
        return CLI_OK;
    }
    if (rc < 0) {
        return node != NULL ? node_fail(cli, rc, node, "")
                            : cli_fail(cli, rc, "the broker");
    }
    print(cli, node, seq, broker_us, node_us);
    series_add(&pings->broker, broker_us);
    if (node != NULL) {
        series_add(&pings->behind, node_us);
    }
    return CLI_OK;
}

static int run(struct cli *cli, const void *args_, int n, char **operands)
{
    const struct ping_args *args = args_;
    const char *node = n > 0 ? operands[0] : NULL;
    struct pings pings = {0};
    int rc, interrupted;

    if (args->from != NULL && node == NULL) {
        return cli_usage(cli, "--from %s to which node?", args->from);
    }
    rc = cli_connect(cli);
    if (rc != CLI_OK) {
        return rc;
    }
    intr_install();
    for (uint64_t seq = 1; args->count == 0 || seq <= args->count; seq++) {
        rc = args->from != NULL ? ping_from(cli, args->from, node, seq, &pings)
                                : ping(cli, node, seq, &pings);
        if (rc != CLI_OK) {
            return rc;
        }
        if (intr_count() == 0 && seq != args->count) {
            pause_ms(cli, args->interval_ms);
        }
        if (intr_count() > 0) {
            break;
        }
    }
    interrupted = intr_count() > 0 && args->count > 0;
    if (!cli->json) {
        series_print(cli, "to the broker", &pings.broker);
        series_print(cli, args->from != NULL ? "round trips" : "from there on",
                     &pings.behind);
    }
    return interrupted ? CLI_INTERRUPTED : CLI_OK;
}

const struct cmd cmd_ping = {
    .name = "ping",
    .group = "Mesh",
    .operands = "[NODE]",
    .summary = "Measure round trips to the broker, and from there to a node",
    .details =
        "  weft ping cam-17                from our broker\n"
        "  weft ping cam-17 --from lyon    from another one, which is a neighbour\n"
        "\n"
        "A node may be an agent or a broker with a link to the one that measures; of\n"
        "brokers further away `weft -C SITE ping NODE` asks one of theirs.\n",
    CMD_OPTS(opts),
    .args_size = sizeof(struct ping_args),
    .defaults = &defaults,
    .max = 1,
    .operand = CMD_NODE,
    .run = run,
};
