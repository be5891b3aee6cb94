/* ctx.c - weft ctx: contexts, which are who we are and where we connect */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/job/spec.h"
#include "cli/tool/table.h"

#define CTX_TOKEN_MAX 8192

struct ctx_args {
    int names, use;
};

static const struct opt add_opts[] = {
    {"use", 'u', OPT_FLAG, NULL, offsetof(struct ctx_args, use), 0, 0,
     "select it also when there is another"},
};

static const struct opt ls_opts[] = {
    {"names", 0, OPT_FLAG, NULL, offsetof(struct ctx_args, names), 0, 0,
     "names and nothing else"},
};

static int read_token(struct cli *cli, const char *path, char **ret_text)
{
    size_t len = 0;
    int rc;

    if (strncmp(path, "weft1-", 6) == 0) {
        return cli_usage(cli, "a token does not go on the command line, where others see "
                              "it: put it in a file, or give - and paste it");
    }
    if (strcmp(path, "-") == 0 && isatty(STDIN_FILENO)) {
        cli_note(cli, "Paste the token, then press Enter and Ctrl-D:");
    }
    rc = spec_read(cli, path, ret_text, &len);
    if (rc == CLI_OK && len > CTX_TOKEN_MAX) {
        rc = cli_fail(cli, WEFT_ETOKEN, "%s is longer than any token", path);
        free(*ret_text);
        *ret_text = NULL;
    }
    return rc;
}

static int is_selected(const char *name)
{
    struct weft_context *rows = NULL;
    size_t n = 0;
    int selected = 0;

    if (weft_contexts(&rows, &n, NULL, 0) < 0) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        selected |= rows[i].selected && strcmp(rows[i].name, name) == 0;
    }
    weft_rows_free(rows);
    return selected;
}

static int add(struct cli *cli, const void *args_, int n, char **operands)
{
    const struct ctx_args *args = args_;
    char *token = NULL, why[256] = "";
    int rc = read_token(cli, n > 1 ? operands[1] : "-", &token);

    if (rc != CLI_OK) {
        return rc;
    }
    token[strcspn(token, "\r\n")] = '\0';
    rc = weft_context_join(operands[0], token, cli_wait_ms(cli), why, sizeof(why));
    memset(token, 0, strlen(token));
    free(token);
    if (rc == WEFT_EEXIST) {
        return cli_fail_next(cli, rc, "choose another name, or `weft ctx rm NAME` first",
                             "%s", why);
    }
    if (rc == 0 && args->use) {
        rc = weft_context_select(operands[0], why, sizeof(why));
    }
    if (rc < 0) {
        return cli_fail(cli, rc, "%s", why);
    }
    if (is_selected(operands[0])) {
        cli_note(cli, "context %s: added and selected\n  next: weft status", operands[0]);
    } else {
        cli_note(cli, "context %s: added\n  next: weft --context %s status", operands[0],
                 operands[0]);
    }
    return CLI_OK;
}

static void json_row(struct json *json, const struct weft_context *row)
{
    json_text(json, "name", row->name);
    json_text(json, "role", row->role);
    json_text(json, "as", row->as);
    json_text(json, "endpoints", row->endpoints);
    json_text(json, "key", row->key);
    json_text(json, "broker_key", row->broker_key);
    json_bool(json, "selected", row->selected);
}

static void list_json(struct cli *cli, const struct weft_context *rows, size_t n)
{
    struct json json;

    json_begin(&json, cli->out.f, "contexts");
    json_array(&json, "contexts");
    for (size_t i = 0; i < n; i++) {
        json_object(&json, NULL);
        json_row(&json, &rows[i]);
        json_close_object(&json);
    }
    json_close_array(&json);
    json_end(&json);
}

static void list_table(struct cli *cli, const struct weft_context *rows, size_t n)
{
    static const struct col cols[] = {{"", 0},
                                      {"NAME", 0},
                                      {"ROLE", 0},
                                      {"AS", COL_SHRINK},
                                      {"KEY", 0},
                                      {"BROKER KEY", COL_OPTIONAL},
                                      {"BROKER", COL_SHRINK}};
    struct table *table = table_new(cols, sizeof(cols) / sizeof(cols[0]));

    for (size_t i = 0; i < n; i++) {
        table_cell(table, TINT_GOOD, "%s", rows[i].selected ? "*" : "");
        table_cell(table, rows[i].selected ? TINT_BOLD : TINT_NONE, "%s", rows[i].name);
        table_cell(table, TINT_NONE, "%s", rows[i].role);
        table_cell(table, TINT_NONE, "%s", rows[i].as);
        table_cell(table, TINT_NONE, "%.8s", rows[i].key);
        table_cell(table, TINT_NONE, "%.8s", rows[i].broker_key);
        table_cell(table, TINT_NONE, "%s", rows[i].endpoints);
    }
    table_print(table, &cli->out, 0, 0);
    table_free(table);
}

static int list(struct cli *cli, const void *args_, int n, char **operands)
{
    const struct ctx_args *args = args_;
    struct weft_context *rows = NULL;
    char why[256] = "";
    size_t count = 0;
    int rc = weft_contexts(&rows, &count, why, sizeof(why));

    (void) n;
    (void) operands;
    if (rc < 0) {
        return cli_fail(cli, rc, "%s", why);
    }
    if (cli->json) {
        list_json(cli, rows, count);
    } else if (args->names) {
        for (size_t i = 0; i < count; i++) {
            fprintf(cli->out.f, "%s\n", rows[i].name);
        }
    } else {
        list_table(cli, rows, count);
    }
    if (count == 0 && !cli->json) {
        cli_note(cli,
                 "no contexts yet\n  next: get a token from an operator (`weft token "
                 "create --role client`), then `weft ctx add NAME TOKENFILE`");
    }
    weft_rows_free(rows);
    return CLI_OK;
}

static int show(struct cli *cli, const void *args, int n, char **operands)
{
    struct weft_context *rows = NULL;
    const struct weft_context *row = NULL;
    const char *name = n > 0 ? operands[0] : cli->context;
    char why[256] = "";
    struct json json;
    size_t count = 0;
    int rc = weft_contexts(&rows, &count, why, sizeof(why));

    (void) args;
    name = name != NULL ? name : getenv("WEFT_CONTEXT");
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (name != NULL ? strcmp(rows[i].name, name) == 0 : rows[i].selected) {
            row = &rows[i];
        }
    }
    if (rc < 0) {
        rc = cli_fail(cli, rc, "%s", why);
    } else if (row == NULL) {
        rc = cli_fail_next(cli, WEFT_ENOENT, "`weft ctx ls` lists the contexts",
                           "context %s", name != NULL ? name : "(none is selected)");
    } else if (cli->json) {
        json_begin(&json, cli->out.f, "context");
        json_row(&json, row);
        json_end(&json);
    } else {
        out_pair(&cli->out, "context", TINT_BOLD, "%s%s", row->name,
                 row->selected ? ", selected" : "");
        out_pair(&cli->out, "role", TINT_NONE, "%s, as %s", row->role, row->as);
        out_pair(&cli->out, "broker", TINT_NONE, "%s", row->endpoints);
        out_pair(&cli->out, "key", TINT_NONE, "%s", row->key);
        out_pair(&cli->out, "broker key", TINT_NONE, "%s", row->broker_key);
    }
    weft_rows_free(rows);
    return rc;
}

static int use(struct cli *cli, const void *args, int n, char **operands)
{
    char why[256] = "";
    int rc = weft_context_select(operands[0], why, sizeof(why));

    (void) args;
    (void) n;
    if (rc < 0) {
        return cli_fail_next(cli, rc, "`weft ctx ls` lists the contexts", "%s", why);
    }
    cli_note(cli, "context %s: selected", operands[0]);
    return CLI_OK;
}

static int rm(struct cli *cli, const void *args, int n, char **operands)
{
    (void) args;
    for (int i = 0; i < n; i++) {
        char why[256] = "";
        int rc = weft_context_remove(operands[i], why, sizeof(why));

        if (rc < 0) {
            return cli_fail_next(cli, rc, "`weft ctx ls` lists the contexts", "%s", why);
        }
        cli_note(cli,
                 "context %s: removed with its key; an operator can also `weft key "
                 "revoke` it",
                 operands[i]);
    }
    return CLI_OK;
}

const struct cmd cmd_ctx_add = {
    .name = "ctx add",
    .group = "Access",
    .operands = "NAME [TOKENFILE | -]",
    .summary = "Join a mesh with a token and keep the identity under a name",
    .details = "  weft ctx add lyon token.txt\n"
               "  weft --context ops token create --role client | weft ctx add lyon -\n"
               "\n"
               "Draws a key pair here; the secret half never leaves this machine.\n",
    CMD_OPTS(add_opts),
    .args_size = sizeof(struct ctx_args),
    .min = 1,
    .max = 2,
    .operand = CMD_FILE,
    .run = add,
};

const struct cmd cmd_ctx_ls = {
    .name = "ctx ls",
    .group = "Access",
    .operands = "",
    .summary = "List contexts; * marks the selected one",
    CMD_OPTS(ls_opts),
    .args_size = sizeof(struct ctx_args),
    .run = list,
};

const struct cmd cmd_ctx_show = {
    .name = "ctx show",
    .group = "Access",
    .operands = "[NAME]",
    .summary = "Show one context in full (the selected one)",
    .max = 1,
    .operand = CMD_CONTEXT,
    .run = show,
};

const struct cmd cmd_ctx_use = {
    .name = "ctx use",
    .group = "Access",
    .operands = "NAME",
    .summary = "Select the context that commands act as",
    .min = 1,
    .max = 1,
    .operand = CMD_CONTEXT,
    .run = use,
};

const struct cmd cmd_ctx_rm = {
    .name = "ctx rm",
    .group = "Access",
    .operands = "NAME...",
    .summary = "Forget contexts and their keys",
    .min = 1,
    .max = -1,
    .operand = CMD_CONTEXT,
    .run = rm,
};
