/* weft/job.h - submit work and get its one outcome
 *
 * A job has an id that the client chooses before it sends, so that submitting twice is
 * safe: same id and same payload is the same job, another payload is WEFT_ECONFLICT.
 */
#ifndef WEFT_JOB_H
#define WEFT_JOB_H

#include "client.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weft_future weft_future;

typedef struct weft_id {
    uint8_t bytes[16];
} weft_id;

#define WEFT_ID_TEXT 33 /* 32 hex digits and the terminating zero */

/* What names a blob: BLAKE2b-256 over its chunks, see weft/data.h. */
typedef struct weft_digest {
    uint8_t bytes[32];
} weft_digest;

#define WEFT_DIGEST_TEXT 65 /* 64 hex digits and the terminating zero */

/* What ACCEPTED means.  DURABLE: the job is on stable storage, and so is its outcome
 * before anyone is told it.  FAST: the broker has it in memory, and a broker that stops
 * loses it. BEST: durable where the broker can, else fast; weft_future_class() tells
 * which. */
enum weft_class { WEFT_CLASS_BEST, WEFT_CLASS_FAST, WEFT_CLASS_DURABLE };

/* What becomes of an attempt whose agent is cut off, after disconnect_ms (0: the broker's
 * grace).  REPLACE: another one is started elsewhere; the agent goes on, and the first
 * result counts.  STOP: the agent stops it by itself, and another one is started then.
 * KEEP: it is waited for, for as long as it takes (until the job's deadline). */
enum weft_disconnect {
    WEFT_DISCONNECT_REPLACE,
    WEFT_DISCONNECT_KEEP,
    WEFT_DISCONNECT_STOP
};

enum weft_state {
    WEFT_ACCEPTED, /* the broker has it */
    WEFT_QUEUED,
    WEFT_ASSIGNED,
    WEFT_RUNNING,
    WEFT_JOB_OK,
    WEFT_JOB_FAILED, /* the handler ended with an error */
    WEFT_JOB_DEAD,   /* attempts used up */
    WEFT_JOB_CANCELLED,
    WEFT_JOB_EXPIRED /* its deadline passed */
};

/* Data that a job reads: the handler finds it under `name`.  `ref` is
 * "DATASET[@VERSION][/PATH]" (one file, or all below a folder) or a digest of 64 hex
 * digits. */
struct weft_input {
    const char *name, *ref;
};

/* Money is in 1e-12 dollars (pusd), whole numbers: WEFT_USD / 500 is 0.002 $. */
#define WEFT_USD UINT64_C(1000000000000)

/* What a job is placed for: how much money a second is worth to it.  LATENCY takes dear
 * nodes for milliseconds, COST waits for cheap ones, BALANCED is between; THROUGHPUT
 * values a second as BALANCED does, and keeps slots and links busy for the least time.
 * NONE: the broker's default. */
enum weft_goal {
    WEFT_GOAL_NONE,
    WEFT_GOAL_LATENCY,
    WEFT_GOAL_BALANCED,
    WEFT_GOAL_THROUGHPUT,
    WEFT_GOAL_COST
};

/* A soft preference: a node that meets the need counts as so much sooner. */
struct weft_prefer {
    const char *need; /* "site=lyon" */
    uint64_t ms;
};

/* The same node as a job's, the same as a dataset's, another than a job's: counts as so
 * much sooner; with ms 0 it is a must. */
enum weft_near_kind { WEFT_NEAR_JOB = 1, WEFT_NEAR_DATA, WEFT_FAR_JOB };

struct weft_near {
    enum weft_near_kind kind;
    const char *what; /* id or name of a job; name of a dataset */
    uint64_t ms;
};

/* Jobs of one group on nodes of their own as far as there are, or together. */
enum weft_spread { WEFT_SPREAD_NONE, WEFT_SPREAD, WEFT_PACK };

/* What to run.  Set with WEFT_JOB_INIT.  Everything pointed to is copied by the call.  A
 * payload larger than weft_max_payload() travels as a blob before the job is submitted,
 * to an agent that offers the capability; it may have up to 1 GiB, `payload_file` (NULL:
 * none; instead of a payload) names a file of any size, which is read while it travels
 * and must not change until the job is accepted. */
struct weft_job {
    size_t size;            /* sizeof(struct weft_job) */
    weft_id id;             /* all zero: the library draws a random one */
    const char *capability; /* "name" or "name@version" */
    const void *payload;
    size_t payload_len;
    enum weft_class job_class;
    unsigned priority;        /* 0 (last) to 9 (first) */
    uint64_t timeout_ms;      /* longest run of one attempt; 0: the agent's own limit */
    uint64_t deadline_ms;     /* from now until it expires; 0: none */
    unsigned max_attempts;    /* 0: the broker's default */
    const char *const *needs; /* "site=lyon", "tier!=cloud", "cpus>=4", "gpu>=1", ... */
    size_t nneeds;
    const char *node; /* only on this node; NULL: anywhere */
    const char *name; /* a label for people; NULL: none */
    int detached;     /* 1: outcome not pushed; the future is done when accepted */
    enum weft_disconnect disconnect;
    uint64_t disconnect_ms; /* of REPLACE and STOP; 0: the broker's grace */
    uint64_t reuse_ms; /* a like job (same capability, version, payload, needs and node;
                          with a reuse_ms, too) that runs, or whose result is no older,
                          will do; 0: run it */
    uint64_t offer_ms; /* how long to offer it to a broker that cannot store it now
                          (WEFT_ESTORAGE), or does not know an input of another site yet
                          (WEFT_EBUSY), and says when to come back; 0: not again */
    const struct weft_input *inputs; /* at most 16 */
    size_t ninputs;
    const char *payload_file;
    enum weft_goal goal;
    uint64_t second_pusd;              /* what a second is worth; 0: as the goal says */
    uint64_t max_cost_pusd;            /* not where it would cost more; 0: no limit */
    const struct weft_prefer *prefers; /* at most 8 */
    size_t nprefers;
    const struct weft_near *nears; /* at most 4 */
    size_t nnears;
    enum weft_spread spread;
    const char *group; /* of SPREAD and PACK; NULL: the owner's jobs of its capability */
    int hedge; /* 1: it may run twice; a second copy may be started when the first is
                  slow, and the first outcome counts */
};

#define WEFT_JOB_INIT                                                                    \
    {                                                                                    \
        sizeof(struct weft_job), {{0}}, NULL, NULL, 0, WEFT_CLASS_BEST, 4, 0, 0, 0,      \
            NULL, 0, NULL, NULL, 0, WEFT_DISCONNECT_REPLACE, 0, 0, 30000, NULL, 0, NULL, \
            WEFT_GOAL_NONE, 0, 0, NULL, 0, NULL, 0, WEFT_SPREAD_NONE, NULL, 0            \
    }

/* How a job ended.  Owned by its future. */
struct weft_outcome {
    size_t size;
    weft_id id;
    enum weft_state state; /* one of the last five */
    int code;              /* 0 or WEFT_E* */
    int exit_code, term_signal;
    unsigned attempt;
    const char *node;   /* where the last attempt ran */
    const char *reason; /* one line; empty when there is nothing to say */
    const void *data;   /* the result, with a zero byte behind it; NULL: it is a blob of
                           `len` bytes, see weft_outcome_fetch() */
    size_t len;
    uint64_t wait_us; /* accepted to started */
    uint64_t run_us;
    uint64_t cut;       /* bytes of output that were dropped at a limit */
    weft_id reused;     /* the like job that really ran; all zero: this one */
    weft_digest blob;   /* the result, when it is too large to be in `data`; else zero */
    uint64_t fetched;   /* bytes of inputs that had to be moved for it */
    uint64_t cost_pusd; /* what its attempts and its data cost */
};

/* Called once when the future reaches its end.  The future is still the caller's. */
typedef void weft_done_fn(weft_future *future, void *arg);

/* A piece of what a job prints: stream 1 is stdout, 2 is stderr.  `offset` is where it
 * belongs in its stream: a gap means that pieces were dropped at a limit. */
typedef void weft_output_fn(const weft_id *id, unsigned attempt, int stream,
                            uint64_t offset, const void *data, size_t len, void *arg);

/* A state change of a job. */
typedef void weft_state_fn(const weft_id *id, enum weft_state state, unsigned attempt,
                           const char *node, void *arg);

/* Submit.  Never blocks; also works while disconnected, up to a bound.  WEFT_EINVAL,
 * WEFT_ENOMEM, WEFT_ETOOBIG (payload), WEFT_EFULL (too many not yet accepted),
 * WEFT_ECLOSED; what can only be found out later arrives through the future.  The future
 * is the caller's: weft_future_free(). */
WEFT_API int weft_submit(weft_client *client, const struct weft_job *job,
                         weft_future **ret_future);

/* Submit `n` jobs with one wake-up.  Stops at the first that fails; *ret_n is how many
 * were taken, and that many entries of `ret_futures` are set. */
WEFT_API int weft_submit_many(weft_client *client, const struct weft_job *jobs, size_t n,
                              weft_future **ret_futures, size_t *ret_n);

/* Follow a job that exists, by id: after a crash, or from elsewhere.  WEFT_ENOENT arrives
 * through the future.  The callbacks may be NULL; what was kept of the output comes
 * first. */
WEFT_API int weft_watch(weft_client *client, const weft_id *id, weft_output_fn *on_output,
                        weft_state_fn *on_state, void *arg, weft_future **ret_future);

/* Watch the output and states of a job that this client submits; before weft_submit(). */
WEFT_API int weft_submit_watched(weft_client *client, const struct weft_job *job,
                                 weft_output_fn *on_output, weft_state_fn *on_state,
                                 void *arg, weft_future **ret_future);

/* The kept tail of a job's output, then the future is done. */
WEFT_API int weft_logs(weft_client *client, const weft_id *id, weft_output_fn *on_output,
                       void *arg, weft_future **ret_future);

/* End a job.  The future reports 0 when the broker took it, WEFT_ENOENT, WEFT_ESTATE
 * (already over), WEFT_EPERM. */
WEFT_API int weft_cancel(weft_client *client, const weft_id *id,
                         weft_future **ret_future);

/* Repeat a job that ended, from what the broker kept of it, as a new job whose id is
 * `new_id` (NULL: drawn).  The future reports 0 once the new job is accepted, and
 * weft_future_id() is its id: weft_watch() follows it.  WEFT_ENOENT, WEFT_ESTATE (not
 * over), WEFT_EPERM, WEFT_ENOCAP, WEFT_EBUSY, WEFT_ESTORAGE. */
WEFT_API int weft_retry(weft_client *client, const weft_id *id, const weft_id *new_id,
                        weft_future **ret_future);

enum weft_until { WEFT_UNTIL_ACCEPTED, WEFT_UNTIL_DONE };

/* Wait.  0 when reached, WEFT_ETIMEOUT, WEFT_ECLOSED, or the refusal of the broker (then
 * weft_future_text() says more).  An outcome that is not OK still returns 0: look at it.
 * `timeout_ms` -1: for ever.  In thread mode from any thread but the callbacks'. */
WEFT_API int weft_future_wait(weft_future *future, enum weft_until until,
                              int64_t timeout_ms);

/* Call `fn` once when it is done, at once if it already is. */
WEFT_API void weft_future_then(weft_future *future, weft_done_fn *fn, void *arg);

/* Call `fn` once when the job is accepted, at once if it already was; never when it was
 * refused.  From then on the job's class holds: of a durable one the payload may be
 * forgotten. */
WEFT_API void weft_future_accepted(weft_future *future, weft_done_fn *fn, void *arg);

/* 0 while pending or when it went well, else the error.  Thread-safe in thread mode. */
WEFT_API int weft_future_error(weft_future *future);
WEFT_API int weft_future_is_done(weft_future *future);

/* One line that goes with the error ("" when there is none), and when to retry after
 * WEFT_EBUSY or WEFT_ESTORAGE, in ms; 0: retrying does not help. */
WEFT_API const char *weft_future_text(weft_future *future);
WEFT_API uint64_t weft_future_retry_ms(weft_future *future);

/* The id; the class that really holds once accepted (BEST before that); the like job
 * whose outcome this one gets, NULL when it runs itself; the outcome, NULL until done (or
 * for futures without one).  Borrowed until weft_future_free(). */
WEFT_API const weft_id *weft_future_id(weft_future *future);
WEFT_API enum weft_class weft_future_class(weft_future *future);
WEFT_API const weft_id *weft_future_reused(weft_future *future);
WEFT_API const struct weft_outcome *weft_future_outcome(weft_future *future);

/* Forget the future; the job goes on.  NULL is allowed.  Allowed inside its callback. */
WEFT_API void weft_future_free(weft_future *future);

/* Draw a random id; to and from 32 hex digits.  WEFT_EINVAL. */
WEFT_API void weft_id_random(weft_id *ret_id);
WEFT_API void weft_id_text(const weft_id *id, char text[WEFT_ID_TEXT]);
WEFT_API int weft_id_parse(const char *text, weft_id *ret_id);

/* "RUNNING" and so on; static. */
WEFT_API const char *weft_state_name(enum weft_state state);
WEFT_API const char *weft_class_name(enum weft_class job_class);
WEFT_API const char *weft_disconnect_name(enum weft_disconnect disconnect);
WEFT_API const char *weft_goal_name(enum weft_goal goal);

#ifdef __cplusplus
}
#endif
#endif
