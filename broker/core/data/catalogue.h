/* catalogue.h - which agent holds which blobs
 *
 * Made from what agents say of themselves (holdings), so it is advice: a holder that has
 * a blob no more says so when it is asked.  A blob is known here while an agent holds
 * some of it, a dataset or a stage names it.  Bounded in blobs and in shares; what does
 * not fit is counted and not found, nothing else.  docs/spec/7-data.md.
 */
#ifndef BROKER_CORE_DATA_CATALOGUE_H
#define BROKER_CORE_DATA_CATALOGUE_H

#include "broker/core/agents.h"
#include "proto/blob.h"

struct blob {
    struct wf_digest digest; /* first: the map's key */
    uint64_t size;
    struct wf_list_node shares;  /* share.of_blob */
    struct wf_list_node members; /* file.of_blob: files of datasets that are it */
    unsigned refs;               /* stages that name it */
};

/* What one agent holds of one blob. */
struct share {
    struct wf_list_node of_blob, of_agent;
    struct blob *blob;
    struct agent *agent;
    uint64_t have;  /* bytes, at least 1 unless the blob is empty */
    unsigned flags; /* enum wf_hold */
};

struct catalogue {
    struct wf_map *blobs; /* owned */
    size_t max_shares, nshares;
    uint64_t refused; /* holdings for which there was no room */
};

int catalogue_init(struct catalogue *t, size_t max, uint64_t seed);
void catalogue_fini(struct catalogue *t);

struct blob *catalogue_get(const struct catalogue *t, const struct wf_digest *digest);

/* Get or make.  WEFT_EPROTO (it is known with another size), WEFT_EFULL, WEFT_ENOMEM. */
int catalogue_need(struct catalogue *t, const struct wf_digest *digest, uint64_t size,
                   struct blob **ret_blob);

/* Forget it if nothing names it any more. */
void catalogue_release(struct catalogue *t, struct blob *b);

/* What the agent holds of it, or NULL. */
struct share *blob_share(const struct blob *b, const struct agent *a);

/* An agent said what it has.  WEFT_EPROTO, WEFT_EFULL, WEFT_ENOMEM. */
int catalogue_hold(struct catalogue *t, struct agent *a, const struct wf_hold_row *row);

/* Forget all that an agent holds. */
void catalogue_forget(struct catalogue *t, struct agent *a);

static inline int share_is_whole(const struct share *s)
{
    return s->have >= s->blob->size;
}

#endif
