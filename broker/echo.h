/* echo.h - answers the probes that measure links (proto/probe.h)
 *
 * A UDP port beside the control lane, on its hosts.  A probe is answered when its cookie
 * is one of an open session, with fewer bytes than it had or as many; everything else is
 * counted and gets silence.  Where the port is taken by another program the broker does
 * without: peers measure their heartbeats then.
 */
#ifndef BROKER_ECHO_H
#define BROKER_ECHO_H

#include "common/conf.h"
#include "common/io/log.h"
#include "common/io/loop.h"

struct echo;

/* Where to listen. */
struct echo_where {
    const struct wf_conf_list *control; /* on all hosts of the control lane, */
    const char *bound;                  /* with the port of this one of them, */
    const char *port;                   /* unless another is said; "0": not at all */
};

/* 1 when a session has this cookie. */
typedef int echo_knows_fn(void *arg, const uint8_t *cookie);

/* *ret_echo may be NULL: nothing is answered, by choice, or for a reason that was logged.
 * WEFT_EIO: the port that was asked for cannot be had.  WEFT_ENOMEM. */
int echo_new(struct wf_loop *loop, const struct log_sink *log,
             const struct echo_where *where, echo_knows_fn *fn, void *arg,
             struct echo **ret_echo, struct wf_err *err);

/* These take NULL: no port, no counts. */
void echo_free(struct echo *e);
unsigned echo_port(const struct echo *e);
void echo_count(const struct echo *e, uint64_t *ret_answered, uint64_t *ret_unknown);

#endif
