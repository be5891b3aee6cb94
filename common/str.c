#include "common/str.h"

#include "client/include/weft/error.h"

#include <string.h>

static const char hex_digits[] = "0123456789abcdef";

size_t wf_utf8_cut(const void *p, size_t len)
{
    const uint8_t *s = p;
    size_t tail = 1; /* bytes of the last character that are there */

    while (tail < 4 && tail < len && (s[len - tail] & 0xc0) == 0x80) {
        tail++;
    }
    if (len != 0) {
        uint8_t lead = s[len - tail];
        size_t whole = lead < 0xc0 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;

        len -= tail < whole ? tail : 0;
    }
    return len;
}

int wf_str_copy(char *dst, size_t cap, const char *src)
{
    return wf_str_copy_n(dst, cap, src, strlen(src));
}

int wf_str_copy_n(char *dst, size_t cap, const void *src, size_t len)
{
    int rc = 0;

    if (cap == 0) {
        return WEFT_ETOOBIG;
    }
    if (len > cap - 1) {
        len = wf_utf8_cut(src, cap - 1);
        rc = WEFT_ETOOBIG;
    }
    if (len != 0) {
        memcpy(dst, src, len);
    }
    dst[len] = '\0';
    return memchr(dst, '\0', len) != NULL ? WEFT_EINVAL : rc;
}

void wf_hex(char *dst, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;

    for (size_t i = 0; i < len; i++) {
        *dst++ = hex_digits[p[i] >> 4];
        *dst++ = hex_digits[p[i] & 15];
    }
    *dst = '\0';
}

/* The value of a hex digit, or -1. */
static int nibble(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int wf_unhex(uint8_t *dst, size_t cap, const char *hex, size_t *ret_len)
{
    size_t len = strlen(hex);

    for (size_t i = 0; i < len; i++) {
        if (nibble(hex[i]) < 0) {
            return WEFT_EINVAL;
        }
    }
    if (len % 2 != 0) {
        return WEFT_EINVAL;
    }
    if (len / 2 > cap) {
        return WEFT_ETOOBIG;
    }
    for (size_t i = 0; i < len / 2; i++) {
        dst[i] = (uint8_t) (nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    }
    *ret_len = len / 2;
    return 0;
}

/* Length of the well-formed UTF-8 character at p, with its code point; 0: none there. */
static size_t utf8_char(const uint8_t *p, size_t len, uint32_t *ret)
{
    /* Least code point that needs so many bytes: less is an overlong form. */
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n;
    uint32_t v;

    if (p[0] < 0x80) {
        *ret = p[0];
        return 1;
    }
    n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc0 || p[0] >= 0xf8 || n > len) {
        return 0;
    }
    v = p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
        v = v << 6 | (p[i] & 0x3f);
    }
    if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff)) {
        return 0;
    }
    *ret = v;
    return n;
}

int wf_utf8_ok(const void *p, size_t len)
{
    const uint8_t *at = p;

    while (len != 0) {
        uint32_t v;
        size_t n = utf8_char(at, len, &v);

        if (n == 0) {
            return 0;
        }
        at += n;
        len -= n;
    }
    return 1;
}

/* Whether a terminal or a reader of logs takes the character for no more than itself. */
static int harmless(uint32_t v)
{
    if (v < 0x80) {
        return v >= 0x20 && v < 0x7f && v != '"' && v != '\'' && v != '\\';
    }
    return v >= 0xa0 && v != 0x200e && v != 0x200f && (v < 0x2028 || v > 0x202e) &&
           (v < 0x2066 || v > 0x2069) && v != 0x61c && v != 0xfeff;
}

size_t wf_str_escape(char *dst, size_t cap, const void *src, size_t len)
{
    const uint8_t *p = src;
    size_t used = 0;

    if (cap == 0) {
        return 0;
    }
    while (len != 0) {
        uint32_t v;
        size_t n = utf8_char(p, len, &v);

        if (n != 0 && harmless(v)) {
            if (n > cap - 1 - used) {
                break;
            }
            memcpy(dst + used, p, n);
            used += n;
        } else {
            n = 1;
            if (4 > cap - 1 - used) {
                break;
            }
            dst[used++] = '\\';
            dst[used++] = 'x';
            dst[used++] = hex_digits[*p >> 4];
            dst[used++] = hex_digits[*p & 15];
        }
        p += n;
        len -= n;
    }
    dst[used] = '\0';
    return used;
}

static const char base64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int wf_base64url_encode(char *dst, size_t cap, const void *src, size_t len)
{
    const uint8_t *p = src;
    uint32_t bits = 0;
    unsigned have = 0;

    if (cap != 0) {
        *dst = '\0';
    }
    /* The same as WF_BASE64URL_LEN(len) >= cap, without overflow. */
    if (cap == 0 || len > (cap - 1) / 4 * 3 + (cap - 1) % 4 * 3 / 4) {
        return WEFT_ETOOBIG;
    }
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | p[i];
        for (have += 8; have >= 6; have -= 6) {
            *dst++ = base64[bits >> (have - 6) & 63];
        }
    }
    if (have != 0) {
        *dst++ = base64[bits << (6 - have) & 63];
    }
    *dst = '\0';
    return 0;
}

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

int wf_base64url_decode(uint8_t *dst, size_t cap, const char *src, size_t len,
                        size_t *ret_len)
{
    uint32_t bits = 0;
    unsigned have = 0;

    for (size_t i = 0; i < len; i++) {
        if (sextet(src[i]) < 0) {
            return WEFT_EINVAL;
        }
    }
    /* The bits of the last character that belong to no byte must be 0, so that each value
     * has one spelling. */
    if (len % 4 == 1 || (len % 4 == 2 && (sextet(src[len - 1]) & 15) != 0) ||
        (len % 4 == 3 && (sextet(src[len - 1]) & 3) != 0)) {
        return WEFT_EINVAL;
    }
    if (len / 4 * 3 + len % 4 * 3 / 4 > cap) {
        return WEFT_ETOOBIG;
    }
    *ret_len = len / 4 * 3 + len % 4 * 3 / 4;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 6 | (uint32_t) sextet(src[i]);
        have += 6;
        if (have >= 8) {
            have -= 8;
            *dst++ = (uint8_t) (bits >> have);
        }
    }
    return 0;
}

int wf_glob(const char *pattern, const char *text)
{
    const char *star = NULL;  /* the last `*` met */
    const char *retry = text; /* where what follows it is tried next */

    while (*text != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            retry = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star + 1;
            text = ++retry;
        } else {
            return 0;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}
