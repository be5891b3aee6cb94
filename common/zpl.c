#include "common/zpl.h"

#include "common/str.h"

#include <string.h>

#define INDENT 4

int wf_zpl_init(struct wf_zpl *z, const char *text, size_t len, struct wf_err *err)
{
    if (len > WF_ZPL_TEXT_MAX) {
        return wf_err_set(err, WEFT_ECONF, "longer than %u bytes", WF_ZPL_TEXT_MAX);
    }
    z->p = len != 0 ? text : "";
    z->end = z->p + len;
    z->line = 0;
    return 0;
}

/* Take one line off the text into `line`, terminated, when all its bytes are allowed. */
static int take_line(struct wf_zpl *z, char line[WF_ZPL_LINE_MAX + 1], struct wf_err *err)
{
    size_t left = (size_t) (z->end - z->p);
    const char *lf = memchr(z->p, '\n', left);
    const char *start = z->p;
    size_t len = lf != NULL ? (size_t) (lf - start) : left;

    z->line++;
    z->p += lf != NULL ? len + 1 : len;
    if (len != 0 && start[len - 1] == '\r') {
        len--;
    }
    if (len > WF_ZPL_LINE_MAX) {
        return wf_err_set(err, WEFT_ECONF, "line %u: longer than %d bytes", z->line,
                          WF_ZPL_LINE_MAX);
    }
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char) start[i] < 0x20 || start[i] == 0x7f) {
            return wf_err_set(
                err, WEFT_ECONF, "line %u: %s at column %zu", z->line,
                start[i] == '\t' ? "a tab (use spaces)" : "a control character", i + 1);
        }
    }
    if (!wf_utf8_ok(start, len)) {
        return wf_err_set(err, WEFT_ECONF, "line %u: not UTF-8", z->line);
    }
    memcpy(line, start, len);
    line[len] = '\0';
    return 0;
}

static int name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("$-_@.&+/", c) != NULL);
}

static const char *skip_spaces(const char *s)
{
    return s + strspn(s, " ");
}

static int at_end(const char *s)
{
    s = skip_spaces(s);
    return *s == '\0' || *s == '#';
}

/* A value in quotes, up to the same quote; nothing but a comment may follow. */
static int quoted_value(const char *s, struct wf_zpl_item *ret, struct wf_err *err)
{
    const char *close = strchr(s + 1, *s);
    size_t len;

    if (close == NULL) {
        return wf_err_set(err, WEFT_ECONF, "line %u: the value's quote is not closed",
                          ret->line);
    }
    if (!at_end(close + 1)) {
        return wf_err_set(err, WEFT_ECONF, "line %u: text after the closing quote",
                          ret->line);
    }
    len = (size_t) (close - s - 1);
    memcpy(ret->value, s + 1, len);
    ret->value[len] = '\0';
    return 0;
}

static int plain_value(const char *s, struct wf_zpl_item *ret, struct wf_err *err)
{
    size_t len = strcspn(s, "#");

    /* zconfig cuts there; a person who wrote it may have meant it to be kept. */
    if (s[len] == '#' && len != 0 && s[len - 1] != ' ') {
        return wf_err_set(err, WEFT_ECONF, "line %u: put a value that holds # in quotes",
                          ret->line);
    }
    while (len != 0 && s[len - 1] == ' ') {
        len--;
    }
    memcpy(ret->value, s, len);
    ret->value[len] = '\0';
    return 0;
}

/* `line` is not blank and not a comment. */
static int parse_line(const char *line, struct wf_zpl_item *ret, struct wf_err *err)
{
    size_t indent = strspn(line, " ");
    const char *s = line + indent;
    size_t len = 0;

    if (indent != 0 && indent != INDENT) {
        return wf_err_set(err, WEFT_ECONF,
                          "line %u: indented by %zu spaces, not %d (in a section) or 0",
                          ret->line, indent, INDENT);
    }
    ret->level = indent / INDENT;
    while (name_char(s[len])) {
        len++;
    }
    if (len == 0 || len >= sizeof ret->name) {
        return wf_err_set(err, WEFT_ECONF, "line %u: expected a name of 1 to %zu bytes",
                          ret->line, sizeof ret->name - 1);
    }
    memcpy(ret->name, s, len);
    ret->name[len] = '\0';
    ret->value[0] = '\0';
    ret->has_value = 0;
    if (at_end(s + len)) {
        return 0;
    }
    s = skip_spaces(s + len);
    if (*s != '=') {
        return wf_err_set(err, WEFT_ECONF, "line %u: expected `=` after `%s`", ret->line,
                          ret->name);
    }
    s = skip_spaces(s + 1);
    ret->has_value = 1;
    return *s == '"' || *s == '\'' ? quoted_value(s, ret, err) : plain_value(s, ret, err);
}

int wf_zpl_next(struct wf_zpl *z, struct wf_zpl_item *ret, struct wf_err *err)
{
    char line[WF_ZPL_LINE_MAX + 1];

    while (z->p != z->end) {
        int rc = take_line(z, line, err);

        if (rc != 0) {
            return rc;
        }
        if (!at_end(line)) {
            ret->line = z->line;
            rc = parse_line(line, ret, err);
            return rc != 0 ? rc : 1;
        }
    }
    return 0;
}
