/* mesh.h - a broker with fresh identities for one run of a benchmark
 *
 * All files are below the run's scratch folder, and all processes die with the caller.
 */
#ifndef TESTS_BENCH_MESH_H
#define TESTS_BENCH_MESH_H

#include <sys/types.h>

#define MESH_PATH_MAX   512
#define MESH_AGENT      "bench"
#define MESH_CAPABILITY "echo@1"

struct mesh {
    const char *conf;          /* more lines for the broker's configuration, or NULL */
    char home[MESH_PATH_MAX];  /* WEFT_HOME: the client's context is the selected one */
    char agent[MESH_PATH_MAX]; /* state folder of an agent that has joined */
    pid_t broker;
};

/* Start a broker on a port of the kernel's choice, enrol a client and an agent.  0, or 1
 * after saying why on stderr. */
int mesh_start(struct mesh *m, const char *tmp);

/* Start weft-agent with that identity and a long-lived worker process for the capability.
 */
int mesh_agent(const struct mesh *m, const char *tmp);

/* Enrol one more agent at a site (NULL: the broker's) and start it with these lines of
 * configuration, which is NAME.conf in the scratch folder.  Its process, or -1 after
 * saying why on stderr. */
pid_t mesh_node(const char *tmp, const char *name, const char *site, const char *conf);

#endif
