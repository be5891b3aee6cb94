/* ask.h - one request, one answer, waited for
 *
 * The answer is the encoded message, which the asker decodes.  The texts of failures go
 * to `why` (NULL, or `cap` bytes).
 */
#ifndef CLIENT_ASK_H
#define CLIENT_ASK_H

#include "client/core/data.h"
#include "client/future.h"
#include "client/handle.h"

struct ask {
    int timeout_ms; /* -1: for ever */
    char *why;
    size_t cap;
};

/* Start a request on a fresh future; locked before and after.  `body` as in calls.h. */
int ask_start(struct weft_future *f, enum wf_type type, void *body,
              const struct wf_id *id, uint64_t deadline_us);

/* Ask and wait; not locked.  On 0 *ret_future holds an answer of type `want`, decoded
 * into *ret_msg, which borrows from it: free the future after use. */
int ask(struct weft_client *c, const struct ask *how, enum wf_type type, void *body,
        enum wf_type want, struct wf_msg *ret_msg, struct weft_future **ret_future);

/* The same for a request of several messages (client/core/data.h). */
int ask_parts(struct weft_client *c, const struct ask *how, enum wf_type type,
              wf_part_fn *part, void *arg, enum wf_type want, struct wf_msg *ret_msg,
              struct weft_future **ret_future);

/* The same where the answer is `done` and nothing in it is of interest.  On 0 `why` is
 * the name of the broker that did it when the request was led to another one; else empty.
 */
int ask_done(struct weft_client *c, const struct ask *how, enum wf_type type, void *body);

/* When an ask of so long is over. */
uint64_t ask_deadline_us(int timeout_ms);

/* Fill `why` with a line of our own; returns `code`. */
int ask_fail(const struct ask *how, int code, const char *text);

#endif
