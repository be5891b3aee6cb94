/* weft/worker.h - write a worker: a process that takes many jobs from weft-agent
 *
 *     static int count(weft_worker_job *job, void *arg)
 *     {
 *         size_t len;
 *         const void *data = weft_worker_payload(job, &len);
 *         ...
 *         return weft_worker_result(job, text, strlen(text));
 *     }
 *
 *     int main(void)
 *     {
 *         return weft_worker_run(NULL, count, NULL) == 0 ? 0 : 1;
 *     }
 *
 * The agent starts the program with a socket as fd 3 and the framing of
 * docs/spec/worker.md on it.  This header and its one source file need nothing but libc.
 *
 * Large things are files.  An input is a file or a folder that may be read and not be
 * changed; a payload of any size looks the same here; a result above 1 MiB is given with
 * weft_worker_result_file().
 *
 * Thread-safety: everything here belongs to the thread that called weft_worker_run().
 */
#ifndef WEFT_WORKER_H
#define WEFT_WORKER_H

#include "version.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weft_worker_options {
    size_t size; /* sizeof this structure */
    int fd;      /* socket to the agent */
    /* Jobs that the agent may have under way here.  They still run one after the other:
     * more than 1 saves the wait between short jobs, but lets one wait behind a long
     * one. */
    unsigned concurrency;
};

#define WEFT_WORKER_OPTIONS_INIT                                                         \
    {                                                                                    \
        sizeof(struct weft_worker_options), 3, 1                                         \
    }

/* A job while its function runs; gone when that returns. */
typedef struct weft_worker_job weft_worker_job;

/* Does a job.  0: done, the result is what was given to weft_worker_result().  A number
 * above 0: failed with that code, and what was given is the reason, as text. */
typedef int weft_worker_fn(weft_worker_job *job, void *arg);

/* Take jobs until the agent closes the socket (0) or the connection breaks or makes no
 * sense (negative: a WEFT_E* of error.h).  `options` NULL: the defaults. */
WEFT_API int weft_worker_run(const struct weft_worker_options *options,
                             weft_worker_fn *fn, void *arg);

/* Id of the job as text, number of the attempt (from 1), deadline in milliseconds since
 * 1970 (0: none).  The id is borrowed until the function returns. */
WEFT_API const char *weft_worker_id(const weft_worker_job *job);
WEFT_API unsigned weft_worker_attempt(const weft_worker_job *job);
WEFT_API uint64_t weft_worker_deadline_ms(const weft_worker_job *job);

/* The payload, borrowed until the function returns or calls weft_worker_cancelled().  One
 * that is a file is mapped; NULL when that fails. */
WEFT_API const void *weft_worker_payload(const weft_worker_job *job, size_t *ret_len);

/* Path of the payload when it is a file, of an input; borrowed until the function
 * returns. NULL: there is none.  Without a sandbox only their permissions protect them:
 * do not write there. */
WEFT_API const char *weft_worker_payload_path(const weft_worker_job *job);
WEFT_API const char *weft_worker_input(const weft_worker_job *job, const char *name);

/* Append to the result.  0, WEFT_ENOMEM, WEFT_ETOOBIG (over 1 MiB in all). */
WEFT_API int weft_worker_result(weft_worker_job *job, const void *data, size_t len);

/* The result is this file, which was closed and is not used any more: it is moved away
 * now.  It stands in the folder in which the worker was started (WEFT_RESULTS) or below.
 * Counts when the job is done well, instead of what weft_worker_result() was given; the
 * last call counts.  0, WEFT_ENOENT, WEFT_EINVAL (no file, or not in that folder's file
 * system), WEFT_ESUPPORT (the agent takes none), WEFT_EIO. */
WEFT_API int weft_worker_result_file(weft_worker_job *job, const char *path);

/* Print for the submitter, now: stream 1 or 2.  0, WEFT_EINVAL, WEFT_ENOMEM, WEFT_EIO. */
WEFT_API int weft_worker_output(weft_worker_job *job, int stream, const void *data,
                                size_t len);

/* 1 once the job is no longer wanted: return soon, with any code.  A system call. */
WEFT_API int weft_worker_cancelled(weft_worker_job *job);

#ifdef __cplusplus
}
#endif
#endif
