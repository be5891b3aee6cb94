/* stages.h - data that is to be brought to agents
 *
 *     stage    open --last rows--> running --all orders over--> (told, gone)
 *     order    (one agent of a stage) sent --fetched, over--> done
 *                                     sent --agent gone--> (another one, when there is)
 *
 * A stage belongs to the session that asked for it; what that gives itself ends with it.
 * Agents fetch and tell how it goes; which agent is a matter of on_stage.c.
 */
#ifndef BROKER_CORE_DATA_STAGES_H
#define BROKER_CORE_DATA_STAGES_H

#include "broker/core/data/catalogue.h"

#define STAGE_BLOBS_MAX 1000000u
#define STAGES_OF_MAX   64u /* of one session */

struct stage {
    struct wf_list_node in_all, of_session;
    struct session
        *session; /* borrowed; NULL: it went, and only agents' blobs are moved */
    uint64_t req;
    int mine, pin, running;
    unsigned copies;
    unsigned failed;     /* orders that ended with an error */
    int code;            /* of the last of these, */
    struct agent *tried; /* and whose it was */
    char text[WF_TEXT_MAX + 1];
    char node[WF_NAME_MAX + 1], capability[WF_CAP_NAME_MAX + 1];
    char residency[WF_LABEL_MAX + 1], what[WF_REF_MAX + 1];
    struct wf_buf needs_store; /* encoded label_row rows */
    struct wf_rows needs;
    struct wf_map *set;  /* owned; of blobs by digest */
    struct blob **blobs; /* owned; each counted in blob.refs */
    size_t n, cap;
    uint64_t total;
    uint64_t done_bytes, moved; /* of orders that are over */
    unsigned done;              /* of those, that went well */
    struct wf_list_node orders; /* order.of_stage */
    uint64_t told_us;
};

struct order {
    uint64_t number; /* first: the map's key */
    struct stage *stage;
    struct agent *agent;
    struct wf_list_node of_stage, of_agent;
    uint64_t bytes, moved; /* as it told */
};

struct stages {
    struct wf_map *orders; /* owned, by number */
    struct wf_list_node all;
    uint64_t next;
};

int stages_init(struct stages *t, uint64_t seed);
void stages_fini(struct stages *t, struct catalogue *cat);

/* WEFT_EFULL, WEFT_ENOMEM. */
int stage_new(struct stages *t, struct session *s, uint64_t req,
              struct stage **ret_stage);

/* Its orders go with it, untold. */
void stage_free(struct stages *t, struct catalogue *cat, struct stage *g);

struct stage *stage_of(const struct session *s, uint64_t req);

/* Twice is once.  WEFT_EPROTO, WEFT_EFULL, WEFT_ENOMEM. */
int stage_add(struct stage *g, struct catalogue *cat, const struct wf_digest *digest,
              uint64_t size);
int stage_has(const struct stage *g, const struct wf_digest *digest);

int order_new(struct stages *t, struct stage *g, struct agent *a,
              struct order **ret_order);
void order_free(struct stages *t, struct order *o);
struct order *order_numbered(const struct stages *t, uint64_t number);

#endif
