#include "agent/exec/work.h"
#include "common/err.h"
#include "tests/lib/tap.h"

/* The example of docs/spec/worker.md. */
static const uint8_t hello[] = {5, 0, 0, 0, 1, 1, 0, 1, 0};
static const uint8_t job[] = {0x16, 0, 0, 0, 2, 7, 0, 0, 0, 1,   0,   0,   0,
                              0,    0, 0, 0, 0, 0, 0, 0, 2, 'j', '1', 'h', 'i'};
static const uint8_t job_files[] = {
    0x22, 0, 0, 0,   6,   7, 0, 0, 0, 1,   0, 0, 0,   0,   0,   0,   0,   0,   0,
    0,    0, 2, 'j', '1', 0, 0, 1, 1, 'w', 5, 0, '/', 'i', 'n', '/', 'w', 'h', 'i'};
static const uint8_t result_file[] = {8, 0, 0, 0, 7, 7, 0, 0, 0, 'o', 'u', 't'};
static const uint8_t result[] = {0x0b, 0, 0, 0, 4, 7, 0, 0, 0, 0, 0, 0, 0, 'H', 'I'};

static void test_example(void)
{
    struct wf_buf b = WF_BUF_INIT(4096);
    struct work_job j = {.ref = 7,
                         .attempt = 1,
                         .id = "j1",
                         .payload = (const uint8_t *) "hi",
                         .payload_len = 2};
    struct work_msg m;
    size_t total;

    ok(work_put_job(&b, &j) == 0 && b.len == sizeof job &&
           memcmp(b.p, job, sizeof job) == 0,
       "JOB of the spec's example");
    wf_buf_clear(&b);
    ok(work_put_cancel(&b, 7) == 0 && b.len == 9 && b.p[4] == WORK_CANCEL, "CANCEL");
    ok(work_peek(hello, sizeof hello, &total) == 0 && total == sizeof hello &&
           work_decode(hello, total, &m) == 0 && m.type == WORK_HELLO &&
           m.protocol == 1 && m.concurrency == 1,
       "HELLO");
    ok(work_peek(result, sizeof result, &total) == 0 &&
           work_decode(result, total, &m) == 0 && m.type == WORK_RESULT && m.ref == 7 &&
           m.code == 0 && m.len == 2 && memcmp(m.p, "HI", 2) == 0,
       "RESULT");
    wf_buf_fini(&b);
}

static void test_files(void)
{
    struct wf_buf files = WF_BUF_INIT(4096), b = WF_BUF_INIT(4096);
    struct work_job j = {.ref = 7,
                         .attempt = 1,
                         .id = "j1",
                         .payload = (const uint8_t *) "hi",
                         .payload_len = 2};
    static const char *const bad[] = {"", "a/b", "..", "."};
    static char path[WORK_PATH_MAX + 2];
    struct work_msg m;
    size_t total;
    unsigned refused = 0;
    uint8_t f[32];

    must(work_put_files(&files, "", 1) == 0 && work_put_input(&files, "w", "/in/w") == 0);
    j.files = files.p;
    j.files_len = files.len;
    ok(work_put_job(&b, &j) == 0 && b.len == sizeof job_files &&
           memcmp(b.p, job_files, sizeof job_files) == 0,
       "JOB_FILES of the spec's example");
    ok(work_peek(result_file, sizeof result_file, &total) == 0 &&
           work_decode(result_file, total, &m) == 0 && m.type == WORK_RESULT_FILE &&
           m.ref == 7 && m.len == 3 && memcmp(m.p, "out", 3) == 0,
       "RESULT_FILE");
    memcpy(f, result_file, sizeof result_file);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        memcpy(f + 9, bad[i], strlen(bad[i]));
        refused += work_decode(f, 9 + strlen(bad[i]), &m) == WEFT_EPROTO;
    }
    f[9] = 'a';
    f[10] = 0;
    refused += work_decode(f, 11, &m) == WEFT_EPROTO;
    is_int(refused, ARRAY_LEN(bad) + 1, "names that leave the folder, or are none");
    is_int(work_put_files(&files, "", WORK_INPUTS_MAX + 1), WEFT_ETOOBIG,
           "too many inputs");
    memset(path, 'p', sizeof path - 1);
    is_int(work_put_input(&files, "w", path), WEFT_ETOOBIG, "a path too long");
    wf_buf_fini(&files);
    wf_buf_fini(&b);
}

static void test_limits(void)
{
    static uint8_t payload[WORK_PAYLOAD_MAX + 1];
    static char id[WORK_ID_MAX + 2];
    struct wf_buf b = WF_BUF_INIT(100);
    struct work_job j = {.ref = 1,
                         .attempt = 1,
                         .id = "x",
                         .payload = payload,
                         .payload_len = sizeof payload};

    is_int(work_put_job(&b, &j), WEFT_ETOOBIG, "a payload too large");
    j.payload_len = 50;
    memset(id, 'i', sizeof id - 1);
    j.id = id;
    is_int(work_put_job(&b, &j), WEFT_ETOOBIG, "an id too long");
    j.id = "x";
    is_int(work_put_job(&b, &j), 0, "one that fits");
    is_int(work_put_job(&b, &j), WEFT_ETOOBIG, "a buffer without room");
    ok(b.len == 73 && b.err == 0, "is left as it was");
    wf_buf_fini(&b);
}

static void test_bad(void)
{
    uint8_t f[32];
    struct work_msg m;
    size_t total;
    uint32_t seed = 1;
    unsigned wrong = 0;

    for (size_t n = 0; n < sizeof result; n++) {
        wrong += work_peek(result, n, &total) != WEFT_EAGAIN;
    }
    is_int(wrong, 0, "a part of a frame asks for more");
    ok(work_peek((const uint8_t *) "\0\0\0\0", 4, &total) == WEFT_EPROTO, "length 0");
    ok(work_peek((const uint8_t *) "\1\0\x11\0", 4, &total) == WEFT_EPROTO,
       "one byte too long");
    memcpy(f, hello, sizeof hello);
    f[7] = 0;
    is_int(work_decode(f, sizeof hello, &m), WEFT_EPROTO, "concurrency 0");
    is_int(work_decode(job, sizeof job, &m), WEFT_EPROTO, "a JOB from a worker");
    is_int(work_decode(result, 12, &m), WEFT_EPROTO, "a RESULT cut short");
    for (unsigned i = 0; i < 50000; i++) {
        for (size_t k = 0; k < sizeof f; k++) {
            seed = seed * 1664525u + 1013904223u;
            f[k] = (uint8_t) (seed >> 24);
        }
        f[0] = (uint8_t) (i % 29);
        f[1] = f[2] = f[3] = 0;
        f[4] = (uint8_t) (i % 7);
        if (work_peek(f, sizeof f, &total) == 0 && work_decode(f, total, &m) == 0) {
            wrong += m.len > 0 && (m.p < f || m.p + m.len > f + total);
        }
    }
    is_int(wrong, 0, "noise never points outside its frame");
}

int main(void)
{
    test_example();
    test_files();
    test_limits();
    test_bad();
    return done();
}
