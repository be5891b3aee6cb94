/* cli.h - what every command gets: options, outputs, a connection, and how to fail
 *
 * stdout is data, stderr is chatter.  An error is one line with its name, then what to do
 * next; the functions that report one return the exit code, so that reporting and leaving
 * are one statement.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <weft/weft.h>

#include "cli/exit.h"
#include "cli/tool/json.h"
#include "cli/tool/opt.h"
#include "cli/tool/out.h"

#define CLI_TIMEOUT_MS 5000 /* for answers, unless --timeout says otherwise */

struct cli {
    struct out out, err;
    const char *command; /* the name in the table; NULL before it is known */
    const char *context; /* NULL: the selected one */
    uint64_t timeout_ms; /* 0: not given */
    int json, no_color, quiet, help;
    weft_client *client; /* NULL before cli_connect() */
};

extern const struct opt cli_globals[];
extern const size_t cli_nglobals;

/* How long to wait for an answer. */
int cli_wait_ms(const struct cli *cli);

/* Connect (loop mode).  0, or the exit code of the error that it printed. */
int cli_connect(struct cli *cli);

/* The same in silence: 0, or the SDK's error with one line about it. */
int cli_open(struct cli *cli, char *why, size_t cap);

/* The exit code that stands for a WEFT_E* code. */
int cli_exit_of(int code);

/* Print an error of the SDK, with more detail (may be ""); cli_fail_next() replaces its
 * next step. */
__attribute__((format(printf, 3, 4))) int cli_fail(struct cli *cli, int code,
                                                   const char *fmt, ...);
__attribute__((format(printf, 4, 5))) int cli_fail_next(struct cli *cli, int code,
                                                        const char *next, const char *fmt,
                                                        ...);

/* A mistake in the command line. */
__attribute__((format(printf, 2, 3))) int cli_usage(struct cli *cli, const char *fmt,
                                                    ...);

/* Chatter, not with --quiet. */
__attribute__((format(printf, 2, 3))) void cli_note(struct cli *cli, const char *fmt,
                                                    ...);

/* "  next: ..." on stderr, when a person is likely to read it. */
__attribute__((format(printf, 2, 3))) void cli_hint(struct cli *cli, const char *fmt,
                                                    ...);

/* The line below a view that says when and by whom it was told; terminals only. */
__attribute__((format(printf, 2, 3))) void cli_footer(struct cli *cli, const char *fmt,
                                                      ...);

/* Let the connection work for at most `ms` (also on `fd` unless -1), less after a signal.
 * Returns 1 when `fd` is readable. */
int cli_turn(struct cli *cli, int ms, int fd);

/* Wait for a future, showing nothing.  0, or the SDK's error. */
int cli_await(struct cli *cli, weft_future *future, enum weft_until until);

#endif
