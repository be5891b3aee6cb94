/* call.h - one thing asked of the broker, until its one end
 *
 *   IDLE --sent or waiting--> OPEN --accepted--> ACCEPTED
 *     \                         |                   |
 *      +--refused here----------+--error, outcome---+--> DONE
 *
 * What is needed to ask again after a reconnect stays in `bytes` until the answer comes,
 * which then takes its place: a call has one buffer, kept when the call is used again.
 * Only call.c writes `state`.  Pure.
 */
#ifndef CLIENT_CORE_CALL_H
#define CLIENT_CORE_CALL_H

#include "client/core/index.h"
#include "client/include/weft/job.h"
#include "common/buf.h"
#include "common/heap.h"
#include "common/list.h"
#include "proto/msg.h"

enum wf_call_kind {
    WF_CALL_SUBMIT,
    WF_CALL_WATCH,
    WF_CALL_REQUEST, /* one message with a request number, one answer */
    WF_CALL_PING,    /* round trip to the broker */
    WF_CALL_LOCAL    /* made of other calls; who runs it ends it */
};

enum wf_call_state {
    WF_CALL_IDLE,
    WF_CALL_OPEN,
    WF_CALL_ACCEPTED,
    WF_CALL_DONE,
    WF_CALL_STATES
};

/* Flags. */
#define WF_CALL_OUTPUT   1u  /* wants what the job prints */
#define WF_CALL_UPDATES  2u  /* wants the job's changes of state */
#define WF_CALL_DETACHED 4u  /* done when accepted */
#define WF_CALL_PAGES    8u  /* a request that is answered again and again */
#define WF_CALL_STAGE    16u /* a request that is told how it goes until it is over */

/* News of one step, for who waits for the call. */
#define WF_NEWS_ACCEPTED 1u
#define WF_NEWS_OUTPUT   2u /* the message stepped is output; `skip` bytes are known */
#define WF_NEWS_UPDATE   4u /* the message stepped is job_update */
#define WF_NEWS_PAGE     8u /* the message stepped is a page */
#define WF_NEWS_DONE     16u
#define WF_NEWS_PROGRESS                                                                 \
    32u /* the message stepped is stage_info; or one of the caller                       \
         */

struct wf_call {
    enum wf_call_kind kind;
    unsigned state; /* enum wf_call_state */
    unsigned flags;
    unsigned news;
    int error;           /* of a DONE call: 0 or WEFT_E* */
    int has_outcome;     /* then `outcome` is set, and points into `bytes` */
    int has_reply;       /* then `bytes` is the encoded message that answered */
    unsigned class_;     /* of an accepted job: what really holds */
    struct wf_id reused; /* of one: the like job whose outcome it gets; zero: none */
    int waits;           /* a job that is offered again when it is due */
    int holds;           /* a job that is not sent before its payload is in the mesh */
    unsigned home;       /* place in struct wf_homes of whose it is; 0: nobody's yet */
    int led;             /* a broker said that another one has its job */
    uint64_t led_us;   /* until when that one is waited for; 0: for as long as it takes */
    int away;          /* a request that waits for that one: not under way here */
    uint64_t doubt_us; /* asked for until then though its broker's store lacks it */
    uint64_t offer_ms; /* how long to offer it to a broker that cannot take it yet */
    uint64_t offer_us; /* until when, once one refused it for that; 0: none did */
    uint64_t retry_ms; /* goes with `error` */
    uint64_t rtt_us;   /* of a ping */
    uint64_t req;      /* never 0 once open: the order of asking */
    uint64_t sent;     /* a job: the order in which those were sent last */
    uint64_t deadline_us; /* UINT64_MAX: none */
    uint64_t skip;
    size_t held;     /* what the table counts for it while not accepted: bytes + 1 */
    struct wf_id id; /* of the job; zero for others */
    struct wf_buf bytes;
    struct {
        uint64_t attempt;
        uint64_t next[3]; /* offset after what was delivered, a stream each */
    } seen;
    struct {
        int began;
        uint64_t epoch, seq; /* of the last event delivered */
    } followed;
    struct wf_index_node by_id, by_req;
    struct wf_list_node link; /* in the table's list of open calls */
    struct wf_list_node news_link;
    struct wf_heap_node due;

    /* Large, and written as a whole where they are first used: what stands from here on
     * is not cleared for the next use. */
    struct wf_submit submit; /* points into `bytes` until accepted */
    struct weft_outcome outcome;
    /* When `led`: the name of that broker, or digits of its key. */
    char led_to[WF_NAME_MAX + 1];
};

/* A fresh call; and one to be used again, which keeps a small buffer. */
void wf_call_init(struct wf_call *call);
void wf_call_reset(struct wf_call *call);
void wf_call_fini(struct wf_call *call);

/* IDLE -> OPEN, with a copy of all that `submit` points to; or of an encoded request
 * (`req` is its first field).  WEFT_ENOMEM, WEFT_ETOOBIG (over the message's limits). */
int wf_call_hold_submit(struct wf_call *call, const struct wf_submit *submit);
int wf_call_hold_request(struct wf_call *call, enum wf_type type, const void *body);

/* One message more of a request that takes several: it stays IDLE until wf_call_open().
 * WEFT_ENOMEM, WEFT_ETOOBIG. */
int wf_call_hold_part(struct wf_call *call, enum wf_type type, const void *body);

/* IDLE -> OPEN with nothing to hold. */
void wf_call_open(struct wf_call *call);

void wf_call_accept(struct wf_call *call, unsigned class_, const struct wf_id *reused);

/* The three ends.  Short of memory, the last two become WEFT_ENOMEM. */
void wf_call_end(struct wf_call *call, int error, struct wf_slice text,
                 uint64_t retry_ms);
void wf_call_end_outcome(struct wf_call *call, const struct wf_outcome *o);
void wf_call_end_reply(struct wf_call *call, struct wf_slice raw);

/* How much of a piece of output was delivered before, or -1 when all of it was. */
int64_t wf_call_piece(struct wf_call *call, const struct wf_output *o);

/* Is this event of a followed log new?  Then it counts as delivered. */
int wf_call_event(struct wf_call *call, uint64_t seq);

/* The line that goes with `error`; "" when there is none.  Borrowed. */
const char *wf_call_text(const struct wf_call *call);

#endif
