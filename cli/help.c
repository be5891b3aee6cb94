#include "cli/help.h"

#include <string.h>

#include "cli/tool/text.h"

#define HELP_WIDTH 88 /* longer lines are hard to read */

void help_overview(struct out *out)
{
    out_print(out, TINT_BOLD, "weft %s", WEFT_VERSION);
    fputs(": pushes work to the nearest capable agent, from edge to cloud\n\n"
          "  1. weft ctx add NAME TOKENFILE   become a client or operator of a mesh\n"
          "  2. weft map                      see who is there\n"
          "  3. weft run CAPABILITY FILE      run something, see what it prints\n\n"
          "weft help          all commands\n"
          "weft doctor        what is wrong, and what to do about it\n"
          "weft COMMAND -h    one command, with examples\n",
          out->f);
}

/* Words of `text` wrapped behind `indent` columns; the first line starts at `at`. */
static void wrap(FILE *f, const char *text, int indent, int at, int width)
{
    int column = at;

    while (*text != '\0') {
        int n = (int) strcspn(text, " ");

        if (column > indent && column + 1 + n > width) {
            fprintf(f, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', f);
            column++;
        }
        fprintf(f, "%.*s", n, text);
        column += n;
        text += n + (text[n] == ' ');
    }
    fputc('\n', f);
}

static void option(struct out *out, const struct opt *opt)
{
    int width = out->tty && out->width < HELP_WIDTH ? out->width : HELP_WIDTH, n = 4;

    fprintf(out->f, opt->letter != 0 ? "  -%c, " : "      ", opt->letter);
    n = opt->value != NULL ? fprintf(out->f, "--%s %s", opt->name, opt->value)
                           : fprintf(out->f, "--%s", opt->name);
    n += 6;
    if (n > 26) {
        fprintf(out->f, "\n");
        n = 0;
    }
    fprintf(out->f, "%*s", 28 - n, "");
    wrap(out->f, opt->help, 28, 28, width);
}

static int has_option(const struct cmd *cmd, const char *name)
{
    for (size_t i = 0; cmd != NULL && i < cmd->nopts; i++) {
        if (strcmp(cmd->opts[i].name, name) == 0) {
            return 1;
        }
    }
    return 0;
}

static void own_options(struct out *out, const struct cmd *cmd)
{
    if (cmd->nopts > 0) {
        out_print(out, TINT_BOLD, "\nOptions\n");
    }
    for (size_t i = 0; i < cmd->nopts; i++) {
        option(out, &cmd->opts[i]);
    }
}

/* But those that mean something else behind `cmd` (NULL: none). */
static void global_options(struct out *out, const struct cmd *cmd)
{
    out_print(out, TINT_BOLD, "\nOptions of every command\n");
    for (size_t i = 0; i < cli_nglobals; i++) {
        if (!has_option(cmd, cli_globals[i].name)) {
            option(out, &cli_globals[i]);
        }
    }
}

static void row(struct out *out, const struct cmd *cmd)
{
    fprintf(out->f, "  %-14s  %s\n", cmd->name, cmd->summary);
}

void help_all(struct out *out)
{
    const char *group = "";

    fprintf(out->f, "usage: weft [options] COMMAND ...\n");
    for (size_t i = 0; cmd_at(i) != NULL; i++) {
        const struct cmd *cmd = cmd_at(i);

        if (cmd->group == NULL) {
            continue;
        }
        if (strcmp(cmd->group, group) != 0) {
            group = cmd->group;
            out_print(out, TINT_BOLD, "\n%s\n", group);
        }
        row(out, cmd);
    }
    global_options(out, NULL);
    fputs("\nExit codes: 0 ok, 1 error, 2 usage, 3 cannot reach a broker, 4 not "
          "authorised,\n5 not found, 6 busy or quota, 7 timeout, 8 storage refused, 10 "
          "--wait not met,\n20 job failed, 21 job cancelled or expired, 130 "
          "interrupted.\n",
          out->f);
}

int help_family(struct out *out, const char *word)
{
    size_t len = strlen(word);
    int found = 0;

    for (size_t i = 0; cmd_at(i) != NULL; i++) {
        if (strncmp(cmd_at(i)->name, word, len) == 0 && cmd_at(i)->name[len] == ' ') {
            row(out, cmd_at(i));
            found = 1;
        }
    }
    return found;
}

void help_command(struct out *out, const struct cmd *cmd)
{
    fprintf(out->f, "usage: weft %s%s%s%s\n%s.\n", cmd->name,
            cmd->nopts > 0 ? " [options]" : "", *cmd->operands != '\0' ? " " : "",
            cmd->operands, cmd->summary);
    if (cmd->details != NULL) {
        fprintf(out->f, "\n%s", cmd->details);
    }
    own_options(out, cmd);
    global_options(out, cmd);
}
