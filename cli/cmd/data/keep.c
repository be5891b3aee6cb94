/* keep.c - weft data rm, pin and unpin: what stays and what may go */
#include "cli/cmd.h"
#include "cli/view/data.h"

struct pin_args {
    const char *node;
};

static const struct opt opts[] = {
    {"node", 'N', OPT_TEXT, "NODE", offsetof(struct pin_args, node), 0, 0,
     "only at this node (default: wherever it is)"},
};

static int rm(struct cli *cli, const void *args, int n, char **operands)
{
    int rc = cli_connect(cli);

    (void) args;
    for (int i = 0; rc == CLI_OK && i < n; i++) {
        char why[256] = "";
        int code =
            weft_dataset_rm(cli->client, operands[i], cli_wait_ms(cli), why, sizeof(why));

        if (code < 0) {
            rc = data_fail(cli, code, operands[i], why);
        } else {
            cli_note(cli,
                     "%s: removed%s%s; what no other dataset and no job needs may go",
                     operands[i], why[0] != '\0' ? " at the broker " : "", why);
        }
    }
    return rc;
}

static int pin(struct cli *cli, const struct pin_args *args, int n, char **operands,
               int on)
{
    int rc = cli_connect(cli);

    for (int i = 0; rc == CLI_OK && i < n; i++) {
        char why[256] = "";
        int code = weft_data_pin(cli->client, operands[i], args->node, on,
                                 cli_wait_ms(cli), why, sizeof(why));

        if (code < 0) {
            rc = data_fail(cli, code, operands[i], why);
        } else {
            cli_note(
                cli, "%s: %s%s%s%s%s", operands[i], on ? "pinned" : "not pinned any more",
                args->node != NULL ? " at " : "", args->node != NULL ? args->node : "",
                why[0] != '\0' ? " at the broker " : "", why);
        }
    }
    return rc;
}

static int pin_on(struct cli *cli, const void *args, int n, char **operands)
{
    return pin(cli, args, n, operands, 1);
}

static int pin_off(struct cli *cli, const void *args, int n, char **operands)
{
    return pin(cli, args, n, operands, 0);
}

const struct cmd cmd_data_rm = {
    .name = "data rm",
    .group = "Data",
    .operands = "DATASET...",
    .summary = "Forget datasets: all versions of NAME, or NAME@VERSION",
    .details =
        "Its owner can do so from any site; the broker where it is at home removes it, "
        "and "
        "is named when it is another one. What he put at the broker that he asks comes "
        "first.\n",
    .min = 1,
    .max = -1,
    .operand = CMD_DATASET,
    .run = rm,
};

const struct cmd cmd_data_pin = {
    .name = "data pin",
    .group = "Data",
    .operands = "DATASET...",
    .summary = "Keep datasets where they are: they are not evicted for others",
    CMD_OPTS(opts),
    .args_size = sizeof(struct pin_args),
    .min = 1,
    .max = -1,
    .operand = CMD_DATASET,
    .run = pin_on,
};

const struct cmd cmd_data_unpin = {
    .name = "data unpin",
    .group = "Data",
    .operands = "DATASET...",
    .summary = "Let pinned datasets go when their nodes need the room",
    CMD_OPTS(opts),
    .args_size = sizeof(struct pin_args),
    .min = 1,
    .max = -1,
    .operand = CMD_DATASET,
    .run = pin_off,
};
