/* keys.h - lists of keys and join tokens */
#ifndef CLI_VIEW_KEYS_H
#define CLI_VIEW_KEYS_H

#include "cli/cli.h"

struct key_text {
    char s[WEFT_FINGERPRINT_TEXT];
};

/* What logs and joins call the key of these 64 digits; empty when it is none. */
struct key_text key_fingerprint(const char *key);

/* Print rows as a table, or as document `schema`. */
void keys_print(struct cli *cli, const char *schema, const struct weft_key *rows,
                size_t n);

/* Ask the broker for rows with `ask`, weft_keys() or weft_tokens(), and print them. */
int keys_list(struct cli *cli, const char *schema,
              int (*ask)(weft_client *client, int timeout_ms, struct weft_key **ret_rows,
                         size_t *ret_n));

#endif
