/* keys.h - lists of keys and join tokens */
#ifndef CLI_VIEW_KEYS_H
#define CLI_VIEW_KEYS_H

#include "cli/cli.h"

/* Print rows as a table, or as document `schema`. */
void keys_print(struct cli *cli, const char *schema, const struct weft_key *rows,
                size_t n);

#endif
