/* site.h - agents and the client of a broker, as the messages that they say
 *
 * An agent has one slot and lets one job wait.  It says hello, what it offers, that it
 * holds nothing; then a heartbeat with its load, and of each assignment that it was
 * started (when it runs for longer than 200 ms) and how it ended.  The payload tells how
 * long a run takes.
 */
#ifndef TESTS_SIM_SCALE_SITE_H
#define TESTS_SIM_SCALE_SITE_H

#include "tests/sim/scale/world.h"

#define SITE_KINDS 3u /* capabilities */

/* Capability number k: its name, mean run and share of jobs. */
struct site_kind {
    const char *name;
    double mean_s;
    unsigned share_pm;
};
extern const struct site_kind site_kinds[SITE_KINDS];

struct device {
    struct event beat;
    struct broker *of;
    uint32_t peer;
    uint64_t delay_ns; /* to its broker */
    int busy, offers_more;
    struct wf_list_node queue;
    struct wf_list_node runs; /* all that it holds or will have */
    uint64_t held, work_us, covered, arrived, seq;
};

/* Keys of those who are enrolled at a broker; agents count from 0. */
struct wf_key site_broker_key(const struct broker *b);
struct wf_key site_agent_key(const struct broker *b, unsigned i);
struct wf_key site_client_key(const struct broker *b);

/* The broker is up: all of them connect within a second. */
void site_start(struct world *w, struct broker *b);
void site_free(struct broker *b);

/* What the core said to one of them: 1 when that peer is of the site. */
int site_heard(struct world *w, struct broker *b, uint32_t peer, const uint8_t *p,
               size_t len);

/* The client submits. */
void site_submit(struct world *w, struct broker *b, struct work *x);

/* The first agent offers one capability more. */
void site_change(struct world *w, struct broker *b);

#endif
