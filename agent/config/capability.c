#include "agent/config/capability.h"

#include "common/parse.h"
#include "proto/name.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* -- the command --------------------------------------------------------------------- */

/* Split at blanks into `dst`; quotes of either kind group and are taken off. */
static int split(const struct check *k, const char *s, char *dst, struct wire_list *argv)
{
    while (*(s += strspn(s, " ")) != '\0') {
        char quote = '\0';

        (void) wire_list_add(argv, dst);
        for (; *s != '\0' && (quote != '\0' || *s != ' '); s++) {
            if (*s == quote) {
                quote = '\0';
            } else if (quote == '\0' && (*s == '"' || *s == '\'')) {
                quote = *s;
            } else {
                *dst++ = *s;
            }
        }
        *dst++ = '\0';
        if (quote != '\0') {
            return check_wrong(k, "command", "a quote is not closed");
        }
        if (argv->n > WIRE_ARGS_MAX - WF_CONF_LIST_MAX) {
            return check_wrong(k, "command", "more than %u words", argv->n - 1);
        }
    }
    return argv->n != 0 ? 0 : check_wrong(k, "command", "names no program");
}

/* A run starts in its scratch folder, where both files are.  {input:NAME} stays: whether
 * there is one shows with the job. */
static void fill_in(struct wire_start *s)
{
    for (uint32_t i = 1; i < s->argv.n; i++) {
        if (strcmp(s->argv.v[i], "{payload}") == 0) {
            s->argv.v[i] = "payload";
            s->flags |= WIRE_PAYLOAD_FILE;
        } else if (strcmp(s->argv.v[i], "{result}") == 0) {
            s->argv.v[i] = "result";
            s->flags |= WIRE_RESULT_FILE;
        }
    }
}

int capability_is_program(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static int on_path(const char *name)
{
    static const char *const folders[] = {"/usr/local/bin", "/usr/bin", "/bin"};
    char path[PATH_MAX];

    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        if (snprintf(path, sizeof path, "%s/%s", folders[i], name) < (int) sizeof path &&
            capability_is_program(path)) {
            return 1;
        }
    }
    return 0;
}

static int check_command(const struct check *k, struct config_capability *cap)
{
    struct wire_start *s = &cap->spec;
    const char *program;
    int rc = split(k, cap->command, cap->words, &s->argv);

    if (rc != 0) {
        return rc;
    }
    program = s->argv.v[0];
    if (program[0] != '/' && strchr(program, '/') != NULL) {
        return check_wrong(k, "command",
                           "give the program's full path, or its bare name");
    }
    if (program[0] == '/' ? !capability_is_program(program) : !on_path(program)) {
        return check_wrong(k, "command", "there is no program `%.96s` that may be run",
                           program);
    }
    for (size_t i = 0; i < cap->args.n; i++) {
        (void) wire_list_add(&s->argv, cap->args.item[i]);
    }
    for (uint32_t i = 0; i < s->argv.n; i++) {
        if (strstr(s->argv.v[i], "{input:}") != NULL) {
            return check_wrong(k, "command", "`{input:}` names no input");
        }
        if (s->kind == WIRE_WORKER && strstr(s->argv.v[i], "{input:") != NULL) {
            return check_wrong(k, "command",
                               "a worker hears of its inputs with each job");
        }
    }
    fill_in(s);
    return 0;
}

/* -- one capability ------------------------------------------------------------------ */

static int check_flags(const struct check *k, const struct agent_config *c,
                       struct config_capability *cap)
{
    static const char *const payload[] = {"stdin", "file"};
    static const char *const result[] = {"stdout", "file"};
    static const char *const sandbox[] = {"none", "auto", "require"};
    int p = check_choose(k, "payload", cap->payload, payload, 2);
    int r = p < 0 ? p : check_choose(k, "result", cap->result, result, 2);
    struct wire_start *s = &cap->spec;

    if (r < 0) {
        return r;
    }
    s->flags |= (p == 1 ? WIRE_PAYLOAD_FILE : 0u) | (r == 1 ? WIRE_RESULT_FILE : 0u) |
                (cap->network ? WIRE_NETWORK : 0u);
    for (uint8_t i = 0; i < ARRAY_LEN(sandbox); i++) {
        s->sandbox = strcmp(c->sandbox, sandbox[i]) == 0 ? i : s->sandbox;
    }
    if (s->kind == WIRE_WORKER && (s->flags & ~(uint32_t) WIRE_NETWORK) != 0) {
        return check_wrong(k, p == 1 ? "payload" : "result",
                           "a worker gets and gives both over its socket");
    }
    return 0;
}

static int check_lists(const struct check *k, struct config_capability *cap)
{
    for (size_t i = 0; i < cap->env.n; i++) {
        const char *e = cap->env.item[i];

        if (e[0] == '=' || strchr(e, '=') == NULL) {
            return check_wrong(k, "env", "give NAME=VALUE");
        }
        (void) wire_list_add(&cap->spec.env, e);
    }
    for (size_t i = 0; i < cap->binds.n; i++) {
        if (cap->binds.item[i][0] != '/') {
            return check_wrong(k, "bind", "give a full path");
        }
        (void) wire_list_add(&cap->spec.binds, cap->binds.item[i]);
    }
    return 0;
}

static int check_slots(const struct check *k, struct config_capability *cap,
                       struct node_capability *n)
{
    int worker = n->kind == WF_HANDLER_WORKER;
    uint64_t most = worker ? cap->workers * cap->concurrency : 0;

    n->slots = cap->slots != 0 ? cap->slots : worker ? most : 1;
    if (n->slots > 4096) {
        return check_wrong(k, "concurrency",
                           "workers x concurrency is more than 4096 slots");
    }
    if (worker && n->slots > most) {
        return check_wrong(k, "slots", "more than workers x concurrency, %u",
                           (unsigned) most);
    }
    n->queue = worker ? n->slots : 1;
    if (strcmp(cap->queue, "auto") != 0 &&
        (wf_parse_u64(cap->queue, &n->queue) != 0 || n->queue > 4096)) {
        return check_wrong(k, "queue", "give auto or a number from 0 to 4096");
    }
    return 0;
}

/* The core ends a run at its wall limit; the runner's, a little later, holds should the
 * agent hang. */
#define WALL_SPARE_MS 2000

static void set_limits(const struct agent_config *c, const struct config_capability *cap,
                       struct wire_limits *l)
{
    *l = (struct wire_limits){
        .wall_ms = cap->wall_ms != 0 ? wf_add_sat(cap->wall_ms, WALL_SPARE_MS) : 0,
        .cpu_ms = cap->cpu_ms,
        .mem_bytes = cap->memory,
        .file_bytes = cap->file_size,
        .out_bytes = cap->output != 0   ? cap->output
                     : c->data_cap != 0 ? c->data_cap
                                        : WF_PAYLOAD_MAX,
        .err_bytes = c->max_log,
        .procs = (uint32_t) cap->processes,
        .files = (uint32_t) cap->files,
        .grace_ms = (uint32_t) c->node.grace_ms,
    };
}

static int check_name(const struct check *k, const struct agent_config *c,
                      const struct config_capability *cap, struct node_capability *n)
{
    if (wf_capability_parse(cap->name, n->name, &n->version) != 0) {
        return check_wrong(k, "name", "give a-z 0-9 . _ - and a version: wordcount@1");
    }
    n->version = n->version != 0 ? n->version : 1;
    for (const struct node_capability *o = c->node.caps; o < n; o++) {
        if (strcmp(o->name, n->name) == 0 && o->version == n->version) {
            return check_wrong(k, "name", "%s@%u is there already", n->name, n->version);
        }
    }
    return 0;
}

int capability_check(const struct check *k, struct agent_config *c, size_t i)
{
    static const char *const kinds[] = {"exec", "worker"};
    struct config_capability *cap = &c->caps[i];
    struct node_capability *n = &c->node.caps[i];
    int kind = check_choose(k, "kind", cap->kind, kinds, 2);
    int rc = kind < 0 ? kind : check_name(k, c, cap, n);

    if (rc != 0) {
        return rc;
    }
    cap->spec.kind = kind == 0 ? WIRE_EXEC : WIRE_WORKER;
    cap->spec.payload_path = "";
    n->kind = kind == 0 ? WF_HANDLER_EXEC : WF_HANDLER_WORKER;
    n->wall_ms = cap->wall_ms;
    n->max_output = cap->output;
    n->net = cap->network;
    if (kind == 1 && cap->cpu_ms != 0) {
        return check_wrong(k, "cpu",
                           "counts a process, and a worker runs many jobs: use wall");
    }
    if ((rc = check_slots(k, cap, n)) != 0 || (rc = check_command(k, cap)) != 0 ||
        (rc = check_flags(k, c, cap)) != 0 || (rc = check_lists(k, cap)) != 0) {
        return rc;
    }
    set_limits(c, cap, &cap->spec.limits);
    return 0;
}
