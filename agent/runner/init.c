#include "agent/runner/init.h"

#include "agent/runner/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILES_DEFAULT 1024

/* Past the memory limit by this much an allocation fails at once; up to it the runner's
 * look at the run decides, which knows what the processes use together. */
#define MEM_SLACK_BYTES (16u << 20)

struct init {
    const struct init_opts *o;
    pid_t handler;
    bool ended;
    int status;
};

static void report(const struct init_report *r)
{
    (void) send(INIT_FD_CTL, r, sizeof *r, MSG_NOSIGNAL);
}

static void fail(int error, const char *what)
{
    struct init_report r = {.event = INIT_FAILED, .error = error};

    (void) snprintf(r.what, sizeof r.what, "%s", what);
    report(&r);
    _exit(0);
}

static int limit(int what, uint64_t soft, uint64_t hard)
{
    struct rlimit now;
    struct rlimit r = {(rlim_t) soft, (rlim_t) hard};

    if (getrlimit((__rlimit_resource_t) what, &now) == 0 && r.rlim_max > now.rlim_max) {
        r.rlim_max = now.rlim_max;
    }
    if (r.rlim_cur > r.rlim_max) {
        r.rlim_cur = r.rlim_max;
    }
    return setrlimit((__rlimit_resource_t) what, &r);
}

static int set_limits(const struct init_opts *o)
{
    const struct wire_limits *l = &o->spec->limits;
    uint64_t files = l->files != 0 ? l->files : FILES_DEFAULT;
    int rc = limit(RLIMIT_CORE, 0, 0) | limit(RLIMIT_NOFILE, files, files);

    if (l->cpu_ms != 0) {
        uint64_t s = l->cpu_ms / 1000 + (l->cpu_ms % 1000 != 0);

        rc |= limit(RLIMIT_CPU, s, s + 1);
    }
    if (l->mem_bytes != 0) {
        uint64_t hard = wf_add_sat(l->mem_bytes, l->mem_bytes / 4 + MEM_SLACK_BYTES);

        /* Private writable memory.  RLIMIT_AS would also count address space that Go
         * and Java reserve and never touch. */
        rc |= limit(RLIMIT_DATA, hard, hard);
    }
    if (l->file_bytes != 0) {
        rc |= limit(RLIMIT_FSIZE, l->file_bytes, l->file_bytes);
    }
    if (l->procs != 0 && o->nproc_exact) {
        rc |= limit(RLIMIT_NPROC, (uint64_t) l->procs + 1, (uint64_t) l->procs + 1);
    }
    return rc;
}

static const char *env_get(const struct wire_list *env, const char *name)
{
    size_t n = strlen(name);

    for (uint32_t i = 0; i < env->n; i++) {
        if (strncmp(env->v[i], name, n) == 0 && env->v[i][n] == '=') {
            return env->v[i] + n + 1;
        }
    }
    return NULL;
}

/* As execvpe(), but searching the PATH that the handler gets, not ours. */
static int exec_handler(const struct wire_start *s)
{
    char *const *argv = (char *const *) (uintptr_t) s->argv.v;
    char *const *env = (char *const *) (uintptr_t) s->env.v;
    const char *path = env_get(&s->env, "PATH");
    int error = ENOENT;

    if (strchr(s->argv.v[0], '/') != NULL) {
        (void) execve(s->argv.v[0], argv, env);
        return errno;
    }
    while (path != NULL && *path != '\0') {
        size_t n = strcspn(path, ":");
        char full[4096];
        int k = snprintf(full, sizeof full, "%.*s/%s", (int) n, path, s->argv.v[0]);

        if (n > 0 && k > 0 && (size_t) k < sizeof full) {
            (void) execve(full, argv, env);
            if (errno != ENOENT && errno != ENOTDIR) {
                error = errno;
            }
        }
        path += n + (path[n] == ':');
    }
    return error;
}

/* In the child of a vfork: the parent sleeps and sees what is stored. */
static void become_handler(const struct init_opts *o, volatile int *error,
                           const char *volatile *what)
{
    sigset_t none;

    (void) setsid();
    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void) !write(INIT_FD_PROCS, "0", 1); /* fails where there is no cgroup */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        *error = errno;
        *what = "no_new_privs";
        return;
    }
    if (set_limits(o) != 0) {
        *error = errno;
        *what = "resource limits";
        return;
    }
    (void) sigemptyset(&none);
    (void) sigprocmask(SIG_SETMASK, &none, NULL);
    *error = exec_handler(o->spec);
    *what = "command";
}

static pid_t start_handler(const struct init_opts *o)
{
    volatile int error = 0;
    const char *volatile what = "";
    pid_t pid = vfork();

    if (pid == 0) {
        become_handler(o, &error, &what);
        _exit(127);
    }
    if (pid < 0) {
        fail(errno, "fork");
    }
    if (error != 0) {
        char text[64];

        (void) waitpid(pid, NULL, 0);
        (void) snprintf(text, sizeof text, "%s %.48s", what, o->spec->argv.v[0]);
        fail(error, text);
    }
    return pid;
}

static void signal_all(struct init *in, int sig)
{
    if (sig == SIGKILL) {
        (void) !write(INIT_FD_KILL, "1", 1); /* fails where there is no cgroup */
    }
    if (in->o->pidns) {
        (void) kill(-1, sig); /* everyone in the namespace but us */
    } else {
        (void) tree_signal(getpid(), sig);
    }
}

/* Reap one; whether there was one. */
static bool reap(struct init *in, int flags)
{
    int status;
    pid_t pid = waitpid(-1, &status, flags);

    if (pid > 0 && pid == in->handler) {
        in->ended = true;
        in->status = status;
    }
    return pid > 0;
}

/* End everything below us.  In a namespace one round does; as a subreaper a process may
 * fork between the look and the signal, so look again until there is nothing. */
static void end_all(struct init *in)
{
    do {
        signal_all(in, SIGKILL);
    } while (reap(in, 0));
}

static uint64_t tv_us(const struct timeval *t)
{
    return (uint64_t) t->tv_sec * 1000000u + (uint64_t) t->tv_usec;
}

static void supervise(struct init *in, int sigfd)
{
    while (!in->ended) {
        struct pollfd p[2] = {{INIT_FD_CTL, POLLIN, 0}, {sigfd, POLLIN, 0}};
        struct signalfd_siginfo si;
        char c;

        if (poll(p, 2, -1) < 0 && errno != EINTR) {
            return;
        }
        if (p[0].revents != 0) {
            ssize_t n = recv(INIT_FD_CTL, &c, 1, MSG_DONTWAIT);

            if (n == 1 && c == INIT_TERM) {
                signal_all(in, SIGTERM);
            } else if (n >= 0 || (errno != EAGAIN && errno != EINTR)) {
                return;
            }
        }
        if (p[1].revents != 0) {
            (void) !read(sigfd, &si, sizeof si);
            while (reap(in, WNOHANG)) {
            }
        }
    }
}

void init_main(const struct init_opts *o)
{
    struct init in = {o, 0, false, 0};
    struct init_report r = {.event = INIT_STARTED};
    struct rusage ru;
    sigset_t chld;
    int sigfd;

    (void) prctl(PR_SET_NAME, "weft-init");
    if (!o->pidns) {
        (void) prctl(PR_SET_CHILD_SUBREAPER, 1);
    }
    (void) setsid();
    (void) umask(077);
    if (o->dir != NULL && chdir(o->dir) != 0) {
        fail(errno, "scratch folder");
    }
    (void) sigemptyset(&chld);
    (void) sigaddset(&chld, SIGCHLD);
    (void) sigprocmask(SIG_SETMASK, &chld, NULL);
    for (int fd = INIT_FD_CTL; fd <= INIT_FD_KILL; fd++) {
        (void) fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    (void) close_range(INIT_FD_KILL + 1, ~0U, 0);
    in.handler = start_handler(o);
    /* The handler's descriptors are not ours, and ours are none of its business. */
    (void) close_range(0, INIT_FD_WORKER, 0);
    (void) prctl(PR_SET_DUMPABLE, 0);
    sigfd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
    report(&r);
    if (sigfd >= 0) {
        supervise(&in, sigfd);
    }
    end_all(&in);
    (void) getrusage(RUSAGE_CHILDREN, &ru);
    r.event = INIT_ENDED;
    r.status = in.status;
    r.user_us = tv_us(&ru.ru_utime);
    r.sys_us = tv_us(&ru.ru_stime);
    r.maxrss_bytes = (uint64_t) ru.ru_maxrss * 1024;
    report(&r);
    _exit(0);
}

/* A payload that is a file of somebody else is opened through the mount that is
 * read-only, so that its owner, which the handler may be, cannot change it. */
static void open_payload(const char *path)
{
    int fd = path[0] != '\0' ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY) : 0;

    if (fd < 0 || (fd > 0 && dup2(fd, 0) < 0)) {
        fail(errno, "payload");
    }
    if (fd > 0) {
        (void) close(fd);
    }
}

void init_main_exec(bool nproc_exact)
{
    static struct wire_msg m;
    struct wf_buf b = WF_BUF_INIT(WIRE_FRAME_MAX);
    struct init_opts o = {.pidns = true, .nproc_exact = nproc_exact};
    ssize_t n = 1;
    struct stat st;

    if (fstat(INIT_FD_SPEC, &st) != 0 || st.st_size <= 4 || st.st_size > WIRE_FRAME_MAX ||
        wf_buf_extend(&b, (size_t) st.st_size) == NULL) {
        fail(EINVAL, "spec");
    }
    n = pread(INIT_FD_SPEC, b.p, b.len, 0);
    if (n != (ssize_t) b.len || wire_decode(b.p, b.len, &m) != 0 ||
        m.type != WIRE_START) {
        fail(EINVAL, "spec");
    }
    (void) close(INIT_FD_SPEC);
    o.spec = &m.u.start;
    open_payload(o.spec->payload_path);
    init_main(&o);
}
