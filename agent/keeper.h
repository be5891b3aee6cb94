/* keeper.h - the spool in the hands of the shell
 *
 * Carries out what the core appends, remembers for it what failed, and logs a disk that
 * ails once, and once more when it is well.  Ends up as events: NODE_RECORD at the start,
 * NODE_STORE_ERROR after a step.
 */
#ifndef AGENT_KEEPER_H
#define AGENT_KEEPER_H

#include "agent/core/node.h"
#include "agent/spool.h"
#include "common/io/log.h"

struct keeper {
    struct spool *spool;
    const char *state;
    const struct log_sink *log;
    void (*on_event)(void *arg, struct node_event *ev);
    void *arg;
    uint64_t lsn;    /* the last record kept */
    uint64_t failed; /* the first of this step that was not; 0: none */
    int ails;        /* as was logged */
};

/* The folder's name and the log are borrowed.  `on_event` gets the records.  WEFT_ENOMEM,
 * WEFT_ECONF. */
int keeper_open(struct keeper *k, const char *state, const struct log_sink *log,
                void (*on_event)(void *arg, struct node_event *ev), void *arg,
                struct wf_err *err);
void keeper_close(struct keeper *k);

/* Give out what an earlier process could not deliver.  A disk that cannot be read keeps
 * nobody from working. */
void keeper_load(struct keeper *k);

/* Carry out an APPEND. */
void keeper_append(struct keeper *k, uint64_t lsn, const uint8_t *record, size_t len);

/* Effects of a step were lost for want of memory. */
void keeper_lost(struct keeper *k);

/* Whether there is something that the core must hear of. */
int keeper_failure(struct keeper *k, struct node_event *ret_event);

#endif
