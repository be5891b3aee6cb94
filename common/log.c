#include "common/log.h"

#include "client/include/weft/error.h"
#include "common/check.h"
#include "common/str.h"

#include <stdio.h>
#include <string.h>

static const char *const names[] = {"error", "warn", "info", "debug"};

const char *wf_log_level_name(enum wf_log_level level)
{
    return (unsigned) level < ARRAY_LEN(names) ? names[level] : "?";
}

int wf_log_level_parse(const char *s, enum wf_log_level *ret_level)
{
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(s, names[i]) == 0) {
            *ret_level = (enum wf_log_level) i;
            return 0;
        }
    }
    return WEFT_EINVAL;
}

/* End a line that did not fit in "...", not inside a UTF-8 character. */
static size_t cut(char *dst, size_t cap)
{
    size_t at = cap - 4;

    while (at > 0 && ((unsigned char) dst[at] & 0xc0) == 0x80) {
        at--;
    }
    memcpy(dst + at, "...", 4);
    return at + 3;
}

size_t wf_log_vline(char *dst, size_t cap, enum wf_log_level level, const char *area,
                    const char *event, const char *fmt, va_list ap)
{
    int n;
    size_t used;

    WF_CHECK(cap >= 64);
    n = snprintf(dst, cap, "level=%s area=%s event=%s%s", wf_log_level_name(level), area,
                 event, fmt != NULL ? " " : "");
    used = n > 0 ? (size_t) n : 0;
    if (fmt != NULL && used < cap) {
        n = vsnprintf(dst + used, cap - used, fmt, ap);
        used += n > 0 ? (size_t) n : 0;
    }
    if (used >= cap) {
        used = cut(dst, cap);
    }
    for (size_t i = 0; i < used; i++) {
        if ((unsigned char) dst[i] < 0x20 || dst[i] == 0x7f) {
            dst[i] = ' ';
        }
    }
    return used;
}

size_t wf_log_line(char *dst, size_t cap, enum wf_log_level level, const char *area,
                   const char *event, const char *fmt, ...)
{
    va_list ap;
    size_t n;

    va_start(ap, fmt);
    n = wf_log_vline(dst, cap, level, area, event, fmt, ap);
    va_end(ap);
    return n;
}

char *wf_log_value(char *dst, size_t cap, const void *src, size_t len)
{
    size_t n;

    WF_CHECK(cap >= 8);
    /* Leaves room on both sides for the quotes, whether needed or not. */
    n = wf_str_escape(dst + 1, cap - 2, src, len);
    if (n == 0 || memchr(dst + 1, ' ', n) != NULL || memchr(dst + 1, '=', n) != NULL) {
        dst[0] = '"';
        dst[n + 1] = '"';
        dst[n + 2] = '\0';
    } else {
        memmove(dst, dst + 1, n + 1);
    }
    return dst;
}
