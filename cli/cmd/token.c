/* token.c - weft token create, ls and revoke: single-use join tokens */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/tool/clock.h"
#include "cli/tool/fmt.h"
#include "cli/view/keys.h"

#define TOKEN_PREFIX 8 /* digits of a key that name a token */

struct token_args {
    const char *role, *name, *site, *tier, *endpoint, *out;
    uint64_t ttl_ms;
};

static const struct token_args defaults = {.role = "agent", .ttl_ms = 15 * 60 * 1000};

#define AT(field) offsetof(struct token_args, field)

static const struct opt opts[] = {
    {"role", 'r', OPT_CHOICE, "agent|client|operator|broker", AT(role), 0, 0,
     "what it may become (default agent)"},
    {"name", 'n', OPT_TEXT, "NAME", AT(name), 0, 0,
     "the name it gets (default: the device chooses)"},
    {"site", 's', OPT_TEXT, "SITE", AT(site), 0, 0, "its site (default: the broker's)"},
    {"tier", 0, OPT_CHOICE, "edge|onprem|cloud", AT(tier), 0, 0, "its tier"},
    {"ttl", 0, OPT_TIME, "TIME", AT(ttl_ms), 1000, UINT64_C(365) * 86400000,
     "how long it is good for (default 15m)"},
    {"endpoint", 'e', OPT_TEXT, "ADDRESS", AT(endpoint), 0, 0,
     "where the device finds the broker, such as tcp://10.1.2.3:7400 (default: what the "
     "broker says)"},
    {"out", 'o', OPT_TEXT, "FILE", AT(out), 0, 0,
     "write it to a new file that only you can read, instead of standard output"},
};

static enum weft_role role_of(const char *name)
{
    return strcmp(name, "agent") == 0    ? WEFT_ROLE_AGENT
           : strcmp(name, "client") == 0 ? WEFT_ROLE_CLIENT
           : strcmp(name, "broker") == 0 ? WEFT_ROLE_BROKER
                                         : WEFT_ROLE_OPERATOR;
}

static int save(struct cli *cli, const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), bad;
    size_t len = strlen(text);

    if (fd < 0) {
        return cli_fail_next(cli, errno == EEXIST ? WEFT_EEXIST : WEFT_EIO,
                             "name a file that can be made", "%s: %s", path,
                             strerror(errno));
    }
    bad = write(fd, text, len) != (ssize_t) len || write(fd, "\n", 1) != 1;
    bad |= close(fd) != 0;
    return bad ? cli_fail(cli, WEFT_EIO, "%s", path) : CLI_OK;
}

/* What to do with it goes to stderr: stdout is the token alone. */
static void explain(struct cli *cli, const struct token_args *args)
{
    uint64_t now = clock_wall_ms();
    const char *file = args->out != NULL ? args->out : "TOKENFILE";

    cli_note(cli, "%s token%s%s, for one use until %s", args->role,
             args->name != NULL ? " for " : "", args->name != NULL ? args->name : "",
             fmt_wall(now + args->ttl_ms, now).s);
    if (role_of(args->role) == WEFT_ROLE_AGENT) {
        cli_note(cli, "  next: on the device: weft-agent join --token-file %s", file);
    } else if (role_of(args->role) == WEFT_ROLE_BROKER) {
        cli_note(cli,
                 "  next: at the other broker: weft-broker link --config FILE "
                 "--token-file %s",
                 file);
    } else {
        cli_note(cli, "  next: where it is to be used: weft ctx add NAME %s", file);
    }
}

static int token_create(struct cli *cli, const void *args_, int n, char **operands)
{
    const struct token_args *args = args_;
    struct weft_token token = WEFT_TOKEN_INIT;
    char *text = NULL, why[256] = "";
    struct json json;
    int rc;

    (void) n;
    (void) operands;
    if (args->name != NULL && *args->name == '\0') {
        return cli_usage(cli, "--name wants a name; without it the device chooses one");
    }
    rc = cli_connect(cli);
    if (rc != CLI_OK) {
        return rc;
    }
    /* Before the broker makes a token that then could not be kept. */
    if (args->out != NULL && access(args->out, F_OK) == 0) {
        return cli_fail_next(cli, WEFT_EEXIST, "name a new file", "%s", args->out);
    }
    token.role = role_of(args->role);
    token.name = args->name;
    token.site = args->site;
    token.tier = args->tier;
    token.ttl_ms = args->ttl_ms;
    token.endpoint = args->endpoint;
    rc =
        weft_token_create(cli->client, &token, cli_wait_ms(cli), &text, why, sizeof(why));
    if (rc < 0) {
        return cli_fail(cli, rc, "%s", why);
    }
    if (args->out != NULL) {
        rc = save(cli, args->out, text);
    } else if (cli->json) {
        json_begin(&json, cli->out.f, "token");
        json_text(&json, "token", text);
        json_text(&json, "role", args->role);
        json_uint(&json, "expires_ms", clock_wall_ms() + args->ttl_ms);
        json_end(&json);
    } else {
        fprintf(cli->out.f, "%s\n", text);
    }
    fflush(cli->out.f);
    weft_free(text);
    if (rc == CLI_OK) {
        explain(cli, args);
    }
    return rc;
}

static int token_list(struct cli *cli, const void *args, int n, char **operands)
{
    (void) args;
    (void) n;
    (void) operands;
    return keys_list(cli, "tokens", weft_tokens);
}

static int is_called(const struct weft_key *token, const char *name)
{
    size_t len = strlen(name);

    return strcmp(token->state, "active") == 0 &&
           (strcmp(token->name, name) == 0 ||
            (len >= TOKEN_PREFIX && strncmp(token->key, name, len) == 0));
}

/* Close every open token of a name.  By its key, since a node may have the name by now.
 */
static int revoke_named(struct cli *cli, const char *name, const struct weft_key *rows,
                        size_t count)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        char why[256] = "";
        int code;

        if (!is_called(&rows[i], name)) {
            continue;
        }
        code =
            weft_key_revoke(cli->client, rows[i].key, cli_wait_ms(cli), why, sizeof(why));
        if (code < 0) {
            return cli_fail(cli, code, "token %s%s%s", name, *why != '\0' ? ": " : "",
                            why);
        }
        cli_note(cli, "token %s (%.8s): revoked", name, rows[i].key);
        found++;
    }
    return found > 0 ? CLI_OK
                     : cli_fail_next(cli, WEFT_ENOENT, "`weft token ls` lists the tokens",
                                     "no token %s is open", name);
}

static int token_revoke(struct cli *cli, const void *args, int n, char **operands)
{
    struct weft_key *rows = NULL;
    size_t count = 0;
    int rc = cli_connect(cli), code;

    (void) args;
    if (rc != CLI_OK) {
        return rc;
    }
    code = weft_tokens(cli->client, cli_wait_ms(cli), &rows, &count);
    if (code < 0) {
        return cli_fail(cli, code, "%s", "");
    }
    for (int i = 0; rc == CLI_OK && i < n; i++) {
        rc = revoke_named(cli, operands[i], rows, count);
    }
    weft_rows_free(rows);
    return rc;
}

const struct cmd cmd_token_create = {
    .name = "token create",
    .group = "Access",
    .operands = "",
    .summary = "Make a single-use token that lets a device or person join",
    .details =
        "  weft token create --name cam-17 --site lyon --tier edge > token\n"
        "  ssh cam-17 'sudo weft-agent join --token-file -' < token\n"
        "\n"
        "The token carries the broker's address and key; the device draws its own key\n"
        "and keeps it.  Hand the token over like a password.\n",
    CMD_OPTS(opts),
    .args_size = sizeof(struct token_args),
    .defaults = &defaults,
    .run = token_create,
};

const struct cmd cmd_token_ls = {
    .name = "token ls",
    .group = "Access",
    .operands = "",
    .summary = "List join tokens that are open or not long gone",
    .run = token_list,
};

const struct cmd cmd_token_revoke = {
    .name = "token revoke",
    .group = "Access",
    .operands = "NAME | KEY...",
    .summary = "Close open tokens, by name or by 8 or more digits of their key",
    .min = 1,
    .max = -1,
    .run = token_revoke,
};
