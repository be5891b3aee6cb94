/* enrol.h - enrol a key with a join token, and wait until it is done
 *
 * For programs that do nothing else meanwhile: `weft-agent join`, weft_context_join().
 * Drives proto/join.h on a loop and a connection of its own.
 */
#ifndef COMMON_IO_ENROL_H
#define COMMON_IO_ENROL_H

#include "common/io/keys.h"
#include "proto/join.h"

struct enrol {
    const struct wf_token *token;
    const uint8_t *key;   /* the device's own public key, 32 bytes */
    const char *name;     /* wished for when the token names none; NULL: none */
    const char *software; /* of the program */
    uint64_t timeout_ms;
};

/* 0; WEFT_EAUTH, WEFT_ETOKENUSED, WEFT_ETOKENEXPIRED, WEFT_ETOKENROLE, WEFT_EEXIST (the
 * name), WEFT_EUNREACH, WEFT_EINVAL, WEFT_ENOMEM, WEFT_EIO.  keys_init() was called. */
int enrol_run(const struct enrol *e, struct wf_join_result *ret_result,
              struct wf_err *err);

#endif
