/* wrongclock.c - a wall clock that is off, to be loaded with LD_PRELOAD
 *
 * WRONG_CLOCK_S seconds are added to what CLOCK_REALTIME, gettimeofday() and time() say;
 * the monotonic clock is left alone, as on a machine whose date was never set.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Declared by the headers as well; here to be seen outside. */
#define SHOWN __attribute__((visibility("default")))

SHOWN int clock_gettime(clockid_t clock, struct timespec *t)
{
    const char *off = getenv("WRONG_CLOCK_S");
    long rc = syscall(SYS_clock_gettime, clock, t);

    if (rc == 0 && clock == CLOCK_REALTIME && off != NULL) {
        t->tv_sec += atol(off);
    }
    return (int) rc;
}

SHOWN int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    struct timespec now;

    (void) zone;
    (void) clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return 0;
}

SHOWN time_t time(time_t *ret_time)
{
    struct timespec now;

    (void) clock_gettime(CLOCK_REALTIME, &now);
    if (ret_time != NULL) {
        *ret_time = now.tv_sec;
    }
    return now.tv_sec;
}
