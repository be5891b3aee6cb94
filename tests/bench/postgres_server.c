#include "tests/bench/postgres_server.h"

#include "tests/bench/bench.h"
#include "tests/bench/proc.h"

#include <errno.h>
#include <glob.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define READY_TRIES   1000
#define READY_WAIT_NS 10000000

/* The name of a socket has at most 107 bytes, that of the scratch folder may have more:
 * server and client both stand in the folder of the socket. */
#define CONNINFO "host=/proc/self/cwd user=bench dbname=postgres"

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "bench: postgres: %s: %s\n", what, why);
    return 1;
}

/* What a program said last, for failures whose log is about to be removed. */
static int complain_log(const char *what, const char *log)
{
    char line[512] = "it said nothing";
    FILE *f = fopen(log, "r");

    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
    }
    if (f != NULL) {
        fclose(f);
    }
    line[strcspn(line, "\n")] = '\0';
    return complain(what, line);
}

/* The folder of the newest version's programs. */
static int find_programs(char *ret, size_t cap)
{
    glob_t g;
    int best = -1;

    if (glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &g) == 0) {
        for (size_t i = 0; i < g.gl_pathc; i++) {
            int version = atoi(g.gl_pathv[i] + strlen("/usr/lib/postgresql/"));

            if (version > best) {
                best = version;
            }
        }
        globfree(&g);
    }
    snprintf(ret, cap, "/usr/lib/postgresql/%d/bin", best);
    return best >= 0;
}

static const struct passwd *other_user(void)
{
    const struct passwd *as = getpwnam("postgres");

    return geteuid() != 0 ? NULL : as != NULL ? as : getpwnam("nobody");
}

/* Whether every folder on the way down to here lets others pass. */
static int others_may_enter(const char *path)
{
    char way[512];
    struct stat st;

    snprintf(way, sizeof(way), "%s", path);
    for (char *end = way + strlen(way); end != NULL && end != way;
         end = strrchr(way, '/')) {
        *end = '\0';
        if (stat(way, &st) != 0 || (st.st_mode & S_IXOTH) == 0) {
            return 0;
        }
    }
    return 1;
}

static int make_data(struct postgres_server *s, const char *tmp, const char *programs,
                     const struct passwd *as)
{
    char program[600];
    char log[512];
    const char *argv[] = {program, "-D", s->data, "-U",         "bench",     "-A",
                          "trust", "-E", "UTF8",  "--locale=C", "--no-sync", NULL};

    snprintf(s->data, sizeof(s->data), "%s/postgres", tmp);
    snprintf(program, sizeof(program), "%s/initdb", programs);
    snprintf(log, sizeof(log), "%s/initdb.log", tmp);
    if (as != NULL && (chmod(tmp, 0711) != 0 || !others_may_enter(tmp))) {
        fprintf(stderr, "bench: postgres: its user %s cannot enter %s\n", as->pw_name,
                tmp);
        return BENCH_SKIP;
    }
    if (mkdir(s->data, 0700) != 0 ||
        (as != NULL && chown(s->data, as->pw_uid, as->pw_gid) != 0) ||
        chdir(s->data) != 0) {
        return complain("data folder", strerror(errno));
    }
    if (proc_wait(proc_exec_as(as, SIGKILL, argv, log)) != 0) {
        return complain_log("initdb", log);
    }
    return 0;
}

int postgres_server_start(struct postgres_server *s, const char *tmp)
{
    const struct timespec wait = {0, READY_WAIT_NS};
    const struct passwd *as = other_user();
    char programs[512];
    char program[600];
    char log[512];
    int rc;
    const char *argv[] = {program,
                          "-D",
                          s->data,
                          "-c",
                          "listen_addresses=",
                          "-c",
                          "unix_socket_directories=.",
                          "-c",
                          "shared_buffers=256MB",
                          "-c",
                          "wal_level=minimal",
                          "-c",
                          "max_wal_senders=0",
                          "-c",
                          "min_wal_size=1GB",
                          "-c",
                          "max_wal_size=8GB",
                          NULL};

    if (!find_programs(programs, sizeof(programs))) {
        complain("no server", "install postgresql");
        return BENCH_SKIP;
    }
    rc = make_data(s, tmp, programs, as);
    if (rc != 0) {
        return rc;
    }
    snprintf(program, sizeof(program), "%s/postgres", programs);
    snprintf(log, sizeof(log), "%s/postgres.log", tmp);
    /* Told to quit at once it still removes its shared memory. */
    s->pid = proc_exec_as(as, SIGQUIT, argv, log);
    for (int i = 0; s->pid > 0 && i < READY_TRIES; i++) {
        if (PQping(CONNINFO) == PQPING_OK) {
            return 0;
        }
        nanosleep(&wait, NULL);
    }
    return complain_log("server", log);
}

PGconn *postgres_connect(void)
{
    PGconn *c = PQconnectdb(CONNINFO);

    if (PQstatus(c) != CONNECTION_OK) {
        complain("connect", PQerrorMessage(c));
        exit(1);
    }
    return c;
}

void postgres_server_stop(struct postgres_server *s)
{
    kill(s->pid, SIGQUIT);
    proc_wait(s->pid);
}
