/* The VFS that gathers writes: what is read is what was written, what was synced is in
 * the file, and a write that fails is told. */
#include "broker/store/sqlite_vfs.h"
#include "common/rng.h"
#include "tests/unit/store/files.h"

#define CAP (1u << 20)

/* -- the file below --------------------------------------------------------------------
 *
 * The default VFS, but that writes are counted and may fail.
 */

static sqlite3_vfs below, *real_vfs;
static sqlite3_io_methods below_methods;
static const sqlite3_io_methods *real_methods;
static unsigned writes, syncs;
static int failing;

static int below_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    writes++;
    return failing ? SQLITE_FULL : real_methods->xWrite(f, p, n, at);
}

static int below_sync(sqlite3_file *f, int flags)
{
    syncs++;
    return real_methods->xSync(f, flags);
}

static int below_traits(sqlite3_file *f)
{
    return real_methods->xDeviceCharacteristics(f) | SQLITE_IOCAP_POWERSAFE_OVERWRITE |
           SQLITE_IOCAP_ATOMIC | SQLITE_IOCAP_SEQUENTIAL | SQLITE_IOCAP_BATCH_ATOMIC;
}

static int below_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags,
                      int *ret_flags)
{
    int rc = real_vfs->xOpen(real_vfs, name, f, flags, ret_flags);

    (void) vfs;
    if (rc == SQLITE_OK) {
        real_methods = f->pMethods;
        below_methods = *f->pMethods;
        below_methods.xWrite = below_write;
        below_methods.xSync = below_sync;
        below_methods.xDeviceCharacteristics = below_traits;
        f->pMethods = &below_methods;
    }
    return rc;
}

static void below_init(void)
{
    real_vfs = sqlite3_vfs_find(NULL);
    below = *real_vfs;
    below.zName = "weft-below";
    below.xOpen = below_open;
    must(sqlite3_vfs_register(&below, 0) == SQLITE_OK);
}

/* -- one file --------------------------------------------------------------------------
 */

static struct gather *g;
static sqlite3_file *f;
static uint8_t nothing[1];
static char path[224]; /* with the zeros after it that SQLite looks for */

static void begin(int flags)
{
    sqlite3_vfs *vfs;

    files_remove();
    image_write(FILE_DB, &(struct image){nothing, 0}); /* a log has its mode */
    must(gather_new("weft-below", &g) == SQLITE_OK);
    vfs = sqlite3_vfs_find(gather_name(g));
    must(vfs != NULL);
    f = wf_calloc(1, (size_t) vfs->szOsFile);
    (void) strcpy(path, files_path[FILE_LOG]);
    must(vfs->xOpen(vfs, path, f, flags | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                    NULL) == SQLITE_OK);
    writes = syncs = 0;
    failing = 0;
}

static void end(void)
{
    must(f->pMethods->xClose(f) == SQLITE_OK);
    wf_free(f);
    gather_free(g);
}

static int put(const void *p, int n, sqlite3_int64 at)
{
    return f->pMethods->xWrite(f, p, n, at);
}

static int sync_it(void)
{
    return f->pMethods->xSync(f, SQLITE_SYNC_NORMAL);
}

/* Whether the file below has these bytes and no more. */
static int holds(const void *p, size_t len)
{
    struct image m = image_read(FILE_LOG);
    int good = m.len == len && (len == 0 || memcmp(m.p, p, len) == 0);

    wf_free(m.p);
    return good;
}

static void test_gathers(void)
{
    static uint8_t bytes[3 * GATHER_BYTES], back[2000];

    fill(bytes, sizeof bytes, 7);
    begin(SQLITE_OPEN_WAL);
    for (int i = 0; i < 10; i++) {
        must(put(bytes + i * 1000, 1000, i * 1000) == SQLITE_OK);
    }
    is_int(writes, 0, "writes behind one another wait");
    ok(sync_it() == SQLITE_OK && writes == 1 && syncs == 1, "a sync writes them as one");
    ok(holds(bytes, 10000), "and they are in the file");
    must(put(bytes + 10000, 2000, 10000) == SQLITE_OK);
    ok(f->pMethods->xRead(f, back, 1000, 0) == SQLITE_OK && writes == 1 &&
           memcmp(back, bytes, 1000) == 0,
       "reading what stands before them does not write");
    ok(f->pMethods->xRead(f, back, 2000, 9500) == SQLITE_OK && writes == 2 &&
           memcmp(back, bytes + 9500, 2000) == 0,
       "reading among them does, and finds them");
    must(put(bytes, 500, 0) == SQLITE_OK && put(bytes + 700, 100, 700) == SQLITE_OK);
    is_int(writes, 3, "a write elsewhere does");
    must(put(bytes + 12000, GATHER_BYTES + 1, 12000) == SQLITE_OK);
    is_int(writes, 5, "one that is too large for the memory goes through");
    for (int at = 12001 + GATHER_BYTES; at + 4000 <= (int) sizeof bytes; at += 4000) {
        must(put(bytes + at, 4000, at) == SQLITE_OK);
    }
    ok(writes >= 6 && writes <= 7, "many are written when the memory is full");
    end();
    is_int(syncs, 1, "closing syncs nothing");
    ok(holds(bytes,
             12001 + GATHER_BYTES + (sizeof bytes - 12001 - GATHER_BYTES) / 4000 * 4000),
       "but writes what was gathered");
}

static void test_others(void)
{
    begin(SQLITE_OPEN_SUPER_JOURNAL);
    must(put("abc", 3, 0) == SQLITE_OK);
    ok(writes == 1 && holds("abc", 3), "a file of another kind is written at once");
    end();
}

static void test_traits(void)
{
    begin(SQLITE_OPEN_MAIN_DB);
    is_int(f->pMethods->xDeviceCharacteristics(f), SQLITE_IOCAP_POWERSAFE_OVERWRITE,
           "of what the file below promises, only what is true of writes that wait");
    end();
}

static void test_fails(void)
{
    begin(SQLITE_OPEN_MAIN_DB);
    must(put("abc", 3, 0) == SQLITE_OK && put("def", 3, 3) == SQLITE_OK);
    failing = 1;
    is_int(sync_it(), SQLITE_FULL, "a write that fails is told by the sync");
    is_int(syncs, 0, "which does not happen");
    failing = 0;
    ok(sync_it() == SQLITE_OK && holds("", 0), "what was gathered is forgotten");
    must(put("abc", 3, 0) == SQLITE_OK);
    failing = 1;
    is_int(put("def", 3, 10), SQLITE_FULL, "or by the next write");
    failing = 0;
    must(put("ghi", 3, 0) == SQLITE_OK && sync_it() == SQLITE_OK);
    ok(holds("ghi", 3), "and neither was made");
    must(put("jkl", 3, 3) == SQLITE_OK);
    failing = 1;
    is_int(f->pMethods->xTruncate(f, 1), SQLITE_FULL, "or when the file is cut");
    failing = 0;
    end();
}

static void test_no_memory(void)
{
    struct gather *none = NULL;

    is_int(gather_new("no-such-vfs", &none), SQLITE_ERROR, "there must be a VFS");
    (void) wf_mem_fail_after(0);
    is_int(gather_new(NULL, &none), SQLITE_NOMEM, "without memory there is none");
    (void) wf_mem_fail_after(-1);
    gather_free(none);
    begin(SQLITE_OPEN_WAL);
    (void) wf_mem_fail_after(0);
    must(put("abc", 3, 0) == SQLITE_OK);
    (void) wf_mem_fail_after(-1);
    ok(writes == 1 && holds("abc", 3), "without memory for writes they go through");
    end();
}

/* -- any file --------------------------------------------------------------------------
 */

struct model_file {
    uint8_t bytes[CAP];
    size_t len;
};

static void model_write(struct model_file *m, const uint8_t *p, size_t n, size_t at)
{
    if (at > m->len) {
        memset(m->bytes + m->len, 0, at - m->len);
    }
    memcpy(m->bytes + at, p, n);
    m->len = at + n > m->len ? at + n : m->len;
}

static int model_reads(const struct model_file *m, size_t n, size_t at)
{
    static uint8_t back[CAP];
    size_t there = at < m->len ? m->len - at : 0;
    int rc = f->pMethods->xRead(f, back, (int) n, (sqlite3_int64) at);

    there = there < n ? there : n;
    return rc == (there < n ? SQLITE_IOERR_SHORT_READ : SQLITE_OK) &&
           memcmp(back, m->bytes + at, there) == 0;
}

/* One random step; 0 when the file is not as the model. */
static int step(struct model_file *m, struct wf_rng *rng, size_t *at)
{
    static uint8_t bytes[GATHER_BYTES + 5000];
    const size_t n =
        1 + wf_rng_below(rng, wf_rng_below(rng, 20) == 0 ? sizeof bytes : 5000);
    sqlite3_int64 size;

    switch (wf_rng_below(rng, 16)) {
    case 0:
        *at = wf_rng_below(rng, CAP / 2);
        return 1;
    case 1:
        return model_reads(m, n, wf_rng_below(rng, CAP / 2));
    case 2:
        return sync_it() == SQLITE_OK && holds(m->bytes, m->len);
    case 3:
        return f->pMethods->xFileSize(f, &size) == SQLITE_OK && (size_t) size == m->len;
    case 4:
        m->len = wf_rng_below(rng, (uint32_t) m->len + 1);
        return f->pMethods->xTruncate(f, (sqlite3_int64) m->len) == SQLITE_OK;
    default:
        *at = *at + n <= CAP ? *at : 0;
        fill(bytes, n, wf_rng_next(rng));
        model_write(m, bytes, n, *at);
        *at += n;
        return put(bytes, (int) n, (sqlite3_int64) (*at - n)) == SQLITE_OK;
    }
}

static void test_random(void)
{
    static struct model_file m;
    struct wf_rng rng = {.s = 3};
    size_t at = 0;
    int good = 1;

    begin(SQLITE_OPEN_MAIN_DB);
    for (int i = 0; i < 5000 && good; i++) {
        good = step(&m, &rng, &at);
        if (!good) {
            printf("# step %d\n", i);
        }
    }
    ok(good, "whatever is written, read, cut and synced: it is as without it");
    end();
    ok(holds(m.bytes, m.len), "also in the end");
}

int main(void)
{
    files_init();
    below_init();
    test_gathers();
    test_others();
    test_traits();
    test_fails();
    test_no_memory();
    test_random();
    files_fini();
    return done();
}
