/* need.h - what a job asks of a node: "site=lyon", "tier!=cloud", "cpus>=4"
 *
 * A need is a key, an operator (= != >= <=) and a value.  Ordered operators compare
 * numbers, with sizes such as 2G; a key the node does not have fails every need but !=.
 */
#ifndef BROKER_CORE_NEED_H
#define BROKER_CORE_NEED_H

#include "proto/msg.h"

enum need_op { NEED_EQ, NEED_NE, NEED_GE, NEED_LE };

struct need {
    struct wf_slice key, value; /* borrowed from the text */
    enum need_op op;
};

/* Take "key=value" apart.  WEFT_EINVAL, also for "key>=word". */
int need_parse(struct wf_slice text, struct need *ret_need);

/* Does a node's value (NULL: it has none) meet the need? */
int need_met(const struct need *need, const char *value);

#endif
