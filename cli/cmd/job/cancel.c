/* cancel.c - weft job cancel */
#include "cli/cmd.h"
#include "cli/view/job.h"

static int cancel(struct cli *cli, const char *prefix)
{
    weft_future *future = NULL;
    weft_id id;
    int rc = job_resolve(cli, prefix, &id);

    if (rc != CLI_OK) {
        return rc;
    }
    rc = weft_cancel(cli->client, &id, &future);
    if (rc == 0) {
        rc = cli_await(cli, future, WEFT_UNTIL_DONE);
    }
    if (rc == WEFT_ESTATE) {
        rc = cli_fail_next(cli, rc, "`weft job show ID` says how it ended",
                           "job %s is over already", job_id8(&id).s);
    } else if (rc < 0) {
        rc = job_refused(cli, rc, prefix, future);
    } else {
        cli_note(cli, "cancelled job %s", job_id8(&id).s);
    }
    weft_future_free(future);
    return rc;
}

static int run(struct cli *cli, const void *args, int n, char **operands)
{
    int rc = cli_connect(cli), worst = CLI_OK;

    (void) args;
    for (int i = 0; rc == CLI_OK && i < n; i++) {
        int one = cancel(cli, operands[i]);

        worst = worst == CLI_OK ? one : worst;
    }
    return rc != CLI_OK ? rc : worst;
}

const struct cmd cmd_job_cancel = {
    .name = "job cancel",
    .group = "Work",
    .operands = "ID...",
    .summary = "End jobs that are not over",
    .details = "  weft job cancel $(weft jobs --ids --name nightly --state queued)\n",
    .min = 1,
    .max = -1,
    .operand = CMD_JOB,
    .run = run,
};
