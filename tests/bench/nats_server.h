/* nats_server.h - a nats-server of our own for one run */
#ifndef TESTS_BENCH_NATS_SERVER_H
#define TESTS_BENCH_NATS_SERVER_H

#include "tests/bench/bench.h"

#define NATS_SUBJECT "bench.echo"
#define NATS_INBOX   "_INBOX.bench"

enum nats_how { NATS_PLAIN, NATS_TLS, NATS_JETSTREAM };

struct nats_server {
    int port;
    int tls;
    char cert[512]; /* self-signed: also what clients trust */
    char key[512];
};

/* JetStream keeps its files below `tmp`.  0, 1, or BENCH_SKIP, having said why. */
int nats_server_start(struct nats_server *s, const char *tmp, enum nats_how how);

#endif
