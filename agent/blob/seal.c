#include "agent/blob/seal.h"

#include "common/io/file.h"
#include "common/str.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium/core.h>
#include <sodium/utils.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A faster library has to be woken first. */
#define LARGE  (16u << 10)
#define HEADER crypto_secretstream_xchacha20poly1305_HEADERBYTES

/* 64 hex digits and a newline. */
#define KEY_LEN (2 * SEAL_KEY + 1)

static int bad_key(struct wf_err *err, const char *path, const char *why)
{
    return wf_err_set(err, WEFT_EKEY, "the key of the blobs, %.150s, %s", path, why);
}

int seal_init(void)
{
    return sodium_init() >= 0 ? 0 : WEFT_EIO;
}

int seal_load(struct seal *s, const char *path, struct wf_err *err)
{
    char text[KEY_LEN + 2];
    struct stat st;
    size_t len = 0;
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return errno == ENOENT ? wf_err_set(err, WEFT_ENOENT,
                                            "there is no key of the blobs, %.150s", path)
                               : bad_key(err, path, strerror(errno));
    }
    n = fstat(fd, &st) == 0 ? read(fd, text, sizeof text - 1) : -1;
    (void) close(fd);
    if (n < 0) {
        return bad_key(err, path, "cannot be read");
    }
    if ((st.st_mode & 077) != 0) {
        sodium_memzero(text, sizeof text);
        return bad_key(err, path, "may be read by others: chmod 600");
    }
    text[n] = '\0';
    if (n == KEY_LEN && text[KEY_LEN - 1] == '\n') {
        text[KEY_LEN - 1] = '\0';
        n = wf_unhex(s->key, sizeof s->key, text, &len) == 0 ? (ssize_t) len : 0;
    }
    sodium_memzero(text, sizeof text);
    if (n != SEAL_KEY) {
        return bad_key(err, path, "is no key");
    }
    s->has_key = 1;
    return 0;
}

int seal_make(struct seal *s, const char *path, struct wf_err *err)
{
    char text[KEY_LEN + 1];
    int rc;

    crypto_secretstream_xchacha20poly1305_keygen(s->key);
    wf_hex(text, s->key, sizeof s->key);
    text[KEY_LEN - 1] = '\n';
    rc = file_write_new(path, text, KEY_LEN, 0600, err);
    sodium_memzero(text, sizeof text);
    s->has_key = rc == 0;
    return rc;
}

void seal_name(const struct seal *s, char *dst)
{
    static const uint8_t personal[crypto_generichash_blake2b_PERSONALBYTES] =
        "weft blob key";
    uint8_t sum[16];

    (void) crypto_generichash_blake2b_salt_personal(
        sum, sizeof sum, s->key, sizeof s->key, NULL, 0, NULL, personal);
    wf_hex(dst, sum, (SEAL_NAME - 1) / 2);
}

void seal_wipe(struct seal *s)
{
    stream_fini(&s->stream);
    sodium_memzero(s, sizeof *s);
}

static void additional(const struct wf_digest *d, uint64_t chunk,
                       uint8_t ad[WF_DIGEST_SIZE + 8])
{
    memcpy(ad, d->b, sizeof d->b);
    for (unsigned i = 0; i < 8; i++) {
        ad[WF_DIGEST_SIZE + i] = (uint8_t) (chunk >> 8 * i);
    }
}

static struct stream *stream_for(struct seal *s, size_t len)
{
    if (!s->has_stream && len >= LARGE) {
        stream_init(&s->stream);
        s->has_stream = 1;
    }
    return &s->stream;
}

static void push(const struct seal *s, const void *ad, size_t ad_len, const void *p,
                 size_t len, uint8_t *box)
{
    crypto_secretstream_xchacha20poly1305_state state;

    (void) crypto_secretstream_xchacha20poly1305_init_push(&state, box, s->key);
    (void) crypto_secretstream_xchacha20poly1305_push(
        &state, box + HEADER, NULL, p, len, ad, ad_len,
        crypto_secretstream_xchacha20poly1305_TAG_FINAL);
    sodium_memzero(&state, sizeof state);
}

static int pull(const struct seal *s, const void *ad, size_t ad_len, const uint8_t *box,
                size_t len, void *dst)
{
    crypto_secretstream_xchacha20poly1305_state state;
    uint8_t tag = 0;
    int rc = crypto_secretstream_xchacha20poly1305_init_pull(&state, box, s->key);

    if (rc == 0) {
        rc = crypto_secretstream_xchacha20poly1305_pull(
            &state, dst, NULL, &tag, box + HEADER, len + SEAL_EXTRA - HEADER, ad, ad_len);
    }
    sodium_memzero(&state, sizeof state);
    return rc == 0 && tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL
               ? 0
               : WEFT_EPROTO;
}

void seal_chunk(struct seal *s, const struct wf_digest *d, uint64_t chunk, const void *p,
                size_t len, uint8_t *box)
{
    uint8_t ad[WF_DIGEST_SIZE + 8];

    additional(d, chunk, ad);
    if (stream_push(stream_for(s, len), s->key, ad, sizeof ad, p, len, box) != 0) {
        push(s, ad, sizeof ad, p, len, box);
    }
}

int seal_open(struct seal *s, const struct wf_digest *d, uint64_t chunk,
              const uint8_t *box, size_t len, void *dst)
{
    uint8_t ad[WF_DIGEST_SIZE + 8];

    additional(d, chunk, ad);
    return stream_pull(stream_for(s, len), s->key, ad, sizeof ad, box, dst, len) == 0
               ? 0
               : pull(s, ad, sizeof ad, box, len, dst);
}
