/* sum.h - the checksum that follows every stored value
 *
 * Over table, key and value, eight bytes at a time: h = (h ^ word) * odd, then folded
 * with a shift.  Each step is a bijection of h, so damage within one word is always
 * noticed; of any other, one in 2^64 goes unnoticed.  It is against rot, not against
 * forgery: who can write the store can write the sum.  The same on every machine.
 */
#ifndef BROKER_STORE_SUM_H
#define BROKER_STORE_SUM_H

#include "proto/msg.h"

uint64_t store_sum(unsigned table, struct wf_slice key, struct wf_slice value);

#endif
