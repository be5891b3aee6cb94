/* core_int.h - the body of the broker core, for core.c and the on_*.c beside it
 *
 * Each on_*.c handles the messages of one conversation; what several of them do to a job
 * is in work.h.
 */
#ifndef BROKER_CORE_CORE_INT_H
#define BROKER_CORE_CORE_INT_H

#include "broker/core/core.h"
#include "broker/core/data/data.h"
#include "broker/core/mesh/neighbours.h"
#include "broker/core/mesh/word.h"
#include "broker/core/peers/agents.h"
#include "broker/core/place/decisions.h"
#include "broker/core/place/estimates.h"
#include "broker/core/place/pricing.h"
#include "broker/core/queries/news.h"
#include "broker/core/router/distance.h"
#include "broker/core/router/runtimes.h"
#include "common/ewma.h"
#include "common/rng.h"

/* Everything that is refused, dropped or lost is counted under a name. */
#define COUNTERS(C)                                                                      \
    C(accepted)                                                                          \
    C(resubmitted)                                                                       \
    C(ok)                                                                                \
    C(failed)                                                                            \
    C(dead)                                                                              \
    C(cancelled)                                                                         \
    C(expired)                                                                           \
    C(assigned)                                                                          \
    C(retried)                                                                           \
    C(refused_by_agent)                                                                  \
    C(lost_attempts)                                                                     \
    C(asked_back)                                                                        \
    C(recalled)                                                                          \
    C(recalls_lost)                                                                      \
    C(preempted)                                                                         \
    C(notices)                                                                           \
    C(hedged)                                                                            \
    C(hedges_won)                                                                        \
    C(hedges_lost)                                                                       \
    C(superseded)                                                                        \
    C(busy)                                                                              \
    C(conflicts)                                                                         \
    C(denied)                                                                            \
    C(bad_messages)                                                                      \
    C(unknown_messages)                                                                  \
    C(output_dropped)                                                                    \
    C(results_evicted)                                                                   \
    C(sessions_opened)                                                                   \
    C(sessions_lost)                                                                     \
    C(sessions_refused)                                                                  \
    C(joined)                                                                            \
    C(joins_refused)                                                                     \
    C(out_of_memory)                                                                     \
    C(store_errors)                                                                      \
    C(storage_refused)                                                                   \
    C(reused)                                                                            \
    C(poisoned)                                                                          \
    C(corrupt_chunks)                                                                    \
    C(links_refused)                                                                     \
    C(bad_records)                                                                       \
    C(late)                                                                              \
    C(estimates_lost)                                                                    \
    C(guests)                                                                            \
    C(guests_refused)                                                                    \
    C(copies_dropped)                                                                    \
    C(names_untold)                                                                      \
    C(names_refused)                                                                     \
    C(facts_unsaid)                                                                      \
    C(events_dropped)

struct counters {
#define C(name) uint64_t name;
    COUNTERS(C)
#undef C
};

/* A reply that promises durability: sent by the DURABLE step that covers it. */
struct promise {
    struct wf_list_node node;
    uint64_t lsn;
    uint32_t peer;
    int close; /* end the session after it */
    enum wf_type type;
    uint64_t req;
    size_t len;
    uint8_t bytes[]; /* one encoded message */
};

/* A node_ping under way, to a node or, to be measured there, to a neighbour. */
struct probe {
    uint64_t seq; /* with WF_PING_APART; 0: free */
    uint32_t peer, agent_peer;
    uint64_t req, sent_us;
};

#define PROBES_MAX 64

/* What a client is told to wait when the store fails. */
#define STORAGE_RETRY_MS 1000u

struct core {
    struct core_config cfg;
    uint64_t now_us, wall_ms, started_us;
    struct wf_rng rng;
    struct registry registry;
    struct sessions sessions;
    struct agents agents;
    struct capabilities capabilities;
    struct jobs jobs;
    struct decisions decisions;
    struct pricing pricing;
    struct runtimes *runtimes; /* owned */
    struct estimates estimates;
    struct routing *routing;     /* owned */
    struct agent **by_node;      /* owned; of the router's numbers */
    struct wf_ewma run_error_pm; /* of expected run times, per mille of the real ones */
    struct data data;
    struct mesh mesh;
    struct word word;
    uint64_t data_due_us; /* when what it has to say goes on */
    struct news news;
    struct counters count;
    const struct bus_counts *bus; /* of the event being stepped; may be NULL */
    struct wf_list_node promises; /* struct promise, by lsn */
    uint64_t lsn;                 /* of the last record appended */
    uint64_t durable_lsn;
    uint64_t synced_lsn;         /* asked for */
    struct wf_list_node dirty;   /* job.in_ledger: records to be written, see ledger.h */
    struct wf_list_node pending; /* job.in_ledger: written, not durable yet, by lsn */
    struct wf_buf record;        /* scratch for one record */
    int store_failing;           /* nothing durable is accepted until it recovers */
    int rolled_back;             /* the store went back in time: nothing is changed */
    unsigned rollback_claims;    /* agents that said so */
    int loaded;
    uint64_t replayed;   /* jobs that came out of the store */
    uint64_t reclaim_us; /* until then agents may claim attempts; 0: that is over */
    int stopping;
    struct wf_rng cookies; /* apart: what peers see must not tell what else is drawn */
    struct probe probes[PROBES_MAX];
    uint64_t probe_seq;
    uint64_t shared_id;         /* of a store that other brokers use, too; 0: of none */
    struct wf_buf row_store[4]; /* scratch for lists of replies */
    struct wf_buf news_store;   /* the same for news, which come in between */
};

/* What a message handler gets: the core, who speaks, what was said, where effects go. */
struct turn {
    struct core *c;
    struct session *s;
    const struct wf_msg *msg;
    struct wf_effects *out;
    int quiet; /* refusals are not sent: the caller has an answer of its own */
    int early; /* what is refused only came too early */
};

/* on_session.c */
void on_peer_up(struct core *c, uint32_t peer, const struct wf_key *key,
                struct wf_effects *out);
void on_peer_heard(struct core *c, struct session *s, struct wf_effects *out);
void on_peer_down(struct core *c, uint32_t peer, struct wf_effects *out);
void on_hello(struct turn *t);
void on_ping(struct turn *t);
void on_bye(struct turn *t);
void on_join(struct turn *t);
void on_stopping(struct core *c, struct wf_effects *out);
void on_forgetful(struct core *c, struct wf_effects *out);
void on_sessions_tick(struct core *c, struct wf_effects *out);

/* on_agent.c */
void on_agent_info(struct turn *t);
void on_telemetry(struct turn *t);
void on_resync(struct turn *t);
void on_claim(struct turn *t);
void on_started(struct turn *t);
void on_output(struct turn *t);
void on_result(struct turn *t);
void on_refuse(struct turn *t);
void on_drain(struct turn *t);
void on_fetching(struct turn *t);

/* on_events.c */
void on_events(struct turn *t);
void query_events(struct turn *t);

/* A session opened: hear what happens at a neighbour. */
void events_follow(const struct session *s, struct wf_effects *out);

/* on_ping.c */
void on_node_ping(struct turn *t);
void on_pong(struct turn *t);
void on_node_pong(struct turn *t);
void on_error(struct turn *t);

/* on_submit.c, on_plan.c */
void on_submit(struct turn *t);
void on_job_retry(struct turn *t);
void on_plan(struct turn *t);

/* on_client.c */
void on_watch(struct turn *t);
void on_cancel(struct turn *t);

/* on_query.c, on_show.c */
void on_query(struct turn *t);
void query_node(struct turn *t);
void query_job(struct turn *t);
void query_why(struct turn *t);
void show_decision(struct core *c, const struct decision *d, struct wf_why_info *m);
void query_logs(struct turn *t);

/* on_prices.c */
void on_prices(struct core *c, const struct broker_event *ev, struct wf_effects *out);
void query_prices(struct turn *t);

/* on_links.c */
void on_links(struct turn *t);
void query_links(struct turn *t);
void links_give_cookie(struct core *c, struct session *s);

/* on_admin.c */
void on_token_put(struct turn *t);
void on_node_set(struct turn *t);
void on_key_revoke(struct turn *t);

/* -- shared by the handlers -- */

/* Rows of views; borrow from the agent and the job. */
struct wf_node_row node_row_of(const struct core *c, const struct agent *a);
struct wf_try_row try_row_of(const struct job_try *try);
unsigned job_told_state(const struct core *c, const struct job *j);
struct wf_job_row job_row_of(const struct core *c, const struct job *j);

/* End a session from our side: told why, then closed. */
void session_end(struct core *c, struct session *s, int code, const char *text,
                 struct wf_effects *out);

/* A principal's key is revoked from now on: its sessions end but for that one (may be
 * NULL), its work goes elsewhere.  The caller writes the record. */
void key_revoked(struct core *c, struct principal *p, const struct session *but,
                 struct wf_effects *out);

/* A session opened whose peer takes assignments: an agent, or a neighbour. */
void agent_opened(struct core *c, struct session *s, uint64_t epoch,
                  struct wf_slice software, struct wf_effects *out);

/* A round trip of the session was measured. */
void session_rtt(struct core *c, struct session *s, uint64_t rtt_us);

/* Forget a session; its agent, if any, starts its grace. */
void session_gone(struct core *c, struct session *s, struct wf_effects *out);

/* Refuse the message of this turn.  `job` may be NULL. */
void refuse(struct turn *t, int code, uint64_t req, const struct wf_id *job,
            uint64_t retry_ms, const char *fmt, ...) WF_PRINTF(6, 7);

/* The owner's job, or NULL after a refusal that does not tell whether it exists. */
struct job *owned_job(struct turn *t, const struct wf_id *id, uint64_t req);

/* The session's watch of a job, or NULL; and how many watch it. */
struct watch *watch_find(const struct job *j, const struct session *s,
                         unsigned *ret_watchers);

/* A watch of a job for a session; NULL: too many, or out of memory. */
struct watch *watch_add(struct session *s, struct job *j, unsigned watchers);

/* Answer a request when what this step wrote of the job is safe. */
void answer_when_safe(struct turn *t, unsigned job_class, uint64_t req, int code,
                      const char *text);

/* Answer a request that has no rows. */
void reply_done(struct turn *t, uint64_t req, int code, const char *text);

/* Write a principal's record and ask for it to be made durable; returns its lsn. */
uint64_t core_persist(struct core *c, unsigned table, const struct principal *p,
                      struct wf_effects *out);

/* Drop a principal that nothing refers to, in the store as well. */
void core_forget(struct core *c, unsigned table, struct principal *p,
                 struct wf_effects *out);

/* 1 when a session came with this token or key. */
int core_in_use(const struct core *c, const struct principal *p);

/* In place of a lsn: that of the last record which this step writes. */
#define PROMISE_STEP UINT64_MAX

/* Send a message when everything up to `lsn` is durable. */
void core_promise(struct core *c, uint64_t lsn, uint32_t peer, uint64_t req, int close,
                  enum wf_type type, const void *body, struct wf_effects *out);

/* promises.c: at the end of a step, the lsn of PROMISE_STEP is known; everything up to
 * `lsn` is durable; the store failed from `lsn` on, or (break) the step ran out of memory
 * and nobody knows which of its records were written. */
void promises_date(struct core *c, struct wf_effects *out);
void promises_durable(struct core *c, uint64_t lsn, struct wf_effects *out);
void promises_failed(struct core *c, uint64_t lsn, struct wf_effects *out);
void promises_break(struct core *c, uint64_t lsn, struct wf_effects *out);

/* 1 when such a message waits for the store already. */
int core_promised(const struct core *c, uint32_t peer, enum wf_type type);

/* Add an event: to the ring, to those who follow, and as a trace line. */
void core_news(struct core *c, struct wf_effects *out, unsigned level, const char *kind,
               const char *node, const struct wf_id *job, const char *fmt, ...)
    WF_PRINTF(7, 8);

/* The cleared scratch store number i (0..3) for a list of this turn. */
struct wf_buf *core_rows(struct core *c, unsigned i);

#endif
