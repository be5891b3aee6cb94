/* prices.c - weft prices: the price book of the broker */
#include <inttypes.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/tool/fmt.h"
#include "cli/tool/table.h"
#include "cli/tool/text.h"

static const char *kind_name(enum weft_price_kind kind)
{
    static const char *const names[] = {"", "class", "tiers", "sites"};

    return kind >= WEFT_PRICE_CLASS && kind <= WEFT_PRICE_SITES ? names[kind] : "?";
}

static int is_node(const struct weft_price *p)
{
    return p->kind == WEFT_PRICE_CLASS;
}

static void print_json(struct cli *cli, const struct weft_price *rows, size_t n)
{
    struct json json;

    json_begin(&json, cli->out.f, "prices");
    json_array(&json, "prices");
    for (size_t i = 0; i < n; i++) {
        const struct weft_price *p = &rows[i];

        json_object(&json, NULL);
        json_text(&json, "kind", kind_name(p->kind));
        json_text(&json, is_node(p) ? "class" : "from", p->from);
        json_text(&json, is_node(p) ? "paid" : "to", p->to);
        json_uint(&json, is_node(p) ? "pusd_slot_second" : "pusd_byte", p->pusd);
        if (is_node(p)) {
            json_uint(&json, "interruptions_per_million_days", p->events_day);
        }
        json_close_object(&json);
    }
    json_close_array(&json);
    json_end(&json);
}

/* As it was written, so many times dearer: an hour, a GB. */
static struct fmt times(uint64_t pusd, uint64_t by)
{
    return fmt_usd(pusd > UINT64_MAX / by ? UINT64_MAX : pusd * by);
}

/* "0.5 a day" of millionths. */
static struct fmt events(uint64_t events_day)
{
    struct fmt text = {""};

    if (events_day > 0) {
        snprintf(text.s, sizeof(text.s), "%.3g a day", (double) events_day / 1e6);
    }
    return text;
}

static void print_classes(struct out *out, const struct weft_price *rows, size_t n)
{
    static const struct col cols[] = {{"CLASS", COL_SHRINK},
                                      {"PAID", 0},
                                      {"A SLOT FOR AN HOUR", COL_RIGHT},
                                      {"INTERRUPTED", COL_RIGHT | COL_OPTIONAL}};
    struct table *table = table_new(cols, sizeof(cols) / sizeof(cols[0]));

    for (size_t i = 0; i < n; i++) {
        if (is_node(&rows[i])) {
            table_cell(table, TINT_NONE, "%s", rows[i].from);
            table_cell(table, TINT_NONE, "%s", rows[i].to);
            table_cell(table, TINT_NONE, "%s", times(rows[i].pusd, 3600).s);
            table_cell(table, TINT_NONE, "%s", events(rows[i].events_day).s);
        }
    }
    table_print(table, out, 0, 0);
    table_free(table);
}

static void print_links(struct out *out, const struct weft_price *rows, size_t n)
{
    static const struct col cols[] = {
        {"", 0}, {"FROM", COL_SHRINK}, {"TO", COL_SHRINK}, {"A GB", COL_RIGHT}};
    struct table *table = table_new(cols, sizeof(cols) / sizeof(cols[0]));

    for (size_t i = 0; i < n; i++) {
        if (!is_node(&rows[i])) {
            table_cell(table, TINT_DIM, "%s", kind_name(rows[i].kind));
            table_cell(table, TINT_NONE, "%s", rows[i].from);
            table_cell(table, TINT_NONE, "%s", rows[i].to);
            table_cell(table, TINT_NONE, "%s", times(rows[i].pusd, 1000000000).s);
        }
    }
    table_print(table, out, 0, 0);
    table_free(table);
}

static int run(struct cli *cli, const void *args, int n, char **operands)
{
    struct weft_price *rows = NULL;
    size_t nrows = 0;
    int rc = cli_connect(cli);

    (void) args;
    (void) n;
    (void) operands;
    if (rc != CLI_OK) {
        return rc;
    }
    rc = weft_prices(cli->client, cli_wait_ms(cli), &rows, &nrows);
    if (rc < 0) {
        return cli_fail(cli, rc, "the price book");
    }
    if (cli->json) {
        print_json(cli, rows, nrows);
    } else if (nrows == 0) {
        cli_note(cli, "no prices: `prices` in the broker's configuration names the file");
    } else {
        print_classes(&cli->out, rows, nrows);
        print_links(&cli->out, rows, nrows);
        cli_footer(cli, "%s", "what is owned or reserved counts as free");
    }
    weft_rows_free(rows);
    return CLI_OK;
}

const struct cmd cmd_prices = {
    .name = "prices",
    .group = "Mesh",
    .operands = "",
    .summary = "Show what node classes and links cost, as the broker reckons",
    .details =
        "The broker's `prices` file, see broker.conf(5).  A link is priced by the first\n"
        "of these that there is: the two sites, one of them and any, the two tiers, one\n"
        "of them and any; what has no line costs nothing.\n",
    .run = run,
};
