/* intr.h - Ctrl-C and other signals, counted
 *
 * Commands that must tidy up call intr_install() and look at the count in their loop,
 * whose poll() is interrupted and never longer than INTR_POLL_MS (a signal between the
 * look and the poll is seen that late).  The counters are the program's only globals: a
 * signal handler has nothing else to reach.
 */
#ifndef CLI_TOOL_INTR_H
#define CLI_TOOL_INTR_H

#define INTR_POLL_MS 200

void intr_install(void);

/* Count SIGQUIT, too: for who has a terminal to give back. */
void intr_install_quit(void);

/* How many of them there were. */
unsigned intr_count(void);

/* 1 once after the terminal changed its size. */
int intr_resized(void);

#endif
