/* host.h - what this machine lets the runner do, found out once at start
 *
 * Everything is tried, not guessed from versions: a namespace is made, bwrap is run with
 * the arguments of a real run, a cgroup is made below our own.  What works is used, and
 * `text` says it in one line for `weft node show`.
 */
#ifndef AGENT_RUNNER_HOST_H
#define AGENT_RUNNER_HOST_H

#include "agent/runner/cgroup.h"
#include "common/defs.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#define HOST_TEXT 512

/* As given on the command line. */
struct host_opts {
    const char *base;    /* folder for the runs' scratch folders; made when missing */
    const char *inputs;  /* folder with left-overs to remove, or NULL */
    const char *sandbox; /* "auto" or "none" */
    const char *isolate; /* "auto" or "subreaper" */
    const char *cgroup;  /* "auto", "off" or the path of a cgroup v2 folder to use */
};

struct host {
    char base[PATH_MAX];
    char self[PATH_MAX]; /* our own program, shown inside the sandbox */
    const char *bwrap;   /* path, or NULL when it does not work */
    bool pidns;          /* PID and mount namespaces can be made */
    bool userns;         /* ... in a user namespace, as we are not root */
    bool root;
    struct cgroup_base cg;
    char text[HOST_TEXT];
};

/* 0, or WEFT_EIO when there is no usable base folder (text says why). */
int host_probe(struct host *h, const struct host_opts *o);

/* Child side of a clone: map our own user to itself in the new user namespace. */
int host_map_user(uid_t uid, gid_t gid);

/* Clone flags for a run outside bwrap; 0 where there are no namespaces. */
int host_clone_flags(const struct host *h);

/* fork() with namespaces. */
pid_t host_clone(int flags);

#endif
