/* submit.h - a submit, checked and turned into a job
 *
 * What submitting a job and planning one have in common.
 */
#ifndef BROKER_CORE_SUBMIT_H
#define BROKER_CORE_SUBMIT_H

#include "broker/core/core_int.h"

/* Check it, resolve its inputs (`given`: they are resolved) and add the job, which is not
 * begun: jobs_undo() takes it back.  0, or the code of the refusal that was sent. */
int submit_prepare(struct turn *t, const struct wf_submit *m,
                   const struct job_data *given, struct job **ret_job);

/* A job that was just added: wait for its record, or begin. */
void submit_begin(struct core *c, struct job *j, struct wf_effects *out);

#endif
