/* JetStream with file storage: publishes with an acknowledgement each, over one
 * connection.  The server acknowledges when it has written, and syncs every two minutes:
 * what it acknowledged is not yet durable. */
#include "tests/bench/durable/durable.h"
#include "tests/bench/nats_wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUBJECT "bench.durable"
#define CREATE  "$JS.API.STREAM.CREATE.BENCH"
#define STREAM                                                                           \
    "{\"name\":\"BENCH\",\"subjects\":[\"" SUBJECT "\"],\"storage\":\"file\","           \
    "\"retention\":\"workqueue\",\"num_replicas\":1}"

static struct nats_server server;
static struct nats_wire wire;

static int bad_answer(const struct nats_msg *m)
{
    fprintf(stderr, "bench: jetstream: %.*s\n", (int) m->len, m->payload);
    return 1;
}

/* The payload is not terminated: look no further than its end. */
static const char *find(const struct nats_msg *m, const char *what)
{
    return memmem(m->payload, m->len, what, strlen(what));
}

static void publish(struct stamps *s)
{
    uint8_t payload[DURABLE_PAYLOAD];

    durable_fill(payload);
    stamps_sent(s);
    nats_wire_publish(&wire, SUBJECT, strlen(SUBJECT), NATS_INBOX, payload,
                      sizeof(payload));
}

int durable_jetstream(struct bench_run *r)
{
    struct stamps stamps;
    struct nats_msg m;
    int rc = nats_server_start(&server, r->tmp, NATS_JETSTREAM);

    if (rc != 0) {
        return rc;
    }
    nats_wire_open(&wire, &server);
    nats_wire_subscribe(&wire, NATS_INBOX);
    nats_wire_publish(&wire, CREATE, strlen(CREATE), NATS_INBOX, STREAM, strlen(STREAM));
    nats_wire_next(&wire, &m);
    if (find(&m, "\"error\"") != NULL) {
        return bad_answer(&m);
    }
    stamps_start(&stamps, r);
    for (uint32_t i = 0; i < r->window; i++) {
        publish(&stamps);
    }
    for (;;) {
        const char *seq;

        nats_wire_next(&wire, &m);
        /* Acknowledged in order: the stamps rely on it. */
        seq = find(&m, "\"seq\":");
        if (seq == NULL || strtoull(seq + 6, NULL, 10) != stamps.ndone + 1) {
            return bad_answer(&m);
        }
        if (!stamps_done(&stamps, &r->load, load_now())) {
            return 0;
        }
        publish(&stamps);
    }
}
