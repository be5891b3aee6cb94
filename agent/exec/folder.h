/* folder.h - folders that begin empty whenever the agent starts
 *
 * What an earlier process left is renamed to run-old-*, which weft-runner removes when it
 * starts (scratch.h there): that may take long, and this does not.
 */
#ifndef AGENT_EXEC_FOLDER_H
#define AGENT_EXEC_FOLDER_H

#include "common/err.h"

/* Make a folder if it is not there, and give its absolute path (owned).  WEFT_EIO,
 * WEFT_ENOMEM. */
int folder_open(const char *path, char **ret_path, struct wf_err *err);

/* Make an empty folder `name` in `dir` and give its path (owned).  The same errors. */
int folder_renew(const char *dir, const char *name, char **ret_path, struct wf_err *err);

/* DIR/NAME, owned; NULL: no memory. */
char *folder_join(const char *dir, const char *name);

#endif
