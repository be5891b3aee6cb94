#include "agent/runner/sandbox.h"

#include "common/check.h"

#include <string.h>
#include <sys/stat.h>

static void add(struct sandbox_argv *a, const char *s)
{
    WF_CHECK(a->n < SANDBOX_ARGS - 1);
    a->v[a->n++] = s;
    a->v[a->n] = NULL;
}

static void bind_ro(struct sandbox_argv *a, const char *from, const char *to)
{
    add(a, "--ro-bind-try");
    add(a, from);
    add(a, to);
}

static void bind_system(struct sandbox_argv *a, bool network)
{
    static const char *const paths[] = {
        "/bin",
        "/sbin",
        "/lib",
        "/lib32",
        "/lib64",
        "/libx32",
        "/etc/alternatives",
        "/etc/ca-certificates",
        "/etc/fonts",
        "/etc/group",
        "/etc/ld.so.cache",
        "/etc/ld.so.conf",
        "/etc/ld.so.conf.d",
        "/etc/localtime",
        "/etc/magic",
        "/etc/mime.types",
        "/etc/nsswitch.conf",
        "/etc/passwd",
        "/etc/ssl/certs",
        "/etc/ssl/openssl.cnf",
    };
    static const char *const net_paths[] = {
        "/etc/gai.conf",  "/etc/host.conf",   "/etc/hosts",
        "/etc/protocols", "/etc/resolv.conf", "/etc/services",
    };

    add(a, "--ro-bind");
    add(a, "/usr");
    add(a, "/usr");
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        bind_ro(a, paths[i], paths[i]);
    }
    for (size_t i = 0; network && i < ARRAY_LEN(net_paths); i++) {
        bind_ro(a, net_paths[i], net_paths[i]);
    }
}

/* The program itself is shown without asking when it is named by its path. */
static bool must_show(const char *program)
{
    struct stat st;

    return program != NULL && program[0] == '/' && strncmp(program, "/usr/", 5) != 0 &&
           strncmp(program, "/bin/", 5) != 0 && strncmp(program, "/sbin/", 6) != 0 &&
           stat(program, &st) == 0 && S_ISREG(st.st_mode);
}

/* Below the run's folder, which must be there first. */
static void bind_files(struct sandbox_argv *a, const struct sandbox_opts *o)
{
    for (unsigned i = 0; o->inputs != NULL && i < o->inputs->n; i++) {
        add(a, "--ro-bind");
        add(a, o->inputs->v[i].path);
        add(a, o->inputs->v[i].shown);
    }
    if (o->payload != NULL) {
        add(a, "--ro-bind");
        add(a, o->payload);
        add(a, SANDBOX_PAYLOAD);
    }
}

void sandbox_argv(struct sandbox_argv *a, const struct sandbox_opts *o)
{
    static const char *const head[] = {
        "--unshare-all", "--die-with-parent",
        "--new-session", "--as-pid-1",
        "--cap-drop",    "ALL",
        "--clearenv",    "--hostname",
        "weft",          "--proc",
        "/proc",         "--dev",
        "/dev",          "--tmpfs",
        "/tmp",
    };

    a->n = 0;
    add(a, o->bwrap);
    for (size_t i = 0; i < ARRAY_LEN(head); i++) {
        add(a, head[i]);
    }
    if (o->network) {
        add(a, "--share-net");
    }
    bind_system(a, o->network);
    for (uint32_t i = 0; o->binds != NULL && i < o->binds->n; i++) {
        bind_ro(a, o->binds->v[i], o->binds->v[i]);
    }
    if (must_show(o->program)) {
        bind_ro(a, o->program, o->program);
    }
    add(a, "--ro-bind");
    add(a, o->self);
    add(a, SANDBOX_SELF);
    if (o->scratch != NULL) {
        add(a, "--bind");
        add(a, o->scratch);
        add(a, SANDBOX_SCRATCH);
        bind_files(a, o);
        add(a, "--chdir");
        add(a, SANDBOX_SCRATCH);
    }
    add(a, "--");
    add(a, SANDBOX_SELF);
    add(a, o->command);
}
