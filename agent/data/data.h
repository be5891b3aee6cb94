/* data.h - between the core's effects about blobs and the store on the disk
 *
 * Carries out BLOB_BEGIN to BLOB_READ, BLOB_KEEP, BLOB_HOLD and BLOB_RELEASE, and tells
 * the core what it asked for, what is there at the start, and what changes by itself.
 * Each BEGIN, WRITE and READ is answered exactly once, but for what could not even be
 * noted for want of memory: then data_fatal().
 *
 * Where there is no folder for blobs nothing is started: no thread, no file, no timer.
 */
#ifndef AGENT_DATA_DATA_H
#define AGENT_DATA_DATA_H

#include "agent/config.h"
#include "agent/core/event.h"
#include "agent/data/desk.h"

struct data;

/* Config and log are borrowed.  `on_event`: events of blobs, borrowed.  WEFT_ECONF,
 * WEFT_EIO, WEFT_ENOMEM. */
int data_new(struct wf_loop *loop, const struct agent_config *config,
             const struct log_sink *log,
             void (*on_event)(void *arg, struct node_event *ev), void *arg,
             struct data **ret_data, struct wf_err *err);

/* No callback runs any more.  NULL is allowed. */
void data_free(struct data *t);

/* Tell the core what there is, until NODE_BLOBS_LISTED. */
void data_list(struct data *t);

/* Carry out one effect about blobs, of which a chunk to be written is taken.  Nothing is
 * told from inside. */
void data_effect(struct data *t, struct wf_effects *fx, struct wf_effect *x);

/* Whether something could not even be asked for, which the core must hear of. */
int data_failure(struct data *t, struct node_event *ret_event);

/* Answers are lost: the core waits for them in vain. */
int data_fatal(const struct data *t);

/* For others who use the store: borrowed; and, when they brought something in or took it
 * out, have the core hear how it is now. */
struct desk *data_desk(struct data *t);
void data_changed(struct data *t, const struct wf_digest *digest);

#endif
