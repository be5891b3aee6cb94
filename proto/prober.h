/* prober.h - when one link is probed, and what comes of it
 *
 *   IDLE --begin--> TRYING --answer--> ANSWERED --five lost in a row--> SILENT
 *                      \                    ^---------- answer ----------/
 *                       +----- five lost --------------------------------^
 *
 * Few probes: three soon after the link came up, then one in fifteen seconds, sooner only
 * when a sample was off what is known.  What probes cost is bounded by bytes a day; on a
 * metered link all of it is a tenth.  A SILENT link (a firewall lets no datagrams
 * through) is tried again every ten minutes; until then its owner uses other samples.
 *
 * One probe is under way at a time.  Times are microseconds of a monotonic clock.  Pure.
 */
#ifndef PROTO_PROBER_H
#define PROTO_PROBER_H

#include "common/rng.h"
#include "proto/probe.h"

#define WF_PROBER_ASK_BYTES 64u
#define WF_PROBER_DAY_BYTES (1u << 20) /* both ways, with the headers below UDP */

enum wf_prober_state {
    WF_PROBER_IDLE,
    WF_PROBER_TRYING,
    WF_PROBER_ANSWERED,
    WF_PROBER_SILENT
};

/* What wf_prober_tick() says, bits. */
enum {
    WF_PROBER_SEND = 1, /* the probe that it filled */
    WF_PROBER_LOST = 2, /* the one under way was not answered */
    WF_PROBER_MUTE = 4  /* and with it the link has become SILENT */
};

struct wf_prober {
    enum wf_prober_state state;
    int metered;
    uint8_t cookie[WF_PROBE_COOKIE];
    uint64_t seq;     /* of the newest probe */
    uint64_t sent_us; /* of the one under way; 0: none is */
    uint64_t due_us;  /* when wf_prober_tick() wants to be called */
    unsigned quick;   /* that are sent soon, one after the other */
    unsigned lost;    /* in a row */
    uint64_t day_us;  /* when the present day of the budget began; 0: none did */
    uint64_t used;    /* bytes in it */
    struct wf_rng rng;
};

void wf_prober_init(struct wf_prober *p, int metered, uint64_t seed);

/* The session is open, with this cookie; it has ended.  What was used of the day's bytes
 * stays. */
void wf_prober_begin(struct wf_prober *p, uint64_t now_us, const uint8_t *cookie);
void wf_prober_end(struct wf_prober *p);

/* Bits as above. */
unsigned wf_prober_tick(struct wf_prober *p, uint64_t now_us, struct wf_probe *ret_probe);

/* A datagram came.  1 when it answers the probe under way. */
int wf_prober_heard(struct wf_prober *p, uint64_t now_us, const struct wf_probe *probe,
                    uint64_t *ret_rtt_us);

/* The last sample was off: two more soon. */
void wf_prober_hurry(struct wf_prober *p, uint64_t now_us);

#endif
