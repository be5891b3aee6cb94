/* datasets.h - named, versioned lists of files, and how much of each an agent has
 *
 * A version is immutable once it is complete: its files stand sorted by path, so that a
 * path is a binary search and a folder a range.  How much an agent holds is kept up to
 * date with every change of a share, so that placement adds up nothing.
 */
#ifndef BROKER_CORE_DATA_DATASETS_H
#define BROKER_CORE_DATA_DATASETS_H

#include "broker/core/data/catalogue.h"

#define DATASET_FILES_MAX 1000000u /* of one version */

struct dataset_file {
    struct wf_list_node of_blob; /* blob.members */
    struct blob *blob;
    struct dataset *dataset;
    const char *path; /* in dataset.paths, once that is complete */
    size_t path_at;
};

/* What one agent has of one dataset. */
struct dataset_share {
    struct wf_list_node node; /* dataset.shares */
    struct agent *agent;
    uint64_t bytes, files, pinned; /* of files: complete ones */
};

struct dataset {
    char key[WF_DATASET_MAX + 1 + 11]; /* first: "NAME@VERSION", the map's key */
    char name[WF_DATASET_MAX + 1];
    uint32_t version;
    struct principal *owner; /* borrowed */
    struct wf_buf labels;    /* encoded label_row rows */
    unsigned nlabels;
    char residency[WF_LABEL_MAX + 1]; /* value of that label; empty: anywhere */
    uint64_t created_ms, bytes;
    uint64_t nfiles_said;       /* by its record; it is complete when there are as many */
    struct dataset_file *files; /* owned; sorted by path once complete */
    size_t nfiles, cap;
    struct wf_buf paths; /* each with its zero */
    uint64_t seq;        /* of its record; 0: none */
    uint64_t *parts;     /* owned: numbers of the records of its files */
    size_t nparts;
    int complete;
    uint32_t draft_peer; /* whose it is while files still come; 0: nobody's */
    uint64_t draft_req;
    struct wf_list_node shares; /* dataset_share.node */
    struct wf_list_node in_all; /* datasets.all: by name, newest version first */
};

struct datasets {
    struct wf_map *by_key; /* owned */
    struct wf_map *by_seq; /* those that have records */
    struct wf_list_node all;
    size_t nfiles, max_files; /* over all */
};

int datasets_init(struct datasets *t, size_t max_files, uint64_t seed);
void datasets_fini(struct datasets *t, struct catalogue *cat);

/* An empty version, outside the tables.  NULL: no memory. */
struct dataset *dataset_new(struct wf_slice name, uint32_t version,
                            struct principal *owner);

/* Free one that is in no table, or take it out first. */
void dataset_free(struct datasets *t, struct catalogue *cat, struct dataset *d);

/* WEFT_EINVAL (a label or a path that is none), WEFT_EFULL, WEFT_ENOMEM. */
int dataset_set_labels(struct dataset *d, struct wf_rows labels);
int dataset_add_files(struct datasets *t, struct catalogue *cat, struct dataset *d,
                      struct wf_rows files);

/* All files are there: sort, and put it into the tables.  WEFT_EINVAL (a path twice, or a
 * file where another has a folder), WEFT_EEXIST, WEFT_EFULL, WEFT_ENOMEM. */
int dataset_complete(struct datasets *t, struct dataset *d);

/* By name; version 0: the newest.  NULL: there is none. */
struct dataset *dataset_get(const struct datasets *t, struct wf_slice name,
                            uint32_t version);

/* The files at or below a path (empty: all): the first, and how many. */
size_t dataset_range(const struct dataset *d, struct wf_slice path, size_t *ret_first);

/* 1 when that path is one file of it. */
int dataset_is_file(const struct dataset *d, struct wf_slice path, size_t first,
                    size_t n);

/* What the agent has of it, or NULL. */
struct dataset_share *dataset_share_of(const struct dataset *d, const struct agent *a);

/* 1 when a blob is in it. */
int dataset_has(const struct dataset *d, const struct blob *b);

/* A share is about to change to so many bytes and these flags: it does, and the datasets
 * that have its blob follow. */
void datasets_shift(struct share *s, uint64_t have, unsigned flags);

#endif
