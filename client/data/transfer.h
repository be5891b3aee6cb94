/* transfer.h - one put, get or stage, from its future to its end
 *
 *     FRESH --first turn--> RUNNING --ended, or nobody wants it--> STOPPED --last task
 *                                                                  back--> freed
 *
 * A transfer is made by a call of any thread, under the client's lock, and then lives on
 * the loop's thread, which steps it at each turn.  It ends its future's (local) call, or
 * finds it ended.  What the disk's thread works on stays until it came back.
 */
#ifndef CLIENT_DATA_TRANSFER_H
#define CLIENT_DATA_TRANSFER_H

#include "client/data/data.h"
#include "client/data/desk.h"
#include "client/include/weft/data.h"

enum transfer_state { TRANSFER_FRESH, TRANSFER_RUNNING, TRANSFER_STOPPED };

struct transfer;

struct transfer_ops {
    /* Look what there is to do; at each turn while it runs.  Locked. */
    void (*step)(struct transfer *t, uint64_t now_us);

    /* A stage_info with the number of `inner` came. */
    void (*told)(struct transfer *t, const struct wf_stage_info *m);

    /* It ended: take back what was asked for; then, after the last task, free what it
     * has (not the transfer itself). */
    void (*stop)(struct transfer *t);
    void (*fini)(struct transfer *t);
};

struct transfer {
    struct wf_list_node node; /* data.transfers */
    const struct transfer_ops *ops;
    struct weft_client *client;
    struct data *data;
    enum transfer_state state;
    struct weft_future *future; /* NULL: its user freed it */
    struct weft_future *job;    /* held back until this is there; NULL: none */
    struct weft_future *inner;  /* the request it waits for; NULL: none */
    int internal;               /* the future is not the user's: it only has the job */
    unsigned tasks;             /* at the disk's thread */
    uint64_t due_us;            /* when it wants to be stepped; UINT64_MAX: not before */
    uint64_t told_us;           /* when the user heard of it last */
};

/* What a future of a transfer has for its user. */
struct result {
    struct weft_moved moved;
    struct weft_progress progress;
    char dataset[WF_REF_MAX + 1], node[WF_NAME_MAX + 1]; /* of `moved` */
    char from[WF_NAME_MAX + 1], text[WF_TEXT_MAX + 1];   /* of `progress` */
    void *mem;                                           /* owned: moved.data */
};

/* -- making, on any thread; locked -----------------------------------------------------
 */

/* A transfer of `size` bytes, zero, on a future with a local call, not yet among the
 * transfers.  WEFT_ECLOSED, WEFT_EFULL, WEFT_ENOMEM. */
int transfer_new(struct weft_client *c, const struct transfer_ops *ops, size_t size,
                 struct transfer **ret_transfer);

/* Give up one that was not begun; its ops are not called. */
void transfer_drop(struct transfer *t);

/* Let the loop's thread begin it. */
void transfer_begin(struct transfer *t);

/* The future of a transfer, or of the job that it is for, is being given back. */
void transfer_orphan(struct weft_future *f);
void result_free(struct result *r);

/* -- on the loop's thread; locked ------------------------------------------------------
 */

/* 1: goes on.  0: it is over, or nobody wants it any more. */
int transfer_is_wanted(const struct transfer *t);

/* The end; the first one counts.  With 0 what is in `moved` of the result is told, and a
 * job that waited must have been released. */
void transfer_end(struct transfer *t, int code, const char *text);

/* The place for what the user is told; NULL: there is nobody to tell. */
struct result *transfer_result(struct transfer *t);

/* Tell progress: now and then, or `now`. */
void transfer_tell(struct transfer *t, uint64_t now_us, const struct weft_progress *p,
                   int now);

/* Have a task of this transfer worked on.  WEFT_EIO; then it is not. */
int transfer_ask(struct transfer *t, struct desk_task *task);

/* First thing when it is back: 0 when it was worked on and the transfer still wants it;
 * else only its memory is to be freed. */
int transfer_back(struct transfer *t, const struct desk_task *task);

/* A request of its own: what the future `inner` is for.  NULL: ended with ENOMEM. */
struct weft_future *transfer_inner(struct transfer *t);

/* The request was started with `rc`; ends the transfer unless that is 0. */
void transfer_asked(struct transfer *t, int rc);

/* 0: not answered; 1: *ret_msg is the answer (it borrows from `inner`), to be dropped
 * with transfer_inner_done(); -1: the transfer was ended with its error. */
int transfer_answer(struct transfer *t, enum wf_type want, struct wf_msg *ret_msg);
void transfer_inner_done(struct transfer *t);

/* Every transfer: begin, step or free it. */
void transfers_step(struct data *d, uint64_t now_us);
uint64_t transfers_due_us(const struct data *d);

/* The client closes: all of them go. */
void transfers_fini(struct data *d);

#endif
