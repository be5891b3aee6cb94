/* nats_server.h - a nats-server of our own for one run */
#ifndef TESTS_BENCH_NATS_SERVER_H
#define TESTS_BENCH_NATS_SERVER_H

#include "tests/bench/echo.h"

#define NATS_SUBJECT "bench.echo"
#define NATS_INBOX   "_INBOX.bench"

struct nats_server {
    int port;
    int tls;
    char cert[512]; /* self-signed: also what clients trust */
    char key[512];
};

/* 0, 1, or ECHO_SKIP, having said why. */
int nats_server_start(struct nats_server *s, struct echo *e, int tls);

#endif
