/* exit.h - the exit codes of weft, which scripts rely on */
#ifndef CLI_EXIT_H
#define CLI_EXIT_H

enum cli_exit {
    CLI_OK = 0,
    CLI_ERROR = 1,
    CLI_USAGE = 2,
    CLI_UNREACH = 3,
    CLI_DENIED = 4,
    CLI_NOTFOUND = 5,
    CLI_BUSY = 6, /* or quota */
    CLI_TIMEOUT = 7,
    CLI_STORAGE = 8,
    CLI_UNMET = 10, /* the state of --wait was not reached */
    CLI_FAILED = 20,
    CLI_CANCELLED = 21, /* or expired */
    CLI_INTERRUPTED = 130
};

#endif
