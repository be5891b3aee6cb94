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

static int start_broker(const struct mesh *m, const char *tmp)
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
    if (proc_exec(argv, log) < 0) {
        return complain("weft-broker", "not found along PATH: build it first");
    }
    return wait_for(token) != 0 ? complain("weft-broker did not start; see", log) : 0;
}

/* A token of a role, through the operator's context. */
static int make_token(weft_client *op, enum weft_role role, const char *name,
                      char **ret_token)
{
    struct weft_token token = WEFT_TOKEN_INIT;
    char why[256] = "";

    token.role = role;
    token.name = name;
    if (weft_token_create(op, &token, CALL_MS, ret_token, why, sizeof why) != 0) {
        return complain("token", why);
    }
    return 0;
}

static int join_agent(const struct mesh *m, const char *tmp, const char *token)
{
    char path[MESH_PATH_MAX + 32], log[MESH_PATH_MAX + 32];
    const char *argv[] = {"weft-agent",   "join", "--state", m->agent,
                          "--token-file", path,   NULL};

    snprintf(path, sizeof path, "%s/agent.token", tmp);
    snprintf(log, sizeof log, "%s/join.log", tmp);
    if (write_file(path, token) != 0 || chmod(path, 0600) != 0) {
        return 1;
    }
    return proc_run(argv, log) != 0 ? complain("weft-agent join failed; see", log) : 0;
}

static int enrol(const struct mesh *m, const char *tmp)
{
    struct weft_options options = WEFT_OPTIONS_INIT;
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
    options.context = "op";
    if (weft_open(&options, &op, why, sizeof why) != 0) {
        return complain("operator", why);
    }
    bad = make_token(op, WEFT_ROLE_CLIENT, "bench-client", &client) ||
          make_token(op, WEFT_ROLE_AGENT, MESH_AGENT, &agent);
    weft_close(op);
    if (!bad && (weft_context_join("client", client, CALL_MS, why, sizeof why) != 0 ||
                 weft_context_select("client", why, sizeof why) != 0)) {
        bad = complain("client context", why);
    }
    bad = bad || join_agent(m, tmp, agent);
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

int mesh_agent(const struct mesh *m, const char *tmp)
{
    char conf[MESH_PATH_MAX + 32], log[MESH_PATH_MAX + 32], text[4 * MESH_PATH_MAX],
        runner[MESH_PATH_MAX], worker[MESH_PATH_MAX];
    const char *argv[] = {"weft-agent", "--config", conf, NULL};

    if (!proc_find("weft-runner", runner, sizeof runner) ||
        !proc_find("bench-worker", worker, sizeof worker)) {
        return complain("weft-runner or bench-worker",
                        "not found along PATH: build them first");
    }
    snprintf(conf, sizeof conf, "%s/agent.conf", tmp);
    snprintf(log, sizeof log, "%s/agent.log", tmp);
    snprintf(text, sizeof text,
             "state = %s\nrunner = %s\nlog = warn\ncapability\n    name = %s\n"
             "    kind = worker\n    command = %s\n    workers = 1\n"
             "    concurrency = 1024\n    queue = 1024\n",
             m->agent, runner, MESH_CAPABILITY, worker);
    if (write_file(conf, text) != 0) {
        return 1;
    }
    return proc_exec(argv, log) < 0 ? complain("weft-agent", "not found along PATH") : 0;
}
