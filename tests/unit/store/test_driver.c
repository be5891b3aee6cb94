/* What every store driver promises.
 *
 *     test_store_driver sqlite [PATH]            a file; by default in a folder of its
 * own test_store_driver postgres://... [EMPTY]   EMPTY: a shell command that empties it
 */
#include "tests/unit/store/bed.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct store_driver *drv;
static const char *where;
static char empty[1024];
static struct model model;
static uint8_t big[70000];

static void *open_db(struct store_facts *ret_facts)
{
    const struct store_options o = {.where = where, .broker = "hq", .lease_ms = 15000};
    struct wf_err err = {0};
    void *db = NULL;
    int rc = drv->open(&o, &db, ret_facts, &err);

    if (rc != 0) {
        printf("# open: %s: %s\n", wf_err_name(rc), err.text);
    }
    must(rc == 0);
    return db;
}

static void *open_empty(struct store_facts *ret_facts)
{
    must(system(empty) == 0);
    model_clear(&model);
    return open_db(ret_facts);
}

static int commit(void *db, struct batch *b)
{
    struct wf_err err = {0};
    int rc = drv->commit(db, b->first, &err);

    if (rc != 0) {
        printf("# commit: %s: %s\n", wf_err_name(rc), err.text);
    }
    for (const struct store_row *r = b->first; rc == 0 && r != NULL; r = r->next) {
        model_apply(&model, r);
    }
    drop(b);
    return rc;
}

static void test_facts(void)
{
    struct store_facts first, second;
    void *db = open_empty(&first);
    struct batch b = BATCH_INIT(b, 41);

    ok(first.id != 0, "a new store has an id");
    ok(first.boot != 0, "and a boot");
    is_int(first.lsn, 0, "and no lsn");
    ok(same(drv, db, &model), "and no rows");
    add(&b, STORE_JOBS, 1, "value", 5);
    add(&b, STORE_JOBS, 2, "value", 5);
    is_int(commit(db, &b), 0, "two rows");
    drv->close(db);
    db = open_db(&second);
    ok(second.id == first.id, "the id stays");
    ok(second.boot > first.boot, "the boot grows");
    is_int(second.lsn, 43, "the lsn is that of the last row");
    drv->close(db);
    db = open_db(&second);
    is_int(second.lsn, 43, "and stays when nothing is written");
    drv->close(db);
}

static void test_round_trip(void)
{
    static const size_t sizes[] = {1, 7, 8, 9, 300, 4095, 4096, 4097, sizeof big};
    struct store_facts facts;
    void *db = open_empty(&facts);
    struct batch b = BATCH_INIT(b, 0);

    for (unsigned t = STORE_KEYS; t < STORE_TABLES; t++) {
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            fill(big, sizes[i], t * 100 + i);
            add(&b, t, (uint64_t) 1 << (5 * i), big, sizes[i]);
        }
    }
    is_int(commit(db, &b), 0, "values of many sizes in all tables");
    ok(same(drv, db, &model), "are loaded in order: keys and tokens, then by table");
    drv->close(db);
    db = open_db(&facts);
    ok(same(drv, db, &model), "also by the next process");
    drv->close(db);
}

/* Long runs of one table, which a driver may write together. */
static void test_runs(void)
{
    struct store_facts facts;
    void *db = open_empty(&facts);
    struct batch b = BATCH_INIT(b, 0);

    for (uint64_t i = 1; i <= 100; i++) {
        add(&b, STORE_JOBS, 2 * i, "first", 5);
    }
    is_int(commit(db, &b), 0, "100 rows of a table");
    for (uint64_t i = 50; i <= 250; i++) {
        add(&b, STORE_JOBS, i, "second", 6);
        if (i % 19 == 0) {
            add(&b, STORE_JOBS, i, "third", 5);
        } else if (i % 31 == 0) {
            add(&b, STORE_JOBS, i - 1, NULL, 0);
        }
    }
    is_int(commit(db, &b), 0, "some are there, some come twice, some go");
    ok(same(drv, db, &model), "the last write of a key wins in each run");
    drv->close(db);
    db = open_db(&facts);
    ok(same(drv, db, &model), "also for the next process, which counts them");
    drv->close(db);
}

static void test_replace_and_delete(void)
{
    struct store_facts facts;
    void *db = open_empty(&facts);
    struct batch b = BATCH_INIT(b, 0);

    for (unsigned t = STORE_KEYS; t < STORE_TABLES; t++) {
        add(&b, t, 1, "one", 3);
        add(&b, t, 2, "two", 3);
        add(&b, t, 3, "three", 5);
    }
    is_int(commit(db, &b), 0, "three rows a table");
    for (unsigned t = STORE_KEYS; t < STORE_TABLES; t++) {
        add(&b, t, 1, "eins", 4);
        add(&b, t, 2, NULL, 0);
        add(&b, t, 9, NULL, 0);
        add(&b, t, 4, "four", 4);
        add(&b, t, 4, NULL, 0);
        add(&b, t, 5, NULL, 0);
        add(&b, t, 5, "five", 4);
        add(&b, t, 3, "drei", 4);
        add(&b, t, 3, "trois", 5);
    }
    is_int(commit(db, &b), 0, "one replaced, one deleted, some both in one batch");
    ok(same(drv, db, &model), "the last write of a key wins");
    drv->close(db);
    db = open_db(&facts);
    ok(same(drv, db, &model), "also for the next process");
    for (unsigned t = STORE_KEYS; t < STORE_TABLES; t++) {
        add(&b, t, 1, NULL, 0);
        add(&b, t, 3, NULL, 0);
        add(&b, t, 5, NULL, 0);
    }
    is_int(commit(db, &b), 0, "all deleted");
    is_int(model.n, 0, "by the model");
    ok(same(drv, db, &model), "and by the store");
    drv->close(db);
}

/* Random writes of few keys, with reopenings. */
static void test_model(void)
{
    struct store_facts facts;
    void *db = open_empty(&facts);
    struct batch b = BATCH_INIT(b, 0);
    uint64_t x = 88172645463325252u;
    int good = 1;

    for (int round = 0; round < 60; round++) {
        for (int i = 0; i < 40; i++) {
            unsigned table;
            size_t len;

            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            table = STORE_KEYS + (unsigned) (x % (STORE_TABLES - STORE_KEYS));
            len = (x >> 8) % 3 == 0 ? 0 : (x >> 16) % 600;
            fill(big, len, x);
            add(&b, table, (x >> 32) % 50, big, len);
        }
        good &= commit(db, &b) == 0;
        if (round % 20 == 7) {
            drv->close(db);
            db = open_db(&facts);
        }
        good &= same(drv, db, &model);
    }
    ok(good, "random writes: the store holds what the model holds");
    is_int(b.lsn, 2400, "all were numbered");
    drv->close(db);
    db = open_db(&facts);
    is_int(facts.lsn, 2400, "and the last is known");
    drv->close(db);
}

/* Batch n of the child: jobs n * 8 to n * 8 + 7, the outcome of the job before them, and
 * the delete of that job's attempt. */
static void make_batch(struct batch *b, uint64_t n)
{
    for (uint64_t i = 0; i < 8; i++) {
        fill(big, 300, n * 8 + i);
        add(b, STORE_JOBS, n * 8 + i + 1, big, 300);
    }
    add(b, STORE_ATTEMPTS, n + 1, "attempt", 7);
    add(b, STORE_OUTCOMES, n + 1, "outcome", 7);
    add(b, STORE_ATTEMPTS, n, NULL, 0);
}

static void child(int told, uint64_t from)
{
    struct store_facts facts;
    void *db = open_db(&facts);
    struct batch b = BATCH_INIT(b, facts.lsn);

    for (uint64_t n = from;; n++) {
        make_batch(&b, n);
        if (commit(db, &b) != 0 || write(told, &n, sizeof n) != sizeof n) {
            _exit(1);
        }
        model_clear(&model);
    }
}

/* kill -9 in the middle of commits: each batch that was reported is there, and none in
 * part. */
static void test_kill(void)
{
    struct store_facts facts;
    uint64_t next = 0;
    int good = 1;

    drv->close(open_empty(&facts));
    for (int round = 0; round < 12; round++) {
        uint64_t n, acked = 0;
        int told[2], status;
        struct batch b;
        void *db;
        pid_t pid;

        must(pipe(told) == 0);
        pid = fork();
        must(pid >= 0);
        if (pid == 0) {
            (void) close(told[0]);
            child(told[1], next);
        }
        (void) close(told[1]);
        for (int i = 0; i < 5 + round * 7; i++) {
            must(read(told[0], &n, sizeof n) == sizeof n);
        }
        (void) kill(pid, SIGKILL);
        while (read(told[0], &n, sizeof n) == sizeof n) {
            acked = n;
        }
        (void) close(told[0]);
        must(waitpid(pid, &status, 0) == pid);
        acked = wf_max_u64(acked, n);

        db = open_db(&facts);
        good &= facts.lsn % 11 == 0 && facts.lsn >= (acked + 1) * 11;
        b = (struct batch) BATCH_INIT(b, next * 11);
        for (; next < facts.lsn / 11; next++) {
            make_batch(&b, next);
        }
        for (const struct store_row *r = b.first; r != NULL; r = r->next) {
            model_apply(&model, r);
        }
        drop(&b);
        good &= same(drv, db, &model);
        drv->close(db);
        if (model.n > BED_ROWS / 2) {
            drv->close(open_empty(&facts));
            next = 0;
        }
    }
    ok(good, "kill -9 in the middle of commits: whole batches, no durable one missing");
}

int main(int argc, char **argv)
{
    char path[256];

    must(argc >= 2);
    if (strcmp(argv[1], "sqlite") == 0) {
        const char *tmp = getenv("TMPDIR");
        char folder[128];

        (void) snprintf(folder, sizeof folder, "%s/weft-store-XXXXXX",
                        tmp != NULL ? tmp : "/tmp");
        must(argc >= 3 || mkdtemp(folder) != NULL);
        (void) snprintf(path, sizeof path, "%s/s.db", folder);
        where = argc >= 3 ? argv[2] : path;
        (void) snprintf(empty, sizeof empty, "rm -f '%s' '%s'-wal '%s'.mark", where,
                        where, where);
        drv = &store_sqlite;
    } else {
        drv = &store_postgres;
        where = argv[1];
        (void) snprintf(empty, sizeof empty, "%s", argc >= 3 ? argv[2] : "true");
    }
    test_facts();
    test_round_trip();
    test_runs();
    test_replace_and_delete();
    test_model();
    test_kill();
    must(system(empty) == 0);
    if (where == path) {
        *strrchr(path, '/') = '\0';
        (void) rmdir(path);
    }
    model_clear(&model);
    return done();
}
