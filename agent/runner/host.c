#include "agent/runner/host.h"

#include "agent/runner/sandbox.h"
#include "common/err.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static bool put_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t) strlen(text);

    if (fd >= 0) {
        (void) close(fd);
    }
    return good;
}

int host_map_user(uid_t uid, gid_t gid)
{
    char text[64];

    (void) put_file("/proc/self/setgroups", "deny");
    (void) snprintf(text, sizeof text, "%u %u 1\n", (unsigned) uid, (unsigned) uid);
    if (!put_file("/proc/self/uid_map", text)) {
        return WEFT_EIO;
    }
    (void) snprintf(text, sizeof text, "%u %u 1\n", (unsigned) gid, (unsigned) gid);
    return put_file("/proc/self/gid_map", text) ? 0 : WEFT_EIO;
}

int host_clone_flags(const struct host *h)
{
    if (!h->pidns) {
        return 0;
    }
    return CLONE_NEWPID | CLONE_NEWNS | (h->userns ? CLONE_NEWUSER : 0);
}

pid_t host_clone(int flags)
{
    /* The argument order after the stack differs between machines; all are zero. */
    return (pid_t) syscall(SYS_clone, (unsigned long) flags | SIGCHLD, 0, 0, 0, 0);
}

/* Run a child to its end: whether it exited 0. */
static bool child_good(pid_t pid)
{
    int status;

    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

static bool try_namespaces(struct host *h)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    pid_t pid;

    h->pidns = true;
    h->userns = !h->root;
    pid = host_clone(host_clone_flags(h));
    if (pid == 0) {
        _exit(getpid() == 1 && (!h->userns || host_map_user(uid, gid) == 0) ? 0 : 1);
    }
    h->pidns = child_good(pid);
    h->userns = h->userns && h->pidns;
    return h->pidns;
}

/* Run bwrap as for a run, with our own program doing nothing inside.  Its complaint goes
 * to `why`. */
static bool try_bwrap(struct host *h, const char *path, char *why, size_t cap)
{
    static struct sandbox_argv a;
    const struct sandbox_opts o = {
        .bwrap = path, .self = h->self, .command = "--selftest", .scratch = h->base};
    int fds[2];
    pid_t pid;
    ssize_t n;
    bool good;

    sandbox_argv(&a, &o);
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return false;
    }
    pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);

        (void) dup2(null, 0);
        (void) dup2(null, 1);
        (void) dup2(fds[1], 2);
        (void) alarm(10);
        (void) execv(path, (char **) (uintptr_t) a.v);
        _exit(127);
    }
    (void) close(fds[1]);
    n = read(fds[0], why, cap - 1);
    why[n > 0 ? n : 0] = '\0';
    why[strcspn(why, "\r\n")] = '\0';
    (void) close(fds[0]);
    good = child_good(pid);
    if (!good && why[0] == '\0') {
        (void) snprintf(why, cap, "its self-test failed");
    }
    return good;
}

static int prepare_base(struct host *h, const char *base)
{
    struct stat st;

    if (mkdir(base, 0700) != 0 && errno != EEXIST) {
        (void) snprintf(h->text, sizeof h->text, "cannot make %.200s: %s", base,
                        strerror(errno));
        return WEFT_EIO;
    }
    if (realpath(base, h->base) == NULL || stat(h->base, &st) != 0 ||
        !S_ISDIR(st.st_mode) || access(h->base, W_OK | X_OK) != 0) {
        (void) snprintf(h->text, sizeof h->text, "%.200s is not a folder we may write to",
                        base);
        return WEFT_EIO;
    }
    return 0;
}

static void describe(struct host *h, const char *no_bwrap)
{
    const char *tree = h->pidns ? "PID namespace" : "subreaper sweep";
    const char *cg = h->cg.path[0] == '\0' ? "no cgroup"
                     : h->cg.memory        ? "cgroup with limits"
                                           : "cgroup kill switch";
    const char *mem = h->cg.memory ? "cgroup" : "RLIMIT_DATA and 50 ms sampling";
    const char *procs = h->cg.pids             ? "cgroup"
                        : h->root              ? "50 ms sampling"
                        : h->pidns || h->bwrap ? "RLIMIT_NPROC"
                                               : "50 ms sampling";

    (void) snprintf(
        h->text, sizeof h->text,
        "sandbox %s%s%.160s%s; trees ended by %s, %s; memory by %s; processes "
        "by %s; handlers run as uid %u",
        h->bwrap ? "bwrap" : "none", h->bwrap ? "" : " (", h->bwrap ? "" : no_bwrap,
        h->bwrap ? "" : ")", tree, cg, mem, procs, (unsigned) geteuid());
}

int host_probe(struct host *h, const struct host_opts *o)
{
    static const char *const places[] = {"/usr/bin/bwrap", "/usr/local/bin/bwrap",
                                         "/bin/bwrap"};
    char why[160] = "bwrap is not installed";
    ssize_t n;

    *h = (struct host){.root = geteuid() == 0};
    if (prepare_base(h, o->base) != 0) {
        return WEFT_EIO;
    }
    n = readlink("/proc/self/exe", h->self, sizeof h->self - 1);
    h->self[n > 0 ? n : 0] = '\0';
    if (strcmp(o->isolate, "subreaper") != 0) {
        (void) try_namespaces(h);
    }
    cgroup_probe(&h->cg, o->cgroup);
    if (strcmp(o->sandbox, "none") == 0) {
        (void) snprintf(why, sizeof why, "switched off");
    }
    for (size_t i = 0; strcmp(o->sandbox, "none") != 0 && i < ARRAY_LEN(places); i++) {
        if (access(places[i], X_OK) == 0) {
            h->bwrap = try_bwrap(h, places[i], why, sizeof why) ? places[i] : NULL;
            break;
        }
    }
    describe(h, why);
    return 0;
}
