/* desk.h - the thread for what takes long: disk and hashes
 *
 *     asked --thread--> worked --loop--> taken
 *
 * Tasks are done one after the other, in the order of asking; the loop is woken and takes
 * those that were done.  The thread begins with the first task and gets no signals.  A
 * task is the asker's memory, untouched by him until he takes it back; how many there are
 * at once is his to bound.
 */
#ifndef CLIENT_DATA_DESK_H
#define CLIENT_DATA_DESK_H

#include "common/io/wake.h"
#include "common/list.h"

struct desk_task {
    struct wf_list_node node;
    void (*work)(struct desk_task *task); /* on the desk's thread */
    void (*done)(struct desk_task *task); /* for who takes it; the desk never calls it */
    int dropped;                          /* the desk closed before it came to this one */
};

struct desk;

/* `on_done` is called on the loop's thread: desk_take() then has something.  0,
 * WEFT_ENOMEM, WEFT_EIO. */
int desk_new(struct wf_loop *loop, void (*on_done)(void *arg), void *arg,
             struct desk **ret_desk);

/* WEFT_EIO: no thread could be started; nothing was asked then. */
int desk_ask(struct desk *d, struct desk_task *task);

/* The next one that was done, or NULL. */
struct desk_task *desk_take(struct desk *d);

/* Finish the task at hand and end the thread; what was not come to is `dropped`.  All
 * that is left can be taken then. */
void desk_close(struct desk *d);

/* After desk_close() and taking what was left.  NULL is allowed. */
void desk_free(struct desk *d);

#endif
