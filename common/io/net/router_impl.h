/* router_impl.h - the inside of the router: receiving (router.c), sending (router_out.c),
 * watching connections (router_watch.c)
 *
 * A session whose route ZeroMQ has lost goes to the `ends` list.  It is reported from
 * there at the beginning of the end of a turn in which everything that had come was read,
 * so on_gone comes after the peer's last frame.
 */
#ifndef COMMON_IO_NET_ROUTER_IMPL_H
#define COMMON_IO_NET_ROUTER_IMPL_H

#include "common/io/net/conns.h"
#include "common/io/net/monitor.h"
#include "common/io/net/sessions.h"
#include "common/io/router.h"

struct router {
    struct zsock *sock;
    struct monitor *monitor;
    struct wf_timer *timer; /* looks at connections */
    bool timer_runs;
    struct wf_timer *retry; /* tries blocked sessions again */
    uint64_t retry_us;      /* its next interval */
    struct router_opts opts;
    struct router_cbs cbs;
    void *arg;
    struct sessions sessions;
    struct conns conns;
    struct outq_pool pool;
    struct wf_list_node out;  /* sessions with something to send, or to probe */
    struct wf_list_node lazy; /* sessions whose messages may wait for company */
    struct wf_timer *linger;  /* ends that wait */
    bool lingers;
    struct wf_list_node room; /* sessions that there is less queued for, to be told */
    struct wf_list_node ends; /* sessions to report or forget */
    uint32_t unsettled;       /* sessions not settled */
    uint64_t silent_us;       /* opts.unready_ms */
    struct router_stats stats;
    bool closing;
};

/* Sessions that are not OPEN or whose connection is gone are looked after by the timer.
 */
static inline bool session_settled(const struct session *s)
{
    return s->state == SESSION_OPEN && !s->severed;
}

/* router.c: the session ends now; on_gone follows if the owner knows it. */
void router_cut(struct router *r, struct session *s);

/* router_out.c */
int router_out_new(struct router *r, struct wf_loop *l, struct wf_err *err);

/* Put the session where the end of the turn sends it; or where it may wait a little. */
void router_out_now(struct router *r, struct session *s);
void router_out_later(struct router *r, struct session *s);

/* Try what is queued for all sessions, or the closed batches of one. */
void router_out_all(struct router *r);
void router_out_full(struct router *r, struct session *s);
void router_out_drop(struct router *r, struct session *s);

/* Tell the owner who took something. */
void router_out_tell(struct router *r);

/* See in the next turns whether ZeroMQ still has a route to the peer. */
void router_out_probe(struct router *r, struct session *s, unsigned times);

/* router_watch.c */
int router_watch_new(struct router *r, struct wf_loop *l, void *ctx, struct wf_err *err);

/* A session's first message came over `fd`. */
void router_watch_bind(struct router *r, struct session *s, int fd);

/* A message came out for the session. */
void router_watch_moved(struct router *r, struct session *s);

/* Shut the session's connection. */
void router_watch_shut(struct router *r, struct session *s);

/* Have the timer run while there is something to watch. */
void router_watch_wake(struct router *r);

#endif
