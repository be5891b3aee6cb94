/* flows.h - transfers that share the links of both their ends
 *
 * A flow runs at min(up / flows of the holder, down / flows of the getter, window / RTT),
 * looked at anew whenever a flow begins or ends at either end (placement.md 5.1).  A node
 * that has no rate in the scenario has no limit.
 */
#ifndef TESTS_SIM_PLACE_FLOWS_H
#define TESTS_SIM_PLACE_FLOWS_H

#include "common/list.h"
#include "tests/sim/place/events.h"
#include "tests/sim/place/scenario/scenario.h"

#define FLOW_WINDOW 8e6 /* bytes under way at most, so window / RTT bytes a second */

struct flow {
    struct event event;
    struct wf_list_node up_peers, down_peers, all;
    uint32_t from, to; /* nodes */
    uint32_t blob;
    uint64_t began_ns, seen_ns;
    double bytes, left, rate, most; /* bytes, and bytes a second */
    void *job;                      /* the caller's */
};

struct flow_end {
    struct wf_list_node flows;
    uint32_t n;
};

struct flows {
    const struct scenario *sc;
    struct events *ev;
    struct flow_end *up, *down; /* owned; of each node */
    void (*over)(void *world, struct event *e);
};

/* `over` happens when the last byte is there; it calls flows_end.  WEFT_ENOMEM. */
int flows_init(struct flows *fl, const struct scenario *sc, struct events *ev,
               void (*over)(void *world, struct event *e));
void flows_fini(struct flows *fl);

/* The flow's ends, blob and job are set. */
void flows_begin(struct flows *fl, struct flow *f);
void flows_end(struct flows *fl, struct flow *f);

/* Seconds until a flow of so many bytes that begins now is over, if nothing else changes
 * and `up` flows leave the one node and `down` flows reach the other already. */
double flows_time_s(const struct scenario *sc, uint32_t from, uint32_t to, uint32_t up,
                    uint32_t down, double bytes);

#endif
