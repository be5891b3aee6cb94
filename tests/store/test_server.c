/* The PostgreSQL driver and a server that stops, is killed, forgets, or is not fit for it
 */
#include "tests/store/pgbed.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static struct broker one, two;

static void test_restart(void)
{
    empty();
    start(&one, "one", LONG_MS);
    add_job(&one.b, 1, 1);
    is_int(put(&one), 0, "a row before");
    server("stop");
    server("start");
    add_job(&one.b, 2, 2);
    is_int(put(&one), 0, "the server was restarted: the next commit does not notice");
    server("stop");
    add_job(&one.b, 3, 3);
    is_int(commit(&one), WEFT_EIO, "the server is down: a commit fails");
    is_int(poll_once(&one), WEFT_EIO, "so does a poll");
    add_job(&one.b, 4, 4);
    is_int(commit(&one), WEFT_EIO, "and fails again");
    server("start");
    is_int(put(&one), 0, "the server is back: the rows are written, and one more");
    is_int(poll_once(&one), 0, "and polls succeed");
    stop(&one);
    start(&one, "one", LONG_MS);
    is_int(one.model.n, 4, "four rows");
    stop(&one);
}

/* Batch n of the child: eight jobs and an outcome, nine rows. */
static void make_batch(struct batch *b, uint64_t n)
{
    for (uint64_t i = 1; i <= 8; i++) {
        add_job(b, n * 8 + i, n * 8 + i);
    }
    add(b, STORE_OUTCOMES, n * 8 + 1, "outcome", 7);
}

/* Writes batch after batch, each until it succeeds, and tells of each. */
static void child(int told)
{
    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
    start(&one, "one", LONG_MS);
    for (uint64_t n = 0;; n++) {
        int rc;

        make_batch(&one.b, n);
        while ((rc = drv->commit(one.db, one.b.first, &one.err)) == WEFT_EIO) {
            (void) usleep(1000);
        }
        for (const struct store_row *r = one.b.first; r != NULL; r = r->next) {
            rc = rc == 0 && r->taken ? 1 : rc;
        }
        drop(&one.b);
        if (rc != 0 || write(told, &n, sizeof n) != sizeof n) {
            printf("# %d: %s\n", rc, one.err.text);
            (void) fflush(stdout);
            _exit(1);
        }
    }
}

static uint64_t await_batches(int told, uint64_t upto)
{
    uint64_t n = 0;

    do {
        must(read(told, &n, sizeof n) == sizeof n);
    } while (n < upto);
    return n;
}

/* Rows of the child in the order of tables and keys. */
struct check {
    uint64_t jobs, outcomes, wrong;
};

static void on_check(void *arg, unsigned table, struct wf_slice record)
{
    struct check *c = arg;
    uint64_t seq = store_seq(record.p);
    struct batch b = BATCH_INIT(b, 0);

    if (table == STORE_JOBS) {
        c->jobs++;
        add_job(&b, c->jobs, c->jobs);
        c->wrong += seq != c->jobs || record.len != b.first->len ||
                    memcmp(record.p, b.first->bytes, record.len) != 0;
        drop(&b);
    } else {
        c->outcomes++;
        c->wrong += table != STORE_OUTCOMES || seq != (c->outcomes - 1) * 8 + 1;
    }
}

/* All batches up to `n`, whole, and at most one more. */
static void check_batches(uint64_t n, const char *what)
{
    struct check c = {0, 0, 0};
    uint64_t batches;

    must(open_only(&two, "one", LONG_MS) == 0);
    batches = two.facts.lsn / 9;
    ok(two.facts.lsn % 9 == 0 && batches >= n + 1 && batches <= n + 2, "%s: the lsn",
       what);
    is_int(drv->load(two.db, on_check, &c, &two.err), 0, "its rows are loaded");
    ok(c.jobs == batches * 8 && c.outcomes == batches,
       "%s: every durable row is there, batches are whole", what);
    is_int(c.wrong, 0, "and each is what was written");
    stop(&two);
}

/* Its backend is ended again and again, anywhere in a commit: answers of COMMIT get lost,
 * and the rows are put again. */
static uint64_t cut_connections(int told, uint64_t n)
{
    for (unsigned i = 0; i < 40; i++) {
        n = await_batches(told, n + 1 + i % 3);
        (void) usleep(i * 97 % 1500);
        (void) sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                   " WHERE application_name = 'weft-broker'");
    }
    return n;
}

static uint64_t kill_server(int told, uint64_t n)
{
    for (unsigned i = 0; i < 3; i++) {
        n = await_batches(told, n + 5 + i * 7);
        server("kill");
        server("start");
    }
    return n;
}

static void test_faults(uint64_t (*fault)(int told, uint64_t n), const char *what)
{
    uint64_t n, last;
    int told[2], status;
    pid_t pid;

    empty();
    PQfinish(side);
    side = NULL;
    must(pipe(told) == 0);
    (void) fflush(stdout);
    pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        (void) close(told[0]);
        child(told[1]);
    }
    (void) close(told[1]);
    n = fault(told[0], await_batches(told[0], 1));
    last = await_batches(told[0], n + 3);
    ok(1, "%s: writing goes on", what);
    (void) kill(pid, SIGKILL);
    while (read(told[0], &n, sizeof n) == sizeof n) {
        last = n;
    }
    (void) close(told[0]);
    must(waitpid(pid, &status, 0) == pid);
    ok(WIFSIGNALED(status), "%s: nothing is taken, nothing fenced", what);
    check_batches(last, what);
}

/* The server is asked to forget: an old backup, or a standby that was behind. */
static void test_back_in_time(void)
{
    empty();
    start(&one, "one", LONG_MS);
    add_job(&one.b, 1, 1);
    add_job(&one.b, 2, 2);
    is_int(put(&one), 0, "two rows");
    (void) sql("UPDATE weft.broker SET lsn = 1");
    server("stop");
    server("start");
    add_job(&one.b, 3, 3);
    is_int(commit(&one), WEFT_ESTATE, "a server that lost rows is not written any more");
    ok(strstr(one.err.text, "back in time") != NULL, "and the text says why");
    stop(&one);
}

/* Older versions had the same tables, and no datasets in them, or no estimates. */
static void test_old_version(int version)
{
    char text[80];

    empty();
    start(&one, "one", LONG_MS);
    add(&one.b, STORE_KEYS, 1, "key", 3);
    add_job(&one.b, 2, 2);
    is_int(put(&one), 0, "a key and a job");
    stop(&one);
    (void) snprintf(text, sizeof text, "UPDATE weft.schema_version SET version = %d",
                    version);
    (void) sql(text);
    start(&two, "one", LONG_MS);
    is_int(sql("SELECT version FROM weft.schema_version"), 3, "the version is migrated");
    ok(two.facts.id == one.facts.id, "and is the same store");
    is_int(two.facts.lsn, 2, "with the lsn");
    is_int(two.model.n, 2, "and the rows");
    stop(&two);
}

static void test_version(void)
{
    test_old_version(1);
    test_old_version(2);
    (void) sql("UPDATE weft.schema_version SET version = 4");
    is_int(open_as(&one, "one", LONG_MS), WEFT_EVERSION, "the next one is refused");
    (void) sql("UPDATE weft.schema_version SET version = 1000");
    is_int(open_as(&one, "one", LONG_MS), WEFT_EVERSION, "a newer schema is refused");
    ok(strstr(one.err.text, "1000") != NULL, "by its number");
}

static void test_unfit(void)
{
    empty();
    (void) setenv("WEFT_PG_OPTIONS", "-c fsync=off", 1);
    server("stop");
    server("start");
    is_int(open_as(&one, "one", LONG_MS), WEFT_ESTORAGE, "a server without fsync");
    ok(strstr(one.err.text, "fsync") != NULL, "is refused");
    (void) unsetenv("WEFT_PG_OPTIONS");
    server("stop");
    server("start");
    (void) sql("ALTER ROLE weft SET synchronous_commit = off");
    start(&one, "one", LONG_MS);
    add_job(&one.b, 1, 1);
    is_int(put(&one), 0, "a row of a user whose commits do not wait");
    server("kill");
    server("start");
    (void) sql("ALTER ROLE weft RESET synchronous_commit");
    stop(&one);
    start(&one, "one", LONG_MS);
    is_int(one.model.n, 1, "waited for the disk all the same");
    stop(&one);
}

static int try_uri(const char *uri)
{
    const struct store_options o = {.where = uri, .broker = "one", .lease_ms = LONG_MS};
    int rc = drv->open(&o, &one.db, &one.facts, &one.err);

    printf("# %s\n", one.err.text);
    return rc;
}

static void test_secrets(void)
{
    static const char *const uris[] = {
        "postgres://weft:hunter2secret@127.0.0.1:1/postgres",
        "postgres://weft:hunter2secret@[::1",
        "postgres://weft:hunter2secret@127.0.0.1:port/postgres",
        "postgres://weft:p@hunter2secret@127.0.0.1:1/postgres",
        "postgres://weft:hunter2secret@127.0.0.1:1/postgres?nonsense=1",
        "postgres://weft:hunter2secret@hunter2secret.invalid:1/postgres",
        "postgres://weft:hunter2secret",
    };
    int good = 1;

    for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
        good &= try_uri(uris[i]) != 0 && strstr(one.err.text, "hunter2") == NULL &&
                one.err.text[0] != '\0';
    }
    ok(good, "no error tells the password of a URI");
}

static unsigned told_lines;

static void on_told(void *arg, const char *line)
{
    printf("# %s\n", line);
    told_lines++;
}

static void test_damage(void)
{
    struct store_options o = {.where = getenv("WEFT_PG_URI"),
                              .broker = "one",
                              .lease_ms = LONG_MS,
                              .told = on_told};

    empty();
    start(&one, "one", LONG_MS);
    for (uint64_t i = 1; i <= 5; i++) {
        add_job(&one.b, i, i);
    }
    add(&one.b, STORE_KEYS, 1, "key", 3);
    add(&one.b, STORE_DATASETS, 6, "dataset", 7);
    add(&one.b, STORE_DATASETS, 7, "dataset", 7);
    is_int(put(&one), 0, "eight rows");
    stop(&one);
    (void) sql(
        "UPDATE weft.record SET value = set_byte(value, 50, 1 # get_byte(value, 50))"
        " WHERE tbl = 3 AND key = '\\x0000000000000004'");
    (void) sql("UPDATE weft.record SET sum = sum + 1 WHERE tbl = 1 OR"
               " (tbl = 7 AND key = '\\x0000000000000006')");
    is_int(open_as(&one, "one", LONG_MS), WEFT_ESTORAGE, "three are damaged: refused");
    printf("# %s\n", one.err.text);
    ok(strstr(one.err.text, "3 damaged") != NULL &&
           strstr(one.err.text, "--repair") != NULL,
       "the text says how many and what to do");
    stop(&one);
    o.repair = 1;
    must(drv->open(&o, &one.db, &one.facts, &one.err) == 0);
    is_int(drv->load(one.db, on_row, &one, &one.err), 0, "with repair it starts");
    is_int(told_lines, 3, "telling of each");
    is_int(one.model.n, 5, "with what is good");
    is_int(sql("SELECT count(*) FROM weft.quarantine"), 3, "the rest is put aside");
    stop(&one);
    start(&one, "one", LONG_MS);
    is_int(one.model.n, 5, "and the next start finds nothing wrong");
    stop(&one);
}

int main(void)
{
    test_restart();
    test_faults(cut_connections, "connections cut");
    test_faults(kill_server, "server killed");
    test_back_in_time();
    test_version();
    test_unfit();
    test_secrets();
    test_damage();
    PQfinish(side);
    return done();
}
