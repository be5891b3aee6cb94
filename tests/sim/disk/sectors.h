/* sectors.h - files on a device that forgets, tears and lies
 *
 * Writes go to a cache, by sectors of 512 bytes; a sync makes a file's sectors safe.  A
 * process that is killed leaves the cache as it is.  A power cut keeps any subset of the
 * sectors that were not synced, the last one of them torn: some new bytes, then old ones.
 * A write or sync may fail; after a failed sync the cache may take for clean what never
 * reached the device (fsyncgate).  Room is limited.  Bits flip in what is safe.
 */
#ifndef TESTS_SIM_DISK_SECTORS_H
#define TESTS_SIM_DISK_SECTORS_H

#include "common/buf.h"
#include "tests/sim/clock.h"

#define SECTOR       512u
#define SECTOR_FILES 12

struct sector_file {
    char name[48];
    int here, safe_here; /* it exists; and also after a power cut */
    struct wf_buf now, safe;
    struct wf_buf dirty; /* a byte for each sector of `now`: 1 when not synced */
};

struct sectors {
    struct sector_file files[SECTOR_FILES];
    struct clock *clock; /* borrowed: for its randomness */
    uint64_t room;       /* bytes of all files together */
    unsigned fail_pm;    /* writes and syncs in a thousand that fail */
    uint64_t writes;     /* writes, syncs and removals up to now */
    uint64_t off_at;     /* the power goes, or the process ends, at this one; 0: not */
    int off;             /* whatever is asked for fails and changes nothing */
};

void sectors_init(struct sectors *d, struct clock *c);
void sectors_fini(struct sectors *d);

/* No files, no faults. */
void sectors_reset(struct sectors *d);

/* NULL: there is none; with `make` one is made. */
struct sector_file *sectors_open(struct sectors *d, const char *name, int make);

/* 0 or WEFT_EIO.  A read past the end is short: *ret_len. */
int sectors_read(struct sectors *d, struct sector_file *f, void *dst, size_t len,
                 uint64_t at, size_t *ret_len);

/* 0, WEFT_EIO, or WEFT_EFULL without room; some of the bytes may be written then. */
int sectors_write(struct sectors *d, struct sector_file *f, const void *p, size_t len,
                  uint64_t at);
int sectors_truncate(struct sectors *d, struct sector_file *f, uint64_t len);
int sectors_sync(struct sectors *d, struct sector_file *f);

int sectors_remove(struct sectors *d, const char *name);

/* The folder: which files there are. */
int sectors_sync_names(struct sectors *d);

/* The power comes back: only what was safe is there, and some of the rest. */
void sectors_power_cut(struct sectors *d);

/* Bytes of all files. */
uint64_t sectors_used(const struct sectors *d);

/* Flip `n` bits of one file, in what is safe and in the cache.  0: there is none. */
int sectors_rot(struct sectors *d, unsigned n);

/* Copy all that is safe or cached; or one file of it, over the one of that name. */
void sectors_copy(struct sectors *d, const struct sectors *from);
void sectors_copy_file(struct sectors *d, const struct sectors *from, const char *name);

#endif
