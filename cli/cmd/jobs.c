/* jobs.c - weft jobs */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/cmd.h"
#include "cli/tool/fmt.h"
#include "cli/view/job.h"
#include "cli/view/watch.h"

struct jobs_args {
    const char *filter, *state, *cap, *node, *name;
    uint64_t max, interval_ms;
    int watch, ids, dead;
};

static const struct jobs_args defaults = {.max = 50, .interval_ms = WATCH_MS};

#define AT(field) offsetof(struct jobs_args, field)

static const struct opt opts[] = {
    {"state", 's', OPT_TEXT, "STATE", AT(state), 0, 0,
     "only jobs in this state: queued, running, ok, failed, dead, ..."},
    {"dead", 0, OPT_FLAG, NULL, AT(dead), 0, 0,
     "only jobs that were given up, with the reason: --state dead"},
    {"cap", 0, OPT_TEXT, "NAME", AT(cap), 0, 0, "only jobs of this capability"},
    {"node", 'N', OPT_TEXT, "NODE", AT(node), 0, 0, "only jobs on this node"},
    {"name", 0, OPT_TEXT, "LABEL", AT(name), 0, 0, "only jobs with this label"},
    {"filter", 'f', OPT_TEXT, "TERMS", AT(filter), 0, 0,
     "several at once: state=RUNNING,cap=echo,node=cam-17,name=LABEL"},
    {"max", 'n', OPT_UINT, "N", AT(max), 0, 0, "at most N, 0: all (default 50)"},
    {"ids", 0, OPT_FLAG, NULL, AT(ids), 0, 0, "whole ids and nothing else"},
    {"watch", 'w', OPT_FLAG, NULL, AT(watch), 0, 0, "refresh in place; q quits"},
    {"interval", 'i', OPT_TIME, "TIME", AT(interval_ms), 100, 0,
     "between refreshes (default 1s)"},
};

/* "state=RUNNING,cap=echo" from the options; empty for none. */
static void build_filter(const struct jobs_args *args, char *text, size_t cap)
{
    const char *const keys[] = {"", "state=", "cap=", "node=", "name="};
    const char *values[] = {args->filter, args->state, args->cap, args->node, args->name};
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < 5; i++) {
        if (values[i] != NULL && used < cap) {
            used += (size_t) snprintf(text + used, cap - used, "%s%s%s",
                                      used > 0 ? "," : "", keys[i], values[i]);
        }
    }
}

/* The state that `name` means in capitals; NULL: none. */
static const char *state_called(const char *name)
{
    for (int state = WEFT_ACCEPTED; state <= WEFT_JOB_EXPIRED; state++) {
        if (strcasecmp(weft_state_name((enum weft_state) state), name) == 0) {
            return weft_state_name((enum weft_state) state);
        }
    }
    return NULL;
}

static void print_json(struct cli *cli, const struct weft_job_row *rows, size_t n)
{
    struct json json;

    json_begin(&json, cli->out.f, "jobs");
    json_array(&json, "jobs");
    for (size_t i = 0; i < n; i++) {
        json_object(&json, NULL);
        job_json(&json, &rows[i]);
        json_close_object(&json);
    }
    json_close_array(&json);
    json_end(&json);
}

static int draw(struct cli *cli, void *arg)
{
    const struct jobs_args *args = arg;
    struct weft_job_row *rows = NULL;
    size_t n = 0;
    char filter[256];
    int rc;

    build_filter(args, filter, sizeof(filter));
    rc = weft_jobs(cli->client, filter[0] != '\0' ? filter : NULL, (size_t) args->max,
                   cli_wait_ms(cli), &rows, &n);
    if (rc < 0) {
        return cli_fail(cli, rc, "%s", filter);
    }
    if (cli->json) {
        print_json(cli, rows, n);
    } else if (args->ids) {
        for (size_t i = 0; i < n; i++) {
            fprintf(cli->out.f, "%s\n", job_id(&rows[i].id).s);
        }
    } else {
        job_table(&cli->out, rows, n, 0);
        cli_footer(cli, n == 0 ? "no jobs" : "%zu job%s%s", n, n == 1 ? "" : "s",
                   args->max > 0 && n == args->max ? " (more with --max 0)" : "");
    }
    weft_rows_free(rows);
    return CLI_OK;
}

static int run(struct cli *cli, const void *args_, int n, char **operands)
{
    struct jobs_args args = *(const struct jobs_args *) args_;
    int rc;

    (void) n;
    (void) operands;
    if (args.dead && args.state == NULL) {
        args.state = "dead";
    }
    if (args.state != NULL && (args.state = state_called(args.state)) == NULL) {
        return cli_usage(cli,
                         "--state wants accepted, queued, assigned, running, ok, failed, "
                         "dead, cancelled or expired, not `%s`",
                         ((const struct jobs_args *) args_)->state);
    }
    rc = cli_connect(cli);
    if (rc != CLI_OK) {
        return rc;
    }
    return args.watch ? watch_loop(cli, args.interval_ms, draw, &args) : draw(cli, &args);
}

const struct cmd cmd_jobs = {
    .name = "jobs",
    .group = "Work",
    .operands = "",
    .summary = "List jobs, the newest first",
    .details =
        "  weft jobs --dead                 what was given up, and why\n"
        "  weft jobs --state failed --name nightly\n"
        "\n"
        "A dead job used its attempts up, or took too many handlers down with it; one\n"
        "that failed has an error of its handler.  `weft job retry` runs them again.\n"
        "AGE is the time since the job was accepted, RUN how long its last attempt\n"
        "ran.  An operator sees all jobs, a client its own.\n",
    CMD_OPTS(opts),
    .args_size = sizeof(struct jobs_args),
    .defaults = &defaults,
    .max = 0,
    .run = run,
};
