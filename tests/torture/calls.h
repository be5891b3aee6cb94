/* calls.h - what a client of the torture has asked for, and writes down when it is told
 *
 * A job is as its id says (work.h) and has any number of calls open; what may work later
 * is tried again.  One thread; the connection is in loop mode.
 */
#ifndef TESTS_TORTURE_CALLS_H
#define TESTS_TORTURE_CALLS_H

#include "common/map.h"

#include <signal.h>
#include <weft/weft.h>

struct load;

enum kind { SUBMIT, WATCH, CANCEL, REPEAT, LOGS, KINDS };

struct job {
    weft_id id;
    char text[WEFT_ID_TEXT];
    struct load *load;
    int accepted, over;    /* as the story of an earlier process tells */
    unsigned open;         /* its futures that are open, and the retry that is due */
    unsigned kinds[KINDS]; /* how many of which */
};

/* One future of a job. */
struct call {
    struct job *job;
    struct call *next; /* of those that are due again */
    weft_future *future;
    uint64_t handle;
    uint64_t due_ms;
    enum kind kind;
};

struct load {
    weft_client *client;
    int story;
    const char *capability;
    enum weft_class job_class;
    unsigned window, per_second;
    struct wf_map *jobs;
    struct call *again;
    unsigned open; /* jobs */
    uint64_t handles;
    uint64_t made, credit, done, begun_ms;
    int fetching;
    int is_site; /* several brokers: what one does not know another may */
    const volatile sig_atomic_t *stopped; /* signals so far */
};

/* The job of an id, made when it is new. */
struct job *job_of(struct load *l, const weft_id *id);

/* Start a call; its end is seen to. */
void job_call(struct job *j, enum kind kind);

/* Submit it, as often as its manner says. */
void job_begin(struct job *j);

/* Start again what is due. */
void calls_due(struct load *l);

/* All of them, once the connection is closed. */
void jobs_free(struct load *l);

uint64_t now_ms(void);
_Noreturn void die(const char *what, const char *why);

#endif
