/* sqlite_int.h - what the files of the SQLite driver share
 *
 * One database file, made of a table for each of enum store_table, one row of facts, and
 * `damaged`, where --repair puts what cannot be trusted.  Keys of eight bytes are rowids,
 * so that new rows are appended.  Each row has two sums: of the whole row, and of its key
 * alone, which tells under a wrong sum whether at least the key can be believed.
 */
#ifndef BROKER_STORE_SQLITE_INT_H
#define BROKER_STORE_SQLITE_INT_H

#include "broker/store/driver.h"
#include "broker/store/sqlite_vfs.h"

#define SCHEMA_VERSION 4

/* Rows of one table, behind one another in a commit, that one statement inserts: a tenth
 * less time for a row than alone; twice as many make no difference. */
#define SQLITE_MANY 8

/* The row of facts, written in the transaction of every commit. */
struct facts {
    uint64_t id, boot, lsn;
    uint64_t rows[STORE_TABLES]; /* of each table */
};

/* A file beside the database, written after every commit and only now and then synced:
 * the last lsn that was told to be durable.  See sqlite_file.c. */
struct mark {
    sqlite3_file *file; /* NULL: there is none */
    char *path;         /* owned; SQLite keeps it while the file is open */
};

struct sqlite {
    char *path, *vfs;      /* owned; no vfs: the default one */
    sqlite3 *db;           /* NULL: an error closed it; the next commit opens it again */
    int log_pages;         /* when it is time for a checkpoint */
    struct gather *gather; /* owned; of the connection */
    sqlite3_stmt *put[STORE_TABLES], *replace[STORE_TABLES], *del[STORE_TABLES];
    sqlite3_stmt *put_many[STORE_TABLES]; /* of keys of eight bytes */
    sqlite3_stmt *put_facts, *begin, *end;
    struct facts facts; /* as they are on stable storage */
    struct mark mark;
    int frames;     /* in the log since the last checkpoint */
    int checkpoint; /* the number at which the next one is made */
};

/* The SQL name of a table. */
const char *sqlite_table(unsigned table);

/* -- sqlite.c: connections -------------------------------------------------------------
 */

/* Open the file, without looking at what is in it. */
int sqlite_connect(struct sqlite *s, struct wf_err *err);

/* Close it.  `failed`: ask nothing more of a disk that just failed. */
void sqlite_disconnect(struct sqlite *s, int failed);

/* Run statements; SQLITE_*. */
int sqlite_run(struct sqlite *s, const char *sql);

/* The first column of the first row, or -1. */
int64_t sqlite_ask(struct sqlite *s, const char *sql);

/* Explain the last error of SQLite: WEFT_ESTORAGE, WEFT_EBUSY or WEFT_EIO. */
int sqlite_fail(const struct sqlite *s, const char *what, struct wf_err *err);

/* -- sqlite_schema.c: tables, facts ----------------------------------------------------
 */

/* Make, migrate or refuse. */
int sqlite_schema(struct sqlite *s, const struct store_options *o, struct wf_err *err);

/* 1 when this is our version, and the tables are defined as we define them. */
int sqlite_schema_ok(struct sqlite *s);

/* Make the empty tables in a transaction of the caller's. */
int sqlite_schema_make(struct sqlite *s);

/* The row of facts, of versions 2 and 3 too.  SQLITE_*; SQLITE_CORRUPT when its sum is
 * wrong. */
int sqlite_facts_get(struct sqlite *s, struct facts *ret_facts);
int sqlite_facts_put(struct sqlite *s, const struct facts *f);

/* A new identity. */
uint64_t sqlite_new_id(const struct store_options *o);

/* -- sqlite_check.c: is all there? -----------------------------------------------------
 */

struct findings {
    uint64_t damaged;   /* rows with a wrong sum */
    uint64_t missing;   /* rows that were counted and are not there */
    uint64_t surplus;   /* rows that are there and were not counted */
    int facts;          /* the row of facts is damaged */
    int structure;      /* SQLite's own structures are */
    int gone_back;      /* older than its mark */
    int doubt;          /* rows of attempts or outcomes may be missing: nobody knows of
                           which jobs */
    char said[80];      /* by SQLite, of its structures */
    uint64_t mark_boot; /* of the mark, 0: none for this store */
    uint64_t mark_lsn;
};

/* Fills s->facts. */
int sqlite_check(struct sqlite *s, struct findings *ret_findings, struct wf_err *err);

/* 1 when SQLite finds no fault in its structures; else what it found. */
int sqlite_sound(struct sqlite *s, char *ret_text, size_t cap);

/* Whether there is anything to repair; the text of the refusal. */
int sqlite_is_damaged(const struct findings *f);
int sqlite_refuse(const struct sqlite *s, const struct findings *f, struct wf_err *err);

/* -- sqlite_repair.c -------------------------------------------------------------------
 */

int sqlite_repair(struct sqlite *s, const struct store_options *o, struct findings *f,
                  struct wf_err *err);

/* -- sqlite_file.c: what SQLite does not do itself -------------------------------------
 */

/* Make what the log holds durable before SQLite believes it.  SQLITE_*. */
int sqlite_settle(const struct sqlite *s);

/* Open the mark, making the file where there is none; `there`: it says what is in
 * `facts`, and is not damaged.  WEFT_EIO. */
int sqlite_mark_open(struct sqlite *s, int *ret_there, struct facts *ret_facts,
                     struct wf_err *err);
void sqlite_mark_put(struct sqlite *s, int sync);
void sqlite_mark_close(struct sqlite *s);

#endif
