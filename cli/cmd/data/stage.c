/* stage.c - weft data stage */
#include <inttypes.h>

#include "cli/cmd.h"
#include "cli/data/move.h"
#include "cli/tool/fmt.h"

struct stage_args {
    struct opt_list to;
    const char *copies;
    int pin;
};

#define AT(field) offsetof(struct stage_args, field)

static const struct opt opts[] = {
    {"to", 't', OPT_LIST, "NODE | NEED", AT(to), 0, 0, MOVE_TO_HELP},
    {"copies", 'c', OPT_TEXT, "N | all", AT(copies), 0, 0,
     "at so many of them (default 1)"},
    {"pin", 0, OPT_FLAG, NULL, AT(pin), 0, 0, "it is not evicted there"},
};

static void print(struct cli *cli, const struct weft_moved *m, uint64_t ms)
{
    struct json json;
    /* Without a name where everybody had it already. */
    int named = m->nodes == 1 && *m->node != '\0';

    if (cli->json) {
        json_begin(&json, cli->out.f, "stage");
        json_text(&json, "dataset", m->dataset);
        json_uint(&json, "bytes", m->bytes);
        json_uint(&json, "moved", m->moved);
        json_uint(&json, "nodes", m->nodes);
        json_text(&json, "node", m->node);
        json_uint(&json, "took_ms", ms);
        json_end(&json);
        return;
    }
    cli_note(cli, "%s: at %" PRIu64 " node%s%s%s, %s moved in %s", m->dataset, m->nodes,
             m->nodes == 1 ? "" : "s", named ? ": " : "", named ? m->node : "",
             fmt_size(m->moved).s, fmt_ms(ms).s);
}

static int stage(struct cli *cli, const struct weft_stage *what, struct move *move)
{
    weft_future *future = NULL;
    int rc = weft_data_stage(cli->client, what, &future);

    if (rc == WEFT_EINVAL) {
        return cli_usage(cli,
                         "`%s` cannot be staged: a dataset is NAME or NAME@VERSION, a "
                         "node has a name of a-z 0-9 . _ -",
                         what->dataset);
    }
    if (rc < 0) {
        return cli_fail(cli, rc, "%s", what->dataset);
    }
    rc = move_wait(move, future, what->dataset);
    if (rc == 0) {
        print(cli, weft_future_moved(future), move_ms(move));
    }
    weft_future_free(future);
    return rc;
}

static int run(struct cli *cli, const void *args_, int n, char **operands)
{
    const struct stage_args *args = args_;
    struct weft_stage what = WEFT_STAGE_INIT;
    struct move_to to;
    int rc = move_to_parse(cli, &args->to, &to);

    if (rc == CLI_OK) {
        rc = move_copies(cli, args->copies, &what.copies);
    }
    if (rc == CLI_OK) {
        rc = cli_connect(cli);
    }
    what.node = to.node;
    what.needs = to.needs;
    what.nneeds = to.n;
    what.pin = args->pin;
    what.on_progress = move_on_progress;
    for (int i = 0; rc == CLI_OK && i < n; i++) {
        struct move move;

        move_init(&move, cli, 0);
        move.patience_ms = cli->timeout_ms;
        move.missing = "`weft nodes` lists the nodes of this broker, and `weft data ls` "
                       "the datasets";
        move.denied = "`weft -C CONTEXT data stage` with a context of the broker whose "
                      "node it is (`weft ctx ls`); others than its owner can bring a "
                      "dataset to another broker's nodes only when it was put with "
                      "`--label public=yes`";
        what.dataset = operands[i];
        what.arg = &move;
        rc = stage(cli, &what, &move);
    }
    return rc;
}

const struct cmd cmd_data_stage = {
    .name = "data stage",
    .group = "Data",
    .operands = "DATASET...",
    .summary = "Bring datasets to nodes ahead of need",
    .details = "  weft data stage maps --to nvr-02 --pin\n"
               "  weft data stage model --to gpu>=1 --copies all\n"
               "\n"
               "The nodes fetch from each other; what is there already is not moved.  A "
               "dataset\n"
               "of any site can be brought to nodes of this one.  To a node or a site of "
               "another\n"
               "broker that one brings it: its owner, of role client, is led there; an "
               "operator,\n"
               "who is one only where he was enrolled, uses a context of that broker, "
               "and the\n"
               "dataset must be public (`weft data put --label public=yes`).\n"
               "--timeout is how long to wait while nothing moves (default: for ever).\n",
    CMD_OPTS(opts),
    .args_size = sizeof(struct stage_args),
    .min = 1,
    .max = -1,
    .operand = CMD_DATASET,
    .run = run,
};
