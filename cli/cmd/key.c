/* key.c - weft key ls and revoke: who may connect */
#include "cli/cmd.h"
#include "cli/view/keys.h"

static int key_list(struct cli *cli, const void *args, int n, char **operands)
{
    (void) args;
    (void) n;
    (void) operands;
    return keys_list(cli, "keys", weft_keys);
}

static int key_revoke(struct cli *cli, const void *args, int n, char **operands)
{
    int rc = cli_connect(cli);

    (void) args;
    for (int i = 0; rc == CLI_OK && i < n; i++) {
        char why[256] = "";
        int code =
            weft_key_revoke(cli->client, operands[i], cli_wait_ms(cli), why, sizeof(why));

        if (code < 0) {
            rc = cli_fail_next(cli, code, "`weft key ls` lists the keys", "key %s%s%s",
                               operands[i], *why != '\0' ? ": " : "", why);
        } else {
            cli_note(cli, "key %s: revoked, its session is ended", operands[i]);
        }
    }
    return rc;
}

const struct cmd cmd_key_ls = {
    .name = "key ls",
    .group = "Access",
    .operands = "",
    .summary = "List the enrolled keys: agents, clients, operators",
    .run = key_list,
};

const struct cmd cmd_key_revoke = {
    .name = "key revoke",
    .group = "Access",
    .operands = "NAME | KEY...",
    .summary = "Refuse keys from now on, by name or by 8 or more digits",
    .min = 1,
    .max = -1,
    .run = key_revoke,
};
