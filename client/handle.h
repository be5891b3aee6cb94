/* handle.h - what a weft_client is
 *
 * One core, one loop, one connection.  In thread mode a lock guards the core: any thread
 * steps it, and wakes the loop's thread, which alone touches the loop and carries out the
 * effects.  In loop mode there is one thread and no lock.  Callbacks of the user run on
 * the loop's thread (in weft_close() on the caller's) without the lock.
 *
 * The memory outlives weft_close() until the last future is freed.
 */
#ifndef CLIENT_HANDLE_H
#define CLIENT_HANDLE_H

#include "client/core/calls.h"
#include "client/future.h"
#include "client/id.h"
#include "client/include/weft/client.h"
#include "client/profile.h"
#include "common/io/loop.h"
#include "common/io/roster.h"
#include "common/io/uplink.h"
#include "common/io/wake.h"

#include <pthread.h>

struct data;

struct weft_client {
    enum weft_mode mode;
    pthread_mutex_t mutex;
    pthread_cond_t cond; /* a future that someone waits for has news */
    pthread_t thread;
    int has_thread;
    struct profile profile; /* who we are and where the broker is */
    struct wf_loop loop;
    void *zctx;
    struct uplink *uplink;
    struct roster *roster;
    struct wf_timer *timer;      /* of the core */
    struct wf_timer *wait_timer; /* loop mode: ends a wait */
    struct wf_wake *wake;
    uint64_t timer_us;
    struct wf_calls calls;
    struct wf_effects fx[2]; /* one is filled while the other is carried out */
    unsigned filling;
    int woken;       /* a wake-up is on its way */
    int running;     /* loop mode: a wait runs the loop */
    int inside;      /* callbacks of the user being run */
    int opening;     /* weft_open() waits for the session */
    int close_later; /* loop mode: weft_close() came from a callback */
    int closed;
    int down_why;                 /* what the transport said last */
    char failed[WF_TEXT_MAX + 1]; /* why the last request without a future failed */
    unsigned refs;                /* futures, and 1 until weft_close() */
    size_t nspare;
    struct weft_future *spare;                   /* freed futures to be used again */
    struct weft_future *follow;                  /* of weft_follow_events(); owned */
    struct wf_buf needs, inputs, prefers, nears; /* scratch of submit */
    struct data *data;                           /* owned; NULL: it moved none yet */
    struct id_pool ids;
};

void client_lock(struct weft_client *c);
void client_unlock(struct weft_client *c);

/* Where to put effects while locked. */
struct wf_effects *client_out(struct weft_client *c);

/* After a step made by an API call: have the effects carried out.  Locked before and
 * after. */
void client_stepped(struct weft_client *c);

/* The same on the loop's thread, at once.  Locked before and after. */
void client_carry_out(struct weft_client *c);

/* Every event on the loop's thread ends like this: tell what is new, move data, carry
 * out.  `msg` is the message that was stepped, or NULL.  Locked before and after. */
void client_settle(struct weft_client *c, const struct wf_msg *msg);

/* Are we on the thread, or inside the callback, that a wait would wait for? */
int client_is_inside(const struct weft_client *c);

/* The address that the link dials, or did last.  Locked. */
const struct wf_broker *client_broker(const struct weft_client *c);

/* A future that someone waits for has news. */
void client_news(struct weft_client *c);

/* Wait for such news, or for less: look again.  0; WEFT_ETIMEOUT: it is until_us. */
int client_wait(struct weft_client *c, uint64_t until_us);

/* What the loop calls: uplink, core's timer, wake-up, wait's timer. */
extern const struct uplink_cbs client_uplink_cbs;
void client_on_tried(void *arg, int answered);
void client_on_time(void *arg);
void client_on_wake(void *arg);
void client_on_wait_time(void *arg);

/* Free the memory when nobody needs it any more.  Called unlocked. */
void client_unref(struct weft_client *c);

/* 0 when there is a session; else why not, in one line that names the address tried. */
int client_trouble(const struct weft_client *c, char *text, size_t cap);

#endif
