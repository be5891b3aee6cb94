/* fmt.h - times, sizes and numbers as people read and write them
 *
 * The printing functions return their text by value: `fmt_us(n).s` lives until the end of
 * the expression that calls it.  Pure.
 */
#ifndef CLI_TOOL_FMT_H
#define CLI_TOOL_FMT_H

#include <stddef.h>
#include <stdint.h>

struct fmt {
    char s[32];
};

/* "0", "85 us", "1.2 ms", "340 ms", "1.2 s", "3m20s", "2h05m", "3d04h",
 * "365d". */
struct fmt fmt_us(uint64_t us);
struct fmt fmt_ms(uint64_t ms);

/* "0 B", "812 B", "1.2 KiB", "64 MiB". */
struct fmt fmt_size(uint64_t bytes);

/* "12%" of a value per mille. */
struct fmt fmt_permille(uint64_t pm);

/* "14:02:11", with the date in front when it is not the day of `now_ms`; "never" for 0.
 * Milliseconds since 1970; local time. */
struct fmt fmt_wall(uint64_t wall_ms, uint64_t now_ms);

/* "$0", "$0.000012", "$0.0025", "$1.20", "$340": three digits that count, of 1e-12 $. */
struct fmt fmt_usd(uint64_t pusd);

/* "250ms", "30s" (or "30"), "5m", "1h30m", "2d" into milliseconds; -1 when it is not a
 * time. */
int fmt_parse_time(const char *text, uint64_t *ret_ms);

/* "512", "64k", "10M", "2GiB": powers of 1024; -1 when it is not a size. */
int fmt_parse_size(const char *text, uint64_t *ret_bytes);

/* "0.002", "3", also "$3": dollars into 1e-12 $; -1 when it is no such amount, has more
 * than 12 digits behind the point, or is too much. */
int fmt_parse_usd(const char *text, uint64_t *ret_pusd);

/* Decimal digits only; -1 otherwise. */
int fmt_parse_uint(const char *text, uint64_t *ret_value);

#endif
