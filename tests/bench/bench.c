#include "tests/bench/bench.h"

#include "tests/bench/proc.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* For starting up and shutting down, on top of the seconds measured. */
#define MARGIN_S    30
#define MIB_S       0.2 /* and for a MiB of data */
#define MIB_MAX     65536
#define WINDOW_MAX  65536
#define SECONDS_MAX 3600

struct child {
    const char *bench;
    const struct bench_system *system;
    struct bench_run run;
};

static void run_system(void *arg)
{
    struct child *c = arg;
    int rc = c->system->run(&c->run);

    if (rc == 0 && !c->run.printed) {
        load_print(&c->run.load, c->bench, c->system->name);
    }
    fflush(stdout);
    /* Without exit handlers: the libraries' threads may still be at work. */
    _exit(rc);
}

/* The exit status of the child, or 1 when it had to be ended. */
static int supervise(pid_t pid, double seconds, const sigset_t *set)
{
    struct timespec left = {(time_t) seconds + MARGIN_S, 0};
    int status;

    for (;;) {
        int sig = sigtimedwait(set, NULL, &left);

        if (sig == SIGCHLD) {
            if (waitpid(pid, &status, WNOHANG) == pid) {
                return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
            }
            continue;
        }
        if (sig < 0 && errno == EINTR) {
            continue;
        }
        if (sig < 0) {
            fprintf(stderr, "bench: no end after %ld s: gave up\n", (long) left.tv_sec);
        }
        proc_kill(pid);
        return 1;
    }
}

static int usage(const char *name, const struct bench_system *systems, size_t n)
{
    fprintf(
        stderr,
        "usage: bench-%s SYSTEM [--window N] [--seconds S] [--mib N]\nsystems:", name);
    for (size_t i = 0; i < n; i++) {
        fprintf(stderr, " %s", systems[i].name);
    }
    fprintf(stderr, "\n");
    return 2;
}

/* 0, or -1 for what makes no sense. */
static int parse_options(struct bench_run *r, int argc, char **argv)
{
    int a;

    r->window = 1;
    r->seconds = 1;
    r->mib = 1;
    for (a = 2; a + 1 < argc; a += 2) {
        if (strcmp(argv[a], "--window") == 0) {
            r->window = (uint32_t) strtoul(argv[a + 1], NULL, 10);
        } else if (strcmp(argv[a], "--seconds") == 0) {
            r->seconds = strtod(argv[a + 1], NULL);
        } else if (strcmp(argv[a], "--mib") == 0) {
            r->mib = (uint32_t) strtoul(argv[a + 1], NULL, 10);
        } else {
            return -1;
        }
    }
    return a == argc && r->window != 0 && r->window <= WINDOW_MAX && r->seconds > 0 &&
                   r->seconds <= SECONDS_MAX && r->mib != 0 && r->mib <= MIB_MAX
               ? 0
               : -1;
}

static int run_child(struct child *c)
{
    char tmp[256];
    sigset_t set;
    pid_t pid;
    int rc;

    if (proc_tmp_make(tmp, sizeof(tmp)) != 0) {
        perror("bench: temporary folder");
        return 1;
    }
    c->run.tmp = tmp;
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    proc_adopt();
    pid = proc_fork(run_system, c);
    rc = supervise(pid, c->run.seconds + c->run.mib * MIB_S, &set);
    proc_reap_all();
    proc_tmp_remove(tmp);
    return rc;
}

void bench_touch(size_t bytes)
{
    const long page = sysconf(_SC_PAGESIZE), free_pages = sysconf(_SC_AVPHYS_PAGES);
    size_t len = (size_t) free_pages / 4 * (size_t) page;
    uint8_t *p;

    if (len > bytes) {
        len = bytes;
    }
    p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        return;
    }
    for (size_t i = 0; i < len; i += (size_t) page) {
        ((volatile uint8_t *) p)[i] = 1;
    }
    (void) munmap(p, len);
}

int bench_main(const char *name, const struct bench_system *systems, size_t n, int argc,
               char **argv)
{
    static struct child c;

    c.bench = name;
    for (size_t i = 0; argc > 1 && i < n; i++) {
        if (strcmp(argv[1], systems[i].name) == 0) {
            c.system = &systems[i];
        }
    }
    if (c.system == NULL || parse_options(&c.run, argc, argv) != 0) {
        return usage(name, systems, n);
    }
    if (c.system->missing != NULL) {
        fprintf(stderr, "bench: %s was not built: install %s and configure again\n",
                c.system->name, c.system->missing);
        return BENCH_SKIP;
    }
    return run_child(&c);
}
