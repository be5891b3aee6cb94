/* logs.c - weft job logs: what a job printed, or prints */
#include "cli/cmd.h"
#include "cli/job/outcome.h"
#include "cli/tool/intr.h"
#include "cli/view/job.h"

struct logs_args {
    int follow;
    uint64_t attempt;
    const char *stream;
};

#define AT(field) offsetof(struct logs_args, field)

static const struct opt opts[] = {
    {"follow", 'f', OPT_FLAG, NULL, AT(follow), 0, 0, "go on until the job is over"},
    {"attempt", 'a', OPT_UINT, "N", AT(attempt), 1, 0, "only this attempt"},
    {"stream", 's', OPT_CHOICE, "out|err", AT(stream), 0, 0, "only this stream"},
};

struct reader {
    struct cli *cli;
    const struct logs_args *args;
    uint64_t end[3]; /* where each stream stands, to tell gaps */
    unsigned attempt;
};

static int wanted(const struct reader *reader, unsigned attempt, int stream)
{
    const struct logs_args *args = reader->args;

    return (args->attempt == 0 || args->attempt == attempt) && stream >= 1 &&
           stream <= 2 &&
           (args->stream == NULL || (args->stream[0] == 'o') == (stream == 1));
}

static void write_json(struct reader *reader, const weft_id *id, int stream,
                       uint64_t offset, const void *data, size_t len)
{
    struct json json;

    json_begin(&json, reader->cli->out.f, "output");
    json_text(&json, "id", job_id(id).s);
    json_uint(&json, "attempt", reader->attempt);
    json_int(&json, "stream", stream);
    json_uint(&json, "offset", offset);
    json_data(&json, "data", data, len);
    json_end(&json);
}

static void on_output(const weft_id *id, unsigned attempt, int stream, uint64_t offset,
                      const void *data, size_t len, void *arg)
{
    struct reader *reader = arg;
    struct cli *cli = reader->cli;

    if (!wanted(reader, attempt, stream)) {
        return;
    }
    if (attempt != reader->attempt) {
        if (reader->attempt != 0) {
            cli_note(cli, "-- attempt %u --", attempt);
        }
        reader->attempt = attempt;
        reader->end[1] = reader->end[2] = 0;
    }
    if (cli->json) {
        write_json(reader, id, stream, offset, data, len);
    } else {
        if (offset > reader->end[stream]) {
            cli_note(cli, "-- %llu bytes of std%s dropped --",
                     (unsigned long long) (offset - reader->end[stream]),
                     stream == 1 ? "out" : "err");
        }
        fwrite(data, 1, len, stream == 1 ? cli->out.f : cli->err.f);
    }
    reader->end[stream] = offset + len;
    fflush(cli->out.f);
}

/* Until the future is done.  CLI_INTERRUPTED after a signal. */
static int follow(struct cli *cli, weft_future *future)
{
    intr_install();
    while (!weft_future_is_done(future)) {
        if (intr_count() > 0) {
            return CLI_INTERRUPTED;
        }
        cli_turn(cli, INTR_POLL_MS, -1);
    }
    return CLI_OK;
}

static int show(struct cli *cli, const struct logs_args *args, const weft_id *id)
{
    struct reader reader = {.cli = cli, .args = args};
    weft_future *future = NULL;
    int rc;

    rc = args->follow ? weft_watch(cli->client, id, on_output, NULL, &reader, &future)
                      : weft_logs(cli->client, id, on_output, &reader, &future);
    if (rc == 0 && args->follow) {
        rc = follow(cli, future);
        if (rc != CLI_OK) {
            weft_future_free(future);
            return rc;
        }
        rc = weft_future_error(future);
    } else if (rc == 0) {
        rc = cli_await(cli, future, WEFT_UNTIL_DONE);
    }
    if (rc < 0 && (future == NULL || weft_future_outcome(future) == NULL)) {
        rc = job_refused(cli, rc, job_id8(id).s, future);
    } else {
        rc = CLI_OK;
        if (reader.attempt == 0 && !args->follow) {
            cli_note(cli, "-- nothing printed, or not kept: a broker keeps the end of it "
                          "in memory, until it restarts --");
        }
    }
    weft_future_free(future);
    return rc;
}

static int run(struct cli *cli, const void *args, int n, char **operands)
{
    weft_id id;
    int rc = cli_connect(cli);

    (void) n;
    if (rc == CLI_OK) {
        rc = job_resolve(cli, operands[0], &id);
    }
    return rc == CLI_OK ? show(cli, args, &id) : rc;
}

const struct cmd cmd_job_logs = {
    .name = "job logs",
    .group = "Work",
    .operands = "ID",
    .summary = "Show what a job prints: its stdout and stderr on ours",
    .details =
        "The broker keeps the tail of each job's output; what was dropped is said.\n",
    CMD_OPTS(opts),
    .args_size = sizeof(struct logs_args),
    .min = 1,
    .max = 1,
    .operand = CMD_JOB,
    .run = run,
};
