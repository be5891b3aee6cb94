/* weft/info.h - ask the broker what it knows
 *
 * Each call asks, waits up to timeout_ms and returns rows that the caller frees with
 * weft_rows_free() (or the one object with weft_free()).  Errors: WEFT_ETIMEOUT,
 * WEFT_EUNREACH, WEFT_ENOENT, WEFT_EPERM, WEFT_EINVAL (ambiguous prefix), WEFT_ENOMEM.
 * Strings inside rows live as long as the rows.  In thread mode from any thread but the
 * callbacks'.
 */
#ifndef WEFT_INFO_H
#define WEFT_INFO_H

#include "job.h"

#ifdef __cplusplus
extern "C" {
#endif

struct weft_node {
    const char *name, *site, *tier, *role, *state, *arch, *sandbox;
    char key[65]; /* public key, hex */
    uint64_t state_ms, age_ms, rtt_us, jitter_us;
    uint64_t slots, running, waiting, cpu_permille, done, failed, caps, cpus, mem, accels;
};

struct weft_capability {
    const char *name, *kind;
    uint32_t version;
    uint64_t slots, queue, wall_ms;
    int net, warm;
};

struct weft_accel {
    const char *kind, *name;
    uint64_t mem;
};

struct weft_metric {
    const char *name;
    uint64_t value;
};

struct weft_node_full {
    struct weft_node node;
    const char *cpu, *sandbox_why, *software;
    uint64_t disk, epoch, metrics_age_ms;
    struct weft_capability *caps;
    size_t ncaps;
    struct weft_accel *accels;
    size_t naccels;
    const char **labels;
    size_t nlabels;
    struct weft_metric *metrics;
    size_t nmetrics;
};

struct weft_job_row {
    weft_id id;
    const char *capability, *node, *owner, *name;
    uint32_t version;
    enum weft_state state;
    enum weft_class job_class;
    unsigned priority, attempt;
    uint64_t age_ms, run_us;
    int code;
    const char *reason; /* of an end that was not OK */
};

struct weft_try {
    unsigned attempt;
    const char *node, *reason;
    int code;
    uint64_t start_ms, run_us;
};

/* An input of a job, as resolved when it was accepted. */
struct weft_need {
    const char *name;
    const char *ref;    /* "DATASET@VERSION[/PATH]"; empty: a blob by its digest */
    weft_digest digest; /* of the one file; zero: a folder */
    uint64_t size, files;
};

/* Why nothing comes of the data that a job waits for.  A later broker may tell of others,
 * which are WEFT_STAND_OTHER here. */
enum weft_stand {
    WEFT_STAND_NONE,      /* it comes, or is looked for */
    WEFT_STAND_FORBIDDEN, /* it may not be fetched where the job is */
    WEFT_STAND_NOWHERE,   /* nobody who can be reached has it */
    WEFT_STAND_DAY,       /* the bytes of the day are used up */
    WEFT_STAND_STORE,     /* the agent's store makes room */
    WEFT_STAND_SILENT,    /* who has it does not answer */
    WEFT_STAND_OTHER
};

/* "forbidden", "nowhere", ...  Static, thread-safe. */
WEFT_API const char *weft_stand_name(enum weft_stand stand);

struct weft_job_full {
    struct weft_job_row job;
    struct weft_try *tries;
    size_t ntries;
    const char *reason;
    int exit_code, term_signal;
    uint64_t payload_len, result_len, log_len, cut, deadline_left_ms, wait_us,
        retry_in_ms, superseded;
    unsigned max_attempts;
    const char **needs;
    size_t nneeds;
    enum weft_disconnect disconnect;
    uint64_t disconnect_ms;
    weft_id retry_of;       /* the job that this one repeats; all zero: none */
    weft_id reused;         /* the like job whose outcome it gets; all zero: none */
    uint64_t crashes, lost; /* attempts that took their process or agent with them;
                               attempts lost to agents and links */
    int stored;             /* what is told here is on stable storage */
    struct weft_need *inputs;
    size_t ninputs;
    uint64_t fetch_done, fetch_total; /* bytes there, while they are fetched; 0: not */
    uint64_t fetch_left_ms;           /* expected; 0: not known */
    const char *fetch_from;           /* who gives most of it */
    weft_digest result_blob;          /* the result, when it is a blob; else zero */
    uint64_t fetched;                 /* bytes of inputs that had to be moved */
    enum weft_goal goal;
    uint64_t second_pusd, max_cost_pusd;
    uint64_t cost_pusd;           /* so far */
    uint64_t hedged;              /* second copies that were started */
    uint64_t preempted;           /* times that it had to make way for another job */
    enum weft_stand fetch_stands; /* why nothing comes of its data */
    uint64_t fetch_resume_ms;     /* until that is over; 0: not known */
    uint64_t uncounted;           /* attempts that no agent took: they are none of
                                     max_attempts */
    weft_id there;                /* its id at the neighbour that `job.node` names; all
                                     zero: no other broker has or had it */
    weft_id of;                   /* of work of another broker, `job.owner`: its id there;
                                     else all zero */
    uint64_t silent_ms;           /* its node was not heard for so long; 0: it was, as is
                                     due */
    int cut_off;                  /* and has no session any more */
};

struct weft_count {
    const char *name;
    uint64_t value;
};

/* One candidate of a placement decision; all times in microseconds.
 * score = link + max(wait, fetch, warm) + run + risk + money, less what is preferred.
 * `money_us` is `cost_pusd` by what a second is worth. */
struct weft_scored {
    const char *node;
    uint64_t link_us, wait_us, fetch_us, warm_us, run_us, risk_us, money_us, score_us;
    uint64_t ahead, report_ms;
    uint64_t cost_pusd, fetch_bytes, free_slots;
    unsigned filter;     /* what refused it, counted from 1; 0: it passed */
    const char *refused; /* the name of that filter */
    const char *site, *tier;
};

struct weft_why {
    weft_id id;
    enum weft_state state;
    const char *capability, *node, *text;
    uint32_t version;
    unsigned attempt;
    uint64_t age_ms, known, capable, scored, took_wait_us, took_run_us;
    int chosen; /* the first row was chosen; else the job waits */
    struct weft_count *filters;
    size_t nfilters;
    struct weft_scored *rows;
    size_t nrows;
    int plan; /* nothing runs: what would be decided now */
    enum weft_goal goal;
    uint64_t second_pusd; /* what a second was worth; 0: not told */
    const char *broker;   /* that decided */
    uint64_t decided_ns;  /* what the decision took; 0: not measured */
    uint64_t took_us, took_fetched, took_cost_pusd; /* acceptance to outcome, bytes; 0
                                                       while unknown */
    uint64_t data_bytes;                            /* of its inputs */
    uint64_t deadline_left_ms;
};

/* A line of the price book.  CLASS: `from` is a node class, `to` how it is paid, and
 * `pusd` for a slot-second; TIERS, SITES: `pusd` for a byte from one to the other, where
 * "*" is any. */
enum weft_price_kind { WEFT_PRICE_CLASS = 1, WEFT_PRICE_TIERS, WEFT_PRICE_SITES };

struct weft_price {
    enum weft_price_kind kind;
    const char *from, *to;
    uint64_t pusd;
    uint64_t events_day; /* how often a node is taken away, in 1e-6 a day */
};

/* A broker as the one that was asked knows it: what the broker last told of itself, which
 * may have gone through others.  `state` is "self", "up", or "cut": nothing leads there
 * now, and what is shown is from before. */
struct weft_broker {
    const char *name, *site, *state;
    const char *via;      /* the neighbour that leads there; empty: none does */
    char key[65];         /* public key, hex */
    uint64_t age_ms;      /* of what is told here; 0 of one that is cut: never heard */
    unsigned hops;        /* links between it and the one that was asked */
    uint64_t agents;      /* that take work */
    uint64_t slots, free; /* of these */
    uint64_t queued;      /* jobs that wait for one */
    uint64_t live;        /* jobs without an outcome */
    const char *classes;  /* of nodes that take work: "NAME=SLOTS@PUSD", separated by
                             blanks; PUSD is the price of a slot-second in 1e-12 $ */
    uint64_t site_age_ms; /* of what is known of these */
    uint64_t rtt_us;      /* from the broker that was asked; 0: not known */
    int guessed;          /* by network coordinates: there is no link that measures it */
};

/* A link as the broker knows it.  Rates are bytes a second from `from` to `to` and the
 * other way; what was not measured is 0.  `from` measured it. */
struct weft_link {
    const char *from, *to;
    const char *source; /* "measured", "estimated" or "site" */
    uint64_t rtt_us, jitter_us, loss_permille;
    uint64_t up, down;
    uint64_t samples;
    uint64_t age_ms; /* of the newest sample */
    int metered;
    uint64_t pusd_byte; /* price of a byte, in 1e-12 $ */
    const char *state; /* between brokers "up", or "cut": not up, or not known to be; else
                          empty */
    uint64_t state_ms; /* for how long; of "cut" at least */
};

struct weft_status {
    const char *broker, *site, *software, *store;
    char key[65];
    uint64_t up_ms, agents, agents_up, clients, slots, running, queued, retained, bytes,
        bytes_max;
    int draining;
    struct weft_count *counts;
    size_t ncounts;
    int store_failing;  /* nothing durable is accepted at present */
    uint64_t store_lsn; /* its last record */
    uint64_t live;      /* jobs without an outcome */
};

struct weft_event {
    uint64_t seq, wall_ms;
    unsigned level; /* 0 error, 1 warning, 2 info, 3 debug */
    const char *kind, *node, *text;
    weft_id job;
};

/* Nodes, by name.  `filter`: NULL, or needs such as "site=lyon" separated by commas. */
WEFT_API int weft_nodes(weft_client *client, const char *filter, int timeout_ms,
                        struct weft_node **ret_rows, size_t *ret_n);
WEFT_API int weft_node(weft_client *client, const char *name, int timeout_ms,
                       struct weft_node_full **ret_node);

/* Jobs, newest first, at most `max` (0: all that the broker keeps).  `filter`: NULL, or
 * terms "state=RUNNING", "cap=NAME", "node=NAME", "name=LABEL" separated by commas.  An
 * operator sees all jobs, a client its own. */
WEFT_API int weft_jobs(weft_client *client, const char *filter, size_t max,
                       int timeout_ms, struct weft_job_row **ret_rows, size_t *ret_n);

/* One job by id or by a prefix of at least 4 digits, 8 for a job of another broker. */
WEFT_API int weft_job_show(weft_client *client, const char *prefix, int timeout_ms,
                           struct weft_job_full **ret_job);
WEFT_API int weft_job_why(weft_client *client, const char *prefix, int timeout_ms,
                          struct weft_why **ret_why);

/* Where would this job go?  Decided as if it were submitted now; nothing runs.  `without`
 * (NULL with n 0): as if these were away, "node=NAME" or "site=SITE", at most 32.  Of the
 * payload only its length is told.  `why` (NULL, or `cap` bytes) gets a line on what was
 * refused.  Also WEFT_ENOCAP. */
WEFT_API int weft_plan(weft_client *client, const struct weft_job *job,
                       const char *const *without, size_t n, int timeout_ms,
                       struct weft_why **ret_why, char *why, size_t cap);

/* The brokers of the mesh, the one that is asked first. */
WEFT_API int weft_map(weft_client *client, int timeout_ms, struct weft_broker **ret_rows,
                      size_t *ret_n);

/* Links that agents and brokers measured, `node`'s alone unless it is NULL. */
WEFT_API int weft_links(weft_client *client, const char *node, int timeout_ms,
                        struct weft_link **ret_rows, size_t *ret_n);

/* Of these, the links between brokers: a row from each end that tells of it. */
WEFT_API int weft_map_links(weft_client *client, int timeout_ms,
                            struct weft_link **ret_rows, size_t *ret_n);

/* The price book that holds at the broker, line by line. */
WEFT_API int weft_prices(weft_client *client, int timeout_ms,
                         struct weft_price **ret_rows, size_t *ret_n);

WEFT_API int weft_status(weft_client *client, int timeout_ms,
                         struct weft_status **ret_status);

/* The last `max` events, oldest first. */
WEFT_API int weft_events(weft_client *client, size_t max, int timeout_ms,
                         struct weft_event **ret_rows, size_t *ret_n);

/* Call `fn` for each event from now on, until the client is closed.  Operators only;
 * after a reconnect it goes on by itself. */
typedef void weft_event_fn(const struct weft_event *event, void *arg);
WEFT_API int weft_follow_events(weft_client *client, weft_event_fn *fn, void *arg);

/* Round trips, in microseconds: client to broker now; broker to `node` now (NULL: none).
 */
WEFT_API int weft_ping(weft_client *client, const char *node, int timeout_ms,
                       uint64_t *ret_broker_us, uint64_t *ret_node_us);

/* The round trip from another broker, a neighbour of ours, to a node that it knows. */
WEFT_API int weft_ping_from(weft_client *client, const char *broker, const char *node,
                            int timeout_ms, uint64_t *ret_us, char *why, size_t cap);

/* Free what one of these calls returned.  NULL is allowed. */
WEFT_API void weft_rows_free(void *rows);
WEFT_API void weft_free(void *object);

#ifdef __cplusplus
}
#endif
#endif
