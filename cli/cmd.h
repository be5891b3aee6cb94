/* cmd.h - the command table
 *
 * Each command is one file below cli/cmd/ that defines `struct cmd cmd_NAME`; cmds.def
 * lists them in the order of the help.  Help, man page and shell completion are printed
 * from these tables.
 */
#ifndef CLI_CMD_H
#define CLI_CMD_H

#include "cli/cli.h"

/* What the operands are, for completion. */
enum cmd_operand {
    CMD_NOTHING,
    CMD_NODE,
    CMD_JOB,
    CMD_CAP, /* then files */
    CMD_CONTEXT,
    CMD_DATASET,
    CMD_FILE,
    CMD_ERROR_NAME,
    CMD_COMMAND,
    CMD_SHELL
};

struct cmd {
    const char *name;     /* "node drain" */
    const char *group;    /* heading in the help; NULL: hidden */
    const char *operands; /* "NODE...", "" */
    const char *summary;  /* one line, no full stop */
    const char *details;  /* paragraphs and examples; NULL: none */
    const struct opt *opts;
    size_t nopts;
    size_t args_size;     /* of the struct that receives the options; 0: none */
    const void *defaults; /* what it starts as; NULL: zeros */
    int min, max;         /* operands; max -1: any number */
    enum cmd_operand operand;
    int (*run)(struct cli *cli, const void *args, int n, char **operands);
};

#define CMD_OPTS(table) .opts = (table), .nopts = sizeof(table) / sizeof((table)[0])

#define C(name) extern const struct cmd cmd_##name;
#include "cli/cmds.def"
#undef C

/* The i-th command, NULL past the end. */
const struct cmd *cmd_at(size_t i);

/* The command named by the first words of argv; *ret_words is how many it took.  NULL:
 * none. */
const struct cmd *cmd_find(int argc, char **argv, int *ret_words);

/* Report that argv[0] is no command, with what may have been meant. */
int cmd_unknown(struct cli *cli, int argc, char **argv);

#endif
