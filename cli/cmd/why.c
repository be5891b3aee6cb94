/* why.c - weft why: why a job is where it is */
#include <stdlib.h>

#include "cli/cmd.h"
#include "cli/tool/text.h"
#include "cli/view/job.h"
#include "cli/view/why.h"

/* What the job asks for, when that keeps it waiting. */
static void print_needs(struct cli *cli, const struct weft_why *why)
{
    struct weft_job_full *job = NULL;

    if (why->chosen ||
        weft_job_show(cli->client, job_id(&why->id).s, cli_wait_ms(cli), &job) < 0) {
        return;
    }
    for (size_t i = 0; i < job->nneeds; i++) {
        char *need = text_clean(job->needs[i]);

        fprintf(cli->out.f, "%s%s%s", i == 0 ? "it needs " : ", ", need,
                i + 1 == job->nneeds ? "\n" : "");
        free(need);
    }
    weft_free(job);
}

static void print(struct cli *cli, const struct weft_why *why)
{
    struct job_id_text id = job_id8(&why->id);

    why_print(cli, why);
    print_needs(cli, why);
    cli_footer(cli, "%s", "");
    if (!job_is_over(why->state) && why->nrows > 0) {
        cli_hint(cli, "`weft job show %s`, `weft node show %s`", id.s, why->rows[0].node);
    } else {
        cli_hint(cli, "`weft job show %s`%s", id.s,
                 why->known > 0 && why->capable == 0 ? ", `weft nodes --caps`" : "");
    }
}

static int run(struct cli *cli, const void *args, int n, char **operands)
{
    struct weft_why *why = NULL;
    int rc = cli_connect(cli);

    (void) args;
    (void) n;
    if (rc != CLI_OK) {
        return rc;
    }
    rc = weft_job_why(cli->client, operands[0], cli_wait_ms(cli), &why);
    if (rc < 0) {
        return job_fail(cli, rc, operands[0]);
    }
    if (cli->json) {
        why_json(cli, "why", why);
    } else {
        print(cli, why);
    }
    weft_free(why);
    return CLI_OK;
}

const struct cmd cmd_why = {
    .name = "why",
    .group = "Work",
    .operands = "ID",
    .summary = "Explain why a job is where it is, and what would flip it",
    .details =
        "Which agents were left out and by what, then each candidate term by term:\n"
        "score = link + max(wait, data, warm-up) + run + risk + money + rest, lower "
        "wins.\n"
        "MONEY is COST in time: how many seconds it is worth to this job (--goal).\n"
        "REST is what a wait there costs the jobs behind it, and what the job would\n"
        "rather have and does not get there (--prefer, --near, --spread).\n"
        "AHEAD is the jobs before it there, MOVES the bytes of inputs that it lacks,\n"
        "REPORT the age of the agent's report.  At the end, what was expected of the\n"
        "one that was chosen, and what it really took.\n",
    .min = 1,
    .max = 1,
    .operand = CMD_JOB,
    .run = run,
};
