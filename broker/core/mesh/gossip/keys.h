/* keys.h - what the mesh says of a key
 *
 * Any broker may say a fact about a key: where it was enrolled, under which name and
 * role, whether it was revoked.  Where several speak of one key, every broker comes to
 * the same word, whatever the order in which it heard them:
 *   1. revoked stands above everything;
 *   2. then the highest version: who changes an entry says it with one more than the
 *      highest version that it knows, so the change of who knew more wins;
 *   3. then the greatest key of the origin (two that changed it apart from each other).
 * No clock is asked.  Pure.
 */
#ifndef BROKER_CORE_MESH_GOSSIP_KEYS_H
#define BROKER_CORE_MESH_GOSSIP_KEYS_H

#include "broker/core/mesh/gossip/facts.h"

/* Whether the word `a` of origin `by_a` stands above `b` of `by_b`. */
int keys_above(const struct wf_key_fact *a, const struct wf_key *by_a,
               const struct wf_key_fact *b, const struct wf_key *by_b);

/* Read a body.  0, or WEFT_EPROTO when it is not a key_fact. */
int keys_read(struct wf_slice body, struct wf_key_fact *ret_fact);

/* The word on a key that stands, borrowing from the fact; NULL when there is none.
 * ret_word may be NULL. */
const struct fact *keys_word(const struct facts *s, const struct wf_key *key,
                             struct wf_key_fact *ret_word);

#endif
