/* spool.h - results on stable storage: one file each
 *
 * `STATE/spool/JOB-ATTEMPT` holds a record: header, key and value, with a checksum over
 * all of it (docs/spec/6-spool.md).  A file is there whole or not at all, also after a
 * power cut.  What is damaged is moved to `STATE/spool/damaged` and counted, never given
 * out.  Calls block for as long as the disk takes; nothing is written between them.  The
 * state folder is the caller's alone (file_lock()).
 */
#ifndef AGENT_SPOOL_H
#define AGENT_SPOOL_H

#include "common/err.h"
#include "proto/msg.h"

#define SPOOL_KEY   20u /* job id, attempt big-endian */
#define SPOOL_ASIDE 64u /* damaged files kept; further ones are removed */

struct spool_counts {
    size_t records;
    uint64_t bytes; /* of their keys and values */
    size_t damaged; /* found now */
    size_t aside;   /* files in the folder for such, with those */
    size_t unread;  /* neither read nor damaged: of a newer program, or an I/O error */
};

struct spool;

/* On the spool below a state folder, which need not exist.  Writes nothing.  WEFT_ENOMEM,
 * WEFT_ECONF: the path is too long. */
int spool_new(const char *state, struct spool **ret_spool, struct wf_err *err);

/* NULL is allowed. */
void spool_free(struct spool *s);

/* Every record in order of its lsn; damaged ones are put aside.  `fn` may be NULL: then
 * only look, and change nothing.  A folder that cannot be read is WEFT_EIO; no folder is
 * an empty spool. */
typedef void spool_fn(void *arg, uint64_t lsn, struct wf_slice key,
                      struct wf_slice value);
int spool_load(struct spool *s, spool_fn *fn, void *arg, struct spool_counts *ret_counts,
               struct wf_err *err);

/* Keep a record: key, then value.  It is on stable storage after success.  Without a
 * value: delete it; one that is not there is fine.  WEFT_EIO with the reason,
 * WEFT_ENOMEM, WEFT_EINVAL. */
int spool_put(struct spool *s, uint64_t lsn, const uint8_t *record, size_t len,
              struct wf_err *err);

/* Delete everything, damaged files too.  `ret_records` is the number of records. */
int spool_wipe(struct spool *s, size_t *ret_records, struct wf_err *err);

#endif
