/* runs.h - the attempts that an agent holds
 *
 *   WAITING --slot--> RUNNING --done--> FINISHED --ack--> (gone)
 *      |                 |  ^               ^
 *      |                 +--stop--> STOPPING+
 *      +---stop---> (gone, reported)
 *
 * A run keeps its payload until it starts, its output while it runs and its result until
 * the broker acknowledges it.  Bounded: slots and queue are checked on admission.  One
 * that an earlier process finished begins as FINISHED.  One that needs data does not get
 * a slot before that is all there (node_inputs.c); others pass it.
 */
#ifndef AGENT_CORE_RUNS_H
#define AGENT_CORE_RUNS_H

#include "agent/core/event.h"
#include "common/buf.h"
#include "common/heap.h"
#include "common/list.h"
#include "common/map.h"
#include "proto/brokers.h"
#include "proto/words.h"

enum run_phase { RUN_WAITING, RUN_RUNNING, RUN_STOPPING, RUN_FINISHED, RUN_PHASES };

struct run_key {
    struct wf_id job;
    uint32_t attempt;
};

/* The files of an input, immutable once a run that has it is started. */
struct run_file {
    struct wf_digest digest;
    uint64_t size;
    uint32_t path_at; /* run_file_path() */
};

struct run_files {
    struct run_file *v; /* owned */
    size_t n, cap;
    struct wf_buf paths; /* each with its zero */
    int folder;          /* 0: it is one file, whose path is empty */
};

struct run_input {
    char name[WF_NAME_MAX + 1];
    const struct run_files *files; /* borrowed */
};

/* Inputs, and a payload that is not inline; to be read from START until the step of the
 * run's DONE is over. */
struct run_inputs {
    unsigned n;
    struct run_input v[WF_INPUTS_MAX];
    int has_payload;
    struct wf_digest payload;
    uint64_t payload_size;
};

/* Relative to the input's folder. */
static inline const char *run_file_path(const struct run_files *f, size_t i)
{
    return (const char *) f->paths.p + f->v[i].path_at;
}

struct run_data; /* node_inputs.c */

struct run {
    struct run_key key; /* first: the map's key */
    struct run_key
        shown;           /* what its handler sees: the same, unless another site has it */
    unsigned phase;      /* enum run_phase; run_move() only */
    struct wf_home home; /* the broker that it is of */
    uint64_t cut_us;     /* when that was last heard, once a session with it has ended */
    uint64_t number;     /* names it to the shell; never used again */
    unsigned cap;        /* index of its capability */
    unsigned priority;
    uint64_t work_us; /* expected, as it was assigned; what a sum of all can hold */
    uint64_t received_us, started_us, ended_us;
    uint64_t begin_us; /* after that another makes way for it; 0: none does */
    uint64_t due_us;   /* when its result has to be there; UINT64_MAX: whenever */
    int helped;        /* another was stopped for it: it is next */
    int yields;        /* it makes way for such a one */
    uint64_t wall_ms, deadline_ms;
    uint64_t stop_after_ms; /* of being cut off; 0: it goes on */
    uint64_t kill_us;       /* STOPPING: when its grace ends */
    int told_started;
    int stop_code;            /* why it is being stopped; 0: it is not */
    struct wf_list_node node; /* waiting, running or finished list */
    struct wf_list_node todo; /* FINISHED: in runs.todo, runs.away or nowhere */
    struct wf_heap_node timer;
    uint8_t *payload; /* owned; freed once the handler has ended */
    size_t payload_len;
    const struct run_inputs *inputs; /* NULL: it needs no data; part of data_needed */
    struct run_data *data_needed;    /* owned by node_inputs.c, gone once FINISHED */
    uint64_t max_result;             /* inline, as its broker takes it */
    struct wf_buf out;               /* stdout: becomes the result */
    struct wf_buf err;               /* stderr not sent yet */
    uint64_t out_sent;               /* bytes of `out` streamed */
    int out_spilled;                 /* stdout is more than goes inline: not kept here */
    uint64_t err_offset;             /* of the first byte in `err` */
    uint64_t streamed;               /* bytes of output sent as such */
    uint64_t cut;
    struct run_end end; /* once FINISHED; reason and data are owned */
    char *reason;
    uint8_t *data;
    size_t data_len;

    /* Once FINISHED: what the result waits for. */
    uint64_t wait_us, run_us;
    uint64_t old_ms;   /* its age when this process came by it */
    size_t held;       /* bytes of memory */
    int sent;          /* in this session */
    uint64_t lsn;      /* of its record in the spool; 0: it has none */
    size_t spool_len;  /* of that record */
    int in_doubt;      /* there may be a record all the same */
    int unfit;         /* the spool had no room for it */
    uint64_t fetched;  /* bytes that had to be moved for it */
    uint64_t fetch_us; /* that it waited for data while it could have had a slot */
};

struct runs {
    struct wf_map *by_key; /* owned */
    struct wf_map *by_number;
    struct wf_heap timers;
    struct wf_list_node waiting, running, finished;
    struct wf_list_node todo; /* finished: to be sent; while cut off: to be spooled */
    struct wf_list_node
        away; /* finished, of another broker: to be spooled all the same */
    size_t nwaiting, nrunning, nfinished;
    size_t helped_of[WF_CAPS_MAX]; /* that wait and were helped */
    size_t npressing;              /* that wait, have to begin, and were not helped; */
    size_t nyielding;              /* that run and yield; */
    size_t nways;                  /* and of those, to work of WF_WAY_PRIORITY */
    uint64_t work_us;              /* of those that wait and run */
    uint64_t next_number;
};

int runs_init(struct runs *t, size_t max, uint64_t seed);
void runs_fini(struct runs *t);

static inline int run_presses(const struct run *r)
{
    return r->phase == RUN_WAITING && r->begin_us != 0 && !r->helped;
}

static inline int run_yields(const struct run *r)
{
    return r->phase == RUN_RUNNING && r->yields;
}

static inline int run_is_way(const struct run *r)
{
    return run_yields(r) && r->priority <= WF_WAY_PRIORITY;
}

/* Take an attempt in as WAITING.  WEFT_EEXIST, WEFT_EFULL, WEFT_ENOMEM. */
int runs_add(struct runs *t, const struct wf_assign *m, unsigned cap, uint64_t now_us,
             size_t max_out, struct run **ret_run);

/* Take in a result that is kept, as FINISHED.  The same errors. */
int runs_restore(struct runs *t, const struct wf_spool_rec *m, uint64_t now_us,
                 struct run **ret_run);

struct run *runs_get(const struct runs *t, const struct wf_id *job, uint64_t attempt);
struct run *runs_numbered(const struct runs *t, uint64_t number);

/* The only writer of run.phase; keeps lists and counts. */
void run_move(struct runs *t, struct run *r, unsigned to);

/* In which order what waits is fetched for, higher first: by priority, then by deadline.
 * Of the same urgency the older one is first. */
uint64_t run_urgency(const struct run *r);

/* One that waits gets the slot of another, which is stopped for it. */
void run_help(struct runs *t, struct run *r);

/* Ask for a tick at `due_us`; UINT64_MAX: none.  WEFT_ENOMEM. */
int run_plan(struct runs *t, struct run *r, uint64_t due_us);

void runs_forget(struct runs *t, struct run *r);

#endif
