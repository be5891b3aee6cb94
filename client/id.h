/* id.h - random job ids, many for one call of the system
 *
 * Ids are drawn from the system's generator in blocks: a job's id costs a copy.
 */
#ifndef CLIENT_ID_H
#define CLIENT_ID_H

#include "proto/msg.h"

struct id_pool {
    uint8_t bytes[256 * WF_ID_SIZE];
    size_t left; /* ids not handed out yet */
};

void id_pool_take(struct id_pool *pool, struct wf_id *ret_id);

#endif
