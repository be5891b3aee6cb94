/* show.c - weft data show */
#include <inttypes.h>

#include "cli/cmd.h"
#include "cli/tool/fmt.h"
#include "cli/tool/table.h"
#include "cli/view/data.h"

#define SHOW_FILES 100 /* on a terminal, unless --max says otherwise */

struct show_args {
    uint64_t max;
    int digests;
};

static const struct show_args defaults = {.max = UINT64_MAX};

static const struct opt opts[] = {
    {"max", 'n', OPT_UINT, "N", offsetof(struct show_args, max), 0, 0,
     "at most N files, 0: all (default: 100 on a terminal, else all)"},
    {"digests", 0, OPT_FLAG, NULL, offsetof(struct show_args, digests), 0, 0,
     "the files' whole digests"},
};

static void print_json(struct cli *cli, const struct weft_dataset_full *d)
{
    struct json json;

    json_begin(&json, cli->out.f, "dataset");
    data_json(&json, &d->dataset);
    json_array(&json, "nodes");
    for (size_t i = 0; i < d->nshares; i++) {
        const struct weft_share *s = &d->shares[i];

        json_object(&json, NULL);
        json_text(&json, "node", s->node);
        json_text(&json, "site", s->site);
        json_uint(&json, "bytes", s->bytes);
        json_uint(&json, "files", s->files);
        json_uint(&json, "pinned", s->pinned);
        json_uint(&json, "age_ms", s->age_ms);
        json_close_object(&json);
    }
    json_close_array(&json);
    json_array(&json, "entries");
    for (size_t i = 0; i < d->nfiles; i++) {
        json_object(&json, NULL);
        json_text(&json, "path", d->files[i].path);
        json_digest(&json, "digest", &d->files[i].digest);
        json_uint(&json, "size", d->files[i].size);
        json_close_object(&json);
    }
    json_close_array(&json);
    json_end(&json);
}

static void print_shares(struct out *out, const struct weft_dataset_full *d)
{
    static const struct col cols[] = {{"NODE", COL_SHRINK}, {"SITE", COL_SHRINK},
                                      {"HAS", COL_RIGHT},   {"SIZE", COL_RIGHT},
                                      {"FILES", COL_RIGHT}, {"PINNED", COL_RIGHT},
                                      {"HEARD", COL_RIGHT}};
    struct table *table = table_new(cols, sizeof(cols) / sizeof(cols[0]));
    uint64_t all = d->dataset.bytes;

    for (size_t i = 0; i < d->nshares; i++) {
        const struct weft_share *s = &d->shares[i];
        uint64_t pm =
            all > 0 ? (uint64_t) ((double) s->bytes * 1000 / (double) all) : 1000;

        table_cell(table, TINT_NONE, "%s", s->node);
        table_cell(table, TINT_NONE, "%s", s->site);
        table_cell(table, pm >= 1000 ? TINT_GOOD : TINT_WARN, "%s", fmt_permille(pm).s);
        table_cell(table, TINT_NONE, "%s", fmt_size(s->bytes).s);
        table_cell(table, TINT_NONE, "%" PRIu64, s->files);
        table_cell(table, TINT_NONE, "%" PRIu64, s->pinned);
        table_cell(table, TINT_NONE, "%s", fmt_ms(s->age_ms).s);
    }
    table_print(table, out, 0, 0);
    table_free(table);
}

static void print_files(struct out *out, const struct weft_dataset_full *d, int digests)
{
    static const struct col cols[] = {
        {"PATH", COL_SHRINK}, {"SIZE", COL_RIGHT}, {"DIGEST", 0}};
    struct table *table = table_new(cols, sizeof(cols) / sizeof(cols[0]));

    for (size_t i = 0; i < d->nfiles; i++) {
        const struct weft_file *f = &d->files[i];

        table_cell(table, TINT_NONE, "%s", f->path);
        table_cell(table, TINT_NONE, "%s", fmt_size(f->size).s);
        table_cell(table, TINT_NONE, "%s",
                   digests || !out->tty ? data_digest(&f->digest).s
                                        : data_digest12(&f->digest).s);
    }
    table_print(table, out, 0, 0);
    table_free(table);
}

static void print(struct cli *cli, const struct weft_dataset_full *d, int digests)
{
    struct out *out = &cli->out;
    const struct weft_dataset *x = &d->dataset;

    out_pair(out, "dataset", TINT_NONE, "%s", data_name(x).s);
    out_pair(out, "owner", TINT_NONE, "%s", x->owner);
    out_pair(out, "labels", TINT_NONE, "%s", x->labels);
    out_pair(out, "files", TINT_NONE, "%" PRIu64, x->files);
    out_pair(out, "size", TINT_NONE, "%s", fmt_size(x->bytes).s);
    out_pair(out, "put", TINT_NONE, "%s ago", fmt_ms(x->age_ms).s);
    out_pair(out, "copies", x->copies == 0 ? TINT_BAD : TINT_NONE, "%" PRIu64, x->copies);
    if (d->nshares > 0) {
        fputc('\n', out->f);
        print_shares(out, d);
    }
    if (d->nfiles > 0) {
        fputc('\n', out->f);
        print_files(out, d, digests);
    }
    if (d->nfiles < x->files) {
        cli_footer(cli, "%zu of %" PRIu64 " files (more with --max 0)", d->nfiles,
                   x->files);
    } else {
        cli_footer(cli, "%s", "");
    }
}

static int run(struct cli *cli, const void *args_, int n, char **operands)
{
    const struct show_args *args = args_;
    uint64_t max = args->max;
    char why[256] = "";
    int rc = cli_connect(cli);

    if (max == UINT64_MAX) {
        max = cli->out.tty && !cli->json ? SHOW_FILES : 0;
    }
    for (int i = 0; rc == CLI_OK && i < n; i++) {
        struct weft_dataset_full *d = NULL;

        rc = weft_dataset_show(cli->client, operands[i], (size_t) max, cli_wait_ms(cli),
                               &d);
        if (rc == WEFT_EINVAL) {
            return cli_usage(cli, "`%s` is no dataset: NAME or NAME@VERSION",
                             operands[i]);
        }
        if (rc < 0) {
            if (rc != WEFT_ENOENT) {
                (void) weft_failed_text(cli->client, why, sizeof(why));
            }
            return data_fail(cli, rc, operands[i], why);
        }
        if (cli->json) {
            print_json(cli, d);
        } else {
            fputs(i > 0 ? "\n" : "", cli->out.f);
            print(cli, d, args->digests);
        }
        weft_free(d);
    }
    return rc;
}

const struct cmd cmd_data_show = {
    .name = "data show",
    .group = "Data",
    .operands = "DATASET...",
    .summary = "Show a dataset: its files, and which node has how much of it",
    .details = "  weft data show maps\n"
               "  weft data show maps@3 --max 0\n",
    CMD_OPTS(opts),
    .args_size = sizeof(struct show_args),
    .defaults = &defaults,
    .min = 1,
    .max = -1,
    .operand = CMD_DATASET,
    .run = run,
};
