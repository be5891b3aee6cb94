/* lanes.h - bulk lanes: of devices to each other and to brokers, and between brokers
 *
 * As connections are (net.h): in a live lane nothing is lost or overtaken; when it
 * breaks, what is on the way is gone, and each end learns of it at its own time.  End 0
 * dialled. What the shells do by themselves is done here: a device says `lane` first,
 * lets in only who may come, and an end is told how much waits for it.
 */
#ifndef TESTS_SIM_DATA_LANES_H
#define TESTS_SIM_DATA_LANES_H

#include "proto/transfer/transfer.h"
#include "tests/sim/clock.h"

#define LANES 2048u /* of one world */

struct device;
struct host;
struct sim;

/* One of a device or a broker. */
struct pipe_end {
    struct device *d;
    struct host *h;
    uint64_t inc;    /* of its process */
    uint32_t number; /* what it calls the lane */
    int here;        /* it has not closed it, nor heard that it broke */
    int knows;       /* its core was told of it */
};

struct pipe {
    unsigned index;
    struct pipe_end end[2];
    struct wf_key key; /* of who dialled */
    uint64_t until_us; /* it dials no longer */
    int up, broken;
    struct wf_list_node
        line[2]; /* event.spare: frames on the way to that end, in order */
    uint64_t free_us[2];
    size_t queued[2];
};

struct lanes {
    struct pipe v[LANES];
    unsigned n;
    uint32_t handles; /* of brokers */
};

void lanes_reset(struct sim *s);

/* Effects of a device, or of a broker (one that it dials: `peer` has MESH_DIALLED). */
int lanes_of_device(struct sim *s, struct device *d, const struct wf_effect *x);
int lanes_of_host(struct sim *s, struct host *h, const struct wf_effect *x);

/* The process of one end is over. */
void lanes_end_device(struct sim *s, const struct device *d);
void lanes_end_host(struct sim *s, const struct host *h);

/* One of those that are up breaks. */
void lanes_cut(struct sim *s);

/* EV_LANE_DIAL, which is nobody's; and what an end is told: the caller has seen that it
 * is the same process. */
void lanes_on_dial(struct sim *s, const struct event *e);
void lanes_take(struct sim *s, const struct event *e);

/* Until when nothing passes because somebody at an end is cut off; 0: it does. */
uint64_t lanes_parted_until_us(const struct event *e);

#endif
