#include "cli/job/outcome.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/data/move.h"
#include "cli/tool/fmt.h"
#include "cli/tool/text.h"
#include "cli/view/data.h"
#include "cli/view/job.h"

void outcome_json(struct json *json, const struct weft_outcome *outcome)
{
    json_text(json, "id", job_id(&outcome->id).s);
    json_text(json, "state", weft_state_name(outcome->state));
    json_text(json, "code", outcome->code != 0 ? job_code(outcome->code) : NULL);
    json_int(json, "exit_code", outcome->exit_code);
    json_int(json, "signal", outcome->term_signal);
    json_uint(json, "attempt", outcome->attempt);
    json_text(json, "node", outcome->node);
    json_text(json, "reason", outcome->reason);
    json_uint(json, "wait_us", outcome->wait_us);
    json_uint(json, "run_us", outcome->run_us);
    json_uint(json, "cut", outcome->cut);
    json_id(json, "reused", &outcome->reused);
    json_uint(json, "fetched", outcome->fetched);
    json_uint(json, "cost_pusd", outcome->cost_pusd);
    if (outcome->data != NULL) {
        json_data(json, "result", outcome->data, outcome->len);
    } else {
        json_digest(json, "result_blob", &outcome->blob);
        json_uint(json, "result_len", outcome->len);
    }
}

/* What there is to say of a job without a reason: it did not run itself, or what it cost.
 */
static struct fmt remark(const struct weft_outcome *outcome)
{
    struct fmt text = {""};

    if (!job_is_none(&outcome->reused)) {
        snprintf(text.s, sizeof(text.s), "as job %.8s", job_id8(&outcome->reused).s);
    } else if (outcome->cost_pusd > 0) {
        text = fmt_usd(outcome->cost_pusd);
    }
    return text;
}

void outcome_line(struct cli *cli, const struct weft_outcome *outcome)
{
    FILE *f = cli->out.f;
    struct json json;
    char *reason;

    if (cli->json) {
        json_begin(&json, f, "outcome");
        outcome_json(&json, outcome);
        json_end(&json);
        return;
    }
    reason = text_clean(outcome->reason != NULL && *outcome->reason != '\0'
                            ? outcome->reason
                            : remark(outcome).s);
    if (cli->out.tty) {
        fprintf(f, "%s  ", job_id8(&outcome->id).s);
        out_print(&cli->out, job_tint(outcome->state), "%-9s",
                  weft_state_name(outcome->state));
        fprintf(f, "  %-16s  %8s  %s\n", outcome->node, fmt_us(outcome->run_us).s,
                reason);
    } else {
        fprintf(f, "%s\t%s\t%s\t%s\t%s\n", job_id(&outcome->id).s,
                weft_state_name(outcome->state), outcome->node, fmt_us(outcome->run_us).s,
                reason);
    }
    free(reason);
}

int outcome_report(struct cli *cli, const struct weft_outcome *outcome)
{
    char next[160], after[32], how[280] = "";
    struct job_id_text id = job_id8(&outcome->id);
    int code = outcome->code > 0 ? -outcome->code : outcome->code;

    if (outcome->state == WEFT_JOB_OK) {
        return CLI_OK;
    }
    if (code == 0) {
        code = outcome->state == WEFT_JOB_CANCELLED ? WEFT_ECANCELLED
               : outcome->state == WEFT_JOB_EXPIRED ? WEFT_EEXPIRED
                                                    : WEFT_EFAILED;
    }
    snprintf(after, sizeof(after), " after attempt %u", outcome->attempt);
    if (outcome->reason != NULL && *outcome->reason != '\0') {
        snprintf(how, sizeof(how), ": %s", outcome->reason);
    } else if (outcome->term_signal != 0) {
        snprintf(how, sizeof(how), ": signal %d", outcome->term_signal);
    } else if (outcome->exit_code != 0) {
        snprintf(how, sizeof(how), ": exit status %d", outcome->exit_code);
    }
    snprintf(next, sizeof(next),
             "`weft job logs %.8s` shows what it printed, `weft job "
             "show %.8s` its attempts",
             id.s, id.s);
    cli_fail_next(cli, code,
                  job_exit(outcome->state) == CLI_FAILED ? next : weft_errhint(code),
                  "job %.8s is %s%s%s%s%s", id.s, weft_state_name(outcome->state),
                  outcome->attempt > 0 ? after : "", *outcome->node != '\0' ? " on " : "",
                  outcome->node, how);
    return job_exit(outcome->state);
}

int outcome_refused(struct cli *cli, const struct weft_job *job, weft_future *future)
{
    int code = weft_future_error(future);
    uint64_t retry_ms = weft_future_retry_ms(future);
    char next[64];

    if (code == WEFT_ENOENT) {
        return cli_fail_next(
            cli, code,
            job->ninputs != 0
                ? "`weft nodes`, `weft data ls` and `weft jobs` list what there is"
                : "`weft nodes` and `weft jobs` list what there is",
            "%s", weft_future_text(future));
    }
    if (cli_exit_of(code) != CLI_BUSY || retry_ms == 0) {
        return cli_fail(cli, code, "%s", weft_future_text(future));
    }
    snprintf(next, sizeof(next), "retry after %s", fmt_ms(retry_ms).s);
    return cli_fail_next(cli, code, next, "%s", weft_future_text(future));
}

int outcome_unsent(struct cli *cli, const struct weft_job *job, size_t len, int code)
{
    uint64_t max = weft_max_payload(cli->client);

    if (code == WEFT_ETOOBIG && max > 0) {
        return cli_fail(cli, code, "%s: the payload has %s, the broker takes %s",
                        job->capability, fmt_size(len).s, fmt_size(max).s);
    }
    if (code != WEFT_EINVAL) {
        return cli_fail(cli, code, "%s", job->capability);
    }
    return cli_usage(
        cli,
        "`%s` cannot be submitted: a capability is NAME or NAME@VERSION, "
        "names and groups are of a-z 0-9 . _ -, inputs "
        "NAME=DATASET[@VERSION][/PATH], needs and labels short text; at most 8 "
        "--prefer, and 4 of --near and --far",
        job->capability);
}

/* -- results ---------------------------------------------------------------------------
 */

static int write_file(struct cli *cli, const char *path, const void *data, size_t len)
{
    int is_stdout = strcmp(path, "-") == 0, bad;
    FILE *f = is_stdout ? stdout : fopen(path, "wbe");

    if (f == NULL) {
        return cli_fail_next(cli, WEFT_EIO, "check the folder and its permissions",
                             "%s: %s", path, strerror(errno));
    }
    bad = len > 0 && fwrite(data, 1, len, f) != len;
    bad |= is_stdout ? fflush(f) != 0 : fclose(f) != 0;
    if (bad) {
        return cli_fail_next(cli, WEFT_EIO, "look at the space left on that disk",
                             "%s: %s", path, strerror(errno));
    }
    return CLI_OK;
}

static int fetch(struct cli *cli, weft_future *job, const struct weft_get *what,
                 struct move *move)
{
    char name[64];
    weft_future *future = NULL;
    int code = weft_outcome_fetch(job, what, &future), rc;

    move->missing = "fetch results sooner: their node may be away, `weft nodes`";
    snprintf(name, sizeof(name), "the result of job %.8s",
             job_id8(weft_future_id(job)).s);
    if (code < 0) {
        return cli_fail(cli, code, "%s", name);
    }
    rc = move_wait(move, future, name);
    weft_future_free(future);
    return rc;
}

int outcome_stream(struct cli *cli, weft_future *future, weft_write_fn *write,
                   struct move *move)
{
    struct weft_get what = WEFT_GET_INIT;

    what.write = write;
    what.on_progress = move_on_progress;
    what.arg = move;
    return fetch(cli, future, &what, move);
}

static int write_stdout(uint64_t offset, const void *data, size_t len, void *arg)
{
    (void) offset;
    (void) arg;
    return fwrite(data, 1, len, stdout) == len ? 0 : -1;
}

int outcome_save(struct cli *cli, const char *path, weft_future *future)
{
    const struct weft_outcome *outcome = weft_future_outcome(future);
    struct weft_get what = WEFT_GET_INIT;
    struct move move;
    int rc;

    if (outcome->data != NULL) {
        return write_file(cli, path, outcome->data, outcome->len);
    }
    move_init(&move, cli, strcmp(path, "-") == 0 && cli->out.tty);
    if (strcmp(path, "-") == 0) {
        rc = outcome_stream(cli, future, write_stdout, &move);
        return fflush(stdout) != 0 && rc == CLI_OK
                   ? cli_fail_next(cli, WEFT_EIO, "look at what reads it",
                                   "cannot write to standard output")
                   : rc;
    }
    what.path = path;
    what.on_progress = move_on_progress;
    what.arg = &move;
    return fetch(cli, future, &what, &move);
}
