/* oracle.h - what must hold of a broker at any time, whoever looks */
#ifndef TESTS_SIM_ORACLE_H
#define TESTS_SIM_ORACLE_H

#include <stddef.h>
#include <stdint.h>

struct sim;
struct hjob;
struct host;
struct conn;
struct wf_msg;
struct wf_result_ack;

/* After every step: its bounds. */
void oracle_step(struct sim *s, const struct host *h);

/* The broker says something: nothing that promises comes before what it promises is on
 * stable storage. */
void oracle_says(struct sim *s, const struct host *h, const struct conn *c,
                 const uint8_t *p, size_t len);

/* Before and after the broker takes a message: who was told of more than it has makes it
 * stop, and nobody else. */
void oracle_heard(struct host *h, const struct wf_msg *m, const struct conn *c);
void oracle_took(struct sim *s, const struct host *h);

/* Its result for a guest is acknowledged. */
void oracle_acked(struct sim *s, const struct host *h, const struct conn *c,
                  const struct wf_result_ack *m);

/* After a start: nobody is let in or out who was not before. */
void oracle_keys(struct sim *s, const struct host *h);

/* Now and then: no job lives on past its deadline. */
void oracle_deadlines(struct sim *s, const struct host *h);

/* A reader is told that a job expired: not too early. */
void oracle_expired(struct sim *s, const struct hjob *j, int code);

/* A broker that read what the store holds would know what this one knows. */
void oracle_replay(struct sim *s, struct host *h);

#endif
