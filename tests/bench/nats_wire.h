/* nats_wire.h - as little of NATS' protocol as a benchmark needs
 *
 * Blocking.  What is put goes out with the next flush in one write, so all that came in
 * with one read is answered with one write.
 */
#ifndef TESTS_BENCH_NATS_WIRE_H
#define TESTS_BENCH_NATS_WIRE_H

#include "tests/bench/nats_server.h"

#define NATS_BUF (512 * 1024)

struct nats_wire {
    int fd;
    void *ssl; /* SSL, or NULL */
    size_t in_at;
    size_t in_len;
    size_t out_len;
    char in[NATS_BUF];
    char out[NATS_BUF];
};

/* A message that came in; all borrowed until the next call of nats_wire_next(). */
struct nats_msg {
    const char *reply; /* subject to answer to; not terminated */
    size_t reply_len;
    const char *payload;
    size_t len;
};

/* All of these end the process when the connection fails. */
void nats_wire_open(struct nats_wire *w, const struct nats_server *s);
void nats_wire_subscribe(struct nats_wire *w, const char *subject);
void nats_wire_publish(struct nats_wire *w, const char *subject, size_t subject_len,
                       const char *reply, const void *payload, size_t len);
void nats_wire_flush(struct nats_wire *w);

/* Make sure that the server has seen everything sent before. */
void nats_wire_sync(struct nats_wire *w);

/* The next message; flushes before it waits for one. */
void nats_wire_next(struct nats_wire *w, struct nats_msg *ret);

#endif
