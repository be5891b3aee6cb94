#include "broker/store/sqlite_int.h"
#include "broker/store/sum.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>

/* All goes through the VFS of the database: on a simulated disk it is simulated too. */

#define BLOCK (64 << 10)

static int open_file(const struct sqlite *s, const char *path, int flags,
                     sqlite3_file **ret_file)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(s->vfs);
    sqlite3_file *f;
    int rc;

    if (vfs == NULL || (f = wf_calloc(1, (size_t) vfs->szOsFile)) == NULL) {
        return SQLITE_NOMEM;
    }
    rc = vfs->xOpen(vfs, path, f, flags, NULL);
    if (rc != SQLITE_OK) {
        if (f->pMethods != NULL) {
            (void) f->pMethods->xClose(f);
        }
        wf_free(f);
        return rc;
    }
    *ret_file = f;
    return SQLITE_OK;
}

static void close_file(sqlite3_file *f)
{
    (void) f->pMethods->xClose(f);
    wf_free(f);
}

static int exists(const struct sqlite *s, const char *path)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(s->vfs);
    int there = 0;

    return vfs != NULL &&
           vfs->xAccess(vfs, path, SQLITE_ACCESS_EXISTS, &there) == SQLITE_OK && there;
}

/* The path with something at its end, and the zeros after it that SQLite looks for. */
static char *path_with(const struct sqlite *s, const char *end)
{
    size_t cap = strlen(s->path) + strlen(end) + 4;
    char *p = wf_calloc(1, cap);

    if (p != NULL) {
        (void) snprintf(p, cap, "%s%s", s->path, end);
    }
    return p;
}

/* -- the log ---------------------------------------------------------------------------
 */

static int rewrite(sqlite3_file *f, uint8_t *block)
{
    sqlite3_int64 size = 0;
    int rc = f->pMethods->xFileSize(f, &size);

    for (sqlite3_int64 at = 0; rc == SQLITE_OK && at < size; at += BLOCK) {
        int n = size - at < BLOCK ? (int) (size - at) : BLOCK;

        rc = f->pMethods->xRead(f, block, n, at);
        if (rc == SQLITE_OK) {
            rc = f->pMethods->xWrite(f, block, n, at);
        }
    }
    return rc == SQLITE_OK ? f->pMethods->xSync(f, SQLITE_SYNC_NORMAL) : rc;
}

/* After a failed fsync Linux keeps the bytes in its cache, marked as clean: who reads the
 * log then, in this process or the next, finds a commit that is not on the disk, and no
 * later fsync would write it.  SQLite would append to it, and a power cut would take
 * what is behind it too.  So whatever the log says is written once more, where it
 * stands, and synced, before it is believed.  A power cut meanwhile does no harm: half of
 * the same bytes is still the same. */
int sqlite_settle(const struct sqlite *s)
{
    char *path = path_with(s, "-wal");
    uint8_t *block = wf_calloc(1, BLOCK);
    sqlite3_file *f = NULL;
    int rc = path != NULL && block != NULL ? SQLITE_OK : SQLITE_NOMEM;

    if (rc == SQLITE_OK && exists(s, path)) {
        rc = open_file(s, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_WAL, &f);
        if (rc == SQLITE_OK) {
            rc = rewrite(f, block);
            close_file(f);
        }
    }
    wf_free(block);
    wf_free(path);
    return rc;
}

/* -- the mark --------------------------------------------------------------------------
 *
 * A log that rots is cut by SQLite where its sums end, and an old copy of a database is
 * as good as a new one: neither looks damaged.  The mark tells: it holds the last lsn
 * that was durable.  Written without fsync it outlives the process at once and a power
 * cut some seconds later; it may be behind the database, never before it.  So a database
 * behind its mark has lost records that were durable.
 */

#define MARK_SIZE 40

static const char magic[8] = "weftmark";

static uint64_t mark_sum(const uint8_t *b)
{
    return store_sum(0, wf_slice_make(b, 0), wf_slice_make(b, MARK_SIZE - 8));
}

int sqlite_mark_open(struct sqlite *s, int *ret_there, struct facts *ret_facts,
                     struct wf_err *err)
{
    struct mark *m = &s->mark;
    uint8_t b[MARK_SIZE] = {0};
    /* Of the types of files that SQLite knows, the one that has its folder synced when it
     * is made, and is nothing but a file. */
    const int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_SUPER_JOURNAL;

    int rc;

    memset(ret_facts, 0, sizeof *ret_facts);
    m->path = m->path != NULL ? m->path : path_with(s, ".mark");
    rc = m->path != NULL ? open_file(s, m->path, flags, &m->file) : SQLITE_NOMEM;
    if (rc == SQLITE_OK) {
        rc = m->file->pMethods->xRead(m->file, b, MARK_SIZE, 0);
    }
    if (rc != SQLITE_OK && rc != SQLITE_IOERR_SHORT_READ) {
        return wf_err_set(err, WEFT_EIO, "cannot read %s.mark", s->path);
    }
    *ret_there = rc == SQLITE_OK && memcmp(b, magic, sizeof magic) == 0 &&
                 store_seq(b + 32) == mark_sum(b);
    if (!*ret_there) {
        return 0;
    }
    ret_facts->id = store_seq(b + 8);
    ret_facts->boot = store_seq(b + 16);
    ret_facts->lsn = store_seq(b + 24);
    return 0;
}

/* A mark that cannot be written stays behind, and shows less: no reason to fail. */
void sqlite_mark_put(struct sqlite *s, int sync)
{
    sqlite3_file *f = s->mark.file;
    uint8_t b[MARK_SIZE];

    if (f == NULL) {
        return;
    }
    memcpy(b, magic, sizeof magic);
    store_seq_put(b + 8, s->facts.id);
    store_seq_put(b + 16, s->facts.boot);
    store_seq_put(b + 24, s->facts.lsn);
    store_seq_put(b + 32, mark_sum(b));
    (void) f->pMethods->xWrite(f, b, MARK_SIZE, 0);
    if (sync) {
        (void) f->pMethods->xSync(f, SQLITE_SYNC_NORMAL);
    }
}

void sqlite_mark_close(struct sqlite *s)
{
    if (s->mark.file != NULL) {
        close_file(s->mark.file);
    }
    wf_free(s->mark.path);
    s->mark = (struct mark){NULL, NULL};
}
