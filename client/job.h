/* job.h - a struct weft_job of the SDK's user as the message that submits it */
#ifndef CLIENT_JOB_H
#define CLIENT_JOB_H

#include "client/include/weft/job.h"
#include "proto/msg.h"

struct weft_client;

/* Copy the job into one of this version: a program made with an older header gives fewer
 * fields, and the rest keeps its default.  WEFT_EINVAL, WEFT_ETOOBIG. */
int job_take(const struct weft_job *given, struct weft_job *job);

/* The message; an id is drawn when it has none.  Locked; it borrows from `job`, `name`
 * and the client's scratch until the next one.  WEFT_EINVAL, WEFT_ENOMEM. */
int job_submit(struct weft_client *c, const struct weft_job *job,
               char name[WF_CAP_NAME_MAX + 1], struct wf_submit *ret);

#endif
