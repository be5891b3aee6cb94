/* ledger.h - what is written of a job, and what waits until it is on stable storage
 *
 * Whoever changes what must survive marks the job with ledger_write(); the end of the
 * step appends its records (a step that runs out of memory leaves the mark for the next
 * one). The job is then pending until DURABLE covers it, and settles: it is told accepted
 * and placed, its assignment is sent, its outcome is told and the agent's result
 * acknowledged.  Nothing of that happens before.  Jobs of class fast have no records and
 * settle at once.
 *
 * Records: one of the job as it was accepted, which also reserves attempt 1; one of its
 * attempts, written before any further one is assigned, so that after a crash no number
 * is given twice; one of its outcome.
 */
#ifndef BROKER_CORE_LEDGER_H
#define BROKER_CORE_LEDGER_H

#include "broker/core/core_int.h"

/* Tables of the store, beside those in registry.h. */
enum ledger_table {
    LEDGER_JOBS = 3,
    LEDGER_ATTEMPTS,
    LEDGER_OUTCOMES,
    LEDGER_EVENTS,
    LEDGER_DATASETS,
    LEDGER_ESTIMATES
};

/* What of a job is to be written. */
enum ledger_record { LEDGER_JOB = 1, LEDGER_ATTEMPT = 2, LEDGER_OUTCOME = 4 };

/* Append one record under a number, or delete it, in this step.  WEFT_ENOMEM. */
int ledger_put(struct core *c, unsigned table, uint64_t seq, enum wf_type type,
               const void *body, struct wf_effects *out);
int ledger_delete(struct core *c, unsigned table, uint64_t seq, struct wf_effects *out);

/* Mark records to be written at the end of the step. */
void ledger_write(struct core *c, struct job *j, unsigned records);

/* 1 when all that was written of the job is on stable storage, and told. */
static inline int ledger_settled(const struct core *c, const struct job *j)
{
    return j->dirty == 0 && j->lsn <= c->durable_lsn && wf_list_empty(&j->in_ledger);
}

/* Append the records of all marked jobs. */
void ledger_flush(struct core *c, struct wf_effects *out);

/* All up to durable_lsn is on stable storage: settle what waited for it. */
void ledger_settle(struct core *c, struct wf_effects *out);

/* The store failed from `lsn` on: what was not accepted yet is refused and taken back,
 * the rest waits for the store to recover. */
void ledger_failed(struct core *c, uint64_t lsn, struct wf_effects *out);

/* The store did not take the job of this lsn: another broker has its id. */
void ledger_taken(struct core *c, uint64_t lsn, struct wf_effects *out);

/* Take back a job that is not accepted yet: the id is that of other work, which is being
 * taken over. */
void ledger_other(struct core *c, struct job *j, struct wf_effects *out);

/* Delete the records of a job that is about to be forgotten. */
void ledger_drop(struct core *c, const struct job *j, struct wf_effects *out);

/* Write an event; delete one that the ring has no more. */
void ledger_event(struct core *c, struct news_item *item, struct wf_effects *out);
void ledger_drop_event(struct core *c, uint64_t seq, struct wf_effects *out);

#endif
