/* postgres_server.h - a PostgreSQL server of our own for one run
 *
 * Debian's newest, with data and socket below the scratch folder and settings that suit a
 * queue: fsync and synchronous commit on, room for the log to grow without checkpoints.
 * Root runs it as another user, because it refuses to be root's.
 */
#ifndef TESTS_BENCH_POSTGRES_SERVER_H
#define TESTS_BENCH_POSTGRES_SERVER_H

#include <libpq-fe.h>
#include <sys/types.h>

struct postgres_server {
    pid_t pid;
    char data[512];
};

/* 0, 1, or BENCH_SKIP, having said why.  Changes the working folder. */
int postgres_server_start(struct postgres_server *s, const char *tmp);

/* A connection; the process ends when there is none. */
PGconn *postgres_connect(void);

/* End it so that it gives its shared memory back. */
void postgres_server_stop(struct postgres_server *s);

#endif
