/* plane.h - an agent's data, all of it, as the shell sees it
 *
 * The parts of this folder put together: lanes, the store, inputs of runs, their results.
 * There is none where data_cap is 0: NULL is allowed
 * everywhere, and then nothing is done.
 */
#ifndef AGENT_DATA_PLANE_H
#define AGENT_DATA_PLANE_H

#include "agent/config.h"
#include "agent/handlers.h"
#include "common/io/identity.h"
#include "common/io/log.h"
#include "common/io/loop.h"

struct data;
struct plane;

struct plane_opts {
    const struct agent_config *config; /* borrowed for the plane's life, as is the log */
    const struct log_sink *log;
    const struct identity *id; /* borrowed for the call */
    uint64_t epoch;            /* of the control session */
};

struct plane_cbs {
    /* Events of lanes, blobs and runs; borrowed. */
    void (*on_event)(void *arg, struct node_event *ev);
    /* May this key connect to us? */
    int (*lets_in)(void *arg, const struct wf_key *key);
};

/* *ret_plane is NULL where data_cap is 0.  WEFT_ECONF, WEFT_EIO, WEFT_ENOMEM. */
int plane_new(struct wf_loop *loop, const struct plane_opts *opts,
              const struct plane_cbs *cbs, void *arg, struct plane **ret_plane,
              struct wf_err *err);

/* After the handlers. */
void plane_free(struct plane *p);

/* Its store, for the door; NULL where there is none. */
struct data *plane_data(const struct plane *p);

/* What the core is to know of it from the beginning. */
void plane_configure(const struct plane *p, struct node_config *cfg);

/* What may be moved by this configuration; the plane may be given another one's later,
 * and then NODE_LIMITS tells the core. */
struct node_limits plane_limits(const struct agent_config *config);
void plane_limit(struct plane *p, const struct node_limits *limits);

/* The core is there, and who runs jobs (borrowed): tell the core what there is. */
void plane_begin(struct plane *p, struct handlers *handlers);

/* A step of the core is over.  A new session may be with another broker. */
void plane_step(struct plane *p, const struct wf_link *link);

/* Carry out an effect of lanes or blobs, as data_effect() does.  Nothing is told from
 * inside. */
void plane_effect(struct plane *p, struct wf_effects *fx, struct wf_effect *x);

/* Whether something failed that the core must hear of; or that leaves it waiting. */
int plane_failure(struct plane *p, struct node_event *ret_event);
int plane_fatal(const struct plane *p);

/* Runs with inputs: prepare those and start it (NODE_RUN_DONE follows in any case;
 * WEFT_ENOMEM); stop preparing (WEFT_ENOENT: nothing is prepared for it); it is over. */
int plane_start(struct plane *p, const struct run *r);
int plane_kill(struct plane *p, uint64_t run);
void plane_ended(struct plane *p, uint64_t run);

/* A run ended with its result in this file: NODE_RUN_DONE follows. */
void plane_result(struct plane *p, uint64_t run, const struct run_end *end,
                  const char *path);

/* Now and then: give memory back once nothing was asked of the store since last time. */
void plane_rest(struct plane *p);

/* Write down what of the day's budget is used, if there is one and it changed. */
void plane_save_day(struct plane *p, const struct node *n);

#endif
