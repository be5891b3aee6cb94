#include "cli/view/keys.h"

#include <string.h>

#include "cli/tool/clock.h"
#include "cli/tool/fmt.h"
#include "cli/tool/table.h"

struct key_text key_fingerprint(const char *key)
{
    struct key_text text = {""};

    (void) weft_fingerprint(key, text.s);
    return text;
}

/* Keys of tokens are read out by nobody. */
static int is_of_keys(const char *schema)
{
    return strcmp(schema, "keys") == 0;
}

static void print_json(struct cli *cli, const char *schema, const struct weft_key *rows,
                       size_t n)
{
    struct json json;

    json_begin(&json, cli->out.f, schema);
    json_array(&json, schema);
    for (size_t i = 0; i < n; i++) {
        json_object(&json, NULL);
        json_text(&json, "name", rows[i].name);
        json_text(&json, "role", rows[i].role);
        json_text(&json, "state", rows[i].state);
        json_text(&json, "site", rows[i].site);
        json_text(&json, "tier", rows[i].tier);
        json_text(&json, "key", rows[i].key);
        if (is_of_keys(schema)) {
            json_text(&json, "fingerprint", key_fingerprint(rows[i].key).s);
        }
        json_uint(&json, "created_ms", rows[i].created_ms);
        json_uint(&json, "expires_ms", rows[i].expires_ms);
        json_uint(&json, "seen_ms", rows[i].seen_ms);
        json_close_object(&json);
    }
    json_close_array(&json);
    json_end(&json);
}

static enum tint tint_of(const char *state)
{
    return strcmp(state, "active") == 0    ? TINT_GOOD
           : strcmp(state, "revoked") == 0 ? TINT_BAD
                                           : TINT_DIM;
}

void keys_print(struct cli *cli, const char *schema, const struct weft_key *rows,
                size_t n)
{
    static const struct col cols[] = {{"NAME", COL_SHRINK},
                                      {"ROLE", 0},
                                      {"STATE", 0},
                                      {"KEY", 0},
                                      {"FINGERPRINT", COL_OPTIONAL},
                                      {"SEEN", COL_OPTIONAL},
                                      {"EXPIRES", 0},
                                      {"CREATED", COL_OPTIONAL},
                                      {"TIER", COL_OPTIONAL},
                                      {"SITE", COL_SHRINK | COL_OPTIONAL}};
    struct table *table = table_new(cols, sizeof(cols) / sizeof(cols[0]));
    uint64_t now = clock_wall_ms();
    const int is_key = is_of_keys(schema);
    int seen = 0;

    for (size_t i = 0; i < n; i++) {
        seen |= rows[i].seen_ms > 0;
    }
    if (cli->json) {
        print_json(cli, schema, rows, n);
        table_free(table);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        table_cell(table, TINT_NONE, "%s", *rows[i].name != '\0' ? rows[i].name : "-");
        table_cell(table, TINT_NONE, "%s", rows[i].role);
        table_cell(table, tint_of(rows[i].state), "%s", rows[i].state);
        table_cell(table, TINT_NONE, "%.8s", rows[i].key);
        table_cell(table, TINT_NONE, "%s", is_key ? key_fingerprint(rows[i].key).s : "");
        table_cell(table, TINT_NONE, "%s", seen ? fmt_wall(rows[i].seen_ms, now).s : "");
        table_cell(table, TINT_NONE, "%s", fmt_wall(rows[i].expires_ms, now).s);
        table_cell(table, TINT_NONE, "%s", fmt_wall(rows[i].created_ms, now).s);
        table_cell(table, TINT_NONE, "%s",
                   strcmp(rows[i].tier, "none") != 0 ? rows[i].tier : "");
        table_cell(table, TINT_NONE, "%s", rows[i].site);
    }
    table_print(table, &cli->out, 0, 0);
    cli_footer(cli, "%zu %s", n, schema);
    table_free(table);
}

int keys_list(struct cli *cli, const char *schema,
              int (*ask)(weft_client *client, int timeout_ms, struct weft_key **ret_rows,
                         size_t *ret_n))
{
    struct weft_key *rows = NULL;
    size_t n = 0;
    int rc = cli_connect(cli);

    if (rc != CLI_OK) {
        return rc;
    }
    rc = ask(cli->client, cli_wait_ms(cli), &rows, &n);
    if (rc < 0) {
        return cli_fail(cli, rc, "%s", "");
    }
    keys_print(cli, schema, rows, n);
    weft_rows_free(rows);
    return CLI_OK;
}
