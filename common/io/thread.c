#include "common/io/thread.h"

#include <errno.h>
#include <sys/resource.h>

#define STEPS 8

void thread_gives_way(void)
{
    int now;

    errno = 0;
    now = getpriority(PRIO_PROCESS, 0); /* of the thread, on Linux */
    if (errno == 0) {
        (void) setpriority(PRIO_PROCESS, 0, now + STEPS);
    }
}
