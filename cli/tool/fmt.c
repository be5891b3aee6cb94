#include "cli/tool/fmt.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define US_S UINT64_C(1000000)
#define US_M (60 * US_S)
#define US_H (60 * US_M)
#define US_D (24 * US_H)

#define USD        UINT64_C(1000000000000)
#define USD_PLACES 12

/* Three significant digits at most: 1.2, 12, 120. */
static struct fmt scaled(uint64_t value, uint64_t unit, const char *name)
{
    struct fmt out;

    if (unit > 1 && value < unit * 10 && value % unit >= unit / 20) {
        snprintf(out.s, sizeof(out.s), "%.1f %s", (double) value / (double) unit, name);
    } else {
        snprintf(out.s, sizeof(out.s), "%" PRIu64 " %s",
                 value / unit + (value % unit >= unit - unit / 2 ? 1 : 0), name);
    }
    return out;
}

static struct fmt pair(uint64_t us, uint64_t big, const char *big_name, uint64_t small,
                       const char *small_name)
{
    struct fmt out;
    int n = snprintf(out.s, sizeof(out.s), "%" PRIu64 "%s", us / big, big_name);

    if (us % big / small > 0) {
        snprintf(out.s + n, sizeof(out.s) - (size_t) n, "%02" PRIu64 "%s",
                 us % big / small, small_name);
    }
    return out;
}

struct fmt fmt_us(uint64_t us)
{
    struct fmt zero = {"0"};

    if (us == 0) {
        return zero;
    }
    if (us < 1000) {
        return scaled(us, 1, "us");
    }
    if (us < 999500) {
        return scaled(us, 1000, "ms");
    }
    if (us < 99500000) {
        return scaled(us, US_S, "s");
    }
    if (us < US_H) {
        return pair(us, US_M, "m", US_S, "s");
    }
    return us < US_D ? pair(us, US_H, "h", US_M, "m") : pair(us, US_D, "d", US_H, "h");
}

struct fmt fmt_ms(uint64_t ms)
{
    return fmt_us(ms > UINT64_MAX / 1000 ? UINT64_MAX : ms * 1000);
}

struct fmt fmt_size(uint64_t bytes)
{
    static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    uint64_t unit = 1;
    size_t i = 0;

    while (i < 6 && bytes / unit >= 1000) {
        unit *= 1024;
        i++;
    }
    return scaled(bytes, unit, names[i]);
}

struct fmt fmt_usd(uint64_t pusd)
{
    uint64_t unit = 1, rest;
    struct fmt out;
    int n, last;

    while (pusd / unit >= 1000) {
        unit *= 10;
    }
    rest = pusd % unit;
    pusd -= rest;
    pusd += unit > 1 && rest >= unit / 2 && pusd <= UINT64_MAX - unit ? unit : 0;
    n = snprintf(out.s, sizeof(out.s), "$%" PRIu64 ".%012" PRIu64, pusd / USD,
                 pusd % USD);
    /* Zeros at the end say nothing, but cents are written in full. */
    last = n - USD_PLACES + (pusd >= USD && pusd % USD != 0 ? 2 : 0);
    while (n > last && out.s[n - 1] == '0') {
        n--;
    }
    out.s[out.s[n - 1] == '.' ? n - 1 : n] = '\0';
    return out;
}

struct fmt fmt_permille(uint64_t pm)
{
    struct fmt out;

    snprintf(out.s, sizeof(out.s), "%" PRIu64 "%%", pm / 10 + (pm % 10 >= 5 ? 1 : 0));
    return out;
}

struct fmt fmt_wall(uint64_t wall_ms, uint64_t now_ms)
{
    struct fmt out = {"never"};
    time_t then = (time_t) (wall_ms / 1000), now = (time_t) (now_ms / 1000);
    struct tm a, b;

    if (wall_ms == 0 || localtime_r(&then, &a) == NULL || localtime_r(&now, &b) == NULL) {
        return out;
    }
    if (a.tm_year == b.tm_year && a.tm_yday == b.tm_yday) {
        strftime(out.s, sizeof(out.s), "%H:%M:%S", &a);
    } else {
        strftime(out.s, sizeof(out.s), "%Y-%m-%d %H:%M:%S", &a);
    }
    return out;
}

/* Digits at *text into *ret_value; the cursor moves behind them. */
static int digits(const char **text, uint64_t *ret_value)
{
    const char *p = *text;
    uint64_t v = 0;

    while (*p >= '0' && *p <= '9') {
        unsigned digit = (unsigned) (*p - '0');

        if (v > (UINT64_MAX - digit) / 10) {
            return -1;
        }
        v = v * 10 + digit;
        p++;
    }
    if (p == *text) {
        return -1;
    }
    *text = p;
    *ret_value = v;
    return 0;
}

int fmt_parse_uint(const char *text, uint64_t *ret_value)
{
    uint64_t v;

    if (digits(&text, &v) < 0 || *text != '\0') {
        return -1;
    }
    *ret_value = v;
    return 0;
}

static uint64_t time_unit(const char **text)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t len = strlen(units[i].name);

        if (strncmp(*text, units[i].name, len) == 0) {
            *text += len;
            return units[i].ms;
        }
    }
    return **text == '\0' ? 1000 : 0;
}

int fmt_parse_time(const char *text, uint64_t *ret_ms)
{
    uint64_t total = 0;

    if (*text == '\0') {
        return -1;
    }
    while (*text != '\0') {
        uint64_t v, unit;

        if (digits(&text, &v) < 0) {
            return -1;
        }
        unit = time_unit(&text);
        if (unit == 0 || v > UINT64_MAX / unit || v * unit > UINT64_MAX - total) {
            return -1;
        }
        total += v * unit;
    }
    *ret_ms = total;
    return 0;
}

int fmt_parse_usd(const char *text, uint64_t *ret_pusd)
{
    uint64_t whole, fraction = 0;
    const char *point;
    ptrdiff_t places;

    text += *text == '$';
    if (digits(&text, &whole) < 0 || whole > UINT64_MAX / USD) {
        return -1;
    }
    point = text;
    if (*text == '.' && (text++, digits(&text, &fraction) < 0)) {
        return -1;
    }
    places = text - point - (text != point);
    if (*text != '\0' || places > USD_PLACES) {
        return -1;
    }
    for (; places < USD_PLACES; places++) {
        fraction *= 10;
    }
    if (fraction > UINT64_MAX - whole * USD) {
        return -1;
    }
    *ret_pusd = whole * USD + fraction;
    return 0;
}

int fmt_parse_size(const char *text, uint64_t *ret_bytes)
{
    static const char letters[] = "kmgt";
    const char *letter;
    uint64_t v;
    unsigned shift = 0;

    if (digits(&text, &v) < 0) {
        return -1;
    }
    letter = *text != '\0' ? strchr(letters, *text | 0x20) : NULL;
    if (letter != NULL) {
        shift = 10 * (unsigned) (letter - letters + 1);
        text++;
    }
    if (strcasecmp(text, "b") == 0 || (shift > 0 && strcasecmp(text, "ib") == 0)) {
        text += strlen(text);
    }
    if (*text != '\0' || v > UINT64_MAX >> shift) {
        return -1;
    }
    *ret_bytes = v << shift;
    return 0;
}
