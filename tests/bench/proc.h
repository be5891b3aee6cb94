/* proc.h - the processes, ports and scratch folder of a benchmark run
 *
 * Every process that is started dies with the one that started it, so whatever way a run
 * ends nothing is left behind.
 */
#ifndef TESTS_BENCH_PROC_H
#define TESTS_BENCH_PROC_H

#include <pwd.h>
#include <stddef.h>
#include <sys/types.h>

/* Run `fn` in a child process, which ends when it returns.  Exits on failure. */
pid_t proc_fork(void (*fn)(void *arg), void *arg);

/* Run a program, found along PATH and the folders of daemons; its output goes to the file
 * `log`.  `argv` ends with NULL.  -1 when there is no such program. */
pid_t proc_exec(const char *const *argv, const char *log);

/* As proc_exec(), as another user when `as` is not NULL; and what the program is sent
 * when this one is gone: those that must tidy up get something kinder than SIGKILL. */
pid_t proc_exec_as(const struct passwd *as, int last_signal, const char *const *argv,
                   const char *log);

/* Wait for the end: 0 when the program said 0.  proc_run() starts it, too. */
int proc_wait(pid_t pid);
int proc_run(const char *const *argv, const char *log);

/* Kill and reap; 0 or less is allowed. */
void proc_kill(pid_t pid);

/* Become the parent of what the processes started from here leave behind; and wait until
 * all of it is gone, which it is soon, because each dies with the one that started it. */
void proc_adopt(void);
void proc_reap_all(void);

/* Where a program is; 0 when it is nowhere. */
int proc_find(const char *program, char *ret, size_t cap);

/* A TCP port of the loopback address that was free just now: for servers that cannot ask
 * the kernel for one themselves. */
int proc_free_port(void);

/* Connected TCP socket without Nagle's delay; tries for up to 5 s.  -1 on failure. */
int proc_connect(int port);

/* A scratch folder, and its removal with all that is inside. */
int proc_tmp_make(char *ret, size_t cap);
void proc_tmp_remove(const char *path);

#endif
