/* get_int.h - what the files of a get share
 *
 *     LISTING (a dataset) --+
 *     LOCATING (a digest) --+--> FETCHING --> done
 *     (a job's result) -----+
 *     INLINE (a result that came with its outcome) --> done
 *
 * get_new.c makes one, get_list.c finds out which files it is about, get.c has them
 * fetched: some hundred at a time, equal ones once.
 */
#ifndef CLIENT_DATA_GET_INT_H
#define CLIENT_DATA_GET_INT_H

#include "client/data/intake.h"
#include "proto/name.h"

#define GET_FILES_MAX 1000000u
#define GET_NONE      SIZE_MAX

enum get_phase { GET_NEW, GET_LISTING, GET_LOCATING, GET_FETCHING, GET_INLINE };

struct get_file {
    char *path; /* owned: in the dataset, or where it goes to once that is known */
    struct wf_digest digest;
    uint64_t size;
    struct intake *intake; /* while it is fetched */
    size_t same;           /* an earlier file with the same bytes, or GET_NONE */
    int began, done;
};

struct get {
    struct transfer t; /* first */
    enum get_phase phase;
    char ref[WF_REF_MAX + 1]; /* as given; "" */
    struct wf_data_ref parts; /* of it */
    int is_digest;
    struct wf_digest digest;
    struct wf_id job; /* whose result it is; zero: none */
    uint64_t version; /* of the dataset, once it is told */
    int is_file;      /* the ref names one file */
    char *to;         /* owned: file or folder; NULL: `write`, or memory */
    char part_end[SINK_PART_MAX + 1]; /* of names of files that are not whole yet */
    int keep;                         /* files that are there with other bytes */
    weft_write_fn *write;
    void *arg;
    size_t max;
    uint64_t patience_us;
    struct get_file *files; /* owned */
    size_t n, cap;
    struct wf_map *first; /* of files, by digest: the first of each */
    size_t next;          /* file to begin with */
    size_t active, done;
    uint64_t bytes, total, moved;
    uint64_t heard_us; /* when something came, or it began to wait */
    char from[WF_NAME_MAX + 1];
    struct wf_buf bytes_inline; /* a result that came with its outcome */
    size_t copying;             /* files at the disk's thread */
    size_t copied;              /* files before this one were looked at */
};

static inline struct get *get_of(struct transfer *t)
{
    return CONTAINER_OF(t, struct get, t);
}

extern const struct transfer_ops get_ops;

/* All but the transfer's own. */
void get_fini(struct get *g);

/* A file more.  `path` is copied.  WEFT_ENOMEM, WEFT_ETOOBIG. */
int get_add(struct get *g, struct wf_slice path, const struct wf_digest *digest,
            uint64_t size);

/* Ask for the list, and look at the answer: 1 when all files are known; else it goes on,
 * or was ended. */
void get_list(struct get *g, uint64_t now_us);
int get_listed(struct get *g, uint64_t now_us);

/* Ask where a lone blob is, to learn its size; the same. */
void get_locate(struct get *g, uint64_t now_us);
int get_located(struct get *g);

/* The files are known: where each goes to.  0, or the transfer was ended. */
int get_place(struct get *g);

#endif
