/* result.c - weft job result: fetch a result by id, whoever submitted the job */
#include "cli/cmd.h"
#include "cli/job/await.h"
#include "cli/job/outcome.h"

struct result_args {
    const char *out;
};

static const struct opt opts[] = {
    {"out", 'o', OPT_TEXT, "FILE", offsetof(struct result_args, out), 0, 0,
     "write it there instead of standard output"},
};

static int over(struct cli *cli, weft_future *future, void *arg)
{
    const struct weft_outcome *outcome = weft_future_outcome(future);
    const struct result_args *args = arg;
    int rc = outcome_report(cli, outcome);

    if (cli->json) {
        outcome_line(cli, outcome);
        return rc;
    }
    if (rc == CLI_OK || outcome->len > 0) {
        int saved = outcome_save(cli, args->out != NULL ? args->out : "-", future);

        rc = rc == CLI_OK ? saved : rc;
    }
    return rc;
}

static int run(struct cli *cli, const void *args_, int n, char **operands)
{
    struct result_args args = *(const struct result_args *) args_;
    int rc = cli_connect(cli);

    return rc == CLI_OK ? await_jobs(cli, n, operands, 0, over, &args) : rc;
}

const struct cmd cmd_job_result = {
    .name = "job result",
    .group = "Work",
    .operands = "ID",
    .summary = "Wait for a job, then write its result",
    CMD_OPTS(opts),
    .args_size = sizeof(struct result_args),
    .min = 1,
    .max = 1,
    .operand = CMD_JOB,
    .run = run,
};
