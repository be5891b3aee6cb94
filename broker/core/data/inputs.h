/* inputs.h - the data that a job needs: resolved once, weighed at each placement
 *
 * A submit names inputs; the broker resolves them to what they are now (need_row) and
 * keeps that with the job.  A payload that is not inline counts as one more.  A job whose
 * dataset was removed since cannot run any more: another one of the same name and version
 * is not the same.
 */
#ifndef BROKER_CORE_DATA_INPUTS_H
#define BROKER_CORE_DATA_INPUTS_H

#include "broker/core/core_int.h"
#include "broker/core/data/residency.h"

/* Rows of the submit to rows of the job, in `store`, and its payload blob.  0; else the
 * code of the refusal that was sent.  `residency` gets what all of them allow; empty:
 * anywhere. */
int inputs_resolve(struct turn *t, const struct wf_submit *m, struct wf_buf *store,
                   struct wf_rows *ret_needs, char residency[WF_LABEL_MAX + 1]);

/* 1 when a submit that comes again names the same inputs. */
int inputs_match(const struct job *j, const struct wf_submit *m);

/* The first dataset of a job that is there no more: 1, and its reference. */
int inputs_gone(const struct core *c, const struct job *j, struct wf_slice *ret_ref);

/* A job's inputs and its payload as the router looks at them: bytes, and who has most of
 * each; of a large folder a few files tell.  Returns how many. */
unsigned inputs_route(const struct core *c, const struct job *j,
                      struct route_input ret[ROUTE_INPUTS_MAX]);

/* 1 when the job needs this blob; files of this dataset. */
int inputs_have(const struct core *c, const struct job *j,
                const struct wf_digest *digest);
int inputs_have_dataset(const struct core *c, const struct job *j,
                        const struct dataset *d);

/* Where its data may be by what is said of it now, as far as a look of bounded length
 * finds out: the owner may have narrowed it after the job was accepted.  1: at the agent.
 */
void inputs_residency(const struct core *c, const struct job *j,
                      char ret[WF_LABEL_MAX + 1]);
int inputs_allow(const struct core *c, const struct job *j, const struct agent *a);

/* 1 when the agent of a job waits for something of its inputs that nobody who is
 * connected has, as far as a look of bounded length finds out; the text says what, and
 * what to do. */
int inputs_missing(const struct core *c, const struct job *j, char *text, size_t cap);

/* May this session see the dataset, or the blob?  Popular blobs are in many datasets:
 * `looks` bounds how many of them one message may ask. */
#define BLOB_LOOKS 262144u

int dataset_may_see(const struct session *s, const struct dataset *d);

/* May another broker read it on behalf of that key? */
int dataset_may_read(const struct dataset *d, const struct wf_key *reader);
int blob_may_see(const struct session *s, const struct blob *b, unsigned *looks);

#endif
