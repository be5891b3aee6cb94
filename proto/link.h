/* link.h - the connecting side of a session
 *
 *   IDLE --start--> DIALLING --up--> GREETING --welcome--> READY
 *                      ^  \             |                    |
 *                      |   +--refused,  |  down, lease over, |
 *                    back-off   timeout +---- bye, error ----+--> WAITING --due-->
 * DIALLING
 *
 * One copy for agent, client and neighbour broker.  Dials its ways (ways.h), opens each
 * connection with hello, measures the round trip with its heartbeats, gives up on
 * silence, and backs off with jitter, each way for itself.  A refusal of the key backs
 * off longer: the transport never retries that by itself.  Times are microseconds of a
 * monotonic clock.  Pure.
 *
 * Who knows several brokers does not wait for one that is gone: the next is dialled at
 * once when a connection breaks, and after two heartbeats of silence when another one
 * answers a *trial*: a second connection as far as the end of the handshake, which is
 * proof of life and a sample.  Beside a session that is well, trials look now and then
 * for a broker that is nearer, or that has unfinished work of the owner's.  One that
 * answered twice in a row is `better`: when to move there is the owner's matter
 * (docs/spec/2-sessions.md, 2.8).
 */
#ifndef PROTO_LINK_H
#define PROTO_LINK_H

#include "common/ewma.h"
#include "proto/effects.h"
#include "proto/probe.h"
#include "proto/ways.h"

enum wf_link_state {
    WF_LINK_IDLE,
    WF_LINK_DIALLING,
    WF_LINK_GREETING,
    WF_LINK_READY,
    WF_LINK_WAITING,
    WF_LINK_STATES
};

struct wf_link_config {
    unsigned role;  /* enum wf_role */
    uint64_t epoch; /* boot epoch: random at process start */
    char software[WF_NAME_MAX + 1];
    /* Borrowed for the call that takes this; NULL: `nendpoints` of one broker. */
    const struct wf_broker_table *brokers;
    unsigned nendpoints; /* then at least 1 */
    uint64_t retry_min_ms, retry_max_ms;
    uint64_t dial_ms;     /* longest wait for the transport and the welcome together */
    uint64_t try_ms;      /* between trials of others; 0: 30 s */
    uint64_t stay_ms;     /* between two moves that nothing forced; 0: a minute */
    uint64_t seed;        /* of the jitter */
    struct wf_slice sign; /* a broker\'s: what its facts are signed with; borrowed */
    wf_holds_fn *holds;   /* where there is unfinished work; NULL: nowhere */
    const void *owner;    /* of `holds` */
};

/* What an agent tells with every ping; its owner keeps it true.  All 0 for others. */
struct wf_link_load {
    uint64_t covered;  /* highest assign.seq of this session, whose jobs count below */
    uint64_t jobs;     /* it holds, waiting and running */
    uint64_t work_us;  /* expected, of those */
    uint64_t arrived;  /* taken, ever */
    uint64_t step;     /* a change of `jobs` by so much is told early; 0: none is */
    uint64_t yielding; /* of those that run: these would make way */
};

/* What the broker said in welcome. */
struct wf_link_welcome {
    char broker[WF_NAME_MAX + 1];
    char site[WF_NAME_MAX + 1]; /* the broker's */
    char name[WF_NAME_MAX + 1]; /* our own name, as enrolled */
    unsigned role, tier;
    uint64_t epoch;
    uint64_t max_payload;
    uint64_t store, store_lsn; /* what the broker said that it has on stable storage */
    uint64_t shared;           /* identity of a store that others use as well; 0: none */
    unsigned bulk_port;        /* of its bulk lane; 0: there is none */
    unsigned probe_port;       /* where it answers probes; 0: nowhere */
    uint8_t probe[WF_PROBE_COOKIE];
};

struct wf_link {
    unsigned state; /* enum wf_link_state; only link.c writes it */
    struct wf_link_config cfg;
    struct wf_link_welcome welcome; /* of the present or last session */
    struct wf_ways ways;
    int learns;                /* of other brokers */
    unsigned endpoint;         /* the one dialled now or last */
    unsigned trying;           /* the one on trial; WF_BROKERS_NONE: none is */
    unsigned better;           /* where to move; WF_BROKERS_NONE: nowhere */
    uint64_t try_us, tried_us; /* the next trial; when the present one began */
    uint64_t stay_us;          /* until then nothing is better for being nearer */
    uint64_t visit_us;         /* nor, while there is work here, for having work */
    uint64_t opened_us;        /* when this session did */
    unsigned visits;           /* moves in a row that left work behind */
    int error;                 /* why the last session ended; 0: none did yet */
    char error_text[WF_TEXT_MAX + 1];
    uint64_t due_us; /* when wf_link_tick() wants to be called */
    uint64_t heartbeat_us, lease_us;
    uint64_t heard_us, pinged_us;
    uint64_t ping_seq, dials;
    uint64_t ponged_seq; /* newest ping that was answered; older answers do not count */
    uint64_t told_jobs;  /* load.jobs, as of the last ping */
    struct wf_link_load load;
    unsigned quick_pings;  /* left of those sent back to back on a new session */
    struct wf_ewma rtt_us; /* of the way that it is on */
    uint64_t last_rtt_us;
    uint64_t least_us[2]; /* of eight samples, and of the eight before; 0: none */
    unsigned nleast;
    uint64_t untold_rtt_us; /* it, until the next ping; each sample is told once */
    uint64_t probed_us;     /* by better means than heartbeats, told instead; 0: not */
    struct wf_rng rng;
};

void wf_link_init(struct wf_link *l, const struct wf_link_config *cfg);

/* Begin to dial; or hang up for good, saying bye. */
void wf_link_start(struct wf_link *l, uint64_t now_us, struct wf_effects *out);
void wf_link_stop(struct wf_link *l, struct wf_effects *out);

/* The transport's news: connected; gone; our key was refused. */
void wf_link_up(struct wf_link *l, uint64_t now_us, struct wf_effects *out);
void wf_link_down(struct wf_link *l, uint64_t now_us, struct wf_effects *out);
void wf_link_refused(struct wf_link *l, uint64_t now_us, struct wf_effects *out);

/* What a trial showed: the broker proved its key and took ours (1), or not (0), or it is
 * there and refused ours (WEFT_EAUTH). */
void wf_link_tried(struct wf_link *l, uint64_t now_us, int answered,
                   struct wf_effects *out);

/* The better one is so because something waits there, not for being near; who goes there
 * leaves work behind that it does not finish first. */
int wf_link_is_due(const struct wf_link *l);
int wf_link_is_bound(const struct wf_link *l);

/* Say bye and dial the better one; or stay for now, wherever work waits, and look again
 * after so long. */
void wf_link_move(struct wf_link *l, uint64_t now_us, struct wf_effects *out);
void wf_link_stay(struct wf_link *l, uint64_t now_us, uint64_t stay_ms);

/* The present broker named this one as who has something of the owner's: it is tried at
 * once.  0: it cannot be, because we do not learn of brokers, or it makes no sense. */
int wf_link_named(struct wf_link *l, uint64_t now_us, const struct wf_broker_row *row);

/* Who it speaks with, or did last. */
struct wf_home wf_link_home(const struct wf_link *l);

enum wf_link_verdict {
    WF_LINK_PASS,    /* not the link's: for the caller, who is READY */
    WF_LINK_HANDLED, /* consumed */
    WF_LINK_OPENED   /* consumed, and the session has just become READY */
};

/* Offer a message.  Before READY nothing passes. */
enum wf_link_verdict wf_link_msg(struct wf_link *l, uint64_t now_us,
                                 const struct wf_msg *msg, struct wf_effects *out);

/* Heartbeats, leases, redialling. */
void wf_link_tick(struct wf_link *l, uint64_t now_us, struct wf_effects *out);

/* `load` was changed.  When the change is large the next ping is due early, but no more
 * than ten go out in a second; that tick also covers what comes until then. */
void wf_link_loaded(struct wf_link *l);

#endif
