/* log.h - log lines to a descriptor
 *
 *     ts=2025-11-22T10:30:00.123Z level=info area=jobs event=submitted job=01ab
 *
 * Under systemd (JOURNAL_STREAM) the line starts with "<6>" instead of the time.  One
 * write() a line.  Peer text goes through wf_log_value() first.
 */
#ifndef COMMON_IO_LOG_H
#define COMMON_IO_LOG_H

#include "common/log.h"

#include <stdbool.h>

struct log_sink {
    int fd;
    enum wf_log_level level; /* the least severe that is written */
    bool journal;
};

/* A sink on stderr. */
void log_init(struct log_sink *s, enum wf_log_level level);

void log_write(const struct log_sink *s, enum wf_log_level level, const char *area,
               const char *event, const char *fmt, ...) WF_PRINTF(5, 6);

/* The arguments are evaluated only when the line is written. */
#define log_error(s, ...) LOG_AT(s, WF_LOG_ERROR, __VA_ARGS__)
#define log_warn(s, ...)  LOG_AT(s, WF_LOG_WARN, __VA_ARGS__)
#define log_info(s, ...)  LOG_AT(s, WF_LOG_INFO, __VA_ARGS__)
#define log_debug(s, ...) LOG_AT(s, WF_LOG_DEBUG, __VA_ARGS__)

#define LOG_AT(s, lvl, ...)                                                              \
    do {                                                                                 \
        if ((lvl) <= (s)->level) {                                                       \
            log_write((s), (lvl), __VA_ARGS__);                                          \
        }                                                                                \
    } while (0)

#endif
