/* linklog.h - the log lines about the connection to the broker
 *
 * A failure is logged once an outage, however often it is met again; what is new, and
 * the end of the outage, are logged when they happen.  Each line says what to do next.
 */
#ifndef AGENT_LINKLOG_H
#define AGENT_LINKLOG_H

#include "common/io/log.h"
#include "proto/link.h"

struct linklog {
    unsigned state;  /* of the link when last looked at: enum wf_link_state */
    int is_up;       /* as logged */
    int why;         /* what the transport said of the last end; 0: nothing */
    uint64_t logged; /* bit -code: this failure was logged since the link was up */
};

/* Look at the link after a step; `endpoint` is the one it dialled last.  1 when it went
 * up or down. */
int linklog_step(struct linklog *l, const struct log_sink *log,
                 const struct wf_link *link, const char *endpoint);

#endif
