/* errors.c - weft errors: every error code, what it means and what to do */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/cmd.h"
#include "cli/tool/suggest.h"
#include "cli/tool/table.h"

static void json_row(struct json *json, int code)
{
    json_object(json, NULL);
    json_text(json, "name", weft_errname(code));
    json_int(json, "number", -code);
    json_text(json, "sentence", weft_strerror(code));
    json_text(json, "next", weft_errhint(code));
    json_int(json, "exit", cli_exit_of(code));
    json_close_object(json);
}

/* "EBUSY", "busy", "WEFT_EBUSY", "16" or "-16". */
static int is_named(int code, const char *text)
{
    const char *name = weft_errname(code);

    if (strncasecmp(text, "WEFT_", 5) == 0) {
        text += 5;
    }
    return strcasecmp(name, text) == 0 || strcasecmp(name + 1, text) == 0 ||
           (atoi(text) != 0 && abs(atoi(text)) == -code);
}

static void print_all(struct cli *cli)
{
    static const struct col cols[] = {{"NAME", 0},
                                      {"NUMBER", COL_RIGHT},
                                      {"EXIT", COL_RIGHT},
                                      {"MEANING", 0},
                                      {"NEXT", COL_SHRINK}};
    struct table *table = table_new(cols, sizeof(cols) / sizeof(cols[0]));
    int code;

    for (size_t i = 0; (code = weft_error_at(i)) != 0; i++) {
        table_cell(table, TINT_BOLD, "%s", weft_errname(code));
        table_cell(table, TINT_NONE, "%d", -code);
        table_cell(table, TINT_NONE, "%d", cli_exit_of(code));
        table_cell(table, TINT_NONE, "%s", weft_strerror(code));
        table_cell(table, TINT_NONE, "%s", weft_errhint(code));
    }
    table_print(table, &cli->out, 0, 0);
    table_free(table);
}

static int print_one(struct cli *cli, const char *text)
{
    struct suggest near;
    int code;

    suggest_start(&near, text);
    for (size_t i = 0; (code = weft_error_at(i)) != 0; i++) {
        if (is_named(code, text)) {
            out_pair(&cli->out, "name", TINT_BOLD, "%s", weft_errname(code));
            out_pair(&cli->out, "number", TINT_NONE, "%d", -code);
            out_pair(&cli->out, "exit code", TINT_NONE, "%d", cli_exit_of(code));
            out_pair(&cli->out, "meaning", TINT_NONE, "%s", weft_strerror(code));
            out_pair(&cli->out, "next", TINT_NOTE, "%s", weft_errhint(code));
            return CLI_OK;
        }
        suggest_try(&near, weft_errname(code));
    }
    return cli_fail_next(cli, WEFT_ENOENT, "`weft errors` lists them all",
                         "no error is called %s%s%s", text,
                         near.best != NULL ? ": did you mean " : "",
                         near.best != NULL ? near.best : "");
}

static int run(struct cli *cli, const void *args, int n, char **operands)
{
    struct json json;
    int code;

    (void) args;
    if (cli->json) {
        json_begin(&json, cli->out.f, "errors");
        json_array(&json, "errors");
        for (size_t i = 0; (code = weft_error_at(i)) != 0; i++) {
            if (n == 0 || is_named(code, operands[0])) {
                json_row(&json, code);
            }
        }
        json_close_array(&json);
        json_end(&json);
        return CLI_OK;
    }
    if (n > 0) {
        return print_one(cli, operands[0]);
    }
    print_all(cli);
    return CLI_OK;
}

const struct cmd cmd_errors = {
    .name = "errors",
    .group = "This program",
    .operands = "[NAME | NUMBER]",
    .summary = "Explain error codes and what to do about them",
    .max = 1,
    .operand = CMD_ERROR_NAME,
    .run = run,
};
