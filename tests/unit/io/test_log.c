#include "common/io/log.h"
#include "tests/lib/tap.h"

#include <unistd.h>

static size_t take(int fd, char *dst, size_t cap)
{
    ssize_t n = read(fd, dst, cap - 1);

    must(n > 0);
    dst[n] = '\0';
    return (size_t) n;
}

int main(void)
{
    struct log_sink s;
    char line[4096], big[3000];
    int p[2];
    size_t n;

    must(pipe(p) == 0);
    must(unsetenv("JOURNAL_STREAM") == 0);
    log_init(&s, WF_LOG_INFO);
    is_int(s.fd, STDERR_FILENO, "goes to stderr");
    s.fd = p[1];
    log_info(&s, "bus", "listening", "endpoint=%s", "tcp://x:1");
    n = take(p[0], line, sizeof line);
    ok(strncmp(line, "ts=20", 5) == 0 && line[n - 1] == '\n', "time and newline");
    ok(strstr(line, "Z level=info area=bus event=listening endpoint=tcp://x:1\n") != NULL,
       "%.*s", (int) n - 1, line);
    log_debug(&s, "bus", "noise", NULL);
    log_warn(&s, "bus", "odd", NULL);
    (void) take(p[0], line, sizeof line);
    ok(strstr(line, "event=odd") != NULL, "debug is below the threshold");
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    log_error(&s, "bus", "long", "x=%s\ny", big);
    n = take(p[0], line, sizeof line);
    ok(n < 1100 && line[n - 1] == '\n' && strchr(line, '\n') == line + n - 1,
       "one line, cut");
    must(setenv("JOURNAL_STREAM", "8:1", 1) == 0);
    log_init(&s, WF_LOG_INFO);
    s.fd = p[1];
    log_error(&s, "bus", "failed", NULL);
    (void) take(p[0], line, sizeof line);
    ok(strncmp(line, "<3>level=error", 14) == 0, "the journal gets a priority");
    return done();
}
