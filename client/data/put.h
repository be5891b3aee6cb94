/* put.h - payloads that are too large for their message travel as blobs */
#ifndef CLIENT_DATA_PUT_H
#define CLIENT_DATA_PUT_H

#include "client/data/transfer.h"

/* A job's payload, which is not inline: `job` is held back until it is there.  Of
 * `payload_file`, or a copy of `payload`.  Locked.  As transfer_new(), WEFT_EFULL: too
 * many bytes of payloads are under way. */
int put_payload(struct weft_client *c, struct weft_future *job,
                const struct weft_job *what);

#endif
