/* files.h - a SQLite store in a folder of its own, and its three files as bytes */
#ifndef TESTS_UNIT_STORE_FILES_H
#define TESTS_UNIT_STORE_FILES_H

#include "tests/unit/store/bed.h"

#include <sqlite3.h>
#include <unistd.h>

enum { FILE_DB, FILE_LOG, FILE_MARK, FILES };

static char files_folder[200], files_path[FILES][220];

/* In memory where that is possible: thousands of stores are opened. */
__attribute__((unused)) static void files_init(void)
{
    static const char *const ends[FILES] = {"", "-wal", ".mark"};

    (void) strcpy(files_folder, "/dev/shm/weft-store-XXXXXX");
    if (mkdtemp(files_folder) == NULL) {
        (void) strcpy(files_folder, "/tmp/weft-store-XXXXXX");
        must(mkdtemp(files_folder) != NULL);
    }
    for (int i = 0; i < FILES; i++) {
        (void) snprintf(files_path[i], sizeof files_path[i], "%s/s.db%s", files_folder,
                        ends[i]);
    }
}

__attribute__((unused)) static void files_remove(void)
{
    for (int i = 0; i < FILES; i++) {
        (void) unlink(files_path[i]);
    }
}

__attribute__((unused)) static void files_fini(void)
{
    char command[300];

    (void) snprintf(command, sizeof command, "rm -rf '%s'", files_folder);
    must(system(command) == 0);
}

/* The content of a file; without bytes when there is none. */
struct image {
    uint8_t *p; /* owned */
    size_t len;
};

__attribute__((unused)) static struct image image_read(int file)
{
    struct image m = {NULL, 0};
    FILE *f = fopen(files_path[file], "rb");
    long len;

    if (f != NULL) {
        must(fseek(f, 0, SEEK_END) == 0 && (len = ftell(f)) >= 0);
        rewind(f);
        m.len = (size_t) len;
        m.p = wf_calloc(1, m.len);
        must(m.p != NULL && fread(m.p, 1, m.len, f) == m.len);
        (void) fclose(f);
    }
    return m;
}

__attribute__((unused)) static void image_write(int file, const struct image *m)
{
    FILE *f;

    (void) unlink(files_path[file]);
    if (m->p != NULL) {
        f = fopen(files_path[file], "wb");
        must(f != NULL && fwrite(m->p, 1, m->len, f) == m->len);
        (void) fclose(f);
    }
}

/* -- opening ---------------------------------------------------------------------------
 */

static char files_told[20000]; /* by --repair: lines */

static void on_told(void *arg, const char *line)
{
    size_t n = strlen(files_told);

    (void) arg;
    (void) snprintf(files_told + n, sizeof files_told - n, "%s\n", line);
}

__attribute__((unused)) static int files_open(int repair, void **ret_db,
                                              struct store_facts *ret_facts,
                                              struct wf_err *err)
{
    const struct store_options o = {
        .where = files_path[FILE_DB], .broker = "hq", .repair = repair, .told = on_told};

    files_told[0] = '\0';
    return store_sqlite.open(&o, ret_db, ret_facts, err);
}

__attribute__((unused)) static void *files_must_open(struct store_facts *ret_facts)
{
    struct wf_err err = {0};
    void *db = NULL;

    if (files_open(0, &db, ret_facts, &err) != 0) {
        printf("# open: %s\n", err.text);
        must(0);
    }
    return db;
}

/* Commit the batch, apply it to the model, and empty it. */
__attribute__((unused)) static void files_commit(void *db, struct batch *b,
                                                 struct model *m)
{
    struct wf_err err = {0};

    must(store_sqlite.commit(db, b->first, &err) == 0);
    store_sqlite.rest(db);
    for (const struct store_row *r = b->first; r != NULL; r = r->next) {
        model_apply(m, r);
    }
    drop(b);
}

/* Run SQL on a closed store. */
__attribute__((unused)) static void files_sql(const char *sql)
{
    sqlite3 *db = NULL;
    char *text = NULL;

    must(sqlite3_open(files_path[FILE_DB], &db) == SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK) {
        printf("# %s: %s\n", sql, text);
        must(0);
    }
    (void) sqlite3_close(db);
}

/* The first value that SQL finds in a closed store. */
__attribute__((unused)) static size_t files_ask(const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    size_t n;

    must(sqlite3_open(files_path[FILE_DB], &db) == SQLITE_OK);
    must(sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK);
    must(sqlite3_step(q) == SQLITE_ROW);
    n = (size_t) sqlite3_column_int64(q, 0);
    (void) sqlite3_finalize(q);
    (void) sqlite3_close(db);
    return n;
}

#endif
