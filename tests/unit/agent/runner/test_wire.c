#include "agent/runner/wire.h"
#include "common/err.h"
#include "common/mem.h"
#include "tests/lib/tap.h"

static struct wire_msg in, out;

static void full_start(struct wire_msg *m)
{
    struct wire_start *s = &m->u.start;

    memset(m, 0, sizeof *m);
    m->type = WIRE_START;
    s->run = UINT64_MAX - 5;
    s->kind = WIRE_WORKER;
    s->sandbox = WIRE_SANDBOX_REQUIRED;
    s->flags = WIRE_NETWORK | WIRE_RESULT_FILE;
    s->limits = (struct wire_limits){1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    must(wire_list_add(&s->argv, "/bin/prog") == 0);
    must(wire_list_add(&s->argv, "") == 0);
    must(wire_list_add(&s->env, "A=b") == 0);
    must(wire_list_add(&s->binds, "/opt") == 0);
    must(wire_list_add(&s->inputs, "model=/some/file") == 0);
    s->payload_path = "/some/where";
    s->payload = (const uint8_t *) "pay\0load";
    s->payload_len = 8;
}

static void round_trip(struct wf_buf *b)
{
    size_t total;

    wf_buf_clear(b);
    must(wire_encode(b, &in) == 0);
    must(wire_peek(b->p, b->len, &total) == 0 && total == b->len);
    must(wire_decode(b->p, b->len, &out) == 0);
    must(out.type == in.type);
}

static void test_start(struct wf_buf *b)
{
    const struct wire_start *s = &out.u.start;

    full_start(&in);
    round_trip(b);
    ok(s->run == UINT64_MAX - 5 && s->kind == WIRE_WORKER &&
           s->sandbox == WIRE_SANDBOX_REQUIRED && s->flags == in.u.start.flags,
       "START: head");
    ok(memcmp(&s->limits, &in.u.start.limits, sizeof s->limits) == 0, "START: limits");
    ok(s->argv.n == 2 && strcmp(s->argv.v[0], "/bin/prog") == 0 &&
           strcmp(s->argv.v[1], "") == 0 && s->argv.v[2] == NULL,
       "START: argv");
    ok(s->env.n == 1 && s->binds.n == 1 && strcmp(s->binds.v[0], "/opt") == 0,
       "START: env and binds");
    ok(s->inputs.n == 1 && strcmp(s->inputs.v[0], "model=/some/file") == 0,
       "START: inputs");
    ok(strcmp(s->payload_path, "/some/where") == 0 && s->payload_len == 8 &&
           memcmp(s->payload, "pay\0load", 8) == 0,
       "START: payload");
}

static void test_others(struct wf_buf *b)
{
    memset(&in, 0, sizeof in);
    in.type = WIRE_KILL;
    in.u.kill = (struct wire_kill){42, 300};
    round_trip(b);
    ok(out.u.kill.run == 42 && out.u.kill.grace_ms == 300, "KILL");

    in.type = WIRE_QUIT;
    round_trip(b);
    ok(b->len == WIRE_HEAD, "QUIT");

    in.type = WIRE_HELLO;
    in.u.hello = (struct wire_hello){1, 1, 1, 2, 1024, 77, "text"};
    round_trip(b);
    ok(out.u.hello.max_runs == 1024 && out.u.hello.cgroup == 2 && out.u.hello.pid == 77 &&
           strcmp(out.u.hello.text, "text") == 0,
       "HELLO");

    in.type = WIRE_STARTED;
    in.u.started = (struct wire_started){9, 1234, 1};
    round_trip(b);
    ok(out.u.started.pid == 1234 && out.u.started.has_fd == 1, "STARTED");

    in.type = WIRE_OUTPUT;
    in.u.output = (struct wire_output){9, WIRE_STDERR, (const uint8_t *) "abc", 3};
    round_trip(b);
    ok(out.u.output.stream == WIRE_STDERR && out.u.output.len == 3 &&
           memcmp(out.u.output.p, "abc", 3) == 0,
       "OUTPUT");

    in.type = WIRE_DONE;
    in.u.done = (struct wire_done){9, WIRE_R_CPU, -1, 24, 1, 2,  3,        4,
                                   5, 6,          7,  8,  1, 99, "because"};
    round_trip(b);
    ok(out.u.done.code == -1 && out.u.done.signal == 24 && out.u.done.err_cut == 8 &&
           out.u.done.maxrss_bytes == 4 && out.u.done.has_file == 1 &&
           out.u.done.file_bytes == 99 && strcmp(out.u.done.text, "because") == 0,
       "DONE");
}

static void test_limits(struct wf_buf *b)
{
    static char big[WIRE_STRING_MAX + 1];
    static uint8_t payload[WIRE_PAYLOAD_MAX + 1];

    wf_buf_clear(b);
    full_start(&in);
    memset(big, 'x', sizeof big - 1);
    in.u.start.argv.v[0] = big;
    is_int(wire_encode(b, &in), WEFT_ETOOBIG, "a string too long is refused");
    ok(b->len == 0 && b->err == 0, "and leaves the buffer as it was");
    full_start(&in);
    in.u.start.payload = payload;
    in.u.start.payload_len = sizeof payload;
    is_int(wire_encode(b, &in), WEFT_ETOOBIG, "a payload too long too");
    full_start(&in);
    in.u.start.binds.n = WIRE_BINDS_MAX + 1;
    is_int(wire_encode(b, &in), WEFT_ETOOBIG, "too many binds too");
    full_start(&in);
    while (wire_list_add(&in.u.start.env, "X=y") == 0) {
    }
    is_int(in.u.start.env.n, WIRE_ARGS_MAX, "a list has its limit");

    memset(&in, 0, sizeof in);
    in.type = WIRE_DONE;
    in.u.done.text = big;
    big[sizeof big - 1] = '\0';
    round_trip(b);
    is_int(strlen(out.u.done.text), WIRE_TEXT_MAX - 1, "text for people is shortened");
}

static void test_cut(struct wf_buf *b)
{
    unsigned bad = 0;
    size_t total;

    full_start(&in);
    round_trip(b);
    for (size_t n = 0; n < b->len; n++) {
        if (wire_peek(b->p, n, &total) != WEFT_EAGAIN) {
            bad++;
        }
    }
    is_int(bad, 0, "a part of a frame asks for more");
    bad = 0;
    for (size_t n = WIRE_HEAD; n < b->len - in.u.start.payload_len; n++) {
        uint8_t *copy = wf_memdup(b->p, n);

        must(copy != NULL);
        copy[0] = (uint8_t) (n - 4);
        copy[1] = (uint8_t) ((n - 4) >> 8);
        bad += wire_decode(copy, n, &out) != WEFT_EPROTO;
        wf_free(copy);
    }
    is_int(bad, 0, "a frame that ends early is malformed");
    ok(wire_peek((const uint8_t *) "\0\0\0\0", 4, &total) == WEFT_EPROTO, "length 0");
    ok(wire_peek((const uint8_t *) "\xff\xff\xff\xff", 4, &total) == WEFT_EPROTO,
       "length 4 GiB");
}

/* Every byte of a good frame changed in turn, and noise: no crash under a sanitizer,
 * and what decodes is within its limits. */
static void test_garbage(struct wf_buf *b)
{
    uint32_t seed = 12345;
    unsigned wrong = 0;

    full_start(&in);
    round_trip(b);
    for (size_t i = 4; i < b->len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            b->p[i] ^= (uint8_t) (1u << bit);
            if (wire_decode(b->p, b->len, &out) == 0 && out.type == WIRE_START &&
                (out.u.start.argv.n == 0 || out.u.start.argv.n > WIRE_ARGS_MAX ||
                 out.u.start.payload_len > b->len)) {
                wrong++;
            }
            b->p[i] ^= (uint8_t) (1u << bit);
        }
    }
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t junk[64];
        size_t total;

        for (size_t i = 0; i < sizeof junk; i++) {
            seed = seed * 1664525u + 1013904223u;
            junk[i] = (uint8_t) (seed >> 24);
        }
        junk[0] = (uint8_t) (round % 60);
        junk[1] = junk[2] = junk[3] = 0;
        junk[4] = (uint8_t) (round % 24);
        if (wire_peek(junk, sizeof junk, &total) == 0) {
            wrong += total > sizeof junk;
            (void) wire_decode(junk, total, &out);
        }
    }
    is_int(wrong, 0, "noise decodes to nothing out of bounds");
}

int main(void)
{
    struct wf_buf b = WF_BUF_INIT(8u << 20);

    test_start(&b);
    test_others(&b);
    test_limits(&b);
    test_cut(&b);
    test_garbage(&b);
    is_str(wire_reason_name(WIRE_R_WALL), "wall limit", "reasons have names");
    is_str(wire_reason_name(99), "unknown", "others do not");
    wf_buf_fini(&b);
    return done();
}
