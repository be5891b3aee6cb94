#include "common/io/notify.h"
#include "tests/lib/tap.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void expect(int fd, const char *want)
{
    char text[256];
    ssize_t n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);

    text[n > 0 ? n : 0] = '\0';
    is_str(text, want, want);
}

static void try_at(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    memcpy(at.sun_path, path, strlen(path));
    if (path[0] == '@') {
        at.sun_path[0] = '\0';
    }
    must(bind(fd, (const struct sockaddr *) &at,
              (socklen_t) (offsetof(struct sockaddr_un, sun_path) + strlen(path))) == 0);
    must(setenv("NOTIFY_SOCKET", path, 1) == 0);
    notify_ready();
    expect(fd, "READY=1");
    notify_status("%d agents", 3);
    expect(fd, "STATUS=3 agents");
    notify_watchdog();
    expect(fd, "WATCHDOG=1");
    notify_stopping();
    expect(fd, "STOPPING=1");
    close(fd);
}

int main(void)
{
    char dir[] = "/tmp/weft-notify-XXXXXX", path[64], abstract[64], pid[32];

    must(mkdtemp(dir) != NULL);
    (void) snprintf(path, sizeof path, "%s/sock", dir);
    (void) snprintf(abstract, sizeof abstract, "@weft-test-%ld", (long) getpid());
    must(unsetenv("NOTIFY_SOCKET") == 0);
    notify_ready();
    ok(1, "nothing happens without a manager");
    try_at(path);
    try_at(abstract);
    must(unlink(path) == 0 && rmdir(dir) == 0);

    must(unsetenv("WATCHDOG_USEC") == 0);
    is_int(notify_watchdog_us(), 0, "no watchdog");
    must(setenv("WATCHDOG_USEC", "3000000", 1) == 0);
    (void) snprintf(pid, sizeof pid, "%ld", (long) getpid());
    must(setenv("WATCHDOG_PID", pid, 1) == 0);
    is_int(notify_watchdog_us(), 1500000, "half of the time");
    must(setenv("WATCHDOG_PID", "1", 1) == 0);
    is_int(notify_watchdog_us(), 0, "another process's");
    return done();
}
