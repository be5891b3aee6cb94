/* json.h - writes JSON
 *
 * Keys are given with each value and are NULL inside arrays.  Commas, escapes and nesting
 * are the writer's care; text that is not UTF-8 gets U+FFFD in place of each bad byte.
 * One document is one line.
 */
#ifndef CLI_TOOL_JSON_H
#define CLI_TOOL_JSON_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_DEPTH 16

struct json {
    FILE *f;
    unsigned depth;
    unsigned char filled[JSON_DEPTH]; /* 1: this level has a value already */
};

/* Start a document: {"schema":"weft.NAME.v1" ... and end it with a newline. */
void json_begin(struct json *json, FILE *f, const char *name);
void json_end(struct json *json);

void json_object(struct json *json, const char *key);
void json_array(struct json *json, const char *key);
void json_close_object(struct json *json);
void json_close_array(struct json *json);

/* NULL text is written as null. */
void json_text(struct json *json, const char *key, const char *text);
void json_bytes(struct json *json, const char *key, const void *data, size_t len);
void json_uint(struct json *json, const char *key, uint64_t value);
void json_int(struct json *json, const char *key, int64_t value);
void json_bool(struct json *json, const char *key, int value);

/* Bytes of any kind: "KEY" as text when it is UTF-8, else "KEY_base64". */
void json_data(struct json *json, const char *key, const void *data, size_t len);

#endif
