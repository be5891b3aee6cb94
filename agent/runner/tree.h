/* tree.h - the processes below a process, as /proc tells
 *
 * Used to count and weigh a run where no cgroup does it, and to signal one where no PID
 * namespace does.  What it sees is a moment's picture: a caller that must end a tree
 * repeats until nothing is left.
 */
#ifndef AGENT_RUNNER_TREE_H
#define AGENT_RUNNER_TREE_H

#include "common/defs.h"

#include <sys/types.h>

#define TREE_MAX 4096 /* processes looked at in one walk */

struct tree_use {
    uint32_t procs;     /* descendants below `skip` levels, at most TREE_MAX */
    uint64_t mem_bytes; /* resident, without what is shared with files */
};

/* Add up the descendants of `root` that are more than `skip` levels below it. */
void tree_measure(pid_t root, unsigned skip, struct tree_use *ret);

/* Send `sig` to every descendant of `root`, not to `root`.  Returns how many there were.
 * SIGKILL goes to their process groups as well: no fork gets past that, and a child that
 * has exited and was not yet reaped still names the group of the one it left behind. */
unsigned tree_signal(pid_t root, int sig);

/* SIGKILL to `root` and everything below it. */
void tree_kill(pid_t root);

/* Children of `pid` as far as there is room.  Returns their number. */
unsigned tree_children(pid_t pid, pid_t *ret, unsigned cap);

#endif
