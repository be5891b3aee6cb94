/* history.h - what was promised to whom, and whether it was kept
 *
 * Every message that reaches an actor is judged here first, by nothing but what the
 * protocol promises: who may see it, and what was said before.  Jobs of class fast live
 * as long as their broker's process: promises are per process of it (`inc`).  Jobs of
 * class durable are promised for good.  What was seen is also fed to the verdict that the
 * torture of real processes uses (tests/lib/verdict.h).
 */
#ifndef TESTS_SIM_HISTORY_H
#define TESTS_SIM_HISTORY_H

#include "proto/msg.h"
#include "tests/lib/verdict.h"
#include "tests/sim/clock.h"

#define HISTORY_JOBS   128
#define HISTORY_KEYS   64
#define HISTORY_GUESTS 8192

struct sim;
struct actor;
struct conn;
struct host;
struct run;

/* How the handler of a job behaves: byte 4 of its payload. */
enum manner {
    MANNER_OK,
    MANNER_FAILS,
    MANNER_FLAKY, /* on odd attempts */
    MANNER_HANGS, /* until it is killed */
    MANNER_NO_START,
    MANNER_FLOODS, /* prints more than it may */
    MANNERS
};

struct seen_outcome {
    uint64_t inc; /* 0: none yet */
    unsigned state, code, attempt;
    uint64_t hash; /* of node, reason and data */
};

struct hassigned {
    uint64_t inc, attempts; /* attempts assigned, a bit each */
};

struct hjob {
    unsigned index;
    struct wf_id id;
    const struct actor *owner;
    struct host *home; /* the broker that it was sent to; NULL: none yet (whose.h) */
    enum manner manner;
    /* What to submit, always the same. */
    unsigned class_;
    unsigned disconnect;
    uint64_t disconnect_ms, reuse_ms;
    const struct hjob *like; /* whose payload it has; itself, most often */
    struct hjob *retry_of;   /* NULL: it is submitted */
    char cap[16], need[32], pin[16];
    uint64_t wall_ms, deadline_ms;
    int hedge;
    unsigned good; /* its input, from 1; 0: it has none */
    unsigned version, max_attempts, priority, payload_len, detached;
    uint64_t accepted_inc; /* the last process that said so; 0: none */
    int ever_accepted;
    uint64_t taken_us; /* when the broker read the submit that made it */
    uint64_t left_ms;  /* until its deadline, as that said */
    int code;          /* refused for good */
    int forgotten;     /* the owner kept nothing but the id */
    int held;          /* calls of the owner that are open */
    int unkept; /* its home took it back because the store failed: the record may be there
                 */
    int disputed; /* its id was given to other work while no broker knew it */
    int stolen;   /* a broker that it is not at knows other work by its id */
    int altered;  /* the owner tried its id with another payload */
    int damaged;  /* its records rotted, or it lived on an old copy of the store */
    struct hassigned assigned;
    struct seen_outcome outcome;
};

/* What an attempt at home is called at another broker. */
struct hguest {
    struct wf_id id;
    const struct host *at;
    struct wf_key from;
    int held;    /* it told of it, and is not free to forget it */
    int at_home; /* who holds it took its home over, and with it the job, which was open
                  */
    struct hjob *job;
    unsigned attempt; /* of the job, at home */
    unsigned through; /* brokers that it was at before, a bit each */
    struct hassigned assigned;
};

/* A key whose fate was promised. */
struct hkey {
    struct wf_key key;
    const struct host *home;
    int joined, revoked; /* promised */
    int doomed;          /* its revocation was asked for, and may have happened */
};

struct history {
    struct hjob jobs[HISTORY_JOBS];
    unsigned njobs;
    struct hkey keys[HISTORY_KEYS];
    unsigned nkeys;
    struct hguest guests[HISTORY_GUESTS];
    unsigned nguests;
    uint64_t outcomes, fetched;
    struct verdict *verdict; /* NULL: records may be lost for good in this world */
};

void history_begin(struct sim *s);
void history_clear(struct history *h);

/* Is this job promised for good, once accepted, and known to be so? */
int history_holds(const struct sim *s, const struct hjob *j);

/* The broker's process is to know of this job. */
int history_knows(const struct sim *s, const struct hjob *j);

/* The world is over: 1 and the counts, when the verdict is asked for in this world. */
int history_judge(struct sim *s, struct verdict_counts *ret_counts);

/* A new job of an owner with nothing but an id, or NULL when the world has enough. */
struct hjob *history_job(struct sim *s, const struct actor *owner);

/* The job with that id; that of that broker. */
struct hjob *history_by_id(struct sim *s, const struct wf_id *id);
struct hjob *history_find(struct sim *s, const struct host *home, const struct wf_id *id);

/* May results be dropped by retention in this world? */
int history_evicts(const struct sim *s);

/* May it be other work than its owner thinks? */
int history_is_doubtful(const struct hjob *j);

/* The payload of a job as its handler has to get it, or the owner's attempt to alter it.
 */
int history_is_payload(const struct hjob *j, const uint8_t *p, size_t len);

/* The payload of a job; `other` makes different work of it.  Returns its length. */
size_t history_payload(const struct hjob *j, int other, uint8_t *dst, size_t cap);

/* Its records rotted: nothing is promised of it any more. */
void history_damaged(struct sim *s, const struct host *at, const struct wf_id *id);

/* The handler of a run is started. */
void history_started(struct sim *s, const struct host *at, const struct run *r);

/* The owner was told that its repeat of an old job is accepted. */
void history_repeated(struct sim *s, struct hjob *j, uint64_t inc);

/* The result of one attempt at one device, and what is printed. */
size_t history_result(const struct wf_id *id, unsigned index, uint64_t attempt,
                      const struct actor *at, uint8_t *dst, size_t cap);

/* A message reaches an actor over that connection. */
void history_saw(struct sim *s, const struct actor *a, const struct conn *c,
                 const struct wf_msg *m);

/* The record of a key, made when it is new. */
struct hkey *history_key(struct sim *s, const struct host *home,
                         const struct wf_key *key);

#endif
