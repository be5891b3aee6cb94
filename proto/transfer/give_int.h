/* give_int.h - what give.c and give_serve.c share: tickets, lanes, flows and reads
 *
 * A flow is what one ticket wants over one lane: wants in order of their coming.  Flows
 * take turns in `turns`, or stand in `stopped` of their lane while that has too much
 * queued.  A flow without wants, and a lane without flows, reads and queue, is freed.
 */
#ifndef PROTO_TRANSFER_GIVE_INT_H
#define PROTO_TRANSFER_GIVE_INT_H

#include "common/heap.h"
#include "common/list.h"
#include "common/map.h"
#include "proto/transfer/give.h"
#include "proto/transfer/meter.h"
#include "proto/words.h"

#define GIVE_READS_MAX 256u  /* of the configuration */
#define GIVE_LANES_MAX 4096u /* with wants */

struct wf_give_ticket {
    uint64_t id;
    struct wf_key to;
    char region[WF_LABEL_MAX + 1];
    struct wf_heap_node until; /* key: when it ends, us */
    struct wf_map *covered;    /* owned, of struct digest_row, owned */
    struct wf_list_node flows;
    uint64_t owed; /* bytes wanted and not yet sent */
    size_t wants;
};

struct wf_give_lane {
    uint32_t number;
    uint64_t queued;  /* bytes, as far as known */
    uint64_t reading; /* bytes being read for it */
    unsigned reads;
    struct wf_list_node flows;
    struct wf_list_node stopped;
};

struct wf_give_flow {
    struct wf_list_node in_ticket, in_lane;
    struct wf_list_node in_turn; /* in turns, or stopped of its lane */
    struct wf_give_ticket *ticket;
    struct wf_give_lane *lane;
    struct wf_list_node wants;
    uint64_t credit; /* bytes that it may read in this turn */
    int cut;         /* its turn was cut short */
};

struct wf_give_ask {
    struct wf_list_node in_flow;
    struct wf_digest digest;
    uint64_t size;
    unsigned kind;
    int zstd;
    uint64_t next, end; /* chunks that were not yet read */
};

struct wf_give_slot {
    uint64_t tag;                  /* 0: free */
    struct wf_give_ticket *ticket; /* NULL: it ended, or the lane went */
    struct wf_give_lane *lane;     /* NULL when it went */
    struct wf_blob_read read;
    uint64_t bytes;
};

struct wf_give {
    struct wf_give_config cfg;
    struct wf_map *tickets; /* by id */
    struct wf_map *lanes;   /* by number */
    struct wf_heap ends;
    struct wf_list_node turns;
    struct wf_give_slot slots[GIVE_READS_MAX];
    size_t reading, covered, waiting;
    uint64_t last_tag;
    struct wf_meter meter;
    uint64_t due_us;
    struct wf_give_stats stats;
};

/* Bytes of `count` chunks, leaves, or of the map, from `first` on; they must exist. */
uint64_t wf_give_bytes(uint64_t size, unsigned kind, uint64_t first, uint64_t count);

/* Queue a want that was checked.  WEFT_EBUSY: too much of it; WEFT_ENOMEM. */
int wf_give_queue(struct wf_give *g, struct wf_give_ticket *t, uint32_t lane,
                  const struct wf_want *m, uint64_t size);

/* Drop all that a flow wants; with `out`, say so with EPERM. */
void wf_give_flow_end(struct wf_give *g, struct wf_give_flow *f, struct wf_effects *out);

/* Start reads as far as turns, lanes and the meter let it; plan the next tick. */
void wf_give_serve(struct wf_give *g, uint64_t now_us, struct wf_effects *out);

void wf_give_nope(struct wf_effects *out, uint32_t lane, const struct wf_nope *m);

#endif
