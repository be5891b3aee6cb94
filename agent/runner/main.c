/* main.c - weft-runner: starts and ends handlers for weft-agent
 *
 * weft-agent starts it with a socket as fd 0; it is of no use by hand.  The same program
 * serves as pid 1 inside bwrap (--init) and as what bwrap's self-test runs (--selftest).
 */
#include "agent/runner/init.h"
#include "agent/runner/result.h"
#include "agent/runner/runner.h"
#include "agent/runner/scratch.h"

#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
    "weft-runner: starts handlers for weft-agent, which runs it by itself.\n"
    "\n"
    "  --scratch DIR      folder for the runs' private folders (required)\n"
    "  --inputs DIR       folder in which run-* was left by agents before\n"
    "  --sandbox WHICH    auto (bwrap where it works) or none\n"
    "  --isolate WHICH    auto (PID namespaces where they work) or subreaper\n"
    "  --cgroup WHICH     auto, off, or the path of a cgroup v2 folder to use\n"
    "  --probe            print what this machine offers and exit\n";

/* An agent that ignores or blocks signals must not hand that to handlers. */
static void default_signals(void)
{
    sigset_t none;

    for (int i = 1; i < NSIG; i++) {
        (void) signal(i, SIG_DFL);
    }
    (void) sigemptyset(&none);
    (void) sigprocmask(SIG_SETMASK, &none, NULL);
}

static void raise_files(void)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
        r.rlim_cur = r.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &r);
    }
}

/* Take the socket from fd 0, so that nothing that we start inherits it. */
static int take_socket(void)
{
    int sock = fcntl(0, F_DUPFD_CLOEXEC, 3);
    int null = open("/dev/null", O_RDWR);

    if (sock >= 0 && null >= 0) {
        (void) dup2(null, 0);
        (void) close(null);
        (void) fcntl(sock, F_SETFL, O_NONBLOCK);
        return sock;
    }
    return -1;
}

static int parse(int argc, char **argv, struct host_opts *o, int *ret_probe)
{
    static const struct option options[] = {
        {"scratch", required_argument, NULL, 's'},
        {"inputs", required_argument, NULL, 'n'},
        {"sandbox", required_argument, NULL, 'b'},
        {"isolate", required_argument, NULL, 'i'},
        {"cgroup", required_argument, NULL, 'c'},
        {"probe", no_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 's':
            o->base = optarg;
            break;
        case 'n':
            o->inputs = optarg;
            break;
        case 'b':
            o->sandbox = optarg;
            break;
        case 'i':
            o->isolate = optarg;
            break;
        case 'c':
            o->cgroup = optarg;
            break;
        case 'p':
            *ret_probe = 1;
            break;
        case 'h':
            (void) fputs(usage, stdout);
            return 1;
        default:
            return -1;
        }
    }
    return o->base != NULL && optind == argc ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct host_opts o = {NULL, NULL, "auto", "auto", "auto"};
    static struct host host;
    int probe = 0;
    int sock = -1;
    int rc;

    if (argc == 2 && strncmp(argv[1], "--init", 6) == 0) {
        init_main_exec(strcmp(argv[1], "--init-nproc") == 0);
    }
    if (argc == 2 && strcmp(argv[1], "--selftest") == 0) {
        return 0;
    }
    rc = parse(argc, argv, &o, &probe);
    if (rc != 0) {
        if (rc < 0) {
            (void) fputs(usage, stderr);
        }
        return rc < 0 ? 2 : 0;
    }
    default_signals();
    raise_files();
    (void) umask(077);
    if (!probe) {
        sock = take_socket();
        (void) close_range((unsigned) sock + 1, ~0U, 0);
    }
    rc = host_probe(&host, &o);
    if (probe || rc != 0) {
        (void) fprintf(probe ? stdout : stderr, "%s\n", host.text);
        cgroup_fini(&host.cg);
        return rc != 0;
    }
    scratch_sweep(host.base);
    if (o.inputs != NULL) {
        scratch_sweep(o.inputs);
    }
    result_folder(host.base);
    rc = runner_main(&host, sock);
    cgroup_fini(&host.cg);
    return rc != 0;
}
