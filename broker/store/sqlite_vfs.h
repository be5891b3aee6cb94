/* sqlite_vfs.h - writes that follow one another reach the system as one
 *
 * SQLite appends to its log with two writes for each page, and a checkpoint writes the
 * pages of the database one by one.  This VFS stands between SQLite and another one and
 * gathers such writes of databases and logs, up to GATHER_BYTES of them, in memory of the
 * file; they are written before the file is synced, closed, cut, or read where they
 * belong.  So what a sync makes durable is the same, and a process that dies in between
 * loses no more than a power cut would take.  A write that fails is told by the call that
 * made it necessary, at the latest by the sync, and what was gathered is forgotten then.
 * All other files are the other VFS's alone.
 */
#ifndef BROKER_STORE_SQLITE_VFS_H
#define BROKER_STORE_SQLITE_VFS_H

#include <sqlite3.h>

/* Below 128 KiB: SQLite's own VFS writes no more at once. */
#define GATHER_BYTES (120 << 10)

struct gather;

/* Stand before the VFS of that name, NULL: the default one.  Files that are opened
 * through it are closed before it is freed.  SQLITE_NOMEM; SQLITE_ERROR: there is no such
 * VFS. */
int gather_new(const char *vfs, struct gather **ret_gather);

/* The name under which SQLite knows it; borrowed. */
const char *gather_name(const struct gather *g);

/* NULL is allowed. */
void gather_free(struct gather *g);

#endif
