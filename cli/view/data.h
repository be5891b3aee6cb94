/* data.h - how datasets are named, shown and failed about, everywhere the same */
#ifndef CLI_VIEW_DATA_H
#define CLI_VIEW_DATA_H

#include "cli/cli.h"

struct data_name {
    char s[96];
};

/* "maps@3". */
struct data_name data_name(const struct weft_dataset *d);

/* A digest as lists show it, its first 12 digits, and whole. */
struct data_digest {
    char s[WEFT_DIGEST_TEXT];
};

struct data_digest data_digest(const weft_digest *digest);
struct data_digest data_digest12(const weft_digest *digest);

/* The members of one row, into an open object. */
void data_json(struct json *json, const struct weft_dataset *d);

/* 1 for the digest that stands for no blob. */
int data_is_none(const weft_digest *digest);

/* A digest as a member; null for the one that is zero. */
void json_digest(struct json *json, const char *key, const weft_digest *digest);

/* Say why something about the dataset, blob or path `ref` failed.  `why` is the library's
 * line, or "".  The exit code. */
int data_fail(struct cli *cli, int code, const char *ref, const char *why);

#endif
