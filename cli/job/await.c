#include "cli/job/await.h"

#include <stdlib.h>
#include <string.h>

#include "cli/tool/clock.h"
#include "cli/tool/fmt.h"
#include "cli/tool/intr.h"
#include "cli/tool/mem.h"
#include "cli/view/job.h"

struct awaited {
    struct cli *cli;
    weft_id id;
    weft_future *future; /* NULL: told */
    enum weft_state state;
    int talk;
};

static void on_state(const weft_id *id, enum weft_state state, unsigned attempt,
                     const char *node, void *arg)
{
    struct awaited *job = arg;

    job->state = state;
    node = job_place(state, node);
    if (job->talk && !job_is_over(state)) {
        cli_note(job->cli, "%s %s%s%s, attempt %u", job_id8(id).s, weft_state_name(state),
                 *node != '\0' ? " on " : "", node, attempt);
    }
}

static int start(struct cli *cli, int n, char **prefixes, int talk, struct awaited *jobs)
{
    for (int i = 0; i < n; i++) {
        struct awaited *job = &jobs[i];
        int rc = job_resolve(cli, prefixes[i], &job->id);

        if (rc != CLI_OK) {
            return rc;
        }
        job->cli = cli;
        job->talk = talk;
        rc = weft_watch(cli->client, &job->id, NULL, on_state, job, &job->future);
        if (rc < 0) {
            return cli_fail(cli, rc, "job %s", prefixes[i]);
        }
    }
    return CLI_OK;
}

static int tell(struct cli *cli, struct awaited *job, await_fn *fn, void *arg)
{
    int rc;

    if (weft_future_outcome(job->future) != NULL) {
        rc = fn(cli, job->future, arg);
    } else {
        rc = cli_fail(cli, weft_future_error(job->future), "job %s: %s",
                      job_id8(&job->id).s, weft_future_text(job->future));
    }
    weft_future_free(job->future);
    job->future = NULL;
    return rc;
}

/* Tell what ended.  Returns how many are left. */
static int sweep(struct cli *cli, int n, struct awaited *jobs, await_fn *fn, void *arg,
                 int *rc)
{
    int left = 0;

    for (int i = 0; i < n; i++) {
        if (jobs[i].future != NULL && weft_future_is_done(jobs[i].future)) {
            int code = tell(cli, &jobs[i], fn, arg);

            *rc = *rc == CLI_OK ? code : *rc;
        }
        left += jobs[i].future != NULL;
    }
    return left;
}

static int timed_out(struct cli *cli, int n, const struct awaited *jobs)
{
    int rc = CLI_OK;

    for (int i = 0; i < n; i++) {
        if (jobs[i].future != NULL) {
            struct job_id_text id = job_id8(&jobs[i].id);

            rc = cli_fail(cli, WEFT_ETIMEOUT, "job %s is %s after %s", id.s,
                          weft_state_name(jobs[i].state), fmt_ms(cli->timeout_ms).s);
        }
    }
    return rc;
}

int await_jobs(struct cli *cli, int n, char **prefixes, int talk, await_fn *fn, void *arg)
{
    struct awaited *jobs = mem_calloc((size_t) n, sizeof(*jobs));
    uint64_t end = cli->timeout_ms > 0 ? clock_ms() + cli->timeout_ms : UINT64_MAX;
    int rc = start(cli, n, prefixes, talk, jobs), started = rc == CLI_OK;

    intr_install();
    while (started && sweep(cli, n, jobs, fn, arg, &rc) > 0) {
        if (intr_count() > 0) {
            rc = CLI_INTERRUPTED;
            break;
        }
        if (clock_ms() >= end) {
            rc = timed_out(cli, n, jobs);
            break;
        }
        cli_turn(cli, INTR_POLL_MS, -1);
    }
    for (int i = 0; i < n; i++) {
        weft_future_free(jobs[i].future);
    }
    free(jobs);
    return rc;
}
