/* parse.h - strict text to numbers and back
 *
 * The whole text must be the value: no spaces, no signs, no trailing bytes, decimal
 * digits only, overflow is an error.  All return 0 or WEFT_EINVAL; outputs are set on
 * success only.
 */
#ifndef COMMON_PARSE_H
#define COMMON_PARSE_H

#include "common/defs.h"

int wf_parse_u64(const char *s, uint64_t *ret);

/* "250ms", "5s", "15m", "2h", "7d".  A bare number is refused, but for "0". */
int wf_parse_duration_ms(const char *s, uint64_t *ret_ms);

/* Bytes: "4096", "64K", "4M", "1G", "2T"; powers of 1024, either case. */
int wf_parse_size(const char *s, uint64_t *ret_bytes);

/* "0.08", "3": a decimal fraction times 10^places, exactly; more than `places` digits
 * behind the point are refused. */
int wf_parse_decimal(const char *s, unsigned places, uint64_t *ret);

/* yes/no, true/false, on/off, 1/0 in lower case: *ret becomes 1 or 0. */
int wf_parse_bool(const char *s, int *ret);

/* Exact text in the largest unit that divides the value, which the parser above reads
 * back to the same number.  Returns `dst`; WF_FORMAT_NUMBER bytes are always enough. */
#define WF_FORMAT_NUMBER 24
char *wf_format_duration_ms(char *dst, size_t cap, uint64_t ms);
char *wf_format_size(char *dst, size_t cap, uint64_t bytes);

#endif
