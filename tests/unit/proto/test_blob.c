#include "proto/blob.h"
#include "tests/lib/tap.h"

/* Computed with Python's hashlib from the words of docs/spec/7-data.md. */
static const struct {
    size_t len;
    const char *digest;
} known[] = {
    {0, "897c45e06b0104600259adc3c9e248264cbfc6b03edc95d5dd9fbccc8808ad20"},
    {1, "a563a8e4914c1d0199fcb6d27734d48257cc484f9a3268046632f6264a3fa989"},
    {65536, "e6c16e813cfdfc7039b635b010d2b508989f22d9fcc0e5d011ad9e58bb813db5"},
    {65537, "0d1dd8e4adc87ab2fe06959aeeb5fcde2215f1bfaf1c8a6f0d166f684c0b4166"},
    {200000, "820725805614bd3a57d718e46567749b090845ce75fb0fba5b11859da5ba59d5"},
};

static void test_digests(void)
{
    static uint8_t bytes[200000];
    struct wf_digest leaves[4], d, again;
    char text[WF_DIGEST_TEXT];

    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t) (i * 7 + i / 251);
    }
    for (size_t k = 0; k < ARRAY_LEN(known); k++) {
        wf_blob_of(bytes, known[k].len, &d);
        is_str(wf_digest_text(&d, text), known[k].digest, "the digest of so many bytes");
    }
    for (uint64_t i = 0; i < 4; i++) {
        wf_leaf(bytes + i * 65536, wf_chunk_len(sizeof bytes, i), &leaves[i]);
    }
    wf_blob_digest(sizeof bytes, leaves, &again);
    ok(wf_digest_eq(&d, &again), "leaves give the same digest");
    leaves[2].b[5] ^= 1;
    wf_blob_digest(sizeof bytes, leaves, &again);
    ok(!wf_digest_eq(&d, &again), "another leaf gives another one");
    ok(wf_digest_parse(text, &again) == 0 && wf_digest_eq(&d, &again), "text and back");
    ok(wf_digest_parse("820725", &again) != 0, "too short is no digest");
    text[3] = 'x';
    ok(wf_digest_parse(text, &again) != 0, "x is no hex digit");
}

static void test_chunks(void)
{
    const uint64_t mib = 1 << 20;

    is_int(wf_chunk_count(0), 0, "an empty blob has no chunks");
    is_int(wf_chunk_count(65537), 2, "one byte more is another chunk");
    is_int(wf_chunk_len(65537, 1), 1, "of one byte");
    is_int(wf_chunk_size(64 * mib), 64 << 10, "64 KiB up to 64 MiB");
    is_int(wf_chunk_size(64 * mib + 1), 256 << 10, "then 256 KiB");
    is_int(wf_chunk_size(1024 * mib), 256 << 10, "up to 1 GiB");
    is_int(wf_chunk_size(1024 * mib + 1), mib, "then 1 MiB");
    is_int(wf_chunk_count(WF_BLOB_MAX), WF_CHUNKS_MAX, "the largest has the most");
    is_int(wf_chunk_len(WF_BLOB_MAX, WF_CHUNKS_MAX - 1), mib, "the last is a whole one");
}

int main(void)
{
    test_digests();
    test_chunks();
    return done();
}
