/* fill.h - wire rows to the structs of weft/info.h and weft/admin.h
 *
 * A fill_fn makes one row whose texts go to `r`; a make_fn makes a whole object from a
 * message that came in `wire` bytes.
 */
#ifndef CLIENT_FILL_H
#define CLIENT_FILL_H

#include "client/include/weft/admin.h"
#include "client/include/weft/data.h"
#include "client/rows.h"

union fill_row {
    struct wf_node_row node;
    struct wf_job_row job;
    struct wf_event_row event;
    struct wf_key_row key;
    struct wf_dataset_row dataset;
    struct wf_file_row file;
    struct wf_share_row share;
    struct wf_link_view_row link;
    struct wf_price_row price;
    struct wf_map_row broker;
};

typedef void fill_fn(struct rows *r, const union fill_row *from, void *to);

fill_fn fill_node, fill_job, fill_event, fill_key, fill_dataset, fill_file, fill_share,
    fill_link, fill_price, fill_broker;

/* 0 or WEFT_ENOMEM. */
typedef int make_fn(const struct wf_msg *msg, size_t wire, void **ret_object);

make_fn make_node, make_job, make_why, make_status;

#endif
