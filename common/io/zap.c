#include "common/io/zap.h"

#include "common/io/keys.h"
#include "common/mem.h"
#include "common/str.h"

#include <errno.h>
#include <string.h>

#define ENDPOINT "inproc://zeromq.zap.01"

/* Frames of a request as a ROUTER sees it. */
enum {
    F_ID,
    F_EMPTY,
    F_VERSION,
    F_REQUEST,
    F_DOMAIN,
    F_ADDRESS,
    F_IDENTITY,
    F_MECHANISM,
    F_KEY,
    F_COUNT
};

struct zap {
    struct zsock *sock;
    zap_allow_fn *allow;
    void *arg;
    struct zap_stats stats;
    bool closing;
};

static bool frame_is(zmq_msg_t *m, const char *text)
{
    size_t len = strlen(text);

    return zmq_msg_size(m) == len && memcmp(zmq_msg_data(m), text, len) == 0;
}

static int frame_text(zmq_msg_t *m, char *dst, size_t cap)
{
    return wf_str_copy_n(dst, cap, zmq_msg_data(m), zmq_msg_size(m));
}

static void reply(struct zap *zap, zmq_msg_t *frames, const char *code, const char *text,
                  const char *user)
{
    void *sock = zsock_raw(zap->sock);
    zmq_msg_t *id = &frames[F_ID];
    zmq_msg_t *request = &frames[F_REQUEST];
    const int more = ZMQ_SNDMORE | ZMQ_DONTWAIT;

    /* When the id is not taken the asker has gone; the rest follows only if it was. */
    if (zmq_send(sock, zmq_msg_data(id), zmq_msg_size(id), more) < 0) {
        return;
    }
    (void) zmq_send(sock, "", 0, more);
    (void) zmq_send(sock, "1.0", 3, more);
    (void) zmq_send(sock, zmq_msg_data(request), zmq_msg_size(request), more);
    (void) zmq_send(sock, code, strlen(code), more);
    (void) zmq_send(sock, text, strlen(text), more);
    (void) zmq_send(sock, user, strlen(user), more);
    (void) zmq_send(sock, "", 0, ZMQ_DONTWAIT);
}

static void on_frames(void *arg, zmq_msg_t *frames, size_t n)
{
    struct zap *zap = arg;
    char domain[256], address[256], user[KEY_TEXT];
    const uint8_t *key;
    bool yes;

    if (n <= F_REQUEST) {
        zap->stats.malformed++;
        return;
    }
    if (n != F_COUNT || !frame_is(&frames[F_VERSION], "1.0") ||
        !frame_is(&frames[F_MECHANISM], "CURVE") ||
        zmq_msg_size(&frames[F_KEY]) != KEY_BYTES ||
        frame_text(&frames[F_DOMAIN], domain, sizeof domain) != 0 ||
        frame_text(&frames[F_ADDRESS], address, sizeof address) != 0) {
        zap->stats.malformed++;
        reply(zap, frames, "400", "CURVE only", "");
        return;
    }
    key = zmq_msg_data(&frames[F_KEY]);
    yes = zap->allow(zap->arg, key, domain, address) != 0;
    if (zap->closing) {
        return;
    }
    keys_text(key, user);
    if (yes) {
        zap->stats.allowed++;
        reply(zap, frames, "200", "OK", user);
    } else {
        zap->stats.refused++;
        reply(zap, frames, "400", "unknown key", "");
    }
}

int zap_new(struct wf_loop *l, void *ctx, zap_allow_fn *allow, void *arg,
            struct zap **ret_zap, struct wf_err *err)
{
    static const struct zsock_cbs cbs = {.on_frames = on_frames};
    static const struct zsock_opts opts = {.hwm = 10000};
    struct zap *zap = wf_calloc(1, sizeof *zap);
    int rc;

    if (zap == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for the ZAP handler");
    }
    zap->allow = allow;
    zap->arg = arg;
    rc = zsock_new(l, ctx, ZMQ_ROUTER, &opts, &cbs, zap, &zap->sock, err);
    if (rc != 0) {
        wf_free(zap);
        return rc;
    }
    if (zsock_bind(zap->sock, ENDPOINT, NULL) != 0) {
        zap_free(zap);
        return wf_err_set(err, WEFT_EIO, "the context has a ZAP handler already");
    }
    *ret_zap = zap;
    return 0;
}

static void freed(void *arg)
{
    wf_free(arg);
}

void zap_free(struct zap *zap)
{
    if (zap != NULL) {
        zap->closing = true;
        zsock_free(zap->sock, freed);
    }
}

const struct zap_stats *zap_stats(const struct zap *zap)
{
    return &zap->stats;
}
