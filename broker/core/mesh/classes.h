/* classes.h - the node classes of a site: how many slots of each, how fast, at what price
 *
 * Of the agents that take work now.  Told to all brokers in the site's fact
 * (docs/spec/9-gossip.md, 9.1) and shown to people; placement goes by what neighbours
 * tell each other (5.2).
 */
#ifndef BROKER_CORE_MESH_CLASSES_H
#define BROKER_CORE_MESH_CLASSES_H

#include "common/buf.h"
#include "proto/msg.h"

#define CLASSES_MAX 16u /* further ones are left out */

struct core;

/* Rows of class_row, in `buf`, in order of the first agent of each. */
void classes_now(const struct core *c, struct wf_buf *buf, struct wf_rows *ret_rows);

/* As map_row has them: "NAME=SLOTS@PUSD", separated by blanks, as many as fit. */
const char *classes_text(struct wf_rows rows, char room[WF_TEXT_MAX + 1]);

#endif
