/* unmet.h - which need of a job no agent meets that offers what it asks for
 *
 * For people: a need that is misspelt holds a job for ever, and is named.
 */
#ifndef BROKER_CORE_PLACE_UNMET_H
#define BROKER_CORE_PLACE_UNMET_H

#include "broker/core/core_int.h"

#define UNMET_LOOKS 4096u /* agents that are looked at; of more nothing is said */

/* The first need that nobody known meets: 1, and its text, which borrows.  With `near`
 * that is said of the agents here alone; else neighbours count as meeting what gossip
 * does not tell, until they refused the job. */
int unmet_need(const struct core *c, const struct job *j, int near,
               struct wf_slice *ret_need);

#endif
