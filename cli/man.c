/* man.c - help_man(): the command table as roff */
#include <ctype.h>
#include <string.h>

#include "cli/help.h"

/* Text with what roff takes for itself made harmless. */
static void plain(FILE *f, const char *text)
{
    int start = 1;

    for (; *text != '\0'; text++) {
        if (start && (*text == '.' || *text == '\'')) {
            fputs("\\&", f);
        }
        if (*text == '\\') {
            fputs("\\e", f);
        } else if (*text == '-') {
            fputs("\\-", f);
        } else {
            fputc(*text, f);
        }
        start = *text == '\n';
    }
}

static void option(FILE *f, const struct opt *opt)
{
    fputs(".TP\n.B ", f);
    if (opt->letter != 0) {
        fprintf(f, "\\-%c, ", opt->letter);
    }
    fputs("\\-\\-", f);
    plain(f, opt->name);
    if (opt->value != NULL) {
        fputs(" \\fI", f);
        plain(f, opt->value);
        fputs("\\fR", f);
    }
    fputc('\n', f);
    plain(f, opt->help);
    fputs(".\n", f);
}

static void command(FILE *f, const struct cmd *cmd)
{
    fputs(".SS \"weft ", f);
    plain(f, cmd->name);
    fputs(*cmd->operands != '\0' ? " " : "", f);
    plain(f, cmd->operands);
    fputs("\"\n", f);
    plain(f, cmd->summary);
    fputs(".\n", f);
    if (cmd->details != NULL) {
        fputs(".PP\n.nf\n", f);
        plain(f, cmd->details);
        fputs(".fi\n", f);
    }
    for (size_t i = 0; i < cmd->nopts; i++) {
        option(f, &cmd->opts[i]);
    }
}

static void commands(FILE *f)
{
    const char *group = "";

    for (size_t i = 0; cmd_at(i) != NULL; i++) {
        const struct cmd *cmd = cmd_at(i);

        if (cmd->group == NULL) {
            continue;
        }
        if (strcmp(cmd->group, group) != 0) {
            group = cmd->group;
            fputs(".SH ", f);
            for (const char *p = group; *p != '\0'; p++) {
                fputc(toupper((unsigned char) *p), f);
            }
            fputc('\n', f);
        }
        command(f, cmd);
    }
}

void help_man(FILE *f)
{
    fputs(
        ".TH WEFT 1 \"\" \"weft " WEFT_VERSION "\" \"User Commands\"\n"
        ".SH NAME\nweft \\- push work to the nearest capable agent\n"
        ".SH SYNOPSIS\n.B weft\n[options] \\fICOMMAND\\fR ...\n"
        ".SH DESCRIPTION\n"
        "Submits jobs to a mesh of agents and shows what happens in it. Standard output "
        "is data, standard error is chatter. Tables on a terminal; tabs between the "
        "cells and no header when piped; JSON with a versioned schema with "
        "\\fB\\-\\-json\\fR, errors among them (one line on standard error: error, text, "
        "detail, next, exit). Job ids may be cut to any prefix of at least 4 digits that "
        "is unique, 8 for jobs of another broker. Times are 500ms, 30s, 5m, 1h30m; sizes "
        "512, 64k, 10M.\n"
        ".SH OPTIONS\nThese go with every command.\n",
        f);
    for (size_t i = 0; i < cli_nglobals; i++) {
        option(f, &cli_globals[i]);
    }
    commands(f);
    fputs(
        ".SH EXIT STATUS\n"
        "0 ok, 1 error, 2 usage, 3 cannot reach a broker, 4 not authorised, 5 not found, "
        "6 busy or quota, 7 timeout, 8 storage refused, 10 the state of \\-\\-wait was "
        "not reached, 20 the job failed, 21 it was cancelled or expired, 130 "
        "interrupted.\n"
        ".SH ENVIRONMENT\n"
        ".TP\n.B WEFT_CONTEXT\nThe context to act as, unless \\fB\\-\\-context\\fR.\n"
        ".TP\n.B WEFT_HOME\nThe folder of the contexts; default "
        "$XDG_CONFIG_HOME/weft, else ~/.config/weft.\n"
        ".TP\n.B NO_COLOR\nNo colours.\n"
        ".SH SEE ALSO\nweft\\-broker(8), weft\\-agent(8)\n",
        f);
}
