/* node_set.c - weft node drain, undrain, label and revoke: one call each, told alike */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/tool/clock.h"
#include "cli/tool/intr.h"
#include "cli/view/node.h"

#define DRAIN_POLL_MS 300

struct set_args {
    int wait, yes;
};

static const struct opt drain_opts[] = {
    {"wait", 'w', OPT_FLAG, NULL, offsetof(struct set_args, wait), 0, 0,
     "until its last job is over; exit 10 when it is not within --timeout"},
};

static const struct opt revoke_opts[] = {
    {"yes", 'y', OPT_FLAG, NULL, offsetof(struct set_args, yes), 0, 0, "do not ask"},
};

typedef int set_fn(weft_client *client, const char *node, int timeout_ms, char *why,
                   size_t cap);

static void told(struct cli *cli, const char *action, const char *node)
{
    struct json json;

    if (cli->json) {
        json_begin(&json, cli->out.f, "done");
        json_text(&json, "action", action);
        json_text(&json, "node", node);
        json_end(&json);
    } else {
        cli_note(cli, "%s: %s", node, action);
    }
}

static int each(struct cli *cli, set_fn *fn, const char *action, int n, char **nodes)
{
    int rc = cli_connect(cli);

    for (int i = 0; rc == CLI_OK && i < n; i++) {
        char why[256] = "";
        int code = fn(cli->client, nodes[i], cli_wait_ms(cli), why, sizeof(why));

        if (code < 0) {
            rc = node_fail(cli, code, nodes[i], why);
        } else {
            told(cli, action, nodes[i]);
        }
    }
    return rc;
}

/* Until `node` runs nothing more. */
static int wait_idle(struct cli *cli, const char *node, uint64_t end)
{
    for (;;) {
        struct weft_node_full *full = NULL;
        uint64_t busy;
        int rc = weft_node(cli->client, node, cli_wait_ms(cli), &full);

        if (rc < 0) {
            return node_fail(cli, rc, node, "");
        }
        busy = full->node.running + full->node.waiting;
        weft_free(full);
        if (busy == 0) {
            cli_note(cli, "%s: drained", node);
            return CLI_OK;
        }
        if (intr_count() > 0) {
            return CLI_INTERRUPTED;
        }
        if (clock_ms() >= end) {
            cli_fail(cli, WEFT_ETIMEOUT, "%s still has %llu jobs", node,
                     (unsigned long long) busy);
            return CLI_UNMET;
        }
        cli_turn(cli, DRAIN_POLL_MS, -1);
    }
}

static int node_drain(struct cli *cli, const void *args_, int n, char **operands)
{
    const struct set_args *args = args_;
    uint64_t end = cli->timeout_ms > 0 ? clock_ms() + cli->timeout_ms : UINT64_MAX;
    int rc = each(cli, weft_node_drain, "takes no new work", n, operands);

    intr_install();
    for (int i = 0; rc == CLI_OK && args->wait && i < n; i++) {
        rc = wait_idle(cli, operands[i], end);
    }
    return rc;
}

static int node_undrain(struct cli *cli, const void *args, int n, char **operands)
{
    (void) args;
    return each(cli, weft_node_undrain, "takes work again", n, operands);
}

/* Ask on a terminal; without one the command line is the answer. */
static int confirmed(struct cli *cli, const struct set_args *args, int n)
{
    char line[8];

    if (args->yes || !isatty(STDIN_FILENO) || !cli->err.tty) {
        return 1;
    }
    fprintf(cli->err.f, "Revoke %d node%s?  It needs a new token to come back. [y/N] ", n,
            n == 1 ? "" : "s");
    fflush(cli->err.f);
    return fgets(line, sizeof(line), stdin) != NULL && (line[0] == 'y' || line[0] == 'Y');
}

static int node_revoke(struct cli *cli, const void *args, int n, char **operands)
{
    if (!confirmed(cli, args, n)) {
        cli_note(cli, "nothing was changed");
        return CLI_ERROR;
    }
    return each(cli, weft_node_revoke, "revoked", n, operands);
}

static int node_label(struct cli *cli, const void *args, int n, char **operands)
{
    int rc = cli_connect(cli);

    (void) args;
    for (int i = 1; rc == CLI_OK && i < n; i++) {
        char why[256] = "";
        int code;

        if (strchr(operands[i], '=') == NULL) {
            return cli_usage(cli, "a label is KEY=VALUE, or KEY= to remove it, not `%s`",
                             operands[i]);
        }
        code = weft_node_label(cli->client, operands[0], operands[i], cli_wait_ms(cli),
                               why, sizeof(why));
        if (code < 0) {
            rc = cli_fail(cli, code, "node %s, label %s%s%s", operands[0], operands[i],
                          *why != '\0' ? ": " : "", why);
        } else {
            told(cli, operands[i], operands[0]);
        }
    }
    return rc;
}

const struct cmd cmd_node_drain = {
    .name = "node drain",
    .group = "Mesh",
    .operands = "NODE...",
    .summary = "Give a node no new work; what runs there goes on",
    CMD_OPTS(drain_opts),
    .args_size = sizeof(struct set_args),
    .min = 1,
    .max = -1,
    .operand = CMD_NODE,
    .run = node_drain,
};

const struct cmd cmd_node_undrain = {
    .name = "node undrain",
    .group = "Mesh",
    .operands = "NODE...",
    .summary = "Give a drained node work again",
    .min = 1,
    .max = -1,
    .operand = CMD_NODE,
    .run = node_undrain,
};

const struct cmd cmd_node_label = {
    .name = "node label",
    .group = "Mesh",
    .operands = "NODE KEY=VALUE...",
    .summary = "Set labels that jobs can need; KEY= removes one",
    .details =
        "  weft node label cam-17 room=lab-2 && weft run count --need room=lab-2\n",
    .min = 2,
    .max = -1,
    .operand = CMD_NODE,
    .run = node_label,
};

const struct cmd cmd_node_revoke = {
    .name = "node revoke",
    .group = "Mesh",
    .operands = "NODE...",
    .summary = "End a node's session and refuse its key from now on",
    CMD_OPTS(revoke_opts),
    .args_size = sizeof(struct set_args),
    .min = 1,
    .max = -1,
    .operand = CMD_NODE,
    .run = node_revoke,
};
