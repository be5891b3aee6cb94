/* Rows a second through the broker's store, beside raw pwrite + fdatasync of the same.
 *
 *     bench-store [FOLDER [SECONDS]]
 *
 * Three rows of figures for each batch size: the bare disk; the driver, which commits one
 * batch after the other; the store, to which the loop gives a new row for each that
 * became durable, so that as many rows are always under way.
 */
#include "broker/store/store.h"
#include "common/mem.h"
#include "tests/bench/hist.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VALUE  300u
#define ROW    (8 + VALUE)
#define MAX_IN 1024u

static const char *folder;
static double seconds = 1;

static void die(const char *what)
{
    fprintf(stderr, "bench-store: %s\n", what);
    exit(1);
}

static void print(const char *what, unsigned batch, uint64_t rows, uint64_t us,
                  struct hist *h)
{
    printf("%-7s %5u  %9.0f rows/s  commit p50 %6llu us  p99 %6llu us\n", what, batch,
           (double) rows * 1e6 / (double) us, (unsigned long long) hist_quantile(h, 500),
           (unsigned long long) hist_quantile(h, 990));
    fflush(stdout);
}

/* -- the bare disk: a log that begins anew at 64 MB -------------------------------------
 */

static void raw(unsigned batch)
{
    static uint8_t buf[MAX_IN * ROW];
    static struct hist h;
    char path[300];
    uint64_t rows = 0, from, now, end;
    off_t at = 0;
    int fd;

    memset(&h, 0, sizeof h);
    (void) snprintf(path, sizeof path, "%s/raw", folder);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || posix_fallocate(fd, 0, 64 << 20) != 0) {
        die("cannot make a file there");
    }
    for (off_t o = 0; o < 64 << 20; o += (off_t) sizeof buf) {
        if (pwrite(fd, buf, sizeof buf, o) < 0) {
            die("cannot write");
        }
    }
    (void) fsync(fd);
    from = now = wf_now_us();
    end = from + (uint64_t) (seconds * 1e6);
    while (now < end) {
        uint64_t t = now;

        if (pwrite(fd, buf, (size_t) batch * ROW, at) < 0 || fdatasync(fd) != 0) {
            die("cannot write");
        }
        at = at + 2 * (off_t) sizeof buf < 64 << 20 ? at + batch * (off_t) ROW : 0;
        rows += batch;
        now = wf_now_us();
        hist_add(&h, now - t);
    }
    print("raw", batch, rows, now - from, &h);
    (void) close(fd);
    (void) unlink(path);
}

/* -- the driver ------------------------------------------------------------------------
 */

static void empty(const char *path)
{
    static const char *const ends[] = {"", "-wal", ".mark"};
    char name[300];

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        (void) snprintf(name, sizeof name, "%s%s", path, ends[i]);
        (void) unlink(name);
    }
}

static void driver(unsigned batch)
{
    static struct hist h;
    static uint8_t value[VALUE];
    struct store_row *rows = NULL, **last = &rows;
    char path[300];
    struct store_options o = {.where = path, .broker = "hq"};
    struct store_facts facts;
    struct wf_err err;
    uint64_t n = 0, from, now, end;
    void *db;

    memset(&h, 0, sizeof h);
    (void) snprintf(path, sizeof path, "%s/s.db", folder);
    empty(path);
    if (store_sqlite.open(&o, &db, &facts, &err) != 0) {
        die(err.text);
    }
    for (unsigned i = 0; i < batch; i++) {
        struct store_row *r = wf_calloc(1, sizeof *r + ROW);

        r->table = STORE_JOBS;
        r->len = ROW;
        memcpy(r->bytes + 8, value, VALUE);
        *last = r;
        last = &r->next;
    }
    from = now = wf_now_us();
    end = from + (uint64_t) (seconds * 1e6);
    while (now < end) {
        uint64_t t = now;

        for (struct store_row *r = rows; r != NULL; r = r->next) {
            r->lsn = ++n;
            store_seq_put(r->bytes, n);
        }
        if (store_sqlite.commit(db, rows, &err) != 0) {
            die(err.text);
        }
        store_sqlite.rest(db);
        now = wf_now_us();
        hist_add(&h, now - t);
    }
    print("driver", batch, n, now - from, &h);
    store_sqlite.close(db);
    empty(path);
}

/* -- the store, from a loop ------------------------------------------------------------
 */

struct flow {
    struct wf_loop loop;
    struct store *store;
    uint64_t lsn, durable, end_us;
    uint64_t at_us[MAX_IN]; /* when each row under way was appended */
    struct hist h;
};

static void give(struct flow *f)
{
    uint8_t record[ROW] = {0};

    f->lsn++;
    store_seq_put(record, f->lsn);
    f->at_us[f->lsn % MAX_IN] = wf_now_us();
    store_append(f->store, STORE_JOBS, f->lsn, wf_slice_make(record, sizeof record));
    store_sync(f->store);
}

static void on_durable(void *arg, uint64_t lsn)
{
    struct flow *f = arg;
    uint64_t now = wf_now_us();

    while (f->durable < lsn) {
        f->durable++;
        hist_add(&f->h, now - f->at_us[f->durable % MAX_IN]);
        if (now < f->end_us) {
            give(f);
        }
    }
    if (f->durable == f->lsn) {
        wf_loop_stop(&f->loop);
    }
}

static void on_error(void *arg, uint64_t lsn, const char *text)
{
    die(text);
}

static void on_taken(void *arg, uint64_t lsn)
{
    die("taken");
}

static void on_fenced(void *arg, const char *text)
{
    die(text);
}

static void on_row(void *arg, unsigned table, struct wf_slice record)
{
}

static void store(unsigned batch)
{
    static struct flow f;
    const struct store_cbs cbs = {on_durable, on_error,  on_taken,
                                  on_row,     on_fenced, on_fenced};
    char path[300];
    struct store_options o = {.where = path, .broker = "hq"};
    struct store_facts facts;
    struct wf_err err;
    uint64_t from;

    memset(&f, 0, sizeof f);
    (void) snprintf(path, sizeof path, "%s/s.db", folder);
    empty(path);
    if (wf_loop_init(&f.loop, &err) != 0 ||
        store_open(&f.loop, &o, &cbs, &f, &f.store, &facts, &err) != 0 ||
        store_load(f.store, on_row, NULL, &err) != 0) {
        die(err.text);
    }
    from = wf_now_us();
    f.end_us = from + (uint64_t) (seconds * 1e6);
    for (unsigned i = 0; i < batch; i++) {
        give(&f);
    }
    wf_loop_run(&f.loop);
    print("store", batch, f.durable, wf_now_us() - from, &f.h);
    store_close(f.store);
    wf_loop_fini(&f.loop);
    empty(path);
}

int main(int argc, char **argv)
{
    static const unsigned sizes[] = {1, 16, 64, 256, 1024};
    char made[] = "/tmp/weft-bench-store-XXXXXX";

    folder = argc > 1 ? argv[1] : mkdtemp(made);
    seconds = argc > 2 ? atof(argv[2]) : seconds;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        raw(sizes[i]);
        driver(sizes[i]);
        store(sizes[i]);
    }
    if (argc <= 1) {
        (void) rmdir(folder);
    }
    return 0;
}
