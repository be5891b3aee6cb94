/* data.h - the data side of a client: transfers, lanes and the machines between them
 *
 * Made when the first transfer is; its parts when they are needed.  Everything here runs
 * on the loop's thread, with the client locked; what the machines of proto/transfer ask
 * for is carried out here: lanes (lanes.h), blobs that are got (intake.h), blobs that are
 * given (shelf.h), and `locate` on the control lane.
 */
#ifndef CLIENT_DATA_DATA_H
#define CLIENT_DATA_DATA_H

#include "client/handle.h"
#include "proto/transfer/give.h"
#include "proto/transfer/pull.h"

struct data {
    struct weft_client *client;
    struct wf_list_node transfers;
    struct wf_timer *timer;
    uint64_t timer_us;
    struct desk *desk;
    struct lanes *lanes;
    struct wf_pull *pull; /* NULL: nothing was ever got */
    struct wf_give *give; /* NULL: nothing was ever given */
    struct wf_effects fx[2];
    unsigned filling;
    struct wf_map *intakes; /* by digest */
    struct wf_map *shelf;   /* sources, by digest: the first of each */
    uint64_t payloads;      /* bytes of copied payloads */
    int up;                 /* the session, as the machines know it */
};

/* For any thread; locked.  NULL: no memory. */
struct data *data_need(struct weft_client *c);

/* -- hooks of handle.c -----------------------------------------------------------------
 */

/* A message of the control lane was stepped. */
void data_msg(struct weft_client *c, uint64_t now_us, const struct wf_msg *msg);

/* Do what there is to do; may unlock to call the user. */
void data_turn(struct weft_client *c);

/* The client closes; its thread is gone. */
void data_free(struct weft_client *c);

/* -- for its parts ---------------------------------------------------------------------
 */

/* Where the machines put what they ask for. */
struct wf_effects *data_out(struct data *d);

/* The machines, made when needed.  NULL: no memory. */
struct wf_pull *data_pull(struct data *d);
struct wf_give *data_give(struct data *d);

/* Around calls of the user's functions. */
void data_user_begin(struct weft_client *c);
void data_user_end(struct weft_client *c);

/* After an event that did not come through handle.c: turn, tell, carry out. */
void data_settle(struct data *d);

#endif
