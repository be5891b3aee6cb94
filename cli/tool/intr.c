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

static void count(int sig)
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    sigaction(sig, &action, NULL);
}

void intr_install(void)
{
    count(SIGINT);
    count(SIGTERM);
    count(SIGHUP);
    count(SIGWINCH);
}

void intr_install_quit(void)
{
    count(SIGQUIT);
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
