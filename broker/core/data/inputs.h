/* inputs.h - the data that a job needs: resolved once, weighed at each placement
 *
 * A submit names inputs; the broker resolves them to what they are now (need_row) and
 * keeps that with the job.  A payload that is not inline counts as one more.
 */
#ifndef BROKER_CORE_DATA_INPUTS_H
#define BROKER_CORE_DATA_INPUTS_H

#include "broker/core/core_int.h"

/* Rows of the submit to rows of the job, in `store`.  0; else the code of the refusal
 * that was sent.  `residency` gets what all of them allow; empty: anywhere. */
int inputs_resolve(struct turn *t, const struct wf_submit *m, struct wf_buf *store,
                   struct wf_rows *ret_needs, char residency[WF_LABEL_MAX + 1]);

/* 1 when a submit that comes again names the same inputs. */
int inputs_match(const struct job *j, const struct wf_submit *m);

/* How much of a job's inputs is at whom.  Those not told have nothing. */
#define INPUTS_HOLDERS 64u

struct inputs_at {
    const char *residency; /* borrowed from the job */
    uint64_t total;        /* bytes; 0: it needs no data */
    unsigned n;
    struct {
        struct agent *agent;
        uint64_t have;
    } v[INPUTS_HOLDERS];
};

void inputs_gather(const struct core *c, const struct job *j, struct inputs_at *ret);

/* Bytes that this agent would have to fetch. */
uint64_t inputs_missing(const struct inputs_at *at, const struct agent *a);

/* 1 when the job needs this blob. */
int inputs_have(const struct core *c, const struct job *j, const struct blob *b);

/* 1 when it needs files of this dataset. */
int inputs_have_dataset(const struct core *c, const struct job *j,
                        const struct dataset *d);

/* May this session see the blob, or the dataset? */
int blob_may_see(const struct session *s, const struct blob *b);
int dataset_may_see(const struct session *s, const struct dataset *d);

/* Where the bytes of a blob may be, by the datasets that have it; empty: anywhere. */
const char *blob_residency(const struct blob *b);

/* The residency label of an agent; empty: it has none. */
const char *agent_region(const struct agent *a);

#endif
