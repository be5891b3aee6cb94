/* asker.c - asks for a blob as a client with a valid key could, whatever it may
 *
 *     asker KEY BROKER ENDPOINT DIGEST SIZE COMMAND...
 *
 * Opens a session with KEY at the broker (public key in hex), then does in order:
 *
 *     locate         who has the blob?  prints `located CODE HOLDERS`
 *     as KEY         open lanes with this key instead, with what was located
 *     about DIGEST   ask for another blob under the same ticket
 *     made-up        show a ticket that nobody gave
 *     direct         open a lane to the first holder; a new one each time
 *     relay PORT     open one to the broker's bulk lane
 *     get CHUNK      ask for it until there is an answer other than EBUSY, over a new
 *                    lane when it is closed; prints `got` or `refused CODE`
 *     want FIRST COUNT   ask for these chunks, and wait for nothing
 *     answers N      wait until so many chunks were answered, then print
 *                    `chunks N refused N CODE...`
 *     closed         wait until the lane was ended by the other side, and print it
 *
 * Exit code 1 when something awaited does not come within 20 s.
 */
#include "common/err.h"
#include "common/str.h"
#include "proto/msg.h"
#include "proto/words.h"
#include "tests/lib/dealer.h"

#include <zmq.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct asker {
    void *ctx;
    struct dealer control, lane;
    struct keys keys, lane_keys;
    const char *endpoint;
    uint8_t broker[KEY_BYTES];
    struct wf_digest digest;
    uint64_t size, ticket, epoch;
    struct wf_key holder;
    char at[WF_ENDPOINT_MAX + 1]; /* the holder's endpoint */
    const uint8_t *lane_key;      /* to whom the lane is */
    char lane_at[WF_ENDPOINT_MAX + 1];
    uint64_t chunks, refused;
    char codes[256]; /* each code that a nope had, once */
    struct wf_buf out;
};

static void load(struct keys *keys, const char *path)
{
    struct wf_err err = {0, ""};

    if (keys_load(path, keys, &err) != 0) {
        die("key", err.text);
    }
}

static void bytes_of(const char *hex, void *dst, size_t want)
{
    size_t len;

    if (wf_unhex(dst, want, hex, &len) != 0 || len != want) {
        die("no hex digits:", hex);
    }
}

static void send_msg(struct asker *a, struct dealer *to, enum wf_type type, const void *m)
{
    dealer_begin(&a->out);
    if (wf_msg_encode(&a->out, type, m) != 0) {
        die("encode", wf_desc_of(type)->name);
    }
    dealer_send(to, &a->out, 0);
}

/* -- what comes -------------------------------------------------------------------------
 */

static void on_located(struct asker *a, const struct wf_located *m)
{
    struct wf_rows rows = m->holders;
    struct wf_holder_row row;

    printf("located %llu %u\n", (unsigned long long) m->code, rows.count);
    if (wf_rows_next(&rows, wf_desc_holder_row(), &row)) {
        a->ticket = row.ticket;
        a->holder = row.key;
        wf_slice_str(row.endpoint, a->at, sizeof a->at);
    }
}

static void on_nope(struct asker *a, const struct wf_nope *m)
{
    size_t len = strlen(a->codes);
    char code[16];

    a->refused += m->count;
    (void) snprintf(code, sizeof code, " %s", wf_err_name(-(int) m->code));
    if (strstr(a->codes, code) == NULL) {
        (void) wf_str_copy(a->codes + len, sizeof a->codes - len, code);
    }
}

static int on_msg(struct asker *a, const struct wf_msg *msg)
{
    switch (msg->type) {
    case WF_MSG_located:
        on_located(a, &msg->u.located);
        break;
    case WF_MSG_piece:
        a->chunks += msg->u.piece.offset + msg->u.piece.data.len == msg->u.piece.total;
        break;
    case WF_MSG_nope:
        on_nope(a, &msg->u.nope);
        break;
    default:
        break;
    }
    return msg->type;
}

/* One frame, if one comes: 1 when a message of this type was in it. */
static int turn(struct asker *a, struct dealer *d, int type)
{
    struct wf_cursor c;
    struct wf_msg msg;
    zmq_msg_t frame;
    int found = 0;

    if (!dealer_turn(d, 50)) {
        return 0;
    }
    (void) zmq_msg_init(&frame);
    if (zmq_msg_recv(&frame, d->sock, 0) < 2) {
        die("a frame", "is too short");
    }
    wf_cur_init(&c, (uint8_t *) zmq_msg_data(&frame) + 2, zmq_msg_size(&frame) - 2);
    while (wf_cur_left(&c) > 0) {
        if (wf_msg_decode(&c, &msg) != 0) {
            die("a frame", "is malformed");
        }
        found |= on_msg(a, &msg) == type;
    }
    (void) zmq_msg_close(&frame);
    return found;
}

static void await(struct asker *a, struct dealer *d, int type)
{
    uint64_t end_ms = now_ms() + PATIENCE_MS;

    while (!turn(a, d, type)) {
        if (d->closed || now_ms() > end_ms) {
            die(d->closed ? "closed before" : "never came:", wf_desc_of(type)->name);
        }
    }
}

static void await_answers(struct asker *a, uint64_t n)
{
    uint64_t end_ms = now_ms() + PATIENCE_MS;

    while (a->chunks + a->refused < n) {
        if (a->lane.closed || now_ms() > end_ms) {
            die(a->lane.closed ? "closed before" : "never came:", "all answers");
        }
        (void) turn(a, &a->lane, -1);
    }
    printf("chunks %llu refused %llu%s\n", (unsigned long long) a->chunks,
           (unsigned long long) a->refused, a->codes);
}

/* -- what is asked ----------------------------------------------------------------------
 */

static void open_session(struct asker *a)
{
    const struct wf_hello m = {.proto_min = 1,
                               .proto_max = 1,
                               .epoch = a->epoch,
                               .role = (unsigned) wf_role_parse("client"),
                               .software = wf_slice_of("asker")};

    dealer_dial(&a->control, a->ctx, &a->keys, a->broker, a->endpoint, NULL);
    send_msg(a, &a->control, WF_MSG_hello, &m);
    await(a, &a->control, WF_MSG_welcome);
}

static void locate(struct asker *a)
{
    const struct wf_digest_row row = {.digest = a->digest, .size = a->size};
    struct wf_locate m = {.req = 1};
    struct wf_buf store = WF_BUF_INIT(1024);

    if (wf_rows_add(&store, &m.rows, wf_desc_digest_row(), &row) != 0) {
        die("memory", "");
    }
    send_msg(a, &a->control, WF_MSG_locate, &m);
    wf_buf_fini(&store);
    await(a, &a->control, WF_MSG_located);
}

static void dial_lane(struct asker *a)
{
    const struct wf_lane m = {.epoch = a->epoch};

    dealer_dial(&a->lane, a->ctx, &a->lane_keys, a->lane_key, a->lane_at, NULL);
    send_msg(a, &a->lane, WF_MSG_lane, &m);
}

static void open_lane(struct asker *a, const uint8_t *key, const char *endpoint)
{
    a->lane_key = key;
    (void) wf_str_copy(a->lane_at, sizeof a->lane_at, endpoint);
    dial_lane(a);
}

static void relay(struct asker *a, const char *port)
{
    char endpoint[WF_ENDPOINT_MAX + 1];
    const char *colon = strrchr(a->endpoint, ':');

    (void) snprintf(endpoint, sizeof endpoint, "%.*s:%s", (int) (colon - a->endpoint),
                    a->endpoint, port);
    open_lane(a, a->broker, endpoint);
}

static void want(struct asker *a, uint64_t first, uint64_t count)
{
    const struct wf_want m = {.ticket = a->ticket,
                              .digest = a->digest,
                              .kind = WF_WANT_CHUNKS,
                              .first = first,
                              .count = count};

    send_msg(a, &a->lane, WF_MSG_want, &m);
}

static void forget_answers(struct asker *a)
{
    a->chunks = a->refused = 0;
    a->codes[0] = '\0';
}

/* A holder may not have heard of the ticket yet, or not have opened its own lane to the
 * broker: it is asked again, as agents and clients do. */
static void get(struct asker *a, uint64_t chunk)
{
    uint64_t end_ms = now_ms() + PATIENCE_MS;

    do {
        forget_answers(a);
        if (a->lane.closed) {
            dial_lane(a);
        }
        want(a, chunk, 1);
        while (a->chunks + a->refused == 0 && !a->lane.closed) {
            (void) turn(a, &a->lane, -1);
            if (now_ms() > end_ms) {
                die("never came:", "the answer");
            }
        }
    } while (a->lane.closed || strcmp(a->codes, " EBUSY") == 0);
    printf("%s%s\n", a->chunks != 0 ? "got" : "refused", a->codes);
    forget_answers(a);
}

static const char *argument(char ***at)
{
    if (**at == NULL) {
        die("a command lacks", "its argument");
    }
    return *(*at)++;
}

static uint64_t number(char ***at)
{
    return strtoull(argument(at), NULL, 10);
}

static void command(struct asker *a, const char *word, char ***at)
{
    if (strcmp(word, "locate") == 0) {
        locate(a);
    } else if (strcmp(word, "as") == 0) {
        load(&a->lane_keys, argument(at));
    } else if (strcmp(word, "about") == 0) {
        bytes_of(argument(at), a->digest.b, sizeof a->digest.b);
    } else if (strcmp(word, "made-up") == 0) {
        a->ticket ^= 1;
    } else if (strcmp(word, "direct") == 0) {
        open_lane(a, a->holder.b, a->at);
    } else if (strcmp(word, "relay") == 0) {
        relay(a, argument(at));
    } else if (strcmp(word, "get") == 0) {
        get(a, number(at));
    } else if (strcmp(word, "want") == 0) {
        uint64_t first = number(at);

        want(a, first, number(at));
    } else if (strcmp(word, "answers") == 0) {
        await_answers(a, number(at));
    } else if (strcmp(word, "closed") == 0) {
        dealer_await_closed(&a->lane);
        printf("closed\n");
    } else {
        die("unknown command", word);
    }
}

int main(int argc, char **argv)
{
    struct asker a = {.out = WF_BUF_INIT(1u << 20)};
    char **at = argv + 6;

    if (argc < 7 || keys_init() != 0) {
        die("usage:", "asker KEY BROKER ENDPOINT DIGEST SIZE COMMAND...");
    }
    load(&a.keys, argv[1]);
    a.lane_keys = a.keys;
    bytes_of(argv[2], a.broker, sizeof a.broker);
    a.endpoint = argv[3];
    a.epoch = (uint64_t) getpid() << 32 | now_ms();
    bytes_of(argv[4], a.digest.b, sizeof a.digest.b);
    a.size = strtoull(argv[5], NULL, 10);
    a.ctx = zmq_ctx_new();
    open_session(&a);
    while (*at != NULL) {
        const char *word = *at++;

        command(&a, word, &at);
        (void) fflush(stdout);
    }
    dealer_hang_up(&a.lane);
    dealer_hang_up(&a.control);
    (void) zmq_ctx_term(a.ctx);
    wf_buf_fini(&a.out);
    return 0;
}
