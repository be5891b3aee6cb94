#include "tests/bench/mesh.h"

#include "tests/bench/proc.h"

#include "client/include/weft/weft.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WAIT_TRIES 500
#define WAIT_NS    10000000
#define CALL_MS    5000

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "bench: %s: %s\n", what, why);
    return 1;
}

/* The file appears whole: the broker and this program write such files by rename. */
static int wait_for(const char *path)
{
    const struct timespec wait = {0, WAIT_NS};

    for (int i = 0; i < WAIT_TRIES; i++) {
        if (access(path, R_OK) == 0) {
            return 0;
        }
        nanosleep(&wait, NULL);
    }
    return 1;
}

static int write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    int bad = f == NULL || fputs(text, f) < 0;

    if (f != NULL) {
        bad |= fclose(f) != 0;
    }
    return bad ? complain("cannot write", path) : 0;
}

static int read_line(const char *path, char *dst, int cap)
{
    FILE *f = fopen(path, "r");
    int bad = f == NULL || fgets(dst, cap, f) == NULL;

    if (f != NULL) {
        fclose(f);
    }
    return bad ? complain("cannot read", path) : 0;
}

static int start_broker(struct mesh *m, const char *tmp)
{
    char conf[MESH_PATH_MAX + 32], text[2 * MESH_PATH_MAX], log[MESH_PATH_MAX + 32],
        token[MESH_PATH_MAX + 64];
    const char *argv[] = {"weft-broker", "--config", conf, NULL};

    snprintf(conf, sizeof conf, "%s/broker.conf", tmp);
    snprintf(log, sizeof log, "%s/broker.log", tmp);
    snprintf(token, sizeof token, "%s/broker/operator.token", tmp);
    snprintf(text, sizeof text,
             "name = bench\nlisten = \"tcp://127.0.0.1:*\"\nstate = %s/broker\n"
             "log = warn\n%s",
             tmp, m->conf != NULL ? m->conf : "");
    if (write_file(conf, text) != 0) {
        return 1;
    }
    m->broker = proc_exec(argv, log);
    if (m->broker < 0) {
        return complain("weft-broker", "not found along PATH: build it first");
    }
    return wait_for(token) != 0 ? complain("weft-broker did not start; see", log) : 0;
}

/* A token of a role, through the operator's context. */
static int make_token(weft_client *op, enum weft_role role, const char *name,
                      const char *site, char **ret_token)
{
    struct weft_token token = WEFT_TOKEN_INIT;
    char why[256] = "";

    token.role = role;
    token.name = name;
    token.site = site;
    if (weft_token_create(op, &token, CALL_MS, ret_token, why, sizeof why) != 0) {
        return complain("token", why);
    }
    return 0;
}

static int join_agent(const char *tmp, const char *state, const char *token)
{
    char path[MESH_PATH_MAX + 32], log[MESH_PATH_MAX + 32];
    const char *argv[] = {"weft-agent",   "join", "--state", state,
                          "--token-file", path,   NULL};

    snprintf(path, sizeof path, "%s/agent.token", tmp);
    snprintf(log, sizeof log, "%s/join.log", tmp);
    if (write_file(path, token) != 0 || chmod(path, 0600) != 0) {
        return 1;
    }
    return proc_run(argv, log) != 0 ? complain("weft-agent join failed; see", log) : 0;
}

static int open_operator(weft_client **ret_op)
{
    struct weft_options options = WEFT_OPTIONS_INIT;
    char why[256] = "";

    options.context = "op";
    return weft_open(&options, ret_op, why, sizeof why) != 0 ? complain("operator", why)
                                                             : 0;
}

static int enrol(const struct mesh *m, const char *tmp)
{
    char path[MESH_PATH_MAX + 64], line[4096], why[256] = "", *client = NULL,
                                               *agent = NULL;
    weft_client *op = NULL;
    int bad;

    snprintf(path, sizeof path, "%s/broker/operator.token", tmp);
    if (read_line(path, line, sizeof line) != 0) {
        return 1;
    }
    if (weft_context_join("op", line, CALL_MS, why, sizeof why) != 0) {
        return complain("operator context", why);
    }
    if (open_operator(&op) != 0) {
        return 1;
    }
    bad = make_token(op, WEFT_ROLE_CLIENT, "bench-client", NULL, &client) ||
          make_token(op, WEFT_ROLE_AGENT, MESH_AGENT, NULL, &agent);
    weft_close(op);
    if (!bad && (weft_context_join("client", client, CALL_MS, why, sizeof why) != 0 ||
                 weft_context_select("client", why, sizeof why) != 0)) {
        bad = complain("client context", why);
    }
    bad = bad || join_agent(tmp, m->agent, agent);
    weft_free(client);
    weft_free(agent);
    return bad;
}

int mesh_start(struct mesh *m, const char *tmp)
{
    snprintf(m->home, sizeof m->home, "%s/home", tmp);
    snprintf(m->agent, sizeof m->agent, "%s/agent", tmp);
    setenv("WEFT_HOME", m->home, 1);
    return start_broker(m, tmp) || enrol(m, tmp);
}

static pid_t start_agent(const char *tmp, const char *name, const char *text)
{
    char conf[MESH_PATH_MAX + 64], log[MESH_PATH_MAX + 64];
    const char *argv[] = {"weft-agent", "--config", conf, NULL};
    pid_t pid;

    snprintf(conf, sizeof conf, "%s/%s.conf", tmp, name);
    snprintf(log, sizeof log, "%s/%s.log", tmp, name);
    if (write_file(conf, text) != 0) {
        return -1;
    }
    pid = proc_exec(argv, log);
    if (pid < 0) {
        (void) complain("weft-agent", "not found along PATH");
    }
    return pid;
}

int mesh_agent(const struct mesh *m, const char *tmp)
{
    char text[4 * MESH_PATH_MAX], runner[MESH_PATH_MAX], worker[MESH_PATH_MAX];

    if (!proc_find("weft-runner", runner, sizeof runner) ||
        !proc_find("bench-worker", worker, sizeof worker)) {
        return complain("weft-runner or bench-worker",
                        "not found along PATH: build them first");
    }
    snprintf(text, sizeof text,
             "state = %s\nrunner = %s\nlog = warn\ncapability\n    name = %s\n"
             "    kind = worker\n    command = %s\n    workers = 1\n"
             "    concurrency = 1024\n    queue = 1024\n",
             m->agent, runner, MESH_CAPABILITY, worker);
    return start_agent(tmp, "agent", text) < 0;
}

pid_t mesh_node(const char *tmp, const char *name, const char *site, const char *conf)
{
    char state[MESH_PATH_MAX + 64], text[4 * MESH_PATH_MAX], runner[MESH_PATH_MAX],
        *token = NULL;
    weft_client *op = NULL;
    int bad;

    if (!proc_find("weft-runner", runner, sizeof runner)) {
        (void) complain("weft-runner", "not found along PATH: build it first");
        return -1;
    }
    if (open_operator(&op) != 0) {
        return -1;
    }
    snprintf(state, sizeof state, "%s/%s", tmp, name);
    bad = make_token(op, WEFT_ROLE_AGENT, name, site, &token) ||
          join_agent(tmp, state, token);
    weft_close(op);
    weft_free(token);
    snprintf(text, sizeof text, "state = %s\nrunner = %s\nlog = warn\n%s", state, runner,
             conf);
    return bad ? -1 : start_agent(tmp, name, text);
}
