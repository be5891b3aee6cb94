/* Damage to the files of a SQLite store: it is noticed, and no row is ever wrong; what
 * --repair then keeps is right, and no job comes back without the outcome that it had. */
#include "tests/unit/store/files.h"

#include <sys/wait.h>

#ifndef STRIDE
#define STRIDE 512
#endif

static struct model model;
static uint8_t value[6000];

/* 120 jobs, of which every other has ended, with attempts, keys, tokens, events and
 * datasets.  Some are changed and deleted, so that pages are in use, free and half full.
 */
static void write_rows(void *db)
{
    struct batch b = BATCH_INIT(b, 0);

    for (uint64_t n = 1; n <= 120; n++) {
        size_t len = n % 40 == 7 ? sizeof value : 100 + n;

        fill(value, len, n);
        add(&b, STORE_JOBS, n, value, len);
        add(&b, STORE_ATTEMPTS, n, value, 40);
        add(&b, STORE_EVENTS, n, value, 60);
        if (n % 2 == 0) {
            fill(value, 200, n + 1000);
            add(&b, STORE_OUTCOMES, n, value, 200);
            add(&b, STORE_ATTEMPTS, n, NULL, 0);
        }
        if (n % 10 == 0) {
            add(&b, STORE_KEYS, n, value, 80);
            add(&b, STORE_TOKENS, n, value, 90);
            add(&b, STORE_DATASETS, n, value, 110);
            add(&b, STORE_DATASETS, n + 1, value, 700);
            add(&b, STORE_ESTIMATES, n, value, 300);
            add(&b, STORE_KEYS, n / 2, NULL, 0);
            files_commit(db, &b, &model);
        }
    }
    for (uint64_t n = 20; n < 40; n++) {
        add(&b, STORE_JOBS, n, NULL, 0);
        add(&b, STORE_ATTEMPTS, n, NULL, 0);
        add(&b, STORE_OUTCOMES, n, NULL, 0);
    }
    files_commit(db, &b, &model);
}

/* -- what a damaged store may still say ------------------------------------------------
 */

struct judge {
    size_t rows, wrong;
    uint8_t jobs[128], outcomes[128]; /* which are there */
};

static void on_judged(void *arg, unsigned table, struct wf_slice record)
{
    struct judge *j = arg;
    size_t klen = store_key_len(table), i = 0;

    while (i < model.n && kept_cmp(&model.v[i], table, record.p) != 0) {
        i++;
    }
    j->rows++;
    if (i == model.n || model.v[i].len != record.len - klen ||
        memcmp(model.v[i].value, record.p + klen, model.v[i].len) != 0) {
        j->wrong++;
    } else if (table == STORE_JOBS) {
        j->jobs[store_seq(record.p)] = 1;
    } else if (table == STORE_OUTCOMES) {
        j->outcomes[store_seq(record.p)] = 1;
    }
}

/* Rows are right, and a job that had ended has its outcome. */
static int is_true(void *db, int all)
{
    struct judge j = {0, 0, {0}, {0}};
    struct wf_err err = {0};
    int good = store_sqlite.load(db, on_judged, &j, &err) == 0 && j.wrong == 0;

    for (size_t n = 2; n <= 120; n += 2) {
        good = good && (!j.jobs[n] || j.outcomes[n]);
    }
    return good && (!all || j.rows == model.n);
}

struct tally {
    unsigned harmless, refused, repaired, kept, bad;
};

static void judge(struct tally *t, int file, const struct image *files, size_t at)
{
    struct store_facts facts;
    struct wf_err err = {0};
    void *db = NULL;
    int rc = files_open(0, &db, &facts, &err);

    if (rc == 0) {
        t->harmless++;
        t->bad += !is_true(db, 1);
        store_sqlite.close(db);
    } else {
        t->refused++;
        rc = files_open(1, &db, &facts, &err);
        if (rc == 0) {
            t->repaired++;
            /* From a log that ends early comes an older day. */
            t->bad += file == FILE_DB && !is_true(db, 0);
            store_sqlite.close(db);
            db = NULL;
            rc = files_open(0, &db, &facts, &err);
            t->bad += rc != 0;
            if (rc == 0) {
                store_sqlite.close(db);
            }
        }
    }
    if (t->bad > t->kept && t->bad < 4) {
        t->kept = t->bad;
        printf("# wrong after damage at %zu: %d %s\n", at, rc, err.text);
    }
    for (int i = 0; i < FILES; i++) {
        image_write(i, &files[i]);
    }
}

/* Damage one byte at a time of a file. */
static void sweep(int file, const struct image *files, const char *what)
{
    struct tally t = {0};
    struct image m = files[file];

    for (size_t i = 0; i < FILES; i++) {
        image_write((int) i, &files[i]);
    }
    must(m.len > STRIDE);
    /* Each byte of the header, then one of each stretch. */
    for (size_t n = 0; n < 100 + m.len / STRIDE; n++) {
        size_t at = n < 100 ? n : (n - 100) * STRIDE + (n * 2654435761u >> 7) % STRIDE;
        uint8_t was = m.p[at];

        m.p[at] ^= (uint8_t) (1u << n % 8);
        image_write(file, &m);
        m.p[at] = was;
        judge(&t, file, files, at);
    }
    ok(t.bad == 0, "%s: a flipped bit does no harm, or is noticed; no row is wrong",
       what);
    ok(t.refused != 0, "some of it was noticed");
    printf("# %s: %u harmless, %u refused, of these %u repaired\n", what, t.harmless,
           t.refused, t.repaired);
}

static void test_sweep(void)
{
    struct store_facts facts;
    struct image files[FILES];
    int status;
    pid_t pid;
    void *db;

    db = files_must_open(&facts);
    write_rows(db);
    store_sqlite.close(db);
    for (int i = 0; i < FILES; i++) {
        files[i] = image_read(i);
    }
    sweep(FILE_DB, files, "the database");
    for (int i = 0; i < FILES; i++) {
        wf_free(files[i].p);
    }

    /* The same rows in the log: a process that never closed it. */
    files_remove();
    model_clear(&model);
    pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        write_rows(files_must_open(&facts));
        _exit(0);
    }
    must(waitpid(pid, &status, 0) == pid && status == 0);
    for (int i = 0; i < FILES; i++) {
        files[i] = image_read(i);
    }
    db = files_must_open(&facts);
    store_sqlite.close(db);
    files_remove();
    db = files_must_open(&facts);
    write_rows(db); /* for the model */
    store_sqlite.close(db);
    sweep(FILE_LOG, files, "the log");
    for (int i = 0; i < FILES; i++) {
        wf_free(files[i].p);
    }
}

/* -- what --repair does ----------------------------------------------------------------
 */

/* A new store, damaged by SQL: is refused with `text`, then repaired, telling `told`. */
static void repaired(const char *sql, const char *text, const char *told)
{
    struct store_facts facts;
    struct wf_err err = {0};
    void *db;

    files_remove();
    model_clear(&model);
    db = files_must_open(&facts);
    write_rows(db);
    store_sqlite.close(db);
    files_sql(sql);
    is_int(files_open(0, &db, &facts, &err), WEFT_ESTORAGE, sql);
    if (!ok(strstr(err.text, text) != NULL, "is refused: %s", text)) {
        printf("# %s\n", err.text);
    }
    must(files_open(1, &db, &facts, &err) == 0);
    ok(is_true(db, 0), "--repair leaves nothing that is wrong");
    if (!ok(strstr(files_told, told) != NULL, "and says: %s", told)) {
        printf("# %s", files_told);
    }
    store_sqlite.close(db);
    store_sqlite.close(files_must_open(&facts));
}

static void test_repair(void)
{
    char told[40];

    repaired("UPDATE outcomes SET value = x'0102' WHERE key IN (4, 50)",
             "2 rows have a wrong checksum, 0 are missing",
             "is put aside: damaged in the table outcomes");
    is_int(files_ask("SELECT count(*) FROM jobs WHERE key IN (4, 50)"), 0,
           "jobs with damaged outcomes go as a whole");
    is_int(files_ask("SELECT count(*) FROM damaged"), 4, "to the table of damaged rows");
    is_int(files_ask("SELECT count(*) FROM jobs"), 98, "the other jobs stay");

    repaired(
        "UPDATE jobs SET value = zeroblob(100) WHERE key = 3", "1 rows have a wrong",
        "job 00000000000000000000000000000000 is put aside: damaged in the table jobs");
    is_int(files_ask("SELECT count(*) FROM attempts WHERE key = 3"), 0,
           "with a damaged job go its attempts");
    is_int(files_ask("SELECT count(*) FROM jobs"), 99, "and nothing else");

    fill(value, 105, 5);
    (void) strcpy(told, "job ");
    for (int i = 0; i < 16; i++) {
        (void) snprintf(told + 4 + (size_t) i * 2, 3, "%02x", value[i]);
    }
    repaired("UPDATE attempts SET row_sum = row_sum + 1 WHERE key = 5", "1 rows", told);
    is_int(files_ask("SELECT count(*) FROM jobs WHERE key = 5"), 0, "an attempt, too");

    repaired("DELETE FROM outcomes WHERE key = 60", "1 are missing",
             "is put aside: whether it ended is not known");
    is_int(files_ask("SELECT count(*) FROM jobs WHERE key NOT IN (SELECT key FROM "
                     "outcomes)"),
           0, "where an outcome is missing every job without one goes");
    is_int(files_ask("SELECT count(*) FROM jobs"), 49, "those with one stay");

    repaired("UPDATE outcomes SET key = 61 WHERE key = 60", "1 rows have a wrong",
             "is put aside: whether it ended is not known");
    is_int(files_ask("SELECT count(*) FROM jobs"), 49, "as where its key is damaged");

    repaired("DELETE FROM events WHERE key = 9", "1 are missing", "1 rows are missing");
    is_int(files_ask("SELECT count(*) FROM jobs"), 100, "a missing event costs no job");

    repaired("UPDATE keys SET value = x'00' WHERE key IN (SELECT max(key) FROM keys)",
             "1 rows have a wrong", "row 0000000000000078");
    is_int(files_ask("SELECT count(*) FROM keys"), 5,
           "a damaged key is one that we do not know");

    repaired("UPDATE datasets SET value = x'00' WHERE key = 21", "1 rows have a wrong",
             "row 21 is put aside: damaged in the table datasets");
    is_int(files_ask("SELECT count(*) FROM datasets"), 23, "of datasets the others stay");
    is_int(files_ask("SELECT count(*) FROM damaged WHERE tbl = 'datasets' AND key = 21"),
           1, "the damaged one is kept");
    repaired("DELETE FROM datasets WHERE key = 21", "1 are missing",
             "1 rows are missing");
    is_int(files_ask("SELECT count(*) FROM jobs"), 100,
           "one that is missing costs no job");

    repaired("UPDATE facts SET lsn = 7", "number is unreadable", "new identity");
    is_int(files_ask("SELECT count(*) FROM jobs"), 100, "damaged facts cost no job");

    repaired("PRAGMA writable_schema=1; UPDATE sqlite_schema SET sql = replace(sql, "
             "'value BLOB', 'value BLOC') WHERE name = 'events'",
             "put a backup in its place", "what could be read is in a new file");
    is_int(files_ask("SELECT count(*) FROM jobs"), 100,
           "a damaged structure is built anew with what can be read");
    is_int(files_ask("SELECT count(*) FROM datasets"), 24, "datasets, too");
    repaired("PRAGMA user_version=2", "not as they were made", "is in a new file");
    is_int(files_ask("PRAGMA user_version"), 4, "as where the version's number is wrong");
}

int main(void)
{
    files_init();
    test_sweep();
    test_repair();
    model_clear(&model);
    files_fini();
    return done();
}
