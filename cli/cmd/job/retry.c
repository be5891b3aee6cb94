/* retry.c - weft job retry: run again what ended badly, as new jobs */
#include <string.h>

#include "cli/cmd.h"
#include "cli/view/job.h"

struct retry_args {
    int all_dead, yes;
};

#define AT(field) offsetof(struct retry_args, field)

static const struct opt opts[] = {
    {"all-dead", 0, OPT_FLAG, NULL, AT(all_dead), 0, 0,
     "every job that `weft jobs --dead` lists; wants --yes"},
    {"yes", 'y', OPT_FLAG, NULL, AT(yes), 0, 0, "do it without being asked again"},
};

static void tell(struct cli *cli, const weft_id *old, const weft_id *id)
{
    struct json json;

    if (cli->json) {
        json_begin(&json, cli->out.f, "retry");
        json_text(&json, "id", job_id(id).s);
        json_text(&json, "retry_of", job_id(old).s);
        json_end(&json);
    } else {
        fprintf(cli->out.f, "%s\n", job_id(id).s);
    }
    fflush(cli->out.f);
}

/* `id` all zero: the library draws one. */
static int retry(struct cli *cli, const weft_id *old, weft_id id)
{
    weft_future *future = NULL;
    int rc = weft_retry(cli->client, old, &id, &future);

    if (rc == 0) {
        rc = cli_await(cli, future, WEFT_UNTIL_DONE);
    }
    if (rc == WEFT_ESTATE) {
        rc = cli_fail_next(cli, rc, "`weft job wait ID` waits for its end",
                           "job %s is not over", job_id8(old).s);
    } else if (rc < 0) {
        rc = job_refused(cli, rc, job_id8(old).s, future);
    } else {
        tell(cli, old, weft_future_id(future));
    }
    weft_future_free(future);
    return rc;
}

static int retry_named(struct cli *cli, const char *prefix)
{
    weft_id id, none = {{0}};
    int rc = job_resolve(cli, prefix, &id);

    return rc == CLI_OK ? retry(cli, &id, none) : rc;
}

/* The id of the one job that repeats `old` when all are repeated: an odd factor and an
 * odd number make a permutation, so no two jobs share one. */
static weft_id heir(const weft_id *old)
{
    uint64_t half[2];
    weft_id id;

    memcpy(half, old->bytes, sizeof(half));
    half[0] = half[0] * UINT64_C(0x9e3779b97f4a7c15) + 1;
    half[1] = half[1] * UINT64_C(0xff51afd7ed558ccd) + 1;
    memcpy(id.bytes, half, sizeof(half));
    return id;
}

static int retry_dead(struct cli *cli, int yes)
{
    struct weft_job_row *rows = NULL;
    size_t n = 0;
    int rc = weft_jobs(cli->client, "state=DEAD", 0, cli_wait_ms(cli), &rows, &n);

    if (rc < 0) {
        return cli_fail(cli, rc, "%s", "");
    }
    if (n > 0 && !yes) {
        rc = cli_usage(cli, "%zu job%s: --all-dead wants --yes to run %s again", n,
                       n == 1 ? " is dead" : "s are dead", n == 1 ? "it" : "them");
    }
    /* The oldest first, as they came. */
    for (size_t i = n; rc == CLI_OK && i > 0; i--) {
        rc = retry(cli, &rows[i - 1].id, heir(&rows[i - 1].id));
    }
    if (n == 0) {
        cli_note(cli, "no job is dead");
    }
    weft_rows_free(rows);
    return rc;
}

static int run(struct cli *cli, const void *args_, int n, char **operands)
{
    const struct retry_args *args = args_;
    int rc, worst = CLI_OK;

    if (args->all_dead == (n > 0)) {
        return cli_usage(cli, "name jobs, or say --all-dead");
    }
    rc = cli_connect(cli);
    if (rc == CLI_OK && args->all_dead) {
        return retry_dead(cli, args->yes);
    }
    for (int i = 0; rc == CLI_OK && i < n; i++) {
        int one = retry_named(cli, operands[i]);

        worst = worst == CLI_OK ? one : worst;
    }
    return rc != CLI_OK ? rc : worst;
}

const struct cmd cmd_job_retry = {
    .name = "job retry",
    .group = "Work",
    .operands = "ID...",
    .summary = "Run jobs that are over again, as new jobs; print their ids",
    .details =
        "  weft jobs --dead                          what gave up, and why\n"
        "  weft job retry 3f9c                       once more, from what was kept\n"
        "  weft job wait $(weft job retry 3f9c)      and wait for it\n"
        "  weft job retry --all-dead --yes\n"
        "\n"
        "The new job has the capability, payload and options of the old one, which\n"
        "stays as it is; `weft job show` names the job that a new one repeats.  With\n"
        "--all-dead a dead job is repeated once, however often it is asked for.\n",
    CMD_OPTS(opts),
    .args_size = sizeof(struct retry_args),
    .max = -1,
    .operand = CMD_JOB,
    .run = run,
};
