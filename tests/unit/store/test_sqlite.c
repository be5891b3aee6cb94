/* What the SQLite driver promises beyond other drivers: old and new versions, files that
 * are something else, stores that went back in time, and disks that fail and recover. */
#include "broker/store/sum.h"
#include "tests/unit/store/files.h"

#include <signal.h>
#include <sys/resource.h>

static struct model model;

static void one_row(void *db, struct batch *b)
{
    add(b, STORE_JOBS, b->lsn + 1, "0123456789abcdef and more", 25);
    files_commit(db, b, &model);
}

static void begin(void)
{
    files_remove();
    model_clear(&model);
}

/* -- versions --------------------------------------------------------------------------
 */

static void test_version_1(void)
{
    struct store_facts facts;
    struct batch b = BATCH_INIT(b, 0);
    void *db;

    begin();
    files_sql(
        "PRAGMA journal_mode=WAL;"
        "CREATE TABLE IF NOT EXISTS record (tbl INTEGER NOT NULL, key BLOB NOT NULL,"
        " value BLOB NOT NULL, PRIMARY KEY (tbl, key)) WITHOUT ROWID;"
        "PRAGMA user_version=1");
    add(&b, STORE_KEYS, 3, "a key", 5);
    add(&b, STORE_KEYS, 2, "another", 7);
    add(&b, STORE_TOKENS, 2, "a token", 7);
    for (const struct store_row *r = b.first; r != NULL; r = r->next) {
        char sql[400], hex[200];

        for (size_t i = 0; i < r->len; i++) {
            (void) snprintf(hex + 2 * i, 3, "%02x", r->bytes[i]);
        }
        (void) snprintf(sql, sizeof sql,
                        "INSERT INTO record VALUES (%u, x'%.64s', x'%s')", r->table, hex,
                        hex + 64);
        files_sql(sql);
        model_apply(&model, r);
    }
    drop(&b);
    db = files_must_open(&facts);
    ok(same(&store_sqlite, db, &model), "a store of version 1 is migrated");
    ok(facts.id != 0, "and has an id from then on");
    is_int(facts.lsn, 0, "and no lsn");
    b.lsn = 0;
    one_row(db, &b);
    store_sqlite.close(db);
    db = files_must_open(&facts);
    ok(same(&store_sqlite, db, &model), "and keeps what is written then");
    is_int(facts.lsn, 1, "with its lsn");
    store_sqlite.close(db);
    is_int(files_ask("PRAGMA user_version"), 4, "it is of our version then");
}

/* As versions 2 and 3 made them. */
#define BY_NAME(name)                                                                    \
    "CREATE TABLE " name " (key BLOB PRIMARY KEY NOT NULL, key_sum INTEGER NOT NULL, "   \
    "row_sum INTEGER NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;"
#define BY_SEQ(name)                                                                     \
    "CREATE TABLE " name " (key INTEGER PRIMARY KEY, key_sum INTEGER NOT NULL, "         \
    "row_sum INTEGER NOT NULL, value BLOB NOT NULL);"
#define FACTS                                                                            \
    "PRAGMA journal_mode=WAL;"                                                           \
    "CREATE TABLE facts (one INTEGER PRIMARY KEY, id INTEGER, boot INTEGER, "            \
    "lsn INTEGER, keys INTEGER, tokens INTEGER, jobs INTEGER, attempts INTEGER, "        \
    "outcomes INTEGER, events INTEGER, "
#define TABLES                                                                           \
    "row_sum INTEGER);" BY_NAME("keys") BY_NAME("tokens") BY_SEQ("jobs")                 \
        BY_SEQ("attempts") BY_SEQ("outcomes") BY_SEQ("events")
#define REST                                                                             \
    "CREATE TABLE damaged (n INTEGER PRIMARY KEY, boot INTEGER, tbl TEXT, key BLOB, "    \
    "value BLOB, why TEXT); PRAGMA application_id=0x77656674; PRAGMA user_version="

static const char version_2[] = FACTS TABLES REST "2";
static const char version_3[] =
    FACTS "datasets INTEGER, " TABLES BY_SEQ("datasets") REST "3";

static void insert_old(const struct store_row *r)
{
    static const char *const names[] = {"",         "keys",     "tokens", "jobs",
                                        "attempts", "outcomes", "events", "datasets"};
    const size_t klen = store_key_len(r->table);
    const struct wf_slice key = wf_slice_make(r->bytes, klen);
    const struct wf_slice value = wf_slice_make(r->bytes + klen, r->len - klen);
    char sql[500], hex[200], number[24];

    for (size_t i = 0; i < r->len; i++) {
        (void) snprintf(hex + 2 * i, 3, "%02x", r->bytes[i]);
    }
    (void) snprintf(number, sizeof number, "%llu",
                    (unsigned long long) store_seq(r->bytes));
    (void) snprintf(sql, sizeof sql,
                    "INSERT INTO %s VALUES (%s%.*s%s, %lld, %lld, x'%s')",
                    names[r->table], klen == 8 ? number : "x'", klen == 8 ? 0 : 64, hex,
                    klen == 8 ? "" : "'",
                    (long long) store_sum(r->table, key, wf_slice_make(key.p, 0)),
                    (long long) store_sum(r->table, key, value), hex + 2 * klen);
    files_sql(sql);
}

/* Boot 5, up to record 40; two rows in each table, three keys. */
static void make_old(int version)
{
    static const uint64_t facts[] = {77, 5, 40, 3, 2, 2, 2, 2, 2, 2};
    const unsigned last = version == 2 ? STORE_EVENTS : STORE_DATASETS;
    const size_t n = version == 2 ? ARRAY_LEN(facts) - 1 : ARRAY_LEN(facts);
    struct batch b = BATCH_INIT(b, 0);
    uint8_t bytes[sizeof facts];
    char sql[300];

    begin();
    files_sql(version == 2 ? version_2 : version_3);
    add(&b, STORE_KEYS, 9, "a third", 7);
    for (unsigned t = STORE_KEYS; t <= last; t++) {
        add(&b, t, 1, "of old, one", 11);
        add(&b, t, (uint64_t) 5 << 40 | t, "of old, two", 11);
    }
    for (const struct store_row *r = b.first; r != NULL; r = r->next) {
        insert_old(r);
        model_apply(&model, r);
    }
    drop(&b);
    for (size_t i = 0; i < n; i++) {
        store_seq_put(bytes + 8 * i, facts[i]);
    }
    (void) snprintf(
        sql, sizeof sql,
        "INSERT INTO facts VALUES (1, 77, 5, 40, 3, 2, 2, 2, 2, 2, %s%lld)",
        version == 2 ? "" : "2, ",
        (long long) store_sum(0, wf_slice_make(bytes, 0), wf_slice_make(bytes, 8 * n)));
    files_sql(sql);
}

static void test_old_version(int version)
{
    struct store_facts facts;
    struct batch b = BATCH_INIT(b, 40);
    void *db;

    make_old(version);
    db = files_must_open(&facts);
    ok(same(&store_sqlite, db, &model), "a store of version %d is migrated", version);
    is_int(facts.id, 77, "and is the same store");
    is_int(facts.boot, 6, "at its next boot");
    is_int(facts.lsn, 40, "with its lsn");
    add(&b, STORE_DATASETS, 3, "a dataset", 9);
    add(&b, STORE_ESTIMATES, 1, "an estimate", 11);
    files_commit(db, &b, &model);
    ok(same(&store_sqlite, db, &model), "it takes datasets and estimates");
    store_sqlite.close(db);
    is_int(files_ask("PRAGMA user_version"), 4, "and is of version 4");
    db = files_must_open(&facts);
    ok(same(&store_sqlite, db, &model), "it opens as ever, and has all");
    is_int(facts.id, 77, "as the same store");
    is_int(facts.lsn, 42, "with the lsn of what was added");
    store_sqlite.close(db);
}

static void refused(int code, const char *text, const char *what)
{
    struct store_facts facts;
    struct wf_err err = {0};
    void *db = NULL;

    is_int(files_open(0, &db, &facts, &err), code, what);
    if (!ok(strstr(err.text, text) != NULL && strstr(err.text, "s.db") != NULL,
            "the text names it and says `%s`", text)) {
        printf("# %s\n", err.text);
    }
}

static void test_other_files(void)
{
    static uint8_t junk[] =
        "this is no database at all, but it is long enough to be read";
    struct image m = {junk, sizeof junk};
    struct store_facts facts;

    begin();
    store_sqlite.close(files_must_open(&facts));
    files_sql("PRAGMA user_version=5");
    refused(WEFT_EVERSION, "newer", "a newer version is refused");
    refused(WEFT_EVERSION, "newer", "and left as it is");
    begin();
    image_write(FILE_DB, &m);
    refused(WEFT_ESTORAGE, "not a database", "so is a file of something else");
    begin();
    files_sql("CREATE TABLE recipes (cake TEXT)");
    refused(WEFT_ESTORAGE, "not a store of weft", "and a database of something else");
}

/* What is damaged stays as it is, of its version, until --repair saves what it holds. */
static void damaged_old(int version, const char *sql, const char *text, size_t lost,
                        int same_id)
{
    struct store_facts facts;
    struct wf_err err = {0};
    int64_t rows;
    void *db;

    make_old(version);
    files_sql(sql);
    refused(WEFT_ESTORAGE, text, sql);
    is_int(files_open(1, &db, &facts, &err), 0, "--repair opens it");
    is_int((facts.id == 77), same_id, "as the same store where that can be told");
    ok(facts.boot > 5, "with a boot that was never used");
    store_sqlite.close(db);
    rows = files_ask("SELECT (SELECT count(*) FROM keys) + (SELECT count(*) FROM tokens)"
                     " + (SELECT count(*) FROM jobs) + (SELECT count(*) FROM attempts)"
                     " + (SELECT count(*) FROM outcomes)"
                     " + (SELECT count(*) FROM events)"
                     " + (SELECT count(*) FROM datasets)");
    is_int(rows, model.n - lost, "with what is good of it");
    is_int(files_ask("PRAGMA user_version"), 4, "and is of version 4 then");
    store_sqlite.close(files_must_open(&facts));
}

static void test_damaged_version(int version)
{
    damaged_old(
        version,
        "UPDATE tokens SET value = x'00' WHERE key = (SELECT max(key) FROM tokens)",
        "1 rows have a wrong", 1, 1);
    damaged_old(version, "DELETE FROM keys WHERE key = (SELECT max(key) FROM keys)",
                "1 are missing", 1, 1);
    damaged_old(version,
                "PRAGMA writable_schema=1; UPDATE sqlite_schema SET sql = replace(sql, "
                "'value BLOB', 'value BLOC') WHERE name = 'events'",
                "not as they were made", 0, 1);
    make_old(version);
    files_sql("UPDATE facts SET lsn = 41");
    refused(WEFT_ESTORAGE, "not as they were made", "facts that are damaged");
    is_int(files_ask("PRAGMA user_version"), version, "it is not touched");
    damaged_old(version, "UPDATE facts SET lsn = 41", "not as they were made", 0, 0);
}

/* -- back in time ----------------------------------------------------------------------
 */

static void test_old_copy(void)
{
    struct store_facts facts, later;
    struct wf_err err = {0};
    struct batch b = BATCH_INIT(b, 0);
    struct image old;
    void *db;

    begin();
    db = files_must_open(&facts);
    one_row(db, &b);
    store_sqlite.close(db);
    old = image_read(FILE_DB);
    db = files_must_open(&later);
    drop(&b);
    for (int i = 0; i < 4; i++) {
        add(&b, STORE_JOBS, b.lsn + 1, "value", 5);
    }
    must(store_sqlite.commit(db, b.first, &err) == 0);
    drop(&b);
    store_sqlite.close(db);
    image_write(FILE_DB, &old);
    refused(WEFT_ESTORAGE, "lost durable records", "an old copy is noticed");
    refused(WEFT_ESTORAGE, "--repair", "every time");
    is_int(files_open(1, &db, &facts, &err), 0, "the operator may accept the loss");
    ok(strstr(files_told, "records after 1 up to 5 are lost") != NULL, "is told of it");
    ok(same(&store_sqlite, db, &model), "and gets what the copy holds");
    ok(facts.id != later.id, "under another identity");
    ok(facts.boot > later.boot, "with a boot that was never used");
    ok(facts.lsn >= 5, "nor was what follows its lsn");
    store_sqlite.close(db);
    db = files_must_open(&facts);
    store_sqlite.close(db);
    ok(1, "from then on it opens as ever");
    wf_free(old.p);
}

static void test_lost_files(void)
{
    struct store_facts facts, again;
    struct wf_err err = {0};
    struct batch b = BATCH_INIT(b, 0);
    struct image files[FILES];
    void *db;

    begin();
    store_sqlite.close(files_must_open(&facts));
    db = files_must_open(&facts);
    one_row(db, &b);
    for (int i = 0; i < FILES; i++) {
        files[i] = image_read(i); /* as kill -9 leaves them */
    }
    store_sqlite.close(db);
    for (int i = 0; i < FILES; i++) {
        image_write(i, &files[i]);
    }
    (void) unlink(files_path[FILE_LOG]);
    refused(WEFT_ESTORAGE, "lost durable records", "a log that is gone is noticed");
    for (int i = 0; i < FILES; i++) {
        image_write(i, &files[i]);
    }
    db = files_must_open(&again);
    ok(again.id == facts.id && same(&store_sqlite, db, &model), "with it all is there");
    store_sqlite.close(db);
    (void) unlink(files_path[FILE_DB]);
    refused(WEFT_ESTORAGE, "is gone", "a database that is gone is noticed");
    is_int(files_open(1, &db, &again, &err), 0, "the operator may begin a new one");
    ok(again.id != facts.id, "which is another");
    store_sqlite.close(db);
    (void) unlink(files_path[FILE_MARK]);
    store_sqlite.close(files_must_open(&again));
    ok(1, "a mark that is gone does no harm");
    for (int i = 0; i < FILES; i++) {
        wf_free(files[i].p);
    }
}

static void test_identity(void)
{
    struct store_options o = {.where = files_path[FILE_DB], .broker = "hq", .seed = 7};
    struct store_facts a, b;
    void *db;

    begin();
    must(store_sqlite.open(&o, &db, &a, NULL) == 0);
    store_sqlite.close(db);
    begin();
    must(store_sqlite.open(&o, &db, &b, NULL) == 0);
    store_sqlite.close(db);
    ok(a.id == b.id, "with a seed the identity repeats");
    begin();
    store_sqlite.close(files_must_open(&b));
    ok(a.id != b.id, "else it does not");
}

/* -- disks that fail -------------------------------------------------------------------
 */

static void limit_file_size(rlim_t bytes)
{
    struct rlimit r;

    must(getrlimit(RLIMIT_FSIZE, &r) == 0);
    r.rlim_cur = bytes < r.rlim_max ? bytes : r.rlim_max;
    must(setrlimit(RLIMIT_FSIZE, &r) == 0);
}

static void test_full(void)
{
    static uint8_t value[3000];
    struct store_facts facts;
    struct wf_err err = {0};
    struct batch b = BATCH_INIT(b, 0);
    int rc = 0, failed = 0;
    void *db;

    begin();
    (void) signal(SIGXFSZ, SIG_IGN);
    db = files_must_open(&facts);
    limit_file_size(200000);
    while (rc == 0 && b.lsn < 1000) {
        add(&b, STORE_JOBS, b.lsn + 1, value, sizeof value);
        rc = store_sqlite.commit(db, b.first, &err);
        if (rc == 0) {
            model_apply(&model, b.first);
            drop(&b);
        }
    }
    is_int(rc, WEFT_EIO, "a full disk fails the commit");
    for (int i = 0; i < 3; i++) {
        failed += store_sqlite.commit(db, b.first, &err) == WEFT_EIO;
    }
    is_int(failed, 3, "as long as it is full");
    limit_file_size(RLIM_INFINITY);
    is_int(store_sqlite.commit(db, b.first, &err), 0, "it works again when it is not");
    model_apply(&model, b.first);
    drop(&b);
    ok(same(&store_sqlite, db, &model), "and all rows are there");
    store_sqlite.close(db);
    db = files_must_open(&facts);
    ok(same(&store_sqlite, db, &model), "also for the next process");
    is_int(facts.lsn, b.lsn, "with the lsn");
    store_sqlite.close(db);
}

/* A VFS that hands all to the default one, but for faults: the `after`th write or sync
 * fails, and `times` of them in all. */
static sqlite3_vfs faulty, *real_vfs;
static struct methods {
    sqlite3_io_methods faulty;
    const sqlite3_io_methods *real;
} methods[2]; /* of databases, and of other files */
static long after = -1, times;

static int fault(void)
{
    if (after < 0 || after-- > 0) {
        return 0;
    }
    after = --times > 0 ? 0 : -1;
    return 1;
}

static const sqlite3_io_methods *real_of(const sqlite3_file *f)
{
    return methods[f->pMethods == &methods[1].faulty].real;
}

static int faulty_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    if (fault()) {
        /* Half of it arrives. */
        (void) real_of(f)->xWrite(f, p, n / 2, at);
        return SQLITE_IOERR_WRITE;
    }
    return real_of(f)->xWrite(f, p, n, at);
}

static int faulty_sync(sqlite3_file *f, int flags)
{
    return fault() ? SQLITE_IOERR_FSYNC : real_of(f)->xSync(f, flags);
}

static int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags,
                       int *ret_flags)
{
    struct methods *m = &methods[(flags & SQLITE_OPEN_MAIN_DB) == 0];
    int rc = real_vfs->xOpen(real_vfs, name, f, flags, ret_flags);

    (void) vfs;
    if (rc == SQLITE_OK) {
        m->real = f->pMethods;
        m->faulty = *f->pMethods;
        m->faulty.xWrite = faulty_write;
        m->faulty.xSync = faulty_sync;
        f->pMethods = &m->faulty;
    }
    return rc;
}

/* Commits with a fault on the way, enough for a checkpoint; each is tried until it works.
 * 1: it was reached, 0: there are fewer writes; -1: something is wrong. */
static int survive(long nth, long n)
{
    struct store_options o = {.where = files_path[FILE_DB],
                              .broker = "hq",
                              .vfs = "weft-faulty",
                              .log_pages = 512};
    static uint8_t value[600000];
    struct batch b = BATCH_INIT(b, 0);
    struct store_facts facts;
    struct wf_err err = {0};
    int good, tries = 0, reached;
    void *db;

    begin();
    must(store_sqlite.open(&o, &db, &facts, &err) == 0);
    after = nth;
    times = n;
    for (int i = 0; i < 6 && tries < 100; i++) {
        add(&b, STORE_JOBS, b.lsn + 1, value, i == 2 ? 100 : sizeof value);
        add(&b, STORE_EVENTS, b.lsn + 1, "some value", 10);
        while (store_sqlite.commit(db, b.first, &err) != 0 && tries++ < 100) {
        }
        if (tries < 100) {
            store_sqlite.rest(db);
        }
        for (const struct store_row *r = b.first; r != NULL; r = r->next) {
            model_apply(&model, r);
        }
        drop(&b);
    }
    reached = after < 0;
    after = -1;
    good = tries < 100 && same(&store_sqlite, db, &model);
    store_sqlite.close(db);
    must(store_sqlite.open(&o, &db, &facts, &err) == 0);
    good = good && same(&store_sqlite, db, &model) && facts.lsn == b.lsn;
    store_sqlite.close(db);
    if (!good) {
        printf("# fault %ld, %ld times: %s\n", nth, n, err.text);
    }
    return good ? reached : -1;
}

static void test_faults(void)
{
    int good = 1, rc = 1;
    long nth, n = 0;

    real_vfs = sqlite3_vfs_find(NULL);
    faulty = *real_vfs;
    faulty.zName = "weft-faulty";
    faulty.xOpen = faulty_open;
    must(sqlite3_vfs_register(&faulty, 0) == SQLITE_OK);
    for (nth = 0; rc == 1 && n < 1000; nth++, n++) {
        rc = survive(nth, 1);
        good &= rc >= 0 && survive(nth, 5) >= 0;
    }
    ok(good, "each write or sync may fail: the commit is tried again, nothing is lost");
    ok(n > 50 && n < 1000, "and each was tried, to the last");
    printf("# %ld of them\n", n);
}

/* However much is committed, the log is copied into the database and begins anew. */
static void test_checkpoints(void)
{
    static uint8_t value[50000];
    struct batch b = BATCH_INIT(b, 0);
    struct store_facts facts;
    struct image log;
    void *db;

    begin();
    db = files_must_open(&facts);
    for (uint64_t i = 0; i < 800; i++) {
        fill(value, sizeof value, i);
        add(&b, STORE_JOBS, i + 1, value, sizeof value);
        files_commit(db, &b, &model);
    }
    log = image_read(FILE_LOG);
    ok(log.len > 5000000 && log.len < 12000000, "the log of 40 MB of rows stays short");
    printf("# %zu bytes\n", log.len);
    wf_free(log.p);
    ok(same(&store_sqlite, db, &model), "and all rows are there");
    store_sqlite.close(db);
}

/* Each allocation of an opening, a load and a commit denied in turn. */
static void test_no_memory(void)
{
    struct store_facts facts;
    struct batch b = BATCH_INIT(b, 0);
    int good = 1, rc = -1;
    long n;

    begin();
    add(&b, STORE_JOBS, 1, "some value", 10);
    for (n = 0; rc != 0 && n < 100; n++) {
        struct wf_err err = {0};
        void *db = NULL;

        (void) wf_mem_fail_after(n);
        rc = files_open(0, &db, &facts, &err);
        if (rc == 0) {
            rc = store_sqlite.load(db, on_seen, &(struct seen){&model, 0, 0}, &err);
            rc = rc == 0 ? store_sqlite.commit(db, b.first, &err) : rc;
            store_sqlite.close(db);
        }
        (void) wf_mem_fail_after(-1);
        good &= rc == 0 || err.text[0] != '\0';
    }
    ok(good && n > 3 && n < 100, "without memory it fails with a text, and works later");
    drop(&b);
}

int main(void)
{
    files_init();
    test_version_1();
    for (int version = 2; version <= 3; version++) {
        test_old_version(version);
        test_damaged_version(version);
    }
    test_other_files();
    test_old_copy();
    test_lost_files();
    test_identity();
    test_full();
    test_faults();
    test_checkpoints();
    test_no_memory();
    model_clear(&model);
    files_fini();
    return done();
}
