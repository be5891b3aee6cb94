/* str.h - bounded operations on strings and bytes
 *
 * Every destination comes with its capacity, includes room for the terminating zero, and
 * is terminated even on failure (when its capacity is not 0).
 */
#ifndef COMMON_STR_H
#define COMMON_STR_H

#include "common/defs.h"

/* Copy; WEFT_ETOOBIG when cut short.  _n copies `len` bytes, which hold no zero:
 * WEFT_EINVAL if they do. */
int wf_str_copy(char *dst, size_t cap, const char *src);
int wf_str_copy_n(char *dst, size_t cap, const void *src, size_t len);

/* Lower-case hex of `len` bytes; dst holds 2 * len + 1. */
void wf_hex(char *dst, const void *bytes, size_t len);

/* Either case.  WEFT_EINVAL (odd length, not hex), WEFT_ETOOBIG. */
int wf_unhex(uint8_t *dst, size_t cap, const char *hex, size_t *ret_len);

/* Make peer bytes safe to print on one line: printable ASCII and well-formed UTF-8 stay;
 * quotes, backslashes, control characters (also U+0080-9F and those that change the
 * direction or break lines) and other bytes become \xNN.  Cut short, never inside an
 * escape or a character, where dst ends.  Returns the length written. */
size_t wf_str_escape(char *dst, size_t cap, const void *src, size_t len);

/* RFC 4648 section 5 without padding.  Encode: WEFT_ETOOBIG.  Decode refuses any other
 * byte, impossible lengths and set bits past the end: WEFT_EINVAL, WEFT_ETOOBIG. */
#define WF_BASE64URL_LEN(len) (((len) *4 + 2) / 3)
int wf_base64url_encode(char *dst, size_t cap, const void *src, size_t len);
int wf_base64url_decode(uint8_t *dst, size_t cap, const char *src, size_t len,
                        size_t *ret_len);

/* Well-formed UTF-8 (RFC 3629): no overlong forms, surrogates or values over U+10FFFF. */
int wf_utf8_ok(const void *p, size_t len);

/* The length of text cut at `len` when a character that the cut went through is left out.
 */
size_t wf_utf8_cut(const void *p, size_t len);

/* Match the whole text; `*` stands for any bytes, also none, all else for itself.
 * Iterative; at worst as many steps as the product of the lengths. */
int wf_glob(const char *pattern, const char *text);

#endif
