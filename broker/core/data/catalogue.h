/* catalogue.h - which agent holds which blobs
 *
 * Made from what agents say of themselves (holdings), so it is advice: a holder that has
 * a blob no more says so when it is asked.  A blob is known here while an agent holds
 * some of it, or something of ours names it: a file of a dataset, a stage, the result of
 * a job.  What those say of its size stands, agents that say otherwise are not believed.
 * Bounded in blobs and in shares, also of one agent; what does not fit is counted and not
 * found, nothing else.  docs/spec/7-data.md.
 */
#ifndef BROKER_CORE_DATA_CATALOGUE_H
#define BROKER_CORE_DATA_CATALOGUE_H

#include "broker/core/peers/agents.h"
#include "proto/blob.h"

struct blob {
    struct wf_digest digest; /* first: the map's key */
    uint64_t size;
    struct wf_list_node shares;  /* share.of_blob */
    struct wf_list_node members; /* member.of_blob: datasets that have it, oldest first */
    uint64_t uses;               /* files of datasets, stages and results that name it */
    uint64_t held;               /* by work under way that needs the struct itself */
};

/* A map's key: an agent, and a blob or dataset of which it has some. */
struct share_key {
    const void *what;
    const struct agent *agent;
};

/* What one agent holds of one blob. */
struct share {
    struct share_key key; /* first: the map's key */
    struct wf_list_node of_blob, of_agent;
    struct blob *blob;
    struct agent *agent;
    uint64_t have;  /* bytes, at least 1 unless the blob is empty */
    unsigned flags; /* enum wf_hold */
    int counted;    /* by the datasets that have the blob */
};

struct catalogue {
    struct wf_map *blobs;  /* owned */
    struct wf_map *shares; /* owned */
    struct wf_map *parts;  /* owned: dataset_share of datasets.h */
    size_t max;            /* blobs that are known from agents alone */
    size_t max_shares, max_of_agent;
    uint64_t changes; /* how often a dataset came or went, and one */
    uint64_t refused; /* holdings for which there was no room, or that contradict */
};

int catalogue_init(struct catalogue *t, size_t max, uint64_t seed);
void catalogue_fini(struct catalogue *t);

struct blob *catalogue_get(const struct catalogue *t, const struct wf_digest *digest);

/* Get or make, for something of ours that names it and counts itself in `uses`.
 * WEFT_EPROTO (it is known with another size), WEFT_EFULL, WEFT_ENOMEM. */
int catalogue_need(struct catalogue *t, const struct wf_digest *digest, uint64_t size,
                   struct blob **ret_blob);

/* Forget it if nothing names it any more. */
void catalogue_release(struct catalogue *t, struct blob *b);

/* One use of it less. */
void catalogue_unuse(struct catalogue *t, struct blob *b);

/* What the agent holds of it, or NULL. */
struct share *catalogue_share(const struct catalogue *t, const struct blob *b,
                              const struct agent *a);

/* An agent said what it has.  WEFT_EPROTO, WEFT_EFULL, WEFT_ENOMEM. */
int catalogue_hold(struct catalogue *t, struct agent *a, const struct wf_hold_row *row);

/* Forget all that an agent holds. */
void catalogue_forget(struct catalogue *t, struct agent *a);

static inline int share_is_whole(const struct share *s)
{
    return s->have >= s->blob->size;
}

#endif
