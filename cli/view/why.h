/* why.h - a placement decision, term by term: one that was made, or a plan
 *
 * Who was left out and by what, each candidate with its terms and its money, what would
 * have changed the choice, what was expected, and what it really took.
 */
#ifndef CLI_VIEW_WHY_H
#define CLI_VIEW_WHY_H

#include "cli/cli.h"

/* One document, {"schema":"weft.NAME.v1", ...}. */
void why_json(struct cli *cli, const char *name, const struct weft_why *why);

void why_print(struct cli *cli, const struct weft_why *why);

#endif
