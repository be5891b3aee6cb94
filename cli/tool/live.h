/* live.h - shows what a job prints while it runs, and its result once
 *
 * A handler's standard output is also its result, arrives in pieces, may have gaps (the
 * mesh drops output before it drops work) and starts again with a new attempt.  So only
 * what continues the bytes already shown is shown; at the end the rest of the result
 * follows, or all of it when it is something else.
 */
#ifndef CLI_TOOL_LIVE_H
#define CLI_TOOL_LIVE_H

#include <stddef.h>
#include <stdint.h>

struct live {
    unsigned char *shown;
    size_t len, cap;
    size_t max;   /* bytes remembered; beyond it nothing more is shown live */
    int diverged; /* a later attempt printed something else */
    int again;    /* so is the result that comes */
};

void live_init(struct live *live, size_t max);
void live_fini(struct live *live);

/* A piece at `offset` of the stream.  Returns how many bytes at its end are to be
 * written now, and remembers them. */
size_t live_piece(struct live *live, uint64_t offset, const void *data, size_t len);

/* A result of `total` bytes that comes in pieces, in order: how many bytes at the end of
 * this one are still to be written.  *ret_again (set to 1, or left) says that it is not
 * what was shown, and that the first `offset` bytes of that are to be written before. */
size_t live_next(struct live *live, uint64_t total, uint64_t offset, const void *data,
                 size_t len, int *ret_again);

/* The result.  Returns how many bytes at its end are still to be written. */
size_t live_result(struct live *live, const void *data, size_t len);

#endif
