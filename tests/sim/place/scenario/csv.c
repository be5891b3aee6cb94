#include "tests/sim/place/scenario/csv.h"

#include "tests/sim/place/scenario/vec.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int csv_fail(const struct csv *c, struct wf_err *err, const char *fmt, ...)
{
    char text[WF_ERR_TEXT];
    va_list ap;

    va_start(ap, fmt);
    (void) vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return wf_err_set(err, WEFT_ECONF, "%s:%u: %s", c->name, c->line, text);
}

/* The field that begins at `*at`, with its quotes taken off; `*at` moves to the next one
 * or becomes NULL at the end.  NULL when a quote is not closed. */
static char *cut(char **at)
{
    char *from = *at;
    char *to = from;
    char *p = from;

    if (*p != '"') {
        p += strcspn(p, ",");
        to = p;
    } else {
        for (p++; *p != '\0' && (*p != '"' || p[1] == '"'); p++) {
            p += *p == '"';
            *to++ = *p;
        }
        if (*p++ != '"' || (*p != ',' && *p != '\0')) {
            return NULL;
        }
    }
    *at = *p == ',' ? p + 1 : NULL;
    *to = '\0';
    return from;
}

static int split(struct csv *c, struct wf_err *err)
{
    char *at = c->text;

    c->nfields = 0;
    while (at != NULL) {
        char **fields = vec_room(c->fields, &c->fields_cap, c->nfields, sizeof(char *));

        if (fields == NULL) {
            return wf_err_set(err, WEFT_ENOMEM, "%s: too long a line", c->name);
        }
        c->fields = fields;
        fields[c->nfields] = cut(&at);
        if (fields[c->nfields++] == NULL) {
            return csv_fail(c, err,
                            "a quote that does not end: close it before the comma");
        }
    }
    return 1;
}

int csv_next(struct csv *c, struct wf_err *err)
{
    ssize_t len;

    for (;;) {
        errno = 0;
        len = getline(&c->text, &c->text_cap, c->f);
        if (len < 0) {
            return ferror(c->f) || errno == ENOMEM
                       ? wf_err_set(err, WEFT_EIO, "%s:%u: %s", c->name, c->line + 1,
                                    strerror(errno))
                       : 0;
        }
        c->line++;
        if (strlen(c->text) != (size_t) len) {
            return csv_fail(c, err, "a zero byte: write it as text");
        }
        c->text[strcspn(c->text, "\r\n")] = '\0';
        if (c->text[0] != '\0') {
            return split(c, err);
        }
    }
}

static int find_columns(struct csv *c, struct wf_err *err)
{
    for (unsigned i = 0; i < c->ncolumns; i++) {
        size_t at = 0;

        while (at < c->nfields && strcmp(c->fields[at], c->columns[i]) != 0) {
            at++;
        }
        if (at == c->nfields) {
            return csv_fail(c, err, "no column `%s`: name it in the first line",
                            c->columns[i]);
        }
        c->at[i] = at;
    }
    return 0;
}

int csv_open(struct csv *c, const char *dir, const char *name, const char *const *columns,
             unsigned ncolumns, struct wf_err *err)
{
    char path[4096];
    int rc;

    *c = (struct csv){.name = name, .columns = columns, .ncolumns = ncolumns};
    if ((size_t) snprintf(path, sizeof path, "%s/%s", dir, name) >= sizeof path) {
        return wf_err_set(err, WEFT_ETOOBIG, "%s: the path is too long", name);
    }
    c->f = fopen(path, "re");
    if (c->f == NULL) {
        return wf_err_set(err, WEFT_ENOENT,
                          "%s: %s: give a folder that weft-scenario wrote", name,
                          strerror(errno));
    }
    rc = csv_next(c, err);
    if (rc == 0) {
        c->line = 1;
        rc = csv_fail(c, err, "empty: write a first line that names the columns");
    }
    rc = rc < 0 ? rc : find_columns(c, err);
    if (rc != 0) {
        csv_close(c);
    }
    return rc;
}

void csv_close(struct csv *c)
{
    if (c->f != NULL) {
        (void) fclose(c->f);
    }
    /* getline() is the one who allocated it. */
    free(c->text);
    wf_free(c->fields);
    *c = (struct csv){0};
}

const char *csv_text(const struct csv *c, unsigned column)
{
    return c->at[column] < c->nfields ? c->fields[c->at[column]] : "";
}

int csv_parse(const struct csv *c, const char *what, const char *text, double min,
              double max, double *ret, struct wf_err *err)
{
    char *end;
    double v = strtod(text, &end);

    if (end == text || *end != '\0' || strpbrk(text, "xXnN") != NULL || !isfinite(v)) {
        return csv_fail(c, err, "%s: `%.40s` is not a number: write a decimal one", what,
                        text);
    }
    if (v < min || v > max) {
        return csv_fail(c, err, "%s: %.40s is out of range: write %g to %g", what, text,
                        min, max);
    }
    *ret = v;
    return 0;
}

int csv_number(const struct csv *c, unsigned column, double min, double max, double blank,
               double *ret, struct wf_err *err)
{
    const char *text = csv_text(c, column);

    if (text[0] != '\0') {
        return csv_parse(c, c->columns[column], text, min, max, ret, err);
    }
    if (isnan(blank)) {
        return csv_fail(c, err, "%s is empty: write a number", c->columns[column]);
    }
    *ret = blank;
    return 0;
}
