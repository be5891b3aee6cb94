/* weft/serve.h - offer a C function as a capability
 *
 * Makes this process an agent of the mesh, with an identity of its own: a folder made by
 * `weft-agent join --state DIR`.  Several capabilities may be registered; handlers run on
 * the caller's thread inside weft_serve_process() or weft_serve_run().
 */
#ifndef WEFT_SERVE_H
#define WEFT_SERVE_H

#include "client.h"
#include "job.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_server weft_server;

struct weft_serve_options {
    size_t size;
    const char *state;    /* the identity's folder: required */
    unsigned slots;       /* jobs at once, over all capabilities */
    const char *software; /* NULL: "libweft" */
};

#define WEFT_SERVE_OPTIONS_INIT                                                          \
    {                                                                                    \
        sizeof(struct weft_serve_options), NULL, 64, NULL                                \
    }

/* One call of a handler.  Borrowed until weft_call_done(). */
typedef struct weft_call weft_call;

/* Runs a job.  Either answers before it returns or keeps `call` and answers later; each
 * call is answered exactly once with weft_call_done(), also after a stop. */
typedef void weft_handler_fn(weft_call *call, void *arg);

/* Open, with the lock of the state folder until weft_serve_close(): WEFT_EBUSY when
 * another process serves from it.  WEFT_EINVAL, WEFT_ENOMEM, WEFT_ENOENT (nobody joined
 * there), WEFT_EKEY, WEFT_ECONF, WEFT_EIO.  `text` (NULL, or `cap` bytes) says why. */
WEFT_API int weft_serve_open(const struct weft_serve_options *options,
                             weft_server **ret_server, char *text, size_t cap);

/* Register before running.  `capability` is "name@version"; `slots` jobs of it at once
 * (0: as many as the server has).  WEFT_EINVAL, WEFT_EEXIST, WEFT_EFULL. */
WEFT_API int weft_serve_register(weft_server *server, const char *capability,
                                 unsigned slots, weft_handler_fn *fn, void *arg);

WEFT_API int weft_serve_fd(weft_server *server);
WEFT_API int weft_serve_timeout_ms(weft_server *server);
WEFT_API int weft_serve_process(weft_server *server);

/* Serve until weft_serve_stop(), which is safe in a signal handler and on any thread. */
WEFT_API int weft_serve_run(weft_server *server);
WEFT_API void weft_serve_stop(weft_server *server);
WEFT_API void weft_serve_close(weft_server *server);

/* The job of a call.  The payload is borrowed. */
WEFT_API const void *weft_call_payload(const weft_call *call, size_t *ret_len);
WEFT_API const weft_id *weft_call_id(const weft_call *call);
WEFT_API unsigned weft_call_attempt(const weft_call *call);
WEFT_API const char *weft_call_capability(const weft_call *call);

/* 1 once the result is no longer wanted (cancelled, timed out). */
WEFT_API int weft_call_stopped(const weft_call *call);

/* Print for the submitter while running: stream 1 or 2. */
WEFT_API int weft_call_output(weft_call *call, int stream, const void *data, size_t len);

/* Answer: code 0 with a result, or WEFT_EFAILED with a reason (NULL: none).  The data is
 * copied.  The call is gone afterwards.  WEFT_ETOOBIG turns into a failed job. */
WEFT_API void weft_call_done(weft_call *call, int code, const void *data, size_t len,
                             const char *reason);

#ifdef __cplusplus
}
#endif
#endif
