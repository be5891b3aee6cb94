/* node_int.h - the body of the agent core, for node.c and the node_*.c beside it */
#ifndef AGENT_CORE_NODE_INT_H
#define AGENT_CORE_NODE_INT_H

#include "agent/core/node.h"
#include "common/rtt.h"

struct node {
    struct node_config cfg;
    struct wf_link link;
    struct wf_home home; /* of the present session, or of the last */
    struct runs runs;
    struct node_facts facts;
    uint64_t now_us, wall_ms;
    uint64_t info_seq, telemetry_seq;
    uint64_t running_of[WF_CAPS_MAX], held_of[WF_CAPS_MAX];
    uint64_t sent[WF_METRICS];
    uint32_t sent_known;
    uint64_t done, failed, refused, cut;
    uint64_t held_bytes; /* memory of finished runs */
    uint64_t window_bytes,
        window_runs; /* results sent in this session, not acknowledged */
    struct node_spooled spool;
    uint64_t lsn;         /* of the last record */
    uint64_t spool_us;    /* when the next records may be appended */
    struct wf_buf record; /* the one being made */
    int told_full;        /* that the spool is full, since the session ended */
    int stopped;
    int drained_by_broker, drained_by_owner;
    uint64_t press_us;   /* node_queue.c: how far stopping for others has come */
    int moving;          /* it takes no new work, to leave for a better broker */
    uint64_t move_us;    /* when it gives that up */
    unsigned move_fails; /* in a row, though something waits at this one: */
    unsigned move_way;
    uint64_t move_again_us; /* later another reason is one of its own */
    uint64_t move_seq;      /* of the ping whose pong says that the broker knows of it */
    uint64_t claim_us;      /* the next claim is due; UINT64_MAX: there is nothing */
    uint64_t claim_wait_us, claim_slow_us;
    uint64_t gone_us; /* when the machine is taken away; 0: no such notice came */
    uint8_t warm[WF_CAPS_MAX]; /* its workers are up */
    struct wf_buf rows[3];
    char region[WF_LABEL_MAX + 1]; /* value of the own label `residency` */
    struct node_data *data;        /* owned; NULL: there is no blob store */
    struct wf_rtt rtt;             /* of the link to the broker */
    int probed;                    /* by probes; else by heartbeats */
    uint32_t pongs;                /* of those, that were looked at */
    uint64_t links_told_us;        /* 0: not in this session */
};

/* Send when the session is open; what is lost otherwise, resync repairs. */
void node_send(const struct node *n, struct wf_effects *out, enum wf_type type,
               const void *body);

int node_is_open(const struct node *n);

/* node_move.c: whose attempts are whose; from one broker to another. */

/* It is of the broker of the session. */
int node_is_ours(const struct node *n, const struct run *r);

/* Send what is about a run, if it is. */
void node_send_of(const struct node *n, const struct run *r, struct wf_effects *out,
                  enum wf_type type, const void *body);

/* For the link: is there anything of this broker's? */
int node_holds(const void *owner, const struct wf_home *home);
void node_on_claimed(struct node *n, const struct wf_claimed *m, struct wf_effects *out);
void node_on_seek(struct node *n, const struct wf_seek *m, struct wf_effects *out);
void node_move_opened(struct node *n, struct wf_effects *out);
void node_move_cut(struct node *n);

/* An attempt was given back: if we are leaving, not before the broker knows that. */
void node_move_refused(struct node *n);

/* In each step, before it is seen whether the session has ended. */
void node_move_after(struct node *n, struct wf_effects *out);
uint64_t node_move_due_us(const struct node *n);

/* node.c: its phase, and that it was started, as the broker is told. */
unsigned node_told_phase(const struct run *r);
void node_tell_started(struct node *n, struct run *r, struct wf_effects *out);

/* node_report.c: what the machine is and how it does. */
void node_tell_info(struct node *n, struct wf_effects *out);
void node_note_warm(struct node *n, unsigned cap, int on, struct wf_effects *out);
void node_tell_metrics(struct node *n, uint32_t known, const uint64_t *metrics,
                       struct wf_effects *out);

/* node_output.c: what a run prints. */
void node_take_output(struct node *n, struct run *r, unsigned stream,
                      struct wf_slice data, struct wf_effects *out);

/* Send what has gathered. */
void node_flush_output(struct node *n, struct run *r, int with_stdout,
                       struct wf_effects *out);

/* node_result.c: from the end of a run until the broker has its result. */

/* The attempt is over; its result waits for the broker's acknowledgement. */
void node_finish(struct node *n, struct run *r, struct wf_effects *out);

/* Its memory counts, and its age. */
void node_hold(struct node *n, struct run *r);

/* The message, which borrows from the run. */
void node_result_of(const struct run *r, struct wf_result *ret);
void node_tell_result(struct node *n, struct run *r, struct wf_effects *out);

/* In a new session: begin to send all there is. */
void node_tell_results(struct node *n, struct wf_effects *out);

/* Nobody will hear of the blob of this result: its pin goes, if it was the run's. */
void node_unkeep(struct node *n, struct run *r, struct wf_effects *out);

/* The broker has it; or nobody wants it any more. */
void node_acked(struct node *n, struct run *r, struct wf_effects *out);
void node_forget(struct node *n, struct run *r, struct wf_effects *out);

/* node_spool.c: what outlives the process. */

/* At the end of each step: append what wants to be, a batch at most. */
void node_spool(struct node *n, struct wf_effects *out);
uint64_t node_spool_due_us(const struct node *n);

/* The session has ended; what was appended from `lsn` on was not kept. */
void node_spool_cut(struct node *n);
void node_spool_failed(struct node *n, uint64_t lsn);

/* Delete the record that there may be of a run. */
void node_unspool(struct node *n, struct run *r, struct wf_effects *out);
void node_restore(struct node *n, const struct node_event *ev, struct wf_effects *out);

/* Set the timer of a result's age; when it has come, drop what is too old. */
void node_plan_age(struct node *n, struct run *r);
void node_age(struct node *n, struct run *r, struct wf_effects *out);

/* node_data.c: what transfers show of links; nothing without a blob store. */
int node_data_peer(struct node *n, struct wf_pull_peer *ret_peer);
uint64_t node_data_down(const struct node *n);

/* node_links.c: what links are like. */

/* A probe was answered, or (0) not; none is any more. */
void node_probed(struct node *n, uint64_t rtt_us);
void node_unprobed(struct node *n);
void node_links_opened(struct node *n);

/* At the end of each step: tell what is news. */
void node_links_after(struct node *n, struct wf_effects *out);

/* node_queue.c: what waits. */

/* Start what waits and has its data, as far as slots go. */
void node_fill(struct node *n, struct wf_effects *out);

/* Its runs can be stopped without harm to others. */
int node_may_yield(const struct node_capability *cap);

/* At the end of a step: what has to begin and found no slot gets that of one that yields;
 * and when that was put off until. */
void node_press(struct node *n, struct wf_effects *out);
uint64_t node_press_due_us(const struct node *n);

/* The load that pings tell, as it is at the end of a step; and its `step`. */
void node_note_load(struct node *n);
uint64_t node_load_step(const struct node *n);

/* node_stop.c: what ends a run from outside. */

/* Stop a run for a reason.  One that did not start is over at once. */
void node_stop_run(struct node *n, struct run *r, int code, const char *reason,
                   struct wf_effects *out);
void node_on_stop(struct node *n, const struct wf_stop *m, struct wf_effects *out);

/* Set the timer of a run for what it wants next: its stream to begin, or one of its
 * limits.  When it has come, stop it, or set the next one. */
void node_plan(struct node *n, struct run *r);
void node_check_limits(struct node *n, struct run *r, struct wf_effects *out);

/* No new work is taken, for whatever reason. */
int node_is_draining(const struct node *n);

/* The machine is taken away after so long: take no more, give back what did not start. */
void node_noticed(struct node *n, uint64_t left_ms, struct wf_effects *out);

/* Until it is; 0: no such notice came. */
uint64_t node_left_ms(const struct node *n);

/* node.c */

/* Give back a run that waits.  It is freed. */
void node_refuse_run(struct node *n, struct run *r, int code, const char *text,
                     struct wf_effects *out);

/* node_data.c: all of these do nothing, or say no, without a blob store. */
int node_data_new(struct node *n);
void node_data_free(struct node *n);

/* A session has begun, and its resync was sent; it has ended. */
void node_data_opened(struct node *n, struct wf_effects *out);
void node_data_cut(struct node *n, struct wf_effects *out);
void node_data_event(struct node *n, const struct node_event *ev, struct wf_effects *out);
void node_data_msg(struct node *n, const struct wf_msg *msg, struct wf_effects *out);
void node_data_tick(struct node *n, struct wf_effects *out);

/* At the end of each step, `first` being its first effect: 1 when runs have got their
 * data, and wait for nothing but slots now; then, once those were filled, the rest. */
int node_data_after(struct node *n, struct wf_effects *out);
void node_data_done(struct node *n, size_t first, struct wf_effects *out);
uint64_t node_data_due_us(const struct node *n);
void node_data_check(const struct node *n);

/* node_inputs.c: the data of a run. */

/* 0, or why an assignment cannot be taken here, with the text. */
int node_inputs_check(const struct node *n, const struct wf_assign *m,
                      const char **ret_text);

/* Begin to get what it needs.  On errors it is as if it needed nothing. */
int node_inputs_take(struct node *n, struct run *r, const struct wf_assign *m,
                     struct wf_effects *out);

/* All of it is there, or it needs none. */
int node_inputs_ready(const struct run *r);

/* A slot is free for it, and its data is not there yet. */
void node_inputs_starved(struct node *n, struct run *r);

/* It was started; it needs nothing any more. */
void node_inputs_started(struct node *n, struct run *r, struct wf_effects *out);
void node_inputs_drop(struct node *n, struct run *r, struct wf_effects *out);

#endif
