/* run.c - weft run: one job, as if it ran here */
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/data/move.h"
#include "cli/job/outcome.h"
#include "cli/job/patience.h"
#include "cli/job/spec.h"
#include "cli/tool/clock.h"
#include "cli/tool/fmt.h"
#include "cli/tool/intr.h"
#include "cli/tool/live.h"
#include "cli/view/job.h"

#define RUN_SHOWN_MAX (16u << 20) /* bytes of output compared with the result */

struct run_args {
    struct spec_args spec; /* first: see SPEC_OPTS */
    const char *out;
    int verbose, pass;
};

static const struct run_args defaults = {.spec = SPEC_DEFAULTS};

#define AT(field) offsetof(struct run_args, field)

static const struct opt opts[] = {
    SPEC_OPTS,
    {"out", 'o', OPT_TEXT, "FILE", AT(out), 0, 0,
     "write the result there instead of standard output, and nothing of it live"},
    {"verbose", 'v', OPT_FLAG, NULL, AT(verbose), 0, 0,
     "say on stderr which state the job is in and where"},
    {"exit-code", 'x', OPT_FLAG, NULL, AT(pass), 0, 0,
     "leave with the handler's own exit code when it failed, instead of 20"},
};

struct running {
    struct cli *cli;
    struct weft_job *job;
    size_t len; /* of the payload */
    struct live live;
    struct patience patience;
    weft_future *future, *cancel;
    int verbose;
    int silent;         /* the result goes to a file */
    int lost;           /* said that the connection is gone */
    uint64_t resume_ms; /* when to submit it again; 0: it is not refused */
};

static void on_output(const weft_id *id, unsigned attempt, int stream, uint64_t offset,
                      const void *data, size_t len, void *arg)
{
    struct running *running = arg;
    struct cli *cli = running->cli;
    struct json json;

    if (cli->json) {
        json_begin(&json, cli->out.f, "output");
        json_text(&json, "id", job_id(id).s);
        json_uint(&json, "attempt", attempt);
        json_int(&json, "stream", stream);
        json_uint(&json, "offset", offset);
        json_data(&json, "data", data, len);
        json_end(&json);
    } else if (stream == 1 && running->silent) {
        return;
    } else if (stream == 1) {
        size_t fresh = live_piece(&running->live, offset, data, len);

        fwrite((const char *) data + (len - fresh), 1, fresh, cli->out.f);
    } else {
        fwrite(data, 1, len, cli->err.f);
    }
    fflush(cli->out.f);
}

static void on_state(const weft_id *id, enum weft_state state, unsigned attempt,
                     const char *node, void *arg)
{
    struct running *running = arg;

    node = job_place(state, node);
    patience_state(&running->patience, state);
    if (running->verbose || (attempt > 1 && state == WEFT_RUNNING)) {
        cli_note(running->cli, "%.8s %s%s%s, attempt %u", job_id8(id).s,
                 weft_state_name(state), *node != '\0' ? " on " : "", node, attempt);
    }
}

/* The first Ctrl-C cancels the job, the second leaves it. */
static int interrupt(struct running *running, unsigned *seen)
{
    struct cli *cli = running->cli;
    const weft_id *id = weft_future_id(running->future);

    if (intr_count() == *seen) {
        return 0;
    }
    *seen = intr_count();
    if (running->resume_ms > 0) {
        return 1; /* there is no job to cancel */
    }
    if (running->cancel != NULL) {
        cli_note(cli, "left job %s as it is\n  next: `weft job show %s`", job_id8(id).s,
                 job_id8(id).s);
        return 1;
    }
    cli_note(cli, "cancelling job %s; Ctrl-C again leaves it alone", job_id8(id).s);
    return weft_cancel(cli->client, id, &running->cancel) < 0;
}

/* What a broker that is gone means for the job that it had accepted. */
static const char *meanwhile(const struct running *running)
{
    switch (weft_future_class(running->future)) {
    case WEFT_CLASS_DURABLE:
        return "\n  the job is on stable storage there and goes on";
    case WEFT_CLASS_FAST:
        return "\n  if the broker has stopped the job is lost: it was of class fast";
    default:
        return "";
    }
}

/* Say once when the broker is gone and when it is back.  1 when it is gone and the job is
 * to be cancelled: that cannot be done now. */
static int unreachable(struct running *running)
{
    char why[200] = "";
    int up = weft_connected(running->cli->client, why, sizeof(why));

    if (up == running->lost) {
        running->lost = !up;
        cli_note(running->cli, "%s: %s%s",
                 up ? "connected again" : "connection lost, trying again", why,
                 up ? "" : meanwhile(running));
    }
    return !up && running->cancel != NULL;
}

static int submit(struct running *running)
{
    int rc = weft_submit_watched(running->cli->client, running->job, on_output, on_state,
                                 running, &running->future);

    if (rc < 0) {
        return outcome_unsent(running->cli, running->job, running->len, rc);
    }
    patience_begin(&running->patience, running->future);
    return CLI_OK;
}

/* When a busy broker refused the job, submit it again in time.  1 when it is over. */
static int is_over(struct running *running, int *rc)
{
    uint64_t ms;

    if (!weft_future_is_done(running->future)) {
        return 0;
    }
    if (running->resume_ms == 0) {
        ms = running->cancel == NULL ? patience_again(&running->patience, running->future)
                                     : 0;
        running->resume_ms = ms > 0 ? clock_ms() + ms : 0;
    } else if (clock_ms() >= running->resume_ms) {
        running->resume_ms = 0;
        weft_future_free(running->future);
        running->future = NULL;
        *rc = submit(running);
        return *rc != CLI_OK;
    }
    return running->resume_ms == 0;
}

/* Sleep until something may have happened. */
static void turn(struct running *running)
{
    uint64_t now = clock_ms(), end = running->resume_ms;
    int ms = INTR_POLL_MS;

    if (end > 0 && end < now + INTR_POLL_MS) {
        ms = end > now ? (int) (end - now) : 0;
    }
    cli_turn(running->cli, ms, -1);
}

static int follow(struct running *running)
{
    unsigned seen = intr_count();
    int rc = submit(running);

    while (rc == CLI_OK && !is_over(running, &rc)) {
        if (interrupt(running, &seen) || unreachable(running)) {
            return CLI_INTERRUPTED;
        }
        patience_explain(&running->patience, weft_future_id(running->future));
        turn(running);
    }
    return rc;
}

/* What was not shown of the result yet. */
static void print_result(struct running *running, const struct weft_outcome *outcome)
{
    size_t rest = live_result(&running->live, outcome->data, outcome->len);
    const char *data = outcome->data;
    FILE *f = running->cli->out.f;

    if (running->live.diverged && rest == outcome->len && rest > 0) {
        cli_note(running->cli,
                 "attempt %u printed something else than the one before: "
                 "its whole result follows",
                 outcome->attempt);
    }
    fwrite(data + (outcome->len - rest), 1, rest, f);
    if (running->cli->out.tty && outcome->len > 0 && data[outcome->len - 1] != '\n') {
        fputc('\n', f);
    }
}

/* A result that is fetched while it is written. */
struct streamed {
    struct move move; /* first */
    struct running *running;
    uint64_t total;
};

static int write_next(uint64_t offset, const void *data, size_t len, void *arg)
{
    struct streamed *streamed = arg;
    struct running *running = streamed->running;
    FILE *f = running->cli->out.f;
    int again = 0;
    size_t rest = live_next(&running->live, streamed->total, offset, data, len, &again);

    if (again) {
        cli_note(running->cli, "the result is not what was printed: all of it follows");
        fwrite(running->live.shown, 1, (size_t) offset, f);
    }
    return fwrite((const char *) data + (len - rest), 1, rest, f) == rest ? 0 : -1;
}

static int stream_result(struct running *running, const struct weft_outcome *outcome)
{
    struct streamed streamed = {.running = running, .total = outcome->len};

    move_init(&streamed.move, running->cli, running->cli->out.tty);
    return outcome_stream(running->cli, running->future, write_next, &streamed.move);
}

static int conclude(struct running *running, const struct run_args *args)
{
    struct cli *cli = running->cli;
    const struct weft_outcome *outcome = weft_future_outcome(running->future);
    int saved = CLI_OK, rc;

    if (outcome == NULL) {
        return outcome_refused(cli, running->job, running->future);
    }
    if (cli->json) {
        outcome_line(cli, outcome);
    } else if (args->out != NULL && outcome->state == WEFT_JOB_OK) {
        saved = outcome_save(cli, args->out, running->future);
    } else if (args->out == NULL && outcome->data == NULL) {
        saved = stream_result(running, outcome);
    } else if (args->out == NULL) {
        print_result(running, outcome);
    }
    if (outcome->cut > 0) {
        cli_note(cli, "%llu bytes of output were dropped at a limit",
                 (unsigned long long) outcome->cut);
    }
    if (outcome->cost_pusd > 0) {
        cli_note(cli, "job %s cost %s", job_id8(&outcome->id).s,
                 fmt_usd(outcome->cost_pusd).s);
    }
    if (outcome->state == WEFT_JOB_CANCELLED && running->cancel != NULL) {
        cli_note(cli, "job %s is cancelled", job_id8(&outcome->id).s);
        return CLI_INTERRUPTED;
    }
    rc = outcome_report(cli, outcome);
    rc = rc == CLI_OK ? saved : rc;
    return rc == CLI_FAILED && args->pass && outcome->exit_code != 0 ? outcome->exit_code
                                                                     : rc;
}

static int execute(struct cli *cli, const struct run_args *args, struct weft_job *job,
                   size_t len)
{
    struct running running = {.cli = cli,
                              .job = job,
                              .len = len,
                              .verbose = args->verbose,
                              .silent = args->out != NULL};
    int rc;

    /* Drawn here, so that submitting it again is the same job. */
    if (args->spec.id == NULL) {
        weft_id_random(&job->id);
    }
    job->offer_ms = 0; /* patience does that, and says so */
    live_init(&running.live, RUN_SHOWN_MAX);
    patience_init(&running.patience, cli, 1);
    intr_install();
    rc = follow(&running);
    if (rc == CLI_OK) {
        rc = conclude(&running, args);
    }
    weft_future_free(running.cancel);
    weft_future_free(running.future);
    live_fini(&running.live);
    return rc;
}

static int run(struct cli *cli, const void *args_, int n, char **operands)
{
    const struct run_args *args = args_;
    struct spec_parts parts = {.ntexts = 0};
    struct spec_payload payload = {NULL, 0, NULL};
    struct weft_job job;
    int rc = spec_job(cli, &args->spec, operands[0], &parts, &job);

    if (rc == CLI_OK) {
        rc = spec_payload(cli, &args->spec, n - 1, operands + 1, 1, &payload);
    }
    if (rc == CLI_OK) {
        rc = cli_connect(cli);
    }
    if (rc == CLI_OK) {
        spec_find_jobs(cli, &parts);
        spec_put_payload(&payload, &job);
        rc = execute(cli, args, &job, payload.len);
    }
    free(payload.data);
    spec_parts_fini(&parts);
    return rc;
}

const struct cmd cmd_run = {
    .name = "run",
    .group = "Work",
    .operands = "CAPABILITY [FILE | -]",
    .summary = "Run one job as if it ran here: live output, result, exit code",
    .details =
        "  weft run wordcount book.txt\n"
        "  tar c src | weft run build > out.tar\n"
        "  weft run thumbs --input in=photos@3/2024 -o thumbs.tar\n"
        "\n" SPEC_STDIN_HELP
        "The result goes to standard output, what the handler prints as an error to\n"
        "standard error.  Ctrl-C cancels the job, a second one leaves it alone.\n"
        "Leaves with 0, 20 when the job failed, 21 when it was cancelled or expired,\n"
        "130 after Ctrl-C.\n",
    CMD_OPTS(opts),
    .args_size = sizeof(struct run_args),
    .defaults = &defaults,
    .min = 1,
    .max = 2,
    .operand = CMD_CAP,
    .run = run,
};
