/* operator.h - what an operator does: tokens, drain, labels, revocation, audit */
#ifndef TESTS_SIM_OPERATOR_H
#define TESTS_SIM_OPERATOR_H

#include "tests/sim/client.h"

/* One act, of its own accord. */
void operator_act(struct sim *s, struct client *c);

/* A request of it has ended. */
void operator_told(struct sim *s, struct client *c, const struct client_call *x);

/* The world is healed: bring everything back into service, then look at every outcome
 * once more.  Returns 1 when nothing is left to do. */
int operator_mend(struct sim *s, struct client *c);

#endif
