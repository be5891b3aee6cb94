/* peer.c - a peer with a valid key that does what it likes
 *
 *     peer KEY BROKER ENDPOINT COMMAND...
 *
 * KEY is the secret key file of something enrolled, BROKER the broker's public key in
 * hex. Speaks CURVE correctly and then, above it, whatever the commands say:
 *
 *     id TEXT        before `dial`: bring a routing id of our own
 *     dial           connect
 *     hello ROLE     open a session
 *     send HEX       one frame: the right header, then these bytes
 *     frame HEX      one frame of exactly these bytes
 *     zeros N        one frame: the right header, then N zero bytes
 *     deep N         a ping with a surplus element nested N arrays deep
 *     parts          a message of three parts
 *     await NAME     wait for a message, print it and those before it
 *     closed         wait until the broker ended the connection
 *     garble ROLE SEED N     N damaged messages; opens a new session when cut
 *     strangers ROLE SEED N  N whole messages of any kind with random contents; the same
 *
 * Exit code 1 when something awaited does not come within 20 s.
 */
#include "common/str.h"
#include "proto/pack.h"
#include "proto/words.h"
#include "tests/lib/dealer.h"
#include "tests/lib/gen.h"
#include "tests/lib/raw.h"

#include <zmq.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOISE_BATCH 8 /* messages until a look at what came of them */

struct peer {
    void *ctx;
    struct dealer line;
    struct keys keys;
    uint8_t broker[KEY_BYTES];
    const char *endpoint, *id;
    unsigned role, cuts;
    int quiet;
    struct wf_buf out; /* the frame to send */
};

static void dial(struct peer *p)
{
    dealer_dial(&p->line, p->ctx, &p->keys, p->broker, p->endpoint, p->id);
}

/* -- what comes -------------------------------------------------------------------------
 */

/* Print the messages of a frame.  1 when one of them is called `name`. */
static int take_frame(struct peer *p, const char *name)
{
    struct wf_cursor c;
    struct wf_msg msg;
    char line[400];
    zmq_msg_t frame;
    int found = 0;

    (void) zmq_msg_init(&frame);
    if (zmq_msg_recv(&frame, p->line.sock, 0) < 2) {
        die("the broker's frame", "is too short");
    }
    wf_cur_init(&c, (uint8_t *) zmq_msg_data(&frame) + 2, zmq_msg_size(&frame) - 2);
    while (wf_cur_left(&c) > 0) {
        if (wf_msg_decode(&c, &msg) != 0) {
            die("the broker's frame", "is malformed");
        }
        found |= strcmp(wf_desc_of(msg.type)->name, name) == 0;
        if (!p->quiet) {
            wf_msg_dump(line, sizeof line, msg.type, &msg.u);
            printf("%s\n", line);
        }
    }
    (void) zmq_msg_close(&frame);
    return found;
}

/* Wait a little for news.  1 when a message called `name` came. */
static int turn(struct peer *p, const char *name, int timeout_ms)
{
    return dealer_turn(&p->line, timeout_ms) && take_frame(p, name);
}

static void await(struct peer *p, const char *name)
{
    uint64_t end_ms = now_ms() + PATIENCE_MS;

    while (!turn(p, name, 50)) {
        if (p->line.closed || now_ms() > end_ms) {
            die(p->line.closed ? "closed before" : "never came:", name);
        }
    }
}

static void await_closed(struct peer *p)
{
    uint64_t end_ms = now_ms() + PATIENCE_MS;

    while (!p->line.closed) {
        if (now_ms() > end_ms) {
            die("still open", "");
        }
        (void) turn(p, "", 50);
    }
    printf("closed\n");
}

/* -- frames -----------------------------------------------------------------------------
 */

static void begin(struct peer *p)
{
    dealer_begin(&p->out);
}

static void part(struct peer *p, int flags)
{
    dealer_send(&p->line, &p->out, flags);
}

static void hello(struct peer *p, const char *role)
{
    struct wf_hello m = {
        .proto_min = 1, .proto_max = 1, .epoch = 1, .software = wf_slice_of("peer")};
    int r = wf_role_parse(role);

    if (r < 0) {
        die("no role", role);
    }
    m.role = p->role = (unsigned) r;
    begin(p);
    (void) wf_msg_encode(&p->out, WF_MSG_hello, &m);
    part(p, 0);
}

static void zeros(struct peer *p, size_t n)
{
    uint8_t *block = calloc(1, n);

    if (block == NULL || wf_buf_put(&p->out, block, n) != 0) {
        die("memory", "");
    }
    free(block);
}

/* Surplus elements are skipped, however deep, so this is a good ping. */
static void deep(struct peer *p, size_t n)
{
    const struct wf_desc *ping = wf_desc_of(WF_MSG_ping);

    begin(p);
    (void) wf_pack_array(&p->out, ping->nfields + 2);
    (void) wf_pack_uint(&p->out, ping->number);
    for (unsigned i = 0; i < ping->nfields; i++) {
        (void) wf_pack_uint(&p->out, i == 0 ? 42 : 0);
    }
    for (size_t i = 0; i < n; i++) {
        raw_hex(&p->out, "91");
    }
    raw_hex(&p->out, "c0");
    part(p, 0);
}

static void parts(struct peer *p)
{
    begin(p);
    part(p, ZMQ_SNDMORE);
    part(p, ZMQ_SNDMORE);
    part(p, 0);
}

/* -- noise ------------------------------------------------------------------------------
 */

/* A session to send noise in; a fresh one when the last was cut. */
static void noise_session(struct peer *p)
{
    uint64_t end_ms = now_ms() + PATIENCE_MS;

    while (p->line.sock == NULL || p->line.closed) {
        int welcome = 0;

        p->cuts += p->line.sock != NULL;
        dial(p);
        hello(p, wf_role_name(p->role));
        while (!welcome && !p->line.closed) {
            welcome = turn(p, "welcome", 50);
            if (now_ms() > end_ms) {
                die("no new session", "");
            }
        }
    }
}

/* A cut connection takes nothing any more, and its end may not be known yet. */
static void noise_part(struct peer *p)
{
    while (!p->line.closed &&
           zmq_send(p->line.sock, p->out.p, p->out.len, ZMQ_DONTWAIT) < 0) {
        (void) turn(p, "", 10);
    }
}

/* Until the broker has read all that was sent, or hung up. */
static void noise_settle(struct peer *p)
{
    const struct wf_ping ping = {.seq = 7};
    uint64_t end_ms = now_ms() + PATIENCE_MS;
    int heard = 0;

    begin(p);
    (void) wf_msg_encode(&p->out, WF_MSG_ping, &ping);
    noise_part(p);
    while (!heard && !p->line.closed) {
        heard = turn(p, "pong", 50);
        if (now_ms() > end_ms) {
            die("neither answered nor closed", "");
        }
    }
}

static void noise(struct peer *p, uint64_t seed, size_t n, int damage)
{
    static uint8_t bytes[1 << 20];
    static union {
        struct wf_msg msg;
        uint8_t room[4096];
    } body;
    struct gen g;
    size_t len;

    p->quiet = 1;
    gen_init(&g, seed);
    for (size_t i = 0; i < n; i++) {
        const struct wf_desc *d = gen_pick(&g);

        /* Saying good-bye is no noise. */
        if (strcmp(d->name, "bye") == 0 || strcmp(d->name, "hello") == 0) {
            continue;
        }
        noise_session(p);
        gen_body(&g, d, i % 4 == 0 ? GEN_EDGE : GEN_SMALL, &body);
        begin(p);
        if (wf_msg_encode(&p->out, (enum wf_type) d->number, &body) != 0 ||
            p->out.len > sizeof bytes / 2) {
            continue;
        }
        if (damage) {
            len = p->out.len - 2;
            memcpy(bytes, p->out.p + 2, len);
            len = gen_mutate(&g, bytes, len, sizeof bytes);
            begin(p);
            (void) wf_buf_put(&p->out, bytes, len);
        }
        noise_part(p);
        if (i % NOISE_BATCH == 0) {
            noise_settle(p);
        }
    }
    gen_fini(&g);
    printf("noise: %zu messages, cut %u times\n", n, p->cuts);
}

/* -- commands ---------------------------------------------------------------------------
 */

static const char *argument(char ***at)
{
    if (**at == NULL) {
        die("a command lacks", "its argument");
    }
    return *(*at)++;
}

static void command(struct peer *p, const char *word, char ***at)
{
    if (strcmp(word, "id") == 0) {
        p->id = argument(at);
    } else if (strcmp(word, "dial") == 0) {
        dial(p);
    } else if (strcmp(word, "hello") == 0) {
        hello(p, argument(at));
    } else if (strcmp(word, "send") == 0) {
        begin(p);
        raw_hex(&p->out, argument(at));
        part(p, 0);
    } else if (strcmp(word, "frame") == 0) {
        wf_buf_clear(&p->out);
        raw_hex(&p->out, argument(at));
        part(p, 0);
    } else if (strcmp(word, "zeros") == 0) {
        begin(p);
        zeros(p, strtoul(argument(at), NULL, 10));
        part(p, 0);
    } else if (strcmp(word, "deep") == 0) {
        deep(p, strtoul(argument(at), NULL, 10));
    } else if (strcmp(word, "parts") == 0) {
        parts(p);
    } else if (strcmp(word, "await") == 0) {
        await(p, argument(at));
    } else if (strcmp(word, "closed") == 0) {
        await_closed(p);
    } else if (strcmp(word, "garble") == 0 || strcmp(word, "strangers") == 0) {
        uint64_t seed;

        p->role = (unsigned) wf_role_parse(argument(at));
        seed = strtoull(argument(at), NULL, 10);
        noise(p, seed, strtoul(argument(at), NULL, 10), word[0] == 'g');
    } else {
        die("unknown command", word);
    }
}

int main(int argc, char **argv)
{
    struct peer p = {.out = WF_BUF_INIT(64u << 20)};
    struct wf_err err = {0, ""};
    char **at = argv + 4;
    size_t len;

    if (argc < 5 || keys_init() != 0) {
        die("usage:", "peer KEY BROKER ENDPOINT COMMAND...");
    }
    if (keys_load(argv[1], &p.keys, &err) != 0) {
        die("key", err.text);
    }
    if (wf_unhex(p.broker, sizeof p.broker, argv[2], &len) != 0 || len != KEY_BYTES) {
        die("no key:", argv[2]);
    }
    p.endpoint = argv[3];
    p.ctx = zmq_ctx_new();
    while (*at != NULL) {
        const char *word = *at++;

        command(&p, word, &at);
        (void) fflush(stdout);
    }
    dealer_hang_up(&p.line);
    (void) zmq_ctx_term(p.ctx);
    wf_buf_fini(&p.out);
    return 0;
}
