/* weft/client.h - a connection to the mesh
 *
 * Two ways of running it, chosen when it is opened:
 *  - thread: a background thread serves the connection; calls may come from any thread
 * and callbacks run on the background thread (do not block in them, do not wait in them).
 *  - loop: the caller drives it: poll weft_fd() for reading, at most weft_timeout_ms()
 *    long, then call weft_process(); callbacks run inside weft_process() and
 * weft_*_wait(). All calls must come from one thread. A client reconnects by itself with
 * back-off; jobs that were accepted are watched again after a reconnect, jobs not yet
 * accepted are submitted again under the same id.
 */
#ifndef WEFT_CLIENT_H
#define WEFT_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "version.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_client weft_client;

enum weft_mode { WEFT_MODE_THREAD, WEFT_MODE_LOOP };

/* Options of weft_open().  Set with WEFT_OPTIONS_INIT, then change what you need. */
struct weft_options {
    size_t size;         /* sizeof(struct weft_options): for growth */
    const char *context; /* name of a context (weft/context.h); NULL: $WEFT_CONTEXT, else
                            the selected one */
    enum weft_mode mode;
    int connect_ms; /* longest wait for the first connection in weft_open(); 0: do not
                       wait, connect in the background */
    const char *software; /* the program's name, for the operator; NULL: "libweft" */
};

#define WEFT_OPTIONS_INIT                                                                \
    {                                                                                    \
        sizeof(struct weft_options), NULL, WEFT_MODE_THREAD, 5000, NULL                  \
    }

/* Connect.  On failure *ret_client is NULL and `text` (NULL, or `cap` bytes) says why in
 * one line.  Errors: WEFT_EINVAL, WEFT_ENOMEM, WEFT_ENOENT (no such context),
 * WEFT_EKEY, WEFT_EUNREACH, WEFT_EAUTH, WEFT_EREVOKED, WEFT_EVERSION.
 * `options` NULL: the defaults.  Thread-safe. */
WEFT_API int weft_open(const struct weft_options *options, weft_client **ret_client,
                       char *text, size_t cap);

/* Close; futures that are not done become WEFT_ECLOSED.  NULL is allowed.  In thread mode
 * not from a callback.  Futures must be freed by the caller, before or after. */
WEFT_API void weft_close(weft_client *client);

/* 1 when the session is open now.  *ret_text (may be NULL) is filled with the broker's
 * name and address, or with why not.  Thread-safe in thread mode. */
WEFT_API int weft_connected(weft_client *client, char *text, size_t cap);

/* Why the last request failed that gives no future (weft_nodes(), weft_job_show(), ...),
 * in one line, cut to `cap` with its zero; its length, 0 where the code says it all.  Of
 * the client: with several threads it may be another one's. */
WEFT_API size_t weft_failed_text(weft_client *client, char *text, size_t cap);

/* Loop mode.  The descriptor is an epoll descriptor: do not read or write it.
 * weft_timeout_ms() is -1 for no limit.  weft_process() never blocks; 0 or WEFT_EINVAL in
 * thread mode. */
WEFT_API int weft_fd(weft_client *client);
WEFT_API int weft_timeout_ms(weft_client *client);
WEFT_API int weft_process(weft_client *client);

/* Round trip to the broker as measured by heartbeats, in microseconds; 0 before the
 * first. Largest payload the broker takes, in bytes. */
WEFT_API uint64_t weft_rtt_us(weft_client *client);
WEFT_API uint64_t weft_max_payload(weft_client *client);

/* Name, sentence and next step of an error code.  Static text; any thread. */
WEFT_API const char *weft_errname(int code);
WEFT_API const char *weft_strerror(int code);
WEFT_API const char *weft_errhint(int code);

/* The i-th error of the list (0, 1, ...), or 0 past its end: for encyclopedias. */
WEFT_API int weft_error_at(size_t i);

#ifdef __cplusplus
}
#endif
#endif
