/* results.h - large results as files of the agent
 *
 * They are in the folder `results` of the scratch folder, which no sandbox shows.  The
 * runner puts those of processes there (wire.h); those of workers are taken out of the
 * workers' folders, or written here.  Who gets the path owns the file.
 */
#ifndef AGENT_EXEC_RESULTS_H
#define AGENT_EXEC_RESULTS_H

#include "common/buf.h"
#include "common/err.h"

struct results {
    char *scratch;   /* the runner's folder, absolute */
    char *dir;       /* of results */
    size_t max;      /* larger ones are files; 0: none is */
    uint64_t serial; /* for names */
};

/* A result: a file, or what is small enough as bytes. */
struct result_file {
    char *path; /* owned; NULL: `bytes` is all of it */
    uint64_t size;
    struct wf_buf bytes;
};

/* WEFT_EIO, WEFT_ENOMEM. */
int results_init(struct results *r, const char *scratch, size_t max, struct wf_err *err);
void results_fini(struct results *r);

/* The file of `size` bytes that the runner told of; `head` goes in front, where it has
 * left room.  *ret_path is owned.  WEFT_EIO (the file is gone then), WEFT_ENOMEM. */
int results_of_run(const struct results *r, uint64_t run, const uint8_t *head, size_t len,
                   uint64_t size, char **ret_path);

/* Remove what a run may have left there. */
void results_drop(const struct results *r, uint64_t run);

/* Write bytes into a file.  WEFT_EIO, WEFT_ENOMEM. */
int results_write(struct results *r, const uint8_t *p, size_t len,
                  struct result_file *ret);

/* Take a file out of the folder of a run that goes on and is not trusted: it may be
 * swapped for something else at any moment, and be written to also afterwards.  `name` is
 * one that work_decode() let through.  WEFT_ENOENT (no such file, or nothing that is
 * one), WEFT_ETOOBIG (over `max`, or files are not wanted; *ret has the size), WEFT_EIO,
 * WEFT_ENOMEM. */
int results_take(struct results *r, uint64_t run, const char *name, uint64_t max,
                 struct result_file *ret);

/* Remove a file from the folder of a run. */
void results_discard(const struct results *r, uint64_t run, const char *name);

void result_file_fini(struct result_file *f);

#endif
