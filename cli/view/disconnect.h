/* disconnect.h - what becomes of an attempt whose agent is cut off, as people write it
 *
 * "keep", "stop-after=30s", "replace-after=2m"; without a time the broker's grace counts.
 */
#ifndef CLI_VIEW_DISCONNECT_H
#define CLI_VIEW_DISCONNECT_H

#include <weft/weft.h>

#define DISCONNECT_VALUES "keep|stop-after=TIME|replace-after=TIME"

struct disconnect_text {
    char s[64];
};

/* -1 when it is no policy. */
int disconnect_parse(const char *text, enum weft_disconnect *ret_policy,
                     uint64_t *ret_ms);

/* "replace after 2m", "replace after the broker's grace", "keep". */
struct disconnect_text disconnect_text(enum weft_disconnect policy, uint64_t ms);

#endif
