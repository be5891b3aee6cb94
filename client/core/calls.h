/* calls.h - all that a client has asked and not got yet, over one link
 *
 * A session that opens again repairs everything by itself: what was not accepted is
 * submitted again under its id, what was accepted is watched, requests are asked again.
 * A broker that has forgotten a job answers ENOENT, and the call ends with it.  When no
 * broker will ever let us in (key refused or revoked, no common version) every call ends.
 *
 * Who knows several brokers moves between them; handles stay as they are.  Jobs wait for
 * the broker that they were submitted to, or for one with its store (homes.h).  Who goes
 * where others of its jobs are sends no new ones for a moment before, so that a steady
 * flow does not leave some behind wherever it goes.
 *
 * Calls are borrowed from the shell, which keeps them where they are until
 * wf_calls_forget().  A step leaves those with news in a list: take them with
 * wf_calls_news() before the next step.  Times are microseconds of a monotonic clock.
 * Pure; not thread-safe.
 */
#ifndef CLIENT_CORE_CALLS_H
#define CLIENT_CORE_CALLS_H

#include "client/core/homes.h"
#include "proto/link.h"

struct wf_calls_config {
    struct wf_link_config link;
    size_t max_calls;    /* open or accepted */
    size_t max_pending;  /* jobs not accepted yet */
    size_t max_bytes;    /* of their payloads */
    size_t max_requests; /* not answered yet */
};

struct wf_calls {
    struct wf_link link;
    struct wf_calls_config cfg;
    struct wf_homes homes;
    struct wf_index by_id, by_req;
    struct wf_list_node open; /* every call that is not done, in order of asking */
    struct wf_list_node news;
    struct wf_heap due;
    struct wf_call *follower; /* of the broker's events; NULL: none */
    size_t n, pending, pending_bytes, requests;
    uint64_t last_req;
    uint64_t sends;    /* of jobs */
    uint64_t late;     /* messages about nothing that is open */
    int leaving;       /* what is of no broker yet is not sent here */
    uint64_t leave_us; /* until then, once the link has a reason to go; 0: it has none */
    int closed;
};

/* Bounds; the link's part is the caller's. */
void wf_calls_config_init(struct wf_calls_config *cfg);

/* 0 or WEFT_ENOMEM.  It stays where it is until the end. */
int wf_calls_init(struct wf_calls *c, const struct wf_calls_config *cfg);

/* The calls that are left are forgotten. */
void wf_calls_fini(struct wf_calls *c);

/* Dial; end every call with WEFT_ECLOSED and take no more. */
void wf_calls_start(struct wf_calls *c, uint64_t now_us, struct wf_effects *out);
void wf_calls_close(struct wf_calls *c, struct wf_effects *out);

/* What the transport reports, as in link.h.  `raw` is the message's own bytes. */
void wf_calls_up(struct wf_calls *c, uint64_t now_us, struct wf_effects *out);
void wf_calls_down(struct wf_calls *c, uint64_t now_us, struct wf_effects *out);
void wf_calls_refused(struct wf_calls *c, uint64_t now_us, struct wf_effects *out);
void wf_calls_tried(struct wf_calls *c, uint64_t now_us, int answered,
                    struct wf_effects *out);
void wf_calls_msg(struct wf_calls *c, uint64_t now_us, const struct wf_msg *msg,
                  struct wf_slice raw, struct wf_effects *out);

/* When wf_calls_tick() is wanted; UINT64_MAX: never. */
uint64_t wf_calls_due_us(const struct wf_calls *c);
void wf_calls_tick(struct wf_calls *c, uint64_t now_us, struct wf_effects *out);

static inline int wf_calls_ready(const struct wf_calls *c)
{
    return c->link.state == WF_LINK_READY;
}

/* Ask.  `call` was just initialised; set its `flags`, and `offer_ms` of a job, before. On
 * failure nothing was done: WEFT_ECLOSED, WEFT_EFULL, WEFT_ENOMEM, WEFT_ETOOBIG.  A
 * deadline, if any, ends a request with WEFT_ETIMEOUT, and a job that is not accepted and
 * cannot be sent with WEFT_EEXPIRED: `deadline_ms` of a submit counts from here. */
int wf_calls_submit(struct wf_calls *c, uint64_t now_us, struct wf_call *call,
                    const struct wf_submit *submit, struct wf_effects *out);
int wf_calls_watch(struct wf_calls *c, struct wf_call *call, const struct wf_id *id,
                   struct wf_effects *out);

/* `body` is the struct of that type; its first field, req, is set here.  With
 * WF_CALL_OUTPUT the output of job `id` is news of this call. */
int wf_calls_request(struct wf_calls *c, struct wf_call *call, enum wf_type type,
                     void *body, const struct wf_id *id, uint64_t deadline_us,
                     struct wf_effects *out);
int wf_calls_ping(struct wf_calls *c, uint64_t now_us, struct wf_call *call,
                  uint64_t deadline_us, struct wf_effects *out);

/* Let go of a call, in whatever state. */
void wf_calls_forget(struct wf_calls *c, struct wf_call *call);

/* The next call with news, which is in call->news until the caller clears it. */
struct wf_call *wf_calls_news(struct wf_calls *c);

/* For data.c: count and number a call, WEFT_ECLOSED, WEFT_EFULL; send it if there is a
 * session, else that happens when there is one. */
int wf_calls_take(struct wf_calls *c, struct wf_call *call);
void wf_calls_send(struct wf_calls *c, uint64_t now_us, struct wf_call *call,
                   struct wf_effects *out);

/* For replies.c and data.c: find, note and end. */
struct wf_call *wf_calls_by_req(struct wf_calls *c, uint64_t req);
struct wf_call *wf_calls_by_id(struct wf_calls *c, const struct wf_id *id);
struct wf_call *wf_calls_same_id(const struct wf_call *call);
void wf_calls_note(struct wf_calls *c, struct wf_call *call, unsigned news);
void wf_calls_accept(struct wf_calls *c, struct wf_call *call, unsigned class_,
                     const struct wf_id *reused);
void wf_calls_end(struct wf_calls *c, struct wf_call *call, int error,
                  struct wf_slice text, uint64_t retry_ms);
void wf_calls_ended(struct wf_calls *c, struct wf_call *call);

/* Offer a job again, under its id, to a broker that could not take it yet. WEFT_ETIMEOUT:
 * there is no time left for that; WEFT_ENOMEM, WEFT_EFULL. */
int wf_calls_offer_later(struct wf_calls *c, struct wf_call *call, uint64_t now_us,
                         uint64_t after_ms);

/* Watch the job again after a while.  WEFT_ENOMEM, WEFT_EFULL. */
int wf_calls_watch_later(struct wf_calls *c, struct wf_call *call, uint64_t now_us,
                         uint64_t after_ms);

#endif
