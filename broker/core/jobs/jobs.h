/* jobs.h - the job table and the life of one job
 *
 *   QUEUED --place--> ASSIGNED --started--> RUNNING
 *     ^  |               |                    |
 *     |  |    retry      |                    |
 *     +--|---------------+--------------------+
 *        |               |                    |
 *        +---------------+--------------------+--> OK FAILED DEAD CANCELLED EXPIRED
 *
 * A job of class durable is ACCEPTED until its record is on stable storage, one of class
 * fast is QUEUED at once.  An outcome is recorded once.  Finished jobs are kept for
 * fetching until they are too old or too many; live jobs are never dropped.  Counts bytes
 * held against the broker's cap.
 */
#ifndef BROKER_CORE_JOBS_H
#define BROKER_CORE_JOBS_H

#include "broker/core/peers/registry.h"
#include "common/heap.h"
#include "common/list.h"

struct agent;
struct capability;
struct guest;
struct wishes;

struct job_try {
    struct agent *agent; /* borrowed; agents live as long as the broker */
    uint32_t attempt;
    int code;
    uint64_t end_us;
    uint64_t start_ms; /* after acceptance */
    uint64_t run_us;
    char reason[96];
};

/* Where its data may be by what is said of it by now; as of so many changes. */
struct job_region {
    uint64_t changes; /* of the catalogue; 0: not known yet */
    char text[WF_LABEL_MAX + 1];
};

/* Who wants to hear of a job.  Owned by the job, also linked from its session. */
struct watch {
    struct wf_list_node of_job;
    struct wf_list_node of_session;
    struct session *session;
    struct job *job;
    int output, states;
};

struct job {
    struct wf_id id; /* first: the map's key */
    unsigned state;  /* enum wf_job_state; job_move() only */
    unsigned class_, priority;
    struct principal *owner;       /* borrowed */
    struct capability *capability; /* borrowed */
    uint32_t version;              /* 0: any */
    uint32_t ran_version;          /* of the offer that the present attempt uses */
    uint32_t submitter;            /* peer to push the outcome to; 0: none */
    uint64_t seq;                  /* of acceptance */
    uint64_t accepted_us, started_us, finished_us;
    uint64_t client_rtt_us;
    uint64_t wall_ms, deadline_us; /* 0: none */
    uint64_t retry_us;             /* not before; 0: now */
    uint64_t overdue_us;           /* the agent should have answered; 0: no limit */
    const char *was_ours;          /* borrowed: it ended here as another broker's guest */
    uint32_t attempt;              /* number of the last assignment, */
    uint32_t numbers;              /* which has taken so many: see numbers.h; 0: one */
    uint32_t number;               /* that its handler saw; 0: of the assignment */
    uint32_t reserved;         /* durable: highest that may be assigned, by its records */
    unsigned spared;           /* assignments in a row that did not count */
    unsigned tries, max_tries; /* assignments that count, of at most; of these: */
    unsigned lost, crashes;    /* to agents and links; that took a process with them */
    unsigned disconnect;       /* enum wf_disconnect */
    uint64_t disconnect_ms;    /* 0: the broker's grace */
    uint64_t cut_us;           /* its agent was cut off: replace it then; 0: it is not,
                                  UINT64_MAX: wait for it */
    int unclaimed;             /* after a restart: an agent may still hold its attempt */
    unsigned goal;             /* enum wf_goal */
    struct wishes *wishes;     /* owned; NULL: none */
    struct guest *guest;       /* owned; it is another broker's; NULL: it is ours */
    struct job
        *original;      /* of a copy, see hedge.h, which has its wishes; NULL: is none */
    uint64_t sent_seq;  /* of the present assignment; UINT64_MAX: not sent yet */
    uint64_t work_us;   /* expected of it, on a node of speed 1 */
    uint64_t cost_pusd; /* so far */
    struct agent *flow_from; /* its inputs are coming from there; NULL: they are not */
    int retry_failed;        /* also when the handler fails */
    struct job_region *forbidden;  /* owned; NULL: no agent was refused its data */
    int occupies;                  /* the present attempt holds a slot at `agent` */
    uint8_t asked;                 /* enum asked_why: of the present attempt */
    uint8_t preempted;             /* how often it made way */
    int confirmed;                 /* during a resync: the agent says it holds it */
    struct agent *agent;           /* of the present or last attempt; NULL: none yet */
    struct agent *avoid;           /* where it failed last */
    const char *pin;               /* only on this node; empty: anywhere; in `bytes` */
    const char *name;              /* for people; in `bytes` */
    struct wf_list_node in_queue;  /* ready queue of its capability */
    struct wf_list_node in_agent;  /* attempts held by `agent` */
    struct wf_list_node in_done;   /* finished, oldest first */
    struct wf_list_node in_all;    /* by acceptance */
    struct wf_list_node in_inputs; /* live ones that have inputs */
    struct wf_list_node watches;
    struct wf_heap_node timer;

    /* Its records: see ledger.h. */
    unsigned dirty;                /* enum ledger_record, a bit each: not written yet */
    uint64_t lsn, first_lsn;       /* of the last and the first one written */
    struct wf_list_node in_ledger; /* ledger.dirty or ledger.pending */
    int told;                      /* that it is accepted */
    uint32_t acceptor;             /* peer to tell so; 0: none */
    unsigned owed;                 /* how often: for each submit of its */
    uint32_t acker, ack_attempt;   /* peer and attempt of a result_ack owed; 0: none */
    int has_attempt_rec;           /* one was written */
    int unsent;                    /* the assignment waits for its record */
    uint64_t accepted_ms;          /* wall clock */
    uint64_t finished_ms;

    /* Like jobs: see reuse.h. */
    uint64_t like; /* hash of owner, capability, version and payload */
    uint64_t reuse_us;
    struct job *leader;            /* borrowed: gets its outcome; NULL: runs by itself */
    struct wf_list_node followers; /* job.in_followers */
    struct wf_list_node in_followers;
    struct wf_id reused, retry_of;
    int held; /* must not be forgotten now */
    int code; /* outcome: 0 or WEFT_E* */
    unsigned exit_code, term_signal;
    uint64_t wait_us, run_us, cut;
    uint64_t superseded; /* late results of fenced attempts */
    char *reason;        /* owned; NULL: none */
    uint8_t *data;       /* owned result */
    size_t data_len;
    struct wf_buf log; /* tail of the output: see job_log() */
    uint64_t log_cut;
    struct job_try *history; /* owned; earlier attempts, oldest first */
    unsigned nhistory;
    struct wf_rows needs; /* borrowed from `bytes` */

    /* Data: see data/inputs.h. */
    struct wf_rows inputs; /* need_row rows; in `bytes` */
    const char *residency; /* where its data may be; empty: anywhere; in `bytes` */
    struct wf_digest payload_blob; /* zero: the payload is in `bytes` */
    uint64_t payload_size;
    uint64_t data_bytes;   /* of all inputs and that payload */
    struct wf_digest blob; /* the result; zero: it is in `data` */
    uint64_t blob_size;
    uint64_t fetched;                 /* bytes that had to be moved for it */
    uint64_t fetch_done, fetch_total; /* while its agent fetches; 0: it does not */
    uint64_t fetch_left_us;           /* expected, when it told */
    uint64_t fetch_resume_us;         /* when it is expected to go on; 0: not known */
    uint64_t fetch_us;                /* when it told */
    uint8_t fetch_stands;             /* enum wf_stand, or what is not known here */
    struct principal *fetch_from;     /* borrowed; NULL: not known */

    size_t payload_len, bytes_len;
    uint8_t bytes[]; /* payload, encoded needs and inputs; pin, name and residency with
                        their zeros */
};

struct jobs {
    struct wf_map *by_id;            /* owned */
    struct wf_map *by_seq;           /* those that were read from the store */
    struct wf_map *by_like;          /* the newest job of each that may be reused */
    struct wf_heap timers;           /* job.timer */
    struct wf_list_node done;        /* job.in_done */
    struct wf_list_node all;         /* job.in_all */
    struct wf_list_node with_inputs; /* job.in_inputs */
    struct wf_list_node *cursor;     /* in these, for who walks them step by step */
    size_t live, retained;
    size_t bytes; /* of payloads, results, output */
    uint64_t next_seq;
    uint64_t max_log;
};

int jobs_init(struct jobs *t, size_t max, size_t max_log, uint64_t seed);
void jobs_fini(struct jobs *t);

struct job *jobs_get(const struct jobs *t, const struct wf_id *id);

/* It will be asked for soon; see wf_map_expect(). */
void jobs_expect(const struct jobs *t, const struct wf_id *id);

/* The data that a job needs, as resolved. */
struct job_data {
    struct wf_rows inputs; /* need_row rows */
    struct wf_slice residency;
};

/* Add an ACCEPTED job with copies of payload, needs, data (NULL: none) and names; the
 * inputs of the submit itself are not looked at; the caller fills the rest.  WEFT_EEXIST,
 * WEFT_EFULL, WEFT_ENOMEM. */
int jobs_add(struct jobs *t, const struct wf_submit *m, const struct job_data *data,
             struct job **ret_job);

/* Bytes that its assignment takes, about. */
static inline size_t job_weight(const struct job *j)
{
    return j->payload_len + j->inputs.len;
}

/* Copy encoded rows to `at`; returns where the next goes. */
uint8_t *jobs_put_rows(uint8_t *at, struct wf_rows rows, struct wf_rows *ret_rows);

/* Bytes that it holds, as they are counted. */
size_t job_bytes(const struct job *j);

/* 1 when it says what becomes of it when its agent is cut off. */
static inline int job_has_policy(const struct job *j)
{
    return j->disconnect != WF_REPLACE_AFTER || j->disconnect_ms != 0;
}

/* Take over what a submit asks for: priority, limits, retries, policies.  The deadline
 * counts from accepted_us, which is set.  job_submit() is the way back. */
void job_set_terms(struct job *j, const struct wf_submit *m, unsigned default_tries);

/* What would have to be submitted to have this job again; borrows from it. */
struct wf_submit job_submit(const struct job *j);

/* The only writer of job.state.  Moving to a final state links it among the finished. */
void job_move(struct jobs *t, struct job *j, unsigned to);

/* A job and its copy exchange what belongs to their attempts. */
void jobs_change_places(struct jobs *t, struct job *j, struct job *copy);

/* Take back a job that was just added, before anybody was told of it. */
void jobs_undo(struct jobs *t, struct job *j);

/* Drop a finished job that holds no slot. */
void jobs_forget(struct jobs *t, struct job *j);

/* Keep the result: copied.  WEFT_ENOMEM leaves the job without one. */
int job_set_result(struct jobs *t, struct job *j, struct wf_slice data,
                   const char *reason);

/* Keep one earlier attempt.  Beyond WF_TRIES_MAX the oldest is overwritten. */
void job_add_try(struct job *j, const struct job_try *try);

/* Append to the kept tail: records of {u8 stream, u32 attempt, u64 offset, u32 len} in
 * host order, then the bytes. */
void job_log(struct jobs *t, struct job *j, unsigned stream, uint32_t attempt,
             uint64_t offset, struct wf_slice data);

struct job_log_piece {
    unsigned stream;
    uint32_t attempt;
    uint64_t offset;
    struct wf_slice data;
};

/* Walk the tail: *at starts at 0; 1 while there is a piece. */
int job_log_next(const struct job *j, size_t *at, struct job_log_piece *ret_piece);

/* Recompute when the job wants a tick, after any of its times changed. */
int job_plan(struct jobs *t, struct job *j);

struct wf_slice job_payload(const struct job *j);

#endif
