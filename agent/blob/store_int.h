/* store_int.h - what the files of the blob store share
 *
 * A blob is in one of three states, which its row tells; where its bytes are follows:
 *
 *     ROW_PART    partial/HEX; also objects/AB/HEX, when the end came while publishing
 *     ROW_WHOLE   in the index up to BLOB_INLINE bytes, else objects/AB/HEX
 *     ROW_PLACE   a file of somebody else
 *
 * How the bytes are coded follows from their length: a sealed chunk is longer.  The
 * leaves of a blob of more than one chunk are in leaves/AB/HEX, and verify against its
 * name.  A handle is what is remembered of a blob in use: its row, its files, and of a
 * part which chunks are there.
 */
#ifndef AGENT_BLOB_STORE_INT_H
#define AGENT_BLOB_STORE_INT_H

#include "agent/blob/index.h"
#include "agent/blob/seal.h"
#include "agent/blob/store.h"
#include "common/buf.h"
#include "common/list.h"
#include "common/map.h"

#include <limits.h>
#include <sys/stat.h>

#define BLOB_NAME    96   /* "objects/ab/" and 64 hex digits and more */
#define HANDLES_MAX  4096 /* more than a fetcher begins at once */
#define FILES_MAX    32   /* handles with open files */
#define NOTES_MAX    (1u << 20)
#define NOTES_USED   4096        /* of blobs that are not held: more are written down */
#define MAP_MAX      (16u << 20) /* bytes of the maps of all handles */
#define LEAVES_HEAD  16u
#define LEAVES_PIN   1 /* flag in the head of the leaves */
#define ROW_OVERHEAD 128u

struct handle {
    struct wf_list_node lru;
    struct wf_list_node opened; /* its file is open */
    struct blob_row row;        /* id 0: begun, small, and not in the index yet */
    int fd, lfd;                /* -1: not open */
    int sealed;
    int leaves;      /* the file of leaves was checked, or there need not be one */
    int leaves_code; /* why they could not be written, which nobody waits to hear; 0 */
    uint8_t *map;    /* of a part; owned */
    uint64_t looked; /* chunks of a part that were looked at */
    int dirty;       /* `have` is not what the index says */
    uint64_t behind; /* bytes written since the disk was last asked to begin with them */
};

/* What is remembered of a blob until the next real change, or while it is held. */
struct note {
    struct wf_digest digest;
    uint64_t used; /* 0: as in the index */
    uint32_t holds;
};

struct scrub {
    unsigned folder;
    int64_t id;
    uint64_t chunk;
    int fd; /* of what is being coded anew; -1: nothing */
    int sealed;
    struct wf_digest digest;
};

struct blob_store {
    struct blob_options o; /* its strings are these: */
    char dir[PATH_MAX - BLOB_NAME], key_file[PATH_MAX];
    int ready;
    int dir_fd, lock_fd;
    struct index x;
    struct seal seal;

    int batch, tx_depth, in_tx;
    uint64_t used_bytes, promised_bytes; /* of parts: not written yet */
    uint64_t last_used;
    uint64_t evicted, damages, withdrawn, holds;

    struct wf_map *handles, *notes; /* NULL: none yet */
    struct wf_list_node lru;
    struct wf_list_node opened; /* of handles, the longest unused first */
    size_t files, maps_bytes;
    uint8_t *chunk, *box; /* a chunk, plain and sealed; owned */
    size_t chunk_cap, box_cap;
    struct scrub scrub;
};

/* -- store.c ---------------------------------------------------------------------------
 */

/* The index is open.  WEFT_ENOENT: there is no store, and `make` is 0. */
int store_ready(struct blob_store *s, int make, struct wf_err *err);

/* Changes of the index stand between these, which may nest.  _end commits, or ends what
 * failed in the index: then all handles are gone; else returns `rc`. */
int store_tx(struct blob_store *s, struct wf_err *err);
int store_tx_end(struct blob_store *s, int rc, struct wf_err *err);

void store_changed(struct blob_store *s, const struct blob_row *row, uint64_t have,
                   int why);
void store_trouble(struct blob_store *s, const struct wf_err *err);
uint64_t store_now(struct blob_store *s); /* never the same twice */

/* Room for one plain and one sealed chunk of a blob. */
int store_buffers(struct blob_store *s, uint64_t size, struct wf_err *err);

/* -- handle.c --------------------------------------------------------------------------
 */

/* Borrowed until the next handle is made.  WEFT_ENOENT; WEFT_EIO, when it was found to be
 * lost and its row is gone. */
int handle_get(struct blob_store *s, const struct wf_digest *d, struct handle **ret_h,
               struct wf_err *err);

/* The one that is there, or NULL. */
struct handle *handle_find(struct blob_store *s, const struct wf_digest *d);

/* A new one, for a row. */
int handle_new(struct blob_store *s, const struct blob_row *row, struct handle **ret_h,
               struct wf_err *err);

/* Its file is open, and its length makes sense. */
int handle_files(struct blob_store *s, struct handle *h, struct wf_err *err);

/* Forget one, all; _let_go writes down what is there of parts. */
void handle_drop(struct blob_store *s, struct handle *h);
void handle_drop_all(struct blob_store *s);
void handle_let_go_all(struct blob_store *s);
void handle_close_files(struct blob_store *s);

/* What is there of a part, newly known. */
void handle_have(struct blob_store *s, struct handle *h, uint64_t have);

int map_has(const struct handle *h, uint64_t chunk);
void map_set(struct handle *h, uint64_t chunk, int on);

/* -- disk.c: names, leaves -------------------------------------------------------------
 */

void name_object(const struct wf_digest *d, char *dst);
void name_partial(const struct wf_digest *d, char *dst);
void name_leaves(const struct wf_digest *d, char *dst);

/* WEFT_EFULL or WEFT_EIO by errno. */
int disk_fail(struct blob_store *s, const char *what, const struct wf_digest *d,
              struct wf_err *err);
int disk_write(int fd, const void *p, size_t len, uint64_t at); /* 0 or -1, errno */
int disk_read(int fd, void *p, size_t len, uint64_t at);        /* all of it */

/* Let the disk begin with what was written: publishing a large blob then waits for its
 * last bytes and not for all of them.  Advice; promises nothing. */
void disk_begin(int fd);
int disk_mkdir_for(struct blob_store *s, const char *name);
int disk_sync_folder(struct blob_store *s, const char *name); /* of the file `name` */

/* The bytes of a blob on the disk, without those of its leaves. */
uint64_t disk_len(uint64_t size, int sealed);
uint64_t disk_leaves_len(uint64_t size);

/* Write the leaves; not synced: they are made anew from the bytes where they are lost. */
int leaves_write(struct blob_store *s, const struct wf_digest *d, uint64_t size,
                 const struct wf_digest *leaves, int pinned, struct wf_err *err);
/* Open the file and check it against the digest: -1 when it is not good. */
int leaves_open(struct blob_store *s, const struct wf_digest *d, uint64_t *size,
                int *ret_pinned);
int leaves_read(int lfd, uint64_t first, size_t n, struct wf_digest *dst);
void leaves_pin(struct blob_store *s, const struct wf_digest *d, int on);

/* -- chunks.c --------------------------------------------------------------------------
 */

/* Read a chunk into `dst` and verify it.  0; WEFT_EPROTO: it does not; other errors are
 * those of the disk.  Changes nothing. */
int chunk_read(struct blob_store *s, struct handle *h, uint64_t i, void *dst,
               struct wf_err *err);
int chunk_write(struct blob_store *s, struct handle *h, uint64_t i, const void *p,
                struct wf_err *err);

/* Whether bytes are this chunk of the blob: 0, WEFT_EPROTO, WEFT_ESTATE.  `leaf`: theirs,
 * when it is known, or NULL. */
int chunk_check(struct handle *h, uint64_t i, const void *p, size_t len,
                const struct wf_digest *leaf, struct wf_err *err);

/* Look at the chunks of a part, BLOB_STEP bytes of them. */
int chunk_look(struct blob_store *s, struct handle *h, struct wf_err *err);

/* Make the leaves anew from the bytes.  WEFT_EPROTO: these are not the blob. */
int chunk_mend(struct blob_store *s, struct handle *h, struct wf_err *err);

/* -- room.c ----------------------------------------------------------------------------
 */

/* Let go of others until there is room for `disk` bytes.  Within a transaction. */
int room_make(struct blob_store *s, uint64_t disk, struct wf_err *err);
uint64_t room_free(struct blob_store *s); /* of the file system, above the floor */

void note_used(struct blob_store *s, const struct wf_digest *d);
int note_flush(struct blob_store *s, struct wf_err *err); /* within a transaction */
int note_held(struct blob_store *s, const struct wf_digest *d);

/* Remove a blob from index and disk.  Within a transaction. */
int room_drop(struct blob_store *s, const struct blob_row *row, struct wf_err *err);

/* -- publish.c -------------------------------------------------------------------------
 */

/* All chunks of a part are there: it is whole.  After an error the handle may be gone. */
int publish_file(struct blob_store *s, struct handle *h, struct wf_err *err);

/* The bytes of a small blob, which were checked; its handle goes. */
int publish_small(struct blob_store *s, struct handle *h, const void *p,
                  struct wf_err *err);

/* A chunk that should be there does not verify: what is left of the blob is a part, or
 * nothing.  WEFT_EIO; WEFT_ESTATE for a file in place that changed.  0: only the leaves
 * were damaged and are mended, so read it again. */
int publish_undo(struct blob_store *s, struct handle *h, uint64_t chunk,
                 struct wf_err *err);

/* It is nothing any more. */
int publish_lost(struct blob_store *s, const struct blob_row *row, int why);

/* -- read.c ----------------------------------------------------------------------------
 */

/* A chunk that the map has; what does not verify is dropped, as blob_read() says.  Leaves
 * the order of use alone. */
int read_verified(struct blob_store *s, const struct wf_digest *d, uint64_t chunk,
                  void *dst, struct wf_err *err);

/* -- place.c ---------------------------------------------------------------------------
 */

void place_of(const char *path, const struct stat *st, struct place *ret_place);
int place_same(const struct place *p, const struct stat *st);
/* Open the file of a blob in place: -1 when it is not what it was. */
int place_open(struct blob_store *s, const struct blob_row *row, struct place *ret_place);
/* The file is what it was, still. */
int place_ok(struct blob_store *s, const struct blob_row *row);

/* -- rebuild.c -------------------------------------------------------------------------
 */

/* Fill a new index with what is on the disk and what can be read of the old index. */
int rebuild_index(struct blob_store *s, struct wf_err *err);

/* Look at the files of a folder for those that no row knows. */
int rebuild_folder(struct blob_store *s, const char *folder, uint64_t *ret_found);

#endif
