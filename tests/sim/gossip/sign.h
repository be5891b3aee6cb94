/* sign.h - signatures, or sums in their place
 *
 * Stands in for broker/core/mesh/gossip/sign.c.  A thousand brokers in one process have
 * no time for a thousand times the signatures of one; a sum over the same bytes is
 * compared instead.  How often is counted either way.
 */
#ifndef TESTS_SIM_GOSSIP_SIGN_H
#define TESTS_SIM_GOSSIP_SIGN_H

#include "broker/core/mesh/gossip/sign.h"

void sign_real(int yes);

void real_sign_make(const struct said *f, const uint8_t secret[SIGN_SECRET_SIZE],
                    uint8_t ret_sign[WF_SIGN_SIZE]);
int real_sign_verify(const struct said *f, const struct wf_key *public_key,
                     const uint8_t sign[WF_SIGN_SIZE]);

#endif
