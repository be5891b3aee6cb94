/* bench-echo SYSTEM [--window N] [--seconds S]
 *
 * Sends echo jobs through one system and prints one JSON object.  The work is done in a
 * child process, so that this one can end everything in time and remove what was left.
 */
#include "tests/bench/echo.h"
#include "tests/bench/proc.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* For starting up and shutting down, on top of the seconds measured. */
#define MARGIN_S   30
#define WINDOW_MAX 65536

static const struct system {
    const char *name;
    echo_fn *run;
} systems[] = {
    {"relay", echo_relay},
    {"relay-curve", echo_relay_curve},
#ifdef HAVE_GEARMAN
    {"gearmand", echo_gearman},
#endif
#ifdef HAVE_LIBNATS
    {"nats-lib", echo_nats_lib},
    {"nats-tls-lib", echo_nats_tls_lib},
#endif
    {"nats-bare", echo_nats_bare},
#ifdef HAVE_OPENSSL
    {"nats-tls-bare", echo_nats_tls_bare},
#endif
#ifdef HAVE_WEFT
    {"weft", echo_weft},
    {"weft-worker", echo_weft_worker},
#endif
};

static const char *const not_built[][2] = {
#ifndef HAVE_WEFT
    {"weft", "libweft"},
    {"weft-worker", "libweft"},
#endif
#ifndef HAVE_GEARMAN
    {"gearmand", "libgearman-dev"},
#endif
#ifndef HAVE_LIBNATS
    {"nats-lib", "libnats-dev"},
    {"nats-tls-lib", "libnats-dev"},
#endif
#ifndef HAVE_OPENSSL
    {"nats-tls-bare", "libssl-dev"},
#endif
    {NULL, NULL},
};

struct run {
    const struct system *system;
    struct echo echo;
};

static int usage(void)
{
    size_t i;

    fprintf(stderr, "usage: bench-echo SYSTEM [--window N] [--seconds S]\nsystems:");
    for (i = 0; i < sizeof(systems) / sizeof(systems[0]); i++) {
        fprintf(stderr, " %s", systems[i].name);
    }
    fprintf(stderr, "\n");
    return 2;
}

static void run_client(void *arg)
{
    struct run *r = arg;
    int rc = r->system->run(&r->echo);

    if (rc == 0) {
        load_print(&r->echo.load, r->system->name);
    }
    fflush(stdout);
    /* Without exit handlers: the libraries' threads may still be at work. */
    _exit(rc);
}

/* The exit status of the client, or 1 when it had to be ended. */
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
            fprintf(stderr, "bench-echo: no end after %ld s: gave up\n",
                    (long) left.tv_sec);
        }
        proc_kill(pid);
        return 1;
    }
}

static int parse_options(struct run *r, int argc, char **argv)
{
    size_t i;
    int a;

    r->echo.window = 1;
    r->echo.seconds = 1;
    for (i = 0; argc > 1 && i < sizeof(systems) / sizeof(systems[0]); i++) {
        if (strcmp(argv[1], systems[i].name) == 0) {
            r->system = &systems[i];
        }
    }
    for (i = 0; argc > 1 && not_built[i][0] != NULL; i++) {
        if (strcmp(argv[1], not_built[i][0]) == 0) {
            fprintf(stderr,
                    "bench-echo: %s was not built: install %s and configure again\n",
                    argv[1], not_built[i][1]);
            return ECHO_SKIP;
        }
    }
    for (a = 2; a + 1 < argc; a += 2) {
        if (strcmp(argv[a], "--window") == 0) {
            r->echo.window = (uint32_t) strtoul(argv[a + 1], NULL, 10);
        } else if (strcmp(argv[a], "--seconds") == 0) {
            r->echo.seconds = strtod(argv[a + 1], NULL);
        } else {
            return usage();
        }
    }
    if (r->system == NULL || a != argc || r->echo.window == 0 ||
        r->echo.window > WINDOW_MAX ||
        !(r->echo.seconds > 0 && r->echo.seconds <= 3600)) {
        return usage();
    }
    return 0;
}

int main(int argc, char **argv)
{
    static struct run r;
    char tmp[256];
    sigset_t set;
    sigset_t old;
    int rc = parse_options(&r, argc, argv);
    pid_t pid;

    if (rc != 0) {
        return rc;
    }
    if (proc_tmp_make(tmp, sizeof(tmp)) != 0) {
        perror("bench-echo: temporary folder");
        return 1;
    }
    r.echo.tmp = tmp;
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, &old);
    proc_adopt();
    pid = proc_fork(run_client, &r);
    rc = supervise(pid, r.echo.seconds, &set);
    proc_reap_all();
    proc_tmp_remove(tmp);
    return rc;
}
