/* main.c - finds the command in the table, parses its options, runs it */
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/help.h"
#include "cli/tool/mem.h"

static int wrong_count(struct cli *cli, const struct cmd *cmd, int n)
{
    if (cmd->max == 0) {
        return cli_usage(cli, "weft %s takes no operands", cmd->name);
    }
    return cli_usage(cli, "weft %s takes %s%s", cmd->name, cmd->operands,
                     n > cmd->min ? ", and no more" : "");
}

/* Parse the words after the command's name, its own options first, then the global ones;
 * then run it. */
static int run(struct cli *cli, const struct cmd *cmd, int argc, char **argv)
{
    void *args = mem_calloc(1, cmd->args_size);
    struct opt_set sets[2] = {{cmd->opts, cmd->nopts, args},
                              {cli_globals, cli_nglobals, cli}};
    char text[256];
    int n = 0, rc;

    if (cmd->defaults != NULL) {
        memcpy(args, cmd->defaults, cmd->args_size);
    }
    cli->command = cmd->name;
    if (opt_parse(sets, 2, 0, argc, argv, &n, text, sizeof(text)) < 0) {
        rc = cli_usage(cli, "weft %s: %s", cmd->name, text);
    } else if (cli->help) {
        help_command(&cli->out, cmd);
        rc = CLI_OK;
    } else if (n < cmd->min || (cmd->max >= 0 && n > cmd->max)) {
        rc = wrong_count(cli, cmd, n);
    } else {
        out_init(&cli->out, stdout, cli->no_color || cli->json);
        out_init(&cli->err, stderr, cli->no_color);
        rc = cmd->run(cli, args, n, argv);
    }
    free(args);
    return rc;
}

static int dispatch(struct cli *cli, int argc, char **argv)
{
    struct opt_set globals = {cli_globals, cli_nglobals, cli};
    const struct cmd *cmd;
    char text[256];
    int at = 0, words = 0;

    if (opt_parse(&globals, 1, 1, argc, argv, &at, text, sizeof(text)) < 0) {
        return cli_usage(cli, "%s", text);
    }
    if (at == argc) {
        if (cli->help) {
            help_all(&cli->out);
        } else {
            help_overview(&cli->out);
        }
        return CLI_OK;
    }
    cmd = cmd_find(argc - at, argv + at, &words);
    if (cmd == NULL && cli->help && help_family(&cli->out, argv[at])) {
        return CLI_OK;
    }
    if (cmd == NULL) {
        return cmd_unknown(cli, argc - at, argv + at);
    }
    return run(cli, cmd, argc - at - words, argv + at + words);
}

/* A standard descriptor that is closed would be given to the next socket, which would
 * then take in what is printed.  What stands in for it fails to be used, as a closed one
 * does.
 */
static void fill_std(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            (void) !open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        }
    }
}

int main(int argc, char **argv)
{
    struct cli cli;
    int rc;

    fill_std();
    setlocale(LC_CTYPE, "");
    memset(&cli, 0, sizeof(cli));
    out_init(&cli.out, stdout, 0);
    out_init(&cli.err, stderr, 0);
    rc = dispatch(&cli, argc > 0 ? argc - 1 : 0, argv + 1);
    weft_close(cli.client);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("error EIO: input/output error: cannot write to standard output\n"
              "  next: look at the disk or the pipe behind it\n",
              stderr);
        return rc != CLI_OK ? rc : CLI_ERROR;
    }
    return rc;
}
