/* sessions.h - the router's peers, found by routing id and by handle
 *
 * A handle is a slot (20 bits) and a generation (12 bits, never 0); slots are given out
 * first in, first out, so a handle comes back after thousands of other sessions at the
 * earliest. Routing ids are counted up by ZeroMQ, so their low bits spread perfectly by
 * themselves.
 *
 *     OPEN -> CLOSING -> DEAD      OPEN -> DEAD
 *
 * A DEAD session ignores its peer and is remembered until ZeroMQ forgot the route, or
 * what the peer still had in the pipe would look like a new one.
 */
#ifndef COMMON_IO_NET_SESSIONS_H
#define COMMON_IO_NET_SESSIONS_H

#include "common/io/net/outq.h"
#include "common/list.h"

#include <stdbool.h>

#define SESSIONS_MAX (1u << 20)

enum session_state {
    SESSION_OPEN,
    SESSION_CLOSING, /* sends what is queued, reads nothing */
    SESSION_DEAD,
};

struct session {
    uint32_t handle;
    uint32_t rid; /* the last four bytes of ZeroMQ's routing id */
    enum session_state state;
    int fd;         /* of the connection; -1 unknown */
    bool known;     /* the owner has it and hears on_gone */
    bool lost;      /* ZeroMQ has no route to it any more */
    bool lazy;      /* `node` is in the list of those that may wait a little */
    bool blocked;   /* took no more when last tried */
    bool severed;   /* its connection is said to be gone; ZeroMQ will soon agree */
    uint8_t probes; /* empty frames to send, one a turn, to see whether it is there */
    uint64_t close_at_us; /* CLOSING: cut then */
    struct outq out;
    struct wf_list_node node; /* in the list of those with something to send */
    struct wf_list_node end;  /* in the list of those to report or forget */
    struct wf_list_node room; /* in the list of those that took something */
};

struct sessions {
    struct session **slots;
    uint16_t *gens;
    uint32_t *free_ring; /* slots to give out; as long as `slots` */
    uint32_t cap, n, n_free, free_head;
    struct sessions_entry *index; /* open addressing, 2 * cap entries */
};

/* 0 or WEFT_ENOMEM. */
int sessions_init(struct sessions *t);

/* The sessions' queues were cleared before. */
void sessions_fini(struct sessions *t);

struct session *sessions_by_rid(const struct sessions *t, uint32_t rid);
struct session *sessions_by_handle(const struct sessions *t, uint32_t handle);

/* Begin one; its rid is not in the table.  WEFT_ENOMEM, WEFT_EFULL. */
int sessions_add(struct sessions *t, uint32_t rid, struct session **ret_session);

/* Forget and free one, whose queue is empty. */
void sessions_remove(struct sessions *t, struct session *s);

/* Walk by slot: start with *it = 0; NULL at the end.  Removing is allowed. */
struct session *sessions_next(const struct sessions *t, uint32_t *it);

#endif
