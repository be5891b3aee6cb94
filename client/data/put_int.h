/* put_int.h - what the two files of a put share
 *
 *     WALKING --> HASHING --> STAGING --> NAMING --> done
 *                                |  (no dataset)       ^
 *                                +---------------------+
 *
 * put_new.c makes one, put.c brings it to its end.  While it is staged its sources stand
 * on the shelf, for the agents that fetch them.
 */
#ifndef CLIENT_DATA_PUT_INT_H
#define CLIENT_DATA_PUT_INT_H

#include "client/data/parts.h"
#include "client/data/shelf.h"
#include "client/data/tree.h"

enum put_phase { PUT_NEW, PUT_WALKING, PUT_HASHING, PUT_STAGING, PUT_NAMING };

struct put {
    struct giver g; /* first */
    enum put_phase phase;
    char **paths; /* owned, as its items */
    size_t npaths;
    struct tree tree;
    size_t at;             /* file that is hashed */
    uint64_t size;         /* of all files; before they are hashed as far as known */
    uint64_t bytes, total; /* of the phase, for the user */
    struct parts parts;
    struct wf_buf labels, needs; /* encoded rows */
    char dataset[WF_DATASET_MAX + 1], node[WF_NAME_MAX + 1];
    char capability[WF_CAP_NAME_MAX + 1], residency[WF_LABEL_MAX + 1];
    uint8_t *copy; /* owned: a payload */
    size_t copied;
    uint64_t moved, nodes;
    char last[WF_NAME_MAX + 1]; /* node */
    size_t shelved;             /* files on the shelf */
    atomic_int stop;
    struct desk_task task; /* one at a time, on `tree` */
    int out;               /* the task is at the desk */
    int code;
    struct wf_err err;
    uint8_t *buf; /* owned; a chunk */
};

static inline struct put *put_of(struct transfer *t)
{
    return CONTAINER_OF(CONTAINER_OF(t, struct giver, t), struct put, g);
}

extern const struct transfer_ops put_ops;

parts_file_fn put_row;

/* All but the transfer's own. */
void put_fini(struct put *p);

#endif
