/* agent.h - files that the agent of this machine gives out where they are
 *
 * `weft-agent data add PATH --in-place` hashes them and prints a line for each:
 * DIGEST SIZE PATH.
 */
#ifndef CLI_DATA_AGENT_H
#define CLI_DATA_AGENT_H

#include "cli/cli.h"

struct agent_files {
    struct weft_file *v;
    size_t n, cap;
};

/* Run it; what it says on stderr is seen.  0, or the exit code of the error printed. */
int agent_add(struct cli *cli, const char *path, const char *config, int in_place,
              struct agent_files *files);
void agent_files_fini(struct agent_files *files);

/* Take one line, without its newline.  0, or -1: it is not what is expected. */
int agent_line(struct agent_files *files, const char *line);

#endif
