#include "tests/sim/disk/vfs.h"

#include "common/check.h"
#include "common/err.h"
#include "common/mem.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#define SHM_REGIONS 64

struct file {
    sqlite3_file base; /* first: SQLite sees this part */
    struct sector_file *f;
    int gone_with_us; /* remove it when it is closed */
    int sync_names;   /* it is new, and its next sync is to be the folder's too */
    void *shm[SHM_REGIONS];
};

/* SQLite has one table of VFSs for the process, so this is the process's too. */
static struct {
    struct sectors *disk;
    struct clock *clock;
    unsigned temps;
} now;

static int code_of(int rc, int io)
{
    return rc == 0 ? SQLITE_OK : rc == WEFT_EFULL ? SQLITE_FULL : io;
}

/* -- files -----------------------------------------------------------------------------
 */

static int file_close(sqlite3_file *base)
{
    struct file *x = (struct file *) base;

    for (unsigned i = 0; i < SHM_REGIONS; i++) {
        wf_free(x->shm[i]);
        x->shm[i] = NULL;
    }
    if (x->gone_with_us) {
        (void) sectors_remove(now.disk, x->f->name);
    }
    return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *dst, int len, sqlite3_int64 at)
{
    struct file *x = (struct file *) base;
    size_t got = 0;

    if (sectors_read(now.disk, x->f, dst, (size_t) len, (uint64_t) at, &got) != 0) {
        return SQLITE_IOERR_READ;
    }
    if (got < (size_t) len) {
        memset((uint8_t *) dst + got, 0, (size_t) len - got);
        return SQLITE_IOERR_SHORT_READ;
    }
    return SQLITE_OK;
}

static int file_write(sqlite3_file *base, const void *p, int len, sqlite3_int64 at)
{
    struct file *x = (struct file *) base;

    return code_of(sectors_write(now.disk, x->f, p, (size_t) len, (uint64_t) at),
                   SQLITE_IOERR_WRITE);
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 len)
{
    struct file *x = (struct file *) base;

    return code_of(sectors_truncate(now.disk, x->f, (uint64_t) len),
                   SQLITE_IOERR_TRUNCATE);
}

static int file_sync(sqlite3_file *base, int flags)
{
    struct file *x = (struct file *) base;

    int rc = sectors_sync(now.disk, x->f);

    (void) flags;
    if (rc == 0 && x->sync_names) {
        rc = sectors_sync_names(now.disk);
        x->sync_names = rc != 0;
    }
    return code_of(rc, SQLITE_IOERR_FSYNC);
}

static int file_size(sqlite3_file *base, sqlite3_int64 *ret_len)
{
    *ret_len = (sqlite3_int64) ((struct file *) base)->f->now.len;
    return now.disk->off ? SQLITE_IOERR_FSTAT : SQLITE_OK;
}

/* One connection: nobody to lock out. */
static int file_lock(sqlite3_file *base, int level)
{
    (void) base;
    (void) level;
    return SQLITE_OK;
}

static int file_is_reserved(sqlite3_file *base, int *ret)
{
    (void) base;
    *ret = 0;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int op, void *arg)
{
    (void) base;
    (void) op;
    (void) arg;
    return SQLITE_NOTFOUND;
}

static int file_sector_size(sqlite3_file *base)
{
    (void) base;
    return 4096; /* as on Linux, whatever the device has */
}

static int file_traits(sqlite3_file *base)
{
    (void) base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE; /* as on Linux, and as our sectors are */
}

static int shm_map(sqlite3_file *base, int region, int len, int make, void volatile **ret)
{
    struct file *x = (struct file *) base;

    WF_CHECK(region >= 0 && region < SHM_REGIONS);
    if (x->shm[region] == NULL && make) {
        x->shm[region] = wf_calloc(1, (size_t) len);
        WF_CHECK(x->shm[region] != NULL);
    }
    *ret = x->shm[region];
    return SQLITE_OK;
}

static int shm_lock(sqlite3_file *base, int at, int n, int flags)
{
    (void) base;
    (void) at;
    (void) n;
    (void) flags;
    return SQLITE_OK;
}

static void shm_barrier(sqlite3_file *base)
{
    (void) base;
}

static int shm_unmap(sqlite3_file *base, int forget)
{
    struct file *x = (struct file *) base;

    for (unsigned i = 0; forget && i < SHM_REGIONS; i++) {
        wf_free(x->shm[i]);
        x->shm[i] = NULL;
    }
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {.iVersion = 2,
                                           .xClose = file_close,
                                           .xRead = file_read,
                                           .xWrite = file_write,
                                           .xTruncate = file_truncate,
                                           .xSync = file_sync,
                                           .xFileSize = file_size,
                                           .xLock = file_lock,
                                           .xUnlock = file_lock,
                                           .xCheckReservedLock = file_is_reserved,
                                           .xFileControl = file_control,
                                           .xSectorSize = file_sector_size,
                                           .xDeviceCharacteristics = file_traits,
                                           .xShmMap = shm_map,
                                           .xShmLock = shm_lock,
                                           .xShmBarrier = shm_barrier,
                                           .xShmUnmap = shm_unmap};

/* -- the file system -------------------------------------------------------------------
 */

static int vfs_open(sqlite3_vfs *v, const char *name, sqlite3_file *base, int flags,
                    int *ret_flags)
{
    /* As on Linux: databases come about by their journals. */
    const int journal =
        SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL;
    struct file *x = (struct file *) base;
    int was_there;
    char temp[24];

    (void) v;
    *x = (struct file){0};
    if (name == NULL) {
        (void) snprintf(temp, sizeof temp, "temp-%u", ++now.temps);
        name = temp;
        flags |= SQLITE_OPEN_DELETEONCLOSE | SQLITE_OPEN_CREATE;
    }
    was_there = sectors_open(now.disk, name, 0) != NULL;
    x->f = sectors_open(now.disk, name, (flags & SQLITE_OPEN_CREATE) != 0);
    if (x->f == NULL) {
        return SQLITE_CANTOPEN;
    }
    x->sync_names = !was_there && (flags & journal) != 0;
    x->gone_with_us = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    base->pMethods = &methods;
    if (ret_flags != NULL) {
        *ret_flags = flags;
    }
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *v, const char *name, int sync)
{
    int rc = sectors_remove(now.disk, name);

    (void) v;
    rc = rc == 0 && sync ? sectors_sync_names(now.disk) : rc;
    return rc == WEFT_ENOENT ? SQLITE_IOERR_DELETE_NOENT
                             : code_of(rc, SQLITE_IOERR_DELETE);
}

static int vfs_access(sqlite3_vfs *v, const char *name, int flags, int *ret)
{
    (void) v;
    (void) flags;
    *ret = sectors_open(now.disk, name, 0) != NULL;
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *v, const char *name, int cap, char *dst)
{
    (void) v;
    (void) snprintf(dst, (size_t) cap, "%s", name);
    return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *v, int len, char *dst)
{
    (void) v;
    for (int i = 0; i < len; i++) {
        dst[i] = (char) (now.clock != NULL ? wf_rng_next(&now.clock->rng) >> 32 : 0);
    }
    return len;
}

static int vfs_sleep(sqlite3_vfs *v, int us)
{
    (void) v;
    return us;
}

/* In milliseconds since noon, 24 November 4714 BC. */
static int vfs_time(sqlite3_vfs *v, sqlite3_int64 *ret)
{
    (void) v;
    *ret = INT64_C(210866760000000) + INT64_C(1700000000000) +
           (now.clock != NULL ? (sqlite3_int64) (now.clock->now_us / 1000) : 0);
    return SQLITE_OK;
}

static int vfs_julian_day(sqlite3_vfs *v, double *ret)
{
    sqlite3_int64 ms;
    int rc = vfs_time(v, &ms);

    *ret = (double) ms / 86400000.0;
    return rc;
}

static int vfs_last_error(sqlite3_vfs *v, int len, char *dst)
{
    (void) v;
    (void) len;
    (void) dst;
    return 0;
}

static sqlite3_vfs vfs = {.iVersion = 2,
                          .szOsFile = sizeof(struct file),
                          .mxPathname = 64,
                          .zName = VFS_NAME,
                          .xOpen = vfs_open,
                          .xDelete = vfs_delete,
                          .xAccess = vfs_access,
                          .xFullPathname = vfs_full_path,
                          .xRandomness = vfs_randomness,
                          .xSleep = vfs_sleep,
                          .xCurrentTime = vfs_julian_day,
                          .xGetLastError = vfs_last_error,
                          .xCurrentTimeInt64 = vfs_time};

void vfs_use(struct sectors *d, struct clock *c)
{
    if (now.disk == NULL) {
        int rc = sqlite3_vfs_register(&vfs, 1);

        WF_CHECK(rc == SQLITE_OK);
    }
    now.disk = d;
    now.clock = c;
}

void vfs_reset(void)
{
    now.temps = 0;
    sqlite3_randomness(0, NULL);
}
