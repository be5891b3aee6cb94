/* data.h - what the broker knows of blobs, datasets, tickets and stages, in one place
 *
 * The handlers of the messages about data are declared here; what they share with the
 * rest of the core is in core_int.h.
 */
#ifndef BROKER_CORE_DATA_DATA_H
#define BROKER_CORE_DATA_DATA_H

#include "broker/core/data/datasets.h"
#include "broker/core/data/relay.h"
#include "broker/core/data/stages.h"
#include "broker/core/data/tickets.h"

struct data {
    struct catalogue catalogue;
    struct datasets datasets;
    struct tickets tickets;
    struct stages stages;
    struct relay relay;
    struct wf_list_node drafts; /* dataset.in_all: versions that are being put */
};

struct core;
struct job;
struct turn;

int data_init(struct data *d, size_t max_blobs, struct wf_rng *rng, uint64_t seed);
void data_fini(struct data *d);

/* A session ends; an agent is gone for good; one told all that it has. */
void data_session_gone(struct core *c, struct session *s, struct wf_effects *out);
void data_agent_gone(struct core *c, struct agent *a);

/* A job is forgotten: so may be its result. */
void data_job_gone(struct core *c, const struct job *j, struct wf_effects *out);

/* on_datasets.c */
void on_dataset_put(struct turn *t);
void on_dataset_rm(struct turn *t);
void on_data_pin(struct turn *t);
void query_datasets(struct turn *t);
void query_dataset(struct turn *t);

/* dataset_records.c: what is written of a dataset, and back. */
int dataset_write(struct core *c, struct dataset *d, struct wf_effects *out);
void dataset_unwrite(struct core *c, const struct dataset *d, struct wf_effects *out);
int dataset_replay(struct core *c, struct wf_slice record);

/* on_locate.c */
void on_holdings(struct turn *t);
void on_locate(struct turn *t);

/* on_stage.c */
void on_stage(struct turn *t);
void on_fetched(struct turn *t);

/* Send the orders that a stage still lacks; or end it. */
void stage_go_on(struct core *c, struct stage *g, struct wf_effects *out);

/* All of them: an agent came that may do. */
void stages_go_on(struct core *c, struct wf_effects *out);

#endif
