/* wait.c - weft job wait */
#include "cli/cmd.h"
#include "cli/job/await.h"
#include "cli/job/outcome.h"

static int over(struct cli *cli, weft_future *future, void *arg)
{
    const struct weft_outcome *outcome = weft_future_outcome(future);

    (void) arg;
    outcome_line(cli, outcome);
    fflush(cli->out.f);
    return outcome_report(cli, outcome);
}

static int run(struct cli *cli, const void *args, int n, char **operands)
{
    int rc = cli_connect(cli);

    (void) args;
    return rc == CLI_OK ? await_jobs(cli, n, operands, 1, over, NULL) : rc;
}

const struct cmd cmd_job_wait = {
    .name = "job wait",
    .group = "Work",
    .operands = "ID...",
    .summary = "Wait until jobs are over; print how each ended",
    .details =
        "Waits for ever unless --timeout is given (then exit 7).  Exit 20 when a job\n"
        "failed, 21 when one was cancelled or expired.\n",
    .min = 1,
    .max = -1,
    .operand = CMD_JOB,
    .run = run,
};
