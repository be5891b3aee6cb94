/* events.c - weft events: what happened in the mesh */
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/tool/clock.h"
#include "cli/tool/fmt.h"
#include "cli/tool/intr.h"
#include "cli/tool/text.h"
#include "cli/view/job.h"

#define LOST_PING_MS 1000 /* between two looks for Ctrl-C while there is no broker */

struct events_args {
    int follow;
    uint64_t count;
    const char *level, *node;
};

static const struct events_args defaults = {.count = 20};

#define AT(field) offsetof(struct events_args, field)

static const struct opt opts[] = {
    {"follow", 'f', OPT_FLAG, NULL, AT(follow), 0, 0, "go on with what happens"},
    {"count", 'n', OPT_UINT, "N", AT(count), 0, 0, "start with the last N (default 20)"},
    {"level", 'l', OPT_CHOICE, "error|warning|info|debug", AT(level), 0, 0,
     "only these and worse"},
    {"node", 'N', OPT_TEXT, "NODE", AT(node), 0, 0, "only about this node"},
};

static const char *const levels[] = {"error", "warning", "info", "debug"};

struct reader {
    struct cli *cli;
    const struct events_args *args;
    uint64_t last; /* highest sequence number printed */
};

static int wanted(const struct events_args *args, const struct weft_event *event)
{
    unsigned most = 3;

    for (unsigned i = 0; args->level != NULL && i < 4; i++) {
        most = strcmp(args->level, levels[i]) == 0 ? i : most;
    }
    return event->level <= most &&
           (args->node == NULL || strcmp(args->node, event->node) == 0);
}

static int has_job(const struct weft_event *event)
{
    static const weft_id none;

    return memcmp(&event->job, &none, sizeof(none)) != 0;
}

static void print_json(struct cli *cli, const struct weft_event *event)
{
    struct json json;

    json_begin(&json, cli->out.f, "event");
    json_uint(&json, "seq", event->seq);
    json_uint(&json, "wall_ms", event->wall_ms);
    json_text(&json, "level", event->level < 4 ? levels[event->level] : "?");
    json_text(&json, "kind", event->kind);
    json_text(&json, "node", event->node);
    json_text(&json, "job", has_job(event) ? job_id(&event->job).s : NULL);
    json_text(&json, "text", event->text);
    json_end(&json);
}

static void print_plain(struct cli *cli, const struct weft_event *event)
{
    static const enum tint tints[] = {TINT_BAD, TINT_WARN, TINT_NONE, TINT_DIM};
    unsigned level = event->level < 4 ? event->level : 3;
    struct out *out = &cli->out;
    uint64_t now = clock_wall_ms();
    char *text = text_clean(event->text), *node = text_clean(event->node);
    struct job_id_text id = job_id8(&event->job);
    const char *job = has_job(event) ? id.s : "";

    if (out->tty) {
        out_print(out, TINT_DIM, "%s ", fmt_wall(event->wall_ms, now).s);
        out_print(out, tints[level], "%-7s %-16s", levels[level], event->kind);
        fprintf(out->f, " %s%s%s%s%s\n", node, *node != '\0' ? " " : "", job,
                *job != '\0' ? " " : "", text);
    } else {
        fprintf(out->f, "%s\t%s\t%s\t%s\t%s\t%s\n", fmt_wall(event->wall_ms, 0).s,
                levels[level], event->kind, node, job, text);
    }
    free(text);
    free(node);
}

/* Following starts before the list is fetched, so that nothing falls between: what comes
 * twice is told apart by its number. */
static void on_event(const struct weft_event *event, void *arg)
{
    struct reader *reader = arg;

    if (event->seq <= reader->last && event->seq != 0) {
        return;
    }
    reader->last = event->seq;
    if (!wanted(reader->args, event)) {
        return;
    }
    if (reader->cli->json) {
        print_json(reader->cli, event);
    } else {
        print_plain(reader->cli, event);
    }
    fflush(reader->cli->out.f);
}

/* Say once that the connection is gone; end when it will not come back.  A question to
 * the broker tells that: it fails at once when the key is refused. */
static int check_connection(struct cli *cli, int *told)
{
    char why[200] = "";
    uint64_t us;
    int code;

    if (weft_connected(cli->client, why, sizeof(why))) {
        *told = 0;
        return CLI_OK;
    }
    if (!*told) {
        *told = 1;
        cli_note(cli, "connection lost, trying again: %s", why);
    }
    code = weft_ping(cli->client, NULL, LOST_PING_MS, &us, NULL);
    return code < 0 && cli_exit_of(code) == CLI_DENIED ? cli_fail(cli, code, "%s", why)
                                                       : CLI_OK;
}

static int follow(struct cli *cli)
{
    int told = 0, rc = CLI_OK;

    intr_install();
    while (rc == CLI_OK && intr_count() == 0) {
        cli_turn(cli, INTR_POLL_MS, -1);
        rc = check_connection(cli, &told);
    }
    return rc == CLI_OK ? CLI_INTERRUPTED : rc;
}

static int run(struct cli *cli, const void *args_, int n, char **operands)
{
    const struct events_args *args = args_;
    struct reader reader = {.cli = cli, .args = args};
    struct weft_event *rows = NULL;
    size_t count = 0;
    int rc = cli_connect(cli);

    (void) n;
    (void) operands;
    if (rc != CLI_OK) {
        return rc;
    }
    if (args->count > 0) {
        rc = weft_events(cli->client, (size_t) args->count, cli_wait_ms(cli), &rows,
                         &count);
    }
    for (size_t i = 0; i < count; i++) {
        on_event(&rows[i], &reader);
    }
    weft_rows_free(rows);
    if (rc == 0 && args->follow) {
        rc = weft_follow_events(cli->client, on_event, &reader);
    }
    if (rc < 0) {
        return cli_fail(cli, rc, "%s", "");
    }
    return args->follow ? follow(cli) : CLI_OK;
}

const struct cmd cmd_events = {
    .name = "events",
    .group = "Mesh",
    .operands = "",
    .summary = "Show what happened: nodes come and go, jobs retried, refusals",
    .details =
        "Warnings and errors of brokers with a link to ours are shown as well, each\n"
        "under the name of its broker.\n",
    CMD_OPTS(opts),
    .args_size = sizeof(struct events_args),
    .defaults = &defaults,
    .run = run,
};
