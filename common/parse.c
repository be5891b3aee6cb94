#include "common/parse.h"

#include "client/include/weft/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
};

/* Ascending: formatting takes the last that divides. */
static const struct unit durations[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
};
static const struct unit sizes[] = {
    {"", 1},
    {"K", UINT64_C(1) << 10},
    {"M", UINT64_C(1) << 20},
    {"G", UINT64_C(1) << 30},
    {"T", UINT64_C(1) << 40},
};

/* The digits at *s, of which there must be one; *s moves past them. */
static int digits(const char **s, uint64_t *ret)
{
    uint64_t v = 0;
    const char *p = *s;

    for (; *p >= '0' && *p <= '9'; p++) {
        uint64_t digit = (uint64_t) (*p - '0');

        if (v > (UINT64_MAX - digit) / 10) {
            return WEFT_EINVAL;
        }
        v = v * 10 + digit;
    }
    if (p == *s) {
        return WEFT_EINVAL;
    }
    *s = p;
    *ret = v;
    return 0;
}

int wf_parse_u64(const char *s, uint64_t *ret)
{
    uint64_t v;

    if (digits(&s, &v) != 0 || *s != '\0') {
        return WEFT_EINVAL;
    }
    *ret = v;
    return 0;
}

int wf_parse_decimal(const char *s, unsigned places, uint64_t *ret)
{
    uint64_t v, fraction = 0;
    const char *point;
    unsigned given = 0;

    if (digits(&s, &v) != 0) {
        return WEFT_EINVAL;
    }
    if (*s == '.') {
        point = ++s;
        if (digits(&s, &fraction) != 0 || s - point > (ptrdiff_t) places) {
            return WEFT_EINVAL;
        }
        given = (unsigned) (s - point);
    }
    for (unsigned i = 0; i < places; i++) {
        if (v > UINT64_MAX / 10) {
            return WEFT_EINVAL;
        }
        v *= 10;
        /* What there is of the fraction stands in its own place already. */
        fraction *= i >= given ? 10 : 1;
    }
    if (*s != '\0' || v > UINT64_MAX - fraction) {
        return WEFT_EINVAL;
    }
    *ret = v + fraction;
    return 0;
}

static int scale(uint64_t v, const char *name, const struct unit *units, size_t n,
                 uint64_t *ret)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(name, units[i].name) == 0) {
            if (v > UINT64_MAX / units[i].factor) {
                return WEFT_EINVAL;
            }
            *ret = v * units[i].factor;
            return 0;
        }
    }
    return WEFT_EINVAL;
}

int wf_parse_duration_ms(const char *s, uint64_t *ret_ms)
{
    uint64_t v;

    if (digits(&s, &v) != 0) {
        return WEFT_EINVAL;
    }
    if (v == 0 && *s == '\0') {
        *ret_ms = 0;
        return 0;
    }
    return scale(v, s, durations, ARRAY_LEN(durations), ret_ms);
}

int wf_parse_size(const char *s, uint64_t *ret_bytes)
{
    char name[2] = "";
    uint64_t v;

    if (digits(&s, &v) != 0 || (*s != '\0' && s[1] != '\0')) {
        return WEFT_EINVAL;
    }
    name[0] = *s >= 'a' && *s <= 'z' ? (char) (*s - 'a' + 'A') : *s;
    return scale(v, name, sizes, ARRAY_LEN(sizes), ret_bytes);
}

int wf_parse_bool(const char *s, int *ret)
{
    static const char *const words[] = {"no",  "yes", "false", "true",
                                        "off", "on",  "0",     "1"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(s, words[i]) == 0) {
            *ret = i % 2 != 0;
            return 0;
        }
    }
    return WEFT_EINVAL;
}

static char *format(char *dst, size_t cap, uint64_t v, const struct unit *units, size_t n)
{
    const struct unit *u = &units[0];

    for (size_t i = 1; i < n && v != 0; i++) {
        if (v % units[i].factor == 0) {
            u = &units[i];
        }
    }
    (void) snprintf(dst, cap, "%" PRIu64 "%s", v / u->factor, u->name);
    return dst;
}

char *wf_format_duration_ms(char *dst, size_t cap, uint64_t ms)
{
    return format(dst, cap, ms, durations, ARRAY_LEN(durations));
}

char *wf_format_size(char *dst, size_t cap, uint64_t bytes)
{
    return format(dst, cap, bytes, sizes, ARRAY_LEN(sizes));
}
