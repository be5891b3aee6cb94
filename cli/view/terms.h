/* terms.h - where a job should rather go, as people write it
 *
 *     --prefer site=lyon:200ms      a node that meets the need counts as so much sooner
 *     --near job:8f2c1a2b           where that job is; with :TIME it is worth so much,
 *     --near data:maps:2s           else it is a must
 *     --far job:primary
 *
 * Pure.
 */
#ifndef CLI_VIEW_TERMS_H
#define CLI_VIEW_TERMS_H

#include <weft/weft.h>

#define TERMS_GOALS "latency|balanced|throughput|cost"

/* A part of the text that was parsed: `len` bytes at `text`. */
struct terms_part {
    const char *text;
    size_t len;
};

/* "NEED:TIME", where the time is not 0.  -1 when it is not that. */
int terms_prefer(const char *text, struct terms_part *ret_need, uint64_t *ret_ms);

/* "job:ID[:TIME]" or, if not `far`, "data:NAME[:TIME]"; without a time 0.  -1. */
int terms_near(const char *text, int far, enum weft_near_kind *ret_kind,
               struct terms_part *ret_what, uint64_t *ret_ms);

/* -1 when it is no goal; NULL is WEFT_GOAL_NONE. */
int terms_goal(const char *name, enum weft_goal *ret_goal);

#endif
