#include "broker/store/sqlite_vfs.h"

#include "common/defs.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>

struct gather {
    sqlite3_vfs vfs; /* first: SQLite sees this part */
    sqlite3_vfs *real;
    char name[40];
};

struct file {
    sqlite3_file base; /* first: SQLite sees this part */
    sqlite3_file *real;
    uint8_t *bytes; /* owned; NULL until the first write */
    int len;        /* gathered */
    sqlite3_int64 at;
};

/* Of the real file, which stands behind ours. */
#define FILE_BYTES ((sizeof(struct file) + 15) / 16 * 16)

static struct file *file_of(sqlite3_file *base)
{
    return (struct file *) base;
}

/* Write what was gathered.  Whatever comes of it, it is not tried a second time: after an
 * error SQLite knows better than we what the file should hold. */
static int write_out(struct file *f)
{
    const int len = f->len;

    f->len = 0;
    return len == 0 ? SQLITE_OK
                    : f->real->pMethods->xWrite(f->real, f->bytes, len, f->at);
}

/* -- files -----------------------------------------------------------------------------
 */

static int file_close(sqlite3_file *base)
{
    struct file *f = file_of(base);
    int rc = write_out(f), closed = f->real->pMethods->xClose(f->real);

    wf_free(f->bytes);
    f->bytes = NULL;
    return rc != SQLITE_OK ? rc : closed;
}

static int file_read(sqlite3_file *base, void *dst, int len, sqlite3_int64 at)
{
    struct file *f = file_of(base);
    int rc = SQLITE_IOERR_SHORT_READ;

    if (f->len == 0 || at + len <= f->at) {
        rc = f->real->pMethods->xRead(f->real, dst, len, at);
    }
    /* Among what was gathered, or in the hole that it leaves behind the file's end. */
    if (rc == SQLITE_IOERR_SHORT_READ && f->len != 0) {
        rc = write_out(f);
        rc = rc == SQLITE_OK ? f->real->pMethods->xRead(f->real, dst, len, at) : rc;
    }
    return rc;
}

static int file_write(sqlite3_file *base, const void *p, int len, sqlite3_int64 at)
{
    struct file *f = file_of(base);
    int rc = SQLITE_OK;

    if (f->len != 0 && (at != f->at + f->len || len > GATHER_BYTES - f->len)) {
        rc = write_out(f);
    }
    if (rc == SQLITE_OK && f->bytes == NULL) {
        f->bytes = wf_calloc(1, GATHER_BYTES);
    }
    if (rc == SQLITE_OK && (f->bytes == NULL || len > GATHER_BYTES)) {
        return f->real->pMethods->xWrite(f->real, p, len, at);
    }
    if (rc == SQLITE_OK) {
        f->at = f->len == 0 ? at : f->at;
        memcpy(f->bytes + f->len, p, (size_t) len);
        f->len += len;
    }
    return rc;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 len)
{
    struct file *f = file_of(base);
    int rc = write_out(f);

    return rc == SQLITE_OK ? f->real->pMethods->xTruncate(f->real, len) : rc;
}

static int file_sync(sqlite3_file *base, int flags)
{
    struct file *f = file_of(base);
    int rc = write_out(f);

    return rc == SQLITE_OK ? f->real->pMethods->xSync(f->real, flags) : rc;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *ret_len)
{
    struct file *f = file_of(base);
    int rc = write_out(f);

    return rc == SQLITE_OK ? f->real->pMethods->xFileSize(f->real, ret_len) : rc;
}

static int file_lock(sqlite3_file *base, int level)
{
    sqlite3_file *real = file_of(base)->real;

    return real->pMethods->xLock(real, level);
}

/* Others may look at the file then. */
static int file_unlock(sqlite3_file *base, int level)
{
    struct file *f = file_of(base);
    int rc = write_out(f), unlocked = f->real->pMethods->xUnlock(f->real, level);

    return rc != SQLITE_OK ? rc : unlocked;
}

static int file_is_reserved(sqlite3_file *base, int *ret)
{
    sqlite3_file *real = file_of(base)->real;

    return real->pMethods->xCheckReservedLock(real, ret);
}

static int file_control(sqlite3_file *base, int op, void *arg)
{
    sqlite3_file *real = file_of(base)->real;

    return real->pMethods->xFileControl(real, op, arg);
}

static int file_sector_size(sqlite3_file *base)
{
    sqlite3_file *real = file_of(base)->real;

    return real->pMethods->xSectorSize(real);
}

/* Not that writes are atomic, one by one or between two calls of xFileControl, nor that
 * files are written in the order of the calls: SQLite would leave
 * out syncs for that, and it is not true of writes that wait here. */
static int file_traits(sqlite3_file *base)
{
    sqlite3_file *real = file_of(base)->real;

    return real->pMethods->xDeviceCharacteristics(real) &
           SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* Without shared memory, and without pages that are mapped: one connection has the file
 * for itself. */
static const sqlite3_io_methods methods = {.iVersion = 1,
                                           .xClose = file_close,
                                           .xRead = file_read,
                                           .xWrite = file_write,
                                           .xTruncate = file_truncate,
                                           .xSync = file_sync,
                                           .xFileSize = file_size,
                                           .xLock = file_lock,
                                           .xUnlock = file_unlock,
                                           .xCheckReservedLock = file_is_reserved,
                                           .xFileControl = file_control,
                                           .xSectorSize = file_sector_size,
                                           .xDeviceCharacteristics = file_traits};

/* -- the VFS ---------------------------------------------------------------------------
 */

static sqlite3_vfs *real_of(sqlite3_vfs *vfs)
{
    return ((struct gather *) vfs)->real;
}

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
                    int *ret_flags)
{
    sqlite3_vfs *real = real_of(vfs);
    struct file *f = file_of(base);
    int rc;

    if ((flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) == 0) {
        return real->xOpen(real, name, base, flags, ret_flags);
    }
    *f = (struct file){.real = (sqlite3_file *) ((uint8_t *) base + FILE_BYTES)};
    f->real->pMethods = NULL;
    rc = real->xOpen(real, name, f->real, flags, ret_flags);
    if (f->real->pMethods != NULL) {
        f->base.pMethods = &methods; /* to be closed also where it was not opened */
    }
    return rc;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    return real_of(vfs)->xDelete(real_of(vfs), name, sync);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
    return real_of(vfs)->xAccess(real_of(vfs), name, flags, ret);
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int cap, char *dst)
{
    return real_of(vfs)->xFullPathname(real_of(vfs), name, cap, dst);
}

static int vfs_randomness(sqlite3_vfs *vfs, int len, char *dst)
{
    return real_of(vfs)->xRandomness(real_of(vfs), len, dst);
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
    return real_of(vfs)->xSleep(real_of(vfs), us);
}

static int vfs_time(sqlite3_vfs *vfs, double *ret)
{
    return real_of(vfs)->xCurrentTime(real_of(vfs), ret);
}

static int vfs_last_error(sqlite3_vfs *vfs, int len, char *dst)
{
    return real_of(vfs)->xGetLastError != NULL
               ? real_of(vfs)->xGetLastError(real_of(vfs), len, dst)
               : 0;
}

int gather_new(const char *vfs, struct gather **ret_gather)
{
    sqlite3_vfs *real = sqlite3_vfs_find(vfs);
    struct gather *g = real != NULL ? wf_calloc(1, sizeof *g) : NULL;
    int rc;

    if (g == NULL) {
        return real != NULL ? SQLITE_NOMEM : SQLITE_ERROR;
    }
    g->real = real;
    /* One for each store: SQLite has one list of names for the process. */
    (void) snprintf(g->name, sizeof g->name, "weft-%p", (void *) g);
    g->vfs = (sqlite3_vfs){.iVersion = 1,
                           .szOsFile = (int) FILE_BYTES + real->szOsFile,
                           .mxPathname = real->mxPathname,
                           .zName = g->name,
                           .xOpen = vfs_open,
                           .xDelete = vfs_delete,
                           .xAccess = vfs_access,
                           .xFullPathname = vfs_full_path,
                           .xRandomness = vfs_randomness,
                           .xSleep = vfs_sleep,
                           .xCurrentTime = vfs_time,
                           .xGetLastError = vfs_last_error};
    rc = sqlite3_vfs_register(&g->vfs, 0);
    if (rc != SQLITE_OK) {
        wf_free(g);
        return rc;
    }
    *ret_gather = g;
    return SQLITE_OK;
}

const char *gather_name(const struct gather *g)
{
    return g->name;
}

void gather_free(struct gather *g)
{
    if (g != NULL) {
        (void) sqlite3_vfs_unregister(&g->vfs);
        wf_free(g);
    }
}
