/* hostile.c - a handler that misbehaves on demand
 *
 * hostile MODE [ARGUMENT].  Processes that a test must see die connect to the unix socket
 * named by the argument and hold the connection open: its end of file is their end.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void hold(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void) snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    if (fd < 0 || connect(fd, (struct sockaddr *) &a, sizeof a) != 0) {
        perror(path);
        _exit(9);
    }
}

static void stay(void)
{
    for (;;) {
        (void) pause();
    }
}

/* Four processes: one that ignores SIGTERM, its child, one in another session, and one
 * forked twice. */
static int tree(const char *path)
{
    (void) signal(SIGTERM, SIG_IGN);
    (void) signal(SIGHUP, SIG_IGN);
    if (fork() == 0) {
        hold(path);
        stay();
    }
    if (fork() == 0) {
        (void) setsid();
        hold(path);
        stay();
    }
    if (fork() == 0) {
        (void) setsid();
        if (fork() == 0) {
            hold(path);
            stay();
        }
        _exit(0);
    }
    hold(path);
    stay();
    return 0;
}

/* Leave a daemon behind and exit once it is there. */
static int leftover(const char *path)
{
    int fds[2];
    char c;

    if (pipe(fds) != 0) {
        return 1;
    }
    if (fork() == 0) {
        (void) setsid();
        if (fork() == 0) {
            (void) signal(SIGTERM, SIG_IGN);
            hold(path);
            (void) !write(fds[1], "x", 1);
            stay();
        }
        _exit(0);
    }
    (void) wait(NULL);
    return read(fds[0], &c, 1) == 1 ? 0 : 1;
}

/* A process that is never the same for long: each forks the next and exits.  Returns
 * once it is on its way. */
static void start_hopper(const char *path)
{
    int fds[2];
    char c;

    (void) signal(SIGTERM, SIG_IGN);
    if (pipe(fds) != 0) {
        return;
    }
    if (fork() == 0) {
        (void) setsid();
        hold(path);
        (void) !write(fds[1], "x", 1);
        for (;;) {
            if (fork() > 0) {
                _exit(0);
            }
        }
    }
    (void) !read(fds[0], &c, 1);
}

/* Touch memory in small steps; give up when there is none. */
static int eat(const char *arg)
{
    size_t total = strtoul(arg, NULL, 10);

    for (size_t done = 0; done < total; done += 1u << 20) {
        char *p = mmap(NULL, 1u << 20, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED) {
            return 3;
        }
        memset(p, 1, 1u << 20);
    }
    return 0;
}

static int forks(const char *arg)
{
    int n = atoi(arg);

    for (int i = 0; i < n; i++) {
        pid_t pid = fork();

        if (pid < 0) {
            (void) printf("refused after %d\n", i);
            (void) fflush(stdout);
            return errno == EAGAIN ? 11 : 12;
        }
        if (pid == 0) {
            stay();
        }
    }
    stay();
    return 0;
}

static int flood(const char *arg, int fd)
{
    size_t left = strtoul(arg, NULL, 10);
    static char buf[65536];

    memset(buf, 'x', sizeof buf);
    while (left > 0) {
        ssize_t n = write(fd, buf, left < sizeof buf ? left : sizeof buf);

        if (n <= 0) {
            return 1;
        }
        left -= (size_t) n;
    }
    return 0;
}

/* A folder that is not easy to remove: deep, without permissions, full of links. */
static int litter(const char *arg)
{
    int depth = atoi(arg);

    for (int i = 0; i < depth; i++) {
        (void) !symlink("/etc/passwd", "link");
        if (mkdir("directory-with-quite-a-long-name", 0700) != 0 ||
            chdir("directory-with-quite-a-long-name") != 0) {
            return 1;
        }
    }
    return chmod(".", 0);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    const char *arg = argc > 2 ? argv[2] : "";

    if (strcmp(mode, "tree") == 0) {
        return tree(arg);
    }
    if (strcmp(mode, "leftover") == 0) {
        return leftover(arg);
    }
    if (strcmp(mode, "hop") == 0) {
        start_hopper(arg);
        stay();
    }
    if (strcmp(mode, "hold") == 0) {
        hold(arg);
        stay();
    }
    if (strcmp(mode, "eat") == 0) {
        return eat(arg);
    }
    if (strcmp(mode, "forks") == 0) {
        return forks(arg);
    }
    if (strcmp(mode, "spin") == 0) {
        for (volatile unsigned i = 0;; i++) {
        }
    }
    if (strcmp(mode, "flood") == 0) {
        return flood(arg, 1);
    }
    if (strcmp(mode, "floodlog") == 0) {
        return flood(arg, 2);
    }
    if (strcmp(mode, "signal") == 0) {
        (void) signal(atoi(arg), SIG_DFL);
        (void) raise(atoi(arg));
        return 0;
    }
    if (strcmp(mode, "litter") == 0) {
        return litter(arg);
    }
    if (strcmp(mode, "killparent") == 0) {
        start_hopper(arg);
        (void) kill(getppid(), SIGKILL);
        stay();
    }
    if (strcmp(mode, "env") == 0) {
        for (char **e = environ; *e != NULL; e++) {
            (void) puts(*e);
        }
        return 0;
    }
    (void) fprintf(stderr, "hostile: no mode `%s`\n", mode);
    return 2;
}
