#include "tests/bench/proc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REAP_MAX_S      10
#define CONNECT_TRIES   500
#define CONNECT_WAIT_NS 10000000

static pid_t fork_bound(void)
{
    pid_t parent = getpid();
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid < 0) {
        perror("bench: fork");
        exit(1);
    }
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(1);
        }
    }
    return pid;
}

pid_t proc_fork(void (*fn)(void *arg), void *arg)
{
    pid_t pid = fork_bound();

    if (pid == 0) {
        fn(arg);
        fflush(NULL);
        _exit(0);
    }
    return pid;
}

int proc_find(const char *program, char *ret, size_t cap)
{
    const char *path = getenv("PATH");
    char all[4096];
    char *save = NULL;
    char *dir;

    snprintf(all, sizeof(all), "%s:/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin",
             path != NULL ? path : "");
    for (dir = strtok_r(all, ":", &save); dir != NULL; dir = strtok_r(NULL, ":", &save)) {
        snprintf(ret, cap, "%s/%s", dir, program);
        if (access(ret, X_OK) == 0) {
            return 1;
        }
    }
    return 0;
}

/* A change of the user takes the death signal away: set it last. */
static void become(const struct passwd *as, int last_signal, pid_t parent)
{
    if (as != NULL &&
        (setgroups(0, NULL) != 0 || setgid(as->pw_gid) != 0 || setuid(as->pw_uid) != 0)) {
        _exit(126);
    }
    prctl(PR_SET_PDEATHSIG, last_signal);
    if (getppid() != parent) {
        _exit(1);
    }
}

pid_t proc_exec_as(const struct passwd *as, int last_signal, const char *const *argv,
                   const char *log)
{
    char path[4096];
    pid_t parent = getpid();
    int fd;
    pid_t pid;

    if (strchr(argv[0], '/') != NULL) {
        snprintf(path, sizeof(path), "%s", argv[0]);
    } else if (!proc_find(argv[0], path, sizeof(path))) {
        return -1;
    }
    pid = fork_bound();
    if (pid != 0) {
        return pid;
    }
    fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd >= 0) {
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
    }
    become(as, last_signal, parent);
    execv(path, (char *const *) (uintptr_t) argv);
    _exit(127);
}

pid_t proc_exec(const char *const *argv, const char *log)
{
    return proc_exec_as(NULL, SIGKILL, argv, log);
}

int proc_wait(pid_t pid)
{
    int status;

    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        return -1;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

int proc_run(const char *const *argv, const char *log)
{
    return proc_wait(proc_exec(argv, log));
}

void proc_kill(pid_t pid)
{
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
}

void proc_adopt(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

void proc_reap_all(void)
{
    /* The last resort, should one of them live on: end without them. */
    alarm(REAP_MAX_S);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {
    }
}

static struct sockaddr_in loopback(int port)
{
    struct sockaddr_in a;

    memset(&a, 0, sizeof(a));
    a.sin_family = AF_INET;
    a.sin_port = htons((uint16_t) port);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

int proc_free_port(void)
{
    struct sockaddr_in a = loopback(0);
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int port = -1;

    if (fd >= 0 && bind(fd, (struct sockaddr *) &a, sizeof(a)) == 0 &&
        getsockname(fd, (struct sockaddr *) &a, &len) == 0) {
        port = ntohs(a.sin_port);
    }
    if (fd >= 0) {
        close(fd);
    }
    return port;
}

int proc_connect(int port)
{
    struct sockaddr_in a = loopback(port);
    struct timespec wait = {0, CONNECT_WAIT_NS};
    int on = 1;
    int i;

    for (i = 0; i < CONNECT_TRIES; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0) {
            return -1;
        }
        if (connect(fd, (struct sockaddr *) &a, sizeof(a)) == 0) {
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
            return fd;
        }
        close(fd);
        nanosleep(&wait, NULL);
    }
    return -1;
}

int proc_tmp_make(char *ret, size_t cap)
{
    const char *base = getenv("TMPDIR");
    char real[PATH_MAX];

    /* Whole: some systems change their working folder. */
    if (realpath(base != NULL ? base : "/tmp", real) == NULL) {
        return -1;
    }
    if (snprintf(ret, cap, "%s/weft-bench-XXXXXX", real) >= (int) cap) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return mkdtemp(ret) != NULL ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void) st;
    (void) flag;
    (void) ftw;
    return remove(path);
}

void proc_tmp_remove(const char *path)
{
    (void) nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
