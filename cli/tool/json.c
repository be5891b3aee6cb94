#include "cli/tool/json.h"

#include <inttypes.h>
#include <string.h>

#include "cli/tool/text.h"

static void escaped(FILE *f, const char *text, size_t len)
{
    size_t i = 0;

    fputc('"', f);
    while (i < len) {
        size_t n = text_char(text + i, len - i);
        unsigned char c = (unsigned char) text[i];

        if (n == 0) {
            fputs("\\ufffd", f);
            n = 1;
        } else if (c == '"' || c == '\\') {
            fprintf(f, "\\%c", c);
        } else if (c == '\n') {
            fputs("\\n", f);
        } else if (c == '\t') {
            fputs("\\t", f);
        } else if (c < 0x20 || c == 0x7f) {
            fprintf(f, "\\u%04x", c);
        } else {
            fwrite(text + i, 1, n, f);
        }
        i += n;
    }
    fputc('"', f);
}

/* The comma before and the key of the next value. */
static void lead(struct json *json, const char *key)
{
    if (json->filled[json->depth]) {
        fputc(',', json->f);
    }
    json->filled[json->depth] = 1;
    if (key != NULL) {
        escaped(json->f, key, strlen(key));
        fputc(':', json->f);
    }
}

static void open_level(struct json *json, const char *key, char c)
{
    lead(json, key);
    fputc(c, json->f);
    if (json->depth < JSON_DEPTH - 1) {
        json->depth++;
    }
    json->filled[json->depth] = 0;
}

static void close_level(struct json *json, char c)
{
    if (json->depth > 0) {
        json->depth--;
    }
    fputc(c, json->f);
}

void json_begin(struct json *json, FILE *f, const char *name)
{
    memset(json, 0, sizeof(*json));
    json->f = f;
    open_level(json, NULL, '{');
    lead(json, "schema");
    fprintf(f, "\"weft.%s.v1\"", name);
}

void json_end(struct json *json)
{
    close_level(json, '}');
    fputc('\n', json->f);
}

void json_object(struct json *json, const char *key)
{
    open_level(json, key, '{');
}

void json_array(struct json *json, const char *key)
{
    open_level(json, key, '[');
}

void json_close_object(struct json *json)
{
    close_level(json, '}');
}

void json_close_array(struct json *json)
{
    close_level(json, ']');
}

void json_bytes(struct json *json, const char *key, const void *data, size_t len)
{
    lead(json, key);
    escaped(json->f, data, len);
}

void json_text(struct json *json, const char *key, const char *text)
{
    if (text == NULL) {
        lead(json, key);
        fputs("null", json->f);
        return;
    }
    json_bytes(json, key, text, strlen(text));
}

void json_uint(struct json *json, const char *key, uint64_t value)
{
    lead(json, key);
    fprintf(json->f, "%" PRIu64, value);
}

void json_int(struct json *json, const char *key, int64_t value)
{
    lead(json, key);
    fprintf(json->f, "%" PRId64, value);
}

void json_bool(struct json *json, const char *key, int value)
{
    lead(json, key);
    fputs(value ? "true" : "false", json->f);
}

static void base64(FILE *f, const unsigned char *p, size_t len)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t v = (uint32_t) p[i] << 16 | (left > 1 ? (uint32_t) p[i + 1] << 8 : 0) |
                     (left > 2 ? p[i + 2] : 0);

        fputc(digits[v >> 18], f);
        fputc(digits[v >> 12 & 63], f);
        fputc(left > 1 ? digits[v >> 6 & 63] : '=', f);
        fputc(left > 2 ? digits[v & 63] : '=', f);
    }
}

void json_data(struct json *json, const char *key, const void *data, size_t len)
{
    char name[64];

    if (text_is_utf8(data, len)) {
        json_bytes(json, key, data, len);
        return;
    }
    snprintf(name, sizeof(name), "%s_base64", key);
    lead(json, name);
    fputc('"', json->f);
    base64(json->f, data, len);
    fputc('"', json->f);
}
