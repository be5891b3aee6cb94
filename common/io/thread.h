/* thread.h - which threads let others go first
 *
 * Threads that move the bytes of blobs keep every core busy for as long as a transfer
 * lasts.  At the niceness of all others, who wakes up beside several of them waits until
 * the kernel looks at who has had how much, which it does once a tick: 1 to 4 ms.  Eight
 * steps further up it goes at once, and they still get a seventh of a core that a handler
 * uses as well (docs/PERFORMANCE.md).
 */
#ifndef COMMON_IO_THREAD_H
#define COMMON_IO_THREAD_H

/* The calling thread, and those that it starts from now on.  It cannot be taken back. */
void thread_gives_way(void);

#endif
