#include "cli/tool/table.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tool/mem.h"
#include "cli/tool/text.h"

#define TABLE_COLS 24
#define TABLE_GAP  2
#define TABLE_MIN  6 /* a column is not cut below this */

struct cell {
    char *text;
    enum tint tint;
};

struct table {
    const struct col *cols;
    size_t ncols, ncells, cap;
    struct cell *cells;
};

struct layout {
    size_t width[TABLE_COLS];
    unsigned char shown[TABLE_COLS];
};

struct table *table_new(const struct col *cols, size_t ncols)
{
    struct table *table = mem_calloc(1, sizeof(*table));

    table->cols = cols;
    table->ncols = ncols < TABLE_COLS ? ncols : TABLE_COLS;
    return table;
}

void table_free(struct table *table)
{
    if (table == NULL) {
        return;
    }
    for (size_t i = 0; i < table->ncells; i++) {
        free(table->cells[i].text);
    }
    free(table->cells);
    free(table);
}

void table_cell(struct table *table, enum tint tint, const char *fmt, ...)
{
    char *raw = NULL;
    va_list ap;
    int n;

    table->cells =
        mem_grow(table->cells, &table->cap, table->ncells + 1, sizeof(*table->cells));
    va_start(ap, fmt);
    n = vasprintf(&raw, fmt, ap);
    va_end(ap);
    table->cells[table->ncells].text = text_clean(n < 0 ? "?" : raw);
    table->cells[table->ncells++].tint = tint;
    if (n >= 0) {
        free(raw);
    }
}

size_t table_rows(const struct table *table)
{
    return table->ncells / table->ncols;
}

static size_t total(const struct table *table, const struct layout *lay)
{
    size_t sum = 0;

    for (size_t c = 0; c < table->ncols; c++) {
        sum += lay->shown[c] ? lay->width[c] + TABLE_GAP : 0;
    }
    return sum > TABLE_GAP ? sum - TABLE_GAP : 0;
}

/* Cut the widest column that may shrink by one; 0 when there is none. */
static int shrink(const struct table *table, struct layout *lay)
{
    size_t widest = SIZE_MAX;

    for (size_t c = 0; c < table->ncols; c++) {
        if (lay->shown[c] && (table->cols[c].flags & COL_SHRINK) &&
            lay->width[c] > TABLE_MIN &&
            (widest == SIZE_MAX || lay->width[c] > lay->width[widest])) {
            widest = c;
        }
    }
    if (widest != SIZE_MAX) {
        lay->width[widest]--;
    }
    return widest != SIZE_MAX;
}

/* Leave out columns from the last to the second while the rest is too wide. */
static void leave_out(const struct table *table, struct layout *lay, size_t width,
                      unsigned flags)
{
    for (size_t c = table->ncols; c > 1 && total(table, lay) > width; c--) {
        if ((table->cols[c - 1].flags & flags) == flags) {
            lay->shown[c - 1] = 0;
        }
    }
}

static void fit(const struct table *table, struct layout *lay, size_t width)
{
    leave_out(table, lay, width, COL_OPTIONAL);
    while (total(table, lay) > width && shrink(table, lay)) {
    }
    leave_out(table, lay, width, 0);
}

static void measure(const struct table *table, struct layout *lay, size_t width)
{
    for (size_t c = 0; c < table->ncols; c++) {
        lay->width[c] = text_width(table->cols[c].head);
        lay->shown[c] = !(table->cols[c].flags & COL_OPTIONAL);
    }
    for (size_t i = 0; i < table->ncells; i++) {
        size_t w = text_width(table->cells[i].text), c = i % table->ncols;

        if (w > lay->width[c]) {
            lay->width[c] = w;
        }
        lay->shown[c] |= w > 0;
    }
    fit(table, lay, width);
}

static void pad(FILE *f, size_t n)
{
    fprintf(f, "%*s", (int) n, "");
}

/* One cell in its column.  `last`: no spaces behind it. */
static void put(struct out *out, const char *text, enum tint tint, size_t width,
                int right, int last)
{
    char *copy = mem_strdup(text);
    size_t w;

    text_shorten(copy, width);
    w = text_width(copy);
    w = w < width ? width - w : 0;
    if (right) {
        pad(out->f, w);
    }
    out_print(out, tint, "%s", copy);
    if (!right && !last) {
        pad(out->f, w);
    }
    if (!last) {
        pad(out->f, TABLE_GAP);
    }
    free(copy);
}

static void put_row(const struct table *table, struct out *out, const struct layout *lay,
                    const struct cell *cells, unsigned indent)
{
    size_t last = 0;

    for (size_t c = 0; c < table->ncols; c++) {
        last = lay->shown[c] ? c : last;
    }
    pad(out->f, indent);
    for (size_t c = 0; c < table->ncols; c++) {
        if (lay->shown[c]) {
            put(out, cells != NULL ? cells[c].text : table->cols[c].head,
                cells != NULL ? cells[c].tint : TINT_DIM, lay->width[c],
                (table->cols[c].flags & COL_RIGHT) != 0, c == last);
        }
    }
    fputc('\n', out->f);
}

static void put_plain(const struct table *table, FILE *f, size_t rows)
{
    for (size_t i = 0; i < rows * table->ncols; i++) {
        fprintf(f, "%s%c", table->cells[i].text,
                (i + 1) % table->ncols == 0 ? '\n' : '\t');
    }
}

void table_print(const struct table *table, struct out *out, unsigned indent, size_t max)
{
    size_t rows = table_rows(table), width = (size_t) out->width;
    struct layout lay;

    if (max > 0 && rows > max) {
        rows = max;
    }
    if (!out->tty) {
        put_plain(table, out->f, rows);
        return;
    }
    if (rows == 0) {
        return;
    }
    measure(table, &lay, width > indent ? width - indent : 0);
    put_row(table, out, &lay, NULL, indent);
    for (size_t r = 0; r < rows; r++) {
        put_row(table, out, &lay, table->cells + r * table->ncols, indent);
    }
}
