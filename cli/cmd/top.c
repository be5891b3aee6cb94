/* top.c - weft top: who works on what, refreshed */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/tool/clock.h"
#include "cli/tool/fmt.h"
#include "cli/tool/table.h"
#include "cli/view/job.h"
#include "cli/view/node.h"
#include "cli/view/watch.h"

#define TOP_JOBS 100 /* running jobs asked for */
#define TOP_BAR  10

struct top_args {
    uint64_t interval_ms;
};

static const struct top_args defaults = {.interval_ms = WATCH_MS};

static const struct opt opts[] = {
    {"interval", 'i', OPT_TIME, "TIME", offsetof(struct top_args, interval_ms), 100, 0,
     "between refreshes (default 1s)"},
};

/* One look at the mesh, and what is kept of the one before for the rates. */
struct top {
    struct weft_status *status;
    struct weft_node *nodes;
    size_t nnodes;
    struct weft_job_row *jobs;
    size_t njobs;
    uint64_t done, failed, at_ms;
    double done_s, failed_s; /* since the look before; -1: there was none */
};

static void top_clear(struct top *top)
{
    weft_free(top->status);
    weft_rows_free(top->nodes);
    weft_rows_free(top->jobs);
    top->status = NULL;
    top->nodes = NULL;
    top->jobs = NULL;
    top->nnodes = top->njobs = 0;
}

static void rates(struct top *top)
{
    uint64_t done = 0, failed = 0, now = clock_ms();
    double s = (double) (now - top->at_ms) / 1000;

    for (size_t i = 0; i < top->nnodes; i++) {
        done += top->nodes[i].done;
        failed += top->nodes[i].failed;
    }
    if (top->at_ms > 0 && s > 0 && done >= top->done && failed >= top->failed) {
        top->done_s = (double) (done - top->done) / s;
        top->failed_s = (double) (failed - top->failed) / s;
    } else {
        top->done_s = top->failed_s = -1;
    }
    top->done = done;
    top->failed = failed;
    top->at_ms = now;
}

/* The busiest first: share of slots in use, then cpu, then name. */
static int by_load(const void *a_, const void *b_)
{
    const struct weft_node *a = a_, *b = b_;
    uint64_t la = (a->running + a->waiting) * (b->slots > 0 ? b->slots : 1);
    uint64_t lb = (b->running + b->waiting) * (a->slots > 0 ? a->slots : 1);

    if (la != lb) {
        return la > lb ? -1 : 1;
    }
    if (a->cpu_permille != b->cpu_permille) {
        return a->cpu_permille > b->cpu_permille ? -1 : 1;
    }
    return strcmp(a->name, b->name);
}

static int look(struct cli *cli, struct top *top)
{
    int ms = cli_wait_ms(cli), rc;

    top_clear(top);
    rc = weft_status(cli->client, ms, &top->status);
    if (rc == 0) {
        rc = weft_nodes(cli->client, NULL, ms, &top->nodes, &top->nnodes);
    }
    if (rc == 0) {
        rc = weft_jobs(cli->client, "state=RUNNING", TOP_JOBS, ms, &top->jobs,
                       &top->njobs);
    }
    if (rc < 0) {
        return cli_fail(cli, rc, "%s", "");
    }
    rates(top);
    if (top->nnodes > 1) {
        qsort(top->nodes, top->nnodes, sizeof(top->nodes[0]), by_load);
    }
    return CLI_OK;
}

static void print_json(struct cli *cli, const struct top *top)
{
    struct json json;

    json_begin(&json, cli->out.f, "top");
    json_text(&json, "broker", top->status->broker);
    json_uint(&json, "slots", top->status->slots);
    json_uint(&json, "running", top->status->running);
    json_uint(&json, "queued", top->status->queued);
    json_bool(&json, "store_failing", top->status->store_failing);
    if (top->done_s >= 0) {
        json_uint(&json, "done_per_s", (uint64_t) (top->done_s + 0.5));
        json_uint(&json, "failed_per_s", (uint64_t) (top->failed_s + 0.5));
    }
    json_array(&json, "nodes");
    for (size_t i = 0; i < top->nnodes; i++) {
        if (node_is_agent(&top->nodes[i])) {
            json_object(&json, NULL);
            node_json(&json, &top->nodes[i]);
            json_close_object(&json);
        }
    }
    json_close_array(&json);
    json_array(&json, "jobs");
    for (size_t i = 0; i < top->njobs; i++) {
        json_object(&json, NULL);
        job_json(&json, &top->jobs[i]);
        json_close_object(&json);
    }
    json_close_array(&json);
    json_end(&json);
}

static void print_head(struct cli *cli, const struct top *top)
{
    const struct weft_status *status = top->status;
    struct out *out = &cli->out;
    uint64_t now = clock_wall_ms();

    out_print(out, TINT_BOLD, "%s", status->broker);
    fprintf(out->f,
            "  up %s  %" PRIu64 "/%" PRIu64 " agents  %" PRIu64 "/%" PRIu64 " slots  ",
            fmt_ms(status->up_ms).s, status->agents_up, status->agents, status->running,
            status->slots);
    out_print(out, status->queued > 0 ? TINT_WARN : TINT_NONE, "%" PRIu64 " queued",
              status->queued);
    if (top->done_s >= 0) {
        fprintf(out->f, "  %.*f done/s", top->done_s < 10 ? 1 : 0, top->done_s);
        out_print(out, top->failed_s > 0 ? TINT_BAD : TINT_NONE, "  %.*f failed/s",
                  top->failed_s < 10 ? 1 : 0, top->failed_s);
    }
    if (status->store_failing) {
        out_print(out, TINT_BAD, "  STORE FAILING");
    }
    out_print(out, TINT_DIM, "  %s", fmt_wall(now, now).s);
    fputs("\n\n", out->f);
}

static void bar(const struct out *out, const struct weft_node *node, char *text)
{
    uint64_t full = node->slots > 0 ? node->running * TOP_BAR / node->slots : 0;

    text[0] = '\0';
    for (uint64_t i = 0; i < TOP_BAR; i++) {
        strcat(text, out->utf8 ? (i < full ? "█" : "░") : (i < full ? "#" : "."));
    }
}

static void print_nodes(struct cli *cli, const struct top *top, size_t max)
{
    static const struct col cols[] = {{"NODE", COL_SHRINK},   {"STATE", 0},
                                      {"LOAD", COL_OPTIONAL}, {"SLOTS", COL_RIGHT},
                                      {"WAITING", COL_RIGHT}, {"CPU", COL_RIGHT},
                                      {"RTT", COL_RIGHT},     {"DONE", COL_RIGHT},
                                      {"FAILED", COL_RIGHT},  {"HEARD", COL_RIGHT}};
    struct table *table = table_new(cols, sizeof(cols) / sizeof(cols[0]));

    for (size_t i = 0; i < top->nnodes; i++) {
        const struct weft_node *node = &top->nodes[i];
        char load[TOP_BAR * 3 + 1];

        if (!node_is_agent(node)) {
            continue;
        }
        bar(&cli->out, node, load);
        table_cell(table, TINT_NONE, "%s", node->name);
        table_cell(table, node_tint(node->state), "%s", node_state(node).s);
        table_cell(table, node->running >= node->slots ? TINT_WARN : TINT_GOOD, "%s",
                   load);
        table_cell(table, TINT_NONE, "%s", node_slots(node).s);
        table_cell(table, TINT_NONE, "%" PRIu64, node->waiting);
        table_cell(table, node->cpu_permille > 900 ? TINT_WARN : TINT_NONE, "%s",
                   fmt_permille(node->cpu_permille).s);
        table_cell(table, TINT_NONE, "%s", fmt_us(node->rtt_us).s);
        table_cell(table, TINT_NONE, "%" PRIu64, node->done);
        table_cell(table, node->failed > 0 ? TINT_WARN : TINT_NONE, "%" PRIu64,
                   node->failed);
        table_cell(table, TINT_NONE, "%s", fmt_ms(node->age_ms).s);
    }
    table_print(table, &cli->out, 0, max);
    table_free(table);
}

/* The screen is shared: nodes get at most two thirds, jobs the rest. */
static int draw(struct cli *cli, void *arg)
{
    struct top *top = arg;
    size_t height = (size_t) cli->out.height, max;
    int rc = look(cli, top);

    if (rc != CLI_OK) {
        return rc;
    }
    if (cli->json) {
        print_json(cli, top);
        return CLI_OK;
    }
    if (cli->out.tty) {
        print_head(cli, top);
    }
    max = height > 12 ? height * 2 / 3 - 4 : 4;
    print_nodes(cli, top, cli->out.tty ? max : 0);
    if (cli->out.tty && top->njobs > 0) {
        fputc('\n', cli->out.f);
        job_table(&cli->out, top->jobs, top->njobs, 0);
    } else if (cli->out.tty) {
        out_print(&cli->out, TINT_DIM, "\nno job is running; q quits\n");
    }
    return CLI_OK;
}

static int run(struct cli *cli, const void *args_, int n, char **operands)
{
    const struct top_args *args = args_;
    struct top top = {0};
    int rc = cli_connect(cli);

    (void) n;
    (void) operands;
    if (rc == CLI_OK) {
        rc = cli->out.tty ? watch_loop(cli, args->interval_ms, draw, &top)
                          : draw(cli, &top);
    }
    top_clear(&top);
    return rc;
}

const struct cmd cmd_top = {
    .name = "top",
    .group = "Mesh",
    .operands = "",
    .summary = "Watch the busiest nodes, the running jobs and the rates; q quits",
    .details = "Piped, it prints the nodes once.  HEARD is the age of a node's data.\n",
    CMD_OPTS(opts),
    .args_size = sizeof(struct top_args),
    .defaults = &defaults,
    .run = run,
};
