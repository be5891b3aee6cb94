/* failpoint.h - named places where a process may be made to die, stop or fail
 *
 * For the torture tests alone: without WEFT_FAILPOINTS, which is how everything is built
 * that gets installed, these macros are nothing.  tests/torture builds the programs a
 * second time with it, and with tests/lib/failpoint.c, where the environment chooses:
 *
 *     WEFT_FAILPOINT=name[:count][=action]
 *     WEFT_FAILPOINT_LOG=file    gets a line for each name that was passed
 *
 * At the count-th passing (1) the process does what action says: `kill` (SIGKILL, the
 * default), `stop` (SIGSTOP), `exit`, `delay MS`, or `eio` and `enospc` where the place
 * can fail, which it then does a few times in a row.  scripts/torture --list has the
 * names, which it reads from the sources: give each as one literal.  Thread-safe.
 */
#ifndef COMMON_FAILPOINT_H
#define COMMON_FAILPOINT_H

#ifdef WEFT_FAILPOINTS

#include "common/defs.h"

void failpoint_pass(const char *name);

/* "PREFIX.MESSAGE.SUFFIX", by the type of one encoded message; "PREFIX.TABLE.SUFFIX", by
 * a table of the broker's store. */
void failpoint_message(const char *prefix, const uint8_t *p, size_t len,
                       const char *suffix);
void failpoint_table(const char *prefix, unsigned table, const char *suffix);

/* 0, EIO or ENOSPC: what the place is to fail with. */
int failpoint_error(const char *name);

#define WF_FAILPOINT(name) failpoint_pass(name)
#define WF_FAILPOINT_MESSAGE(prefix, p, len, suffix)                                     \
    failpoint_message(prefix, p, len, suffix)
#define WF_FAILPOINT_TABLE(prefix, table, suffix) failpoint_table(prefix, table, suffix)
#define WF_FAILPOINT_ERROR(name)                  failpoint_error(name)

#else

#define WF_FAILPOINT(name)                           ((void) 0)
#define WF_FAILPOINT_MESSAGE(prefix, p, len, suffix) ((void) 0)
#define WF_FAILPOINT_TABLE(prefix, table, suffix)    ((void) 0)
#define WF_FAILPOINT_ERROR(name)                     0

#endif
#endif
