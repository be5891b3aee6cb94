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

void sandbox_argv(struct sandbox_argv *a, const char *bwrap, const char *self,
                  const char *scratch, const struct wire_list *binds, const char *program,
                  bool network, const char *command)
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
    add(a, bwrap);
    for (size_t i = 0; i < ARRAY_LEN(head); i++) {
        add(a, head[i]);
    }
    if (network) {
        add(a, "--share-net");
    }
    bind_system(a, network);
    for (uint32_t i = 0; binds != NULL && i < binds->n; i++) {
        bind_ro(a, binds->v[i], binds->v[i]);
    }
    if (must_show(program)) {
        bind_ro(a, program, program);
    }
    add(a, "--ro-bind");
    add(a, self);
    add(a, SANDBOX_SELF);
    if (scratch != NULL) {
        add(a, "--bind");
        add(a, scratch);
        add(a, SANDBOX_SCRATCH);
        add(a, "--chdir");
        add(a, SANDBOX_SCRATCH);
    }
    add(a, "--");
    add(a, SANDBOX_SELF);
    add(a, command);
}
