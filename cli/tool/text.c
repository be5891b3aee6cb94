#include "cli/tool/text.h"

#include <stdint.h>
#include <string.h>

#include "cli/tool/mem.h"

size_t text_char(const char *s, size_t len)
{
    const unsigned char *p = (const unsigned char *) s;
    size_t n;
    uint32_t v;

    if (len == 0) {
        return 0;
    }
    if (p[0] < 0x80) {
        return 1;
    }
    if (p[0] < 0xc2 || p[0] > 0xf4) {
        return 0;
    }
    n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (n > len) {
        return 0;
    }
    v = p[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
        v = v << 6 | (p[i] & 0x3fu);
    }
    if ((n == 3 && (v < 0x800 || (v >= 0xd800 && v < 0xe000))) ||
        (n == 4 && (v < 0x10000 || v > 0x10ffff))) {
        return 0;
    }
    return n;
}

int text_is_utf8(const void *data, size_t len)
{
    const char *s = data;
    size_t i = 0;

    while (i < len) {
        size_t n = text_char(s + i, len - i);

        if (n == 0 || s[i] == '\0') {
            return 0;
        }
        i += n;
    }
    return 1;
}

/* Bytes of the colour sequence at `s`, 0 when there is none. */
static size_t colour(const char *s)
{
    size_t n = 2;

    if (s[0] != '\033' || s[1] != '[') {
        return 0;
    }
    while ((s[n] >= '0' && s[n] <= '9') || s[n] == ';') {
        n++;
    }
    return s[n] == 'm' ? n + 1 : 0;
}

static size_t step(const char *s, size_t *ret_columns)
{
    size_t n = colour(s);

    *ret_columns = n > 0 ? 0 : 1;
    if (n == 0) {
        n = text_char(s, strnlen(s, 4));
    }
    return n > 0 ? n : 1;
}

size_t text_width(const char *s)
{
    size_t width = 0, columns;

    while (*s != '\0') {
        s += step(s, &columns);
        width += columns;
    }
    return width;
}

size_t text_fit(const char *s, size_t columns)
{
    const char *p = s;
    size_t width = 0;

    while (*p != '\0' && *p != '\n') {
        size_t c, n = step(p, &c);

        if (c > columns - width) {
            break;
        }
        width += c;
        p += n;
    }
    return (size_t) (p - s);
}

char *text_clean(const char *s)
{
    size_t len = strlen(s), i = 0;
    char *out = mem_strdup(s);

    while (i < len) {
        size_t n = text_char(s + i, len - i);
        unsigned char c = (unsigned char) s[i];

        if (c == '\t' || c == '\n') {
            out[i] = ' ';
        } else if (n == 0 || c < 0x20 || c == 0x7f) {
            out[i] = '?';
        } else if (n == 2 && c == 0xc2 && (unsigned char) s[i + 1] < 0xa0) {
            /* C1 controls: some terminals take U+009B for ESC [. */
            out[i] = out[i + 1] = '?';
        }
        i += n > 0 ? n : 1;
    }
    return out;
}

void text_shorten(char *s, size_t columns)
{
    size_t keep;

    if (columns == 0 || text_width(s) <= columns) {
        return;
    }
    keep = text_fit(s, columns - 1);
    s[keep] = '~';
    s[keep + 1] = '\0';
}
