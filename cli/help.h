/* help.h - help and man page, printed from the command table */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/cmd.h"

/* What `weft` alone prints: what it is and the first three steps. */
void help_overview(struct out *out);

/* All commands by group, then the global options. */
void help_all(struct out *out);

/* The commands that start with `word`; 0 when there are none. */
int help_family(struct out *out, const char *word);

void help_command(struct out *out, const struct cmd *cmd);

/* weft(1) as roff. */
void help_man(FILE *f);

#endif
