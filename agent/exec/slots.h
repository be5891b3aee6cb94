/* slots.h - the table of a pool's jobs
 *
 * A fixed number of slots, on lists by index.  A job's reference on the wire is its slot
 * with a generation, so that an answer to a job that is over finds nothing.  States and
 * their order are drawn in pool.h.
 */
#ifndef AGENT_EXEC_SLOTS_H
#define AGENT_EXEC_SLOTS_H

#include "agent/exec/work.h"
#include "agent/runner/wire.h"

#define SLOTS_NONE UINT32_MAX
#define SLOTS_BITS 12 /* of a reference; the rest is the generation */
#define SLOTS_MAX  (1u << SLOTS_BITS)

struct worker;

enum job_state {
    JOB_FREE,
    JOB_WAITING,
    JOB_FRESH,
    JOB_SENT,
    JOB_ENDING,
    JOB_FINISHED,
};

struct job {
    enum job_state state;
    uint32_t gen;
    uint32_t next; /* on a list */
    uint32_t attempt;
    uint64_t run;
    uint64_t begun_us;
    uint64_t warm_us; /* that it waited for its worker to come up */
    uint64_t due_us;  /* wall limit or end of grace; UINT64_MAX: none */
    uint64_t deadline_ms;
    struct worker *w;        /* who has it, or NULL */
    enum wire_reason reason; /* why it is to end; WIRE_R_EXIT: it is not */
    uint64_t err_seen;
    uint64_t err_cut;
    const char *text; /* that goes with it, a constant, or NULL */
    uint8_t *payload; /* owned while waiting, as `files` */
    size_t payload_len;
    uint8_t *files; /* what work_job has; NULL: none */
    size_t files_len;
    char id[WORK_ID_MAX + 1];
};

struct slot_list {
    uint32_t head;
    uint32_t tail;
};

struct slots {
    unsigned n;
    unsigned busy; /* not free */
    struct job *jobs;
    struct slot_list free;
    struct slot_list waiting;
    struct slot_list finished;
};

/* 0 or WEFT_ENOMEM; 1 to SLOTS_MAX slots. */
int slots_init(struct slots *s, unsigned n);
void slots_fini(struct slots *s);

void slots_push(struct slots *s, struct slot_list *l, struct job *j);
struct job *slots_first(struct slots *s, const struct slot_list *l); /* or NULL */
struct job *slots_pop(struct slots *s, struct slot_list *l);         /* or NULL */
void slots_remove(struct slots *s, struct slot_list *l, struct job *j);

uint32_t slots_ref(const struct slots *s, const struct job *j);

/* What this worker has under this reference, or NULL. */
struct job *slots_find(struct slots *s, const struct worker *w, uint32_t ref);

/* What was kept for a job that waited goes. */
void slots_drop(struct job *j);

/* Make a job's slot free for the next. */
void slots_release(struct slots *s, struct job *j);

#endif
