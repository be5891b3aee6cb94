#include "cli/tool/table.h"
#include "tests/lib/tap.h"

static const struct col cols[] = {
    {"NAME", COL_SHRINK}, {"N", COL_RIGHT}, {"EXTRA", COL_OPTIONAL}};

/* What a table prints into a terminal of this width, or a pipe for 0. */
static char *print(const struct table *table, int width, size_t max)
{
    char *text = NULL;
    size_t len = 0;
    struct out out = {.f = open_memstream(&text, &len), .tty = width > 0, .width = width};

    table_print(table, &out, 0, max);
    fclose(out.f);
    return text;
}

static void is_printed(const struct table *table, int width, size_t max, const char *want,
                       const char *what)
{
    char *text = print(table, width, max);

    is_str(text, want, what);
    free(text);
}

int main(void)
{
    struct table *table = table_new(cols, 3);

    is_printed(table, 80, 0, "", "an empty table has no header");
    table_cell(table, TINT_NONE, "a-long-name");
    table_cell(table, TINT_NONE, "%d", 7);
    table_cell(table, TINT_NONE, "x");
    table_cell(table, TINT_NONE, "b");
    table_cell(table, TINT_NONE, "%d", 100);
    table_cell(table, TINT_NONE, "y\tz");
    is_int(table_rows(table), 2, "two rows");
    is_printed(table, 80, 0,
               "NAME           N  EXTRA\n"
               "a-long-name    7  x\n"
               "b            100  y z\n",
               "columns are aligned");
    is_printed(table, 18, 0,
               "NAME           N\n"
               "a-long-name    7\n"
               "b            100\n",
               "an optional column goes first");
    is_printed(table, 12, 0,
               "NAME       N\n"
               "a-long~    7\n"
               "b        100\n",
               "then names are cut");
    is_printed(table, 5, 0,
               "NAME\n"
               "a-lon~\n"
               "b\n",
               "then other columns go, and the first stays");
    is_printed(table, 80, 1,
               "NAME           N  EXTRA\n"
               "a-long-name    7  x\n",
               "at most so many rows");
    is_printed(table, 0, 0, "a-long-name\t7\tx\nb\t100\ty z\n",
               "piped: tabs, no header, and no tab within a cell");
    table_free(table);
    table = table_new(cols, 3);
    table_cell(table, TINT_NONE, "a");
    table_cell(table, TINT_NONE, "%s", "");
    table_cell(table, TINT_NONE, "%s", "");
    is_printed(table, 80, 0, "NAME  N\na      \n",
               "an empty optional column is not shown");
    is_printed(table, 0, 0, "a\t\t\n", "but stays when piped");
    table_free(table);
    table_free(NULL);
    return done();
}
