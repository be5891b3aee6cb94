/* datasets.h - named, versioned lists of files, and how much of each an agent has
 *
 *     draft --all files--> complete (in the tables) --removed--> gone
 *
 * A version is immutable once it is complete: its files stand sorted by path, so that a
 * path is a binary search and a folder a range, and sorted by blob, so that it is quickly
 * told whether a blob is in it.  A blob that several of its files are is one member.  How
 * much an agent holds is kept up to date with every change of a share, so that placement
 * adds up nothing.
 */
#ifndef BROKER_CORE_DATA_DATASETS_H
#define BROKER_CORE_DATA_DATASETS_H

#include "broker/core/data/catalogue.h"

#define DATASET_FILES_MAX 1000000u /* of one version */

struct dataset_file {
    struct blob *blob;
    size_t path_at;   /* in dataset.paths */
    const char *path; /* there, once it is complete */
    uint64_t before;  /* bytes of the files that sort before it */
};

/* A blob of a dataset, once that is complete. */
struct member {
    struct wf_list_node of_blob; /* blob.members */
    struct blob *blob;
    struct dataset *dataset;
    uint32_t first, times; /* its files: dataset.by_blob[first] and following */
};

/* What one agent has of one dataset. */
struct dataset_share {
    struct share_key key;     /* first: the map's key */
    struct wf_list_node node; /* dataset.shares */
    struct agent *agent;
    uint64_t bytes, files, pinned; /* of files: complete ones */
    uint64_t members;              /* of which it has something */
    int whole;                     /* counted in dataset.copies */
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
    uint32_t *by_blob;      /* owned: places in `files`, by digest, then path */
    struct member *members; /* owned; by digest */
    size_t nmembers;
    struct wf_buf paths; /* each with its zero */
    int complete;
    uint64_t copies;               /* agents that have all of it */
    struct wf_list_node shares;    /* dataset_share.node */
    struct wf_list_node in_all;    /* datasets.all, or data.drafts, or data.doomed */
    struct wf_list_node in_series; /* series.versions */

    /* Its records: see dataset_records.c. */
    uint64_t seq;    /* number of the first; 0: none yet */
    uint64_t *parts; /* owned: numbers of those of its files */
    size_t nparts;
    uint64_t lsn;                   /* of the last one written */
    struct wf_list_node in_pending; /* data.pending: they are not durable yet */

    struct wf_key home; /* of a copy (mesh/imports.h); zero: it is at home here */
    uint64_t used_us;   /* likewise: when it was named last, or a live job had it */
    unsigned said;      /* to other brokers: its place (mesh/names.h) and one; 0: not */
    size_t said_bytes;  /* when it was */
    struct wf_digest listing; /* likewise */

    uint32_t draft_peer; /* whose it is while files still come; 0: nobody's */
    uint64_t draft_req, draft_base;
    uint64_t put_epoch; /* of the process that put it, by a request `draft_req`, */
    uint32_t put_peer;  /* in this session; 0: not known */
};

/* The versions of one name. */
struct series {
    char name[WF_DATASET_MAX + 1];
    struct wf_list_node versions; /* dataset.in_series, newest first */
};

struct datasets {
    struct wf_map *by_key;   /* those that are complete */
    struct wf_map *by_seq;   /* those that have a number */
    struct wf_list_node all; /* owned: complete ones, in order of completion */
    struct series **names;   /* owned; sorted by name */
    size_t nnames, cap_names;
    size_t nfiles, max_files; /* over all */
};

int datasets_init(struct datasets *t, size_t max_files, uint64_t seed);
void datasets_fini(struct datasets *t, struct catalogue *cat);

/* An empty version, outside the tables.  NULL: no memory. */
struct dataset *dataset_new(struct wf_slice name, uint32_t version,
                            struct principal *owner);

/* Free it, or leave only what dataset_records.c needs to delete its records.  It is taken
 * out of the tables in either case. */
void dataset_free(struct datasets *t, struct catalogue *cat, struct dataset *d);
void dataset_clear(struct datasets *t, struct catalogue *cat, struct dataset *d);

/* WEFT_EINVAL (a label or a path that is none, two labels `residency`), WEFT_EFULL,
 * WEFT_ENOMEM.  What comes out of the store has room. */
int dataset_set_labels(struct dataset *d, struct wf_rows labels);
int dataset_add_files(struct datasets *t, struct catalogue *cat, struct dataset *d,
                      struct wf_rows files);

/* All files are there: sort, and put it into the tables.  WEFT_EINVAL (a path twice, or a
 * file where another has a folder), WEFT_EEXIST, WEFT_EFULL, WEFT_ENOMEM: then it is as
 * before. */
int dataset_complete(struct datasets *t, struct catalogue *cat, struct dataset *d);

/* By name; version 0: the newest.  NULL: there is none. */
struct dataset *dataset_get(const struct datasets *t, struct wf_slice name,
                            uint32_t version);

/* The files at or below a path (empty: all): the first, and how many; and their bytes. */
size_t dataset_range(const struct dataset *d, struct wf_slice path, size_t *ret_first);
uint64_t dataset_bytes(const struct dataset *d, size_t first, size_t n);

/* 1 when that path is one file of it. */
int dataset_is_file(const struct dataset *d, struct wf_slice path, size_t first,
                    size_t n);

/* 1 when a file at or below the path is that blob. */
int dataset_has(const struct dataset *d, struct wf_slice path,
                const struct wf_digest *digest);

/* What the agent has of it, or NULL. */
struct dataset_share *dataset_share_of(const struct catalogue *cat,
                                       const struct dataset *d, const struct agent *a);

/* A share is about to change, or go; it has changed.  WEFT_EFULL, WEFT_ENOMEM: it is not
 * counted. */
void datasets_uncount(struct catalogue *cat, struct share *s);
int datasets_count(struct catalogue *cat, struct share *s);

/* -- between the files of this module --------------------------------------------------
 */

/* Make the order by path and the members; WEFT_EINVAL, WEFT_ENOMEM: no members. */
int dataset_sort(struct dataset *d);
void dataset_unsort(struct dataset *d);

/* Its members join those of their blobs, and what agents hold of these counts.
 * WEFT_EFULL, WEFT_ENOMEM: nothing of that. */
int dataset_count(struct catalogue *cat, struct dataset *d);
void dataset_uncount(struct catalogue *cat, struct dataset *d);

#endif
