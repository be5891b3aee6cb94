/* filters.h - what may refuse a candidate, in the order in which it is asked
 *
 * A filter never scores; a score never filters.  Each is counted under its name.
 */
#ifndef BROKER_CORE_ROUTER_FILTERS_H
#define BROKER_CORE_ROUTER_FILTERS_H

#define PLACE_FILTERS(F)                                                                 \
    F(CAPABILITY, "capability")                                                          \
    F(VERSION, "version")                                                                \
    F(RESIDENCY, "residency")                                                            \
    F(DATA, "data-too-large")                                                            \
    F(REVOKED, "revoked")                                                                \
    F(OFFLINE, "offline")                                                                \
    F(SILENT, "silent")                                                                  \
    F(DRAINING, "draining")                                                              \
    F(WHAT_IF, "what-if")                                                                \
    F(PINNED, "other-node")                                                              \
    F(NEEDS, "needs")                                                                    \
    F(NEAR, "affinity")                                                                  \
    F(AVOIDED, "failed-there")                                                           \
    F(COST, "max-cost")                                                                  \
    F(DEADLINE, "deadline")                                                              \
    F(CAME_FROM, "came-from")                                                            \
    F(FULL, "full")

enum place_filter {
    PLACE_PASSED,
#define F(name, text) PLACE_##name,
    PLACE_FILTERS(F)
#undef F
        PLACE_FILTER_COUNT
};

/* "?" for a number that is none. */
const char *place_filter_name(unsigned filter);

#endif
