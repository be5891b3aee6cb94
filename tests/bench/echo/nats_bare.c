/* NATS request-reply over our own sockets: the least that a client in C can cost. */
#include "tests/bench/echo/echo.h"
#include "tests/bench/nats_wire.h"
#include "tests/bench/proc.h"

#include <string.h>
#include <unistd.h>

static struct nats_server server;
static struct nats_wire wire;

static void worker(void *arg)
{
    int ready = *(int *) arg;
    struct nats_msg m;

    nats_wire_open(&wire, &server);
    nats_wire_subscribe(&wire, NATS_SUBJECT);
    if (write(ready, "", 1) != 1) {
        return;
    }
    for (;;) {
        nats_wire_next(&wire, &m);
        nats_wire_publish(&wire, m.reply, m.reply_len, NULL, m.payload, m.len);
    }
}

static void request(void)
{
    uint8_t payload[LOAD_PAYLOAD];

    load_stamp(payload);
    nats_wire_publish(&wire, NATS_SUBJECT, strlen(NATS_SUBJECT), NATS_INBOX, payload,
                      sizeof(payload));
}

static int run(struct bench_run *e, int tls)
{
    struct nats_msg m;
    int fds[2];
    char byte;
    uint32_t i;
    int rc = nats_server_start(&server, e->tmp, tls ? NATS_TLS : NATS_PLAIN);

    if (rc != 0) {
        return rc;
    }
    if (pipe(fds) != 0) {
        return 1;
    }
    proc_fork(worker, &fds[1]);
    close(fds[1]);
    if (read(fds[0], &byte, 1) != 1) {
        return 1;
    }
    nats_wire_open(&wire, &server);
    nats_wire_subscribe(&wire, NATS_INBOX);
    load_start(&e->load, e->window, e->seconds);
    for (i = 0; i < e->window; i++) {
        request();
    }
    for (;;) {
        nats_wire_next(&wire, &m);
        if (!load_reply(&e->load, m.payload, m.len)) {
            return 0;
        }
        request();
    }
}

int echo_nats_bare(struct bench_run *e)
{
    return run(e, 0);
}

int echo_nats_tls_bare(struct bench_run *e)
{
    return run(e, 1);
}
