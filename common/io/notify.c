#include "common/io/notify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Datagrams to a Unix socket; a leading '@' stands for the abstract namespace. */
static void tell(const char *text)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = path != NULL ? strlen(path) : 0;
    int fd;

    if (len < 2 || len >= sizeof to.sun_path) {
        return;
    }
    memcpy(to.sun_path, path, len);
    if (path[0] == '@') {
        to.sun_path[0] = '\0';
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    (void) sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
                  (const struct sockaddr *) &to,
                  (socklen_t) (offsetof(struct sockaddr_un, sun_path) + len));
    (void) close(fd);
}

void notify_ready(void)
{
    tell("READY=1");
}

void notify_stopping(void)
{
    tell("STOPPING=1");
}

void notify_watchdog(void)
{
    tell("WATCHDOG=1");
}

void notify_status(const char *fmt, ...)
{
    char text[512] = "STATUS=";
    const size_t at = sizeof "STATUS=" - 1;
    va_list ap;

    va_start(ap, fmt);
    (void) vsnprintf(text + at, sizeof text - at, fmt, ap);
    va_end(ap);
    tell(text);
}

uint64_t notify_watchdog_us(void)
{
    const char *usec = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");

    if (usec == NULL || (pid != NULL && strtol(pid, NULL, 10) != (long) getpid())) {
        return 0;
    }
    return strtoull(usec, NULL, 10) / 2;
}
