/* parts.h - the requests about data that take several messages: stage and dataset_put
 *
 * Each is a struct that says what to send and a wf_part_fn (client/core/data.h) that
 * fills in one message of it after the other.  What is sent is borrowed.
 */
#ifndef CLIENT_DATA_PARTS_H
#define CLIENT_DATA_PARTS_H

#include "client/core/data.h"

/* The i-th file, or the i-th blob as one. */
typedef void parts_file_fn(const void *files, size_t i, struct wf_file_row *ret_file);

struct parts {
    const void *files;
    size_t n;
    parts_file_fn *file;
    struct wf_stage stage;     /* stage: all but its rows and `more` */
    struct wf_dataset_put put; /* dataset_put: all but its files and `more` */
    struct wf_buf store;       /* of one message's rows */
};

/* The rest of `p` is the caller's to fill in. */
void parts_init(struct parts *p, const void *files, size_t n, parts_file_fn *file);
void parts_fini(struct parts *p);

wf_part_fn parts_stage, parts_put;

/* "key=value" texts to rows in `store`: labels, or with `any` needs as well.  NULL, or
 * what is wrong. */
const char *parts_labels(struct wf_buf *store, const char *const *texts, size_t n,
                         int any, struct wf_rows *ret_rows);

/* The value of the label `residency`; empty: there is none. */
struct wf_slice parts_residency(struct wf_rows labels);

#endif
