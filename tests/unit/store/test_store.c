/* The loop's side of the store: what it tells, in which order.
 *
 *     test_store_store [postgres://...]    with what only brokers that share one hear of
 */
#include "broker/store/store.h"
#include "tests/unit/store/files.h"

#include <signal.h>
#include <sys/resource.h>

struct bed {
    struct wf_loop loop;
    struct store *store;
    struct store_facts facts;
    uint64_t lsn, durable, error, taken;
    size_t tells, backwards, rows;
    char fenced[WF_ERR_TEXT], deaf[WF_ERR_TEXT];
    unsigned deafs, errors; /* how often they were told */
    uint8_t last_row[64];
    size_t last_len;
    unsigned last_table;
    int (*enough)(const struct bed *);
};

static struct model model;

static void check(struct bed *b)
{
    if (b->enough != NULL && b->enough(b)) {
        wf_loop_stop(&b->loop);
    }
}

static void on_durable(void *arg, uint64_t lsn)
{
    struct bed *b = arg;

    b->tells++;
    b->backwards += lsn <= b->durable || lsn > b->lsn;
    b->durable = lsn;
    check(b);
}

static void on_error(void *arg, uint64_t lsn, const char *text)
{
    struct bed *b = arg;

    b->backwards += lsn <= b->durable || text[0] == '\0';
    b->error = lsn;
    b->errors++;
    check(b);
}

static void on_taken(void *arg, uint64_t lsn)
{
    struct bed *b = arg;

    b->backwards += lsn <= b->durable;
    b->taken = lsn;
    check(b);
}

static void on_fenced(void *arg, const char *text)
{
    struct bed *b = arg;

    (void) snprintf(b->fenced, sizeof b->fenced, "%s", text);
    check(b);
}

static void on_deaf(void *arg, const char *text)
{
    struct bed *b = arg;

    b->deafs++;
    (void) snprintf(b->deaf, sizeof b->deaf, "%s", text);
    check(b);
}

static void on_row(void *arg, unsigned table, struct wf_slice record)
{
    struct bed *b = arg;

    b->rows++;
    b->last_table = table;
    b->last_len = record.len < sizeof b->last_row ? record.len : sizeof b->last_row;
    memcpy(b->last_row, record.p, b->last_len);
    check(b);
}

static const struct store_cbs cbs = {on_durable, on_error,  on_taken,
                                     on_row,     on_fenced, on_deaf};

/* Open; the rows that it loads are counted. */
static void begin(struct bed *b, const char *where, const char *broker)
{
    const struct store_options o = {.where = where, .broker = broker, .lease_ms = 2000};
    struct wf_err err = {0};

    memset(b, 0, sizeof *b);
    must(wf_loop_init(&b->loop, NULL) == 0);
    if (store_open(&b->loop, &o, &cbs, b, &b->store, &b->facts, &err) != 0 ||
        store_load(b->store, on_row, b, &err) != 0) {
        printf("# %s\n", err.text);
        must(0);
    }
    b->lsn = b->durable = b->facts.lsn;
}

static void end(struct bed *b)
{
    store_close(b->store);
    wf_loop_fini(&b->loop);
}

static void run(struct bed *b, int (*enough)(const struct bed *))
{
    b->enough = enough;
    if (!enough(b)) {
        wf_loop_run(&b->loop);
    }
    b->enough = NULL;
}

static int all_durable(const struct bed *b)
{
    return b->durable == b->lsn;
}

static int has_error(const struct bed *b)
{
    return b->error != 0;
}

static int is_fenced(const struct bed *b)
{
    return b->fenced[0] != '\0';
}

static int is_deaf(const struct bed *b)
{
    return b->deafs != 0;
}

static int has_errors(const struct bed *b)
{
    return b->errors > 2;
}

static void append(struct bed *b, unsigned table, uint64_t n, const void *value,
                   size_t len)
{
    static uint8_t record[STORE_KEY_MAX + 100000];
    size_t klen = store_key_len(table);

    key_of(table, n, record);
    memcpy(record + klen, value, len);
    store_append(b->store, table, ++b->lsn, wf_slice_make(record, klen + len));
}

/* -- any driver ------------------------------------------------------------------------
 */

static void test_memory(void)
{
    struct bed b;

    begin(&b, "memory", "hq");
    is_str(store_name(b.store), "memory", "memory says so");
    ok(b.facts.id == 0 && b.facts.boot == 1 && b.rows == 0, "and is empty");
    append(&b, STORE_JOBS, 1, "x", 1);
    store_sync(b.store);
    ok(b.durable == 0, "durability is told from the loop");
    run(&b, all_durable);
    ok(1, "and it is told");
    end(&b);
    begin(&b, "memory", "hq");
    is_int(b.rows, 0, "then all is forgotten");
    end(&b);
    store_close(NULL);
}

static void test_flow(void)
{
    static uint8_t value[90000];
    struct bed b;
    struct batch rows = BATCH_INIT(rows, 0);

    files_remove();
    begin(&b, files_path[FILE_DB], "hq");
    is_str(store_name(b.store), "sqlite", "a path is SQLite's");
    for (uint64_t n = 1; n <= 3000; n++) {
        unsigned table = STORE_KEYS + (unsigned) (n % (STORE_TABLES - 1));
        size_t len = n % 500 == 0 ? sizeof value - n : n % 700 + 1;

        fill(value, len, n);
        append(&b, table, n, value, len);
        add(&rows, table, n, value, len);
        if (n % 3 == 0) {
            store_sync(b.store);
        }
        if (n % 100 == 0) {
            wf_loop_turn(&b.loop);
        }
    }
    run(&b, all_durable);
    is_int(b.durable, 3000, "all rows become durable");
    is_int(b.backwards, 0, "in order");
    ok(b.tells < 500, "many at a time");
    append(&b, STORE_JOBS, 9999, "never asked for", 15);
    end(&b);
    for (const struct store_row *r = rows.first; r != NULL; r = r->next) {
        model_apply(&model, r);
    }
    drop(&rows);
    begin(&b, files_path[FILE_DB], "hq");
    is_int(b.rows, 3000, "the next process loads them");
    end(&b);
    {
        struct store_facts facts;
        void *db = files_must_open(&facts);

        ok(same(&store_sqlite, db, &model), "as they were");
        store_sqlite.close(db);
    }
    begin(&b, files_path[FILE_DB], "hq");
    append(&b, STORE_JOBS, 10000, "x", 1);
    store_sync(b.store);
    end(&b);
    begin(&b, files_path[FILE_DB], "hq");
    is_int(b.rows, 3001, "what was asked for before the end is written");
    end(&b);
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit r;

    must(getrlimit(RLIMIT_FSIZE, &r) == 0);
    r.rlim_cur = bytes < r.rlim_max ? bytes : r.rlim_max;
    must(setrlimit(RLIMIT_FSIZE, &r) == 0);
}

static void test_failing(void)
{
    static uint8_t value[9000];
    uint64_t first;
    struct bed b;

    files_remove();
    (void) signal(SIGXFSZ, SIG_IGN);
    begin(&b, files_path[FILE_DB], "hq");
    append(&b, STORE_JOBS, 1, value, 100);
    store_sync(b.store);
    run(&b, all_durable);
    limit_file_size(30000);
    first = b.lsn + 1;
    for (uint64_t n = 2; n < 10; n++) {
        append(&b, STORE_JOBS, n, value, sizeof value);
    }
    store_sync(b.store);
    run(&b, has_error);
    is_int(b.error, first, "what is not durable is told from its first row on");
    ok(b.durable == first - 1, "and not that it was");
    append(&b, STORE_JOBS, 10, value, sizeof value);
    store_sync(b.store);
    limit_file_size(RLIM_INFINITY);
    run(&b, all_durable);
    is_int(b.backwards, 0, "it is tried again without being asked");
    limit_file_size(30000);
    append(&b, STORE_JOBS, 11, value, 50000 > sizeof value ? sizeof value : 50000);
    append(&b, STORE_JOBS, 12, value, sizeof value);
    append(&b, STORE_JOBS, 13, value, sizeof value);
    store_sync(b.store);
    b.error = 0;
    run(&b, has_error);
    end(&b);
    ok(1, "a disk that fails does not hold up the end");
    limit_file_size(RLIM_INFINITY);
    begin(&b, files_path[FILE_DB], "hq");
    is_int(b.rows, 10, "what was durable is there");
    end(&b);
}

static void test_no_memory(void)
{
    const struct store_options o = {.where = files_path[FILE_DB], .broker = "hq"};
    struct bed b = {0};

    /* Without its thread, which would be denied memory too. */
    must(wf_loop_init(&b.loop, NULL) == 0);
    must(store_open(&b.loop, &o, &cbs, &b, &b.store, &b.facts, NULL) == 0);
    (void) wf_mem_fail_after(0);
    append(&b, STORE_JOBS, 20, "x", 1);
    (void) wf_mem_fail_after(-1);
    append(&b, STORE_JOBS, 21, "x", 1);
    store_sync(b.store);
    run(&b, is_fenced);
    ok(strstr(b.fenced, "out of memory") != NULL, "a row that is lost ends it all");
    is_int(b.durable, 0, "nothing after it is told to be durable");
    end(&b);
}

/* -- brokers that share ----------------------------------------------------------------
 */

static int has_row(const struct bed *b)
{
    return b->rows != 0;
}

static void server(const char *what)
{
    char command[64];

    (void) snprintf(command, sizeof command, "\"$WEFT_PG\" %s", what);
    must(system(command) == 0);
}

/* The server stops for a while, in which commits and polls are tried several times; then
 * one hears what the other wrote. */
static void test_deaf(struct bed *a, struct bed *b)
{
    server("stop");
    run(b, is_deaf);
    ok(strncmp(b->deaf, "database: ", 10) == 0, "why nothing is heard is told");
    printf("# %s\n", b->deaf);
    append(b, STORE_TOKENS, 1, "a token", 7);
    store_sync(b->store);
    run(b, has_errors);
    server("start");
    run(b, all_durable);
    b->rows = 0;
    append(a, STORE_DATASETS, 1, "a dataset", 9);
    store_sync(a->store);
    run(a, all_durable);
    run(b, has_row);
    ok(b->last_table == STORE_DATASETS && b->last_len == 17 &&
           memcmp(b->last_row + 8, "a dataset", 9) == 0,
       "when it works again a dataset is heard of");
    is_int(b->deafs, 1, "it was told once");
}

static void test_shared(const char *uri)
{
    static uint8_t job[] = "0123456789abcdef is its id";
    struct bed a, b, again;

    begin(&a, uri, "one");
    begin(&b, uri, "two");
    is_str(store_name(a.store), "postgres", "a URI is PostgreSQL's");
    ok(a.facts.id == b.facts.id && a.facts.boot != b.facts.boot, "both are in one store");
    append(&a, STORE_JOBS, a.facts.boot << 40 | 1, job, sizeof job);
    store_sync(a.store);
    run(&a, all_durable);
    append(&b, STORE_JOBS, b.facts.boot << 40 | 1, job, sizeof job);
    append(&b, STORE_JOBS, b.facts.boot << 40 | 2, "another one, of 16", 18);
    store_sync(b.store);
    run(&b, all_durable);
    is_int(b.taken, 1, "a job whose id another broker has is told");
    is_int(b.backwards, 0, "before what is durable");
    is_int(a.taken, 0, "and not to the first");
    b.rows = 0;
    append(&a, STORE_KEYS, 5, "a key", 5);
    store_sync(a.store);
    run(&a, all_durable);
    run(&b, has_row);
    ok(b.last_table == STORE_KEYS && b.last_len == 37 &&
           memcmp(b.last_row + 32, "a key", 5) == 0,
       "a key that one writes reaches the other");
    test_deaf(&a, &b);
    begin(&again, uri, "one");
    append(&a, STORE_JOBS, a.facts.boot << 40 | 3, "too late, too late", 18);
    store_sync(a.store);
    run(&a, is_fenced);
    ok(a.durable < a.lsn, "whoever lost its place writes nothing");
    printf("# %s\n", a.fenced);
    end(&a);
    end(&again);
    end(&b);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        test_shared(argv[1]);
        return done();
    }
    files_init();
    test_memory();
    test_flow();
    test_failing();
    test_no_memory();
    model_clear(&model);
    files_fini();
    return done();
}
