/* log.h - format log lines (logfmt); where they go is common/io/log's matter
 *
 *     level=info area=jobs event=submitted job=01ab cap=wordcount
 *
 * One line without newline and without time, which the sink puts in front.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include "common/defs.h"

#include <stdarg.h>

#define WF_LOG_LINE 1024 /* room that sinks give a line */

enum wf_log_level {
    WF_LOG_ERROR,
    WF_LOG_WARN,
    WF_LOG_INFO,
    WF_LOG_DEBUG,
};

/* "error", "warn", "info", "debug".  Static. */
const char *wf_log_level_name(enum wf_log_level level);

/* 0 or WEFT_EINVAL. */
int wf_log_level_parse(const char *s, enum wf_log_level *ret_level);

/* Format a line; `fmt` makes the "key=value key=value" part (NULL: none).  Control bytes
 * in the result become spaces, so that a line stays one line whatever a value holds; peer
 * text goes through wf_log_value() first.  What does not fit is cut and ends in "...".
 * Returns the length written; cap is at least 64. */
size_t wf_log_line(char *dst, size_t cap, enum wf_log_level level, const char *area,
                   const char *event, const char *fmt, ...) WF_PRINTF(6, 7);
size_t wf_log_vline(char *dst, size_t cap, enum wf_log_level level, const char *area,
                    const char *event, const char *fmt, va_list ap) WF_PRINTF(6, 0);

/* Make bytes a logfmt value: escaped as wf_str_escape() does, in quotes when empty or
 * when they hold a space or `=`.  Returns `dst`, cut short where it ends; cap is at
 * least 8. */
char *wf_log_value(char *dst, size_t cap, const void *src, size_t len);

#endif
