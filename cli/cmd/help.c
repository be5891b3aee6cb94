/* help.c - weft help, version and man: what this program says about itself */
#include "cli/help.h"

static int help(struct cli *cli, const void *args, int n, char **operands)
{
    const struct cmd *cmd;
    int words = 0;

    (void) args;
    if (n == 0) {
        help_all(&cli->out);
        return CLI_OK;
    }
    cmd = cmd_find(n, operands, &words);
    if (cmd != NULL) {
        help_command(&cli->out, cmd);
        return CLI_OK;
    }
    return help_family(&cli->out, operands[0]) ? CLI_OK : cmd_unknown(cli, n, operands);
}

static int version(struct cli *cli, const void *args, int n, char **operands)
{
    struct json json;

    (void) args;
    (void) n;
    (void) operands;
    if (cli->json) {
        json_begin(&json, cli->out.f, "version");
        json_text(&json, "version", WEFT_VERSION);
        json_end(&json);
    } else {
        fprintf(cli->out.f, "weft %s\n", WEFT_VERSION);
    }
    return CLI_OK;
}

static int man(struct cli *cli, const void *args, int n, char **operands)
{
    (void) args;
    (void) n;
    (void) operands;
    help_man(cli->out.f);
    return CLI_OK;
}

const struct cmd cmd_help = {
    .name = "help",
    .group = "This program",
    .operands = "[COMMAND]",
    .summary = "List the commands, or explain one",
    .max = 2,
    .operand = CMD_COMMAND,
    .run = help,
};

const struct cmd cmd_version = {
    .name = "version",
    .group = "This program",
    .operands = "",
    .summary = "Print the version",
    .run = version,
};

const struct cmd cmd_man = {
    .name = "man",
    .operands = "",
    .summary = "Print the man page as roff",
    .run = man,
};
