/* stages.h - data that is to be brought to agents
 *
 *     stage    open --last rows--> running --enough orders done--> (told, gone)
 *     order    (one agent of a stage) sent --fetched, over--> done, failed
 *                                     sent --agent gone--> (another one, when there is)
 *
 * A stage belongs to the session that asked for it; what that gives itself ends with it.
 * Agents fetch and tell how it goes; which agent is a matter of choose.c.  Bounded in
 * stages and in the blobs of all together.
 */
#ifndef BROKER_CORE_DATA_STAGES_H
#define BROKER_CORE_DATA_STAGES_H

#include "broker/core/data/residency.h"

#define STAGE_BLOBS_MAX 1000000u
#define STAGES_OF_MAX   64u /* of one session */
#define STAGES_MAX      4096u
#define STAGE_HOLDERS   64u /* whose share of it is known */

enum order_state { ORDER_SENT, ORDER_DONE, ORDER_FAILED };

struct stage {
    struct wf_list_node in_all, of_session;
    struct wf_list_node in_waiting; /* stages.waiting: for an agent that is away */
    struct session *session;        /* borrowed; NULL: it went, and agents give */
    uint64_t req;
    int mine, pin, running;
    unsigned copies;
    int code; /* of the last order that failed */
    char text[WF_TEXT_MAX + 1];
    char node[WF_NAME_MAX + 1], capability[WF_CAP_NAME_MAX + 1];
    char residency[WF_LABEL_MAX + 1]; /* what was asked for and that of the blobs */
    char what[WF_REF_MAX + 1];
    struct wf_key reader;              /* who asked; */
    char dataset[WF_DATASET_MAX + 12]; /* for which version, "NAME@VERSION" */
    struct wf_buf needs_store;         /* encoded label_row rows */
    struct wf_rows needs;
    struct wf_map *set;  /* owned; of blobs by digest */
    struct blob **blobs; /* owned; each counts as used */
    size_t n, cap;
    uint64_t total;
    struct {
        struct agent *agent;
        uint64_t have;
    } holders[STAGE_HOLDERS]; /* when the blobs were named: those found first */
    unsigned nholders;
    struct wf_list_node orders; /* order.of_stage, those that are over among them */
    unsigned sent, done, failed;
    uint64_t moved; /* for orders that ended with their agents' sessions */
    uint64_t told_us;
};

struct order {
    uint64_t number; /* first: the map's key */
    struct stage *stage;
    struct agent *agent;
    unsigned state; /* enum order_state */
    struct wf_list_node of_stage;
    struct wf_list_node of_agent;  /* while it is SENT */
    struct wf_list_node in_saying; /* stages.saying: not all of its rows were sent */
    size_t said;                   /* blobs that were told to the agent */
    uint64_t bytes, moved;         /* as it told */
};

struct stages {
    struct wf_map *orders; /* owned, by number */
    struct wf_list_node all, waiting, saying;
    size_t n, nblobs, max_blobs;
    uint64_t next, seed;
};

/* `first`: order numbers go on from here; random, so that those of an earlier life of the
 * broker mean nothing. */
int stages_init(struct stages *t, size_t max_blobs, uint64_t first, uint64_t seed);
void stages_fini(struct stages *t, struct catalogue *cat);

/* WEFT_EFULL, WEFT_ENOMEM. */
int stage_new(struct stages *t, struct session *s, uint64_t req,
              struct stage **ret_stage);

/* Its orders go with it, untold. */
void stage_free(struct stages *t, struct catalogue *cat, struct stage *g);

struct stage *stage_of(const struct session *s, uint64_t req);

/* Twice is once.  WEFT_EPROTO, WEFT_EFULL, WEFT_ENOMEM. */
int stage_add(struct stages *t, struct stage *g, struct catalogue *cat,
              const struct wf_digest *digest, uint64_t size);
int stage_has(const struct stage *g, const struct wf_digest *digest);

/* Bytes of it that the agent held, as far as that is known. */
uint64_t stage_held(const struct stage *g, const struct agent *a);

int order_new(struct stages *t, struct stage *g, struct agent *a,
              struct order **ret_order);

/* It is over, as DONE or FAILED. */
void order_end(struct order *o, unsigned state);

/* As if it had not been: its agent is gone. */
void order_free(struct stages *t, struct order *o);
struct order *order_numbered(const struct stages *t, uint64_t number);

#endif
