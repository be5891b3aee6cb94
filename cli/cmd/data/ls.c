/* ls.c - weft data ls */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/tool/fmt.h"
#include "cli/tool/table.h"
#include "cli/view/data.h"
#include "cli/view/watch.h"

struct ls_args {
    uint64_t interval_ms;
    int all, names, watch;
};

static const struct ls_args defaults = {.interval_ms = WATCH_MS};

#define AT(field) offsetof(struct ls_args, field)

static const struct opt opts[] = {
    {"all", 'a', OPT_FLAG, NULL, AT(all), 0, 0, "older versions, too"},
    {"names", 0, OPT_FLAG, NULL, AT(names), 0, 0, "NAME@VERSION and nothing else"},
    {"watch", 'w', OPT_FLAG, NULL, AT(watch), 0, 0, "refresh in place; q quits"},
    {"interval", 'i', OPT_TIME, "TIME", AT(interval_ms), 100, 0,
     "between refreshes (default 1s)"},
};

/* The newest version of a name stands first. */
static int is_shown(const struct ls_args *args, const struct weft_dataset *rows, size_t i)
{
    return args->all || i == 0 || strcmp(rows[i].name, rows[i - 1].name) != 0;
}

static void print_json(struct cli *cli, const struct ls_args *args,
                       const struct weft_dataset *rows, size_t n)
{
    struct json json;

    json_begin(&json, cli->out.f, "datasets");
    json_array(&json, "datasets");
    for (size_t i = 0; i < n; i++) {
        if (is_shown(args, rows, i)) {
            json_object(&json, NULL);
            data_json(&json, &rows[i]);
            json_close_object(&json);
        }
    }
    json_close_array(&json);
    json_end(&json);
}

static void print(struct cli *cli, const struct ls_args *args,
                  const struct weft_dataset *rows, size_t n)
{
    static const struct col cols[] = {
        {"DATASET", COL_SHRINK}, {"FILES", COL_RIGHT},
        {"SIZE", COL_RIGHT},     {"COPIES", COL_RIGHT},
        {"AGE", COL_RIGHT},      {"OWNER", COL_SHRINK | COL_OPTIONAL},
        {"LABELS", COL_SHRINK},  {"AT", COL_SHRINK}};
    struct table *table = table_new(cols, sizeof(cols) / sizeof(cols[0]));
    uint64_t bytes = 0;

    for (size_t i = 0; i < n; i++) {
        const struct weft_dataset *d = &rows[i];

        if (!is_shown(args, rows, i)) {
            continue;
        }
        table_cell(table, TINT_NONE, "%s", data_name(d).s);
        table_cell(table, TINT_NONE, "%" PRIu64, d->files);
        table_cell(table, TINT_NONE, "%s", fmt_size(d->bytes).s);
        if (*d->home != '\0') {
            table_cell(table, TINT_NONE, "%s", "");
        } else {
            table_cell(table, d->copies == 0 ? TINT_BAD : TINT_NONE, "%" PRIu64,
                       d->copies);
        }
        table_cell(table, TINT_NONE, "%s", fmt_ms(d->age_ms).s);
        table_cell(table, TINT_NONE, "%s", d->owner);
        table_cell(table, TINT_NONE, "%s", d->labels);
        if (*d->home != '\0') {
            table_cell(table, TINT_DIM, "%s, %s ago", d->home, fmt_ms(d->known_ms).s);
        } else {
            table_cell(table, TINT_NONE, "%s", "");
        }
        bytes += d->bytes;
    }
    table_print(table, &cli->out, 0, 0);
    cli_footer(cli, "%zu dataset%s, %s", table_rows(table),
               table_rows(table) == 1 ? "" : "s", fmt_size(bytes).s);
    table_free(table);
}

static int by_name(const void *a, const void *b)
{
    const struct weft_dataset *x = a, *y = b;
    const int order = strcmp(x->name, y->name);

    return order != 0 ? order : (x->version < y->version) - (x->version > y->version);
}

static int draw(struct cli *cli, void *arg)
{
    const struct ls_args *args = arg;
    struct weft_dataset *rows = NULL;
    size_t n = 0;
    int rc = weft_datasets(cli->client, cli_wait_ms(cli), &rows, &n);

    if (rc < 0) {
        return cli_fail(cli, rc, "datasets");
    }
    if (n > 1) {
        qsort(rows, n, sizeof(*rows), by_name);
    }
    if (cli->json) {
        print_json(cli, args, rows, n);
    } else if (args->names) {
        for (size_t i = 0; i < n; i++) {
            if (is_shown(args, rows, i)) {
                fprintf(cli->out.f, "%s\n", data_name(&rows[i]).s);
            }
        }
    } else {
        print(cli, args, rows, n);
    }
    weft_rows_free(rows);
    return CLI_OK;
}

static int run(struct cli *cli, const void *args_, int n, char **operands)
{
    struct ls_args args = *(const struct ls_args *) args_;
    int rc = cli_connect(cli);

    (void) n;
    (void) operands;
    if (rc != CLI_OK) {
        return rc;
    }
    return args.watch ? watch_loop(cli, args.interval_ms, draw, &args) : draw(cli, &args);
}

const struct cmd cmd_data_ls = {
    .name = "data ls",
    .group = "Data",
    .operands = "",
    .summary = "List the datasets, how large they are and how many nodes have them",
    .details =
        "COPIES counts the nodes that have all of a dataset: 0 means that nobody\n"
        "connected does.  An operator sees all of them, a client its own and what\n"
        "is public.  AT names the broker of one that is at home elsewhere, and how\n"
        "old that word is; of two of one name the later made is NAME.DIGITS.\n",
    CMD_OPTS(opts),
    .args_size = sizeof(struct ls_args),
    .defaults = &defaults,
    .run = run,
};
