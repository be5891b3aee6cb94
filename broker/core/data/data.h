/* data.h - what the broker knows of blobs, datasets, tickets and stages, in one place
 *
 * The handlers of the messages about data are declared here; what they share with the
 * rest of the core is in core_int.h.
 */
#ifndef BROKER_CORE_DATA_DATA_H
#define BROKER_CORE_DATA_DATA_H

#include "broker/core/data/datasets.h"
#include "broker/core/data/debts.h"
#include "broker/core/data/keeps.h"
#include "broker/core/data/relay.h"
#include "broker/core/data/stages.h"
#include "broker/core/data/tickets.h"

struct data {
    struct catalogue catalogue;
    struct datasets datasets;
    struct tickets tickets;
    struct stages stages;
    struct relay relay;
    struct keeps keeps;
    struct debts debts;
    struct wf_list_node drafts;  /* dataset.in_all: versions that are being put or read */
    struct wf_list_node pending; /* dataset.in_pending: not durable yet, by lsn */
    struct wf_list_node doomed;  /* dataset.in_all: gone, their records not deleted yet */
};

struct core;
struct job;
struct turn;

int data_init(struct data *d, size_t max_blobs, struct wf_rng *rng, uint64_t seed);
void data_fini(struct data *d);

/* A session ends; an agent is gone for good; it speaks again after a silence. */
void data_session_gone(struct core *c, struct session *s, struct wf_effects *out);
void data_agent_gone(struct core *c, struct agent *a);
void data_agent_back(struct core *c, const struct agent *a, struct wf_effects *out);

/* The blob that is a job's result is needed: WEFT_EPROTO, WEFT_ENOMEM; and not any more:
 * it may go when it is no other job's. */
int data_result(struct core *c, struct job *j, const struct wf_digest *digest,
                uint64_t size);

/* The same, as the agent told it, which has that blob. */
int data_result_at(struct core *c, struct job *j, struct agent *a,
                   const struct wf_result *m);
void data_job_gone(struct core *c, struct job *j, struct wf_effects *out);

/* An agent told of a result: when it is no job's it need not keep it. */
void data_result_told(struct core *c, const struct agent *a,
                      const struct wf_digest *digest, struct wf_effects *out);

/* The end of a step: what waits for its turn, or for the store.  1 when more is to be
 * done soon. */
void data_step(struct core *c, struct wf_effects *out);
int data_due(const struct core *c);

/* How soon, and when it waits for the next time. */
#define DATA_TICK_US 50000u

/* What a session asks in pages and was refused: the pages that still come are skipped. */
void data_refuse_pages(struct session *s, uint64_t req, int more);
int data_skip_page(struct session *s, uint64_t req, int more);

/* 1 at most once a second: news of what peers did wrong. */
int data_may_alarm(const struct core *c, struct session *s);

/* Drop what is over of a session's tickets, as fetcher; as fetcher and holder. */
void data_expire(struct core *c, struct session *fetcher);
void data_expire_all(struct core *c, struct session *s);

/* on_datasets.c, query_datasets.c */
void on_dataset_put(struct turn *t);
void on_dataset_rm(struct turn *t);
void on_data_pin(struct turn *t);
void query_datasets(struct turn *t);
void query_dataset(struct turn *t);

/* dataset_records.c: what is written of a dataset, and back. */
int dataset_write(struct core *c, struct dataset *d, struct wf_effects *out);

/* Take one away with its records, now or as soon as there is memory for that.  With
 * remove, what only it has may go at the agents, once that is durable. */
void dataset_doom(struct core *c, struct dataset *d, struct wf_effects *out);
void dataset_remove(struct core *c, struct dataset *d, struct wf_effects *out);

/* Everything up to durable_lsn is on stable storage; the store failed from `lsn` on: what
 * was put since is not so; these were all records; delete what could not be deleted. */
void datasets_durable(struct core *c);
void datasets_failed(struct core *c, uint64_t lsn, struct wf_effects *out);
void datasets_loaded(struct core *c, struct wf_effects *out);
void datasets_wipe(struct core *c, struct wf_effects *out);
int dataset_replay(struct core *c, struct wf_slice record, struct wf_effects *out);

/* on_locate.c */
void on_holdings(struct turn *t);
void on_locate(struct turn *t);
void on_located(struct turn *t);
void on_grant(struct turn *t);

/* on_stage.c */
void on_stage(struct turn *t);
void on_fetched(struct turn *t);

/* Send the orders that a stage still lacks, or end it; end it untold. */
void stage_go_on(struct core *c, struct stage *g, struct wf_effects *out);
void stage_cancel(struct core *c, struct stage *g, struct wf_effects *out);

/* An agent came that may do for those that wait; go on with long orders. */
void stages_offer(struct core *c, const struct agent *a, struct wf_effects *out);
void stages_say(struct core *c, struct wf_effects *out);

/* The invariants, for core_check(). */
void data_check(const struct core *c);

#endif
