/* work.h - one request of blobs.h, from being asked to being told
 *
 * What is done for it, on the store's thread, apart from how it got there.
 */
#ifndef AGENT_BLOB_WORK_H
#define AGENT_BLOB_WORK_H

#include "agent/blob/blobs.h"
#include "agent/blob/squeeze.h"

enum work_kind { WORK_ASK, WORK_CHANGE, WORK_TROUBLE };

struct work {
    struct work *next;
    enum work_kind kind;
    struct blobs_ask q;
    uint8_t *bytes; /* of the request; owned */
    size_t len;
    size_t cost;           /* bytes that count as under way */
    char *path;            /* of the request, then of what is told; owned */
    uint64_t at;           /* EXPORT: how far it is */
    struct wf_digest leaf; /* WRITE: of its bytes, once it is */
    int hashed;
    struct blob_intake *intake;
    struct blobs_done d;
    struct blob_change change;
};

/* NULL: no memory. */
struct work *work_new(enum work_kind kind);

/* NULL is allowed. */
void work_free(struct work *w);

/* Whether it changes the index, so that a batch pays. */
int work_publishes(const struct work *w);

/* A request and those that follow it: make the leaves of this one's bytes and of others
 * like it, which come next, at once. */
void work_hash(struct work *w);

/* Do it, or a step of it: WEFT_EAGAIN: there is more to do, later.  Else w->d is filled
 * and its code is returned. */
int work_do(struct work *w, struct blob_store *s, struct squeeze *z);

/* A step of ADD: WEFT_EAGAIN, or *ret_file is one more file or a failure of one, to be
 * told; 0 with *ret_file NULL: that was all, or w->d says why it ended. */
int work_add(struct work *w, struct blob_store *s, struct work **ret_file);

#endif
