/* link_prober.h - probes one dialled link over a UDP socket of its own
 *
 * Around the schedule of proto/prober.h: a socket to the host that the uplink is
 * connected to, on the port of the welcome, for as long as the session is open.
 */
#ifndef COMMON_IO_LINK_PROBER_H
#define COMMON_IO_LINK_PROBER_H

#include "common/io/loop.h"
#include "common/io/uplink.h"
#include "proto/link.h"

struct link_prober;

struct link_prober_cbs {
    /* A probe was answered after so long; 0: one was lost.  Returns 1 when the sample was
     * off what is known: two more are sent soon. */
    int (*on_sample)(void *arg, uint64_t rtt_us);

    /* No datagram comes through, as far as can be told. */
    void (*on_mute)(void *arg);
};

/* `cbs` is borrowed.  WEFT_ENOMEM. */
int link_prober_new(struct wf_loop *l, int metered, const struct link_prober_cbs *cbs,
                    void *arg, struct link_prober **ret_prober);

/* NULL is allowed. */
void link_prober_free(struct link_prober *p);

/* Look at the link after a step of its owner: begin or end. */
void link_prober_look(struct link_prober *p, const struct wf_link *link,
                      const struct uplink *uplink);

#endif
