/* check.c - weft check: one line and an exit code, for Nagios and its like */
#include <inttypes.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/tool/fmt.h"
#include "cli/tool/text.h"

enum verdict { CHECK_OK, CHECK_WARN, CHECK_CRIT, CHECK_UNKNOWN };

struct check_args {
    uint64_t warn_queued, crit_queued, warn_down, crit_down, warn_memory, crit_memory,
        warn_rtt_ms, crit_rtt_ms;
};

static const struct check_args defaults = {100, 10000, 1, 0, 80, 95, 1000, 5000};

#define AT(field) offsetof(struct check_args, field)

static const struct opt opts[] = {
    {"warn-queued", 0, OPT_UINT, "N", AT(warn_queued), 0, 0,
     "WARN from this many queued jobs (default 100)"},
    {"crit-queued", 0, OPT_UINT, "N", AT(crit_queued), 0, 0,
     "CRIT from this many (default 10000)"},
    {"warn-down", 0, OPT_UINT, "N", AT(warn_down), 0, 0,
     "WARN from this many agents not up (default 1, 0: never)"},
    {"crit-down", 0, OPT_UINT, "N", AT(crit_down), 0, 0,
     "CRIT from this many (default 0: only when none is up)"},
    {"warn-memory", 0, OPT_UINT, "PERCENT", AT(warn_memory), 0, 100,
     "WARN when the broker holds this much of its limit (default 80)"},
    {"crit-memory", 0, OPT_UINT, "PERCENT", AT(crit_memory), 0, 100,
     "CRIT from this much (default 95)"},
    {"warn-rtt", 0, OPT_TIME, "TIME", AT(warn_rtt_ms), 0, 0,
     "WARN from this round trip to the broker (default 1s)"},
    {"crit-rtt", 0, OPT_TIME, "TIME", AT(crit_rtt_ms), 0, 0,
     "CRIT from this one (default 5s)"},
};

static enum verdict level(uint64_t value, uint64_t warn, uint64_t crit)
{
    if (crit > 0 && value >= crit) {
        return CHECK_CRIT;
    }
    return warn > 0 && value >= warn ? CHECK_WARN : CHECK_OK;
}

static enum verdict worse(enum verdict a, enum verdict b)
{
    return a > b ? a : b;
}

struct sample {
    uint64_t queued, down, up, all, memory, rtt_us;
    int store_failing;
};

static enum verdict judge(const struct check_args *args, const struct sample *s)
{
    enum verdict v = level(s->queued, args->warn_queued, args->crit_queued);

    v = worse(v, level(s->down, args->warn_down, args->crit_down));
    v = worse(v, level(s->memory, args->warn_memory, args->crit_memory));
    v = worse(v, level(s->rtt_us, args->warn_rtt_ms * 1000, args->crit_rtt_ms * 1000));
    return s->store_failing || (s->all > 0 && s->up == 0) ? CHECK_CRIT : v;
}

static const char *const words[] = {"OK", "WARN", "CRIT", "UNKNOWN"};

static void print(struct cli *cli, const struct check_args *args, const struct sample *s,
                  enum verdict v)
{
    struct json json;

    if (cli->json) {
        json_begin(&json, cli->out.f, "check");
        json_text(&json, "verdict", words[v]);
        json_uint(&json, "agents_up", s->up);
        json_uint(&json, "agents", s->all);
        json_uint(&json, "queued", s->queued);
        json_uint(&json, "memory_percent", s->memory);
        json_uint(&json, "rtt_us", s->rtt_us);
        json_bool(&json, "store_failing", s->store_failing);
        json_end(&json);
        return;
    }
    fprintf(cli->out.f,
            "WEFT %s - %s%" PRIu64 " of %" PRIu64 " agents up, %" PRIu64
            " queued, memory "
            "%" PRIu64 "%%, round trip %s | up=%" PRIu64 ";;;0;%" PRIu64
            " queued=%" PRIu64 ";%" PRIu64 ";%" PRIu64 ";0 memory=%" PRIu64 "%%;%" PRIu64
            ";%" PRIu64 ";0;100 rtt=%" PRIu64 "us;%" PRIu64 ";%" PRIu64 ";0\n",
            words[v], s->store_failing ? "STORE FAILING, " : "", s->up, s->all, s->queued,
            s->memory, fmt_us(s->rtt_us).s, s->up, s->all, s->queued, args->warn_queued,
            args->crit_queued, s->memory, args->warn_memory, args->crit_memory, s->rtt_us,
            args->warn_rtt_ms * 1000, args->crit_rtt_ms * 1000);
}

/* What the mesh says for itself in a word, when it could not be asked. */
static int failed(struct cli *cli, int code, const char *why)
{
    enum verdict v =
        code == WEFT_EUNREACH || code == WEFT_ETIMEOUT ? CHECK_CRIT : CHECK_UNKNOWN;
    struct json json;

    if (cli->json) {
        json_begin(&json, cli->out.f, "check");
        json_text(&json, "verdict", words[v]);
        json_text(&json, "code", weft_errname(code));
        json_text(&json, "text", why);
        json_end(&json);
    } else {
        fprintf(cli->out.f, "WEFT %s - %s: %s%s%s\n", words[v], weft_errname(code),
                weft_strerror(code), *why != '\0' ? ": " : "", why);
    }
    return (int) v;
}

static int run(struct cli *cli, const void *args_, int n, char **operands)
{
    const struct check_args *args = args_;
    struct weft_status *status = NULL;
    struct sample s = {0};
    enum verdict v;
    uint64_t none;
    char why[256] = "";
    int rc = cli_open(cli, why, sizeof(why));

    (void) n;
    (void) operands;
    if (rc == 0) {
        rc = weft_status(cli->client, cli_wait_ms(cli), &status);
    }
    if (rc == 0) {
        rc = weft_ping(cli->client, NULL, cli_wait_ms(cli), &s.rtt_us, &none);
    }
    if (rc < 0) {
        weft_free(status);
        return failed(cli, rc, why);
    }
    s.queued = status->queued;
    s.store_failing = status->store_failing;
    s.up = status->agents_up;
    s.all = status->agents;
    s.down = s.all > s.up ? s.all - s.up : 0;
    s.memory =
        status->bytes_max > 0
            ? (uint64_t) ((double) status->bytes * 100 / (double) status->bytes_max)
            : 0;
    weft_free(status);
    v = judge(args, &s);
    print(cli, args, &s, v);
    return (int) v;
}

const struct cmd cmd_check = {
    .name = "check",
    .group = "Mesh",
    .operands = "",
    .summary = "Check health against thresholds, for Nagios and its like",
    .details =
        "Prints one line with performance data.  Leaves with 0 OK, 1 WARN, 2 CRIT,\n"
        "3 UNKNOWN, whatever other commands mean by these.  A store that fails is "
        "CRIT.\n",
    CMD_OPTS(opts),
    .args_size = sizeof(struct check_args),
    .defaults = &defaults,
    .run = run,
};
