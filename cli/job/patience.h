/* patience.h - what is done and said while one job does not get on
 *
 * A broker that has just started, is full or cannot store refuses work and says when to
 * come back: the
 * job is offered again then, under the same id, until patience is at its end.  A job that
 * nobody has after a while is explained: silence looks like a program that hangs.
 */
#ifndef CLI_JOB_PATIENCE_H
#define CLI_JOB_PATIENCE_H

#include "cli/cli.h"

struct patience {
    struct cli *cli;
    uint64_t limit_ms; /* how long a busy broker is asked */
    uint64_t end_ms;   /* of asking it; 0: it has not refused the job since it took it */
    int told;          /* said that it is busy */
    int waits;         /* accepted, and with no agent */
    uint64_t tell_ms;  /* when to say so; 0: said */
};

/* How long to bear with a broker that is not there or busy.  Who waits for outcomes has
 * more patience, unless --timeout says otherwise: things may change while jobs run. */
uint64_t patience_ms(const struct cli *cli, int wait);

void patience_init(struct patience *patience, struct cli *cli, int wait);

/* Wait for this job from now on, which was just submitted. */
void patience_begin(struct patience *patience, weft_future *future);

/* To be called with each state that the job gets. */
void patience_state(struct patience *patience, enum weft_state state);

/* Say once that no agent has the job yet. */
void patience_explain(struct patience *patience, const weft_id *id);

/* After how many milliseconds to offer the job again that `refused` was for, said once;
 * 0 when it is not to be. */
uint64_t patience_again(struct patience *patience, weft_future *refused);

#endif
