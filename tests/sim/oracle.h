/* oracle.h - what must hold of a broker at any time, whoever looks */
#ifndef TESTS_SIM_ORACLE_H
#define TESTS_SIM_ORACLE_H

struct sim;
struct hjob;

/* After every step: its bounds. */
void oracle_step(struct sim *s);

/* After a start: nobody is let in or out who was not before. */
void oracle_keys(struct sim *s);

/* Now and then: no job lives on past its deadline. */
void oracle_deadlines(struct sim *s);

/* A reader is told that a job expired: not too early. */
void oracle_expired(struct sim *s, const struct hjob *j);

/* A broker that read what the store holds would know what this one knows. */
void oracle_replay(struct sim *s);

#endif
