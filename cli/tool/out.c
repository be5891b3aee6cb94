#include "cli/tool/out.h"

#include <langinfo.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/tool/mem.h"
#include "cli/tool/text.h"

#define OUT_KEY    12 /* columns of a key */
#define OUT_INDENT 4  /* of the lines after the first */

static const char *const codes[] = {"",        "\033[32m", "\033[33m", "\033[31m",
                                    "\033[2m", "\033[1m",  "\033[36m"};

static int wants_color(const struct out *out, int no_color)
{
    const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

    return out->tty && !no_color && (no == NULL || *no == '\0') && term != NULL &&
           strcmp(term, "dumb") != 0;
}

static int positive(const char *name, int fallback)
{
    const char *text = getenv(name);
    int v = text != NULL ? atoi(text) : 0;

    return v > 0 && v < 10000 ? v : fallback;
}

void out_init(struct out *out, FILE *f, int no_color)
{
    memset(out, 0, sizeof(*out));
    out->f = f;
    out->tty = isatty(fileno(f));
    out->color = wants_color(out, no_color);
    out->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    out_resize(out);
}

void out_resize(struct out *out)
{
    struct winsize ws;

    out->width = positive("COLUMNS", 80);
    out->height = positive("LINES", 24);
    if (out->tty && ioctl(fileno(stdout), TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0 &&
        ws.ws_row > 0) {
        out->width = ws.ws_col;
        out->height = ws.ws_row;
    }
}

const char *out_on(const struct out *out, enum tint tint)
{
    return out->color ? codes[tint] : "";
}

const char *out_off(const struct out *out, enum tint tint)
{
    return out->color && tint != TINT_NONE ? "\033[0m" : "";
}

void out_print(struct out *out, enum tint tint, const char *fmt, ...)
{
    va_list ap;

    fputs(out_on(out, tint), out->f);
    va_start(ap, fmt);
    vfprintf(out->f, fmt, ap);
    va_end(ap);
    fputs(out_off(out, tint), out->f);
}

/* The words of `text` in the columns behind `indent`, a line each. */
static void put_wrapped(struct out *out, enum tint tint, const char *text, size_t indent)
{
    size_t room = (size_t) out->width > indent + 20 ? (size_t) out->width - indent : 20;

    while (text_width(text) > room) {
        size_t fit = text_fit(text, room), cut = fit;

        while (cut > 0 && text[cut] != ' ') {
            cut--;
        }
        cut = cut > 0 ? cut : fit;
        out_print(out, tint, "%.*s", (int) cut, text);
        fprintf(out->f, "\n%*s", (int) indent, "");
        text += cut + (text[cut] == ' ');
    }
    out_print(out, tint, "%s", text);
}

void out_pair(struct out *out, const char *key, enum tint tint, const char *fmt, ...)
{
    char *raw = NULL, *clean;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vasprintf(&raw, fmt, ap);
    va_end(ap);
    clean = text_clean(n < 0 ? "?" : raw);
    if (out->tty) {
        out_print(out, TINT_DIM, "%-*s ", OUT_KEY, key);
        put_wrapped(out, tint, clean, OUT_KEY + 1);
    } else {
        fprintf(out->f, "%s\t%s", key, clean);
    }
    fputc('\n', out->f);
    free(clean);
    if (n >= 0) {
        free(raw);
    }
}

void out_line(struct out *out, const char *fmt, ...)
{
    char *raw = NULL, *clean;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vasprintf(&raw, fmt, ap);
    va_end(ap);
    clean = text_clean(n < 0 ? "?" : raw);
    if (out->tty) {
        put_wrapped(out, TINT_NONE, clean, OUT_INDENT);
    } else {
        fputs(clean, out->f);
    }
    fputc('\n', out->f);
    free(clean);
    if (n >= 0) {
        free(raw);
    }
}
