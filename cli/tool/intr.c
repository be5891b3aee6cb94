#include "cli/tool/intr.h"

#include <signal.h>
#include <string.h>

static volatile sig_atomic_t stops, resizes;

static void on_signal(int sig)
{
    if (sig == SIGWINCH) {
        resizes = 1;
    } else {
        stops = stops + 1;
    }
}

void intr_install(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH};
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigaction(signals[i], &action, NULL);
    }
}

unsigned intr_count(void)
{
    return (unsigned) stops;
}

int intr_resized(void)
{
    int seen = resizes;

    resizes = 0;
    return seen;
}
