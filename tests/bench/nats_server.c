#include "tests/bench/nats_server.h"

#include "tests/bench/proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PORT_TRIES   500
#define PORT_WAIT_NS 10000000

static int make_certificate(struct nats_server *s, const char *tmp)
{
    const char *argv[] = {"openssl",
                          "req",
                          "-x509",
                          "-newkey",
                          "ec",
                          "-pkeyopt",
                          "ec_paramgen_curve:P-256",
                          "-nodes",
                          "-days",
                          "2",
                          "-subj",
                          "/CN=localhost",
                          "-addext",
                          "subjectAltName=IP:127.0.0.1,DNS:localhost",
                          "-keyout",
                          s->key,
                          "-out",
                          s->cert,
                          NULL};
    char log[512];

    snprintf(s->cert, sizeof(s->cert), "%s/cert.pem", tmp);
    snprintf(s->key, sizeof(s->key), "%s/key.pem", tmp);
    snprintf(log, sizeof(log), "%s/openssl.log", tmp);
    return proc_run(argv, log);
}

/* The server was told to take any port and writes which one into a file. */
static int read_port(const char *tmp, pid_t pid)
{
    struct timespec wait = {0, PORT_WAIT_NS};
    char path[600];
    char text[512];
    int i;

    snprintf(path, sizeof(path), "%s/nats-server_%ld.ports", tmp, (long) pid);
    for (i = 0; i < PORT_TRIES; i++) {
        FILE *f = fopen(path, "r");

        if (f != NULL) {
            size_t n = fread(text, 1, sizeof(text) - 1, f);
            const char *at;

            fclose(f);
            text[n] = '\0';
            at = strstr(text, "127.0.0.1:");
            if (at != NULL) {
                return atoi(at + strlen("127.0.0.1:"));
            }
        }
        nanosleep(&wait, NULL);
    }
    return -1;
}

int nats_server_start(struct nats_server *s, const char *tmp, enum nats_how how)
{
    const char *argv[] = {
        "nats-server", "-a", "127.0.0.1", "-p", "-1", "--ports_file_dir", tmp, NULL,
        NULL,          NULL, NULL,        NULL, NULL};
    char log[512];
    pid_t pid;

    s->tls = how == NATS_TLS;
    if (how == NATS_TLS) {
        if (make_certificate(s, tmp) != 0) {
            fprintf(stderr, "bench: cannot make a certificate: install openssl\n");
            return BENCH_SKIP;
        }
        argv[7] = "--tls";
        argv[8] = "--tlscert";
        argv[9] = s->cert;
        argv[10] = "--tlskey";
        argv[11] = s->key;
    } else if (how == NATS_JETSTREAM) {
        argv[7] = "-js";
        argv[8] = "-sd";
        argv[9] = tmp;
    }
    snprintf(log, sizeof(log), "%s/nats-server.log", tmp);
    pid = proc_exec(argv, log);
    if (pid < 0) {
        fprintf(stderr, "bench: no nats-server: install nats-server\n");
        return BENCH_SKIP;
    }
    s->port = read_port(tmp, pid);
    if (s->port <= 0) {
        fprintf(stderr, "bench: nats-server does not start\n");
        return 1;
    }
    return 0;
}
