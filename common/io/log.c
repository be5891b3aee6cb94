#include "common/io/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

void log_init(struct log_sink *s, enum wf_log_level level)
{
    *s = (struct log_sink){STDERR_FILENO, level, getenv("JOURNAL_STREAM") != NULL};
}

/* The journal has its own clock and wants a priority (sd-daemon(3)). */
static size_t prefix(const struct log_sink *s, enum wf_log_level level, char *dst,
                     size_t cap)
{
    static const int priority[] = {3, 4, 6, 7};
    struct timespec t = {0, 0};
    struct tm tm;
    int n;

    if (s->journal) {
        n = snprintf(dst, cap, "<%d>", priority[level]);
    } else {
        (void) clock_gettime(CLOCK_REALTIME, &t);
        (void) gmtime_r(&t.tv_sec, &tm);
        n = snprintf(dst, cap, "ts=%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ ",
                     tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                     tm.tm_sec, t.tv_nsec / 1000000);
    }
    return n > 0 ? (size_t) n : 0;
}

void log_write(const struct log_sink *s, enum wf_log_level level, const char *area,
               const char *event, const char *fmt, ...)
{
    char line[64 + WF_LOG_LINE];
    size_t len;
    va_list ap;
    ssize_t n;

    if (level > s->level) {
        return;
    }
    len = prefix(s, level, line, 64);
    va_start(ap, fmt);
    len += wf_log_vline(line + len, WF_LOG_LINE - 1, level, area, event, fmt, ap);
    va_end(ap);
    line[len++] = '\n';
    do {
        n = write(s->fd, line, len);
    } while (n < 0 && errno == EINTR);
}
