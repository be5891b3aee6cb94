/* What the faster library seals libsodium opens, and the other way round. */
#include "agent/blob/seal_stream.h"
#include "client/include/weft/error.h"
#include "tests/lib/tap.h"

#include <sodium/core.h>
#include <sodium/crypto_secretstream_xchacha20poly1305.h>
#include <stdlib.h>
#include <string.h>

#define HEADER crypto_secretstream_xchacha20poly1305_HEADERBYTES
#define EXTRA  41u
#define FINAL  crypto_secretstream_xchacha20poly1305_TAG_FINAL
#define MOST   262144u

static const uint8_t key[32] = {7, 6, 5, 4, 3, 2, 1};
static const uint8_t ad[40] = {1, 2, 3};
static uint8_t plain[MOST], box[MOST + EXTRA], back[MOST];

static int sodium_seal(size_t len, unsigned char tag)
{
    crypto_secretstream_xchacha20poly1305_state s;

    return crypto_secretstream_xchacha20poly1305_init_push(&s, box, key) != 0 ||
           crypto_secretstream_xchacha20poly1305_push(&s, box + HEADER, NULL, plain, len,
                                                      ad, sizeof ad, tag) != 0;
}

static int sodium_open(size_t len)
{
    crypto_secretstream_xchacha20poly1305_state s;
    unsigned char tag = 0;

    return crypto_secretstream_xchacha20poly1305_init_pull(&s, box, key) != 0 ||
           crypto_secretstream_xchacha20poly1305_pull(&s, back, NULL, &tag, box + HEADER,
                                                      len + EXTRA - HEADER, ad,
                                                      sizeof ad) != 0 ||
           tag != FINAL;
}

static void both_ways(struct stream *s)
{
    static const size_t len[] = {0, 16, 64, 65536, 100000, MOST};
    unsigned bad = 0;

    for (size_t i = 0; i < sizeof plain; i++) {
        plain[i] = (uint8_t) (i * 7 + i / 251);
    }
    for (size_t i = 0; i < sizeof len / sizeof len[0]; i++) {
        memset(back, 0, sizeof back);
        bad += stream_push(s, key, ad, sizeof ad, plain, len[i], box) != 0;
        bad += sodium_open(len[i]) != 0 || memcmp(back, plain, len[i]) != 0;
        memset(back, 0, sizeof back);
        bad += sodium_seal(len[i], FINAL) != 0;
        bad += stream_pull(s, key, ad, sizeof ad, box, back, len[i]) != 0 ||
               memcmp(back, plain, len[i]) != 0;
    }
    is_int(bad, 0, "either opens what the other sealed");
    is_int(stream_push(s, key, ad, sizeof ad, plain, 17, box), WEFT_ESUPPORT,
           "other lengths are left to libsodium");
}

static void damaged(struct stream *s)
{
    static const size_t at[] = {0, 20, HEADER, HEADER + 1, 5000, 4096 + EXTRA - 1};
    unsigned good = 0;

    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        if (stream_push(s, key, ad, sizeof ad, plain, 4096, box) != 0) {
            good++;
        }
        box[at[i] < 4096 + EXTRA ? at[i] : 4096] ^= 1;
        good += stream_pull(s, key, ad, sizeof ad, box, back, 4096) == 0;
    }
    is_int(good, 0, "nothing damaged is opened");
    (void) stream_push(s, key, ad, sizeof ad, plain, 4096, box);
    ok(stream_pull(s, key, ad, sizeof ad - 1, box, back, 4096) != 0,
       "nor what belongs elsewhere");
    ok(sodium_seal(4096, 0) == 0 &&
           stream_pull(s, key, ad, sizeof ad, box, back, 4096) != 0,
       "nor what is not the last message");
    (void) stream_push(s, key, ad, sizeof ad, plain, 4096, box);
    ok(stream_pull(s, key, ad, sizeof ad, box, back, 4096) == 0,
       "after all of which it still works");
}

int main(void)
{
    struct stream s;

    if (sodium_init() < 0) {
        return 1;
    }
    stream_init(&s);
    if (s.aead != NULL) {
        both_ways(&s);
        damaged(&s);
    } else {
        is_int(stream_push(&s, key, ad, sizeof ad, plain, 64, box), WEFT_ESUPPORT,
               "without the other library nothing is sealed by it");
    }
    stream_fini(&s);
    return done();
}
