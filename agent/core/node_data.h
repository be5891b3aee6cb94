/* node_data.h - the agent's data: what its core knows of blobs, and who needs them
 *
 *     order --+                             +-- store: begun, written, held
 *             +--> set --use--> blob <------+
 *     input --+                             +-- pull: ends, progress
 *       ^
 *       +-- tie -- run
 *
 * A blob is known while the store has some of it or a set needs it.  A set is what one
 * order of the broker, or one input, consists of; it counts what is missing.  An input is
 * shared by all runs that name the same thing, so that a folder is listed, kept in memory
 * and fetched once.  What changes a set puts it into `touched`; node_data_after() looks
 * at those at the end of the step, where nothing is half done.
 *
 * docs/spec/7-data.md.  For node_*.c alone.  There is no struct node_data without a blob
 * store.
 */
#ifndef AGENT_CORE_NODE_DATA_H
#define AGENT_CORE_NODE_DATA_H

#include "agent/core/node_int.h"
#include "common/plant.h"

#define NODE_BLOBS_MAX     (1u << 20) /* known of */
#define NODE_USES_MAX      (1u << 20) /* over all sets */
#define NODE_ORDERS_MAX    1024u
#define NODE_RUN_FILES_MAX 100000u /* that one run may need */

/* A set needs a blob. */
struct node_use {
    struct wf_list_node of_blob, of_set;
    struct node_blob *blob;
    struct node_set *set;
};

struct node_blob {
    struct wf_digest digest; /* first: the map's key */
    uint64_t size;
    uint64_t have;  /* verified bytes in the store */
    unsigned flags; /* enum wf_hold */
    int here;       /* something of it is in the store, if only its place */
    int told;       /* to the broker of this session, as being here */
    int held;       /* the store was told */
    int pulled;     /* pull has it */
    unsigned lost;  /* times that it was there, needed, and not there any more */
    uint64_t moved; /* in its present fetch */
    struct wf_list_node uses;
    struct wf_list_node changed; /* in data.changed: the broker is to hear */
    struct wf_list_node todo;    /* in data.todo: pull had no room for it */
};

struct node_set {
    struct wf_list_node uses;
    size_t n, missing; /* blobs; those that are not whole */
    struct wf_list_node
        *look;            /* of uses: those before were whole; NULL: from the first */
    uint64_t total, have; /* bytes */
    uint64_t moved;       /* bytes that came over lanes for it */
    char from[WF_NAME_MAX + 1];
    int code; /* one of them cannot be had; 0: none */
    char text[WF_TEXT_MAX + 1];
    struct wf_list_node touched;
    struct node_order *order; /* one of these two */
    struct node_input *input;
};

struct node_order {
    struct wf_list_node node; /* data.orders or data.stale */
    struct node_set set;
    uint64_t req;
    int pin;
    int open;                    /* further rows follow */
    int dead;                    /* it has failed; rows that still come are left out */
    int stale;                   /* its session has ended */
    struct wf_list_node *pinned; /* the last of set.uses that was; NULL: none yet */
    uint64_t told_us, told_have, told_moved;
};

/* Of one run in one input. */
struct node_tie {
    struct wf_list_node of_input;
    struct node_input *input;
    struct run *run;
    uint64_t moved; /* of the set, when the run came */
};

enum { NODE_INPUT_KEY = 1 + WF_REF_MAX };

struct node_input {
    char key[NODE_INPUT_KEY]; /* 'f' and the ref of a folder; 'b' and a digest */
    size_t key_len;
    struct node_set set;
    struct run_files files;
    struct wf_list_node ties;
    struct node_tie *reason;     /* whose job pull was told; NULL: nobody waits */
    struct wf_list_node listing; /* in data.listing until all files are known */
    uint64_t said;               /* bytes, by the broker */
    uint64_t req;                /* of the query that is under way; 0: none */
    uint64_t after;              /* files of the dataset that were told */
    uint64_t retry_us;           /* it is not asked for before */
    int failing;                 /* its ties are being walked: it stays */
};

struct run_data {
    struct run_inputs in;
    struct run *run;
    struct wf_list_node node; /* data.fetching while it waits */
    unsigned nties;
    struct node_tie ties[WF_INPUTS_MAX + 1];
    uint64_t told_us, told_have;
    enum wf_stand told_stands;
    enum wf_stand vain; /* what is looked for in vain, */
    uint64_t vain_us;   /* since then, without a byte in between */
    uint64_t slot_us; /* when there was a slot for it first, while it had no data; or 0 */
    uint64_t ready_us; /* when it had its data; 0: not yet */
};

struct node_data {
    struct wf_pull *pull; /* owned */
    struct wf_give *give; /* owned */
    struct wf_map *blobs; /* owned */
    size_t nuses;
    int ready;                   /* a run has got all its data in this step */
    struct wf_list_node touched; /* sets */
    struct wf_list_node todo;    /* blobs */
    uint64_t todo_us;
    uint64_t untold, refused;

    /* node_holdings.c */
    struct wf_list_node changed; /* blobs */
    struct wf_buf rows;
    int listed;    /* all that the store has was told */
    int resetting; /* the broker of this session has not heard all of it yet */
    int begun;     /* it has heard the first message */
    int urgent;
    uint64_t seq, told_us;
    uint64_t used, room, told_used, told_room;

    /* node_orders.c */
    struct wf_list_node orders, stale;
    size_t norders;
    uint64_t orders_us; /* when one wants to be told of, or goes on */
    uint64_t stale_us;  /* when those that were not ordered again end */

    /* node_inputs.c, node_list.c */
    struct wf_map *inputs;        /* owned */
    struct wf_list_node listing;  /* inputs */
    struct wf_list_node fetching; /* run_data.node */
    uint64_t req;                 /* of the last query */
    uint64_t runs_us;             /* when a run wants to be told of */

    /* node_lanes.c */
    int lane_asked, lane_up; /* the broker's */
    struct wf_home
        lane_home;    /* whose it is: the last one that there was a session with */
    int lane_pull;    /* pull wants it */
    uint64_t lane_us; /* give does not ask for it before */
    struct wf_backoff lane_pause;
    struct wf_rng rng;
};

/* -- node_blobs.c: blobs, sets, and what pull does for them ----------------------------
 */

static inline int node_blob_whole(const struct node_blob *b)
{
    return b->here && (WF_PLANT(INPUT_EARLY) || b->have == b->size);
}

struct node_blob *node_blob_get(const struct node_data *d,
                                const struct wf_digest *digest);

void node_set_init(struct node_set *s);

/* The set needs this blob as well; twice is once.  WEFT_ETOOBIG, WEFT_ECONFLICT (it is
 * known with another size), WEFT_EFULL, WEFT_ENOMEM. */
int node_set_add(struct node *n, struct node_set *s, const struct wf_digest *digest,
                 uint64_t size, struct wf_effects *out);

/* Nothing of it is needed any more. */
void node_set_clear(struct node *n, struct node_set *s, struct wf_effects *out);

/* Why its blobs are wanted has changed. */
void node_set_fetch(struct node *n, struct node_set *s, struct wf_effects *out);

/* How it goes with one of its blobs that is still to come: the same one until that has
 * come.  1, or 0: none is being fetched. */
int node_set_progress(struct node *n, struct node_set *s, struct wf_pull_progress *ret);

/* It is to be looked at once the step is done. */
void node_set_touch(struct node *n, struct node_set *s);
void node_set_fail(struct node *n, struct node_set *s, int code, const char *text);

void node_on_held(struct node *n, const struct node_hold *h, struct wf_effects *out);

/* The store has begun, or kept some of, a blob: pull has heard. */
void node_on_kept(struct node *n, const struct node_event *ev, struct wf_effects *out);

/* Ends and bad holders that pull has to tell; blobs it had no room for. */
void node_blobs_after(struct node *n, struct wf_effects *out);
void node_blob_keep(const struct node_blob *b, unsigned action, struct wf_effects *out);
void node_blobs_free(struct node_data *d);

/* -- node_holdings.c: what the broker is told of them ----------------------------------
 */

void node_holdings_changed(struct node *n, struct node_blob *b, int urgent);
void node_holdings_opened(struct node *n);
void node_holdings_cut(struct node *n);
void node_holdings_stats(struct node *n, uint64_t used, uint64_t room);
void node_holdings_after(struct node *n, struct wf_effects *out);
uint64_t node_holdings_due_us(const struct node *n);

/* Forget a blob that is not here, not needed, and not known to the broker. */
void node_blob_settle(struct node *n, struct node_blob *b);

/* -- node_orders.c ----------------------------------------------------------------------
 */

void node_on_fetch(struct node *n, const struct wf_fetch *m, struct wf_effects *out);
void node_on_keep(struct node *n, const struct wf_keep *m, struct wf_effects *out);
void node_order_look(struct node *n, struct node_order *o, struct wf_effects *out);
void node_orders_opened(struct node *n);
void node_orders_cut(struct node *n, struct wf_effects *out);
void node_orders_after(struct node *n, struct wf_effects *out);
uint64_t node_orders_due_us(const struct node *n);

/* More of it is there: tell, before long. */
void node_order_moved(struct node *n, const struct node_order *o);
void node_orders_free(struct node_data *d);

/* -- node_inputs.c ----------------------------------------------------------------------
 */

/* Whether all its files are known. */
static inline int node_input_known(const struct node_input *in)
{
    return wf_list_empty(&in->listing);
}

/* An attempt that has not run goes back to the broker that assigned it; to one that is
 * away as a result to come. */
void node_inputs_return(struct node *n, struct run *r, int code, const char *text,
                        struct wf_effects *out);

/* Does a run wait for it? */
int node_input_waits(const struct node_input *in);
void node_input_look(struct node *n, struct node_input *in, struct wf_effects *out);
void node_inputs_free(struct node *n);

/* -- node_waits.c: what runs wait for
 * ----------------------------------------------------
 */

void node_inputs_after(struct node *n, struct wf_effects *out);

/* -- node_list.c: the files of a folder
 * -------------------------------------------------- */

/* Ask for those of all folders that want to be known. */
void node_lists_after(struct node *n, struct wf_effects *out);
void node_lists_cut(struct node *n);
uint64_t node_lists_due_us(const struct node *n);
int node_files_add(struct run_files *f, struct wf_slice path,
                   const struct wf_digest *digest, uint64_t size);

void node_on_dataset(struct node *n, const struct wf_dataset_info *m,
                     struct wf_effects *out);
void node_on_unlisted(struct node *n, const struct wf_error *m);

/* -- node_lanes.c
 * ------------------------------------------------------------------------ */

void node_on_lane(struct node *n, const struct node_event *ev, struct wf_effects *out);
void node_lanes_after(struct node *n, size_t first, struct wf_effects *out);
uint64_t node_lanes_due_us(const struct node *n);

#endif
