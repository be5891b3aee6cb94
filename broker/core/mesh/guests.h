/* guests.h - jobs of other brokers that run here
 *
 * An assignment of a neighbour becomes a job of ours: owned by that neighbour, with an id
 * made of its own, so that a further attempt is a further job, and as durable as at home.
 * It is placed like any other, also on a further neighbour, unless it came through there.
 * Its states and output are told as an agent would tell them, its outcome is a result
 * that is repeated until it is acknowledged; then the job is forgotten.
 */
#ifndef BROKER_CORE_MESH_GUESTS_H
#define BROKER_CORE_MESH_GUESTS_H

#include "broker/core/jobs/jobs.h"
#include "proto/effects.h"

struct agent;
struct core;
struct decision;
struct turn;

/* What a job has that came from another broker.  Owned by the job. */
/* A dataset, by its home; zero: none. */
struct elsewhere {
    struct wf_key home, reader;
    char dataset[WF_DATASET_MAX + 12];
};

struct guest {
    struct wf_list_node over; /* mesh.over: nothing is to be told of it any more */
    struct job *of;
    struct wf_id job;       /* its id there, */
    uint32_t attempt;       /* and which attempt of it this is */
    struct wf_id origin;    /* what handlers see: its id at home, */
    uint32_t number;        /* of the first attempt here, and so many from it on; */
    uint32_t numbers;       /* 0: its broker does not tell, they see ours */
    struct elsewhere data;  /* where its data is to be asked for, as its home says */
    int acked;              /* its outcome was recorded there */
    int taken_over;         /* from its broker, while we run; until its home is missed */
    int back;               /* its home is told that it was not done here, no result */
    size_t counted;         /* bytes, for the bound on its broker's; 0: not any more */
    uint32_t told_peer;     /* the session that heard its outcome; 0: none */
    uint64_t stop_after_ms; /* it ends so long after the link to its home broke; 0: not */
    uint64_t stop_us;       /* then; 0: the link is there */
    uint64_t back_us;       /* given back then, unless it is placed; 0: it is placed */
    size_t size;            /* of all of this */
    struct wf_rows path;    /* label_row rows: brokers that it came through, home first */
    uint8_t bytes[];
};

/* Of an assignment its ids, numbers and path are looked at.  WEFT_ENOMEM. */
int guest_new(const struct wf_assign *m, struct guest **ret_guest);

/* May that broker have one more guest here, of so many bytes?  As many as there is room
 * left: so one neighbour gets half of all, n of them n / (n + 1) together, and our own
 * clients find room whatever they send.  Results that are kept go first.  (Choudhury,
 * Hahne, "Dynamic queue length thresholds for shared-memory packet switches", 1998.) */
int guest_fits(struct core *c, const struct principal *home, size_t bytes,
               struct wf_effects *out);

/* It has an owner: it is counted, while it is live.  A job that is none: nothing. */
void guest_enters(struct job *j);
void guest_leaves(struct job *j);

/* Does a path go through the broker of that name? */
int guest_path_has(struct wf_rows path, const char *name);

/* The id that an attempt of the job of another broker has here. */
struct wf_id guest_id(const struct wf_key *owner, const struct wf_id *job,
                      uint64_t attempt);

/* What a neighbour has to know of a job of ours, or of a further guest, to place it
 * again; rows stand in the mesh's scratch. */
void guest_terms(struct core *c, const struct job *j, struct wf_assign *m);

/* Nothing is to be told of it any more. */
void guest_let_go(struct core *c, struct job *j);

/* The guest of who speaks, by its id and attempt there, or NULL. */
struct job *guest_of(const struct turn *t, const struct wf_id *job, uint64_t attempt);

void on_assign(struct turn *t);
void on_stop(struct turn *t);
void on_result_ack(struct turn *t);

/* Once a step: guests of which nothing is to be told any more are dropped, as soon as
 * their outcome is safe and their agent has confirmed that the attempt is over. */
void guests_drop(struct core *c, struct wf_effects *out);

/* It was not written: its broker is to try elsewhere. */
void guest_not_kept(const struct job *j, struct wf_effects *out);

/* 1 when it is worth waiting here: somebody who may run it has no room. */
int guest_may_wait(const struct decision *d);

/* What its broker is told where it is not: that this may change, or not. */
int guest_cannot(const struct decision *d);

/* Every guest of that broker, told after its session opened, and their outcomes. */
void guests_resync(struct core *c, struct agent *owner, struct wf_effects *out);

/* The link to their broker broke: those that asked for it end in a while, unless it comes
 * back. */
void guests_cut(struct core *c, const struct agent *owner);

/* They end, and are forgotten: the key of their broker (NULL: of any) was revoked; or
 * they came from this very broker, and were taken over with the one that they went to; or
 * that of which they are attempts was taken over with the broker that they came from; or
 * they were taken over, and a lease later their home has no link to us. */
void guests_orphaned(struct core *c, const struct principal *home,
                     struct wf_effects *out);

/* It waits, or it is placed: its home hears of it when that takes too long. */
void guest_waits(struct core *c, struct job *j);

/* It waited for too long. */
void guest_due(struct core *c, struct job *j, struct wf_effects *out);

/* It is not done here: its home knows other places to try.  That is told when it is safe
 * that nothing goes on here. */
void guest_give_back(struct core *c, struct job *j, int code, const char *why,
                     struct wf_effects *out);

/* Its home gave no more numbers: what failed here is over for its home too, which counts
 * it; what only moved about may be tried elsewhere. */
void guest_used_up(struct core *c, struct job *j, struct wf_effects *out);

/* Outcomes that this session did not hear yet, some of them: neighbour.owes says whether
 * there are more. */
void guests_tell(struct core *c, struct agent *owner, struct wf_effects *out);

/* What becomes of it is told to its broker; nothing for other jobs. */
void guest_tell_state(const struct core *c, const struct job *j, struct wf_effects *out);
void guest_tell_output(const struct job *j, const struct wf_output *m,
                       struct wf_effects *out);
void guest_tell_fetching(const struct job *j, const struct wf_fetching *m,
                         struct wf_effects *out);
void guest_tell_outcome(struct core *c, struct job *j, struct wf_effects *out);

#endif
