/* Several brokers on one PostgreSQL database: keys in common, jobs of each, and what
 * becomes of them when a broker dies. */
#include "tests/store/pgbed.h"

#include <signal.h>
#include <sys/wait.h>

static struct broker one, two, three;

static void test_keys(void)
{
    empty();
    start(&one, "one", LONG_MS);
    start(&two, "two", LONG_MS);
    ok(one.facts.id == two.facts.id, "both see the same store");
    ok(two.facts.boot > one.facts.boot, "boot is unique over all brokers");
    add(&one.b, STORE_KEYS, 1, "first", 5);
    add(&one.b, STORE_TOKENS, 2, "token", 5);
    add_job(&one.b, 1, 1);
    is_int(put(&one), 0, "one writes a key, a token and a job");
    is_int(poll_once(&two), 0, "two looks");
    ok(is(&two.model, STORE_KEYS, 1, "first"), "and hears of the key");
    ok(is(&two.model, STORE_TOKENS, 2, "token"), "and of the token");
    is_int(two.model.n, 2, "not of the job");
    is_int(poll_once(&one), 0, "one looks");
    is_int(one.rows, 0, "and does not hear its own words");
    add(&one.b, STORE_TOKENS, 2, NULL, 0);
    is_int(put(&one), 0, "one deletes the token");
    is_int(poll_once(&two), 0, "two looks");
    ok(get(&two.model, STORE_TOKENS, 2) == NULL, "and hears that it is gone");
    stop(&two);
    start(&two, "two", LONG_MS);
    is_int(two.model.n, 1, "after a restart it loads what is left in common");
    ok(is(&two.model, STORE_KEYS, 1, "first"), "the key");
    stop(&one);
    stop(&two);
}

/* A dataset that is put at one broker is known to the other. */
static void test_datasets(void)
{
    empty();
    start(&one, "one", SHORT_MS);
    start(&two, "two", LONG_MS);
    add(&one.b, STORE_DATASETS, 1, "dataset", 7);
    add(&one.b, STORE_DATASETS, 2, "part", 4);
    add(&one.b, STORE_EVENTS, 1, "event", 5);
    add_job(&one.b, 3, 3);
    is_int(put(&one), 0, "one writes a dataset, a part of it, an event and a job");
    is_int(poll_once(&two), 0, "two looks");
    ok(is(&two.model, STORE_DATASETS, 1, "dataset"), "and hears of the dataset");
    ok(is(&two.model, STORE_DATASETS, 2, "part"), "and of its part");
    is_int(two.model.n, 2, "of nothing else");
    add(&two.b, STORE_DATASETS, 1, NULL, 0);
    is_int(put(&two), 0, "two deletes the dataset");
    is_int(poll_once(&one), 0, "one looks");
    ok(one.rows == 1 && count(&one.model, STORE_DATASETS) == 0,
       "and hears that it is gone");
    add(&one.b, STORE_DATASETS, 2, NULL, 0);
    add(&one.b, STORE_DATASETS, 4, "part", 4);
    is_int(put(&one), 0, "one deletes the part and writes another");
    is_int(poll_once(&two), 0, "two looks");
    ok(get(&two.model, STORE_DATASETS, 2) == NULL, "and hears that it is gone");
    add(&two.b, STORE_DATASETS, 9, "another", 7);
    is_int(put(&two), 0, "two writes another");
    stop(&one);
    start(&one, "one", SHORT_MS);
    is_int(one.model.n, 4, "after a restart one loads its own, and what is in common");
    is_int(one.rows, 4, "each row once");
    is_int(one.model.v[3].table, STORE_DATASETS, "datasets last");
    ok(is(&one.model, STORE_DATASETS, 4, "part"), "the part");
    ok(is(&one.model, STORE_DATASETS, 9, "another"), "and the other dataset");
    stop(&one);
    stop(&two);
}

/* What one learned of run times stays its own, also when it is taken over. */
static void test_estimates(void)
{
    empty();
    start(&one, "one", SHORT_MS);
    start(&two, "two", LONG_MS);
    add(&one.b, STORE_ESTIMATES, 1, "estimate", 8);
    add(&one.b, STORE_ESTIMATES, 2, "another", 7);
    add_job(&one.b, 3, 3);
    is_int(put(&one), 0, "one writes two estimates and a job");
    add(&one.b, STORE_ESTIMATES, 1, "changed", 7);
    add(&one.b, STORE_ESTIMATES, 2, NULL, 0);
    is_int(put(&one), 0, "changes one and deletes the other");
    is_int(poll_once(&two), 0, "two looks");
    is_int(two.rows, 0, "and hears of nothing");
    (void) sql("UPDATE weft.broker SET heard = now() - interval '1 hour'"
               " WHERE name = 'one'");
    ok(poll_until(&two, 1), "two takes over from one");
    is_int(count(&two.model, STORE_ESTIMATES), 0, "the job, and no estimate");
    stop(&one);
    start(&one, "one", SHORT_MS);
    ok(is(&one.model, STORE_ESTIMATES, 1, "changed"), "one has it when it comes back");
    is_int(one.model.n, 1, "and nothing else");
    stop(&one);
    stop(&two);
}

/* Numbers of claims and of transactions are of two kinds: where one is the other, what is
 * in common is not taken for what was claimed. */
static void test_same_numbers(void)
{
    empty();
    start(&one, "one", SHORT_MS);
    start(&two, "two", LONG_MS);
    add(&two.b, STORE_DATASETS, 2, "dataset", 7);
    add_job(&one.b, 3, 3);
    is_int(put(&one), 0, "a job");
    is_int(put(&two), 0, "and a dataset");
    (void) sql("SELECT setval('weft.epoch', ver - 1) FROM weft.record WHERE tbl = 7");
    (void) sql("UPDATE weft.broker SET heard = now() - interval '1 hour'"
               " WHERE name = 'one'");
    ok(poll_until(&two, 1), "two takes over from one");
    is_int(sql("SELECT count(DISTINCT ver) FROM weft.record"), 1,
           "under the number that the dataset has, too");
    is_int(count(&two.model, STORE_JOBS), 1, "it is handed the job");
    is_int(two.rows, 1, "and not its own dataset");
    is_int(sql("SELECT count(*) FROM weft.record WHERE tbl = 7 AND broker = 'two'"), 1,
           "which stays as it is");
    stop(&one);
    stop(&two);
}

/* Both write one key, and each hears of the other's word after it wrote its own. */
static void test_contested(void)
{
    empty();
    start(&one, "one", LONG_MS);
    start(&two, "two", LONG_MS);
    add(&one.b, STORE_KEYS, 7, "by one", 6);
    add(&two.b, STORE_KEYS, 7, "by two", 6);
    is_int(put(&one), 0, "one writes a key");
    is_int(put(&two), 0, "two writes the same key");
    is_int(poll_once(&one), 0, "one looks");
    is_int(poll_once(&two), 0, "two looks");
    ok(is(&one.model, STORE_KEYS, 7, "by two"), "one hears of the last word");
    ok(is(&two.model, STORE_KEYS, 7, "by two"), "and so does two");
    stop(&one);
    stop(&two);
}

/* A transaction that began earlier and ends later than others is not missed. */
static void test_out_of_order(void)
{
    empty();
    start(&one, "one", LONG_MS);
    start(&two, "two", LONG_MS);
    add(&one.b, STORE_KEYS, 1, "old", 3);
    is_int(put(&one), 0, "a key to copy");
    is_int(poll_until(&two, 1), 1, "two knows it");
    (void) sql("BEGIN");
    (void) sql("UPDATE weft.record SET ver = pg_current_xact_id()::text::bigint");
    add(&one.b, STORE_KEYS, 2, "new", 3);
    is_int(put(&one), 0, "one writes while another transaction is open");
    for (int i = 0; i < 3; i++) {
        (void) poll_once(&two);
    }
    ok(is(&two.model, STORE_KEYS, 2, "new"), "two hears of what was written later");
    two.rows = 0;
    model_clear(&two.model);
    (void) sql("COMMIT");
    is_int(poll_once(&two), 0, "the other transaction ends");
    ok(is(&two.model, STORE_KEYS, 1, "old"), "two hears of what it wrote, too");
    two.rows = 0;
    is_int(poll_once(&two), 0, "two looks");
    is_int(poll_once(&two), 0, "and looks");
    is_int(two.rows, 0, "what is known is not told for ever");
    stop(&one);
    stop(&two);
}

/* Every broker counts its events from 1. */
static void test_events(void)
{
    empty();
    start(&one, "one", LONG_MS);
    start(&two, "two", LONG_MS);
    add(&one.b, STORE_EVENTS, 1, "of one", 6);
    add(&one.b, STORE_EVENTS, 2, "of one", 6);
    add(&two.b, STORE_EVENTS, 1, "of two", 6);
    is_int(put(&one), 0, "one has two events");
    is_int(put(&two), 0, "two has one");
    add(&two.b, STORE_EVENTS, 1, NULL, 0);
    add(&two.b, STORE_EVENTS, 2, "of two", 6);
    is_int(put(&two), 0, "and forgets it for another");
    stop(&one);
    stop(&two);
    start(&one, "one", LONG_MS);
    start(&two, "two", LONG_MS);
    is_int(one.model.n, 2, "one has two");
    ok(is(&one.model, STORE_EVENTS, 1, "of one"), "its own");
    is_int(two.model.n, 1, "two has one");
    ok(is(&two.model, STORE_EVENTS, 2, "of two"), "its own");
    stop(&one);
    stop(&two);
}

static void test_taken(void)
{
    struct store_row *r;

    empty();
    start(&one, "one", LONG_MS);
    start(&two, "two", LONG_MS);
    add_job(&one.b, 1, 77);
    is_int(put(&one), 0, "one has a job");
    add_job(&two.b, 101, 5);
    add_job(&two.b, 102, 77);
    add(&two.b, STORE_ATTEMPTS, 102, "attempt", 7);
    add(&two.b, STORE_ATTEMPTS, 101, "attempt", 7);
    add(&two.b, STORE_KEYS, 1, "key", 3);
    add_job(&two.b, 103, 6);
    is_int(commit(&two), 0, "two writes three, one of them with the same id");
    r = two.b.first;
    is_int(r->taken, 0, "the first is not taken");
    is_int(r->next->taken, 1, "the second is");
    is_int(two.b.lsn, 6, "the lsn of all");
    for (r = r->next->next; r != NULL; r = r->next) {
        is_int(r->taken, 0, "no other is");
    }
    is_int(commit(&two), 0, "the same once more, as if the answer had been lost");
    is_int(two.b.first->taken, 0, "our own id is not taken");
    is_int(two.b.first->next->taken, 1, "the other still is");
    drop(&two.b);
    is_int(sql("SELECT count(*) FROM weft.record WHERE broker = 'two'"), 4,
           "two jobs, one attempt and the key were written");
    stop(&two);
    start(&two, "two", LONG_MS);
    is_int(two.facts.lsn, 6, "the lsn counts rows that were not written, too");
    is_int(count(&two.model, STORE_JOBS), 2, "and are loaded");
    add(&one.b, STORE_JOBS, 1, NULL, 0);
    is_int(put(&one), 0, "one forgets the job");
    add_job(&two.b, 104, 77);
    is_int(commit(&two), 0, "two writes its id again");
    is_int(two.b.first->taken, 0, "and may have it");
    drop(&two.b);
    add(&two.b, STORE_JOBS, 104, NULL, 0);
    add_job(&two.b, 105, 77);
    is_int(commit(&two), 0, "an id is freed and used in one batch");
    is_int(two.b.first->next->taken, 0, "which is in order");
    stop(&one);
    stop(&two);
}

static void test_fenced(void)
{
    empty();
    start(&one, "one", LONG_MS);
    add_job(&one.b, 1, 1);
    is_int(put(&one), 0, "a broker writes");
    start(&two, "one", LONG_MS);
    is_int(two.facts.lsn, 1, "another process of its name knows the lsn");
    is_int(count(&two.model, STORE_JOBS), 1, "and has its job");
    add_job(&one.b, 2, 2);
    is_int(commit(&one), WEFT_ESTATE, "the first can write nothing any more");
    is_int(commit(&one), WEFT_ESTATE, "nor later");
    is_int(poll_once(&one), WEFT_ESTATE, "nor poll");
    add_job(&two.b, 3, 3);
    is_int(put(&two), 0, "the second can");
    is_int(sql("SELECT count(*) FROM weft.record"), 2, "two jobs stand");
    stop(&one);
    stop(&two);
}

/* Jobs 1 to n, an attempt for every second, an outcome for every fourth; in batches. */
static unsigned write_jobs(struct broker *br, uint64_t first, unsigned n)
{
    unsigned rows = 0;

    for (uint64_t i = first; i < first + n; i++) {
        add_job(&br->b, i, i);
        rows++;
        if (i % 2 == 0) {
            add(&br->b, STORE_ATTEMPTS, i, "attempt", 7);
            rows++;
        }
        if (i % 4 == 0) {
            add(&br->b, STORE_OUTCOMES, i, "outcome", 7);
            rows++;
        }
        if (i % 200 == 0) {
            must(put(br) == 0);
        }
    }
    must(put(br) == 0);
    return rows;
}

static void test_take_over(void)
{
    unsigned rows;

    empty();
    start(&one, "one", SHORT_MS);
    rows = write_jobs(&one, 1, 2300);
    add(&one.b, STORE_OUTCOMES, 5000, "left over", 9);
    add(&one.b, STORE_EVENTS, 1, "event", 5);
    is_int(put(&one), 0, "a broker with 2300 jobs falls silent");
    start(&two, "two", LONG_MS);
    two.rows = 0;
    model_clear(&two.model);
    ok(poll_until(&two, rows + 1), "another takes over all that it had");
    is_int(two.rows, rows + 1, "each row once");
    is_int(count(&two.model, STORE_JOBS), 2300, "the jobs");
    is_int(count(&two.model, STORE_ATTEMPTS), 1150, "with their attempts");
    is_int(count(&two.model, STORE_OUTCOMES), 576, "and outcomes");
    is_int(two.orphan, 1, "none of which came before its job");
    is_int(poll_once(&two), 0, "the taker looks again");
    is_int(two.rows, rows + 1, "and there is no more");
    add_job(&one.b, 9000, 9000);
    is_int(commit(&one), WEFT_ESTATE, "who fell silent can write nothing any more");
    is_int(poll_once(&one), WEFT_ESTATE, "nor poll");
    stop(&one);
    start(&one, "one", LONG_MS);
    ok(one.facts.lsn > 3000, "when it starts anew it knows its lsn");
    is_int(count(&one.model, STORE_JOBS), 0, "and has no jobs");
    add_job(&one.b, 9001, 1);
    is_int(commit(&one), 0, "an id that was its own");
    is_int(one.b.first->taken, 1, "is the other's now");
    stop(&two);
    start(&two, "two", LONG_MS);
    is_int(count(&two.model, STORE_JOBS), 2300, "the taker loads them at its next start");
    is_int(count(&two.model, STORE_OUTCOMES), 576, "with their outcomes");
    stop(&one);
    stop(&two);
}

static unsigned rows_to_die;

static void die_at(void *arg, unsigned table, struct wf_slice record)
{
    if (--rows_to_die == 0) {
        (void) raise(SIGKILL);
    }
}

/* The taker dies too, in the middle of the claim: between the two who are left each job
 * is there once, whole. */
static void test_taker_dies(void)
{
    unsigned rows;
    int status, good = 1;
    pid_t pid;

    empty();
    start(&one, "one", SHORT_MS);
    rows = write_jobs(&one, 1, 2300);
    stop(&one);
    pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        rows_to_die = 600;
        start(&two, "two", SHORT_MS);
        for (;;) {
            (void) drv->poll(two.db, die_at, NULL, NULL);
        }
    }
    must(waitpid(pid, &status, 0) == pid);
    ok(WIFSIGNALED(status), "a taker dies in the middle of taking over");
    ok(sql("SELECT count(*) FROM weft.record WHERE broker = 'two'") > 0,
       "what it had claimed is its own");
    ok(sql("SELECT count(*) FROM weft.record WHERE broker = 'one'") > 0,
       "what it had not is the first one's still");
    start(&three, "three", LONG_MS);
    ok(poll_until(&three, rows), "a third takes over from both");
    is_int(three.rows, rows, "each row once");
    is_int(three.orphan, 0, "no outcome without its job");
    for (uint64_t i = 1; i <= 2300; i++) {
        good &= get(&three.model, STORE_JOBS, i) != NULL &&
                (get(&three.model, STORE_OUTCOMES, i) != NULL) == (i % 4 == 0);
    }
    ok(good, "all jobs, and their outcomes");
    stop(&three);
}

/* Its connection ends between the claim and the last row that is handed out. */
static int cut_done;

static void cut(void *arg, unsigned table, struct wf_slice record)
{
    on_row(arg, table, record);
    if (!cut_done && two.rows == 3) {
        cut_done = 1;
        (void) sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                   " WHERE application_name = 'weft-broker'");
    }
}

static void test_taker_cut(void)
{
    unsigned rows, failed = 0;
    time_t end = time(NULL) + 30;

    empty();
    start(&one, "one", SHORT_MS);
    rows = write_jobs(&one, 1, 900);
    stop(&one);
    start(&two, "two", LONG_MS);
    while (two.rows < rows && time(NULL) < end) {
        failed += drv->poll(two.db, cut, &two, &two.err) == WEFT_EIO;
    }
    is_int(failed, 1, "the connection ends while rows are handed out");
    is_int(two.rows, rows, "each is handed out once all the same");
    is_int(count(&two.model, STORE_JOBS), 900, "all jobs");
    stop(&two);
}

/* A broker that was silent, but no longer than since we began to watch, lives. */
static void test_watching(void)
{
    empty();
    start(&one, "one", 3600000);
    add_job(&one.b, 1, 1);
    is_int(put(&one), 0, "a broker with a long lease");
    (void) sql("UPDATE weft.broker SET heard = now() - interval '2 hours'");
    start(&two, "two", SHORT_MS);
    is_int(poll_once(&two), 0, "another starts when the first was silent for longer");
    is_int(two.rows, 0, "and takes nothing: the silence may have been the server's");
    is_int(poll_once(&one), 0, "the first lives on");
    stop(&one);
    stop(&two);
}

/* Whatever allocation fails: rows are written whole or not at all, and later. */
static void test_memory(void)
{
    int good = 1, failed = 0, rc;
    uint64_t seq = 0;

    empty();
    start(&one, "one", LONG_MS);
    start(&two, "two", LONG_MS);
    for (long n = 0; n < 40; n++) {
        add_job(&one.b, seq + 1, seq + 1);
        add_job(&one.b, seq + 2, seq + 2);
        seq += 2;
        add(&one.b, STORE_OUTCOMES, seq, "outcome", 7);
        add(&one.b, STORE_ATTEMPTS, seq - 1, NULL, 0);
        (void) wf_mem_fail_after(n);
        rc = drv->commit(one.db, one.b.first, &one.err);
        (void) wf_mem_fail_after(-1);
        failed += rc != 0;
        good &= rc == 0 || (rc == WEFT_EIO && commit(&one) == 0);
        drop(&one.b);
    }
    ok(good, "commits that find no memory succeed when there is some");
    ok(failed > 3 && failed < 40, "some found none");
    is_int(sql("SELECT count(*) FROM weft.record"), 120, "all rows are there");
    stop(&one);
    stop(&two);
}

int main(void)
{
    test_memory();
    test_keys();
    test_datasets();
    test_estimates();
    test_same_numbers();
    test_contested();
    test_out_of_order();
    test_events();
    test_taken();
    test_fenced();
    test_take_over();
    test_taker_dies();
    test_taker_cut();
    test_watching();
    PQfinish(side);
    return done();
}
