/* NATS request-reply through its own C library. */
#include "tests/bench/echo/echo.h"
#include "tests/bench/nats_server.h"
#include "tests/bench/proc.h"

#include <nats/nats.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ASAP_WINDOW 64

static struct nats_server server;
static sem_t over;

static void must(natsStatus s, const char *what)
{
    if (s != NATS_OK) {
        fprintf(stderr, "bench: %s: %s\n", what, natsStatus_GetText(s));
        exit(1);
    }
}

/* Few messages go out at once; of many, the library's flusher makes larger writes. */
static natsConnection *connect_to(const struct nats_server *srv, int asap)
{
    natsOptions *opts = NULL;
    natsConnection *nc = NULL;
    char url[64];

    must(natsOptions_Create(&opts), "natsOptions_Create");
    snprintf(url, sizeof(url), "%s://127.0.0.1:%d", srv->tls ? "tls" : "nats", srv->port);
    must(natsOptions_SetURL(opts, url), "url");
    must(natsOptions_SetSendAsap(opts, asap), "send asap");
    if (srv->tls) {
        must(natsOptions_SetSecure(opts, true), "secure");
        must(natsOptions_LoadCATrustedCertificates(opts, srv->cert), "certificate");
    }
    must(natsConnection_Connect(&nc, opts), "natsConnection_Connect");
    return nc;
}

static void on_request(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *arg)
{
    (void) sub;
    (void) arg;
    natsConnection_Publish(nc, natsMsg_GetReply(msg), natsMsg_GetData(msg),
                           natsMsg_GetDataLength(msg));
    natsMsg_Destroy(msg);
}

static void on_reply(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *arg)
{
    struct bench_run *e = arg;
    uint8_t payload[LOAD_PAYLOAD];

    (void) sub;
    if (load_reply(&e->load, natsMsg_GetData(msg), (size_t) natsMsg_GetDataLength(msg))) {
        load_stamp(payload);
        natsConnection_PublishRequest(nc, NATS_SUBJECT, NATS_INBOX, payload,
                                      sizeof(payload));
    } else {
        sem_post(&over);
    }
    natsMsg_Destroy(msg);
}

struct worker_arg {
    int asap;
    int ready;
};

static void worker(void *arg)
{
    const struct worker_arg *a = arg;
    natsConnection *nc = connect_to(&server, a->asap);
    natsSubscription *sub = NULL;

    must(natsConnection_Subscribe(&sub, nc, NATS_SUBJECT, on_request, NULL), "subscribe");
    must(natsSubscription_SetPendingLimits(sub, -1, -1), "limits");
    must(natsConnection_Flush(nc), "flush");
    if (write(a->ready, "", 1) != 1) {
        exit(1);
    }
    for (;;) {
        pause();
    }
}

static int run(struct bench_run *e, int tls)
{
    struct worker_arg a = {e->window <= ASAP_WINDOW, -1};
    natsConnection *nc;
    natsSubscription *sub = NULL;
    uint8_t payload[LOAD_PAYLOAD];
    int fds[2];
    uint32_t i;
    int rc = nats_server_start(&server, e->tmp, tls ? NATS_TLS : NATS_PLAIN);

    if (rc != 0) {
        return rc;
    }
    if (pipe(fds) != 0) {
        return 1;
    }
    a.ready = fds[1];
    proc_fork(worker, &a);
    close(fds[1]);
    if (read(fds[0], payload, 1) != 1) {
        return 1;
    }
    sem_init(&over, 0, 0);
    nc = connect_to(&server, a.asap);
    load_start(&e->load, e->window, e->seconds);
    must(natsConnection_Subscribe(&sub, nc, NATS_INBOX, on_reply, e), "subscribe");
    must(natsSubscription_SetPendingLimits(sub, -1, -1), "limits");
    for (i = 0; i < e->window; i++) {
        load_stamp(payload);
        must(natsConnection_PublishRequest(nc, NATS_SUBJECT, NATS_INBOX, payload,
                                           sizeof(payload)),
             "publish");
    }
    while (sem_wait(&over) != 0) {
    }
    return 0;
}

int echo_nats_lib(struct bench_run *e)
{
    return run(e, 0);
}

int echo_nats_tls_lib(struct bench_run *e)
{
    return run(e, 1);
}
