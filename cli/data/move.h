/* move.h - waits for a transfer and shows how it goes; says where data is to go
 *
 * A bar on a terminal's stderr; Ctrl-C ends the transfer: what has arrived is kept, and
 * the same command goes on with it.
 */
#ifndef CLI_DATA_MOVE_H
#define CLI_DATA_MOVE_H

#include "cli/cli.h"
#include "cli/tool/progress.h"

struct move {
    struct cli *cli;
    struct progress progress;
    enum weft_phase phase;
    const char *missing; /* next step when something is not found; NULL: the datasets */
    const char *denied;  /* and when that is not allowed */
    const char *exists;  /* and when a file is there; NULL: names of datasets */
    char note[160];      /* what is said behind the bar */
    char waits[160];     /* what it waits for; told once when there is no bar */
    int told;
    uint64_t start_ms;
    uint64_t patience_ms; /* it ends when nothing moves for so long; 0: never */
    uint64_t heard_ms;    /* when something moved */
    uint64_t bytes, moved;
};

/* `quiet`: no bar, because the data itself goes to the terminal. */
void move_init(struct move *move, struct cli *cli, int quiet);

/* The transfer's on_progress, with the move as its argument. */
weft_progress_fn move_on_progress;

#define MOVE_TELL_MS 1500u

/* Without a bar a wait is told in a line, once each, when it has lasted MOVE_TELL_MS:
 * also where nobody watches, for else it looks like a hang.  move_wait() does this. */
void move_tell(struct move *move, uint64_t now_ms);

/* Wait for its end.  0; CLI_INTERRUPTED (the future is to be freed); else the exit code
 * of the error that it printed about `what`. */
int move_wait(struct move *move, weft_future *future, const char *what);

/* How long it took. */
uint64_t move_ms(const struct move *move);

/* -- where to --------------------------------------------------------------------------
 */

#define MOVE_TO_HELP                                                                     \
    "a node, or what nodes must meet, as site=lyon or cpus>=4; repeatable"

/* Values of --to: at most one node, else needs. */
struct move_to {
    const char *node; /* NULL: any */
    const char *needs[OPT_LIST_MAX];
    size_t n;
};

/* 0, or the exit code of the mistake printed. */
int move_to_parse(struct cli *cli, const struct opt_list *to, struct move_to *ret_to);

/* "3", "all" for --copies; NULL: none given.  0, or the exit code. */
int move_copies(struct cli *cli, const char *text, unsigned *ret_copies);

#endif
