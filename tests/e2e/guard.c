/* guard.c - run a test so that nothing it started outlives it
 *
 *     guard SECONDS PROGRAM ARGUMENT...
 *
 * Orphans of the test become children of this process (PR_SET_CHILD_SUBREAPER), whatever
 * sessions they made.  When the test has ended they get a moment to end as well, for a
 * daemon that was killed leaves its helper to notice; what is there after that is
 * killed, named, and fails the test.  So does a test that takes longer than SECONDS.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOMENT_MS 5000

static volatile sig_atomic_t stop;

static void on_signal(int signum)
{
    stop = signum;
}

static long now_ms(void)
{
    struct timespec t;

    (void) clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void read_file(const char *pid, const char *name, char *dst, size_t cap)
{
    char path[300];
    FILE *f;
    size_t n = 0;

    (void) snprintf(path, sizeof path, "/proc/%s/%s", pid, name);
    f = fopen(path, "r");
    if (f != NULL) {
        n = fread(dst, 1, cap - 1, f);
        (void) fclose(f);
    }
    dst[n] = '\0';
    for (size_t i = 0; i + 1 < n; i++) {
        dst[i] = dst[i] == '\0' ? ' ' : dst[i];
    }
}

static int is_child(const char *pid)
{
    char text[512];
    const char *end;
    int parent = 0;

    read_file(pid, "stat", text, sizeof text);
    end = strrchr(text, ')');
    return end != NULL && sscanf(end + 1, " %*c %d", &parent) == 1 && parent == getpid();
}

/* Kill the children; their own become ours and come next. */
static void kill_children(int tell)
{
    DIR *proc = opendir("/proc");
    struct dirent *e;

    while (proc != NULL && (e = readdir(proc)) != NULL) {
        char line[200];

        if (!isdigit((unsigned char) e->d_name[0]) || !is_child(e->d_name)) {
            continue;
        }
        if (tell) {
            read_file(e->d_name, "cmdline", line, sizeof line);
            printf("# left over: %s %s\n", e->d_name, line);
        }
        (void) kill((pid_t) atoi(e->d_name), SIGKILL);
    }
    if (proc != NULL) {
        (void) closedir(proc);
    }
}

/* Reap until `pid` ends (its wait status), nobody is left (-1) or time is over (-2). */
static int reap(pid_t pid, long until_ms)
{
    while (!stop && now_ms() < until_ms) {
        int status;
        pid_t got = waitpid(-1, &status, WNOHANG);

        if (got < 0 && errno == ECHILD) {
            return -1;
        }
        if (got > 0 && got == pid) {
            return status;
        }
        if (got <= 0) {
            const struct timespec ms = {0, 5000000};

            (void) nanosleep(&ms, NULL);
        }
    }
    return -2;
}

static pid_t start(char **argv)
{
    pid_t pid = fork();

    if (pid == 0) {
        (void) setpgid(0, 0);
        (void) setenv("E2E_GUARDED", "1", 1);
        (void) execvp(argv[0], argv);
        perror(argv[0]);
        _exit(127);
    }
    return pid;
}

int main(int argc, char **argv)
{
    const struct sigaction on = {.sa_handler = on_signal};
    int status, rc;
    pid_t pid;

    if (argc < 3) {
        (void) fprintf(stderr, "usage: guard SECONDS PROGRAM ARGUMENT...\n");
        return 2;
    }
    (void) sigaction(SIGTERM, &on, NULL);
    (void) sigaction(SIGINT, &on, NULL);
    (void) prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid = start(argv + 2);
    status = reap(pid, now_ms() + 1000L * atoi(argv[1]));
    rc = status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    if (status == -2) {
        printf("Bail out! the test did not end within %s s\n", argv[1]);
        /* Its own clean-up takes the folder away; what it waits for ends, too. */
        (void) kill(-pid, SIGTERM);
    }
    stop = 0;
    if (reap(0, now_ms() + MOMENT_MS) != -1) {
        printf("# processes that the test left:\n");
        for (int tell = 1; reap(0, now_ms() + 200) != -1; tell = 0) {
            kill_children(tell);
        }
        rc = rc != 0 ? rc : 1;
    }
    return rc;
}
