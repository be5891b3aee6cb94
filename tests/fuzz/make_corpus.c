/* make_corpus.c - write the seed corpora of the binary decoders
 *
 * Usage: make-corpus FOLDER   writes
 * FOLDER/{msg,frame,token,runner_wire,worker_wire,runtimes}/NAME
 *
 * The same bytes at every run; run it after a change of messages.def and commit what it
 * writes.  The corpora of text decoders are written by hand.
 */
#include "agent/runner/wire.h"
#include "broker/core/router/runtimes.h"
#include "common/check.h"
#include "proto/token.h"
#include "proto/words.h"
#include "tests/lib/gen.h"
#include "tests/lib/raw.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *root;

static void save(const char *target, const char *name, const struct wf_buf *b)
{
    char path[4096];
    FILE *f;

    (void) snprintf(path, sizeof path, "%s/%s", root, target);
    WF_CHECK(mkdir(path, 0777) == 0 || errno == EEXIST);
    (void) snprintf(path, sizeof path, "%s/%s/%s", root, target, name);
    f = fopen(path, "wb");
    WF_CHECK(f != NULL && fwrite(b->p, 1, b->len, f) == b->len && fclose(f) == 0);
}

static void messages(void)
{
    struct wf_buf out = WF_BUF_INIT(WF_FRAME_MAX);
    struct wf_msg m;
    struct gen g;

    gen_init(&g, 1);
    for (size_t i = 0; wf_desc_at(i) != NULL; i++) {
        const struct wf_desc *d = wf_desc_at(i);

        wf_buf_clear(&out);
        gen_body(&g, d, GEN_SMALL, &m.u);
        WF_CHECK(wf_msg_encode(&out, (enum wf_type) d->number, &m.u) == 0);
        save("msg", d->name, &out);
    }
    gen_fini(&g);
    wf_buf_fini(&out);
}

static void batch(const char *name, const enum wf_type *types, size_t n,
                  const char *tail_hex)
{
    struct wf_buf out = WF_BUF_INIT(WF_FRAME_MAX);
    struct wf_msg m;
    struct gen g;

    gen_init(&g, n);
    raw_hex(&out, "77 01");
    for (size_t i = 0; i < n; i++) {
        gen_body(&g, wf_desc_of(types[i]), GEN_SMALL, &m.u);
        WF_CHECK(wf_msg_encode(&out, types[i], &m.u) == 0);
    }
    raw_hex(&out, tail_hex);
    save("frame", name, &out);
    gen_fini(&g);
    wf_buf_fini(&out);
}

static void frames(void)
{
    static const enum wf_type agent[] = {WF_MSG_hello, WF_MSG_agent_info,
                                         WF_MSG_telemetry, WF_MSG_resync, WF_MSG_ping};
    static const enum wf_type run[] = {WF_MSG_started, WF_MSG_output, WF_MSG_output,
                                       WF_MSG_result, WF_MSG_pong};
    static const enum wf_type client[] = {WF_MSG_hello, WF_MSG_submit, WF_MSG_submit,
                                          WF_MSG_watch, WF_MSG_cancel, WF_MSG_query,
                                          WF_MSG_bye};
    static const enum wf_type broker[] = {
        WF_MSG_welcome, WF_MSG_accepted,   WF_MSG_outcome,  WF_MSG_job_update,
        WF_MSG_error,   WF_MSG_nodes_page, WF_MSG_why_info, WF_MSG_done};

    batch("agent", agent, ARRAY_LEN(agent), "");
    batch("run", run, ARRAY_LEN(run), "");
    batch("client", client, ARRAY_LEN(client), "");
    batch("broker", broker, ARRAY_LEN(broker), "");
    batch("empty", NULL, 0, "");
    batch("unknown-message", agent, 1,
          "93 3f 82 01 93 02 03 90 a1 61 c2 c7 03 07 010203");
    batch("unknown-fields", agent, 1,
          "95 1a 01 cb 3ff0000000000000 d6 05 00000000 91 90");
    batch("huge-array", NULL, 0, "dd 05f5e100");
    batch("huge-field", NULL, 0, "93 1a 01 c6 ffffffff 61");
    batch("deep", NULL, 0, "93 1a 01 91 91 91 91 91 91 81 01 91 dc 0001 c0");
}

static void tokens(void)
{
    struct wf_token t = {.role = WF_ROLE_AGENT,
                         .tier = WF_TIER_EDGE,
                         .name = "edge-1",
                         .site = "lyon",
                         .nendpoints = 2,
                         .endpoints = {"tcp://broker.example:7400", "tcp://[::1]:7400"},
                         .expires_ms = UINT64_C(1700000000000)};
    struct wf_buf out = WF_BUF_INIT(WF_TOKEN_TEXT_MAX), body = WF_BUF_INIT(4096);

    memset(t.broker.b, 0xb0, sizeof t.broker.b);
    memset(t.seed, 0x5e, sizeof t.seed);
    WF_CHECK(wf_token_format(&t, &out) == 0);
    save("token", "agent", &out);
    wf_buf_clear(&out);
    t = (struct wf_token){.role = WF_ROLE_OPERATOR, .nendpoints = 1};
    strcpy(t.endpoints[0], "tcp://127.0.0.1:7400");
    WF_CHECK(wf_token_format(&t, &out) == 0 && wf_buf_put(&out, "\r\n", 2) == 0);
    save("token", "operator", &out);
    /* The target puts a checksum under bytes that are no token: here it gets through. */
    raw_hex(&body, "99 01 01 01 a6 6564 6765 2d31 a4 6c79 6f6e 91 ad 74 6370 3a2f 2f68 "
                   "6f73 743a 3734 c4 20");
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *key = wf_buf_extend(&body, 32);

        WF_CHECK(key != NULL);
        memset(key, (int) i + 1, 32);
        raw_hex(&body, i == 0 ? "c4 20" : "cf 0000018bcfe56800");
    }
    save("token", "body", &body);
    wf_buf_fini(&out);
    wf_buf_fini(&body);
}

static void runner_frame(const char *name, const struct wire_msg *m)
{
    struct wf_buf out = WF_BUF_INIT(WIRE_FRAME_MAX);

    WF_CHECK(wire_encode(&out, m) == 0);
    save("runner_wire", name, &out);
    wf_buf_fini(&out);
}

static void runner(void)
{
    static struct wire_msg m;
    struct wire_start *s = &m.u.start;

    m.type = WIRE_START;
    *s = (struct wire_start){
        .run = 7,
        .kind = WIRE_EXEC,
        .flags = WIRE_NETWORK,
        .limits = {1000, 1000, 1u << 20, 0, 4096, 4096, 8, 64, 500, 65536},
        .payload_path = "",
        .payload = (const uint8_t *) "hello",
        .payload_len = 5};
    WF_CHECK(wire_list_add(&s->argv, "/bin/cat") == 0);
    WF_CHECK(wire_list_add(&s->env, "WEFT_ATTEMPT=1") == 0);
    WF_CHECK(wire_list_add(&s->binds, "/usr/share") == 0);
    WF_CHECK(wire_list_add(&s->inputs, "model=/srv/model") == 0);
    runner_frame("start", &m);
    m = (struct wire_msg){.type = WIRE_KILL, .u.kill = {7, 300}};
    runner_frame("kill", &m);
    m = (struct wire_msg){.type = WIRE_QUIT};
    runner_frame("quit", &m);
    m = (struct wire_msg){.type = WIRE_HELLO,
                          .u.hello = {1, 1, 0, 2, 64, 4711, "bwrap 0.8.0"}};
    runner_frame("hello", &m);
    m = (struct wire_msg){.type = WIRE_STARTED, .u.started = {7, 4712, 1}};
    runner_frame("started", &m);
    m = (struct wire_msg){.type = WIRE_OUTPUT,
                          .u.output = {7, WIRE_STDERR, (const uint8_t *) "oops\n", 5}};
    runner_frame("output", &m);
    m = (struct wire_msg){
        .type = WIRE_DONE,
        .u.done = {.run = 7, .reason = WIRE_R_WALL, .text = "too long"}};
    runner_frame("done", &m);
}

/* Frames of docs/spec/worker.md: u32 length, u8 type, body. */
static void worker(void)
{
    static const struct {
        const char *name, *hex;
    } frames[] = {
        {"hello", "05000000 01 0100 0400"},
        {"output", "09000000 03 07000000 02 6f6f70"},
        {"result", "0e000000 04 07000000 00000000 68656c6c6f"},
        {"file", "0a000000 07 07000000 6d616465 32"},
        {"file-outside", "08000000 07 07000000 2e2e2f"},
        {"failed", "09000000 04 07000000 01000000"},
        {"session", "05000000 01 0100 0100 06000000 03 01000000 01"
                    "09000000 04 01000000 00000000"},
        {"wrong-way", "05000000 05 01000000"},
        {"no-stream", "06000000 03 01000000 03"},
        {"too-long", "00001200 04"},
        {"empty", "00000000"},
    };

    for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
        struct wf_buf out = WF_BUF_INIT(256);

        raw_hex(&out, frames[i].hex);
        save("worker_wire", frames[i].name, &out);
        wf_buf_fini(&out);
    }
}

static const char *noun_name(void *arg, enum run_noun noun, uint32_t number)
{
    return noun == RUN_CAPABILITY ? "resize" : number == 1 ? "small" : "gpu";
}

static void runtimes(void)
{
    const struct run_names names = {NULL, noun_name, NULL};
    struct wf_buf out = WF_BUF_INIT(1u << 16);
    struct runtimes *t = NULL;

    WF_CHECK(runtimes_new(256, 1, &t) == 0);
    for (uint64_t i = 0; i < 60; i++) {
        const struct runtime_key key = {1, 1, (uint32_t) (i % 3),
                                        UINT64_C(1000) << i % 4};

        runtimes_add(t, &key, key.size * (100 + i), 0, i);
        runtimes_warm_add(t, 1, key.class_, 1000 * i, i);
        if (i == 2 || i == 59) {
            wf_buf_clear(&out);
            WF_CHECK(runtimes_encode(t, 1, &names, i, 1u << 15, &out) == 0);
            save("runtimes", i == 2 ? "few" : "many", &out);
        }
    }
    wf_buf_fini(&out);
    runtimes_free(t);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void) fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    root = argv[1];
    messages();
    frames();
    tokens();
    runner();
    worker();
    runtimes();
    return 0;
}
