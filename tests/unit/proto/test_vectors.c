/* The vectors of docs/spec/vectors say what they say to this implementation too.
 *
 * Usage: test_vectors FILE...   `frame` is decoded; each `says`, `dump`, `skipped` and
 * `refused` after it tells what comes of it, in order. */
#include "common/err.h"
#include "common/str.h"
#include "proto/msg.h"
#include "proto/token.h"
#include "tests/lib/json.h"
#include "tests/lib/tap.h"

#include <sodium.h>

struct reader {
    const char *file;
    unsigned line;
    uint8_t frame[4096];
    size_t len;
    struct wf_cursor c; /* behind the header */
    struct wf_msg msg;  /* the last that `says` gave */
    struct wf_buf json;
    struct wf_token token;
    char token_text[WF_TOKEN_TEXT_MAX];
};

static void expect(const struct reader *r, int good, const char *what)
{
    const char *slash = strrchr(r->file, '/');

    ok(good, "%s:%u %s", slash != NULL ? slash + 1 : r->file, r->line, what);
}

/* Before the next frame: nothing of the last one is left over. */
static void finish(struct reader *r)
{
    if (r->len != 0) {
        expect(r, wf_cur_left(&r->c) == 0 || r->c.err != 0, "nothing is left of it");
    }
    r->len = 0;
}

static void on_frame(struct reader *r, const char *hex)
{
    char packed[2 * sizeof r->frame + 1];
    size_t n = 0;

    finish(r);
    for (const char *p = hex; *p != '\0' && n + 1 < sizeof packed; p++) {
        if (*p != ' ') {
            packed[n++] = *p;
        }
    }
    packed[n] = '\0';
    must(wf_unhex(r->frame, sizeof r->frame, packed, &r->len) == 0);
    must(r->len >= 2 && r->frame[0] == WF_FRAME_MAGIC && r->frame[1] == WF_FRAME_VERSION);
    wf_cur_init(&r->c, r->frame + 2, r->len - 2);
}

static void on_says(struct reader *r, const char *want)
{
    wf_buf_clear(&r->json);
    if (wf_msg_decode(&r->c, &r->msg) != 0) {
        expect(r, 0, "decodes");
        return;
    }
    json_message(&r->json, wf_desc_of(r->msg.type), &r->msg.u);
    expect(r, r->json.len == strlen(want) && memcmp(r->json.p, want, r->json.len) == 0,
           want);
}

/* What this implementation prints, and that it writes the very bytes of the frame. */
static void on_dump(struct reader *r, const char *want)
{
    struct wf_buf out = WF_BUF_INIT(sizeof r->frame);
    char line[4096];

    wf_msg_dump(line, sizeof line, r->msg.type, &r->msg.u);
    is_str(line, want, "its dump");
    expect(r,
           wf_msg_encode(&out, r->msg.type, &r->msg.u) == 0 && out.len == r->len - 2 &&
               memcmp(out.p, r->frame + 2, out.len) == 0,
           "encodes to the frame");
    wf_buf_fini(&out);
}

static void on_token(struct reader *r, const char *text)
{
    struct wf_err err = {0};

    (void) wf_str_copy(r->token_text, sizeof r->token_text, text);
    expect(r, wf_token_parse(text, strlen(text), &r->token, &err) == 0, "a token");
}

/* "key value", of the token read last. */
static void on_token_field(struct reader *r, const char *key, const char *value)
{
    char got[2 * WF_KEY_SIZE + 1] = "?";
    struct wf_key public;
    uint8_t secret[WF_KEY_SIZE];

    wf_token_keypair(r->token.seed, &public, secret);
    if (strcmp(key, "name") == 0) {
        is_str(r->token.name, value, key);
    } else if (strcmp(key, "site") == 0) {
        is_str(r->token.site, value, key);
    } else if (strcmp(key, "endpoint") == 0) {
        is_str(r->token.endpoints[0], value, key);
    } else if (strcmp(key, "role") == 0) {
        is_int(r->token.role, atoi(value), key);
    } else if (strcmp(key, "tier") == 0) {
        is_int(r->token.tier, atoi(value), key);
    } else if (strcmp(key, "expires") == 0) {
        is_int(r->token.expires_ms, atoll(value), key);
    } else {
        wf_hex(got,
               strcmp(key, "broker") == 0   ? r->token.broker.b
               : strcmp(key, "seed") == 0   ? r->token.seed
               : strcmp(key, "public") == 0 ? public.b
                                            : secret,
               WF_KEY_SIZE);
        is_str(got, value, key);
    }
}

static void on_line(struct reader *r, char *line)
{
    char *value = strchr(line, ' ');
    char number[24];

    if (value != NULL) {
        *value++ = '\0';
    } else {
        value = line + strlen(line);
    }
    if (strcmp(line, "frame") == 0) {
        on_frame(r, value);
    } else if (strcmp(line, "says") == 0) {
        on_says(r, value);
    } else if (strcmp(line, "dump") == 0) {
        on_dump(r, value);
    } else if (strcmp(line, "refused") == 0) {
        expect(r, wf_msg_decode(&r->c, &r->msg) == WEFT_EPROTO, "is refused");
    } else if (strcmp(line, "skipped") == 0) {
        struct wf_cursor peek = r->c;

        (void) wf_cur_array(&peek);
        (void) snprintf(number, sizeof number, "%" PRIu64, wf_cur_uint(&peek));
        is_str(number, value, "the unknown number");
        expect(r, wf_msg_decode(&r->c, &r->msg) == WEFT_ESUPPORT, "is skipped");
    } else if (strcmp(line, "token") == 0) {
        on_token(r, value);
    } else {
        on_token_field(r, line, value);
    }
}

static void read_file(const char *path)
{
    struct reader r = {.file = path, .json = WF_BUF_INIT(1u << 20)};
    static char line[16384];
    FILE *f = fopen(path, "r");

    must(f != NULL);
    while (fgets(line, sizeof line, f) != NULL) {
        r.line++;
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '\0' && line[0] != '#') {
            on_line(&r, line);
        }
    }
    finish(&r);
    (void) fclose(f);
    wf_buf_fini(&r.json);
}

int main(int argc, char **argv)
{
    must(sodium_init() >= 0);
    for (int i = 1; i < argc; i++) {
        read_file(argv[i]);
    }
    ok(tap_count > 0, "there are vectors");
    return done();
}
